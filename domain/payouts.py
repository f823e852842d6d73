"""What was paid on a claim (赔付、先予支付), payment by payment, and what of it the bank sent back (退汇).

A payment is named by the version of its claim that it was recorded at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Payout:
    """Money paid on a claim, `advance` before its decision; `returned_at` is when it came back."""

    amount_fen: int
    paid_at: str
    advance: bool
    returned_at: str | None = None

    @property
    def advanced_fen(self) -> int:
        """What of it was paid before the decision: all or nothing."""
        return self.amount_fen if self.advance else 0


Payouts = Mapping[int, Payout]
"""By the version of the claim."""


def standing(payouts: Payouts, version: int) -> Payout:
    """Give what was paid at a version; raises NotFound `payment_unknown`, Conflict `payment_returned`."""
    payout = payouts.get(version)
    if payout is None:
        raise NotFound("nothing was paid at this version", code="payment_unknown", versions=sorted(payouts))
    if payout.returned_at is not None:
        raise Conflict("this payment came back already", code="payment_returned", returned_at=payout.returned_at)
    return payout


def came_back(payouts: Payouts) -> bool:
    """Say whether anything that was paid ever came back."""
    return any(payout.returned_at is not None for payout in payouts.values())


def require_back(payouts: Iterable[Payout], paid_at: str, room_fen: int) -> None:
    """Raise Conflict `paid_before_return` where more than there is room for came back only after an instant.

    Until then it was out, beside what is said to have been paid at that instant.
    """
    late = [(p.returned_at, p.amount_fen) for p in payouts if p.returned_at is not None and p.returned_at > paid_at]
    if sum(fen for _, fen in late) > room_fen:
        returned_at = max(at for at, _ in late)
        raise Conflict(
            "what is paid anew had not come back yet", code="paid_before_return", returned_at=returned_at
        )  # fmt: skip
