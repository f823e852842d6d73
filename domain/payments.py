"""Payments of premium and the bank's lines that prove them (保费支付、银行流水).

A bank's confirmation is a fact: when what it was for has gone, the money is due back (domain-model C3). A line is
used once, and nothing pays two things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict
from domain.policy_shapes import SourceKind
from domain.shapes import (
    BankLineName,
    CivilDate,
    Code,
    Digest,
    Fen,
    Label,
    Line,
    PartyName,
    PaymentName,
    Personal,
    PolicyName,
    Source,
    SubsidyName,
    strict,
)

PaymentState = Literal["requested", "instructed", "confirmed", "failed", "return_due", "returned"]


Direction = Literal["in", "out"]
"""Which way money goes, as an account sees it."""


@strict
class PaymentRequest(TypedDict):
    """A payment to the insurer that leads the policy; `payer` left out is the author, so an insurer names him.

    `reference` is the number that the bank's line shall carry (a code, never a name).
    """

    id: PaymentName
    policy: PolicyName
    payer: NotRequired[PartyName]
    payee: PartyName
    amount_fen: Annotated[Fen, Ge(1)]
    source_kind: SourceKind
    subsidy: NotRequired[SubsidyName]
    reference: NotRequired[Code]
    source: NotRequired[Source]


@strict
class PaymentInstruction(TypedDict):
    """The payer told the bank to pay."""

    reference: NotRequired[Code]


@strict
class PaymentConfirmation(TypedDict):
    """The money arrived by this line of the bank."""

    line: BankLineName


@strict
class PaymentFailure(TypedDict):
    """The bank could not pay."""

    reason: Code


@strict
class BankLine(TypedDict):
    """A line of a bank account: `digest` is over the bank's own record, whose words are personal.

    `direction` is the account's view. `on` is the day of value (起息日), none to come.
    """

    id: BankLineName
    digest: Digest
    amount_fen: Annotated[Fen, Ge(1)]
    direction: Direction
    on: CivilDate
    counterparty: NotRequired[Annotated[Label, Personal()]]
    text: NotRequired[Annotated[Line, Personal()]]
    source: NotRequired[Source]


@dataclass
class Payment(Aggregate):
    """A payment; `application` is set when the maintenance fund pays it."""

    ORDERED = True

    state: PaymentState = "requested"
    policy: str = ""
    payer: str = ""
    payee: str = ""
    amount_fen: int = 0
    source_kind: str = ""
    application: str | None = None
    subsidy: str | None = None
    line: str | None = None
    matched: bool = False
    return_due_fen: int = 0
    """What of it was ever found to be due back."""
    returned_fen: int = 0
    came_fen: int = 0
    """What arrived, which may be more than was asked for; nothing before."""

    class Requested(Event):
        """It is wanted; `said` is a PaymentRequest, or for the fund `found {policy, payer, payee, …, application}`."""

        TOPIC = "payment.Requested"

        def apply(self, aggregate: Payment) -> None:
            """Take it over."""
            facts: Mapping[str, Any] = self.said or self.found
            for member in ("policy", "payee", "amount_fen", "source_kind", "application", "subsidy"):
                setattr(aggregate, member, facts.get(member))
            aggregate.payer = facts.get("payer", self.author.party)

    class Instructed(Event):
        """The bank was told to pay."""

        TOPIC = "payment.Instructed"

        def apply(self, aggregate: Payment) -> None:
            """Money is under way."""
            aggregate.state = "instructed"

    class Confirmed(Event):
        """The bank's line proves it; `said` is a PaymentConfirmation, or `found.line`; `found` {on, findings}.

        `on` is the line's day of value, by which it is judged what the money still pays; findings of the bureau's
        checks come with the `pack` they rest on. Schema 1 told neither.
        """

        TOPIC = "payment.Confirmed"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that no day was told; it stands in the line."""
            state["found"] |= {"on": None, "findings": []}

        def apply(self, aggregate: Payment) -> None:
            """Keep the line."""
            facts: Mapping[str, Any] = self.said or self.found
            aggregate.state = "confirmed"
            aggregate.line = facts["line"]

    class Failed(Event):
        """The bank could not pay; `said` is a PaymentFailure."""

        TOPIC = "payment.Failed"

        def apply(self, aggregate: Payment) -> None:
            """It ends here."""
            aggregate.state = "failed"

    class Matched(Event):
        """It pays a policy's premium, `found {policy, source, amount_fen}`."""

        TOPIC = "payment.Matched"

        def apply(self, aggregate: Payment) -> None:
            """It has its purpose."""
            aggregate.matched = True
            aggregate.came_fen = self.found.get("amount_fen", aggregate.amount_fen)

    class ReturnDue(Event):
        """What it was for has gone, or part of it: so much more of the money is due back, `found {amount_fen, why}`."""

        TOPIC = "payment.ReturnDue"

        def apply(self, aggregate: Payment) -> None:
            """Wait for it; what nothing was matched to is due back whole."""
            aggregate.state = "return_due"
            aggregate.came_fen = aggregate.came_fen or self.found["amount_fen"]
            aggregate.return_due_fen += self.found["amount_fen"]

    class Returned(Event):
        """Money came back: `found {amount_fen}` by the line that the PaymentConfirmation in `said`, or `found`, names.

        Before schema 2 it was all that was due.
        """

        TOPIC = "payment.Returned"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that the amount was not told: it was all that was due."""
            state["found"]["amount_fen"] = None

        def apply(self, aggregate: Payment) -> None:
            """Count it; it is settled when nothing more is due."""
            amount_fen = self.found["amount_fen"]
            aggregate.returned_fen += aggregate.open_fen if amount_fen is None else amount_fen
            aggregate.state = "return_due" if aggregate.open_fen else "returned"

    @property
    def open_fen(self) -> int:
        """What is still due back, never below zero."""
        return max(0, self.return_due_fen - self.returned_fen)

    def require(self, *states: PaymentState) -> None:
        """Raise Conflict `paid_twice` when it was confirmed already, else `payment_state`."""
        if self.state in states:
            return
        if self.state in {"confirmed", "return_due", "returned"}:
            raise Conflict("this payment was made already", code="paid_twice", payment=self.id, state=self.state)
        raise Conflict(f"the payment is {self.state}", code="payment_state", payment=self.id, state=self.state)


@dataclass
class SeenLine(Aggregate):
    """A bank's line as it was seen; `payment` is what it was used for."""

    ORDERED = True

    amount_fen: int = 0
    direction: str = ""
    on: str = ""
    seen_by: str = ""
    payment: str | None = None

    class Seen(Event):
        """The line stands in an account's statement; `said` is a BankLine."""

        TOPIC = "bankline.Seen"

        def apply(self, aggregate: SeenLine) -> None:
            """Take over amount, direction and day."""
            said: Mapping[str, Any] = self.said or {}
            aggregate.amount_fen = said["amount_fen"]
            aggregate.direction = said["direction"]
            aggregate.on = said["on"]
            aggregate.seen_by = self.author.party

    class Used(Event):
        """The line was used for a payment, `found.payment`."""

        TOPIC = "bankline.Used"

        def apply(self, aggregate: SeenLine) -> None:
            """It cannot be used again."""
            aggregate.payment = self.found["payment"]

    def require_unused(self) -> None:
        """Raise Conflict `line_used` when it paid something already."""
        if self.payment is not None:
            raise Conflict("this line paid something already", code="line_used", line=self.id, payment=self.payment)

    def require_flow(self, views: Mapping[str, Direction], *, others: bool) -> None:
        """Raise Conflict `line_direction` or `line_of_other_account` unless the line shows the money's way.

        `views` gives the direction as each party's account has it; a line that somebody else saw is taken only with
        `others`, and nothing is known of whose account it is.
        """
        wanted = views.get(self.seen_by)
        if wanted is None and not others:
            raise Conflict(
                "the line is of another account", code="line_of_other_account",
                line=self.id, seen_by=self.seen_by, wanted=sorted(views),
            )  # fmt: skip
        if wanted not in {None, self.direction}:
            raise Conflict(
                "the line shows money going the other way", code="line_direction",
                line=self.id, direction=self.direction, wanted=wanted,
            )  # fmt: skip

    def require_amount(self, amount_fen: int, *, or_more: bool = False) -> None:
        """Raise Conflict `line_amount_differs` when it is not of this amount, or not of so much at the least."""
        if self.amount_fen < amount_fen or (self.amount_fen > amount_fen and not or_more):
            raise Conflict(
                "the line is of another amount", code="line_amount_differs",
                line_fen=self.amount_fen, payment_fen=amount_fen,
            )  # fmt: skip
