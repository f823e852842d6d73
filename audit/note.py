"""Signed notes after C2SP signed-note v1.0.0: signing, verifier keys of every type, and opening.

A note is a text that ends in a newline, an empty line, and signature lines `— <name> <base64 of key id and signature>`.
Lines by unknown keys are ignored, so that keys can be added and rotated; a bad line by a known key refuses the note.
What stands in the text is in `audit.checkpoints`, and what under it in `audit.signatures` and `audit.cosignatures`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoints import ORIGIN_CHARS_MAX, Checkpoint, Receipt, check_origin
from audit.cosignatures import (
    ED25519_COSIGNATURE,
    ML_DSA_44_COSIGNATURE,
    ed25519_cosigner,
    ml_dsa_44_cosigner,
    time_of,
)
from audit.errors import KeyRefused, NoteError
from audit.keys import public_bytes
from audit.signatures import (
    ED25519,
    Verifier,
    check_key_name,
    check_text,
    format_line,
    key_id,
    parse_line,
    split_vkey,
    verifier,
    vkey,
)

__all__ = [
    "ED25519",
    "NOTE_BYTES_MAX",
    "ORIGIN_CHARS_MAX",
    "SIGNATURES_MAX",
    "SIGNATURE_TYPES",
    "Checkpoint",
    "NoteError",
    "Receipt",
    "Signature",
    "Verifier",
    "check_origin",
    "key_id",
    "open_note",
    "open_signatures",
    "parse_vkey",
    "sign_note",
    "signature_line",
    "split_note",
    "verifier",
    "vkey",
]

NOTE_BYTES_MAX = 256 * 1024
SIGNATURES_MAX = 100  # signed-note asks for 16 at the least

_LOADERS = {ED25519: verifier, ED25519_COSIGNATURE: ed25519_cosigner, ML_DSA_44_COSIGNATURE: ml_dsa_44_cosigner}
SIGNATURE_TYPES = frozenset(_LOADERS)


@dataclass(frozen=True, slots=True)
class Signature:
    """A line by a known key that holds; `time` is that of a cosignature, in POSIX seconds, 0 if it says none."""

    verifier: Verifier
    time: int | None


def parse_vkey(text: str, types: Collection[int] = SIGNATURE_TYPES) -> Verifier:
    """Read a verifier key of one of these signature types, whose id and base64 must be right to the letter.

    Raises NoteError with code `vkey_malformed`, `vkey_type` for another signature type, `vkey_key` for a bad key.
    """
    name, type_, public_key = split_vkey(text)
    if type_ not in types or type_ not in _LOADERS:
        raise NoteError("The verifier key is of another type.", code="vkey_type", type=type_)
    try:
        return _LOADERS[type_](name, public_key)
    except KeyRefused as error:
        raise NoteError("The verifier key holds no sound key.", code="vkey_key", reason=error.code) from error


def signature_line(text: str, name: str, private: Ed25519PrivateKey) -> str:
    """Return the line by which a key signs the text of a note, type 0x01, with its newline."""
    check_text(text)
    check_key_name(name)
    return format_line(name, key_id(name, public_bytes(private.public_key())), private.sign(text.encode()))


def sign_note(text: str, name: str, private: Ed25519PrivateKey) -> str:
    """Return the text as a note signed by one key; further lines may be appended to it (`signature_line`, `cosign`).

    The text ends in a newline and holds no other control character. Raises NoteError with code `note_malformed`.
    """
    return f"{text}\n{signature_line(text, name, private)}"


def open_note(note: str, verifiers: Iterable[Verifier]) -> tuple[str, list[str]]:
    """Return the text and the names of the known keys that signed it, in the order of their lines and at least one.

    Raises NoteError as `open_signatures`.
    """
    text, signatures = open_signatures(note, verifiers)
    return text, list(dict.fromkeys(each.verifier.name for each in signatures))


def open_signatures(note: str, verifiers: Iterable[Verifier]) -> tuple[str, list[Signature]]:
    """Return the text and the signatures by known keys, in the order of their lines and at least one.

    Raises NoteError with code `note_too_large`, `note_malformed`, `note_signature` for a bad signature by a known key,
    `note_unsigned` if no known key signed, `note_key_ambiguous` if two verifiers have one name and id.
    """
    known: dict[tuple[str, bytes], Verifier] = {}
    for each in verifiers:
        if known.setdefault((each.name, each.key_id), each) is not each:
            raise NoteError("Two verifiers have one name and id.", code="note_key_ambiguous", name=each.name)
    text, lines = split_note(note)
    signed, found = text.encode(), []
    for line in lines:
        name, line_id, signature = parse_line(line)
        signer = known.get((name, line_id))
        if signer is None:
            continue
        if not signer.verify(signed, signature):
            raise NoteError("A known key did not sign this text.", code="note_signature", name=name)
        found.append(Signature(signer, time_of(signature) if signer.timed else None))
    if not found:
        raise NoteError("No known key signed this note.", code="note_unsigned", signatures=len(lines))
    return text, found


def split_note(note: str) -> tuple[str, list[str]]:
    """Part the text, which keeps its last newline, from the signature lines after the last empty line, unverified.

    Raises NoteError with code `note_too_large` or `note_malformed`.
    """
    try:
        size = len(note.encode())
    except UnicodeEncodeError:
        raise NoteError("The note is not UTF-8.") from None
    if size > NOTE_BYTES_MAX:
        raise NoteError("The note is too large.", code="note_too_large", bytes=size, bytes_max=NOTE_BYTES_MAX)
    body, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise NoteError("A note is a text, an empty line, and signature lines.")
    text, lines = body + "\n", signatures[:-1].split("\n")
    check_text(text)
    if len(lines) > SIGNATURES_MAX:
        raise NoteError("The note has too many signatures.", signatures=len(lines), signatures_max=SIGNATURES_MAX)
    return text, lines
