"""Public subsidies of premiums (财政补贴) by programme: claimed, granted, paid, returned, clawed back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired

from annotated_types import Ge
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict
from domain.receipts import SUBSIDY_KINDS
from domain.shapes import AreaCode, Code, Digest, Fen, PolicyName, Source, SubsidyName, strict


@strict
class SubsidyClaim(TypedDict):
    """A claim for a subsidy of one policy's premium under a programme."""

    id: SubsidyName
    programme: Code
    area: AreaCode
    policy: PolicyName
    amount_fen: Annotated[Fen, Ge(1)]
    source: NotRequired[Source]


@strict
class SubsidyGrant(TypedDict):
    """The finance bureau grants so much, by a document."""

    amount_fen: Annotated[Fen, Ge(1)]
    document: NotRequired[Digest]


@strict
class SubsidyClawback(TypedDict):
    """So much is asked back (追回), and why."""

    amount_fen: Annotated[Fen, Ge(1)]
    reason: Code


@dataclass
class Subsidy(Aggregate):
    """A subsidy of one policy."""

    ORDERED = True

    state: str = "claimed"
    programme: str = ""
    area: str = ""
    policy: str = ""
    claimed_fen: int = 0
    granted_fen: int = 0
    paid_fen: int = 0
    """What was paid of it and did not come back; `paid_by` is of which payments."""
    paid_by: Mapping[str, int] = field(default_factory=dict)
    clawed_back_fen: int = 0
    """What was ever asked back; `settled_fen` is what of that came back."""
    settled_fen: int = 0

    class Claimed(Event):
        """It was asked for; `said` is a SubsidyClaim."""

        TOPIC = "subsidy.Claimed"

        def apply(self, aggregate: Subsidy) -> None:
            """Take it over."""
            said: Mapping[str, Any] = self.said or {}
            aggregate.programme, aggregate.area, aggregate.policy = said["programme"], said["area"], said["policy"]
            aggregate.claimed_fen = said["amount_fen"]

    class Granted(Event):
        """It was granted; `said` is a SubsidyGrant."""

        TOPIC = "subsidy.Granted"

        def apply(self, aggregate: Subsidy) -> None:
            """Keep the amount."""
            aggregate.state = "granted"
            aggregate.granted_fen = (self.said or {})["amount_fen"]

    class Paid(Event):
        """A payment of it was confirmed, `found {payment, amount_fen}`."""

        TOPIC = "subsidy.Paid"

        def apply(self, aggregate: Subsidy) -> None:
            """Add it."""
            payment, fen = self.found["payment"], self.found["amount_fen"]
            aggregate.state = "paid"
            aggregate.paid_fen += fen
            aggregate.paid_by = {**aggregate.paid_by, payment: aggregate.paid_by.get(payment, 0) + fen}

    class Returned(Event):
        """Money of it came back with a payment (退回), `found {payment, amount_fen}`."""

        TOPIC = "subsidy.Returned"

        def apply(self, aggregate: Subsidy) -> None:
            """It is paid no longer; what was asked back before is settled by it."""
            payment, fen = self.found["payment"], self.found["amount_fen"]
            aggregate.settled_fen += min(fen, aggregate.asked_fen)
            aggregate.paid_fen -= fen
            aggregate.paid_by = {**aggregate.paid_by, payment: aggregate.paid_by[payment] - fen}

    class ClawedBack(Event):
        """It is asked back; `said` is a SubsidyClawback."""

        TOPIC = "subsidy.ClawedBack"

        def apply(self, aggregate: Subsidy) -> None:
            """Add it."""
            aggregate.clawed_back_fen += (self.said or {})["amount_fen"]

    @property
    def payable_fen(self) -> int:
        """What of the grant is not paid yet, or no longer; what was asked back and came back is granted no more."""
        return max(0, self.granted_fen - self.paid_fen - self.settled_fen)

    @property
    def standing_fen(self) -> int:
        """What was granted and not asked back."""
        return max(0, self.granted_fen - self.clawed_back_fen)

    @property
    def asked_fen(self) -> int:
        """What was asked back and has not come back by the payments it was paid with."""
        return self.clawed_back_fen - self.settled_fen

    def back_fen(self, payment: str, out_fen: int) -> int:
        """Give what has come back of what a payment paid of it, when `out_fen` of the payment is still out."""
        return max(0, self.paid_by.get(payment, 0) - out_fen)

    def require_grantable(self, amount_fen: int) -> None:
        """Raise Conflict `granted_already` or `above_claim`."""
        if self.state != "claimed":
            raise Conflict("the subsidy was granted already", code="granted_already", subsidy=self.id)
        if amount_fen > self.claimed_fen:
            raise Conflict("no more is granted than was claimed", code="above_claim", claimed_fen=self.claimed_fen)

    def require_of(self, policy: str) -> None:
        """Raise Conflict `subsidy_of_other_policy`."""
        if policy != self.policy:
            raise Conflict("the subsidy is for another policy", code="subsidy_of_other_policy", subsidy=self.id)

    def require_payable(self, policy: str, source_kind: str, amount_fen: int) -> None:
        """Raise Conflict `subsidy_of_other_policy`, `subsidy_kind` or `above_grant`.

        A subsidy is fiscal money and booked as such: its part does not count as premium received (rule PB01.receipts).
        """
        self.require_of(policy)
        if source_kind not in SUBSIDY_KINDS:
            raise Conflict("a subsidy is paid as one", code="subsidy_kind", needed=sorted(SUBSIDY_KINDS))
        if amount_fen > self.payable_fen:
            raise Conflict("no more is paid than was granted", code="above_grant", granted_fen=self.granted_fen)

    def require_returnable(self, amount_fen: int) -> None:
        """Raise Conflict `above_paid`: what came back, or was asked back already, is not asked back again."""
        if self.asked_fen + amount_fen > self.paid_fen:
            raise Conflict("no more comes back than was paid", code="above_paid", paid_fen=self.paid_fen)
