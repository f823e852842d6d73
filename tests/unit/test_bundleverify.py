"""What the offline verifier says of bundles: verdicts on events, and what is no bundle (threats: research §4)."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import canonical
from audit.bundlefiles import unpack
from audit.bundles import BODIES, EVIDENCE, HEADS, MANIFEST, PLACES, SAVES, chain_file
from audit.errors import BundleInvalid
from tests.support.bundles import (
    AGENT,
    CLAIM,
    EVERYTHING,
    FUND,
    LIFT,
    MAINTAINER,
    NOTHING,
    POLICY,
    faults,
    made,
    signed_anew,
    verdicts,
    verified,
    without_line,
)
from tests.support.bundling import Log, worked

LIFT_CHAIN = chain_file(LIFT)


# ----------------------------------------------------------------------------------------------------- what holds


def test_everything_of_the_worked_ledger_is_proven() -> None:
    """Requests, lines with a sealed field, derived events and a timer are proven; what was sealed is said to be."""
    log, files = made()
    report = verified(files, log)
    assert report.holds
    assert report.counts == {"sealed": 1, "absent": 1}
    assert set(verdicts(report).values()) == {("proven",)}
    assert report.subjects == {LIFT: 3, POLICY: 1, FUND: 1, AGENT: 1, NOTHING: 0}


def test_one_stream_of_a_subject_needs_the_headers_of_all() -> None:
    """A bundle of a claim has the words of the claim alone, and the whole chain of its lift as headers."""
    log, files = made(CLAIM)
    report = verified(files, log)
    assert report.holds
    assert verdicts(report) == {10: ("proven",)}
    assert report.subjects == {LIFT: 3}
    assert len(files[LIFT_CHAIN].splitlines()) == 3
    assert len([line for line in files[BODIES].splitlines() if b'"agreement"' in line or b"amount_fen" in line]) == 1


def test_a_time_of_recording_cuts_the_words_and_never_the_chain() -> None:
    """“Everything between two recorded times” stands between headers whose times lie outside."""
    log = worked()
    report = verified(
        unpack(
            log.bundle(LIFT, since="2025-11-01T00:00:02.000000Z", until="2025-11-01T00:00:03.000000Z").data
        ),
        log,
    )  # fmt: skip
    assert report.holds
    assert verdicts(report) == {10: ("proven",)}
    assert report.subjects == {LIFT: 3}


def test_a_stream_without_events_is_absent() -> None:
    """Of a claim that the lift never had, the lift's chain shows that there is nothing."""
    log, files = made(f"{LIFT}/claim:00000000-0000-4000-8000-000000000000")
    report = verified(files, log)
    assert report.holds
    assert report.counts == {"absent": 1}
    assert report.events == ()


def test_a_bundle_is_the_same_bytes_each_time() -> None:
    """Nothing in a bundle is drawn or timed when it is made."""
    assert worked().bundle(*EVERYTHING) == worked().bundle(*EVERYTHING)


# ---------------------------------------------------------------------------------------------- what is no bundle


@pytest.mark.parametrize(
    "file, data",
    [
        (HEADS, b"[]"),
        (HEADS, b'{"lift:x":1}'),
        (SAVES, b"{}\n"),
        (SAVES, b"{"),
        (PLACES, b'{"header":1,"path":["zz"]}\n'),
        (EVIDENCE, b'{"data":"\xc3\xa9","kind":"jwt"}\n'),
        (EVIDENCE, b'{"data":"x","data":"x","kind":"jwt"}\n'),
        ("root.tlog-proof", b"c2sp.org/tlog-proof@v2\n"),
        ("chains/strange.ndjson", b"{}\n"),
        ("notes.txt", b""),
    ],
)
def test_files_of_another_form_are_told_by_name(file: str, data: bytes) -> None:
    """T13: JSON that two readers could read as two things, and whatever else is not of the format, is no evidence."""
    log, files = made()
    report = verified(signed_anew({**files, file: data}, log), log)
    assert not report.holds
    assert file in {finding.file for finding in report.findings}


def test_each_file_is_the_one_that_the_manifest_lists() -> None:
    """Also what no machine reads: other words beside the ledger's signature, more files than it signed, or fewer."""
    log, files = made()
    readme = "README.txt"
    others: tuple[tuple[str, bytes | None, set[str]], ...] = (
        (readme, files[readme] + b"PAID\n", {"file_digest"}),
        (readme, None, {"file_missing"}),
        ("requests/11.json", b"{}", {"file_unknown", "stray"}),
    )
    for file, data, codes in others:
        changed = {name: held for name, held in files.items() if name != file} | ({} if data is None else {file: data})
        report = verified(changed, log)
        assert (faults(report), report.holds) == (codes, False), file


def test_an_event_without_its_receipt_proves_no_author() -> None:
    """A ledger that leaves a save's receipt and tokens out, and signs the rest, leaves a gap that is told."""
    log, files = made()
    for number in range(len(files[SAVES].splitlines())):
        report = verified(signed_anew(without_line(files, SAVES, number), log), log)
        assert "receipt_missing" in faults(report), number
        assert not report.holds


def test_without_a_manifest_it_is_no_bundle() -> None:
    """Nothing can be judged without it, or with one of another format."""
    log, files = made()
    with pytest.raises(BundleInvalid) as caught:
        verified({file: data for file, data in files.items() if file != MANIFEST}, log)
    assert caught.value.code == "bundle_malformed"
    told: Any = canonical.decode(files[MANIFEST])
    changes: list[dict[str, Any]] = [
        {"format": "evidence/v2"}, {"size": 0}, {"size": True}, {"party": LIFT}, {"more": 1}, {"origin": "X"},
        {"made_at": "2025-11-31T00:00:00.000000Z"}, {"files": {"a": "b"}}, {"files": []},
        {"query": {"from": None, "streams": [], "until": None}},
        {"query": {"from": None, "streams": [LIFT, LIFT], "until": None}},
        {"query": {"from": None, "streams": ["lift"], "until": None}},
        {"withheld": {"events": [3, 2], "requests": []}}, {"withheld": {"events": [], "requests": [[1, -1]]}},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(BundleInvalid) as caught:
            verified({**files, MANIFEST: canonical.encode({**told, **change})}, log)
        assert caught.value.code == "manifest_malformed"


def test_the_ledger_signs_what_it_hands_out() -> None:
    """The manifest is bound to the key of receipts that the first event names."""
    log, files = made()
    told = signed_anew(files, log, party=MAINTAINER)
    assert verified(told, log).holds
    stranger = Log(log.stored, receipt_key=Ed25519PrivateKey.generate())
    assert faults(verified(signed_anew(files, stranger), log)) == {"manifest"}


def stamped(log: Log, *sizes: int) -> Log:
    """Have checkpoints stamped by an authority whose signature nobody looks at here."""
    log.stamps = {size: b"0\x03" + sha256(log.at(size).note.encode()).digest() for size in sizes}
    return log


def test_a_stamp_is_over_an_earlier_state_of_the_log() -> None:
    """RFC 3161: it is carried with the very note that was stamped, its path seen, its signature left to other tools."""
    log = worked()
    last = max(event.position for event in verified(unpack(log.bundle(LIFT).data), log).events)
    for sizes, over in [((last - 1,), last - 1), ((last - 1, last, last + 1), last), ((1, log.size), log.size)]:
        files = unpack(stamped(log, *sizes).bundle(LIFT).data)
        report = verified(files, log)
        assert report.holds
        assert report.counts == {"stamp_unchecked": 1}
        assert report.findings[0].detail == f"over the first {over} events"
        assert files["stamps/1.checkpoint"].split(b"\n")[1] == str(over).encode()


def test_a_stamp_over_something_else_is_found() -> None:
    """Another response, note, or path; a stamp of which a file is missing."""
    log = worked()
    files = unpack(stamped(log, log.size - 2).bundle(LIFT).data)
    note = files["stamps/1.checkpoint"]
    moved = note.replace(b"\n%d\n" % (log.size - 2), b"\n%d\n" % (log.size - 3))
    for changed in (
        {"stamps/1.tsr": b"0\x03"}, {"stamps/1.checkpoint": note + b"\n"},
        {"stamps/1.checkpoint": moved, "stamps/1.tsr": sha256(moved).digest()}, {"stamps/1.path.json": b"[]"},
        {"stamps/1.checkpoint": b"\xff", "stamps/1.tsr": sha256(b"\xff").digest()},
    ):  # fmt: skip
        assert faults(verified(signed_anew({**files, **changed}, log), log)) == {"stamp"}
    assert "file_malformed" in faults(verified(signed_anew({**files, "stamps/1.path.json": b"{}"}, log), log))
    lacking = {name: data for name, data in files.items() if name != "stamps/1.path.json"}
    assert "file_malformed" in faults(verified(signed_anew(lacking, log), log))


def test_the_report_names_file_and_rule() -> None:
    """A finding says what it offends against and where, for people and for machines."""
    log, files = made()
    report = verified(signed_anew(without_line(files, LIFT_CHAIN, 2), log), log)
    found = next(finding for finding in report.findings if finding.code == "map_head")
    assert (found.file, found.rule) == (LIFT_CHAIN, "event-format §5, Map")
    lines = list(report.lines())
    assert found.line() in lines
    assert lines[-2:] == ["completeness: BROKEN", "integrity: holds"]
    told = report.as_json()
    assert told["counts"]["map_head"] == 1
    assert json.loads(json.dumps(told)) == told
