"""The read model of policies: what a policy is on each stretch of its term."""

from __future__ import annotations

from typing import Any

from application.projections.folding import AGGREGATE
from application.projections.policies import POLICIES
from domain.policies import Policy
from tests.support.book import Book
from tests.support.insuring import INSURER, OFFICE, issued, line, office, pay, proposed


def stretches(book: Book, policy: str) -> list[tuple[Any, ...]]:
    """Give by the read model from when on a policy is what, whether it insures, and what is held of its premium."""
    names = [column.name for column in POLICIES.columns]
    rows = [(row, dict(zip(names, row.values, strict=True))) for row in POLICIES.rows(policy, state_of(book, policy))]
    return [(row.effective_from[:10], told["state"], told["in_force"], told["received_fen"]) for row, told in rows]


def state_of(book: Book, policy: str) -> dict[str, Any]:
    """Give the state that the read model folds."""
    return {AGGREGATE: book.state(Policy, policy)}


def test_a_policy_was_issued_on_the_days_it_insured() -> None:
    """Lapsed or cancelled it is from its end on only, and what was over of its premium was never held."""
    book = office()
    instalments = [{"due_on": "2026-04-01", "amount_fen": 5_000}, {"due_on": "2026-06-30", "amount_fen": 3_000}]
    lapsed, cancelled = proposed(book, line(""), instalments=instalments), issued(book, line("", OFFICE))
    pay(book, lapsed, 5_000)
    pay(book, cancelled, 700)
    book.act(INSURER, "policy.issue", {"number": "PZ-2"}, policy=lapsed)
    assert stretches(book, cancelled) == [("2026-03-31", "issued", True, 8_000)]
    book.now = "2026-07-01T02:00:00.000000Z"
    book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=lapsed)
    said = {"effective_on": "2026-06-12", "refund_fen": 6_000, "reason": "sold"}
    book.act(INSURER, "policy.cancel", said, policy=cancelled)
    assert stretches(book, lapsed) == [
        ("2026-03-31", "issued", True, 5_000), ("2026-07-01", "lapsed", False, 5_000),
    ]  # fmt: skip
    assert stretches(book, cancelled) == [
        ("2026-03-31", "issued", True, 2_000), ("2026-06-11", "cancelled", False, 2_000),
    ]  # fmt: skip
