"""Laws of claims' money: paid ≤ authorised ≤ limits, under whatever sequence of acts and whatever days they say."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.claims import Claim
from domain.errors import DomainError
from domain.limits import Limit
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_USE_UNIT,
    LIFT,
    POLICY,
    approval,
    claim_at,
    insured,
    notified,
    payment,
    register,
)

LIMIT_FEN = 100
LIMIT = f"{POLICY}/limit:{LIFT.removeprefix('lift:')}:2026"

ACTS = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["reserve", "advance", "approve", "further", "pay", "refuse", "withdraw", "close", "reopen"]),
    st.integers(1, 120),
)


def body(act: str, amount_fen: int) -> dict[str, Any]:
    """Give what an act says."""
    match act:
        case "reserve":
            return {"amount_fen": amount_fen - 1}
        case "advance":
            return payment(amount_fen, kind="quick_half")
        case "approve":
            return approval(amount_fen)
        case "further":
            return approval(amount_fen, further=True)
        case "pay":
            return payment(amount_fen)
        case "refuse":
            return {"reasons": ["x"], "decided_on": "2026-03-05"}
        case _:
            return {"reason": "x"}


def check(book: Book, paths: list[dict[str, str]]) -> None:
    """Hold the laws over all claims and their limit."""
    claims = [book.state(Claim, f"{path['lift']}/{path['claim']}") for path in paths]
    for claim in claims:
        assert 0 <= claim.paid_fen <= claim.authorised_fen
    if not book.events(LIMIT):
        assert all(claim.authorised_fen == claim.reserved_fen == 0 for claim in claims)
        return
    limit = book.state(Limit, LIMIT)
    assert limit.consumed_fen == sum(claim.authorised_fen for claim in claims)
    assert limit.reserved_fen == sum(claim.reserved_fen for claim in claims)
    assert limit.consumed_fen + limit.reserved_fen <= LIMIT_FEN
    assert min([0, *limit.reserved.values(), *limit.consumed.values()]) == 0


@settings(max_examples=60)
@given(st.lists(ACTS, max_size=25))
def test_money_stays_within_limits_under_any_sequence(acts: list[tuple[int, str, int]]) -> None:
    """Whatever is tried on three claims of one limit, paid ≤ authorised ≤ limit, and claims and limit agree."""
    book = insured(limit_fen=LIMIT_FEN)
    paths = [notified(book) for _ in range(3)]
    for which, act, amount_fen in acts:
        author = BY_USE_UNIT if act == "withdraw" else BY_INSURER
        action = "approve" if act == "further" else act
        try:
            book.act(author, f"claim.{action}", body(act, amount_fen), **paths[which])
        except DomainError:
            continue
        check(book, paths)


# --------------------------------------------------------------------------------------------------------------- days

DATED = (
    "approve", "approve", "further", "reduce", "agree", "pay", "pay", "pay", "return", "return", "advance", "refuse",
    "close", "reopen", "withdraw", "reserve", "wait",
)  # fmt: skip
DAYS = st.tuples(st.sampled_from(DATED), st.integers(1, 120), st.integers(-9, 1), st.integers(0, 9), st.booleans())
"""An act, an amount, the day it says counted from today, the hour of that day, and a choice."""
HOURS = "2026-03-{:02}T{:02}:00:00.000000Z"


class Dated:
    """Claims under one limit, acted on day after day with whatever days are said."""

    def __init__(self) -> None:
        self.book = insured(limit_fen=LIMIT_FEN)
        self.paths = [notified(self.book) for _ in range(2)]
        self.day = 5

    def said(self, act: str, fen: int, back: int, hour: int, path: dict[str, str]) -> dict[str, Any]:
        """Give what an act says."""
        day = max(1, self.day + back)
        on, at = f"2026-03-{day:02}", HOURS.format(day, hour)
        match act:
            case "approve" | "further":
                said = approval(fen) | ({"further": True} if act == "further" else {})
                return said | ({"effective_on": on} if hour % 2 else {})
            case "reduce":
                less = {"approved_fen": fen // 2 if hour % 2 else 0, "currency": "CNY", "agreed_on": on}
                return less | {"reason": "x", "document": "d" * 64}
            case "agree":
                return {"agreed_on": on}
            case "pay" | "advance":
                claim = claim_at(self.book, path)
                left_fen = claim.approved_fen - claim.paid_fen
                whole = act == "pay" and hour % 3 and left_fen > 0
                said = payment(left_fen if whole else fen, paid_at=at)
                return said | ({"kind": "quick_half"} if act == "advance" else {})
            case "return":
                versions = [v for v, p in claim_at(self.book, path).payouts.items() if p.returned_at is None]
                version = versions[fen % len(versions)] if versions else fen
                return {"paid_version": version, "returned_at": at, "reason": "x", "document": "e" * 64}
            case "refuse":
                return {"reasons": ["x"], "decided_on": on}
            case _:
                return body(act, fen)

    def step(self, act: str, fen: int, back: int, hour: int, *, first: bool) -> None:
        """Try one act; the laws hold after it, and nothing was recorded of a day to come."""
        path = self.paths[0 if first else 1]
        if act == "wait":
            self.day = min(31, self.day + 1 + fen % 3)
            self.book.now = HOURS.format(self.day, hour)
            return
        author = BY_USE_UNIT if act == "withdraw" else BY_INSURER
        action = {"further": "approve"}.get(act, act)
        try:
            self.book.act(author, f"claim.{action}", self.said(act, fen, back, hour, path), **path)
        except DomainError:
            return
        check(self.book, self.paths)
        self.check_register(path)

    def check_register(self, path: dict[str, str]) -> None:
        """Whatever the days said, no row tells more paid than was authorised, or lies in the future."""
        rows, claim = register(self.book, path), claim_at(self.book, path)
        assert rows[-1]["until"] is None
        assert all(row["since"] <= self.book.now for row in rows)
        assert all(0 <= row["paid_fen"] <= max(row["approved_fen"], row["advanced_fen"]) for row in rows)
        money = ("approved_fen", "advanced_fen", "paid_fen", "reserved_fen", "state")
        assert [rows[-1][name] for name in money] == [getattr(claim, name) for name in money]
        standing = [payout for payout in claim.payouts.values() if payout.returned_at is None]
        assert claim.paid_fen == sum(payout.amount_fen for payout in standing)
        assert claim.advanced_fen == sum(payout.amount_fen for payout in standing if payout.advance)
        for payout in claim.payouts.values():
            at = max(payout.paid_at, rows[0]["since"])
            assert payout.returned_at is None or payout.paid_at <= payout.returned_at <= self.book.now
            if not payout.advance and (payout.returned_at is None or at < payout.returned_at):
                (row,) = (row for row in rows if row["since"] <= at and (row["until"] is None or at < row["until"]))
                assert payout.amount_fen <= row["paid_fen"] <= max(row["approved_fen"], row["advanced_fen"])


@settings(max_examples=150)
@given(st.lists(DAYS, max_size=30))
def test_the_register_tells_no_money_that_was_not_approved(acts: list[tuple[str, int, int, int, bool]]) -> None:
    """Approved, lowered, paid, sent back, paid anew on whatever days: what stands was approved, and is of the past."""
    dated = Dated()
    for act, fen, back, hour, first in acts:
        dated.step(act, fen, back, hour, first=first)
