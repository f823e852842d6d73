"""What time alone has made amiss: a visit that nobody countersigned. Found when it is read, never written (§4.8)."""

from __future__ import annotations

from collections.abc import Mapping

from application.reading.asking import Reads
from domain.aggregate import A, Event, fold
from domain.findings import Finding
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear
from domain.packs import Pack
from domain.schemes import PublishedPack, Scheme, parsed, scheme_stream
from domain.visit_checks import uncountersigned


def unsigned(reads: Reads, stream: str, known: int, judged_at: str) -> Mapping[str, list[Finding]]:
    """Give by visit of a stream what its missing countersignature comes to at an instant, by what was known.

    Codes `uncountersigned`, `signed_on_behalf_only`; nothing where no pack is in force that sets a time.
    """
    year = MaintenanceYear(stream)
    for event in _known(reads, stream, known):
        if not _later(event, judged_at):
            event.apply(year)
    lift = _folded(reads, Lift, stream.partition("/")[0], known)
    if lift is None:
        return {}
    days = {visit.on for visit in year.visits.values()}
    packs = {on: pack_known(reads, known, lift.area_on(on), on) for on in days}
    found = {name: uncountersigned(visit, judged_at, packs[visit.on]) for name, visit in year.visits.items()}
    return {name: findings for name, findings in found.items() if findings}


def pack_known(reads: Reads, known: int, area: str | None, on: str) -> Pack | None:
    """Give the pack in force in an area on a civil date as known at a position; None where none was adopted."""
    scheme = None if area is None else _folded(reads, Scheme, scheme_stream(area), known)
    adoption = None if scheme is None else scheme.adopted(on)
    published = None if adoption is None else _folded(reads, PublishedPack, adoption.pack, known)
    return None if published is None or published.published is None else parsed(published.published)


def _later(event: Event, instant: str) -> bool:
    """Say whether a signature or a correction came after an instant; the visit itself is judged by its end."""
    late = isinstance(event, MaintenanceYear.Countersigned | MaintenanceYear.Corrected)
    return late and (event.effective_at or "") > instant


def _known(reads: Reads, stream: str, known: int) -> list[Event]:
    return [event for event in reads.streams.events(stream) if event.position is not None and event.position <= known]


def _folded(reads: Reads, kind: type[A], stream: str, known: int) -> A | None:
    return fold(kind, stream, _known(reads, stream, known))
