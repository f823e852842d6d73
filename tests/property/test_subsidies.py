"""Laws of public subsidies under payments, returns and policies that change, against a clerk who counts coins.

After each act the ledger says what the clerk says (what is paid of each subsidy, asked back, payable, and due back of
each payment) and refuses what he refuses, for one of his reasons; and so of each past position.
"""

from __future__ import annotations

import random
from copy import deepcopy
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.ids import new_name
from application.work import Author
from domain.aggregate import Event, fold
from domain.covers import Cover
from domain.payments import Payment
from domain.policies import Policy
from domain.subsidies import Subsidy
from tests.support.funding import BANK, FINANCE, LIFT, funded, seen
from tests.support.insuring import AREA, HOLDER, INSURER, RIVAL, line, proposed
from tests.support.naive_subsidies import FEE, GRANTED, Aid, Deal, Desk, Purse

VALID = date(2026, 7, 25)
STRANGE_BUREAU = Author(new_name("party"), "finance_bureau", areas=("110000",))
ACTS = {
    "claim": 3, "grant": 5, "claw_back": 4, "ask": 8, "arrive": 9, "give_back": 7, "issue": 1, "cancel": 1, "void": 1,
    "cheapen": 3, "wait": 1,
}  # fmt: skip
PARTS = tuple([act] for act, often in ACTS.items() for _ in range(often))
CHAINS = (
    ["claim", "grant", "ask", "arrive"], ["ask", "arrive", "ask", "arrive", "issue"],
    ["claw_back", "cheapen", "give_back", "give_back"], ["claw_back", "cancel", "give_back", "give_back", "claw_back"],
    ["claim", "grant", "ask", "arrive", "claw_back", "void", "give_back"],
) * 4  # fmt: skip


class Counter:
    """A book beside the clerk's desk."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.book = funded(())
        self.book.now = "2026-03-15T02:00:00.000000Z"
        self.desk = Desk()
        self.kept: list[tuple[int, Desk]] = []
        for year in (2026, 2027):
            term: dict[str, Any] = {"from_date": f"{year}-09-01", "to_date": f"{year + 1}-09-01"}
            share = rng.choice((3, 30, 80))
            borne = {GRANTED: share, FEE: 80 - share} if share < 80 else {GRANTED: 80}
            sources = [{"kind": kind, "amount_fen": fen} for kind, fen in borne.items()]
            name = proposed(self.book, line("", LIFT, 80, **term), sources=sources, valid_until=str(VALID), **term)
            self.desk.deals[name] = Deal(borne, VALID.toordinal())

    @property
    def today(self) -> int:
        """The day it is."""
        return date.fromisoformat(self.book.now[:10]).toordinal()

    def tried(
        self, author: Author, action: str, said: dict[str, Any], trial: Desk, whys: set[str], **path: str
    ) -> list[Event] | None:
        """Try an act: the ledger refuses it for one of the clerk's reasons, or it is as the clerk's trial has it."""
        events = self.book.tried(author, action, said, whys, **path)
        if events is not None:
            self.desk = trial
        return events

    def bureau(self) -> tuple[Author, set[str]]:
        """Draw who decides: mostly the bureau of the place."""
        if self.rng.random() < 0.9:
            return FINANCE, set()
        return self.rng.choice((STRANGE_BUREAU, HOLDER)), {"right_missing"}

    def act(self, name: str) -> None:
        """Do one thing, and hold everything against the desk."""
        getattr(self, name)()
        self.compare()
        self.kept.append((len(self.book.log), deepcopy(self.desk)))

    def claim(self) -> None:
        """Claim a subsidy."""
        policy, fen = self.rng.choice(list(self.desk.deals)), self.rng.choice((1, 20, 30, 79, 80, 81))
        author, whys = self.rng.choice(((HOLDER, set()), (INSURER, set()), (RIVAL, {"right_missing"})))
        area = self.rng.choice((AREA, AREA, AREA, "370100", "370000", f"{AREA}001", "370103", "370200", "110000"))
        trial, name = deepcopy(self.desk), new_name("subsidy")
        whys = whys | trial.claim(name, Aid(policy, fen), area, AREA)
        said = {"id": name, "programme": "p", "area": area, "policy": policy, "amount_fen": fen}
        self.tried(author, "subsidy.claim", said, trial, whys)

    def grant(self) -> None:
        """Grant a subsidy."""
        if not self.desk.aids:
            return self.claim()
        trial, (author, whys) = deepcopy(self.desk), self.bureau()
        waiting = [name for name, aid in trial.aids.items() if aid.granted is None]
        name = self.rng.choice(waiting if waiting and self.rng.random() < 0.9 else list(trial.aids))
        fen = self.rng.choice((trial.aids[name].claimed, trial.aids[name].claimed, 10, 25))
        whys = whys | trial.grant(name, fen)
        self.tried(author, "subsidy.grant", {"amount_fen": fen}, trial, whys, subsidy=name)
        return None

    def claw_back(self) -> None:
        """Ask a subsidy back, or some of it."""
        paid = [name for name in self.desk.aids if self.desk.paid(name)]
        if not paid:
            return
        trial, (author, whys) = deepcopy(self.desk), self.bureau()
        name = self.rng.choice(paid)
        fen = self.rng.choice((1, 5, trial.paid(name), max(1, trial.paid(name) - trial.aids[name].asked_back)))
        whys = whys | trial.claw_back(name, fen)
        self.tried(author, "subsidy.claw_back", {"amount_fen": fen, "reason": "r"}, trial, whys, subsidy=name)

    def ask(self) -> None:
        """Ask for a payment, mostly of a subsidy."""
        rng, trial = self.rng, deepcopy(self.desk)
        name = f"payment:{len(self.book.log):08x}-0000-7000-8000-000000000000"  # a part's last fen goes by names
        policy = rng.choice(list(trial.deals))
        source, subsidy = rng.choice((GRANTED, GRANTED, GRANTED, FEE)), None
        own = [aid for aid, known in trial.aids.items() if known.granted and known.policy == policy]
        if source == GRANTED and own and rng.random() < 0.9:
            subsidy = rng.choice(own if rng.random() < 0.95 else list(trial.aids))
        payable = trial.due(policy, source) if subsidy is None else trial.payable(subsidy)
        fen = rng.choice((max(1, min(payable, trial.due(policy, source))), max(1, payable // 2), 7))
        whys = trial.ask(name, Purse(policy, source, fen, subsidy), self.today)
        said = {"id": name, "policy": policy, "payee": INSURER.party, "amount_fen": fen, "source_kind": source}
        said |= {} if subsidy is None else {"subsidy": subsidy}
        if self.tried(HOLDER, "payment.request", said, trial, whys) and rng.random() < 0.5:
            self.arrive(name)

    def arrive(self, name: str | None = None) -> None:
        """Let what was asked for arrive, now and then more of it."""
        waiting = [each for each, purse in self.desk.purses.items() if not purse.came]
        if name is None:
            if not waiting:
                return
            name = self.rng.choice(waiting if self.rng.random() < 0.95 else list(self.desk.purses))
        trial = deepcopy(self.desk)
        fen = max(1, trial.purses[name].asked + self.rng.choice((0, 0, 0, 1, 9, -1)))
        whys = trial.arrive(name, fen, self.today)
        events = self.tried(BANK, "payment.confirm", {"line": seen(self.book, fen)}, trial, whys, payment=name)
        if events is not None:
            told = sum(event.found["amount_fen"] for event in events if isinstance(event, Subsidy.Paid))
            assert told == trial.purses[name].of_subsidy

    def give_back(self) -> None:
        """Let coins come back."""
        owed = [name for name, purse in self.desk.purses.items() if purse.open]
        if not self.desk.purses:
            return
        name = self.rng.choice(owed if owed and self.rng.random() < 0.95 else list(self.desk.purses))
        trial = deepcopy(self.desk)
        purse = trial.purses[name]
        every = sum(other.open for other in trial.purses.values() if other.policy == purse.policy)
        fen = max(1, self.rng.choice((purse.open, purse.open, 1, 5, purse.open // 2, every, every + 1)))
        whys = trial.give_back(name, fen)
        lines = seen(self.book, fen, "out", INSURER)
        self.tried(INSURER, "payment.return", {"line": lines}, trial, whys, payment=name)

    def one(self, *states: str) -> str | None:
        """Draw a policy in a state."""
        found = [name for name, deal in self.desk.deals.items() if deal.state in states]
        return self.rng.choice(found) if found else None

    def issue(self) -> None:
        """Issue a policy, if enough of the fee has arrived: a subsidy's part is not counted."""
        name = self.one("proposed")
        if name is None or self.today > VALID.toordinal():
            return
        trial = deepcopy(self.desk)
        trial.deals[name].state = "issued"
        short = trial.held(name, FEE) < trial.deals[name].borne.get(FEE, 0)
        own = [aid for aid, known in trial.aids.items() if known.policy == name]
        shown = own if self.rng.random() < 0.6 else list(trial.aids)[:1]
        whys = {"issued_before_premium"} if short else set[str]()
        whys |= set[str]() if set(shown) <= set(own) else {"subsidy_of_other_policy"}
        said = {"number": name, **({"subsidies": shown} if shown else {})}
        events = self.tried(INSURER, "policy.issue", said, trial, whys, policy=name)
        if events is not None:
            found = {found["code"] for found in events[0].found["findings"]}
            assert ("subsidy_not_granted" in found) is not self.desk.behind(name, shown)

    def cancel(self) -> None:
        """Cancel an issued policy on its first day: all that is held goes back."""
        name = self.one("issued")
        if name is None:
            return
        trial = deepcopy(self.desk)
        fen = sum(trial.held(name, source) for source in (GRANTED, FEE))
        trial.end(name, fen)
        first = self.book.state(Policy, name).from_date
        said = {"effective_on": first, "refund_fen": fen, "reason": "sold"}
        self.tried(INSURER, "policy.cancel", said, trial, set(), policy=name)

    def void(self) -> None:
        """Void a proposal."""
        name = self.one("proposed")
        if name is None or self.rng.random() < 0.5:
            return
        trial = deepcopy(self.desk)
        trial.end(name)
        self.tried(INSURER, "policy.void", {"reason": "withdrawn"}, trial, set(), policy=name)

    def cheapen(self) -> None:
        """Let an endorsement lower the premium."""
        name = self.one("issued")
        if name is None:
            return self.issue()
        trial, fen = deepcopy(self.desk), self.rng.choice((1, 2, 10))
        if sum(trial.deals[name].borne.values()) < 30:
            return None
        trial.cheapen(name, fen)
        entry = self.book.state(Cover, f"{LIFT}/cover").of_policy(name)[0]
        on = self.book.state(Policy, name).from_date
        part = {"part": "third_party_injury", "delta_fen": -fen}
        change = {"lift": LIFT, "certificate": entry.certificate, "effective_on": on, "parts": [part]}
        said = {
            "number": new_name("subsidy")[8:40],
            "effective_on": on,
            "delta_fen": -fen,
            "reason": "r",
            "changes": [change],
        }
        self.tried(INSURER, "policy.endorse", said, trial, set(), policy=name)
        return None

    def wait(self) -> None:
        """Let some weeks pass."""
        later = date.fromordinal(self.today + self.rng.choice((1, 10, 40)))
        self.book.now = f"{later}T02:00:00.000000Z"

    def compare(self) -> None:
        """Hold subsidies, payments and policies against the desk."""
        for name in self.desk.aids:
            assert told(self.book.state(Subsidy, name)) == self.counted(self.desk, name)
        for name, purse in self.desk.purses.items():
            state = self.book.state(Payment, name)
            assert (state.open_fen, state.returned_fen) == (purse.open, purse.back)
        for name in self.desk.deals:
            held = {source: self.desk.held(name, source) for source in (GRANTED, FEE)}
            assert self.book.state(Policy, name).held == {source: fen for source, fen in held.items() if fen}

    @staticmethod
    def counted(desk: Desk, name: str) -> tuple[int, int, int, dict[str, int]]:
        """Give what the clerk has of a subsidy."""
        paid_by = {n: p.of_subsidy for n, p in desk.purses.items() if p.subsidy == name and p.of_subsidy}
        return desk.paid(name), desk.aids[name].asked_back, desk.payable(name), paid_by

    def compare_then(self, position: int, desk: Desk) -> None:
        """Hold what the log up to a position says against what the clerk had then."""
        for name in desk.aids:
            events = [event for event in self.book.log[:position] if event.originator_id == name]
            state = fold(Subsidy, name, events)
            assert state is not None
            assert told(state) == self.counted(desk, name)


def told(state: Subsidy) -> tuple[int, int, int, dict[str, int]]:
    """Give what the ledger has of a subsidy."""
    paid_by = {payment: fen for payment, fen in state.paid_by.items() if fen}
    return state.paid_fen, state.asked_fen, state.payable_fen, paid_by


@settings(max_examples=80)
@given(st.randoms(use_true_random=False), st.integers(5, 40))
def test_subsidies_are_as_a_clerk_counts_coins(rng: random.Random, steps: int) -> None:
    """Whatever is claimed, granted, paid, returned and asked back, and whatever the policies come to."""
    world = Counter(rng)
    for act in [act for _ in range(steps) for act in rng.choice(PARTS + CHAINS)]:
        world.act(act)
    for position, desk in world.kept:
        world.compare_then(position, desk)
