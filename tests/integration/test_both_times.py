"""What was said late, or of the day itself, as the read models answer it at both times."""

from __future__ import annotations

import random

import pytest

from application.reading import lifts, policies
from tests.support.history import Told, history, name
from tests.support.projecting import store
from tests.support.reading import ask, reading
from tests.support.saving import TestLedger


@pytest.mark.parametrize("ended", ["cancelled", "lapsed"])
def test_a_policy_is_issued_until_what_ended_it(ledger: TestLedger, ended: str) -> None:
    """On the days it insured it was issued (已出单); cancelled (退保) or lapsed (失效) it is from the day it ended."""
    told = [each for each in history(42) if each.type.startswith("policy.") and each.type != "policy.Cancelled"]
    said = {"effective_on": "2025-10-01", "refund_fen": 100, "reason": "sold"} if ended == "cancelled" else None
    found = {"on": "2025-10-01", "transaction": 9, "refunds": {}, "owed": {}}
    end = Told(told[0].stream, f"policy.{ended.title()}", said, found, "2025-09-30T16:00:00.000000Z")
    store(ledger, [*told, end])
    with reading(ledger) as reads:
        terms = policies.one(ask(reads, path={"policy": told[0].stream}))["terms"]
    assert {(t["state"], t["in_force"]) for t in terms if t["effective_from"] < "2025-09-30T16"} == {("issued", True)}
    assert [(t["state"], t["in_force"]) for t in terms if t["effective_from"] > "2025-09-30T16"] == [(ended, False)]


def test_a_house_sold_on_the_day_it_was_opened_is_its_buyers(ledger: TestLedger) -> None:
    """The opening tells who owned it first; a sale of that day, or of one before it told late, is not undone by it."""
    rng = random.Random(9)
    house, seller, buyer, between = name(rng, "house", 4), *(name(rng, "person", 4) for _ in range(3))
    said = {"fund": name(rng, "fund"), "area_m2_hundredths": 9_000, "delivered": True}
    days = {"opened": "2025-01-02T02:00:00.000000Z", "sold": "2025-01-01T16:00:00.000000Z"}
    early = "2024-12-19T16:00:00.000000Z"
    store(
        ledger,
        [
            Told(house, "house.Opened", {"id": house, **said, "owner_person": seller}, {}, days["opened"]),
            Told(house, "house.Transferred", {"owner_person": buyer, "delivered": True}, {}, days["sold"]),
            Told(house, "house.Transferred", {"owner_person": between, "delivered": True}, {}, early),
        ],
    )
    with reading(ledger) as reads:
        owned = [
            [(r["effective_from"], r["owners"]) for r in reads.views.find("houses", known, where={"key": house})]
            for known in (1, 2, 3)
        ]
    assert owned == [
        [(days["opened"], [seller])], [(days["sold"], [buyer])], [(early, [between]), (days["sold"], [buyer])],
    ]  # fmt: skip


def test_details_of_a_lift_hold_from_the_beginning_of_their_day(ledger: TestLedger) -> None:
    """Of one day the word recorded last holds, as in the read models, whether or not it named the day."""
    lift = name(random.Random(4), "lift")
    said = {"id": lift, "identifiers": [], "variety": "3110", "area": "370102001", "status": "in_use"}
    store(
        ledger,
        [
            Told(lift, "lift.Registered", said, {"on": "2025-01-01"}, "2024-12-31T16:00:00.000000Z"),
            Told(
                lift,
                "lift.Moved",
                {"area": "370102002", "unit_label": "1"},
                {"on": "2025-03-01"},
                "2025-03-01T02:00:00.000000Z",
            ),
            Told(lift, "lift.Moved", {"area": "370103001", "unit_label": "2"}, {}, "2025-02-28T16:00:00.000000Z"),
        ],
    )
    with reading(ledger) as reads:
        for at in ("2025-03-01", "2025-03-02"):
            told = lifts.one(ask(reads, path={"lift": lift}, effective_at=at))["state"]
            assert (told["area"], told["unit_label"]) == ("370103001", "2")
