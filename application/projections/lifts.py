"""Lifts over both times: where they stand, what they are, whether they are in use, who uses and maintains them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from application.projections.base import Bitemporal, Column, Evolve, LoggedEvent, Row, State, Track, at, merged, put
from application.projections.folding import AGGREGATE, begins, domain_event, folds
from domain.lifts import Lift, day_of

DATED = ("area", "authority", "venue", "building", "estate", "merged_into")
"""Members of which the aggregate keeps the last word alone; here each word keeps its day."""
COLUMNS = (
    "area", "authority", "venue", "building", "estate", "merged_into", "premises_class", "status", "use_unit",
    "maintainer", "holder", "variety",
)  # fmt: skip
HELD = Column("held", "texts")
"""The identifiers that another lift owns and this one claims, by their streams: held for review (L17)."""


def _evolve() -> Mapping[str, Evolve]:
    plain = folds(Lift)

    def evolve(state: State, event: LoggedEvent) -> State:
        new = plain[event.type](state, event)
        before: Lift | None = state.get(AGGREGATE)
        lift: Lift = new[AGGREGATE]
        tracks: Mapping[str, Track] = state.get("tracks", {})
        changed = {
            name: put(tracks.get(name, ()), _day(event), getattr(lift, name))
            for name in DATED
            if before is None or getattr(lift, name) != getattr(before, name)
        }
        return {**new, "tracks": {**tracks, **changed}} if changed else new

    return dict.fromkeys(plain, evolve)


def _day(event: LoggedEvent) -> str:
    return day_of(domain_event(event))


def _rows(_stream: str, state: State) -> Iterator[Row]:
    lift: Lift = state[AGGREGATE]
    tracks: Mapping[str, Track] = state["tracks"]
    days = {day for history in (lift.statuses, lift.classes, lift.use_units) for day, _ in history}
    days |= {day for term in lift.maintenance for day in (term.from_date, term.to_date) if day is not None}
    # What was first said of place and kind is taken to have been so before as well.
    days |= {day for track in tracks.values() for day, _ in track[1:]}
    if tracks["merged_into"][0][1] is not None:
        days.add(tracks["merged_into"][0][0])
    order = sorted(days)

    def told(name: str, day: str) -> str | None:
        track = tracks[name]
        value: str | None = at(track, max(day, track[0][0]))
        return value

    for day, end in zip(order, [*order[1:], None], strict=True):
        yield Row(
            "", begins(day), None if end is None else begins(end),
            (
                told("area", day), told("authority", day), told("venue", day), told("building", day),
                told("estate", day), told("merged_into", day), lift.class_on(day), lift.status_on(day),
                lift.use_unit_on(day), lift.maintainer_on(day), lift.holder, lift.variety,
                lift.contested or None,
            ),
        )  # fmt: skip


LIFTS = Bitemporal(
    name="lifts",
    version=2,
    columns=(*map(Column, COLUMNS), HELD),
    evolve=_evolve(),
    rows=lambda stream, state: merged(_rows(stream, state)),
)
