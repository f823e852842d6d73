"""How long a lift in use went without a visit (维保间隔): found when it is read, never written.

A visit that was offline comes in late, a record is corrected, a change of hands is told afterwards: each may close a
gap that there seemed to be. So nothing is said when a visit is recorded; whoever reads is told by what was known then.
And since what is missing may only not have come in, a gap is a matter for a person at the most, never a violation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.catalogue import CYCLES
from domain.findings import Finding, Verdict, finding
from domain.lifts import Lift
from domain.maintenance import Visit
from domain.packs import Pack, Rule
from domain.time import days_between
from domain.visit_checks import limit_of

INTERVAL: Final = "maintenance.interval_days_max"
CYCLE: Final = "maintenance.cycle_days_max"
DEEPER: Final = {"TM": "quarterly", "SM": "half_yearly", "OY": "yearly"}
"""The visits that have a cycle of their own beside the half-month's (T5002-2017 art. 6)."""


def counts(visit: Visit, lift: Lift) -> bool:
    """Say whether a visit is one of those that the law asks for: ended, by who was engaged that day, not on demand.

    What is done on demand (按需维保) is in the contract; a corrected record counts by the new one.
    """
    return (
        visit.finished_at is not None and visit.corrected_by is None and visit.level in CYCLES
        and visit.maintainer in lift.engaged_on(visit.on)
    )  # fmt: skip


def check_gaps(visit: Visit, lift: Lift, before: Sequence[Visit], pack: Pack | None) -> list[Finding]:
    """Check the days before a visit that counts, `before` being all earlier ones that do, of all records of the lift.

    `interval_over_15_days` (named by the rule's days) since the last; `quarterly_visit_overdue`,
    `half_yearly_visit_overdue`, `yearly_visit_overdue` since the last that went so deep, else since the first known.
    The lift's time out of use is not counted, nor that before the visit's maintainer was engaged; of a lift without an
    earlier visit nothing is known. Legal source: 特种设备安全监察条例 31, T5002-2017 6.
    """
    if not before or not counts(visit, lift) or lift.status_on(visit.on) not in {"in_use", None}:
        return []
    answers = lift.answers_since(visit.maintainer, visit.on)
    found: list[Finding] = []
    last_on = max(each.on for each in before)
    since = max(last_on, answers)
    days, limit = days_between(since, visit.on), limit_of(pack, INTERVAL, visit.on)
    if limit is not None and days > limit.value:
        facts: dict[str, int | str] = {"days": days, "last_on": last_on, "counted_from": since}
        found.append(finding(limit.rule, f"interval_over_{limit.value}_days", _at_most(limit.rule), **facts))
    for level, name in DEEPER.items():
        deep = [each.on for each in before if _goes(each, level)]
        since = max(max(deep) if deep else min(each.on for each in before), answers)
        days, limit = days_between(since, visit.on), limit_of(pack, CYCLE, visit.on, level)
        if limit is not None and days > limit.value:
            verdict = _at_most(limit.rule)
            found.append(finding(limit.rule, f"{name}_visit_overdue", verdict, days=days, counted_from=since))
    return found


def _goes(visit: Visit, level: str) -> bool:
    """Say whether a visit goes as deep as a level: each deeper one includes the shallower ones."""
    order: Sequence[str] = CYCLES
    return order.index(visit.level) >= order.index(level)


def _at_most(rule: Rule) -> Verdict:
    return "manual_review" if rule.breach == "violates" else rule.breach
