"""Premium that comes back to the fund: what is due, what came, and the houses' parts of it."""

from __future__ import annotations

import pytest

from application.ids import new_name
from domain.accounts import entry
from domain.applications import Application
from domain.errors import Conflict, RuleBroken
from domain.funds import Fund
from domain.policies import Policy
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    FUND,
    HOUSING,
    approve,
    balances,
    cancelled,
    filed,
    fund,
    funded,
    on,
    paid,
    pay,
    quoted,
    quoted_again,
    ready,
    seen,
    stage,
    voted,
)
from tests.support.insuring import INSURER
from tests.support.seeding import seed


def refund(book: Book, application: str, amount_fen: int) -> str:
    """Let premium come back; returns the payment's name."""
    payment = new_name("payment")
    said = {"payment": payment, "amount_fen": amount_fen, "line": seen(book, amount_fen, "in")}
    book.act(BANK, "application.refund", said, fund=FUND, application=application)
    return payment


def test_refunds_go_back_in_the_ratio_of_the_charges() -> None:
    """To the house, whoever owns it now, and never more than it was charged (MF12, C6)."""
    book = funded()
    policy, application = paid(book)
    cancelled(book, policy, 5_000)
    claim = {"amount_fen": 5_000, "reason": "cancelled"}
    book.act(INSURER, "application.claim_refund", claim, fund=FUND, application=application)
    first = refund(book, application, 5_000)
    assert (on(book, application).refund_due_fen, on(book, application).refunded_fen) == (5_000, 5_000)
    said = {"payment": first, "group": 1}
    events = book.act(HOUSING, "application.stage_refunds", said, fund=FUND, application=application)
    assert sorted(e.found["amount_fen"] for e in events if e.TOPIC == "house.Refunded") == [1_666, 1_667, 1_667]
    state = fund(book)
    assert balances(book, [application, first]) == {n: a.balance_fen for n, a in state.houses.items()}
    with pytest.raises(Conflict) as twice:
        book.act(HOUSING, "application.stage_refunds", said, fund=FUND, application=application)
    assert twice.value.code == "group_out_of_order"
    said = {"payment": first, "amount_fen": 1, "line": seen(book, 1, "in")}
    with pytest.raises(Conflict) as again:
        book.act(BANK, "application.refund", said, fund=FUND, application=application)
    assert again.value.code == "paid_twice"
    with pytest.raises(Conflict) as above:
        refund(book, application, 3_001)
    assert above.value.code == "refund_too_high"
    refund(book, application, 3_000)
    state = fund(book)
    assert {account.balance_fen for account in state.houses.values()} == {100_000}
    assert state.ledger["5901"] == 0


def twice_paid(book: Book) -> tuple[str, str]:
    """Bring two applications to their payment; returns both."""
    _, first = paid(book)
    second = filed(book, quoted_again(book), *voted(book))
    approve(book, second)
    stage(book, second)
    pay(book, second, line=seen(book))
    return first, second


def test_refunds_of_two_applications_have_two_names() -> None:
    """One name for both would let the second take the place of the first in the books of the houses."""
    book = funded()
    first, second = twice_paid(book)
    payment = refund(book, first, 3_000)
    said = {"payment": payment, "amount_fen": 6_000, "line": seen(book, 6_000, "in")}
    with pytest.raises(Conflict) as refusal:
        book.act(BANK, "application.refund", said, fund=FUND, application=second)
    assert refusal.value.code == "paid_twice"


def test_two_refunds_that_once_had_one_name_come_to_the_houses_whole() -> None:
    """Posted before the name was refused: each is staged with its own shares, and the house's book has both."""
    book = funded()
    first, second = twice_paid(book)
    payment = refund(book, first, 3_000)
    said = {"payment": payment, "amount_fen": 6_000, "line": seen(book, 6_000, "in")}
    posting = {
        "kind": "refund", "amount_fen": 6_000, "postings": entry("1001", "5901", 6_000), "application": second,
        "payment": payment, "line": said["line"],
    }  # fmt: skip
    seed(book, Application, f"{FUND}/{second}", BANK.party, Application.RefundReceived, said, {"open_fen": -6_000})
    seed(book, Fund, FUND, BANK.party, Fund.Posted, {}, posting)
    for application in (first, second):
        group = {"payment": payment, "group": 1}
        book.act(HOUSING, "application.stage_refunds", group, fund=FUND, application=application)
    state = fund(book)
    assert balances(book, [first, second, payment]) == {n: a.balance_fen for n, a in state.houses.items()}


def test_refunds_of_nothing_paid_are_refused() -> None:
    """Neither posted nor staged."""
    book = funded()
    _, application = ready(book)
    with pytest.raises(Conflict):
        refund(book, application, 1)
    said = {"payment": new_name("payment"), "group": 1}
    with pytest.raises(Conflict) as refusal:
        book.act(HOUSING, "application.stage_refunds", said, fund=FUND, application=application)
    assert refusal.value.code == "refund_unknown"


def test_no_more_is_due_back_than_the_policy_released() -> None:
    """Claims of the insurer's debt together, to the fen; nothing while the policy holds it all (ADR 0020)."""
    book = funded()
    policy, application = paid(book)

    def claim(amount_fen: int) -> None:
        said = {"amount_fen": amount_fen, "reason": "cancelled"}
        book.act(INSURER, "application.claim_refund", said, fund=FUND, application=application)

    with pytest.raises(Conflict) as refusal:
        claim(1)
    assert (refusal.value.code, refusal.value.details["left_fen"]) == ("refund_too_high", 0)
    cancelled(book, policy, 7_000)
    claim(3_000)
    with pytest.raises(Conflict) as refusal:
        claim(4_001)
    assert (refusal.value.code, refusal.value.details["left_fen"]) == ("refund_too_high", 4_000)
    claim(4_000)


def test_nothing_is_issued_on_premium_that_went_back() -> None:
    """The bank's line is a fact: it is posted and told, and the policy holds the money no longer (PB01, MF12)."""
    book = funded()
    policy, application = paid(book)
    line = seen(book, 8_000, "in")
    said = {"payment": new_name("payment"), "amount_fen": 8_000, "line": line}
    events = book.act(BANK, "application.refund", said, fund=FUND, application=application)
    (found,) = events[0].found["findings"]
    assert (found["code"], found["facts"]["over_fen"]) == ("refund_not_due", 8_000)
    assert events[-1].TOPIC == "policy.PremiumReturned"
    state = book.state(Policy, policy)
    assert (state.held, state.paid, state.due_fen("fund_principal")) == ({}, False, 8_000)
    with pytest.raises(RuleBroken) as refusal:
        book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert refusal.value.details["finding"] == "issued_before_premium"
    book.now = "2026-07-01T02:00:00.000000Z"
    assert not state.valid("2026-07-01")


def test_only_what_the_policy_still_held_of_a_refund_is_not_due() -> None:
    """The cancellation released 5,000 of 8,000: 6,000 that come back take 1,000 from what the insurer kept."""
    book = funded()
    policy, application = paid(book)
    cancelled(book, policy, 5_000)
    claim = {"amount_fen": 5_000, "reason": "cancelled"}
    book.act(INSURER, "application.claim_refund", claim, fund=FUND, application=application)
    refund(book, application, 5_000)
    assert book.log[-1].TOPIC == "fund.Posted"
    refund(book, application, 1_000)
    returned = book.log[-1]
    assert (returned.TOPIC, returned.found["amount_fen"]) == ("policy.PremiumReturned", 1_000)
    state = book.state(Policy, policy)
    assert state.held == {"fund_principal": 2_000}
    assert state.due_fen("fund_principal") == 0, "what the insurer gave back after the end it does not ask for again"


def test_a_refund_that_was_declared_before_the_policy_released_it_is_told_when_it_comes() -> None:
    """Claims were once bounded by what the fund paid alone: the money is taken from what the policy holds."""
    book = funded()
    policy, application = paid(book)
    claim = {"amount_fen": 3_000, "reason": "cancelled"}
    seed(book, Application, f"{FUND}/{application}", INSURER.party, Application.RefundDue, claim)
    said = {"payment": new_name("payment"), "amount_fen": 3_000, "line": seen(book, 3_000, "in")}
    events = book.act(BANK, "application.refund", said, fund=FUND, application=application)
    assert events[0].found["findings"][0]["facts"]["over_fen"] == 3_000
    assert book.state(Policy, policy).held == {"fund_principal": 5_000}


def test_income_pays_and_is_refunded_as_a_whole() -> None:
    """No house is charged, none is refunded."""
    book = funded((9_000,), 100)
    book.act(BANK, "fund.add_income", {"amount_fen": 10_000, "kind": "interest"}, fund=FUND)
    application = filed(book, quoted(book, source="fund_income"), *voted(book), pays_from="fund_income")
    approve(book, application)
    pay(book, application, line=seen(book))
    assert fund(book).income_fen == 2_000
    refund(book, application, 8_000)
    assert fund(book).income_fen == 10_000
    assert {account.balance_fen for account in fund(book).houses.values()} == {100}
