"""Mergers of lifts' records and the fund's plans, beside the random policies, claims and money of `endorsed_money`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any

from application import lift_changes
from application.ids import new_name
from domain.aggregate import Event
from domain.applications import Application
from domain.buildings import Estate
from domain.errors import DomainError
from tests.property.test_endorsed_policies import World
from tests.support.endorsing import LIFTS
from tests.support.funding import COMMITTEE, ESTATE, FUND, HOUSING, close, fund, seen, stage
from tests.support.insuring import AREA, BUREAU, HOLDER
from tests.support.naive_policies import Books, Deal
from tests.support.seeding import seed


class Merging(World):
    """The world in which two lifts may prove to be one."""

    plans: list[tuple[str, str, Sequence[str]]]
    """Plan, its vote, and the records that it names."""

    def begin(self) -> None:
        """Have a first policy issued, in a world that knows of mergers."""
        self.book.actions = dict(self.book.actions) | {action.id: action for action in lift_changes.ACTIONS}
        place = {"id": ESTATE, "area": AREA, "type": "residential", "name": "n"}
        seed(self.book, Estate, ESTATE, BUREAU.party, Estate.Described, place, {})
        self.plans = []
        self.plan_lifts()
        super().begin()

    def merge(self) -> None:
        """Find that two records are one lift's: neither has gone up in another."""
        trial = deepcopy(self.books)
        lift, into = self.rng.sample(LIFTS, 2)
        whys = {"lift_merged"} if trial.into.keys() & {lift, into} else set[str]()
        twice = self.twice(lift, into)
        trial.into[lift] = into
        events = self.tried(BUREAU, "lift.merge", {"into": into}, trial, whys, lift=lift)
        if events is not None:
            (absorbed,) = (event for event in events if event.TOPIC == "lift.Absorbed")
            self.check_overlaps_of(absorbed, twice)

    def twice(self, lift: str, into: str) -> int:
        """Count the pairs of certificates that insure the same twice if two records are one lift's."""
        ones, others = ([c for c in self.books.attached if self.books.last(c.lift) == name] for name in (lift, into))
        return sum(
            one.deal.interest == other.deal.interest and bool({*one.parts} & {*other.parts})
            and any(
                c.insures(day) and d.insures(day) and c.deal.holds(day, self.today) and d.deal.holds(day, self.today)
                for c, d in ((one, other),)
                for day in range(max(one.begins, other.begins), min(one.ends, other.ends))
            )
            for one in ones
            for other in others
        )  # fmt: skip

    @staticmethod
    def check_overlaps_of(absorbed: Event, twice: int) -> None:
        """What is insured twice by the merger is told once, with how often."""
        told = [f["facts"]["overlaps"] for f in absorbed.found.get("findings", ()) if f["code"] == "cover_overlaps"]
        assert told == ([twice] if twice else [])

    # -------------------------------------------------------------------------------------------------------- fund

    def plan_lifts(self, names: Sequence[str] = ()) -> None:
        """Publish a plan for some records, and let the owners agree to it; no lift stands in it twice."""
        names = names or self.rng.sample(LIFTS, self.rng.choice((1, 1, 2)))
        plan, vote = new_name("plan"), new_name("vote")
        said = {"id": plan, "lifts": names, "amount_fen": 1_000_000, "published_on": "2026-02-01"}
        whys = set() if len({*map(self.books.last, names)}) == len(names) else {"lift_twice"}
        if self.tried(COMMITTEE, "plan.publish", said, self.books, whys, fund=FUND) is None:
            return
        self.book.act(COMMITTEE, "vote.open", {"id": vote, "plan": plan, "opened_on": "2026-02-10"}, fund=FUND)
        for house in fund(self.book).houses:
            ballot = {"house": house, "choice": "agree", "on": "2026-02-20"}
            self.book.act(COMMITTEE, "vote.cast", ballot, fund=FUND, vote=vote)
        close(self.book, vote)
        self.book.act(COMMITTEE, "vote.publish", {"published_on": "2026-02-21"}, fund=FUND, vote=vote)
        self.plans.append((plan, vote, names))

    def agrees(self, books: Books, deal: Deal, names: Sequence[str]) -> bool:
        """Say whether a policy insures the lifts that a plan names, each by one certificate, and no others (MF01)."""
        planned = {*map(books.last, names)}
        covered = {books.last(c.lift) for c in deal.certificates} & planned
        return len(covered) == len(planned) == sum(c.ended is None for c in deal.certificates)

    def fund_pays(self) -> None:
        """Let the fund pay what it owes by a plan of either record, perhaps with mergers before filing or approval."""
        found = self.pick("proposed", "issued")
        if found is None or not found.due("fund_principal"):
            return
        fen, name, (plan, vote, names) = (
            found.due("fund_principal"),
            new_name("application"),
            self.rng.choice(self.plans),
        )
        takes = found.takes("fund_principal", self.today)
        said: dict[str, Any] = {
            "id": name, "policy": found.name, "plan": plan, "vote": vote, "pays_from": "fund_principal",
            "amount_fen": fen,
        }  # fmt: skip
        whys = set() if takes else {"quote_expired", "policy_state"}
        path = {"fund": FUND, "application": name}
        events = self.tried(HOLDER, "application.file", said, self.books, whys, fund=FUND)
        if events is None:
            return
        self.check_scope(events[0], found, names)
        if self.rng.random() < 0.5:
            self.merge()
        with suppress(DomainError):
            (approved, *_) = self.book.act(HOUSING, "application.approve", {"fund_share_fen": fen}, **path)
            self.check_scope(approved, self.books.deal(found.name), names)
            stage(self.book, name)
            self.paid(found.name, name, fen)
            return
        self.book.act(HOUSING, "application.void", {"reason": "r"}, **path)

    def paid(self, policy: str, application: str, fen: int) -> None:
        """Order the payment on the bank's line: the policy holds it as the fund's premium."""
        trial, payment = deepcopy(self.books), new_name("payment")
        deal = trial.deal(policy)
        line = {"payment": payment, "payee": deal.insurer, "amount_fen": fen, "line": seen(self.book, fen)}
        events = self.book.act(HOUSING, "application.pay", line, fund=FUND, application=application)
        assert any(event.TOPIC == Application.Paid.TOPIC for event in events)
        deal.receive(payment, "fund_principal", fen, takes=True)
        self.applications[payment] = application
        self.books = trial

    def check_scope(self, event: Event, deal: Deal, names: Sequence[str]) -> None:
        """The lifts of plan and policy agree or not, by whichever record each names them."""
        told = [f["code"] for f in event.found["findings"] if f["code"] in {"lifts_agree", "lifts_differ"}]
        assert told == ["lifts_agree" if self.agrees(self.books, deal, names) else "lifts_differ"]
