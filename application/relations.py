"""In which relations the author stands to a lift on a civil date, from what the lift's events say of that day.

A right is judged on the day from which the act is effective, and on the last day that what it says reaches to: whoever
had the lift then may state late what was so then, but not into the time of whoever has it now; who has it now may not
rewrite the time before him. A maintainer's own word alone is no relation (`Lift.entrusted_on`). Reading has the same
relations from the read models, in `reading.scope`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from application.records import chain_of
from application.work import Work
from domain.aggregate import Statement
from domain.buildings import Building, Estate
from domain.funds import Fund
from domain.houses import House
from domain.lifts import Lift
from domain.policies import Policy
from domain.products import Product
from domain.schemes import within
from domain.time import civil_date


def day_of(work: Work, statement: Statement) -> str:
    """Give the civil date from which a statement is effective: the one it says, else today."""
    return work.today if statement.effective_at is None else civil_date(statement.effective_at)


def supervises(work: Work, area: str | None) -> bool:
    """Say whether the author's areas take in this one."""
    return area is not None and any(within(area, own) for own in work.author.areas)


def supervises_all(work: Work, matters: Iterable[str]) -> bool:
    """Say whether the author has in his areas today all lifts, policies, funds and places that matters are about.

    Matters that lie nowhere (persons, parties, agents, …) neither give nor take it; of those alone nobody has any.
    """
    subjects = {matter.partition("/")[0] for matter in matters}
    located = [
        subject for subject in sorted(subjects) if subject.partition(":")[0] in {"lift", "house", "fund", *_PLACES}
    ]
    return bool(located) and all(_in_reach(work, subject) for subject in located)


_PLACES: Final[Mapping[str, type[Policy | Building | Estate | Product]]] = {
    "policy": Policy, "building": Building, "estate": Estate, "product": Product,
}  # fmt: skip


def _in_reach(work: Work, subject: str) -> bool:
    noun = subject.partition(":")[0]
    if noun == "lift":
        lift = work.find(Lift, subject)
        return lift is not None and to_lift(work, lift, work.today, work.today)["supervises"]
    if noun == "house":
        house = work.find(House, subject)
        return house is not None and _in_reach(work, house.fund)
    if noun == "fund":
        fund = work.find(Fund, subject)
        return fund is not None and (fund.bureau == work.author.party or supervises(work, fund.area))
    place = work.find(_PLACES[noun], subject)
    return place is not None and supervises(work, place.area)


def to_lift(work: Work, lift: Lift, on: str, until: str) -> dict[str, bool]:
    """Give the relations for `Work.allow` that hold on two civil dates: holder, manages, maintains, supervises.

    The holder is who registered the lift, on any day; the use unit manages; supervision is by authority or area. Of a
    record that went up in another they are those to each that it went up in as well (C11): from the day of its merger
    on a record no longer says who manages and supervises, for nobody can correct it any more.
    """
    held = [(_on(work, each, on), _on(work, each, until)) for each in chain_of(work, lift)]
    return {name: any(first[name] and end[name] for first, end in held) for name in held[0][0]}


def users_on(work: Work, lift: Lift, day: str) -> frozenset[str]:
    """Give who used a lift on a civil date (`LiftDays.users_on`), also by the records that its own went up in."""
    records = (each for each in chain_of(work, lift) if not each.merged_on or day <= each.merged_on)
    return frozenset(user for each in records for user in each.users_on(day))


def _on(work: Work, lift: Lift, day: str) -> dict[str, bool]:
    party, says = work.author.party, not lift.merged_on or day < lift.merged_on
    return {
        "holder": lift.holder == party,
        "manages": says and lift.use_unit_on(day) == party,
        "maintains": party in lift.entrusted_on(day),
        "supervises": says and (lift.authority_on(day) == party or supervises(work, lift.area_on(day))),
    }
