"""What was paid on a claim and came back: it is undone, owed again within the approval, and told by the register."""

from __future__ import annotations

from typing import Any

import pytest

from domain.aggregate import Event
from domain.limits import Limit
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_OTHER,
    BY_USE_UNIT,
    LIFT,
    POLICY,
    approval,
    claim_at,
    codes,
    insured,
    notified,
    payment,
    refusal,
    register,
    topics,
)

LIMIT = f"{POLICY}/limit:{LIFT.removeprefix('lift:')}:2026"
PAID_AT, BACK_AT = "2026-03-06T02:00:00.000000Z", "2026-03-09T02:00:00.000000Z"
AGREED = {"agreed_on": "2026-03-05"}


@pytest.fixture
def book() -> Book:
    """A book with one lift insured for 1,000 fen a year, on 10 March."""
    book = insured(limit_fen=1_000)
    book.now = "2026-03-10T02:00:00.000000Z"
    return book


def approved(book: Book, amount_fen: int = 1_000, **more: Any) -> dict[str, str]:  # noqa: ANN401 - members of any type
    """Have a claim of 5 March approved on that day; returns its path."""
    now, book.now = book.now, "2026-03-05T02:00:00.000000Z"
    path = notified(book)
    book.act(BY_INSURER, "claim.approve", approval(amount_fen, **more), **path)
    book.now = now
    return path


def paid(book: Book, path: dict[str, str], amount_fen: int = 1_000, at: str = PAID_AT, **more: str) -> Event:
    """Pay so much, in advance with a kind; returns the event."""
    action = "claim.advance" if more else "claim.pay"
    return book.act(BY_INSURER, action, payment(amount_fen, paid_at=at, **more), **path)[0]


def back(event: Event, at: str = BACK_AT) -> dict[str, Any]:
    """Say that a payment came back."""
    version = event.originator_version
    return {"paid_version": version, "returned_at": at, "reason": "account_closed", "document": "e" * 64}


def test_a_payment_that_came_back_is_paid_again_within_the_approval(book: Book) -> None:
    """The approval stands and its limits stay taken; only the payment is undone, once."""
    path = approved(book)
    first = paid(book, path)
    (event,) = book.act(BY_INSURER, "claim.return", back(first), **path)
    assert (event.TOPIC, event.effective_at) == ("claim.PaymentReturned", BACK_AT)
    assert (event.found["amount_fen"], event.found["restored_fen"]) == (1_000, 0)
    claim = claim_at(book, path)
    assert (claim.state, claim.approved_fen, claim.paid_fen) == ("approved", 1_000, 0)
    assert book.state(Limit, LIMIT).consumed_fen == 1_000
    assert refusal(book, BY_INSURER, "claim.return", back(first), **path).code == "payment_returned"
    assert refusal(book, BY_INSURER, "claim.pay", payment(1_001, paid_at=BACK_AT), **path).code == "over_approved"
    second = paid(book, path, at=BACK_AT)
    assert refusal(book, BY_INSURER, "claim.pay", payment(1, paid_at=BACK_AT), **path).code == "over_approved"
    book.act(BY_INSURER, "claim.return", back(second), **path)
    paid(book, path, at=book.now)
    book.act(BY_INSURER, "claim.close", {"reason": "paid"}, **path)
    assert [(row["since"], row["paid_fen"]) for row in register(book, path) if row["state"] == "approved"] == [
        ("2026-03-05T02:00:00.000000Z", 0), (PAID_AT, 1_000), (BACK_AT, 0),
    ]  # fmt: skip


def test_what_never_was_paid_did_not_come_back(book: Book) -> None:
    """The payment is named by its event; it came back after it went and before now, and its insurer says so."""
    path = approved(book)
    first = paid(book, path)
    for author in (BY_OTHER, BY_USE_UNIT):
        assert refusal(book, author, "claim.return", back(first), **path).code == "right_missing"
    for version in (1, 2, 4):
        said = {**back(first), "paid_version": version}
        assert refusal(book, BY_INSURER, "claim.return", said, **path).code == "payment_unknown"
    early, late = (back(first, at) for at in ("2026-03-06T01:59:59.999999Z", "2026-03-10T02:00:00.000001Z"))
    assert refusal(book, BY_INSURER, "claim.return", early, **path).code == "returned_before_paid"
    assert refusal(book, BY_INSURER, "claim.return", late, **path).code == "date_in_future"
    book.act(BY_INSURER, "claim.return", back(first, PAID_AT), **path)  # recorded by mistake


def test_a_claim_closed_as_paid_is_open_again_when_the_money_comes_back(book: Book) -> None:
    """Nothing closes a claim of which something is unpaid; what was refused or came to nothing stays closed."""
    path = approved(book)
    first = paid(book, path)
    book.act(BY_INSURER, "claim.close", {"reason": "paid"}, **path)
    book.act(BY_INSURER, "claim.return", back(first), **path)
    assert claim_at(book, path).state == "approved"
    assert refusal(book, BY_INSURER, "claim.close", {"reason": "paid"}, **path).code == "unpaid"
    paid(book, path, at=BACK_AT)
    book = insured()
    path = notified(book)
    first = paid(book, path, 300, "2026-03-05T00:00:00.000000Z", kind="quick_half")
    book.act(BY_INSURER, "claim.refuse", {"reasons": ["x"], "decided_on": "2026-03-05"}, **path)
    book.act(BY_INSURER, "claim.close", {"reason": "refused"}, **path)
    book.now = "2026-03-10T00:00:00.000000Z"
    book.act(BY_INSURER, "claim.return", back(first), **path)
    assert (claim_at(book, path).state, claim_at(book, path).paid_fen) == ("closed", 0)
    assert book.state(Limit, LIMIT).consumed == {}


def test_an_advance_that_came_back_was_none(book: Book) -> None:
    """What it alone took of the limits they get back; under an approval the rest is paid instead."""
    path = notified(book)
    first = paid(book, path, 400, kind="quick_half")
    events = book.act(BY_INSURER, "claim.return", back(first), **path)
    assert topics(events) == ["claim.PaymentReturned", "limit.Restored", "limit.Restored"]
    assert (claim_at(book, path).advanced_fen, book.state(Limit, LIMIT).consumed) == (0, {})
    second = paid(book, path, 500, BACK_AT, kind="quick_half")
    book.act(BY_INSURER, "claim.approve", approval(300), **path)
    events = book.act(BY_INSURER, "claim.return", back(second), **path)
    assert events[0].found["restored_fen"] == 200
    assert book.state(Limit, LIMIT).consumed_fen == claim_at(book, path).authorised_fen == 300
    paid(book, path, 300, BACK_AT)


def test_nothing_is_paid_anew_before_it_came_back(book: Book) -> None:
    """Else more than was approved was out for as long; a payment of the rest is of any day."""
    path = approved(book)
    first = paid(book, path, 600)
    book.act(BY_INSURER, "claim.return", back(first), **path)
    before = payment(401, paid_at=PAID_AT)
    assert refusal(book, BY_INSURER, "claim.pay", before, **path).code == "paid_before_return"
    paid(book, path, 400)
    paid(book, path, 600, BACK_AT)
    path = approved(insured_anew := insured(limit_fen=1_000))
    insured_anew.now = "2026-03-10T02:00:00.000000Z"
    insured_anew.act(BY_INSURER, "claim.return", back(paid(insured_anew, path)), **path)
    nothing = {"approved_fen": 0, "currency": "CNY", "reason": "x", "agreed_on": "2026-03-09", "document": "d" * 64}
    insured_anew.act(BY_INSURER, "claim.reduce", nothing, **path)
    early = payment(10, paid_at=PAID_AT, kind="quick_half")
    assert refusal(insured_anew, BY_INSURER, "claim.advance", early, **path).code == "paid_before_return"


def test_the_delay_of_what_came_back_is_for_a_person_to_judge(book: Book) -> None:
    """Ten days after the agreement (保险法 23) are over; whose fault the closed account was the ledger cannot know."""
    path, other = approved(book, 500), approved(book, 500)
    for claim in (path, other):
        book.act(BY_INSURER, "claim.agree", AGREED, **claim)
    book.act(BY_INSURER, "claim.return", back(paid(book, path, 500)), **path)
    book.now = "2026-05-10T02:00:00.000000Z"
    told = [paid(book, claim, 500, book.now).found["findings"] for claim in (path, other)]
    assert [[(f["code"], f["verdict"]) for f in findings] for findings in told] == [
        [("overdue_k4", "manual_review")], [("overdue_k4", "violates")],
    ]  # fmt: skip


def test_the_register_tells_no_reduction_before_what_it_let_go_of_came_back(book: Book) -> None:
    """Agreed on 7 March, when the money was out still: approved less only from the 9th."""
    path = approved(book)
    book.act(BY_INSURER, "claim.return", back(paid(book, path)), **path)
    less = {"approved_fen": 400, "currency": "CNY", "reason": "x", "agreed_on": "2026-03-07", "document": "d" * 64}
    book.act(BY_INSURER, "claim.reduce", less, **path)
    told = [(row["since"][:10], row["approved_fen"], row["paid_fen"]) for row in register(book, path)]
    assert told == [("2026-03-05", 1_000, 0), ("2026-03-06", 1_000, 1_000), ("2026-03-09", 400, 0)]


def test_a_clock_runs_on_what_was_agreed_and_no_more(book: Book) -> None:
    """An approval that came to nothing leaves no agreement, and one that was performed binds no later difference."""
    path, other = approved(book, 400), approved(book, 400)
    for claim in (path, other):
        book.act(BY_INSURER, "claim.agree", AGREED, **claim)
    nothing = {"approved_fen": 0, "currency": "CNY", "reason": "x", **AGREED, "document": "d" * 64}
    book.act(BY_INSURER, "claim.reduce", nothing, **path)
    paid(book, other, 400)
    assert claim_at(book, path).agreed_on is None
    assert book.act(BY_USE_UNIT, "claim.agree", AGREED, **other)[0].found["due"] == []
    book.now = "2026-06-01T02:00:00.000000Z"
    book.act(BY_INSURER, "claim.approve", approval(200), **path)
    book.act(BY_INSURER, "claim.approve", approval(300, further=True), **other)
    for claim in (path, other):
        assert codes([paid(book, claim, 200, book.now)]) == []
    (agreed,) = book.act(BY_USE_UNIT, "claim.agree", {"agreed_on": "2026-06-01"}, **other)
    assert [row["due_on"] for row in agreed.found["due"]] == ["2026-06-11"]
    book.now = "2026-07-01T02:00:00.000000Z"
    assert codes([paid(book, other, 100, book.now)]) == ["overdue_k4"]
