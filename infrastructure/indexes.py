"""Holds the tables by which records and persons are found against the log, beside which they are written unsigned.

`sources` decides whether an author's number is taken, `sealed_places` where a person's data stand, `blind_index` who
has a number. What they must hold follows from events and sealed values alone, so what differs is named, and
`liftledger index` makes it again. All is read in short statements, some thousand rows each, beside whoever writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson
import psycopg

from application.numbers import KINDS, number_of
from application.ports import Blind
from application.saves import SourceKey
from application.verifying import Compared, StoredViews
from infrastructure import log_reader, vault
from infrastructure.blind import entry
from infrastructure.connection import Database, connect_plain, lock_key

__all__ = ["Indexes", "Opening", "ViewsAndIndexes", "rebuild_numbers"]

PAGE_POSITIONS: Final = 5_000
PAGE_ROWS: Final = 5_000
PAGE_PERSONS: Final = 500
NAMED_MAX: Final = 20
"""Rows of one table that are named; the others are counted."""

_NUMBERED: Final = (
    "SELECT position, stream, version, type, header, body FROM events WHERE position > %s AND position <= %s"
    """ AND (version = 1 OR type = ANY(%s)) AND position('"source":{'::bytea IN body) > 0 ORDER BY position"""
)
_SOURCES: Final = (
    "SELECT party, system, kind, id, stream FROM sources WHERE (party, system, kind, id) > (%s, %s, %s, %s)"
    " ORDER BY party, system, kind, id LIMIT %s"
)
_SEALED: Final = (
    "SELECT stream, version, body FROM events WHERE position > %s AND position <= %s"
    """ AND position('"sealed":"'::bytea IN body) > 0"""
)
# Of a person without a key nothing is opened any more: who is being erased lacks his places before his values.
_PLACES_MISSING: Final = (
    "SELECT v.person, q.stream FROM unnest(string_to_array(%s, ' '), string_to_array(%s, ' '),"
    " string_to_array(%s, ' ')::int[]) q (digest, stream, version)"
    " JOIN sealed_values v ON v.digest = decode(q.digest, 'hex') JOIN subject_keys k ON k.person = v.person"
    " LEFT JOIN sealed_places p ON p.digest = v.digest AND p.stream = q.stream AND p.version = q.version"
    " WHERE p.person IS DISTINCT FROM v.person"
)
_DIGEST: Final = re.compile(rb'"sealed":"([0-9a-f]{64})"')
_PLACES: Final = (
    "SELECT p.digest, p.stream, p.version, p.person, e.position IS NOT NULL AND v.person = p.person"
    " AND position(convert_to(encode(p.digest, 'hex'), 'UTF8') IN e.body) > 0 FROM"
    " (SELECT * FROM sealed_places WHERE (digest, stream, version) > (%s, %s, %s)"
    " ORDER BY digest, stream, version LIMIT %s) p"
    " LEFT JOIN events e ON e.stream = p.stream AND e.version = p.version"
    " LEFT JOIN sealed_values v ON v.digest = p.digest ORDER BY p.digest, p.stream, p.version"
)
_KEYS: Final = "SELECT person, wrapped FROM subject_keys WHERE person > %s ORDER BY person LIMIT %s"
_VALUES: Final = "SELECT person, digest, ciphertext FROM sealed_values WHERE person = ANY(%s)"
_TOKENS: Final = (
    "SELECT b.person, b.digest, b.kind, b.token FROM blind_index b JOIN sealed_values v ON v.digest = b.digest"
    " WHERE b.person = ANY(%s) AND v.person = b.person"
)
_TOKENS_STRAY: Final = (
    "SELECT b.person, b.kind FROM blind_index b LEFT JOIN sealed_values v ON v.digest = b.digest"
    " WHERE v.person IS DISTINCT FROM b.person"
)

Row: TypeAlias = tuple[str, str]
"""What a row is of, and what is wrong with it."""
Stopped: TypeAlias = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens the blind index: the master key, the index under its key, and kinds by the names of members."""

    master: bytes
    index: Blind
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Indexes:
    """The tables by which things are found in a database, as a role that may read them all.

    Without `opening` the tokens of the blind index are not worked out again: only to whose value they belong is seen.
    """

    database: Database
    opening: Opening | None = None

    def compare(self, stopped: Stopped) -> list[tuple[str, str, int]]:
        """Give what differs: code, detail, how many rows; `stopped` ends it early. Raises psycopg.Error."""
        found: list[tuple[str, str, int]] = []
        with connect_plain(self.database, "liftledger indexes") as connection:
            # Each page asks few rows of great tables: never the whole of one for a page of the other.
            connection.execute("SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
            for table, rows in (
                ("sources", _numbers(connection, stopped)),
                ("sealed_places", _places(connection, stopped)),
                ("blind_index", _tokens(connection, self.opening, stopped)),
            ):
                found += _named(table, rows)
        return found


@dataclass(frozen=True, slots=True)
class ViewsAndIndexes(StoredViews):
    """Read models and the tables by which things are found, held against the log one after the other."""

    views: StoredViews
    indexes: Indexes

    def compare(self, stopped: Stopped) -> Compared:
        """Compare both; the position is that of the read models."""
        compared = self.views.compare(stopped)
        return Compared(compared.at, [*compared.findings, *self.indexes.compare(stopped)])


def _named(table: str, rows: Iterable[Row]) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    more = 0
    for of, wrong in rows:
        if len(found) < NAMED_MAX:
            found.append(("index", f"{table} {of}: {wrong}", 1))
        else:
            more += 1
    return [*found, ("index", f"{table}: more", more)] if more else found


# ------------------------------------------------------------------------------------------------ authors' numbers


def _numbers(connection: psycopg.Connection, stopped: Stopped) -> Iterator[Row]:
    stray, missing = _differing_numbers(connection, stopped)
    yield from ((_number_text(each), "not of the log") for each in stray)
    yield from ((_number_text(each), "of the log, missing") for each in missing)


def _differing_numbers(connection: psycopg.Connection, stopped: Stopped) -> tuple[Iterator[SourceKey], list[SourceKey]]:
    """Give the stored numbers that the log does not say, read as they are asked for, and those it says that lack.

    Where two events say one number, the first has it, as when they are written. The table is read before the log, so
    that the log has the event of each row; what came after is not missed. Of each number hashes are held, no texts.
    """
    size = _size(connection)
    unsaid = {hash(_key(each)): hash(each) for each in _stored_numbers(connection, stopped)}
    told: set[int] = set()
    missing = []
    for position, number in _told_numbers(connection, stopped):
        key = hash(_key(number))
        if key in told:
            continue
        told.add(key)
        if unsaid.get(key) == hash(number):
            del unsaid[key]
        elif position <= size:
            missing.append(number)
    if stopped():
        return iter(()), []
    stray = (each for each in _stored_numbers(connection, stopped) if hash(_key(each)) in unsaid)
    return stray if unsaid else iter(()), missing


def _told_numbers(connection: psycopg.Connection, stopped: Stopped) -> Iterator[tuple[int, SourceKey]]:
    cursor = connection.cursor(binary=True)
    for first, last in _pages(connection, stopped):
        for position, stream, version, topic, header, body in cursor.execute(_NUMBERED, (first, last, list(KINDS))):
            try:
                party, said = orjson.loads(header)["author"]["party"], orjson.loads(body)["said"]
                number = number_of(topic, stream, version, party, said)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # a broken event: that is for the verdict on the log
            if number is not None:
                yield position, number


def _stored_numbers(connection: psycopg.Connection, stopped: Stopped) -> Iterator[SourceKey]:
    after = ("", "", "", "")
    while not stopped() and (rows := connection.execute(_SOURCES, (*after, PAGE_ROWS)).fetchall()):
        after = rows[-1][:4]
        yield from (SourceKey(*row) for row in rows)


def _number_text(number: SourceKey) -> str:
    return f"{number.kind} {number.id} of {number.system} by {number.party} is {number.stream}"


def rebuild_numbers(database: Database, origin: str) -> int:
    """Make `sources` say what the log says, by its owner, under the writers' lock; gives how many rows were wrong."""
    with connect_plain(database, "liftledger numbers") as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(origin),))
        stray, missing = _differing_numbers(connection, lambda: False)
        gone = list(stray)
        if not gone and not missing:
            return 0
        connection.execute("ALTER TABLE sources DISABLE TRIGGER append_only")
        with connection.cursor() as cursor:
            cursor.executemany(
                "DELETE FROM sources WHERE party = %s AND system = %s AND kind = %s AND id = %s",
                [_key(each) for each in gone],
            )
            cursor.executemany(
                "INSERT INTO sources (party, system, kind, id, stream) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [(*_key(each), each.stream) for each in missing],
            )
        connection.execute("ALTER TABLE sources ENABLE ALWAYS TRIGGER append_only")
    return len(gone) + len(missing)


def _key(number: SourceKey) -> tuple[str, str, str, str]:
    return number.party, number.system, number.kind, number.id


# ------------------------------------------------------------------------------------------------ persons


def _places(connection: psycopg.Connection, stopped: Stopped) -> Iterator[Row]:
    after: tuple[Any, ...] = (b"", "", 0)
    while not stopped() and (rows := connection.execute(_PLACES, (*after, PAGE_ROWS)).fetchall()):
        after = rows[-1][:3]
        yield from ((f"{row[3]} in {row[1]}", "not of the log") for row in rows if not row[4])
    for first, last in _pages(connection, stopped):
        told = [
            (digest.decode(), stream, str(version))
            for stream, version, body in connection.cursor(binary=True).execute(_SEALED, (first, last))
            for digest in set(_DIGEST.findall(body))
        ]
        # One text each, parted by blanks: names hold none, and arrays would be written element by element.
        columns = [" ".join(column) for column in zip(*told, strict=True)]
        for person, stream in connection.execute(_PLACES_MISSING, columns) if told else ():
            yield f"{person} in {stream}", "of the log, missing"


def _tokens(connection: psycopg.Connection, opening: Opening | None, stopped: Stopped) -> Iterator[Row]:
    for person, kind in connection.execute(_TOKENS_STRAY):
        yield f"{kind} of {person}", "of no value that is his"
    if opening is None:
        return
    after = ""
    while not stopped():
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            keys = connection.execute(_KEYS, (after, PAGE_PERSONS)).fetchall()
            persons = [person for person, _ in keys]
            values = connection.execute(_VALUES, (persons,)).fetchall()
            stored = {(row[0], bytes(row[1]), row[2], bytes(row[3])) for row in connection.execute(_TOKENS, (persons,))}
        if not keys:
            return
        after = persons[-1]
        told, unopened = _told_tokens({person: bytes(wrapped) for person, wrapped in keys}, values, opening)
        for person, _, kind, _ in sorted(told ^ {each for each in stored if each[1] not in unopened}):
            yield f"{kind} of {person}", "differs from the sealed value"


def _told_tokens(
    wrapped: Mapping[str, bytes], values: Iterable[tuple[Any, ...]], opening: Opening
) -> tuple[set[tuple[str, bytes, str, bytes]], set[bytes]]:
    """Work out the rows of sealed values; gives them, and the digests of what does not open, which is not judged."""
    told, unopened = set(), set()
    for person, digest, ciphertext in values:
        try:
            key = vault.unwrap_key(opening.master, wrapped[person])
            plain = orjson.loads(vault.open_value(key, bytes(digest).hex(), bytes(ciphertext)))
        except (vault.SealBroken, ValueError):
            unopened.add(bytes(digest))
            continue
        found = entry(plain, opening.index, opening.members)
        if found is not None:
            told.add((person, bytes(digest), *found))
    return told, unopened


# ------------------------------------------------------------------------------------------------ pages


def _size(connection: psycopg.Connection) -> int:
    head = log_reader.head(connection)
    return 0 if head is None else head[0]


def _pages(connection: psycopg.Connection, stopped: Stopped) -> Iterator[tuple[int, int]]:
    """Cut the positions that there are now into pages, each from behind its first to its last one."""
    size = _size(connection)
    for first in range(0, size, PAGE_POSITIONS):
        if stopped():
            return
        yield first, min(first + PAGE_POSITIONS, size)
