"""What a check answers: a verdict with its rule and legal basis, never a bare yes or no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NotRequired

from typing_extensions import TypedDict

from domain.errors import RuleBroken
from domain.shapes import strict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.packs import Rule

Verdict = Literal["compliant", "information", "needs_supplement", "manual_review", "violates"]

VERDICTS: Final[tuple[Verdict, ...]] = ("compliant", "information", "needs_supplement", "manual_review", "violates")
"""From the lightest to the gravest. Missing data is `needs_supplement`, never `violates`."""


@strict
class Finding(TypedDict):
    """One answer of a check.

    `code` says what was found, `rule` is the id in the pack, `basis` its legal source; `facts` are the numbers
    that it rests on, never personal data.
    """

    code: str
    verdict: Verdict
    rule: str
    basis: str
    facts: NotRequired[dict[str, int | str | bool]]


def finding(rule: Rule, code: str, verdict: Verdict | None = None, **facts: int | str | bool) -> Finding:
    """Write a finding under a rule; the verdict is the rule's own for a breach unless given."""
    written: Finding = {"code": code, "verdict": verdict or rule.breach, "rule": rule.id, "basis": rule.basis}
    if facts:
        written["facts"] = facts
    return written


def at_most(rule: Rule) -> Verdict:
    """Give the verdict on what may only not have come in: for a person to look at, where the rule says a violation."""
    return "manual_review" if rule.breach == "violates" else rule.breach


def gravest(findings: Iterable[Finding]) -> Verdict:
    """Return the gravest verdict; `compliant` when nothing was found."""
    return max((found["verdict"] for found in findings), key=VERDICTS.index, default="compliant")


def refuse_violations(findings: Iterable[Finding]) -> None:
    """Raise RuleBroken for the first violation, with `rule`, `finding`, `basis` and facts in its details."""
    for found in findings:
        if found["verdict"] == "violates":
            raise RuleBroken(
                f"{found['code'].replace('_', ' ')} (rule {found['rule']})",
                rule=found["rule"],
                finding=found["code"],
                basis=found["basis"],
                facts=found.get("facts", {}),
            )
