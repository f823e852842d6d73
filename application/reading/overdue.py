"""What time alone has made amiss of visits and lifts: what did not come, or too late. Found when read, never written.

By what was known at a position (§4.8): a record that came in later, a correction, another day of hand-over tell another
tale, and the earlier one can still be read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from application.reading.asking import Reads
from application.reading.schemes import Rules
from domain.aggregate import A, Aggregate, Event, fold
from domain.care import Care, records_of
from domain.contracts import Contract
from domain.findings import Finding
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear, Visit, maintenance_stream, visit_named
from domain.packs import Pack
from domain.time import civil_date
from domain.visit_checks import check_maintainer, told_since, uncountersigned
from domain.visit_gaps import check_care, check_gaps, counts
from domain.visit_records import check_second, signed_before, unended

RECORDS_KEPT_YEARS: Final = 4
"""Maintenance records are kept so long at least (T5002-2017 art. 5(6)): a visit before that is not asked for."""


@dataclass(slots=True)
class _Record:
    """What a visit's aggregate does not keep: when opening and end came in, what was found of them, its nodes by id.

    `ahead` says that it was told of before its day: a clock that is a little fast makes no visit one to come. The nodes
    are those of the visit's own maintainer; of an id that came twice the first stands.
    """

    opened_at: str = ""
    ended_at: str = ""
    found: frozenset[str] = frozenset()
    ahead: bool = False
    nodes: dict[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Year:
    """The visits of a year as known and as judged, and the record of each.

    That a record was corrected is so of the visit all along; it was to be signed until then.
    """

    known: Mapping[str, Visit]
    judged: Mapping[str, Visit]
    records: Mapping[str, _Record]


@dataclass(slots=True)
class Missing:
    """Judges at an instant by what was known at a position; for one question, reads each stream once."""

    reads: Reads
    known: int
    judged_at: str
    _held: dict[str, Aggregate | None] = field(default_factory=dict)
    _begun: dict[str, str] = field(default_factory=dict)
    _years: dict[str, _Year] = field(default_factory=dict)
    _rules: dict[str, Rules] = field(default_factory=dict)
    _fetched: dict[str, list[Event]] = field(default_factory=dict)

    def fetch(self, names: Iterable[str]) -> None:
        """Read what some lifts are judged by in few statements, where one for each stream would be many."""
        year = int(civil_date(self.judged_at)[:4])
        self._fetch(names := list(names))
        folded = (self._folded(Lift, name) for name in names)
        lifts = [lift for lift in folded if lift is not None]
        self._fetch({term.under for lift in lifts for term in lift.maintenance if term.under})
        years = range(year - RECORDS_KEPT_YEARS, year + 1)
        self._fetch(maintenance_stream(lift.id, each) for lift in lifts for each in years)

    def _fetch(self, streams: Iterable[str]) -> None:
        for stream, stored in self.reads.streams.many(sorted(set(streams))).items():
            self._fetched[stream] = self._until_known(stored)

    def of(self, stream: str) -> Mapping[str, list[Finding]]:
        """Give by visit of a year's stream what was found, of those with anything.

        Codes `uncountersigned`, `signed_on_behalf_only`, those of `domain.visit_records`, of
        `domain.visit_checks.told_since` and of `domain.visit_gaps.check_gaps`; no limits where no pack is in force
        that sets them.
        """
        name = stream.partition("/")[0]
        lift = self._folded(Lift, name)
        if lift is None:
            return {}
        year, care, of_year = self._year(stream), self._care(lift), int(stream.rpartition(":")[2])
        before, known_since = self._counted(care, of_year), self._known_since(care, of_year)
        found: dict[str, list[Finding]] = {}
        for visit_name, visit in year.known.items():
            record, judged = year.records[visit_name], year.judged[visit_name]
            pack = self._pack(lift.area_on(visit.on), visit.on)
            findings = unended(visit, record.opened_at, self.judged_at, pack)
            findings += uncountersigned(judged, record.ended_at, self.judged_at, pack)
            if visit.finished_at is not None and min(record.ended_at, visit.finished_at) <= self.judged_at:
                engaged, status = care.engaged_on(visit.on), lift.status_on(visit.on)
                now = check_maintainer(visit.maintainer, engaged, status, pack, visit.on)
                findings += told_since(visit, record.found, now, pack)
                findings += check_second(visit, record.nodes.values(), pack)
                findings += signed_before(judged, record.ended_at, pack)
                earlier = [each for each in before if each.opened_at < visit.opened_at]
                findings += [] if record.ahead else check_gaps(visit, care, earlier, pack, known_since)
            if findings:
                found[visit_name] = findings
        return found

    def of_lift(self, name: str) -> list[Finding]:
        """Give what is missing of a lift on the day of the instant: `domain.visit_gaps.check_care`.

        Nothing of one that went up in another, of which this is told there.
        """
        lift, today = self._folded(Lift, name), civil_date(self.judged_at)
        if lift is None or lift.merged_into is not None:
            return []
        care, year = self._care(lift), int(today[:4])
        before = [visit for visit in self._counted(care, year) if visit.opened_at <= self.judged_at]
        return check_care(care, before, self._pack(lift.area_on(today), today), self._known_since(care, year), today)

    def _care(self, lift: Lift) -> Care:
        """Give who answers for a lift, and which contracts agree on maintenance on demand."""
        records = records_of(lift, lambda name: self._folded(Lift, name))
        names = {term.under for record in records for term in record.maintenance if term.under}
        known = {name: self._folded(Contract, name) for name in sorted(names)}
        return Care(records, {name: contract.levels for name, contract in known.items() if contract is not None})

    def _counted(self, care: Care, year: int) -> list[Visit]:
        """Give the visits that count until a year, of all records of a lift, as far back as records are kept.

        What was told of a visit before its day is no record of one; its correction is.
        """
        years = [
            self._year(maintenance_stream(record.id, each))
            for record in care.records
            for each in range(year - RECORDS_KEPT_YEARS, year + 1)
        ]
        return [
            visit
            for of in years
            for name, visit in of.known.items()
            if not of.records[name].ahead and counts(visit, care)
        ]

    def _known_since(self, care: Care, year: int) -> str:
        """Give the day since which a lift stands in the ledger, or since which visits are asked for, if later."""
        came = min(self._begun[record.id] for record in care.records)
        return max(civil_date(came), f"{year - RECORDS_KEPT_YEARS}-01-01")

    def _year(self, stream: str) -> _Year:
        read = self._years.get(stream)
        if read is None:
            known, judged = MaintenanceYear(stream), MaintenanceYear(stream)
            records: dict[tuple[str, str], _Record] = defaultdict(_Record)
            for event in self._events(stream):
                event.apply(known)
                if not _later(event, self.judged_at):
                    event.apply(judged)
                _note(records[visit_named(event) or "", event.author.party], event)
            own = {name: records[name, visit.maintainer] for name, visit in known.visits.items()}
            read = self._years[stream] = _Year(known.visits, judged.visits, own)
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
            events = self._events(stream)
            self._held[stream] = fold(kind, stream, events)
            self._begun[stream] = (events[0].recorded_at or "") if events else ""
        held = self._held[stream]
        return held if isinstance(held, kind) else None

    def _events(self, stream: str) -> list[Event]:
        fetched = self._fetched.pop(stream, None)
        return self._until_known(self.reads.streams.events(stream)) if fetched is None else fetched

    def _until_known(self, stored: Iterable[Event]) -> list[Event]:
        return [event for event in stored if event.position is not None and event.position <= self.known]


def _note(record: _Record, event: Event) -> None:
    """Note what an event says of the record of a visit by its author."""
    if isinstance(event, MaintenanceYear.NodesReceived):
        for node in (event.said or {})["nodes"]:
            record.nodes.setdefault(node["id"], node)
    if isinstance(event, MaintenanceYear.Opened | MaintenanceYear.Finished):
        codes = frozenset(each["code"] for each in event.found.get("findings", ()))
        came_at = event.recorded_at or ""
        record.ahead |= civil_date(event.effective_at or came_at) > civil_date(came_at)
        if isinstance(event, MaintenanceYear.Opened):
            record.opened_at, record.found = event.recorded_at or "", codes
        else:
            record.ended_at = event.recorded_at or ""


def _later(event: Event, instant: str) -> bool:
    """Say whether a signature or a correction came after an instant; the visit itself is judged by its end."""
    late = isinstance(event, MaintenanceYear.Countersigned | MaintenanceYear.Corrected)
    return late and (event.effective_at or "") > instant
