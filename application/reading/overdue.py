"""What time alone has made amiss of visits: no countersignature, too long without one. Found when read, never written.

By what was known at a position (§4.8): a record that came in later, a correction, another day of hand-over tell another
tale, and the earlier one can still be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from application.reading.asking import Reads
from application.reading.schemes import Rules
from domain.aggregate import A, Aggregate, Event, fold
from domain.findings import Finding
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear, Visit, maintenance_stream, visit_named
from domain.packs import Pack
from domain.visit_checks import uncountersigned
from domain.visit_gaps import check_gaps, counts

RECORDS_KEPT_YEARS: Final = 4
"""Maintenance records are kept so long at least (T5002-2017 art. 5(6)): a visit before that is not asked for."""


@dataclass(frozen=True, slots=True)
class _Year:
    """The visits of a year as judged, and when the record of each came in."""

    visits: Mapping[str, Visit]
    came_at: Mapping[str, str]


@dataclass(slots=True)
class Missing:
    """Judges at an instant by what was known at a position; for one question, reads each stream once."""

    reads: Reads
    known: int
    judged_at: str
    _held: dict[str, Aggregate | None] = field(default_factory=dict)
    _years: dict[str, _Year] = field(default_factory=dict)
    _rules: dict[str, Rules] = field(default_factory=dict)

    def of(self, stream: str) -> Mapping[str, list[Finding]]:
        """Give by visit of a year's stream what was found, of those with anything.

        Codes `uncountersigned`, `signed_on_behalf_only`, and those of `domain.visit_gaps.check_gaps`; nothing where no
        pack is in force that sets a limit.
        """
        name = stream.partition("/")[0]
        lift = self._folded(Lift, name)
        if lift is None:
            return {}
        year = self._year(stream)
        before = self._counted(lift, int(stream.rpartition(":")[2]))
        found: dict[str, list[Finding]] = {}
        for visit_name, came_at in year.came_at.items():
            visit = year.visits[visit_name]
            pack = self._pack(lift.area_on(visit.on), visit.on)
            findings = uncountersigned(visit, came_at, self.judged_at, pack)
            if min(came_at, visit.finished_at or came_at) <= self.judged_at:
                earlier = [each for each in before if each.opened_at < visit.opened_at]
                findings += check_gaps(visit, lift, earlier, pack)
            if findings:
                found[visit_name] = findings
        return found

    def _counted(self, lift: Lift, year: int) -> list[Visit]:
        """Give the visits that count until a year, of all records of a lift, as far back as records are kept."""
        return [
            visit
            for record in self._records(lift.id)
            for each in range(year - RECORDS_KEPT_YEARS, year + 1)
            for visit in self._year(maintenance_stream(record.id, each)).visits.values()
            if counts(visit, record)
        ]

    def _records(self, name: str) -> list[Lift]:
        """Give a lift's record, what it went up in, and what went up in any of these: they are one lift (C11)."""
        found: dict[str, Lift] = {}
        wanted = [name]
        while wanted:
            each = wanted.pop()
            lift = None if each in found else self._folded(Lift, each)
            if lift is not None:
                found[each] = lift
                wanted += lift.absorbed if lift.merged_into is None else (*lift.absorbed, lift.merged_into)
        return list(found.values())

    def _year(self, stream: str) -> _Year:
        known = self._years.get(stream)
        if known is None:
            year, came_at = MaintenanceYear(stream), dict[str, str]()
            for event in self._events(stream):
                if not _later(event, self.judged_at):
                    event.apply(year)
                if isinstance(event, MaintenanceYear.Finished):
                    came_at[visit_named(event) or ""] = event.recorded_at or ""
            known = self._years[stream] = _Year(year.visits, came_at)
        return known

    def _pack(self, area: str | None, on: str) -> Pack | None:
        """Give the pack in force in an area on a civil date; None where none was adopted."""
        if area is None:
            return None
        if area not in self._rules:
            self._rules[area] = Rules.of(self.reads, area, self.known)
        return self._rules[area].pack(on)

    def _folded(self, kind: type[A], stream: str) -> A | None:
        if stream not in self._held:
            self._held[stream] = fold(kind, stream, self._events(stream))
        held = self._held[stream]
        return held if isinstance(held, kind) else None

    def _events(self, stream: str) -> list[Event]:
        stored = self.reads.streams.events(stream)
        return [event for event in stored if event.position is not None and event.position <= self.known]


def _later(event: Event, instant: str) -> bool:
    """Say whether a signature or a correction came after an instant; the visit itself is judged by its end."""
    late = isinstance(event, MaintenanceYear.Countersigned | MaintenanceYear.Corrected)
    return late and (event.effective_at or "") > instant
