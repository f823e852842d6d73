"""A ledger that goes on from another: what may be cited, and what a verifier finds in a first save that cites it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.actions import Actions
from application.continuing import believing, cited, greatest, old_origin, read_note
from audit.continuing import Continued, open_continued, read_continued
from audit.cosignatures import cosign, cosigner_vkey
from audit.errors import NoteError
from audit.note import NOTE_BYTES_MAX, parse_vkey
from audit.policy import Policy
from audit.verdicts import CODES
from audit.whole import Report
from domain.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from domain.ledgers import Ledger
from tests.support.forging import Edit, forged
from tests.support.logs import Log
from tests.support.rehearsal import ORIGIN, Rehearsal, name, private_key

OLD = Log(origin="scripted.ledger.example/older")
OTHER = Log(origin="scripted.ledger.example/third", private=Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32))
NEW = "scripted.ledger.example/newer"
WITNESSES = {f"w{n}": Ed25519PrivateKey.from_private_bytes(bytes([40 + n]) * 32) for n in (1, 2, 3)}
POLICY = Policy.parse(
    "".join(
        [f"log {OLD.vkey}\n"]
        + [f"witness {called} {cosigner_vkey(f'{called}.example', key)}\n" for called, key in WITNESSES.items()]
        + ["group two 2 w1 w2 w3\nquorum two\n"]
    ).encode()
)


def cosigned(size: int, *names: str, log: Log = OLD) -> str:
    """Give a checkpoint of the old ledger with the lines of these witnesses."""
    text = log.text(size)
    return log.note(size) + "".join(cosign(text, f"{name}.example", WITNESSES[name], 1_700_000_000) for name in names)


def found(continued: Continued) -> Report:
    """Verify a ledger that goes on from this, honestly made."""
    ledger = Rehearsal()
    ledger.begin(Actions(), continued)
    return ledger.stored().verify()


def broken(report: Report) -> set[str]:
    """Give the codes of what breaks integrity or completeness."""
    return {code for code in report.counts if CODES[code][0] in {"integrity", "completeness"}}


# ------------------------------------------------------------------------------------------------ what a verifier finds


def test_a_first_save_may_say_what_it_goes_on_from() -> None:
    """Five events, the last one the seam; nothing is wrong with them, and the ledger's state tells it."""
    continued = Continued(OLD.origin, cosigned(9, "w1", "w2"))
    ledger = Rehearsal()
    ledger.begin(Actions(), continued)
    report = ledger.stored().verify()
    assert (report.size, broken(report)) == (5, set())
    state = Ledger("ledger")
    for event in ledger.events("ledger"):
        state = event.mutate(state)
    assert state.continues == {"origin": OLD.origin, "checkpoint": continued.checkpoint}


@pytest.mark.parametrize(
    "origin,note",
    [
        (ORIGIN, Log(origin=ORIGIN).note(9)),
        ("scripted.ledger.example/OLDER", OLD.note(9)),
        ("ledger.example/older", Log(origin="ledger.example/older").note(9)),
        (OLD.origin, OTHER.note(9)),
        (OLD.origin, f"{OLD.text(9)}\n{OTHER.sign(OLD.text(9))}"),
        (OLD.origin, OLD.text(9)),
        (OLD.origin, "nothing"),
        (OLD.origin, OLD.note(9, "an extension")),
    ],
    ids=["same origin", "no origin", "not scripted", "a third's", "unsigned", "no note", "no text", "extended"],
)  # fmt: skip
def test_what_cites_nothing_sound_is_found(origin: str, note: str) -> None:
    """The administrator signed it, and the receipt key: the verifier finds it all the same."""
    assert broken(found(Continued(origin, note))) == {"genesis"}


def _found(**members: Any) -> Edit:  # noqa: ANN401 - JSON
    def edit(events: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        events[4][1]["found"] |= members

    return edit


def _dropped(events: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    del events[4]


EDITS: dict[str, Edit] = {
    "another checkpoint": _found(checkpoint=cosigned(8, "w1", "w2")),
    "another member": _found(more="x"),
    "no text": _found(checkpoint=7),
    "another cause": _found(because={"stream": "ledger", "version": 2}),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_the_seam_is_what_the_administrator_signed(edit: Edit) -> None:
    """Who has the receipt key and not the administrator's cannot move the seam."""
    ledger = Rehearsal()
    ledger.begin(Actions(), Continued(OLD.origin, cosigned(9, "w1", "w2")))
    assert "genesis" in broken(forged(ledger.stored(), edit, private_key("receipt")).verify())


def test_the_seam_can_be_neither_dropped_nor_added() -> None:
    """The first statement says whether there is one."""
    ledger = Rehearsal()
    ledger.begin(Actions(), Continued(OLD.origin, cosigned(9, "w1", "w2")))
    stored = ledger.stored()
    stored.receipts[0] = stored.receipts[0]._replace(events=4)
    assert "genesis" in broken(forged(stored, _dropped, private_key("receipt")).verify())

    plain = Rehearsal()
    plain.begin(Actions())
    stored = plain.stored()
    stored.receipts[0] = stored.receipts[0]._replace(events=5)

    def add(events: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        header, body = events[0]
        cause = {"because": {"stream": "ledger", "version": 1}}
        members = Continued(OLD.origin, cosigned(9, "w1", "w2")).as_json() | cause
        events.append((dict(header) | {"type": "ledger.Continued"}, dict(body) | {"found": members}))

    assert "genesis" in broken(forged(stored, add, private_key("receipt")).verify())


def test_no_later_save_goes_on_from_another_ledger() -> None:
    """Not even one that an administrator signed for, or that a table of actions would let pass."""
    ledger = Rehearsal()
    who = ledger.begin()
    ledger.act(who, "agent.enrol", {"id": name("agent", "one"), "party": who.party, "role": "worker"})

    def edit(events: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        events[-1][0]["type"], events[-1][0]["stream"] = "ledger.Continued", "ledger"

    report = forged(ledger.stored(), edit, private_key("receipt")).verify()
    assert report.counts["genesis"] == 1


# ------------------------------------------------------------------------------------------------ what may be cited


def test_a_checkpoint_is_cited_with_the_lines_that_count() -> None:
    """Signed by the old ledger, cosigned by the quorum; what nobody here can vouch for is left out."""
    stranger = Ed25519PrivateKey.from_private_bytes(bytes([99]) * 32)
    note = cosigned(9, "w1", "w3") + cosign(OLD.text(9), "stranger.example", stranger, 1)
    continued, opened = cited(note, POLICY, OLD.origin, NEW)
    assert continued == Continued(OLD.origin, cosigned(9, "w1", "w3"))
    assert (continued.size, sorted(opened.witnesses)) == (9, ["w1", "w3"])
    assert open_continued(continued, POLICY).satisfied


@pytest.mark.parametrize(
    "note,origin,kind,code",
    [
        (cosigned(9, "w1"), NEW, Forbidden, "policy_unsatisfied"),
        (cosigned(9, "w1", "w2"), OLD.origin, NoteError, "origin_same"),
        (cosigned(9, "w1", "w2"), "ledger.example/newer", NoteError, "origin_invalid"),
        (cosigned(9, "w1", "w2", log=OTHER), NEW, NoteError, "origin_mismatch"),
        (cosigned(9, "w1", "w2").replace("\n9\n", "\n8\n"), NEW, NoteError, "note_signature"),
    ],
)  # fmt: skip
def test_what_may_not_be_cited(note: str, origin: str, kind: type[Exception], code: str) -> None:
    """Under the same origin, without the quorum, changed or another's: each refusal has its code."""
    with pytest.raises(kind) as refused:
        cited(note, POLICY, OLD.origin, origin)
    assert getattr(refused.value, "code", None) == code


def test_without_the_old_ledgers_signature_witnesses_alone_do_not_count() -> None:
    """The quorum cosigned a text that the old ledger's keys did not sign."""
    text = OLD.text(9)
    lines = [cosign(text, f"{name}.example", WITNESSES[name], 1) for name in ("w1", "w2")]
    with pytest.raises(NoteError) as refused:
        cited(f"{text}\n{''.join(lines)}", POLICY, OLD.origin, NEW)
    assert refused.value.code == "note_unsigned"


def test_the_greatest_that_satisfies_is_taken() -> None:
    """Each witness gives its own line; only together do they make the quorum, and a greater one without it waits."""
    notes = [cosigned(12, "w1"), cosigned(9, "w2"), cosigned(9, "w3"), cosigned(7, "w1", "w2")]
    continued, opened = greatest(notes, POLICY, OLD.origin, NEW)
    assert (continued.size, sorted(opened.witnesses)) == (9, ["w2", "w3"])


@pytest.mark.parametrize(
    "notes,kind,code",
    [
        ([], NotFound, "checkpoint_missing"),
        ([cosigned(12, "w1"), cosigned(9, "w2")], Forbidden, "policy_unsatisfied"),
        (
            [cosigned(12, "w1", "w2"), cosigned(12, "w3", log=Log(origin=OLD.origin, history="another"))],
            Conflict, "checkpoints_differ",
        ),
    ],
)  # fmt: skip
def test_no_checkpoint_is_made_up(notes: Sequence[str], kind: type[DomainError], code: str) -> None:
    """None there, none with a quorum, or two histories of one size: an operator must see to it."""
    with pytest.raises(kind) as refused:
        greatest(notes, POLICY, OLD.origin, NEW)
    assert refused.value.code == code


def test_keys_can_be_named_without_a_policy() -> None:
    """Then nobody need have cosigned; a key that the policy has already is not there twice."""
    alone = believing(None, OLD.keys)
    assert cited(OLD.note(9), alone, old_origin(alone, None), NEW)[1].witnesses == {}
    assert believing(POLICY, [parse_vkey(OLD.vkey)]) == POLICY


@pytest.mark.parametrize(
    "ask,code",
    [
        (lambda: believing(None, []), "log_unknown"),
        (lambda: old_origin(believing(POLICY, OTHER.keys), None), "origin_ambiguous"),
        (lambda: old_origin(POLICY, OTHER.origin), "origin_unknown"),
        (lambda: read_note(b"\xff"), "checkpoint_unreadable"),
        (lambda: read_note(bytes(NOTE_BYTES_MAX + 1)), "checkpoint_unreadable"),
    ],
)  # fmt: skip
def test_what_is_asked_for_must_be_clear(ask: Callable[[], object], code: str) -> None:
    """No key, several logs, a stranger's origin, a file that is no note."""
    with pytest.raises(Invalid) as refused:
        ask()
    assert refused.value.code == code


def test_only_its_two_members_are_read() -> None:
    """Fewer or more are another event."""
    for members in ({}, {"origin": OLD.origin}, {"origin": OLD.origin, "checkpoint": OLD.note(9), "more": 1}):
        with pytest.raises(NoteError) as refused:
            read_continued(members, NEW)
        assert refused.value.code == "continued_malformed"
