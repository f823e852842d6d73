"""Who answers for a lift and what of its maintenance is amiss, day by day and by brute force, after the law's words.

Independent of the product: days are ordinals counted here, nothing is kept between two questions, every question goes
through all facts known at a position. Sources: domain-model.md §1 (maintenance), §3 (C11), §4 (L13); domain.md §3.1,
§3.3, §11.4; 特种设备安全监察条例 31; TSG T5002-2017 5, 6, 7, 10; docs/adr/0023.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from tests.support.naive_care import Contracted, Stated

DEPTH = {"HM": 0, "TM": 1, "SM": 2, "OY": 3}
DEEPER = {"TM": "quarterly_visit_overdue", "SM": "half_yearly_visit_overdue", "OY": "yearly_visit_overdue"}
CYCLE = {"TM": 92, "SM": 183, "OY": 365}
LONG_AGO = date(2024, 1, 1).toordinal()
"""Before whatever the histories tell."""


def ordinal(instant: datetime) -> int:
    """Give the civil day of Shanghai that an instant lies in."""
    return (instant + timedelta(hours=8)).date().toordinal()


def text(day: int) -> str:
    """Write a day."""
    return date.fromordinal(day).isoformat()


def moment(instant: str) -> datetime:
    """Read an instant."""
    return datetime.strptime(instant, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


class Pack(NamedTuple):
    """What a pack asks for."""

    interval_days: int
    sign_hours: int
    workers_min: int


@dataclass(frozen=True)
class Visited:
    """A record of a visit; `corrected` are the instants at which corrections of it were recorded."""

    record: str
    party: str
    level: str
    workers: tuple[str, ...]
    opened: datetime
    came: datetime
    finished: datetime | None = None
    finish_came: datetime | None = None
    corrects: str | None = None
    corrected: tuple[datetime, ...] = ()
    signed: tuple[datetime, ...] = ()
    behalf: tuple[datetime, ...] = ()
    flagged: tuple[str, ...] = ()

    @property
    def day(self) -> int:
        """Its civil day."""
        return ordinal(self.opened)

    @property
    def place(self) -> tuple[str, int]:
        """Its record and year, which have their stream."""
        return self.record, date.fromordinal(self.day).year


class Fact(NamedTuple):
    """Something told, as of a position of the log."""

    position: int
    kind: str
    said: Mapping[str, Any]


@dataclass
class Naive:
    """All that was known at a position."""

    lifts: dict[str, Stated] = field(default_factory=dict)
    contracts: dict[str, Contracted] = field(default_factory=dict)
    visits: dict[str, Visited] = field(default_factory=dict)
    merged: list[tuple[str, str, int]] = field(default_factory=list)
    """Which record went up in which, and when that was found."""
    packs: list[tuple[int, Pack]] = field(default_factory=list)
    _asked: dict[tuple[str, str, int], list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Sequence[Fact], known: int) -> Naive:
        """Take in what was told until a position."""
        naive = cls()
        for fact in facts:
            if fact.position <= known:
                getattr(naive, f"_{fact.kind}")(**fact.said)
        return naive

    # ------------------------------------------------------------------------------------------------ facts

    def _registered(self, record: str, on: int, holder: str | None) -> None:
        self.lifts[record] = Stated(on, holder, statuses=[(on, "in_use")])

    def _status(self, record: str, on: int, status: str) -> None:
        self.lifts[record].statuses.append((on, status))

    def _begun(
        self, contract: str, maintainer: str, records: Sequence[str], on: int, until: int | None, level: str, by: str
    ) -> None:
        members: dict[str, list[tuple[int, int | None]]] = {record: [(on, None)] for record in records}
        self.contracts[contract] = Contracted(maintainer, on, until, members, [(LONG_AGO, level)])
        self._vouched(contract, records, on, by)
        self._takes_over(records, maintainer, on, until, by)

    def _vouched(self, contract: str, records: Sequence[str], on: int, by: str) -> None:
        """Note whose word a stay is, before what it ends of what is stated."""
        for record in records:
            lift = self.lifts[record]
            stated = by == lift.holder and lift.on <= on and lift.until is None
            if by == "unit" or stated:
                self.contracts[contract].sure.add((record, on))

    def _joined(self, contract: str, record: str, on: int, by: str) -> None:
        of = self.contracts[contract]
        # Who comes back on a day on which he had not left yet stays from then on by the new word.
        stays = [(a, on if b is not None and a <= on < b else b) for a, b in of.members.get(record, [])]
        going_on = [
            a for a, b in of.members.get(record, []) if b is not None and a <= on < b and (record, a) in of.sure
        ]
        of.members[record] = [*stays, (on, None)]
        self._vouched(contract, [record], on, "unit" if going_on else by)
        self._takes_over([record], of.maintainer, on, of.to_day, by)

    def _left(self, contract: str, record: str, on: int) -> None:
        members = self.contracts[contract].members
        members[record] = [(a, on if b is None else b) for a, b in members[record]]

    def _until(self, contract: str, until: int, by: str = "") -> None:
        of = self.contracts[contract]
        for record, stays in of.members.items() if by else ():
            for a, b in stays:
                ends = [min(end for end in (b, to, 9**9) if end is not None) for to in (of.to_day, until)]
                if ends[0] != ends[1]:
                    self._vouched(contract, [record], a, by)
        of.to_day = until

    def _level(self, contract: str, on: int, level: str) -> None:
        self.contracts[contract].levels.append((on, level))

    def _takes_over(self, records: Sequence[str], maintainer: str, on: int, until: int | None, by: str) -> None:
        """End what the register states, by the word of the use unit or of whoever it states."""
        for record in records:
            lift = self.lifts[record]
            if lift.holder is None or lift.until is not None or by not in {"unit", lift.holder}:
                continue
            if lift.on <= on:
                lift.until = on
            elif lift.holder == maintainer and (until is None or lift.on < until):
                lift.until = lift.on

    def _merged(self, record: str, into: str, on: int) -> None:
        self.merged.append((record, into, on))

    def _adopted(self, on: int, pack: Pack) -> None:
        self.packs.append((on, pack))

    def _visited(self, name: str, visit: Visited) -> None:
        self.visits[name] = visit

    def _finished(self, name: str, at: datetime, came: datetime) -> None:
        self.visits[name] = replace(self.visits[name], finished=at, finish_came=came)

    def _corrected(self, name: str, at: datetime) -> None:
        self.visits[name] = replace(self.visits[name], corrected=(at,))

    def _signed(self, name: str, at: datetime, *, personal: bool) -> None:
        visit = self.visits[name]
        if personal:
            self.visits[name] = replace(visit, signed=(at,))
        else:
            self.visits[name] = replace(visit, behalf=(at,))

    # ------------------------------------------------------------------------------------------------ days

    def group(self, record: str) -> set[str]:
        """Give all records of the one lift that a record is of."""
        found = {record}
        for _ in self.merged:
            for gone, into, _ in self.merged:
                if found & {gone, into}:
                    found |= {gone, into}
        return found

    def status(self, record: str, day: int) -> str | None:
        """Give a record's status on a day: the word of the latest day, of one day the last; None before all."""
        words = [(on, n, status) for n, (on, status) in enumerate(self.lifts[record].statuses) if on <= day]
        return max(words)[2] if words else None

    def in_use(self, record: str, day: int) -> bool:
        """Say whether it is in use on a day, as what is not known is taken to be."""
        return self.status(record, day) in {"in_use", None}

    def maintainers(self, record: str, day: int) -> set[str]:
        """Give whose contracts run for a record on a day, and whom the register states."""
        lift = self.lifts[record]
        stated = lift.holder is not None and lift.on <= day and (lift.until is None or day < lift.until)
        found = {c.maintainer for c in self.contracts.values() if c.covers(record, day)}
        return found | ({lift.holder} if stated and lift.holder is not None else set())

    def bases(self, record: str, party: str, day: int) -> list[str]:
        """Give by what a party is engaged for the lift of a record on a day: levels of contracts, `full` if stated."""
        asked = (record, party, day)
        if asked not in self._asked:
            self._asked[asked] = self._bases(*asked)
        return self._asked[asked]

    def _bases(self, record: str, party: str, day: int) -> list[str]:
        found: list[str] = []
        for each in self.group(record):
            lift = self.lifts[each]
            own = [c for c in self.contracts.values() if c.maintainer == party and c.covers(each, day)]
            found += [contract.level(day) for contract in own]
            # Whom the register stated first maintained it before that was stated.
            before = day < lift.on and not any(
                c.covers(each, d) for c in self.contracts.values() for d in range(c.from_day, lift.on)
            )
            runs = lift.on <= day and (lift.until is None or day < lift.until) and not self.given_way(each, day)
            if lift.holder == party and (before or runs):
                found.append("full")
        return found

    def given_way(self, record: str, day: int) -> bool:
        """Say whether what the register states of a closed record has given way to the word of the one that goes on."""
        lift = self.lifts[record]
        for _, into, on in [merger for merger in self.merged if merger[0] == record and lift.until is None]:
            words = [(self.lifts[into].on, self.lifts[into].until)] if self.lifts[into].holder is not None else []
            words += [
                (a, min((end for end in (b, c.to_day) if end is not None), default=None))
                for c in self.contracts.values() for a, b in c.members.get(into, [])
                if c.maintainer == lift.holder or (into, a) in c.sure
            ]  # fmt: skip
            for begin, end in words:
                first = max(begin, on, lift.on)
                if first <= day and (end is None or first < end):
                    return True
        return False

    def engaged(self, record: str, day: int) -> set[str]:
        """Give who maintains the lift of a record on a day."""
        return {party for party in self._parties() if self.bases(record, party, day)}

    def pack(self, day: int) -> Pack | None:
        """Give the pack in force on a day."""
        held = [(on, n, pack) for n, (on, pack) in enumerate(self.packs) if on <= day]
        return max(held)[2] if held else None

    # ------------------------------------------------------------------------------------------------ visits

    def facts_of_last(self) -> str:
        """Give the name of the record that came last."""
        return next(reversed(self.visits))

    def first_came(self, visit: Visited) -> datetime:
        """Give when the first record of a visit came; one that was there before the visit was, was of no such visit."""
        first, old = visit, self.visits.get(visit.corrects or "")
        place = None if old is None else old.place
        # As far as its corrections lead back in one stream; one that never ended was no record of what was done.
        while old is not None and old.place == place and old.finished is not None:
            first, old = old, self.visits.get(old.corrects or "")
        return first.came if visit.opened - first.came <= timedelta(seconds=5) else visit.came

    def counts(self, visit: Visited) -> bool:
        """Say whether a visit is one that the law asks for: ended, not replaced, by who was engaged, by schedule.

        What was told before its day is no record of it.
        """
        if visit.finished is None or visit.finish_came is None or visit.corrected or visit.level not in DEPTH:
            return False
        ahead = ordinal(visit.opened) > ordinal(visit.came) or ordinal(visit.finished) > ordinal(visit.finish_came)
        return not ahead and visit.party in self.engaged(visit.record, visit.day)

    def amiss(self, visit: Visited) -> list[str]:
        """Give what is to be said of who maintained what on the visit's day."""
        found = [] if visit.party in self.engaged(visit.record, visit.day) else ["not_the_maintainer"]
        status = self.status(visit.record, visit.day)
        return found if status in {"in_use", "stopped", None} else [*found, "lift_not_in_use"]

    def unsigned(self, visit: Visited, at: datetime) -> list[str]:
        """Give what is missing of a signature at an instant."""
        pack = self.pack(visit.day)
        if pack is None or visit.finish_came is None or any(c <= at for c in visit.corrected):
            return []
        if any(s <= at for s in visit.signed) or at - visit.finish_came < timedelta(hours=pack.sign_hours, seconds=1):
            return []
        return ["signed_on_behalf_only" if any(s <= at for s in visit.behalf) else "uncountersigned"]

    def unended(self, visit: Visited, at: datetime) -> bool:
        """Say whether a visit's end is missing at an instant: for more than 72 hours since it began and was told of."""
        waits = at - max(visit.opened, visit.came) >= timedelta(hours=72, seconds=1)
        return visit.finished is None and not visit.corrected and waits

    def signed_early(self, visit: Visited, at: datetime) -> bool:
        """Say whether a visit bore, at an instant, a signature dated before its record came in."""
        signed = [each for each in (*visit.signed, *visit.behalf) if each <= at]
        if visit.finish_came is None or not signed or any(c <= at for c in visit.corrected):
            return False
        return visit.finish_came - min(signed) >= timedelta(seconds=6)

    def gaps(self, visit: Visited) -> list[tuple[str, str, int]]:
        """Give (code, verdict, days) of the days without a visit before one that counts, in order of code."""
        pack = self.pack(visit.day)
        before = self._before(visit.record, visit.opened)
        if pack is None or not self.counts(visit):
            return []
        used = self.in_use(visit.record, visit.day)
        found = [
            (f"{'interval' if own else 'unvisited'}_over_{pack.interval_days}_days", verdict, length)
            for party, end, verdict, length in self._runs(visit.record, before, visit.day, pack)
            for own in [used and end == visit.day and party == visit.party]
        ]
        return sorted([*found, *(self._deeper(visit, before) if used and before else ())])

    def care(self, record: str, at: datetime) -> list[tuple[str, str, int]]:
        """Give (code, verdict, days) of what is missing of a lift at an instant, in order of code."""
        today, pack = ordinal(at), self.pack(ordinal(at))
        gone = any(record == merged for merged, _, _ in self.merged)
        if gone or today < self.lifts[record].on or not self.in_use(record, today):
            return []
        engaged, found = self.engaged(record, today), list[tuple[str, str, int]]()
        if not engaged:
            days = {lift.on - n for lift in self.lifts.values() for n in range(2)} | {
                day for c in self.contracts.values() for stays in c.members.values() for a, _ in stays
                for day in (a, c.from_day)
            }  # fmt: skip
            once = any(self.engaged(record, day) for day in days if day < today)
            found.append(("without_maintainer", "manual_review" if once else "needs_supplement", 0))
        before = self._before(record, at + timedelta(microseconds=1))
        for party, end, verdict, length in () if pack is None else self._runs(record, before, today, pack):
            kind = "visit_awaited" if end == today and party in engaged else "unvisited"
            found.append((f"{kind}_over_{0 if pack is None else pack.interval_days}_days", verdict, length))
        return sorted(found)

    def _before(self, record: str, at: datetime) -> list[Visited]:
        group = self.group(record)
        return [
            each for each in self.visits.values() if each.record in group and each.opened < at and self.counts(each)
        ]

    def _parties(self) -> set[str]:
        parties = {c.maintainer for c in self.contracts.values()}
        return parties | {lift.holder for lift in self.lifts.values() if lift.holder is not None}

    def _runs(
        self, record: str, before: Sequence[Visited], until: int, pack: Pack
    ) -> Iterator[tuple[str, int, str, int]]:
        """Go through the days since the last visit: each run of days on which a party answers counts for itself.

        Give (party, day after, verdict, days) of those that are too long. Without a visit, who took over counts.
        """
        told = self.lifts[record].on
        for party in self._parties():
            length, regime = 0, ""
            for day in range(max((each.day for each in before), default=told), until + 1):
                bases = self.bases(record, party, day) if self.in_use(record, day) else []
                now = "" if not bases else "on_demand" if set(bases) == {"on_demand"} else "cycle"
                if now != regime or day == until:
                    taken = bool(before) or self._took_over(record, party, day - length, told)
                    if regime and length > pack.interval_days and taken:
                        yield party, day, "information" if regime == "on_demand" else "manual_review", length
                    length, regime = 0, now
                length += 1

    def _took_over(self, record: str, party: str, day: int, told: int) -> bool:
        """Say whether a party is engaged on a day since one on which the lift was told of, or a later one."""
        while day >= told and self.bases(record, party, day):
            day -= 1
        return day >= told - 1 and not self.bases(record, party, day)

    def _deeper(self, visit: Visited, before: Sequence[Visited]) -> Iterator[tuple[str, str, int]]:
        """Hold deeper visits to their cycles; days out of use, or on demand, are not counted."""
        for level, code in DEEPER.items():
            deep = [each.day for each in before if DEPTH[each.level] >= DEPTH[level]]
            start = max(deep) if deep else min(each.day for each in before)
            days, day = 0, visit.day - 1
            while day >= start and (bases := self.bases(visit.record, visit.party, day)):
                days += self.in_use(visit.record, day) and set(bases) != {"on_demand"}
                day -= 1
            if days > CYCLE[level]:
                yield code, "manual_review", days
