"""A ledger key handed on: `ledger.KeyRotated`, in which the old key signs the new one (event-format §5, §7).

The request of an administrator holds the new verifier keys and one signature line of the old key over a text that
names them. The text is of a form of its own: it can be read neither as a checkpoint nor as a receipt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.cosignatures import ML_DSA_44_COSIGNATURE
from audit.errors import NoteError
from audit.note import ED25519, open_signatures, parse_vkey, signature_line

__all__ = ["CHECKPOINT", "RECEIPT", "check_rotation", "make_rotation"]

RECEIPT: Final = "receipt"
CHECKPOINT: Final = "checkpoint"
_TITLE: Final = "liftledger key rotation v1"
_TYPES: Final[Mapping[str, Sequence[int]]] = {RECEIPT: (ED25519,), CHECKPOINT: (ED25519, ML_DSA_44_COSIGNATURE)}
"""Signature types of each use, in order; of the second use those after the first may be missing."""


def make_rotation(private: Ed25519PrivateKey, *, origin: str, use: str, keys: Sequence[str]) -> dict[str, Any]:
    """Give what is to be said: the new verifier keys, and the line by which the old key signs them."""
    line = signature_line(_text(origin, use, keys), _name(origin, use), private)
    return {"use": use, "keys": list(keys), "signed": line.rstrip("\n")}


def check_rotation(said: Mapping[str, Any], *, origin: str, old: Sequence[str], used: Collection[str]) -> None:
    """Check that the key in force, the first of `old`, signed these new ones; `used` are all that the ledger ever had.

    Raises NoteError: `rotation_invalid` for other members, names, types or numbers of keys, or fewer than before;
    `key_used` for one that was in force before; `note_unsigned` and `note_signature` unless the old key signed.
    """
    use, keys, signed = (said.get(name) for name in ("use", "keys", "signed"))
    if not isinstance(use, str) or use not in _TYPES or not isinstance(keys, list):
        raise NoteError("A rotation says use, keys and the old key's line.", code="rotation_invalid")
    if not isinstance(signed, str) or "\n" in signed:
        raise NoteError("A rotation says use, keys and the old key's line.", code="rotation_invalid")
    types = _TYPES[use]
    if not len(old) <= len(keys) <= len(types) or not keys or not old:
        raise NoteError("A rotation hands on each key of its use.", code="rotation_invalid", keys=len(keys))
    for key, type_ in zip(keys, types, strict=False):
        if not isinstance(key, str) or parse_vkey(key, (type_,)).name != _name(origin, use):
            raise NoteError("The new key is not one for its use.", code="rotation_invalid")
        if key in used:
            raise NoteError("The new key was in force before.", code="key_used")
    open_signatures(f"{_text(origin, use, keys)}\n{signed}\n", [parse_vkey(old[0], (ED25519,))])


def _name(origin: str, use: str) -> str:
    return f"{origin}/receipt" if use == RECEIPT else origin


def _text(origin: str, use: str, keys: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in (_TITLE, origin, use, *keys))
