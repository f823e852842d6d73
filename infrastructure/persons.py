"""What the log holds of persons: where their fields stand, which disputes hold them (`ports.Persons`)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import psycopg

from application.ports import PersonRecord, PersonRecords
from audit import canonical
from audit.names import subject_of
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
# The last word on a dispute: whoever lifted its hold, or settled it, decided that nothing need be kept.
_KEEPING = (
    "WITH about AS MATERIALIZED"
    " (SELECT stream FROM events WHERE type = 'dispute.Opened' AND ledger_matters(body) && %s::text[])"
    " SELECT stream FROM about a WHERE (SELECT type FROM events e WHERE e.stream = a.stream"
    " ORDER BY version DESC LIMIT 1) IN ('dispute.Opened', 'dispute.HoldSet') ORDER BY stream LIMIT %s"
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


def keeping(connection: psycopg.Connection, streams: Sequence[str], limit: int) -> list[str]:
    """Give disputes, open or with their hold on, that are about these streams or subjects of them; at most `limit`."""
    matters = sorted({*streams, *map(subject_of, streams)})
    with connection.transaction():
        connection.execute("SET LOCAL enable_bitmapscan = on")  # as for `records_of`
        return [stream for (stream,) in connection.execute(_KEEPING, (matters, limit))]


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
