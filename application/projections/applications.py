"""Applications to pay from a maintenance fund: how each stood, and what became of its money."""

from __future__ import annotations

from typing import Any, Final

from application.projections.base import Bitemporal, Column, LoggedEvent
from application.projections.registers import Notes, register_rows, registers
from domain.applications import Application
from domain.findings import gravest

SUMS: Final = ("premium_fen", "amount_fen", "fund_share_fen", "refund_due_fen", "refunded_fen")
TEXTS: Final = (
    "fund", "state", "verdict", "filer", "policy", "insurer", "plan", "vote", "emergency", "pays_from", "filed_on",
    "approved_on", "paid_at", "payment",
)  # fmt: skip
COLUMNS: Final = (*TEXTS, *SUMS)
NOTED: Final = frozenset({"fund", "verdict", "insurer", "premium_fen", "paid_at"})
"""Columns that the application itself does not hold."""


def _told(application: Application) -> Notes:
    told: dict[str, Any] = {name: getattr(application, name) for name in COLUMNS if name not in NOTED}
    return {**told, "fund": application.id.partition("/")[0], "approved_on": application.approved_on or None}


def _note(event: LoggedEvent) -> Notes:
    """Note what it is to pay, what the last checks came to, and when the bank paid."""
    found = event.found
    match event.type:
        case Application.Filed.TOPIC:
            proposed = {name: found[name] for name in ("insurer", "premium_fen")}
            return {**proposed, "verdict": gravest(found["findings"])}
        case Application.Checked.TOPIC | Application.Approved.TOPIC:
            return {"verdict": gravest(found["findings"])}
        case Application.Paid.TOPIC:
            return {"paid_at": event.effective_at}
        case _:
            return {}


APPLICATIONS = Bitemporal(
    name="applications",
    version=1,
    columns=(*map(Column, TEXTS), *(Column(name, "integer") for name in SUMS)),
    evolve=registers(Application, _told, _note),
    rows=register_rows(COLUMNS),
)
