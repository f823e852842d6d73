"""The read model of policies: what a policy is on each stretch of its term."""

from __future__ import annotations

from typing import Any

from application.ids import new_name
from application.projections.folding import AGGREGATE
from application.projections.policies import POLICIES
from domain.policies import Policy
from domain.time import civil_date
from tests.support.book import Book
from tests.support.insuring import HOMES, INSURER, OFFICE, head, issued, line, office, pay, proposed


def stretches(book: Book, policy: str) -> list[tuple[Any, ...]]:
    """Give by the read model from when on a policy is what, whether it insures, and what is held of its premium."""
    names = [column.name for column in POLICIES.columns]
    rows = [(row, dict(zip(names, row.values, strict=True))) for row in POLICIES.rows(policy, state_of(book, policy))]
    return [(row.effective_from[:10], told["state"], told["in_force"], told["received_fen"]) for row, told in rows]


def state_of(book: Book, policy: str) -> dict[str, Any]:
    """Give the state that the read model folds."""
    return {AGGREGATE: book.state(Policy, policy)}


def told(book: Book, policy: str) -> list[tuple[Any, ...]]:
    """Give by the read model from which day on a policy has what premium and how many certificates."""
    names = [column.name for column in POLICIES.columns]
    rows = [(row, dict(zip(names, row.values, strict=True))) for row in POLICIES.rows(policy, state_of(book, policy))]
    return [(civil_date(row.effective_from), told["premium_fen"], told["lifts"]) for row, told in rows]


def endorse(book: Book, policy: str, day: str, delta_fen: int, **members: Any) -> None:  # noqa: ANN401 - of any type
    """Endorse a policy."""
    said = {"number": f"E-{day}", "effective_on": day, "delta_fen": delta_fen, "reason": "x", **members}
    book.act(INSURER, "policy.endorse", said, policy=policy)


def cancel(book: Book, policy: str, day: str, refund_fen: int) -> None:
    """Cancel a policy."""
    said = {"effective_on": day, "refund_fen": refund_fen, "reason": "sold"}
    book.act(INSURER, "policy.cancel", said, policy=policy)


def test_nothing_of_a_later_day_counts_after_a_cancellation() -> None:
    """A lift was to be added from October on, and the policy ended with June: what is left is what was kept."""
    book = office()
    policy = issued(book, line(""))
    added = line(policy, OFFICE, 4_000, from_date="2026-10-01")
    endorse(book, policy, "2026-10-01", 4_000, adds=[added])
    pay(book, policy, 4_000, "property_fee")
    assert told(book, policy) == [("2026-04-01", 8_000, 1), ("2026-10-01", 12_000, 2)]
    cancel(book, policy, "2026-07-01", 10_005)
    assert told(book, policy) == [("2026-04-01", 8_000, 1), ("2026-07-01", 1_995, 0)]


def test_a_certificate_taken_back_takes_its_later_charges_with_it() -> None:
    """400 more from October on, then all of it taken back from its first day: no day is cheaper than nothing."""
    book = office()
    item = line("")
    policy = issued(book, item)
    of = {"lift": HOMES, "certificate": item["certificate"]}
    more = {**of, "effective_on": "2026-10-01", "parts": [{"part": "third_party_injury", "delta_fen": 400}]}
    endorse(book, policy, "2026-10-01", 400, changes=[more])
    back = [{"part": "third_party_injury", "premium_fen": 7_600}, {"part": "entrapment", "premium_fen": 800}]
    removal = {**of, "effective_on": "2026-04-01", "reason": "r", "refunds": back}
    endorse(book, policy, "2026-04-01", -8_400, removes=[removal])
    assert told(book, policy) == [("2026-04-01", 0, 0)]


def test_a_cancelled_policy_cost_what_was_earned() -> None:
    """Of 8,000 half was paid and a quarter is earned: nothing more is due; and nothing cost what never began."""
    book = office()
    instalments = [{"due_on": "2026-04-01", "amount_fen": 4_000}, {"due_on": "2026-09-01", "amount_fen": 4_000}]
    policy = proposed(book, line(""), instalments=instalments)
    pay(book, policy, 4_000)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    cancel(book, policy, "2026-07-01", 2_005)
    assert told(book, policy) == [("2026-04-01", 8_000, 1), ("2026-07-01", 1_995, 0)]
    budget = [{"kind": "fiscal_budget", "amount_fen": 8_000}]
    bulk = proposed(
        book, line("", OFFICE), sealed=True, ground="public_budget_sealed_proposal", sources=budget
    )  # fmt: skip
    book.act(INSURER, "policy.issue", {"number": "PZ-2"}, policy=bulk)
    cancel(book, bulk, "2026-04-01", 0)
    assert told(book, bulk) == [("2026-04-01", 0, 0)]


def test_a_certificate_that_has_run_out_counts_no_longer() -> None:
    """One lift for a year, one for two, in a policy of two years: the second year insures one, also before issue."""
    book = office()
    days: dict[str, Any] = {"from_date": "2026-04-01", "to_date": "2028-04-01"}
    policy = proposed(book, line(""), line("", OFFICE, **days), **days)
    assert told(book, policy) == [("2026-04-01", 16_000, 2), ("2027-04-01", 16_000, 1)]
    pay(book, policy)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert told(book, policy) == [("2026-04-01", 16_000, 2), ("2027-04-01", 16_000, 1)]


def test_a_policy_is_told_before_its_first_certificate_begins() -> None:
    """Its term is its own: the days on which it insures no lift yet are told as well, drafted or issued."""
    book = office()
    days: dict[str, Any] = {"from_date": "2026-04-15", "to_date": "2027-04-01"}
    bare = new_name("policy")
    book.act(INSURER, "policy.draft", head(bare, [line(bare)]))
    assert told(book, bare) == [("2026-04-01", 8_000, 0)]
    policy = issued(book, line("", liability_fen=7_000, **days))
    assert told(book, policy) == [("2026-04-01", 0, 0), ("2026-04-15", 7_000, 1)]


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
        ("2026-03-31", "issued", True, 2_017), ("2026-07-01", "lapsed", False, 2_017),
    ]  # fmt: skip
    assert stretches(book, cancelled) == [
        ("2026-03-31", "issued", True, 2_000), ("2026-06-11", "cancelled", False, 2_000),
    ]  # fmt: skip
