"""What is held of persons, opened for a recorded read, and the record of such reads (`reading.ports.People`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from application.reading.ports import Found, OpenedField, People, PersonalRead
from audit import canonical
from infrastructure import vault
from infrastructure.connection import Database, connect_plain, telling_away

_FOUND = "SELECT DISTINCT person FROM blind_index WHERE kind = %s AND token = %s ORDER BY person LIMIT %s"
_STREAMS = "SELECT DISTINCT stream FROM sealed_places WHERE person = %s ORDER BY stream LIMIT %s"
_FIELDS = (
    "SELECT e.position, p.stream, p.version, e.type, e.header, e.body, p.digest, v.ciphertext"
    " FROM sealed_places p JOIN events e ON e.stream = p.stream AND e.version = p.version"
    " JOIN sealed_values v ON v.digest = p.digest"
    " WHERE p.person = %s AND e.position > %s ORDER BY e.position, p.digest LIMIT %s"
)
_KEPT = "SELECT 1 FROM request_bytes WHERE party = %s AND command = %s AND line = %s"
_READS = (
    "SELECT read_at, party, agent, action, purpose FROM personal_reads WHERE persons @> ARRAY[%s]"
    " ORDER BY number DESC LIMIT %s"
)
_RECORD = (
    "INSERT INTO personal_reads (read_at, party, agent, key, action, purpose, persons, token)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)


class SqlPeople(People):
    """`application.reading.ports.People` over PostgreSQL: few reads, each over a connection of its own."""

    def __init__(self, database: Database, master_key: bytes) -> None:
        """Keep where the ledger lies, and the 32 bytes of the master key."""
        self._database = database
        self._master = master_key

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        with telling_away(), connect_plain(self._database, "liftledger personal reads") as connection:
            yield connection

    def found(self, kind: str, token: bytes, limit: int) -> Sequence[str]:
        """Give the persons with a value under a token of the blind index."""
        with self._connected() as connection:
            return [person for (person,) in connection.execute(_FOUND, (kind, token, limit))]

    def streams(self, person: str, limit: int) -> Sequence[str]:
        """Give the streams that quote a person."""
        with self._connected() as connection:
            return [stream for (stream,) in connection.execute(_STREAMS, (person, limit))]

    def opened(self, person: str, after: int, limit: int) -> Sequence[OpenedField]:
        """Give a person's fields opened, in the order of the log after a position."""
        with self._connected() as connection:
            row = connection.execute("SELECT wrapped FROM subject_keys WHERE person = %s", (person,)).fetchone()
            if row is None:
                return []
            key = vault.unwrap_key(self._master, bytes(row[0]))
            rows = connection.execute(_FIELDS, (person, after, limit)).fetchall()
            return [_field(connection, key, each) for each in rows]

    def reads(self, person: str, limit: int) -> Sequence[Found]:
        """Give the last reads recorded of a person, the newest first."""
        with self._connected() as connection:
            rows = connection.execute(_READS, (person, limit)).fetchall()
        return [dict(zip(("read_at", "party", "agent", "action", "purpose"), row, strict=True)) for row in rows]

    def record(self, read: PersonalRead) -> None:
        """Record a read, durably."""
        with self._connected() as connection:
            connection.execute(
                _RECORD,
                (
                    read.read_at, read.party, read.agent, read.key, read.action, read.purpose, list(read.persons),
                    read.token,
                ),
            )  # fmt: skip


def _field(connection: psycopg.Connection, key: bytes, row: tuple[Any, ...]) -> OpenedField:
    position, stream, version, topic, header_bytes, body_bytes, digest, ciphertext = row
    header: Any = canonical.decode(bytes(header_bytes))
    body: Any = canonical.decode(bytes(body_bytes))
    opened: Any = canonical.decode(vault.open_value(key, bytes(digest).hex(), bytes(ciphertext)))
    line = None if body["from"] is None else body["from"]["line"]
    request = (header["author"]["party"], header["command"], line or 0)
    return OpenedField(
        position, stream, version, topic, bytes(digest).hex(), opened[1], opened[2], header["command"], line,
        connection.execute(_KEPT, request).fetchone() is not None,
    )  # fmt: skip
