"""Reads the rows of a page: every event by itself, against its columns and digests, and which events are one save.

Two checks begin so: the whole one (`audit.verify`) and that of the structure alone (`audit.structure`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from audit.chains import Chains
from audit.columns import read_columns
from audit.errors import AuditError
from audit.events import Header, read_body, read_header
from audit.lens import Lens, Seen
from audit.names import check_stream
from audit.pages import EVENTS_PER_SAVE_MAX, EventRow, PageReport, ReceiptRow

__all__ = ["PageRows", "Saving", "mark_of"]

_LEAF: Final = b"\x00"
Saving = tuple[ReceiptRow | None, list[Seen]]
"""The events of one save and the receipt over them."""


class PageRows:
    """The rows of one page under way, and the report on them."""

    def __init__(self, lens: Lens, first: int, last: int) -> None:
        self.lens = lens
        self.report = PageReport(first, last)
        self.chains = Chains(self.report)
        self._known = lens.context.known
        self._seen: list[Seen] = []
        self._before = ""

    # ------------------------------------------------------------------------------------------------ events

    def read(self, rows: Sequence[EventRow]) -> None:
        """Read and check every event by itself: bytes, digests, place, columns."""
        report = self.report
        columns = read_columns(self.lens, report.first, report.last, rows)
        if columns is None:
            self._read_each(rows)
            return
        leaves = columns.leaves
        for row, header, leaf in zip(rows, columns.headers, leaves, strict=True):
            if row.frontier is not None:
                report.frontiers.append((row.position - report.first + 1, row.position, row.frontier))
            if header.stream.startswith("key:"):
                report.keys.append(row.position)
            body = self._content(row, header)
            if body is None:
                self.chains.lost(row, leaf.hex())
            else:
                self._seen.append(Seen(row, header, body, leaf))
        report.recorded_first, report.recorded_last = rows[0].recorded_at, rows[-1].recorded_at
        report.leaves = b"".join(leaves)
        report.tallies["events"] += len(rows)

    def _read_each(self, rows: Sequence[EventRow]) -> None:
        report, find = self.report, self.report.find
        expected, leaves = report.first, []
        for row in rows:
            position = row.position
            if position != expected:
                find("position_gap", position, f"expected {expected}")
            expected = position + 1
            leaf = sha256(_LEAF + row.header).digest()
            leaves.append(leaf)
            if leaf != row.leaf:
                find("leaf", position)
            if row.frontier is not None:
                report.frontiers.append((len(leaves), position, row.frontier))
            header = self._header(row)
            body = None if header is None else self._body(row, header)
            if header is None or body is None:
                self.chains.lost(row, leaf.hex())
            else:
                self._seen.append(Seen(row, header, body, leaf))
        if expected != report.last + 1:
            find("position_gap", expected, f"the page ends at {report.last}")
        report.recorded_last = self._before
        report.leaves = b"".join(leaves)
        report.tallies["events"] += len(rows)

    def _body(self, row: EventRow, header: Header) -> Mapping[str, Any] | None:
        """Give the body, and check what else of the header needs no other event."""
        find, position, recorded_at = self.report.find, row.position, header.recorded_at
        if header.body != sha256(row.body).hexdigest():
            find("body_digest", position)
        if recorded_at != self._before:
            if self.lens.seconds(recorded_at) is None:
                find("instant_invalid", position, "recorded_at")
            elif recorded_at < self._before:
                find("time_back", position)
            self._before = recorded_at
            self.report.recorded_first = self.report.recorded_first or recorded_at
        if header.effective_at != recorded_at and self.lens.seconds(header.effective_at) is None:
            find("instant_invalid", position, "effective_at")
        return self._content(row, header)

    def _content(self, row: EventRow, header: Header) -> Mapping[str, Any] | None:
        """Read a body whose digest was looked at."""
        del header
        try:
            return read_body(row.body)
        except AuditError as error:
            self.report.find("body_invalid", row.position, error.code)
            return None

    def _header(self, row: EventRow) -> Header | None:
        find, position = self.report.find, row.position
        try:
            header = read_header(row.header)
            if header.version == 1:
                check_stream(header.stream)
        except AuditError as error:
            find("stream_invalid" if error.code == "stream_invalid" else "header_invalid", position, error.code)
            return None
        if header.position != position:
            find("position", position, f"says {header.position}")
        if header.ledger != self.lens.origin:
            find("origin", position)
        copies = (header.stream, header.version, header.seq, header.type, header.recorded_at)
        if copies != row[1:6]:
            find("columns", position)
        if header.stream.startswith("key:"):
            self.report.keys.append(position)
        if self._known is not None and not header.schema <= self._known.get(header.type, 0):
            find("type_unknown", position, header.type)
        return header

    # ------------------------------------------------------------------------------------------------ saves

    def savings(self, receipts: Sequence[ReceiptRow]) -> Iterator[Saving]:
        """Group the events into saves by their receipts; what no receipt covers, by what its headers share."""
        report, seen = self.report, self._seen
        report.tallies["receipts"] += len(receipts)
        index = 0
        for receipt in receipts:
            if receipt.events == 1 and index < len(seen) and seen[index].row.position == receipt.first:
                yield receipt, seen[index : index + 1]
                index += 1
                continue
            while index < len(seen) and seen[index].row.position < receipt.first:
                loose = self._loose(index, receipt.first)
                yield None, loose
                index += len(loose)
            end = receipt.first + receipt.events
            start = index
            while index < len(seen) and seen[index].row.position < end:
                index += 1
            events = seen[start:index]
            if len(events) != receipt.events:
                report.find("receipt", receipt.first, f"covers {receipt.events} events, {len(events)} could be read")
            if events:
                yield receipt, events
        while index < len(seen):
            loose = self._loose(index, report.last + 1)
            yield None, loose
            index += len(loose)

    def _loose(self, index: int, before: int) -> list[Seen]:
        """Give the events from `index` on that name one author, command and evidence; map roots one by one."""
        found = [self._seen[index]]
        mark = mark_of(found[0].header)
        for seen in self._seen[index + 1 : index + 1 + EVENTS_PER_SAVE_MAX]:
            if not found[0].header.evidence or seen.row.position >= before or mark_of(seen.header) != mark:
                break
            found.append(seen)
        return found


def mark_of(header: Header) -> tuple[object, ...]:
    """Give what all events of a save have in common."""
    return (*header[:5], header.command, header.recorded_at)
