"""A claim as a clerk keeps it: what it is about, and its money by the acts that were accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.naive_policies import Deal


@dataclass
class Loss:
    """A claim: what its notice said, and its money as the acts accepted come to."""

    lift: str
    on: int
    at: str
    part: str
    interest: str
    notifier: str
    told: str | None = None
    """Whose cover was found at the notice."""
    state: str = "notified"
    deal: Deal | None = None
    reserved: int = 0
    approved: int = 0
    advanced: int = 0
    paid: int = 0
    payouts: dict[int, tuple[int, bool]] = field(default_factory=dict)
    """By the version they were recorded at what was paid and did not come back, and whether in advance."""

    @property
    def used(self) -> int:
        """What it took of the limits."""
        return max(self.approved, self.advanced)

    @property
    def held(self) -> int:
        """What it took and holds."""
        return self.used + self.reserved

    def again(self) -> str:
        """Say where it stands by its money."""
        return "approved" if self.approved else "notified"

    def settle(self, act: str, fen: int, version: int) -> set[str]:
        """Do what takes nothing of the limits; gives why it cannot be. `version` is the payment's."""
        wanted = {
            "pay": {"approved"}, "reduce": {"approved"}, "refuse": {"notified"}, "withdraw": {"notified"},
            "close": {"approved", "refused", "withdrawn"}, "reopen": {"closed", "refused", "withdrawn"},
        }.get(act, {self.state})  # fmt: skip
        whys = set[str]() if self.state in wanted else {"claim_state"}
        if act == "pay":
            whys |= {"over_approved"} if fen > max(0, self.approved - self.paid) else set()
            self.paid += fen
            self.payouts[version] = (fen, False)
        elif act == "return":
            whys |= set() if version in self.payouts else {"payment_unknown", "payment_returned"}
            back, in_advance = self.payouts.pop(version, (0, False))
            self.paid -= back
            self.advanced -= back if in_advance else 0
            reopened = self.state == "closed" and self.approved > self.paid
            self.state = "approved" if reopened else self.state
        elif act == "reduce":
            whys |= {"approval_not_lower"} if fen >= self.approved else set()
            whys |= {"paid_already"} if fen < self.paid else set()
            self.approved = fen
            self.state = self.again()
        elif act == "reopen":
            self.state = self.again()
        else:
            whys |= {"paid_already"} if act == "withdraw" and self.paid else set()
            whys |= {"unpaid"} if act == "close" and self.approved > self.paid else set()
            self.state, self.reserved = {"refuse": "refused", "withdraw": "withdrawn", "close": "closed"}[act], 0
        return whys
