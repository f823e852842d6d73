"""What a housing bureau checks of a premium paid from the maintenance fund (MF01…MF09 of `fund.checks`).

Order as the bureaus keep it: entity, papers, process, amount. Missing data asks for a supplement and is never a
violation. Limits to one policy and one payment: duplicates over several (MF10, MF14) are found by `audit fund`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.allotments import Allotment, Beside
from domain.errors import RuleBroken
from domain.findings import VERDICTS, Finding, Verdict, finding
from domain.packs import Pack, Rule
from domain.plans import Plan, Vote
from domain.policies import Policy
from domain.policy_stack import lifts_insured
from domain.time import days_between

PUBLICITY = ("fund.checks", "fund.publicity_days_min")
"""Rules by which the publicity (公示) of a vote's result is judged."""


@dataclass(frozen=True, slots=True)
class PlanLift:
    """What the checks need of a plan's lift; `warranty_until` is the first day after its warranty.

    `insured_from` is the first day of the policy's certificate on it, None where there is no such certificate.
    """

    name: str
    estate: str | None
    warranty_until: str | None
    insured_from: str | None = None

    def guaranteed(self, on: str) -> bool:
        """Say whether it is under warranty when its insurance begins, or on a day where that is not known."""
        return self.warranty_until is not None and self.warranty_until > (self.insured_from or on)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks rest on; `on` is the civil date of the check, `covered` the plan's lifts that the policy covers.

    `vote` None: none was named. `filed_on` is the day of filing, `on` if it is being filed now. `free_fen` is what the
    fund has free of this source's money, `beside` whose money is none of it though nothing is reserved for them.
    `planned_fen` is what other applications take by the plan, for whatever policy. `estate` is the fund's, `lifts` are
    the plan's as their records are now: since the plan they may have proved to be others'.
    """

    estate: str
    policy: Policy
    plan: Plan
    vote: Vote | None
    allotment: Allotment
    pays_from: str
    amount_fen: int
    emergency: bool
    covered: int
    lifts: Sequence[PlanLift]
    filed_on: str
    on: str
    free_fen: int
    beside: Beside
    planned_fen: int = 0

    @property
    def bearable_fen(self) -> int:
        """What the fund can bear: the shares that sub-accounts can, as far as the money is in the bank and free."""
        return max(0, min(self.allotment.amount_fen, self.free_fen))


def plan_findings(pack: Pack, estate: str, lifts: Iterable[PlanLift], on: str) -> list[Finding]:
    """Check a plan's lifts: they serve the estate (MF01); those still under warranty (MF08) are told.

    A plan comes months before the policy, so its day decides nothing about the warranty: the application's checks do.
    """
    known = list(lifts)
    checks = pack.rule("fund.checks", on)
    unplaced = sum(lift.estate is None for lift in known)
    findings = _strangers(checks, estate, known)
    if unplaced:
        findings.append(finding(checks, "lift_estate_unknown", "needs_supplement", check="MF01", lifts=unplaced))
    return [*findings, *_warranty(pack, known, on, on, "information")]


def _strangers(checks: Rule, estate: str, lifts: Iterable[PlanLift]) -> list[Finding]:
    """Check that no lift is known to serve another estate (MF01)."""
    strangers = sum(lift.estate is not None and lift.estate != estate for lift in lifts)
    if not strangers:
        return []
    return [finding(checks, "lift_of_other_estate", "violates", check="MF01", lifts=strangers)]


def _warranty(
    pack: Pack, lifts: Sequence[PlanLift], begins_on: str, on: str, verdict: Verdict | None = None
) -> list[Finding]:
    """Check that lifts are past their warranty (保修期满, 物业管理条例 53; 管理办法 25(1)) on a day."""
    rule = pack.rule("fund.past_warranty", on)
    guaranteed = sum(lift.guaranteed(begins_on) for lift in lifts)
    undated = sum(lift.warranty_until is None for lift in lifts)
    findings: list[Finding] = []
    if guaranteed:
        findings.append(finding(rule, "lift_under_warranty", verdict, check="MF08", lifts=guaranteed))
    if undated:
        findings.append(finding(rule, "warranty_unknown", "needs_supplement", check="MF08", lifts=undated))
    return findings


def application_findings(pack: Pack, facts: Facts) -> list[Finding]:
    """Check an application as of a day; the answers stand in the order of the checks."""
    return [
        *_of_plan(pack, facts),
        *_scope(pack, facts),
        *_warranty(pack, facts.lifts, facts.policy.from_date, facts.on),
        *(_emergency(pack, facts) if facts.emergency else _process(pack, facts)),
        *_amounts(pack, facts),
        *_parts(pack, facts),
    ]


def _of_plan(pack: Pack, facts: Facts) -> list[Finding]:
    """Give what violates of the plan: what it showed itself, else that a lift of it has proved to be another's."""
    shown = facts_of_plan(facts.plan)
    if any(found["code"] == "lift_of_other_estate" for found in shown):
        return shown
    return [*shown, *_strangers(pack.rule("fund.checks", facts.on), facts.estate, facts.lifts)]


def facts_of_plan(plan: Plan) -> list[Finding]:
    """Give again the violations found when the plan was published.

    Not of the warranty, which plans once decided by their own day: it is judged at the policy's inception (MF08).
    """
    return [_again(found) for found in plan.violations if found["rule"] != "fund.past_warranty"]


def _again(found: Mapping[str, Any]) -> Finding:
    """Give a finding that stands in an earlier event."""
    members = ("code", "verdict", "rule", "basis", "facts")
    again: Any = {member: found[member] for member in members if member in found}
    written: Finding = again
    return written


def _scope(pack: Pack, facts: Facts) -> list[Finding]:
    checks = pack.rule("fund.checks", facts.on)
    policy, lifts = facts.policy, len(facts.lifts)
    insured = lifts_insured(policy.stack) if policy.stack else policy.lifts
    numbers: dict[str, int | str] = {"check": "MF01", "policy": insured, "plan": lifts, "covered": facts.covered}
    if facts.covered == lifts == insured:
        return [finding(checks, "lifts_agree", "compliant", **numbers)]
    return [finding(checks, "lifts_differ", "manual_review", **numbers)]


def _emergency(pack: Pack, facts: Facts) -> list[Finding]:
    return [finding(pack.rule("fund.checks", facts.on), "emergency_papers_due", "needs_supplement", check="MF05")]


def _process(pack: Pack, facts: Facts) -> list[Finding]:
    """Check vote (MF02, MF03), publicity (MF04) and order (MF05)."""
    checks, vote = pack.rule("fund.checks", facts.on), facts.vote
    if vote is None or vote.closed_on is None:
        return [finding(checks, "vote_missing", "needs_supplement", check="MF02")]
    rule = pack.rule("vote.use_fund", vote.closed_on)
    findings = [finding(rule, "vote_passed" if vote.passed else "vote_failed", "compliant" if vote.passed else None)]
    findings += [_again(doubt) for doubt in vote.doubts]
    if vote.closed_on > facts.filed_on:
        findings.append(finding(checks, "vote_after_application", "violates", check="MF05"))
    findings.append(_publicity(pack, "plan", facts.plan.published_on, vote.opened_on))
    if vote.published_on is None:
        findings.append(finding(checks, "result_not_published", "needs_supplement", check="MF04"))
    return findings


def _publicity(pack: Pack, what: str, published_on: str, until: str) -> Finding:
    """Count natural days, the first not counted (Civil Code 201)."""
    rule = pack.rule("fund.publicity_days_min", until)
    days, needed = days_between(published_on, until) - 1, rule.number(what)
    holds = days >= needed
    return finding(
        rule, f"{what}_publicity_{'kept' if holds else 'short'}", "compliant" if holds else None,
        check="MF04", days=max(0, days), needed=needed,
    )  # fmt: skip


def result_publicity(pack: Pack, vote: Vote, on: str) -> Finding:
    """Check of the day of payment that the result was public for long enough before it (MF04)."""
    if vote.published_on is None:
        return finding(pack.rule("fund.checks", on), "result_not_published", "needs_supplement", check="MF04")
    return _publicity(pack, "result", vote.published_on, on)


def payment_order(checks: Rule, approved_on: str, paid_on: str, verdict: Verdict | None = None) -> list[Finding]:
    """Check that money left on the day of its approval or after it (MF05), by the day of value of the bank's line."""
    if paid_on >= approved_on:
        return []
    days = {"approved_on": approved_on, "paid_on": paid_on}
    return [finding(checks, "paid_before_approval", verdict, check="MF05", **days)]


def require_result_public(pack: Pack, vote: Vote, on: str) -> None:
    """Raise RuleBroken unless the result was made public (公示), where the pack forbids to pay on a short publicity.

    Missing data is no violation of the vote's, and no finding says so; but whoever pays has the vote's whole chain of
    events to show for it, the public notice with both its ends, as the approval has the vote itself (`not_voted`).
    """
    rule = pack.rule("fund.publicity_days_min", on)
    if vote.published_on is None and rule.breach == "violates":
        raise RuleBroken(
            "the vote's result was not made public", rule=rule.id, finding="result_not_published", basis=rule.basis,
            facts={"check": "MF04", "needed": rule.number("result")},
        )  # fmt: skip


def _amounts(pack: Pack, facts: Facts) -> list[Finding]:
    """Check that sources come to the premium (MF06) and note what owners pay themselves (MF09)."""
    checks, policy, allotment = pack.rule("fund.checks", facts.on), facts.policy, facts.allotment
    declared_fen = policy.due_fen(facts.pays_from)  # of the share it declares what is not paid yet
    findings: list[Finding] = []
    if sum(policy.sources.values()) != policy.premium_fen and policy.earned is None:
        due_fen = policy.premium_fen
        findings.append(finding(checks, "sources_not_premium", "violates", check="MF06", premium_fen=due_fen))
    if facts.amount_fen + facts.planned_fen > facts.plan.amount_fen:
        findings.append(finding(checks, "above_plan", "violates", check="MF05", plan_fen=facts.plan.amount_fen))
    if declared_fen != facts.bearable_fen:
        findings.append(
            finding(
                checks, "fund_share_differs", "needs_supplement", check="MF06",
                declared_fen=declared_fen, bearable_fen=facts.bearable_fen,
            )
        )  # fmt: skip
    if allotment.owed:
        findings.append(
            finding(
                checks, "owners_pay_themselves", "information", check="MF09",
                houses=len(allotment.owed), amount_fen=allotment.owed_fen,
            )
        )  # fmt: skip
    return findings


def _parts(pack: Pack, facts: Facts) -> list[Finding]:
    """Check that this money may buy each coverage part (MF07)."""
    rule = pack.rule("fund.permitted_parts", facts.on)
    row: Mapping[str, object] = next((r for r in rule.rows() if r.get("source") == facts.pays_from), {})
    findings: list[Finding] = []
    for part in sorted(facts.policy.part_codes):
        if part in _codes(row.get("refused")):
            findings.append(finding(rule, "part_refused", "violates", check="MF07", part=part))
        elif part not in _codes(row.get("permitted")):
            verdict = _verdict(row.get("otherwise"))
            if verdict != "compliant":
                findings.append(finding(rule, "part_not_listed", verdict, check="MF07", part=part))
    return findings


def _codes(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def _verdict(value: object) -> Verdict:
    return next((verdict for verdict in VERDICTS if verdict == value), "manual_review")
