"""Events and aggregates: the protocols of the eventsourcing library, without its clock and its topics by module path.

An event has two parts besides its place in a stream: `said`, the author's own words, and `found`, what the ledger
worked out (event-format §2). Aggregates are folded from events and record new ones; they never touch the outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeVar

from domain.errors import Conflict

type_registry: dict[str, type[Event]] = {}
"""Every event class by its `TOPIC`; filled when the class is made, read by the mapper and the golden files."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the author stated: the value at JSON Pointer `at` of the request (of NDJSON `line`, from 1).

    `effective_at` is the instant since when it is so, or None for the instant of recording.
    """

    said: Mapping[str, Any]
    at: str = ""
    line: int | None = None
    effective_at: str | None = None

    def part(self, at: str, said: Mapping[str, Any], effective_at: str | None = None) -> Statement:
        """Give the statement of a member: `at` is its pointer below this one, `said` the object found there."""
        return Statement(said, self.at + at, self.line, effective_at)


@dataclass(frozen=True, slots=True)
class Because:
    """The cause of an event that its author did not state: an event of the same save (event-format §2)."""

    stream: str
    version: int
    effective_at: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Time as the cause: what a rule of id `rule` made due at instant `at`; written by a timer (event-format §3)."""

    at: str
    rule: str


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who wrote a stored event and when it was recorded, as its header says."""

    party: str
    agent: str | None
    key: str | None
    evidence: tuple[str, ...]


@dataclass(slots=True)
class Journal:
    """The new events of one piece of work in the order they were recorded, and who writes them."""

    author: Authorship
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One domain event; subclasses state `TOPIC` (past tense, `noun.Happened`) and how they change their aggregate.

    `position` and `recorded_at` are None until the event is stored and read again; `apply` must not use them, since
    aggregates are kept after a save: what a decision needs of the time stands in `said`, `found` or `effective_at`.
    """

    TOPIC: ClassVar[str] = ""
    SCHEMA: ClassVar[int] = 1
    AGGREGATE: ClassVar[type[Aggregate]]

    originator_id: str
    originator_version: int
    said: Mapping[str, Any] | None
    found: Mapping[str, Any]
    at: str | None
    line: int | None
    effective_at: str | None
    position: int | None = None
    recorded_at: str | None = None
    author: Authorship

    def __init_subclass__(cls) -> None:
        """Register the class under its explicit topic; a topic taken twice is a programming error."""
        if cls.TOPIC:
            known = type_registry.get(cls.TOPIC)
            if known is not None and known.__qualname__ != cls.__qualname__:
                message = f"topic {cls.TOPIC} is taken by {known.__qualname__}"
                raise TypeError(message)
            type_registry[cls.TOPIC] = cls

    def mutate(self, aggregate: Any) -> Any:  # noqa: ANN401 - the library's protocol is untyped here
        """Apply to the aggregate at the version before this one, or to a new one at version 1."""
        if aggregate is None:
            aggregate = self.AGGREGATE(self.originator_id)
        if aggregate.version + 1 != self.originator_version:
            message = f"{self.originator_id} is at version {aggregate.version}, not before {self.originator_version}"
            raise Conflict(message, stream=self.originator_id)
        self.apply(aggregate)
        aggregate.version = self.originator_version
        return aggregate

    def apply(self, aggregate: Any) -> None:  # noqa: ANN401 - each subclass names its own aggregate
        """Change the aggregate's state; the default changes nothing but the version."""


@dataclass
class Aggregate:
    """A stream's state at a version; `journal` is None while it is read only.

    Subclasses are dataclasses whose fields all have defaults, with their events nested in them.
    """

    id: str
    version: int = field(default=0, init=False)
    journal: Journal | None = field(default=None, init=False, repr=False, compare=False)

    EVENTS: ClassVar[tuple[type[Event], ...]] = ()
    ORDERED: ClassVar[bool] = False
    """Whether it is a course of facts: nothing of it is so before what it follows, nor later than it was recorded."""

    @staticmethod
    def entry_of(_event: Event) -> str:
        """Name what of the stream an event is about: nothing of that is so before its first event is.

        Most streams are one thing, from its beginning on; those that keep several side by side name each of them.
        """
        return ""

    def __init_subclass__(cls) -> None:
        """Tie the event classes nested in the aggregate to it."""
        events = tuple(v for v in vars(cls).values() if isinstance(v, type) and issubclass(v, Event))
        cls.EVENTS = events
        for event in events:
            event.AGGREGATE = cls

    def copy(self) -> Self:
        """Give a copy to be changed: containers are copied one level, so `apply` replaces what lies deeper."""
        new = object.__new__(type(self))
        new.__dict__.update({k: v.copy() if isinstance(v, dict | list | set) else v for k, v in self.__dict__.items()})
        return new

    def record(
        self, event: type[Event], cause: Statement | Because | Due, found: Mapping[str, Any] | None = None
    ) -> Because:
        """Append a new event and apply it; returns the reference with which derived events name their cause."""
        if self.journal is None:
            message = f"{self.id} was loaded for reading only"
            raise Conflict(message, code="read_only", stream=self.id)
        version = self.version + 1
        facts = dict(found or {})
        said, at, line = None, None, None
        if isinstance(cause, Statement):
            said, at, line = cause.said, cause.at, cause.line
        elif isinstance(cause, Due):
            facts |= {"due": cause.at, "rule": cause.rule}
        else:
            facts["because"] = {"stream": cause.stream, "version": cause.version}
        effective_at = cause.at if isinstance(cause, Due) else cause.effective_at
        new = event(
            originator_id=self.id, originator_version=version, said=said, found=facts, at=at, line=line,
            effective_at=effective_at, author=self.journal.author,
        )  # fmt: skip
        new.mutate(self)
        self.journal.events.append(new)
        return Because(self.id, version, effective_at)


A = TypeVar("A", bound=Aggregate)


def fold(kind: type[A], name: str, events: Iterable[Event]) -> A | None:
    """Fold a stream's events into its aggregate; None when there are none."""
    aggregate: A | None = None
    for event in events:
        if aggregate is None:
            aggregate = kind(name)
        event.mutate(aggregate)
    return aggregate


__all__ = ["A", "Aggregate", "Authorship", "Because", "Due", "Event", "Journal", "Statement", "fold", "type_registry"]
