"""A world of lifts that are registered, numbered and planned for, some of them twice, beside a clerk's card file."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import replace
from typing import Any

from application import claim_decisions, claims, lift_changes, lifts
from application.ids import new_name
from application.work import Author
from domain.aggregate import Event
from domain.parties import Party
from tests.support.book import Book
from tests.support.funding import COMMITTEE, FUND, funded
from tests.support.insuring import (
    AREA,
    BUREAU,
    HOLDER,
    INSURER,
    OPERATOR,
    PACK,
)
from tests.support.naive_certificates import number, written
from tests.support.naive_records import Card, Clerk
from tests.support.seeding import seed

ELSEWHERE = "370103"
UNITS = (HOLDER, Author(new_name("party"), "use_unit"))
THIRD = Author(new_name("party"), "insurer")
LOCAL = Author(new_name("party"), "market_regulator", areas=(ELSEWHERE,))
MARKS = ("M-0", "M-1", "M-2", "M-3")


def said_marks(marks: list[str]) -> list[dict[str, str]]:
    """Give marks as identifiers of a platform."""
    return [{"scheme": "platform_code", "issuer": "register", "value": mark} for mark in marks]


class Records:
    """A book beside the clerk's own."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.book: Book = funded()
        tables = (lifts, lift_changes, claims, claim_decisions)
        self.book.actions = dict(self.book.actions) | {a.id: a for table in tables for a in table.ACTIONS}
        for author in (UNITS[1], THIRD, LOCAL):
            said = {"id": author.party, "kind": author.kind}
            seed(self.book, Party, author.party, OPERATOR.party, Party.Registered, said)
        adoption = {"area": ELSEWHERE, "pack": PACK, "version": 1, "from_date": "2020-01-01", "document": "Notice 2"}
        self.book.act(Author(new_name("party"), "market_regulator", areas=("370100",)), "scheme.adopt", adoption)
        self.clerk = Clerk(self.today)
        self.kept: list[tuple[int, Clerk]] = []
        self.plans: dict[str, list[str]] = {}
        for _ in range(3):
            self.register()

    # ------------------------------------------------------------------------------------------------ tools

    @property
    def today(self) -> int:
        """The day it is."""
        return number(self.book.now[:10])  # instants of the test are of the morning in Shanghai

    def tried(
        self, author: Author, action: str, said: dict[str, Any], trial: Clerk, whys: set[str], **path: str
    ) -> list[Event] | None:
        """Try an act: the ledger refuses it for one of the clerk's reasons, or it is as the clerk's trial has it."""
        events = self.book.tried(author, action, said, whys, **path)
        if events is not None:
            self.clerk = trial
        return events

    def wait(self) -> None:
        """Let some days pass."""
        self.book.now = f"{written(self.today + self.rng.choice((1, 30, 60, 90)))}T02:00:00.000000Z"
        self.clerk = replace(self.clerk, today=self.today)

    def record(self, *, open_only: bool = False) -> str:
        """Draw a record, mostly one that is open."""
        names = [n for n, card in self.clerk.cards.items() if card.into is None]
        return self.rng.choice(names if open_only or self.rng.random() < 0.7 else [*self.clerk.cards])

    # ------------------------------------------------------------------------------------------------ records

    def register(self) -> None:
        """Register a lift, perhaps one that another record is of."""
        rng, trial = self.rng, deepcopy(self.clerk)
        author, unit = rng.choice((*UNITS, BUREAU)), rng.choice((None, *UNITS))
        card = Card(
            new_name("lift"), author.party, None if unit is None else unit.party,
            rng.choice((f"{AREA}001", f"{AREA}001", f"{ELSEWHERE}001")), rng.sample(MARKS, rng.choice((1, 2))),
        )  # fmt: skip
        said = {
            "id": card.name, "identifiers": said_marks(card.marks), "variety": "3110", "area": card.area,
            "status": "in_use", "premises_class": "residential", "effective_on": "2020-01-01",
        } | ({} if unit is None else {"use_unit": unit.party})  # fmt: skip
        trial.cards[card.name] = card
        for mark in card.marks:
            trial.claim(card.name, mark)
        self.tried(author, "lift.register", said, trial, set())

    def identify(self) -> None:
        """Add a mark to a lift, or take one away."""
        rng, trial, name = self.rng, deepcopy(self.clerk), self.record()
        card, mark = trial.cards[name], rng.choice(MARKS)
        why = set() if card.into is None else {"lift_merged"}
        if rng.random() < 0.4:
            why |= set() if mark in card.marks else {"identifier_not_its_own"}
            said = {"withdrawn": said_marks([mark])}
            card.marks = [each for each in card.marks if each != mark]
            trial.give_up(name, mark)
        else:
            said = {"identifiers": said_marks([mark])}
            card.marks = list(dict.fromkeys([*card.marks, mark]))
            trial.claim(name, mark)
        self.tried(BUREAU, "lift.identify", said, trial, why, lift=name)

    def scrap(self) -> None:
        """Scrap a lift, today or on a day to come; or take back that it was."""
        trial, name = deepcopy(self.clerk), self.record()
        card, was_live = trial.cards[name], trial.live(name)
        why = set() if card.into is None else {"lift_merged"}
        if card.scrapped is None:
            card.scrapped = self.today + self.rng.choice((0, 0, 5))
            said: dict[str, Any] = {"status": "scrapped", "effective_on": written(card.scrapped)}
            why |= {"scrapped_returns"} if card.back is not None and card.back > card.scrapped else set()
        else:
            said = {"status": "in_use", "effective_on": written(card.scrapped), "correction": True}
            card.back, card.scrapped = card.scrapped, None
        for mark in card.marks if was_live != trial.live(name) else ():
            (trial.claim if trial.live(name) else trial.give_up)(name, mark)
        self.tried(BUREAU, "lift.change_status", said, trial, why, lift=name)

    def merge(self) -> None:
        """Find that two records are one lift's."""
        rng, trial = self.rng, deepcopy(self.clerk)
        author = rng.choice((BUREAU, BUREAU, BUREAU, LOCAL, *UNITS, INSURER))
        name, into = self.record(), self.record()
        why = trial.merge_refusals(author.kind, author.party, author.areas, name, into)
        twice = [] if why else trial.between(name, into)
        if not why:
            trial.merge(name, into)
        events = self.tried(author, "lift.merge", {"into": into}, trial, why, lift=name)
        if events is not None:
            (found,) = [event.found for event in events if event.TOPIC == "lift.Absorbed"]
            told = [each["facts"] for each in found.get("findings", []) if each["code"] == "cover_overlaps"]
            days = (min(a for a, _ in twice), max(b for _, b in twice)) if twice else None
            assert [(each["overlaps"], each["from_date"], each["to_date"]) for each in told] == (
                [] if days is None else [(len(twice), *map(written, days))]
            )

    # ------------------------------------------------------------------------------------------------ plans

    def plan(self) -> None:
        """Publish a plan of the owners for some lifts, and apply by one for a policy that is proposed."""
        rng = self.rng
        lifts_ = rng.sample([*self.clerk.cards], rng.choice((1, 1, 2)))
        distinct = {self.clerk.last(name) for name in lifts_}
        name = new_name("plan")
        said = {"id": name, "lifts": lifts_, "amount_fen": 1_000_000, "published_on": written(self.today)}
        why = set() if len(distinct) == len(lifts_) else {"lift_twice"}
        if self.tried(COMMITTEE, "plan.publish", said, self.clerk, why, fund=FUND) is not None:
            self.plans[name] = lifts_
