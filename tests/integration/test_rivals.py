"""What an insurer learns of others' dealings by making out certificates for itself: nothing that was settled."""

from __future__ import annotations

import random

from application.reading import claims
from tests.support.district import FIRST_INSURER, THEN, District, an_author, claim_of, cover_of, policy_of
from tests.support.history import name

RIVAL, FRIEND = an_author(31, "insurer"), an_author(32, "use_unit")


def read(district: District) -> set[str]:
    """Give the claims that the rival reads: in the register and in the chain, which must be the same."""
    listed = {row["claim"] for row in claims.register(district.ask(RIVAL))["claims"]}
    assert {head for head in district.bodies(RIVAL) if head.startswith("claim:")} == listed
    return listed


def test_a_certificate_made_out_afterwards_opens_no_settled_claim(district: District) -> None:
    """A rival insures the same lift for the past: it reads no claim of others, but one that nobody was told of."""
    rng = random.Random(33)
    policy = name(rng, "policy")
    district.store(
        *policy_of(policy, [RIVAL], FRIEND, "2025"), cover_of(district.lift, policy, name(rng, "certificate"), "2025")
    )
    assert read(district) == set()

    stray = name(rng, "claim", 4)
    told = next(iter(claim_of(f"{district.lift}/{stray}", district.lift, THEN, policy, FIRST_INSURER)))
    district.store(told._replace(found={"cover": None, "entrapment": {"seconds": 1_800}}))
    assert read(district) == {stray}
