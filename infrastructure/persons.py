"""What the log holds of persons: where their fields stand, which disputes hold them (`ports.Persons`)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import psycopg

from application.ports import PersonRecord, PersonRecords
from audit import canonical
from infrastructure.connection import Database, connect_plain, lock_key

_RECORDS = (
    "SELECT p.stream, p.version, e.type, e.header, p.digest FROM sealed_places p"
    " JOIN events e ON e.stream = p.stream AND e.version = p.version"
    " WHERE p.person = %s ORDER BY e.position, p.digest"
)
_REQUESTS = (
    "SELECT l.digest FROM request_bytes b JOIN request_lines l USING (party, command, line)"
    " WHERE b.persons <> '{}' AND b.persons @> ARRAY[%s]"
)
_PERSONS_IN = (
    "SELECT person FROM sealed_places WHERE stream = ANY(%s) UNION"
    " SELECT person FROM sealed_places WHERE subject = ANY(%s) ORDER BY person LIMIT %s"
)
# The last word on a dispute's hold: its stream is short, and disputes are few among the subjects.
_HOLDING = (
    "SELECT stream FROM (SELECT DISTINCT ON (stream) stream, type FROM events"
    " WHERE subject >= 'dispute:' AND subject < 'dispute;' AND type IN ('dispute.HoldSet', 'dispute.HoldLifted')"
    " ORDER BY stream, version DESC) last WHERE type = 'dispute.HoldSet' ORDER BY stream"
)
# Those with a hold are told by it; whoever lifted one decided that nothing need be kept.
_DISPUTING = (
    "SELECT stream FROM events o WHERE subject >= 'dispute:' AND subject < 'dispute;' AND type = 'dispute.Opened'"
    " AND NOT EXISTS (SELECT FROM events e WHERE e.subject = o.subject AND e.stream = o.stream"
    " AND e.type IN ('dispute.Settled', 'dispute.HoldSet')) ORDER BY stream"
)


def records_of(connection: psycopg.Connection, person: str) -> PersonRecords:
    """Give the events that quote a person in the order of the log, and digests of request bytes that name him."""
    with connection.transaction():
        # Readers go without bitmaps, and an index over arrays of names has nothing else to offer.
        connection.execute("SET LOCAL enable_bitmapscan = on")
        requests = tuple(bytes(digest).hex() for (digest,) in connection.execute(_REQUESTS, (person,)))
        records = tuple(
            PersonRecord(stream, version, topic, _effective_at(bytes(header)), bytes(digest).hex())
            for stream, version, topic, header, digest in connection.execute(_RECORDS, (person,))
        )
    return PersonRecords(records, requests)


def persons_in(connection: psycopg.Connection, matters: Sequence[str], limit: int) -> list[str]:
    """Give persons quoted in streams or subjects, at most `limit`, in order of their names."""
    named = list(matters)
    return [person for (person,) in connection.execute(_PERSONS_IN, (named, named, limit))]


def holding(connection: psycopg.Connection) -> list[str]:
    """Give the disputes whose hold is on."""
    return [stream for (stream,) in connection.execute(_HOLDING)]


def disputing(connection: psycopg.Connection) -> list[str]:
    """Give the disputes that are open, of which no hold was ever set."""
    return [stream for (stream,) in connection.execute(_DISPUTING)]


def rebuild_places(database: Database, origin: str) -> None:
    """Find again where personal fields stand, by the owner, under the writers' lock; it looks through the whole log."""
    found = files("infrastructure.migrations").joinpath("sql", "0003_places.sql").read_text(encoding="utf-8")
    with connect_plain(database, "liftledger places") as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(origin),))
        connection.execute("SELECT set_config('liftledger.erasing', 'on', true)")
        connection.execute("DELETE FROM sealed_places")
        connection.execute(found.encode())


def _effective_at(header: bytes) -> str:
    read = canonical.decode(header)
    return str(read["effective_at"]) if isinstance(read, dict) else ""
