"""Policies (保单) from quotation to end: quoted → proposed → premium received → issued (见费出单), endorsed, cancelled.

A policy knows the count, sum and root of its schedule, not its lines: those are covers on the lifts' streams. Each
change of an issued policy is a transaction with the day it holds from; the stack of them explains every amount, in the
order of recording (what was known then) and in the order of days (what is known now).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from domain.aggregate import Aggregate, Event
from domain.dues import at_most, spread
from domain.earning import Charged, charged_before, merged, stated
from domain.errors import Conflict
from domain.policy_shapes import FUND_SOURCES
from domain.policy_stack import NOTHING_STAGED, Staged, Transaction
from domain.receipts import Receipt, borne_after, held_by_source, over_by_source, released, split_change, within
from domain.time import Period

PENDING = frozenset({"drafted", "quoted", "proposed"})
"""States before issue."""


@dataclass
class Policy(Aggregate):
    """A policy, or the quotation it may become."""

    state: str = ""
    product: str = ""
    area: str = ""
    holder: str = ""
    interest: str = ""
    insurer: str = ""
    """The leading insurer (首席承保人): the only one, or the first of the co-insurers."""
    insurers: tuple[tuple[str, int], ...] = ()
    parts: tuple[Mapping[str, Any], ...] = ()
    limits: tuple[tuple[int, str, Mapping[str, int]], ...] = ()
    """(transaction number, day it holds from, PolicyLimits) in the order of recording."""
    from_date: str = ""
    to_date: str = ""
    drafted_fen: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    """What each source of money bears of the premium, endorsements counted in: they sum to the premium."""
    drafted_sources: Mapping[str, int] = field(default_factory=dict)
    """What each of them bears of the premium that the instalments divide."""
    drafted_left: Mapping[str, int] = field(default_factory=dict)
    """What of that endorsements left due; what they added has no day by which it is paid."""
    instalments: tuple[tuple[str, int], ...] = ()
    valid_until: str = ""
    ground: str | None = None
    agreement: str | None = None
    services: tuple[str, ...] = ()
    """The services it promises: in force on every day that the policy itself is."""
    staged: Staged = NOTHING_STAGED
    schedule_root: str | None = None
    proposal: str | None = None
    """The digest of the sealed proposal form, or the holder's own number of it, or the day it was proposed."""
    sealed_proposal: bool = False
    received: dict[str, int] = field(default_factory=dict)
    """All that ever came in by source, also what is due back or went back."""
    receipts: dict[str, Receipt] = field(default_factory=dict)
    """By payment: what came in, and what of it is held as premium."""
    paid: bool = False
    """Whether enough premium was received within the quotation's validity to issue the policy."""
    number: str | None = None
    stack: tuple[Transaction, ...] = ()
    charged: tuple[Charged, ...] = ()
    """What was charged for its certificates, summed by the days it is for."""
    cancelled_on: str | None = None
    earned: Mapping[str, int] | None = None
    """What each source bears of what the insurer earned, once the policy is cancelled or has lapsed."""

    class Drafted(Event):
        """The head of a quotation; `said` is a PolicyDraft, `found` {insurers, findings, pack}."""

        TOPIC = "policy.Drafted"

        def apply(self, aggregate: Policy) -> None:
            """Take over the head."""
            draft: Mapping[str, Any] = self.said or {}
            aggregate.state = "drafted"
            for name in ("product", "area", "holder", "interest", "from_date", "to_date", "valid_until"):
                setattr(aggregate, name, draft[name])
            aggregate.insurers = tuple((i["party"], i["share_bp"]) for i in self.found["insurers"])
            aggregate.insurer = aggregate.insurers[0][0]
            aggregate.parts = tuple(draft["parts"])
            aggregate.limits = ((0, draft["from_date"], draft["limits"]),)
            aggregate.drafted_fen = draft["premium_fen"]
            aggregate.sources = {source["kind"]: source["amount_fen"] for source in draft["sources"]}
            aggregate.drafted_sources = aggregate.drafted_left = dict(aggregate.sources)
            aggregate.instalments = tuple((i["due_on"], i["amount_fen"]) for i in draft.get("instalments", ()))
            aggregate.ground = draft.get("ground")
            aggregate.agreement = draft.get("agreement")
            aggregate.services = tuple(draft.get("services", ()))

    class LinesStaged(Event):
        """A group of lines was staged; `found` {count, premium_fen, parts, root, edge} is of all lines so far.

        `root` is the RFC 6962 root over the canonical `said` of each cover.Attached in order, `edge` what continues it.
        `charged` is what these lines charge, by its days; before schema 2 they are taken to be for the whole term.
        """

        TOPIC = "policy.LinesStaged"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that nobody kept for which days the lines charge."""
            state["found"]["charged"] = None

        def apply(self, aggregate: Policy) -> None:
            """Take over the sums."""
            found, staged = self.found, aggregate.staged
            fen, count = found["premium_fen"] - staged.premium_fen, found["count"] - staged.count
            rows = stated(found) or (Charged(aggregate.from_date, aggregate.to_date, fen, count),)
            aggregate.charged = merged((*aggregate.charged, *rows))
            aggregate.staged = Staged(
                found["count"], found["premium_fen"], tuple(sorted(found["parts"].items())), found["edge"]
            )

    class Quoted(Event):
        """The schedule is closed and the quotation stands; `found` {root, parts, findings, pack}."""

        TOPIC = "policy.Quoted"

        def apply(self, aggregate: Policy) -> None:
            """Close the schedule."""
            aggregate.state = "quoted"
            aggregate.schedule_root = self.found["root"]

    class Proposed(Event):
        """The holder proposed it (投保); `said` is a Proposal, `found.on` the day."""

        TOPIC = "policy.Proposed"

        def apply(self, aggregate: Policy) -> None:
            """Remember the proposal."""
            said: Mapping[str, Any] = self.said or {}
            aggregate.state = "proposed"
            aggregate.sealed_proposal = "document" in said
            aggregate.proposal = said.get("number") or said.get("document") or self.found["on"]

    class PremiumReceived(Event):
        """Money came for it: `found` {payment, source, amount_fen, received_fen, over_fen, complete}.

        `over_fen` is above what its source owed (once: all of them) and due back, all where none was taken.
        """

        TOPIC = "policy.PremiumReceived"

        def apply(self, aggregate: Policy) -> None:
            """Add it to what its source paid."""
            source, amount_fen = self.found["source"], self.found["amount_fen"]
            aggregate.received[source] = aggregate.received.get(source, 0) + amount_fen
            receipt = Receipt(source, amount_fen, amount_fen - self.found["over_fen"])
            all_of_them = {**aggregate.receipts, self.found["payment"]: receipt}
            aggregate.receipts = within(all_of_them, aggregate.sources, aggregate.premium_fen)
            aggregate.paid = aggregate.paid or self.found["complete"]

    class PremiumReturned(Event):
        """Premium that was held went back though nothing had released it: `found` {payment, amount_fen, complete}."""

        TOPIC = "policy.PremiumReturned"

        def apply(self, aggregate: Policy) -> None:
            """Hold so much less of it, at least nothing; a quotation no longer paid stands by its validity alone."""
            receipt = aggregate.receipts[self.found["payment"]]
            less = replace(receipt, held_fen=max(0, receipt.held_fen - self.found["amount_fen"]))
            aggregate.receipts = {**aggregate.receipts, self.found["payment"]: less}
            aggregate.paid = aggregate.paid and self.found["complete"]
            if aggregate.earned is not None:  # what the insurer gives back after the end it does not ask for again
                left_fen = aggregate.earned.get(receipt.source, 0) - self.found["amount_fen"]
                aggregate.earned = {**aggregate.earned, receipt.source: max(0, left_fen)}

    class Issued(Event):
        """The policy is issued, and with it every staged cover is in force; `said` is a PolicyIssue.

        The services of the draft are promised by the issue, so their plan is in force on the days the policy is (our
        reading of rule `targets.insurance_service`); orders and deliveries belong to `policy:/service-plan`.
        `found` {count, root, premium_fen, received_fen, ground, findings, pack}.
        """

        TOPIC = "policy.Issued"

        def apply(self, aggregate: Policy) -> None:
            """Begin the stack."""
            label = (self.said or {})["number"]
            aggregate.state = "issued"
            aggregate.number = label
            aggregate.stack = (
                Transaction(
                    1, "issued", aggregate.from_date, aggregate.staged.premium_fen, aggregate.staged.count, label
                ),
            )

    class Endorsed(Event):
        """The policy was endorsed (批改); `said` is an Endorsement, `found` {transaction, lifts, late, reapplied, …}.

        `found.sources` is what each source bears more or less from then on, `found.refunds` what is due back to it.
        Before schema 2 neither was worked out, and both follow from what the sources bore and had paid. `found.charged`
        is what it charges more or less, by its days; before schema 3 they are taken to run to the policy's end.
        """

        TOPIC = "policy.Endorsed"
        SCHEMA = 3

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that nobody worked out who bears the change."""
            state["found"] |= {"sources": None, "refunds": None}

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            """Say that nobody kept for which days it charges."""
            state["found"]["charged"] = None

        def apply(self, aggregate: Policy) -> None:
            """Put the transaction on the stack."""
            said: Mapping[str, Any] = self.said or {}
            number = self.found["transaction"]
            aggregate.stack = (
                *aggregate.stack,
                Transaction(
                    number, "endorsed", said["effective_on"], said["delta_fen"], self.found["lifts"], said["number"]
                ),
            )
            if "limits" in said:
                aggregate.limits = (*aggregate.limits, (number, said["effective_on"], said["limits"]))
            rows = stated(self.found)
            rows = charged_before(said, aggregate.to_date) if rows is None else rows
            aggregate.charged = merged((*aggregate.charged, *rows))
            shares, refunds = self.found.get("sources"), self.found.get("refunds")
            shares = split_change(said["delta_fen"], aggregate.sources) if shares is None else shares
            aggregate.sources = borne_after(aggregate.sources, shares)
            aggregate.drafted_left = at_most(aggregate.drafted_left, aggregate.sources)
            over = over_by_source(aggregate.held, aggregate.sources) if refunds is None else refunds
            aggregate.receipts = released(aggregate.receipts, over)

    class Cancelled(Event):
        """The policy ends on `said.effective_on`; `found` {transaction, refunds, owed, unearned_fen, findings}.

        `found.owed` is what each source still owes of what the insurer earned. Before schema 2 it was not worked out,
        and follows from `unearned_fen`, as if none of that had been kept.
        """

        TOPIC = "policy.Cancelled"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that nobody worked out what is still owed."""
            state["found"]["owed"] = None

        def apply(self, aggregate: Policy) -> None:
            """End it and book what goes back."""
            said, found = self.said or {}, self.found
            aggregate.state = "cancelled"
            owed = found.get("owed")
            if owed is None:
                owed = aggregate.owed_of(aggregate.premium_fen - found.get("unearned_fen", aggregate.premium_fen))
            aggregate.end("cancelled", said["effective_on"], found["refunds"], owed)

    class Lapsed(Event):
        """The proposal, or an instalment of the issued policy, was not paid in time (失效).

        `found` {on, refunds, owed, unearned_fen}: `on` is the first day it does not insure. What a proposal was paid in
        part is due back: nothing was insured for it. Of an issued policy the insurer keeps what it earned until then
        (保险法 54, 58). Before schema 2 nobody worked that out and nothing moved; it may lapse again, from its own day.
        """

        TOPIC = "policy.Lapsed"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that nobody worked out what was earned."""
            state["found"] |= {"refunds": None, "owed": None, "unearned_fen": None}

        def apply(self, aggregate: Policy) -> None:
            """End it; an issued one insured until then."""
            found, refunds = self.found, self.found.get("refunds")
            aggregate.state = "lapsed"
            if aggregate.number is None:
                aggregate.receipts = released(aggregate.receipts, aggregate.held)
            elif refunds is None:
                aggregate.cancelled_on = found["on"]
            else:
                aggregate.end("lapsed", found["on"], refunds, found["owed"])

    class Voided(Event):
        """The quotation is void (作废): nothing of it ever counted."""

        TOPIC = "policy.Voided"

        def apply(self, aggregate: Policy) -> None:
            """End it."""
            aggregate.state = "voided"
            aggregate.receipts = released(aggregate.receipts, aggregate.held)

    # ------------------------------------------------------------------------------------------------ amounts

    @property
    def period(self) -> Period:
        """The term (保险期间) as agreed, whatever ended it early."""
        return Period(self.from_date, self.to_date)

    @property
    def premium_fen(self) -> int:
        """What is due in all: the sum of the stack, before issue that of the draft; once it ended what was earned."""
        if self.earned is not None:
            return sum(self.earned.values())
        return sum(change.premium_fen for change in self.stack) if self.stack else self.drafted_fen

    @property
    def held(self) -> dict[str, int]:
        """What is held of each source's money as premium: received, and neither due back nor given back."""
        return held_by_source(self.receipts)

    @property
    def held_fen(self) -> int:
        """What is held as premium in all."""
        return sum(receipt.held_fen for receipt in self.receipts.values())

    @property
    def lifts(self) -> int:
        """How many certificates it has now."""
        return sum(change.lifts for change in self.stack) if self.stack else self.staged.count

    @property
    def part_codes(self) -> frozenset[str]:
        """The coverage parts it insures."""
        return frozenset(part["part"] for part in self.parts)

    @property
    def fund_paid(self) -> bool:
        """Whether any of its premium is expected from the owners' maintenance fund."""
        return not FUND_SOURCES.isdisjoint(self.sources)

    def due_fen(self, kind: str) -> int:
        """What a source still owes, never below zero: of the premium, or of what was earned once it has ended."""
        borne = self.sources if self.earned is None else self.earned
        return max(0, borne.get(kind, 0) - self.held.get(kind, 0))

    def owed_of(self, earned_fen: int) -> dict[str, int]:
        """Give by source what is still owed of what the insurer earned: all it holds is set off, whoever paid it."""
        return spread(earned_fen - self.held_fen, {kind: self.due_fen(kind) for kind in self.sources})

    def due_back_fen(self, payment: str) -> int:
        """What of a payment is or was due back by the policy's book."""
        receipt = self.receipts.get(payment)
        return 0 if receipt is None else receipt.amount_fen - receipt.held_fen

    def limits_on(self, on: str) -> Mapping[str, int]:
        """Give the policy's own limits (PolicyLimits) on a day, as known now."""
        held = [row for row in self.limits if row[1] <= on] or [self.limits[0]]
        return max(held, key=lambda row: (row[1], row[0]))[2]

    def end(self, kind: str, on: str, refunds: Mapping[str, int], owed: Mapping[str, int]) -> None:
        """End an issued policy on a day: what goes back is held no longer, what is held or owed besides is earned."""
        premium_fen = self.premium_fen
        self.cancelled_on = on
        self.receipts = released(self.receipts, refunds)
        held = self.held
        self.earned = {source: held.get(source, 0) + owed.get(source, 0) for source in {**held, **owed}}
        change = Transaction(len(self.stack) + 1, kind, on, self.premium_fen - premium_fen, -self.lifts)
        self.stack = (*self.stack, change)

    # ------------------------------------------------------------------------------------------------ states

    def valid(self, today: str) -> bool:
        """Say whether the quotation still stands: not past its validity, or paid within it."""
        return self.state in PENDING and (self.paid or today <= self.valid_until)

    def holds(self, days: Period, today: str) -> Period | None:
        """Give on which of some days its covers hold their lift × part × interest: issued, or validly quoted."""
        if self.number is None:
            return days if self.valid(today) else None
        ends_on = days.to_date if self.cancelled_on is None else min(days.to_date, self.cancelled_on)
        return Period(days.from_date, ends_on) if days.from_date < ends_on else None

    def in_force_on(self, on: str) -> bool:
        """Say whether it insures on a day: issued, within its term, not ended before."""
        if self.number is None or not self.period.contains(on):
            return False
        return self.cancelled_on is None or on < self.cancelled_on

    def require(self, *states: str) -> None:
        """Raise Conflict `policy_state` unless it is in one of the states."""
        if self.state not in states:
            raise Conflict(f"{self.id} is {self.state}", code="policy_state", state=self.state, needed=list(states))

    def require_valid(self, today: str) -> None:
        """Raise Conflict `quote_expired` when the quotation holds no longer."""
        if not self.valid(today):
            raise Conflict(
                f"{self.id} was valid until {self.valid_until}", code="quote_expired", until=self.valid_until
            )
