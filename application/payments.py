"""Payments of premium: request, instruction, the bank's confirmation, failure, return; and the bank's lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.actions import Action, Writes
from application.applications import voted_on
from application.policies import (
    PREMIUM_WRITES,
    Arrival,
    decline_premium,
    receive_premium,
    require_taking,
    takes_premium,
)
from application.returns import RETURN_DUE, open_return_fen, other_returns
from application.ruling import ruling
from application.work import Work
from domain.aggregate import Because, Statement
from domain.applications import Application
from domain.errors import Conflict, Invalid
from domain.findings import Finding
from domain.fund_checks import PUBLICITY, payment_order, result_publicity
from domain.funds import Fund
from domain.packs import rule_or_own
from domain.payments import (
    BankLine,
    Payment,
    PaymentConfirmation,
    PaymentFailure,
    PaymentInstruction,
    PaymentRequest,
    SeenLine,
)
from domain.policies import Policy
from domain.policy_checks import check_arrival
from domain.policy_shapes import FUND_SOURCES
from domain.subsidies import Subsidy
from domain.time import civil_midnight, require_not_later

Path = Mapping[str, str]

LINES_PER_SAVE = 240


def see_line(work: Work, statement: Statement, _path: Path) -> None:
    """Note a line of a bank account as a fact; refuses `date_in_future`: nobody has seen what is yet to come."""
    work.allow("bankline.see")
    require_not_later(statement.said["on"], work.today)
    line = work.new(SeenLine, statement.said["id"])
    work.source(statement.said, "bankline", line.id)
    line.record(SeenLine.Seen, statement)


def request(work: Work, statement: Statement, _path: Path) -> None:
    """Ask for a payment to the policy's leading insurer; refused over what the source still owes."""
    said, party = statement.said, work.author.party
    policy = work.read(Policy, said["policy"])
    work.allow(
        "payment.request", payer=said.get("payer", party) == party, holder=policy.holder == party,
        insures=policy.insurer == party,
    )  # fmt: skip
    require_taking(policy, said["source_kind"], work.today)
    require_payee(policy, said["payee"])
    if said.get("payer", party) == said["payee"]:
        raise Invalid("nobody pays himself: payer names who does", code="payer_is_payee")
    due_fen = policy.due_fen(said["source_kind"])
    if said["source_kind"] in FUND_SOURCES:
        raise Conflict("the fund pays by an approved application", code="application_needed")
    if said["amount_fen"] > due_fen:
        raise Conflict("this source owes less", code="above_due", due_fen=due_fen, source=said["source_kind"])
    if "subsidy" in said:
        work.read(Subsidy, said["subsidy"]).require_payable(policy.id, said["source_kind"], said["amount_fen"])
    payment = work.new(Payment, said["id"])
    work.source(said, "payment", payment.id)
    payment.record(Payment.Requested, statement)


def require_payee(policy: Policy, payee: str) -> None:
    """Raise Conflict `payee_not_insurer` unless the payee leads the policy (MF06; co-insurers settle among them)."""
    if payee != policy.insurer:
        raise Conflict("the payee is not the policy's insurer", code="payee_not_insurer", insurer=policy.insurer)


def instruct(work: Work, statement: Statement, path: Path) -> None:
    """Note that the bank was told to pay."""
    payment = work.change(Payment, path["payment"])
    work.allow("payment.instruct", **_sides(work, payment))
    payment.require("requested")
    payment.record(Payment.Instructed, statement)


def confirm(work: Work, statement: Statement, path: Path) -> None:
    """Confirm a payment by a bank line; the policy receives the premium in the same save.

    A confirmation is a fact, also of a payment that was noted as failed: when what it was for has gone, the money is
    due back instead (domain-model C3), and so is what came above what the source owes (C4). Of less than was asked for
    nothing is confirmed: that payment failed, and another of the lesser amount is asked for. The fund pays exactly what
    was approved.
    """
    payment = work.change(Payment, path["payment"])
    work.allow("payment.confirm", **_sides(work, payment))
    payment.require("requested", "instructed", "failed")
    if payment.application is None:
        line = unused_line(work, statement.said["line"])
        line.require_amount(payment.amount_fen, or_more=True)
        line.require_flow({payment.payee: "in"}, others=True)
    else:
        line = usable_line(work, statement.said["line"], payment.amount_fen)
        require_outflow(line, _fund_of(work, payment.application), payment.payee)
    settle(work, payment, payment.record(Payment.Confirmed, statement, arrival_facts(work, payment, line)), line)


def unused_line(work: Work, name: str) -> SeenLine:
    """Give a bank line that proved nothing yet; raises Conflict `line_used`."""
    line = work.change(SeenLine, name)
    line.require_unused()
    return line


def usable_line(work: Work, name: str, amount_fen: int) -> SeenLine:
    """Give a bank line that is of this amount and unused; raises Conflict `line_used`, `line_amount_differs`."""
    line = unused_line(work, name)
    line.require_amount(amount_fen)
    return line


def arrival_facts(work: Work, payment: Payment, line: SeenLine) -> dict[str, Any]:
    """Give the day of value that a confirmation rests on, beside the day it is recorded, and what is odd about it."""
    policy = work.read(Policy, payment.policy)
    findings = check_arrival(policy, line.on, work.today, asked_fen=payment.amount_fen, came_fen=line.amount_fen)
    out_of_order, ruled = _out_of_order(work, payment.application, line.on)
    return {"on": line.on, "findings": [*findings, *out_of_order], **(ruled if out_of_order else {})}


def _out_of_order(work: Work, name: str | None, paid_on: str) -> tuple[list[Finding], dict[str, Any]]:
    """Tell that the fund's money left before it was approved, or before the vote's result was public for long enough.

    The bank's line is a fact: what the order would have been refused for is told, and a person looks at it. Of a
    publicity that the pack leaves open nothing is told.
    """
    if name is None:
        return [], {}
    application = work.read(Application, name)
    pack, ruled = ruling(work, _fund_of(work, name).area, work.today)
    found = payment_order(rule_or_own(pack, "fund.checks", work.today), application.approved_on, paid_on)
    vote = voted_on(work, application)
    if pack is not None and vote is not None and all(pack.fixed(rule, paid_on) for rule in PUBLICITY):
        public = result_publicity(pack, vote, paid_on)
        found += [public] if public["verdict"] != "compliant" else []
    return found, ruled


def require_outflow(line: SeenLine, fund: Fund, payee: str) -> None:
    """Raise Conflict unless the line shows money of the fund leave: as its bank saw it, or the payee its arrival."""
    line.require_flow({fund.bank: "out", payee: "in"}, others=False)


def require_inflow(line: SeenLine, fund: Fund) -> None:
    """Raise Conflict unless the fund's own bank saw the money come in."""
    line.require_flow({fund.bank: "in"}, others=False)


def _fund_of(work: Work, application: str) -> Fund:
    return work.read(Fund, application.partition("/")[0])


def _sides(work: Work, payment: Payment) -> dict[str, bool]:
    party = work.author.party
    sides = {"payer": payment.payer == party, "payee": payment.payee == party}
    if payment.application is not None:
        fund = _fund_of(work, payment.application)
        sides |= {"bank": fund.bank == party, "bureau": fund.bureau == party}
    return sides | {"no_fund": payment.application is None}


def settle(work: Work, payment: Payment, cause: Because, line: SeenLine) -> None:
    """Follow a confirmed payment to its end: posted, received by the policy, or due back.

    Whether the policy takes it is judged by the day of value: money is a bank's working days under way to the ledger.
    """
    line.record(SeenLine.Used, cause, {"payment": payment.id})
    policy = work.read(Policy, payment.policy)
    arrival = Arrival(payment.id, payment.source_kind, line.amount_fen, line.on)
    accepts = takes_premium(policy, arrival.source, arrival.on)
    if payment.application is None:
        paid, why = accepts, "policy_takes_no_premium"
    else:
        fits = arrival.amount_fen <= policy.due_fen(arrival.source)
        paid, why = _post(work, payment, cause, line, accepts=accepts and fits), "nothing_reserved"
    if not paid:
        if payment.application is None:
            decline_premium(work, policy.id, cause, arrival)
        payment.record(Payment.ReturnDue, cause, {"amount_fen": arrival.amount_fen, "why": why})
        return
    matched = {"policy": policy.id, "source": arrival.source, "amount_fen": arrival.amount_fen}
    match = payment.record(Payment.Matched, cause, matched)
    subsidy = None if payment.subsidy is None else work.change(Subsidy, payment.subsidy)
    receipt = receive_premium(work, policy.id, match, arrival, None if subsidy is None else subsidy.payable_fen)
    used_fen = arrival.amount_fen - receipt.over_fen
    if subsidy is not None and used_fen:
        subsidy.record(Subsidy.Paid, cause, {"payment": payment.id, "amount_fen": used_fen})
    if receipt.over_fen:
        payment.record(Payment.ReturnDue, cause, {"amount_fen": receipt.over_fen, "why": "overpaid"})


def _post(work: Work, payment: Payment, cause: Because, line: SeenLine, *, accepts: bool) -> bool:
    """Post a payment of the fund; False when nothing stands behind it any more and it is due back.

    Nothing stands behind one that was noted as failed once another was ordered in its place. Whether the reservation
    had expired is judged by the day of value: what expired while the order was under way was kept apart for it (C3).
    """
    stream = payment.application or ""
    name, _, application_name = stream.partition("/")
    fund, application = work.change(Fund, name), work.change(Application, stream)
    amounts = {"payment": payment.id, "line": line.id, "amount_fen": payment.amount_fen}
    own = application.payment in {None, payment.id}
    held = fund.reservations.get(application_name)
    if held is None and application.state == "ordered":
        held = fund.released.get(application_name)
    if own and held is not None and civil_midnight(line.on) < held.expires and accepts:
        fund.pay(cause, application_name, payment.id, line.id)
        application.record(Application.Paid, cause, amounts)
        return True
    fund.suspend(cause, payment.id, payment.amount_fen, line.id)
    if own and application_name in fund.reservations:
        fund.void(cause, application_name)
    application.record(Application.ReturnDue, cause, amounts)
    return False


def fail(work: Work, statement: Statement, path: Path) -> None:
    """Note that the bank could not pay; an application may be ordered again. A bank line still proves the contrary."""
    payment = work.change(Payment, path["payment"])
    work.allow("payment.fail", **_sides(work, payment))
    payment.require("requested", "instructed")
    cause = payment.record(Payment.Failed, statement)
    if payment.application is not None:
        work.change(Application, payment.application).record(Application.PaymentFailed, cause, {"payment": payment.id})


def give_back(work: Work, statement: Statement, path: Path) -> None:
    """Note that money due back came back by a bank line, all of it or a part.

    A line of more than what is due of this payment is what the payer gets back of his other payments of the policy as
    well: it is counted to them in the order they were received in. Money of the fund comes back whole.
    """
    payment = work.change(Payment, path["payment"])
    work.allow("payment.return", **_sides(work, payment))
    open_fen = open_return_fen(work, payment)
    if not open_fen:
        payment.require("return_due")
    line = unused_line(work, statement.said["line"])
    if payment.application is None:
        parts = _parts(work, payment, open_fen, line)
        line.require_flow({payment.payee: "out"}, others=True)
    else:
        line.require_amount(open_fen)
        parts = [(payment, open_fen)]
        require_inflow(line, _fund_of(work, payment.application))
    cause = payment.record(Payment.Returned, statement, {"amount_fen": parts[0][1]})
    for other, fen in parts[1:]:
        work.change(Payment, other.id).record(Payment.Returned, cause, {"amount_fen": fen, "line": line.id})
    for told, _ in parts:
        _tell_subsidy(work, work.change(Payment, told.id), cause)
    line.record(SeenLine.Used, cause, {"payment": payment.id})
    if payment.application is not None:
        work.change(Fund, payment.application.partition("/")[0]).take_back(cause, payment.id, line.id)


def _tell_subsidy(work: Work, payment: Payment, cause: Because) -> None:
    """Tell the subsidy that a payment was of what came back of it: of a payment first what it did not cover.

    What is still out is of all that arrived, which may have been more than was asked for.
    """
    if payment.subsidy is None:
        return
    receipt = work.read(Policy, payment.policy).receipts.get(payment.id)
    arrived_fen = payment.amount_fen if receipt is None else receipt.amount_fen
    fen = work.read(Subsidy, payment.subsidy).back_fen(payment.id, arrived_fen - payment.returned_fen)
    if fen:
        work.change(Subsidy, payment.subsidy).record(
            Subsidy.Returned, cause, {"payment": payment.id, "amount_fen": fen}
        )


def _parts(work: Work, payment: Payment, open_fen: int, line: SeenLine) -> list[tuple[Payment, int]]:
    """Divide a line over what is due back to the payer; raises Conflict `line_amount_differs` when it is more."""
    parts = [(payment, min(open_fen, line.amount_fen))]
    left_fen = line.amount_fen - open_fen
    if left_fen > 0:
        for other, fen in other_returns(work, payment):
            parts.append((other, min(fen, left_fen)))
            left_fen -= parts[-1][1]
            if not left_fen:
                break
        else:
            line.require_amount(line.amount_fen - left_fen)
    return parts


USED = Writes("bankline.Used", "bankline:", derived=True)
PAID = (
    USED,
    Writes("payment.Matched", "payment:", derived=True),
    *PREMIUM_WRITES,
    Writes("fund.Posted", "fund:", derived=True),
    Writes("application.Paid", "fund:/application:", derived=True),
)
"""What a confirmed payment leads to where its money finds what it is for."""
SETTLEMENT = (
    *PAID,
    RETURN_DUE,
    Writes("fund.ReservationVoided", "fund:", derived=True),
    Writes("application.ReturnDue", "fund:/application:", derived=True),
)
"""What a confirmed payment may lead to."""

ACTIONS = (
    Action(
        "bankline.see", "POST", "/banklines", BankLine, see_line, (Writes("bankline.Seen", "{id}"),),
        "Note lines of a bank account", "登记银行流水", group_lines=LINES_PER_SAVE, appends=True,
    ),
    Action(
        "payment.request", "POST", "/payments", PaymentRequest, request, (Writes("payment.Requested", "{id}"),),
        "Ask for a payment of premium", "发起保费支付",
    ),
    Action(
        "payment.instruct", "POST", "/payments/{payment}/instruct", PaymentInstruction, instruct,
        (Writes("payment.Instructed", "{payment}"),), "Note that the bank was told to pay", "登记付款指令",
    ),
    Action(
        "payment.confirm", "POST", "/payments/{payment}/confirm", PaymentConfirmation, confirm,
        (
            Writes("payment.Confirmed", "{payment}"), *SETTLEMENT,
            Writes("subsidy.Paid", "subsidy:", derived=True),
        ),
        "Confirm a payment by a bank line", "银行到账确认",
    ),
    Action(
        "payment.fail", "POST", "/payments/{payment}/fail", PaymentFailure, fail,
        (
            Writes("payment.Failed", "{payment}"),
            Writes("application.PaymentFailed", "fund:/application:", derived=True),
        ),
        "Note that a payment failed", "付款失败",
    ),
    Action(
        "payment.return", "POST", "/payments/{payment}/return", PaymentConfirmation, give_back,
        (
            Writes("payment.Returned", "{payment}"), Writes("payment.Returned", "payment:", derived=True), USED,
            Writes("subsidy.Returned", "subsidy:", derived=True), Writes("fund.Posted", "fund:", derived=True),
        ),
        "Note that money came back", "退回到账",
    ),
)  # fmt: skip
