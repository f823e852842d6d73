"""What time alone brings of visits: found in the timeline and in the replay once its time is over, never written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from api import replaying
from application.ids import new_name
from application.reading import lifts, subjects
from application.reading.asking import Asking
from application.replay import replay
from application.work import Author
from domain.lifts import Lift
from tests.support.kept import BEGUN, Kept, keeping
from tests.support.saving import TestLedger
from tests.support.seeding import seed
from tests.support.visiting import (
    AREA,
    BY_MAINTAINER,
    BY_SIGNER,
    BY_STRANGER,
    LIFT,
    MAINTAINER,
    OPERATOR,
    USE_UNIT,
    YEAR,
    body,
    named,
    signing,
    visited,
)

COMPANY = Author(USE_UNIT, "use_unit", key=BY_SIGNER.key)
IN_TIME, OVER = "2026-03-03T04:00:00.000000Z", "2026-03-03T04:00:01.000000Z"
"""A day after the visit's record came in, and a second more: the pack of the workshop gives 24 hours."""


@pytest.fixture
def kept(scripted_ledger: TestLedger) -> Iterator[Kept]:
    """A workshop whose events are stored."""
    with keeping(scripted_ledger) as opened:
        yield opened


def test_a_visit_that_nobody_signed_is_found_once_its_time_is_over(kept: Kept) -> None:
    """By the day asked for, by what was known then; signed late it was missing until then, and is not any more."""
    said = body()
    visit = said["opened"]["id"]
    kept.book.act(BY_MAINTAINER, "visit.submit", said)
    before = kept.keep()
    assert kept.codes(effective_at=IN_TIME) == {visit: []}
    assert kept.codes(effective_at=OVER) == {visit: ["uncountersigned"]}
    assert kept.codes(effective_at="2026-03-02") == {}
    kept.book.now = "2026-03-05T00:00:00.000000Z"
    kept.book.act(BY_SIGNER, "visit.countersign", signing(kept.book, said, signed_at="2026-03-04T00:00:00.000000Z"))
    kept.keep()
    assert kept.codes(effective_at="2026-04-01") == {visit: []}
    assert kept.codes(effective_at="2026-03-03T12:00:00.000000Z") == {visit: ["uncountersigned"]}
    assert kept.codes(effective_at="2026-03-04T00:00:00.000000Z") == {visit: []}
    assert kept.codes(effective_at="2026-04-01", known_at=before) == {visit: ["uncountersigned"]}


def test_now_is_when_nothing_else_is_asked_for(kept: Kept) -> None:
    """A visit of long ago that nobody signed is found missing as of the ledger's now."""
    said = body(opened_at="2025-02-03T02:00:00.000000Z")
    said["finished"]["finished_at"] = "2025-02-03T02:45:00.000000Z"
    kept.book.act(BY_MAINTAINER, "visit.submit", said)
    kept.book.now = "2026-03-03T05:00:00.000000Z"
    kept.keep()
    assert kept.codes(f"{LIFT}/maintenance:2025") == {said["opened"]["id"]: ["uncountersigned"]}


def test_a_companys_key_alone_is_not_enough(kept: Kept) -> None:
    """On behalf is said so, and a corrected record misses nothing: the new one does."""
    signed, corrected = body(), body()
    for said in (signed, corrected):
        kept.book.act(BY_MAINTAINER, "visit.submit", said)
    kept.book.act(COMPANY, "visit.countersign", signing(kept.book, signed, signed_at=kept.book.now))
    new = body(opened_at="2026-03-02T02:01:00.000000Z")
    named = {"lift": LIFT, "year": 2026, "visit": corrected["opened"]["id"], "why": "mistaken"}
    kept.book.act(BY_MAINTAINER, "visit.correct", {"corrects": named, **new})
    kept.keep()
    assert kept.codes(effective_at="2026-04-01") == {
        signed["opened"]["id"]: ["signed_on_behalf_only"], corrected["opened"]["id"]: [],
        new["opened"]["id"]: ["uncountersigned"],
    }  # fmt: skip


def test_an_earlier_knowledge_is_judged_at_its_own_end(kept: Kept) -> None:
    """Whoever asks what was known at a position is not told what went missing after it, whenever he asks."""
    said = body()
    kept.book.act(BY_MAINTAINER, "visit.submit", said)
    known = kept.keep()
    asking = Asking(kept.reads, Author(OPERATOR, "operator"), {"lift": LIFT}, {"known_at": known})
    assert lifts.timeline(asking)["judged_at"] == asking.known.instant
    found = replay(kept.reads, YEAR, asking.known_log, judged_at=IN_TIME)
    assert found.missing == ()


def test_a_lift_that_moved_takes_no_duty_with_it(kept: Kept) -> None:
    """A visit is held to the time for signing of the district where the lift stood on its day, not where it is now."""
    said = body()
    kept.book.act(BY_MAINTAINER, "visit.submit", said)
    move = {"area": "370283", "effective_on": "2026-03-03"}
    seed(kept.book, Lift, LIFT, OPERATOR, Lift.Moved, move, {"on": "2026-03-03"}, "2026-03-02T16:00:00.000000Z")
    kept.keep()
    assert kept.codes(effective_at=OVER) == {said["opened"]["id"]: ["uncountersigned"]}


def test_without_a_pack_nothing_is_missing(kept: Kept) -> None:
    """Where no pack is in force that sets a time, there is no duty to have missed."""
    said = body(opened_at="2024-12-30T02:00:00.000000Z")
    said["finished"]["finished_at"] = "2024-12-30T03:00:00.000000Z"
    said["record"]["nodes"][0]["device_time"] = "2024-12-30T02:00:00.000000Z"
    kept.book.act(BY_MAINTAINER, "visit.submit", said)
    kept.keep()
    line: Any = lifts.timeline(Asking(kept.reads, Author(OPERATOR, "operator"), {"lift": LIFT}, {}))
    (ended,) = [entry for entry in line["entries"] if entry["type"] == "visit.Finished"]
    assert "uncountersigned" not in ended["findings"]


def test_the_command_prints_what_is_missing(kept: Kept) -> None:
    """The replay on the terminal names the visit and the rule."""
    said = body()
    kept.book.act(BY_MAINTAINER, "visit.submit", said)
    kept.keep()
    asking = Asking(kept.reads, Author(OPERATOR, "operator"), {}, {"effective_at": OVER})
    found = replay(kept.reads, YEAR, asking.known_log, asking.effective_given, asking.judged_at)
    out = StringIO()
    replaying.print_replay(found, Console(file=out, width=200))
    assert f"uncountersigned {said['opened']['id']} by {OVER} (maintenance.countersign_hours_max)" in out.getvalue()
    assert json.dumps(found.as_json())


def test_a_second_who_signed_in_is_believed_when_his_phone_says_so(kept: Kept) -> None:
    """Until his node comes in he is missing, and by what was known then he stays so; a stranger's node is nobody's."""
    said = body()
    first, second = said["record"]["nodes"]
    said["record"]["nodes"] = [first]
    kept.book.act(BY_STRANGER, "visit.nodes", named(said, nodes=[second]))
    kept.book.act(BY_MAINTAINER, "visit.submit", said)
    before = kept.keep()
    assert gaps(kept, said["opened"]["id"]) == ["second_check_in_missing"]
    for again in ({**first, "kind": "second_check_in"}, second):
        assert gaps(kept, said["opened"]["id"]) == ["second_check_in_missing"], "the first node of an id stands"
        kept.book.act(BY_MAINTAINER, "visit.nodes", named(said, nodes=[again]))
        kept.keep()
    assert gaps(kept, said["opened"]["id"]) == []
    assert gaps(kept, said["opened"]["id"], known_at=before) == ["second_check_in_missing"]


def test_a_visit_that_never_ended_is_told_where_it_began(kept: Kept) -> None:
    """After three days, until it ends or another record stands in its place."""
    old, new = visited("2026-03-02"), visited("2026-03-02")
    visit, late = old["opened"]["id"], {"effective_at": "2026-03-05T04:00:01.000000Z"}
    kept.book.act(BY_MAINTAINER, "visit.open", old["opened"])
    kept.keep()
    assert begun(kept, visit, effective_at="2026-03-05T04:00:00.000000Z") == []
    assert begun(kept, visit, **late) == ["end_missing"]
    kept.book.act(BY_MAINTAINER, "visit.correct", {"corrects": named(old, why="wrong_time"), **new})
    kept.keep()
    assert begun(kept, visit, **late) == begun(kept, new["opened"]["id"], **late) == []


def begun(kept: Kept, visit: str, **query: str) -> list[str]:
    """Give the findings at a visit's beginning, and check that the replay says what is missing of it."""
    operator = Author(OPERATOR, "operator")
    line = lifts.timeline(Asking(kept.reads, operator, {"lift": LIFT}, query))
    (found,) = (e["findings"] for e in line["entries"] if e["type"] == "visit.Opened" and e["facts"]["id"] == visit)
    told = subjects.replayed(Asking(kept.reads, operator, {"subject": LIFT}, {**query, "stream": YEAR}))
    assert [m["code"] for m in told["missing"] if (m["visit"], m["code"]) == (visit, "end_missing")] == found
    return list(found)


def test_a_clock_that_is_fast_voids_no_visit(kept: Kept) -> None:
    """A visit that is stored minutes before it ends, by the phone's clock, is found so, and counts on its day."""
    upkept(kept, "2026-03-02")
    fast = visited("2026-03-16")
    kept.book.now = "2026-03-16T02:00:10.000000Z"
    assert max(fast["opened"]["opened_at"], fast["finished"]["finished_at"]) > kept.book.now
    kept.book.act(BY_MAINTAINER, "visit.submit", fast)
    third = upkept(kept, "2026-03-30")
    kept.keep()
    assert "in_future" in lifts_of(kept, fast["opened"]["id"])
    assert lifts_of(kept, third) == []


def test_a_visit_told_before_its_day_closes_no_gap(kept: Kept) -> None:
    """Nor is it late itself; its correction counts."""
    upkept(kept, "2026-03-02")
    ahead = visited("2026-03-18")
    kept.book.act(BY_MAINTAINER, "visit.submit", ahead)
    third = upkept(kept, "2026-03-30")
    kept.keep()
    assert lifts_of(kept, ahead["opened"]["id"]) == ["in_future", "uncountersigned"]
    assert lifts_of(kept, third) == ["interval_over_15_days"]
    kept.book.act(BY_MAINTAINER, "visit.correct", {"corrects": named(ahead, why="told_ahead"), **visited("2026-03-16")})
    kept.keep()
    assert lifts_of(kept, third) == []


def test_what_is_missing_of_a_lift_is_told_with_its_timeline(kept: Kept) -> None:
    """To whoever sees all of its time; who maintained it before sees his own time alone."""
    upkept(kept, "2026-03-02")
    engaged(kept, BY_STRANGER.party, "2026-03-02", "2026-03-04")
    kept.book.now = "2026-03-20T04:00:00.000000Z"
    kept.keep()
    for reader, told in ((Author(OPERATOR, "operator"), ["visit_awaited_over_15_days"]), (BY_STRANGER, [])):
        line = lifts.timeline(Asking(kept.reads, reader, {"lift": LIFT}, {"effective_at": "2026-03-20"}))
        assert [each["code"] for each in line["missing"]] == told


# ---------------------------------------------------------------------------------------------------- days without one


def upkept(kept: Kept, on: str, author: Author = BY_MAINTAINER, **changes: Any) -> str:  # noqa: ANN401 - as above
    """Record a visit on its own day; give its name."""
    kept.book.now = max(kept.book.now, f"{on}T04:00:00.000000Z")
    said = visited(on, **changes)
    kept.book.act(author, "visit.submit", said)
    return str(said["opened"]["id"])


def gaps(kept: Kept, visit: str, **query: str) -> list[str]:
    """Give what the timeline says of a visit beside its signature."""
    return [code for code in kept.codes(**query)[visit] if code != "uncountersigned"]


def test_a_gap_that_an_offline_record_closes_was_known_until_then(kept: Kept) -> None:
    """The visit between comes in after the one that seemed too late: known before, and known no longer."""
    upkept(kept, "2026-03-02")
    third = upkept(kept, "2026-03-30")
    before = kept.keep()
    assert gaps(kept, third) == ["interval_over_15_days"]
    upkept(kept, "2026-03-16", offline=True)
    kept.keep()
    assert gaps(kept, third) == []
    assert gaps(kept, third, known_at=before) == ["interval_over_15_days"]


def test_a_strangers_visit_hides_no_gap(kept: Kept) -> None:
    """Nor is anything said of his own but that he was not engaged."""
    upkept(kept, "2026-03-02")
    strange = upkept(kept, "2026-03-16", BY_STRANGER)
    third = upkept(kept, "2026-03-30")
    kept.keep()
    assert (gaps(kept, strange), gaps(kept, third)) == ([], ["interval_over_15_days"])


def test_visits_under_another_record_of_the_lift_count(kept: Kept) -> None:
    """Two records of one lift are one lift, whenever that was found."""
    other = new_name("lift")
    row = {"id": other, "variety": "3110", "area": "370100", "status": "in_use", "maintainer": MAINTAINER}
    seed(kept.book, Lift, other, OPERATOR, Lift.Registered, {**row, "identifiers": []}, {"on": "2025-01-01"}, BEGUN)
    upkept(kept, "2026-03-02")
    upkept(kept, "2026-03-16", lift=other)
    third = upkept(kept, "2026-03-30")
    kept.keep()
    assert gaps(kept, third) == ["interval_over_15_days"]
    seed(kept.book, Lift, other, OPERATOR, Lift.MergedInto, {"into": LIFT}, {}, kept.book.now)
    seed(kept.book, Lift, LIFT, OPERATOR, Lift.Absorbed, {}, {"lift": other, "identifiers": []}, kept.book.now)
    kept.keep()
    assert "interval_over_15_days" not in lifts_of(kept, third)


def engaged(kept: Kept, party: str, from_date: str, to_date: str | None) -> None:
    """Put the lift in somebody's care, as a contract that is told now, and that whoever answers for it confirms."""
    found = {"contract": "contract:a", "maintainer": party, "from_date": from_date, "to_date": to_date}
    more: dict[str, Any] = {"ends_stated": [], "confirmed_from": from_date}
    seed(kept.book, Lift, LIFT, party, Lift.MaintainerChanged, {}, {**found, **more}, kept.book.now)


def test_a_contract_that_is_told_afterwards_explains_a_visit(kept: Kept) -> None:
    """It was not known when the visit came in; what was found then stands, and that it is explained is told beside."""
    first = upkept(kept, "2026-03-02")
    strange, third = upkept(kept, "2026-03-16", BY_STRANGER), upkept(kept, "2026-03-30")
    before = kept.keep()
    engaged(kept, BY_STRANGER.party, "2026-03-10", "2026-03-20")
    kept.keep()
    assert [gaps(kept, visit) for visit in (first, strange, third)] == [[], ["explained_since"], []]
    assert gaps(kept, strange, known_at=before) == []
    engaged(kept, BY_STRANGER.party, "2026-03-10", "2026-03-15")
    kept.keep()
    assert [gaps(kept, visit) for visit in (strange, third)] == [[], ["interval_over_15_days"]]


def test_a_contract_that_is_told_to_have_ended_leaves_a_visit_without_its_ground(kept: Kept) -> None:
    """The visit was in order by what was known; now its author was not who maintained the lift that day."""
    engaged(kept, BY_STRANGER.party, "2026-03-01", None)
    visit = upkept(kept, "2026-03-16", BY_STRANGER)
    kept.keep()
    assert gaps(kept, visit) == []
    engaged(kept, BY_STRANGER.party, "2026-03-01", "2026-03-16")
    kept.keep()
    assert gaps(kept, visit) == ["not_the_maintainer"]
    assert gaps(kept, visit, effective_at="2026-03-16T03:00:00.000000Z") == ["not_the_maintainer"]


def test_a_record_that_was_corrected_closes_no_gap_of_before(kept: Kept) -> None:
    """That it was of another day was so all along: known now, also of the time before the correction came in."""
    upkept(kept, "2026-02-02")
    wrong = upkept(kept, "2026-02-16")
    third = upkept(kept, "2026-03-02")
    before = kept.keep()
    kept.book.now = "2026-03-10T04:00:00.000000Z"
    named = {"lift": LIFT, "year": 2026, "visit": wrong, "why": "mistaken"}
    kept.book.act(BY_MAINTAINER, "visit.correct", {"corrects": named, **visited("2026-01-16")})
    kept.keep()
    at = "2026-03-05"
    assert gaps(kept, third, effective_at=at) == ["interval_over_15_days"]
    assert gaps(kept, third, effective_at=at, known_at=before) == []


def lifts_of(kept: Kept, visit: str) -> list[str]:
    """Give a visit's findings in the timeline of a lift that has several records."""
    line: Any = lifts.timeline(Asking(kept.reads, Author(OPERATOR, "operator"), {"lift": LIFT}, {}))
    return [
        code
        for entry in line["entries"]
        if entry["type"] == "visit.Finished" and entry["facts"]["visit"] == visit
        for code in entry["findings"]
    ]


@pytest.mark.parametrize(
    "first, then, found",
    [
        ("2025-12-31", "2026-01-15", []), ("2025-12-30", "2026-01-15", ["interval_over_15_days"]),
        ("2025-12-01", "2027-01-20", [
            "interval_over_15_days", "quarterly_visit_overdue", "half_yearly_visit_overdue", "yearly_visit_overdue",
        ]),
        ("2025-12-31", "2030-01-01", []),
    ],
)  # fmt: skip
def test_earlier_years_are_looked_through(kept: Kept, first: str, then: str, found: list[str]) -> None:
    """As far back as records must be kept, four years (T5002 5(6)); what is older is not asked for."""
    kept.book.now = f"{first}T04:00:00.000000Z"
    upkept(kept, first)
    last = upkept(kept, then)
    kept.keep()
    year = f"{LIFT}/maintenance:{then[:4]}"
    told = subjects.replayed(Asking(kept.reads, Author(OPERATOR, "operator"), {"subject": LIFT}, {"stream": year}))
    missing = [each["code"] for each in told["missing"] if each["visit"] == last]
    assert [code for code in missing if code != "uncountersigned"] == found
    assert {each["verdict"] for each in told["missing"]} <= {"information", "manual_review"}


def test_where_no_time_to_countersign_is_fixed_the_timeline_is_read(kept: Kept) -> None:
    """A limit left open binds nobody, and hides nothing."""
    operator, pack = Author(OPERATOR, "operator", key=new_name("key")), new_name("pack")
    head = 'id="own"\nversion=1\ntitle="x"\narea="370100"\ndemonstration=false\nbased_on="shandong@1"\n'
    rule = 'id="maintenance.countersign_hours_max"\ntitle="t"\nvalue="not_fixed"\nunit="hours"\nbasis="b"\n'
    rest = 'grade="government"\nbreach="information"\nfrom="2017-08-01"\n'
    kept.book.act(operator, "pack.publish", {"id": pack, "toml": f"[pack]\n{head}[[rule]]\n{rule}{rest}"})
    adoption = {"area": AREA, "pack": pack, "version": 1, "from_date": "2026-01-01", "document": "a" * 64}
    kept.book.act(operator, "scheme.adopt", adoption)
    visit = upkept(kept, "2026-03-02")
    kept.book.now = "2026-03-20T04:00:00.000000Z"
    kept.keep()
    assert kept.codes() == {visit: []}
