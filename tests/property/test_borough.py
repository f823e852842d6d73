"""Laws of several estates' funds, and of policies that two of them pay, against a clerk with chests and slips.

After each act the ledger says what the clerk says: what is taken and refused, what each fund and house has and holds,
how votes were counted, where applications and payments stand, what each policy holds of each source's money.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from domain.aggregate import A
from domain.applications import Application
from domain.funds import Fund
from domain.houses import House
from domain.payments import Payment
from domain.plans import Vote
from domain.policies import Policy
from tests.property.test_votes import said, shown
from tests.support.borough import SOURCES
from tests.support.borough_money import Exchequer

ACTS = {
    "join": 1, "transfer": 2, "deposit": 2, "income": 2, "publish": 1, "open": 2, "cast": 3, "take_back": 2, "close": 1,
    "announce": 1, "quote": 2, "file": 4, "approve": 4, "give_up": 3, "stage": 3, "sweep": 2, "order": 5, "confirm": 6,
    "fail": 4, "come_back": 4, "issue": 3, "end": 3, "claim": 3, "refund": 5, "wait": 3, "elsewhere": 6,
}  # fmt: skip
CHAIN = (
    "quote", "publish", "open", "cast", "close", "announce", "file", "approve", "stage", "order", "confirm", "issue",
    "end", "claim", "refund",
)  # fmt: skip
"""What comes in this order when all goes well."""
APPLY = ("file", "approve", "stage", "order")
LOST = (*APPLY, "give_up", "confirm", "come_back")
AGAIN = (*APPLY, "fail", "order", "confirm", "confirm", "come_back")
AGAIN_ASKED = (
    "publish",
    "open",
    "cast",
    "take_back",
    "take_back",
    "cast",
    "close",
    "open",
    "cast",
    "close",
    "announce",
)
BACK = ("claim", "refund", "refund", "claim", "refund", "refund")
LATE = (*CHAIN[:10], "term", "sweep", "confirm", "file", "approve")
"""What was set aside expires while the bank pays, or before it is told to."""
UNSURE = ("order", "fail", "confirm", "give_up", "order", "confirm", "sweep")
"""What the bank and the bureau may say of money that is under way, in whatever order."""
BOTH = ("quote", *APPLY, "confirm", "elsewhere", *APPLY, "confirm", "issue")
PARTS = tuple((act,) for act, often in ACTS.items() for _ in range(often))
CHAINS = (
    *(CHAIN[start:] for start in (0, 0, 0, 1, 6)),
    *(("quote", *rest) for rest in (LOST, AGAIN)),
    LATE,
    (*LATE[:9], *LATE[10:]),
    AGAIN_ASKED,
    BACK,
    BACK,
    BOTH,
    BOTH,
    *(UNSURE,) * 4,
) * 8
SEEDS, STEPS = 12, 40
CHEQUES = {"under_way": "instructed", "failed": "failed", "paid": "confirmed", "out": "return_due"}


def drawn(rng: random.Random, steps: int) -> list[str]:
    """Draw acts: single ones, ways that go well, and what may befall money under way, shuffled."""
    acts: list[str] = []
    for _ in range(steps):
        acts.append(rng.choice(("rough", "rough", "ease")))
        part = list(rng.choice(PARTS + CHAINS))
        if part == list(UNSURE):
            rng.shuffle(part)
            part = ["ease", "quote", *APPLY[:3], "rough", "order", *part]
        acts += [*rng.choice(((), ("income", "deposit"))), *part]
    return acts


class Reader:
    """Folds of a book's streams, each kept until its stream grows."""

    def __init__(self, world: Exchequer) -> None:
        self.book = world.book
        self.kept: dict[str, tuple[int, Any]] = {}

    def state(self, kind: type[A], stream: str) -> A:
        """Give a stream's state."""
        size = len(self.book.events(stream))
        if stream not in self.kept or self.kept[stream][0] != size:
            self.kept[stream] = (size, self.book.state(kind, stream))
        state: A = self.kept[stream][1]
        return state


def compare(world: Exchequer, reader: Reader) -> None:
    """Hold all that the ledger says now against the clerk's."""
    for fund in world.funds:
        compare_fund(world, reader, fund)
    town = world.town
    for name, slip in town.slips.items():
        state = reader.state(Application, f"{slip.fund}/{name}")
        assert (state.state, state.payment) == (slip.state, slip.order), name
        assert (state.refund_due_fen, state.refunded_fen) == (slip.claimed, slip.came_back)
    for name, cheque in town.cheques.items():
        assert reader.state(Payment, name).state == CHEQUES.get(cheque.state, cheque.state)
    for name, deal in town.deals.items():
        policy = reader.state(Policy, name)
        assert policy.state == deal.state
        for source in SOURCES:
            assert policy.held.get(source, 0) == deal.held(source)
            assert policy.due_fen(source) == deal.due(source)


def compare_fund(world: Exchequer, reader: Reader, fund: str) -> None:
    """Hold a fund, its houses and its votes against the clerk's."""
    town, state = world.town, reader.state(Fund, fund)
    chest, slips = town.chests[fund], town.of(fund)
    assert (state.income_fen, state.bank_fen) == (chest.pool, chest.bank)
    assert {name: (held.amount_fen, held.charged, held.owed) for name, held in state.reservations.items()} == {
        name: (slip.share, slip.charged, slip.owed) for name, slip in slips.items() if slip.aside
    }
    out = [(name, town.slips[cheque.slip]) for name, cheque in town.cheques.items() if cheque.state == "out"]
    assert state.return_due == {name: slip.share for name, slip in out if slip.fund == fund}
    posted = [*(name for name, slip in slips.items() if slip.state == "paid"), *world.refunds.get(fund, ())]
    assert state.houses.keys() == chest.minutes.homes.keys()
    for name, home in chest.minutes.homes.items():
        house = reader.state(House, name)
        assert state.houses[name].balance_fen == home.balance == house.balance_fen(posted)
        for application, slip in slips.items():
            if slip.staged:
                assert house.charged_fen.get(application, 0) == slip.charged.get(name, 0)
                assert house.owed_fen.get(application, 0) == slip.owed.get(name, 0)
    for name, poll in chest.minutes.polls.items():
        assert said(reader.state(Vote, f"{fund}/{name}")) == shown(poll)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_several_funds_pay_as_a_clerk_keeps_their_books(seed: int) -> None:
    """Whoever votes, applies, orders, pays, fails, returns, ends and refunds, in any order and of any fund."""
    rng = random.Random(seed)
    world = Exchequer(rng)
    reader = Reader(world)
    for act in drawn(rng, STEPS):
        if act == "elsewhere":
            world.fund = rng.choice([fund for fund in world.funds if fund != world.fund])
        else:
            getattr(world, act)()
        compare(world, reader)
