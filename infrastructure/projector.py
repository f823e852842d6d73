"""The projector: follows the log and keeps the read models, each batch in one transaction with the place it reached.

Exactly once: the tracking row moves in the transaction that writes the rows, and only from where this projector read
it; a kill at any moment leaves both or neither. Commits need not wait for the disk: after a crash the same batch is
applied again. The writer does not notify; the log is asked again after 50 to 200 ms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from threading import Event
from typing import Any, Final

import orjson
import psycopg
import structlog
from psycopg import sql

from application.projections.base import LoggedEvent, Projection
from application.projections.batch import Changes, Held, Parked, Place, Plan, apply
from application.projections.catalogue import PROJECTIONS
from domain.aggregate import type_registry
from infrastructure.connection import Database, connect_plain
from infrastructure.errors import ProjectionMoved, ProjectorBusy
from infrastructure.projection_writing import write_changes

PAGE_MAX: Final = 500
"""Events of one transaction when nearly up to date."""
BULK_PAGE_MAX: Final = 4_000
"""Events of one transaction when behind, as in a rebuild."""
HELD_MAX: Final = 60_000
"""Streams whose state is kept in memory; all are dropped when there are more, and read again when they move."""
POLL_S_MIN: Final = 0.05
POLL_S_MAX: Final = 0.2
BEAT_S: Final = 1.0
RETRY_S_MIN: Final = 0.1
RETRY_S_MAX: Final = 5.0
TRACKING: Final = "views"

log = structlog.get_logger()

_PAGE = (
    "SELECT position, stream, version, seq, type, recorded_at, wanted,"
    " CASE WHEN wanted THEN header END, CASE WHEN wanted THEN body END FROM ("
    "  SELECT *, type = ANY(%s) OR (NOT type = ANY(%s) AND split_part(stream, ':', 1) || ':' = ANY(%s)) AS wanted"
    "  FROM events WHERE position > %s ORDER BY position LIMIT %s) page ORDER BY position"
)
_PAST = (
    "SELECT e.position, e.stream, e.version, e.seq, e.type, e.recorded_at, true, e.header, e.body"
    " FROM unnest(%s::text[], %s::int[]) q (stream, before) CROSS JOIN LATERAL (SELECT * FROM events e"
    " WHERE e.stream = q.stream AND e.version < q.before AND e.type = ANY(%s) ORDER BY e.version) e"
)


class Projector:
    """One projector of one ledger; a second one waits for the first to end. Not safe in threads."""

    def __init__(
        self, database: Database, projections: Sequence[Projection] = PROJECTIONS,
        connect: Callable[[], psycopg.Connection] | None = None,
    ) -> None:  # fmt: skip
        """Plan the projections; nothing is connected before it runs.

        `connect` gives a session on other tables of the same names (infrastructure/shadows.py), which needs no lock.
        """
        self._database = database
        self._connect = connect or partial(connect_alone, database)
        self._plan = Plan.of(projections)
        self._types = self._plan.types
        self._except_types = self._plan.except_types
        self._subjects = self._plan.subjects
        self._connection: psycopg.Connection | None = None
        self._held: dict[Place, Held] = {}
        self._parked: set[Place] = set()
        self._position = -1
        self._head = 0
        self._generation = 0
        self._beat = 0.0

    # ------------------------------------------------------------------------------------------------ running

    def run(self, stop: Event) -> None:
        """Follow the log until told to stop; whatever goes wrong is tried again, ever more slowly up to 5 s."""
        wait, retry = POLL_S_MIN, RETRY_S_MIN
        while not stop.is_set():
            try:
                self._open()
                done = self._advance()
                self._heartbeat(None)
                retry = RETRY_S_MIN
                wait = POLL_S_MIN if done else min(wait * 1.5, POLL_S_MAX)
                if done < PAGE_MAX:
                    stop.wait(wait)
            except ProjectorBusy:
                stop.wait(RETRY_S_MAX / 5)
            except Exception as error:  # noqa: BLE001 - a projector that ends helps nobody
                log.warning("projector failed, will try again", error=type(error).__name__, position=self._position)
                self._failed(error)
                stop.wait(retry)
                retry = min(retry * 2, RETRY_S_MAX)
        self.close()

    @property
    def digest(self) -> str:
        """The versions of the functions, as the tracking row names them."""
        return self._plan.digest

    def catch_up(self, to: int | None = None, progress: Callable[[int], None] | None = None) -> int:
        """Apply all that the log holds now, or what stands up to a position; returns the position reached.

        `progress` is called with the position after each page. Raises psycopg.Error, ProjectionMoved.
        """
        self._open()
        while self._advance(to):
            if progress is not None:
                progress(self._position)
        self._heartbeat(None)
        return self._position

    def rebuild(self) -> int | None:
        """Empty all read models and make them again from the log; returns the position reached.

        None when another projector runs: it finds them emptied and makes them again itself.
        """
        connection = connect_plain(self._database, "liftledger rebuild")
        with connection, connection.transaction():
            self._empty(connection)
        self._forget()
        try:
            return self.catch_up()
        except ProjectorBusy:
            return None

    def close(self) -> None:
        """Give back the projector's lock, and let go of the connection."""
        if self._connection is not None:
            with suppress(psycopg.Error):  # the server ends a closed session in its own time
                self._connection.execute("SELECT pg_advisory_unlock_all()")
            self._connection.close()
            self._connection = None
        self._forget()

    # ------------------------------------------------------------------------------------------------ one batch

    def _advance(self, to: int | None = None) -> int:
        """Apply one page, not beyond a position if one is given; returns how many events it held."""
        connection = self._open()
        if self._position < 0:
            self._resume(connection)
        behind = self._head - self._position
        limit = BULK_PAGE_MAX if behind > PAGE_MAX else PAGE_MAX
        events, last = self._page(connection, limit if to is None else min(limit, max(0, to - self._position)))
        if last is None:
            self._head = self._position
            self._require_standing(connection)
            return 0
        count = last - self._position
        try:
            self._apply(connection, events, last)
        except (psycopg.DataError, psycopg.IntegrityError):
            # The database took some row of this batch for impossible: find the event, park its streams, go on.
            self._one_by_one(connection, last)
        if self._head < last or count >= PAGE_MAX:
            self._head = _head(connection)
        return count

    def _apply(self, connection: psycopg.Connection, events: list[LoggedEvent], last: int) -> None:
        if len(self._held) > HELD_MAX:
            self._held.clear()
        missing = self._plan.missing(events, self._held)
        if missing:
            past = connection.cursor(binary=True).execute(
                _PAST, (list(missing), list(missing.values()), list(self._plan.folds)), prepare=True
            )
            self._plan.warm([_event(row) for row in past], self._held, self._parked)
        try:
            changes = apply(self._plan, events, self._held, self._parked)
            self._write(connection, changes, last)
        except BaseException:
            # Memory is now ahead of the tables: begin again from what they hold.
            self._forget()
            raise
        self._position = last
        for stopped in changes.parked:
            log.error("projection parked a stream", **stopped._asdict())

    def _write(self, connection: psycopg.Connection, changes: Changes, last: int) -> None:
        with connection.transaction():
            write_changes(connection, self._plan.projections, changes)
            moved = connection.execute(
                "UPDATE projection_tracking SET position = %s WHERE name = %s AND position = %s AND generation = %s",
                (last, TRACKING, self._position, self._generation),
                prepare=True,
            )
            if moved.rowcount != 1:
                raise ProjectionMoved("another projector has moved on", position=self._position)

    def _require_standing(self, connection: psycopg.Connection) -> None:
        """Raise ProjectionMoved when the tables were emptied: on a log where nothing comes, no write would notice."""
        standing = connection.execute(
            "SELECT 1 FROM projection_tracking WHERE name = %s AND position = %s AND generation = %s",
            (TRACKING, self._position, self._generation), prepare=True,
        ).fetchone()  # fmt: skip
        if standing is None:
            raise ProjectionMoved("the read models were emptied", position=self._position)

    def _one_by_one(self, connection: psycopg.Connection, last: int) -> None:
        self._resume(connection)
        while self._position < last:
            events, reached = self._page(connection, 1)
            if reached is None:
                return
            try:
                self._apply(connection, events, reached)
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                self._resume(connection)
                names = [p.name for p in self._plan.projections]
                stopped = [Parked(name, e.stream, e.position, type(error).__name__) for e in events for name in names]
                self._parked.update((p.projection, p.stream) for p in stopped)
                self._write(connection, Changes(parked=stopped), reached)
                self._position = reached
                log.warning("projection parked a stream", stream=events[0].stream, error=type(error).__name__)

    def _page(self, connection: psycopg.Connection, limit: int) -> tuple[list[LoggedEvent], int | None]:
        parameters = (self._types, self._except_types, self._subjects, self._position, limit)
        rows = connection.cursor(binary=True).execute(_PAGE, parameters, prepare=True).fetchall()
        if not rows:
            return [], None
        last: int = rows[-1][0]
        if last - self._position != len(rows):
            raise ProjectionMoved("the log has a gap", position=self._position)
        return [_event(row) for row in rows if row[6]], last

    # ------------------------------------------------------------------------------------------------ beginnings

    def _open(self) -> psycopg.Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self._forget()
        self._connection = self._connect()
        return self._connection

    def _resume(self, connection: psycopg.Connection) -> None:
        self._forget()
        row = connection.execute(
            "SELECT position, generation, digest FROM projection_tracking WHERE name = %s", (TRACKING,)
        ).fetchone()
        if row is None or row[2] != self._plan.digest:
            # Never made, or made by other versions of the functions: such rows cannot be gone on with.
            with connection.transaction():
                self._empty(connection)
            row = (0, 0 if row is None else row[1] + 1, self._plan.digest)
        self._generation = row[1]
        self._parked = {(p, s) for p, s in connection.execute("SELECT projection, stream FROM parked_events")}
        self._head = _head(connection)
        self._position = row[0]

    def _empty(self, connection: psycopg.Connection) -> None:
        names = [f"view_{projection.name}" for projection in self._plan.projections] + ["parked_events"]
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))
        connection.execute(
            "INSERT INTO projection_tracking AS t (name, position, digest, generation) VALUES (%s, 0, %s, 0)"
            " ON CONFLICT (name) DO UPDATE SET position = 0, digest = excluded.digest, generation = t.generation + 1",
            (TRACKING, self._plan.digest),
        )

    def _forget(self) -> None:
        self._held = {}
        self._parked = set()
        self._position = -1

    # ------------------------------------------------------------------------------------------------ health

    def _failed(self, error: Exception) -> None:
        self._forget()
        try:
            if self._connection is not None and not self._connection.closed:
                self._heartbeat(type(error).__name__, force=True)
        except psycopg.Error:
            self.close()

    def _heartbeat(self, error: str | None, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._connection is None or (now - self._beat < BEAT_S and not force):
            return
        self._beat = now
        self._connection.execute(
            "INSERT INTO projector_heartbeat AS h (name, beat_at, position, head, parked, error)"
            " VALUES (%s, clock_timestamp(), %s, %s, (SELECT count(*) FROM parked_events), %s)"
            " ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, position = excluded.position,"
            " head = excluded.head, parked = excluded.parked, error = excluded.error",
            (TRACKING, max(self._position, 0), max(self._head, self._position, 0), error),
            prepare=True,
        )


def connect_alone(database: Database) -> psycopg.Connection:
    """Open the session of a ledger's one projector. Raises ProjectorBusy while another one has it."""
    connection = connect_plain(database, "liftledger projector")
    try:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET jit = off")
        # Only one at a time; the next takes over when the session ends.
        lock = connection.execute("SELECT pg_try_advisory_lock(%s)", (_lock_key(database.schema),)).fetchone()
        if lock != (True,):
            raise ProjectorBusy("another projector keeps the read models")
    except BaseException:
        connection.close()
        raise
    return connection


def _event(row: tuple[Any, ...]) -> LoggedEvent:
    position, stream, version, seq, type_, recorded_at, _, header, body = row
    head = orjson.loads(header)
    content = orjson.loads(body)
    author = head["author"]
    kind = type_registry.get(type_)
    if kind is not None and head["schema"] < kind.SCHEMA:
        for schema in range(head["schema"], kind.SCHEMA):
            getattr(kind, f"upcast_v{schema}_v{schema + 1}")(content)
    return LoggedEvent(
        position, stream, version, seq, type_, recorded_at, head["effective_at"],
        author["party"], author["agent"], author["key"], content["said"], content["found"],
    )  # fmt: skip


def _head(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT position FROM events ORDER BY position DESC LIMIT 1", prepare=True).fetchone()
    return 0 if row is None else int(row[0])


def _lock_key(schema: str) -> int:
    """Name the lock of a ledger's one projector; advisory locks are per database, a ledger is a schema."""
    return int.from_bytes(sha256(b"liftledger/projector\x00" + schema.encode()).digest()[:8], signed=True)
