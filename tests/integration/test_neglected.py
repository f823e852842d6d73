"""The list of lifts of which maintenance is missing: it names those whose own timeline says so, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.ids import new_name
from application.reading import maintenance
from application.reading.asking import Asking
from application.work import Author
from domain.errors import Forbidden
from domain.lifts import Lift
from tests.property.test_maintenance import HISTORIES, play
from tests.support.kept import BEGUN, Kept, keeping
from tests.support.postgres import fresh_database
from tests.support.saving import SCRIPTED, TestLedger, ledger_in
from tests.support.seeding import seed
from tests.support.upkeeping import World, instant
from tests.support.visiting import (
    AREA,
    BY_MAINTAINER,
    BY_STRANGER,
    LIFT,
    MAINTAINER,
    OPERATOR,
    USE_UNIT,
    named,
    visited,
)

READER = Author(OPERATOR, "operator")
DAY = "2026-03-20"


@pytest.fixture
def kept(scripted_ledger: TestLedger) -> Iterator[Kept]:
    """A workshop whose events are stored."""
    with keeping(scripted_ledger) as opened:
        yield opened


def listed(kept: Kept, reader: Author = READER, **query: str) -> dict[str, list[str]]:
    """Give the codes by lift, page by page."""
    found: dict[str, list[str]] = {}
    cursor: dict[str, str] = {}
    while True:
        page: Any = maintenance.neglected(Asking(kept.reads, reader, {}, {**query, **cursor}))
        for each in page["lifts"]:
            assert each["lift"] not in found
            found[each["lift"]] = [finding["code"] for finding in each["missing"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


@settings(max_examples=4)
@given(steps=HISTORIES, hours=st.sampled_from([0, 20, 24 * 15]))
def test_the_list_is_what_the_timelines_say(postgres: str, steps: list[Sequence[Any]], hours: int) -> None:
    """Of random lives of two records, at every knowledge, at several instants."""
    world = World()
    for step in steps:
        play(world, step)
    with fresh_database(postgres) as url, ledger_in(url, SCRIPTED) as ledger, keeping(ledger, world.book) as kept:
        kept.book.now = instant(world.now)
        before = int(kept.keep()) - world.known
        for known in sorted({fact.position for fact in world.facts[2:]}):
            at = world.now - timedelta(hours=hours)
            query = {"known_at": str(before + known), "effective_at": instant(at)}
            uncared = {record: [code for code, *_ in found] for record, found in world.uncared(known, at).items()}
            found = {record: sorted(codes) for record, codes in listed(kept, READER, limit="1", **query).items()}
            assert found == {record: sorted(codes) for record, codes in uncared.items() if codes}


def another(kept: Kept, **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Register another lift beside the workshop's."""
    lift = new_name("lift")
    said = {"id": lift, "variety": "3110", "area": AREA, "status": "in_use", "identifiers": [], **changes}
    seed(kept.book, Lift, lift, OPERATOR, Lift.Registered, said, {"on": "2025-01-01"}, BEGUN)
    return lift


def engaged(kept: Kept, lift: str, from_date: str, to_date: str | None) -> None:
    """Put a lift in the stranger's care, as a contract that is told now, and that whoever answers for it confirms."""
    found = {"contract": "contract:a", "maintainer": BY_STRANGER.party, "from_date": from_date, "to_date": to_date}
    more: dict[str, Any] = {"ends_stated": [], "confirmed_from": from_date}
    seed(kept.book, Lift, lift, BY_STRANGER.party, Lift.MaintainerChanged, {}, {**found, **more}, kept.book.now)


def upkept(
    kept: Kept, on: str, author: Author = BY_MAINTAINER, came: str | None = None, **changes: Any  # noqa: ANN401 - as above
) -> dict[str, Any]:  # fmt: skip
    """Record a visit on its own day, or on another; give it."""
    said = visited(on, **changes)
    kept.book.now = max(kept.book.now, f"{came or on}T04:00:00.000000Z")
    kept.book.act(author, "visit.submit", said)
    return said


@pytest.mark.parametrize(
    "on, day, codes",
    [("2026-03-05", DAY, []), ("2026-03-04", DAY, ["visit_awaited_over_15_days"]), ("2026-03-02", "2026-03-17", [])],
)
def test_a_visit_of_fifteen_days_ago_is_soon_enough(kept: Kept, on: str, day: str, codes: list[str]) -> None:
    """One of sixteen is not (特种设备安全监察条例 31); days are civil days."""
    upkept(kept, on)
    kept.book.now = f"{day}T04:00:00.000000Z"
    kept.keep()
    assert listed(kept, effective_at=day) == ({LIFT: codes} if codes else {})


def test_what_is_no_visit_hides_nothing(kept: Kept) -> None:
    """Not ended, corrected, on demand, by a stranger, by whoever is engaged since, or told ahead."""
    names = (
        "open", "corrected", "on_demand", "strange", "engaged_since", "not_engaged", "ahead", "opened_ahead",
        "ended_ahead", "in_order",
    )  # fmt: skip
    of = {name: another(kept, maintainer=MAINTAINER) for name in names}
    for lift in of.values():
        upkept(kept, "2026-03-02", lift=lift)
    kept.book.now = "2026-03-06T04:00:00.000000Z"
    upkept(kept, "2026-03-19", came="2026-03-06", lift=of["ahead"])
    early, late = visited("2026-03-18", lift=of["opened_ahead"]), visited("2026-03-18", lift=of["ended_ahead"])
    kept.book.act(BY_MAINTAINER, "visit.open", early["opened"])
    kept.book.now = "2026-03-18T04:00:00.000000Z"
    kept.book.act(BY_MAINTAINER, "visit.open", visited("2026-03-18", lift=of["open"])["opened"])
    upkept(kept, "2026-03-18", BY_STRANGER, lift=of["open"])
    wrong = upkept(kept, "2026-03-18", lift=of["corrected"])
    place = {**named(wrong, why="mistaken"), "lift": of["corrected"]}
    right = visited("2026-03-03", lift=of["corrected"])
    kept.book.act(BY_MAINTAINER, "visit.correct", {"corrects": place, **right})
    upkept(kept, "2026-03-18", level="FM", lift=of["on_demand"])
    upkept(kept, "2026-03-18", BY_STRANGER, lift=of["strange"])
    upkept(kept, "2026-03-18", BY_STRANGER, lift=of["engaged_since"])
    upkept(kept, "2026-03-18", lift=of["in_order"])
    kept.book.act(BY_MAINTAINER, "visit.open", late["opened"])
    for said, ended_at in ((early, "2026-03-18T02:45:00.000000Z"), (late, "2026-03-19T02:45:00.000000Z")):
        end = {**named(said, finished_at=ended_at), "lift": said["opened"]["lift"]}
        kept.book.act(BY_MAINTAINER, "visit.finish", end)
    engaged(kept, of["engaged_since"], "2026-03-19", None)
    engaged(kept, of["not_engaged"], "2026-03-10", None)
    upkept(kept, "2026-03-18", BY_STRANGER, lift=of["not_engaged"])
    engaged(kept, of["not_engaged"], "2026-03-10", "2026-03-15")
    kept.book.now = f"{DAY}T04:00:00.000000Z"
    position = kept.keep()
    found = listed(kept, effective_at=DAY)
    assert found == {lift: ["visit_awaited_over_15_days"] for name, lift in of.items() if name != "in_order"}
    upkept(kept, "2026-03-20", lift=of["strange"], came="2026-03-21")
    kept.keep()
    assert of["strange"] not in listed(kept, effective_at="2026-03-21")
    assert of["strange"] in listed(kept, effective_at="2026-03-21", known_at=position)
    assert of["strange"] in listed(kept, effective_at="2026-03-20T01:00:00.000000Z"), "it had not begun"


def test_it_is_asked_by_place_and_by_who_is_to_see_to_it(kept: Kept) -> None:
    """A lift in another district, without a maintainer, and one out of use."""
    upkept(kept, "2026-03-02")
    elsewhere = another(kept, area="370202", estate="estate:0190163d-8694-739b-aea5-966c26f8ad90")
    another(kept, status="stopped")
    kept.book.now = f"{DAY}T04:00:00.000000Z"
    kept.keep()
    here = {LIFT: ["visit_awaited_over_15_days"]}
    assert listed(kept) == {**here, elsewhere: ["without_maintainer"]}
    assert listed(kept, area=AREA) == listed(kept, maintainer=MAINTAINER) == listed(kept, use_unit=USE_UNIT) == here
    assert listed(kept, area="370202") == listed(kept, estate="estate:0190163d-8694-739b-aea5-966c26f8ad90")
    assert listed(kept, maintainer=BY_STRANGER.party) == {}
    assert listed(kept, missing="visit") == here
    assert listed(kept, missing="maintainer") == {elsewhere: ["without_maintainer"]}


def test_a_lift_that_was_left_is_told_at_once(kept: Kept) -> None:
    """Who maintained it was there the day before his contract ended; since then nobody is to come."""
    left = another(kept)
    engaged(kept, left, "2026-03-05", "2026-03-19")
    upkept(kept, "2026-03-18", BY_STRANGER, lift=left)
    kept.book.now = f"{DAY}T04:00:00.000000Z"
    kept.keep()
    assert listed(kept, effective_at="2026-03-18") == {}
    assert listed(kept, effective_at="2026-03-19") == {left: ["without_maintainer"]}


def test_each_reads_of_the_lifts_that_are_his_now(kept: Kept) -> None:
    """A bureau of its areas, a maintainer of those he maintains; whose time is over is told of no successor's."""
    upkept(kept, "2026-03-02")
    engaged(kept, LIFT, "2026-02-01", "2026-03-03")
    elsewhere = another(kept, area="370202")
    kept.book.now = f"{DAY}T04:00:00.000000Z"
    kept.keep()
    bureau = Author(new_name("party"), "market_regulator", areas=(AREA,))
    mine = {LIFT: ["visit_awaited_over_15_days"]}
    assert listed(kept) == {**mine, elsewhere: ["without_maintainer"]}
    assert listed(kept, bureau) == listed(kept, BY_MAINTAINER) == mine
    assert listed(kept, Author(OPERATOR, "insurer")) == listed(kept), "who registered them reads them"
    assert listed(kept, BY_STRANGER) == listed(kept, BY_STRANGER, effective_at="2026-02-20") == {}
    with pytest.raises(Forbidden):
        listed(kept, Author(new_name("party"), "bank"))
