"""A lift's maintenance visits (维保) of one year: stream `lift:…/maintenance:<year>`.

The year is that of a visit's first civil day in Asia/Shanghai. A record cannot be changed (TSG T5002-2017 art. 10):
a correction is a new record that names the old, and the old one stays. Folding keeps counts, never item results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict, Invalid, NotFound
from domain.time import civil_date
from domain.visits import NODES_PER_VISIT_MAX

VISITS_PER_YEAR_MAX = 1_000
NO_NODES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Visit:
    """What decisions need of one visit: who, when, how many results, and whether it was signed or corrected.

    `on` is its first civil day; `digest` covers its events up to its end; `counted` are the results in order,
    abnormal, absent, not due; None before they were given. `signed_at` and `signer` are of the countersignature, which
    is a natural person's with his own key; `behalf_at` is when a company's key signed on behalf (domain-model P3).
    """

    maintainer: str
    level: str
    workers: tuple[str, ...]
    opened_at: str
    on: str
    finished_at: str | None = None
    digest: str | None = None
    counted: tuple[int, int, int, int] | None = None
    signed_at: str | None = None
    signer: str | None = None
    behalf_at: str | None = None
    corrects: str | None = None
    corrected_by: str | None = None
    disputes: int = 0


@dataclass
class MaintenanceYear(Aggregate):
    """The visits of a lift in a year by their names, and the ids of the nodes that each party sent for each."""

    visits: dict[str, Visit] = field(default_factory=dict)
    nodes: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    class Opened(Event):
        """A visit began; `said` is a VisitOpening, `found` has year, findings and, in a correction, `corrects`."""

        TOPIC = "visit.Opened"

        def apply(self, aggregate: MaintenanceYear) -> None:
            """Take the visit up."""
            said = _said(self)
            aggregate.visits[said["id"]] = Visit(
                maintainer=self.author.party, level=said["level"], workers=tuple(said["workers"]),
                opened_at=said["opened_at"], on=civil_date(said["opened_at"]), corrects=self.found.get("corrects"),
            )  # fmt: skip

    class NodesReceived(Event):
        """Nodes came in, perhaps late and out of order; `found.duplicates` are ids that came before."""

        TOPIC = "visit.NodesReceived"

        def apply(self, aggregate: MaintenanceYear) -> None:
            """Note their ids: a set."""
            of = (_visit_of(self), self.author.party)
            came = frozenset([node["id"] for node in _said(self)["nodes"]])
            aggregate.nodes[of] = aggregate.nodes.get(of, NO_NODES) | came

    class ItemsRecorded(Event):
        """The results of the items; `said.results` by verdict."""

        TOPIC = "visit.ItemsRecorded"

        def apply(self, aggregate: MaintenanceYear) -> None:
            """Count them."""
            visit = _visit_of(self)
            aggregate.visits[visit] = replace(aggregate.visits[visit], counted=count_results(_said(self)["results"]))

    class Finished(Event):
        """The visit ended; `found.digest` covers all its events up to this one."""

        TOPIC = "visit.Finished"

        def apply(self, aggregate: MaintenanceYear) -> None:
            """Close the record."""
            visit = _visit_of(self)
            aggregate.visits[visit] = replace(
                aggregate.visits[visit], finished_at=_said(self)["finished_at"], digest=self.found["digest"]
            )

    class Countersigned(Event):
        """The use unit's safety administrator signed `said.digest`; with a company key the finding is `on_behalf`.

        Of each there is one at the most; a signature on behalf is kept beside the person's, whichever came first.
        """

        TOPIC = "visit.Countersigned"

        def apply(self, aggregate: MaintenanceYear) -> None:
            """The first signature of each weight stands."""
            said = _said(self)
            visit = aggregate.visits[said["visit"]]
            if any(found["code"] == "on_behalf" for found in self.found["findings"]):
                aggregate.visits[said["visit"]] = replace(visit, behalf_at=said["signed_at"])
            else:
                aggregate.visits[said["visit"]] = replace(visit, signed_at=said["signed_at"], signer=self.author.agent)

    class Corrected(Event):
        """A new record, `found.corrected_by`, says how it was; this one stays."""

        TOPIC = "visit.Corrected"

        def apply(self, aggregate: MaintenanceYear) -> None:
            """Point to the new record."""
            visit = _said(self)["visit"]
            aggregate.visits[visit] = replace(aggregate.visits[visit], corrected_by=self.found["corrected_by"])

    class Disputed(Event):
        """Somebody concerned says that the record is not true."""

        TOPIC = "visit.Disputed"

        def apply(self, aggregate: MaintenanceYear) -> None:
            """Count it."""
            visit = _said(self)["visit"]
            aggregate.visits[visit] = replace(aggregate.visits[visit], disputes=aggregate.visits[visit].disputes + 1)

    @staticmethod
    def entry_of(event: Event) -> str:
        """Each visit by itself: a record may come in after that of a later visit."""
        return visit_named(event) or ""

    def visit(self, name: str) -> Visit:
        """Give a visit; raises NotFound `visit_unknown`."""
        found = self.visits.get(name)
        if found is None:
            raise NotFound(f"{name} is not known in {self.id}", code="visit_unknown", visit=name, stream=self.id)
        return found

    def require_unsigned(self, name: str, *, personal: bool) -> None:
        """Raise Conflict `countersigned_already`: the first countersignature stands.

        One on behalf does not stand in the way of a natural person's own; after either, none on behalf is needed.
        """
        visit = self.visit(name)
        if visit.signed_at is not None or (visit.behalf_at is not None and not personal):
            raise Conflict("the first countersignature stands", code="countersigned_already", visit=name)

    def unfinished(self, name: str) -> Visit:
        """Give a visit that may still be written; raises Conflict `visit_finished`, `visit_corrected`.

        A record cannot be changed.
        """
        found = self.visit(name)
        if found.finished_at is not None:
            raise Conflict(
                "a finished record cannot be changed; correct it by a new one", code="visit_finished", visit=name
            )
        if found.corrected_by is not None:
            raise Conflict(
                "a new record stands in its place", code="visit_corrected", visit=name, new=found.corrected_by
            )
        return found

    def require_new(self, name: str, party: str) -> None:
        """Raise Conflict `visit_exists` for a name in use, Invalid `too_many` past a party's VISITS_PER_YEAR_MAX.

        Nobody uses up what another may record.
        """
        if name in self.visits:
            raise Conflict(f"{name} exists already", code="visit_exists", visit=name)
        if sum(visit.maintainer == party for visit in self.visits.values()) >= VISITS_PER_YEAR_MAX:
            raise Invalid(
                "a party records 1,000 visits of a lift a year at the most",
                code="too_many", maximum=VISITS_PER_YEAR_MAX,
            )  # fmt: skip

    def duplicates(self, visit: str, party: str, ids: list[str]) -> list[str]:
        """Give the node ids that came from a party before, or twice now.

        Raises Invalid `too_many` past NODES_PER_VISIT_MAX.
        """
        known = self.nodes.get((visit, party), NO_NODES)
        if len(known) + len(ids) > NODES_PER_VISIT_MAX:
            raise Invalid("a visit has 1,000 nodes at the most", code="too_many", maximum=NODES_PER_VISIT_MAX)
        if known.isdisjoint(ids) and len(set(ids)) == len(ids):
            return []
        return sorted({node for place, node in enumerate(ids) if node in known or node in ids[:place]})


def count_results(results: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Count item results: in order, abnormal, absent, not due."""
    return (
        len(results.get("normal", ())), len(results.get("abnormal", ())),
        len(results.get("not_applicable", ())), len(results.get("not_due", ())),
    )  # fmt: skip


def maintenance_stream(lift: str, year: int | str) -> str:
    """Name the stream of a lift's visits of a year, or of the year that a civil date lies in."""
    return f"{lift}/maintenance:{str(year)[:4]}"


def visit_named(event: Event) -> str | None:
    """Give the name of the visit that an event of such a stream is of."""
    said = _said(event)
    named: str | None = said["id"] if isinstance(event, MaintenanceYear.Opened) else said.get("visit")
    return named or event.found.get("visit")


def _said(event: Event) -> Mapping[str, Any]:
    return event.said or {}


def _visit_of(event: Event) -> str:
    # Written whole, the visit is named in another part of the same request.
    named: str = _said(event).get("visit") or event.found["visit"]
    return named
