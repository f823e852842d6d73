"""Who answers for a lift (谁对电梯的维保负责) on which days: by all its records, and on what terms.

Two records that were found to be one lift are one lift (C11): who is engaged by either is engaged for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from domain.histories import History, Term, value_on
from domain.lifts import Lift
from domain.time import add_days, days_between

ON_DEMAND = "on_demand"
"""按需维保: agreed in the contract, instead of visits by the half-month."""


class Stretch(NamedTuple):
    """Days from, to (not included) on which the lift was in use and a holder answered for it on the same terms."""

    holder: str
    from_date: str
    to_date: str
    on_demand: bool

    @property
    def days(self) -> int:
        """How many they are."""
        return days_between(self.from_date, self.to_date)


def records_of(lift: Lift, find: Callable[[str], Lift | None]) -> tuple[Lift, ...]:
    """Give a lift's record, what it went up in, and what went up in any of these; the record itself first.

    Of those that went up in others, what a register states of the maintainer holds no longer than `_closed` says.
    """
    found = {lift.id: lift}
    wanted = [lift]
    while wanted:
        each = wanted.pop()
        names = (*each.absorbed, *(() if each.merged_into is None else (each.merged_into,)))
        wanted += [other for name in names if name not in found and (other := find(name)) is not None]
        found |= {other.id: other for other in wanted}
    return tuple(_closed(record, found) for record in found.values())


def _closed(record: Lift, found: Mapping[str, Lift]) -> Lift:
    """Give a record, without what its register states of days on which a record that it went up in says it.

    Nobody can correct it any more: from the day of the merger, what it states of the maintainer without an end gives
    way to what one that goes on has. That is what the register states there, a contract that whoever answers for the
    lift confirms, or one of the same maintainer. Until then who was stated by either was engaged. Where the day of the
    merger was not told, it gives way to what was said of a later day.
    """
    later, last, since = list[tuple[str, Lift]](), record, ""
    while last.merged_into is not None and last.merged_into in found:
        since = max(since, last.merged_on)
        last = found[last.merged_into]
        later.append((since, last))
    if not later or all(term.under or term.to_date is not None for term in record.maintenance):
        return record
    given = record.copy()
    given.maintenance = tuple(_given_way(term, later) for term in record.maintenance)
    return given


def _given_way(stated: Term, later: Iterable[tuple[str, Lift]]) -> Term:
    if stated.under or stated.to_date is not None:
        return stated
    days = [
        day
        for since, lift in later
        for term in lift.maintenance
        if not term.under or term.holder == stated.holder or _confirmed(lift, term)
        for day in [max(since, term.from_date, stated.from_date)]
        if term.runs_on(day) and (since or stated.from_date < term.from_date)
    ]  # fmt: skip
    return replace(stated, to_date=min(days)) if days else stated


def _confirmed(lift: Lift, term: Term) -> bool:
    """Say whether the first day of a contract's term is not its maintainer's word alone."""
    grounds = (term.under, term.holder)
    return any((each.under, each.holder) == grounds and each.runs_on(term.from_date) for each in lift.confirmed)


@dataclass(frozen=True, slots=True)
class Care:
    """The records of one lift, of which the first says when it was in use; by contract the history of its level."""

    records: tuple[Lift, ...]
    levels: Mapping[str, History] = field(default_factory=dict)

    def engaged_on(self, date: str) -> tuple[str, ...]:
        """Give who maintained it on a civil date (`LiftDays.engaged_on`)."""
        return tuple(dict.fromkeys(holder for record in self.records for holder in record.engaged_on(date)))

    def in_use_on(self, date: str) -> bool:
        """Say whether it was in use on a civil date, as it is taken to have been before anything was said."""
        return self.records[0].status_on(date) in {"in_use", None}

    def engaged_since(self, holder: str, date: str) -> str:
        """Give the day since which a holder is engaged without a break; empty where he always was, as far as known."""
        for day in sorted(self._term_days(), reverse=True):
            if day <= date and holder not in self.engaged_on(add_days(day, -1)):
                return day
        return ""

    def last_end(self, date: str) -> str | None:
        """Give the last day up to a civil date on which a term of somebody's ended; None where none did."""
        terms = [term for record in self.records for term in record.maintenance]
        return max((t.to_date for t in terms if t.to_date is not None and t.to_date <= date), default=None)

    def stretches(self, since: str, until: str) -> Iterator[Stretch]:
        """Give by holder the days from, to (not included) on which he answered for the lift, in use, by its terms."""
        days = {*self._term_days(), *(day for day, _ in self.records[0].statuses)}
        days |= {day for history in self.levels.values() for day, _ in history}
        order = sorted({since, until, *(day for day in days if since < day < until)})
        for holder in dict.fromkeys(term.holder for record in self.records for term in record.maintenance):
            run: Stretch | None = None
            for day, end in pairwise(order):
                terms = self._terms_on(holder, day) if self.in_use_on(day) else None
                if run is not None and run.on_demand is terms:
                    run = run._replace(to_date=end)
                    continue
                if run is not None:
                    yield run
                run = None if terms is None else Stretch(holder, day, end, terms)
            if run is not None:
                yield run

    def _terms_on(self, holder: str, date: str) -> bool | None:
        """Say whether a holder is engaged on demand alone; None where he is not engaged."""
        levels: list[str | None] = []
        for record in self.records:
            running = [t.under for t in record.maintenance if t.holder == holder and t.runs_on(date)]
            levels += [value_on(self.levels.get(under, ()), date) for under in running]
            if not running and holder in record.engaged_on(date):
                levels.append(None)  # it was so before the register said it
        return all(level == ON_DEMAND for level in levels) if levels else None

    def _term_days(self) -> set[str]:
        terms = [term for record in self.records for term in record.maintenance]
        return {term.from_date for term in terms} | {term.to_date for term in terms if term.to_date is not None}
