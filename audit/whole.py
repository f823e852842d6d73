"""Joins the reports of pages to the verdicts on a whole log: chains, versions, tree, map roots, what must be unique.

Pages are added in order, whoever checked them. Memory is a few hundred bytes for each stream, subject and save.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from audit.author_numbers import AuthorNumbers
from audit.chains import UNREAD
from audit.errors import ProofError
from audit.headmap import HeadMap
from audit.merkle import EMPTY_ROOT, HASH_BYTES, Frontier
from audit.note import Checkpoint
from audit.pages import VERDICTS_KEPT_MAX, Context, PageReport, Segment
from audit.standing import Standing
from audit.states import State
from audit.verdicts import CODES, Verdict

__all__ = ["STRICT", "Report", "Totals", "Whole"]

STRICT: Final = frozenset({
    "contested", "erased", "evidence_unchecked", "late", "on_behalf", "projection_parked", "projection_unread",
    "request_unfinished", "signatures_unchecked", "stamp_unchecked", "type_unknown", "unanchored",
})  # fmt: skip
"""Findings that are no fault of the stored bytes, but fail a strict verification."""
MAP: Final = "map"


@dataclass(frozen=True, slots=True)
class Totals:
    """How many rows each table held when the verification began; None where nobody counted.

    `commands` are those that wrote events, `silent` those that did not; `stray_lines` counts hashes and bytes of
    requests that belong to no command, `misplaced` events below position 1, `unfinished` requests of which groups of
    lines are not stored.
    """

    receipts: int | None = None
    commands: int | None = None
    silent: int = 0
    evidence: int | None = None
    stray_lines: int = 0
    misplaced: int = 0
    unfinished: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts on a log of `size` events: the first of each code, and in `counts` how many there are."""

    origin: str
    size: int
    root: bytes
    recorded_at: str
    tallies: Counter[str]
    verdicts: tuple[Verdict, ...]
    counts: Counter[str]
    views_at: int | None = None
    """The position as of which the read models were held against the log; None where they were not."""
    rests_on: int | None = None
    """How many events were verified before, and only held against what was kept of that; None where none were."""

    @property
    def integrity(self) -> bool:
        """Say whether what is stored agrees with itself and with what was signed."""
        return not any(CODES[code][0] == "integrity" for code in self.counts)

    @property
    def completeness(self) -> bool:
        """Say whether nothing is missing that what is stored says must be there."""
        return not any(CODES[code][0] == "completeness" for code in self.counts)

    @property
    def signatures(self) -> bool:
        """Say whether signatures, authors, requests and bodies were checked, and not the structure alone."""
        return "signatures_unchecked" not in self.counts

    @property
    def views(self) -> bool | None:
        """Say whether the read models are what the log says; None where they were not looked at."""
        if any(CODES[code][0] == "views" for code in self.counts):
            return False
        return None if self.views_at is None else True

    def failed(self, *, strict: bool = False) -> bool:
        """Say whether a command ends with status 1.

        So it does when integrity or completeness is broken, when read models differ, strictly for what is in STRICT.
        """
        good = self.integrity and self.completeness and self.views is not False
        return not good or (strict and not STRICT.isdisjoint(self.counts))

    def as_json(self) -> dict[str, Any]:
        """Give the report for machines: both overall verdicts, what was found, and how often each code."""
        return {
            "origin": self.origin, "size": self.size, "root": self.root.hex(), "recorded_at": self.recorded_at,
            "integrity": self.integrity, "completeness": self.completeness, "signatures": self.signatures,
            "views": self.views, "views_at": self.views_at, "rests_on": self.rests_on,
            "counts": dict(sorted(self.counts.items())), "tallies": dict(sorted(self.tallies.items())),
            "verdicts": [
                {"code": each.code, "kind": each.kind, "position": each.position, "detail": each.detail}
                for each in self.verdicts
            ],
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """Give the verdicts, one a line, the two overall ones at the end."""
        yield f"ledger {self.origin}, {self.size} events to {self.recorded_at or 'never'}, root {self.root.hex()}"
        shown: Counter[str] = Counter()
        for found in self.verdicts:
            if found.kind in {"integrity", "completeness", "views"} or found.code in {"author_gap", "contested"}:
                shown[found.code] += 1
                yield found.line()
        for code, count in sorted(self.counts.items()):
            if (more := count - shown[code]) > 0:
                what = "more of " if shown[code] else ""
                yield f"{CODES[code][0]}: {what}{code}: {more} ({CODES[code][1]})"
        if self.rests_on is not None:
            yield (
                f"rests on an earlier verification of the first {self.rests_on} events: they are those of then;"
                " their receipts, signatures and requests were not looked at again"
            )
        if self.views is False:
            yield "read models: DIFFER from the log; the log itself is judged below"
        elif self.views_at is not None:
            yield f"read models: as the log says at {self.views_at}"
        else:
            yield "read models: not looked at"
        holds = "holds" if self.signatures else "holds in structure, signatures NOT CHECKED"
        yield f"completeness: {holds if self.completeness else 'BROKEN'}"
        yield f"integrity: {holds if self.integrity else 'BROKEN'}"


@dataclass(slots=True)
class Whole:
    """A log as far as its pages were added.

    `checkpoints` are those that the tree must pass through: believed by the caller, or published by the ledger.
    `anchored` is the greatest size that somebody outside the house answers for under the caller's policy; None where
    the caller believes all of `checkpoints`.
    """

    origin: str
    checkpoints: Sequence[Checkpoint] = ()
    anchored: int | None = None
    size: int = 0
    rests_on: int | None = None
    _tree: Frontier = field(default_factory=Frontier)
    _edge: Frontier | None = None
    """The stored edge, followed from where it left the tree over the leaves, so that it is found wrong once."""
    _edge_at: int = 0
    _recorded: str = ""
    _versions: dict[str, int] = field(default_factory=dict)
    _heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    _moved: set[str] = field(default_factory=set)
    _roots: set[int] = field(default_factory=set)
    """Positions of map roots."""
    _wanted: dict[int, Checkpoint] = field(init=False)
    _sizes: list[int] = field(init=False)
    _map: HeadMap = field(default_factory=HeadMap)
    _sources: dict[int, int] = field(default_factory=dict)
    _commands: set[int] = field(default_factory=set)
    _cited: set[str] = field(default_factory=set)
    _numbers: AuthorNumbers = field(default_factory=AuthorNumbers)
    _standing: Standing = field(default_factory=Standing)
    _keys: list[int] = field(default_factory=list)
    _tallies: Counter[str] = field(default_factory=Counter)
    _verdicts: list[Verdict] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _kept: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._wanted = {each.size: each for each in self.checkpoints}
        self._sizes = sorted(self._wanted)

    def to_state(self, context: Context, *, signatures: bool) -> State:
        """Give what is carried on to the next page, before `finish` adds what concerns the whole."""
        compromised = {
            name: key.compromised_since for name, key in context.keys.items() if key.compromised_since is not None
        }
        return State(
            self.origin, self.size, self._tree.to_bytes(), signatures, compromised, self._recorded, self._versions,
            self._heads, sorted(self._moved), sorted(self._roots), self._map, list(self._sources.items()),
            sorted(self._commands), sorted(self._cited), self._numbers.as_json(), self._standing.agents,
            self._standing.ended, self._keys, dict(self._tallies),
            dict(self._counts), dict(self._kept), list(self._verdicts),
        )  # fmt: skip

    @classmethod
    def from_state(cls, state: State, checkpoints: Sequence[Checkpoint] = (), anchored: int | None = None) -> Whole:
        """Go on behind what was verified before; the state is used up."""
        return cls(
            state.origin, checkpoints, anchored, state.size, state.size,
            _tree=Frontier.from_bytes(state.size, state.tree), _edge_at=state.size, _recorded=state.recorded,
            _versions=dict(state.versions), _heads=dict(state.heads), _moved=set(state.moved), _roots=set(state.roots),
            _map=state.map, _sources=dict(state.sources), _commands=set(state.commands), _cited=set(state.cited),
            _numbers=AuthorNumbers.from_json(state.numbers), _standing=Standing(dict(state.agents), dict(state.ended)),
            _keys=list(state.keys), _tallies=Counter(state.tallies), _verdicts=list(state.verdicts),
            _counts=Counter(state.counts), _kept=Counter(state.kept),
        )  # fmt: skip

    def find(self, code: str, position: int | None = None, detail: str = "", count: int = 1) -> None:
        """Note a finding, or several of one code at once."""
        self._counts[code] += count
        self._keep(Verdict(code, CODES[code][0], position, detail))

    def _keep(self, found: Verdict) -> None:
        self._kept[found.code] += 1
        if self._kept[found.code] <= VERDICTS_KEPT_MAX:
            self._verdicts.append(found)

    def add(self, page: PageReport) -> None:
        """Add the next page."""
        if page.first != self.size + 1:
            self.find("position_gap", page.first, f"expected {self.size + 1}")
        self.size = max(self.size, page.last)
        if page.recorded_first and page.recorded_first < self._recorded:
            self.find("time_back", page.first)
        self._recorded = max(self._recorded, page.recorded_last)
        self._grow(page)
        self._chain(page.segments)
        for stream, (before, after, position, written) in page.streams.items():
            if self._versions.get(stream, 0) != before:
                self.find("version_gap" if written else "reads", position, stream)
            if after != before:
                self._versions[stream] = after
        for name, stream_name, position in page.sources:
            if self._sources.setdefault(name, stream_name) != stream_name:
                self.find("source_taken", position)
        for command, position in page.commands:
            if command in self._commands:
                self.find("command_twice", position)
            self._commands.add(command)
        for key, number in page.numbers:
            self._numbers.take(key, number)
        self._judge_authors(page)
        self._keys += page.keys
        self._cited |= page.cited
        self._tallies += page.tallies
        self._counts += page.counts
        for found in page.verdicts:
            self._keep(found)

    def _judge_authors(self, page: PageReport) -> None:
        """Hold who wrote a page's saves against who might, by what stands ahead of each."""
        self._standing.take(page.told)
        for code, position, words in self._standing.faults(page.acting):
            self.find(code, position, words)

    def _grow(self, page: PageReport) -> None:
        """Grow the tree by a page's leaves, holding it against stored edges and known checkpoints on the way."""
        tree, leaves = self._tree, page.leaves
        low, high = (
            bisect_right(self._sizes, tree.size),
            bisect_right(self._sizes, tree.size + len(leaves) // HASH_BYTES),
        )
        known = {size: self._wanted[size] for size in self._sizes[low:high]}
        base, start = tree.size, 0
        stops = sorted({count for count, _, _ in page.frontiers} | {size - base for size in known})
        stored = {count: (position, edge) for count, position, edge in page.frontiers}
        for stop in (*stops, len(leaves) // HASH_BYTES):
            new = [leaves[i : i + HASH_BYTES] for i in range(start * HASH_BYTES, stop * HASH_BYTES, HASH_BYTES)]
            start = max(start, stop)
            tree.extend(new)
            if self._edge is not None:
                self._edge.extend(new)
            if stop in stored:
                self._hold(*stored.pop(stop))
            if (each := known.pop(tree.size, None)) is not None and tree.root() != each.root:
                self.find("checkpoint", each.size)

    def _hold(self, position: int, stored: bytes) -> None:
        """Hold the tree, or the edge that left it, against a stored edge."""
        self._edge_at = position
        edge = self._tree if self._edge is None else self._edge
        if edge.to_bytes() == stored:
            return
        if self._edge is not None and self._tree.to_bytes() == stored:
            self._edge = None
            return
        self.find("frontier", position)
        try:
            self._edge = Frontier.from_bytes(self._tree.size, stored)
        except ProofError:
            self._edge = None

    def _chain(self, segments: Sequence[Segment]) -> None:
        heads = self._heads
        for subjects, root in segments:
            for subject, (position, first_seq, first_prev, last_seq, last_leaf) in subjects.items():
                seq, leaf = heads.get(subject, (0, None))
                if first_prev != UNREAD and (first_seq != seq + 1 or first_prev != leaf):
                    self.find("chain", position, subject)
                heads[subject] = (last_seq, last_leaf)
            self._moved.update(subjects)
            if root is not None:
                self._roots.add(root.position)
                self._moved.discard(MAP)
                self._map.update((subject, *heads[subject]) for subject in self._moved)
                self._moved.clear()
                if self._map.root().hex() != root.root or self._map.count != root.subjects:
                    self.find("map_root", root.position)

    def finish(
        self, totals: Totals, keys: Iterable[int], *, signatures: bool = True, views_at: int | None = None
    ) -> Report:
        """Close the log: what should be there and is not; `keys` are the positions of the key histories' events.

        `signatures` says whether the pages' signatures were checked, or their structure alone; `views_at` as of which
        position the read models were looked at.
        """
        if not signatures:
            self.find("signatures_unchecked", None, "", self.size)
        if not self.size:
            self.find("empty")
        elif self._edge_at != self.size:
            self.find("frontier_missing", self.size)
        for each in self.checkpoints:
            if each.size > self.size:
                self.find("truncated", each.size, f"{self.size} events stored")
            if each.size == 0 and each.root != EMPTY_ROOT:
                self.find("checkpoint", 0)
        for position in sorted(set(self._keys) ^ set(keys)):
            self.find("key_history", position)
        self._tallies["evidence"] += len(self._cited)
        self._count(totals)
        for key, count, first in self._numbers.missing():
            self.find("author_gap", None, f"{key}: {count}, the first is {first}", count)
        anchored = self.anchored
        if anchored is None:
            anchored = max((each.size for each in self.checkpoints if each.size <= self.size), default=0)
        if self.size > anchored:
            self.find("unanchored", None, f"after {anchored}", self.size - anchored)
        self._verdicts.sort(key=lambda found: (found.position or 0, found.code))
        return Report(
            self.origin, self.size, self._tree.root(), self._recorded, self._tallies, tuple(self._verdicts),
            self._counts, views_at, self.rests_on,
        )  # fmt: skip

    def lacks(self, codes: Collection[str]) -> bool:
        """Say whether any of these was found so far."""
        return any(self._counts[code] for code in codes)

    @property
    def roots(self) -> Sequence[int]:
        """Where map roots stand, each the last leaf under a checkpoint, unless the checkpointer was stopped first."""
        return sorted(self._roots)

    def check_rooted(self, published: Iterable[int]) -> None:
        """Check that the last leaf under each published checkpoint is a map root (event-format §5)."""
        for size in published:
            if size <= self.size and size not in self._roots:
                self.find("checkpoint_unrooted", size)

    def _count(self, totals: Totals) -> None:
        """Find rows that stand for nothing, and that fewer are there than were met: in what was verified before."""
        for what, table, total in (
            ("receipt", "receipts", totals.receipts), ("command", "commands", totals.commands),
            ("evidence", "evidence", totals.evidence),
        ):  # fmt: skip
            stray = 0 if total is None else total - self._tallies[table]
            if stray < 0:
                self.find(f"{what}_missing", None, f"{-stray} rows", -stray)
            elif stray and what != "evidence":
                self.find(f"{what}_stray", None, f"{stray} rows", stray)
        if totals.misplaced:
            self.find("position_gap", None, f"{totals.misplaced} rows below position 1", totals.misplaced)
        if totals.unfinished:
            self.find("request_unfinished", None, f"{totals.unfinished} requests", totals.unfinished)
        if totals.stray_lines:
            self.find("request_stray", None, f"{totals.stray_lines} rows", totals.stray_lines)
        if totals.evidence is not None and (stray := totals.evidence - self._tallies["evidence"]) > 0:
            self.find("evidence_stray", None, f"{stray} rows, {totals.silent} silent commands", stray)
