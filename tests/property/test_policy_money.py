"""The laws of one policy's money through the use cases: no fen is lost, had twice, or stuck, however it is paid."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.ids import new_name
from domain.accounts import trial_balance_fen
from domain.covers import Cover
from domain.errors import DomainError
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

SHARES = {"fund_principal": 3_000, "fund_income": 2_000, "property_fee": 3_000}
OF_FUND = ("fund_principal", "fund_income")
HALVES = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-09-01", "amount_fen": 4_000}]
ACTS = (
    "apply", "order", "pay", "give_up", "confirm", "fail", "return", "claim", "refund", "fee", "ask", "arrive",
    "endorse", "raise", "late",
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
    failed: list[str] = field(default_factory=list)
    """Of the fund, by the bank's first word."""

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
        elif kind in {"endorse", "raise"}:
            raised = kind == "raise"
            delta_fen = fen % 300 + 1 if raised or which % 2 else -(fen % 3_000) - 1
            self.endorse(delta_fen, OF_FUND[which % 2] if raised else None)
        elif kind == "apply":
            source = OF_FUND[which % 2]
            self.apply(source, self.state.due_fen(source) or fen)
        elif kind == "late":
            if self.failed:
                self.leave(self.failed[which % len(self.failed)])
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

    def endorse(self, fen: int, source: str | None = None) -> None:
        """Change the premium; it is said who bears it, or nobody says."""
        entry = self.book.state(Cover, f"{LIFT}/cover").of_policy(self.policy)[0]
        part = {"part": "third_party_injury", "delta_fen": fen}
        change = {"lift": LIFT, "certificate": entry.certificate, "effective_on": "2026-05-01", "parts": [part]}
        said = {"number": "E", "effective_on": "2026-05-01", "delta_fen": fen, "reason": "rate", "changes": [change]}
        if source is not None:
            said["sources"] = [{"kind": source, "amount_fen": fen}]
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
            self.failed.append(payment["payment"])
        elif kind == "claim":
            self.book.act(INSURER, "application.claim_refund", {"amount_fen": fen, **TOLD}, **path)
        elif kind == "refund":
            said = {"payment": new_name("payment"), "amount_fen": fen, "line": seen(self.book, fen, "in")}
            self.book.act(BANK, "application.refund", said, **path)
        else:
            seen_line = seen(self.book, state.fund_share_fen, "in" if kind == "return" else "out")
            self.book.act(BANK, f"payment.{kind}", {"line": seen_line}, **payment)

    def leave(self, payment: str) -> None:
        """Let money that was noted as failed have left all the same."""
        left = seen(self.book, self.book.state(Payment, payment).amount_fen)
        self.book.act(BANK, "payment.confirm", {"line": left}, payment=payment)

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
            fen = self.open_fen(application)
            if fen:
                self.go_on("refund", application, fen)
        for name, fen in fund(self.book).return_due.items():
            self.book.act(BANK, "payment.return", {"line": seen(self.book, fen, "in")}, payment=name)
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


LATE = ("apply", "order", "fail", "late")
"""Money noted as failed that had left all the same; the application may have been ordered again meanwhile."""
RUNS = [*((act,) for act in ACTS + ENDS), LATE, (*LATE[:3], "order", "late"), (*LATE[:3], "give_up", "late")]
MONEY = st.lists(
    st.tuples(st.sampled_from(RUNS), st.integers(0, 5), st.integers(1, 4_000)), min_size=4, max_size=20
).map(lambda runs: [(kind, which, fen) for kinds, which, fen in runs for kind in kinds])  # fmt: skip


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
