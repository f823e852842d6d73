"""Checks the structure of a log alone: leaves, columns, chains, versions, tree, map roots, which receipts there are.

No signature is checked and no body read but those of map roots: who wrote an event, and in which words, is not asked.
Whoever holds the receipts, or a checkpoint, learns in a few seconds that a log of millions is still the same one; all
else is for `audit.verify`, and every report of this says so (`signatures_unchecked`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from audit.authors import read_root
from audit.events import Header
from audit.lens import Lens, Seen
from audit.pages import Context, EventRow, PageReport, ReceiptRow
from audit.reading import PageRows, mark_of

__all__ = ["StructureChecker"]

_UNREAD: Final[Mapping[str, Any]] = {"found": {}, "from": None, "said": None}
"""Stands for a body that is not read: its bytes are held against the header's digest all the same."""


class StructureChecker:
    """Checks pages under one context; one for each process."""

    def __init__(self, context: Context) -> None:
        self.lens = Lens(context)

    def check(self, first: int, last: int, rows: Sequence[EventRow], receipts: Sequence[ReceiptRow]) -> PageReport:
        """Check the events from `first` to `last`, whole saves; `receipts` are those that begin there, in order."""
        page = _Structure(self.lens, first, last)
        page.read(rows)
        for receipt, events in page.savings(receipts):
            page.saving(receipt, events)
        page.chains.finish()
        return page.report


class _Structure(PageRows):
    """One page under way."""

    def _content(self, row: EventRow, header: Header) -> Mapping[str, Any] | None:
        return super()._content(row, header) if header.stream == "map" else _UNREAD

    def saving(self, receipt: ReceiptRow | None, events: Sequence[Seen]) -> None:
        """Check that a save has one author and a receipt of its extent, and take it into its chains."""
        report, header = self.report, events[0].header
        report.tallies["saves"] += 1
        if len(events) > 1:
            mark = mark_of(header)
            for seen in events[1:]:
                if mark_of(seen.header) != mark:
                    report.find("author", seen.row.position, "differs within the save")
        if header.evidence:
            if receipt is None:
                report.find("receipt_missing", events[0].row.position)
        elif receipt is not None:
            report.find("receipt", events[0].row.position, "a map root has none")
        else:
            for seen in events:
                self.chains.rooted(seen, read_root(self.lens, report, seen))
        self.chains.saving(events)
