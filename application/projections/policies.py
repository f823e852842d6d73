"""Policies over both times: state, whether they insure, and what the stack of endorsements comes to on each day.

An endorsement recorded late changes the days it holds for from its recording on; what was known before stays known
as it was then. `received_fen` is what is held as premium: not what was over, nor what went back.
"""

from __future__ import annotations

from collections.abc import Iterator

from application.projections.base import Bitemporal, Column, Row, State, merged
from application.projections.folding import AGGREGATE, begins, folds
from domain.policies import Policy


def _rows(_stream: str, state: State) -> Iterator[Row]:
    policy: Policy = state[AGGREGATE]
    inner = {change.effective_on for change in policy.stack} | {policy.cancelled_on}
    days = sorted({policy.from_date, *(d for d in inner if d is not None and policy.from_date < d < policy.to_date)})
    for day, end in zip(days, [*days[1:], policy.to_date], strict=True):
        issued = bool(policy.stack)
        in_force = policy.in_force_on(day)
        yield Row(
            "", begins(day), begins(end),
            (
                # What ended it early (退保, 失效) is so from its day on; until then it was in force.
                "issued" if in_force else policy.state, in_force,
                policy.number, policy.product, policy.area, policy.holder, policy.insurer,
                tuple(party for party, _ in policy.insurers), policy.interest,
                policy.premium_on(day) if issued else policy.drafted_fen, policy.held_fen,
                sum(c.lifts for c in policy.on_stack(day)) if issued else policy.staged.count,
                policy.fund_paid, policy.services, policy.from_date, policy.to_date, policy.valid_until,
            ),
        )  # fmt: skip


POLICIES = Bitemporal(
    name="policies",
    version=4,
    columns=(
        Column("state"), Column("in_force", "flag"), Column("number"), Column("product"), Column("area"),
        Column("holder"), Column("insurer"), Column("insurers", "texts"), Column("interest"),
        Column("premium_fen", "integer"), Column("received_fen", "integer"), Column("lifts", "integer"),
        Column("fund_paid", "flag"), Column("services", "texts"), Column("from_date"), Column("to_date"),
        Column("valid_until"),
    ),
    evolve=folds(Policy),
    rows=lambda stream, state: merged(_rows(stream, state)),
)  # fmt: skip
