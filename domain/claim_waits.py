"""What is still awaited of a claim after its last day (逾期未办): found when it is read, never written.

What was done and not recorded yet cannot be told from what was not done, so it is a matter for a person at the most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from domain.claim_checks import clock, last_days
from domain.claims import Claim
from domain.findings import Finding, at_most, finding
from domain.packs import Pack, Rule

WAITING: Final = ("notified", "assessed", "approved")
"""States in which something may be awaited: a decision, or the money."""


def awaited(claim: Claim, pack_on: Callable[[str], Pack | None], today: str) -> list[Finding]:
    """Find what a claim still waits for on a day that is after the last one of its clock.

    `decision_awaited` (K3, 30 days from the papers, which stand still while the first supplement is wanted) and
    `advance_awaited` (K6, 60 days, where nothing was advanced) of a claim that is not decided; `payment_awaited` (K4,
    10 days from the agreement) of what was agreed. Facts are `clock`, `due_on` and `last_on`, to which it moved.
    Legal source: 保险法 23, 25.
    """
    found: list[Finding] = []
    papers_on, agreed_on = claim.papers_on, claim.agreed_on
    if claim.state in {"notified", "assessed"} and papers_on is not None:
        for rule, facts in _over(pack_on(papers_on), "K3", papers_on, today, claim.paused_days):
            found.append(finding(rule, "decision_awaited", at_most(rule), **facts))
        for rule, facts in () if claim.advanced_fen else _over(pack_on(papers_on), "K6", papers_on, today):
            found.append(finding(rule, "advance_awaited", at_most(rule), **facts))
    if agreed_on is not None and claim.paid_fen < claim.agreed_fen:
        for rule, facts in _over(pack_on(agreed_on), "K4", agreed_on, today):
            found.append(finding(rule, "payment_awaited", at_most(rule), **facts))
    return found


def _over(
    pack: Pack | None, name: str, start_on: str, today: str, paused_days: int | None = 0
) -> Iterator[tuple[Rule, dict[str, str]]]:
    """Give the rule and the days of a clock whose last day is over; a pack that leaves its clocks open sets none."""
    if pack is None or pack.fixed("claims.clocks", start_on) is None:
        return
    for row in clock(pack, name, start_on, start_on, paused_days):
        if row["due_on"] is not None:
            last_on, _ = last_days(pack, row["due_on"])
            if today > last_on:
                rule = pack.rule("claims.clocks", start_on)
                yield rule, {"clock": name, "due_on": row["due_on"], "last_on": last_on}
