"""Payments of premium (保费支付) and lines of bank accounts (银行流水), each reader's own."""

from __future__ import annotations

from typing import Annotated, Literal

from application.reading.asking import PAGES, TIMES, Answer, Asking, Question
from application.reading.filters import only
from application.reading.lists import page_of
from application.reading.rows import stood
from application.reading.shapes import Page, Row
from domain.payments import Direction, PaymentState
from domain.policy_shapes import SourceKind
from domain.shapes import (
    ApplicationName,
    BankLineName,
    CivilDate,
    Fen,
    Instant,
    PartyName,
    Pattern,
    PaymentName,
    PolicyName,
    SubsidyName,
)

PAYMENT = (
    "state", "policy", "payer", "payee", "requester", "source_kind", "subsidy", "line", "amount_fen", "return_due_fen",
    "returned_fen", "requested_at", "confirmed_at",
)  # fmt: skip
PAYMENT_FILTERS = ("state", "policy", "payer", "payee", "source_kind", "subsidy")
LINE_FILTERS = ("state", "direction", "seen_by", "payment")

Payer = Annotated[str, Pattern("^(party|fund):[0-9a-f-]{36}$")]
"""A party, or the maintenance fund that pays."""


class RegisteredPayment(Row):
    """A payment as it stood; of one from a maintenance fund that is the `payer`, and `application` is set.

    `amount_fen` is what was asked for, and once it arrived what came, which may be more. `return_due_fen` is all of it
    that was ever due back, of which `returned_fen` came.
    """

    payment: PaymentName
    state: PaymentState
    policy: PolicyName
    payer: Payer
    payee: PartyName
    requester: PartyName
    source_kind: SourceKind
    application: ApplicationName | None
    subsidy: SubsidyName | None
    line: BankLineName | None
    amount_fen: Fen
    return_due_fen: Fen
    returned_fen: Fen
    requested_at: Instant
    confirmed_at: Instant | None


class PaymentList(Page):
    """A page of payments."""

    effective_at: Instant
    payments: list[RegisteredPayment]


class RegisteredLine(Row):
    """A line of an account as it stood: `unused` until money was recorded by it; `on` is its day of value."""

    line: BankLineName
    state: Literal["unused", "used"]
    seen_by: PartyName
    direction: Direction
    amount_fen: Fen
    on: CivilDate
    payment: PaymentName | None


class LineList(Page):
    """A page of lines."""

    effective_at: Instant
    lines: list[RegisteredLine]


def listed(asking: Asking) -> Answer:
    """Answer GET /payments: those that the reader asked for, pays or is paid, or that a fund he reads pays."""
    page, following = page_of(asking, "payments", "payment.read", PAYMENT_FILTERS, effective=asking.effective)
    told = [
        {"payment": row["key"], "application": (row["application"] or "").partition("/")[2] or None,
         **stood(row, PAYMENT)}
        for row in page
    ]  # fmt: skip
    return asking.cited(effective_at=asking.effective, payments=told, next=following)


def lines(asking: Asking) -> Answer:
    """Answer GET /banklines: those that the reader noted; `unused` are those that no money was recorded by yet."""
    page, following = page_of(asking, "banklines", "bankline.read", LINE_FILTERS, effective=asking.effective)
    told = [
        {"line": row["key"], **stood(row, ("state", "seen_by", "direction", "amount_fen", "payment")),
         "on": row["value_on"]}
        for row in page
    ]  # fmt: skip
    return asking.cited(effective_at=asking.effective, lines=told, next=following)


QUESTIONS = (
    Question(
        "payment.list", "/payments", listed, PaymentList,
        (*only(RegisteredPayment, *PAYMENT_FILTERS), *TIMES, *PAGES),
        "Payments of premium", "保费支付清单",
    ),
    Question(
        "bankline.list", "/banklines", lines, LineList, (*only(RegisteredLine, *LINE_FILTERS), *TIMES, *PAGES),
        "Lines of bank accounts that one noted", "银行流水清单",
    ),
)  # fmt: skip
