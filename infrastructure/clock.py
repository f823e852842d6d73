"""The ledger's time for the door, the scripted clock, and an operator's word on a step (event-format §8)."""

from __future__ import annotations

import threading
import time

import psycopg

from application.errors import ClockBehind
from audit.checkpoints import is_scripted
from audit.instants import check_instant
from domain.errors import Conflict
from infrastructure.connection import CLOCK_APPLICATION, Database, connect_plain, connect_reader, under_lock
from infrastructure.stepping import machine, machine_us, to_instant, to_us

REFRESH_S = 5.0
SCRIPTED_REFRESH_S = 0.005
_NOW = "SELECT ledger_instant(ledger_now())"
_SCRIPTED = "SELECT now FROM clock ORDER BY number DESC LIMIT 1"


class DatabaseClock:
    """An estimate of the database's clock: read now and then, carried on by this machine's monotonic clock.

    Implements `application.ports.Clock`; safe in threads and never waits for the database but on the first reading.
    `recorded_at` itself is read under the lock.
    """

    def __init__(self, database: Database, *, refresh_s: float = REFRESH_S) -> None:
        """Start the thread that refreshes the estimate."""
        self._database = database
        self._refresh_s = refresh_s
        self._offset_us: int | None = None
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="liftledger-clock", daemon=True)
        self._thread.start()

    def now(self) -> str:
        """Give the present instant. Raises ClockBehind `clock_unknown` if it was never read."""
        if self._offset_us is None and not self._ready.wait(10.0):
            raise ClockBehind("the ledger's clock cannot be read", code="clock_unknown", retry_after_s=1)
        return to_instant((self._offset_us or 0) + time.monotonic_ns() // 1000)

    def close(self) -> None:
        """End the thread and its connection."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        connection: psycopg.Connection | None = None
        while True:
            try:
                connection = connection or connect_reader(self._database)
                before_us = time.monotonic_ns() // 1000
                row = connection.execute(_NOW).fetchone()
                after_us = time.monotonic_ns() // 1000
                if row is not None:
                    self._offset_us = to_us(row[0]) - (before_us + after_us) // 2
                    self._ready.set()
            except psycopg.Error:
                if connection is not None:
                    connection.close()
                connection = None
            if self._stop.wait(self._refresh_s if self._ready.is_set() else 0.25):
                break
        if connection is not None:
            connection.close()


class ScriptedClock:
    """The clock of a scripted ledger: the last row of an append-only table. Safe in threads."""

    def __init__(self, database: Database, *, refresh_s: float = SCRIPTED_REFRESH_S) -> None:
        """Connect when first asked; a reading is kept for `refresh_s`."""
        self._database = database
        self._refresh_s = refresh_s
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._read_s = float("-inf")
        self._now = ""

    def now(self) -> str:
        """Give the ledger's time. Raises ClockBehind `clock_not_set` before it was set, `clock_unknown`."""
        with self._lock:
            if time.monotonic() - self._read_s >= self._refresh_s:
                self._read()
            return self._now

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _read(self) -> None:
        try:
            self._connection = self._connection or connect_reader(self._database)
            asked_s = time.monotonic()
            row = self._connection.execute(_SCRIPTED).fetchone()
        except psycopg.Error as away:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            raise ClockBehind("the ledger's clock cannot be read", code="clock_unknown", retry_after_s=1) from away
        if row is None:
            raise ClockBehind("the scripted clock was never set", code="clock_not_set", retry_after_s=1)
        self._now, self._read_s = row[0], asked_s


def ledger_clock(database: Database, origin: str) -> DatabaseClock | ScriptedClock:
    """Give the clock that the origin names."""
    return ScriptedClock(database) if is_scripted(origin) else DatabaseClock(database)


def set_scripted(database: Database, origin: str, now: str, *, set_by: str) -> None:
    """Set a scripted ledger's time, under the writers' lock; it never goes back, nor behind the log.

    Raises Conflict `clock_not_scripted`, `clock_goes_back` (`details["ledger_time"]`), InstantInvalid, DatabaseAway.
    """
    check_instant(now)
    if not is_scripted(origin):
        raise Conflict("this ledger's time is the database's", code="clock_not_scripted")
    with under_lock(database, CLOCK_APPLICATION, origin) as connection:
        row = connection.execute(
            "SELECT greatest((SELECT now FROM clock ORDER BY number DESC LIMIT 1),"
            " (SELECT recorded_at FROM events ORDER BY position DESC LIMIT 1)),"
            " coalesce((SELECT number FROM clock ORDER BY number DESC LIMIT 1), 0)"
        ).fetchone()
        last, number = row or (None, 0)
        if last is not None and now < last:
            raise Conflict("the ledger's time does not go back", code="clock_goes_back", ledger_time=last)
        connection.execute("INSERT INTO clock (number, now, set_by) VALUES (%s, %s, %s)", (number + 1, now, set_by))


def accept_step(database: Database, *, accepted_by: str) -> str:
    """Accept the database's present time as right, so that writing goes on after a great step; give that time."""
    with connect_plain(database, CLOCK_APPLICATION) as connection:
        before_us = machine_us()
        now = str(connection.execute(_NOW).fetchall()[0][0])
        connection.execute(
            "INSERT INTO clock_acceptances (accepted_at, accepted_by, machine, before_us, after_us)"
            " VALUES (%s, %s, %s, %s, %s)",
            (now, accepted_by, machine(), before_us, machine_us()),
        )
    return now
