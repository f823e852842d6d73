"""Two records of one lift are one lift (C11): for what is insured twice, what the fund pays, and whose word counts."""

from __future__ import annotations

from typing import Any

import pytest

from application import lift_changes
from application.ids import new_name
from application.records import records_of
from application.relations import to_lift, users_on
from application.work import AggregateCache, Author, Work
from domain.aggregate import Event
from domain.errors import Conflict, Forbidden, Invalid, RuleBroken
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear
from domain.parties import Party
from tests.support.book import ORIGIN, Book
from tests.support.claiming import merged
from tests.support.contracting import FIRST, LIFTS, NEXT_UNIT, REGULATOR, UNIT, A, beginning, contracting, stated
from tests.support.funding import ESTATE, LIFT, PREMIUM_FEN, approve, filed, funded, planned, voted
from tests.support.insuring import (
    BUREAU,
    HOMES,
    HOSPITAL,
    INSURER,
    OFFICE,
    OPERATOR,
    RIVAL,
    RIVAL_PRODUCT,
    drafted,
    issued,
    line,
    office,
    proposed,
    reading,
)
from tests.support.seeding import seed
from tests.support.visiting import BY_MAINTAINER, BY_SIGNER, SIGNED, USE_UNIT, body, workshop
from tests.support.visiting import LIFT as VISITED

BY_FUND = [{"kind": "fund_principal", "amount_fen": PREMIUM_FEN}]
INJURY = "third_party_injury"


def merge(book: Book, lift: str, into: str, by: Author = BUREAU) -> list[Event]:
    """Find that two records are one lift's."""
    book.actions = dict(book.actions) | {action.id: action for action in lift_changes.ACTIONS}
    return book.act(by, "lift.merge", {"into": into}, lift=lift)


def overlaps(events: list[Event]) -> list[dict[str, Any]]:
    """Give the facts of what is found insured twice."""
    found = [each for event in events for each in event.found.get("findings", [])]
    return [each["facts"] for each in found if each["code"] == "cover_overlaps"]


def test_all_records_of_a_lift_are_found_from_each() -> None:
    """Also of mergers of mergers; of a lift that nobody registered, its own name."""
    book, unknown = office(), new_name("lift")
    merge(book, HOMES, OFFICE)
    merge(book, OFFICE, HOSPITAL)
    for name in (HOMES, OFFICE, HOSPITAL):
        assert records_of(reading(book), name)[0] == name
        assert set(records_of(reading(book), name)) == {HOMES, OFFICE, HOSPITAL}
    assert records_of(reading(book), unknown) == [unknown]


def test_a_cover_overlaps_one_on_another_record_of_the_lift() -> None:
    """Flagged for whoever pays, refused to the owners' fund and to the policy that has the certificate (L2)."""
    book = office()
    policy = issued(book, line("", OFFICE))
    merge(book, OFFICE, HOMES)
    rival: dict[str, Any] = {"author": RIVAL, "product": RIVAL_PRODUCT}
    drafted(book, line("", HOMES), **rival)
    (attached,) = [event for event in book.log if event.TOPIC == "cover.Attached" and event.originator_id[:-6] == HOMES]
    days = {"from_date": "2026-04-01", "to_date": "2027-04-01"}
    assert overlaps([attached]) == [{"parts": f"{INJURY},entrapment", **days}]
    with pytest.raises(RuleBroken) as refused:
        drafted(book, line("", HOMES), sources=[{"kind": "fund_principal", "amount_fen": 8_000}], **rival)
    assert refused.value.details["finding"] == "cover_overlaps"
    addition = {"number": "E", "effective_on": "2026-05-01", "delta_fen": 10, "reason": "added"}
    added = line(policy, HOMES, 10, from_date="2026-05-01")
    with pytest.raises(Conflict) as twice:
        book.act(INSURER, "policy.endorse", addition | {"adds": [added]}, policy=policy)
    assert twice.value.code == "lift_covered_already"


def test_a_merger_finds_what_is_insured_twice() -> None:
    """Once, with the first day and the last, whatever insures it or may yet; other interests do not overlap."""
    book = office()
    years: dict[str, Any] = {"from_date": "2026-10-01", "to_date": "2027-10-01"}
    issued(book, line("", OFFICE))
    drafted(book, line("", HOMES, **years), author=RIVAL, product=RIVAL_PRODUCT, **years)
    drafted(book, line("", HOSPITAL), interest="maintainer")
    (other,) = [event for event in merge(book, HOSPITAL, HOMES) if event.TOPIC == "lift.Absorbed"]
    assert "findings" not in other.found
    events = merge(book, OFFICE, HOMES)
    days = {"from_date": "2026-10-01", "to_date": "2027-04-01"}
    assert overlaps(events) == [{"overlaps": 1, "parts": f"entrapment,{INJURY}", **days}]
    assert events[1].found["pack"]["name"] == "shandong@1"
    assert events[0].found["on"] == "2026-03-15"
    assert book.state(Lift, HOMES).contested == ()


def twin(book: Book, **said: Any) -> str:  # noqa: ANN401 - members of any type
    """Register another record of the lift of the fund's estate."""
    name = new_name("lift")
    row = {"id": name, "variety": "3110", "area": "370102001", "status": "in_use", "identifiers": []} | said
    seed(book, Lift, name, OPERATOR.party, Lift.Registered, row, {"on": "2018-01-01"})
    return name


def test_a_plan_names_a_lift_once_by_whichever_record() -> None:
    """Twice is refused; what the record that goes on does not know of estate and warranty, the other one knew."""
    book = funded()
    other = twin(book, premises_class="residential")
    merged(book, LIFT, other)
    with pytest.raises(Invalid) as refused:
        planned(book, lifts=[LIFT, other])
    assert refused.value.code == "lift_twice"
    for name in (LIFT, other):
        planned(book, lifts=[name])
        assert book.log[-1].found["findings"] == []


def apply(book: Book, policy: str, plan: str) -> list[str]:
    """Apply for a policy's premium by a plan; gives what is found."""
    filed(book, policy, plan, None)
    return [found["code"] for found in book.log[-1].found["findings"]]


@pytest.mark.parametrize("planned_own", [True, False])
def test_the_fund_pays_for_the_lift_that_the_plan_names(*, planned_own: bool) -> None:
    """The plan may name one record and the certificate stand on the other: it is the lift the owners meant (MF01)."""
    book = funded()
    other = twin(book, premises_class="residential", estate=ESTATE, warranty_until="2020-01-01")
    named, certified = (LIFT, other) if planned_own else (other, LIFT)
    plan = planned(book, lifts=[named])
    policy = proposed(book, line("", certified, PREMIUM_FEN), sources=BY_FUND)
    assert "lifts_differ" in apply(book, policy, plan)
    merged(book, LIFT, other)
    assert "lifts_agree" in apply(book, policy, plan)


def test_one_lift_that_is_paid_for_twice_is_for_a_person() -> None:
    """A plan and a policy that both name two records of one lift agree no longer once that is known (MF14)."""
    book = funded()
    other = twin(book, premises_class="residential", warranty_until="2020-01-01")
    plan = planned(book, lifts=[LIFT, other])
    lines = [line("", name, PREMIUM_FEN // 2) for name in (LIFT, other)]
    policy = proposed(book, *lines, sources=BY_FUND)
    assert "lifts_agree" in apply(book, policy, plan)
    assert overlaps(merge(book, other, LIFT))[0]["overlaps"] == 1
    assert "lifts_differ" in apply(book, policy, plan)


def test_a_plan_that_named_a_lift_twice_is_for_one() -> None:
    """Once both records are known to be one lift's, one certificate insures all that the plan names."""
    book = funded()
    other = twin(book, premises_class="residential", warranty_until="2020-01-01")
    plan = planned(book, lifts=[LIFT, other])
    policy = proposed(book, line("", LIFT, PREMIUM_FEN), sources=BY_FUND)
    assert "lifts_differ" in apply(book, policy, plan)
    merged(book, other, LIFT)
    assert "lifts_agree" in apply(book, policy, plan)


def test_a_lift_that_proves_another_estates_is_not_paid_for() -> None:
    """The plan named it as the estate's own; once the record that goes on says otherwise nobody's money buys for it."""
    book = funded()
    other = twin(book, premises_class="residential", estate=new_name("estate"), warranty_until="2020-01-01")
    plan, vote = voted(book)
    policy = proposed(book, line("", LIFT, PREMIUM_FEN), sources=BY_FUND)
    application = filed(book, policy, plan, vote)
    merged(book, LIFT, other)
    assert "lift_of_other_estate" in apply(book, policy, plan)
    with pytest.raises(RuleBroken) as refused:
        approve(book, application)
    assert refused.value.details["finding"] == "lift_of_other_estate"


def test_who_answers_for_the_record_that_goes_on_answers_for_the_other() -> None:
    """He confirms its contracts and ends them: the closed record's use unit is changed by nobody (adr/0026)."""
    book = contracting()
    gone = stated(book)
    seed(book, Party, NEXT_UNIT.party, UNIT.party, Party.Registered, {"id": NEXT_UNIT.party, "kind": "use_unit"})
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", lifts=[gone]))
    book.act(
        REGULATOR, "lift.name_use_unit", {"use_unit": NEXT_UNIT.party, "effective_on": "2024-02-01"}, lift=LIFTS[0]
    )
    confirmation = {"effective_on": "2025-02-01", "lifts": [gone]}
    with pytest.raises(Forbidden):
        book.act(NEXT_UNIT, "contract.confirm", confirmation, contract=A)
    merge(book, gone, LIFTS[0], REGULATOR)
    book.act(NEXT_UNIT, "contract.confirm", confirmation, contract=A)
    book.act(NEXT_UNIT, "contract.end", {"ended_on": "2025-06-01"}, contract=A)
    with pytest.raises(Forbidden):
        book.act(FIRST, "lift.merge", {"into": LIFTS[1]}, lift=LIFTS[0])


def test_the_use_unit_of_the_record_that_goes_on_signs_for_both() -> None:
    """What is visited under the closed record's name is signed by whoever uses the lift, and disputed by him."""
    book, gone = workshop(), new_name("lift")
    row = {"id": gone, "variety": "3110", "area": "370102001", "status": "in_use", "identifiers": []}
    seed(book, Lift, gone, OPERATOR.party, Lift.Registered, row, {"on": "2025-01-01"})
    said = body(lift=gone)
    book.act(BY_MAINTAINER, "visit.submit", said)
    visit, year = said["opened"]["id"], book.state(MaintenanceYear, f"{gone}/maintenance:2026")
    of = {"lift": gone, "year": 2026, "visit": visit}
    signature = {**of, "digest": year.visit(visit).digest, "signed_at": SIGNED}
    with pytest.raises(Forbidden):
        book.act(BY_SIGNER, "visit.countersign", signature)
    merge(book, gone, VISITED)
    assert book.state(Lift, VISITED).use_unit == USE_UNIT
    book.act(BY_SIGNER, "visit.countersign", signature)
    book.act(BY_SIGNER, "visit.dispute", {**of, "reason": "absent"})


def test_from_its_merger_on_a_closed_record_says_no_more_who_uses_the_lift() -> None:
    """Its use unit is nobody's to change, so it answers for the days before, and the other's for all."""
    book = contracting()
    gone = stated(book)
    seed(book, Party, NEXT_UNIT.party, UNIT.party, Party.Registered, {"id": NEXT_UNIT.party, "kind": "use_unit"})
    book.act(
        REGULATOR, "lift.name_use_unit", {"use_unit": NEXT_UNIT.party, "effective_on": "2024-02-01"}, lift=LIFTS[0]
    )
    assert to_lift(reading_as(book, UNIT), book.state(Lift, gone), "2025-11-01", "2025-11-01")["manages"]
    merge(book, gone, LIFTS[0], REGULATOR)
    closed = book.state(Lift, gone)
    assert closed.merged_on == "2025-11-01"
    for day, own, others in (("2025-10-31", True, True), ("2025-11-01", False, True)):
        assert to_lift(reading_as(book, UNIT), closed, day, day)["manages"] is own
        assert to_lift(reading_as(book, NEXT_UNIT), closed, day, day)["manages"] is others
    assert users_on(reading_as(book, UNIT), closed, "2025-11-01") == {UNIT.party, NEXT_UNIT.party}
    assert users_on(reading_as(book, UNIT), closed, "2025-11-02") == {NEXT_UNIT.party}


def test_between_two_mergers_the_record_in_the_middle_says_who_uses_the_lift() -> None:
    """Also of the one that went up in it first: of those days nobody else does."""
    book = contracting()
    gone = stated(book)
    seed(book, Party, NEXT_UNIT.party, UNIT.party, Party.Registered, {"id": NEXT_UNIT.party, "kind": "use_unit"})
    book.act(
        REGULATOR, "lift.name_use_unit", {"use_unit": NEXT_UNIT.party, "effective_on": "2024-02-01"}, lift=LIFTS[0]
    )
    merge(book, gone, LIFTS[0], REGULATOR)
    book.now = "2025-12-01T02:00:00.000000Z"
    merge(book, LIFTS[0], LIFTS[1], REGULATOR)
    first = book.state(Lift, gone)
    assert (first.merged_on, book.state(Lift, LIFTS[0]).merged_on) == ("2025-11-01", "2025-12-01")
    for day, middle in (("2025-11-20", True), ("2025-12-01", False)):
        assert to_lift(reading_as(book, NEXT_UNIT), first, day, day)["manages"] is middle
    assert NEXT_UNIT.party in users_on(reading_as(book, UNIT), first, "2025-11-20")
    assert NEXT_UNIT.party not in users_on(reading_as(book, UNIT), first, "2025-12-02")


def reading_as(book: Book, author: Author) -> Work:
    """Give a unit of work of somebody that reads the book."""
    cache = AggregateCache()
    return Work(ORIGIN, author, book.now, book, cache, keep=cache)
