"""What counts as a step of the clock, reckoned without any clock."""

from __future__ import annotations

import pytest

from application.errors import ClockBehind
from infrastructure.stepping import NotYet, Reading, StepWatch, check_behind, machine_us, to_instant, to_us

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
