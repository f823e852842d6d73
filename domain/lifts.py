"""Lifts (电梯): what they are, where they stand, who uses and maintains them, and what was so on which day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from domain.aggregate import Aggregate, Event
from domain.catalogue import annex_of
from domain.errors import Conflict
from domain.histories import (
    Term,
    clipped,
    ends_of,
    entered,
    restated,
    with_term,
    without,
)
from domain.lift_days import DATED, SCRAPPED, LiftDays
from domain.time import civil_date

PLAIN = (
    "variety", "venue", "area", "authority", "unit_label", "warranty_until", "made_on", "installed_on", "accepted_on",
    "parameters",
)  # fmt: skip
"""Members that are taken over as they are."""

PLACE = "building"
PLACES = frozenset({PLACE, "estate"})
"""Building and estate are one word, and PLACE its name: whoever says one of them says both."""

Key = tuple[str, str, str]
"""An identifier as it was said: scheme, issuer (empty for national ones), value."""


def claim_key(claim: Mapping[str, Any]) -> Key:
    """Give an IdentifierClaim as a tuple."""
    return claim["scheme"], claim.get("issuer", ""), claim["value"]


@dataclass
class Lift(LiftDays, Aggregate):
    """A lift at a version; `status`, `use_unit`, `maintainer` and `premises_class` are the last that were said.

    Decisions about a day ask `status_on`, `use_unit_on`, `maintainer_on`, `class_on`, `area_on`, `authority_on` and
    `venue_on`. `holder` is the party that registered it, `contested` the identifier streams whose claims are held for
    review, `row` the last imported line and `row_on` its day; `row_days` gives by member the days of which the last
    word is a line's.
    """

    holder: str = ""
    variety: str = ""
    venue: str | None = None
    area: str = ""
    authority: str | None = None
    building: str | None = None
    estate: str | None = None
    unit_label: str | None = None
    warranty_until: str | None = None
    made_on: str | None = None
    installed_on: str | None = None
    accepted_on: str | None = None
    parameters: Mapping[str, int] | None = None
    identifiers: tuple[Key, ...] = ()
    contested: tuple[str, ...] = ()
    safety_officer: str | None = None
    merged_into: str | None = None
    merged_on: str = ""
    absorbed: tuple[str, ...] = ()
    row: Mapping[str, Any] | None = field(default=None, compare=False)
    row_on: str = field(default="", compare=False, repr=False)
    row_days: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    class Registered(Event):
        """`said` is a LiftRegistration, LiftRow or PlainLiftRow; for rows `found` names building and estate."""

        TOPIC = "lift.Registered"

        def apply(self, aggregate: Lift) -> None:
            """Take over all that was said."""
            said = self.said or {}
            aggregate.holder = self.author.party
            aggregate.take(self, said.keys())

    class Corrected(Event):
        """An imported line differs from the last one: `said` is the new line, `found.changed` names what differs.

        `found.withdrawn` are the lift's identifiers that the last line had and the new one has not; before schema 2
        they stayed the lift's. `found.moved` gives, by member, the days of which earlier lines said it and this one
        says it no longer, since it holds from another day; before schema 3 it stayed so of those days as well.
        """

        TOPIC = "lift.Corrected"
        SCHEMA = 3

        def apply(self, aggregate: Lift) -> None:
            """Take over what differs, from the day said; what other acts changed meanwhile stays."""
            aggregate.take(self, self.found["changed"], self.found["moved"])

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that nothing was withdrawn, as it was."""
            state["found"]["withdrawn"] = []

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            """Say that nothing moved, as it was."""
            state["found"]["moved"] = {}

    class Identified(Event):
        """Identifiers were added or withdrawn; `said` is a LiftIdentification."""

        TOPIC = "lift.Identified"

        def apply(self, aggregate: Lift) -> None:
            """Change the list."""
            said = self.said or {}
            withdrawn = {claim_key(claim) for claim in said.get("withdrawn", ())}
            kept = (key for key in aggregate.identifiers if key not in withdrawn)
            added = (claim_key(claim) for claim in said.get("identifiers", ()))
            aggregate.identifiers = tuple(dict.fromkeys((*kept, *added)))
            aggregate.contest(self)

    class Reclassified(Event):
        """Another variety, class or venue; `said` is a LiftReclassification."""

        TOPIC = "lift.Reclassified"

        def apply(self, aggregate: Lift) -> None:
            """Take over what was said."""
            aggregate.take(self, (self.said or {}).keys())

    class Moved(Event):
        """It stands elsewhere; `said` is a LiftMove."""

        TOPIC = "lift.Moved"

        def apply(self, aggregate: Lift) -> None:
            """Take over what was said."""
            aggregate.take(self, (self.said or {}).keys())

    class StatusChanged(Event):
        """Another status; `said` is a LiftStatusChange."""

        TOPIC = "lift.StatusChanged"

        def apply(self, aggregate: Lift) -> None:
            """Enter it."""
            aggregate.take(self, ("status",))

    class UseUnitNamed(Event):
        """Another use unit, or none; `said` is a UseUnitNaming."""

        TOPIC = "lift.UseUnitNamed"

        def apply(self, aggregate: Lift) -> None:
            """Enter it."""
            aggregate.take(self, ("use_unit",))

    class SafetyOfficerNamed(Event):
        """`said.officer` answers for its safety."""

        TOPIC = "lift.SafetyOfficerNamed"

        def apply(self, aggregate: Lift) -> None:
            """Remember the agent."""
            aggregate.safety_officer = (self.said or {})["officer"]

    class MaintainerChanged(Event):
        """`found.contract` puts it in `found.maintainer`'s care from `found.from_date` to `found.to_date` (or null).

        `found.ends_stated` are the first days of what was merely stated and this takes the place of; null before schema
        2, when each contract ended whatever was stated of earlier days. `found.findings`: overlaps and gaps it brings.
        `found.confirmed_from` is the day from which who wrote it answers for the lift, and the maintainer has rights by
        it; null where he does not answer for it. Empty before schema 3: it was not asked (`confirmed_from`).
        """

        TOPIC = "lift.MaintainerChanged"
        SCHEMA = 3

        def apply(self, aggregate: Lift) -> None:
            """Enter the term, or replace that of its contract and day; one that ends when it begins is taken away.

            Days that it takes away are confirmed no longer, also if they are said again.
            """
            found = self.found
            term = Term(found["contract"], found["maintainer"], found["from_date"], found["to_date"])
            aggregate.maintenance = with_term(aggregate.maintenance, term, ends_stated=found["ends_stated"])
            since = self.confirmed_from()
            sure = () if since is None else (replace(term, from_date=since),)
            aggregate.confirmed = clipped((*aggregate.confirmed, *sure), aggregate.maintenance)

        def confirmed_from(self) -> str | None:
            """Give the day from which it is not the maintainer's word alone.

            Before schema 3 it was his word alone if he wrote it and it took the place of nothing that was stated.
            """
            found = self.found
            if found["confirmed_from"] != "":
                since: str | None = found["confirmed_from"]
                return since
            alone = self.author.party == found["maintainer"] and not found["ends_stated"]
            return None if alone else str(found["from_date"])

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that it ended all that was stated of earlier days, as it did."""
            state["found"]["ends_stated"] = None

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            """Say that nobody judged whether who wrote it answers for the lift."""
            state["found"]["confirmed_from"] = ""

    class MergedInto(Event):
        """It is the same lift as `said.into`; its own record is closed.

        `found.on` is the day on which that was found, from which the other record alone says what is so. It was so all
        along. Empty before schema 2: it was not told.
        """

        TOPIC = "lift.MergedInto"
        SCHEMA = 2

        def apply(self, aggregate: Lift) -> None:
            """Point to the one that goes on."""
            aggregate.merged_into = (self.said or {})["into"]
            aggregate.merged_on = day_of(self)
            aggregate.contested = ()

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that nobody told the day."""
            state["found"]["on"] = ""

    class Absorbed(Event):
        """`found.lift` was found to be this one; `found.identifiers` are now its own.

        `found.findings` are held claims, and that an interest in the lift is insured twice.
        """

        TOPIC = "lift.Absorbed"

        def apply(self, aggregate: Lift) -> None:
            """Remember it, and take over its identifiers."""
            aggregate.absorbed = (*aggregate.absorbed, self.found["lift"])
            taken = (tuple(key) for key in self.found["identifiers"])
            aggregate.identifiers = tuple(dict.fromkeys((*aggregate.identifiers, *taken)))
            aggregate.contest(self)

    # -------------------------------------------------------------------------------------------------- folding

    def take(self, event: Event, names: Iterable[str], moved: Mapping[str, list[str]] = MappingProxyType({})) -> None:
        """Take over the named members of `event.said`; one that is absent there is known no longer.

        Members of `moved` are so from the event's day too, and of the days given there no longer.
        """
        said = event.said or {}
        on = day_of(event)
        changed = set(names)
        for name in PLAIN:
            if name in changed:
                setattr(self, name, said.get(name))
        shifted = changed | moved.keys() | ({PLACE} if PLACES & changed else set())
        since = dict.fromkeys(shifted & {*DATED, "maintainer", PLACE}, on)
        if {"status", "status_since"} & shifted:
            since["status"] = said.get("status_since") or on
        gone = {name: frozenset(moved.get(name, ())) for name in since}
        for name in since.keys() & DATED.keys():
            history = without(getattr(self, DATED[name]), gone[name])
            setattr(self, DATED[name], entered(history, since[name], said.get(name)))
        if "maintainer" in since:
            self.maintenance = restated(self.maintenance, gone["maintainer"], on, said.get("maintainer"))
        self._note_line(event, since, gone)
        if PLACES & changed:
            self.building = _name(event, "building")
            self.estate = _name(event, "estate")
        if "identifiers" in changed:
            withdrawn = {tuple(key) for key in event.found.get("withdrawn", ())}
            kept = (key for key in self.identifiers if key not in withdrawn)
            told = (claim_key(claim) for claim in said["identifiers"])
            self.identifiers = tuple(dict.fromkeys((*kept, *told)))
        self.contest(event)

    def _note_line(self, event: Event, since: Mapping[str, str], gone: Mapping[str, frozenset[str]]) -> None:
        """Note of which days a line of a register has the last word on a member, or another act has it now."""
        said = event.said or {}
        line = "source" in said and "id" not in said
        if line:
            self.row, self.row_on = said, day_of(event)
        elif not self.row_days:
            return
        days = dict(self.row_days)
        for name, day in since.items():
            kept = (each for each in days.get(name, ()) if each != day and each not in gone[name])
            days[name] = tuple(sorted((*kept, day) if line else kept))
        self.row_days = days

    def contest(self, event: Event) -> None:
        """Note the identifiers that `found.findings` hold for review, and drop those of `found.settled`."""
        found = event.found
        if "settled" in found:
            done = set(found["settled"])
            self.contested = tuple(stream for stream in self.contested if stream not in done)
        if "findings" in found:
            held = (f["facts"]["identifier"] for f in found["findings"] if f["code"] == "identifier_conflict")
            self.contested = tuple(dict.fromkeys((*self.contested, *held)))

    # -------------------------------------------------------------------------------------------------- asking

    @property
    def annex(self) -> str | None:
        """The annex of TSG T5002 with its maintenance items; None where the manufacturer's own list binds (art. 2)."""
        return annex_of(self.variety)

    def require_no_return(self, status: str, since: str, today: str, gone: Collection[str] = ()) -> None:
        """Raise Conflict `scrapped_returns` where by a status a scrapping would end on a day to come.

        A correction says that it was not scrapped, so it holds today; one that was is out of use (特种设备安全法 48).
        """
        then = entered(without(self.statuses, gone), since, status)
        if ends_of(then, SCRAPPED, today) - ends_of(self.statuses, SCRAPPED, today):
            raise Conflict("no scrapped lift comes back on a day to come", code="scrapped_returns", lift=self.id)

    def require_open(self) -> None:
        """Raise Conflict `lift_merged` when its record went up in another's."""
        if self.merged_into is not None:
            raise Conflict(f"{self.id} went up in another lift", code="lift_merged", into=self.merged_into)


def day_of(event: Event) -> str:
    """Give the civil date of an event: the one found when it was recorded, else that of its effective time."""
    on = event.found.get("on")
    if isinstance(on, str):
        return on
    return civil_date(event.effective_at) if event.effective_at is not None else ""


def _name(event: Event, member: str) -> str | None:
    """Give the building or estate: by its name where the author said one, else as the ledger found it."""
    said = (event.said or {}).get(member)
    return said if isinstance(said, str) else event.found.get(member)
