"""What counts as a step of the clock, reckoned without any clock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NoReturn

import pytest

from application.errors import ClockBehind
from infrastructure.stepping import (
    NotYet,
    Reading,
    Step,
    StepWatch,
    check_behind,
    machine,
    machine_us,
    to_instant,
    to_us,
)

S = 1_000_000


def test_instants() -> None:
    """Instants and microseconds since 1970 are two spellings of one thing."""
    assert to_us("1970-01-01T00:00:01.000002Z") == 1_000_002
    assert to_instant(1_000_002) == "1970-01-01T00:00:01.000002Z"
    assert machine_us() <= machine_us()


def test_behind() -> None:
    """A clock at or after the log's last instant is right, up to 5 s before it is waited for, more is refused."""
    check_behind("2025-11-01T00:00:05.000000Z", "2025-11-01T00:00:05.000000Z")
    check_behind("2025-11-01T00:00:05.000000Z", "")
    with pytest.raises(NotYet) as early:
        check_behind("2025-11-01T00:00:00.000000Z", "2025-11-01T00:00:05.000000Z")
    assert early.value.wait_s == 5
    with pytest.raises(ClockBehind):
        check_behind("2025-11-01T00:00:00.000000Z", "2025-11-01T00:00:05.000001Z")


@pytest.mark.parametrize(
    "reading,ahead_us",
    [
        (Reading(100 * S, 100 * S, 100 * S), None),  # both clocks went on alike
        (Reading(100 * S + S // 2, 100 * S, 100 * S), None),  # within what two clocks may part
        (Reading(102 * S, 100 * S, 100 * S), 2 * S),
        (Reading(90 * S, 100 * S, 100 * S), None),  # a step back is not noted
        (Reading(102 * S, 100 * S, 103 * S), None),  # the process was stopped while it read
        (Reading(3600 * S + S // 2, 3600 * S, 3600 * S), None),  # an hour of drift
    ],
)
def test_step(reading: Reading, ahead_us: int | None) -> None:
    """A step is what no delay and no drift can explain."""
    watch = StepWatch()
    assert watch.step(reading) is None
    watch.accept(Reading(0, 0, 0))
    step = watch.step(reading)
    assert (None if step is None else step.ahead_us) == ahead_us


def test_stopped_while_taking_the_reference() -> None:
    """A process stopped while it took the reference sees no step afterwards."""
    watch = StepWatch()
    watch.accept(Reading(0, -3 * S, 10 * S))
    assert watch.step(Reading(12 * S, 10 * S, 10 * S)) is None


def test_how_far_behind_a_clock_is_told() -> None:
    """In whole milliseconds, and when to come again: as soon as it can have caught up, in a minute at the latest."""
    for behind, told in (("00:00:05.000001", (5000, 6)), ("00:00:58.999999", (58_999, 59)), ("00:01:00", (60_000, 60)),
                         ("09:00:00", (32_400_000, 60))):  # fmt: skip
        with pytest.raises(ClockBehind) as refused:
            check_behind("2025-11-01T00:00:00.000000Z", f"2025-11-01T{behind}{'' if '.' in behind else '.000000'}Z")
        assert (refused.value.details["behind_ms"], refused.value.details["retry_after_s"]) == told
    with pytest.raises(NotYet) as early:
        check_behind("2025-11-01T00:00:00.000000Z", "2025-11-01T00:00:00.000001Z")
    assert early.value.wait_s == 1e-6


def test_a_step_begins_beyond_what_two_clocks_may_part() -> None:
    """Half a second and what they drift; what was noted since is no step again."""
    watch = StepWatch()
    assert watch.since_us is None
    watch.accept(Reading(7 * S, 0, 0))
    for elapsed, parted in ((0, 500_000), (3600 * S, 2_300_000)):
        now = 7 * S + elapsed + parted
        assert watch.step(Reading(now, elapsed, elapsed)) is None
        assert watch.step(Reading(now + 1, elapsed, elapsed)) == Step(parted + 1, 7 * S, now + 1)
        assert watch.step(Reading(now + 1, elapsed, elapsed), noted_us=1) is None
    assert watch.since_us == 7 * S


def test_the_last_reading_is_taken_as_right() -> None:
    """By when it was begun; one that another thread began earlier comes too late."""
    watch = StepWatch()
    for reading, since in ((Reading(5, 5, 5), 5), (Reading(1, 4, 9), 5), (Reading(7, 5, 6), 7), (Reading(9, 6, 6), 9)):
        watch.accept(reading)
        assert watch.since_us == since


def test_readings_are_of_one_boot() -> None:
    """A machine that tells none is another one in each process; its clock counts in microseconds."""
    assert machine() == machine()
    assert abs(machine_us() - time.clock_gettime(time.CLOCK_BOOTTIME) * S) < 60 * S
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_text", _refused)
        assert machine.__wrapped__() != machine.__wrapped__()
        assert machine.__wrapped__().startswith("process ")


def _refused(*_: object, **__: object) -> NoReturn:
    raise FileNotFoundError
