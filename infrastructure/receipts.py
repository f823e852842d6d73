"""Signs receipts: one signed note a save, over the root of its headers alone (event-format §4)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import merkle, note
from audit.keys import public_bytes


class ReceiptSigner:
    """The receipt key of one ledger; what is the same in every receipt is worked out once.

    Its notes equal `note.sign_note(note.Receipt(…).text(), …)` byte for byte; a test holds the two together.
    """

    def __init__(self, origin: str, private: Ed25519PrivateKey) -> None:
        """Take the origin and its receipt key. Raises NoteError `origin_invalid`."""
        self.origin = note.check_origin(origin)
        name = f"{origin}/receipt"
        self.vkey = note.vkey(name, public_bytes(private.public_key()))
        self._head = f"{name}\n"
        self._signature = f"\n\u2014 {name} "
        self._key_id = note.key_id(name, public_bytes(private.public_key()))
        self._sign = private.sign

    def sign(self, first: int, leaves: Sequence[bytes]) -> str:
        """Give the receipt of a save whose events stand from position `first` on, as a signed note."""
        root = leaves[0] if len(leaves) == 1 else merkle.root(leaves)
        text = f"{self._head}{first} {len(leaves)}\n{b64encode(root).decode()}\n"
        signature = b64encode(self._key_id + self._sign(text.encode())).decode()
        return f"{text}{self._signature}{signature}\n"
