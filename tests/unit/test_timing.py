"""The thread that fires timers: one bad timer or one bad round stops nothing that comes after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.timing import Timekeeper
from application.errors import DatabaseAway
from application.saves import Save
from application.services import Services
from application.timers import Due
from tests.support.book import ORIGIN
from tests.support.funding import funded, ready
from tests.support.insuring import OPERATOR
from tests.unit.test_timers import EXPIRES, VOIDING, stored

UNKNOWN = Due("fund.Vanished", VOIDING.stream, VOIDING.due, VOIDING.rule)


class Saved:
    """Takes saves as the recorder does, or is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.saves: list[Save] = []
        self.asked = 0
        self.away = away

    def submit(self, save: Save) -> Future[Any]:
        """Answer at once."""
        self.asked += 1
        answer: Future[Any] = Future()
        if self.away:
            answer.set_exception(DatabaseAway("away"))
        else:
            self.saves.append(save)
            answer.set_result(SimpleNamespace(repeated=False))
        return answer


class Told:
    """Tells what is due; the first `broken` rounds fail as nobody foresaw."""

    def __init__(self, *due: Due, broken: int = 0) -> None:
        self.given = due
        self.broken = broken
        self.rounds = 0
        self.answered = threading.Event()

    def due(self, now: str, limit: int = 100, after: Due | None = None) -> Sequence[Due]:
        """Give everything, each round again."""
        self.rounds += 1
        if self.rounds <= self.broken:
            raise RuntimeError("nobody foresaw this")
        self.answered.set()
        return self.given


def keeper(
    told: Told, recorder: Saved, round_s: float = 0.01, fires: Callable[[], bool] = lambda: True
) -> Timekeeper:  # fmt: skip
    """Give the timekeeper of a fund whose reservation has expired."""
    book = funded()
    ready(book)
    services = SimpleNamespace(
        origin=ORIGIN, operator=OPERATOR.party, clock=SimpleNamespace(now=lambda: EXPIRES), timers=told, streams=book,
        stored=stored, recorder=recorder, fires_timers=fires,
    )  # fmt: skip
    return Timekeeper(cast("Services", services), round_s)


def test_a_timer_that_cannot_be_fired_holds_up_no_other() -> None:
    """A timer that this program does not know is passed over; the next is written."""
    recorder = Saved()
    assert keeper(Told(UNKNOWN, VOIDING), recorder).fire() == 1
    assert [event.topic for save in recorder.saves for event in save.events] == ["fund.ReservationVoided"]


def test_a_database_that_is_away_ends_the_round() -> None:
    """The rest of the round is not tried against a database that is away."""
    recorder = Saved(away=True)
    with pytest.raises(DatabaseAway):
        keeper(Told(VOIDING, VOIDING), recorder).fire()
    assert recorder.asked == 1


def test_a_worker_without_the_duty_fires_nothing() -> None:
    """As long as another worker has the duty nothing is looked for; it is as soon as it is this one's turn."""
    told, turns, asked = Told(), [False, False, True], threading.Semaphore(0)

    def fires() -> bool:
        asked.release()
        assert told.rounds == 0 or not turns
        return turns.pop(0) if turns else True

    timekeeper = keeper(told, Saved(), fires=fires)
    timekeeper.start()
    try:
        assert told.answered.wait(10)
        assert [asked.acquire(blocking=False) for _ in range(3)] == [True] * 3
    finally:
        timekeeper.close()


def test_what_nobody_foresaw_does_not_end_the_thread() -> None:
    """After two rounds that failed, the third still fires."""
    told = Told(broken=2)
    timekeeper = keeper(told, Saved())
    timekeeper.start()
    try:
        assert told.answered.wait(10)
    finally:
        timekeeper.close()
