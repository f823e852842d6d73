"""Ledger keys handed on: the old signs the new, at the door and for whoever verifies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from api.client import Credentials
from application.rights import allowed
from audit.checkpoints import Checkpoint, Receipt
from audit.cosignatures import cosigner_vkey
from audit.errors import NoteError
from audit.histories import read_histories
from audit.keys import public_bytes
from audit.note import parse_vkey, sign_note, split_note, vkey
from audit.rotation import check_rotation, make_rotation
from audit.verdicts import CODES
from audit.whole import Report
from domain.errors import Invalid
from infrastructure.receipts import ReceiptSigner
from tests.support.forging import forged
from tests.support.rehearsal import ORIGIN, Rehearsal, name, private_key
from tests.support.stored import Stored

RECEIPTS = f"{ORIGIN}/receipt"
Events = list[tuple[dict[str, Any], dict[str, Any]]]


def receipt_vkey(label: str) -> str:
    """Give the verifier key of receipts that a label always has."""
    return vkey(RECEIPTS, public_bytes(private_key(label).public_key()))


def checkpoint_vkey(label: str) -> str:
    """Give the verifier key of checkpoints that a label always has."""
    return vkey(ORIGIN, public_bytes(private_key(label).public_key()))


def broken(report: Report) -> set[str]:
    """Give the codes of what breaks integrity or completeness."""
    return {code for code in report.counts if CODES[code][0] in {"integrity", "completeness"}}


def publish(ledger: Rehearsal, who: Credentials, label: str) -> None:
    """Write a save of one event: an agent of the operator's."""
    ledger.act(who, "agent.enrol", {"id": name("agent", label), "party": who.party, "role": "worker"})


@pytest.fixture
def administrator() -> tuple[Rehearsal, Credentials]:
    """A ledger with its administrator, who wrote one save."""
    ledger = Rehearsal()
    who = ledger.begin()
    publish(ledger, who, "one")
    return ledger, who


def signers(stored: Stored) -> list[str]:
    """Say who signed each receipt."""
    found = []
    for row in stored.receipts:
        line = split_note(row.note)[1][0]
        labels = [
            label for label in ("receipt", "second", "third")
            if signed(label, row.first, _leaves(stored, row.first, row.events)) == row.note
        ]  # fmt: skip
        found.append(labels[0] if labels else line)
    return found


def signed(label: str, first: int, leaves: list[bytes]) -> str:
    """Give the receipt by the key of a label."""
    return ReceiptSigner(ORIGIN, private_key(label)).sign(first, leaves)


def _leaves(stored: Stored, first: int, count: int) -> list[bytes]:
    return [row.leaf for row in stored.events[first - 1 : first - 1 + count]]


# ------------------------------------------------------------------------------------------------ what holds


def test_the_new_key_signs_from_the_next_save_on(administrator: tuple[Rehearsal, Credentials]) -> None:
    """The rotation itself is receipted by the old key; twice handed on, all of it verifies."""
    ledger, who = administrator
    ledger.act(who, "ledger.rotate_key", ledger.hand_on("second"))
    publish(ledger, who, "two")
    ledger.act(who, "ledger.rotate_key", ledger.hand_on("third"))
    publish(ledger, who, "three")
    stored = ledger.stored()
    assert signers(stored) == ["receipt", "receipt", "receipt", "second", "second", "third"]
    assert broken(stored.verify()) == set()
    for page in (1, 2, 3):
        assert broken(ledger.stored().verify(page=page)) == set()


def test_a_receipt_by_a_retired_key_is_found(administrator: tuple[Rehearsal, Credentials]) -> None:
    """After the rotation the old key's receipts hold no more, and before it the new one's do not yet."""
    ledger, who = administrator
    ledger.act(who, "ledger.rotate_key", ledger.hand_on("second"))
    publish(ledger, who, "two")
    for at, label in ((-1, "receipt"), (-2, "second"), (0, "second")):
        stored = ledger.stored()
        row = stored.receipts[at]
        leaves = _leaves(stored, row.first, row.events)
        stored.receipts[at] = row._replace(note=signed(label, row.first, leaves))
        assert broken(stored.verify()) == {"receipt"}


def test_a_rotation_that_the_old_key_did_not_sign_is_found(administrator: tuple[Rehearsal, Credentials]) -> None:
    """An administrator's request, a changed server and a new receipt key are not enough."""
    ledger, who = administrator
    forger = private_key("second")
    said = make_rotation(forger, origin=ORIGIN, use="receipt", keys=[receipt_vkey("second")])
    ledger.hand_on("second")
    with patch("application.ledgers.check_rotation"):
        ledger.act(who, "ledger.rotate_key", said)
    publish(ledger, who, "two")
    report = ledger.stored().verify()
    assert (broken(report), report.counts["key_rotation"]) == ({"key_rotation"}, 1)


def test_a_rotation_changed_afterwards_is_found(administrator: tuple[Rehearsal, Credentials]) -> None:
    """Who has the ledger's keys of before and of after, and not the administrator's, hands on to no other."""
    ledger, who = administrator
    ledger.act(who, "ledger.rotate_key", ledger.hand_on("second"))

    def edit(events: Events) -> None:
        new = make_rotation(private_key("receipt"), origin=ORIGIN, use="receipt", keys=[receipt_vkey("third")])
        events[-1][1]["said"] = new

    assert "said" in broken(forged(ledger.stored(), edit, private_key("receipt")).verify())


def test_only_a_request_hands_on_a_key(administrator: tuple[Rehearsal, Credentials]) -> None:
    """Evidence of another kind does not carry a rotation, soundly signed or not."""
    ledger, who = administrator
    ledger.act(who, "ledger.rotate_key", ledger.hand_on("second"))

    def edit(events: Events) -> None:
        events[-1][0]["author"]["evidence"][0]["kind"] = "timer"

    assert "key_rotation" in broken(forged(ledger.stored(), edit, private_key("receipt")).verify())


def test_checkpoint_keys_are_read_with_the_size_from_which_they_hold(
    administrator: tuple[Rehearsal, Credentials]
) -> None:  # fmt: skip
    """The context tells both uses apart, and receipts go on under their own key."""
    ledger, who = administrator
    new = [checkpoint_vkey("next"), cosigner_vkey(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes(32)))]
    ledger.act(
        who, "ledger.rotate_key", make_rotation(private_key("checkpoint"), origin=ORIGIN, use="checkpoint", keys=new)
    )
    publish(ledger, who, "two")
    stored = ledger.stored()
    assert broken(stored.verify()) == set()
    position = stored.events[-2].position
    rows = [(row.position, row.header, row.body) for row in stored.events if row.stream == "ledger"]
    context = read_histories(ORIGIN, rows).context
    assert context.checkpoints == ((0, (checkpoint_vkey("checkpoint"),)), (position, tuple(new)))
    assert context.receipts == ((0, receipt_vkey("receipt")),)


# ------------------------------------------------------------------------------------------------ what is refused

OLD = private_key("receipt")


def _said(label: str = "second", use: str = "receipt", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return make_rotation(OLD, origin=ORIGIN, use=use, keys=[receipt_vkey(label)]) | more


SECOND, THIRD = receipt_vkey("second"), receipt_vkey("third")
STRANGER = private_key("third")
PLAIN = checkpoint_vkey("next")
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another signer": (make_rotation(STRANGER, origin=ORIGIN, use="receipt", keys=[SECOND]), "note_unsigned"),
    "another ledger": (make_rotation(OLD, origin=f"{ORIGIN}/x", use="receipt", keys=[SECOND]), "note_unsigned"),
    "another key": (_said(keys=[THIRD]), "note_signature"),
    "the same key": (_said("receipt"), "key_used"),
    "another use": (make_rotation(OLD, origin=ORIGIN, use="checkpoint", keys=[PLAIN]), "note_unsigned"),
    "another name": (_said(keys=[PLAIN]), "rotation_invalid"),
    "two keys": (_said(keys=[SECOND, THIRD]), "rotation_invalid"),
    "no vkey": (_said(keys=["x"]), "vkey_malformed"),
    "no line": (_said(signed="x"), "shape_invalid"),
    "no signature": (_said(signed="— x AAAA"), "note_malformed"),
}  # fmt: skip


@pytest.mark.parametrize("said,code", REFUSED.values(), ids=REFUSED.keys())
def test_the_door_refuses_what_the_old_key_did_not_sign(
    administrator: tuple[Rehearsal, Credentials], said: dict[str, Any], code: str
) -> None:
    """Nothing is written of it, and receipts go on under the key in force."""
    ledger, who = administrator
    before = len(ledger.performed)
    with pytest.raises(Invalid) as refused:
        ledger.act(who, "ledger.rotate_key", said)
    assert (refused.value.code, len(ledger.performed)) == (code, before)


def test_a_key_is_not_taken_up_again(administrator: tuple[Rehearsal, Credentials]) -> None:
    """What a retired key once signed cannot be used a second time."""
    ledger, who = administrator
    ledger.act(who, "ledger.rotate_key", ledger.hand_on("second"))
    with pytest.raises(Invalid) as refused:
        ledger.act(who, "ledger.rotate_key", ledger.hand_on("receipt"))
    assert refused.value.code == "key_used"


@pytest.mark.parametrize(
    "change",
    [
        lambda said: {member: said[member] for member in ("keys", "signed")}, lambda said: said | {"use": ["x"]},
        lambda said: said | {"use": "cosigner"},
        lambda said: said | {"keys": "x"}, lambda said: said | {"keys": [1]}, lambda said: said | {"keys": []},
        lambda said: said | {"signed": None}, lambda said: said | {"signed": said["signed"] + "\n" + said["signed"]},
    ],
)  # fmt: skip
def test_other_members_are_no_rotation(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Whatever JSON stands there, the refusal is a typed one."""
    with pytest.raises(NoteError) as refused:
        check_rotation(change(_said()), origin=ORIGIN, old=[receipt_vkey("receipt")], used=[])
    assert refused.value.code == "rotation_invalid"


def test_a_cosigner_is_not_dropped() -> None:
    """Where checkpoints are cosigned against the quantum computer they go on being so."""
    old = [checkpoint_vkey("checkpoint"), cosigner_vkey(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes(32)))]
    said = make_rotation(private_key("checkpoint"), origin=ORIGIN, use="checkpoint", keys=[PLAIN])
    check_rotation(said, origin=ORIGIN, old=old[:1], used=old)
    with pytest.raises(NoteError) as refused:
        check_rotation(said, origin=ORIGIN, old=old, used=old)
    assert refused.value.code == "rotation_invalid"


def test_what_the_old_key_signs_is_neither_receipt_nor_checkpoint() -> None:
    """The text has a form of its own, so that neither can be made of the other."""
    text, line = "", ""
    for use, label in (("receipt", "receipt"), ("checkpoint", "checkpoint")):
        key = SECOND if use == "receipt" else PLAIN
        said = make_rotation(private_key(label), origin=ORIGIN, use=use, keys=[key])
        text, line = f"liftledger key rotation v1\n{ORIGIN}\n{use}\n{key}\n", said["signed"]
        signer = RECEIPTS if use == "receipt" else ORIGIN
        assert sign_note(text, signer, private_key(label)) == f"{text}\n{line}\n"
        for parse in (Checkpoint.parse, Receipt.parse):
            with pytest.raises(NoteError):
                parse(text)
    assert parse_vkey(PLAIN).verify(text.encode(), b"") is False


def test_only_the_operator_may() -> None:
    """The right is the operator's."""
    assert allowed("ledger.rotate_key", "operator", frozenset())
    assert not allowed("ledger.rotate_key", "insurer", frozenset())
