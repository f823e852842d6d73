"""Makes and opens a witness from a name, a file with its secret, a folder with its memory, and the logs' keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from application.witnessing import Cosigner, Seen, Witness
from audit.cosignatures import CosignerPrivateKey, cosign, cosigner_vkey
from audit.errors import NoteError
from audit.note import Verifier, parse_vkey
from audit.signatures import check_key_name
from infrastructure.errors import WitnessLogUnusable
from infrastructure.keys import KeyFolder
from infrastructure.witness_store import WitnessFolder

__all__ = ["ORIGIN_BYTES_MAX", "make_witness", "open_witness", "witness_keys"]

ORIGIN_BYTES_MAX: Final = 255
"""An ML-DSA-44 cosignature has no room for more, neither of the origin nor of the cosigner's name."""

_SEED_BYTES: Final = 32


def witness_keys(name: str, secret: bytes) -> tuple[Ed25519PrivateKey, MLDSA44PrivateKey]:
    """Derive a witness's two keys from its secret and its name (HKDF, RFC 5869).

    An Ed25519 cosignature does not say who made it, so no two cosigners may share that key (tlog-cosignature): under
    another name the same secret gives other keys.
    """

    def seed(kind: str) -> bytes:
        info = f"liftledger witness {kind}/v1\n{name}".encode()
        return HKDF(algorithm=SHA256(), length=_SEED_BYTES, salt=None, info=info).derive(secret)

    return Ed25519PrivateKey.from_private_bytes(seed("ed25519")), MLDSA44PrivateKey.from_seed_bytes(seed("ml-dsa-44"))


def make_witness(name: str, key: Path, folder: Path) -> list[str]:
    """Make a witness's memory and secret where they are missing; gives its two verifier keys, Ed25519 first.

    Raises NoteError `note_key_name`, KeysUnsafe, and WitnessFolderUnusable where the secret is there and its memory is
    gone: with an empty one it would cosign a second history of every log.
    """
    _check_name(name)
    if key.exists():
        WitnessFolder.open(folder)
    WitnessFolder.make(folder)
    keys = KeyFolder(key.parent)
    keys.make(key.name)
    return [cosigner_vkey(name, each) for each in witness_keys(name, keys.secret(key.name))]


def open_witness(
    name: str, key: Path, folder: Path, logs: Sequence[Verifier], alarm: Callable[[Seen], None]
) -> Witness:
    """Open a witness that `make_witness` made, for the logs of these keys; several of one name are one log's.

    Raises NoteError for a name that is none, KeysUnsafe, WitnessFolderUnusable, WitnessLogUnusable.
    """
    _check_name(name)
    followed: dict[str, list[Verifier]] = {}
    for verifier in logs:
        if len(verifier.name.encode()) > ORIGIN_BYTES_MAX:
            raise WitnessLogUnusable("the log's origin is too long to be cosigned", origin=verifier.name)
        if verifier not in (known := followed.setdefault(verifier.name, [])):
            known.append(verifier)
    if not followed:
        raise WitnessLogUnusable("a witness needs a log to follow")
    cosigners = [_cosigner(name, each) for each in witness_keys(name, KeyFolder(key.parent).secret(key.name))]
    return Witness(followed, cosigners, WitnessFolder.open(folder), lambda: int(time.time()), alarm)


def _cosigner(name: str, private: CosignerPrivateKey) -> Cosigner:
    return Cosigner(
        parse_vkey(cosigner_vkey(name, private)), lambda text, now: cosign(text, name, private, now)
    )  # fmt: skip


def _check_name(name: str) -> None:
    check_key_name(name)
    if len(name.encode()) > ORIGIN_BYTES_MAX:
        raise NoteError("The witness's name is too long.", code="note_key_name", bytes_max=ORIGIN_BYTES_MAX)
