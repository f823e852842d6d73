"""The demonstration's maintenance: visits as the regulation orders them, faulty only where they are meant to be."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.demo import upkeep
from api.demo.district import LiftPlan, sites
from api.demo.stage import BEGIN, END, HOUR, LiftNote, Stage, instant
from domain.packs import load_pack
from domain.time import elapsed_seconds
from domain.visit_checks import check_items

STEPS = range((END - BEGIN).days // upkeep.STEP_DAYS + 1)
A_CYCLE = upkeep.CYCLE_DAYS // upkeep.STEP_DAYS
VARIETIES = sorted({lift.variety for site in sites() for lift in site.lifts} | {"3430"})
LIFT = next(lift for site in sites() for lift in site.lifts)


def visit_at(step: int, number: int, plan: LiftPlan = LIFT, day: date = BEGIN) -> dict[str, Any]:
    """Give the record that a maintainer would upload."""
    workers = [SimpleNamespace(credentials=SimpleNamespace(agent=f"agent:{n}")) for n in range(6)]
    cast_ = SimpleNamespace(parties={"m": SimpleNamespace(agents={"worker": workers})})
    stage = cast("Stage", SimpleNamespace(clock=SimpleNamespace(today=day), cast=cast_))
    return upkeep.visit_of(stage, "m", LiftNote(plan, "lift:1", None, None), step, number)


@pytest.mark.parametrize("cohort", range(A_CYCLE))
def test_every_level_comes_in_its_turn(cohort: int) -> None:
    """Each twelve weeks a quarterly visit of a lift, in its place the half-yearly, and once the yearly."""
    levels = [upkeep.level_of(step) for step in STEPS[cohort::A_CYCLE]]
    deeper = {number: level for number, level in enumerate(levels) if level != "HM"}
    assert deeper == {6: "TM", 12: "SM", 18: "TM", 24: "OY"}
    assert len(levels) in {26, 27}


@pytest.mark.parametrize("variety", VARIETIES)
def test_no_visit_lacks_what_it_must_look_at(variety: str) -> None:
    """Whatever lift and level: the items given are those of the catalogue, and nothing is found of them."""
    plan = LiftPlan(**{**{name: getattr(LIFT, name) for name in LiftPlan.__slots__}, "variety": variety})
    pack = load_pack("shandong@1")
    seen = Counter[str]()
    for step in STEPS:
        visit = visit_at(step, 3, plan)
        level = visit["opened"]["level"]
        assert check_items(variety, level, visit["items"]["results"], pack, "2026-03-01") == []
        seen[level] += 1
    assert seen.keys() == {"HM", "TM", "SM", "OY"}


@pytest.mark.parametrize("number", range(60))
def test_no_visit_is_too_short_or_signed_before_its_end(number: int) -> None:
    """Each level takes the time that the rules want of it, and all have ended when the use units sign."""
    least = load_pack("shandong@1").rule("maintenance.visit_minutes_min", "2026-03-01").table()
    signed = instant(BEGIN, *upkeep.SIGNED_AT)
    for step in STEPS:
        visit = visit_at(step, number)
        opened, finished = visit["opened"]["opened_at"], visit["finished"]["finished_at"]
        minutes = least[visit["opened"]["level"]]
        assert isinstance(minutes, int)
        assert elapsed_seconds(opened, finished) >= minutes * 60
        assert finished <= signed


@pytest.mark.parametrize("step", [0, 24, (upkeep.SIGNED_NEXT_MORNING[0] - BEGIN).days // upkeep.STEP_DAYS])
def test_nobody_works_at_two_lifts_at_once(step: int) -> None:
    """Of as many visits as a maintainer makes on a day."""
    day = BEGIN + timedelta(days=step * upkeep.STEP_DAYS)
    visits = [visit_at(step, number, day=day) for number in range(12)]
    spans = {
        (worker, visit["opened"]["opened_at"], visit["finished"]["finished_at"])
        for visit in visits
        for worker in visit["opened"]["workers"]
    }
    for worker, begun, ended in spans:
        assert {(who, b, e) for who, b, e in spans if who == worker and b < ended and begun < e} == {
            (worker, begun, ended)
        }


def test_records_are_signed_when_they_have_come_in() -> None:
    """Not before: else every visit of the year would be told as signed before its record."""
    assert instant(BEGIN, *upkeep.SIGNED_AT) == f"{BEGIN}T{HOUR:02}:00:00.000000Z"


def test_few_visits_are_made_by_one_worker() -> None:
    """One in so many is meant to be found."""
    alone = [len(visit_at(step, number)["opened"]["workers"]) == 1 for step in STEPS for number in range(12)]
    assert 0 < sum(alone) < len(alone) // 50
