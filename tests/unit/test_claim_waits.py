"""What is awaited of a claim after its last day: a decision, an advance, the money that was agreed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.claim_waits import awaited
from domain.packs import Pack, load_pack
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_USE_UNIT,
    approval,
    claim_at,
    insured,
    less,
    notified,
    papers,
    payment,
)

PACK = load_pack("shandong@1")
LATE = "2027-01-01"


@pytest.fixture
def book() -> Book:
    """A book with one insured lift; it is the 5 March 2026."""
    return insured()


def waits(book: Book, path: dict[str, str], today: str, pack: Pack | None = PACK) -> list[str]:
    """Give the codes of what is awaited on a day."""
    return [found["code"] for found in awaited(claim_at(book, path), lambda _day: pack, today)]


def filed(book: Book) -> dict[str, str]:
    """Give a claim whose papers came on the 5 March."""
    path = notified(book)
    book.act(BY_USE_UNIT, "claim.file", papers(), **path)
    return path


def test_nothing_is_awaited_before_the_papers_came(book: Book) -> None:
    """No clock runs from the notice alone."""
    assert waits(book, notified(book), LATE) == []


@pytest.mark.parametrize(
    "today, codes",
    [
        ("2026-04-07", []), ("2026-04-08", ["decision_awaited"]), ("2026-05-06", ["decision_awaited"]),
        ("2026-05-07", ["decision_awaited", "advance_awaited"]),
    ],
)  # fmt: skip
def test_a_decision_is_awaited_once_its_last_day_is_over(book: Book, today: str, codes: list[str]) -> None:
    """30 days from 5 March end in the holidays of Qingming, 60 in those of May: the day after them is the last."""
    path = filed(book)
    assert waits(book, path, today) == codes
    found: Any = awaited(claim_at(book, path), lambda _day: PACK, today)
    for each, (name, due_on, last_on) in zip(
        found, (("K3", "2026-04-04", "2026-04-07"), ("K6", "2026-05-04", "2026-05-06")), strict=False
    ):
        assert each["facts"] == {"clock": name, "due_on": due_on, "last_on": last_on}
        assert each["verdict"] == "manual_review", "what was done and not recorded looks the same"


def test_where_no_clock_is_in_force_nothing_is_awaited(book: Book) -> None:
    """A district without a pack, or whose pack leaves the clocks open, has no such duty to have missed."""
    rules = tuple(replace(rule, value="not_fixed") if rule.id == "claims.clocks" else rule for rule in PACK.rules)
    path = filed(book)
    assert waits(book, path, LATE, None) == waits(book, path, LATE, replace(PACK, rules=rules)) == []


def test_the_first_request_for_papers_stops_the_thirty_days_alone(book: Book) -> None:
    """While they are wanted no decision is awaited, though an advance is; once they came the days go on."""
    path = filed(book)
    book.now = "2026-03-10T02:00:00.000000Z"
    asked = {"missing": ["invoice"], "delivered_on": "2026-03-10"}
    book.act(BY_INSURER, "claim.ask_supplement", asked, **path)
    assert waits(book, path, LATE) == ["advance_awaited"]
    book.now = "2026-03-20T02:00:00.000000Z"
    book.act(BY_USE_UNIT, "claim.file", papers() | {"received_on": "2026-03-20", "supplement": True}, **path)
    assert waits(book, path, "2026-04-14") == []
    assert waits(book, path, "2026-04-15") == ["decision_awaited"]


def test_a_decided_claim_waits_for_what_was_agreed(book: Book) -> None:
    """Ten days from the agreement, until all of it is paid; a refused claim waits for nothing."""
    path = filed(book)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    assert waits(book, path, LATE) == []
    book.act(BY_INSURER, "claim.agree", {"agreed_on": "2026-03-05"}, **path)
    assert waits(book, path, "2026-03-16") == [], "the tenth day was a Sunday"
    assert waits(book, path, "2026-03-17") == ["payment_awaited"]
    book.act(BY_INSURER, "claim.pay", payment(400), **path)
    assert waits(book, path, "2026-03-17") == ["payment_awaited"]
    book.act(BY_INSURER, "claim.reduce", less(700), **path)
    book.act(BY_INSURER, "claim.pay", payment(300), **path)
    assert waits(book, path, LATE) == []
    other = filed(book)
    book.act(BY_INSURER, "claim.refuse", {"reasons": ["x"], "decided_on": "2026-03-05"}, **other)
    assert waits(book, other, LATE) == []


def test_a_withdrawn_claim_waits_for_nothing(book: Book) -> None:
    """It is not to be decided on any more."""
    path = filed(book)
    book.act(BY_USE_UNIT, "claim.withdraw", {"reason": "settled"}, **path)
    assert waits(book, path, LATE) == []


def test_an_advance_answers_the_sixty_days_and_not_the_thirty(book: Book) -> None:
    """What could be told was paid; the decision is still awaited."""
    path = filed(book)
    book.act(BY_INSURER, "claim.advance", payment(10, kind="quick_half"), **path)
    assert waits(book, path, LATE) == ["decision_awaited"]
