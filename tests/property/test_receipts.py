"""Laws of a policy's money: sources bear the premium, none of them pays for another, and nothing goes back twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.aggregate import Authorship, Because, Journal, Statement
from domain.policies import Policy
from domain.policy_checks import shares_of
from domain.receipts import borne_after, over_by_source

KINDS = ("fund_principal", "property_fee", "common_income", "fiscal_subsidy", "other")
CAUSE = Because("payment:x", 1)
amounts = st.integers(1, 5_000)
acts = st.lists(st.tuples(st.sampled_from(("pay", "endorse")), st.sampled_from(KINDS), st.integers(-5_000, 5_000)))


def begun(sources: dict[str, int]) -> Policy:
    """Give an issued policy of these sources."""
    policy = Policy("policy:x", state="issued", sources=sources, drafted_fen=sum(sources.values()))
    policy.journal = Journal(Authorship("party:x", None, None, ()))
    return policy


def pay(policy: Policy, kind: str, fen: int, payment: str) -> None:
    """Book a payment as `receive_premium` does."""
    over_fen = fen - min(fen, policy.due_fen(kind))
    found = {"payment": payment, "source": kind, "amount_fen": fen, "over_fen": over_fen, "complete": False}
    policy.record(Policy.PremiumReceived, CAUSE, found)


def endorse(policy: Policy, delta_fen: int) -> None:
    """Change the premium, never below zero."""
    said = {"number": "E", "effective_on": "2026-04-01", "reason": "x"}
    said_fen = max(delta_fen, -sum(policy.sources.values()))
    shares = shares_of({"delta_fen": said_fen}, policy.sources)
    refunds = over_by_source(policy.held, borne_after(policy.sources, shares))
    found = {"transaction": 2, "lifts": 0, "sources": shares, "refunds": refunds}
    policy.record(Policy.Endorsed, Statement({**said, "delta_fen": said_fen}), found)


@given(st.dictionaries(st.sampled_from(KINDS), amounts, min_size=1), acts)
def test_whatever_is_paid_and_endorsed(sources: dict[str, int], done: list[tuple[str, str, int]]) -> None:
    """Sources sum to the premium, each holds at most its own, and what is not held of a payment is due back."""
    policy = begun(dict(sources))
    premium_fen, came_fen = sum(sources.values()), 0
    for number, (act, kind, fen) in enumerate(done):
        if act == "pay":
            pay(policy, kind, abs(fen) + 1, f"payment:{number}")
            came_fen += abs(fen) + 1
        else:
            endorse(policy, fen)
            premium_fen = max(0, premium_fen + fen)
        assert sum(policy.sources.values()) == premium_fen
        assert all(fen <= policy.sources.get(source, 0) for source, fen in policy.held.items())
        assert all(0 <= receipt.held_fen <= receipt.amount_fen for receipt in policy.receipts.values())
        back_fen = sum(policy.due_back_fen(payment) for payment in policy.receipts)
        assert policy.held_fen + back_fen == came_fen
    cancelled = {"transaction": 3, "refunds": policy.held}
    policy.record(Policy.Cancelled, Statement({"effective_on": "2026-04-01", "refund_fen": policy.held_fen}), cancelled)
    assert policy.held_fen == 0
