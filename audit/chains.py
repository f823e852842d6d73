"""The order of events inside a page: subjects' chains, streams' versions, what decisions read, authors, their numbers.

What is not decided inside the page is noted for whoever joins the pages: where each chain and stream begins and ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from audit import canonical
from audit.errors import CanonicalError
from audit.events import Header
from audit.lens import Seen
from audit.names import kind_of, subject_of
from audit.pages import EventRow, PageReport, Root, Span
from audit.standing import TELLING

__all__ = ["UNREAD", "Chains"]

UNREAD: Final = "?"
"""Stands for what the first event of a chain says came before it, when that event could not be read."""


class Chains:
    """The chains of one page; `finish` writes them into its report."""

    def __init__(self, report: PageReport) -> None:
        self._report = report
        # Subject -> [position, first seq, first prev, last seq, last leaf]
        self._subjects: dict[str, list[Any]] = {}
        # Stream -> [version before the page, version now, position, by writing]
        self._streams: dict[str, list[Any]] = {}
        self._lost: deque[tuple[EventRow, str]] = deque()
        # Of the save, and of the event that tells who may act for whom, that were met last: mostly those of the next.
        self._author: tuple[str, str | None] | None = None
        self._acted: list[int] = []
        self._teller: tuple[str, str | None] | None = None
        self._told: dict[str, list[int]] = {}

    def lost(self, row: EventRow, leaf: str) -> None:
        """Note an event that could not be read: its row's columns stand for it, so that it is found wrong once only."""
        self._lost.append((row, leaf))

    def _take_lost(self, before: int) -> None:
        while self._lost and self._lost[0][0].position < before:
            row, leaf = self._lost.popleft()
            link = self._subjects.setdefault(subject_of(row.stream), [row.position, row.seq, UNREAD, row.seq, leaf])
            link[3:] = row.seq, leaf
            stream = self._streams.setdefault(row.stream, [row.version - 1, row.version, row.position, True])
            stream[1] = row.version
            if row.type in TELLING:
                self._report.told.setdefault((row.type, None), {}).setdefault(row.stream, []).append(row.position)

    def saving(self, events: Sequence[Seen]) -> None:
        """Check the events of one save, in order."""
        find, subjects, streams = self._report.find, self._subjects, self._streams
        before: dict[str, int] = {}
        author = events[0].header
        self._act(author)
        if author.author_seq is not None and author.key is not None:
            self._report.numbers.append((author.key, author.author_seq))
        for row, header, body, leaf in events:
            if self._lost:
                self._take_lost(row.position)
            if header.type in TELLING:
                self._tell(header)
            stream, seq, version = header.stream, header.seq, header.version
            reads = body["found"].get("reads")
            if reads is not None:
                self._reads(row.position, reads, before)
            subject = subject_of(stream)
            link = subjects.get(subject)
            if link is None:
                subjects[subject] = [row.position, seq, header.prev, seq, leaf.hex()]
            else:
                if link[3] + 1 != seq or link[4] != header.prev:
                    find("chain", row.position, subject)
                link[3:] = seq, leaf.hex()
            known = streams.get(stream)
            if known is None:
                before[stream] = version - 1
                streams[stream] = [version - 1, version, row.position, True]
            else:
                before.setdefault(stream, known[1])
                if known[1] + 1 != version:
                    find("version_gap", row.position, stream)
                known[1] = version
            if version == 1 and body["said"] is not None and "source" in body["said"]:
                self._source(row.position, header.party, stream, body["said"]["source"])

    def _act(self, author: Header) -> None:
        """Note who wrote a save."""
        if self._author != (author.party, author.agent):
            self._author = author.party, author.agent
            self._acted = self._report.acting.setdefault(self._author, [])
        self._acted.append(author.position)

    def _tell(self, header: Header) -> None:
        """Note an event that tells who may act for whom."""
        if self._teller != (header.type, header.party):
            self._teller = header.type, header.party
            self._told = self._report.told.setdefault(self._teller, {})
        self._told.setdefault(header.stream, []).append(header.position)

    def _reads(self, position: int, reads: object, before: Mapping[str, int]) -> None:
        """Check what a decision relied on: the version a stream had at some moment of this save, before the event."""
        if not isinstance(reads, dict):
            self._report.find("reads", position, "members")
            return
        streams = self._streams
        for stream, version in reads.items():
            if type(version) is not int or version < 0:
                self._report.find("reads", position, "members")
                continue
            known = streams.get(stream)
            if known is None:
                streams[stream] = [version, version, position, False]
            elif not before.get(stream, known[1]) <= version <= known[1]:
                self._report.find("reads", position, stream)

    def _source(self, position: int, party: str, stream: str, source: object) -> None:
        if not isinstance(source, dict):
            return
        kind = kind_of(stream.rpartition("/")[2])
        try:
            name = canonical.encode([party, source.get("system"), kind, source.get("id")])
        except CanonicalError:  # pragma: no cover - a body is canonical
            return
        self._report.sources.append((_short(name), _short(stream.encode()), position))

    def rooted(self, seen: Seen, root: Root | None) -> None:
        """Close the segment before a map root: its root covers what stands ahead of it."""
        if root is not None:
            self._take_lost(seen.row.position)
            self._close(root)

    def finish(self) -> None:
        """Write the last segment and the streams into the report."""
        self._take_lost(self._report.last + 1)
        self._close(None)
        streams = self._streams.items()
        self._report.streams = {stream: tuple(known) for stream, known in streams}

    def _close(self, root: Root | None) -> None:
        links = self._subjects.items()
        spans: dict[str, Span] = {subject: tuple(link) for subject, link in links}
        self._report.segments.append((spans, root))
        self._subjects = {}


def _short(data: bytes) -> int:
    return int.from_bytes(sha256(data).digest()[:8])
