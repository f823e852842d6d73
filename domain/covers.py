"""Covers of a lift (承保): which certificate insures which parts and interest, from when to when, on what terms.

A staged cover is in force once its policy is issued: one event on the policy's stream activates ten thousand
certificates, so whoever asks joins the policy's state. Terms carry the day they hold from and the version of the event
that said so: what was known at a version then, and what is known now, are both read from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict, NotFound
from domain.time import Period


@dataclass(frozen=True, slots=True)
class CoverTerms:
    """What changes in a certificate: premises class and own limit, from `effective_on` on, as said at `version`."""

    version: int
    effective_on: str
    premises_class: str | None
    per_lift_year_fen: int | None


@dataclass(frozen=True, slots=True)
class Charge:
    """Premium of one part charged (or given back, negative) by the event at `version`."""

    version: int
    effective_on: str
    part: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class CoverEntry:
    """A certificate on a lift; `terms` and `charges` in the order of recording, `ended` is (version, day)."""

    policy: str
    certificate: str
    number: str | None
    interest: str
    parts: tuple[str, ...]
    from_date: str
    to_date: str
    version: int
    terms: tuple[CoverTerms, ...]
    charges: tuple[Charge, ...]
    ended: tuple[int, str] | None = None

    def known(self, version: int | None) -> CoverEntry | None:
        """Give the entry as known when the stream was at `version` (None: now); None if it was not known yet."""
        if version is None:
            return self
        if self.version > version:
            return None
        return replace(
            self,
            terms=tuple(t for t in self.terms if t.version <= version),
            charges=tuple(c for c in self.charges if c.version <= version),
            ended=self.ended if self.ended is not None and self.ended[0] <= version else None,
        )

    @property
    def ends_on(self) -> str:
        """The first day it does not insure."""
        return self.to_date if self.ended is None else min(self.to_date, self.ended[1])

    @property
    def period(self) -> Period | None:
        """The days it insures by itself, whatever its policy is; None when it was taken back from its first day."""
        return Period(self.from_date, self.ends_on) if self.from_date < self.ends_on else None

    @property
    def premium_fen(self) -> int:
        """All that is charged for it."""
        return sum(charge.amount_fen for charge in self.charges)

    def parts_fen(self, on: str | None = None) -> dict[str, int]:
        """What is charged for it by coverage part, as of a day (None: in all).

        From the day it ended early on it costs what was kept, charges of later days counted in.
        """
        sums = dict.fromkeys(self.parts, 0)
        for charge in self.charges:
            if on is None or on >= self.ends_on or charge.effective_on <= on:
                sums[charge.part] = sums.get(charge.part, 0) + charge.amount_fen
        return sums

    def stack(self) -> list[CoverTerms]:
        """Give its terms in the order they hold: by day, those of one day by recording."""
        return sorted(self.terms, key=lambda t: (t.effective_on, t.version))

    def terms_on(self, on: str) -> CoverTerms:
        """Give the terms that hold on a day; before its first day those of its first day.

        A member that a change left unsaid stays as it was the day before.
        """
        first, *later = self.stack()
        held = first
        for terms in later:
            if terms.effective_on <= on:
                held = CoverTerms(
                    terms.version, terms.effective_on,
                    held.premises_class if terms.premises_class is None else terms.premises_class,
                    held.per_lift_year_fen if terms.per_lift_year_fen is None else terms.per_lift_year_fen,
                )  # fmt: skip
        return held

    def insures(self, on: str, part: str | None = None, interest: str | None = None) -> bool:
        """Say whether it insures a part and an interest (None: any) on a day, its policy being in force."""
        return self.from_date <= on < self.ends_on and part in {None, *self.parts} and interest in {None, self.interest}


@dataclass(frozen=True, slots=True)
class Clash:
    """An overlap of the same lift, part and interest (重复投保): with what, in which parts, on which days."""

    entry: CoverEntry
    parts: tuple[str, ...]
    days: Period


@dataclass
class Cover(Aggregate):
    """All certificates that a lift ever had, by certificate, in the order they were attached."""

    entries: dict[str, CoverEntry] = field(default_factory=dict)

    class Attached(Event):
        """A certificate is attached; `said` is a ScheduleLine.

        `found` {interest, premises_class, premium_fen, pending, working, findings, pack}: `pending` is true when it
        waits for its policy to be issued.
        """

        TOPIC = "cover.Attached"

        def apply(self, aggregate: Cover) -> None:
            """Add the entry."""
            line: Mapping[str, Any] = self.said or {}
            version, since = self.originator_version, line["from_date"]
            aggregate.entries[line["certificate"]] = CoverEntry(
                policy=line["policy"], certificate=line["certificate"], number=line.get("number"),
                interest=self.found["interest"], parts=tuple(p["part"] for p in line["parts"]),
                from_date=since, to_date=line["to_date"], version=version,
                terms=(CoverTerms(version, since, self.found["premises_class"], None),),
                charges=tuple(Charge(version, since, p["part"], p["premium_fen"]) for p in line["parts"]),
            )  # fmt: skip

    class Amended(Event):
        """A certificate is otherwise from `said.effective_on` on; `said` is a CoverChange."""

        TOPIC = "cover.Amended"

        def apply(self, aggregate: Cover) -> None:
            """Put the change on the entry's stack."""
            change: Mapping[str, Any] = self.said or {}
            aggregate.entries[change["certificate"]] = changed(
                aggregate.entries[change["certificate"]], change, self.originator_version
            )

    class Ended(Event):
        """A certificate ends on `said.effective_on`; `said` is a CoverRemoval."""

        TOPIC = "cover.Ended"

        def apply(self, aggregate: Cover) -> None:
            """End the entry and book what is given back."""
            removal: Mapping[str, Any] = self.said or {}
            aggregate.entries[removal["certificate"]] = ended(
                aggregate.entries[removal["certificate"]], removal, self.originator_version
            )

    @staticmethod
    def entry_of(event: Event) -> str:
        """Each certificate by itself: the one recorded first may be for a later term."""
        return str((event.said or {})["certificate"])

    def entry(self, certificate: str) -> CoverEntry:
        """Give a certificate's entry; raises NotFound `certificate_unknown`."""
        found = self.entries.get(certificate)
        if found is None:
            raise NotFound("the lift has no such certificate", code="certificate_unknown", certificate=certificate)
        return found

    def of_policy(self, policy: str) -> list[CoverEntry]:
        """Give the certificates under a policy."""
        return [entry for entry in self.entries.values() if entry.policy == policy]

    def in_force(
        self, on: str, part: str | None, interest: str | None, policy_in_force: Callable[[str, str], bool]
    ) -> Iterator[CoverEntry]:
        """Yield what insures the part and interest on a day; `policy_in_force` (policy, day) is the join (module)."""
        for entry in self.entries.values():
            if entry.insures(on, part, interest) and policy_in_force(entry.policy, on):
                yield entry

    def clashes(
        self, days: Period, parts: Sequence[str], interest: str, holds: Callable[[CoverEntry, Period], Period | None]
    ) -> list[Clash]:
        """Give what overlaps a cover of these parts and interest.

        `holds` gives on which of the days shared an entry's policy insures, or may yet.
        """
        found: list[Clash] = []
        for entry in self.entries.values():
            shared_parts = tuple(part for part in entry.parts if part in parts)
            shared_days = None if entry.period is None else entry.period.overlap(days)
            if shared_days is None or not shared_parts or entry.interest != interest:
                continue
            if (held := holds(entry, shared_days)) is not None:
                found.append(Clash(entry, shared_parts, held))
        return found


def changed(entry: CoverEntry, change: Mapping[str, Any], version: int) -> CoverEntry:
    """Give the entry with a CoverChange said at `version` on its stack."""
    since = change["effective_on"]
    terms = CoverTerms(version, since, change.get("premises_class"), change.get("per_lift_year_fen"))
    charges = tuple(Charge(version, since, p["part"], p["delta_fen"]) for p in change.get("parts", ()))
    return replace(entry, terms=(*entry.terms, terms), charges=entry.charges + charges)


def ended(entry: CoverEntry, removal: Mapping[str, Any], version: int) -> CoverEntry:
    """Give the entry ended by a CoverRemoval said at `version`."""
    since = removal["effective_on"]
    charges = tuple(Charge(version, since, p["part"], -p["premium_fen"]) for p in removal["refunds"])
    return replace(entry, charges=entry.charges + charges, ended=(version, since))


def require_changeable(entry: CoverEntry, policy: str, item: Mapping[str, Any]) -> None:
    """Raise Conflict when an endorsement of `policy` cannot change the entry, or end it, as `item` says.

    One that ended is changed on the days it insured (a later word of an earlier day, C7), and what it costs is put
    right up to the day it ended. It ends once. Codes: `certificate_of_other_policy`, `cover_ended_already`,
    `outside_certificate`.
    """
    on = item["effective_on"]
    if entry.policy != policy:
        raise Conflict("the certificate is another policy's", code="certificate_of_other_policy")
    if entry.ended is not None:
        ended_on = entry.ended[1]
        premium_only = "parts" in item and item.keys().isdisjoint(("premises_class", "per_lift_year_fen"))
        if "refunds" in item or on > ended_on or (on == ended_on and not premium_only):
            raise Conflict("the certificate has ended already", code="cover_ended_already", ended_on=ended_on)
    if not entry.from_date <= on < entry.to_date:
        raise Conflict("the day lies outside the certificate", code="outside_certificate", effective_on=on)
