"""Names and streams: the closed list, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.errors import NameInvalid
from audit.names import IDS, SUBJECTS, check_name, check_stream, check_subject, kind_of, subject_of

VECTORS = Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json"
V4 = "7c1e0a52-0b6e-4d3f-9a51-5b1f6f0f7a11"
V7 = "019a3cb6-bc00-72ff-a887-329ced4925be"
RANDOM_KINDS = {"party", "agent", "key", "person", "house", "claim", "incident", "occurrence", "dispute"}
OTHER_IDS = {
    "identifier": "ab" * 32,
    "limit": "all:2025",
    "maintenance": "2026",
    "scheme": "370102",
    "bankline": V7,
}
STREAMS = [
    "ledger",
    "map",
    f"party:{V4}",
    f"party:{V4}/mandate:{V7}",
    f"party:{V4}/access",
    f"agent:{V4}",
    f"key:{V4}",
    f"person:{V4}",
    f"lift:{V7}",
    f"lift:{V7}/cover",
    f"lift:{V7}/maintenance:2026",
    f"lift:{V7}/claim:{V4}",
    f"lift:{V7}/incident:{V4}",
    f"lift:{V7}/hazard:{V7}",
    f"lift:{V7}/inspection",
    f"lift:{V7}/cost:{V7}",
    f"lift:{V7}/service:{V7}",
    f"identifier:{'0f' * 32}",
    f"building:{V7}",
    f"estate:{V7}",
    f"contract:{V7}",
    f"occurrence:{V4}",
    f"product:{V7}",
    f"pack:{V7}",
    "scheme:370102",
    f"scheme:370102001002/report:{V7}",
    f"scheme:370102/matter:{V7}",
    f"scheme:370102/list:{V7}",
    f"policy:{V7}",
    f"policy:{V7}/limit:all:2025",
    f"policy:{V7}/limit:{V7}:2025",
    f"policy:{V7}/service-plan",
    f"fund:{V7}",
    f"fund:{V7}/plan:{V7}",
    f"fund:{V7}/vote:{V7}",
    f"fund:{V7}/application:{V7}",
    f"house:{V4}",
    f"payment:{V7}",
    f"bankline:{V4}",
    f"bankline:{V7}",
    f"subsidy:{V7}",
    f"dispute:{V4}",
]


def _id_of(kind: str) -> str:
    return OTHER_IDS.get(kind, V4 if kind in RANDOM_KINDS else V7)


@pytest.mark.parametrize("kind", sorted(IDS))
def test_a_name_of_each_kind_passes(kind: str) -> None:
    """Every kind takes its own form of id and is told by its name."""
    name = f"{kind}:{_id_of(kind)}"
    assert check_name(name) == name
    assert check_name(name, kinds={kind, "other"}) == name
    assert kind_of(name) == kind


@pytest.mark.parametrize("kind", sorted(set(IDS) - set(OTHER_IDS)))
def test_a_uuid_of_the_other_version_is_refused(kind: str) -> None:
    """Version 4 and version 7 are not exchangeable."""
    with pytest.raises(NameInvalid):
        check_name(f"{kind}:{V7 if kind in RANDOM_KINDS else V4}")


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        ["party"],
        "",
        "ledger",
        "party",
        "party:",
        V4,
        f"party:{V4.upper()}",
        f"party:{V4.replace('-', '')}",
        f"party:{{{V4}}}",
        f"party:{V4}\n",
        f" party:{V4}",
        f"party:{V4}/access",
        f"Party:{V4}",
        f"robot:{V4}",
        "party:7c1e0a52-0b6e-4d3f-ca51-5b1f6f0f7a11",
        "party:00000000-0000-0000-0000-000000000000",
        f"identifier:{'AB' * 32}",
        f"identifier:{'ab' * 31}",
        "scheme:37010",
        "scheme:3701020010021",
        "scheme:٣٧٠١٠٢",
        "maintenance:26",
        f"party:{V4}" + "0" * 200,
        "limit:2025",
        f"limit:lift:{V7}:2025",
        f"limit:{V4}:2025",
    ],
)
def test_what_is_no_name_is_refused(text: object) -> None:
    """Anything but the canonical form of a known kind is one typed error."""
    with pytest.raises(NameInvalid) as caught:
        check_name(text)
    assert caught.value.code == "name_invalid"


def test_a_name_of_another_kind_is_refused() -> None:
    """A good name in the wrong place says which kinds fit."""
    with pytest.raises(NameInvalid) as caught:
        check_name(f"agent:{V4}", kinds=("party", "key"))
    assert caught.value.code == "name_kind"
    assert caught.value.details == {"kind": "agent", "kinds": ["key", "party"]}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_of_the_list_passes(stream: str) -> None:
    """Each row of the table of event-format §6 is a stream of the subject it begins with."""
    assert check_stream(stream) == stream
    assert check_subject(subject_of(stream)) == stream.split("/", maxsplit=1)[0]


def test_the_examples_cover_the_whole_list() -> None:
    """No kind of stream can be added without an example above."""
    heads = {(subject, head) for subject, under in SUBJECTS.items() for head in ("", *under)}
    seen = set()
    for stream in STREAMS:
        subject, _, further = stream.partition("/")
        seen.add(tuple(part.partition(":")[0] + ":" * (":" in part) for part in (subject, further)))
    assert seen == heads


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "ledger/",
        "ledger/access",
        "map:1",
        f"party:{V4}/",
        f"party:{V4}/cover",
        f"party:{V4}/access/access",
        f"party:{V4}/mandate:{V4}",
        f"claim:{V4}",
        f"lift:{V7}/claim:{V7}",
        f"lift:{V7}/claim:{V4}/cover",
        f"lift:{V7}/maintenance:26",
        f"lift:{V7}/Cover",
        f"lift:{V7}\n",
        f"lift:{V4}/cover",
        f"policy:{V7}/limit:all",
        f"policy:{V7}/limit:lift:{V7}:2025",
        f"product:{V7}/report:{V7}",
    ],
)
def test_what_is_no_stream_is_refused(text: object) -> None:
    """A stream outside the closed list is one typed error."""
    with pytest.raises(NameInvalid) as caught:
        check_stream(text)
    assert caught.value.code == "stream_invalid"


def test_a_further_stream_is_no_subject() -> None:
    """Proofs of completeness are asked for subjects only."""
    with pytest.raises(NameInvalid) as caught:
        check_subject(f"lift:{V7}/cover")
    assert caught.value.code == "stream_invalid"


def test_the_golden_streams_and_subjects_pass() -> None:
    """Every stream of the frozen example ledger fits the grammar."""
    vectors = json.loads(VECTORS.read_text())
    for save in vectors["saves"]:
        for event in save["events"]:
            check_stream(json.loads(event["header"])["stream"])
    for subject in vectors["heads"]:
        check_subject(subject)
