"""Proofs that one event of a save is among those of its receipt."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.cosignatures import ed25519_cosigner
from audit.errors import AuditError, CanonicalError, NoteError, ProofError
from audit.keys import public_bytes
from audit.logproofs import PATH_MAX
from audit.merkle import inclusion_path, leaf_hash
from audit.note import Receipt, parse_vkey, sign_note, verifier
from audit.receiptproofs import ReceiptProof, open_receipt
from tests.support.stored import VECTORS

TOLD = json.loads(VECTORS.read_text(encoding="utf-8"))
ORIGIN = TOLD["origin"]
KEY = parse_vkey(TOLD["vkeys"]["receipt"])
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(TOLD["seeds"]["receipt"]))
SAVE = TOLD["saves"][0]
HEADERS = [event["header"].encode() for event in SAVE["events"]]
LEAVES = [leaf_hash(header) for header in HEADERS]


def proof_of(index: int) -> ReceiptProof:
    """Make the proof of an event of the first save."""
    return ReceiptProof(index, tuple(inclusion_path(LEAVES, index)), SAVE["receipt"])


def refused(work: Callable[[], object], code: str, kind: type[AuditError] = ProofError) -> None:
    """Check that an error of this kind has this code."""
    with pytest.raises(kind) as caught:
        work()
    assert caught.value.code == code


@pytest.mark.parametrize("save", [save for save in TOLD["saves"] if save["receipt"]], ids=lambda save: save["kind"])
def test_every_event_of_every_save_is_proven(save: dict[str, Any]) -> None:
    """Header, place, path and receipt are enough; the other headers of the save stay unseen."""
    headers = [event["header"].encode() for event in save["events"]]
    leaves = [leaf_hash(header) for header in headers]
    for index, header in enumerate(headers):
        made = ReceiptProof(index, tuple(inclusion_path(leaves, index)), save["receipt"])
        receipt = ReceiptProof.from_json(made.to_json()).verify(header, KEY)
        assert (receipt.origin, receipt.count) == (ORIGIN, len(headers))


def test_a_proof_holds_for_its_event_only() -> None:
    """Another event, place or path is refused, each by its code."""
    proof = proof_of(1)
    refused(lambda: proof.verify(HEADERS[2], KEY), "proof_place")
    refused(lambda: replace(proof, index=2).verify(HEADERS[1], KEY), "proof_place")
    refused(lambda: proof_of(2).verify(HEADERS[1], KEY), "proof_place")
    refused(lambda: replace(proof, path=proof.path[::-1]).verify(HEADERS[1], KEY), "proof_root")
    refused(lambda: replace(proof, path=proof.path[1:]).verify(HEADERS[1], KEY), "proof_length")
    refused(lambda: proof.verify(HEADERS[1].replace(b'"seq":null', b'"seq":7'), KEY), "proof_root")
    with pytest.raises(CanonicalError):
        proof.verify(b"no header", KEY)


def test_an_event_beyond_the_save_is_refused() -> None:
    """A place that the receipt does not count is none, whatever the header names."""
    short = sign_note(Receipt(ORIGIN, 1, 1, LEAVES[0]).text(), f"{ORIGIN}/receipt", PRIVATE)
    refused(lambda: ReceiptProof(1, (), short).verify(HEADERS[1], KEY), "proof_range")


def test_only_the_ledgers_receipt_key_signs_receipts() -> None:
    """Its name is the origin's with `/receipt`, its type 0x01; others and forged notes are refused."""
    assert open_receipt(SAVE["receipt"], KEY).first == 1
    public = public_bytes(PRIVATE.public_key())
    other = sign_note(Receipt(ORIGIN, 1, 4, LEAVES[0]).text(), "other.example/receipt", PRIVATE)
    refused(lambda: open_receipt(other, verifier("other.example/receipt", public)), "receipt_key", NoteError)
    refused(lambda: open_receipt(SAVE["receipt"].replace("1 4", "1 5"), KEY), "note_signature", NoteError)
    refused(lambda: open_receipt(SAVE["receipt"], ed25519_cosigner(KEY.name, public)), "note_unsigned", NoteError)
    refused(
        lambda: open_receipt(TOLD["checkpoint"], parse_vkey(TOLD["vkeys"]["checkpoint"])),
        "receipt_malformed",
        NoteError,
    )


GOOD: Any = proof_of(1).to_json()


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, "proof", {**GOOD, "more": 1}, {**GOOD, "index": -1}, {**GOOD, "index": "1"},
        {**GOOD, "index": True}, {**GOOD, "index": 2**53}, {**GOOD, "path": "00" * 32}, {**GOOD, "path": ["00" * 31]},
        {**GOOD, "path": ["0A" * 32]}, {**GOOD, "path": [1]}, {**GOOD, "path": ["00" * 32] * (PATH_MAX + 1)},
        {**GOOD, "receipt": None}, {name: GOOD[name] for name in ("index", "path")},
    ],
)  # fmt: skip
def test_json_with_another_spelling_is_refused(value: Any) -> None:  # noqa: ANN401 - JSON
    """Members, types, case and number."""
    refused(lambda: ReceiptProof.from_json(value), "receipt_proof_malformed")
