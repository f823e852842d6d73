"""Answers about a fund: what it is, and what of it is reserved, on a day."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from application.reading import funds
from application.reading.asking import Answer, Asking, Reads
from tests.support.history import PARTIES, Told, name
from tests.support.projecting import store
from tests.support.reading import OPERATOR, ask, project, reading
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


def test_a_list_of_funds_tells_what_is_reserved_in_all(ledger: TestLedger, reads: Reads) -> None:
    """Of each fund its own reservations, those that are over left out."""
    rng = random.Random(12)
    funds_of, at = [name(rng, "fund") for _ in range(2)], "2025-12-15T09:00:00.000000Z"
    opening = {"area": "370102", "bank": PARTIES[3]}
    told = [Told(fund, "fund.Opened", {"id": fund, **opening}, {}, at) for fund in funds_of]
    for fund, amount_fen, expires in (
        (funds_of[0], 100, "2026-02-01"), (funds_of[0], 20, "2026-03-01"), (funds_of[1], 3, "2026-03-01"),
    ):  # fmt: skip
        held = {
            "application": name(rng, "application"), "policy": "p", "source": "s", "amount_fen": amount_fen,
            "expires": f"{expires}T00:00:00.000000Z",
        }  # fmt: skip
        told.append(Told(fund, "fund.Reserved", None, held, at))
    store(ledger, told)
    project(ledger)
    for day, sums in (("2026-01-01", [120, 3]), ("2026-02-10", [20, 3]), ("2026-04-01", [0, 0])):
        rows = funds.listed(ask(reads, effective_at=day))["funds"]
        assert {row["fund"]: row["reserved_fen"] for row in rows} == dict(zip(funds_of, sums, strict=True))


def test_a_fund_is_nothing_before_it_is_opened(ledger: TestLedger, reads: Reads) -> None:
    """Of an earlier day nobody is said to have kept it, least of all whoever was named to it later."""
    rng = random.Random(11)
    fund, opened, later = name(rng, "fund"), "2025-11-21T09:00:00.000000Z", "2026-03-01T09:00:00.000000Z"
    said = {"id": fund, "area": "370102", "bank": PARTIES[3], "manager": PARTIES[0]}
    store(
        ledger,
        [
            Told(fund, "fund.Opened", said, {}, opened),
            Told(fund, "fund.Changed", {"committee": PARTIES[1]}, {}, later),
        ],
    )
    project(ledger)
    told = {
        at: (funds.one(ask(reads, path={"fund": fund}, effective_at=at)), _statement(reads, fund, at))
        for at in ("2025-11-20", "2025-11-22", "2026-03-02")
    }
    assert [(one["bank"], one["committee"]) for one, _ in told.values()] == [
        (None, None), (PARTIES[3], None), (PARTIES[3], PARTIES[1]),
    ]  # fmt: skip
    assert all(
        {one[each] == page[each] for each in ("bank", "committee", "manager")} == {True} for one, page in told.values()
    )
    assert _statement(reads, fund)["committee"] == PARTIES[1]


def _statement(reads: Reads, fund: str, at: str | None = None) -> Answer:
    return funds.fund_statement(Asking(reads, OPERATOR, {"fund": fund}, {} if at is None else {"effective_at": at}))
