"""Days off (法定休假日) and working days of the civil calendar, as far as notices of the State Council are known.

The notice of a year comes in the autumn before it, and may reach back to the last days of December. What lies beyond
the last known notice is not guessed: None, and whoever asks says so.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from domain.catalogue import legal_holidays
from domain.time import add_days, is_weekend

_REACHES_BACK_FROM: Final = "-12-24"
"""From this day on the notice of the next year may speak (元旦 begins on 30 December at the earliest until now)."""


def first_working_day(date: str, *, weekends: bool, makeup_rest: bool) -> str | None:
    """Return the first day from a date on that is no legal holiday, and no weekend where `weekends` are days off too.

    `makeup_rest` says that a day of a weekend stays one off though work was done on it for a holiday (调休上班). None
    where the notice that speaks of a day on the way is not known.
    """
    off, worked = _days_off(), _makeup_workdays()
    while _known(date):
        at_rest = weekends and is_weekend(date) and (makeup_rest or date not in worked)
        if date not in off and not at_rest:
            return date
        date = add_days(date, 1)
    return None


def _known(date: str) -> bool:
    year = int(date[:4])
    needed = {year} if date[4:] < _REACHES_BACK_FROM else {year, year + 1}
    return needed <= _years()


@cache
def _years() -> frozenset[int]:
    return frozenset(holiday.year for holiday in legal_holidays().values())


@cache
def _days_off() -> frozenset[str]:
    days: set[str] = set()
    for holiday in legal_holidays().values():
        date = holiday.from_date
        while date < holiday.to_date:
            days.add(date)
            date = add_days(date, 1)
    return frozenset(days)


@cache
def _makeup_workdays() -> frozenset[str]:
    return frozenset(day for holiday in legal_holidays().values() for day in holiday.makeup_workdays)
