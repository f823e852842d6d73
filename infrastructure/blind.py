"""The blind index: HMAC-SHA-256 over a value in one form, under a key that lies beside the master key.

Whoever has the database alone cannot tell which number a token stands for: all numbers of a country are tried in
minutes, but not without the key. The table is made again from the sealed values (`rebuild`), as after another rule or
a lost key.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from application.ports import Blind
from audit import canonical
from domain.lookups import RULE, normalised
from infrastructure import vault
from infrastructure.connection import Database, connect_plain, lock_key

_DOMAIN: Final = "liftledger/blind-index/v1"


@dataclass(frozen=True, slots=True)
class BlindIndex(Blind):
    """`application.ports.Blind` under a key of 32 bytes."""

    key: bytes

    def token(self, kind: str, value: str) -> bytes | None:
        """Give the token of a value: HMAC over canonical [domain, rule, kind, normalised value]."""
        form = normalised(kind, value)
        if form is None:
            return None
        return hmac.digest(self.key, canonical.encode([_DOMAIN, RULE, kind, form]), "sha256")


def rebuild(database: Database, origin: str, master: bytes, index: Blind, members: Mapping[str, str]) -> int:
    """Make the whole index again from the sealed values, by the owner, under the writers' lock; gives its entries.

    `members` maps the names of indexed members to the kind of their value. Raises SealBroken under a wrong master key.
    """
    with connect_plain(database, "liftledger index") as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(origin),))
        connection.execute("SELECT set_config('liftledger.erasing', 'on', true)")
        connection.execute("DELETE FROM blind_index")
        rows = connection.execute(
            "SELECT v.digest, v.person, v.ciphertext, k.wrapped FROM sealed_values v JOIN subject_keys k USING (person)"
        )
        entries = []
        for digest, person, ciphertext, wrapped in rows:
            key = vault.unwrap_key(master, bytes(wrapped))
            plain = canonical.decode(vault.open_value(key, bytes(digest).hex(), bytes(ciphertext)))
            found = entry(plain, index, members)
            if found is not None:
                entries.append((*found, person, bytes(digest)))
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO blind_index (kind, token, person, digest) VALUES (%s, %s, %s, %s)", entries)
    return len(entries)


def entry(plain: Any, index: Blind, members: Mapping[str, str]) -> tuple[str, bytes] | None:  # noqa: ANN401 - JSON
    """Give kind and token of an opened value `[salt, pointer, value]`; None for what is not looked up by."""
    if not isinstance(plain, list) or not isinstance(plain[2], str):
        return None
    kind = members.get(plain[1].rpartition("/")[2])
    token = None if kind is None else index.token(kind, plain[2])
    return None if kind is None or token is None else (kind, token)
