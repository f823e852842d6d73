"""Policies: quotation, proposal, premium, issue, and the ends (cancellation, lapse, voiding).

The lines of a schedule are in `application.covers`, endorsements in `application.endorsements`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from application.actions import Action, Writes
from application.covers import cover_in_force, covers_in_force, schedule_root
from application.returns import RETURN_DUE, tell_returns
from application.ruling import ruling
from application.schemes import pack_in_force
from application.work import Work
from domain.aggregate import Because, Statement
from domain.errors import Conflict, Invalid
from domain.parties import Party
from domain.policies import PENDING, Policy
from domain.policy_amounts import overdue_fen
from domain.policy_checks import (
    check_draft,
    check_inception,
    check_premium_first,
    check_shares,
    check_subsidised,
    enough_received,
)
from domain.policy_ends import check_refund, settled_by_lapse
from domain.policy_shapes import Cancellation, PolicyDraft, PolicyEnding, PolicyIssue, Proposal, ScheduleClosing
from domain.products import Product
from domain.receipts import SUBSIDY_KINDS
from domain.subsidies import Subsidy
from domain.time import add_days

Path = Mapping[str, str]

PREMIUM_WRITES = (Writes("policy.PremiumReceived", "policy:", derived=True),)
"""Rows for every action that calls `receive_premium` or `decline_premium`."""
RETURN_WRITES = (Writes("policy.PremiumReturned", "policy:", derived=True),)
"""Rows for every action that calls `return_premium`."""


def draft(work: Work, statement: Statement, _path: Path) -> None:
    """Begin a quotation: its head, before the lines."""
    said = statement.said
    product = work.read(Product, said["product"])
    work.allow("policy.draft", self=product.insurer == work.author.party)
    product.require_on_sale(work.today)
    insurers = said.get("insurers", [{"party": product.insurer, "share_bp": 10_000}])
    check_shares(insurers, product.insurer)
    for insurer in insurers:
        if work.read(Party, insurer["party"]).kind != "insurer":
            raise Invalid("a co-insurer is an insurer", code="not_insurer", party=insurer["party"])
    if said["holder"] in {insurer["party"] for insurer in insurers}:
        raise Invalid("nobody insures himself", code="holder_insures", party=said["holder"])
    work.read(Party, said["holder"])
    pack, ref = pack_in_force(work, said["area"], said["from_date"])
    findings = check_draft(pack, product, said, work.today)
    policy = work.new(Policy, said["id"])
    work.source(said, "policy", policy.id)
    facts = {"insurers": insurers, "findings": findings, "pack": ref.as_json()}
    policy.record(Policy.Drafted, statement, facts)


def quote(work: Work, statement: Statement, path: Path) -> None:
    """Close the schedule: its lines must sum to the head, in all and by part; the quotation stands."""
    policy = _own(work, path, "policy.quote")
    policy.require("drafted")
    policy.require_valid(work.today)
    said, staged = statement.said, policy.staged
    drafted = {part["part"]: part["premium_fen"] for part in policy.parts}
    differing = [part for part, fen in drafted.items() if dict(staged.parts).get(part, 0) != fen]
    same = said["count"] == staged.count and said["premium_fen"] == staged.premium_fen == policy.drafted_fen
    if not same or differing or not staged.count:
        raise Conflict(
            "the staged lines do not come to what is quoted", code="schedule_mismatch", count=staged.count,
            premium_fen=staged.premium_fen, drafted_fen=policy.drafted_fen, parts=sorted(differing),
        )  # fmt: skip
    _, ref = pack_in_force(work, policy.area, policy.from_date)
    facts = {"root": schedule_root(policy), "parts": dict(staged.parts), "pack": ref.as_json()}
    policy.record(Policy.Quoted, statement, facts)


def propose(work: Work, statement: Statement, path: Path) -> None:
    """Propose the quoted policy, by its holder or whom he mandated."""
    policy = work.change(Policy, path["policy"])
    work.allow("policy.propose", {"holder": policy.holder})
    policy.require("quoted")
    policy.require_valid(work.today)
    work.source(statement.said, "proposal", policy.id)
    policy.record(Policy.Proposed, statement, {"on": work.today})


@dataclass(frozen=True, slots=True)
class PremiumReceipt:
    """What a receipt of premium came to: `over_fen` is to be returned; when `complete`, the policy may be issued."""

    because: Because
    over_fen: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """Money that came for a policy: which payment, of which source, how much, and the bank's day of value (起息日)."""

    payment: str
    source: str
    amount_fen: int
    on: str


def takes_premium(policy: Policy, source_kind: str, on: str) -> bool:
    """Say whether a policy takes premium of a source that arrives, or arrived, on a day.

    Issued, or proposed and its quotation valid on that day; once it ended, as long as the source owes of what the
    insurer earned.
    """
    if policy.earned is not None:
        return policy.due_fen(source_kind) > 0
    return policy.state == "issued" or (policy.state == "proposed" and policy.valid(on))


def require_taking(policy: Policy, source_kind: str, on: str) -> None:
    """Raise Conflict `policy_state` or `quote_expired` when a policy takes no premium of a source on a day."""
    if not takes_premium(policy, source_kind, on):
        policy.require("proposed", "issued")
        policy.require_valid(on)


def receive_premium(
    work: Work, policy_name: str, cause: Because, arrival: Arrival, at_most_fen: int | None = None
) -> PremiumReceipt:
    """Book premium that a payment was matched to, in the same save as its event (`cause`).

    Raises Conflict `policy_state` before the proposal and after the end, unless what was earned is owed still, and
    `quote_expired` where it arrived past the validity of a quotation not yet paid: such money is to be returned. More
    than its source owes, or than `at_most_fen`, is booked, and told as `over_fen` (C4): one source's money never
    settles what another owes.
    """
    policy = work.change(Policy, policy_name)
    source, amount_fen = arrival.source, arrival.amount_fen
    require_taking(policy, source, arrival.on)
    if amount_fen <= 0:
        raise Invalid("an amount received is positive", code="amount_not_positive")
    pack, _ = pack_in_force(work, policy.area, work.today)
    held_fen = min(amount_fen, policy.due_fen(source), amount_fen if at_most_fen is None else at_most_fen)
    held = {**policy.held, source: policy.held.get(source, 0) + held_fen}
    over_fen = amount_fen - held_fen
    complete = enough_received(pack, policy, held, work.today)
    because = _book(policy, cause, arrival, {"over_fen": over_fen, "complete": complete})
    return PremiumReceipt(because, over_fen, complete)


def decline_premium(work: Work, policy_name: str, cause: Because, arrival: Arrival) -> None:
    """Book money that the policy takes nothing of: all of it is due back, and its payer's other money with it."""
    policy = work.change(Policy, policy_name)
    _book(policy, cause, arrival, {"over_fen": arrival.amount_fen, "complete": False})


def _book(policy: Policy, cause: Because, arrival: Arrival, found: Mapping[str, int | bool]) -> Because:
    return policy.record(
        Policy.PremiumReceived, cause,
        {
            "payment": arrival.payment, "source": arrival.source, "amount_fen": arrival.amount_fen,
            "received_fen": sum(policy.received.values()) + arrival.amount_fen, **found,
        },
    )  # fmt: skip


def return_premium(work: Work, policy_name: str, cause: Because, *, payment: str, amount_fen: int) -> None:
    """Book that so much of a payment went back though the policy held it as premium, in the save of that fact.

    No more than is held of it. What is no longer held was not received: nothing is issued on it (见费出单, PB01).
    """
    policy = work.change(Policy, policy_name)
    receipt = policy.receipts.get(payment)
    fen = 0 if receipt is None else min(amount_fen, receipt.held_fen)
    if receipt is None or fen <= 0:
        return
    held = {**policy.held, receipt.source: policy.held[receipt.source] - fen}
    pack, _ = ruling(work, policy.area, work.today)
    complete = pack is not None and enough_received(pack, policy, held, work.today)
    policy.record(Policy.PremiumReturned, cause, {"payment": payment, "amount_fen": fen, "complete": complete})


def issue(work: Work, statement: Statement, path: Path) -> None:
    """Issue the policy: one event puts all its staged covers in force. Premium first (见费出单, rule PB01)."""
    policy = _own(work, path, "policy.issue")
    policy.require("proposed")
    policy.require_valid(work.today)
    pack, ref = pack_in_force(work, policy.area, work.today)
    findings = check_premium_first(pack, policy, work.today)
    on_ground = any(found["code"] == "issued_on_budget_ground" for found in findings)
    if not on_ground:
        findings += check_subsidised(pack, policy, _granted_fen(work, policy, statement.said), work.today)
    findings += check_inception(policy, work.today, on_ground=on_ground)
    work.source(statement.said, "policy_number", policy.id)
    facts = {
        "count": policy.staged.count, "root": policy.schedule_root, "premium_fen": policy.staged.premium_fen,
        "received_fen": policy.held_fen, "ground": policy.ground if on_ground else None, "findings": findings,
        "pack": ref.as_json(),
    }  # fmt: skip
    policy.record(Policy.Issued, statement, facts)


def _granted_fen(work: Work, policy: Policy, said: Mapping[str, Any]) -> int:
    """Sum what stands of the grants that an issue names, each once; raises Conflict `subsidy_of_other_policy`."""
    grants = [work.read(Subsidy, name) for name in sorted(set(said.get("subsidies", ())))]
    for subsidy in grants:
        subsidy.require_of(policy.id)
    return sum(subsidy.standing_fen for subsidy in grants)


def cancel(work: Work, statement: Statement, path: Path) -> None:
    """Cancel the policy from a day on, which may have passed; the refund goes back to its sources.

    Where that was too little, the policy may be cancelled again, from its own day: so much goes back besides.
    """
    policy = _own(work, path, "policy.cancel")
    effective_on = statement.said["effective_on"]
    again = effective_on == policy.cancelled_on and statement.said["refund_fen"] > 0
    policy.require("issued", *(("cancelled",) if again else ()))
    if not policy.period.contains(effective_on):
        raise Conflict("the day lies outside the policy's term", code="outside_policy", effective_on=effective_on)
    checked = check_refund(work.read(Product, policy.product), policy, statement.said)
    facts = {
        **checked.working, "transaction": len(policy.stack) + 1, "late": effective_on < work.today,
        "findings": checked.findings,
    }  # fmt: skip
    before = policy.receipts
    tell_returns(work, policy, before, policy.record(Policy.Cancelled, statement, facts), "policy_cancelled")


def lapse(work: Work, statement: Statement, path: Path) -> None:
    """Let a quotation past its validity, or an issued policy with an overdue instalment, lapse.

    What a quotation was paid in part is due back to whoever paid it. An issued policy ends with the day (24:00): cover
    is by whole days, and an insurer's word takes none from hours that have passed (民法典 565: from notice on). What it
    earned until then is kept or owed, the rest of what it holds is due back (保险法 54, 58). One that lapsed before
    this was worked out may lapse again, from its own day.
    """
    policy = _own(work, path, "policy.lapse")
    again = policy.state == "lapsed" and policy.cancelled_on is not None and policy.earned is None
    policy.require("quoted", "proposed", "issued", *(("lapsed",) if again else ()))
    on = work.today if policy.number is None else policy.cancelled_on or add_days(work.today, 1)
    if policy.state == "issued":
        if not overdue_fen(policy, work.today, SUBSIDY_KINDS):
            raise Conflict("nothing is overdue", code="premium_not_overdue", received_fen=policy.held_fen)
    elif policy.valid(work.today):
        raise Conflict("the quotation is still valid", code="quote_valid", until=policy.valid_until)
    before = policy.receipts
    cause = policy.record(Policy.Lapsed, statement, {"on": on, **settled_by_lapse(policy, on)})
    tell_returns(work, policy, before, cause, "policy_lapsed")


def void(work: Work, statement: Statement, path: Path) -> None:
    """Void a quotation before issue; money received for it is to be returned."""
    policy = _own(work, path, "policy.void")
    policy.require(*sorted(PENDING))
    before = policy.receipts
    cause = policy.record(Policy.Voided, statement, {"on": work.today, "return_due_fen": policy.held_fen})
    tell_returns(work, policy, before, cause, "policy_voided")


def _own(work: Work, path: Path, action: str) -> Policy:
    policy = work.change(Policy, path["policy"])
    work.allow(action, insures=policy.insurer == work.author.party)
    return policy


ACTIONS = (
    Action(
        "policy.draft", "POST", "/policies", PolicyDraft, draft, (Writes("policy.Drafted", "{id}"),),
        "Begin a quotation", "拟定报价",
    ),
    Action(
        "policy.quote", "POST", "/policies/{policy}/quote", ScheduleClosing, quote,
        (Writes("policy.Quoted", "{policy}"),), "Close the schedule and quote", "清单封存并报价",
    ),
    Action(
        "policy.propose", "POST", "/policies/{policy}/propose", Proposal, propose,
        (Writes("policy.Proposed", "{policy}"),), "Propose the quoted policy", "投保",
    ),
    Action(
        "policy.issue", "POST", "/policies/{policy}/issue", PolicyIssue, issue,
        (Writes("policy.Issued", "{policy}"),), "Issue the policy and activate its covers", "签发保单",
    ),
    Action(
        "policy.cancel", "POST", "/policies/{policy}/cancel", Cancellation, cancel,
        (Writes("policy.Cancelled", "{policy}", "", "/effective_on"), RETURN_DUE),
        "Cancel the policy", "退保或解除合同",
    ),
    Action(
        "policy.lapse", "POST", "/policies/{policy}/lapse", PolicyEnding, lapse,
        (Writes("policy.Lapsed", "{policy}"), RETURN_DUE), "Let the policy lapse", "保单失效",
    ),
    Action(
        "policy.void", "POST", "/policies/{policy}/void", PolicyEnding, void,
        (Writes("policy.Voided", "{policy}"), RETURN_DUE), "Void the quotation", "报价作废",
    ),
)  # fmt: skip

__all__ = [
    "ACTIONS", "PREMIUM_WRITES", "RETURN_WRITES", "Arrival", "PremiumReceipt", "cover_in_force", "covers_in_force",
    "decline_premium", "receive_premium", "require_taking", "return_premium", "takes_premium",
]  # fmt: skip
