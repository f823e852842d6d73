"""Laws of lifts that were registered twice, and of policies of several insurers, against a clerk with a card file.

Two records that are found to be one lift are one lift (C11): for its numbers, for who insures it, for what is insured
twice, for losses, for what the owners' fund pays. Of several insurers one leads (首席承保人) and acts for all (C14).
"""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from application.covers import covers_by_record
from application.identifiers import stream_of
from application.records import records_of
from application.replay import effective, state_of
from domain.identifiers import Identifier
from domain.lifts import Lift
from tests.property.test_endorsed_policies import at, known, logged
from tests.property.test_projections import project
from tests.support.insuring import reading
from tests.support.naive_certificates import number, written
from tests.support.naive_records import Clerk
from tests.support.twinning import MARKS, said_marks
from tests.support.twins_insured import INJURY, TRAPPED, World

ACTS = {
    "register": 1, "identify": 3, "scrap": 2, "merge": 6, "quote": 8, "issue": 2, "endorse": 5, "cancel": 1,
    "notify": 6, "approve": 5, "file": 4, "plan": 3, "apply": 4, "wait": 4,
}  # fmt: skip
DRAWN = tuple(act for act, often in ACTS.items() for _ in range(often))


def step(world: World) -> None:
    """Do one thing, and compare."""
    getattr(world, world.rng.choice(DRAWN))()
    compare_marks(world)
    compare_covers(world)
    world.kept.append((len(world.book.log), world.clerk))


def compare_marks(world: World) -> None:
    """Who owns each number, and whose claims are held."""
    clerk = world.clerk
    for mark in MARKS:
        stream = stream_of(said_marks([mark])[0])
        if stream in world.book.streams:
            identifier = world.book.state(Identifier, stream)
            told = (identifier.owner, set(identifier.contenders))
            assert told == (clerk.owners.get(mark), set(clerk.waiting.get(mark, [])))
    streams = {stream_of(said_marks([mark])[0]): mark for mark in MARKS}
    for name, card in clerk.cards.items():
        lift = world.book.state(Lift, name)
        assert {streams[stream] for stream in lift.contested} == {
            mark for mark in MARKS if name in clerk.waiting.get(mark, [])
        }
        assert (lift.merged_into, [value for _, _, value in lift.identifiers]) == (card.into, card.marks)


def compare_covers(world: World) -> None:
    """Which records are one lift, and who insures it on a day, whichever record is asked."""
    work, day = reading(world.book), number("2026-03-30") + world.rng.randrange(500)
    for name in world.clerk.cards:
        assert set(records_of(work, name)) == world.clerk.one(name)
        for part in (INJURY, TRAPPED):
            for interest in ("owner", "maintainer"):
                told = {entry.certificate for _, entry, _ in covers_by_record(work, name, part, interest, written(day))}
                assert told == {paper.name for paper in world.clerk.insuring(name, part, interest, day)}


def compare_known(world: World) -> None:
    """What the read models knew at each position is what the clerk had written down then."""
    tables = project([logged(world.book)], [], forgetful=False)
    last: Clerk | None = None
    for position, clerk in world.kept:
        if clerk is last:
            continue
        last = clerk
        lifts = {row["key"]: row for row in known(tables, "lifts", position)}
        assert {name: card.into for name, card in clerk.cards.items()} == {
            name: row["merged_into"] for name, row in lifts.items() if name in clerk.cards
        }
        covers = known(tables, "covers", position)
        for paper in clerk.papers:
            rows = [row for row in covers if row["lift"] == paper.record and row["item"] == paper.name]
            for day in (paper.begins, paper.ends - 1, paper.ends):
                assert (at(rows, day) is not None) == (paper.begins <= day < paper.ends)


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.integers(15, 50))
def test_two_records_of_one_lift_are_one_and_one_insurer_leads(rng: random.Random, steps: int) -> None:
    """Whatever is registered, insured, endorsed, claimed and planned before or after it is found."""
    world = World(rng)
    for _ in range(steps):
        step(world)
    compare_known(world)
    for stream, events in world.book.streams.items():
        for instant in sorted({event.effective_at or event.recorded_at or "" for event in events}):
            state = state_of(events, effective(events, instant))
            assert state is None or "failed" not in state, (stream, instant, state)
