"""The writer's conversation with PostgreSQL: lock, read, append, commit, a few short messages a batch.

It speaks libpq's plain calls, never its pipeline mode (which hangs for ever from about a megabyte in flight), and
writes parameters in the binary format itself. One message at most is under way; that of `append` is, while the writer
settles what comes next. Each has a deadline after which another thread shuts the socket.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

from audit import merkle
from infrastructure import wire
from infrastructure.batch_parameters import (
    APPEND_TYPES,
    HASHES_TYPES,
    PLACE_TYPES,
    append_parameters,
    hashes_parameters,
    place_parameters,
)
from infrastructure.connection import LOCKERS, WRITER_APPLICATION, Database, connect_writer
from infrastructure.settling import CommandState, Heads, Part, Questions

MESSAGE_S_MAX = 18.0
"""Longer than every timeout of the server's own, which are the first resort."""
_HEADS = b"ledger_heads"
_APPEND = b"ledger_append"
_PLACE = b"ledger_place"
_APPEND_HASHES = b"ledger_append_hashes"
_HEADS_TYPES = (wire.BOOL, *[wire.TEXT_ARRAY] * 4, wire.INT4_ARRAY, *[wire.TEXT_ARRAY] * 6)
_BINARY = 1
_numbers = count(1)


class ConnectionLost(Exception):
    """The connection broke; what was under way is decided by the server alone."""


class Watchdog:
    """One thread that shuts the sockets of sessions whose message takes too long; a session unblocks with an error."""

    def __init__(self) -> None:
        self._sessions: dict[int, WriterSession] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="liftledger-watchdog", daemon=True)
        self._thread.start()

    def watch(self, session: WriterSession) -> None:
        """Begin to watch a session."""
        with self._lock:
            self._sessions[session.number] = session

    def forget(self, session: WriterSession) -> None:
        """Watch it no longer."""
        with self._lock:
            self._sessions.pop(session.number, None)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.25):
            with self._lock:
                sessions = list(self._sessions.values())
            now = time.monotonic()
            for session in sessions:
                if session.deadline is not None and now > session.deadline:
                    session.abort()


class WriterSession:
    """One connection of the writer thread; every method but `abort` belongs to that thread."""

    def __init__(
        self, database: Database, key: int, *, scripted: bool, watchdog: Watchdog,
        application: str = WRITER_APPLICATION,
    ) -> None:  # fmt: skip
        """Connect and prepare. Raises ConnectionLost, psycopg.Error, DatabaseUnsafe."""
        self.number = next(_numbers)
        self.deadline: float | None = None
        self.in_transaction = False
        self.commit_sent = False
        self._key = key
        self._scripted = b"\x01" if scripted else b"\x00"
        self._watchdog = watchdog
        self._closing = threading.Lock()
        self._begin = b"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(%d)" % key
        self._appending = False
        try:
            self._connection = connect_writer(database, application)
        except psycopg.OperationalError as error:
            raise ConnectionLost(str(error)) from error
        self._pgconn = self._connection.pgconn
        watchdog.watch(self)
        try:
            self._prepare(_HEADS, _HEADS_TYPES)
            self._prepare(_APPEND, APPEND_TYPES)
            self._prepare(_PLACE, PLACE_TYPES)
            self._prepare(_APPEND_HASHES, HASHES_TYPES)
        except BaseException:
            self.close()
            raise

    @property
    def connection(self) -> psycopg.Connection:
        """The connection, for questions of other kinds; waits for what is being appended."""
        self._appended()
        return self._connection

    def begin(self) -> None:
        """Start a transaction and take the ledger's lock; what is read after this is the present state.

        Raises psycopg.errors.LockNotAvailable after `LOCK_TIMEOUT_MS`.
        """
        self.commit_sent = False
        self.in_transaction = True
        self._call(lambda: self._pgconn.exec_(self._begin))

    def heads(self, questions: Questions) -> tuple[str | None, Heads]:
        """Read the clock and the heads that a batch is settled on; a scripted clock never set gives None."""
        names = list(questions.commands)
        sources = questions.sources
        result = self._prepared(
            _HEADS,
            [
                self._scripted,
                _texts(questions.streams),
                _texts(questions.subjects),
                _texts([name[0] for name in names]),
                _texts([name[1] for name in names]),
                wire.int4s([name[2] for name in names]) if names else None,
                _texts(list(questions.commands.values())),
                *([_texts([source[i] for source in sources]) for i in range(4)]),
                _texts(questions.persons),
            ],
        )
        return _read_heads(result, questions)

    @property
    def idle(self) -> bool:
        """Say whether the server has nothing to do: what was appended last is written, or has failed."""
        if not self._appending:
            return True
        try:
            self._pgconn.consume_input()
        except psycopg.OperationalError:
            return True  # whoever asks for the answer is told
        return not self._pgconn.is_busy()

    def append(self, part: Part) -> None:
        """Write a part of a batch; none is durable before `commit`.

        The server may still write when this returns; the next message waits for it and raises what it met.
        """
        self._appended()
        self.deadline = time.monotonic() + MESSAGE_S_MAX
        self._appending = True
        values = append_parameters(part)
        try:
            self._pgconn.send_query_prepared(_APPEND, values, [_BINARY] * len(values), _BINARY)
        except psycopg.OperationalError as error:
            raise ConnectionLost(str(error)) from error
        if any(save.places for save in part.saves):
            self._prepared(_PLACE, place_parameters(part))
        if (hashes := hashes_parameters(part)) is not None:
            self._prepared(_APPEND_HASHES, hashes)

    def _appended(self) -> None:
        """Wait for what is being appended, if anything is. Raises ConnectionLost and what the server met."""
        if not self._appending:
            return
        self._appending = False
        results = list[pq.abc.PGresult]()
        try:
            while (result := self._pgconn.get_result()) is not None:
                results.append(result)
        finally:
            self.deadline = None
        for result in results:
            self._checked(result)

    def commit(self) -> None:
        """Make the transaction durable and let go of the lock."""
        self._appended()
        self.commit_sent = True
        self._call(lambda: self._pgconn.exec_(b"COMMIT"))
        self.in_transaction = False

    def rollback(self) -> None:
        """Let go of the lock and of whatever was written since `begin`; harmless outside a transaction."""
        self.in_transaction = False
        self._appending = False  # libpq waits for the answer and drops it
        self._call(lambda: self._pgconn.exec_(b"ROLLBACK"))

    def break_stale_lock(self, older_than_s: float) -> int:
        """End the sessions that hold the ledger's lock for too long, as far as this role may; give how many there were.

        One stopped in the middle of a message is beyond the server's timeouts before PostgreSQL 17.
        """
        rows = self.connection.execute(
            "SELECT count(pg_terminate_backend(a.pid)) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
            " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND l.classid = ((%(key)s::bigint >> 32) & 4294967295)::text::oid"
            " AND l.objid = (%(key)s::bigint & 4294967295)::text::oid"
            " AND a.application_name = ANY(%(names)s) AND a.pid <> pg_backend_pid()"
            " AND pg_has_role(a.usesysid, 'USAGE')"
            " AND a.xact_start < clock_timestamp() - make_interval(secs => %(age)s)",
            {"key": self._key, "names": list(LOCKERS), "age": older_than_s},
        ).fetchone()
        return 0 if rows is None else int(rows[0])

    def abort(self) -> None:
        """Shut the socket under a message that does not come back; safe from another thread."""
        with self._closing, suppress(OSError, psycopg.Error):
            if self._pgconn.status != pq.ConnStatus.OK:
                return
            handle = socket.socket(fileno=os.dup(self._pgconn.socket))
            try:
                handle.shutdown(socket.SHUT_RDWR)
            finally:
                handle.close()

    def close(self) -> None:
        """Close the connection; the server drops whatever was not committed."""
        self._watchdog.forget(self)
        with self._closing:
            self._connection.close()

    def _prepare(self, name: bytes, types: Sequence[int]) -> None:
        places = ",".join(f"${i}" for i in range(1, len(types) + 1)).encode()
        self._call(lambda: self._pgconn.prepare(name, b"SELECT * FROM " + name + b"(" + places + b")", types))

    def _prepared(self, name: bytes, values: Sequence[bytes | None]) -> pq.abc.PGresult:
        self._appended()
        formats = [_BINARY] * len(values)
        self.deadline = time.monotonic() + MESSAGE_S_MAX
        try:
            result = self._pgconn.exec_prepared(name, values, formats, _BINARY)  # type: ignore[arg-type]  # None is NULL
        except psycopg.OperationalError as error:
            raise ConnectionLost(str(error)) from error
        finally:
            self.deadline = None
        return self._checked(result)

    def _call(self, call: object) -> pq.abc.PGresult:
        self.deadline = time.monotonic() + MESSAGE_S_MAX
        try:
            result: pq.abc.PGresult = call()  # type: ignore[operator]  # always a lambda of this class
        except psycopg.OperationalError as error:
            raise ConnectionLost(str(error)) from error
        finally:
            self.deadline = None
        return self._checked(result)

    def _checked(self, result: pq.abc.PGresult) -> pq.abc.PGresult:
        if result.status in {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK}:
            return result
        error = error_from_result(result)
        if self._pgconn.status != pq.ConnStatus.OK or error.diag.sqlstate is None:  # the client's, not the server's
            raise ConnectionLost(str(error)) from error
        raise error


def _texts(values: Sequence[str]) -> bytes | None:
    return wire.texts(values) if values else None


def _read_heads(result: pq.abc.PGresult, questions: Questions) -> tuple[str | None, Heads]:
    now, position, recorded_at, frontier, versions, seqs, leaves, states, sources, keys = (
        result.get_value(0, i) for i in range(10)
    )
    size = wire.read_int8(position) or 0
    chains = {
        subject: (seq, None if leaf is None else leaf.hex())
        for subject, seq, leaf in zip(
            questions.subjects, wire.read_int4s(seqs), wire.read_blobs(leaves), strict=True
        )
    }  # fmt: skip
    return None if now is None else now.decode(), Heads(
        position=size,
        recorded_at="" if recorded_at is None else recorded_at.decode(),
        frontier=merkle.Frontier.from_bytes(size, frontier or b""),
        versions=dict(zip(questions.streams, wire.read_int4s(versions), strict=True)),
        chains=chains,
        commands={
            name: state
            for name, state in zip(questions.commands, wire.read_int4s(states), strict=True)
            if state != CommandState.UNKNOWN
        },
        sources={
            name: stream.decode()
            for name, stream in zip(questions.sources, wire.read_blobs(sources), strict=True)
            if stream is not None
        },
        keys={
            person: key for person, key in zip(questions.persons, wire.read_blobs(keys), strict=True) if key is not None
        },
    )
