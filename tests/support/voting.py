"""Random owners' votes and applications resting on them, through the use cases beside a clerk's minutes."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from typing import Any

from application.ids import new_name
from application.work import Author
from domain.aggregate import Event
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    BUILDING,
    COMMITTEE,
    FUND,
    HOUSING,
    LIFT,
    OTHER_BUILDING,
    PREMIUM_FEN,
    funded,
    house,
    seen,
    stage,
)
from tests.support.insuring import HOLDER, INSURER, line, proposed
from tests.support.naive_votes import LONG_AGO, Bid, Deed, Home, Insurance, Minutes, Paper, Poll, Scheme

FIRST = date(2026, 2, 1).toordinal()
VALID = date(2026, 7, 25).toordinal()
OLD = date(2020, 12, 31).toordinal()
AREAS = (3_000, 6_000, 9_000, 9_001)
PEOPLE = tuple(new_name("person") for _ in range(3))
CHOICES = ("agree",) * 6 + ("disagree", "abstain")
STRANGERS = (INSURER, BANK, HOUSING)


def written(day: int) -> str:
    """Write a day as the ledger does."""
    return date.fromordinal(day).isoformat()


class Meeting:
    """A book beside the clerk's minutes."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.book: Book = funded(())
        self.minutes = Minutes()
        self.today = FIRST
        self.wait(0)
        for _ in range(rng.randrange(1, 5)):
            self.join()
        for year in range(2027, 2030):
            self.propose(year)

    # ------------------------------------------------------------------------------------------------------- tools

    def tried(
        self, author: Author, action: str, said: dict[str, Any], trial: Minutes, whys: set[str], **path: str
    ) -> list[Event] | None:
        """Try an act: the ledger refuses it for one of the clerk's reasons, or it is as the clerk's trial has it."""
        events = self.book.tried(author, action, said, whys, **path)
        if events is not None:
            self.minutes = trial
        return events

    def wait(self, days: int | None = None) -> None:
        """Let some days pass."""
        self.today += self.rng.choice((1, 1, 3, 7, 8, 30)) if days is None else days
        self.book.now = f"{written(self.today)}T02:00:00.000000Z"

    def some(self, *others: Author) -> tuple[Author, set[str]]:
        """Draw who acts: mostly one who may."""
        if self.rng.random() < 0.03:
            return self.rng.choice([a for a in STRANGERS if a not in others]), {"right_missing"}
        return self.rng.choice(others), set()

    def near(self, *days: int) -> int:
        """Draw a day at, before or after one of these, or of the last weeks."""
        day = self.rng.choice((*days, *days, self.today - self.rng.randrange(20)))
        return day + self.rng.choice((-1, 0, 0, 0, 1))

    # ------------------------------------------------------------------------------------------------------ houses

    def owners(self) -> tuple[frozenset[str], bool]:
        """Draw who owns a house: a buyer, several, the developer, or a buyer who has not got it yet."""
        owners = frozenset(self.rng.sample(PEOPLE, self.rng.choice((0, 1, 1, 1, 2))))
        return owners, bool(owners) and self.rng.random() < 0.8

    def join(self) -> None:
        """Let a house enter the fund, at whatever time."""
        rng, (owners, delivered) = self.rng, self.owners()
        area, building = rng.choice(AREAS), rng.choice((BUILDING, BUILDING, OTHER_BUILDING))
        fen = rng.choice((0, 1_000, *(100_000,) * 10))
        name = f"house:{len(self.minutes.homes):08x}-0000-4000-8000-000000000000"  # a share's last fen goes by names
        house(
            self.book, area, fen, id=name, building=building, delivered=delivered, **said_of(owners)
        )  # fmt: skip
        self.minutes.homes[name] = Home(area, building, [Deed(LONG_AGO, owners, delivered)], fen)

    def transfer(self) -> None:
        """Sell a house on some day, told now."""
        name = self.rng.choice(list(self.minutes.homes))
        owners, delivered = self.owners()
        on = self.near(*(poll.closed or poll.opened for poll in self.minutes.polls.values()))
        author, whys = self.some(HOUSING, BANK)
        trial = deepcopy(self.minutes)
        trial.homes[name].deeds.append(Deed(on, owners, delivered))
        said = {"delivered": delivered, "on": written(on)}
        said |= {member: value for member, value in said_of(owners).items() if value is not None}
        if author is HOUSING or author is BANK:
            whys = set()
        self.tried(author, "house.transfer", said, trial, whys, house=name)

    # ------------------------------------------------------------------------------------------------------ voting

    def publish(self) -> None:
        """Put a plan on the notice board."""
        rng = self.rng
        buildings = rng.choice((None, None, [BUILDING], [BUILDING, OTHER_BUILDING]))
        since = rng.choice((self.near(self.today), self.today - 8, self.today - 9, self.today - 20, OLD - 60))
        amount = rng.choice((PREMIUM_FEN, PREMIUM_FEN + 3_000, 3 * PREMIUM_FEN))
        of = None if buildings is None else frozenset(buildings)
        author, whys = self.some(COMMITTEE, HOLDER)
        name, trial = new_name("plan"), deepcopy(self.minutes)
        whys |= trial.publish(of, since, self.today)
        trial.schemes[name] = Scheme(of, amount, since)
        said = {"id": name, "lifts": [LIFT], "amount_fen": amount, "published_on": written(since)}
        said |= {} if buildings is None else {"buildings": buildings}
        self.tried(author, "plan.publish", said, trial, whys, fund=FUND)

    def open(self) -> None:
        """Open a vote on a plan."""
        if not self.minutes.schemes:
            return self.publish()
        plan = self.rng.choice(list(self.minutes.schemes))
        since = self.minutes.schemes[plan].since
        day = self.rng.choice((min(self.today, since + 8), self.today, since + 7, self.near(self.today, since)))
        author, whys = self.some(COMMITTEE, HOLDER)
        name, trial = new_name("vote"), deepcopy(self.minutes)
        whys |= trial.open(plan, day, self.today)
        trial.polls[name] = Poll(plan, day)
        said = {"id": name, "plan": plan, "opened_on": written(day)}
        self.tried(author, "vote.open", said, trial, whys, fund=FUND)
        return None

    def poll(self) -> str | None:
        """Draw a vote, mostly an open one."""
        polls = self.minutes.polls
        open_ones = [name for name in polls if polls[name].closed is None]
        return self.rng.choice(open_ones if open_ones and self.rng.random() < 0.95 else list(polls) or [None])

    def cast(self) -> None:
        """Let a house vote, or all of them."""
        name = self.poll()
        if name is None:
            return
        homes = list(self.minutes.homes)
        for house_name in homes if self.rng.random() < 0.8 else [self.rng.choice(homes)]:
            self.cast_one(name, house_name)

    def cast_one(self, name: str, house_name: str) -> None:
        """Let a house vote."""
        rng, trial = self.rng, deepcopy(self.minutes)
        poll, again = trial.polls[name], rng.random() < 0.3
        on = rng.choice((None, None, self.near(poll.opened, self.today)))
        paper = Paper(house_name, rng.choice(CHOICES), on, self.today)
        author, whys = self.some(COMMITTEE, HOLDER)
        whys |= trial.cast(poll, paper, self.today, again=again)
        said: dict[str, Any] = {"house": house_name, "choice": paper.choice}
        said |= ({} if on is None else {"on": written(on)}) | ({"replaces": True} if again else {})
        self.tried(author, "vote.cast", said, trial, whys, fund=FUND, vote=name)

    def take_back(self) -> None:
        """Take a ballot back."""
        name = self.poll()
        if name is None:
            return
        house_name, trial = self.rng.choice(list(self.minutes.homes)), deepcopy(self.minutes)
        author, whys = self.some(COMMITTEE, HOLDER)
        whys |= trial.take_back(trial.polls[name], house_name, self.today)
        self.tried(author, "vote.revoke_ballot", {"vote": name, "fund": FUND}, trial, whys, house=house_name)

    def close(self) -> None:
        """Close a vote."""
        name = self.poll()
        if name is None:
            return
        trial = deepcopy(self.minutes)
        poll = trial.polls[name]
        day = self.rng.choice(
            (self.today, self.today, self.near(poll.opened, self.today), OLD + self.rng.choice((0, 1)))
        )
        author, whys = self.some(COMMITTEE, HOLDER)
        whys |= trial.close(poll, day, self.today)
        events = self.tried(author, "vote.close", {"closed_on": written(day)}, trial, whys, fund=FUND, vote=name)
        if events is not None:
            assert events[0].found["tally"] == poll.tally
            assert events[0].found["passed"] is poll.passed
            told = {found["code"]: [*found["facts"].values()] for found in events[0].found["findings"]}
            for code in ("participation_reached", "participation_missed", "approval_reached", "approval_missed"):
                told.pop(code, None)
            assert told == {code: [number] for code, number in trial.doubts(poll, day).items()}

    def announce(self) -> None:
        """Make a result public."""
        polls = self.minutes.polls
        done = [name for name in polls if polls[name].closed is not None]
        if not polls:
            return
        name = self.rng.choice(done or list(polls))
        trial = deepcopy(self.minutes)
        poll = trial.polls[name]
        day = self.near(self.today, poll.closed or self.today, poll.closed or self.today)
        author, whys = self.some(COMMITTEE, HOLDER)
        whys |= {"date_in_future"} if day > self.today else set()
        whys |= {"vote_dates"} if poll.closed is None or day < poll.closed else set()
        poll.public = day
        self.tried(author, "vote.publish", {"published_on": written(day)}, trial, whys, fund=FUND, vote=name)

    # -------------------------------------------------------------------------------------------------- the bureau

    def propose(self, year: int) -> None:
        """Have a policy of a year proposed that the fund is to pay."""
        term: dict[str, Any] = {"from_date": f"{year}-04-01", "to_date": f"{year + 1}-04-01"}
        sources = [{"kind": "fund_principal", "amount_fen": PREMIUM_FEN}]
        name = proposed(
            self.book, line("", LIFT, PREMIUM_FEN, **term), sources=sources, valid_until=written(VALID), **term
        )  # fmt: skip
        self.minutes.insurances[name] = Insurance(PREMIUM_FEN, VALID)

    def bid(self, *states: str) -> str | None:
        """Draw an application, mostly one in such a state."""
        bids = self.minutes.bids
        found = [name for name in bids if bids[name].state in states]
        return self.rng.choice(found if found and self.rng.random() < 0.9 else list(bids) or [None])

    def file(self) -> None:
        """Apply for money, mostly on a vote that was closed."""
        rng, minutes = self.rng, self.minutes
        if not minutes.schemes:
            return
        done = [name for name in minutes.polls if minutes.polls[name].passed]
        poll = rng.choice((done and rng.random() < 0.8 and done) or [None, *minutes.polls])
        plan = minutes.polls[poll].plan if poll and rng.random() < 0.95 else rng.choice(list(minutes.schemes))
        amount = rng.choice((PREMIUM_FEN, PREMIUM_FEN, PREMIUM_FEN, 3_000))
        deal = Bid(plan, poll, rng.choice(list(minutes.insurances)), amount, rng.random() < 0.1, self.today)
        author, whys = self.some(COMMITTEE, HOLDER)
        name, trial = new_name("application"), deepcopy(minutes)
        whys |= trial.file(deal)
        trial.bids[name] = deal
        said = {
            "id": name, "policy": deal.policy, "plan": plan, "pays_from": "fund_principal", "amount_fen": amount,
            **({} if poll is None else {"vote": poll}), **({"emergency": "lift_stuck"} if deal.emergency else {}),
        }  # fmt: skip
        if self.tried(author, "application.file", said, trial, whys, fund=FUND) and rng.random() < 0.8:
            self.approve(name)

    def approve(self, name: str | None = None) -> None:
        """Let the bureau approve."""
        name = name or self.bid("filed")
        if name is None:
            return
        trial = deepcopy(self.minutes)
        bid = trial.bids[name]
        bears = sum(trial.shares(bid)[0].values()) if bid.state == "filed" else PREMIUM_FEN
        share = max(1, bears + self.rng.choice((0, 0, 0, 0, 0, 1, -1)))
        whys = trial.approve(bid, share, self.today)
        path = {"fund": FUND, "application": name}
        self.tried(HOUSING, "application.approve", {"fund_share_fen": share}, trial, whys, **path)

    def give_up(self) -> None:
        """Refuse an application or give it up."""
        name = self.bid("filed", "approved")
        if name is None:
            return
        trial = deepcopy(self.minutes)
        bid = trial.bids[name]
        path = {"fund": FUND, "application": name}
        if self.rng.random() < 0.3:
            whys = set() if bid.state == "filed" else {f"application_{bid.state}", "paid_twice"}
            bid.state = "refused"
            self.tried(HOUSING, "application.refuse", {"reasons": ["papers"]}, trial, whys, **path)
            return
        whys = set() if bid.state in {"filed", "approved"} else {f"application_{bid.state}", "paid_twice"}
        bid.state = "voided"
        self.tried(HOUSING, "application.void", {"reason": "papers"}, trial, whys, **path)

    def pay(self) -> None:
        """Let the bank pay what was approved; what is out after its sixty days is released first."""
        self.expire()
        name = self.bid("approved")
        if name is None:
            return
        trial = deepcopy(self.minutes)
        bid = trial.bids[name]
        fen, rng = sum(bid.charged.values()) or PREMIUM_FEN, self.rng
        day = self.today - rng.choice((0, 0, 1, 5, 20))
        at_once = rng.random() < 0.5
        whys, before = (
            trial.pay(bid, self.today, day if at_once else self.today),
            len(self.book.events(f"{FUND}/{name}")),
        )
        if self.minutes.bids[name].state == "approved" and before == 2:
            stage(self.book, name)
        line, payment = seen(self.book, fen, day=written(day)), new_name("payment")
        said = {"payment": payment, "payee": INSURER.party, "amount_fen": fen, **({"line": line} if at_once else {})}
        ordered = self.tried(HOUSING, "application.pay", said, trial, whys, fund=FUND, application=name)
        if ordered is not None and not at_once:
            told = self.book.act(BANK, "payment.confirm", {"line": line}, payment=payment)
            assert {found["code"] for found in told[0].found["findings"]} == trial.amiss(bid, day)

    def expire(self) -> None:
        """Release what was set aside for too long, as the timer does."""
        for name, bid in self.minutes.bids.items():
            if bid.state == "approved" and self.today - bid.approved > 60:
                self.book.act(HOUSING, "application.void", {"reason": "papers"}, fund=FUND, application=name)
                bid.state = "voided"

    def cancel(self) -> None:
        """Issue a policy that was paid, and cancel it on its first day."""
        paid = [name for name, deal in self.minutes.insurances.items() if not deal.due]
        if not paid:
            return
        name = self.rng.choice(paid)
        deal = self.minutes.insurances[name]
        if deal.state == "proposed":
            self.book.act(INSURER, "policy.issue", {"number": name}, policy=name)
            deal.state = "issued"
        if self.rng.random() < 0.5:
            fen = self.rng.choice((deal.received, deal.received - 999))
            first = str(self.book.events(name)[0].said["from_date"])  # type: ignore[index] # a draft is said
            said = {"effective_on": first, "refund_fen": fen, "reason": "sold"}
            self.book.act(INSURER, "policy.cancel", said, policy=name)
            deal.state, deal.released = "cancelled", fen

    def have_back(self) -> None:
        """Let premium come back to the houses."""
        name = self.bid("paid")
        if name is None:
            return
        trial = deepcopy(self.minutes)
        bid = trial.bids[name]
        out = sum(bid.charged.values()) - sum(bid.back.values())
        deal = self.minutes.insurances[bid.policy]
        most = deal.released - sum(bid.back.values()) if bid.state == "paid" else 1
        if most < 1:
            return
        fen = self.rng.choice((most, most // 2 + 1, 1, out + 1))
        whys = trial.refund(bid, fen)
        said = {"payment": new_name("payment"), "amount_fen": fen, "line": seen(self.book, fen, "in")}
        self.tried(BANK, "application.refund", said, trial, whys, fund=FUND, application=name)

    def act(self, name: str) -> None:
        """Do one thing."""
        acts: dict[str, Callable[[], None]] = {
            "join": self.join, "transfer": self.transfer, "publish": self.publish, "open": self.open,
            "cast": self.cast, "take_back": self.take_back, "close": self.close, "announce": self.announce,
            "file": self.file, "approve": self.approve, "give_up": self.give_up, "pay": self.pay,
            "cancel": self.cancel, "have_back": self.have_back, "wait": self.wait, "week": lambda: self.wait(8),
        }  # fmt: skip
        acts[name]()


def said_of(owners: frozenset[str]) -> dict[str, Any]:
    """Give what a deed says of its owners."""
    named = sorted(owners)
    return {"owner_person": named[0] if named else None, "co_owner_persons": named[1:] or None}
