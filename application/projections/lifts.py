"""Lifts over both times: where they stand, what they are, whether they are in use, who uses and maintains them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from application.projections.base import Bitemporal, Column, Evolve, LoggedEvent, Row, State, Track, at, merged, put
from application.projections.folding import AGGREGATE, begins, domain_event, folds
from domain.lifts import PLACE, PLACES, Lift, day_of

COLUMNS = (
    "area", "authority", "venue", "building", "estate", "merged_into", "premises_class", "status", "use_unit",
    "maintainer", "holder", "variety",
)  # fmt: skip
HELD = Column("held", "texts")
"""The identifiers that another lift owns and this one claims, by their streams: held for review (L17)."""
UNCONFIRMED = Column("unconfirmed", "texts")
"""Who of these maintains it by nobody's word but his own: he has no rights by it."""
CO_MAINTAINERS = Column("co_maintainers", "texts")
"""Whose contracts run besides that of `maintainer`, which began last: overlapping words displace nobody."""

CLOSED = Column("closed_from")
"""From when on a record that went up in another gives its use unit and its authorities nothing (adr/0029)."""


def _evolve() -> Mapping[str, Evolve]:
    plain = folds(Lift)

    def evolve(state: State, event: LoggedEvent) -> State:
        new = plain[event.type](state, event)
        if not _places(event) and not _moved(event):
            return new
        lift: Lift = new[AGGREGATE]
        tracks: Mapping[str, Track] = state.get("tracks", {})
        day, moved = day_of(domain_event(event)), _moved(event)
        told = {
            name: getattr(lift, name) if _places(event) else at(tracks.get(name, ()), max(moved)) for name in PLACES
        }  # fmt: skip
        kept = {name: tuple(step for step in tracks.get(name, ()) if step[0] not in moved) for name in PLACES}
        return {**new, "tracks": {name: put(kept[name], day, told[name]) for name in PLACES}}

    return dict.fromkeys(plain, evolve)


def _places(event: LoggedEvent) -> bool:
    """Say whether an event states where the lift stands: also what it says again is so from its own day on.

    The aggregate keeps the last word on its place alone (`Lift.take`); here each word keeps its day.
    """
    said = event.said or {}
    stated = event.found["changed"] if event.type == Lift.Corrected.TOPIC else said
    return not PLACES.isdisjoint(stated)


def _moved(event: LoggedEvent) -> Sequence[str]:
    """Give the days of which earlier lines of a register said where it stands, wrongly: that is so of another day."""
    days: Sequence[str] = event.found["moved"].get(PLACE, ()) if event.type == Lift.Corrected.TOPIC else ()
    return days


def _rows(_stream: str, state: State) -> Iterator[Row]:
    lift: Lift = state[AGGREGATE]
    tracks: Mapping[str, Track] = state.get("tracks", {})
    days = {day for history in (lift.statuses, lift.classes, lift.use_units) for day, _ in history}
    terms = (*lift.maintenance, *lift.confirmed)
    days |= {day for term in terms for day in (term.from_date, term.to_date) if day is not None}
    # What was first said of place and kind is taken to have been so before as well.
    places = (lift.areas, lift.authorities, lift.venues, *tracks.values())
    days |= {day for history in places for day, _ in history[1:]}
    order = sorted(days)

    def told(name: str, day: str) -> str | None:
        track = tracks.get(name, ())
        value: str | None = at(track, max(day, track[0][0])) if track else None
        return value

    closed_from = begins(lift.merged_on) if lift.merged_on else None
    for day, end in zip(order, [*order[1:], None], strict=True):
        yield Row(
            "", begins(day), None if end is None else begins(end),
            (
                # Two records of one lift were so all along, whenever that was found (C11).
                lift.area_on(day), lift.authority_on(day), lift.venue_on(day), told("building", day),
                told("estate", day), lift.merged_into, lift.class_on(day), lift.status_on(day),
                lift.use_unit_on(day), lift.maintainer_on(day), lift.holder, lift.variety,
                lift.contested or None, lift.maintainers_on(day)[1:] or None,
                lift.unconfirmed_on(day) or None, closed_from,
            ),
        )  # fmt: skip


LIFTS = Bitemporal(
    name="lifts",
    version=7,
    columns=(*map(Column, COLUMNS), HELD, CO_MAINTAINERS, UNCONFIRMED, CLOSED),
    evolve=_evolve(),
    rows=lambda stream, state: merged(_rows(stream, state)),
)
