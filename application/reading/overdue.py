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
from domain.care import Care, records_of
from domain.contracts import Contract
from domain.findings import Finding
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear, Visit, maintenance_stream, visit_named
from domain.packs import Pack
from domain.visit_checks import check_maintainer, told_since, uncountersigned
from domain.visit_gaps import check_gaps, counts

RECORDS_KEPT_YEARS: Final = 4
"""Maintenance records are kept so long at least (T5002-2017 art. 5(6)): a visit before that is not asked for."""


@dataclass(frozen=True, slots=True)
class _Year:
    """The visits of a year as known and as judged, when the record of each came in, and what was found of its opening.

    That a record was corrected is so of the visit all along; it was to be signed until then.
    """

    known: Mapping[str, Visit]
    judged: Mapping[str, Visit]
    came_at: Mapping[str, str]
    found: Mapping[str, frozenset[str]]


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

        Codes `uncountersigned`, `signed_on_behalf_only`, those of `domain.visit_checks.told_since` and of
        `domain.visit_gaps.check_gaps`; no limits where no pack is in force that sets them.
        """
        name = stream.partition("/")[0]
        lift = self._folded(Lift, name)
        if lift is None:
            return {}
        year, care = self._year(stream), self._care(lift)
        before = self._counted(care, int(stream.rpartition(":")[2]))
        found: dict[str, list[Finding]] = {}
        for visit_name, came_at in year.came_at.items():
            visit = year.known[visit_name]
            pack = self._pack(lift.area_on(visit.on), visit.on)
            findings = uncountersigned(year.judged[visit_name], came_at, self.judged_at, pack)
            if min(came_at, visit.finished_at or came_at) <= self.judged_at:
                engaged, status = care.engaged_on(visit.on), lift.status_on(visit.on)
                now = check_maintainer(visit.maintainer, engaged, status, pack, visit.on)
                findings += told_since(visit, year.found[visit_name], now, pack)
                earlier = [each for each in before if each.opened_at < visit.opened_at]
                findings += check_gaps(visit, care, earlier, pack)
            if findings:
                found[visit_name] = findings
        return found

    def _care(self, lift: Lift) -> Care:
        """Give who answers for a lift, and which contracts agree on maintenance on demand."""
        records = records_of(lift, lambda name: self._folded(Lift, name))
        names = {term.under for record in records for term in record.maintenance if term.under}
        known = {name: self._folded(Contract, name) for name in sorted(names)}
        return Care(records, {name: contract.levels for name, contract in known.items() if contract is not None})

    def _counted(self, care: Care, year: int) -> list[Visit]:
        """Give the visits that count until a year, of all records of a lift, as far back as records are kept."""
        return [
            visit
            for record in care.records
            for each in range(year - RECORDS_KEPT_YEARS, year + 1)
            for visit in self._year(maintenance_stream(record.id, each)).known.values()
            if counts(visit, care)
        ]

    def _year(self, stream: str) -> _Year:
        read = self._years.get(stream)
        if read is None:
            known, judged = MaintenanceYear(stream), MaintenanceYear(stream)
            came_at, found = dict[str, str](), dict[str, frozenset[str]]()
            for event in self._events(stream):
                event.apply(known)
                if not _later(event, self.judged_at):
                    event.apply(judged)
                if isinstance(event, MaintenanceYear.Opened):
                    found[visit_named(event) or ""] = frozenset(each["code"] for each in event.found["findings"])
                if isinstance(event, MaintenanceYear.Finished):
                    came_at[visit_named(event) or ""] = event.recorded_at or ""
            read = self._years[stream] = _Year(known.visits, judged.visits, came_at, found)
        return read

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
