"""Laws of the view of lifts: at both times it answers what the aggregate answers, however late things were said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from application.projections.base import LoggedEvent, Row
from application.projections.batch import Held, Place, Plan, apply
from application.projections.folding import begins, domain_event, fold_events
from application.projections.lifts import LIFTS
from domain.lifts import Lift
from domain.time import add_days
from tests.support.history import PARTIES, Told, logged

LIFT = "lift:018f3a5b-d9cb-769f-a165-70867728950e"
DAYS = [add_days("2026-01-01", number) for number in range(12)]
AREAS = ("370102001", "370103001", "370104001")
VENUES = ("school", "office")
BUILDINGS = tuple(f"building:018f3a5b-d9cb-769f-a165-70867728950{digit}" for digit in "ab")
ESTATES = tuple(f"estate:018f3a5b-d9cb-769f-a165-70867728950{digit}" for digit in "ab")
PLACE: Mapping[str, Sequence[str]] = {
    "area": AREAS, "authority": PARTIES[:2], "building": BUILDINGS, "estate": ESTATES
}  # fmt: skip
KIND: Mapping[str, Sequence[str]] = {"venue": VENUES, "premises_class": ("residential", "non_residential")}
EVERYTHING = {**PLACE, **KIND, "use_unit": PARTIES[2:], "maintainer": PARTIES[2:]}
DATED = ("area", "authority", "venue", "building", "estate")
"""Members of which what was first said is taken to have been so before as well."""
days = st.sampled_from(DAYS)


def words(members: Mapping[str, Sequence[str]], least: int = 1) -> st.SearchStrategy[dict[str, str]]:
    """Give statements of some members, from few values, so that much is said again."""
    one = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in members.items()})
    return one.filter(lambda said: len(said) >= least)


def event(type_: str, said: Mapping[str, Any] | None, found: Mapping[str, Any], on: str) -> Told:
    """Give an event of the lift that is so from a day on."""
    return Told(LIFT, type_, said, {"on": on, **found}, begins(on))


REGISTERED = st.builds(
    lambda said, area, on: event(
        "lift.Registered", {"id": LIFT, "variety": "3110", "status": "in_use", "identifiers": [], "area": area, **said},
        {}, on,
    ),
    words(EVERYTHING, 0), st.sampled_from(AREAS), days,
)  # fmt: skip


@st.composite
def _corrected(draw: st.DrawFn) -> Told:
    """A line of a register that differs from the last in some members: such as it lacks are known no longer."""
    said = draw(words(EVERYTHING, 0))
    said.setdefault("area", AREAS[0])
    gone = draw(st.sets(st.sampled_from(["authority", "venue", "building", "estate"])))
    some = draw(st.sets(st.sampled_from(sorted(EVERYTHING)))) & said.keys()
    row = {name: value for name, value in said.items() if name not in gone}
    changed = sorted({*some, *(gone & said.keys())})
    found = {"changed": changed, "withdrawn": [], "moved": {}}
    return event("lift.Corrected", {"status": "in_use", "identifiers": [], **row}, found, draw(days))


def _term(maintainer: str, begin: str, length: int, since: str | None) -> Told:
    found = {
        "contract": f"c{length}", "maintainer": maintainer, "from_date": begin, "to_date": add_days(begin, length),
        "ends_stated": [begin] if length % 2 else None, "confirmed_from": since and max(since, begin),
    }  # fmt: skip
    return event("lift.MaintainerChanged", None, found, begin)


LATER = st.one_of(
    st.builds(lambda said, on: event("lift.Moved", said, {}, on), words(PLACE), days),
    st.builds(lambda said, on: event("lift.Reclassified", said, {}, on), words(KIND), days),
    st.builds(
        lambda said, on: event("lift.StatusChanged", {"status": said}, {}, on),
        st.sampled_from(["in_use", "stopped"]), days,
    ),
    st.builds(
        lambda said, on: event("lift.UseUnitNamed", {"use_unit": said}, {}, on),
        st.sampled_from([*PARTIES[2:], None]), days,
    ),
    st.builds(_term, st.sampled_from(PARTIES[2:]), days, st.integers(0, 4), st.none() | days),
    _corrected(),
)  # fmt: skip
HISTORIES = st.builds(lambda first, more: logged([first, *more]), REGISTERED, st.lists(LATER, max_size=7))


def known(events: Sequence[LoggedEvent]) -> list[Row]:
    """Give the rows that are known once these events are."""
    held: dict[Place, Held] = {}
    changes = apply(Plan.of((LIFTS,)), events, held, set())
    assert not changes.parked
    return sorted(held[LIFTS.name, LIFT].rows, key=lambda row: row.effective_from)


def said_of(member: str, events: Sequence[LoggedEvent]) -> Iterator[tuple[str, int, str | None]]:
    """Give (day, place in the order of recording, value) of each word on a member, read off the events themselves."""
    for number, told in enumerate(events):
        said = told.said or {}
        stated = set(told.found["changed"]) if told.type == "lift.Corrected" else set(said)
        if stated & {"building", "estate"}:
            stated |= {"building", "estate"}
        if member in stated:
            yield told.found["on"], number, said.get(member)


def answer(member: str, events: Sequence[LoggedEvent], on: str) -> str | None:
    """Work out plainly what holds on a day: the word of the latest day up to it, of one day the one recorded last."""
    told = list(said_of(member, events))
    first = min((day for day, _, _ in told), default=on)
    up_to = [word for word in told if word[0] <= max(on, first)]
    return max(up_to, key=lambda word: word[:2])[2] if up_to else None


@given(events=HISTORIES)
def test_the_view_answers_what_the_aggregate_answers(events: list[LoggedEvent]) -> None:
    """For every known_at and effective_at, also of what was said late, said again, or corrected."""
    for size in range(1, len(events) + 1):
        rows, so_far = known(events[:size]), events[:size]
        lift = fold_events(Lift, LIFT, map(domain_event, so_far))
        assert rows[-1].effective_to is None
        for on in [add_days(DAYS[0], -1), *DAYS, add_days(DAYS[-1], 1)]:
            found = [r for r in rows if r.effective_from <= begins(on) < (r.effective_to or "9")]
            assert len(found) == (rows[0].effective_from <= begins(on))
            for row in found:
                told = dict(zip((column.name for column in LIFTS.columns), row.values, strict=True))
                assert {
                    "area": lift.area_on(on), "authority": lift.authority_on(on), "venue": lift.venue_on(on),
                    "premises_class": lift.class_on(on), "status": lift.status_on(on),
                    "use_unit": lift.use_unit_on(on), "maintainer": lift.maintainer_on(on),
                    "unconfirmed": lift.unconfirmed_on(on) or None,
                }.items() <= told.items()  # fmt: skip
                assert {name: told[name] for name in DATED} == {name: answer(name, so_far, on) for name in DATED}
        assert {r.effective_from for r in rows} <= {begins(add_days(DAYS[0], number)) for number in range(20)}


@given(events=HISTORIES, into=st.just("lift:018f3a5b-d9cb-769f-a165-708677289510"), on=days)
def test_two_records_of_one_lift_are_one_on_every_day(events: list[LoggedEvent], into: str, on: str) -> None:
    """That a lift is the same as another was so all along; until it was found nobody knew it (C11)."""
    merged = Told(LIFT, "lift.MergedInto", {"into": into}, {}, begins(on))
    told = [Told(e.stream, e.type, e.said, e.found, e.effective_at) for e in events]
    place = [column.name for column in LIFTS.columns].index("merged_into")
    assert {row.values[place] for row in known(events)} == {None}
    assert {row.values[place] for row in known(logged([*told, merged]))} == {into}


@given(days=st.lists(days, min_size=2, max_size=8, unique=True))
def test_the_view_keeps_every_term_of_a_contract(days: list[str]) -> None:
    """A lift that leaves a contract and comes back was maintained in each of its terms, and between them by nobody."""
    told = [
        event("lift.Registered", {"id": LIFT, "variety": "3110", "status": "in_use", "identifiers": []}, {}, DAYS[0])
    ]
    terms = list(zip(*[iter(sorted(days))] * 2, strict=False))
    for begin, end in terms:
        found = {"contract": "c", "maintainer": PARTIES[2], "from_date": begin, "ends_stated": []}
        sure = {"confirmed_from": begin}
        told += [event("lift.MaintainerChanged", None, {**found, **sure, "to_date": to}, begin) for to in (None, end)]
    rows, place = known(logged(told)), [column.name for column in LIFTS.columns].index("maintainer")
    for on in DAYS:
        (row,) = (r for r in rows if r.effective_from <= begins(on) < (r.effective_to or "9"))
        assert row.values[place] == (PARTIES[2] if any(a <= on < b for a, b in terms) else None)
