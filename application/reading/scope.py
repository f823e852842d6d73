"""In which relations a reader stands to a thing, from what the read models know; past relations count as `had_…`.

The table of rights (`application.rights`) says which relations are enough; here they are found, for lists as a `Reach`
that the read models filter by, for single things as a `Standing`. Relations are those known now, whatever the question
asks to know: what a correction took away is not read by asking for an earlier knowledge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from application.reading.asking import Asking
from application.reading.ports import FUND_RELATIONS, Cut, Found, Reach
from application.rights import allowed, granted
from domain.aggregate import fold
from domain.errors import NotFound
from domain.lifts import Lift
from domain.mandates import ACTS
from domain.parties import Party
from domain.schemes import stem, within
from domain.time import civil_date

PAST: Final = "had_"
DEALINGS: Final = frozenset({"manages", "supervises"})
"""Relations in which one stands to certificates and claims because one stands so to their lift."""
SECTORAL: Final = frozenset({"transport_bureau", "culture_tourism_bureau", "organs_affairs"})
"""Kinds whose sectors are venues, and who supervise those alone in their areas."""
MANDATED: Final = {"appointed": ("claim.assess", "insures")}
"""Relations that are a mandate: for which act it is, and in which relation its giver must stand."""


def filtered(asking: Asking) -> list[str] | None:
    """Give the beginning of area codes that the question's `area` asks for; None when it does not."""
    asked = asking.query.get("area")
    return None if asked is None else [stem(asked)]


def supervised(asking: Asking, area: str | None) -> bool:
    """Say whether the reader's areas take in this one."""
    return area is not None and any(within(area, own) for own in asking.author.areas)


def sector(asking: Asking) -> tuple[str, ...] | None:
    """Give the venues that alone the reader supervises, in lists, single things and counts alike; None are all.

    A sector's bureau that was registered without any sees none.
    """
    return tuple(sorted(asking.author.sectors)) if asking.author.kind in SECTORAL else None


def area_stems(asking: Asking, action: str, asked: str | None) -> list[str] | None:
    """Give the beginnings of area codes that the reader may see of what he asked; None is everywhere.

    A reader without a right everywhere is cut to his own areas. Raises Forbidden `right_missing`.
    """
    wanted = None if asked is None else stem(asked)
    if asking.may(action):
        return None if wanted is None else [wanted]
    own = [stem(area) for area in asking.author.areas]
    if not own or not asking.may(action, {"supervises"}):
        raise asking.refused(action)
    if wanted is None:
        return own
    narrowed = {max(wanted, area, key=len) for area in own if wanted.startswith(area) or area.startswith(wanted)}
    if not narrowed:
        raise asking.refused(action)
    return sorted(narrowed)


# ------------------------------------------------------------------------------------------------ lists


def reach(asking: Asking, action: str) -> Reach | None:
    """Give what the reader may read in lists by the row of `action`; None is everything.

    Raises Forbidden `right_missing` when his kind has no right to any of it.
    """
    needed = granted(action, asking.author.kind)
    if not needed:
        raise asking.refused(action)
    if "any" in needed:
        return None
    acting = {relation: _standing_in(asking, action, relation) for relation in needed}
    return _reach(asking, {r: parties for r, parties in acting.items() if parties})


def reach_at_present(asking: Asking, action: str) -> Reach | None:
    """Give what the reader may read whole, since he has to do with it still; None is everything.

    Raises Forbidden `right_missing` as `reach`.
    """
    scope = reach(asking, action)
    if scope is None:
        return None
    return replace(scope, acting={of: parties for of, parties in scope.acting.items() if not of.startswith(PAST)})


def reach_of_dealings(asking: Asking, action: str) -> Reach | None:
    """Give the lifts all dealings on which the reader may read, since he stands so to the lift; None is everything.

    Raises Forbidden `right_missing` when his kind reads his own dealings alone.
    """
    scope = reach(asking, action)
    if scope is None:
        return None
    acting = {of: parties for of, parties in scope.acting.items() if of.removeprefix(PAST) in DEALINGS}
    if not acting:
        raise asking.refused(action)
    return replace(scope, acting=acting)


def _reach(asking: Asking, acting: Mapping[str, tuple[str, ...]]) -> Reach:
    areas = tuple(stem(area) for area in asking.author.areas)
    return Reach(acting, areas, asking.present, _now(asking), sector(asking))


def _standing_in(asking: Asking, action: str, relation: str) -> tuple[str, ...]:
    """Give the parties whose relation the reader may use: his own, and that of whoever mandated him to (P7)."""
    act, of = MANDATED.get(relation, (action, relation))
    own = () if relation in MANDATED else (asking.author.party,)
    if act not in ACTS:
        return own
    return own + tuple(giver.id for giver in _givers(asking, act) if allowed(act, giver.kind, frozenset({of})))


def _givers(asking: Asking, act: str) -> list[Party]:
    """Give the parties that let the reader do an act today (`domain.mandates`)."""
    streams, today = asking.reads.streams, civil_date(_now(asking))
    reader = fold(Party, asking.author.party, streams.events(asking.author.party))
    held = {} if reader is None else reader.mandates
    names = dict.fromkeys(mandate.giver for mandate in held.values() if mandate.lets(mandate.giver, act, today))
    givers = (fold(Party, name, streams.events(name)) for name in names)
    return [giver for giver in givers if giver is not None and not giver.suspended]


def _now(asking: Asking) -> str:
    return asking.reads.clock.now()


# ------------------------------------------------------------------------------------------------ single things


@dataclass(frozen=True, slots=True)
class Standing:
    """The relations that hold now, and when each held that holds or held (relation, from, to)."""

    relations: frozenset[str]
    spans: tuple[tuple[str, str, str | None], ...]

    @classmethod
    def of(
        cls, spans: Iterable[tuple[str, str, str | None]], now: str, latest: frozenset[str] = frozenset()
    ) -> Standing:
        """Make it from spans; of the relations `latest` the last span stands also for what is not yet effective."""
        held = tuple(spans)
        return cls(
            frozenset(r for r, a, b in held if (r in latest and b is None) or (a <= now and (b is None or now < b))),
            held,
        )

    def of_dealings(self) -> Standing:
        """Give what of a standing to a lift is one to the dealings on it: others insure and hold them than the lift."""
        return Standing(self.relations & DEALINGS, tuple(span for span in self.spans if span[0] in DEALINGS))

    def periods(self, asking: Asking, action: str) -> tuple[tuple[str, str | None], ...]:
        """Give the times of the relations that go on being enough for `action` once they are over."""
        past = granted(action, asking.author.kind)
        return tuple((begin, end) for relation, begin, end in self.spans if PAST + relation in past)

    def cut(self, asking: Asking, action: str) -> Cut | None:
        """Give what the reader may see: all (None), or his own time. Raises Forbidden `right_missing`."""
        if asking.may(action, self.relations):
            return None
        periods = self.periods(asking, action)
        if not periods:
            raise asking.refused(action)
        return Cut(asking.author.party, periods)


def lies_in(instant: str, periods: Iterable[tuple[str, str | None]]) -> bool:
    """Say whether an instant lies in one of some periods."""
    return any(begin <= instant and (end is None or instant < end) for begin, end in periods)


def covered_by(row: Found, instant: str) -> bool:
    """Say whether a row is effective at an instant."""
    return bool(row["effective_from"] <= instant) and (row["effective_to"] is None or instant < row["effective_to"])


def to_lift(asking: Asking, lift: str) -> Standing:
    """Give the reader's standing to a lift as known now. Raises NotFound `lift_unknown`.

    Two records of one lift are one (C11): relations to what its record went up in hold for it, since that alone says
    what is so now; and whoever insures the lift on whichever record insures it. That somebody registered a record which
    went up in another gives him nothing there.
    """
    if not asking.reads.views.find("lifts", asking.present, where={"key": lift}, limit=1):
        raise NotFound("the ledger knows no such lift", code="lift_unknown", lift=lift)
    party = (asking.author.party,)
    acting = {name: party for action in ("lift.read", "cover.read") for name in granted(action, asking.author.kind)}
    found = asking.reads.views.spans(lift, _reach(asking, acting))
    held = ((span["relation"], span["effective_from"], span["effective_to"]) for span in found)
    return Standing.of(held, _now(asking), latest=frozenset({"supervises"}))


def absorbed(asking: Asking, lift: str, known: int) -> list[str]:
    """Give the records that went up in a lift's, or in one that did, as far as known at a position."""
    found: list[str] = []
    wanted = [lift]
    while wanted:
        told = (event for name in wanted for event in asking.reads.streams.events(name))
        events = [e for e in told if isinstance(e, Lift.Absorbed) and e.position is not None and e.position <= known]
        wanted = sorted({event.found["lift"] for event in events} - {lift, *found})
        found += wanted
    return found


def to_fund(asking: Asking, fund: str) -> Standing:
    """Give the reader's standing to a fund as known now. Raises NotFound `fund_unknown`."""
    rows = asking.reads.views.find("funds", asking.present, where={"key": fund})
    if not rows:
        raise NotFound("the ledger knows no such fund", code="fund_unknown", fund=fund)
    return Standing.of(_fund_spans(asking, rows), _now(asking), latest=FUND_RELATIONS)


def to_house(asking: Asking, house: str) -> Standing:
    """Give the reader's standing to a house: those to its fund, and `owns`. Raises NotFound `house_unknown`."""
    views = asking.reads.views
    rows = views.find("houses", asking.present, where={"key": house})
    if not rows:
        raise NotFound("the ledger knows no such house", code="house_unknown", house=house)
    spans = _fund_spans(asking, views.find("funds", asking.present, where={"key": rows[-1]["fund"]}))
    person = person_of(asking) if asking.author.kind == "owner" else None
    if person is not None:
        spans += [
            ("owns", row["effective_from"], row["effective_to"]) for row in rows if person in (row["owners"] or ())
        ]
    return Standing.of(spans, _now(asking), latest=FUND_RELATIONS)


def _fund_spans(asking: Asking, rows: Sequence[Found]) -> list[tuple[str, str, str | None]]:
    party = asking.author.party
    return [
        (relation, row["effective_from"], row["effective_to"])
        for row in rows
        for relation in sorted(FUND_RELATIONS)
        if (supervised(asking, row["area"]) if relation == "supervises" else row[relation] == party)
    ]


def person_of(asking: Asking) -> str | None:
    """Give the person that the reader's party is, by the sealed name it was registered with."""
    events = asking.reads.streams.events(asking.author.party)
    sealed = (events[0].said or {}).get("person_name") if events else None
    return sealed.get("of") if isinstance(sealed, dict) else None


def merged_lifts(asking: Asking, known: int, effective: str) -> dict[str, str]:
    """Give the lifts that went up in others, each with the record that stands for it then.

    That is the one that goes on at the end of the chain; of a time of which it says nothing yet, one that went up in it
    and does. Two records of one lift (C11) are one also before the day on which that was found.
    """
    rows = asking.reads.views.find("lifts", known, where={"merged_into": True})
    into = {row["key"]: row["merged_into"] for row in rows}
    if not into:
        return {}
    final: dict[str, str] = {}
    for lift in into:
        end, seen = lift, {lift}
        while end in into and into[end] not in seen:
            end = into[end]
            seen.add(end)
        final[lift] = end
    ends = sorted(set(final.values()))
    told = {row["key"] for row in asking.reads.views.find("lifts", known, effective=effective, where={"key": ends})}
    before = {row["key"] for row in rows if covered_by(row, effective)}
    for end in ends:
        stands = min((lift for lift in before if final.get(lift) == end), default=None)
        if end not in told and stands is not None:
            same = {lift for lift, of in final.items() if of == end} | {end}
            final |= dict.fromkeys(same - {stands}, stands)
            del final[stands]
    return final


def named_in(party: str, values: Iterable[object]) -> bool:
    """Say whether a party is named among values, however deep."""
    stack: list[Any] = list(values)
    while stack:
        value = stack.pop()
        if value == party:
            return True
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            stack.extend(value)
    return False
