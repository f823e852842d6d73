"""One batch of the log turned into changes of tables; pure, so any cut of the log into batches gives the same rows.

A fold that fails parks its stream for that projection: the rows stay as they were, later events of the stream are
skipped, every other stream goes on. Answers that rest on a projection with parked streams say so; a rebuild with
mended functions takes the streams up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from application.projections.base import Bitemporal, Listing, LoggedEvent, Projection, Row, State, Value

Place = tuple[str, str]
"""(projection's name, stream)."""


class RowName(NamedTuple):
    """The primary key of a bitemporal row."""

    key: str
    item: str
    effective_from: str
    known_from: int


class OpenedRow(NamedTuple):
    """A row that came; `known_to` is set when it also went within the batch."""

    key: str
    row: Row
    known_from: int
    known_to: int | None


class Entry(NamedTuple):
    """An entry of a listing; `number` counts within its event, from 1."""

    account: str
    position: int
    number: int
    values: tuple[Value, ...]


class Parked(NamedTuple):
    """A stream a projection could not fold: where it stopped, and the kind of error."""

    projection: str
    stream: str
    position: int
    error: str


@dataclass(slots=True)
class Held:
    """A stream's state in one projection, and its rows now known with the position since when."""

    state: State = field(default_factory=dict)
    rows: dict[Row, int] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What a batch does to the tables, by projection."""

    opened: dict[str, dict[RowName, OpenedRow]] = field(default_factory=dict)
    closed: dict[str, dict[RowName, int]] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)


class ItemsOverlap(Exception):
    """A projection gave two rows of one item with the same beginning; a programming error, so the stream parks."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which projections want which type of event."""

    projections: tuple[Projection, ...]
    folds: Mapping[str, tuple[Bitemporal, ...]]
    lists: Mapping[str, tuple[Listing, ...]]
    broad: tuple[Listing, ...]

    @staticmethod
    def of(projections: Sequence[Projection]) -> Plan:
        """Index projections by the types they want."""
        folds: dict[str, tuple[Bitemporal, ...]] = {}
        lists: dict[str, tuple[Listing, ...]] = {}
        broad: list[Listing] = []
        for projection in projections:
            if isinstance(projection, Bitemporal):
                for name in projection.types:
                    folds[name] = (*folds.get(name, ()), projection)
            elif projection.types is None:
                broad.append(projection)
            else:
                for name in projection.types:
                    lists[name] = (*lists.get(name, ()), projection)
        return Plan(tuple(projections), folds, lists, tuple(broad))

    @property
    def types(self) -> list[str]:
        """All types that some projection names."""
        return sorted({*self.folds, *self.lists})

    @property
    def subjects(self) -> list[str]:
        """Beginnings of streams of which some projection wants every event but `except_types`."""
        return sorted({head for listing in self.broad for head in listing.subjects})

    @property
    def except_types(self) -> list[str]:
        """Types that no projection wants only because of their stream."""
        return sorted(frozenset.intersection(*(b.except_types for b in self.broad))) if self.broad else []

    def wants(self, type_: str, stream: str) -> bool:
        """Tell whether any projection wants an event."""
        return type_ in self.folds or type_ in self.lists or any(b.wants(type_, stream) for b in self.broad)

    def missing(self, events: Iterable[LoggedEvent], held: Mapping[Place, Held]) -> dict[str, int]:
        """Give the streams whose past is not held, each with the version before which it must be loaded."""
        first: dict[str, int] = {}
        wanted: dict[str, int] = {}
        for event in events:
            before = first.setdefault(event.stream, event.version)
            if before > 1 and event.stream not in wanted:
                for projection in self.folds.get(event.type, ()):
                    if (projection.name, event.stream) not in held:
                        wanted[event.stream] = before
        return wanted

    def warm(self, past: Iterable[LoggedEvent], held: dict[Place, Held], parked: set[Place]) -> None:
        """Fold events that earlier batches applied, for the places that are not held."""
        fresh: dict[Place, Held] = {}
        apply(Plan(self.projections, self.folds, {}, ()), past, fresh, parked)
        for place, state in fresh.items():
            held.setdefault(place, state)

    @property
    def digest(self) -> str:
        """Name the functions' versions: rows made by others must be made again."""
        return " ".join(sorted(f"{p.name}@{p.version}" for p in self.projections))


def apply(plan: Plan, events: Iterable[LoggedEvent], held: dict[Place, Held], parked: set[Place]) -> Changes:
    """Fold events in order; `held` and `parked` move on with them, and the changes of the tables are given."""
    changes = Changes()
    for event in events:
        for projection in plan.folds.get(event.type, ()):
            place = (projection.name, event.stream)
            if place not in parked:
                try:
                    _fold(projection, event, held.setdefault(place, Held()), changes)
                except Exception as error:  # noqa: BLE001 - whatever it is, other streams go on
                    _park(place, event, error, parked, changes)
        for listing in (*plan.lists.get(event.type, ()), *plan.broad):
            if not listing.wants(event.type, event.stream):
                continue
            place = (listing.name, event.stream)
            if place not in parked:
                try:
                    _list(listing, event, changes)
                except Exception as error:  # noqa: BLE001 - as above
                    _park(place, event, error, parked, changes)
    return changes


def _park(place: Place, event: LoggedEvent, error: Exception, parked: set[Place], changes: Changes) -> None:
    parked.add(place)
    # The kind of the error alone: its sentence may repeat a value.
    changes.parked.append(Parked(*place, event.position, str(getattr(error, "code", type(error).__name__))))


def _list(listing: Listing, event: LoggedEvent, changes: Changes) -> None:
    made = [
        Entry(account, event.position, number, values)
        for number, (account, values) in enumerate(listing.entries(event), 1)
    ]
    if made:
        changes.entries.setdefault(listing.name, []).extend(made)


def _fold(projection: Bitemporal, event: LoggedEvent, held: Held, changes: Changes) -> None:
    state = projection.evolve[event.type](held.state, event)
    if state is held.state:
        return
    rows = tuple(projection.rows(event.stream, state))
    new = dict.fromkeys(rows, event.position)
    names = {(row.item, row.effective_from) for row in new}
    if len(names) != len(rows):
        raise ItemsOverlap
    opened = changes.opened.setdefault(projection.name, {})
    closed = changes.closed.setdefault(projection.name, {})
    position = event.position
    known: dict[Row, int] = {}
    for row, since in held.rows.items():
        if row in new:
            known[row] = since
            continue
        name = RowName(event.stream, row.item, row.effective_from, since)
        fresh = opened.get(name)
        if fresh is None:
            closed[name] = position
        else:
            opened[name] = fresh._replace(known_to=position)
    for row in rows:
        if row not in known:
            known[row] = position
            opened[RowName(event.stream, row.item, row.effective_from, position)] = OpenedRow(
                event.stream, row, position, None
            )
    held.state = state
    held.rows = known
