"""Use cases that decide on a claim's money: reserve, advance, approve, reduce, refuse, pay, take back.

A decision is held against the policy in force at the time of loss and what is left of its limits; claim and limit are
saved together, all or nothing.
"""

from __future__ import annotations

from application.actions import Action, Writes
from application.claim_covers import (
    Covered,
    Path,
    check_recorded,
    claim_of,
    covers_of,
    deciding_cover,
    end_claim,
    insures,
    ruling_of,
)
from application.claim_levels import require_levels, terms_of
from application.limits import CONSUMING, RELEASING, RESERVING, RESTORING, consume, reserve, restore
from application.work import Work
from domain.aggregate import Because, Statement
from domain.claim_checks import (
    COVERED,
    NETTED,
    check_approved,
    check_benefit,
    check_clock,
    check_day,
    clock,
    require_payee,
    require_sum,
)
from domain.claim_shapes import (
    AdvancePayment,
    Approval,
    ApprovalReduction,
    ClaimPayment,
    ClaimPaymentReturn,
    Refusal,
    ReserveSetting,
)
from domain.claims import OPEN, Claim
from domain.errors import Invalid
from domain.findings import Finding, finding
from domain.packs import Pack, rule_or_own
from domain.payouts import came_back, standing
from domain.time import civil_date, require_not_later, require_past


def hold(work: Work, statement: Statement, path: Path) -> None:
    """Hold an amount of the limits for the claim, in place of what it held.

    Refuses `no_cover_in_force`, `limit_exhausted`, `limit_exceeded`.
    """
    claim = claim_of(work, path)
    said = statement.said
    covered = deciding_cover(work, claim, "claim.reserve", said.get("policy"))
    claim.require(*OPEN)
    amount_fen = said["amount_fen"]
    require_levels(work, claim, covered, amount_fen)
    because = claim.record(Claim.ReserveSet, statement, {"policy": covered.policy.id, "findings": []})
    reserve(
        work, because, policy=covered.policy.id, lift=covered.lift, part=claim.part, loss_on=claim.loss_on,
        claim=claim.name, amount_fen=amount_fen,
    )  # fmt: skip


def _take(work: Work, claim: Claim, covered: Covered, because: Because, taken_fen: int) -> None:
    if taken_fen:
        consume(
            work, because, policy=covered.policy.id, lift=covered.lift, part=claim.part, loss_on=claim.loss_on,
            claim=claim.name, amount_fen=taken_fen,
        )  # fmt: skip


def approve(work: Work, statement: Statement, path: Path) -> None:
    """Approve an amount and take it out of the limits in the same save; advances already paid count against it.

    Refuses `no_cover_in_force`, `claim_state`, `approved_already`, `heads_sum`, `limit_exceeded`, `limit_exhausted`,
    and of another day than today `date_in_future` and `before_loss`: what has not happened yet is not decided on.
    """
    claim = claim_of(work, path)
    said = statement.said
    covered = deciding_cover(work, claim, "claim.approve", said.get("policy"))
    claim.require(*OPEN)
    effective_on = said.get("effective_on", work.today)
    require_not_later(effective_on, work.today)
    if effective_on < claim.loss_on:
        raise Invalid("the loss is of a later day", code="before_loss", loss_on=claim.loss_on)
    amount_fen = said["amount_fen"]
    if "heads" in said:
        require_sum(said["heads"], amount_fen)
    taken_fen = claim.approval_fen(amount_fen, further=said.get("further", False))
    require_levels(work, claim, covered, taken_fen)
    on = claim.loss_on
    pack, ruled = ruling_of(work, claim, on)
    total_fen = claim.approved_fen + amount_fen
    findings = check_benefit(claim.part, claim.trapped_seconds, claim.trapped_persons, total_fen, pack, on)
    findings += _late_decision(work, claim, civil_date(work.now))
    findings += check_recorded(work, claim, covered, pack)
    deductible_fen = terms_of(work, claim, covered).get("deductible_fen", 0)
    findings += check_approved(total_fen, claim.assessed_fen, claim.advanced_fen, deductible_fen, pack, on)
    found = {
        "policy": covered.policy.id, "certificate": covered.entry.certificate, "taken_fen": taken_fen,
        "findings": findings, **ruled,
    }  # fmt: skip
    because = claim.record(Claim.Approved, statement, found)
    _take(work, claim, covered, because, taken_fen)


def _late_decision(work: Work, claim: Claim, on: str) -> list[Finding]:
    if claim.papers_on is None:
        return []
    pack, _ = ruling_of(work, claim, claim.papers_on)
    due = clock(pack, "K3", claim.papers_on, claim.papers_on, claim.paused_days)
    return check_clock(due, on, pack, claim.papers_on)


def reduce(work: Work, statement: Statement, path: Path) -> None:
    """Lower an approval to what its claimant agreed to, never below what was paid; its limits get back the difference.

    A sum agreed on is owed (保险法 23), so the agreement's document is named. Refuses `claim_state`, `date_in_future`,
    `approval_not_lower`, `paid_already`.
    """
    claim = claim_of(work, path)
    work.allow("claim.reduce", insures=insures(work, claim))
    claim.require("approved")
    approved_fen, agreed_on = statement.said["approved_fen"], statement.said["agreed_on"]
    require_not_later(agreed_on, work.today)
    restored_fen = claim.reduction_fen(approved_fen)
    pack, _ = ruling_of(work, claim, claim.loss_on)
    findings = check_benefit(
        claim.part, claim.trapped_seconds, claim.trapped_persons, approved_fen, pack, claim.loss_on
    )  # fmt: skip
    findings += check_day(pack, claim.loss_on, agreed_on)
    agreed_pack, ruled = ruling_of(work, claim, agreed_on)
    starts = approved_fen > claim.paid_fen and claim.awaits_agreement
    due = clock(agreed_pack, "K4", agreed_on, agreed_on) if starts else []
    found = {"restored_fen": restored_fen, "due": due, "findings": findings, **ruled}
    because = claim.record(Claim.ApprovalReduced, statement, found)
    _restore(work, claim, because, restored_fen)


def _restore(work: Work, claim: Claim, because: Because, restored_fen: int) -> None:
    if claim.policy is not None and restored_fen:
        restore(
            work, because, policy=claim.policy, lift=claim.lift, part=claim.part, loss_on=claim.loss_on,
            claim=claim.name, amount_fen=restored_fen,
        )  # fmt: skip


def refuse(work: Work, statement: Statement, path: Path) -> None:
    """Refuse the claim with reasons; what it held of the limits is freed. The notice is due in three days (K5)."""
    claim = claim_of(work, path)
    work.allow("claim.refuse", insures=insures(work, claim))
    claim.require("notified", "assessed")
    said = statement.said
    on = said["decided_on"]
    for told_on in (on, said.get("notice_on", on)):
        require_not_later(told_on, work.today)
    pack, ruled = ruling_of(work, claim, on)
    due = clock(pack, "K5", on, on)
    findings = _late_decision(work, claim, on)
    if "notice_on" in said:
        findings += check_clock(due, said["notice_on"], pack, on)
    if claim.advanced_fen:
        rule = rule_or_own(pack, NETTED, on)
        findings.append(finding(rule, "advanced_and_refused", advanced_fen=claim.advanced_fen))
    end_claim(work, claim, Claim.Refused, statement, {"due": due, "findings": findings, **ruled})


def advance(work: Work, statement: Statement, path: Path) -> None:
    """Record money paid before the decision; it comes out of the limits now and counts against the final amount.

    Refuses as `approve`, and `third_party_first`, `payee_wrong`.
    """
    claim = claim_of(work, path)
    said = statement.said
    covered = deciding_cover(work, claim, "claim.advance", said.get("policy"))
    claim.require(*OPEN)
    require_past(said["paid_at"], work.now)
    work.source(said, "claim-payment", claim.id)
    require_payee(claim.part, said["payee"]["kind"], compensated="compensated" in said)
    taken_fen = claim.advance_fen(said["amount_fen"], said["paid_at"])
    require_levels(work, claim, covered, taken_fen)
    pack, ruled = ruling_of(work, claim, claim.loss_on)
    findings = check_recorded(work, claim, covered, pack)
    findings += check_day(pack, claim.loss_on, civil_date(said["paid_at"]))
    found = {"policy": covered.policy.id, "taken_fen": taken_fen, "findings": findings, **ruled}
    because = claim.record(Claim.AdvancePaid, statement, found)
    _take(work, claim, covered, because, taken_fen)


def pay(work: Work, statement: Statement, path: Path) -> None:
    """Record money paid on the approval: never more than was approved, never into the wrong hands.

    Refuses `claim_state`, `date_in_future`, `over_approved`, `paid_before_return`, `third_party_first` (保险法 65
    款三), `payee_wrong`. Where the policy was ended since, from before the loss, the money is recorded with the finding
    `no_cover_in_force`.
    """
    claim = claim_of(work, path)
    work.allow("claim.pay", insures=insures(work, claim))
    claim.require("approved")
    said = statement.said
    require_past(said["paid_at"], work.now)
    work.source(said, "claim-payment", claim.id)
    claim.require_payable(said["amount_fen"], said["paid_at"])
    require_payee(claim.part, said["payee"]["kind"], compensated="compensated" in said)
    paid_on = civil_date(said["paid_at"])
    pack, ruled = ruling_of(work, claim, claim.agreed_on or claim.loss_on)
    findings: list[Finding] = []
    if claim.agreed_on is not None and claim.paid_fen < claim.agreed_fen:
        due = clock(pack, "K4", claim.agreed_on, claim.agreed_on)
        # Who is to answer for the delay of what came back (a wrong account, a closed one) the ledger does not know.
        findings = check_clock(due, paid_on, pack, claim.agreed_on, excused=came_back(claim.payouts))
    findings += check_day(pack, claim.loss_on, paid_on)
    findings += _check_approved_first(work, claim, pack, paid_on, said["amount_fen"])
    if not covers_of(work, claim):
        findings.append(finding(rule_or_own(pack, COVERED, claim.loss_on), "no_cover_in_force", loss_on=claim.loss_on))
    claim.record(Claim.Paid, statement, {"findings": findings, **ruled})


def _check_approved_first(work: Work, claim: Claim, pack: Pack | None, paid_on: str, amount_fen: int) -> list[Finding]:
    """Find `paid_before_approval` where less stood approved on the day: before its decision money is an advance."""
    stood = Claim(claim.id)
    for event in work.streams.events(claim.id):
        if civil_date(event.effective_at or event.recorded_at or work.now) <= paid_on:
            event.apply(stood)
    if stood.paid_fen + amount_fen <= stood.approved_fen:
        return []
    rule, paid_fen = rule_or_own(pack, NETTED, paid_on), stood.paid_fen + amount_fen
    return [finding(rule, "paid_before_approval", paid_on=paid_on, paid_fen=paid_fen, approved_fen=stood.approved_fen)]


def take_back(work: Work, statement: Statement, path: Path) -> None:
    """Record that a payment or an advance came back: it can be paid again, within what stands approved.

    In whatever state the claim is, for it is a fact; one that was closed because all was paid is open again. What an
    advance alone took of the limits they get back. Refuses `payment_unknown`, `payment_returned`, `date_in_future`,
    `returned_before_paid`.
    """
    claim = claim_of(work, path)
    work.allow("claim.return", insures=insures(work, claim))
    said = statement.said
    payout = standing(claim.payouts, said["paid_version"])
    require_past(said["returned_at"], work.now)
    if said["returned_at"] < payout.paid_at:
        raise Invalid("nothing comes back before it is paid", code="returned_before_paid", paid_at=payout.paid_at)
    restored_fen = claim.return_fen(payout)
    found = {"amount_fen": payout.amount_fen, "restored_fen": restored_fen, "findings": []}
    because = claim.record(Claim.PaymentReturned, statement, found)
    _restore(work, claim, because, restored_fen)


_CLAIM = "{lift}/{claim}"
_AT = "/lifts/{lift}/claims/{claim}"

ACTIONS = (
    Action(
        "claim.reserve", "POST", f"{_AT}/reserve", ReserveSetting, hold,
        (Writes("claim.ReserveSet", _CLAIM), *RESERVING), "Hold an amount of the limits", "提取未决赔款准备",
    ),
    Action(
        "claim.advance", "POST", f"{_AT}/advances", AdvancePayment, advance,
        (Writes("claim.AdvancePaid", _CLAIM, "", "/paid_at"), *CONSUMING), "Pay in advance", "先予支付、垫付",
    ),
    Action(
        "claim.approve", "POST", f"{_AT}/approve", Approval, approve,
        (Writes("claim.Approved", _CLAIM, "", "/effective_on"), *CONSUMING), "Approve a claim", "核赔通过",
    ),
    Action(
        "claim.reduce", "POST", f"{_AT}/reduce", ApprovalReduction, reduce,
        (Writes("claim.ApprovalReduced", _CLAIM, "", "/agreed_on"), *RESTORING),
        "Lower an approval as agreed with the claimant", "协商减少赔款",
    ),
    Action(
        "claim.refuse", "POST", f"{_AT}/refuse", Refusal, refuse,
        (Writes("claim.Refused", _CLAIM, "", "/decided_on"), *RELEASING), "Refuse a claim with reasons", "拒赔",
    ),
    Action(
        "claim.pay", "POST", f"{_AT}/pay", ClaimPayment, pay, (Writes("claim.Paid", _CLAIM, "", "/paid_at"),),
        "Pay an approved claim", "赔付",
    ),
    Action(
        "claim.return", "POST", f"{_AT}/return", ClaimPaymentReturn, take_back,
        (Writes("claim.PaymentReturned", _CLAIM, "", "/returned_at"), *RESTORING),
        "Note that a payment of a claim came back", "赔款退汇",
    ),
)  # fmt: skip
