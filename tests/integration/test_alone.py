"""One process of several has a duty, and the next takes it over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from infrastructure import alone
from infrastructure.alone import Alone
from infrastructure.connection import Database
from tests.support.saving import ORIGIN, TestLedger
from tests.support.scenes import until


@pytest.fixture
def pair(ledger: TestLedger) -> Iterator[tuple[Alone, Alone]]:
    """Two processes' claims to one duty."""
    made = Alone(ledger.database, ORIGIN, "timers"), Alone(ledger.database, ORIGIN, "timers")
    yield made
    for each in made:
        each.close()


def test_one_holds(ledger: TestLedger, pair: tuple[Alone, Alone]) -> None:
    """The first who asks has the duty as long as it lives; another duty, or another ledger's, is free."""
    first, second = pair
    assert [first.holds(), second.holds(), first.holds(), second.holds()] == [True, False, True, False]
    for other in (Alone(ledger.database, ORIGIN, "other"), Alone(ledger.database, "ledger.example/other", "timers")):
        assert other.holds()
        other.close()
    first.close()
    until(second.holds)  # the server ends the session in its own time
    assert not first.holds()


def test_lost_connection(ledger: TestLedger, pair: tuple[Alone, Alone]) -> None:
    """Whoever lost its session lost the duty, says so, and may have it again when it is free."""
    first, second = pair
    assert first.holds()
    with ledger.owner() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'liftledger timers' AND datname = current_database()"
        )
    assert not first.holds()
    until(second.holds)
    second.close()
    until(first.holds)


def test_stopped_holder(monkeypatch: pytest.MonkeyPatch, pair: tuple[Alone, Alone]) -> None:
    """A holder that does not ask for long, as a stopped process, keeps the duty from others for a time only."""
    first, second = pair
    monkeypatch.setattr(alone, "SESSION_IDLE_S_MAX", 5)
    assert first.holds()
    assert not second.holds()
    until = time.monotonic() + 60
    while not second.holds():
        assert time.monotonic() < until
        threading.Event().wait(0.1)
    assert not first.holds()


def test_database_away() -> None:
    """While the database is away nobody has the duty."""
    assert not Alone(Database("postgresql://nobody@127.0.0.1:1/none"), ORIGIN, "timers").holds()
