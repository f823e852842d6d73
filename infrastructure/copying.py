"""A copy of a ledger's database on the same server, to try things on that nobody may do to the ledger itself."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from infrastructure.connection import Database, connect_plain

MIDDLE = "SELECT position, body FROM events WHERE position > (SELECT max(position) / 2 FROM events) LIMIT 1"


@dataclass(frozen=True, slots=True)
class Copy:
    """A copied database: its name, and how its owner reaches it."""

    name: str
    owner: Database

    def flip_bit(self) -> int:
        """Flip one bit of an event's body, as only the owner can who first switches the triggers off; its position."""
        with connect_plain(self.owner, "liftledger copy") as connection, connection.transaction():
            connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
            row = connection.execute(MIDDLE).fetchone()
            if row is None:
                return 0
            position, body = int(row[0]), bytearray(row[1])
            body[len(body) // 2] ^= 1
            connection.execute("UPDATE events SET body = %s WHERE position = %s", (bytes(body), position))
        return position


@contextmanager
def copied(maintenance_url: str, source: Database) -> Iterator[Copy | None]:
    """Copy the database of `source` for the block; None when the role of the URL may not, or somebody uses it.

    `maintenance_url` is a role that may make databases, connected to another database than the one copied.
    """
    address = urlsplit(source.url)
    name = f"liftledger_copy_{secrets.token_hex(4)}"
    template, copy = sql.Identifier(address.path.lstrip("/")), sql.Identifier(name)
    try:
        with psycopg.connect(maintenance_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, template))
    except psycopg.Error:
        yield None
        return
    try:
        yield Copy(name, Database(address._replace(path=f"/{name}").geturl(), source.schema))
    finally:
        with psycopg.connect(maintenance_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(copy))
