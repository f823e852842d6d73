"""Policies over both times: state, whether they insure, and what the stack of endorsements comes to on each day.

An endorsement recorded late changes the days it holds for from its recording on; what was known before stays known
as it was then. `received_fen` is what is held as premium: not what was over, nor what went back.
"""

from __future__ import annotations

from collections.abc import Iterator

from application.projections.base import Bitemporal, Column, Row, State, merged
from application.projections.folding import AGGREGATE, begins, folds
from domain.policies import Policy
from domain.policy_amounts import course_of


def _rows(_stream: str, state: State) -> Iterator[Row]:
    policy: Policy = state[AGGREGATE]
    for days, premium_fen, lifts in course_of(policy):
        in_force = policy.in_force_on(days.from_date)
        yield Row(
            "", begins(days.from_date), begins(days.to_date),
            (
                # What ended it early (退保, 失效) is so from its day on; until then it was in force.
                "issued" if in_force else policy.state, in_force,
                policy.number, policy.product, policy.area, policy.holder, policy.insurer,
                tuple(party for party, _ in policy.insurers), policy.interest,
                premium_fen, policy.held_fen, lifts, policy.fund_paid, policy.services, policy.from_date,
                policy.to_date, policy.valid_until,
            ),
        )  # fmt: skip


POLICIES = Bitemporal(
    name="policies",
    version=5,
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
