"""The days of a claim: none is to come, none lies before the loss unseen, and money follows its approval."""

from __future__ import annotations

from typing import Any

import pytest

from application.ids import new_name
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_USE_UNIT,
    approval,
    codes,
    insured,
    less,
    notified,
    papers,
    payment,
    refusal,
    register,
)


@pytest.fixture
def book() -> Book:
    """A book with one insured lift."""
    return insured()


# --------------------------------------------------------------------------------------------------------------- days


def said_of(day: str, at: str) -> dict[str, dict[str, Any]]:
    """Give what each act says that happened on a day, or at an instant."""
    refused = {"reasons": ["x"], "decided_on": day}
    return {
        "claim.approve": approval(10, effective_on=day), "claim.pay": payment(10, paid_at=at),
        "claim.advance": payment(10, kind="quick_half", paid_at=at), "claim.agree": {"agreed_on": day},
        "claim.refuse": refused, "claim.file": papers() | {"received_on": day},
        "claim.ask_supplement": {"missing": ["invoice"], "delivered_on": day}, "claim.reduce": less(10, agreed_on=day),
    }  # fmt: skip


@pytest.mark.parametrize("action", sorted(said_of("", "")))
def test_nothing_of_a_claim_happened_on_a_day_to_come(book: Book, action: str) -> None:
    """It is 5 March in Shanghai until 16:00 UTC: that day has come, the next one has not."""
    path = notified(book)
    if action in {"claim.pay", "claim.agree", "claim.reduce"}:
        book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    book.now = "2026-03-05T15:59:59.999999Z"
    later = said_of("2026-03-06", "2026-03-05T16:00:00.000000Z")[action]
    assert refusal(book, BY_INSURER, action, later, **path).code == "date_in_future"
    book.act(BY_INSURER, action, said_of("2026-03-05", book.now)[action], **path)


def test_a_notice_of_refusal_and_an_occurrence_are_of_the_past_too(book: Book) -> None:
    """What went out tomorrow did not go out, what occurs tomorrow did not occur."""
    refused = {"reasons": ["x"], "decided_on": "2026-03-05", "notice_on": "2026-03-06"}
    assert refusal(book, BY_INSURER, "claim.refuse", refused, **notified(book)).code == "date_in_future"
    occurred = {"id": new_name("occurrence"), "at": "2026-03-05T00:00:00.000001Z", "kind": "injury"}
    assert refusal(book, BY_USE_UNIT, "occurrence.open", occurred).code == "date_in_future"


def test_nothing_is_decided_on_a_loss_before_its_day(book: Book) -> None:
    """Nor on one that is notified though it is yet to come; it may be refused, and held for."""
    path, coming = notified(book), notified(book, loss_at="2026-03-07T00:00:00.000000Z")
    early = approval(10, effective_on="2026-02-28")
    assert refusal(book, BY_INSURER, "claim.approve", early, **path).code == "before_loss"
    book.act(BY_INSURER, "claim.approve", approval(10, effective_on="2026-03-01"), **path)
    assert refusal(book, BY_INSURER, "claim.approve", approval(10), **coming).code == "before_loss"
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 10}, **coming)
    book.act(BY_INSURER, "claim.refuse", {"reasons": ["x"], "decided_on": "2026-03-05"}, **coming)


@pytest.mark.parametrize("action", sorted(set(said_of("", "")) - {"claim.approve", "claim.refuse"}))
def test_a_fact_dated_before_the_loss_is_seen(book: Book, action: str) -> None:
    """One of the two days is wrong, and nobody here can say which: money and papers are recorded."""
    path = notified(book)
    if action in {"claim.pay", "claim.agree", "claim.reduce"}:
        book.act(BY_INSURER, "claim.approve", approval(1_000, effective_on="2026-03-01"), **path)
    said = said_of("2026-02-28", "2026-02-28T02:00:00.000000Z")[action]
    found = codes(book.act(BY_INSURER, action, said, **path))
    assert "dated_before_loss" in found
    assert ("paid_before_approval" in found) is (action == "claim.pay")


def test_money_paid_before_the_day_of_its_approval_is_seen(book: Book) -> None:
    """Recorded late on one day is no matter; the register tells the approval from when it was paid on."""
    path, late = notified(book), notified(book)
    now, book.now = "2026-03-05T09:00:00.000000Z", "2026-03-05T08:00:00.000000Z"
    for claim in (path, late):
        book.act(BY_INSURER, "claim.approve", approval(1_000), **claim)
    book.now = now
    assert codes(book.act(BY_INSURER, "claim.pay", payment(1_000), **path)) == []
    (found,) = book.act(
        BY_INSURER, "claim.pay", payment(600, paid_at="2026-03-04T00:00:00.000000Z"), **late
    )[0].found["findings"]  # fmt: skip
    assert (found["code"], found["verdict"]) == ("paid_before_approval", "manual_review")
    assert found["facts"] == {"paid_on": "2026-03-04", "paid_fen": 600, "approved_fen": 0}
    for claim in (path, late):
        assert all(row["paid_fen"] <= row["approved_fen"] for row in register(book, claim))
    assert [(row["since"], row["approved_fen"]) for row in register(book, path)] == [
        ("2026-03-05T00:00:00.000000Z", 1_000)
    ]
