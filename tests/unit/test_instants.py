"""Instants and civil dates: one spelling, and the hour at which a day begins in China."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from audit.errors import InstantInvalid
from audit.instants import check_date, check_instant, civil_midnight, format_instant, parse_instant
from domain import time as domain_time

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "text,instant",
    [
        ("2025-11-01T00:00:02.000000Z", datetime(2025, 11, 1, 0, 0, 2, tzinfo=UTC)),
        ("2024-02-29T23:59:59.999999Z", datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)),
        ("0001-01-01T00:00:00.000000Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_an_instant_reads_and_writes_back(text: str, instant: datetime) -> None:
    """Text and time are the same thing twice."""
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC
    assert format_instant(instant) == check_instant(text) == text


@pytest.mark.parametrize(
    "text",
    [
        None,
        20251101,
        "",
        "2025-11-01",
        "2025-11-01T00:00:02Z",
        "2025-11-01T00:00:02.000Z",
        "2025-11-01T00:00:02.0000000Z",
        "2025-11-01T00:00:02.000000",
        "2025-11-01T00:00:02.000000z",
        "2025-11-01 00:00:02.000000Z",
        "2025-11-01T00:00:02,000000Z",
        "2025-11-01T00:00:02.000000+00:00",
        "2025-11-01T00:00:02.000000Z\n",
        " 2025-11-01T00:00:02.000000Z",
        "2025-11-01T24:00:00.000000Z",
        "2016-12-31T23:59:60.000000Z",
        "2025-02-29T00:00:00.000000Z",
        "2025-13-01T00:00:00.000000Z",
        "0000-01-01T00:00:00.000000Z",
        "٢٠٢٥-11-01T00:00:02.000000Z",
    ],
)
def test_any_other_spelling_of_an_instant_is_refused(text: object) -> None:
    """Six digits of a second, a capital Z, and a moment that exists."""
    with pytest.raises(InstantInvalid) as caught:
        parse_instant(text)
    assert caught.value.code == "instant_invalid"


def test_any_zone_is_written_in_utc() -> None:
    """An aware time of another zone is converted; a naive one is refused."""
    here = datetime(2025, 11, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    assert format_instant(here) == "2025-11-01T00:00:00.000000Z"
    with pytest.raises(InstantInvalid) as caught:
        format_instant(here.replace(tzinfo=None))
    assert caught.value.code == "instant_invalid"


def test_an_instant_outside_the_calendar_is_refused() -> None:
    """No OverflowError at the ends of time."""
    with pytest.raises(InstantInvalid) as caught:
        format_instant(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=8))))
    assert caught.value.code == "instant_range"


def test_every_day_begins_when_the_zone_database_says() -> None:
    """From 1950 to 2199, summers included, the kept offsets equal those of the tz database."""
    for ordinal in range(date(1950, 1, 1).toordinal(), date(2199, 12, 31).toordinal() + 1):
        day = date.fromordinal(ordinal)
        begins = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
        assert civil_midnight(day.isoformat()) == format_instant(begins)


@pytest.mark.parametrize("day", ["1990-04-15", "1990-04-16", "1991-09-15", "1991-09-16", "2025-11-01"])
def test_the_domain_counts_the_same_midnights(day: str) -> None:
    """The two rooms that do not know each other agree on when a day begins."""
    assert civil_midnight(day) == domain_time.civil_midnight(day)


@pytest.mark.parametrize(
    "text,code",
    [
        (None, "date_invalid"),
        ("", "date_invalid"),
        ("20251101", "date_invalid"),
        ("2025-W44-6", "date_invalid"),
        ("2025-11-1", "date_invalid"),
        ("2025-11-01\n", "date_invalid"),
        ("2025-02-29", "date_invalid"),
        ("2025-00-01", "date_invalid"),
        ("1949-12-31", "date_range"),
    ],
)
def test_what_is_no_civil_date_is_refused(text: object, code: str) -> None:
    """A day is written one way, exists, and is not before the stated range."""
    for read in (check_date, civil_midnight):
        with pytest.raises(InstantInvalid) as caught:
            read(text)
        assert caught.value.code == code


def test_a_civil_date_passes() -> None:
    """The text comes back as it was."""
    assert check_date("1950-01-01") == "1950-01-01"
    assert civil_midnight("1950-01-01") == "1949-12-31T16:00:00.000000Z"
