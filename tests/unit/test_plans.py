"""Plans to use the fund and the owners' votes on them."""

from __future__ import annotations

import pytest

from application.ids import new_name
from domain.errors import Conflict, DomainError, Invalid
from domain.houses import House
from domain.plans import Vote
from tests.support.funding import (
    BUILDING,
    COMMITTEE,
    FUND,
    HOUSING,
    LIFT,
    OTHER_BUILDING,
    cast,
    close,
    filed,
    fund,
    funded,
    house,
    opened,
    planned,
    quoted,
)
from tests.support.insuring import HOLDER, HOMES


def test_a_vote_carries_with_two_thirds_taking_part_and_a_majority_of_them() -> None:
    """Two of three houses take part, both agree: exactly two thirds is enough (Civil Code 278, 1259)."""
    book = funded()
    vote = opened(book, planned(book))
    one, two, _ = fund(book).houses
    cast(book, vote, one, on="2026-02-20")
    cast(book, vote, two, on="2026-02-10")
    found = close(book, vote).found
    assert found["passed"] is True
    assert found["tally"]["heads_participating"] == 2
    assert {f["code"] for f in found["findings"]} == {"participation_reached", "approval_reached"}
    assert found["pack"]["name"] == "shandong@1"


def test_half_of_those_taking_part_is_no_majority() -> None:
    """过半数 does not include the half."""
    book = funded((9_000, 9_000))
    vote = opened(book, planned(book))
    one, two = fund(book).houses
    cast(book, vote, one)
    cast(book, vote, two, "disagree")
    assert close(book, vote).found["passed"] is False


def test_the_developers_houses_are_one_head() -> None:
    """Two houses not handed over and one sold: two heads (SPC art. 9)."""
    book = funded((9_000,))
    house(book, delivered=False, owner_person=None)
    house(book, delivered=False, owner_person=new_name("person"))
    vote = opened(book, planned(book))
    assert close(book, vote).found["tally"]["heads_scope"] == 2


def test_the_owner_at_closing_counts() -> None:
    """A house sold while the vote is open to a buyer of another house leaves one head less."""
    book = funded((9_000,))
    person = new_name("person")
    house(book, owner_person=person)
    vote = opened(book, planned(book))
    first = next(iter(fund(book).houses))
    said = {"delivered": True, "on": "2026-02-15", "owner_person": person}
    book.act(HOUSING, "house.transfer", said, house=first)
    assert close(book, vote).found["tally"]["heads_scope"] == 1


def test_the_owner_of_the_closing_day_counts_whatever_was_recorded_since() -> None:
    """A sale after that day, one before it that is recorded late, and two of one day: the last said (C13)."""
    book = funded((9_000,))
    first, person = next(iter(fund(book).houses)), new_name("person")
    house(book, owner_person=person)

    def transfer(on: str, owner: str) -> None:
        said = {"delivered": True, "on": on, "owner_person": owner}
        book.act(HOUSING, "house.transfer", said, house=first)

    def heads() -> object:
        vote = opened(book, planned(book))
        return close(book, vote).found["tally"]["heads_scope"]

    transfer("2026-02-21", person)
    assert heads() == 2
    transfer("2026-02-20", person)
    assert heads() == 1
    transfer("2026-02-20", new_name("person"))
    assert heads() == 2
    transfer("2026-02-01", person)
    assert heads() == 2


def test_a_vote_does_not_close_before_the_days_of_its_ballots() -> None:
    """A late ballot is taken back or the day put right; one without a day is not known to be late (C13)."""
    book = funded()
    one, two, three = fund(book).houses
    vote = opened(book, planned(book))
    cast(book, vote, one, on="2026-02-20")
    cast(book, vote, two, on="2026-02-21")
    cast(book, vote, three)
    with pytest.raises(Conflict) as refusal:
        close(book, vote, "2026-02-20")
    assert (refusal.value.code, refusal.value.details["houses"]) == ("vote_dates", [two])
    book.act(COMMITTEE, "vote.revoke_ballot", {"vote": vote, "fund": FUND}, house=two)
    assert close(book, vote, "2026-02-20").found["tally"]["heads_participating"] == 2


def test_what_was_told_after_the_last_day_without_a_day_is_told_to_whoever_rests_on_it() -> None:
    """It counts, for nothing shows that it was late; the vote and the bureau's checks say so (C13)."""
    book = funded((9_000,) * 5)
    book.now = "2026-02-20T02:00:00.000000Z"
    plan = planned(book)
    vote = opened(book, plan)
    one, two, three, four, five = fund(book).houses
    for name in (one, three, four, five):
        cast(book, vote, name)
    book.act(COMMITTEE, "vote.revoke_ballot", {"vote": vote, "fund": FUND}, house=one)
    book.now = "2026-02-21T02:00:00.000000Z"
    cast(book, vote, one)
    cast(book, vote, two, on="2026-02-20")
    for name in (three, four, five):
        book.act(COMMITTEE, "vote.revoke_ballot", {"vote": vote, "fund": FUND}, house=name)
    cast(book, vote, four, on="2026-02-20")
    cast(book, vote, five)
    cast(book, vote, five, on="2026-02-19", replaces=True)
    found = close(book, vote, "2026-02-20").found
    late = [
        ("ballots_told_late", "needs_supplement", {"houses": 1}),
        ("ballots_withdrawn_late", "manual_review", {"houses": 1}),
    ]  # fmt: skip
    assert [(f["code"], f["verdict"], f["facts"]) for f in found["findings"][2:]] == late
    book.now = "2026-03-15T02:00:00.000000Z"
    filed(book, quoted(book), plan, vote)
    told = book.log[-1].found["findings"]
    assert [(f["code"], f["verdict"], f["facts"]) for f in told if f["code"].startswith("ballots_")] == late


def test_what_was_told_on_the_last_day_is_in_time() -> None:
    """Also without a day of its own, and what is taken back on it."""
    book = funded((9_000, 9_000))
    vote = opened(book, planned(book))
    one, two = fund(book).houses
    cast(book, vote, one)
    cast(book, vote, two)
    book.act(COMMITTEE, "vote.revoke_ballot", {"vote": vote, "fund": FUND}, house=two)
    found = close(book, vote, "2026-03-15").found
    assert not any(f["code"].startswith("ballots_") for f in found["findings"])


@pytest.mark.parametrize("on, code", [("2026-02-09", "vote_dates"), ("2026-03-16", "date_in_future")])
def test_a_ballot_is_of_a_day_of_the_vote(on: str, code: str) -> None:
    """Neither before it opened nor of a day to come."""
    book = funded((9_000,))
    (name,) = fund(book).houses
    vote = opened(book, planned(book))
    with pytest.raises(DomainError) as refusal:
        cast(book, vote, name, on=on)
    assert refusal.value.code == code


def test_a_house_votes_once_unless_it_says_that_it_replaces() -> None:
    """The last live ballot counts, on the house as in the vote."""
    book = funded((9_000,))
    (name,) = fund(book).houses
    vote = opened(book, planned(book))
    events = cast(book, vote, name, "disagree")
    assert [event.TOPIC for event in events] == ["house.BallotCast", "vote.BallotsCast"]
    assert events[0].found["on_behalf"] is True
    with pytest.raises(Conflict) as refusal:
        cast(book, vote, name)
    assert refusal.value.code == "ballot_twice"
    cast(book, vote, name, replaces=True)
    assert book.state(Vote, f"{FUND}/{vote}").ballots == {name: "agree"}
    assert book.state(House, name).ballots == {vote: "agree"}


def test_a_ballot_taken_back_takes_no_part() -> None:
    """Once only, and only while the vote is open."""
    book = funded((9_000,))
    (name,) = fund(book).houses
    vote = opened(book, planned(book))
    cast(book, vote, name)
    said = {"vote": vote, "fund": FUND}
    book.act(COMMITTEE, "vote.revoke_ballot", said, house=name)
    assert book.state(House, name).ballots == {}
    with pytest.raises(Conflict) as refusal:
        book.act(COMMITTEE, "vote.revoke_ballot", said, house=name)
    assert refusal.value.code == "ballot_missing"
    assert close(book, vote).found["passed"] is False


def test_late_and_foreign_ballots_are_refused() -> None:
    """After closing, and from outside the scope."""
    book = funded((9_000,))
    inside = next(iter(fund(book).houses))
    outside = house(book, building=OTHER_BUILDING)
    vote = opened(book, planned(book, buildings=[BUILDING]))
    with pytest.raises(Invalid) as refused:
        cast(book, vote, outside)
    assert refused.value.code == "ballot_out_of_scope"
    close(book, vote)
    with pytest.raises(Conflict) as refusal:
        cast(book, vote, inside)
    assert refusal.value.code == "vote_closed"
    with pytest.raises(Conflict):
        close(book, vote)


def test_days_of_plan_vote_and_result_stand_in_order() -> None:
    """No vote before its plan, no closing before opening, no result before closing, nothing in the future."""
    book = funded()
    plan = planned(book)
    with pytest.raises(Conflict) as refusal:
        opened(book, plan, "2026-01-31")
    assert refusal.value.code == "vote_before_plan"
    with pytest.raises(Invalid) as future:
        opened(book, plan, "2026-03-16")
    assert future.value.code == "date_in_future"
    vote = opened(book, plan)
    with pytest.raises(Conflict) as early:
        close(book, vote, "2026-02-09")
    assert early.value.code == "vote_dates"
    with pytest.raises(Conflict):
        book.act(COMMITTEE, "vote.publish", {"published_on": "2026-02-21"}, fund=FUND, vote=vote)


def test_a_plan_says_what_its_lifts_show() -> None:
    """A lift of no known estate and no known warranty asks for papers; none stands twice in a plan."""
    book = funded()
    said = {"id": new_name("plan"), "lifts": [HOMES], "amount_fen": 1, "published_on": "2026-02-01"}
    (event,) = book.act(HOLDER, "plan.publish", said, fund=FUND)
    assert [(f["code"], f["verdict"]) for f in event.found["findings"]] == [
        ("lift_estate_unknown", "needs_supplement"), ("warranty_unknown", "needs_supplement"),
    ]  # fmt: skip
    with pytest.raises(Invalid) as refusal:
        planned(book, lifts=[LIFT, LIFT])
    assert refusal.value.code == "lift_twice"


def test_a_scope_without_houses_is_refused() -> None:
    """Nobody could vote on it."""
    with pytest.raises(Invalid) as refusal:
        planned(funded(), buildings=[OTHER_BUILDING])
    assert refusal.value.code == "scope_empty"


def test_votes_of_before_the_civil_code_need_two_thirds_of_all() -> None:
    """The rule is that of the day on which the vote closed: 办法 (2007) art. 22."""
    book = funded()
    vote = opened(book, planned(book, published_on="2020-10-01"), "2020-10-10")
    for name in list(fund(book).houses)[:2]:
        cast(book, vote, name, on="2020-12-31")
    found = close(book, vote, "2020-12-31").found
    assert [f["code"] for f in found["findings"]] == ["approval_reached"]
