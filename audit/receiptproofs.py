"""Proofs that an event is one of those a receipt stands for, without the others of its save (event-format §4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audit.canonical import INTEGER_MAX, JsonObject, JsonValue
from audit.checkpoints import Receipt
from audit.errors import NoteError, ProofError
from audit.events import read_header
from audit.logproofs import PATH_MAX, check_place
from audit.merkle import leaf_hash, verify_inclusion
from audit.note import open_note
from audit.signatures import ED25519, Verifier

__all__ = ["ProofError", "ReceiptProof", "open_receipt"]

_HASH_TEXT = re.compile(r"[0-9a-f]{64}")


def open_receipt(note: str, verifier: Verifier) -> Receipt:
    """Return the receipt that this key signed, which is named and typed as the key of receipts is.

    Raises NoteError with code `receipt_key` for a key of another name or type, and as `open_note`, `Receipt.parse`.
    """
    text, _ = open_note(note, (verifier,))
    receipt = Receipt.parse(text)
    if verifier.name != receipt.key_name or verifier.type != ED25519:
        raise NoteError("The receipt is signed by another key than the ledger's.", code="receipt_key")
    return receipt


@dataclass(frozen=True, slots=True)
class ReceiptProof:
    """The event at `index`, from 0, of a save, and its audit path among the save's headers."""

    index: int
    path: tuple[bytes, ...]
    receipt: str
    """The note as the ledger gave it."""

    def to_json(self) -> JsonObject:
        """Return the proof in JSON: `{index, path, receipt}`, hashes in hex."""
        return {"index": self.index, "path": [node.hex() for node in self.path], "receipt": self.receipt}

    @classmethod
    def from_json(cls, value: JsonValue) -> ReceiptProof:
        """Read exactly what `to_json` writes. Raises ProofError with code `receipt_proof_malformed`."""
        match value:
            case {"index": int(index), "path": [*path], "receipt": str(receipt), **rest} if not rest:
                hashes = [node for node in path if isinstance(node, str) and _HASH_TEXT.fullmatch(node)]
                fits = 0 <= index <= INTEGER_MAX and not isinstance(index, bool) and len(path) <= PATH_MAX
                if fits and len(hashes) == len(path):
                    return cls(index, tuple(map(bytes.fromhex, hashes)), receipt)
        raise ProofError("This is no proof from a receipt.", code="receipt_proof_malformed")

    def verify(self, header: bytes, verifier: Verifier) -> Receipt:
        """Check that the header is the one at `index` of the receipt's save, at the position it names.

        Raises NoteError as `open_receipt`, EventInvalid or CanonicalError for bytes that are no header, ProofError with
        code `proof_place` or as `verify_inclusion`.
        """
        receipt = open_receipt(self.receipt, verifier)
        check_place(read_header(header), receipt.origin, receipt.first + self.index)
        verify_inclusion(leaf_hash(header), self.index, receipt.count, self.path, receipt.root)
        return receipt
