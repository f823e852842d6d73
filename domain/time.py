"""Instants as UTC text, civil dates of Asia/Shanghai as text, and half-open periods of civil dates.

Text is compared as text: both forms have a fixed width, so their order is the order of time. The civil
range is 1990-01-01…2199-12-31; whatever lies outside is a slip of the pen and is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from domain.errors import Invalid

YEAR_MIN = 1990
YEAR_MAX = 2199
SKEW_S_MAX = 5
"""How far a clock that is not the ledger's may be ahead of it: of a token's `iat`, of a device's instants."""

_SATURDAY = 5
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_STANDARD = timedelta(hours=8)
_SUMMER = timedelta(hours=9)
# China kept summer time until 1991; a lift handed over in those years has its date by it.
_SUMMERS = (
    (datetime(1990, 4, 14, 18, tzinfo=UTC), datetime(1990, 9, 15, 17, tzinfo=UTC)),
    (datetime(1991, 4, 13, 18, tzinfo=UTC), datetime(1991, 9, 14, 17, tzinfo=UTC)),
)


def _offset(instant: datetime) -> timedelta:
    return _SUMMER if any(start <= instant < end for start, end in _SUMMERS) else _STANDARD


def _in_range(year: int) -> None:
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise Invalid("date is out of range", code="date_out_of_range", year_min=YEAR_MIN, year_max=YEAR_MAX)


def parse_date(text: str) -> date:
    """Read a civil date `YYYY-MM-DD`; raises Invalid `date_malformed` or `date_out_of_range`."""
    if not _DATE.fullmatch(text):
        raise Invalid("a civil date is written YYYY-MM-DD", code="date_malformed")
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("no such day in the calendar", code="date_malformed") from error
    _in_range(found.year)
    return found


def _date_text(day: date) -> str:
    _in_range(day.year)
    return day.isoformat()


def parse_instant(text: str) -> datetime:
    """Read an instant, exactly `YYYY-MM-DDTHH:MM:SS.ffffffZ` (event-format §1), as an aware UTC datetime.

    Raises Invalid `instant_malformed`, or `date_out_of_range` by its civil date in Shanghai.
    """
    if not _INSTANT.fullmatch(text):
        raise Invalid("an instant is written YYYY-MM-DDTHH:MM:SS.ffffffZ", code="instant_malformed")
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("no such instant", code="instant_malformed") from error
    _civil_day(found)
    return found


def format_instant(instant: datetime) -> str:
    """Write an aware datetime as an instant's text; raises Invalid `instant_malformed` if it is naive."""
    if instant.tzinfo is None:
        raise Invalid("an instant needs a time zone", code="instant_malformed")
    utc = instant.astimezone(UTC)
    _civil_day(utc)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _civil_day(instant: datetime) -> date:
    try:
        day = (instant + _offset(instant)).date()
    except OverflowError as error:
        raise Invalid("date is out of range", code="date_out_of_range") from error
    _in_range(day.year)
    return day


def civil_date(instant_text: str) -> str:
    """Return the civil date (日期) in Asia/Shanghai on which an instant falls."""
    return _civil_day(parse_instant(instant_text)).isoformat()


def civil_midnight(date_text: str) -> str:
    """Return the instant at which a civil date begins in Asia/Shanghai (当日零时)."""
    day = parse_date(date_text)
    begins_standard = datetime(day.year, day.month, day.day, tzinfo=UTC) - _STANDARD
    begins_summer = begins_standard - (_SUMMER - _STANDARD)
    return format_instant(begins_summer if _offset(begins_summer) == _SUMMER else begins_standard)


def require_not_later(on: str, today: str) -> None:
    """Raise Invalid `date_in_future` when a day on which something is said to have happened is yet to come."""
    if on > today:
        raise Invalid("the day lies in the future", code="date_in_future", today=today)


def require_past(at: str, now: str) -> None:
    """Raise Invalid `date_in_future` when an instant at which something is said to have happened is yet to come."""
    if at > now:
        raise Invalid("the instant lies in the future", code="date_in_future", now=now)


def add_days(date_text: str, days: int) -> str:
    """Return the date so many days later (earlier if negative)."""
    try:
        return _date_text(parse_date(date_text) + timedelta(days=days))
    except OverflowError as error:
        raise Invalid("date is out of range", code="date_out_of_range") from error


def is_weekend(date_text: str) -> bool:
    """Say whether a date is a Saturday or Sunday."""
    return parse_date(date_text).weekday() >= _SATURDAY


def after_weekend(date_text: str) -> str:
    """Return the Monday after a Saturday or Sunday; any other day itself."""
    return add_days(date_text, 7 - parse_date(date_text).weekday()) if is_weekend(date_text) else date_text


def add_years(date_text: str, years: int) -> str:
    """Return the anniversary so many years on; that of 29 February is 28 February in a common year.

    Always add to the first date, never to an anniversary: 29 February returns in the next leap year.
    """
    day = parse_date(date_text)
    _in_range(day.year + years)
    try:
        return _date_text(day.replace(year=day.year + years))
    except ValueError:  # 29 February into a common year
        return _date_text(day.replace(year=day.year + years, day=28))


def days_between(from_date: str, to_date: str) -> int:
    """Count the days from one civil date to another; negative if the second is earlier."""
    return (parse_date(to_date) - parse_date(from_date)).days


def elapsed_seconds(from_instant: str, to_instant: str) -> int:
    """Count the whole seconds from one instant to another, the fraction cut off, never rounded up (L5)."""
    elapsed = parse_instant(to_instant) - parse_instant(from_instant)
    return elapsed // timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """The civil days from `from_date` up to, not including, `to_date`; never empty.

    Insurance terms run from 00:00 to 24:00 (零时起至二十四时止), so the last day insured is the day before
    `to_date`. Raises Invalid `period_empty`, `date_malformed` or `date_out_of_range`.
    """

    from_date: str
    to_date: str

    def __post_init__(self) -> None:
        """Refuse what is not a period."""
        if parse_date(self.from_date) >= parse_date(self.to_date):
            raise Invalid(
                "a period ends after it begins", code="period_empty", begins=self.from_date, ends=self.to_date
            )

    @property
    def days(self) -> int:
        """The number of days in it."""
        return days_between(self.from_date, self.to_date)

    def contains(self, date_text: str) -> bool:
        """Say whether a civil date lies in it."""
        parse_date(date_text)
        return self.from_date <= date_text < self.to_date

    def covers(self, other: Period) -> bool:
        """Say whether every day of the other lies in it."""
        return self.from_date <= other.from_date and other.to_date <= self.to_date

    def overlaps(self, other: Period) -> bool:
        """Say whether they share a day; touching ends do not."""
        return self.from_date < other.to_date and other.from_date < self.to_date

    def overlap(self, other: Period) -> Period | None:
        """Return the days they share, if any."""
        if not self.overlaps(other):
            return None
        return Period(max(self.from_date, other.from_date), min(self.to_date, other.to_date))
