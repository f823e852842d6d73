"""What a housing bureau checks of a premium paid from the maintenance fund (MF01…MF09 of `fund.checks`).

Order as the bureaus keep it: entity, papers, process, amount. Missing data asks for a supplement and is never a
violation. Limits to one policy and one payment: duplicates over several (MF10, MF14) are found by `audit fund`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.findings import VERDICTS, Finding, Verdict, finding
from domain.funds import Allotment
from domain.packs import Pack
from domain.plans import Plan, Vote
from domain.policies import Policy
from domain.time import days_between


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks rest on; `on` is the civil date of the check, `covered` the plan's lifts that the policy covers.

    `vote` None: none was named. `filed_on` None: it is being filed now.
    """

    policy: Policy
    plan: Plan
    vote: Vote | None
    allotment: Allotment
    pays_from: str
    amount_fen: int
    emergency: bool
    covered: int
    on: str


@dataclass(frozen=True, slots=True)
class PlanLift:
    """What a plan's checks need of a lift."""

    name: str
    estate: str | None
    warranty_until: str | None


def plan_findings(pack: Pack, estate: str, lifts: Iterable[PlanLift], on: str) -> list[Finding]:
    """Check a plan's lifts: they serve the estate (MF01) and are past their warranty (MF08, 物业管理条例 53)."""
    known = list(lifts)
    checks, warranty = pack.rule("fund.checks", on), pack.rule("fund.past_warranty", on)
    strangers = sum(lift.estate is not None and lift.estate != estate for lift in known)
    unplaced = sum(lift.estate is None for lift in known)
    guaranteed = sum(lift.warranty_until is not None and lift.warranty_until > on for lift in known)
    undated = sum(lift.warranty_until is None for lift in known)
    findings: list[Finding] = []
    if strangers:
        findings.append(finding(checks, "lift_of_other_estate", "violates", check="MF01", lifts=strangers))
    if unplaced:
        findings.append(finding(checks, "lift_estate_unknown", "needs_supplement", check="MF01", lifts=unplaced))
    if guaranteed:
        findings.append(finding(warranty, "lift_under_warranty", None, check="MF08", lifts=guaranteed))
    if undated:
        findings.append(finding(warranty, "warranty_unknown", "needs_supplement", check="MF08", lifts=undated))
    return findings


def application_findings(pack: Pack, facts: Facts) -> list[Finding]:
    """Check an application as of a day; the answers stand in the order of the checks."""
    return [
        *facts_of_plan(facts.plan),
        *_scope(pack, facts),
        *(_emergency(pack, facts) if facts.emergency else _process(pack, facts)),
        *_amounts(pack, facts),
        *_parts(pack, facts),
    ]


def facts_of_plan(plan: Plan) -> list[Finding]:
    """Give again the violations found when the plan was published."""
    return [
        {"code": v["code"], "verdict": v["verdict"], "rule": v["rule"], "basis": v["basis"], "facts": v["facts"]}
        for v in plan.violations
    ]


def _scope(pack: Pack, facts: Facts) -> list[Finding]:
    checks = pack.rule("fund.checks", facts.on)
    policy, plan = facts.policy, facts.plan
    lifts = len(plan.lifts)
    numbers: dict[str, int | str] = {"check": "MF01", "policy": policy.lifts, "plan": lifts, "covered": facts.covered}
    if facts.covered == lifts == policy.lifts:
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
    if vote.closed_on > facts.on:
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
    """Check at payment that the result was public for long enough (MF04)."""
    if vote.published_on is None:
        return finding(pack.rule("fund.checks", on), "result_not_published", "needs_supplement", check="MF04")
    return _publicity(pack, "result", vote.published_on, on)


def _amounts(pack: Pack, facts: Facts) -> list[Finding]:
    """Check that sources come to the premium (MF06) and note what owners pay themselves (MF09)."""
    checks, policy, allotment = pack.rule("fund.checks", facts.on), facts.policy, facts.allotment
    declared_fen = policy.sources.get(facts.pays_from, 0)
    findings: list[Finding] = []
    if sum(policy.sources.values()) != policy.premium_fen:
        due_fen = policy.premium_fen
        findings.append(finding(checks, "sources_not_premium", "violates", check="MF06", premium_fen=due_fen))
    if facts.amount_fen > facts.plan.amount_fen:
        findings.append(finding(checks, "above_plan", "violates", check="MF05", plan_fen=facts.plan.amount_fen))
    if declared_fen != allotment.amount_fen:
        findings.append(
            finding(
                checks, "fund_share_differs", "needs_supplement", check="MF06",
                declared_fen=declared_fen, bearable_fen=allotment.amount_fen,
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
