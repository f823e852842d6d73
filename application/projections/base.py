"""What a projection is: a fold of one stream, and the rows that follow from its state.

A projection folds each of its streams by itself, so its rows are a function of the log alone: whatever way the log is
cut into batches, and however often it is replayed, the same rows come out. Rows hold both times (architecture §6):
effective from-to as the fold says, known from-to as the batch finds by comparing rows before and after an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Value: TypeAlias = "str | int | bool | tuple[str, ...] | None"
"""A cell: text, whole number, truth, list of texts, nothing. JSON columns hold canonical JSON as text."""

State: TypeAlias = Mapping[str, Any]
"""What a fold remembers of a stream; `{}` before its first event. Never changed in place."""

ALWAYS = "0001-01-01T00:00:00.000000Z"
"""The beginning of what has no known beginning."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event of the log as a projection sees it; personal members are references, never opened here."""

    position: int
    stream: str
    version: int
    seq: int
    type: str
    recorded_at: str
    effective_at: str
    party: str
    agent: str | None
    key: str | None
    said: Mapping[str, Any] | None
    found: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """The part of the stream's name before the first slash."""
        return self.stream.partition("/")[0]

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was said and what was found in one; the ledger never repeats one in the other."""
        return self.found if self.said is None else {**self.found, **self.said}


@dataclass(frozen=True, slots=True)
class Column:
    """A column beside those that every table has."""

    name: str
    type: Literal["text", "integer", "flag", "texts", "json"] = "text"


@dataclass(frozen=True, slots=True)
class Row:
    """What is so of an item from one instant until another (None: without end); `values` by the columns.

    Rows of one item never overlap in effective time.
    """

    item: str
    effective_from: str
    effective_to: str | None
    values: tuple[Value, ...]


Evolve: TypeAlias = Callable[[State, LoggedEvent], State]


@dataclass(frozen=True, slots=True)
class Bitemporal:
    """A read model with both times. `rows` gives all rows of a stream; `version` counts changes of the functions."""

    name: str
    version: int
    columns: tuple[Column, ...]
    evolve: Mapping[str, Evolve]
    rows: Callable[[str, State], Iterable[Row]]

    @property
    def types(self) -> frozenset[str]:
        """The event types it wants."""
        return frozenset(self.evolve)


@dataclass(frozen=True, slots=True)
class Listing:
    """A read model that only grows: each event gives entries for ever.

    `types` None wants every event of streams that begin with one of `subjects`, but the types `except_types`. An entry
    is (account, values by the columns); the event's position and the entry's number within it name it.
    """

    name: str
    version: int
    columns: tuple[Column, ...]
    entries: Callable[[LoggedEvent], Iterable[tuple[str, tuple[Value, ...]]]]
    types: frozenset[str] | None = None
    subjects: tuple[str, ...] = field(default=())
    except_types: frozenset[str] = field(default=frozenset())

    def wants(self, type_: str, stream: str) -> bool:
        """Tell whether it wants an event."""
        if self.types is not None:
            return type_ in self.types
        return type_ not in self.except_types and stream.startswith(self.subjects)


Projection: TypeAlias = "Bitemporal | Listing"


# ---------------------------------------------------------------------------------------------------- dated values

Track: TypeAlias = "tuple[tuple[str, Any], ...]"
"""A value over effective time: (since, value) in order; each holds until the next one's since."""


def put(track: Track, since: str, value: object) -> Track:
    """Give the track with a value from an instant until the next change known; a second word on one instant wins."""
    return tuple(sorted([*(step for step in track if step[0] != since), (since, value)], key=lambda step: step[0]))


def at(track: Track, instant: str) -> Any:  # noqa: ANN401 - tracks hold any value
    """Give the value at an instant; None before the first."""
    held: Any = None
    for since, value in track:
        if since > instant:
            break
        held = value
    return held


def track_rows(names: Iterable[str], track: Track) -> Iterator[Row]:
    """Give the rows of a track of values by the names of columns, each until the next."""
    columns = tuple(names)
    for number, (since, value) in enumerate(track):
        until = track[number + 1][0] if number + 1 < len(track) else None
        yield Row("", since, until, tuple(value.get(name) for name in columns))


def spans(*tracks: Track) -> list[tuple[str, str | None]]:
    """Give the stretches in which none of the tracks changes, from the first change on."""
    edges = sorted({since for track in tracks for since, _ in track})
    return list(zip(edges, [*edges[1:], None], strict=True))


def merged(rows: Iterable[Row]) -> list[Row]:
    """Join neighbouring rows of an item that say the same; they must come in order of effective time by item."""
    joined: list[Row] = []
    for row in rows:
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.item, last.effective_to, last.values) == (row.item, row.effective_from, row.values)
        ):  # fmt: skip
            joined[-1] = Row(row.item, last.effective_from, row.effective_to, row.values)
        else:
            joined.append(row)
    return joined
