"""Laws of the money of lifts that prove to be one: policies, endorsements, claims and the fund over merged records.

The clerk of `test_endorsed_policies`, who has it that two records of one lift are one lift (C11): what insures one
insures the other, its limits are one, a certificate on a closed record is changed and ended as any, and none is added.
"""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_endorsed_policies import ACTS
from tests.support.merging import Merging

DRAWN = tuple(act for act, often in {**ACTS, "merge": 4, "plan_lifts": 1, "fund_pays": 4}.items() for _ in range(often))


class World(Merging):
    """The world, a step at a time."""

    def step(self) -> None:
        """Do one thing, and compare."""
        getattr(self, self.rng.choice(DRAWN))()
        self.compare()
        self.kept.append((len(self.book.log), self.books))


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(4, 40))
def test_the_money_of_merged_records_is_what_a_clerk_says(rng: random.Random, steps: int) -> None:
    """Whatever is quoted, endorsed, claimed, paid, cancelled before or after two lifts prove to be one."""
    world = World(rng)
    world.begin()
    for _ in range(steps):
        world.step()
    world.finish()
