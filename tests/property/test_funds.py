"""The fund's laws: entries sum to zero, nothing below zero, shares come to the fen, houses and fund agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from application.applications import shares_root
from domain.accounts import BANK, INCOME, RETURN_DUE, trial_balance_fen
from domain.aggregate import Authorship, Because, Journal, Statement
from domain.allotments import Beside, Reservation
from domain.errors import Conflict, NotFound
from domain.fund_shapes import POOLED
from domain.funds import Fund
from domain.money import apportion

CAUSE = Because("house:cause", 1)
AREAS = st.lists(st.integers(1, 50_000), min_size=1, max_size=12)
COMES_IN = ("deposit", "collect", "income")
KINDS = (
    *COMES_IN, "reserve", "income_reserve", "order", "void", "expire", "pay", "lost", "fail", "back", "refund",
)  # fmt: skip
LOST = ("reserve", "order", "void", "lost")
LOST_INCOME = ("income_reserve", *LOST[1:])
"""An application is given up while its money is under way, and the bank confirms it: it is due back."""
PAID = ("reserve", "order", "pay")
PARTS = st.one_of(
    st.tuples(st.sampled_from(KINDS).map(lambda kind: (kind,)), st.integers(1, 5_000), st.integers(0, 5)),
    st.tuples(st.sampled_from([LOST, LOST_INCOME, LOST[:3], PAID]), st.integers(1, 5_000), st.just(0)),
)
STEPS = st.lists(PARTS, min_size=3, max_size=25).map(
    lambda parts: [
        ("collect", 5_000, 0), ("income", 3_000, 0),
        *((kind, amount_fen, which) for kinds, amount_fen, which in parts for kind in kinds),
    ]
)  # fmt: skip


@dataclass
class Trial:
    """A fund and what applications know besides it: what the bank was told to pay and has not settled, in fen."""

    fund: Fund
    ordered: dict[str, int] = field(default_factory=dict)
    out: dict[str, str] = field(default_factory=dict)
    """Whose money is due back, by payment."""

    @property
    def beside(self) -> Beside:
        """What was ordered and is reserved no longer, and what is due back."""
        under_way = tuple(sorted(name for name in self.ordered if name in self.fund.released))
        return Beside(tuple(sorted(self.out[payment] for payment in self.fund.return_due)), under_way)


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


def reserve(
    fund: Fund, name: str, amount_fen: int, source: str, expires: str, beside: Beside
) -> None:  # fmt: skip
    """Hold an amount as the use case does."""
    allotment = fund.allot(source, amount_fen, None, beside.names)
    held = Reservation(
        name, f"policy:{name}", "fund_income" if source == "fund_income" else "fund_principal", allotment.amount_fen,
        expires, allotment.charged, allotment.owed,
    )  # fmt: skip
    fund.reserve(CAUSE, held, {"apportioned_fen": amount_fen, "buildings": None}, beside)


def step(trial: Trial, number: int, kind: str, amount_fen: int, which: int) -> None:
    """Try one thing; a refusal changes nothing."""
    fund, ordered = trial.fund, trial.ordered
    name, houses = f"application:{number:03}", sorted(fund.houses)
    held, lost = pick(fund.reservations, which), pick([n for n in ordered if n in fund.released], which)
    if kind in COMES_IN:
        pay_in(fund, kind, amount_fen, houses[which % len(houses)])
    elif kind in {"reserve", "income_reserve"}:
        pooled = kind == "income_reserve"
        whole_fen = fund.income_fen if pooled else fund.balance_fen - fund.income_fen
        source, part_fen = "fund_income" if pooled else "fund_principal", whole_fen * amount_fen // 5_000
        reserve(fund, name, part_fen, source, str(which), trial.beside)
    elif kind == "order" and held in fund.reservations:
        ordered[held] = fund.reservations[held].amount_fen
    elif kind == "void":
        fund.void(CAUSE, held)
    elif kind == "expire":
        fund.expire(str(which))
    elif kind == "pay":
        fund.pay(CAUSE, held, f"payment:{number}", "bankline:b")
        ordered.pop(held, None)
    elif kind == "lost" and lost in ordered:
        fund.suspend(CAUSE, f"payment:{number}", ordered.pop(lost), "bankline:b")
        trial.out[f"payment:{number}"] = lost
    elif kind == "fail":
        ordered.pop(lost, None)
    elif kind == "back":
        fund.take_back(CAUSE, pick(fund.return_due, which), "bankline:b")
    elif kind == "refund":
        fund.refund(CAUSE, pick(fund.paid, which), f"payment:{amount_fen % 9}", amount_fen, "bankline:b")


def pay_in(fund: Fund, kind: str, amount_fen: int, house: str) -> None:
    """Let money come in: for one house, for all by area, or for the fund as a whole."""
    if kind == "income":
        fund.add_income(Statement({"amount_fen": amount_fen, "kind": "interest"}))
    elif kind == "deposit":
        fund.credit(CAUSE, [{"house": house, "amount_fen": amount_fen}])
    else:
        shares = apportion(amount_fen, {name: account.area_m2_hundredths for name, account in fund.houses.items()})
        fund.credit(CAUSE, [{"house": name, "amount_fen": fen} for name, fen in shares.items()])


def pick(names: Iterable[str], which: int) -> str:
    """Give one of the names, or one that nobody has."""
    known = sorted(names)
    return known[which % len(known)] if known else "application:none"


def hold_laws(trial: Trial) -> None:
    """Assert what must always be so: nothing is promised or leaves that is not in the bank, above all.

    Nor is it another's: each house, and the income, has all that is held of it, out or under way for it.
    """
    fund, beside = trial.fund, trial.beside
    known = {**fund.released, **fund.reservations}
    under_way_fen = sum(known[name].amount_fen for name in beside.under_way)
    assert fund.ledger.get(BANK, 0) >= fund.reserved_fen + under_way_fen >= 0
    assert trial_balance_fen(fund.ledger) == 0
    taken = [*fund.reservations.values(), *(known[name] for name in beside.names)]
    for name, account in fund.houses.items():
        assert 0 <= sum(each.charged.get(name, 0) for each in taken) <= account.balance_fen
    assert 0 <= sum(each.amount_fen for each in taken if each.source in POOLED) <= fund.income_fen
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
    trial = Trial(fund)
    for number, (kind, amount_fen, which) in enumerate(steps):
        before = fund.version
        try:
            step(trial, number, kind, amount_fen, which)
        except (Conflict, NotFound):
            assert fund.version == before
        hold_laws(trial)


@given(areas=AREAS, steps=STEPS)
@settings(max_examples=50)
def test_a_replay_gives_the_same_fund(areas: list[int], steps: list[tuple[str, int, int]]) -> None:
    """Shares that no event writes out follow from the state, so a fold of the events gives them again."""
    fund = opened(areas)
    trial = Trial(fund)
    for number, (kind, amount_fen, which) in enumerate(steps):
        try:
            step(trial, number, kind, amount_fen, which)
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
    allotment = fund.allot("fund_principal", total_fen, None, ())
    shares: Mapping[str, int] = {**allotment.charged, **allotment.owed}
    assert sum(shares.values()) == total_fen
    assert allotment.amount_fen + allotment.owed_fen == total_fen
    whole = sum(areas)
    for name, account in fund.houses.items():
        assert abs(shares.get(name, 0) * whole - total_fen * account.area_m2_hundredths) < whole
    assert shares_root(allotment) == shares_root(fund.allot("fund_principal", total_fen, None, ()))


@given(areas=AREAS, total_fen=st.integers(1, 10_000), parts=st.lists(st.integers(1, 3_000), max_size=6))
@settings(max_examples=150)
def test_no_house_is_refunded_more_than_it_was_charged(areas: list[int], total_fen: int, parts: list[int]) -> None:
    """Several refunds together stay below the charge of each house, and all of it gives each its own again (MF12)."""
    fund = opened(areas)
    fund.credit(CAUSE, [{"house": name, "amount_fen": total_fen} for name in fund.houses])
    reserve(fund, "application:1", total_fen, "fund_principal", "9", Beside())
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
