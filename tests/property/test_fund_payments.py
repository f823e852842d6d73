"""The fund's laws, and a policy's, through the use cases: whatever is applied for, paid, lost, ended and refunded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.ids import new_name
from domain.accounts import BANK as IN_BANK
from domain.accounts import trial_balance_fen
from domain.covers import Cover
from domain.errors import DomainError
from domain.funds import EXPIRY_RULE, Fund
from domain.payments import Payment
from domain.policies import Policy
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    FUND,
    HOUSING,
    LIFT,
    PREMIUM_FEN,
    approve,
    balances,
    filed,
    fund,
    funded,
    on,
    pay,
    seen,
    stage,
    voted,
)
from tests.support.insuring import HOLDER, INSURER, line, proposed
from tests.support.seeding import seed

KINDS = ("apply", "order", "pay", "void", "end", "expire", "confirm", "fail", "return", "refund", "deposit")
LOST = ("apply", "order", "void", "confirm")
"""Money that is under way when its application is given up, and that the bank confirms: it is due back."""
PARTS = st.one_of(
    st.tuples(st.sampled_from(KINDS).map(lambda kind: (kind,)), st.integers(0, 4), st.integers(1, PREMIUM_FEN)),
    st.tuples(
        st.sampled_from([LOST, LOST[:3], ("apply", "pay", "refund")]), st.just(-1), st.integers(1, PREMIUM_FEN)
    ),
)  # fmt: skip
STEPS = st.lists(PARTS, min_size=2, max_size=9)


@dataclass
class Trial:
    """A book and what was begun in it: applications, their policies, and refunds that came."""

    book: Book
    plan: str
    vote: str
    applications: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    refunds: list[str] = field(default_factory=list)

    def apply(self) -> None:
        """Apply for the premium of the next year, and have it approved and staged."""
        year = 2027 + len(self.policies)
        days: dict[str, Any] = {"from_date": f"{year}-04-01", "to_date": f"{year + 1}-04-01"}
        sources = [{"kind": "fund_principal", "amount_fen": PREMIUM_FEN}]
        self.policies.append(proposed(self.book, line("", LIFT, PREMIUM_FEN, **days), sources=sources, **days))
        self.applications.append(filed(self.book, self.policies[-1], self.plan, self.vote))
        approve(self.book, self.applications[-1])
        stage(self.book, self.applications[-1])

    def step(self, kind: str, which: int, amount_fen: int) -> None:
        """Try one thing with one of the applications."""
        if kind == "apply":
            self.apply()
        elif kind == "deposit":
            houses = sorted(fund(self.book).houses)
            said = {"house": houses[which % len(houses)], "amount_fen": amount_fen}
            self.book.act(BANK, "house.deposit", said)
        elif self.applications:
            number = which % len(self.applications)
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
        assert all(account.balance_fen >= 0 for account in state.houses.values())
        own = balances(self.book, [*state.paid, *self.refunds])
        assert own == {name: account.balance_fen for name, account in state.houses.items()}


@given(steps=STEPS)
@settings(max_examples=40)
def test_nothing_overdraws_the_bank_and_the_houses_books_are_the_funds(
    steps: list[tuple[tuple[str, ...], int, int]],
) -> None:
    """1001 bears all that is held or under way, and each house's own book says what the fund's does."""
    book = funded((9_000, 7_000, 5_000), 7_000)
    trial = Trial(book, *voted(book))
    for kinds, which, amount_fen in steps:
        for kind in kinds:
            with suppress(DomainError):
                trial.step(kind, which, amount_fen)
            trial.hold_laws()


# ------------------------------------------------------------------------------------------------ one policy's money

SHARES = {"fund_principal": 3_000, "fund_income": 2_000, "property_fee": 3_000}
HALVES = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-09-01", "amount_fen": 4_000}]
ACTS = (
    "apply", "order", "pay", "give_up", "confirm", "fail", "return", "claim", "refund", "fee", "ask", "arrive",
    "endorse",
)  # fmt: skip
ENDS = ("issue", "issue", "issue", "cancel", "lapse", "void")
TOLD = {"reason": "any"}


@dataclass
class Purse:
    """A policy that two sources of the fund and the property fee pay, and what was begun with it."""

    book: Book
    plan: str
    vote: str
    policy: str
    applications: list[str] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)
    """Of the property fee."""

    @property
    def state(self) -> Policy:
        """The policy now."""
        return self.book.state(Policy, self.policy)

    def step(self, kind: str, which: int, fen: int) -> None:
        """Try one thing."""
        if kind in ENDS:
            self.end(kind, fen)
        elif kind in {"fee", "ask"}:
            self.ask(min(fen, self.state.due_fen("property_fee")) or fen)
            if kind == "fee":
                self.arrive(self.payments[-1])
        elif kind == "arrive":
            if self.payments:
                self.arrive(self.payments[which % len(self.payments)])
        elif kind == "endorse":
            self.endorse(fen % 300 + 1 if which % 2 else -(fen % 3_000) - 1)
        elif kind == "apply":
            source = ("fund_principal", "fund_income")[which % 2]
            self.apply(source, self.state.due_fen(source) or fen)
        elif self.applications:
            application = self.applications[which % len(self.applications)]
            if on(self.book, application).fund_share_fen:
                self.go_on(kind, application, fen)

    def end(self, kind: str, fen: int) -> None:
        """Issue the policy or end it."""
        said: dict[str, Any] = {"number": "PZ-1"} if kind == "issue" else TOLD
        if kind == "cancel":
            day = ("2026-04-01", "2026-08-01", "2027-03-31")[fen % 3]
            said = {"effective_on": day, "refund_fen": min(fen, self.state.held_fen), "reason": "sold"}
        self.book.act(INSURER, f"policy.{kind}", said, policy=self.policy)

    def ask(self, fen: int) -> None:
        """Ask the property fee for so much."""
        name = new_name("payment")
        said = {"id": name, "policy": self.policy, "payee": INSURER.party, "amount_fen": fen}
        self.book.act(HOLDER, "payment.request", {**said, "source_kind": "property_fee"})
        self.payments.append(name)

    def arrive(self, payment: str) -> None:
        """Let what was asked for arrive, or come back what is due back of it."""
        state = self.book.state(Payment, payment)
        if state.state == "requested":
            seen_line = seen(self.book, state.amount_fen, "in", INSURER)
            self.book.act(INSURER, "payment.confirm", {"line": seen_line}, payment=payment)
        elif state.open_fen:
            seen_line = seen(self.book, state.open_fen, "out", INSURER)
            self.book.act(INSURER, "payment.return", {"line": seen_line}, payment=payment)

    def endorse(self, fen: int) -> None:
        """Change the premium; nobody says who bears it."""
        entry = self.book.state(Cover, f"{LIFT}/cover").of_policy(self.policy)[0]
        part = {"part": "third_party_injury", "delta_fen": fen}
        change = {"lift": LIFT, "certificate": entry.certificate, "effective_on": "2026-05-01", "parts": [part]}
        said = {"number": "E", "effective_on": "2026-05-01", "delta_fen": fen, "reason": "rate", "changes": [change]}
        self.book.act(INSURER, "policy.endorse", said, policy=self.policy)

    def apply(self, source: str, fen: int) -> None:
        """Apply for a source's share, and have it approved and staged."""
        application = filed(self.book, self.policy, self.plan, self.vote, pays_from=source, amount_fen=fen)
        self.applications.append(application)
        approve(self.book, application, fen)
        if source == "fund_principal":
            stage(self.book, application)

    def go_on(self, kind: str, application: str, fen: int) -> None:
        """Go on with an application."""
        state = on(self.book, application)
        path, payment = {"fund": FUND, "application": application}, {"payment": state.payment or new_name("payment")}
        share = {"amount_fen": state.fund_share_fen}
        if kind == "order":
            pay(self.book, application, **share)
        elif kind == "pay":
            pay(self.book, application, **share, line=seen(self.book, state.fund_share_fen))
        elif kind == "give_up":
            self.book.act(HOUSING, "application.void", TOLD, **path)
        elif kind == "fail":
            self.book.act(BANK, "payment.fail", TOLD, **payment)
        elif kind == "claim":
            self.book.act(INSURER, "application.claim_refund", {"amount_fen": fen, **TOLD}, **path)
        elif kind == "refund":
            said = {"payment": new_name("payment"), "amount_fen": fen, "line": seen(self.book, fen, "in")}
            self.book.act(BANK, "application.refund", said, **path)
        else:
            seen_line = seen(self.book, state.fund_share_fen, "in" if kind == "return" else "out")
            self.book.act(BANK, f"payment.{kind}", {"line": seen_line}, **payment)

    def open_fen(self, application: str) -> int:
        """Give what the policy released of an application's payment and the fund has not back."""
        state = on(self.book, application)
        if state.state != "paid":
            return 0
        return self.state.due_back_fen(state.payment or "") - state.refunded_fen

    def hold_laws(self) -> None:
        """Assert that no fen is lost or had twice: what came to the insurer is held, to be returned, or went back."""
        policy, state = self.state, fund(self.book)
        held = policy.held
        assert policy.held_fen <= policy.premium_fen
        if policy.earned is None:
            assert sum(policy.sources.values()) == policy.premium_fen
            assert all(fen <= policy.sources.get(kind, 0) for kind, fen in held.items())
        assert all(0 <= receipt.held_fen <= receipt.amount_fen for receipt in policy.receipts.values())
        for application in self.applications:
            told = on(self.book, application)
            assert self.open_fen(application) >= 0
            assert told.refund_due_fen <= policy.due_back_fen(told.payment or "")
        of_fund_fen = sum(fen for kind, fen in held.items() if kind != "property_fee")
        open_fen = sum(map(self.open_fen, self.applications)) + sum(state.return_due.values())
        assert 30_000 + 10_000 - state.bank_fen == of_fund_fen + open_fen
        assert trial_balance_fen(state.ledger) == 0
        for name in self.payments:
            payment = self.book.state(Payment, name)
            held_fen = policy.receipts[name].held_fen if name in policy.receipts else 0
            if payment.line is not None:
                assert payment.amount_fen == held_fen + payment.return_due_fen
                assert payment.returned_fen <= payment.return_due_fen

    def settle(self) -> None:
        """Let everything that is under way arrive, and everything that is due back come back: all of it can."""
        for payment in self.payments:
            self.arrive(payment)
            self.arrive(payment)
        for application in self.applications:
            if on(self.book, application).under_way_fen:
                self.go_on("confirm", application, 0)
            if on(self.book, application).state == "return_due" and fund(self.book).return_due:
                self.go_on("return", application, 0)
            fen = self.open_fen(application)
            if fen:
                self.go_on("refund", application, fen)
        assert not fund(self.book).return_due
        assert not sum(map(self.open_fen, self.applications))
        assert not any(self.book.state(Payment, payment).open_fen for payment in self.payments)

    def begin(self) -> None:
        """Have it issued on the shares of the fee and of the fund's principal."""
        self.step("fee", 0, PREMIUM_FEN)
        self.step("apply", 0, 0)
        self.step("pay", 0, 0)
        self.end("issue", 0)

    def pay_up(self) -> None:
        """Let every source pay what it owes: all of it can, and then nothing is owed, and a quotation is issued."""
        for application in self.applications:
            if on(self.book, application).state in {"filed", "approved"}:
                self.go_on("give_up", application, 0)
        for source in sorted(self.state.sources):
            fen = self.state.due_fen(source)
            if fen and source == "property_fee":
                self.step("fee", 0, fen)
            elif fen:
                self.apply(source, fen)
                self.go_on("pay", self.applications[-1], fen)
            assert not self.state.due_fen(source)
        if self.state.state == "proposed":
            self.end("issue", 0)
        if self.state.state == "issued":
            assert self.state.held == {kind: fen for kind, fen in self.state.sources.items() if fen}


MONEY = st.lists(
    st.tuples(st.sampled_from(ACTS + ENDS), st.integers(0, 5), st.integers(1, 4_000)), min_size=4, max_size=25
)  # fmt: skip


@given(begun=st.booleans(), steps=MONEY)
@settings(max_examples=60)
def test_no_fen_is_lost_had_twice_or_stuck(*, begun: bool, steps: list[tuple[str, int, int]]) -> None:
    """Applications, instalments, refunds due or not, and the policy's end, in any order: the money can be settled."""
    book = funded((9_000, 7_000, 5_000), 10_000)
    book.act(BANK, "fund.add_income", {"amount_fen": 10_000, "kind": "interest"}, fund=FUND)
    sources = [{"kind": kind, "amount_fen": fen} for kind, fen in SHARES.items()]
    policy = proposed(book, line("", LIFT, PREMIUM_FEN), sources=sources, instalments=HALVES)
    purse = Purse(book, *voted(book), policy)
    if begun:
        purse.begin()
    for kind, which, fen in steps:
        with suppress(DomainError):
            purse.step(kind, which, fen)
        purse.hold_laws()
    purse.settle()
    purse.hold_laws()
    if purse.state.state in {"proposed", "issued", "cancelled"}:
        purse.pay_up()
        purse.hold_laws()
