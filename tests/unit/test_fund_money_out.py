"""Money of a fund that left, or is about to, for what was given up, ended or noted as failed."""

from __future__ import annotations

import pytest

from domain.accounts import trial_balance_fen
from domain.applications import Application
from domain.errors import Conflict
from domain.funds import Fund
from domain.payments import Payment
from domain.policies import Policy
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    FUND,
    HOUSING,
    PREMIUM_FEN,
    approve,
    filed,
    fund,
    funded,
    on,
    pay,
    quoted,
    quoted_again,
    ready,
    refused,
    seen,
    stage,
    voted,
)
from tests.support.insuring import INSURER
from tests.support.seeding import seed


def under_way() -> tuple[Book, str, str, str]:
    """Give a book with a payment under way: book, policy, application, payment."""
    book = funded()
    policy, application = ready(book)
    pay(book, application)
    return book, policy, application, on(book, application).payment or ""


def test_money_under_way_when_the_application_is_given_up_is_due_back() -> None:
    """The bank's confirmation is a fact: posted to be returned, houses uncharged, no premium received (C3)."""
    book, policy, application, payment = under_way()
    book.act(HOUSING, "application.void", {"reason": "withdrawn"}, fund=FUND, application=application)
    events = book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    assert [event.TOPIC for event in events] == [
        "payment.Confirmed", "bankline.Used", "fund.Posted", "application.ReturnDue", "payment.ReturnDue",
    ]  # fmt: skip
    state = fund(book)
    assert (state.ledger["return_due"], state.balance_fen) == (PREMIUM_FEN, 300_000)
    assert trial_balance_fen(state.ledger) == 0
    assert book.state(Policy, policy).received == {}
    with pytest.raises(Conflict) as short:
        book.act(BANK, "payment.return", {"line": seen(book, 1, "in")}, payment=payment)
    assert short.value.code == "line_amount_differs"
    book.act(BANK, "payment.return", {"line": seen(book, direction="in")}, payment=payment)
    state = fund(book)
    assert (state.ledger["return_due"], state.ledger["1001"], state.return_due) == (0, 300_000, {})
    assert book.state(Payment, payment).state == "returned"


def test_what_was_reserved_of_money_due_back_is_not_paid() -> None:
    """Reservations of before money due back was counted: the bank would be overdrawn by the second."""
    book = funded(deposit_fen=2_700)
    first_policy, second_policy = quoted(book), quoted_again(book)
    plan, vote = voted(book)
    first, second = filed(book, first_policy, plan, vote), filed(book, second_policy, plan, vote)
    approve(book, first)
    stage(book, first)
    pay(book, first)
    held = fund(book).reservation(first)
    approval = {"findings": [], "on": "2026-03-15", "groups": 0}
    share = {"fund_share_fen": PREMIUM_FEN}
    seed(book, Application, f"{FUND}/{second}", HOUSING.party, Application.Approved, share, approval)
    reserved = {
        "application": second, "policy": second_policy, "source": "fund_income", "amount_fen": PREMIUM_FEN,
        "apportioned_fen": PREMIUM_FEN, "buildings": None, "expires": held.expires, "beside": [],
    }  # fmt: skip
    seed(book, Fund, FUND, HOUSING.party, Fund.Reserved, {}, reserved)
    assert refused(book, second) == "fund_insufficient"


def test_money_for_a_policy_that_ended_meanwhile_is_due_back() -> None:
    """The reservation is released in the same save."""
    book, policy, application, payment = under_way()
    book.act(INSURER, "policy.void", {"reason": "withdrawn"}, policy=policy)
    events = book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    assert "fund.ReservationVoided" in {event.TOPIC for event in events}
    assert (fund(book).reserved_fen, on(book, application).state) == (0, "return_due")


def test_a_failed_payment_may_be_ordered_again() -> None:
    """The reservation still holds; should the first have left all the same, it is due back."""
    book, _, application, payment = under_way()
    book.act(BANK, "payment.fail", {"reason": "account_unknown"}, payment=payment)
    assert on(book, application).state == "approved"
    pay(book, application, line=seen(book))
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    assert (on(book, application).state, book.state(Payment, payment).state) == ("paid", "return_due")
    assert fund(book).bank_fen == 300_000 - 2 * PREMIUM_FEN


@pytest.mark.parametrize("given_up", [False, True])
def test_a_payment_noted_as_failed_that_left_all_the_same_is_confirmed(*, given_up: bool) -> None:
    """The bank's line is a fact: it pays what is reserved still, and is due back else; 1001 is what the bank has."""
    book, policy, application, payment = under_way()
    book.act(BANK, "payment.fail", {"reason": "typing_error"}, payment=payment)
    if given_up:
        book.act(HOUSING, "application.void", {"reason": "withdrawn"}, fund=FUND, application=application)
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    told = on(book, application)
    assert (told.state, told.payment) == ("return_due" if given_up else "paid", payment)
    assert fund(book).bank_fen == 300_000 - PREMIUM_FEN
    assert book.state(Policy, policy).held_fen == (0 if given_up else PREMIUM_FEN)
    if given_up:
        book.act(BANK, "payment.return", {"line": seen(book, direction="in")}, payment=payment)
        assert fund(book).bank_fen == 300_000


def test_a_payment_noted_as_failed_takes_nothing_from_the_one_ordered_in_its_place() -> None:
    """The first is due back and the second pays; until the first is back, its houses have so much less."""
    book, _, application, first = under_way()
    book.act(BANK, "payment.fail", {"reason": "typing_error"}, payment=first)
    pay(book, application)
    second = on(book, application).payment or ""
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=first)
    assert (on(book, application).state, fund(book).return_due) == ("ordered", {first: PREMIUM_FEN})
    other = filed(book, quoted_again(book), *voted(book))
    assert book.events(f"{FUND}/{other}")[-1].found["bearable_fen"] == PREMIUM_FEN
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=second)
    assert on(book, application).state == "paid"
    approve(book, other)
    assert book.events(FUND)[-1].found["beside"] == [application]


def test_a_payment_that_fails_after_giving_up_leaves_it_given_up() -> None:
    """And the fund untouched."""
    book, _, application, payment = under_way()
    book.act(HOUSING, "application.void", {"reason": "withdrawn"}, fund=FUND, application=application)
    book.act(BANK, "payment.fail", {"reason": "account_unknown"}, payment=payment)
    assert (on(book, application).state, fund(book).balance_fen) == ("voided", 300_000)
