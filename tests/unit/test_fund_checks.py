"""What a housing bureau checks of a premium paid from the fund."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.allotments import Allotment, Beside
from domain.errors import RuleBroken
from domain.fund_checks import (
    Facts,
    PlanLift,
    application_findings,
    plan_findings,
    require_result_public,
    result_publicity,
)
from domain.packs import Pack, load_pack
from domain.plans import Plan, Vote
from domain.policies import Policy

PACK = load_pack("shandong@1")
ON = "2026-03-15"


def facts(**changes: Any) -> Facts:  # noqa: ANN401 - members of any type
    """Give an application in which all is well; members of policy, plan and vote may be changed as well."""
    policy, plan, vote = Policy("p"), Plan("a"), Vote("v")
    policy.sources, policy.drafted_fen, policy.parts = {"fund_principal": 100}, 100, ({"part": "parts_repair"},)
    policy.from_date = "2026-04-01"
    policy.staged = type(policy.staged)(count=2)
    plan.lifts, plan.amount_fen, plan.published_on = ("lift", "later"), 100, "2026-02-01"
    vote.opened_on, vote.closed_on, vote.published_on, vote.passed = "2026-02-09", "2026-02-20", "2026-02-21", True
    whole: dict[str, Any] = {
        "estate": "estate", "policy": policy, "plan": plan, "vote": vote, "allotment": Allotment({"h": 100}, {}, 100),
        "pays_from": "fund_principal", "amount_fen": 100, "emergency": False, "covered": 2, "on": ON,
        "filed_on": ON, "free_fen": 100, "beside": Beside(),
        "lifts": [PlanLift("lift", "estate", "2026-04-01"), PlanLift("later", "estate", "2026-06-01", "2026-06-01")],
    }  # fmt: skip
    for name, value in changes.items():
        owner, _, member = name.partition("__")
        if member:
            setattr(whole[owner], member, value)
        else:
            whole[owner] = value
    return Facts(**whole)


def grave(**changes: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - members of any type
    """Give the findings that are not compliant, with their verdicts."""
    found = application_findings(PACK, facts(**changes))
    return [(f["code"], f["verdict"]) for f in found if f["verdict"] != "compliant"]


def test_nothing_is_found_where_all_is_well() -> None:
    """Every answer is compliant, and names its rule and basis."""
    assert grave() == []
    assert all(found["rule"] and found["basis"] for found in application_findings(PACK, facts()))


@pytest.mark.parametrize(
    "changes, code, verdict",
    [
        ({"vote": None}, "vote_missing", "needs_supplement"),
        ({"vote__closed_on": None}, "vote_missing", "needs_supplement"),
        ({"vote__passed": False}, "vote_failed", "violates"),
        ({"filed_on": "2026-02-19"}, "vote_after_application", "violates"),
        ({"lifts": [PlanLift("lift", "estate", "2026-04-02")]}, "lift_under_warranty", "violates"),
        ({"lifts": [PlanLift("lift", "estate", "2026-06-02", "2026-06-01")]}, "lift_under_warranty", "violates"),
        ({"lifts": [PlanLift("lift", "estate", None)]}, "warranty_unknown", "needs_supplement"),
        ({"vote__opened_on": "2026-02-08"}, "plan_publicity_short", "violates"),
        ({"vote__published_on": None}, "result_not_published", "needs_supplement"),
        ({"lifts": [PlanLift("lift", "other", "2026-04-01")]}, "lift_of_other_estate", "violates"),
        ({"covered": 0}, "lifts_differ", "manual_review"),
        ({"covered": 1}, "lifts_differ", "manual_review"),
        ({"plan__amount_fen": 99}, "above_plan", "violates"),
        ({"policy__drafted_fen": 101}, "sources_not_premium", "violates"),
        ({"policy__parts": ({"part": "maintenance_fee"},)}, "part_refused", "violates"),
        ({"policy__parts": ({"part": "third_party_injury"},)}, "part_not_listed", "manual_review"),
        ({"pays_from": "other"}, "part_not_listed", "manual_review"),
        ({"pays_from": "unheard_of"}, "part_not_listed", "manual_review"),
        ({"emergency": True}, "emergency_papers_due", "needs_supplement"),
    ],
)
def test_each_check_answers_by_its_rule(changes: dict[str, Any], code: str, verdict: str) -> None:
    """Missing data asks for a supplement; only what stands against a rule is a violation."""
    assert (code, verdict) in grave(**changes)


def test_the_emergency_route_goes_without_a_vote() -> None:
    """Neither vote nor publicity is asked for, later papers are (管理办法 24)."""
    assert grave(emergency=True, vote=None) == [("emergency_papers_due", "needs_supplement")]


def test_owners_who_pay_themselves_are_told() -> None:
    """Number and amount, never who; the share declared in the quotation must follow."""
    found = grave(allotment=Allotment({"h": 60}, {"i": 40}, 60))
    assert found == [("fund_share_differs", "needs_supplement"), ("owners_pay_themselves", "information")]


def test_violations_of_the_plan_stay_with_the_application() -> None:
    """What its lifts showed when it was published is answered again, not the warranty of that day (MF08)."""
    lifts = [PlanLift("a", "estate", "2027-01-01"), PlanLift("b", "other", "2020-01-01")]
    at_plan = plan_findings(PACK, "estate", lifts, ON)
    assert [(f["code"], f["verdict"]) for f in at_plan] == [
        ("lift_of_other_estate", "violates"), ("lift_under_warranty", "information"),
    ]  # fmt: skip
    stored = [found | {"verdict": "violates"} for found in at_plan]
    assert grave(plan__violations=tuple(stored)) == [("lift_of_other_estate", "violates")]


@pytest.mark.parametrize(
    "published_on, code",
    [("2026-03-07", "result_publicity_kept"), ("2026-03-08", "result_publicity_short"), (None, "result_not_published")],
)
def test_results_are_public_for_seven_days_before_the_payment(published_on: str | None, code: str) -> None:
    """Natural days, the first not counted (Civil Code 201)."""
    vote = Vote("v")
    vote.published_on = published_on
    assert result_publicity(PACK, vote, ON)["code"] == code


def test_a_result_never_made_public_is_not_paid_on_where_a_short_publicity_is_not() -> None:
    """Missing data stays no violation of its own; a pack that only notes short notices notes missing ones (MF04)."""
    vote = Vote("v")
    with pytest.raises(RuleBroken) as refusal:
        require_result_public(PACK, vote, ON)
    assert refusal.value.details["finding"] == "result_not_published"
    require_result_public(lenient(), vote, ON)
    vote.published_on = ON
    require_result_public(PACK, vote, ON)


def lenient() -> Pack:
    """Give the pack as it would be if it only noted notices that were too short."""
    rules = tuple(
        replace(rule, breach="manual_review") if rule.id == "fund.publicity_days_min" else rule for rule in PACK.rules
    )  # fmt: skip
    return replace(PACK, rules=rules)


def test_money_that_may_buy_anything_finds_nothing() -> None:
    """Income of common parts is the owners' own to spend (枣庄、潍坊)."""
    findings = application_findings(PACK, facts(pays_from="common_income"))
    assert not [f for f in findings if f.get("facts", {}).get("check") == "MF07"]
