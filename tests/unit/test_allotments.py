"""Money that is out or under way though nothing is reserved for it: nobody else's pays in its place (C3)."""

from __future__ import annotations

import pytest

from domain.errors import Conflict
from domain.funds import Fund
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    BUILDING,
    COMMITTEE,
    FUND,
    HOUSING,
    OTHER_BUILDING,
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
    seen,
    stage,
    voted,
)
from tests.support.seeding import seed


def two_buildings() -> tuple[Book, str, str]:
    """Give a book in which a house of each of two buildings has one premium, and plan and vote of the first one."""
    book = funded(areas=())
    first, _ = (house(book, deposit_fen=PREMIUM_FEN, building=name) for name in (BUILDING, OTHER_BUILDING))
    plan = planned(book, buildings=[BUILDING])
    vote = opened(book, plan)
    cast(book, vote, first)
    close(book, vote)
    book.act(COMMITTEE, "vote.publish", {"published_on": "2026-02-21"}, fund=FUND, vote=vote)
    return book, plan, vote


def given_up(book: Book, application: str) -> str:
    """Order an application's payment and give the application up; returns the payment."""
    pay(book, application)
    payment = on(book, application).payment or ""
    book.act(HOUSING, "application.void", {"reason": "withdrawn"}, fund=FUND, application=application)
    return payment


def bearable(book: Book, application: str) -> tuple[int, int]:
    """Give what the check finds that the fund and the owners bear."""
    found = book.act(HOUSING, "application.check", {}, fund=FUND, application=application)[0].found
    return found["bearable_fen"], found["owed_fen"]


def refused(book: Book, application: str) -> None:
    """Assert that an application is not approved for want of money."""
    with pytest.raises(Conflict) as refusal:
        approve(book, application)
    assert refusal.value.code == "fund_insufficient"


@pytest.mark.parametrize("arrived", [False, True])
def test_a_houses_money_that_is_out_or_under_way_is_not_spent_again(*, arrived: bool) -> None:
    """The bank has as much, but it is another house's: told when it is filed, refused until the money is back."""
    book, plan, vote = two_buildings()
    policy = quoted(book)
    first = filed(book, policy, plan, vote)
    approve(book, first)
    stage(book, first)
    payment = given_up(book, first)
    if arrived:
        book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    second = filed(book, policy, plan, vote)
    assert (book.log[-1].found["bearable_fen"], book.log[-1].found["owed_fen"]) == (0, PREMIUM_FEN)
    refused(book, second)
    if arrived:
        book.act(BANK, "payment.return", {"line": seen(book, direction="in")}, payment=payment)
    else:
        book.act(BANK, "payment.fail", {"reason": "account_unknown"}, payment=payment)
    assert bearable(book, second) == (PREMIUM_FEN, 0)
    approve(book, second)
    stage(book, second)
    pay(book, second, line=seen(book))
    assert sorted(account.balance_fen for account in fund(book).houses.values()) == [0, PREMIUM_FEN]


@pytest.mark.parametrize("arrived", [False, True])
def test_income_that_is_out_or_under_way_is_not_spent_again(*, arrived: bool) -> None:
    """Pooled money neither: principal is not lent to it."""
    book = funded(areas=(9_000,), deposit_fen=PREMIUM_FEN)
    book.act(BANK, "fund.add_income", {"amount_fen": PREMIUM_FEN, "kind": "interest"}, fund=FUND)
    plan, vote = voted(book)
    policy = quoted(book, source="fund_income")
    first = filed(book, policy, plan, vote, pays_from="fund_income")
    approve(book, first)
    payment = given_up(book, first)
    if arrived:
        book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    second = filed(book, policy, plan, vote, pays_from="fund_income")
    assert (book.log[-1].found["bearable_fen"], book.log[-1].found["owed_fen"]) == (0, 0)
    refused(book, second)


def test_a_reservation_names_the_applications_whose_money_it_left_alone() -> None:
    """Whoever folds the fund's stream works out the same shares from it."""
    book, plan, vote = two_buildings()
    policy = quoted(book)
    first = filed(book, policy, plan, vote)
    approve(book, first)
    assert book.events(FUND)[-1].found["beside"] == []
    stage(book, first)
    given_up(book, first)
    richer = house(book, deposit_fen=2 * PREMIUM_FEN, building=BUILDING)
    second = filed(book, policy, plan, vote)
    approve(book, second, PREMIUM_FEN // 2)
    assert book.events(FUND)[-1].found["beside"] == [first]
    assert fund(book).reservations[second].charged == {richer: PREMIUM_FEN // 2}


def test_a_reservation_of_before_that_lends_anothers_money_is_not_paid() -> None:
    """Of schema 1 nothing was taken off for money out or under way; the order looks at it, house by house."""
    book, plan, vote = two_buildings()
    policy = quoted(book)
    first, second = filed(book, policy, plan, vote), filed(book, policy, plan, vote)
    approve(book, first)
    held = fund(book).reservation(first)
    stage(book, first)
    payment = given_up(book, first)
    book.act(BANK, "payment.fail", {"reason": "account_unknown"}, payment=payment)
    approve(book, second)
    stage(book, second)
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    with pytest.raises(Conflict) as refusal:
        pay(book, second)
    assert (refusal.value.code, refusal.value.details["free_fen"]) == ("fund_insufficient", 0)
    assert held.charged == fund(book).reservation(second).charged


def test_reservations_of_before_fold_as_they_did() -> None:
    """Their shares come to the amount that stands in them, though the house's money was out."""
    book, plan, vote = two_buildings()
    first = filed(book, quoted(book), plan, vote)
    approve(book, first)
    stage(book, first)
    state: dict[str, dict[str, object]] = {
        "found": {
            "application": "application:old", "policy": "policy:old", "source": "fund_principal",
            "amount_fen": PREMIUM_FEN, "apportioned_fen": PREMIUM_FEN, "buildings": None,
            "expires": fund(book).reservation(first).expires,
        }
    }  # fmt: skip
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=given_up(book, first))
    Fund.Reserved.upcast_v1_v2(state)
    seed(book, Fund, FUND, HOUSING.party, Fund.Reserved, {}, state["found"])
    assert sum(fund(book).reservation("application:old").charged.values()) == PREMIUM_FEN
