"""A receipt as it is stored: the note over one save that the ledger's receipt key signed (event-format §4)."""

from __future__ import annotations

from audit.base64text import decode_standard, encode_standard
from audit.note import Verifier
from audit.pages import ReceiptRow

__all__ = ["fault_of"]


def fault_of(key: Verifier, receipt: ReceiptRow, root: bytes) -> str | None:
    """Say what is wrong with a receipt over the events of this root, `text` or `signature`; None if nothing is.

    A stored receipt has one signature and one spelling.
    """
    name, note = key.name, receipt.note
    text = f"{name}\n{receipt.first} {receipt.events}\n{encode_standard(root)}\n"
    head = f"{text}\n\u2014 {name} "
    if not note.startswith(head) or not note.endswith("\n"):
        return "text"
    signature = decode_standard(note[len(head) : -1])
    if signature is None or signature[:4] != key.key_id or not key.verify(text.encode(), signature[4:]):
        return "signature"
    return None
