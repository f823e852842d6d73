"""How long a lift in use went without a visit (维保间隔): found when it is read, never written.

A visit that was offline comes in late, a record is corrected, a change of hands is told afterwards: each may close a
gap that there seemed to be. So nothing is said when a visit is recorded; whoever reads is told by what was known then.
And since what is missing may only not have come in, a gap is a matter for a person at the most, never a violation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from domain.care import Care, Stretch
from domain.catalogue import CYCLES
from domain.findings import Finding, Verdict, at_most, finding
from domain.maintenance import Visit
from domain.packs import Pack, rule_or_own
from domain.visit_checks import BY_MAINTAINER, Limit, limit_of

INTERVAL: Final = "maintenance.interval_days_max"
WITHOUT: Final = "without_maintainer"
CYCLE: Final = "maintenance.cycle_days_max"
DEEPER: Final = {"TM": "quarterly", "SM": "half_yearly", "OY": "yearly"}
"""The visits that have a cycle of their own beside the half-month's (T5002-2017 art. 6)."""


def counts(visit: Visit, care: Care) -> bool:
    """Say whether a visit is one of those that the law asks for: ended, by who was engaged that day, not on demand.

    What is done on demand (按需维保) is in the contract; a corrected record counts by the new one.
    """
    return (
        visit.finished_at is not None and visit.corrected_by is None and visit.level in CYCLES
        and visit.maintainer in care.engaged_on(visit.on)
    )  # fmt: skip


def check_gaps(visit: Visit, care: Care, before: Sequence[Visit], pack: Pack | None, known_since: str) -> list[Finding]:
    """Check the days before a visit that counts, `before` being all earlier ones that do, of all records of the lift.

    `interval_over_15_days` (named by the rule's days) since the last; `quarterly_visit_overdue`,
    `half_yearly_visit_overdue`, `yearly_visit_overdue` since the last that went so deep, else since the first known.
    Nobody answers for the days before he was engaged, nor while the lift is out of use; `unvisited_over_15_days` tells
    who answered before that, since no later visit of his will. Of a lift without an earlier visit nothing is known,
    but that whoever took it over since it stands in the ledger (`known_since`) was to come.
    Legal source: 特种设备安全监察条例 31, T5002-2017 6.
    """
    if not counts(visit, care):
        return []
    return [*_interval(visit, care, before, pack, known_since), *(_deeper(visit, care, before, pack) if before else ())]


def check_care(care: Care, before: Sequence[Visit], pack: Pack | None, known_since: str, today: str) -> list[Finding]:
    """Check a lift in use on a day, `before` being all visits until then that count: what no visit tells.

    `without_maintainer` with the day since which nobody answers for it, to be supplied where nobody ever did as far as
    known; `visit_awaited_over_15_days` of who answers for it still, `unvisited_over_15_days` of who does no longer.
    Legal source: 特种设备安全法 45, 特种设备安全监察条例 31.
    """
    if today < known_since or not care.in_use_on(today):
        return []
    found: list[Finding] = []
    if not care.engaged_on(today):
        rule, ended = rule_or_own(pack, BY_MAINTAINER, today), care.last_end(today)
        if ended is None:
            found.append(finding(rule, "without_maintainer", "needs_supplement"))
        else:
            found.append(finding(rule, "without_maintainer", at_most(rule), since=ended))
    for limit, stretch, facts in _unvisited(care, before, pack, known_since, today):
        still = stretch.to_date == today and stretch.holder in care.engaged_on(today)
        facts |= {"until": stretch.to_date, "maintainer": stretch.holder}
        days, verdict = limit.value, _verdict(limit, stretch)
        if still:
            found.append(finding(limit.rule, f"visit_awaited_over_{days}_days", verdict, **facts))
        else:
            found.append(finding(limit.rule, f"unvisited_over_{days}_days", verdict, **facts))
    return found


def _interval(
    visit: Visit, care: Care, before: Sequence[Visit], pack: Pack | None, known_since: str
) -> Iterator[Finding]:
    for limit, stretch, facts in _unvisited(care, before, pack, known_since, visit.on):
        verdict = _verdict(limit, stretch)
        if (stretch.holder, stretch.to_date) == (visit.maintainer, visit.on) and care.in_use_on(visit.on):
            yield finding(limit.rule, f"interval_over_{limit.value}_days", verdict, **facts)
        else:
            facts |= {"until": stretch.to_date, "maintainer": stretch.holder}
            yield finding(limit.rule, f"unvisited_over_{limit.value}_days", verdict, **facts)


def _unvisited(
    care: Care, before: Sequence[Visit], pack: Pack | None, known_since: str, until: str
) -> Iterator[tuple[Limit, Stretch, dict[str, int | str]]]:
    """Give the stretches of care without a visit until a day that are too long, each with the limit and its facts."""
    limit, last_on = limit_of(pack, INTERVAL, until), max((each.on for each in before), default=None)
    since = known_since if last_on is None else last_on
    for stretch in care.stretches(since, until) if limit is not None and since < until else ():
        taken_over = last_on is not None or care.engaged_since(stretch.holder, stretch.from_date) >= known_since
        if limit is not None and stretch.days > limit.value and taken_over:
            yield limit, stretch, {
                "days": stretch.days, **({} if last_on is None else {"last_on": last_on}),
                "counted_from": stretch.from_date, **({"on_demand": True} if stretch.on_demand else {}),
            }  # fmt: skip


def _verdict(limit: Limit, stretch: Stretch) -> Verdict:
    """Give the verdict: what is agreed on demand has no half-months; who looks at it sees that it was agreed."""
    return "information" if stretch.on_demand else at_most(limit.rule)


def _deeper(visit: Visit, care: Care, before: Sequence[Visit], pack: Pack | None) -> Iterator[Finding]:
    """Hold deeper visits to their cycles, which stand still while the lift is out of use or maintained on demand."""
    if not care.in_use_on(visit.on):
        return
    engaged = care.engaged_since(visit.maintainer, visit.on)
    for level, name in DEEPER.items():
        limit = limit_of(pack, CYCLE, visit.on, level)
        deep = [each.on for each in before if _goes(each, level)]
        since = max(max(deep) if deep else min(each.on for each in before), engaged)
        if limit is None or since >= visit.on:
            continue
        own = [s for s in care.stretches(since, visit.on) if s.holder == visit.maintainer and not s.on_demand]
        days = sum(stretch.days for stretch in own)
        if days > limit.value:
            verdict = at_most(limit.rule)
            yield finding(limit.rule, f"{name}_visit_overdue", verdict, days=days, counted_from=since)


def _goes(visit: Visit, level: str) -> bool:
    """Say whether a visit goes as deep as a level: each deeper one includes the shallower ones."""
    order: Sequence[str] = CYCLES
    return order.index(visit.level) >= order.index(level)
