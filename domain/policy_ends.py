"""What goes back and what is owed still when insurance ends early: by cancellation, lapse, or removal of a certificate.

The insurer keeps premium from the day its liability begins to the day it ends, and gives back the rest as the filed
clauses say (保险法 54, 58).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor
from typing import Any

from domain.covers import CoverEntry
from domain.earning import Charged, charged_for, unbegun_fen, unearned
from domain.errors import Invalid
from domain.findings import Finding
from domain.money import BASIS_POINTS, apportion
from domain.policies import Policy
from domain.policy_checks import Checked, by_contract
from domain.products import Product
from domain.time import days_between


def given_back_fen(product: Product, rows: Sequence[Charged], on: str) -> int:
    """Give what goes back of what was charged by the filed refund method when it ends on a day; rounded down, once.

    `short_rate` keeps its part of all that is unearned. `none` keeps it all, but for premium whose liability has not
    begun: that is given back under any clause (保险法 54).
    """
    unearned_fen = unearned(rows, on)
    if product.refund == "none":
        return min(unbegun_fen(rows, on), floor(unearned_fen))
    kept_bp = product.short_rate_bp if product.refund == "short_rate" else 0
    return floor(unearned_fen * (BASIS_POINTS - kept_bp) / BASIS_POINTS)


def check_refund(product: Product, policy: Policy, cancellation: Mapping[str, Any]) -> Checked:
    """Hold a cancellation's refund against the filed method.

    Working: {unearned_fen, days_left, refunds, owed (both by source)}. Only what is held as premium can be refunded:
    what was over, or what an endorsement or an earlier cancellation gave back, is due back already. Findings:
    `refund_differs`. Raises Invalid `refund_over_received`.
    """
    refund_fen, on = cancellation["refund_fen"], cancellation["effective_on"]
    held, premium_fen = policy.held, sum(row.premium_fen for row in policy.charged)
    most_fen = min(policy.held_fen, max(0, premium_fen))
    if refund_fen > most_fen:
        raise Invalid("more is refunded than was received", code="refund_over_received", received_fen=most_fen)
    # What is owed of the premium is set off: of a policy that was paid in part the insurer keeps what it earned, and
    # what it earned beyond that is owed still.
    earned_fen = premium_fen - given_back_fen(product, policy.charged, on)
    due_fen = max(0, policy.held_fen - earned_fen)
    working = {
        "unearned_fen": floor(unearned(policy.charged, on)), "days_left": days_between(on, policy.to_date),
        "refunds": apportion(refund_fen, held) if held else {}, "owed": policy.owed_of(earned_fen),
    }  # fmt: skip
    return Checked(_differs(refund_fen, min(due_fen, most_fen), due_fen), working)


def check_removal(product: Product, entry: CoverEntry, removal: Mapping[str, Any]) -> list[Finding]:
    """Hold what a CoverRemoval gives back of a certificate against the filed method: finding `refund_differs`.

    What it gives back is said by part, so that each may have been rounded down by itself.
    """
    on = removal["effective_on"]
    most_fen = given_back_fen(product, charged_for(entry), on)
    least_fen = sum(given_back_fen(product, charged_for(entry, part), on) for part in entry.parts)
    refund_fen = sum(part["premium_fen"] for part in removal["refunds"])
    return _differs(refund_fen, min(max(refund_fen, least_fen), most_fen), most_fen)


def _differs(refund_fen: int, right_fen: int, computed_fen: int) -> list[Finding]:
    if refund_fen == right_fen:
        return []
    facts = {"computed_fen": computed_fen, "refund_fen": refund_fen}
    return [by_contract("product.refund", "refund_differs", "manual_review", **facts)]


def settled_by_lapse(policy: Policy, on: str) -> dict[str, Any]:
    """Give what a lapse leaves: {unearned_fen, refunds, owed (both by source)}.

    Of a quotation nothing was insured. An issued policy earned what the days before its end cost, nothing on its first
    day or earlier. The filed refund method is for who cancels: the insurer, who ends the contract himself, keeps
    nothing for days he does not insure.
    """
    held = policy.held
    if policy.number is None:
        return {"unearned_fen": policy.premium_fen, "refunds": held, "owed": {}}
    unearned_fen = floor(unearned(policy.charged, on))
    earned_fen = policy.premium_fen - unearned_fen
    due_fen = max(0, policy.held_fen - earned_fen)
    refunds = apportion(due_fen, held) if held else {}
    return {"unearned_fen": unearned_fen, "refunds": refunds, "owed": policy.owed_of(earned_fen)}
