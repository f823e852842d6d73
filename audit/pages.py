"""What a verifier reads, page by page, and what it gives back for the pages to be joined.

Rows are as they are stored; nothing in them is believed. A page is cut where a save ends, so that each page is checked
by itself, in any process; what reaches over its edges stands in its report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from audit.verdicts import CODES, Verdict

__all__ = [
    "EVENTS_PER_SAVE_MAX",
    "VERDICTS_KEPT_MAX",
    "Answers",
    "Ask",
    "CommandRow",
    "Context",
    "EventRow",
    "KeyHistory",
    "LineRow",
    "PageReport",
    "Questions",
    "ReceiptRow",
    "Root",
    "SealedRow",
    "Segment",
    "Span",
]

EVENTS_PER_SAVE_MAX: Final = 250
"""What a save holds at the most (event-format §9)."""
VERDICTS_KEPT_MAX: Final = 50
"""Findings of one code that are kept with their positions, for a page and for the whole; the others are counted."""


class EventRow(NamedTuple):
    """A row of `events`; `stream` to `recorded_at` are copies of the header's members."""

    position: int
    stream: str
    version: int
    seq: int
    type: str
    recorded_at: str
    header: bytes
    body: bytes
    leaf: bytes
    frontier: bytes | None


class ReceiptRow(NamedTuple):
    """A row of `receipts`."""

    first: int
    events: int
    note: str


class CommandRow(NamedTuple):
    """A row of `commands`; `group` is 0 for a request of one save, `opening` says that no group before it wrote."""

    group: int
    request: str
    groups: int
    first_line: int | None
    last_line: int | None
    events: int
    recorded_at: str
    outcome: bytes
    opening: bool


class LineRow(NamedTuple):
    """A stored request (line 0) or line: its digest, and its bytes if they are there and can be read.

    `state`: `plain`; `sealed` (not opened, for want of a master key); `gone` (no bytes, or a person's key is gone);
    `broken` (it does not open).
    """

    line: int
    digest: bytes
    data: bytes | None
    state: Literal["plain", "sealed", "gone", "broken"]
    persons: tuple[str, ...] = ()


class SealedRow(NamedTuple):
    """A sealed value: its person, and the canonical `[salt, pointer, value]` where it was opened."""

    person: str
    plain: bytes | None
    state: Literal["plain", "sealed", "gone", "broken"]


@dataclass(slots=True)
class Questions:
    """What must be read besides the events of a page."""

    evidence: list[str] = field(default_factory=list)
    """Digests in hex."""
    commands: list[tuple[int, str, str]] = field(default_factory=list)
    """First position, party and command of each save."""
    sealed: list[str] = field(default_factory=list)
    """Digests in hex."""


@dataclass(slots=True)
class Answers:
    """What was found: by digest, or by the first position of the save; absent is not stored."""

    evidence: Mapping[str, tuple[str, bytes]]
    commands: Mapping[int, CommandRow]
    lines: Mapping[int, Sequence[LineRow]]
    """The lines of the save's own group."""
    hashes: Mapping[int, bytes]
    """For a group of an NDJSON request: the hashes of its lines as they were stored with the request's first group, run
    together; for the opening group those of all lines of the request."""
    sealed: Mapping[str, SealedRow]


Ask = Callable[[Questions], Answers]


class KeyHistory(NamedTuple):
    """What the log says of a key: holder, the party that registered it, JWK, the positions between which it signs."""

    holder: str
    registrar: str
    public: Mapping[str, str]
    registered: int
    ended: int | None
    compromised_since: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """What must be known of the whole log to check one page of it; it can be sent to another process.

    `receipts` and `checkpoints` are the ledger's own verifier keys, each with the position after which it holds;
    `tables` are the published tables of actions, each with the position after which it holds; `known` maps the event
    types this program knows to their newest schema, None if that is not asked.
    """

    origin: str
    receipts: tuple[tuple[int, str], ...]
    operator: str
    keys: Mapping[str, KeyHistory]
    erased: frozenset[str]
    tables: tuple[tuple[int, Any], ...]
    known: Mapping[str, int] | None = None
    checkpoints: tuple[tuple[int, tuple[str, ...]], ...] = ()


Span: TypeAlias = tuple[int, int, "str | None", int, str]
"""A subject's part of its chain in a segment: position and seq where it begins, the leaf that this says came before it,
seq and leaf at its end. A bare tuple, since a process hands over one for nearly every event."""


class Root(NamedTuple):
    """A recorded map root: its position and what it states."""

    position: int
    size: int
    root: str
    subjects: int


Segment = tuple[dict[str, Span], Root | None]
"""The subjects written between two map roots, and the root that stands behind them."""


@dataclass(slots=True)
class PageReport:
    """What checking a page came to, and what the next pages must fit to."""

    first: int
    last: int
    recorded_first: str = ""
    recorded_last: str = ""
    leaves: bytes = b""
    frontiers: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Number of leaves so far, position, stored edge of the tree."""
    segments: list[Segment] = field(default_factory=list)
    streams: dict[str, tuple[int, int, int, bool]] = field(default_factory=dict)
    """Version before the page, version after it, position that first says so, whether by writing (else by reading)."""
    sources: list[tuple[int, int, int]] = field(default_factory=list)
    """Digest of an author's own number, digest of its stream, position."""
    commands: list[tuple[int, int]] = field(default_factory=list)
    """Digest of (party, command, group), position."""
    cited: set[str] = field(default_factory=set)
    """Digests of the evidence of groups of lines, several of which may cite one token."""
    numbers: list[tuple[str, int]] = field(default_factory=list)
    """Key and author's own number of each save that has one."""
    keys: list[int] = field(default_factory=list)
    """Positions of events on `key:` streams."""
    acting: dict[tuple[str, str | None], list[int]] = field(default_factory=dict)
    """First positions of the saves of each author, as `audit.standing.Acting`."""
    told: dict[tuple[str, str | None], dict[str, list[int]]] = field(default_factory=dict)
    """Events that tell who may act for whom, as `audit.standing.Told`."""
    tallies: Counter[str] = field(default_factory=Counter)
    """Rows met: events, saves, receipts, commands, lines, evidence."""
    verdicts: list[Verdict] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def find(self, code: str, position: int | None = None, detail: str = "") -> None:
        """Note a finding."""
        self.counts[code] += 1
        if self.counts[code] <= VERDICTS_KEPT_MAX:
            self.verdicts.append(Verdict(code, CODES[code][0], position, detail))
