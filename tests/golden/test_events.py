"""One golden file for each version of each event type: stored bytes are read the same for ever.

A file is made once, by `make_events`, when a type or a schema is new. When a test here fails, the code changed what
stored events mean; a new schema with an upcaster is the way, not another file.
"""

from __future__ import annotations

import hashlib
import json

import pytest

import application.catalogue  # noqa: F401 - registers every event class
from audit import canonical
from audit.events import read_body, read_header
from audit.names import check_stream
from domain.aggregate import type_registry
from infrastructure.mapper import to_event
from tests.golden.make_events import FOLDER, file_of, folded, pairs, read, streams
from tests.support.states import differences

PAIRS = sorted(pairs())


def test_each_version_of_each_type_has_its_file() -> None:
    """No event is written before its golden file exists; none of them is ever taken away."""
    assert {path.name for path in FOLDER.iterdir()} == {file_of(*pair).name for pair in PAIRS}


@pytest.mark.parametrize("topic,schema", PAIRS)
def test_stored_bytes_are_canonical(topic: str, schema: int) -> None:
    """Header and body are of the format, and the header names the body."""
    told, events = read(file_of(topic, schema))
    for header_bytes, body_bytes in events:
        header = read_header(header_bytes)
        assert canonical.encode(json.loads(header_bytes)) == header_bytes
        assert header.body == hashlib.sha256(body_bytes).hexdigest()
        assert canonical.encode(canonical.decode(body_bytes)) == body_bytes
        read_body(body_bytes)
        check_stream(header.stream)
    last = read_header(events[-1][0])
    assert (last.type, last.schema, last.stream) == (topic, schema, told["stream"])


@pytest.mark.parametrize("topic,schema", PAIRS)
def test_todays_code_reads_yesterdays_bytes(topic: str, schema: int) -> None:
    """The event comes out under its class with its words unchanged, but for what upcasters bring up to date."""
    _, events = read(file_of(topic, schema))
    event = to_event(*events[-1])
    body = json.loads(events[-1][1])
    assert type(event) is type_registry[topic]
    if schema == event.SCHEMA:
        assert (event.said, event.found) == (body["said"], body["found"])


@pytest.mark.parametrize("topic,schema", PAIRS)
def test_yesterdays_events_fold_to_the_same_state(topic: str, schema: int) -> None:
    """The stream up to the event folds to the state written down; members added since may stand beside it."""
    told, events = read(file_of(topic, schema))
    assert list(differences(told["state"], folded(events))) == []


def test_use_cases_still_write_what_the_files_hold() -> None:
    """Members of `said` and `found` that stand in a file still occur where the story is performed today."""
    today: dict[str, set[str]] = {}
    for stream in streams():
        for header, body in stream:
            today.setdefault(read_header(header).type, set()).update(_members(json.loads(body)))
    for topic, schema in PAIRS:
        if schema == type_registry[topic].SCHEMA:
            _, events = read(file_of(topic, schema))
            assert _members(json.loads(events[-1][1])) <= today[topic], topic


def _members(body: dict[str, dict[str, object] | None]) -> set[str]:
    return {f"{part}/{member}" for part in ("said", "found") for member in body[part] or {}}
