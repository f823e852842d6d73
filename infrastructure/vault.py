"""Keys of persons, and what is sealed under them: AES-256-GCM, wrapped by a master key outside the database.

Erasing a person destroys the wrapped key, the ciphertexts and every request's bytes that named the person.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import DomainError
from infrastructure.connection import ERASER_APPLICATION, Database, under_lock
from infrastructure.errors import KeysOfAnother
from infrastructure.recorder import LedgerRecorder

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_WRAP = b"liftledger/subject-key/v1"
_LINE = b"liftledger/request-line/v1"

MASTER_TRIED_MAX: Final = 8
ERASED_ROWS_MAX: Final = 500
"""Rows that go in one transaction of an erasing: a request's bytes may be a megabyte."""
_ERASING: Final[dict[str, LiteralString]] = {
    kind: f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {of} LIMIT %s))"  # noqa: S608 - of this page
    for kind, table, of in (
        ("keys", "subject_keys", "person = %s"),
        ("requests", "request_bytes", "persons <> '{}' AND persons @> ARRAY[%s]"),
        ("places", "sealed_places", "person = %s"),
        ("lookups", "blind_index", "person = %s"),
        ("values", "sealed_values", "person = %s"),
    )
}
"""In this order: see `erase`."""


class SealBroken(DomainError):
    """A ciphertext does not open under this key: wrong key, or changed bytes."""

    code = "seal_broken"


@dataclass(frozen=True, slots=True)
class Erased:
    """How much an erasure destroyed; zero everywhere when it had been done before."""

    keys: int
    values: int
    requests: int
    lookups: int


def encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    """Seal bytes under a key of 32 bytes: nonce ‖ AES-256-GCM ciphertext; `associated` must be given to open."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Open what `encrypt` sealed. Raises SealBroken."""
    if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
        raise SealBroken("the ciphertext is too short")
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], associated)
    except InvalidTag as broken:
        raise SealBroken("the ciphertext does not open under this key") from broken


def unwrap_key(master: bytes, wrapped: bytes) -> bytes:
    """Open a person's wrapped data key by the master key. Raises SealBroken."""
    return decrypt(master, wrapped, _WRAP)


def require_master(connection: psycopg.Connection, master: bytes, file: Path) -> None:
    """Raise KeysOfAnother where persons' keys are stored here and the master key of this file opens none of them.

    A few are tried: one that was damaged is for a verification to tell.
    """
    tried = connection.execute("SELECT wrapped FROM subject_keys LIMIT %s", (MASTER_TRIED_MAX,)).fetchall()
    for (wrapped,) in tried:
        with suppress(SealBroken):
            unwrap_key(master, bytes(wrapped))
            return
    if tried:
        raise KeysOfAnother("the master key opens no person's key of this ledger", file=str(file))


def open_value(key: bytes, digest: str, ciphertext: bytes) -> bytes:
    """Open a sealed field by its person's data key: canonical `[salt, pointer, value]`. Raises SealBroken."""
    return decrypt(key, ciphertext, digest.encode())


def seal_request(data: bytes, keys: Sequence[bytes]) -> bytes:
    """Seal request bytes under the keys of all their persons, in the order of the persons' names.

    The key is derived from all of them (HKDF-SHA-256), so erasing any one person makes the bytes unreadable.
    """
    salt = os.urandom(KEY_BYTES)
    return salt + encrypt(_line_key(salt, keys), data, _LINE)


def open_request(sealed: bytes, keys: Sequence[bytes]) -> bytes:
    """Open what `seal_request` sealed. Raises SealBroken."""
    salt = sealed[:KEY_BYTES]
    return decrypt(_line_key(salt, keys), sealed[KEY_BYTES:], _LINE)


def _line_key(salt: bytes, keys: Sequence[bytes]) -> bytes:
    # Keys have one length, so their concatenation is unambiguous.
    return HKDF(SHA256(), KEY_BYTES, salt=salt, info=_LINE).derive(b"".join(keys))


class KeyVault:
    """`application.ports.Vault`: gives persons' keys from the database, unwrapped. Safe in threads."""

    def __init__(self, recorder: LedgerRecorder, master_key: bytes) -> None:
        """Take the recorder whose readers are borrowed, and the 32 bytes of the master key."""
        self._recorder = recorder
        self._master = master_key

    def new_key(self) -> tuple[bytes, bytes]:
        """Make a data key for a new person: (plain key, wrapped key); the caller saves the wrapped one."""
        key = AESGCM.generate_key(bit_length=8 * KEY_BYTES)
        return key, encrypt(self._master, key, _WRAP)

    def key(self, person: str) -> bytes | None:
        """Give a person's data key; None when it was erased or never made. Raises SealBroken, DatabaseAway.

        It is not kept in memory: an erased key must not live on in a process that has not heard of it.
        """
        with self._recorder.reading() as connection:
            row = connection.execute("SELECT wrapped FROM subject_keys WHERE person = %s", (person,)).fetchone()
        return None if row is None else unwrap_key(self._master, bytes(row[0]))


def erase(database: Database, origin: str, person: str, batch: int = ERASED_ROWS_MAX) -> Erased:
    """Destroy a person's key, ciphertexts, request bytes and index entries; for the eraser's role, repeatable.

    At most `batch` rows in a transaction, each under the writers' lock, so that no save seals under the key at the same
    time and none waits for long. The key goes first: from then on nothing opens. The values go last: until they are
    gone the person is found again by whoever erases next. Raises DatabaseAway; what was destroyed before is gone.
    """
    done = Counter[str]()
    while (gone := _erase_some(database, origin, person, batch)).total() >= batch:
        done += gone
    done += gone
    return Erased(done["keys"], done["values"], done["requests"], done["places"] + done["lookups"])


def _erase_some(database: Database, origin: str, person: str, batch: int) -> Counter[str]:
    gone = Counter[str]()
    with under_lock(database, ERASER_APPLICATION, origin) as connection:
        connection.execute("SELECT set_config('liftledger.erasing', 'on', true)")
        for kind, query in _ERASING.items():
            gone[kind] = connection.execute(query, (person, batch - gone.total())).rowcount
    return gone
