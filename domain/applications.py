"""Applications to pay a premium from the fund (使用申请), from filing to payment.

An application names the policy by its proposal, since no policy is issued before its premium is received
(金发〔2025〕36号 art. 7). What the housing bureau checks stands in `domain.fund_checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, NotRequired

from annotated_types import Ge, Len
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict
from domain.fund_shapes import FundSource
from domain.shapes import (
    ApplicationName,
    BankLineName,
    Code,
    Count,
    Digest,
    Fen,
    PartyName,
    PaymentName,
    PlanName,
    PolicyName,
    Source,
    VoteName,
    strict,
)

PAPERS_MAX: Final = 30
REASONS_MAX: Final = 20
CHARGES_PER_GROUP: Final = 240
"""Houses that one save stages; with the application's own event it stays below 250."""

State = Literal["filed", "approved", "refused", "ordered", "paid", "voided", "return_due"]


@strict
class FiledPaper(TypedDict):
    """A paper handed in (申请材料), by kind and digest."""

    kind: Code
    digest: Digest


@strict
class ApplicationFiling(TypedDict):
    """An application: policy, plan, vote, and the amount that the scope's houses share by area.

    `emergency` is the ground of the emergency route (应急使用, 管理办法 24), which goes without a vote and asks for
    later papers.
    """

    id: ApplicationName
    policy: PolicyName
    plan: PlanName
    vote: NotRequired[VoteName]
    pays_from: FundSource
    amount_fen: Annotated[Fen, Ge(1)]
    emergency: NotRequired[Code]
    papers: NotRequired[Annotated[list[FiledPaper], Len(0, PAPERS_MAX)]]
    source: NotRequired[Source]


@strict
class ApplicationCheck(TypedDict):
    """The bureau asks for the checks as of now."""


@strict
class ApplicationApproval(TypedDict):
    """The housing bureau approves so much from the fund: what the sub-accounts that can bear their share come to."""

    fund_share_fen: Annotated[Fen, Ge(1)]


@strict
class ApplicationRefusal(TypedDict):
    """Why the bureau refuses."""

    reasons: Annotated[list[Code], Len(1, REASONS_MAX)]


@strict
class ApplicationVoiding(TypedDict):
    """Why the application is given up."""

    reason: Code


@strict
class ChargesStaging(TypedDict):
    """Stage the shares of the next houses, in the order of their names; `group` counts from 1."""

    group: Annotated[Count, Ge(1)]


@strict
class PaymentOrder(TypedDict):
    """Pay the approved share to the insurer; `line` is the bank's line when it has paid already."""

    payment: PaymentName
    payee: PartyName
    amount_fen: Annotated[Fen, Ge(1)]
    line: NotRequired[BankLineName]


@strict
class RefundClaim(TypedDict):
    """Premium is due back from the insurer, since the policy was cancelled or endorsed (退费)."""

    amount_fen: Annotated[Fen, Ge(1)]
    reason: Code


@strict
class RefundReceipt(TypedDict):
    """Premium came back from the insurer by a bank line (退保退费)."""

    payment: PaymentName
    amount_fen: Annotated[Fen, Ge(1)]
    line: BankLineName


@strict
class RefundsStaging(TypedDict):
    """Stage the refunds of the next houses, in the order of their names; `group` counts from 1."""

    payment: PaymentName
    group: Annotated[Count, Ge(1)]


@dataclass
class Application(Aggregate):
    """An application; what its reservation is stands in the fund, which a timer may void."""

    ORDERED = True

    state: State = "filed"
    filer: str = ""
    policy: str = ""
    plan: str = ""
    vote: str | None = None
    emergency: str | None = None
    pays_from: FundSource = "fund_principal"
    amount_fen: int = 0
    filed_on: str = ""
    approved_on: str = ""
    fund_share_fen: int = 0
    groups: int = 0
    staged_groups: int = 0
    staged_fen: int = 0
    payment: str | None = None
    refund_due_fen: int = 0
    refunded_fen: int = 0
    refund_groups: Mapping[str, int] | None = None

    class Filed(Event):
        """It was handed in; `said` is an ApplicationFiling, `found {findings, fund_share_fen, owed_fen, on, pack}`."""

        TOPIC = "application.Filed"

        def apply(self, aggregate: Application) -> None:
            """Take it over."""
            said: Mapping[str, Any] = self.said or {}
            aggregate.filer = self.author.party
            for member in ("policy", "plan", "vote", "pays_from", "amount_fen", "emergency"):
                setattr(aggregate, member, said.get(member))
            aggregate.filed_on = self.found["on"]

    class Checked(Event):
        """The bureau's checks as of a day, `found {findings, verdict, on, pack}`."""

        TOPIC = "application.Checked"

    class Approved(Event):
        """The bureau approved; `said` is an ApplicationApproval, `found {findings, owed_fen, owed_houses, groups}`."""

        TOPIC = "application.Approved"

        def apply(self, aggregate: Application) -> None:
            """Keep share, day and the number of groups to stage."""
            aggregate.state = "approved"
            aggregate.fund_share_fen = (self.said or {})["fund_share_fen"]
            aggregate.approved_on = self.found["on"]
            aggregate.groups = self.found["groups"]

    class Refused(Event):
        """The bureau refused; `said` is an ApplicationRefusal."""

        TOPIC = "application.Refused"

        def apply(self, aggregate: Application) -> None:
            """It ends here."""
            aggregate.state = "refused"

    class Voided(Event):
        """It was given up; `said` is an ApplicationVoiding."""

        TOPIC = "application.Voided"

        def apply(self, aggregate: Application) -> None:
            """It ends here, unless the bank has paid."""
            aggregate.state = "voided"

    class ChargesStaged(Event):
        """A group of shares was staged on the houses; `found {count, first, last, amount_fen, total_fen, root}`."""

        TOPIC = "application.ChargesStaged"

        def apply(self, aggregate: Application) -> None:
            """Count it."""
            aggregate.staged_groups = (self.said or {})["group"]
            aggregate.staged_fen = self.found["total_fen"]

    class PaymentOrdered(Event):
        """The payment was ordered; `said` is a PaymentOrder."""

        TOPIC = "application.PaymentOrdered"

        def apply(self, aggregate: Application) -> None:
            """Money is under way."""
            aggregate.state = "ordered"
            aggregate.payment = (self.said or {})["payment"]

    class PaymentFailed(Event):
        """The bank could not pay: it may be ordered again."""

        TOPIC = "application.PaymentFailed"

        def apply(self, aggregate: Application) -> None:
            """No money is under way, whatever else happened to the application."""
            if aggregate.state == "ordered":
                aggregate.state = "approved"
            aggregate.payment = None

    class Paid(Event):
        """The fund paid the insurer, `found {payment, line, amount_fen}`."""

        TOPIC = "application.Paid"

        def apply(self, aggregate: Application) -> None:
            """It is done; by a payment noted as failed, too, if the money had left all the same."""
            aggregate.state = "paid"
            aggregate.payment = self.found["payment"]

    class ReturnDue(Event):
        """The bank paid though nothing was reserved any more: the money is due back, `found {payment, amount_fen}`."""

        TOPIC = "application.ReturnDue"

        def apply(self, aggregate: Application) -> None:
            """Wait for it, unless another payment took the place of this one, which was noted as failed."""
            if aggregate.payment in {None, self.found["payment"]}:
                aggregate.state = "return_due"
                aggregate.payment = self.found["payment"]

    class RefundDue(Event):
        """Premium paid from the fund is due back to its houses; `said` is a RefundClaim (domain-model C3, MF12)."""

        TOPIC = "application.RefundDue"

        def apply(self, aggregate: Application) -> None:
            """Add it."""
            aggregate.refund_due_fen += (self.said or {})["amount_fen"]

    class RefundReceived(Event):
        """Premium came back; `said` is a RefundReceipt, `found {open_fen}`, with findings when it was not due."""

        TOPIC = "application.RefundReceived"

        def apply(self, aggregate: Application) -> None:
            """Add it."""
            said: Mapping[str, Any] = self.said or {}
            aggregate.refunded_fen += said["amount_fen"]
            aggregate.refund_groups = {**(aggregate.refund_groups or {}), said["payment"]: 0}

    class RefundsStaged(Event):
        """A group of refunds was noted on the houses; `found {count, amount_fen}`."""

        TOPIC = "application.RefundsStaged"

        def apply(self, aggregate: Application) -> None:
            """Count it."""
            said: Mapping[str, Any] = self.said or {}
            aggregate.refund_groups = {**(aggregate.refund_groups or {}), said["payment"]: said["group"]}

    @property
    def under_way_fen(self) -> int:
        """What the bank was told to pay and has neither paid nor failed to pay, also if it was given up since (C3)."""
        return self.fund_share_fen if self.payment is not None and self.state in {"ordered", "voided"} else 0

    def require(self, *states: State) -> None:
        """Raise Conflict `paid_twice` when it was paid or ordered already, else `application_<state>`."""
        if self.state in states:
            return
        if self.state in {"ordered", "paid", "return_due"}:
            raise Conflict("this application is paid already", code="paid_twice", application=self.id, state=self.state)
        if self.state == "filed":
            raise Conflict("the housing bureau has not approved this", code="not_approved", application=self.id)
        raise Conflict(f"the application was {self.state}", code=f"application_{self.state}", application=self.id)
