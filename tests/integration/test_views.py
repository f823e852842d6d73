"""The reads of the read models: one that takes too long is given up, and says what it was that took so long."""

from __future__ import annotations

from contextlib import closing

import pytest

from application.errors import AnswerTooSlow, DatabaseAway
from application.reading.ports import VisitsAsked
from infrastructure import views
from infrastructure.connection import connect_plain, lock_key
from tests.support.saving import ORIGIN, TestLedger


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "STATEMENT_S_MAX", 0.2)


def test_a_question_that_takes_too_long_is_the_askers_to_narrow(ledger: TestLedger) -> None:
    """Tried again it would take as long."""
    with closing(views.SqlViews(ledger.database, ORIGIN)) as reads, connect_plain(ledger.database, "test") as other:
        with other.transaction():
            other.execute("LOCK TABLE view_visits IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(AnswerTooSlow) as slow:
                reads.visits(VisitsAsked(1, {}), after=None, limit=1)
        assert slow.value.details == {"seconds_max": 0.2}
        assert reads.visits(VisitsAsked(1, {}), after=None, limit=1) == []


def test_a_write_that_takes_too_long_is_waited_for_again(ledger: TestLedger) -> None:
    """What is asked as of just now waits for the writer, and may be asked again."""
    with closing(views.SqlViews(ledger.database, ORIGIN)) as reads, connect_plain(ledger.database, "test") as other:
        with other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(ORIGIN),))
            with pytest.raises(DatabaseAway):
                reads.pass_lock()
        reads.pass_lock()


def test_a_server_that_stands_still_is_not_the_askers_fault(ledger: TestLedger) -> None:
    """What every question asks first, and asks nobody to narrow, may be tried again."""
    with closing(views.SqlViews(ledger.database, ORIGIN)) as reads, connect_plain(ledger.database, "test") as other:
        with other.transaction():
            other.execute("LOCK TABLE projection_tracking IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DatabaseAway):
                reads.tracked()
        assert reads.tracked().position == 0
