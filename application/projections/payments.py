"""Payments of premium, and the bank's lines that prove them: how each stood."""

from __future__ import annotations

from typing import Any, Final

from application.projections.base import Bitemporal, Column, LoggedEvent
from application.projections.registers import Notes, register_rows, registers
from domain.payments import Payment, SeenLine

PAYMENT_SUMS: Final = ("amount_fen", "return_due_fen", "returned_fen")
PAYMENT_TEXTS: Final = (
    "state", "policy", "payer", "payee", "source_kind", "application", "subsidy", "line", "requester", "requested_at",
    "confirmed_at",
)  # fmt: skip
PAYMENT: Final = (*PAYMENT_TEXTS, *PAYMENT_SUMS)
NOTED: Final = frozenset({"requester", "requested_at", "confirmed_at"})
"""Columns that the payment itself does not hold."""
LINE_TEXTS: Final = ("seen_by", "direction", "value_on", "payment", "state")
LINE: Final = (*LINE_TEXTS, "amount_fen")


def _paid(payment: Payment) -> Notes:
    told = {name: getattr(payment, name) for name in PAYMENT if name not in NOTED}
    return {**told, "amount_fen": payment.came_fen or payment.amount_fen}


def _note(event: LoggedEvent) -> Notes:
    match event.type:
        case Payment.Requested.TOPIC:
            return {"requester": event.party, "requested_at": event.effective_at}
        case Payment.Confirmed.TOPIC:
            return {"confirmed_at": event.effective_at}
        case _:
            return {}


PAYMENTS = Bitemporal(
    name="payments",
    version=2,
    columns=(*map(Column, PAYMENT_TEXTS), *(Column(name, "integer") for name in PAYMENT_SUMS)),
    evolve=registers(Payment, _paid, _note),
    rows=register_rows(PAYMENT),
)


def _seen(line: SeenLine) -> Notes:
    told: dict[str, Any] = {name: getattr(line, name) for name in ("seen_by", "direction", "payment", "amount_fen")}
    return {**told, "value_on": line.on, "state": "unused" if line.payment is None else "used"}


BANK_LINES = Bitemporal(
    name="banklines",
    version=1,
    columns=(*map(Column, LINE_TEXTS), Column("amount_fen", "integer")),
    evolve=registers(SeenLine, _seen, lambda _event: {}),
    rows=register_rows(LINE),
)
