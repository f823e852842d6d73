"""Applications to pay a premium from the fund: filing, checks, approval, reservation, giving up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from application.ids import new_name
from domain.allotments import Beside
from domain.errors import Conflict, DomainError, Forbidden, RuleBroken
from domain.funds import EXPIRY_RULE, Fund
from domain.lifts import Lift
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    ESTATE,
    FUND,
    HOUSING,
    PREMIUM_FEN,
    approve,
    cast,
    close,
    filed,
    fund,
    funded,
    house,
    on,
    opened,
    pay,
    planned,
    quoted,
    quoted_again,
    ready,
    seen,
    stage,
    voted,
)
from tests.support.insuring import AREA, HOLDER, HOMES, INSURER, RIVAL, drafted, line, proposed
from tests.support.seeding import seed

EXPIRES = "2026-05-14T16:00:00.000000Z"


def test_filing_names_the_proposal_and_tells_what_was_found() -> None:
    """Amounts, findings, insurer and pack stand in found; nothing is reserved yet."""
    book = funded()
    policy = quoted(book)
    name = filed(book, policy, *voted(book))
    found = book.log[-1].found
    assert (found["insurer"], found["premium_fen"], found["bearable_fen"]) == (INSURER.party, PREMIUM_FEN, PREMIUM_FEN)
    assert (found["owed_fen"], found["on"]) == (0, "2026-03-15")
    assert {f["verdict"] for f in found["findings"]} == {"compliant", "manual_review"}
    assert on(book, name).state == "filed"
    assert fund(book).reserved_fen == 0


def test_approval_reserves_the_share_until_its_expiry() -> None:
    """Sixty days, that of the approval not counted; the reservation is apportioned to the fen."""
    book = funded()
    policy = quoted(book)
    name = filed(book, policy, *voted(book))
    approved, reserved = approve(book, name)
    assert (approved.TOPIC, reserved.TOPIC) == ("application.Approved", "fund.Reserved")
    assert reserved.found["because"] == {"stream": approved.originator_id, "version": approved.originator_version}
    assert (reserved.found["expires"], reserved.found["amount_fen"]) == (EXPIRES, PREMIUM_FEN)
    state = fund(book)
    held = state.reservations[name]
    assert sorted(held.charged.values()) == [2_666, 2_667, 2_667]
    assert list(held.charged) == sorted(held.charged)
    assert (state.reserved_fen, state.free_fen("fund_principal", Beside())) == (PREMIUM_FEN, 300_000 - PREMIUM_FEN)


def test_houses_that_cannot_bear_their_share_pay_it_themselves() -> None:
    """MF09: the whole share of such a house is its owner's, and the fund's share is what the others come to."""
    book = funded((9_000, 9_000, 9_000))
    poor = house(book, 9_000, 1_999)
    policy = quoted(book, 6_000)
    name = filed(book, policy, *voted(book), amount_fen=PREMIUM_FEN)
    with pytest.raises(Conflict) as refusal:
        approve(book, name, PREMIUM_FEN)
    assert refusal.value.code == "fund_insufficient"
    with pytest.raises(Conflict) as less:
        approve(book, name, 5_999)
    assert less.value.code == "fund_share_differs"
    approve(book, name, 6_000)
    held = fund(book).reservations[name]
    assert dict(held.owed) == {poor: 2_000}
    assert sum(held.charged.values()) == held.amount_fen == 6_000


def test_a_reservation_binds_the_next_one() -> None:
    """What one application holds, another cannot: the houses' free balances decide."""
    book = funded((9_000,), PREMIUM_FEN)
    plan, vote = voted(book)
    first = filed(book, quoted(book), plan, vote)
    second = filed(book, quoted_again(book), plan, vote)
    approve(book, first)
    with pytest.raises(Conflict) as refusal:
        approve(book, second)
    assert refusal.value.code == "fund_insufficient"
    book.act(HOUSING, "application.void", {"reason": "withdrawn"}, fund=FUND, application=first)
    approve(book, second)


def test_money_due_back_is_not_in_the_bank() -> None:
    """What left without an approval behind it is neither reserved nor paid a second time until it is back (C3)."""
    book = funded(deposit_fen=2_700)
    _, application = ready(book)
    pay(book, application)
    payment = on(book, application).payment or ""
    book.act(HOUSING, "application.void", {"reason": "withdrawn"}, fund=FUND, application=application)
    second = filed(book, quoted_again(book), *voted(book))
    refused_for_want(book, second)
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    state = fund(book)
    assert (state.bank_fen, state.free_fen("fund_principal", Beside()), state.balance_fen) == (100, 100, 8_100)
    refused_for_want(book, second)
    book.act(BANK, "payment.return", {"line": seen(book, direction="in")}, payment=payment)
    approve(book, second)


def refused_for_want(book: Book, application: str) -> None:
    """Assert that an application is not approved for want of money."""
    with pytest.raises(Conflict) as refusal:
        approve(book, application)
    assert refusal.value.code == "fund_insufficient"


def test_income_due_back_is_not_in_the_bank_either() -> None:
    """Pooled money that left is none to reserve, though it still counts as income of the fund."""
    book = funded((9_000,), 100)
    book.act(BANK, "fund.add_income", {"amount_fen": PREMIUM_FEN, "kind": "interest"}, fund=FUND)
    plan, vote = voted(book)
    application = filed(book, quoted(book, source="fund_income"), plan, vote, pays_from="fund_income")
    approve(book, application)
    pay(book, application)
    payment = on(book, application).payment or ""
    book.act(HOUSING, "application.void", {"reason": "withdrawn"}, fund=FUND, application=application)
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    assert (fund(book).income_fen, fund(book).bank_fen) == (PREMIUM_FEN, 100)
    other = quoted(book, source="fund_income", interest="maintainer")
    refused_for_want(book, filed(book, other, plan, vote, pays_from="fund_income"))


def test_money_under_way_at_the_expiry_is_not_reserved_again() -> None:
    """Once the bank says that it could not pay, it is free."""
    book = funded(deposit_fen=2_700)
    plan, vote = voted(book)
    application = filed(book, quoted(book), plan, vote)
    approve(book, application)
    stage(book, application)
    pay(book, application)
    expires = fund(book).reservation(application).expires
    second = filed(book, quoted_again(book), plan, vote)
    seed(book, Fund, FUND, HOUSING.party, Fund.ReservationVoided, {}, {"due": expires, "rule": EXPIRY_RULE}, expires)
    refused_for_want(book, second)
    payment = on(book, application).payment or ""
    book.act(BANK, "payment.fail", {"reason": "account_unknown"}, payment=payment)
    approve(book, second)


def test_without_the_owners_vote_nothing_is_approved() -> None:
    """Neither without a vote nor when it failed; the emergency route goes without."""
    book = funded()
    policy = quoted(book)
    plan = planned(book)
    without = filed(book, policy, plan, None)
    failed = filed(book, policy, *voted(book, "disagree"))
    for name in (without, failed):
        with pytest.raises(RuleBroken) as refusal:
            approve(book, name)
        assert (refusal.value.code, refusal.value.details["rule"]) == ("not_voted", "vote.use_fund")
    approve(book, filed(book, policy, plan, None, emergency="stranded"))


def test_what_the_pack_forbids_is_not_approved() -> None:
    """A plan made public too short a time before the vote (MF04)."""
    book = funded()
    plan, vote = voted(book, published_on="2026-02-03")
    name = filed(book, quoted(book), plan, vote)
    with pytest.raises(RuleBroken) as refusal:
        approve(book, name)
    assert refusal.value.details["finding"] == "plan_publicity_short"


def test_a_vote_that_closed_after_the_application_is_found() -> None:
    """MF05: the owners decide before anyone applies; what counts is the day of filing, not that of the check."""
    book = funded()
    plan = planned(book)
    vote = opened(book, plan)
    name = filed(book, quoted(book), plan, vote)
    for house_name in fund(book).houses:
        cast(book, vote, house_name)
    book.now = "2026-03-20T02:00:00.000000Z"
    close(book, vote, "2026-03-20")
    (checked,) = book.act(HOUSING, "application.check", {}, fund=FUND, application=name)
    assert ("vote_after_application", "violates") in [(f["code"], f["verdict"]) for f in checked.found["findings"]]
    with pytest.raises(RuleBroken) as refusal:
        approve(book, name)
    assert refusal.value.details["finding"] == "vote_after_application"
    approve(book, filed(book, quoted_again(book), plan, vote))


@pytest.mark.parametrize("until, refused", [("2026-03-01", False), ("2026-04-01", False), ("2026-04-02", True)])
def test_the_warranty_is_judged_at_inception(until: str, *, refused: bool) -> None:
    """MF08: a lift under warranty when the plan was published is past it when the policy begins, or is not."""
    book = funded()
    lift = new_name("lift")
    said = {
        "id": lift, "variety": "3110", "area": f"{AREA}001", "status": "in_use", "identifiers": [],
        "premises_class": "residential", "estate": ESTATE, "warranty_until": until,
    }  # fmt: skip
    seed(book, Lift, lift, HOUSING.party, Lift.Registered, said, {"on": "2024-01-01"})
    sources = [{"kind": "fund_principal", "amount_fen": PREMIUM_FEN}]
    policy = proposed(book, line("", lift, PREMIUM_FEN), sources=sources)
    name = filed(book, policy, *voted(book, lifts=[lift]))
    plan = next(event for event in book.log if event.TOPIC == "plan.Published")
    assert [(f["code"], f["verdict"]) for f in plan.found["findings"]] == [("lift_under_warranty", "information")]
    if not refused:
        approve(book, name)
        return
    with pytest.raises(RuleBroken) as refusal:
        approve(book, name)
    assert refusal.value.details["finding"] == "lift_under_warranty"


def test_one_application_buys_one_proposal() -> None:
    """A second application for the same policy is not approved, and later not even filed."""
    book = funded()
    plan, vote = voted(book)
    policy = quoted(book)
    first, second = filed(book, policy, plan, vote), filed(book, policy, plan, vote)
    approve(book, first)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: approve(book, second),
        lambda: filed(book, policy, plan, vote),
    )
    for attempt in attempts:
        with pytest.raises(Conflict) as refusal:
            attempt()
        assert (refusal.value.code, refusal.value.details["by"]) == ("policy_applied_already", first)


def test_filing_needs_a_proposal_and_papers_that_belong_together() -> None:
    """A quotation not proposed, a vote on another plan, a plan for another policy are refused."""
    book = funded()
    plan, vote = voted(book)
    policy = quoted(book)
    with pytest.raises(Conflict) as early:
        filed(book, drafted(book, line("", HOMES)), plan, vote)
    assert early.value.code == "policy_state"
    other = planned(book, policy=new_name("policy"))
    for named, code in ((None, "plan_of_other_policy"), (vote, "vote_of_other_plan")):
        with pytest.raises(Conflict) as refusal:
            filed(book, policy, other, named)
        assert refusal.value.code == code
    book.now = "2026-07-01T02:00:00.000000Z"
    with pytest.raises(Conflict) as expired:
        filed(book, policy, plan, vote)
    assert expired.value.code == "quote_expired"


def test_the_bureau_checks_and_refuses() -> None:
    """Checks are recorded with their gravest verdict; a refused application ends."""
    book = funded()
    name = filed(book, quoted(book), *voted(book))
    (checked,) = book.act(HOUSING, "application.check", {}, fund=FUND, application=name)
    assert checked.found["verdict"] == "manual_review"
    book.act(HOUSING, "application.refuse", {"reasons": ["papers_missing"]}, fund=FUND, application=name)
    attempts: tuple[Callable[[Book, str], object], ...] = (approve, pay, stage)
    for attempt in attempts:
        with pytest.raises(Conflict) as refusal:
            attempt(book, name)
        assert refusal.value.code == "application_refused"


@pytest.mark.parametrize("source", ["fund_income", "emergency_fund"])
def test_income_of_the_fund_pays_without_charging_houses(source: str) -> None:
    """增值收益, also what of it is set aside for emergencies, is reserved as a whole and not more than there is."""
    book = funded((9_000,), 100)
    policy = quoted(book, source=source)
    plan, vote = voted(book)
    name = filed(book, policy, plan, vote, pays_from=source)
    with pytest.raises(Conflict) as refusal:
        approve(book, name)
    assert refusal.value.code == "fund_insufficient"
    book.act(HOUSING, "fund.add_income", {"amount_fen": PREMIUM_FEN, "kind": "interest"}, fund=FUND)
    approve(book, name)
    state = fund(book)
    assert (state.free_fen("fund_income", Beside()), dict(state.reservations[name].charged), on(book, name).groups) == (
        0,
        {},
        0,
    )
    pay(book, name, line=seen(book))
    state = fund(book)
    assert (state.income_fen, state.balance_fen, state.ledger["1001"]) == (0, 100, 100)


def test_two_kinds_of_pooled_money_are_one_account() -> None:
    """What is held for an emergency is no longer free as income, so the pool never falls below zero."""
    book = funded((9_000,), 100)
    book.act(HOUSING, "fund.add_income", {"amount_fen": PREMIUM_FEN, "kind": "interest"}, fund=FUND)
    plan, vote = voted(book)
    approve(book, filed(book, quoted(book, source="emergency_fund"), plan, vote, pays_from="emergency_fund"))
    other = quoted(book, source="fund_income", interest="maintainer")
    second = filed(book, other, plan, vote, pays_from="fund_income")
    with pytest.raises(Conflict) as refusal:
        approve(book, second)
    assert refusal.value.code == "fund_insufficient"


@pytest.mark.parametrize(
    "act, said", [("approve", {"fund_share_fen": 1}), ("refuse", {"reasons": ["no"]}), ("check", {})]
)
def test_only_the_bureau_decides(act: str, said: dict[str, Any]) -> None:
    """Whoever manages the estate may file, not decide."""
    book = funded()
    name = filed(book, quoted(book), *voted(book))
    with pytest.raises(Forbidden):
        book.act(HOLDER, f"application.{act}", said, fund=FUND, application=name)


def test_the_filer_may_give_up_and_a_stranger_may_not() -> None:
    """A given-up application releases what it held."""
    book = funded()
    name = filed(book, quoted(book), *voted(book))
    approve(book, name)
    said = {"reason": "withdrawn"}
    with pytest.raises(DomainError):
        book.act(RIVAL, "application.void", said, fund=FUND, application=name)
    events = book.act(HOLDER, "application.void", said, fund=FUND, application=name)
    assert [event.TOPIC for event in events] == ["application.Voided", "fund.ReservationVoided"]
    assert fund(book).reserved_fen == 0
    with pytest.raises(Conflict) as refusal:
        pay(book, name)
    assert refusal.value.code == "application_voided"


def test_giving_up_before_the_approval_releases_nothing() -> None:
    """There is nothing to release."""
    book = funded()
    name = filed(book, quoted(book), *voted(book))
    said = {"reason": "withdrawn"}
    events = book.act(HOLDER, "application.void", said, fund=FUND, application=name)
    assert [event.TOPIC for event in events] == ["application.Voided"]


def test_open_reservations_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named one."""
    monkeypatch.setattr("domain.funds.RESERVATIONS_MAX", 0)
    book = funded()
    name = filed(book, quoted(book), *voted(book))
    with pytest.raises(Conflict) as refusal:
        approve(book, name)
    assert refusal.value.code == "too_many"
