"""Cosignatures of checkpoints by witnesses, and by the log itself after the quantum computer (C2SP tlog-cosignature).

A cosignature is a line under a checkpoint whose signature begins with the time it was made, POSIX seconds in eight
bytes. Type 0x04 is Ed25519 over `cosignature/v1`, the time and the whole text; type 0x06 is ML-DSA-44 (FIPS 204) over a
`cosigned_message` that names the cosigner and covers the first three lines only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from audit.base64text import decode_standard
from audit.errors import KeyRefused, NoteError
from audit.keys import load_ed25519, public_bytes
from audit.merkle import HASH_BYTES
from audit.signatures import Verifier, check_key_name, check_text, format_line, key_id, vkey

__all__ = [
    "ED25519_COSIGNATURE",
    "ML_DSA_44_COSIGNATURE",
    "TIME_MAX",
    "CosignerPrivateKey",
    "cosign",
    "cosigned_message",
    "cosigner_vkey",
    "ed25519_cosigner",
    "ml_dsa_44_cosigner",
    "time_of",
]

ED25519_COSIGNATURE = 0x04
ML_DSA_44_COSIGNATURE = 0x06
TIME_MAX = 2**63 - 1

CosignerPrivateKey = Ed25519PrivateKey | MLDSA44PrivateKey

_TIME_BYTES = 8
_INDEX_MAX = 2**64 - 1
_VECTOR_BYTES_MAX = 255  # opaque <1..2^8-1>
_ML_DSA_44_KEY_BYTES = 1312
_ML_DSA_44_SEED_BYTES = 32  # of the public key; the rest is the vector t1
_LABEL = b"subtree/v1\n\x00"
_COUNTER = re.compile(r"0|[1-9][0-9]{0,19}")


@dataclass(frozen=True, slots=True)
class _Tree:
    """The first three lines of any log's checkpoint (tlog-checkpoint, “Note text”)."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> _Tree:
        """Read the text of a checkpoint, with or without extension lines. Raises NoteError."""
        match text.split("\n"):
            case [origin, size, root_text, *extensions, ""] if all((origin, size, *extensions)):
                root = decode_standard(root_text)
                if _COUNTER.fullmatch(size) and int(size) <= _INDEX_MAX and root and len(root) == HASH_BYTES:
                    return cls(origin, int(size), root)
        raise NoteError("Only a checkpoint is cosigned.", code="checkpoint_malformed")


def cosigned_message(name: str, time: int, origin: str, start: int, end: int, root: bytes) -> bytes:
    """Return what an ML-DSA-44 cosigner signs of the subtree [start, end): a `cosigned_message`.

    tlog-cosignature, “ML-DSA-44 signed message”. Of a checkpoint `start` is 0 and `end` its size. Raises NoteError with
    code `cosignature_range` or `cosignature_time`: a subtree that does not start at 0 has time 0.
    """
    _check_time(time)
    if start and time:
        raise NoteError("Only of a whole tree it is said when it was the largest.", code="cosignature_time")
    names = [part.encode() for part in (name, origin)]
    if not all(1 <= len(part) <= _VECTOR_BYTES_MAX for part in names) or len(root) != HASH_BYTES:
        raise NoteError("A name has 1 to 255 bytes, and a root 32.", code="cosignature_range")
    if not 0 <= start <= end <= _INDEX_MAX:
        raise NoteError("There is no such subtree.", code="cosignature_range", start=start, end=end)
    cosigner, log = (bytes([len(part)]) + part for part in names)
    return _LABEL + cosigner + time.to_bytes(8, "big") + log + start.to_bytes(8, "big") + end.to_bytes(8, "big") + root


def cosign(text: str, name: str, private: CosignerPrivateKey, time: int) -> str:
    """Return the line, with its newline, by which a cosigner signs the text of a checkpoint at `time`, POSIX seconds.

    Time 0 under ML-DSA-44 says nothing of when; under Ed25519 it is a time like any other and refused here. Raises
    NoteError with code `cosignature_time`, `cosignature_range`, `checkpoint_malformed` or `note_key_name`.
    """
    check_text(text)
    check_key_name(name)
    tree = _Tree.parse(text)
    _check_time(time)
    if isinstance(private, MLDSA44PrivateKey):
        signature = private.sign(cosigned_message(name, time, tree.origin, 0, tree.size, tree.root))
    elif time:
        signature = private.sign(_ed25519_message(time, text.encode()))
    else:
        raise NoteError("An Ed25519 cosignature says when it was made.", code="cosignature_time")
    type_, public = _public(private)
    return format_line(name, key_id(name, public, type_), time.to_bytes(_TIME_BYTES, "big") + signature)


def cosigner_vkey(name: str, private: CosignerPrivateKey) -> str:
    """Return the verifier key of a cosigner as text, of type 0x04 or 0x06."""
    type_, public = _public(private)
    return vkey(name, public, type_)


def ed25519_cosigner(name: str, public_key: bytes) -> Verifier:
    """Return the verifier of a cosigner with 32 bytes of Ed25519. Raises KeyRefused for a malformed or weak key."""
    check_key_name(name)
    key = load_ed25519(public_key)

    def verify(text: bytes, time: int, signature: bytes) -> None:
        key.verify(signature, _ed25519_message(time, text))

    return _cosigner(name, ED25519_COSIGNATURE, public_key, verify)


def ml_dsa_44_cosigner(name: str, public_key: bytes) -> Verifier:
    """Return the verifier of a cosigner with 1,312 bytes of ML-DSA-44. Raises KeyRefused as `ed25519_cosigner`."""
    check_key_name(name)
    key = _load_ml_dsa_44(public_key)

    def verify(text: bytes, time: int, signature: bytes) -> None:
        tree = _Tree.parse(text.decode())
        key.verify(signature, cosigned_message(name, time, tree.origin, 0, tree.size, tree.root))

    return _cosigner(name, ML_DSA_44_COSIGNATURE, public_key, verify)


def time_of(signature: bytes) -> int:
    """Return the time with which the signature of a cosignature begins, in POSIX seconds. Raises NoteError."""
    if len(signature) <= _TIME_BYTES:
        raise NoteError("A cosignature is a time and a signature.", code="cosignature_time")
    time = int.from_bytes(signature[:_TIME_BYTES], "big")
    _check_time(time)
    return time


def _cosigner(name: str, type_: int, public_key: bytes, verify: Callable[[bytes, int, bytes], None]) -> Verifier:
    def verify_timed(text: bytes, signature: bytes) -> bool:
        try:
            _Tree.parse(text.decode())
            verify(text, time_of(signature), signature[_TIME_BYTES:])
        except (InvalidSignature, NoteError):
            return False
        return True

    return Verifier(name, key_id(name, public_key, type_), verify_timed, type_, public_key, timed=True)


def _ed25519_message(time: int, text: bytes) -> bytes:
    """Return the signed message of type 0x04 (tlog-cosignature, “Ed25519 signed message”)."""
    return b"cosignature/v1\ntime %d\n" % time + text


def _check_time(time: int) -> None:
    if not 0 <= time <= TIME_MAX:
        raise NoteError("A cosignature's time is POSIX seconds below 2^63.", code="cosignature_time", time=time)


def _public(private: CosignerPrivateKey) -> tuple[int, bytes]:
    if isinstance(private, MLDSA44PrivateKey):
        return ML_DSA_44_COSIGNATURE, private.public_key().public_bytes_raw()
    return ED25519_COSIGNATURE, public_bytes(private.public_key())


@lru_cache(maxsize=128)
def _load_ml_dsa_44(raw: bytes) -> MLDSA44PublicKey:
    """Load a public key (FIPS 204 §7.2), any of its length but the one without t1, for which anyone could sign."""
    if len(raw) != _ML_DSA_44_KEY_BYTES:
        raise KeyRefused("An ML-DSA-44 key has 1,312 bytes.", bytes=len(raw))
    if not any(raw[_ML_DSA_44_SEED_BYTES:]):
        raise KeyRefused("The key has no t1: anyone could sign for it.", code="key_weak")
    return MLDSA44PublicKey.from_public_bytes(raw)
