"""Verifying a whole log: what must be known first, then its pages in order, then what they come to.

The checks themselves are `audit.verify` and `audit.whole`, which know no database; this is the order of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from threading import Event
from typing import Final, Protocol

from audit.histories import read_histories
from audit.note import Checkpoint
from audit.pages import Context, EventRow, PageReport
from audit.states import Retraced, State
from audit.whole import Report, Totals, Whole
from domain.errors import Busy

PAGE_EVENTS: Final = 1_000
"""Events of a page, before it is stretched to where its last save ends."""

EXPLAINED: Final = frozenset({"request_missing", "sealed_missing"})
"""Findings that a person's erasure explains."""


class ErasedMeanwhile(Busy):
    """What was looked for was erased while it was looked for; nothing is said about the log."""

    code = "erased_meanwhile"


Progress = Callable[[int, int], None]
"""Called with the positions checked so far, and how many there are."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the log reached when the verification began, and how many rows its tables held then."""

    size: int
    totals: Totals


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of holding the read models against the log.

    `at` is the position as of which they were, None where nothing could be compared; findings are (code, detail, how
    often), the first of each table in full.
    """

    at: int | None
    findings: Sequence[tuple[str, str, int]] = ()


class Published(Protocol):
    """What the ledger published of its log (infrastructure/published.py)."""

    anchored: int
    """The greatest size whose checkpoint the verifier's policy believes; 0 where he has none."""

    def checkpoints(self, size: int) -> Sequence[Checkpoint]:
        """Read the published checkpoints that the tree of a size must pass through, or that it falls short of."""

    def add(self, leaves: bytes) -> None:
        """Hold the next leaves, 32 bytes each, against the stored tiles."""

    def unpublished(self, roots: Sequence[int]) -> Sequence[int]:
        """Give those of the map roots' positions, in order, that no checkpoint stored by now has as its size."""

    def finish(self) -> Iterable[tuple[str, int | None, str]]:
        """Give what was found: code, position, detail."""


class StoredViews(Protocol):
    """The stored read models (infrastructure/shadows.py)."""

    def compare(self, stopped: Callable[[], bool]) -> Compared:
        """Make the read models again beside the stored ones, and hold these against them; called in another thread.

        It ends soon, whatever it then gives, when `stopped` says so.
        """


class LogPages(Protocol):
    """A stored log that can be checked page by page (infrastructure/verifying.py)."""

    @property
    def signatures(self) -> bool:
        """Say whether signatures are checked, and with them authors, requests and bodies; else the structure alone."""

    def extent(self) -> Extent:
        """Give the last position and the numbers of rows, all of one moment."""

    def history(self) -> Iterable[tuple[int, bytes, bytes]]:
        """Give (position, header, body) of all events of `audit.histories.HISTORY_SUBJECTS`, by position."""

    def events(self, last: int) -> Iterator[Sequence[EventRow]]:
        """Give the rows of all events up to a position, page by page."""

    def check(self, context: Context, spans: Sequence[tuple[int, int]]) -> Iterator[PageReport]:
        """Check the saves that begin in each span of positions, and give the reports in the order of the spans."""


@dataclass(frozen=True, slots=True)
class Besides:
    """What is asked beside the log itself: `views`, that the read models made of it be held against it.

    `resumed` is what was kept of an earlier verification, on which this one shall rest; `keep` is called with what
    another one may rest on, when integrity and completeness hold.
    """

    views: StoredViews | None = None
    resumed: State | None = None
    keep: Callable[[State], None] | None = None


NOTHING: Final = Besides()


def spans(size: int, page: int = PAGE_EVENTS, first: int = 1) -> list[tuple[int, int]]:
    """Cut positions `first` to `size` into pages."""
    return [(begin, min(begin + page - 1, size)) for begin in range(first, size + 1, page)]


def verify_log(
    pages: LogPages,
    origin: str,
    *,
    known: Mapping[str, int] | None = None,
    checkpoints: Sequence[Checkpoint] = (),
    published: Published | None = None,
    besides: Besides = NOTHING,
    progress: Progress | None = None,
) -> Report:
    """Verify a log from its stored bytes.

    `known` maps event types to the newest schema that this program knows; `checkpoints` are believed by the caller;
    `published` checks what the ledger published of itself. What is appended meanwhile is not looked at. The read models
    are held against it at the same time, in a thread beside. Raises ErasedMeanwhile when something is missing that an
    erasure during the verification may explain.
    """
    extent = pages.extent()
    context, keys = read_histories(origin, pages.history(), known=known)
    own: Sequence[Checkpoint] = ()
    anchored: int | None = None
    if published is not None:
        own = published.checkpoints(extent.size)
        anchored = max([published.anchored, *(each.size for each in checkpoints)])
    if progress is not None:
        progress(0, extent.size)
    whole = Whole(origin, [*own, *checkpoints], anchored)
    if besides.resumed is not None:
        besides.resumed.check_fits(context, extent.size, signatures=pages.signatures)
        whole = Whole.from_state(besides.resumed, whole.checkpoints, anchored)
        _retrace(whole, besides.resumed, pages, published)
    reports = pages.check(context, spans(extent.size, first=whole.size + 1))
    begun = [*islice(reports, 1)]  # before the thread: a process without others forks its helpers, which is quicker
    with _beside(besides.views) as comparing:
        for report in chain(begun, reports):
            whole.add(report)
            if published is not None:
                published.add(report.leaves)
            if progress is not None:
                progress(whole.size, extent.size)
        if whole.lacks(EXPLAINED) and read_histories(origin, pages.history()).context.erased != context.erased:
            raise ErasedMeanwhile("persons were erased while the log was verified; verify again")
        state = None if besides.keep is None else whole.to_state(context, signatures=pages.signatures)
        if published is not None:
            for finding in published.finish():
                whole.find(*finding)
            sizes = {each.size for each in own}
            whole.check_rooted(sizes)
            for position in published.unpublished([root for root in whole.roots if root not in sizes]):
                whole.find("root_unpublished", position)
        views_at = _hold_views(whole, comparing)
    histories = [position for position in keys if position <= extent.size]
    found = whole.finish(extent.totals, histories, signatures=pages.signatures, views_at=views_at)
    if state is not None and besides.keep is not None and found.integrity and found.completeness:
        besides.keep(state)
    return found


def _retrace(whole: Whole, state: State, pages: LogPages, published: Published | None) -> None:
    """Hold the stored log against what was verified before, up to there. Raises StateRefused."""
    retraced = Retraced(state, whole.checkpoints)
    for rows in pages.events(state.size):
        leaves = retraced.add(rows)
        if published is not None:
            published.add(leaves)
    retraced.finish()
    for size in retraced.differing:
        whole.find("checkpoint", size)


@contextmanager
def _beside(views: StoredViews | None) -> Iterator[Future[Compared] | None]:
    """Hold the read models against the log in a thread of its own, which ends with the block."""
    if views is None:
        yield None
        return
    stopped = Event()
    with ThreadPoolExecutor(1, "liftledger-views") as aside:
        try:
            yield aside.submit(views.compare, stopped.is_set)
        finally:
            stopped.set()


def _hold_views(whole: Whole, comparing: Future[Compared] | None) -> int | None:
    """Take over what came of holding the read models against the log; gives the position as of which they were."""
    if comparing is None:
        return None
    compared = comparing.result()
    for code, detail, count in compared.findings:
        whole.find(code, None, detail, count)
    return compared.at
