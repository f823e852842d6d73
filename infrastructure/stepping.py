"""The ledger's time against its last event and against the machine's uninterrupted clock (event-format §8); pure.

A machine's clock is uninterrupted from one boot to the next, so a step is seen within a boot, whichever process looks.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from application.errors import ClockBehind

BEHIND_WAITED_MAX_US = 5_000_000
"""Up to this the clock may be behind the log and is waited for; more refuses to write."""
STEP_REFUSED_MIN_US = 60_000_000
"""A step forward of this or more stops the ledger until the clock is back or an operator accepts it."""
STEP_NOTED_MIN_US = 500_000
STEP_NOTED_RATE_PPM = 500
"""Two disciplined clocks may part by this much; whatever is more is a step and is noted."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def machine_us() -> int:
    """Read the clock of this machine that nobody sets and that counts while it sleeps."""
    return time.clock_gettime_ns(_BOOTTIME) // 1000


@cache
def machine() -> str:
    """Name this boot of this machine, within which readings of `machine_us` may be compared.

    Where the system does not tell, each process is a machine of its own.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/time').readlink()}"
    except OSError:
        return f"process {uuid.uuid4()}"


def to_us(instant: str) -> int:
    """Give an instant's microseconds since 1970."""
    return (datetime.fromisoformat(instant) - _EPOCH) // timedelta(microseconds=1)


def to_instant(us: int) -> str:
    """Give the text of an instant."""
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Reading:
    """The database's clock, read somewhere between two readings of the machine's."""

    now_us: int
    before_us: int
    after_us: int


@dataclass(frozen=True, slots=True)
class Step:
    """How far the clock leapt ahead, at the least, and since which of its own instants."""

    ahead_us: int
    since_us: int
    observed_us: int


class NotYet(Exception):
    """The clock is a little behind the log: try again after `wait_s`."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


def check_behind(now: str, last: str) -> None:
    """Say whether the clock has reached the log's last instant.

    Raises NotYet if it is up to `BEHIND_WAITED_MAX_US` behind, ClockBehind if it is more.
    """
    if now >= last:
        return
    behind_us = to_us(last) - to_us(now)
    if behind_us > BEHIND_WAITED_MAX_US:
        raise ClockBehind(
            "the database's clock is behind the log", behind_ms=behind_us // 1000, ledger_time=last,
            retry_after_s=min(behind_us // 1_000_000 + 1, 60),
        )  # fmt: skip
    raise NotYet(behind_us / 1_000_000)


class StepWatch:
    """Compares the database's clock with the machine's, from a reading taken as right to each later one."""

    def __init__(self) -> None:
        self._reference: Reading | None = None

    @property
    def since_us(self) -> int | None:
        """The instant, by the database's clock, of the reading taken as right; None before the first."""
        return None if self._reference is None else self._reference.now_us

    def step(self, reading: Reading, *, noted_us: int = 0) -> Step | None:
        """Give the step forward since the last accepted reading, if there was one beyond what was noted since.

        The reckoning allows for every delay between the readings, so a process that was stopped sees no step.
        """
        reference = self._reference
        if reference is None:
            return None
        elapsed_us = reading.after_us - reference.before_us
        ahead_us = reading.now_us - reference.now_us - elapsed_us - noted_us
        if ahead_us <= STEP_NOTED_MIN_US + elapsed_us * STEP_NOTED_RATE_PPM // 1_000_000:
            return None
        return Step(ahead_us, reference.now_us, reading.now_us)

    def accept(self, reading: Reading) -> None:
        """Take a reading as right, unless a later one was: the next are compared with it."""
        if self._reference is None or reading.before_us >= self._reference.before_us:
            self._reference = reading
