"""A book of maintenance visits whose events are stored and projected, to be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import groupby

from application.reading import lifts, subjects
from application.reading.asking import Asking, Reads
from application.work import Author
from domain.errors import Conflict
from infrastructure.clock import ScriptedClock, set_scripted
from infrastructure.mapper import LogStreams
from infrastructure.projector import Projector
from infrastructure.views import SqlViews
from tests.support.book import Book
from tests.support.history import Told
from tests.support.projecting import store
from tests.support.saving import SCRIPTED, TestLedger
from tests.support.visiting import LIFT, OPERATOR, YEAR, workshop

BEGUN = "2025-01-01T00:00:00.000000Z"


class Kept:
    """A book's events, stored and projected as far as they have come, each recorded when the book says."""

    def __init__(self, ledger: TestLedger, reads: Reads, book: Book | None = None) -> None:
        self.book = book or workshop()
        self.reads = reads
        self._ledger = ledger
        self._stored = 0

    def keep(self) -> str:
        """Store what is new in the book; give the position it came to."""
        new = self.book.log[self._stored :]
        self._stored = len(self.book.log)
        position = 0
        for at, of in groupby(new, lambda event: event.recorded_at or BEGUN):
            self._at(at)
            position = store(
                self._ledger,
                [
                    Told(
                        e.originator_id, e.TOPIC, e.said, e.found, e.effective_at or at, e.author.party, e.author.agent
                    )
                    for e in of
                ],
            )  # fmt: skip
        self._at(self.book.now)
        with closing(Projector(self._ledger.database)) as projector:
            projector.catch_up()
        return str(position)

    def _at(self, now: str) -> None:
        with suppress(Conflict):  # what was seeded later has no instant of its own
            set_scripted(self._ledger.database, SCRIPTED, now, set_by="test")

    def codes(self, year: str = YEAR, **query: str) -> dict[str, list[str]]:
        """Give the findings of the timeline's ended visits, and check that the replay says the same."""
        operator = Author(OPERATOR, "operator")
        line = lifts.timeline(Asking(self.reads, operator, {"lift": LIFT}, query))
        found = {e["facts"]["visit"]: e["findings"] for e in line["entries"] if e["type"] == "visit.Finished"}
        told = subjects.replayed(Asking(self.reads, operator, {"subject": LIFT}, {**query, "stream": year}))
        assert told["judged_at"] == line["judged_at"] or not query
        missing = {visit: [m["code"] for m in told["missing"] if m["visit"] == visit] for visit in found}
        assert missing == found
        return found


@contextmanager
def keeping(ledger: TestLedger, book: Book | None = None) -> Iterator[Kept]:
    """Open the reading side over a book whose events are stored."""
    views, clock = SqlViews(ledger.database, SCRIPTED), ScriptedClock(ledger.database, refresh_s=0)
    try:
        yield Kept(ledger, Reads(SCRIPTED, ledger.recorder, views, LogStreams(ledger.recorder), clock), book)
    finally:
        views.close()
        clock.close()
