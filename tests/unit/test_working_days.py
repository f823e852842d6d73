"""Legal holidays and working days: as announced, and no further."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from domain.catalogue import LegalHoliday, legal_holidays
from domain.claim_checks import HOLIDAY_DAYS_MAX, check_clock, clock
from domain.packs import load_pack
from domain.time import add_days, is_weekend
from domain.working_days import first_working_day

FESTIVALS = ("元旦", "春节", "清明节", "劳动节", "端午节", "中秋节", "国庆节")


@pytest.mark.parametrize(
    "day, weekends, makeup_rest, wanted",
    [
        ("2026-03-13", True, False, "2026-03-13"),
        ("2026-03-14", True, False, "2026-03-16"),
        ("2026-03-14", False, False, "2026-03-14"),
        # Spring Festival of 2026, nine days; the Saturday before it was worked on, and that after the week too
        ("2026-02-14", True, False, "2026-02-14"),
        ("2026-02-14", True, True, "2026-02-24"),
        ("2026-02-15", True, False, "2026-02-24"),
        ("2026-02-16", False, False, "2026-02-24"),
        ("2026-02-28", True, False, "2026-02-28"),
        # a holiday that begins in the year before; the Saturday before the National Day's Sunday
        ("2023-12-30", True, False, None),
        ("2024-01-01", True, False, "2024-01-02"),
        ("2025-10-01", True, False, "2025-10-09"),
        ("2025-10-11", True, False, "2025-10-11"),
        ("2025-10-12", True, False, "2025-10-13"),
        # what the next notice may speak of is not known before it comes
        ("2025-12-31", True, False, "2025-12-31"),
        ("2026-12-23", True, False, "2026-12-23"),
        ("2026-12-24", True, False, None),
        ("2027-03-01", True, False, None),
    ],
)
def test_the_first_working_day(day: str, weekends: bool, makeup_rest: bool, wanted: str | None) -> None:
    """Weekends, holidays and swapped days by the notices that are known."""
    assert first_working_day(day, weekends=weekends, makeup_rest=makeup_rest) == wanted


def test_notices_are_sound() -> None:
    """Rows stand in order and apart; work was made up on weekends outside of any holiday.

    A notice gives each of the seven festivals; the longest holiday is not longer than what an unknown one may excuse.
    """
    rows = list(legal_holidays().values())
    off = [(row.from_date, row.to_date) for row in rows]
    assert all(start < end <= later for (start, end), (later, _) in pairwise(off))
    worked = [day for row in rows for day in row.makeup_workdays]
    assert all(is_weekend(day) and not any(start <= day < end for start, end in off) for day in worked)
    assert len(set(worked)) == len(worked)
    assert max(_days(row) for row in rows) == HOLIDAY_DAYS_MAX
    for year in {row.year for row in rows}:
        told = [row for row in rows if row.year == year]
        assert {len({row.basis for row in told}), sum(row.zh.count("节") + (row.zh == "元旦") for row in told)} == {
            1,
            7,
        }
        assert all(str(year) in row.code and row.to_date[:4] == str(year) for row in told)


def _days(row: LegalHoliday) -> int:
    return (date.fromisoformat(row.to_date) - date.fromisoformat(row.from_date)).days


@pytest.mark.parametrize(
    "days_late, verdict",
    [(-1, None), (0, None), (1, "manual_review"), (7, "manual_review"), (8, "violates")],
)
def test_what_is_not_announced_is_for_a_person(days_late: int, verdict: str | None) -> None:
    """Due on a Saturday of a year without a notice: Monday is in time, and for as long as a holiday nobody judges."""
    pack, due_on, monday = load_pack("shandong@1"), "2027-03-13", "2027-03-15"
    due = clock(pack, "K5", "2027-03-10", "2027-03-10")
    assert due[0]["due_on"] == due_on
    found = check_clock(due, add_days(monday, days_late), pack, "2027-03-10")
    assert [row["verdict"] for row in found] == ([] if verdict is None else [verdict])
