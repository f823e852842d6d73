"""Laws of owners' votes and of what the bureau approves on them, against a clerk with lists.

After each act the ledger says what the clerk says (who counts, what a vote came to, what each house has left) and
refuses what he refuses, for one of his reasons; and what it knew at each past position is what he had written then.
"""

from __future__ import annotations

import random
from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.aggregate import fold
from domain.houses import House
from domain.plans import Vote
from tests.support.funding import FUND, fund
from tests.support.naive_votes import Minutes, Poll
from tests.support.voting import Meeting, written

ACTS = {
    "join": 2, "transfer": 5, "publish": 2, "open": 3, "cast": 8, "take_back": 4, "close": 3, "announce": 2,
    "file": 5, "approve": 2, "give_up": 1, "pay": 4, "cancel": 3, "have_back": 4, "wait": 3,
}  # fmt: skip
CHAIN = ("publish", "open", "cast", "close", "announce", "week", "file", "approve", "pay")
"""What comes in this order when all goes well."""
PARTS = tuple([act] for act, often in ACTS.items() for _ in range(often))
CHAINS = tuple(list(CHAIN[start:]) for start in (0, 0, 0, 1, 2, 6)) * 4


def shown(poll: Poll) -> tuple[object, ...]:
    """Give what the clerk has of a vote, in the ledger's words."""
    papers = {paper.house: paper.choice for paper in poll.papers}
    days = {paper.house: written(paper.on) for paper in poll.papers if paper.on is not None}
    ended = None if poll.closed is None else written(poll.closed)
    return papers, days, ended, None if poll.closed is None else poll.passed


def said(vote: Vote) -> tuple[object, ...]:
    """Give what the ledger has of a vote."""
    return vote.ballots, vote.cast_on, vote.closed_on, vote.passed


def compare(world: Meeting) -> None:
    """Hold ballots, outcomes and balances of now against the clerk's."""
    minutes, book = world.minutes, world.book
    for name, poll in minutes.polls.items():
        assert said(book.state(Vote, f"{FUND}/{name}")) == shown(poll)
        for house in minutes.homes:
            paper = poll.paper(house)
            assert book.state(House, house).ballots.get(name) == (None if paper is None else paper.choice)
    state = fund(book)
    assert {name: account.balance_fen for name, account in state.houses.items()} == {
        name: home.balance for name, home in minutes.homes.items()
    }
    held = sum(sum(bid.charged.values()) for bid in minutes.bids.values() if bid.state == "approved")
    assert state.reserved_fen == held


def compare_then(world: Meeting, position: int, minutes: Minutes) -> None:
    """Hold what the log up to a position says of votes against what the clerk had written down then."""
    for name, poll in minutes.polls.items():
        stream = f"{FUND}/{name}"
        events = [event for event in world.book.log[:position] if event.originator_id == stream]
        vote = fold(Vote, stream, events)
        assert vote is not None
        assert said(vote) == shown(poll)


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(10, 40))
def test_votes_and_what_rests_on_them_are_as_a_clerk_counts(rng: random.Random, steps: int) -> None:
    """Whoever votes, sells, takes back, closes, applies and pays, in whatever order and for whatever day."""
    world, kept = Meeting(rng), list[tuple[int, Minutes]]()
    for act in [act for _ in range(steps) for act in rng.choice(PARTS + CHAINS)]:
        world.act(act)
        compare(world)
        kept.append((len(world.book.log), deepcopy(world.minutes)))
    for position, minutes in kept:
        compare_then(world, position, minutes)
