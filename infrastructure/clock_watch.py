"""Watches the database's clock for a writer, from readings that outlive the process (event-format §8).

What was taken as right is kept in the database, by machine and boot: a process that starts, and one that idled, judges
the clock from there. A machine that booted since has nothing to compare with; it takes its first reading as right.
"""

from __future__ import annotations

import psycopg

from application.errors import ClockBehind
from application.saves import Save
from audit import canonical
from infrastructure.log_reader import find_operator, rows
from infrastructure.stepped import CLOCK_STEPPED, LEDGER, clock_stepped
from infrastructure.stepping import STEP_REFUSED_MIN_US, Reading, Step, StepWatch, machine, to_instant, to_us

KEPT_AGAIN_US = 600_000_000
"""A reading is kept when the last kept one is older than this: the older, the more two clocks may have parted."""


class ClockWatch:
    """One writer's watch; everything is called under the ledger's lock, in the writer's transaction."""

    def __init__(self, origin: str) -> None:
        """Know nothing yet: what was kept is read when the first batch is written."""
        self._origin = origin
        self._machine = machine()
        self._steps = StepWatch()
        self._kept_us: int | None = None
        self._asked = False
        self._operator: str | None = None

    def notes(self, connection: psycopg.Connection, reading: Reading) -> list[Save]:
        """Give the save that notes a step since the last reading taken as right, if one is not noted yet.

        Raises ClockBehind `clock_stepped` over a great one that no operator accepted.
        """
        step = self.unnoted(connection, reading)
        return [] if step is None else [self._note(connection, step, reading)]

    def unnoted(self, connection: psycopg.Connection, reading: Reading) -> Step | None:
        """Give the step since the last reading taken as right, or what is left of it beyond what the log notes."""
        if not self._asked:
            self._learn(connection)
            self._asked = True
        if self._steps.step(reading) is None:
            return None
        self._learn(connection)  # another process of this machine may have taken a later reading as right
        since_us = self._steps.since_us
        noted_us = 0 if since_us is None else _noted_us(connection, since_us)
        return self._steps.step(reading, noted_us=noted_us)

    def keep(self, connection: psycopg.Connection, reading: Reading, *, noted: bool) -> bool:
        """Write down a reading with its batch, if it is time to or a step was noted; says whether it did."""
        if not noted and self._kept_us is not None and 0 <= reading.before_us - self._kept_us < KEPT_AGAIN_US:
            return False
        connection.execute(
            "INSERT INTO clock_readings (machine, now, before_us, after_us) VALUES (%s, %s, %s, %s)",
            (self._machine, to_instant(reading.now_us), reading.before_us, reading.after_us),
        )
        return True

    def accept(self, reading: Reading, *, kept: bool) -> None:
        """Take the reading of a batch that was committed as right."""
        self._asked = True
        self._steps.accept(reading)
        if kept:
            self._kept_us = reading.before_us

    def _learn(self, connection: psycopg.Connection) -> None:
        found = last_reading(connection, self._machine)
        if found is not None:
            self._steps.accept(found)
            self._kept_us = found.before_us

    def _note(self, connection: psycopg.Connection, step: Step, reading: Reading) -> Save:
        if self._operator is None:
            self._operator = find_operator(connection)
        great = step.ahead_us > STEP_REFUSED_MIN_US
        accepted = acceptance(connection, step, reading, self._machine) if great else None
        if great and accepted is None:
            raise ClockBehind(
                "the database's clock stepped ahead; an operator accepts it, or sets it right",
                code="clock_stepped", ahead_ms=step.ahead_us // 1000, retry_after_s=30,
            )  # fmt: skip
        found = rows(
            connection, "SELECT version FROM events WHERE stream = %s ORDER BY version DESC LIMIT 1", (LEDGER,)
        )
        return clock_stepped(self._origin, self._operator, found[0][0] + 1 if found else 1, step, accepted=accepted)


def last_reading(connection: psycopg.Connection, of: str) -> Reading | None:
    """Give the last reading that a writer of this machine and boot took as right."""
    found = rows(
        connection,
        "SELECT now, before_us, after_us FROM clock_readings WHERE machine = %s ORDER BY number DESC LIMIT 1", (of,),
    )  # fmt: skip
    return Reading(to_us(found[0][0]), found[0][1], found[0][2]) if found else None


def _noted_us(connection: psycopg.Connection, since_us: int) -> int:
    """Give how far the clock stepped since an instant by what the log notes, whoever noted it."""
    noted = rows(
        connection,
        "SELECT body FROM events WHERE stream = %s AND type = %s AND recorded_at > %s",
        (LEDGER, CLOCK_STEPPED, to_instant(since_us)),
    )
    return sum(1_000 * _ahead_ms(bytes(body)) for (body,) in noted)


def _ahead_ms(body: bytes) -> int:
    told = canonical.decode(body)
    found = told.get("found") if isinstance(told, dict) else None
    ahead_ms = found.get("ahead_ms") if isinstance(found, dict) else None
    return ahead_ms if isinstance(ahead_ms, int) else 0


def acceptance(connection: psycopg.Connection, step: Step, reading: Reading, of: str) -> int | None:
    """Give the number of the operator's acceptance that covers a step.

    An acceptance on this machine is a reading taken as right by him: it covers the step if the clock did not leap
    again since. One from elsewhere counts if its time is later than the clock before the step could have been.
    """
    found = rows(
        connection,
        "SELECT number, accepted_at, machine, before_us, after_us FROM clock_acceptances ORDER BY number DESC LIMIT 1",
        (),
    )
    if not found:
        return None
    number, accepted_at, where, before_us, after_us = found[0]
    if where != of:
        return int(number) if accepted_at > to_instant(step.since_us + STEP_REFUSED_MIN_US) else None
    since = StepWatch()
    since.accept(Reading(to_us(accepted_at), before_us, after_us))
    again = since.step(reading)
    return int(number) if again is None or again.ahead_us <= STEP_REFUSED_MIN_US else None
