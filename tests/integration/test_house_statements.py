"""What a house's statement counts: what its own fund has posted of that application, and of that refund."""

from __future__ import annotations

import random
from typing import Any

from application.reading import funds
from tests.support.history import PARTIES, Told, name
from tests.support.projecting import store
from tests.support.reading import ask, reading
from tests.support.saving import TestLedger


def posted(fund: str, kind: str, fen: int, application: str, payment: str) -> list[Told]:
    """Give a posting of a fund; a premium after its reservation."""
    held = {"application": application, "policy": "p", "source": "s", "amount_fen": fen, "expires": "2026"}
    found = {"kind": kind, "amount_fen": fen, "application": application, "payment": payment}
    first = [Told(fund, "fund.Reserved", None, held, None)] if kind == "premium" else []
    return [*first, Told(fund, "fund.Posted", None, found, None)]


def opened(rng: random.Random) -> tuple[list[Told], str, str, str]:
    """Give two funds and a house of the first that paid in 500 yuan, and their names."""
    own, other, house = name(rng, "fund"), name(rng, "fund"), name(rng, "house", 4)
    said = {"id": house, "fund": own, "area_m2_hundredths": 9_000, "delivered": True, "first_deposit_fen": 50_000}
    opening = {"area": "370102", "bank": PARTIES[3]}
    both = [Told(fund, "fund.Opened", {"id": fund, **opening}, {}, None) for fund in (own, other)]
    return [*both, Told(house, "house.Opened", said, {}, None)], own, other, house


def told(ledger: TestLedger, house: str) -> list[tuple[Any, ...]]:
    """Give kind, whether it counts, and running balance of each entry."""
    with reading(ledger) as reads:
        entries = funds.house_statement(ask(reads, path={"house": house}))["entries"]
    return [(entry["kind"], entry["counted"], entry["balance_fen"]) for entry in entries]


def test_a_charge_counts_only_when_its_own_fund_posted_it(ledger: TestLedger) -> None:
    """Applications are named within their fund: another fund's may bear the same name."""
    rng = random.Random(9)
    history, own, other, house = opened(rng)
    application, payment = name(rng, "application"), name(rng, "payment")
    charge = {"fund": own, "application": application, "amount_fen": 1_200}
    store(ledger, [*history, Told(house, "house.Charged", None, charge, None)])
    store(ledger, posted(other, "premium", 700, application, payment))
    assert told(ledger, house) == [("first_deposit", True, 50_000), ("charge", False, 50_000)]
    store(ledger, posted(own, "premium", 1_200, application, payment))
    assert told(ledger, house) == [("first_deposit", True, 50_000), ("charge", True, 48_800)]


def test_a_refund_counts_only_when_its_own_application_was_refunded(ledger: TestLedger) -> None:
    """Refunds of two applications may once have had the same payment's name; another fund's always may."""
    rng = random.Random(10)
    history, own, other, house = opened(rng)
    mine, another, payment, back = (name(rng, kind) for kind in ("application", "application", "payment", "payment"))
    charge = {"fund": own, "application": mine, "amount_fen": 1_200}
    refund = {"fund": own, "application": mine, "payment": back, "amount_fen": 300}
    store(ledger, [*history, Told(house, "house.Charged", None, charge, None)])
    for fund, application in ((own, mine), (own, another), (other, mine)):
        store(ledger, posted(fund, "premium", 1_200, application, payment))
    store(ledger, [Told(house, "house.Refunded", None, refund, None)])
    store(ledger, [*posted(own, "refund", 300, another, back), *posted(other, "refund", 300, mine, back)])
    assert told(ledger, house)[1:] == [("charge", True, 48_800), ("refund", False, 48_800)]
    store(ledger, posted(own, "refund", 300, mine, back))
    assert told(ledger, house)[1:] == [("charge", True, 48_800), ("refund", True, 49_100)]
