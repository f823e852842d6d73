"""Registers hold what was said, not how often."""

from __future__ import annotations

from application.projections.applications import APPLICATIONS
from application.projections.batch import Plan, apply
from application.projections.payments import PAYMENTS
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


def test_money_is_due_back_from_when_a_cancellation_is_told() -> None:
    """What it lets go may come back at once, whatever day it is of; and what came is told, not what was asked for."""
    stream, days = "payment:a", ("2025-05-01T00:00:00.000000Z", "2025-05-02T00:00:00.000000Z")
    request = {"policy": "p", "payee": "i", "amount_fen": 300, "source_kind": "property_fee"}
    told = [
        Told(stream, "payment.Requested", request, {}, days[0]),
        Told(stream, "payment.Confirmed", {"line": "l"}, {"on": "2025-05-01", "findings": []}, days[0]),
        Told(stream, "payment.Matched", None, {"policy": "p", "source": "property_fee", "amount_fen": 310}, days[0]),
        Told(stream, "payment.ReturnDue", None, {"amount_fen": 310, "why": "w"}, "2099-01-01T00:00:00.000000Z"),
        Told(stream, "payment.Returned", {"line": "m"}, {"amount_fen": 310}, days[1]),
    ]
    changes = apply(Plan.of([PAYMENTS]), logged(told), {}, set())
    rows = [new.row for new in changes.opened["payments"].values() if new.known_to is None]
    names = [column.name for column in PAYMENTS.columns]
    last = max(rows, key=lambda row: row.effective_from)
    values = dict(zip(names, last.values, strict=True))
    assert last.effective_from < "2099"
    assert [values[name] for name in ("state", "amount_fen", "return_due_fen", "returned_fen")] == [
        "returned", 310, 310, 310,
    ]  # fmt: skip
