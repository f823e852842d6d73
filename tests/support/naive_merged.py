"""Who reads what of a lift that has several records, told in the plainest way: whose day it was, record by record.

Written from the design and adr/0011, 0023, 0026, 0029, not from the product: from the day of its merger on a record
gives its use unit and its authorities nothing, relations to what it went up in hold for it, and whoever insures the
lift by a certificate on any record insures it by all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from application.work import Author
from tests.support.naivelifts import Care, Hoist, Words, held_on

AREA: Final = "370102"
"""That of all policies."""
LAST: Final = "9999-12-31"
AUTHORITIES: Final = {"market_regulator", "town", "rescue_centre", "transport_bureau"}
USE_UNITS: Final = {"use_unit", "owner"}
SHOPS: Final = {"maintainer", "manufacturer"}
NOTIFIERS: Final = {"use_unit", "owner", "maintainer", "insurer", "broker", "rescue_centre"}


@dataclass(slots=True)
class Paper:
    """A certificate under a policy that is in force on its days, `to_date` excluded."""

    policy: str
    insurers: tuple[str, ...]
    holder: str
    from_date: str
    to_date: str
    served: bool

    def on(self, day: str) -> bool:
        """Say whether it insures on a day."""
        return self.from_date <= day < self.to_date


@dataclass(slots=True)
class Loss:
    """A claim under a record's name."""

    name: str
    on: str
    notifier: str
    insurer: str | None


@dataclass(slots=True)
class Card:
    """A record: what was said of it, since when, and on which day it went up in which other."""

    hoist: Hoist
    begun: str
    venues: Words
    into: str | None = None
    merged_on: str = LAST + "+"
    papers: list[Paper] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)

    def says(self, day: str) -> bool:
        """Say whether it is asked who uses and supervises the lift on a day."""
        return self.begun <= day < self.merged_on

    def venue_on(self, day: str) -> str | None:
        """Give the kind of place on a day; the first one known also before it was said."""
        return held_on(self.venues, max(day, min(since for since, _ in self.venues)))

    def supervised(self, reader: Author, day: str) -> bool:
        """Say whether it lies in somebody's areas, and is of his sectors, on a day."""
        if not self.says(day) or not any(self.hoist.area_on(day).startswith(area) for area in reader.areas):
            return False
        return reader.kind != "transport_bureau" or self.venue_on(day) in reader.sectors


@dataclass(slots=True)
class File:
    """All records, by name."""

    today: str
    cards: dict[str, Card] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------ one lift

    def chain(self, name: str) -> Iterator[Card]:
        """Give a record's card, that of what it went up in, and so on."""
        card = self.cards[name]
        yield card
        if card.into is not None:
            yield from self.chain(card.into)

    def last(self, name: str) -> str:
        """Give the record that goes on."""
        into = self.cards[name].into
        return name if into is None else self.last(into)

    def below(self, name: str) -> list[str]:
        """Give a record and all that went up in it."""
        return [each for each in self.cards if self.cards[name] in self.chain(each)]

    def whole(self, name: str) -> list[Card]:
        """Give the cards of all records of a lift."""
        return [card for each, card in self.cards.items() if self.last(each) == self.last(name)]

    # ------------------------------------------------------------------------------------------------ relations

    def deals(self, reader: Author, name: str, day: str) -> bool:
        """Say whether somebody uses or supervises a lift on a day, by his kind."""
        chain = list(self.chain(name))
        if reader.kind in AUTHORITIES:
            return any(card.supervised(reader, day) for card in chain)
        used = [held_on(card.hoist.users, day) for card in chain if card.says(day)]
        return reader.kind in USE_UNITS and reader.party in used

    def deals_now(self, reader: Author, name: str) -> bool:
        """Say so of today; whose area it will come to lie in supervises it already."""
        coming = reader.kind in AUTHORITIES and self.deals(reader, name, LAST)
        return coming or self.deals(reader, name, self.today)

    def stands(self, reader: Author, name: str, day: str) -> bool:
        """Say whether what is so of a lift on a day is somebody's to read for good."""
        if reader.kind in SHOPS:
            care = [care for card in self.chain(name) for care in card.hoist.care]
            return any(each.holder == reader.party and each.trusted(day) for each in care)
        if reader.kind == "insurer":
            papers = [paper for card in self.whole(name) for paper in card.papers]
            return any(reader.party in paper.insurers and paper.on(day) for paper in papers)
        return self.deals(reader, name, day)

    def reads(self, reader: Author, name: str) -> bool:
        """Say whether somebody reads a lift whole today."""
        if reader.kind in {"operator", "inspection_body"}:
            return True
        registrar = reader.kind in {"use_unit", "insurer", *SHOPS}
        held = registrar and any(card.hoist.holder == reader.party for card in self.chain(name))
        return held or self.deals_now(reader, name) or self.stands(reader, name, self.today)

    def reads_on(self, reader: Author, name: str, day: str) -> bool:
        """Say whether somebody reads how a lift was on a day."""
        return self.reads(reader, name) or self.stands(reader, name, day)

    # ------------------------------------------------------------------------------------------------ dealings

    def reads_policy(self, reader: Author, paper: Paper) -> bool:
        """Say whether a policy is somebody's own, or of his areas; a sector's bureau has those of its venues alone."""
        if reader.kind not in AUTHORITIES:
            return reader.kind == "operator" or reader.party in {*paper.insurers, paper.holder}
        if not any(AREA.startswith(area) for area in reader.areas):
            return False
        (name,) = (name for name, card in self.cards.items() if paper in card.papers)
        return reader.kind != "transport_bureau" or self.deals_now(reader, name)

    def sees_paper(self, reader: Author, name: str, paper: Paper, day: str) -> bool:
        """Say whether somebody sees what a lift's certificate costs on a day."""
        return self.reads_policy(reader, paper) or self.deals_now(reader, name) or self.deals(reader, name, day)

    def reads_loss(self, reader: Author, name: str, loss: Loss) -> bool:
        """Say whether somebody reads a claim: a use unit those of its own time alone."""
        if reader.kind == "operator" or (reader.kind in NOTIFIERS and reader.party == loss.notifier):
            return True
        if reader.kind == "insurer":
            covering = [p.insurers for card in self.whole(name) for p in card.papers if p.on(loss.on)]
            covering = [each for each in covering if loss.insurer is None or loss.insurer in each]
            return reader.party == loss.insurer or any(reader.party in each for each in covering)
        now = reader.kind in AUTHORITIES and self.deals_now(reader, name)
        return now or self.deals(reader, name, loss.on)

    # ------------------------------------------------------------------------------------------------ counting

    def standing(self, day: str, *, merged: bool = True) -> dict[str, str]:
        """Give the records that count on a day, each for the one that its lift goes on under; each lift once.

        That is the one that goes on; while it says nothing yet, the first by name of those that do.
        """
        found: dict[str, str] = {}
        for name in sorted(self.cards):
            last = self.last(name) if merged else name
            if self.cards[name].begun <= day and (name == last or self.cards[last].begun > day):
                found.setdefault(last, name)
        return {name: last for last, name in found.items()}

    def insured(self, name: str, day: str, *, merged: bool = True) -> str:
        """Say how the lift of a record is insured on a day: none, liability, or with services promised."""
        cards = self.whole(name) if merged else [self.cards[name]]
        papers = [paper for card in cards for paper in card.papers if paper.on(day)]
        return "none" if not papers else "served" if any(paper.served for paper in papers) else "alone"

    def neglected(self, name: str) -> bool:
        """Say whether nobody maintains a lift today.

        What a closed record's register states without an end gives way, from the merger on, to a word on what goes on:
        a register's, a contract's that more than its maintainer's word stands for, or one of the same maintainer.
        """
        return not any(self._cares(each, care) for each in self.below(name) for care in self.cards[each].hoist.care)

    def _cares(self, name: str, care: Care) -> bool:
        stated = care.contract is None and care.to_date is None
        since, into, until = "", self.cards[name].into, LAST
        above = self.cards[name]
        while stated and into is not None:
            since, above = max(since, above.merged_on), self.cards[into]
            for word in above.hoist.care:
                day = max(since, word.from_date, care.from_date)
                sure = word.contract is None or word.holder == care.holder or word.trusted(word.from_date)
                if sure and word.on(day):
                    until = min(until, day)
            into = above.into
        return care.on(self.today) and self.today < until
