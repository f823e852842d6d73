"""The fund's laws: entries sum to zero, nothing below zero, shares come to the fen, houses and fund agree."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from application.applications import shares_root
from domain.accounts import BANK, INCOME, RETURN_DUE, trial_balance_fen
from domain.aggregate import Authorship, Because, Journal, Statement
from domain.errors import Conflict, NotFound
from domain.funds import Fund, Reservation

CAUSE = Because("house:cause", 1)
AREAS = st.lists(st.integers(1, 50_000), min_size=1, max_size=12)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["deposit", "income", "reserve", "income_reserve", "void", "expire", "pay", "lost", "back"]),
        st.integers(1, 5_000), st.integers(0, 5),
    ),
    max_size=40,
)  # fmt: skip


def opened(areas: list[int]) -> Fund:
    """Give a fund with houses of these areas and no money."""
    fund = Fund("fund:f")
    fund.journal = Journal(Authorship("party:p", None, None, ()))
    rows = [
        {"house": f"house:{i:02}", "area_m2_hundredths": area, "building": None, "head": "x", "delivered": True}
        for i, area in enumerate(areas)
    ]  # fmt: skip
    fund.record(Fund.HousesJoined, CAUSE, {"houses": rows})
    return fund


def reserve(fund: Fund, name: str, amount_fen: int, source: str, expires: str) -> None:
    """Hold an amount as the use case does."""
    allotment = fund.allot(source, amount_fen, None)
    held = Reservation(
        name, f"policy:{name}", "fund_income" if source == "fund_income" else "fund_principal", allotment.amount_fen,
        expires, allotment.charged, allotment.owed,
    )  # fmt: skip
    fund.reserve(CAUSE, held, {"apportioned_fen": amount_fen, "buildings": None})


def step(fund: Fund, number: int, kind: str, amount_fen: int, which: int) -> None:
    """Try one thing; a refusal changes nothing."""
    name, other = f"application:{number}", f"application:{which}"
    houses = sorted(fund.houses)
    if kind == "deposit":
        fund.credit(CAUSE, [{"house": houses[which % len(houses)], "amount_fen": amount_fen}])
    elif kind == "income":
        fund.add_income(Statement({"amount_fen": amount_fen, "kind": "interest"}))
    elif kind in {"reserve", "income_reserve"}:
        reserve(fund, name, amount_fen, "fund_income" if kind == "income_reserve" else "fund_principal", str(which))
    elif kind == "void":
        fund.void(CAUSE, other)
    elif kind == "expire":
        fund.expire(str(which))
    elif kind == "pay":
        fund.pay(CAUSE, next(iter(fund.reservations), other), f"payment:{number}", "bankline:b")
    elif kind == "lost":
        fund.suspend(CAUSE, f"payment:{number}", amount_fen, "bankline:b")
    elif fund.return_due:
        fund.take_back(CAUSE, next(iter(fund.return_due)), "bankline:b")
    else:
        fund.refund(CAUSE, next(iter(fund.paid), other), f"payment:{number}", amount_fen, "bankline:b")


def hold_laws(fund: Fund) -> None:
    """Assert what must always be so."""
    assert trial_balance_fen(fund.ledger) == 0
    held = fund.held_fen()
    assert all(0 <= held.get(name, 0) <= account.balance_fen for name, account in fund.houses.items())
    assert fund.free_income_fen() >= 0
    assert fund.available_fen >= 0
    due_fen = sum(fund.return_due.values())
    assert fund.ledger.get(RETURN_DUE, 0) == due_fen
    assert fund.ledger.get(BANK, 0) + due_fen == fund.balance_fen
    assert -fund.ledger.get(INCOME, 0) >= fund.income_fen
    for reservation in fund.reservations.values():
        if reservation.source == "fund_principal":
            assert sum(reservation.charged.values()) == reservation.amount_fen


@given(areas=AREAS, steps=STEPS)
@settings(max_examples=150)
def test_whatever_happens_the_books_balance(areas: list[int], steps: list[tuple[str, int, int]]) -> None:
    """Deposits, income, reservations, voids, expiries, payments, losses, returns and refunds in any order."""
    fund = opened(areas)
    for number, (kind, amount_fen, which) in enumerate(steps):
        before = fund.version
        try:
            step(fund, number, kind, amount_fen, which)
        except (Conflict, NotFound):
            assert fund.version == before
        hold_laws(fund)


@given(areas=AREAS, steps=STEPS)
@settings(max_examples=50)
def test_a_replay_gives_the_same_fund(areas: list[int], steps: list[tuple[str, int, int]]) -> None:
    """Shares that no event writes out follow from the state, so a fold of the events gives them again."""
    fund = opened(areas)
    for number, (kind, amount_fen, which) in enumerate(steps):
        try:
            step(fund, number, kind, amount_fen, which)
        except (Conflict, NotFound):
            continue
    again = Fund("fund:f")
    assert fund.journal is not None
    for event in fund.journal.events:
        event.mutate(again)
    assert again == fund


@given(
    areas=AREAS, total_fen=st.integers(1, 10**9),
    poor=st.sets(st.integers(0, 11)),
)  # fmt: skip
@settings(max_examples=200)
def test_shares_sum_to_the_amount_and_follow_the_areas(areas: list[int], total_fen: int, poor: set[int]) -> None:
    """Charged and owed come to the whole; equal areas differ by a fen at the most; a larger area never has less."""
    fund = opened(areas)
    rows = [
        {"house": name, "amount_fen": total_fen} for i, name in enumerate(sorted(fund.houses)) if i not in poor
    ]  # fmt: skip
    if rows:
        fund.credit(CAUSE, rows)
    allotment = fund.allot("fund_principal", total_fen, None)
    shares: Mapping[str, int] = {**allotment.charged, **allotment.owed}
    assert sum(shares.values()) == total_fen
    assert allotment.amount_fen + allotment.owed_fen == total_fen
    whole = sum(areas)
    for name, account in fund.houses.items():
        assert abs(shares.get(name, 0) * whole - total_fen * account.area_m2_hundredths) < whole
    assert shares_root(allotment) == shares_root(fund.allot("fund_principal", total_fen, None))


@given(areas=AREAS, total_fen=st.integers(1, 10_000), parts=st.lists(st.integers(1, 3_000), max_size=6))
@settings(max_examples=150)
def test_no_house_is_refunded_more_than_it_was_charged(areas: list[int], total_fen: int, parts: list[int]) -> None:
    """Several refunds together stay below the charge of each house, and all of it gives each its own again (MF12)."""
    fund = opened(areas)
    fund.credit(CAUSE, [{"house": name, "amount_fen": total_fen} for name in fund.houses])
    reserve(fund, "application:1", total_fen, "fund_principal", "9")
    fund.pay(CAUSE, "application:1", "payment:0", "bankline:b")
    charged = fund.paid["application:1"].charged
    left_fen = total_fen
    for number, part_fen in enumerate([*parts, total_fen], 1):
        amount_fen = min(part_fen, left_fen)
        if amount_fen:
            fund.refund(CAUSE, "application:1", f"payment:{number}", amount_fen, "bankline:b")
        left_fen -= amount_fen
        refunded = fund.refunded.get("application:1", {})
        assert all(refunded.get(name, 0) <= fen for name, fen in charged.items())
    assert left_fen == 0
    assert {account.balance_fen for account in fund.houses.values()} == {total_fen}
