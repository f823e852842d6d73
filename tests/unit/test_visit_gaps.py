"""Days without a visit: counted from what the lift's maintainers answer for, by whatever is known when it is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.aggregate import Authorship, Journal, Statement
from domain.care import Care, records_of
from domain.histories import History
from domain.lifts import Lift
from domain.maintenance import Visit
from domain.packs import load_pack
from domain.time import add_days
from domain.visit_gaps import check_care, check_gaps, counts

OLD, NEW, STRANGER = "party:old", "party:new", "party:stranger"
PACK = load_pack("shandong@1")
KNOWN = "2025-01-01"
"""Since when the lift stands in the ledger."""
LEVELS: dict[str, History] = {"contract:demand": (("2026-01-01", "on_demand"),)}


def lift(**said: str) -> Lift:
    """Give a lift that a register of 2025 states, in use and maintained by OLD."""
    made = Lift("lift:a")
    made.journal = Journal(Authorship("party:r", None, None, ()))
    row = {
        "id": "lift:a",
        "variety": "3110",
        "area": "370100",
        "identifiers": [],
        "status": "in_use",
        "maintainer": OLD,
    }
    made.record(Lift.Registered, Statement(row | said), {"on": "2025-01-01"})
    return made


def stopped(made: Lift, from_date: str, to_date: str) -> None:
    """Put it out of use for a time."""
    for status, on in (("stopped", from_date), ("in_use", to_date)):
        made.record(Lift.StatusChanged, Statement({"status": status}), {"on": on})


def engaged(made: Lift, holder: str, from_date: str, to_date: str | None = None, contract: str = "contract:a") -> None:
    """Put it in somebody's care."""
    found = {"contract": contract, "maintainer": holder, "from_date": from_date, "to_date": to_date}
    made.record(Lift.MaintainerChanged, Statement({}), {**found, "ends_stated": None, "confirmed_from": None})


def visit(day: str, level: str = "HM", maintainer: str = OLD) -> Visit:
    """Give an ended visit of a day."""
    return Visit(maintainer, level, (), f"{day}T02:00:00.000000Z", day, f"{day}T02:45:00.000000Z")


def found(made: Lift, last: Visit, *before: Visit) -> dict[str, object]:
    """Give what is found of a visit, each code with its days."""
    care = Care((made,), LEVELS)
    earlier = [each for each in before if counts(each, care)]
    return {each["code"]: each["facts"]["days"] for each in check_gaps(last, care, earlier, PACK, KNOWN)}


def test_more_than_fifteen_days_are_found_and_fifteen_are_not() -> None:
    """For a person to look into, not as a violation: a record may only not have come in."""
    first = visit("2026-03-02")
    assert found(lift(), visit("2026-03-17"), first) == {}
    (gap,) = check_gaps(visit("2026-03-18"), Care((lift(),)), [first], PACK, KNOWN)
    assert (gap["code"], gap["verdict"], gap["rule"]) == (
        "interval_over_15_days", "manual_review", "maintenance.interval_days_max",
    )  # fmt: skip
    assert gap["facts"] == {"days": 16, "last_on": "2026-03-02", "counted_from": "2026-03-02"}
    assert check_gaps(visit("2026-03-18"), Care((lift(),)), [first], None, KNOWN) == []


def test_of_a_lift_without_an_earlier_visit_nothing_is_known() -> None:
    """The ledger may have begun after its last."""
    assert found(lift(), visit("2026-03-18")) == {}


def test_who_took_over_was_to_come_though_nobody_came_before() -> None:
    """His first visit is held to his first day, if the lift stood in the ledger then; of others nothing is known."""
    made = lift()
    engaged(made, NEW, "2026-03-02")
    assert found(made, visit("2026-03-17", maintainer=NEW)) == {}
    assert found(made, visit("2026-03-18", maintainer=NEW)) == {"interval_over_15_days": 16}
    late = visit("2026-03-18", maintainer=NEW)
    (told,) = check_gaps(late, Care((made,)), [], PACK, "2026-03-02")
    assert told["facts"] == {"days": 16, "counted_from": "2026-03-02"}
    assert check_gaps(late, Care((made,)), [], PACK, "2026-03-03") == []


def cared(made: Lift, today: str, *before: Visit) -> dict[str, object]:
    """Give what is missing of a lift on a day: each code with who answers, else since when."""
    told = check_care(Care((made,), LEVELS), before, PACK, KNOWN, today)
    return {each["code"]: each.get("facts", {}).get("maintainer", each.get("facts", {}).get("since")) for each in told}


def test_a_lift_in_nobodys_care_is_told() -> None:
    """Once the last contract ran out, as long as the lift is in use; where nobody was ever told of, to be supplied."""
    made, first = lift(), visit("2026-03-02", maintainer=NEW)
    engaged(made, NEW, "2026-03-01", "2026-03-10")
    assert cared(made, "2026-03-09", first) == {}
    assert cared(made, "2026-03-10", first) == {"without_maintainer": "2026-03-10"}
    (told,) = check_care(Care((made,)), [first], None, KNOWN, "2026-03-10")
    assert (told["verdict"], told["rule"]) == ("manual_review", "maintenance.by_maintainer")
    stopped(made, "2026-03-12", "2026-03-20")
    assert [cared(made, day, first) for day in ("2026-03-12", "2026-03-19")] == [{}, {}]
    engaged(made, OLD, "2026-03-22", contract="contract:b")
    assert cared(made, "2026-03-20", first) == {"without_maintainer": "2026-03-10"}
    assert cared(made, "2026-03-22", first) == {}
    never = lift()
    never.maintenance = ()
    assert [each["verdict"] for each in check_care(Care((never,)), [], PACK, KNOWN, KNOWN)] == ["needs_supplement"]
    assert check_care(Care((never,)), [], PACK, KNOWN, "2024-12-31") == []


def test_a_visit_that_is_still_awaited_is_told() -> None:
    """Of who answers now, from the sixteenth day on; of who did before him too, since no visit of his will tell it."""
    made, first = lift(), visit("2026-03-02")
    assert cared(made, "2026-03-17", first) == {}
    assert cared(made, "2026-03-18", first) == {"visit_awaited_over_15_days": OLD}
    assert cared(made, "2026-03-18") == {}, "when the register's first maintainer came last is not known"
    engaged(made, NEW, "2026-03-20", "2026-05-01")
    assert cared(made, "2026-04-05", first) == cared(made, "2026-04-04", visit("2026-03-04")) | {
        "visit_awaited_over_15_days": NEW, "unvisited_over_15_days": OLD,
    }  # fmt: skip
    assert cared(made, "2026-04-05") == {"visit_awaited_over_15_days": NEW}
    assert cared(made, "2026-05-01") == {"without_maintainer": "2026-05-01", "unvisited_over_15_days": NEW}
    paused = lift()
    stopped(paused, "2026-04-10", "2026-04-11")
    assert cared(paused, "2026-04-12", first) == {"unvisited_over_15_days": OLD}, "before it stood still"
    (told,) = check_care(Care((made,), LEVELS), [], PACK, KNOWN, "2026-04-05")
    assert (told["verdict"], told["facts"]) == (
        "manual_review",
        {"days": 16, "counted_from": "2026-03-20", "until": "2026-04-05", "maintainer": NEW},
    )


def test_the_time_out_of_use_is_not_counted() -> None:
    """The law asks for visits of lifts in use; from its return on they are due again."""
    made, first = lift(), visit("2026-03-02")
    stopped(made, "2026-03-03", "2026-06-01")
    assert found(made, visit("2026-05-01"), first) == {}
    assert found(made, visit("2026-06-16"), first) == {}
    assert found(made, visit("2026-06-17"), first) == {"interval_over_15_days": 16}


def test_nobody_answers_for_the_time_before_he_was_engaged() -> None:
    """Whoever takes over counts from his first day, also after a term that follows another of his without a break.

    That his predecessor left it unvisited is told of the predecessor: no later visit of his would tell it.
    """
    made, first = lift(), visit("2026-03-02")
    engaged(made, NEW, "2026-04-10", "2026-05-01")
    engaged(made, NEW, "2026-05-01", contract="contract:b")
    before = {"unvisited_over_15_days": 39}
    assert found(made, visit("2026-04-25", maintainer=NEW), first) == before
    assert found(made, visit("2026-04-26", maintainer=NEW), first) == {**before, "interval_over_15_days": 16}
    assert found(made, visit("2026-05-02", maintainer=NEW), first) == {**before, "interval_over_15_days": 22}
    (told,) = check_gaps(visit("2026-04-25", maintainer=NEW), Care((made,)), [first], PACK, KNOWN)
    assert told["facts"] == {
        "days": 39, "last_on": "2026-03-02", "counted_from": "2026-03-02", "until": "2026-04-10", "maintainer": OLD,
    }  # fmt: skip
    assert found(made, visit("2026-04-25", maintainer=NEW), visit("2026-03-26")) == {}, "fifteen days are in time"


def test_who_came_back_answers_from_then_on() -> None:
    """A term of another lies between his two, who is told of if he left it unvisited."""
    made, first = lift(), visit("2026-03-02")
    engaged(made, NEW, "2026-03-03", "2026-04-10")
    engaged(made, OLD, "2026-04-10", contract="contract:b")
    assert found(made, visit("2026-04-12"), first) == {"unvisited_over_15_days": 38}
    assert found(made, visit("2026-04-12"), visit("2026-03-26", maintainer=NEW)) == {}


def test_who_stopped_a_lift_wipes_out_no_arrears() -> None:
    """What was missed until it stopped is told by the first visit after, also by one while it stands still."""
    made, first = lift(), visit("2026-03-02")
    stopped(made, "2026-04-10", "2026-04-11")
    assert found(made, visit("2026-04-12"), first) == {"unvisited_over_15_days": 39}
    assert found(made, visit("2026-04-10"), first) == {"unvisited_over_15_days": 39}
    assert found(made, visit("2026-04-12"), first, visit("2026-03-26")) == {}


def test_deeper_cycles_stand_still_while_the_lift_does_and_do_not_begin_anew() -> None:
    """A day out of use is not counted; it is no yearly visit either."""
    made, before = lift(), [visit("2026-01-05", "OY"), *(visit(add_days("2026-01-05", 14 * n)) for n in range(1, 8))]
    stopped(made, "2026-03-01", "2026-03-06")
    assert found(made, visit("2026-04-12"), *before) == {}
    assert found(made, visit("2026-04-13"), *before) == {"quarterly_visit_overdue": 93}


def test_what_is_agreed_on_demand_is_told_as_agreed() -> None:
    """It has no half-months: who reads of the days without a visit reads that the contract has it so, and from when."""
    made, first = lift(), visit("2026-03-02")
    engaged(made, OLD, "2026-03-10", "2026-06-01", contract="contract:demand")
    (told,) = check_gaps(visit("2026-05-01"), Care((made,), LEVELS), [first], PACK, KNOWN)
    assert (told["code"], told["verdict"], told["facts"]["on_demand"]) == ("interval_over_15_days", "information", True)
    assert told["facts"]["counted_from"] == "2026-03-10"
    engaged(made, OLD, "2026-06-01", contract="contract:b")
    assert found(made, visit("2026-08-30"), visit("2026-05-31", "OY")) == {"interval_over_15_days": 90}
    assert found(made, visit("2026-09-02"), visit("2026-03-02", "OY"))["quarterly_visit_overdue"] == 101


def test_two_records_of_a_lift_are_one_in_whose_care_it_is() -> None:
    """Who is engaged by the record that went up in another visits the lift that goes on, and answers since then."""
    gone, goes_on = lift(), lift(maintainer=NEW)
    care = Care((goes_on, gone))
    assert [counts(visit("2026-03-02", maintainer=who), care) for who in (OLD, NEW, STRANGER)] == [True, True, False]
    engaged(goes_on, OLD, "2026-03-01")
    assert care.engaged_since(OLD, "2026-03-02") == ""
    assert Care((goes_on,)).engaged_since(OLD, "2026-03-02") == "2026-03-01"


def gone_up(into: Lift, on: str, name: str, **said: str) -> Lift:
    """Give another record, that went up in one on a day; it is empty where that was not told."""
    made = lift(**said)
    made.id = name
    made.record(Lift.MergedInto, Statement({"into": into.id}), {"on": on})
    into.absorbed = (*into.absorbed, name)
    return made


def engaging(record: Lift, *others: Lift) -> list[tuple[str, ...]]:
    """Say who answers for a lift on days, by all its records."""
    known = {each.id: each for each in others}
    care = Care(records_of(record, known.get))
    days = ("2026-02-28", "2026-03-01", "2026-04-30", "2026-05-01", "2026-06-01")
    return [tuple(sorted(care.engaged_on(day))) for day in days]


def test_what_a_closed_record_states_gives_way_to_the_word_of_the_one_that_goes_on() -> None:
    """Nobody can correct it, so else OLD would be found missing for ever; until then both were engaged."""
    goes_on = lift(maintainer=NEW)
    gone = gone_up(goes_on, "2026-03-01", "lift:b")
    both, only = (NEW, OLD), (NEW,)
    assert engaging(goes_on, gone) == engaging(gone, goes_on) == [both, only, only, only, only]
    nobody = lift()
    nobody.maintenance = ()
    gone = gone_up(nobody, "2026-03-01", "lift:b")
    assert engaging(nobody, gone) == [(OLD,)] * 5
    engaged(nobody, STRANGER, "2026-05-01", "2026-06-01")
    assert engaging(nobody, gone) == [(OLD,)] * 3 + [(OLD, STRANGER)] + [(OLD,)]
    nobody.confirmed = nobody.maintenance
    assert engaging(nobody, gone) == [(OLD,)] * 3 + [(STRANGER,), ()]


def test_what_a_record_stated_that_went_up_before_gives_way_to_each_that_took_its_place() -> None:
    """The word of the second holds though it went up in a third; a contract of the maintainer's own is his word."""
    third, day = lift(), "2026-03-01"
    third.maintenance, third.id = (), "lift:c"
    second = gone_up(third, "2026-05-01", "lift:b", maintainer=NEW)
    gone = gone_up(second, day, "lift:d")
    assert engaging(third, second, gone) == [(NEW, OLD), *[(NEW,)] * 4]
    engaged(third, NEW, "2026-05-01", "2026-05-31")
    assert engaging(third, second, gone) == [(NEW, OLD), *[(NEW,)] * 3, ()]


def test_of_a_merger_without_a_day_what_is_said_of_a_later_day_counts() -> None:
    """Before the day was told, both registers' words stood beside each other."""
    goes_on = lift(maintainer=NEW)
    gone = gone_up(goes_on, "", "lift:b")
    assert engaging(goes_on, gone) == [(NEW, OLD)] * 5
    engaged(goes_on, STRANGER, "2026-05-01")
    goes_on.confirmed = goes_on.maintenance[-1:]
    assert [OLD in each for each in engaging(goes_on, gone)] == [True, True, True, False, False]


@pytest.mark.parametrize("between", [
    visit("2026-03-16", maintainer=STRANGER), visit("2026-03-16", "FM"),
    replace(visit("2026-03-16"), finished_at=None), replace(visit("2026-03-16"), corrected_by="visit:b"),
])  # fmt: skip
def test_only_visits_that_the_law_asks_for_count(between: Visit) -> None:
    """Neither a stranger's, one on demand, one that did not end, nor a record that another stands in the place of."""
    assert found(lift(), visit("2026-03-30"), visit("2026-03-02"), between) == {"interval_over_15_days": 28}
    assert found(lift(), replace(between, on="2026-03-30"), visit("2026-03-02")) == {}


def test_deeper_visits_have_cycles_of_their_own() -> None:
    """Half a month's visits alone leave the quarter's, the half-year's and the year's undone, each when it is over."""
    days = [add_days("2025-01-02", 14 * number) for number in range(28)]
    told: dict[str, str] = {}
    for number, day in enumerate(days[1:], 1):
        for code in found(lift(), visit(day), *(visit(each) for each in days[:number])):
            told.setdefault(code, day)
    assert told == {
        "quarterly_visit_overdue": add_days("2025-01-02", 98), "half_yearly_visit_overdue": add_days("2025-01-02", 196),
        "yearly_visit_overdue": add_days("2025-01-02", 378),
    }  # fmt: skip


def test_a_deeper_visit_is_a_shallower_one_too() -> None:
    """A year's visit does the quarter's and the half-year's work (T5002 art. 6); one that comes late is found so."""
    before = visit("2026-01-05", "OY"), visit("2026-04-05")
    assert found(lift(), visit("2026-04-07"), *before) == {}
    assert found(lift(), visit("2026-04-08", "SM"), *before) == {"quarterly_visit_overdue": 93}
