"""Claims (理赔): notice → papers → assessment → approval or refusal → payment, one coverage part of one lift each.

Stream `lift:…/claim:<uuid4>`. Whatever is approved or advanced is taken out of the policy's limits in the same save;
paid ≤ authorised ≤ limits at all times, and an advance counts against the final amount (domain-model L10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict
from domain.payouts import Payout, require_back
from domain.time import civil_date, days_between

OPEN = frozenset({"notified", "assessed", "approved"})
"""States in which a claim may be decided on."""

SUFFERED = frozenset({"injured", "trapped", "employee"})
"""Roles of those whom the loss befell; dependants and whoever else claims are paid for one of them."""


@dataclass
class Claim(Aggregate):
    """One claim: what it is about, where it stands, and its money in fen."""

    part: str = ""
    interest: str = ""
    kind: str = ""
    loss_at: str = ""
    occurrence: str | None = None
    persons: tuple[str, ...] = ()
    """All that the notice names, whatever their role."""
    victims: tuple[str, ...] = ()
    """Those named whom the loss befell, each once."""
    trapped_seconds: int | None = None
    trapped_persons: int = 0
    notifier: str = ""
    insurer: str | None = None
    """Who was given notice, or whose cover was found at notice: may refuse also when nothing covers the loss."""
    policy: str | None = None
    """The policy that limits were taken from; set by the first reserve, advance or approval."""
    state: str = ""
    papers_on: str | None = None
    asked_on: str | None = None
    supplied_on: str | None = None
    agreed_on: str | None = None
    agreed_fen: int = 0
    """What was approved in all when they agreed: the ten days are for no more."""
    assessed_fen: int | None = None
    reserved_fen: int = 0
    approved_fen: int = 0
    advanced_fen: int = 0
    paid_fen: int = 0
    """What was paid, advances too, and did not come back."""
    payouts: dict[int, Payout] = field(default_factory=dict)
    """What was ever paid, by the version of the claim it was recorded at."""

    class Notified(Event):
        """A loss was notified; `said` is a ClaimNotice, `found` {cover, entrapment, findings, pack}."""

        TOPIC = "claim.Notified"

        def apply(self, aggregate: Claim) -> None:
            """Take over what it is about."""
            said = _said(self)
            for name in ("part", "interest", "kind", "loss_at"):
                setattr(aggregate, name, said[name])
            aggregate.occurrence = said.get("occurrence")
            aggregate.persons = persons_of(said)
            aggregate.victims = victims_of(said)
            trapped = self.found.get("entrapment") or {}
            aggregate.trapped_seconds = trapped.get("seconds")
            aggregate.trapped_persons = said.get("entrapment", {}).get("persons", 0)
            aggregate.notifier = self.author.party
            cover = self.found["cover"] or {}
            aggregate.insurer = cover.get("insurer") or said.get("insurer")
            aggregate.state = "notified"

    class Filed(Event):
        """The insurer received papers; `found.due` are the clocks they start."""

        TOPIC = "claim.Filed"

        def apply(self, aggregate: Claim) -> None:
            """The first papers start the clocks, those that were asked for end the pause."""
            said = _said(self)
            if aggregate.papers_on is None:
                aggregate.papers_on = said["received_on"]
            if said.get("supplement") and aggregate.asked_on is not None and aggregate.supplied_on is None:
                aggregate.supplied_on = said["received_on"]

    class SupplementAsked(Event):
        """The insurer asked for more papers; only the first request pauses the clock of 30 days (解释二 15)."""

        TOPIC = "claim.SupplementAsked"

        def apply(self, aggregate: Claim) -> None:
            """The first request counts."""
            if aggregate.asked_on is None:
                aggregate.asked_on = _said(self)["delivered_on"]

    class Assessed(Event):
        """The loss was assessed (定损)."""

        TOPIC = "claim.Assessed"

        def apply(self, aggregate: Claim) -> None:
            """The last assessment counts."""
            aggregate.assessed_fen = _said(self)["total_fen"]
            if aggregate.state == "notified":
                aggregate.state = "assessed"

    class ReserveSet(Event):
        """The claim holds so much of its limits."""

        TOPIC = "claim.ReserveSet"

        def apply(self, aggregate: Claim) -> None:
            """In place of what it held."""
            aggregate.reserved_fen = _said(self)["amount_fen"]
            aggregate.policy = self.found["policy"]

    class AdvancePaid(Event):
        """Money was paid before the decision; it counts against what will be approved."""

        TOPIC = "claim.AdvancePaid"

        def apply(self, aggregate: Claim) -> None:
            """Add it to what was paid."""
            aggregate.take(self.found["taken_fen"])
            aggregate.advanced_fen += _said(self)["amount_fen"]
            aggregate.pay_out(self, advance=True)
            aggregate.policy = self.found["policy"]

    class Approved(Event):
        """The insurer will pay `said.amount_fen`; `found.taken_fen` of it came newly out of the limits."""

        TOPIC = "claim.Approved"

        def apply(self, aggregate: Claim) -> None:
            """Add it to what was approved."""
            aggregate.take(self.found["taken_fen"])
            aggregate.approved_fen += _said(self)["amount_fen"]
            aggregate.policy = self.found["policy"]
            aggregate.state = "approved"

    class ApprovalReduced(Event):
        """Less is owed, as agreed with the claimant: `said.approved_fen` in all, `found.restored_fen` less than before.

        An approval that comes to nothing is none any more.
        """

        TOPIC = "claim.ApprovalReduced"

        def apply(self, aggregate: Claim) -> None:
            """Lower it; an agreement on what is still to be paid starts the clock (保险法 23), on nothing none runs."""
            said = _said(self)
            aggregate.approved_fen = min(aggregate.approved_fen, said["approved_fen"])
            aggregate.agreed_fen = min(aggregate.agreed_fen, aggregate.approved_fen)
            if aggregate.approved_fen:
                aggregate.agree(said["agreed_on"])
                return
            aggregate.agreed_on = None
            if aggregate.state == "approved":
                aggregate.state = aggregate.undecided

    class Refused(Event):
        """The insurer will not pay, with reasons."""

        TOPIC = "claim.Refused"

        def apply(self, aggregate: Claim) -> None:
            """It holds nothing any more."""
            aggregate.state = "refused"
            aggregate.reserved_fen = 0

    class Agreed(Event):
        """Insurer and claimant agreed: ten days to pay (保险法 23)."""

        TOPIC = "claim.Agreed"

        def apply(self, aggregate: Claim) -> None:
            """The first agreement starts the clock, and so does the next once that is performed."""
            aggregate.agree(_said(self)["agreed_on"])

    class Paid(Event):
        """Money was paid on the approval."""

        TOPIC = "claim.Paid"

        def apply(self, aggregate: Claim) -> None:
            """Add it."""
            aggregate.pay_out(self, advance=False)

    class PaymentReturned(Event):
        """The bank sent back what was paid at `said.paid_version`; `found` {amount_fen, restored_fen, findings}.

        What was approved is owed again (保险法 23), also where all was paid and the claim closed. An advance that came
        back was none, and what it alone took out of the limits, `restored_fen`, went back to them.
        """

        TOPIC = "claim.PaymentReturned"

        def apply(self, aggregate: Claim) -> None:
            """Take it off what was paid."""
            said = _said(self)
            payout = aggregate.payouts[said["paid_version"]]
            back = replace(payout, returned_at=said["returned_at"])
            aggregate.payouts = {**aggregate.payouts, said["paid_version"]: back}
            aggregate.paid_fen -= payout.amount_fen
            aggregate.advanced_fen -= payout.advanced_fen
            if aggregate.state == "closed" and aggregate.approved_fen > aggregate.paid_fen:
                aggregate.state = "approved"

    class Withdrawn(Event):
        """The claim was withdrawn (撤案)."""

        TOPIC = "claim.Withdrawn"

        def apply(self, aggregate: Claim) -> None:
            """It holds nothing any more."""
            aggregate.state = "withdrawn"
            aggregate.reserved_fen = 0

    class Closed(Event):
        """The claim was closed (结案)."""

        TOPIC = "claim.Closed"

        def apply(self, aggregate: Claim) -> None:
            """It holds nothing any more."""
            aggregate.state = "closed"
            aggregate.reserved_fen = 0

    class Reopened(Event):
        """The claim is looked at again (重开)."""

        TOPIC = "claim.Reopened"

        def apply(self, aggregate: Claim) -> None:
            """Back to where it stood by its money."""
            aggregate.state = "approved" if aggregate.approved_fen else aggregate.undecided

    # ------------------------------------------------------------------------------------------------ what it is

    @property
    def name(self) -> str:
        """The claim's own name, without its lift."""
        return self.id.rpartition("/")[2]

    @property
    def lift(self) -> str:
        """The lift whose chain it stands in."""
        return self.id.partition("/")[0]

    @property
    def loss_on(self) -> str:
        """The civil date of the loss in Asia/Shanghai."""
        return civil_date(self.loss_at)

    @property
    def undecided(self) -> str:
        """Its state while nothing of it is approved."""
        return "notified" if self.assessed_fen is None else "assessed"

    @property
    def authorised_fen(self) -> int:
        """What has been taken out of the limits: the approved amount, or the advances where those are more."""
        return max(self.approved_fen, self.advanced_fen)

    @property
    def held_fen(self) -> int:
        """What it has taken out of the limits, and what it holds of them."""
        return self.authorised_fen + self.reserved_fen

    @property
    def sufferers(self) -> frozenset[str]:
        """Those whom a limit for one person counts: the victims named, and as many more as the notice leaves unnamed.

        Of an entrapment all who were trapped count. Where no victim is named they count for other parts too, and one
        person at least; an unnamed one is nobody else's.
        """
        named = frozenset(self.victims)
        trapped = self.trapped_persons if self.part == "entrapment" or not named else 0
        return named | {f"{self.name}#{number}" for number in range(len(named), max(trapped, 1))}

    @property
    def paused_days(self) -> int | None:
        """Days for which the clock of 30 days stood still; None while the supplement is still wanted."""
        if self.asked_on is None:
            return 0
        return None if self.supplied_on is None else max(0, days_between(self.asked_on, self.supplied_on))

    @property
    def awaits_agreement(self) -> bool:
        """Whether something is to be paid for which no agreement runs: none was made, or what it was on is paid."""
        return self.approved_fen > self.paid_fen and (self.agreed_on is None or self.paid_fen >= self.agreed_fen)

    def agree(self, on: str) -> None:
        """Start the clock on all that is approved, unless an agreement runs already."""
        if self.awaits_agreement:
            self.agreed_on, self.agreed_fen = on, self.approved_fen

    def pay_out(self, event: Event, *, advance: bool) -> None:
        """Count money that an event says was paid."""
        said = _said(event)
        self.paid_fen += said["amount_fen"]
        payout = Payout(said["amount_fen"], said["paid_at"], advance)
        self.payouts = {**self.payouts, event.originator_version: payout}

    def take(self, taken_fen: int) -> None:
        """Diminish what is held by what was taken out of it, as the limit does."""
        self.reserved_fen = max(0, self.reserved_fen - taken_fen)

    # ------------------------------------------------------------------------------------------------ decisions

    def require(self, *states: str) -> None:
        """Raise Conflict `claim_state` unless it is in one of the states."""
        if self.state not in states:
            raise Conflict(f"{self.name} is {self.state}", code="claim_state", state=self.state, needed=sorted(states))

    def approval_fen(self, amount_fen: int, *, further: bool) -> int:
        """Give what an approval newly takes out of the limits: advances were taken when paid.

        Raises Conflict `approved_already` for a second approval that does not say it adds to the first.
        """
        if self.approved_fen and not further:
            raise Conflict("approved already; a difference is added with further", code="approved_already")
        return max(0, self.approved_fen + amount_fen - self.authorised_fen)

    def advance_fen(self, amount_fen: int, paid_at: str) -> int:
        """Give what an advance newly takes out of the limits.

        Raises Conflict `approved_already` after approval, `paid_before_return` beside what was paid on one of before.
        """
        if self.approved_fen:
            raise Conflict("approved already: this is a payment, no advance", code="approved_already")
        require_back((payout for payout in self.payouts.values() if not payout.advance), paid_at, 0)
        return amount_fen

    def reduction_fen(self, approved_fen: int) -> int:
        """Give what goes back to the limits when so much is approved in all; what was paid and advanced stays.

        Raises Conflict `approval_not_lower`, and `paid_already` below what was paid.
        """
        if approved_fen >= self.approved_fen:
            raise Conflict(
                "no less than was approved", code="approval_not_lower",
                approved_fen=self.approved_fen, asked_fen=approved_fen,
            )  # fmt: skip
        if approved_fen < self.paid_fen:
            raise Conflict("more was paid on it already", code="paid_already", paid_fen=self.paid_fen)
        return self.approved_fen - approved_fen

    def return_fen(self, payout: Payout) -> int:
        """Give what goes back to the limits when a payment came back: what it alone took, as an advance."""
        return self.authorised_fen - max(self.approved_fen, self.advanced_fen - payout.advanced_fen)

    def require_payable(self, amount_fen: int, paid_at: str) -> None:
        """Raise Conflict `over_approved` when so much more would exceed what was approved.

        And `paid_before_return` when it did so at the instant it was paid: what it pays anew had not come back yet.
        """
        left_fen = max(0, self.approved_fen - self.paid_fen)
        if amount_fen > left_fen:
            raise Conflict(
                "more than was approved and is not yet paid", code="over_approved",
                approved_fen=self.approved_fen, paid_fen=self.paid_fen, left_fen=left_fen,
            )  # fmt: skip
        require_back(self.payouts.values(), paid_at, left_fen - amount_fen)


def persons_of(notice: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the persons that a notice names: by `person`, else by the sealed name's own."""
    named = (_person(claimant) for claimant in notice.get("claimants", ()))
    return tuple(person for person in named if person is not None)


def victims_of(notice: Mapping[str, Any]) -> tuple[str, ...]:
    """Give those whom the loss befell, each once: injured, trapped, employees, and owners of damaged property."""
    roles = SUFFERED | {"owner"} if notice["part"] == "third_party_property" else SUFFERED
    named = (_person(claimant) for claimant in notice.get("claimants", ()) if claimant["role"] in roles)
    return tuple(dict.fromkeys(person for person in named if person is not None))


def _person(claimant: Mapping[str, Any]) -> str | None:
    name = claimant.get("name")
    return claimant.get("person") or (name.get("of") if isinstance(name, Mapping) else None)


def claim_stream(lift: str, claim: str) -> str:
    """Name a claim's stream under its lift."""
    return f"{lift}/{claim}"


def _said(event: Event) -> Mapping[str, Any]:
    return event.said or {}
