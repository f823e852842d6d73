"""Registers: how something stood, one state after another, each by the day from which it is so.

The order of what happened to a thing is that of its stream, so nothing is so before what it follows: a payment that a
bank's line proves for an earlier day than that of its order was ordered all the same. Nor is a fact later than it was
recorded: what a cancellation told ahead lets go is due back at once, and may come back. Plans go by their days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, TypeVar

from application.projections.base import ALWAYS, Evolve, LoggedEvent, Row, State, Track, Value, track_rows
from application.projections.folding import AGGREGATE, folds
from domain.aggregate import Aggregate

A = TypeVar("A", bound=Aggregate)

Notes: TypeAlias = "Mapping[str, Value]"
"""What a register tells beside what the aggregate holds, by the columns."""

TRACK, NOTES, SINCE = "track", "notes", "since"


def registers(
    kind: type[A], told: Callable[[A], Notes], note: Callable[[LoggedEvent], Notes], *, planned: bool = False
) -> Mapping[str, Evolve]:
    """Give the evolve functions: `told` of the aggregate, and of single events what they note for good.

    Of what is `planned` each word says from which day on it is so, and takes the place of all that was said of later
    days; nothing is so before the first of them.
    """
    plain = folds(kind)

    def evolve(state: State, event: LoggedEvent) -> State:
        new = plain[event.type](state, event)
        notes = {**state.get(NOTES, {}), **note(event)}
        track: Track = state.get(TRACK, ())
        value = {**notes, **told(new[AGGREGATE])}
        own = min(event.effective_at, event.recorded_at) if kind.ORDERED else event.effective_at
        first = track[0][0] if track else own
        since = max(own, first if planned else state.get(SINCE, first))
        if not track or track[-1][1] != value:
            track = (*(step for step in track if step[0] < since), (since, value))
        return {**new, NOTES: notes, SINCE: since, TRACK: track}

    return dict.fromkeys(plain, evolve)


def register_rows(names: tuple[str, ...]) -> Callable[[str, State], Iterator[Row]]:
    """Give the function that makes a register's rows."""
    return lambda _stream, state: track_rows(names, state[TRACK])


def last_row(names: tuple[str, ...]) -> Callable[[str, State], Iterator[Row]]:
    """Give the function that makes one row of the last state: of what is so from when it is known, whatever the day."""

    def rows(_stream: str, state: State) -> Iterator[Row]:
        _, value = state[TRACK][-1]
        yield Row("", ALWAYS, None, tuple(value.get(name) for name in names))

    return rows
