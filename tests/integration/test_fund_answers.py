"""Answers about a fund: what it is, and what of it is reserved, on a day."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from application.reading import funds
from application.reading.asking import Reads
from tests.support.history import PARTIES, Told, name
from tests.support.projecting import store
from tests.support.reading import ask, project, reading
from tests.support.saving import TestLedger


@pytest.fixture
def reads(ledger: TestLedger) -> Iterator[Reads]:
    """The reading side of an empty ledger."""
    with reading(ledger) as opened:
        yield opened


def test_a_reservation_is_held_until_it_expires(ledger: TestLedger, reads: Reads) -> None:
    """Of the instant at which it expires nothing is reserved any more, though nobody has written that yet."""
    rng = random.Random(10)
    fund, application, expires = name(rng, "fund"), name(rng, "application"), "2026-02-13T16:00:00.000000Z"
    held = {"application": application, "policy": "p", "source": "s", "amount_fen": 1_200, "expires": expires}
    reserved = Told(fund, "fund.Reserved", None, held, "2025-12-15T09:00:00.000000Z")
    store(ledger, [Told(fund, "fund.Opened", {"id": fund, "area": "370102", "bank": PARTIES[3]}, {}, None), reserved])
    project(ledger)
    told = [
        funds.one(ask(reads, path={"fund": fund}, effective_at=at))
        for at in ("2025-12-16", "2026-02-13T15:59:59.999999Z", expires, "2030-01-01")
    ]
    assert [answer["reserved_fen"] for answer in told] == [1_200, 1_200, 0, 0]
    assert [len(answer["reservations"]) for answer in told] == [1, 1, 0, 0]
