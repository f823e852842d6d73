"""What was so on which day: values dated by civil dates, and terms with a beginning and an end.

Both are tuples, so that `apply` replaces and never mutates. Days are compared as text.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import pairwise

History = tuple[tuple[str, str | None], ...]
"""(first day, value) in the order of days; a value holds until the next one begins."""


def entered(history: History, on: str, value: str | None) -> History:
    """Give the history with a value that holds from `on`; what was said of the same day before is replaced."""
    return (*(e for e in history if e[0] < on), (on, value), *(e for e in history if e[0] > on))


def without(history: History, days: Collection[str]) -> History:
    """Give the history without what was said of some days."""
    return tuple(entry for entry in history if entry[0] not in days)


def value_on(history: History, date: str) -> str | None:
    """Give the value that held on a civil date; None before the first."""
    found: str | None = None
    for first_day, value in history:
        if first_day > date:
            break
        found = value
    return found


def first_or_on(history: History, date: str) -> str | None:
    """Give the value that held on a civil date; the first one where the date lies before all (it was so before)."""
    return value_on(history, max(date, history[0][0])) if history else None


def ends_of(history: History, value: str, after: str) -> set[str]:
    """Give the days after a civil date on which something else follows a value."""
    return {day for (_, was), (day, now) in pairwise(history) if day > after and was == value != now}


def next_day(history: History, on: str) -> str | None:
    """Give the first day after a civil date of which something else was said; None where there is none."""
    return next((day for day, _ in history if day > on), None)


def last_value(history: History) -> str | None:
    """Give the value of the latest day that anything was said of."""
    return history[-1][1] if history else None


@dataclass(frozen=True, slots=True)
class Term:
    """Somebody's term: half-open from `from_date` to `to_date`; `under` is what it rests on (a contract), or empty."""

    under: str
    holder: str
    from_date: str
    to_date: str | None = None

    def runs_on(self, date: str) -> bool:
        """Say whether a civil date lies in it."""
        return self.from_date <= date and (self.to_date is None or date < self.to_date)


Terms = tuple[Term, ...]


def superseded(terms: Terms, new: Term) -> list[str]:
    """Give the first days of what was stated and a contract's term takes the place of.

    What is stated to have begun by its first day ends there; what is stated of the same maintainer while it runs says
    nothing beside it. Another maintainer that is stated of a later day contradicts it.
    """
    return [
        term.from_date
        for term in terms
        if not term.under and term.to_date is None
        and (term.from_date <= new.from_date or (term.holder == new.holder and new.runs_on(term.from_date)))
    ]  # fmt: skip


def with_term(terms: Terms, new: Term, *, ends_stated: Collection[str] | None) -> Terms:
    """Give the terms with one more, or with the term replaced that began on the same day under the same ground.

    Who left and came back has two terms under one ground: an earlier one stays, as far as the day on which the new one
    begins. What was merely stated (no ground) of the days `ends_stated` ends there too; None is all that was stated of
    earlier days. An empty term is no term.
    """
    kept: list[Term] = []
    for term in terms:
        if (term.under, term.from_date) == (new.under, new.from_date):
            continue
        same = term.under and term.under == new.under and term.runs_on(new.from_date)
        if same or (not term.under and term.to_date is None and _ends(term, new, ends_stated)):
            # What a register states first was so before (`first_or_holders_on`), also if it ends on that day.
            if term.from_date < new.from_date or (not term.under and term.from_date == new.from_date):
                kept.append(replace(term, to_date=new.from_date))
        else:
            kept.append(term)
    if new.to_date is not None and new.to_date <= new.from_date:
        return tuple(kept)
    return tuple(sorted((*kept, new), key=lambda term: term.from_date))


def clipped(terms: Terms, bounds: Terms) -> Terms:
    """Give what of terms lies in terms of the same ground and holder."""
    return tuple(
        dict.fromkeys(
            replace(term, from_date=first, to_date=last)
            for term in terms
            for bound in bounds
            if (term.under, term.holder) == (bound.under, bound.holder)
            for first, last in [(max(term.from_date, bound.from_date), _earlier(term.to_date, bound.to_date))]
            if last is None or first < last
        )
    )


def _earlier(one: str | None, other: str | None) -> str | None:
    return min((day for day in (one, other) if day is not None), default=None)


def _ends(stated: Term, new: Term, days: Collection[str] | None) -> bool:
    return stated.from_date < new.from_date if days is None else stated.from_date in days


def stated(terms: Terms, on: str, holder: str | None) -> Terms:
    """End what was stated before a day, and begin what is stated from then on; contracts are left alone."""
    kept = tuple(
        replace(term, to_date=on) if not term.under and term.to_date is None else term
        for term in terms
        if term.under or term.from_date < on
    )
    return kept if holder is None else with_term(kept, Term("", holder, on), ends_stated=())


def restated(terms: Terms, days: Collection[str], on: str, holder: str | None) -> Terms:
    """State from a day on what was stated of other days, wrongly: what ended there goes on until then.

    Where a contract ended what was stated, or begins where it does, that stays the end.
    """
    begun = {term.from_date for term in terms if term.under}
    wrong = [term for term in terms if not term.under and term.from_date in days]
    kept = tuple(
        replace(term, to_date=None) if not term.under and term.to_date in days and term.to_date not in begun else term
        for term in terms
        if term not in wrong
    )
    until = next((term.to_date for term in reversed(wrong) if term.holder == holder), None)
    said = stated(kept, on, holder)
    if until is None or until <= on:
        return said
    return tuple(replace(t, to_date=until) if not t.under and t.from_date == on else t for t in said)


def holders_on(terms: Terms, date: str) -> tuple[str, ...]:
    """Give whose terms run on a civil date, the one that began last first; more than one is an overlap."""
    return tuple(dict.fromkeys(term.holder for term in reversed(terms) if term.runs_on(date)))


def first_or_holders_on(terms: Terms, date: str) -> tuple[str, ...]:
    """Give whose terms run on a civil date; before them all whom a register stated first (it was so before)."""
    if _stated_first(terms) and date < terms[0].from_date:
        return (terms[0].holder,)
    return holders_on(terms, date)


def _stated_first(terms: Terms) -> bool:
    return bool(terms) and not terms[0].under
