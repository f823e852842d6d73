"""Laws of a policy's money from every pocket at once: funds, holders and the treasury, by stages and back in steps.

After each act the ledger says what a clerk at a till says: what is taken and refused, what of each payment is held, due
back and returned, what is paid of each subsidy, what each fund and house has; and so does a replay of each past time.
"""

from __future__ import annotations

import random

import pytest

from application.replay import effective, state_of
from domain.applications import Application
from domain.payments import Payment
from domain.policies import Policy
from domain.subsidies import Subsidy
from tests.property.test_borough import Reader, compare_fund
from tests.support.treasury_money import Treasury
from tests.support.treasury_rows import Diary

APPLY = ("next_fund", "file", "approve", "stage", "order", "confirm")
PAY, GRANT = ("ask", "come"), ("aid", "aid", "ask", "come")
BACK = ("claim", "refund", "refund", "give_back")
FIRST = (APPLY, APPLY, APPLY, GRANT, PAY, PAY)
"""What pays for a policy, in whatever order."""
CHAINS = (
    ("claim", "refund"), ("claim", "refund", "refund"), APPLY[1:], APPLY[1:] * 2, PAY, GRANT, ("endorse", "endorse"),
    ("end", *BACK), ("endorse", *BACK), ("aid", "give_back"), ("term", "sweep", "confirm"), ("endorse", *APPLY[1:]),
    ("ask", "come", "aid", "end", "give_back", "give_back", "aid"), ("edge", "call_in", *BACK),
    ("edge", "come", "come", "issue"),
)  # fmt: skip
ACTS = {
    "file": 3, "end": 2, "endorse": 6, "merge": 2, "aid": 4, "ask": 3, "come": 3, "give_back": 6, "claim": 5,
    "refund": 6, "wait": 2, "tell": 1, "fail": 1, "confirm": 2, "order": 2, "come_back": 1, "give_up": 1, "edge": 3,
    "call_in": 3,
}  # fmt: skip
SEEDS, STEPS = 30, 16


def drawn(rng: random.Random, steps: int) -> list[str]:
    """Draw acts: a policy or two, paid from here and there and issued, and whatever befalls them then."""
    acts: list[str] = []
    for _ in range(rng.choice((1, 1, 2))):
        acts += [rng.choice(("ease", "ease", "ease", "rough")), "quote"]
        for part in rng.sample(FIRST, len(FIRST)):
            acts += [*["merge"] * (rng.random() < 0.15), *part]
        acts += [*rng.choice(((), (*APPLY, *APPLY, *APPLY, *PAY, *PAY))), "issue"]
    for _ in range(steps):
        acts += [rng.choice(("rough", "ease", "ease")), *["next_fund"] * rng.randrange(3)]
        acts += rng.choice(CHAINS) if rng.random() < 0.5 else rng.choices([*ACTS], [*ACTS.values()], k=4)
    return [each for act in acts for each in (*["wait"] * (rng.random() < 0.1), act)]


def walked(seed: int, steps: int = STEPS) -> tuple[Treasury, Diary]:
    """Let a world go its way, and hold it against the clerk's after each act."""
    rng = random.Random(seed)
    world, diary = Treasury(rng), Diary()
    reader = Reader(world)
    for act in ["wait", *drawn(rng, steps)]:
        before = len(world.book.log)
        getattr(world, act)()
        if len(world.book.log) > before or act == "wait":
            compare(world, reader)
            diary.note(world)
    return world, diary


def compare(world: Treasury, reader: Reader) -> None:
    """Hold all that the ledger says now against the clerk's."""
    till = world.till
    for fund in world.funds:
        compare_fund(world, reader, fund)
    for name, slip in till.slips.items():
        state = reader.state(Application, f"{slip.fund}/{name}")
        assert (state.state, state.payment) == (slip.state, slip.order), name
        assert (state.refund_due_fen, state.refunded_fen) == (slip.claimed, slip.came_back)
    for name, purse in till.purses.items():
        payment = reader.state(Payment, name)
        came = (purse.came, purse.open, purse.back, purse.ever_due)
        assert (payment.came_fen, payment.open_fen, payment.returned_fen, payment.return_due_fen) == came, name
    for name, aid in till.aids.items():
        subsidy = reader.state(Subsidy, name)
        paid = (till.paid(name), aid.asked_back, till.payable(name))
        assert (subsidy.paid_fen, subsidy.asked_fen, subsidy.payable_fen) == paid
    for name in till.deals:
        bond, policy = till.bond(name), reader.state(Policy, name)
        assert (policy.state, policy.premium_fen, policy.paid) == (bond.state, bond.cost, bond.paid)
        for source in {*bond.borne, *policy.sources}:
            assert (policy.held.get(source, 0), policy.due_fen(source)) == (bond.held(source), bond.due(source))
        assert bond.held() <= bond.cost


def replayed(world: Treasury, diary: Diary, position: int, instant: str) -> None:
    """Hold what replays fold, of what was known and of when, against what the clerk had written down."""

    def folded(stream: str) -> dict[str, object]:
        events = [event for event in world.book.events(stream) if (event.position or 0) <= position]
        return state_of(events, effective(events, instant)) or {}

    for kind, told in (
        ("payment", ("state", "return_due_fen", "returned_fen")),
        ("subsidy", ("state", "granted_fen", "paid_fen", "clawed_back_fen", "settled_fen")),
        ("application", ("state", "fund_share_fen", "refund_due_fen", "refunded_fen")),
    ):
        for name, row in diary.at(kind, position, instant).items():
            state = folded(f"{row['fund']}/{name}" if kind == "application" else name)
            assert {member: state.get(member) for member in told} == {member: row[member] for member in told}, name


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_premium_from_every_pocket_is_as_a_clerk_counts_it(seed: int) -> None:
    """Whoever pays by stages, endorses, merges lifts, ends, asks back and returns in steps, in any order."""
    world, diary = walked(seed)
    rng, instants = random.Random(seed), sorted(diary.instants)
    for _ in range(6):
        replayed(world, diary, rng.choice(diary.ends), rng.choice(instants))
    replayed(world, diary, diary.ends[-1], world.book.now)
