"""Laws of the premium's ceiling."""

from __future__ import annotations

from datetime import date

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.premium import ceiling_fen, policy_years
from domain.time import Period, add_days, add_years

dates = st.dates(date(2019, 8, 1), date(2060, 1, 1)).map(date.isoformat)
caps = st.integers(0, 10**6)


@given(caps, dates, st.integers(1, 20))
def test_whole_years_cost_whole_caps(cap: int, begins: str, years: int) -> None:
    """So many years from any day, leap days included, cost so many caps."""
    assert ceiling_fen(cap, Period(begins, add_years(begins, years))) == cap * years


@given(caps, dates, st.integers(1, 3_000), st.integers(1, 400))
def test_a_longer_period_never_has_a_lower_ceiling(cap: int, begins: str, days: int, more: int) -> None:
    """The ceiling rises with the days."""
    shorter = Period(begins, add_days(begins, days))
    longer = Period(begins, add_days(begins, days + more))
    assert ceiling_fen(cap, shorter) <= ceiling_fen(cap, longer)


@given(caps, dates, st.integers(0, 1_000), st.integers(1, 1_000))
def test_certificates_never_exceed_their_policy(cap: int, begins: str, wait: int, days: int) -> None:
    """A lift added later has a lower ceiling than one insured throughout, and its days are all counted."""
    policy = Period(begins, add_days(begins, wait + days))
    certificate = Period(add_days(begins, wait), policy.to_date)
    assume(wait)
    assert ceiling_fen(cap, certificate, begins) <= ceiling_fen(cap, policy)
    assert sum(found for _, found in policy_years(certificate, begins)) == certificate.days


@given(caps, dates, st.integers(1, 1_000), st.integers(1, 1_000))
def test_cutting_a_period_in_two_loses_at_most_a_fen(cap: int, begins: str, first: int, second: int) -> None:
    """Two certificates that follow each other cost together what one would, but for a fen cut off."""
    middle, ends = add_days(begins, first), add_days(begins, first + second)
    parts = ceiling_fen(cap, Period(begins, middle), begins) + ceiling_fen(cap, Period(middle, ends), begins)
    assert 0 <= ceiling_fen(cap, Period(begins, ends), begins) - parts <= 1
