"""Records of lifts that may prove to be one lift's, their numbers and insurers, as a clerk with a card file keeps them.

Written from the design and the law, with nothing of the product's: days are numbers, and each question walks through
all cards and papers. Sources: domain-model.md C1, C11, C14, L2, L17; 保险法 21, 56; adr/0021, adr/0026.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

CHANGING: Final = {
    "use_unit": {"holder", "manages"},
    "insurer": {"holder"},
    "market_regulator": {"holder", "supervises"},
}
"""In which relation to a lift one changes what is known of it."""


@dataclass
class Card:
    """A record of a lift: who registered it, who uses it, where it stands, the marks on it, and what became of it."""

    name: str
    holder: str
    unit: str | None
    area: str
    marks: list[str]
    scrapped: int | None = None
    back: int | None = None
    """Since when it is in use again, since it proved not to be scrapped."""
    into: str | None = None


@dataclass
class Deal:
    """A policy or quotation: the insurers, who leads them first, and its days."""

    name: str
    insurers: tuple[str, ...]
    interest: str
    of_fund: bool
    begins: int
    ends: int
    valid_until: int
    stage: str = "drafted"
    stopped: int | None = None

    @property
    def leader(self) -> str:
        """Who acts for all its insurers."""
        return self.insurers[0]


@dataclass
class Paper:
    """A certificate of a deal on a record, from a day until another."""

    deal: Deal
    name: str
    record: str
    parts: tuple[str, ...]
    begins: int
    ends: int


@dataclass
class Loss:
    """A loss that was notified; `insurer` is who had to do with it then, `policy` under which it took money."""

    record: str
    part: str
    interest: str
    day: int
    notifier: str
    insurer: str | None = None
    policy: str | None = None
    state: str = "notified"


@dataclass
class Clerk:
    """The card file, the marks by owner, the papers and the losses, as they are known now."""

    today: int
    cards: dict[str, Card] = field(default_factory=dict)
    owners: dict[str, str | None] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)
    deals: list[Deal] = field(default_factory=list)
    papers: list[Paper] = field(default_factory=list)
    losses: dict[str, Loss] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------ one lift

    def last(self, record: str) -> str:
        """Give the record that goes on."""
        into = self.cards[record].into
        return record if into is None else self.last(into)

    def one(self, record: str) -> set[str]:
        """Give all records of the lift that a record is of."""
        return {name for name in self.cards if self.last(name) == self.last(record)}

    def live(self, record: str) -> bool:
        """Say whether a record is not scrapped today."""
        scrapped = self.cards[record].scrapped
        return scrapped is None or self.today < scrapped

    def stands(self, party: str, areas: Sequence[str], record: str) -> set[str]:
        """Give the relations of a party to a record."""
        card = self.cards[record]
        held = {"holder"} if card.holder == party else set[str]()
        held |= {"manages"} if card.unit == party else set()
        inside = any(card.area.startswith(area.removesuffix("00")) for area in areas)  # 370100 is all of 3701
        return held | ({"supervises"} if inside else set())

    def merge_refusals(self, kind: str, party: str, areas: Sequence[str], record: str, into: str) -> set[str]:
        """Give all reasons against letting a record go up in another."""
        why = {"merged_with_itself"} if record == into else set[str]()
        both = self.stands(party, areas, record) & self.stands(party, areas, into)
        why |= set() if both & CHANGING.get(kind, set()) else {"right_missing"}
        if {self.cards[record].into, self.cards[into].into} != {None}:
            why.add("lift_merged")
        if self.live(record) and not self.live(into):
            why.add("merged_into_scrapped")
        return why

    def merge(self, record: str, into: str) -> None:
        """Let a record go up in another: the other has its marks, and its claims to marks, from now on."""
        card, other = self.cards[record], self.cards[into]
        for mark in dict.fromkeys(card.marks):
            claimed = record in self.waiting.get(mark, [])
            self.waiting[mark] = [name for name in self.waiting.get(mark, []) if name != record]
            if not self.live(into):
                self.owners[mark] = None if self.owners.get(mark) == record else self.owners.get(mark)
            elif self.owners.get(mark) == record or (claimed and self.owner(mark) is None):
                self._gets(into, mark)
            else:
                self.claim(into, mark)
        other.marks = list(dict.fromkeys([*other.marks, *card.marks]))
        card.into = into

    # ------------------------------------------------------------------------------------------------ marks

    def owner(self, mark: str) -> str | None:
        """Give the live record that has a mark."""
        owner = self.owners.get(mark)
        return owner if owner is not None and self.live(owner) else None

    def claim(self, record: str, mark: str) -> None:
        """Let a record claim a mark: it gets it, or waits until somebody looked who has it by right.

        One that is scrapped only had it.
        """
        if self.owners.get(mark) == record:
            return
        if not self.live(record):
            self.give_up(record, mark)
        elif self.owner(mark) is None:
            self._gets(record, mark)
        elif record not in self.waiting.setdefault(mark, []):
            self.waiting[mark].append(record)

    def _gets(self, record: str, mark: str) -> None:
        self.owners[mark] = record
        self.waiting[mark] = [name for name in self.waiting.get(mark, []) if name != record]

    def give_up(self, record: str, mark: str) -> None:
        """Let a record have a mark no longer, nor wait for it."""
        if self.owners.get(mark) == record:
            self.owners[mark] = None
        self.waiting[mark] = [name for name in self.waiting.get(mark, []) if name != record]

    # ------------------------------------------------------------------------------------------------ covers

    def holds(self, deal: Deal, begins: int, ends: int) -> tuple[int, int] | None:
        """Give on which of some days a deal insures, or may yet."""
        if deal.stage != "issued":
            return (begins, ends) if self.today <= deal.valid_until else None
        ends = ends if deal.stopped is None else min(ends, deal.stopped)
        return (begins, ends) if begins < ends else None

    def overlaps(self, new: Paper, among: Sequence[Paper] | None = None) -> list[tuple[Paper, int, int]]:
        """Give what insures the same interest in a part of the same lift on some of the same days, on any record."""
        found = []
        for paper in self.papers if among is None else among:
            begins, ends = max(paper.begins, new.begins), min(paper.ends, new.ends)
            same = paper.record in self.one(new.record) and paper.deal.interest == new.deal.interest
            if not same or not set(paper.parts) & set(new.parts) or begins >= ends:
                continue
            days = (begins, ends) if paper.deal is new.deal else self.holds(paper.deal, begins, ends)
            if days is not None:
                found.append((paper, *days))
        return found

    def between(self, record: str, into: str) -> list[tuple[int, int]]:
        """Give the days on which an interest proves insured twice if two records are one lift's."""
        ones, others = ([p for p in self.papers if p.record in self.one(name)] for name in (record, into))
        return list(self._between(ones, others))

    def _between(self, ones: Sequence[Paper], others: Sequence[Paper]) -> Iterator[tuple[int, int]]:
        for one in ones:
            for other in others:
                days: tuple[int, int] | None = (max(one.begins, other.begins), min(one.ends, other.ends))
                if one.deal.interest != other.deal.interest or not set(one.parts) & set(other.parts):
                    continue
                for deal in (one.deal, other.deal):
                    days = None if days is None or days[0] >= days[1] else self.holds(deal, *days)
                if days is not None:
                    yield days

    def line_refusals(self, new: Paper) -> set[str]:
        """Give all reasons against a new certificate."""
        why = {"lift_merged"} if self.cards[new.record].into is not None else set[str]()
        scrapped = self.cards[new.record].scrapped
        why |= {"lift_scrapped"} if scrapped is not None and scrapped <= new.begins else set()
        found = self.overlaps(new)
        why |= {"lift_covered_already"} if any(paper.deal is new.deal for paper, _, _ in found) else set()
        return why | ({"cover_overlaps"} if found and new.deal.of_fund else set())

    def insuring(self, record: str, part: str, interest: str, day: int) -> list[Paper]:
        """Give the certificates that insure a part and an interest of a lift on a day."""
        return [
            paper for paper in self.papers
            if paper.record in self.one(record) and part in paper.parts and paper.deal.interest == interest
            and paper.begins <= day < paper.ends and self.in_force(paper.deal, day)
        ]  # fmt: skip

    @staticmethod
    def in_force(deal: Deal, day: int) -> bool:
        """Say whether a policy insures on a day."""
        stopped = deal.stopped is not None and deal.stopped <= day
        return deal.stage == "issued" and deal.begins <= day < deal.ends and not stopped

    # ------------------------------------------------------------------------------------------------ losses

    def covering(self, loss: Loss) -> list[Paper]:
        """Give what covers a loss; once it took money of a policy, that policy alone."""
        found = self.insuring(loss.record, loss.part, loss.interest, loss.day)
        return [paper for paper in found if loss.policy in {None, paper.deal.name}]

    def handlers(self, loss: Loss) -> set[str]:
        """Give the insurers that deal with a loss: who leads them, also where another was told; else who was told."""
        if loss.policy is not None:
            return {next(deal.leader for deal in self.deals if deal.name == loss.policy)}
        deals = [paper.deal for paper in self.covering(loss)]
        if loss.insurer is not None:
            leading = {deal.leader for deal in deals if loss.insurer in deal.insurers}
            return leading if leading and loss.insurer not in leading else {loss.insurer}
        return {deal.leader for deal in deals} or {loss.notifier}

    def approve_refusals(self, loss: Loss, insurer: str, policy: str | None) -> set[str]:
        """Give all reasons against an approval by an insurer: the leader of one that covers the loss decides."""
        deals = [paper.deal for paper in self.covering(loss)]
        own = [deal for deal in deals if deal.leader == insurer]
        why = set() if own or not deals else {"right_missing"}
        if not [deal for deal in own if policy in {None, deal.name}]:
            why.add("no_cover_in_force")
        return why | (set() if loss.state == "notified" else {"approved_already"})
