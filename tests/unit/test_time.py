"""Time: civil dates, instants and periods."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.errors import Invalid
from domain.time import (
    Period,
    add_days,
    add_years,
    after_weekend,
    civil_date,
    civil_midnight,
    days_between,
    elapsed_seconds,
    format_instant,
    parse_date,
    parse_instant,
)


def test_civil_date_turns_at_sixteen_utc() -> None:
    """A day begins in Shanghai at 16:00 UTC of the day before."""
    assert civil_date("2026-03-01T15:59:59.999999Z") == "2026-03-01"
    assert civil_date("2026-03-01T16:00:00.000000Z") == "2026-03-02"
    assert civil_midnight("2026-03-02") == "2026-03-01T16:00:00.000000Z"


def test_summer_time_of_the_last_years_is_kept() -> None:
    """In the summers of 1990 and 1991 a day began an hour earlier."""
    assert civil_midnight("1990-04-15") == "1990-04-14T16:00:00.000000Z"
    assert civil_midnight("1990-04-16") == "1990-04-15T15:00:00.000000Z"
    assert civil_midnight("1990-09-16") == "1990-09-15T15:00:00.000000Z"
    assert civil_midnight("1991-09-16") == "1991-09-15T16:00:00.000000Z"


@pytest.mark.parametrize(
    "text",
    ["2026-3-01", "20260301", "2026-02-30", "2026-W01-1", "2026-03-01\n", "٢٠٢٦-٠٣-٠١", "2026-03-01T00:00:00Z", ""],
)
def test_malformed_dates_are_refused(text: str) -> None:
    """Only real days written YYYY-MM-DD in ASCII digits are dates."""
    with pytest.raises(Invalid) as refusal:
        parse_date(text)
    assert refusal.value.code == "date_malformed"


@pytest.mark.parametrize("text", ["1989-12-31", "2200-01-01", "0001-01-01"])
def test_dates_out_of_range_are_refused(text: str) -> None:
    """Years before 1990 and after 2199 are slips."""
    with pytest.raises(Invalid) as refusal:
        parse_date(text)
    assert refusal.value.code == "date_out_of_range"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T00:00:00Z",
        "2026-03-01T00:00:00.000Z",
        "2026-03-01T00:00:00.000000+00:00",
        "2026-03-01T24:00:00.000000Z",
        "2026-03-01T23:59:60.000000Z",
        "2026-03-01 00:00:00.000000Z",
        "2026-03-01T00:00:00.000000Z\n",
    ],
)
def test_malformed_instants_are_refused(text: str) -> None:
    """There is one way to write an instant."""
    with pytest.raises(Invalid) as refusal:
        parse_instant(text)
    assert refusal.value.code == "instant_malformed"


def test_instants_are_bounded_by_their_civil_date() -> None:
    """The first instant is the midnight that began 1990 in Shanghai, the last is before 2200 there."""
    assert civil_date(civil_midnight("1990-01-01")) == "1990-01-01"
    assert civil_date("2199-12-31T15:59:59.999999Z") == "2199-12-31"
    for text in ("1989-12-31T15:59:59.999999Z", "2199-12-31T16:00:00.000000Z", "9999-12-31T23:00:00.000000Z"):
        with pytest.raises(Invalid) as refusal:
            parse_instant(text)
        assert refusal.value.code == "date_out_of_range"


def test_instants_need_a_zone_and_keep_six_digits() -> None:
    """A naive datetime is refused; an aware one is written in UTC with microseconds."""
    assert format_instant(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01T00:00:00.000000Z"
    with pytest.raises(Invalid):
        format_instant(datetime(2026, 3, 1))  # noqa: DTZ001 - the naive one is the point


def test_anniversary_of_the_leap_day() -> None:
    """29 February has its anniversary on 28 February, and again on the 29th in a leap year."""
    assert add_years("2028-02-29", 1) == "2029-02-28"
    assert add_years("2028-02-29", 4) == "2032-02-29"
    assert add_years("2026-11-30", 1) == "2027-11-30"


def test_a_day_of_the_weekend_moves_to_monday() -> None:
    """Saturday and Sunday move, Friday and Monday stay."""
    days = ("2026-03-13", "2026-03-14", "2026-03-15", "2026-03-16")
    assert [after_weekend(day) for day in days] == ["2026-03-13", "2026-03-16", "2026-03-16", "2026-03-16"]


def test_steps_out_of_range_are_refused() -> None:
    """Arithmetic does not leave the range either."""
    for step, day, by in ((add_years, "2199-01-01", 1), (add_days, "2199-12-31", 1), (add_days, "2026-01-01", 10**9)):
        with pytest.raises(Invalid) as refusal:
            step(day, by)
        assert refusal.value.code == "date_out_of_range"


def test_elapsed_seconds_are_never_rounded_up() -> None:
    """59:59.999999 of an hour is still 3,599 whole seconds."""
    assert elapsed_seconds("2026-03-01T00:00:00.000000Z", "2026-03-01T00:59:59.999999Z") == 3_599
    assert elapsed_seconds("2026-03-01T00:00:00.000000Z", "2026-03-01T01:00:00.000000Z") == 3_600


def test_periods_are_half_open() -> None:
    """The last day is not in the period, and periods that touch do not overlap."""
    year = Period("2026-01-01", "2027-01-01")
    assert year.days == days_between("2026-01-01", "2027-01-01") == 365
    assert year.contains("2026-12-31")
    assert not year.contains("2027-01-01")
    assert not year.overlaps(Period("2027-01-01", "2027-02-01"))
    assert year.overlap(Period("2026-12-01", "2027-02-01")) == Period("2026-12-01", "2027-01-01")
    assert year.overlap(Period("2027-01-01", "2027-02-01")) is None
    assert year.covers(Period("2026-05-01", "2027-01-01"))
    assert not year.covers(Period("2026-05-01", "2027-01-02"))


def test_empty_periods_are_refused() -> None:
    """A period has at least one day."""
    with pytest.raises(Invalid) as refusal:
        Period("2026-01-01", "2026-01-01")
    assert refusal.value.code == "period_empty"
