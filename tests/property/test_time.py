"""Laws of civil time."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.time import (
    Period,
    add_days,
    add_years,
    civil_date,
    civil_midnight,
    days_between,
    format_instant,
    parse_instant,
)

dates = st.dates(date(1990, 1, 1), date(2199, 12, 30)).map(date.isoformat)
instants = st.datetimes(datetime(1990, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001 - hypothesis asks for naive bounds
    format_instant
)


@given(dates)
def test_midnight_is_the_first_instant_of_its_date(day: str) -> None:
    """The midnight lies in its date, and a microsecond before it does not."""
    midnight = civil_midnight(day)
    assert civil_date(midnight) == day
    assert civil_midnight(add_days(day, 1)) > midnight


@given(instants)
def test_instants_survive_reading_and_writing(text: str) -> None:
    """Writing what was read gives the same bytes."""
    assert format_instant(parse_instant(text)) == text


@given(instants)
def test_civil_date_is_that_of_the_zone_tables(text: str) -> None:
    """The built-in offsets agree with the published zone data, summer time included."""
    zoneinfo = pytest.importorskip("zoneinfo")
    try:
        shanghai = zoneinfo.ZoneInfo("Asia/Shanghai")
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("no zone data on this machine")
    assert civil_date(text) == parse_instant(text).astimezone(shanghai).date().isoformat()


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)).map(date.isoformat), st.integers(1, 90))
def test_anniversaries_ascend(day: str, years: int) -> None:
    """Each anniversary is 365 or 366 days after the one before."""
    assert days_between(add_years(day, years - 1), add_years(day, years)) in {365, 366}


@given(dates, dates, dates, dates)
def test_overlap_is_what_both_contain(one: str, two: str, three: str, four: str) -> None:
    """Overlap is symmetric, and lies in both."""
    if one == two or three == four:
        return
    left, right = Period(min(one, two), max(one, two)), Period(min(three, four), max(three, four))
    shared = left.overlap(right)
    assert shared == right.overlap(left)
    assert (shared is not None) == left.overlaps(right)
    if shared is not None:
        assert left.covers(shared)
        assert right.covers(shared)
