"""Parties: what each is, where, and whether it may act, by what is known."""

from __future__ import annotations

from typing import Final

from application.projections.base import Bitemporal, Column, LoggedEvent
from application.projections.registers import Notes, last_row, registers
from domain.parties import Party

LISTS: Final = ("areas", "sectors")
TEXTS: Final = ("kind", "name", "uscc", "registered_at")
COLUMNS: Final = (*TEXTS, *LISTS, "suspended")


def _told(party: Party) -> Notes:
    return {name: getattr(party, name) for name in ("kind", "name", *LISTS, "suspended")}


def _note(event: LoggedEvent) -> Notes:
    if event.type != Party.Registered.TOPIC:
        return {}
    return {"uscc": event.facts.get("uscc"), "registered_at": event.recorded_at}


_OF_ITSELF: Final = frozenset({Party.Registered.TOPIC, Party.Suspended.TOPIC, Party.Reinstated.TOPIC})
"""What is said of a party; the mandates it holds are listed with nobody."""

PARTIES = Bitemporal(
    name="parties",
    version=1,
    columns=(*map(Column, TEXTS), *(Column(name, "texts") for name in LISTS), Column("suspended", "flag")),
    evolve={topic: evolve for topic, evolve in registers(Party, _told, _note).items() if topic in _OF_ITSELF},
    rows=last_row(COLUMNS),
)
