"""Registers hold what was said, not how often."""

from __future__ import annotations

from application.projections.applications import APPLICATIONS
from application.projections.batch import Plan, apply
from tests.support.history import Told, logged


def test_what_changes_nothing_that_is_told_makes_no_row() -> None:
    """A fund of 100,000 houses stages its charges in 417 groups, of which the list of applications says nothing."""
    stream = "fund:a/application:b"
    filing = {"policy": "p", "plan": "q", "pays_from": "fund_principal", "amount_fen": 1}
    found = {"insurer": "i", "premium_fen": 1, "findings": [], "on": "2025-05-01"}
    approved = {"findings": [], "on": "2025-05-02", "groups": 417}
    told = [
        Told(stream, "application.Filed", filing, found, None),
        Told(stream, "application.Approved", {"fund_share_fen": 1}, approved, None),
        *(
            Told(stream, "application.ChargesStaged", {"group": number}, {"total_fen": number}, None)
            for number in range(1, 418)
        ),
    ]
    changes = apply(Plan.of([APPLICATIONS]), logged(told), {}, set())
    assert not changes.parked
    assert [(row.known_from, row.known_to) for row in changes.opened["applications"].values()] == [
        (1, 2), (2, None), (2, None),
    ]  # fmt: skip
