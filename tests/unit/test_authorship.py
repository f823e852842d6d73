"""Who said what a bundle shows: signatures, times, keys' histories, sealed and erased values (threats: research §4)."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Literal

import pytest

from api.client import Credentials
from application.timers import Due
from audit.base64text import encode_url
from audit.bundlefiles import unpack
from audit.bundles import EVIDENCE, SAVES, chain_file
from audit.events import Header
from audit.instants import format_instant, parse_instant
from domain.errors import DomainError
from domain.persons import RETENTION_RULE
from infrastructure.receipts import ReceiptSigner
from tests.support.bundles import (
    AGENT,
    EVERYTHING,
    LIFT,
    POLICY,
    Files,
    approve_more,
    faults,
    made,
    signed_anew,
    verdicts,
    verified,
    with_json,
    without_line,
)
from tests.support.bundling import Log, private, published, rooted, worked
from tests.support.forging import Edit
from tests.support.rehearsal import Rehearsal, name, private_key
from tests.support.stored import Stored, worked_ledger

INSURER_KEY = "key:3bf22168-313f-4339-b926-c9a54878edec"
PERSON_VALUE = "张"
Events = list[tuple[dict[str, Any], dict[str, Any]]]


# ---------------------------------------------------------------------------------------------------- who said it


def test_another_keys_signature_is_no_authors() -> None:
    """T7: a token that another key signed is not the author's, and he can deny it; his own he cannot."""
    stored = worked_ledger()
    digest = json.loads(stored.events[9].header)["author"]["evidence"][0]["digest"]
    token = stored.evidence[digest][1]
    signed, _, _ = token.rpartition(b".")
    forged = signed + b"." + encode_url(private("maintainer").sign(signed)).encode()
    _replace_evidence(stored, digest, forged)
    log = published(stored, lambda events: _cite(events, digest, forged))
    report = verified(unpack(log.bundle(*EVERYTHING).data), log)
    assert faults(report) == {"signature"}
    assert verdicts(report)[10] == verdicts(report)[11] == ("broken",)
    assert verdicts(report)[9] == ("proven",)
    # Also where no word of the save may be seen.
    report = verified(unpack(log.bundle(LIFT, sees=lambda header: header.position not in {10, 11}).data), log)
    assert faults(report) == {"signature"}


def test_a_piece_of_evidence_is_of_the_kind_that_the_header_names() -> None:
    """T7: what is said to be another kind of proof would be judged by other rules."""
    log, files = made()
    number = next(at for at, line in enumerate(files[EVIDENCE].splitlines()) if b'"kind":"jwt"' in line)
    report = verified(signed_anew(with_json(files, EVIDENCE, number, kind="callback"), log), log)
    assert "evidence_digest" in faults(report)


def _replace_evidence(stored: Stored, digest: str, data: bytes) -> None:
    kind, _ = stored.evidence.pop(digest)
    stored.evidence[sha256(data).hexdigest()] = (kind, data)


def _cite(events: Events, digest: str, data: bytes) -> None:
    for header, _ in events:
        for piece in header["author"]["evidence"]:
            if piece["digest"] == digest:
                piece["digest"] = sha256(data).hexdigest()


def _approve_elsewhere(events: Events) -> None:
    for header, body in events[9:11]:
        header["stream"] = header["stream"].replace("9f40fbca", "9f40fbcb")
        if "because" in body["found"]:
            body["found"]["because"]["stream"] = body["found"]["because"]["stream"].replace("9f40fbca", "9f40fbcb")


@pytest.mark.parametrize("edit, code", [(approve_more, "said"), (_approve_elsewhere, "action")])
def test_what_was_recorded_is_what_was_signed(edit: Edit, code: str) -> None:
    """T1: whoever owns every key of the ledger puts no words in an author's mouth, and books them nowhere else."""
    log = worked(edit)
    report = verified(unpack(log.bundle(LIFT, POLICY).data), log)
    assert code in faults(report)
    assert verdicts(report)[10] == ("broken",)


def _ten_minutes_later(events: Events) -> None:
    for header, _ in events[8:]:
        later = format_instant(parse_instant(header["recorded_at"]) + timedelta(minutes=10))
        if header["effective_at"] == header["recorded_at"]:
            header["effective_at"] = later
        header["recorded_at"] = later


def test_what_is_recorded_late_is_told() -> None:
    """T8: neither author nor ledger can move a record in time: more than two minutes from the signature is told."""
    log = worked(_ten_minutes_later)
    report = verified(unpack(log.bundle(LIFT).data), log)
    assert report.holds
    assert verdicts(report) == {9: ("late",), 10: ("late",), 13: ("late",)}


# -------------------------------------------------------------------------------------------------- keys, persons


@cache
def story() -> Log:
    """An insurer enrols agents, one by a line; its key is found to be compromised; an agent's person is erased."""
    ledger = Rehearsal()
    operator = ledger.begin()
    insurer = name("party", "insurer")
    ledger.act(operator, "party.register", {"parties": [
        {"id": insurer, "kind": "insurer", "name": "平安", "key": ledger.registration(insurer, "insurer")},
    ]})  # fmt: skip
    who = Credentials(insurer, name("key", "insurer"), private_key("insurer"))
    for day, label in enumerate(("a", "b", "c"), 1):
        ledger.now = f"2025-11-0{day}T08:00:00.000000Z"
        ledger.act(who, "agent.enrol", {
            "id": name("agent", label), "party": insurer, "role": "worker",
            "name": f"{PERSON_VALUE}{label}",
        })  # fmt: skip
    ledger.lines(who, "agent.enrol", [
        {"id": name("agent", label), "party": insurer, "role": "worker"} for label in ("d", "e", "f")
    ])  # fmt: skip
    ledger.now = "2025-11-05T08:00:00.000000Z"
    ledger.act(
        operator, "key.revoke", {"reason": "compromised", "compromised_since": "2025-11-02T00:00:00.000000Z"},
        key=who.key,
    )  # fmt: skip
    stored = ledger.stored()
    return Log(
        rooted(stored, operator.party, "2025-11-06T00:00:00.000000Z"), checkpoint_key=private_key("checkpoint"),
        receipt_key=private_key("receipt"),
    )  # fmt: skip


def test_a_key_that_was_compromised_contests_what_it_signed_since() -> None:
    """T9: signed before the theft: proven; between theft and revocation: contested; the history of the key tells."""
    log = story()
    files = unpack(log.bundle(*(name("agent", label) for label in "abf")).data)
    report = verified(files, log)
    assert report.holds
    assert [event.verdicts for event in report.events] == [("proven",), ("contested",), ("contested",)]


def test_a_theft_that_is_found_after_the_key_had_ended_contests_too() -> None:
    """T9: a rotated key is reported later, then since an earlier time; ever more is contested."""
    ledger = Rehearsal()
    operator = ledger.begin()
    insurer = name("party", "insurer")
    member = {"id": insurer, "kind": "insurer", "name": "x", "key": ledger.registration(insurer, "insurer")}
    ledger.act(operator, "party.register", {"parties": [member]})
    who = Credentials(insurer, name("key", "insurer"), private_key("insurer"))
    for day, label in enumerate(("a", "b", "c"), 1):
        ledger.now = f"2025-11-0{day}T08:00:00.000000Z"
        ledger.act(who, "agent.enrol", {"id": name("agent", label), "party": insurer, "role": "worker"})
    ledger.act(who, "key.rotate", {"key": ledger.registration(insurer, "new")}, key=who.key)

    def report(since: str, reason: str = "compromised") -> int:
        said = {"reason": reason, "compromised_since": since}
        ledger.act(operator, "key.revoke", said, key=who.key)
        return ledger.stored().verify().counts["contested"]

    assert report("2025-11-03T00:00:00.000000Z") == 2  # the last enrolment, and the rotation itself
    assert report("2025-11-02T00:00:00.000000Z") == 3
    for since, code in (
        ("2025-11-02T00:00:00.000000Z", "key_ended"), ("2025-11-03T09:00:00.000000Z", "date_in_future"),
    ):  # fmt: skip
        with pytest.raises(DomainError) as refused:
            report(since)
        assert refused.value.code == code


def test_a_revocation_cannot_be_hidden() -> None:
    """T9: a ledger that cuts the key's chain before the revocation has no proof in the map for it."""
    log = story()
    files = unpack(log.bundle(name("agent", "b")).data)
    report = verified(signed_anew(without_line(files, chain_file(name("key", "insurer")), -1), log), log)
    assert {"map_head", "key_unknown"} <= faults(report)


def test_a_key_signs_nothing_after_its_end() -> None:
    """T9: what a ledger books under a revoked key is not the holder's."""
    log = story()
    positions = {row.type: row.position for row in log.stored.events}
    files = unpack(log.bundle(name("agent", "b")).data)
    assert b'"key.Revoked"' in files[chain_file(name("key", "insurer"))]
    assert positions["key.Revoked"] > max(event.position for event in verified(files, log).events)
    early = worked(_revoked_first)
    report = verified(unpack(early.bundle(LIFT).data), early)
    assert "key_ended" in faults(report)


def _revoked_first(events: Events) -> None:
    """Book, where the lift was registered, that the insurer's key was revoked; the insurer then approves a claim."""
    header, body = json.loads(json.dumps(events[8]))
    header |= {"stream": INSURER_KEY, "type": "key.Revoked"}
    body |= {"said": {"reason": "lost"}}
    events[8] = (header, body)


def test_one_line_of_many_is_proven_by_its_path() -> None:
    """Of a request of lines, only the line that states the event is handed over, with its path to the signed root."""
    log = story()
    files = unpack(log.bundle(name("agent", "e")).data)
    lines = [file for file in files if file.startswith("requests/")]
    assert [file.split(".")[-2] for file in lines if b"agent" in files[file] and b'"parties"' not in files[file]] == [
        "2"
    ]
    assert verified(files, log).holds
    other = with_json(files, SAVES, _line_of(files, SAVES, b'"lines":{"2"'), lines={"2": ["00" * 32, "00" * 32]})
    assert "request_digest" in faults(verified(signed_anew(other, log), log))


def _line_of(files: Files, file: str, part: bytes) -> int:
    return next(number for number, line in enumerate(files[file].splitlines()) if part in line)


def test_personal_values_open_for_their_author_alone() -> None:
    """T14: a stranger's bundle holds digests; neither value, salt nor the request they stood in leaves the ledger."""
    log = story()
    rows = [row for row in log.stored.lines.values() if PERSON_VALUE.encode() in (row[0].data or b"")]
    for key, lines in list(log.stored.lines.items()):
        if lines in rows:
            log.stored.lines[key] = [lines[0]._replace(persons=(name("person", "x"),))]
    strange = unpack(log.bundle(name("agent", "a")).data)
    assert PERSON_VALUE.encode() not in b"".join(strange.values())
    report = verified(strange, log)
    assert report.holds
    assert report.events[0].verdicts == ("withheld",)
    own = unpack(log.bundle(name("agent", "a"), party=name("party", "insurer")).data)
    assert PERSON_VALUE.encode() in b"".join(own.values())
    report = verified(own, log)
    assert report.holds
    assert (report.events[0].verdicts, report.counts["sealed"]) == (("proven",), 0)
    opened = with_json(own, "sealed.ndjson", 0, opened=["00" * 16, "/name", "李"])
    assert "sealed_value" in faults(verified(signed_anew(opened, log), log))


def test_what_the_ledger_cannot_open_is_withheld() -> None:
    """Without its master key a ledger hands out no request that was sealed for a person, nor one that does not open."""
    cases: list[tuple[Literal["sealed", "broken"], str]] = [("sealed", "withheld"), ("broken", "missing")]
    for state, verdict in cases:
        stored = worked_ledger()
        key = next(key for key, lines in stored.lines.items() if lines[0].line == 1)
        stored.lines[key] = [row._replace(data=None, state=state) for row in stored.lines[key]]
        log = published(stored)
        report = verified(unpack(log.bundle(AGENT).data), log)
        assert report.events[0].verdicts == (verdict,)


def test_a_line_whose_request_is_not_yet_whole_is_withheld() -> None:
    """While groups of a request are still to come, no path leads to the root that was signed."""
    stored = worked_ledger()
    key = next(key for key, lines in stored.lines.items() if lines[0].line == 1)
    del stored.lines[key][-1]
    log = published(stored)
    report = verified(unpack(log.bundle(AGENT).data), log)
    assert report.holds
    assert report.events[0].verdicts == ("withheld",)


def _erase(ledger: Rehearsal, operator: Credentials, person: str) -> None:
    """Restrict a person and let time erase him when it is due."""
    (restricted,) = ledger.act(operator, "person.erase", {"basis": "request"}, person=person)
    until = restricted.found["until"]
    ledger.now = max(until, ledger.now)
    ledger.fire(Due("person.Erased", person, until, RETENTION_RULE))


def test_what_was_erased_is_told_and_the_chain_stands() -> None:
    """T12: erasure leaves type, time, author and commitment; without the erasure in the log it is a gap."""
    ledger = Rehearsal()
    operator = ledger.begin()
    (enrolled,) = ledger.act(operator, "agent.enrol", {
        "id": name("agent", "a"), "party": operator.party, "role": "officer", "name": PERSON_VALUE,
    })  # fmt: skip
    label = (enrolled.said or {})["name"]["of"]
    unexplained = ledger.stored()
    _erase(ledger, operator, label)
    erased = ledger.stored()
    for stored, code, holds in ((erased, "erased", True), (unexplained, "request_missing", False)):
        stored.sealed.clear()
        for key, lines in stored.lines.items():
            if PERSON_VALUE.encode() in (lines[0].data or b""):
                stored.lines[key] = [lines[0]._replace(data=None, state="gone", persons=(label,))]
        log = Log(
            rooted(stored, operator.party, ledger.now), checkpoint_key=private_key("checkpoint"),
            receipt_key=private_key("receipt"),
        )  # fmt: skip
        report = verified(unpack(log.bundle(name("agent", "a")).data), log)
        assert report.holds is holds
        assert report.counts[code] == 1 + (code == "erased")
        assert report.events[0].verdicts == (("erased",) if holds else ("missing",))
        # The same for a receiver who may not see the person's own record, and asks for it as well.
        asked = unpack(log.bundle(name("agent", "a"), label, sees=lambda header: not _is_persons(header)).data)
        report = verified(asked, log)
        assert report.holds is holds
        assert verdicts(report)[enrolled.position or 0] == (("erased",) if holds else ("missing",))


def _is_persons(header: Header) -> bool:
    return header.stream.startswith("person:")


def test_an_erasure_elsewhere_explains_a_request_that_is_gone() -> None:
    """T12: of a request that named somebody else too, the bytes go with him; his event is carried to explain it."""
    ledger = Rehearsal()
    operator = ledger.begin()
    owner, insurer = name("party", "owner"), name("party", "insurer")
    registered = ledger.act(operator, "party.register", {"parties": [
        {"id": owner, "kind": "owner", "person_name": PERSON_VALUE},
        {"id": insurer, "kind": "insurer", "name": "x", "key": ledger.registration(insurer, "insurer")},
    ]})  # fmt: skip
    who = Credentials(insurer, name("key", "insurer"), private_key("insurer"))
    agent = {"id": name("agent", "a"), "party": insurer, "role": "worker"}
    ledger.act(who, "agent.enrol", agent)
    person = (registered[0].said or {})["person_name"]["of"]
    _erase(ledger, operator, person)
    stored = ledger.stored()
    stored.sealed.clear()
    for key, lines in stored.lines.items():
        if PERSON_VALUE.encode() in (lines[0].data or b""):
            stored.lines[key] = [lines[0]._replace(data=None, state="gone")]
    log = Log(
        rooted(stored, operator.party, ledger.now), checkpoint_key=private_key("checkpoint"),
        receipt_key=private_key("receipt"),
    )  # fmt: skip
    files = unpack(log.bundle(agent["id"]).data)
    assert chain_file(person) in files
    report = verified(files, log)
    assert report.holds, "\n".join(report.lines())
    assert report.events[0].verdicts == ("proven",)
    assert report.counts["erased"] > 0
    hidden = log.bundle(agent["id"], sees=lambda header: header.stream != owner)
    report = verified(unpack(hidden.data), log)
    assert (report.holds, report.counts["withheld"]) == (True, 1)


# ----------------------------------------------------------------------------------------------------- ledger's keys


def handed_on() -> tuple[Rehearsal, Credentials]:
    """A ledger whose receipt key was handed on between two enrolments."""
    ledger = Rehearsal()
    who = ledger.begin()
    for label, key in (("before", "second"), ("after", None)):
        ledger.act(who, "agent.enrol", {"id": name("agent", label), "party": who.party, "role": "worker"})
        if key is not None:
            ledger.act(who, "ledger.rotate_key", ledger.hand_on(key))
    return ledger, who


def test_a_bundle_spans_a_rotation_of_the_ledgers_key() -> None:
    """Receipts by the old key and by the new hold, each in its time; the new one signs the manifest."""
    ledger, who = handed_on()
    stored = rooted(ledger.stored(), who.party, "2025-11-01T00:00:01.000000Z")
    log = Log(stored, private_key("checkpoint"), private_key("second"))
    streams = (name("agent", "before"), name("agent", "after"))
    files = unpack(log.bundle(*streams).data)
    report = verified(files, log)
    assert report.holds, "\n".join(report.lines())
    assert [event.verdicts for event in report.events] == [("proven",), ("proven",)]
    retired = Log(stored, private_key("checkpoint"), private_key("receipt"))
    assert faults(verified(unpack(retired.bundle(*streams).data), log)) == {"manifest"}
    receipts = [json.loads(line) for line in files[SAVES].splitlines()]
    at = next(number for number, each in enumerate(receipts) if each["first"] == report.events[1].position)
    first = receipts[at]["first"]
    old = ReceiptSigner(stored.origin, private_key("receipt")).sign(first, [stored.events[first - 1].leaf])
    assert "receipt" in faults(verified(signed_anew(with_json(files, SAVES, at, receipt=old), log), log))
