"""The fund's laws through the use cases: whatever is applied for, paid, lost, ended and refunded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.ids import new_name
from domain.accounts import BANK as IN_BANK
from domain.accounts import trial_balance_fen
from domain.errors import DomainError
from domain.funds import EXPIRY_RULE, Fund
from domain.payments import Payment
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    BUILDING,
    COMMITTEE,
    FUND,
    HOUSING,
    LIFT,
    OTHER_BUILDING,
    PREMIUM_FEN,
    approve,
    balances,
    cast,
    close,
    filed,
    fund,
    funded,
    house,
    on,
    opened,
    pay,
    planned,
    seen,
    stage,
    voted,
)
from tests.support.insuring import INSURER, line, proposed
from tests.support.seeding import seed

KINDS = ("apply", "pool", "order", "pay", "void", "end", "expire", "confirm", "fail", "return", "refund", "deposit")
LOST, POOLED_LOST = ("apply", "order", "void", "confirm"), ("pool", "order", "void", "confirm")
"""Money that is under way when its application is given up, and that the bank confirms: it is due back."""
PARTS = st.one_of(
    st.tuples(st.sampled_from(KINDS).map(lambda kind: (kind,)), st.integers(0, 4), st.integers(1, PREMIUM_FEN)),
    st.tuples(
        st.sampled_from([LOST, LOST[:3], POOLED_LOST, POOLED_LOST[:3], ("apply", "pay", "refund")]),
        st.integers(-2, -1), st.integers(1, PREMIUM_FEN),
    ),
)  # fmt: skip
STEPS = st.lists(PARTS, min_size=2, max_size=9)


@dataclass
class Trial:
    """A book and what was begun in it: applications, their policies, and refunds that came.

    Of each building, and of the whole estate, there are a plan and its vote.
    """

    book: Book
    votes: list[tuple[str, str]]
    applications: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    refunds: list[str] = field(default_factory=list)

    def apply(self, which: int, source: str) -> None:
        """Apply for the premium of the next year out of one of the scopes, and have it approved and staged."""
        year = 2027 + len(self.policies)
        days: dict[str, Any] = {"from_date": f"{year}-04-01", "to_date": f"{year + 1}-04-01"}
        sources = [{"kind": source, "amount_fen": PREMIUM_FEN}]
        self.policies.append(proposed(self.book, line("", LIFT, PREMIUM_FEN, **days), sources=sources, **days))
        vote = self.votes[which % len(self.votes)]
        self.applications.append(filed(self.book, self.policies[-1], *vote, pays_from=source))
        approve(self.book, self.applications[-1])
        if source == "fund_principal":
            stage(self.book, self.applications[-1])

    def step(self, kind: str, which: int, amount_fen: int) -> None:
        """Try one thing with one of the applications."""
        if kind in {"apply", "pool"}:
            self.apply(which, "fund_principal" if kind == "apply" else "fund_income")
        elif kind == "deposit":
            houses = sorted(fund(self.book).houses)
            said = {"house": houses[which % len(houses)], "amount_fen": amount_fen}
            self.book.act(BANK, "house.deposit", said)
        elif self.applications:
            number = max(which, -1) % len(self.applications)
            self.settle(kind, self.applications[number], self.policies[number], amount_fen)

    def settle(self, kind: str, application: str, policy: str, amount_fen: int) -> None:
        """Go on with an application."""
        book = self.book
        path = {"fund": FUND, "application": application}
        payment = {"payment": on(book, application).payment or new_name("payment")}
        if kind == "order":
            pay(book, application)
        elif kind == "pay":
            pay(book, application, line=seen(book))
        elif kind == "void":
            book.act(HOUSING, "application.void", {"reason": "withdrawn"}, **path)
        elif kind == "end":
            book.act(INSURER, "policy.void", {"reason": "withdrawn"}, policy=policy)
        elif kind == "expire":
            due = {"due": fund(book).reservation(application).expires, "rule": EXPIRY_RULE}
            seed(book, Fund, FUND, HOUSING.party, Fund.ReservationVoided, {}, due, due["due"])
        elif kind == "refund":
            self.refund(path, amount_fen)
        else:
            self.of_bank(kind, payment)

    def of_bank(self, kind: str, payment: dict[str, str]) -> None:
        """Let the bank say what became of a payment."""
        if kind == "fail":
            self.book.act(BANK, "payment.fail", {"reason": "account_unknown"}, **payment)
            return
        direction = "in" if kind == "return" else "out"
        self.book.act(BANK, f"payment.{kind}", {"line": seen(self.book, direction=direction)}, **payment)

    def refund(self, path: dict[str, str], amount_fen: int) -> None:
        """Let premium come back, and note the houses' parts on their own streams."""
        payment = new_name("payment")
        said = {"payment": payment, "amount_fen": amount_fen, "line": seen(self.book, amount_fen, "in")}
        self.book.act(BANK, "application.refund", said, **path)
        self.refunds.append(payment)
        self.book.act(HOUSING, "application.stage_refunds", {"payment": payment, "group": 1}, **path)

    def hold_laws(self) -> None:
        """Assert what must always be so."""
        state = fund(self.book)
        under_way_fen = sum(on(self.book, name).under_way_fen for name in self.applications if name in state.released)
        assert trial_balance_fen(state.ledger) == 0
        assert state.ledger[IN_BANK] >= state.reserved_fen + under_way_fen >= 0
        assert state.ledger[IN_BANK] + sum(state.return_due.values()) == state.balance_fen
        self.hold_apart(state)
        own = balances(self.book, [*state.paid, *self.refunds])
        assert own == {name: account.balance_fen for name, account in state.houses.items()}

    def hold_apart(self, state: Fund) -> None:
        """Assert that each house, and the income, has what is held of it, out or under way: nobody pays another's."""
        owners = [self.book.state(Payment, payment).application or "" for payment in state.return_due]
        beside = [owner.partition("/")[2] for owner in owners]
        beside += [name for name in self.applications if name in state.released and on(self.book, name).under_way_fen]
        taken = [*state.reservations.values(), *(state.released[name] for name in beside)]
        for name, account in state.houses.items():
            assert 0 <= sum(each.charged.get(name, 0) for each in taken) <= account.balance_fen
        assert sum(each.amount_fen for each in taken if each.source == "fund_income") <= state.income_fen


@given(steps=STEPS)
@settings(max_examples=40)
def test_nothing_overdraws_the_bank_and_the_houses_books_are_the_funds(
    steps: list[tuple[tuple[str, ...], int, int]],
) -> None:
    """1001 bears all that is held or under way, and each house's own book says what the fund's does."""
    book = funded((9_000, 7_000), 7_000)
    for area in (6_000, 5_000):
        house(book, area, 7_000, building=OTHER_BUILDING)
    book.act(BANK, "fund.add_income", {"amount_fen": 2 * PREMIUM_FEN, "kind": "interest"}, fund=FUND)
    trial = Trial(book, [voted(book), *(voted_by(book, building) for building in (BUILDING, OTHER_BUILDING))])
    for kinds, which, amount_fen in steps:
        for kind in kinds:
            with suppress(DomainError):
                trial.step(kind, which, amount_fen)
            trial.hold_laws()


def voted_by(book: Book, building: str) -> tuple[str, str]:
    """Publish a plan for one building and let its houses agree; returns plan and vote."""
    plan = planned(book, buildings=[building])
    vote = opened(book, plan)
    for name in fund(book).scope([building]):
        cast(book, vote, name)
    close(book, vote)
    book.act(COMMITTEE, "vote.publish", {"published_on": "2026-02-21"}, fund=FUND, vote=vote)
    return plan, vote
