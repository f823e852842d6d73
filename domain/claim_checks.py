"""Checks of claims: statutory clocks, entrapment, to whom money may go, sums of heads.

Clocks are answered as dates with their rule, never acted on: limitation is the debtor's plea and closes nothing (L6).
The days that are recorded as due are plain ones, so that a later notice of holidays changes no recorded fact. Whether
something was late is judged by the last day as it moves (民法典 203): over weekends and legal holidays (法定休假日).
Each year has its notice of them (`domain.working_days`); what a notice to come may excuse is for a person to look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.catalogue import coverage_parts
from domain.entrapment import benefit_floor_fen, is_accident_candidate
from domain.errors import Invalid, NotFound, RuleBroken
from domain.findings import Finding, Verdict, finding
from domain.packs import Pack, rule_or_own
from domain.time import add_days, after_weekend
from domain.working_days import first_working_day

COVERED: Final = "claims.covered"
CERTAIN: Final = "责任保险业务监管办法(2020) 6"
"""Liability insurance does not cover losses that are certain already."""
DUPLICATE: Final = "claims.duplicate"
ASKED_ONCE: Final = "claims.asked_once"
NETTED: Final = "claims.advance_netted"
ROLLS: Final = "claims.last_day_rolls"
MEASURED: Final = "entrapment.measured"
THIRD_PARTY_FIRST: Final = "claims.third_party_first"
PAYEE: Final = "claims.payee"

HOLIDAY_DAYS_MAX: Final = 9
"""As long as the longest legal holiday with its weekends was yet (Spring Festival of 2026): one that is not announced
may excuse no more."""

PAYEES: Final[Mapping[str, frozenset[str]]] = {
    "third_party": frozenset({"third_party", "hospital"}),
    "passenger": frozenset({"passenger"}),
    "employee": frozenset({"employee", "hospital"}),
    "insured": frozenset({"insured"}),
    "insured_or_repairer": frozenset({"insured", "repairer"}),
}
"""Who may be paid at once, by the part's payee (L8)."""

COMPENSATED_FIRST: Final = frozenset({"third_party", "passenger", "employee"})
"""Parts whose money is another's: the insured gets it only after compensating him (保险法 65 款三)."""


def clock(pack: Pack | None, name: str, start_on: str, on: str, paused_days: int | None = 0) -> list[dict[str, Any]]:
    """Give a clock of rule `claims.clocks` as `[{clock, start_on, due_on, rule, basis}]`; none where no rule is.

    The day of the event is not counted (民法典 201). `due_on` is null while the clock stands still.
    """
    if pack is None:
        return []
    try:
        rule = pack.rule("claims.clocks", on)
    except NotFound:
        return []
    found: list[dict[str, Any]] = []
    for row in rule.rows():
        length = row["length"]
        if row["clock"] != name or row["unit"] != "days" or type(length) is not int:
            continue
        pauses = 0 if row["pause"] == "none" else paused_days
        due_on = None if pauses is None else add_days(start_on, length + pauses)
        found.append({"clock": name, "start_on": start_on, "due_on": due_on, "rule": rule.id, "basis": row["basis"]})
    return found


def check_clock(
    due: Sequence[Mapping[str, Any]], done_on: str, pack: Pack | None, on: str, *, excused: bool = False
) -> list[Finding]:
    """Find `overdue_<clock>` where something was done after the last day, `last_on`, to which the day due moved.

    As long as a legal holiday of a year whose notice is not known might excuse it, or where something else may
    (`excused`), this is for a person to look at: missing data is no violation.
    """
    running = [row for row in due if row["due_on"] is not None]
    if pack is None or not running:
        return []
    found: list[Finding] = []
    for row in running:
        last_on, excused_on = last_days(pack, row["due_on"])
        if done_on > last_on:
            rule = pack.rule("claims.clocks", on)
            doubted = (excused or done_on <= excused_on) and rule.breach == "violates"
            verdict: Verdict | None = "manual_review" if doubted else None
            found.append(
                finding(
                    rule, f"overdue_{row['clock'].lower()}", verdict,
                    due_on=row["due_on"], last_on=last_on, done_on=done_on,
                )
            )  # fmt: skip
    return found


def last_days(pack: Pack, due_on: str) -> tuple[str, str]:
    """Give the day to which a last day moves, and the latest to which a holiday that is not announced may move it."""
    rule = rule_or_own(pack, ROLLS, due_on)
    moves = rule.table() if rule.fixed else {"holidays": True}
    weekends = moves.get("weekends") is True
    last_on = after_weekend(due_on) if weekends else due_on
    if moves.get("holidays") is not True:
        return last_on, last_on
    makeup_rest = moves.get("makeup_workdays") is True
    announced = first_working_day(due_on, weekends=weekends, makeup_rest=makeup_rest) if rule.fixed else None
    return (announced, announced) if announced else (last_on, after_weekend(add_days(due_on, HOLIDAY_DAYS_MAX)))


def check_day(pack: Pack | None, loss_on: str, on: str) -> list[Finding]:
    """Find `dated_before_loss` where a fact of a claim is said to be of a day before the loss: one of them is wrong."""
    if on >= loss_on:
        return []
    return [finding(rule_or_own(pack, COVERED, loss_on), "dated_before_loss", dated_on=on, loss_on=loss_on)]


def check_entrapment(seconds: int, pack: Pack | None, on: str) -> tuple[dict[str, Any], list[Finding]]:
    """Work out an entrapment: whole seconds, the floor for each person, and whether it may be an accident.

    Returns `{seconds, floor_fen}` and findings `accident_candidate`, `released_before_alarm`; the floor is null where
    no rule is.
    """
    if pack is None or seconds < 0:
        rule = rule_or_own(pack, MEASURED, on)
        broken = [finding(rule, "released_before_alarm", seconds=seconds)] if seconds < 0 else []
        return {"seconds": max(0, seconds), "floor_fen": None}, broken
    floor_fen: int | None
    try:
        floor_fen = benefit_floor_fen(seconds, pack, on)
    except NotFound:
        floor_fen = None
    findings: list[Finding] = []
    if pack.has("accident.candidate_seconds", on) and is_accident_candidate(seconds, pack, on):
        findings.append(finding(pack.rule("accident.candidate_seconds", on), "accident_candidate", seconds=seconds))
    return {"seconds": seconds, "floor_fen": floor_fen}, findings


def check_benefit(
    part: str, seconds: int | None, persons: int, amount_fen: int, pack: Pack | None, on: str
) -> list[Finding]:
    """Hold an approved entrapment benefit against the pack's floor for all persons trapped: `benefit_below_floor`."""
    if part != "entrapment" or seconds is None or pack is None or not pack.has("entrapment.floor", on):
        return []
    floor_fen = benefit_floor_fen(seconds, pack, on) * persons
    if amount_fen >= floor_fen:
        return []
    rule = pack.rule("entrapment.floor", on)
    return [
        finding(
            rule, "benefit_below_floor", seconds=seconds, persons=persons, benefit_fen=amount_fen, floor_fen=floor_fen
        )
    ]


def check_approved(
    approved_fen: int, assessed_fen: int | None, advanced_fen: int, deductible_fen: int, pack: Pack | None, on: str
) -> list[Finding]:
    """Hold what is approved in all against the assessed loss, its deductible (免赔额) and the advances.

    Codes `over_assessed`, else `deductible_not_applied` where the insured's own part of the loss is approved too, and
    `advanced_over_approved`. Of a loss that was not assessed nothing is said.
    """
    covered, netted = rule_or_own(pack, COVERED, on), rule_or_own(pack, NETTED, on)
    found: list[Finding] = []
    if assessed_fen is not None and approved_fen > assessed_fen:
        found.append(finding(covered, "over_assessed", assessed_fen=assessed_fen, approved_fen=approved_fen))
    elif assessed_fen is not None and approved_fen > max(0, assessed_fen - deductible_fen):
        found.append(
            finding(
                covered, "deductible_not_applied", assessed_fen=assessed_fen, approved_fen=approved_fen,
                deductible_fen=deductible_fen,
            )
        )  # fmt: skip
    if approved_fen < advanced_fen:
        found.append(finding(netted, "advanced_over_approved", advanced_fen=advanced_fen, approved_fen=approved_fen))
    return found


def require_payee(part: str, payee: str, *, compensated: bool) -> None:
    """Refuse money to the wrong hands, by coverage part (L8).

    Raises RuleBroken `third_party_first` when the insured would be paid what is another's without proof that he has
    compensated him (保险法 65 款三), `payee_wrong` for anybody else it is not for.
    """
    row = coverage_parts().get(part)
    if row is None:
        raise Invalid("no such coverage part", code="part_unknown", part=part)
    if payee in PAYEES[row.payee]:
        return
    if payee == "insured" and row.payee in COMPENSATED_FIRST:
        if compensated:
            return
        raise RuleBroken(
            "the insured is paid only after compensating the third party",
            code="third_party_first", rule=THIRD_PARTY_FIRST, basis="保险法 65 款三", part=part, payee=payee,
        )  # fmt: skip
    raise RuleBroken(
        "this part is not paid to such a payee", code="payee_wrong", rule=PAYEE, part=part, payee=payee,
        allowed=sorted(PAYEES[row.payee]),
    )  # fmt: skip


def require_sum(heads: Sequence[Mapping[str, Any]], total_fen: int) -> None:
    """Raise Invalid `heads_sum` unless the heads sum to the amount."""
    summed_fen = sum(head["amount_fen"] for head in heads)
    if summed_fen != total_fen:
        raise Invalid("the heads do not sum to the amount", code="heads_sum", heads_fen=summed_fen, total_fen=total_fen)
