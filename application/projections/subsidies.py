"""Subsidies of premium: how each stood, from its claim to what was asked back."""

from __future__ import annotations

from typing import Final

from application.projections.base import Bitemporal, Column, LoggedEvent
from application.projections.registers import Notes, register_rows, registers
from domain.subsidies import Subsidy

SUMS: Final = ("claimed_fen", "granted_fen", "paid_fen", "clawed_back_fen", "settled_fen")
TEXTS: Final = ("state", "programme", "area", "policy", "claimant", "claimed_at")
COLUMNS: Final = (*TEXTS, *SUMS)
NOTED: Final = frozenset({"claimant", "claimed_at"})
"""Columns that the subsidy itself does not hold."""


def _told(subsidy: Subsidy) -> Notes:
    return {name: getattr(subsidy, name) for name in COLUMNS if name not in NOTED}


def _note(event: LoggedEvent) -> Notes:
    if event.type != Subsidy.Claimed.TOPIC:
        return {}
    return {"claimant": event.party, "claimed_at": event.effective_at}


SUBSIDIES = Bitemporal(
    name="subsidies",
    version=1,
    columns=(*map(Column, TEXTS), *(Column(name, "integer") for name in SUMS)),
    evolve=registers(Subsidy, _told, _note),
    rows=register_rows(COLUMNS),
)
