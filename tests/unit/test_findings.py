"""Findings: verdicts with their rule and basis."""

from __future__ import annotations

import pytest

from domain.errors import RuleBroken
from domain.findings import finding, gravest, refuse_violations
from domain.packs import load_pack

CAP = load_pack("shandong@1").rule("premium.cap", "2026-01-01")


def test_a_finding_carries_rule_and_basis() -> None:
    """The verdict is the rule's own unless it is given; facts stand beside."""
    assert finding(CAP, "over_cap", premium_fen=8_501) == {
        "code": "over_cap",
        "verdict": "violates",
        "rule": "premium.cap",
        "basis": CAP.basis,
        "facts": {"premium_fen": 8_501},
    }
    assert finding(CAP, "class_unknown", "needs_supplement")["verdict"] == "needs_supplement"
    assert "facts" not in finding(CAP, "over_cap")


def test_the_gravest_verdict_counts() -> None:
    """Nothing found is compliant; otherwise the gravest stands."""
    assert gravest([]) == "compliant"
    assert gravest([finding(CAP, "a", "manual_review"), finding(CAP, "b", "information")]) == "manual_review"


def test_only_violations_refuse() -> None:
    """A review or a missing paper does not stop an act; a violation does, and names its rule."""
    refuse_violations([finding(CAP, "a", "manual_review"), finding(CAP, "b", "needs_supplement")])
    with pytest.raises(RuleBroken) as refusal:
        refuse_violations([finding(CAP, "over_cap", premium_fen=8_501)])
    assert refusal.value.code == "rule_broken"
    assert refusal.value.details["rule"] == "premium.cap"
    assert refusal.value.details["facts"] == {"premium_fen": 8_501}
