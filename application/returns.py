"""Premium that is due back (应退保费): what a policy no longer holds is told on the payments it came by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from application.actions import Writes
from application.saves import EVENTS_PER_SAVE_MAX
from application.work import Work
from domain.aggregate import Because
from domain.payments import Payment
from domain.policies import Policy
from domain.receipts import Receipt

RETURN_DUE = Writes("payment.ReturnDue", "payment:", derived=True)
"""The row for every action that calls `tell_returns`."""

RETURNS_PER_SAVE: Final = 40
"""Payments told in the save of an endorsement, beside its covers and limits; what is due back of further ones stands in
the policy's book, and is returned by it."""
RETURNS_AT_END: Final = EVENTS_PER_SAVE_MAX - 10
"""Payments told in the save that ends a policy, which holds nothing else."""


def tell_returns(work: Work, policy: Policy, before: Mapping[str, Receipt], cause: Because, why: str) -> None:
    """Record on each payment what of it is due back since `before`, in the save of the event that released it (C3).

    What the owners' fund paid is left to its application: it posted a premium, and posts the refund to its houses
    (`application.claim_refund`, MF12).
    """
    less = {name: was.held_fen - policy.receipts[name].held_fen for name, was in before.items()}
    most = RETURNS_PER_SAVE if policy.state == "issued" else RETURNS_AT_END
    for name in [name for name, fen in less.items() if fen][:most]:
        if work.read(Payment, name).application is None:
            work.change(Payment, name).record(Payment.ReturnDue, cause, {"amount_fen": less[name], "why": why})


def open_return_fen(work: Work, payment: Payment) -> int:
    """Give what is still to come back of a payment: by its own stream, and by the book of the policy it was matched to.

    The book may know of more: policies ended before returns were told on payments, or had too many of them for a save.
    """
    if payment.application is not None:
        return payment.open_fen
    booked_fen = work.read(Policy, payment.policy).due_back_fen(payment.id) - payment.returned_fen
    return max(payment.open_fen, booked_fen)


def other_returns(work: Work, payment: Payment) -> Iterator[tuple[Payment, int]]:
    """Yield the payer's other payments of the same policy of which something is still to come back, and how much."""
    for name in work.read(Policy, payment.policy).receipts:
        other = work.read(Payment, name)
        if name != payment.id and other.payer == payment.payer and other.application is None:
            open_fen = open_return_fen(work, other)
            if open_fen > 0:
                yield other, open_fen
