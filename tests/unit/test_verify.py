"""What a verifier makes of keys, first events and kinds of evidence; the worked ledger is the ground."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from copy import deepcopy
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import canonical, jws
from audit.histories import read_histories
from audit.pages import KeyHistory, ReceiptRow
from audit.verdicts import CODES, Verdict, verdict
from audit.whole import Report
from tests.support.forging import Edit, forged
from tests.support.stored import VECTORS, Stored, worked_ledger

Events = list[tuple[dict[str, Any], dict[str, Any]]]
Histories = Mapping[str, KeyHistory]
TOLD = json.loads(VECTORS.read_text(encoding="utf-8"))
RECEIPT_KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(TOLD["seeds"]["receipt"]))
INSURER = json.loads(worked_ledger().events[8].header)["author"]["key"]


def broken(report: Report) -> set[str]:
    """Give the codes of what breaks integrity or completeness."""
    return {code for code in report.counts if CODES[code][0] in {"integrity", "completeness"}}


def changed(**members: Any) -> Callable[[Histories], Histories]:  # noqa: ANN401 - members of a history
    """Give a change to what the log says of the insurer's key, which signs at 9 and at 10 to 11."""
    return lambda keys: {**keys, INSURER: keys[INSURER]._replace(**members)}


def test_a_key_signs_after_its_registration_only() -> None:
    """A key that is not registered, or later or in the same save, has not signed."""
    assert broken(worked_ledger().verify(keys=changed(registered=9))) == {"key_unknown"}
    report = worked_ledger().verify(keys=lambda keys: {name: key for name, key in keys.items() if name != INSURER})
    assert report.counts["key_unknown"] == 2


@pytest.mark.parametrize("ended,ends", [(8, 2), (9, 1), (10, 0), (11, 0), (12, 0)])
def test_a_key_signs_until_it_is_ended(ended: int, ends: int) -> None:
    """The save that ends a key may be signed by it; later ones may not."""
    assert worked_ledger().verify(keys=changed(ended=ended)).counts["key_ended"] == ends


def test_what_a_compromised_key_signed_is_contested() -> None:
    """From the moment named on; nothing is broken by it."""
    report = worked_ledger().verify(keys=changed(compromised_since="2025-11-01T00:00:02.000000Z"))
    assert report.counts["contested"] == 1
    assert not report.failed()
    assert any(line.startswith("authorship: contested at 10") for line in report.lines())


def test_another_public_key_did_not_sign() -> None:
    """The signature is checked with the key that the log registered."""
    stranger = worked_ledger().verify(keys=changed(public=TOLD_JWK))
    assert broken(stranger) == {"signature"}
    assert broken(worked_ledger().verify(keys=changed(public={"kty": "RSA"}))) == {"key_unknown"}


TOLD_JWK = json.loads(worked_ledger().events[3].body)["found"]["public"]


def test_a_key_of_somebody_else_speaks_for_nobody_else() -> None:
    """The holder must be the author: the party, or the agent that is named."""
    for kind in ("party", "agent"):
        stranger = f"{kind}:00000000-0000-4000-8000-000000000000"
        assert broken(worked_ledger().verify(keys=changed(holder=stranger))) == {"author"}


def test_an_agents_act_by_the_partys_key_is_on_behalf() -> None:
    """The administrator's token names him; were the key the party's, the act would stand on its word."""
    admin, party = (json.loads(worked_ledger().events[4].header)["author"][name] for name in ("key", "party"))
    report = worked_ledger().verify(keys=lambda keys: {**keys, admin: keys[admin]._replace(holder=party)})
    assert report.counts["on_behalf"] == 1
    assert not report.failed()
    assert report.failed(strict=True)


def _edit_found(at: int, **members: Any) -> Edit:  # noqa: ANN401 - JSON
    def edit(events: Events) -> None:
        events[at][1]["found"] |= members

    return edit


def _edit_header(at: int, **members: Any) -> Edit:  # noqa: ANN401 - JSON
    def edit(events: Events) -> None:
        events[at][0].update(members)

    return edit


GENESES = {
    "origin": _edit_found(0, origin="scripted.ledger.example/other"),
    "clock": _edit_found(0, clock="database"),
    "checkpoint": _edit_found(0, checkpoint=[]),
    "table": _edit_found(0, table={"format": 1, "actions": []}, actions="00"),
    "kind": _edit_found(1, kind="insurer"),
    "party": _edit_found(2, party="party:00000000-0000-4000-8000-000000000000"),
    "holder": _edit_found(3, holder="party:00000000-0000-4000-8000-000000000000"),
    "because": _edit_found(3, because={"stream": "ledger", "version": 2}),
    "type": _edit_header(1, type="party.Suspended"),
    "time": _edit_header(1, effective_at="2025-10-31T00:00:00.000000Z"),
    "stream": _edit_header(1, stream="party:00000000-0000-4000-8000-000000000000"),
}


@pytest.mark.parametrize("edit", GENESES.values(), ids=GENESES.keys())
def test_the_first_save_is_what_the_administrator_signed(edit: Edit) -> None:
    """Origin, clock, ledger keys, operator and administrator hang together by his statement."""
    assert "genesis" in broken(forged(worked_ledger(), edit, RECEIPT_KEY).verify())


def test_a_receipt_has_one_spelling() -> None:
    """Another last letter for the end of its line, or another key's mark before the same signature, is another text."""
    stored = worked_ledger()
    row = stored.receipts[1]
    head, _, line = row.note.rstrip("\n").rpartition(" ")
    mark, signature = b64decode(line)[:4], b64decode(line)[4:]
    marked = b64encode(bytes([mark[0] ^ 1]) + mark[1:] + signature).decode()
    for note, words in ((row.note[:-1] + "x", "text"), (f"{head} {marked}\n", "signature")):
        stored.receipts[1] = row._replace(note=note)
        report = stored.verify()
        assert broken(report) == {"receipt"}
        assert [each.detail for each in report.verdicts if each.code == "receipt"] == [words]


def test_without_a_first_event_no_receipt_is_believed() -> None:
    """The receipt key is known through event 1; without it every save says so."""
    stored = forged(worked_ledger(), _edit_found(0, receipt="none"), RECEIPT_KEY)
    assert stored.verify().counts["receipt"] == 6


def _evidence_kind(kind: str) -> Edit:
    def edit(events: Events) -> None:
        events[8][0]["author"]["evidence"][0]["kind"] = kind

    return edit


def _stored_as(kind: str) -> Report:
    stored = forged(worked_ledger(), _evidence_kind(kind), RECEIPT_KEY)
    for digest, (was, data) in list(stored.evidence.items()):
        if digest in stored.events[8].header.decode():
            assert was == "jwt"
            stored.evidence[digest] = (kind, data)
    return stored.verify()


@pytest.mark.parametrize("kind", ["callback", "webauthn"])
def test_evidence_that_only_its_issuer_can_check_is_named(kind: str) -> None:
    """Its digest holds, and no more is claimed."""
    report = _stored_as(kind)
    assert report.counts["evidence_unchecked"] == 1
    assert report.failed(strict=True)


@pytest.mark.parametrize("kind,code", [("letter", "evidence_invalid"), ("init", "genesis"), ("timer", "timer")])
def test_evidence_of_another_kind_does_not_stand(kind: str, code: str) -> None:
    """A request's token is no first statement, no timer and nothing else."""
    assert code in broken(_stored_as(kind))


def test_only_map_roots_have_no_evidence() -> None:
    """An event without any, and a map root with a receipt, are found."""

    def bare(events: Events) -> None:
        events[8][0]["author"] |= {"evidence": [], "key": None}

    stored = forged(worked_ledger(), bare, RECEIPT_KEY)
    assert {"evidence_missing", "receipt"} <= broken(stored.verify())


def test_types_unknown_to_the_program_are_noted() -> None:
    """A newer schema, or a type from newer software, is verified as bytes and named."""
    known = {json.loads(row.header)["type"]: 1 for row in worked_ledger().events}
    del known["limit.Consumed"]
    report = worked_ledger().verify(known=lambda _: known)
    assert report.counts["type_unknown"] == 1
    assert not report.failed()


def test_histories_of_unreadable_events_tell_nothing() -> None:
    """Bytes that are no JSON, or JSON of another shape, are left to the page that holds them."""
    nothing = [(1, b"{", b"{}"), (2, b"[]", b"[]"), (3, b"{}", b"{}"), (4, canonical.encode({"stream": 1}), b"{}")]
    context, keys = read_histories("ledger.example/x", nothing)
    assert (context.receipts, context.keys, context.tables, keys) == ((), {}, (), ())


PERSON = "person:0f8fad5b-d9cb-469f-a165-70867728950e"
UNTIL = "2031-01-04T16:00:00.000000Z"
RESTRICTED = ("person.Restricted", 1, {"until": UNTIL})
HELD, LIFTED = ("person.HoldSet", 1, {"dispute": "d"}), ("person.HoldLifted", 1, {"dispute": "d"})
ERASED = ("person.Erased", 2, {"due": UNTIL})


@pytest.mark.parametrize(
    "events,explained",
    [
        ([("person.Erased", 1, {})], True), ([RESTRICTED, ERASED], True), ([RESTRICTED, HELD, LIFTED, ERASED], True),
        ([RESTRICTED], False), ([ERASED], False), ([RESTRICTED, HELD, ERASED], False),
        ([("person.Restricted", 1, {"until": "2041-01-01T00:00:00.000000Z"}), ERASED], False),
        ([("person.Erased", 2, {})], False),
    ],
)  # fmt: skip
def test_an_erasure_explains_what_is_gone_if_it_was_due(
    events: list[tuple[str, int, dict[str, Any]]], explained: bool
) -> None:
    """In the first schema at once; since then only after a restriction, when it ended, and while no hold was on."""
    stored = [
        (
            position, canonical.encode({"stream": PERSON, "type": type_, "schema": schema}),
            canonical.encode({"said": None, "found": found}),
        )
        for position, (type_, schema, found) in enumerate(events, 1)
    ]  # fmt: skip
    context, _ = read_histories("ledger.example/x", stored)
    assert (PERSON in context.erased) == explained


def test_every_code_is_said_in_words() -> None:
    """Each finding has a kind and a sentence, and one line."""
    for code, (kind, sentence) in CODES.items():
        assert verdict(code, 7, "x").line() == f"{kind}: {code} at 7: {sentence} (x)"
        assert verdict(code).line() == f"{kind}: {code}: {sentence}"


def test_a_save_has_one_author_throughout() -> None:
    """Whoever holds the ledger's keys hangs no event on a save whose author did not sign for it as his."""

    def edit(told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        told[10][0]["author"]["party"] = "party:00000000-0000-4000-8000-000000000000"

    report = forged(worked_ledger(), edit, RECEIPT_KEY).verify()
    assert Verdict("author", "integrity", 11, "differs within the save") in report.verdicts


def _found(stored: Stored) -> list[tuple[str, int | None]]:
    """Give what a verification finds that does not count rows."""
    report = stored.verify(counted=False)
    return [(each.code, each.position) for each in report.verdicts if each.code != "unanchored"]


@pytest.mark.parametrize("first", [1, 5, 9, 14])
def test_evidence_is_the_bytes_that_the_header_names(first: int) -> None:
    """Gone, of another kind or other bytes, it shows nothing, whoever signed it."""
    digest = json.loads(worked_ledger().events[first - 1].header)["author"]["evidence"][0]["digest"]
    kind, data = worked_ledger().evidence[digest]
    for held, code in ((None, "missing"), (("letter", data), "digest"), ((kind, data + b" "), "digest")):
        stored = worked_ledger()
        if held is None:
            del stored.evidence[digest]
        else:
            stored.evidence[digest] = held
        assert _found(stored) == [(f"evidence_{code}", first)]


@pytest.mark.parametrize("index,first", [(0, 1), (2, 9), (3, 10), (5, 14)])
def test_a_save_has_its_receipt_and_its_command(index: int, first: int) -> None:
    """Whichever of the two is gone, the log is incomplete, and says where."""
    stored = worked_ledger()
    assert stored.receipts.pop(index).first == first
    assert _found(stored) == [("receipt_missing", first)]
    stored = worked_ledger()
    stored.commands = {name: rows for name, rows in stored.commands.items() if rows[0][0] != first}
    assert ("command_missing", first) in _found(stored)


OTHER_COMMAND: dict[str, Any] = {
    "request": "TIMER ledger 00", "events": 3, "outcome": b'{"refused":[]}', "group": 1, "groups": 2, "first_line": 1,
    "last_line": 1, "recorded_at": "2025-11-01T00:00:00.000001Z",
}  # fmt: skip


@pytest.mark.parametrize("first", [1, 14])
@pytest.mark.parametrize("member", OTHER_COMMAND)
def test_a_command_that_nobody_sent_is_stored_as_its_statement_says(first: int, member: str) -> None:
    """What a request's token says of others follows, for the first save and a timer, from what is hashed."""
    stored = worked_ledger()
    ((name, row),) = ((name, rows[0][1]) for name, rows in stored.commands.items() if rows[0][0] == first)
    stored.commands[name] = [(first, row._replace(**{member: OTHER_COMMAND[member]}))]
    assert broken(stored.verify()) == {"command"}


def _again(first: int, count: int, **changes: Any) -> Report:  # noqa: ANN401 - columns of a command
    """Have a save stored once more at the end, its command as it was but for the changes."""
    stored = worked_ledger()
    (name,) = (name for name, rows in stored.commands.items() if rows[0][0] == first)
    stored.commands[name].append((16, stored.commands[name][0][1]._replace(**changes)))
    stored.receipts.append(ReceiptRow(16, count, ""))

    def edit(events: Events) -> None:
        events += deepcopy(events[first - 1 : first - 1 + count])

    return forged(stored, edit, RECEIPT_KEY).verify()


@pytest.mark.parametrize("first", [9, 14])
@pytest.mark.parametrize("opening", [True, False])
def test_what_is_stored_twice_is_known_by_its_command(first: int, opening: bool) -> None:
    """A ledger that does again what somebody signed once, or what was due once, has the evidence for it."""
    report = _again(first, 1, opening=opening)
    assert ("command_twice", 16) in [(each.code, each.position) for each in report.verdicts]


def test_groups_of_one_request_share_command_and_evidence() -> None:
    """Each writes by itself, and what both cite is stored, and counted, once."""
    report = _again(12, 2, group=2, opening=False)
    assert report.counts["command_twice"] == report.counts["evidence_missing"] == 0
    assert _again(12, 2, opening=False).counts["command_twice"] == 1


def test_a_commands_name_is_its_partys_own() -> None:
    """Two parties may choose the same: neither has written twice."""
    of_the_admin = json.loads(worked_ledger().events[4].header)["command"]
    report = forged(worked_ledger(), _edit_header(8, command=of_the_admin), RECEIPT_KEY).verify()
    assert report.counts["command_twice"] == 0
    assert report.failed()


def _carried(statement: bytes, *, kept: bool = True) -> Report:
    """Have the request of event 9 carry a statement."""
    digest = sha256(statement).hexdigest()

    def edit(events: Events) -> None:
        events[8][0]["author"]["evidence"].append({"digest": digest, "kind": "jws-offline"})
        del events[14:]  # the map's root would be another

    stored = forged(worked_ledger(), edit, RECEIPT_KEY)
    if kept:
        stored.evidence[digest] = ("jws-offline", statement)
    return stored.verify()


def test_a_statement_signed_off_line_is_held_against_its_key() -> None:
    """What a request carries of a phone's is signed by a registered key that was good then, or is no evidence."""
    own = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(TOLD["seeds"]["insurer"]))
    said: canonical.JsonValue = {"node": "arrived"}
    assert broken(_carried(jws.make(own, INSURER, said))) == set()
    assert broken(_carried(jws.make(RECEIPT_KEY, INSURER, said))) == {"signature"}
    assert broken(_carried(jws.make(own, "key:00000000-0000-4000-8000-000000000000", said))) == {"key_unknown"}
    assert broken(_carried(b"arrived")) == {"evidence_invalid"}
    assert broken(_carried(b"arrived", kept=False)) == {"evidence_missing"}


def test_what_is_met_is_counted() -> None:
    """Rows of each kind, whether a save was proven in one go or piece by piece."""
    counted = {"commands": 6, "events": 15, "evidence": 6, "lines": 6, "receipts": 6, "saves": 7}
    assert worked_ledger().verify().tallies == worked_ledger().verify(page=1).tallies == counted


def test_what_the_first_save_says_no_later_one_does() -> None:
    """Not as a further event of a save either."""
    report = forged(worked_ledger(), _edit_header(10, type="ledger.Opened"), RECEIPT_KEY).verify()
    assert Verdict("genesis", "integrity", 11, "not in the first save") in report.verdicts


def test_a_timer_writes_what_was_due_and_what_follows_from_it() -> None:
    """An event that another of its save did not cause has no author at all."""

    def edit(events: Events) -> None:
        header, body = deepcopy(events[13])
        header["stream"] = events[10][0]["stream"]
        events.insert(14, (header, body))

    stored = worked_ledger()
    stored.receipts[5] = stored.receipts[5]._replace(events=2)
    report = forged(stored, edit, RECEIPT_KEY).verify()
    assert ("because", 15) in [(each.code, each.position) for each in report.verdicts]
