"""What the lines under a signed note are made of: key names, key ids, verifier keys, and Ed25519 (C2SP signed-note).

A line is `— <name> <base64 of key id and signature>`. The types that carry a time are in `audit.cosignatures`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature

from audit.base64text import decode_standard, encode_standard
from audit.errors import NoteError
from audit.keys import load_ed25519

__all__ = [
    "ED25519",
    "NoteError",
    "Verifier",
    "check_key_name",
    "check_text",
    "format_line",
    "key_id",
    "parse_line",
    "split_vkey",
    "verifier",
    "vkey",
]

ED25519 = 0x01  # signature type of C2SP signed-note

_KEY_ID_BYTES = 4
_DASH = "\u2014 "
_KEY_NAME = re.compile(r"[^\s+\x00-\x1f\x7f\ud800-\udfff]+")
_FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")  # controls of ASCII but the newline; no UTF-8
_VKEY_ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key that may have signed a note: its name, its id, and how it verifies.

    `verify(text, signature)` takes the note's text and the bytes after the key id, and says whether they hold.
    `timed` says that the signature is a cosignature and begins with its time (`audit.cosignatures`).
    """

    name: str
    key_id: bytes
    verify: Callable[[bytes, bytes], bool] = field(repr=False, compare=False)
    type: int = ED25519
    public_key: bytes = field(default=b"", repr=False)
    timed: bool = False


def key_id(name: str, public_key: bytes, signature_type: int = ED25519) -> bytes:
    """Return the first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key) (signed-note, “Signatures”)."""
    return sha256(name.encode() + bytes([0x0A, signature_type]) + public_key).digest()[:_KEY_ID_BYTES]


def vkey(name: str, public_key: bytes, signature_type: int = ED25519) -> str:
    """Return a verifier key as text, `<name>+<hex id>+<base64 of type and key>` (signed-note, “Verifier keys”)."""
    check_key_name(name)
    id_text = key_id(name, public_key, signature_type).hex()
    return f"{name}+{id_text}+{encode_standard(bytes([signature_type]) + public_key)}"


def split_vkey(text: str) -> tuple[str, int, bytes]:
    """Return name, signature type and public key of a verifier key, whose id and base64 are right to the letter.

    Raises NoteError with code `vkey_malformed`.
    """
    name, _, rest = text.partition("+")
    id_text, _, key_text = rest.partition("+")
    data = decode_standard(key_text)
    if not (_KEY_NAME.fullmatch(name) and _VKEY_ID.fullmatch(id_text) and data):
        raise NoteError("This is no verifier key.", code="vkey_malformed")
    if key_id(name, data[1:], data[0]).hex() != id_text:
        raise NoteError("The id of the verifier key is not its own.", code="vkey_malformed")
    return name, data[0], data[1:]


def verifier(name: str, public_key: bytes) -> Verifier:
    """Return the verifier of 32 bytes of Ed25519, type 0x01. Raises KeyRefused for a malformed or weak key."""
    check_key_name(name)
    key = load_ed25519(public_key)

    def verify(text: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, text)
        except InvalidSignature:
            return False
        return True

    return Verifier(name, key_id(name, public_key), verify, ED25519, public_key)


def format_line(name: str, id_: bytes, signature: bytes) -> str:
    """Return a signature line, with its newline."""
    return f"{_DASH}{name} {encode_standard(id_ + signature)}\n"


def parse_line(line: str) -> tuple[str, bytes, bytes]:
    """Return name, key id and signature of one line without its newline. Raises NoteError."""
    name, _, blob = line.removeprefix(_DASH).partition(" ")
    data = decode_standard(blob)
    if not line.startswith(_DASH) or not _KEY_NAME.fullmatch(name) or data is None or len(data) <= _KEY_ID_BYTES:
        raise NoteError("A signature line is malformed.")
    return name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:]


def check_text(text: str) -> None:
    """Refuse what cannot be the text of a note. Raises NoteError."""
    if not text.endswith("\n") or _FORBIDDEN.search(text):
        raise NoteError("The text of a note ends in a newline and holds no other control character.")


def check_key_name(name: str) -> None:
    """Refuse a name that would break a line. Raises NoteError with code `note_key_name`."""
    if not _KEY_NAME.fullmatch(name):
        raise NoteError("A key's name is not empty and holds neither blank nor plus sign.", code="note_key_name")
