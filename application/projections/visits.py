"""Maintenance visits by their names: what each event of a visit says of it, from which lists make its record.

A stream holds a year of a lift's visits, too many to be read again whenever one of them moves. So nothing is folded
here: the rows of a visit are put together when they are read (`infrastructure/visit_views.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from application.projections.base import Column, Listing, LoggedEvent, Value
from application.projections.timeline import findings_of
from domain.maintenance import MaintenanceYear

CORRECTS, CORRECTED_BY = "corrects", "corrected_by"
BULK: Final = frozenset({MaintenanceYear.NodesReceived.TOPIC, MaintenanceYear.ItemsRecorded.TOPIC})
"""Of what a visit consists of, only what was found is kept here; the lift's chain has every node and item."""


def _entries(event: LoggedEvent) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Give one row of an event, of a visit's opening one for each worker; what was found stands on the first."""
    said, found, findings = event.said or {}, event.found, findings_of(event)
    if event.type in BULK and not findings:
        return
    opens = event.type == MaintenanceYear.Opened.TOPIC
    visit = said["id"] if opens else said.get("visit") or found["visit"]
    other = found.get(CORRECTS) if opens else found.get(CORRECTED_BY)
    workers = tuple(dict.fromkeys(said["workers"])) if opens else ()
    year, level = int(event.stream.rpartition(":")[2]), said["level"] if opens else None
    of = (event.subject, year, event.type, event.effective_at, event.recorded_at, event.party, event.agent, level)
    for number, worker in enumerate(workers or (None,)):
        yield visit, (*of, worker, other, () if number else findings)


VISITS = Listing(
    name="visits",
    version=1,
    columns=(
        Column("lift"), Column("year", "integer"), Column("type"), Column("at"), Column("recorded_at"), Column("party"),
        Column("agent"), Column("level"), Column("worker"), Column("other"), Column("findings", "texts"),
    ),
    entries=_entries,
    types=frozenset(event.TOPIC for event in MaintenanceYear.EVENTS),
)  # fmt: skip
