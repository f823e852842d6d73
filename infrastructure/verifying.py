"""Reads the log for a verification: page by page, in short statements, in several processes.

No statement holds a snapshot for long, so a verification may run beside the writers for hours. Each process has its own
connection and gives back a page's report, never its rows.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Self

from application.saves import EVENTS_PER_SAVE_MAX
from application.verifying import NOTHING, Besides, ErasedMeanwhile, Extent, Progress, verify_log
from application.verifying import spans as cut
from audit.histories import HISTORY_SUBJECTS
from audit.note import Checkpoint, Verifier
from audit.pages import Context, EventRow, PageReport, ReceiptRow
from audit.structure import StructureChecker
from audit.verify import Checker
from audit.whole import Report, Totals
from domain.aggregate import type_registry
from infrastructure.connection import Database, connect_plain, connect_reader, telling_away
from infrastructure.errors import InfrastructureError
from infrastructure.page_answers import PageAnswers
from infrastructure.processes import die_with
from infrastructure.published import NOBODY, PublishedLog, Trust

TRIES_MAX: Final = 3
"""How often a verification begins anew when persons are erased under it."""
AHEAD: Final = 3
"""Pages each process may be ahead of what was joined."""

_EXTENT = """
SELECT (SELECT max(position) FROM events),
    (SELECT count(*) FROM receipts),
    (SELECT count(*) FROM commands WHERE first IS NOT NULL),
    (SELECT count(*) FROM commands WHERE first IS NULL),
    (SELECT count(*) FROM evidence),
    (SELECT count(*) FROM request_lines l WHERE NOT EXISTS (
        SELECT FROM commands c WHERE c.party = l.party AND c.command = l.command
            AND l.line BETWEEN coalesce(c.first_line, 0) AND coalesce(c.last_line, 0))),
    (SELECT count(*) FROM request_bytes b WHERE NOT EXISTS (
        SELECT FROM request_lines l WHERE l.party = b.party AND l.command = b.command AND l.line = b.line)),
    (SELECT count(*) FROM events WHERE position < 1),
    (SELECT count(*) FROM request_hashes h WHERE NOT EXISTS (
        SELECT FROM commands c WHERE c.party = h.party AND c.command = h.command)),
    (SELECT count(*) FROM (SELECT FROM commands WHERE grp > 0
        GROUP BY party, command HAVING count(*) < max(groups)) unfinished)
"""
_EXTENT_OF_STRUCTURE = """
SELECT (SELECT max(position) FROM events), (SELECT count(*) FROM receipts),
    (SELECT count(*) FROM events WHERE position < 1)
"""
_HISTORY = "SELECT position, header, body FROM events WHERE subject >= %s AND subject < %s ORDER BY position"
_BEFORE = "SELECT first, count FROM receipts WHERE first < %s ORDER BY first DESC LIMIT 1"
_RECEIPTS = "SELECT first, count, note FROM receipts WHERE first >= %s AND first <= %s ORDER BY first"
_EVENTS = (
    "SELECT position, stream, version, seq, type, recorded_at, header, body, leaf, frontier FROM events"
    " WHERE position >= %s AND position <= %s ORDER BY position"
)


class VerifierLost(InfrastructureError):
    """A process that was checking pages ended; nothing is said about the log."""

    code = "verifier_lost"


@dataclass(frozen=True, slots=True)
class StoredPages:
    """`application.verifying.LogPages` over a database.

    `master_key` opens what is sealed for persons; without it sealed requests are counted, not compared. Without
    `signatures` the structure alone is checked (`audit.structure`).
    """

    database: Database
    processes: int
    master_key: bytes | None = None
    signatures: bool = True

    def extent(self) -> Extent:
        """Give the last position and the numbers of rows, of one snapshot."""
        if not self.signatures:
            with connect_plain(self.database, "liftledger verify") as connection:
                found = connection.execute(_EXTENT_OF_STRUCTURE).fetchone()
            size, receipts, below = found or (None, 0, 0)
            return Extent(size or 0, Totals(receipts, misplaced=below))
        with connect_plain(self.database, "liftledger verify") as connection:
            row = connection.execute(_EXTENT).fetchone()
        size, receipts, commands, silent, evidence, lines, data, below, hashes, unfinished = row or (None, *[0] * 9)
        stray = lines + data + hashes
        return Extent(size or 0, Totals(receipts, commands, silent, evidence, stray, below, unfinished))

    def history(self) -> Iterable[tuple[int, bytes, bytes]]:
        """Give the events that tell keys, erased persons and tables of actions, in order of position."""
        found: list[tuple[int, bytes, bytes]] = []
        with connect_reader(self.database) as connection:
            cursor = connection.cursor(binary=True)
            for subject in HISTORY_SUBJECTS:
                # A kind's names lie between its colon and the next character; `ledger` stands alone.
                after = f"{subject[:-1]};" if subject.endswith(":") else f"{subject}\x01"
                found += cursor.execute(_HISTORY, (subject, after)).fetchall()
        return sorted(found)

    def events(self, last: int) -> Iterator[Sequence[EventRow]]:
        """Give the events up to a position as they are stored, page by page."""
        with connect_reader(self.database) as connection:
            cursor = connection.cursor(binary=True)
            for span in cut(last):
                yield list(map(EventRow._make, cursor.execute(_EVENTS, span, prepare=True)))

    def check(self, context: Context, spans: Sequence[tuple[int, int]]) -> Iterator[PageReport]:
        """Check the saves that begin in each span, and give the reports in the order of the spans.

        Raises VerifierLost, DatabaseAway.
        """
        if not spans:
            return
        size = spans[-1][1]
        if self.processes == 1 or len(spans) == 1:
            with PageReader(self, context, size) as reader:
                yield from (reader.check(*span) for span in spans)
            return
        with ProcessPoolExecutor(
            min(self.processes, len(spans)),
            _how_to_start(),
            _begin,
            (os.getpid(), self, context, size),
        ) as pool:
            try:
                yield from _in_order(pool, spans, AHEAD * self.processes)
            except BrokenProcessPool as lost:
                raise VerifierLost("a verifying process ended") from lost
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, spans: Sequence[tuple[int, int]], ahead: int) -> Iterator[PageReport]:
    waiting: deque[Future[PageReport]] = deque()
    for span in spans:
        waiting.append(pool.submit(_check, span))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _how_to_start() -> Any:  # noqa: ANN401 - one of multiprocessing's contexts
    """Give the quick way to start a process where it is safe: no other thread, and a system that forks soundly."""
    alone = threading.active_count() == 1 and sys.platform == "linux"
    return multiprocessing.get_context("fork" if alone else "spawn")


_readers: list[PageReader] = []
"""The reader of a process of the pool, made when it starts."""


def _begin(parent: int, pages: StoredPages, context: Context, size: int) -> None:
    # Killed with -9, the parent takes us with it: a helper would wait for work for ever, and a forked one hold `var/`.
    die_with(parent, signal.SIGKILL)
    # Rows come and go by the thousand and hold no cycles; looking for some would take a tenth of the time.
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends its pool
    _readers[:] = [PageReader(pages, context, size)]


def _check(span: tuple[int, int]) -> PageReport:
    return _readers[0].check(*span)


class PageReader:
    """Reads and checks pages over one connection; `size` is the last position that is looked at."""

    def __init__(self, pages: StoredPages, context: Context, size: int) -> None:
        with telling_away():
            self._connection = connect_reader(pages.database)
        self._answers = PageAnswers(self._connection, pages.master_key)
        self._checker = Checker(context) if pages.signatures else StructureChecker(context)
        self._size = size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def check(self, first: int, last: int) -> PageReport:
        """Check the saves that begin between two positions. Raises DatabaseAway."""
        with telling_away():
            start, stop, receipts = self._bounds(first, last)
            rows = list(map(EventRow._make, self._rows(_EVENTS, (start, stop))))
            if isinstance(self._checker, StructureChecker):
                return self._checker.check(start, stop, rows, receipts)
            return self._checker.check(start, stop, rows, receipts, self._answers.ask)

    def _bounds(self, first: int, last: int) -> tuple[int, int, list[ReceiptRow]]:
        """Give the first position of the first save that begins in the span, the last one of the last, the receipts.

        The neighbours look at the same receipts, so that they agree where one page ends and the next begins.
        """
        start, stop = first, last
        for before, count in self._rows(_BEFORE, (first,)):
            start = max(first, before + min(count, EVENTS_PER_SAVE_MAX))
        if start > last:  # a save reaches over the whole span
            return start, start - 1, []
        receipts = list(map(ReceiptRow._make, self._rows(_RECEIPTS, (start, last))))
        if receipts:
            stop = max(last, receipts[-1].first + min(receipts[-1].events, EVENTS_PER_SAVE_MAX) - 1)
        return start, min(stop, self._size), receipts

    def _rows(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._connection.cursor(binary=True).execute(query, parameters, prepare=True).fetchall()


def verify(
    database: Database,
    origin: str,
    *,
    processes: int | None = None,
    progress: Progress | None = None,
    master_key: bytes | None = None,
    checkpoints: Sequence[Checkpoint] = (),
    signatures: bool = True,
    log: Sequence[tuple[int, Sequence[Verifier]]] = (),
    trust: Trust = NOBODY,
    besides: Besides = NOTHING,
) -> Report:
    """Verify a stored log (`application.verifying.verify_log`), in as many processes as there are cores unless told.

    Without `signatures` the structure alone is checked, and the report says so. With `log`, the ledger's checkpoint
    keys by time (`infrastructure.published`), all that was published is checked as well; `trust` is the verifier's own
    and says what is anchored, whether the ledger goes on from what is believed, and whose time stamps hold.
    Raises DatabaseAway, VerifierLost.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    pages = StoredPages(database, processes or cores, master_key, signatures)
    types = {topic: kind.SCHEMA for topic, kind in type_registry.items()}
    for left in reversed(range(TRIES_MAX)):
        try:
            with telling_away(), ExitStack() as stack:
                published = None
                if log:
                    connection = stack.enter_context(connect_reader(database))
                    published = PublishedLog(connection, origin, log, trust)
                return verify_log(
                    pages, origin, known=types, checkpoints=checkpoints, published=published, besides=besides,
                    progress=progress,
                )  # fmt: skip
        except ErasedMeanwhile:
            if besides.resumed is not None or not left:  # what it went on from is used up
                raise
    raise AssertionError
