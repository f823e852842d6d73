"""What rivals get by their own word: no insurer others' settled claims, no maintainer another's place."""

from __future__ import annotations

import random

import pytest

from application.reading import claims, lifts
from domain.errors import Forbidden
from tests.support.district import FIRST_INSURER, SECOND_SHOP, THEN, District, an_author, claim_of, cover_of, policy_of
from tests.support.history import Told, name

RIVAL, FRIEND = an_author(31, "insurer"), an_author(32, "use_unit")
INTRUDER = an_author(35, "maintainer")


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


def test_a_contract_said_besides_another_displaces_nobody(district: District) -> None:
    """A second maintainer's own word is known of and flagged; the first reads on, in list, lift and chain.

    The second reads nothing by it, until somebody who answers for the lift says so: then from that day on.
    """
    before = district.bodies(SECOND_SHOP)
    found: dict[str, object] = {
        "contract": name(random.Random(34), "contract"), "maintainer": INTRUDER.party, "from_date": "2025-08-01",
        "to_date": None, "ends_stated": [],
    }  # fmt: skip
    for since, reading in ((None, [SECOND_SHOP]), ("2025-10-01", [SECOND_SHOP, INTRUDER])):
        told = {**found, "confirmed_from": since}
        district.store(Told(f"{district.lift}", "lift.MaintainerChanged", None, told, "2025-07-31T16:00:00.000000Z"))
        for shop in (SECOND_SHOP, INTRUDER):
            asking = district.ask(shop, {"lift": district.lift})
            listed = lifts.listed(district.ask(shop))["lifts"]
            assert [row["lift"] for row in listed] == [district.lift] * (shop in reading)
            assert all(row["maintainer"] == INTRUDER.party for row in listed)
            assert all(row["unconfirmed"] == (None if since else [INTRUDER.party]) for row in listed)
            if shop in reading:
                assert lifts.one(asking)["lift"] == district.lift
            else:
                with pytest.raises(Forbidden):
                    lifts.one(asking)
    after = district.bodies(SECOND_SHOP)
    assert all(after[head][: len(types)] == types for head, types in before.items())
