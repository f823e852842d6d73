"""Applications to pay a premium from a maintenance fund (使用申请), each reader's own cut of them."""

from __future__ import annotations

from collections.abc import Sequence

from application.reading.asking import AREA, PAGES, TIMES, Answer, Asking, Question
from application.reading.filters import only
from application.reading.funds import reservations
from application.reading.lists import page_of
from application.reading.ports import Found
from application.reading.rows import shown, stood
from application.reading.shapes import Page, Row
from domain.applications import State
from domain.findings import Verdict
from domain.fund_shapes import FundSource
from domain.shapes import (
    ApplicationName,
    AreaCode,
    CivilDate,
    Code,
    EstateName,
    Fen,
    FundName,
    Instant,
    PartyName,
    PaymentName,
    PlanName,
    PolicyName,
    VoteName,
)

SHOWN = (
    "fund", "state", "verdict", "filer", "policy", "insurer", "plan", "vote", "emergency", "pays_from", "premium_fen",
    "amount_fen", "fund_share_fen", "filed_on", "approved_on", "paid_at", "payment", "refund_due_fen", "refunded_fen",
)  # fmt: skip
FILTERS = ("fund", "state", "verdict", "filer", "policy", "insurer", "pays_from")


class RegisteredApplication(Row):
    """An application as it stood: what it asks for, what was decided, and what became of the money.

    `verdict` is what the last of the checks came to. `reserved_fen` is what the fund keeps for it until
    `reserved_until`; null when nothing is, also of an approved one whose reservation was over. `fund_share_fen` is zero
    until it is approved; what is to come back is `refund_due_fen`, what came `refunded_fen`.
    """

    application: ApplicationName
    fund: FundName
    estate: EstateName
    area: AreaCode
    state: State
    verdict: Verdict
    filer: PartyName
    policy: PolicyName
    insurer: PartyName
    plan: PlanName
    vote: VoteName | None
    emergency: Code | None
    pays_from: FundSource
    premium_fen: Fen
    amount_fen: Fen
    fund_share_fen: Fen
    filed_on: CivilDate
    approved_on: CivilDate | None
    paid_at: Instant | None
    payment: PaymentName | None
    reserved_fen: Fen | None
    reserved_until: Instant | None
    refund_due_fen: Fen
    refunded_fen: Fen


class ApplicationList(Page):
    """A page of applications."""

    effective_at: Instant
    applications: list[RegisteredApplication]


def listed(asking: Asking) -> Answer:
    """Answer GET /applications: those to funds that the reader keeps, manages, represents or supervises."""
    page, following = page_of(asking, "applications", "application.read", FILTERS, effective=asking.effective)
    names = sorted({row["fund"] for row in page})
    held = {(row["fund"], row["item"]): row for row in reservations(asking, names)}
    funds = _places(asking, names)
    told = []
    for row in page:
        if row["fund"] not in funds:  # its stream is parked, which the answer tells
            continue
        application = row["key"].partition("/")[2]
        reserved = held.get((row["fund"], application), {})
        told.append({
            "application": application, **shown(funds[row["fund"]], ("estate", "area")), **stood(row, SHOWN),
            "reserved_fen": reserved.get("amount_fen"), "reserved_until": reserved.get("expires"),
        })  # fmt: skip
    return asking.cited(effective_at=asking.effective, applications=told, next=following)


def _places(asking: Asking, funds: Sequence[str]) -> dict[str, Found]:
    rows = asking.reads.views.find("funds", asking.known.position, where={"key": list(funds)})
    return {row["key"]: row for row in rows}


QUESTIONS = (
    Question(
        "application.list", "/applications", listed, ApplicationList,
        (*only(RegisteredApplication, *FILTERS), AREA, *TIMES, *PAGES),
        "Applications to pay from a maintenance fund", "维修资金使用申请清单",
    ),
)  # fmt: skip
