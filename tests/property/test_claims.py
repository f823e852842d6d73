"""Laws of claims' money: paid ≤ authorised ≤ limits, under whatever sequence of acts."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.claims import Claim
from domain.errors import DomainError
from domain.limits import Limit
from tests.support.book import Book
from tests.support.claiming import BY_INSURER, BY_USE_UNIT, LIFT, POLICY, approval, insured, notified, payment

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
