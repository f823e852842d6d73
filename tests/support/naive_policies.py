"""Policies, endorsements, claims and their money as a clerk with a calendar keeps them: day by day, in whole fen.

It is written from the design and the law alone and uses nothing of the product: everything is looked up by walking
through all that was agreed, in the order it was agreed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.support.naive_certificates import (
    Certificate,
    anniversary,
    below_person,
    certificate_of,
    divided,
    number,
)
from tests.support.naive_claims import Loss

FUND = ("fund_principal", "fund_income", "emergency_fund")


@dataclass
class Receipt:
    """One payment: what came, what of it is held as premium, what went back."""

    source: str
    came: int
    held: int
    back: int = 0

    @property
    def open(self) -> int:
        """What is due back of it and did not come back."""
        return self.came - self.held - self.back


@dataclass
class Deal:
    """A policy, or the quotation it may become."""

    name: str
    insurer: str
    interest: str
    begins: int
    ends: int
    valid_until: int
    parts: Mapping[str, Mapping[str, int]]
    """Limits by coverage part: per person, accident, lift and year."""
    sources: dict[str, int]
    limits: list[tuple[int, dict[str, int]]]
    drafted: int
    state: str = "drafted"
    certificates: list[Certificate] = field(default_factory=list)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    stopped: int | None = None
    kept: dict[str, int] | None = None
    """What each source bears of what was earned, once it ended early."""
    paid: bool = False
    issued: bool = False

    def year(self, on: int) -> int:
        """Give the first day of the policy year of a day."""
        years = 0
        while anniversary(self.begins, years + 1) <= on:
            years += 1
        return anniversary(self.begins, years)

    def days_of(self, year: int) -> int:
        """Count the days of the policy year that begins on a day, to its anniversary."""
        years = next(n for n in range(99) if anniversary(self.begins, n) == year)
        return anniversary(self.begins, years + 1) - year

    def in_force(self, on: int) -> bool:
        """Say whether it insures on a day."""
        return self.issued and self.begins <= on < self.ends and (self.stopped is None or on < self.stopped)

    def valid(self, today: int) -> bool:
        """Say whether it is a quotation that stands."""
        return self.state in {"drafted", "quoted", "proposed"} and (self.paid or today <= self.valid_until)

    def holds(self, on: int, today: int) -> bool:
        """Say whether its certificates keep others off on a day."""
        return self.stopped is None or on < self.stopped if self.issued else self.valid(today)

    def limits_on(self, on: int) -> dict[str, int]:
        """Give the policy's own limits on a day: the last word of the latest day up to it."""
        return max(
            ((day, order, terms) for order, (day, terms) in enumerate(self.limits) if day <= on or not order),
            key=lambda row: (row[1] > 0 or row[0] <= on, row[0], row[1]),
        )[2]

    @property
    def premium(self) -> int:
        """Give what it costs in all."""
        if self.kept is not None:
            return sum(self.kept.values())
        return sum(c.cost(c.ends) for c in self.certificates) if self.issued else self.drafted

    def premium_on(self, on: int) -> int:
        """Give what it costs by a day of its term."""
        if self.stopped is not None and on >= self.stopped:
            return self.premium
        return sum(certificate.cost(on) for certificate in self.certificates)

    def lifts_on(self, on: int) -> int:
        """Count the certificates that insure on a day."""
        stands = self.stopped is None or on < self.stopped
        return sum(certificate.insures(on) for certificate in self.certificates) if stands else 0

    @property
    def held(self) -> dict[str, int]:
        """Give what is held as premium by source."""
        held: dict[str, int] = {}
        for receipt in self.receipts.values():
            held[receipt.source] = held.get(receipt.source, 0) + receipt.held
        return {source: fen for source, fen in held.items() if fen}

    @property
    def fund_paid(self) -> bool:
        """Say whether the owners' fund is to pay any of it."""
        return any(source in FUND for source in self.sources)

    def takes(self, source: str, today: int) -> bool:
        """Say whether money of a source that arrives today is premium."""
        if self.kept is not None:
            return self.due(source) > 0
        return self.state == "issued" or (self.state == "proposed" and self.valid(today))

    def due(self, source: str) -> int:
        """Give what a source owes still."""
        borne = self.sources if self.kept is None else self.kept
        return max(0, borne.get(source, 0) - self.held.get(source, 0))

    # -------------------------------------------------------------------------------------------------------- acts

    def receive(self, payment: str, source: str, came: int, *, takes: bool) -> None:
        """Note money: no more is held than its source owes, the rest is due back."""
        held = min(came, self.due(source)) if takes else 0
        self.receipts[payment] = Receipt(source, came, held)
        self.paid = self.paid or (takes and sum(self.held.values()) >= self.drafted)

    def release(self, amounts: Mapping[str, int]) -> None:
        """Let so much of each source's money be due back, of its payments by what is held of each."""
        for source, fen in amounts.items():
            held = {name: r.held for name, r in self.receipts.items() if r.source == source and r.held}
            for name, share in (divided(fen, held) if held else {}).items():
                self.receipts[name].held -= share

    def give_up(self, payment: str, fen: int) -> None:
        """Let money go back that was held: it is held no longer, and what had ended does not ask for it again."""
        receipt = self.receipts[payment]
        receipt.held -= fen
        if fen:
            self.paid = self.paid and sum(self.held.values()) >= self.drafted
        if self.kept is not None:
            self.kept[receipt.source] = max(0, self.kept.get(receipt.source, 0) - fen)

    def bear(self, delta: int, named: Mapping[str, int] | None) -> None:
        """Let the sources bear a change: those named, else by what each bears; more of it not the fund."""
        shares = named
        if shares is None:
            free = {s: fen for s, fen in self.sources.items() if fen > 0 and (delta < 0 or s not in FUND)}
            shares = divided(abs(delta), free or {"other": 1}) if delta else {}
        sign = 1 if delta > 0 else -1
        for source, fen in shares.items():
            self.sources[source] = self.sources.get(source, 0) + sign * fen
        over = {source: fen - self.sources.get(source, 0) for source, fen in self.held.items()}
        self.release({source: fen for source, fen in over.items() if fen > 0})

    def unearned(self, on: int) -> Fraction:
        """Give what of the premium is for days from one on."""
        whole = sum(c.cost(c.ends) for c in self.certificates)
        return max(Fraction(0), whole - sum((c.earned(on) for c in self.certificates), Fraction(0)))

    def stop(self, on: int, back: Mapping[str, int], earned: int, state: str) -> None:
        """End it on a day: so much goes back to each source; what was earned above what is held is owed."""
        short = earned - sum(self.held.values())
        owing = {source: self.due(source) for source in self.sources if self.due(source)}
        owed = divided(min(short, sum(owing.values())), owing) if short > 0 and owing else {}
        self.release(back)
        held = self.held
        self.kept = {s: held.get(s, 0) + owed.get(s, 0) for s in {**held, **owed}}
        self.stopped, self.state = on, state


@dataclass
class Books:
    """All policies and claims."""

    deals: list[Deal] = field(default_factory=list)
    attached: list[Certificate] = field(default_factory=list)
    """All certificates in the order they were attached."""
    losses: dict[str, Loss] = field(default_factory=dict)
    into: dict[str, str] = field(default_factory=dict)
    """Which record of a lift went up in which other, in the order in which that was found."""

    def last(self, lift: str) -> str:
        """Give the record that goes on."""
        return self.last(self.into[lift]) if lift in self.into else lift

    def records(self, lift: str) -> list[str]:
        """Give all records of a lift: the one that is asked, the one that goes on, and what went up in it."""
        found = list(dict.fromkeys([lift, self.last(lift)]))
        for into in (self.last(lift), *self.into):
            found += [name for name in self.into if self.into[name] == into and self.last(name) == self.last(lift)]
        return list(dict.fromkeys(found))

    def covers(self, loss: Loss) -> list[Certificate]:
        """Give what insures a loss, as is known now, on whichever record of its lift; on its own first."""
        return [
            c
            for record in self.records(loss.lift)
            for c in self.attached
            if c.lift == record and loss.part in c.parts and c.deal.interest == loss.interest
            and c.insures(loss.on) and c.deal.in_force(loss.on)
        ]  # fmt: skip

    def overlaps(self, new: Certificate, today: int) -> Iterator[tuple[Certificate, list[int]]]:
        """Yield what insures the same lift, part and interest on some of the days, and on which."""
        for old in self.attached:
            shared = set(old.parts) & set(new.parts)
            if self.last(old.lift) == self.last(new.lift) and shared and old.deal.interest == new.deal.interest:
                days = [
                    day for day in range(new.begins, new.ends)
                    if old.insures(day) and (old.deal is new.deal or old.deal.holds(day, today))
                ]  # fmt: skip
                if days:
                    yield old, days

    def deal(self, name: str) -> Deal:
        """Find a policy."""
        return next(deal for deal in self.deals if deal.name == name)

    def certificate(self, name: str) -> Certificate:
        """Find a certificate."""
        return next(c for c in self.attached if c.name == name)

    def attach(self, new: Certificate, today: int) -> set[str]:
        """Attach a certificate; gives why it cannot be."""
        deal, whys = new.deal, {"lift_merged"} if new.lift in self.into else set[str]()
        if not (deal.begins <= new.begins and new.ends <= deal.ends):
            whys.add("certificate_outside_policy")
        if new.ends < anniversary(new.begins, 1) and new.ends != deal.ends:
            whys.add("certificate_not_coterminous")
        whys |= new.over_ceiling()
        for old, _ in self.overlaps(new, today):
            if old.deal is deal:
                whys.add("lift_covered_already")
            elif deal.fund_paid:
                whys.add("cover_overlaps")
        self.attached.append(new)
        deal.certificates.append(new)
        return whys

    def endorse(self, deal: Deal, said: Mapping[str, Any], classes: Mapping[str, str | None], today: int) -> set[str]:
        """Endorse a policy as an endorsement says; gives why it cannot be."""
        on, delta = number(said["effective_on"]), said["delta_fen"]
        if deal.state != "issued":
            return {"policy_state"}
        whys = set[str]() if deal.begins <= on < deal.ends else {"outside_policy"}
        if "limits" in said:
            whys |= below_person(said["limits"]["per_lift_year_fen"], deal.parts.values())
            deal.limits.append((on, said["limits"]))
        named = {source["kind"]: source["amount_fen"] for source in said["sources"]} if "sources" in said else None
        if delta < 0 and any(fen > deal.sources.get(source, 0) for source, fen in (named or {}).items()):
            return whys | {"above_due", "premium_negative"}
        for change in said.get("changes", ()):
            whys |= self.certificate(change["certificate"]).change(on, change)
        for removal in said.get("removes", ()):
            whys |= self.certificate(removal["certificate"]).remove(on, removal)
        if deal.premium < 0 or (delta < 0 and named is None and -delta > sum(deal.sources.values())):
            return whys | {"premium_negative"}
        deal.bear(delta, named)
        for line in said.get("adds", ()):
            whys |= self.attach(certificate_of(deal, line, classes[line["lift"]]), today)
        return whys

    def free(self, loss: Loss, certificate: Certificate) -> dict[str, int]:
        """Give by level what a claim may hold in all, beside what others took and hold; unlimited levels are left out.

        Levels: person and accident (of the part), part, lift and policy (in the policy year of the loss).
        """
        deal, part = certificate.deal, certificate.deal.parts[loss.part]
        others = [o for o in self.losses.values() if o is not loss and o.deal is deal and o.held]
        year = [o for o in others if deal.year(o.on) == deal.year(loss.on)]
        records = self.records(loss.lift)
        of_lift = [o for o in year if o.lift in records]
        terms = deal.limits_on(loss.on)
        owns = [c.terms(loss.on)[1] for c in deal.certificates if c.lift in records and c.insures(loss.on)]
        free = {
            "lift": max(terms["per_lift_year_fen"] if own is None else own for own in owns)
            - sum(o.held for o in of_lift)
        }
        mine = [c for c in self.covers(loss) if c.deal is deal]
        own_limits = [c.terms(loss.on)[1] for c in mine]
        parts = {part for c in mine for part in c.parts}
        free["certificate"] = max(terms["per_lift_year_fen"] if own is None else own for own in own_limits) - sum(
            o.held for o in of_lift if o.part in parts
        )
        if "policy_year_fen" in terms:
            free["policy"] = terms["policy_year_fen"] - sum(o.held for o in year)
        if "per_lift_year_fen" in part:
            free["part"] = part["per_lift_year_fen"] - sum(o.held for o in of_lift if o.part == loss.part)
        if "per_person_fen" in part:
            free["person"] = part["per_person_fen"]
        if "per_accident_fen" in part:
            same = [o for o in others if o.part == loss.part and o.lift in records and o.at == loss.at]
            free["accident"] = part["per_accident_fen"] - sum(o.held for o in same)
        return free

    def deciders(self, loss: Loss) -> set[str]:
        """Give who may decide on a claim: whose limits it took, or who was told of it, or whose cover it is."""
        if loss.deal is not None:
            return {loss.deal.insurer}
        if loss.told is not None:
            return {loss.told}
        return {c.deal.insurer for c in self.covers(loss)} or {loss.notifier}

    def take(self, loss: Loss, act: str, fen: int, insurer: str, named: str | None) -> set[str]:
        """Reserve, advance or approve by an insurer's policy; gives why it cannot be."""
        covers = [c for c in self.covers(loss) if not loss.held or c.deal is loss.deal]
        own = [c for c in covers if c.deal.insurer == insurer]
        if covers and not own:
            return {"right_missing"}
        own = [c for c in own if named in {None, c.deal.name}]
        if not own:
            return {"no_cover_in_force"}
        whys = set[str]() if loss.state in {"notified", "approved"} else {"claim_state"}
        whys |= {"approved_already"} if loss.approved and act in {"approve", "advance"} else set()
        used, held, free = loss.used, loss.reserved, self.free(loss, own[0])
        loss.deal = own[0].deal
        if act == "reserve":
            loss.reserved = fen
        elif act == "advance":
            loss.advanced += fen
            loss.paid += fen
        else:
            loss.approved += fen
            loss.state = "approved"
        taken = loss.used - used
        if act != "reserve":
            loss.reserved = max(0, held - taken)
        once = used + (fen if act == "reserve" else taken)
        whys |= (
            {"limit_exceeded"}
            if any(once > free[level] for level in ("person", "accident") if level in free)
            else set()
        )
        if act == "reserve" or taken > held:  # what was held may be used, also where the limit was lowered since
            years = [free[level] for level in ("lift", "certificate", "policy", "part") if level in free]
            whys |= {"limit_exhausted"} if once > max(0, min(years)) and once > used else set()
        return whys
