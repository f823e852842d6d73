"""Counting an owners' vote (业主表决): areas and heads as whole numbers, thresholds without division.

Civil Code 278 asks for shares of area and of heads, both; SPC property-division interpretation art. 9 says what
one head is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from domain.errors import Invalid
from domain.findings import Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.packs import Pack, Rule, RuleValue

Choice = Literal["agree", "disagree", "abstain"]

DEVELOPER = "developer"
"""The one head of all units that the developer has not sold, or has sold and not yet handed over."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An exclusive unit (专有部分) in the scope of the vote.

    `owner` is an equality tag: the same for the same buyer or the same set of co-owners, and telling nothing
    else. `delivered` is false for units unsold, and for those sold but not handed over.
    """

    house: str
    area_m2_hundredths: int
    owner: str
    delivered: bool = True

    @property
    def head(self) -> str:
        """The head that the unit counts under: one for all of the developer's, one for all of a buyer's."""
        return f"owner:{self.owner}" if self.delivered else DEVELOPER


@dataclass(frozen=True, slots=True)
class Tally:
    """Areas in 0.01 m² and heads: in scope, taking part, and agreeing.

    `heads_divided` are heads whose units voted differently; they take part and do not agree.
    """

    area_scope: int
    area_participating: int
    area_agreeing: int
    heads_scope: int
    heads_participating: int
    heads_agreeing: int
    heads_divided: int


def count(units: Iterable[Unit], ballots: Mapping[str, Choice]) -> Tally:
    """Count a vote: each unit by its area, each head once (SPC art. 9).

    `ballots` maps house to choice; a unit without one takes no part. An abstention takes part. Raises Invalid
    `unit_twice`, `unit_without_area`, `ballot_out_of_scope` or `nobody_in_scope`.
    """
    scope = {}
    for unit in units:
        if unit.house in scope:
            raise Invalid("a unit stands twice in the scope", code="unit_twice", house=unit.house)
        if unit.area_m2_hundredths <= 0:
            raise Invalid("a unit has no area", code="unit_without_area", house=unit.house)
        scope[unit.house] = unit
    if not scope:
        raise Invalid("nobody is in the scope of the vote", code="nobody_in_scope")
    if strangers := sorted(set(ballots) - set(scope)):
        raise Invalid("a ballot is from outside the scope", code="ballot_out_of_scope", houses=strangers[:10])
    by_head: dict[str, set[Choice]] = {}
    for house, choice in ballots.items():
        by_head.setdefault(scope[house].head, set()).add(choice)
    return Tally(
        area_scope=sum(unit.area_m2_hundredths for unit in scope.values()),
        area_participating=sum(scope[house].area_m2_hundredths for house in ballots),
        area_agreeing=sum(scope[house].area_m2_hundredths for house, choice in ballots.items() if choice == "agree"),
        heads_scope=len({unit.head for unit in scope.values()}),
        heads_participating=len(by_head),
        heads_agreeing=sum(choices == {"agree"} for choices in by_head.values()),
        heads_divided=sum(len(choices) > 1 for choices in by_head.values()),
    )


def decide(tally: Tally, rule: Rule) -> tuple[bool, list[Finding]]:
    """Say whether the vote carries under a rule of the pack, with a finding for each test.

    The rule's value has `approval` and may have `participation`, each {of, numerator, denominator, bound}: part ×
    denominator ≥ numerator × whole if closed (以上 includes), > if open (过半数). Findings `participation_reached`,
    `participation_missed`, `approval_reached`, `approval_missed`, by area and heads, and `head_divided`.
    """
    table = rule.table()
    findings: list[Finding] = []
    for test, of_area, of_heads in (
        ("participation", tally.area_participating, tally.heads_participating),
        ("approval", tally.area_agreeing, tally.heads_agreeing),
    ):
        threshold = table.get(test)
        if threshold is None:
            continue
        whole_area, whole_heads = _wholes(tally, threshold, rule)
        holds = _reaches(of_area, whole_area, threshold, rule) and _reaches(of_heads, whole_heads, threshold, rule)
        findings.append(
            finding(
                rule,
                f"{test}_reached" if holds else f"{test}_missed",
                "compliant" if holds else None,
                area=of_area,
                area_of=whole_area,
                heads=of_heads,
                heads_of=whole_heads,
            )
        )
    passed = all(found["code"].endswith("_reached") for found in findings)
    if tally.heads_divided:
        findings.append(finding(rule, "head_divided", "manual_review", heads=tally.heads_divided))
    return passed, findings


def told_late(rule: Rule, cast: int, withdrawn: int) -> list[Finding]:
    """Tell of ballots and withdrawals that were recorded after the vote's last day and say no day of their own.

    They are counted as they were told, for nothing shows that they were late; papers show that they were not. Findings
    `ballots_told_late`, `ballots_withdrawn_late`.
    """
    findings: list[Finding] = []
    if cast:
        findings.append(finding(rule, "ballots_told_late", "needs_supplement", houses=cast))
    if withdrawn:
        findings.append(finding(rule, "ballots_withdrawn_late", "manual_review", houses=withdrawn))
    return findings


def use_fund_rule(pack: Pack, closed_on: str) -> Rule:
    """Return the rule for using the fund (使用维修资金) by the date on which the vote closed."""
    return pack.rule("vote.use_fund", closed_on)


def _members(threshold: RuleValue, rule: Rule) -> tuple[str, int, int, str]:
    if isinstance(threshold, Mapping):
        of, bound = threshold.get("of"), threshold.get("bound")
        numerator, denominator = threshold.get("numerator"), threshold.get("denominator")
        named = of in {"scope", "participating"} and bound in {"closed", "open"}
        if named and type(numerator) is int and type(denominator) is int and 0 < numerator <= denominator:
            return str(of), numerator, denominator, str(bound)
    raise Invalid("the pack's threshold is malformed", code="rule_value", rule=rule.id)


def _wholes(tally: Tally, threshold: RuleValue, rule: Rule) -> tuple[int, int]:
    of, _, _, _ = _members(threshold, rule)
    if of == "scope":
        return tally.area_scope, tally.heads_scope
    return tally.area_participating, tally.heads_participating


def _reaches(part: int, whole: int, threshold: RuleValue, rule: Rule) -> bool:
    _, numerator, denominator, bound = _members(threshold, rule)
    # nobody taking part reaches nothing, though 0 ≥ 0 would say so
    if not part:
        return False
    return part * denominator >= numerator * whole + (bound == "open")
