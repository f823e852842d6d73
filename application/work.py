"""The unit of work: what one request reads, decides and records, before it is saved.

Aggregates come from a cache without asking the database, because everything read is asserted under the recorder's
lock: a stale one costs a second decision, never a wrong one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from application.errors import SourceTaken
from application.ports import Streams
from application.rights import allowed, right_missing
from application.saves import SourceKey
from domain.aggregate import Aggregate, Authorship, Event, Journal
from domain.errors import Conflict, NotFound
from domain.mandates import Mandate
from domain.parties import Party
from domain.time import civil_date

A = TypeVar("A", bound=Aggregate)

AGGREGATES_CACHED_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes: party and its kind, agent and its roles, key; `personal` when the key is the natural person's own."""

    party: str
    kind: str
    agent: str | None = None
    roles: frozenset[str] = frozenset()
    key: str | None = None
    personal: bool = False
    areas: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    def authorship(self) -> Authorship:
        """Give what the header will say of this author."""
        return Authorship(self.party, self.agent, self.key, self.evidence)


class AggregateCache:
    """Aggregates as of their last known version, shared by the requests of one process; safe in threads."""

    def __init__(self, limit: int = AGGREGATES_CACHED_MAX) -> None:
        self._held: OrderedDict[str, Aggregate] = OrderedDict()
        self._limit = limit
        self._lock = Lock()

    def peek(self, stream: str) -> Aggregate | None:
        """Give the aggregate for reading only; it may be shared."""
        with self._lock:
            held = self._held.get(stream)
            if held is not None:
                self._held.move_to_end(stream)
            return held

    def put(self, aggregate: Aggregate) -> None:
        """Keep an aggregate at a stored version; the higher version wins."""
        aggregate.journal = None
        with self._lock:
            held = self._held.get(aggregate.id)
            if held is None or held.version <= aggregate.version:
                self._held[aggregate.id] = aggregate
                self._held.move_to_end(aggregate.id)
            while len(self._held) > self._limit:
                self._held.popitem(last=False)

    def forget(self, *streams: str) -> None:
        """Drop what may be stale."""
        with self._lock:
            for stream in streams:
                self._held.pop(stream, None)


class Miss(Exception):
    """A stream is wanted that is not cached and may not be loaded here (the event loop does not wait for reads)."""


@dataclass(slots=True)
class Work:
    """One request's work: loads, decides, records. `now` is the ledger's time as the door estimates it."""

    origin: str
    author: Author
    now: str
    streams: Streams
    cache: AggregateCache
    keep: AggregateCache
    """Where changed aggregates are kept after the save; `cache` may be an empty one when reading afresh."""
    careful: bool = False
    """True once something moved: what is otherwise only asserted under the lock is looked up, to say what is wrong."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was made for the request before it is decided."""
    journal: Journal = field(init=False)
    reads: dict[str, int] = field(default_factory=dict)
    sources: list[SourceKey] = field(default_factory=list)
    _held: dict[str, Aggregate] = field(default_factory=dict)
    _line_reads: dict[str, int] = field(default_factory=dict)
    _line_first: list[str] = field(default_factory=list)
    _line_start: int = 0
    _line_sources: int = 0
    _named: dict[tuple[str, str, str], str | None] = field(default_factory=dict)
    """What is known of the author's own numbers: (system, kind, id) to stream, None for unknown ones."""
    _undone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.journal = Journal(self.author.authorship())

    @property
    def today(self) -> str:
        """The civil date of `now` in Asia/Shanghai."""
        return civil_date(self.now)

    # ------------------------------------------------------------------------------------------------ loading

    def given(self, *aggregates: Aggregate) -> None:
        """Take over aggregates that were read before the work began (who the author is)."""
        for aggregate in aggregates:
            self._held[aggregate.id] = aggregate
            self.reads[aggregate.id] = aggregate.version

    def find(self, kind: type[A], stream: str) -> A | None:
        """Give the stream's aggregate for reading, or None when it does not exist (its absence is then asserted)."""
        held = self._held.get(stream)
        if held is None:
            cached = self._cached(stream)
            held = cached if cached is not None else self._load(kind, stream)
            self._held[stream] = held
        return self._noted(kind, held)

    def read(self, kind: type[A], stream: str) -> A:
        """Give the stream's aggregate for reading; raises NotFound (`<kind>_unknown`)."""
        found = self.find(kind, stream)
        if found is None:
            raise _unknown(stream)
        return found

    def change(self, kind: type[A], stream: str) -> A:
        """Give the stream's aggregate to record on; raises NotFound."""
        found = self.open(kind, stream)
        if found.version == 0:
            raise _unknown(stream)
        return found

    def open(self, kind: type[A], stream: str) -> A:
        """Give the stream's aggregate to record on, at version 0 when it does not exist yet."""
        held = self._held.get(stream)
        if held is None or held.journal is None:
            shared = held if held is not None else self._cached(stream)
            held = self._load(kind, stream) if shared is None else shared.copy()
            held.journal = self.journal
            self._held[stream] = held
        self._noted(kind, held)
        return _typed(kind, held)

    def new(self, kind: type[A], stream: str) -> A:
        """Begin a stream that must not exist; asserted by the recorder, so nothing is loaded."""
        held = self._held.get(stream)
        if held is None and self.careful:
            held = self._load(kind, stream)
        if held is not None and held.version > 0:
            raise Conflict(f"{stream} exists already", code="exists", stream=stream)
        begun = kind(stream)
        begun.journal = self.journal
        self._held[stream] = begun
        self._rely(stream, 0)
        return begun

    def prefetch(self, kinds: dict[str, type[Aggregate]]) -> None:
        """Load many streams at once where the reader can; a hint, nothing is noted as read."""
        wanted = [s for s in kinds if s not in self._held and self.cache.peek(s) is None]
        for stream, events in self.streams.many(wanted).items():
            self._held[stream] = self._folded(kinds[stream], stream, events)

    def _cached(self, stream: str) -> Aggregate | None:
        # After a line was taken back, what the lines before it recorded is not in the cache.
        return None if stream in self._undone else self.cache.peek(stream)

    def _load(self, kind: type[A], stream: str) -> A:
        return self._folded(kind, stream, self.streams.events(stream))

    def _folded(self, kind: type[A], stream: str, events: Sequence[Event]) -> A:
        aggregate = kind(stream)
        for event in events:
            event.mutate(aggregate)
        self._rely(stream, aggregate.version)
        for event in self.journal.events:
            if event.originator_id == stream:
                event.mutate(aggregate)
        return aggregate

    def _noted(self, kind: type[A], held: Aggregate) -> A | None:
        self._rely(held.id, held.version)
        self._line_reads.setdefault(held.id, held.version)
        return None if held.version == 0 else _typed(kind, held)

    def _rely(self, stream: str, version: int) -> None:
        if stream not in self.reads:
            self.reads[stream] = version
            self._line_first.append(stream)

    # ------------------------------------------------------------------------------------------------ deciding

    def allow(self, action: str, of: Mapping[str, str] | None = None, /, **relations: bool) -> None:
        """Check the table of rights: the author's kind may do `action` under one of the relations that hold.

        `of` names, by relation, the party that stands in it: the author himself, or one who mandated him to do this
        (`domain.mandates`); the giver's kind and relation then decide, and the mandate is read.

        Raises Forbidden `right_missing`.
        """
        named = of or {}
        own = {relation for relation, party in named.items() if party == self.author.party}
        held = frozenset(own | {name for name, holds in relations.items() if holds})
        if allowed(action, self.author.kind, held):
            return
        if not any(self.mandated(action, relation, giver) for relation, giver in named.items()):
            sentence = f"a party of kind {self.author.kind} may not do {action} here"
            raise right_missing(sentence, action, self.author.kind, relations=sorted(held))

    def mandated(self, action: str, relation: str, giver: str) -> bool:
        """Say whether a party that may do `action` in `relation` has mandated the author to do it today."""
        author = self.find(Party, self.author.party)
        for stream in [] if author is None else author.mandates_for(giver, action, self.today):
            party, mandate = self.find(Party, giver), self.find(Mandate, stream)
            if party is None or party.suspended or mandate is None or mandate.ended:
                continue
            if allowed(action, party.kind, frozenset({relation})):
                return True
        return False

    def source(self, said: object, kind: str, stream: str) -> None:
        """Note the author's own number of a new record, when it said one (`source {system, id}`)."""
        if isinstance(said, dict) and isinstance(said.get("source"), dict):
            source = said["source"]
            taken = self.known_source(source, kind) if self.careful else None
            if taken is not None:
                raise SourceTaken("this number of yours names another record", stream=taken)
            self.sources.append(SourceKey(self.author.party, source["system"], kind, source["id"], stream))
            self._named[source["system"], kind, source["id"]] = stream

    def known_sources(self, numbers: Iterable[tuple[str, str, str]]) -> None:
        """Look up many of the author's own numbers (system, kind, id) at once, for `known_source` to answer from."""
        wanted = dict.fromkeys(number for number in numbers if number not in self._named)
        if not wanted:
            return
        party = self.author.party
        known = self.streams.sources([(party, *number) for number in wanted])
        for number in wanted:
            self._named[number] = known.get((party, *number))

    def known_source(self, source: Mapping[str, str], kind: str) -> str | None:
        """Give the stream that the author's own number names, or None; the recorder asserts that it is unknown."""
        number = (source["system"], kind, source["id"])
        if number not in self._named:
            self.known_sources((number,))
        return self._named[number]

    # ------------------------------------------------------------------------------------------------ lines

    @property
    def line_events(self) -> Sequence[Event]:
        """What the present line recorded so far."""
        return self.journal.events[self._line_start :]

    def begin_line(self) -> None:
        """Start the next line: its reads are its own."""
        self._line_reads = {}
        self._line_first = []
        self._line_start = len(self.journal.events)
        self._line_sources = len(self.sources)
        if self.author.key is not None:
            for stream in (self.author.key, self.author.party, self.author.agent):
                if stream is not None and stream in self.reads:
                    self._line_reads[stream] = self.reads[stream]

    def end_line(self) -> None:
        """Close the line: what it read stands in each of its stated events as `found.reads`.

        What the line itself recorded after an event is no part of what that event relied on.
        """
        before: dict[str, int] = {}
        for event in reversed(self.journal.events[self._line_start :]):
            before[event.originator_id] = event.originator_version - 1
            if event.said is not None:
                reads = {
                    s: min(v, before.get(s, v)) for s, v in self._line_reads.items() if s != event.originator_id
                }  # fmt: skip
                event.found["reads"] = reads  # type: ignore[index] # Aggregate.record made it a dict of this event

    def undo_line(self) -> None:
        """Take back a refused line: its events go, and the aggregates they touched are loaded again when wanted."""
        touched = {e.originator_id for e in self.journal.events[self._line_start :]} | set(self._line_first)
        del self.journal.events[self._line_start :]
        for source in self.sources[self._line_sources :]:
            self._named.pop((source.system, source.kind, source.id), None)
        del self.sources[self._line_sources :]
        for stream in touched:
            self._held.pop(stream, None)
        self._undone |= touched
        for stream in self._line_first:
            del self.reads[stream]
        self._line_first = []

    # ------------------------------------------------------------------------------------------------ afterwards

    def saved(self) -> None:
        """Keep what was changed: the save succeeded."""
        for aggregate in self._held.values():
            if aggregate.version > 0:
                self.keep.put(aggregate)

    def moved(self) -> None:
        """Forget all that was read: something in it was stale."""
        self.keep.forget(*self._held, *self.reads)


def _unknown(stream: str) -> NotFound:
    kind = stream.rpartition("/")[2].partition(":")[0]
    return NotFound(f"{stream} is not known", code=f"{kind}_unknown", stream=stream)


def _typed(kind: type[A], held: Aggregate) -> A:
    if not isinstance(held, kind):
        message = f"{held.id} is no {kind.__name__}"
        raise NotFound(message, stream=held.id)
    return held
