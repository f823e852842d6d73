"""Paying an approved application from the fund: shares staged on the houses, the order, refunds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.actions import Action, Writes
from application.applications import money_beside, range_of, require_due, shares_root, voted_on
from application.funds import relations
from application.payments import (
    PAID,
    USED,
    arrival_facts,
    require_inflow,
    require_outflow,
    require_payee,
    settle,
    usable_line,
)
from application.policies import RETURN_WRITES, require_taking, return_premium
from application.ruling import ruling
from application.schemes import pack_in_force
from application.work import Work
from domain.aggregate import Statement
from domain.allotments import Reservation
from domain.applications import (
    CHARGES_PER_GROUP,
    Application,
    ChargesStaging,
    PaymentOrder,
    RefundClaim,
    RefundReceipt,
    RefundsStaging,
)
from domain.errors import Conflict
from domain.findings import Finding, finding, refuse_violations
from domain.fund_checks import payment_order, require_result_public, result_publicity
from domain.funds import Fund
from domain.houses import House, groups
from domain.packs import rule_or_own
from domain.payments import Payment, SeenLine
from domain.policies import Policy

Path = Mapping[str, str]


def stage_charges(work: Work, statement: Statement, path: Path) -> None:
    """Note the shares of the next houses on their streams; they count once the fund posts the payment (C12)."""
    fund = work.read(Fund, path["fund"])
    work.allow("application.stage_charges", **relations(work, fund))
    application = work.change(Application, f"{fund.id}/{path['application']}")
    application.require("approved")
    held = fund.reservation(path["application"])
    houses = _group(groups(range_of(held), CHARGES_PER_GROUP), statement.said["group"], application.staged_groups)
    shares = {**held.charged, **held.owed}
    amount_fen = sum(held.charged.get(house, 0) for house in houses)
    part = Reservation(
        held.application, held.policy, held.source, amount_fen, held.expires,
        {h: held.charged[h] for h in houses if h in held.charged}, {h: held.owed[h] for h in houses if h in held.owed},
    )  # fmt: skip
    cause = application.record(
        Application.ChargesStaged, statement,
        {
            "count": len(houses), "first": houses[0], "last": houses[-1], "amount_fen": amount_fen,
            "total_fen": application.staged_fen + amount_fen, "root": shares_root(part),
        },
    )  # fmt: skip
    whole_fen = sum(shares.values())
    work.prefetch(dict.fromkeys(houses, House))
    for name in houses:
        working = {
            "area_m2_hundredths": fund.houses[name].area_m2_hundredths, "areas_m2_hundredths": held.area_m2_hundredths,
            "whole_fen": whole_fen, "method": "largest_remainder",
        }  # fmt: skip
        kind = House.Charged if name in held.charged else House.ShareOwed
        work.change(House, name).record(
            kind, cause,
            {"fund": fund.id, "application": held.application, "amount_fen": shares[name], "working": working},
        )  # fmt: skip


def _group(cut: list[list[str]], wanted: int, done: int) -> list[str]:
    """Give the group that is next; raises Conflict `group_out_of_order`."""
    if wanted != done + 1 or wanted > len(cut):
        raise Conflict("groups are staged in order", code="group_out_of_order", next=done + 1, groups=len(cut))
    return cut[wanted - 1]


def pay(work: Work, statement: Statement, path: Path) -> None:
    """Order the approved share to be paid to the insurer; with the bank's line it is posted at once.

    Refused: `not_approved`, `paid_twice`, `not_reserved`, `reservation_expired`, `charges_not_staged`,
    `fund_insufficient`, `payee_not_insurer`, `share_not_approved`, `share_not_declared`, `sources_not_premium`,
    `above_due`, and what the pack forbids, as to pay before the vote's result was public for long enough (MF04), or on
    a line of a day before the approval (MF05): such money left by itself, and is confirmed as a fact.
    """
    said = statement.said
    fund = work.read(Fund, path["fund"])
    work.allow("application.pay", **relations(work, fund))
    application = work.change(Application, f"{fund.id}/{path['application']}")
    application.require("approved")
    held = fund.reservation(path["application"])
    _require_ready(work, application, held)
    others = {*fund.released, *fund.reservations} - {held.application}
    fund.require_borne(held, money_beside(work, fund, others))
    policy = work.read(Policy, application.policy)
    line = usable_line(work, said["line"], said["amount_fen"]) if "line" in said else None
    paid_on = work.today if line is None else line.on
    require_taking(policy, held.source, paid_on)
    require_payee(policy, said["payee"])
    _require_amounts(policy, held, said["amount_fen"])
    pack, ref = pack_in_force(work, fund.area, work.today)
    findings: list[Finding] = []
    if (vote := voted_on(work, application)) is not None:
        require_result_public(pack, vote, paid_on)
        findings.append(result_publicity(pack, vote, paid_on))
    findings += payment_order(pack.rule("fund.checks", work.today), application.approved_on, paid_on, "violates")
    refuse_violations(findings)
    payment = work.new(Payment, said["payment"])
    order = application.record(
        Application.PaymentOrdered, statement, {"findings": findings, "pack": ref.as_json()}
    )  # fmt: skip
    payment.record(
        Payment.Requested, order,
        {
            "policy": policy.id, "payer": fund.id, "payee": said["payee"], "amount_fen": said["amount_fen"],
            "source_kind": held.source, "application": application.id,
        },
    )  # fmt: skip
    payment.record(Payment.Instructed, order)
    if line is not None:
        require_outflow(line, fund, said["payee"])
        facts = {"line": line.id, **arrival_facts(work, payment, line)}
        settle(work, payment, payment.record(Payment.Confirmed, order, facts), line)


def _require_ready(work: Work, application: Application, held: Reservation) -> None:
    if held.expires <= work.now:
        raise Conflict("the reservation has expired", code="reservation_expired", expires=held.expires)
    if application.staged_groups < application.groups:
        raise Conflict(
            "not all shares of houses are staged", code="charges_not_staged", next=application.staged_groups + 1,
            groups=application.groups,
        )  # fmt: skip


def _require_amounts(policy: Policy, held: Reservation, amount_fen: int) -> None:
    if amount_fen != held.amount_fen:
        raise Conflict("another share was approved", code="share_not_approved", approved_fen=held.amount_fen)
    declared_fen = policy.sources.get(held.source, 0)
    # A proposal's share is paid whole, since its sources come to the premium (MF06): what owners are to pay themselves
    # must be quoted. What was not asked of these houses at all another fund pays, or a further application. Of an
    # issued policy's share what the sub-accounts bear is paid, and the rest stays due.
    short = policy.state == "proposed" and bool(held.owed) and amount_fen < policy.due_fen(held.source)
    if amount_fen > declared_fen or short:
        raise Conflict("the quotation declares another share", code="share_not_declared", declared_fen=declared_fen)
    require_due(policy, held.source, amount_fen)
    sources_fen = sum(policy.sources.values())
    if sources_fen != policy.premium_fen and policy.earned is None:
        raise Conflict(
            "the sources do not sum to the premium", code="sources_not_premium",
            sources_fen=sources_fen, premium_fen=policy.premium_fen,
        )  # fmt: skip


def claim_refund(work: Work, statement: Statement, path: Path) -> None:
    """Note that premium is due back to the fund, since the policy was cancelled or endorsed.

    No more than the policy released of it: what the insurer holds as premium it owes nobody (ADR 0020, PB01).
    """
    fund = work.read(Fund, path["fund"])
    application = work.change(Application, f"{fund.id}/{path['application']}")
    policy = work.read(Policy, application.policy)
    work.allow("application.claim_refund", **relations(work, fund), insures=policy.insurer == work.author.party)
    application.require("paid")
    left_fen = max(0, policy.due_back_fen(application.payment or "") - application.refund_due_fen)
    if statement.said["amount_fen"] > left_fen:
        raise Conflict("more would be due back than the policy released", code="refund_too_high", left_fen=left_fen)
    application.record(Application.RefundDue, statement)


def refund(work: Work, statement: Statement, path: Path) -> None:
    """Post premium that came back; houses have it at once in the ratio they were charged in (MF12).

    The bank's line is a fact (C3): what came back while the policy held it as premium is told as not due, and the
    policy holds it no longer from this save on, so that nothing is issued on it (PB01).
    """
    said = statement.said
    fund = work.change(Fund, path["fund"])
    work.allow("application.refund", **relations(work, fund))
    application = work.change(Application, f"{fund.id}/{path['application']}")
    application.require("paid")
    line: SeenLine = usable_line(work, said["line"], said["amount_fen"])
    require_inflow(line, fund)
    paid_by, back_fen = application.payment or "", application.refunded_fen + said["amount_fen"]
    open_fen = application.refund_due_fen - back_fen
    held_fen = back_fen - work.read(Policy, application.policy).due_back_fen(paid_by)
    over_fen = max(-open_fen, held_fen)
    found = {"open_fen": open_fen} | (_not_due(work, fund, over_fen) if over_fen > 0 else {})
    cause = application.record(Application.RefundReceived, statement, found)
    line.record(SeenLine.Used, cause, {"payment": said["payment"]})
    fund.refund(cause, path["application"], said["payment"], said["amount_fen"], line.id)
    return_premium(work, application.policy, cause, payment=paid_by, amount_fen=held_fen)


def _not_due(work: Work, fund: Fund, over_fen: int) -> dict[str, Any]:
    """Tell that more came back than was declared due, or released: a person looks at it, the money is the fund's."""
    pack, ruled = ruling(work, fund.area, work.today)
    rule = rule_or_own(pack, "fund.checks", work.today)
    found = finding(rule, "refund_not_due", "manual_review", check="MF12", over_fen=over_fen)
    return {"findings": [found], **ruled}


def stage_refunds(work: Work, statement: Statement, path: Path) -> None:
    """Note the refunds of the next houses on their streams; the fund has posted them already."""
    said = statement.said
    fund = work.read(Fund, path["fund"])
    work.allow("application.stage_refunds", **relations(work, fund))
    application = work.change(Application, f"{fund.id}/{path['application']}")
    done = (application.refund_groups or {}).get(said["payment"])
    if done is None:
        raise Conflict("no such refund was posted", code="refund_unknown", payment=said["payment"])
    shares = fund.refunds.get((path["application"], said["payment"]), {})
    houses = _group(groups(shares, CHARGES_PER_GROUP), said["group"], done)
    amount_fen = sum(shares[house] for house in houses)
    cause = application.record(
        Application.RefundsStaged, statement,
        {"count": len(houses), "first": houses[0], "last": houses[-1], "amount_fen": amount_fen},
    )  # fmt: skip
    work.prefetch(dict.fromkeys(houses, House))
    for name in houses:
        facts = {
            "fund": fund.id, "application": path["application"], "payment": said["payment"], "amount_fen": shares[name],
        }  # fmt: skip
        work.change(House, name).record(House.Refunded, cause, facts)


_STREAM = "{fund}/{application}"
_ROUTE = "/funds/{fund}/applications/{application}"

ACTIONS = (
    Action(
        "application.stage_charges", "POST", f"{_ROUTE}/charges", ChargesStaging, stage_charges,
        (
            Writes("application.ChargesStaged", _STREAM),
            Writes("house.Charged", "house:", derived=True),
            Writes("house.ShareOwed", "house:", derived=True),
        ),
        "Stage houses' shares", "分摊到户(待入账)", group_lines=1,
    ),
    Action(
        "application.pay", "POST", f"{_ROUTE}/pay", PaymentOrder, pay,
        (
            Writes("application.PaymentOrdered", _STREAM),
            Writes("payment.Requested", "payment:", derived=True),
            Writes("payment.Instructed", "payment:", derived=True),
            Writes("payment.Confirmed", "payment:", derived=True),
            *PAID,
        ),
        "Pay an approved application to the insurer", "向承保公司拨付",
    ),
    Action(
        "application.claim_refund", "POST", f"{_ROUTE}/refund-due", RefundClaim, claim_refund,
        (Writes("application.RefundDue", _STREAM),), "Note that premium is due back to the fund", "登记应退保费",
    ),
    Action(
        "application.refund", "POST", f"{_ROUTE}/refunds", RefundReceipt, refund,
        (
            Writes("application.RefundReceived", _STREAM), USED, Writes("fund.Posted", "fund:", derived=True),
            *RETURN_WRITES,
        ),
        "Post premium that came back", "退费入账",
    ),
    Action(
        "application.stage_refunds", "POST", f"{_ROUTE}/refunds/houses", RefundsStaging, stage_refunds,
        (Writes("application.RefundsStaged", _STREAM), Writes("house.Refunded", "house:", derived=True)),
        "Stage houses' refunds", "退费分摊到户", group_lines=1,
    ),
)  # fmt: skip
