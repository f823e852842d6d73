"""Policies: the list, one at both times, and its certificates."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import TypedDict

from application.reading.asking import AREA, HISTORY, PAGES, Answer, Asking, Parameter, Question
from application.reading.filters import only
from application.reading.lifts import COVER, Certificate, PolicyState
from application.reading.lists import page_of
from application.reading.ports import Found
from application.reading.rows import row_name, stood
from application.reading.scope import covered_by
from application.reading.shapes import Cited, Page, Row
from application.reading.sight import readable
from domain.aggregate import fold
from domain.errors import NotFound
from domain.money import apportion_bp
from domain.policies import Policy
from domain.policy_shapes import Interest, ServiceCode
from domain.shapes import (
    AreaCode,
    BasisPoints,
    CivilDate,
    Count,
    Fen,
    Instant,
    LiftName,
    PartyName,
    PolicyName,
    ProductName,
)

SHOWN = (
    "state", "in_force", "number", "product", "area", "holder", "insurer", "insurers", "interest", "premium_fen",
    "received_fen", "lifts", "fund_paid", "services", "from_date", "to_date", "valid_until",
)  # fmt: skip

FILTERS = ("state", "holder", "insurer", "product")
NUMBER = Parameter("number", "Only what the insurer gave this number.")


class PolicyTerm(Row):
    """What a policy was over one stretch of its term, endorsements counted in; `insurer` leads the `insurers`.

    `received_fen` is what the insurer holds as premium: what is due back or went back is no part of it. It is the same
    on every stretch, whenever the money came: what had come by a day is told by `known_at`.
    """

    policy: PolicyName
    effective_from: Instant
    effective_to: Instant | None
    state: PolicyState
    in_force: bool
    number: str | None
    product: ProductName
    area: AreaCode
    holder: PartyName
    insurer: PartyName
    insurers: list[PartyName]
    interest: Interest
    premium_fen: Fen
    received_fen: Fen
    lifts: Count
    fund_paid: bool
    services: list[ServiceCode]
    from_date: CivilDate
    to_date: CivilDate
    valid_until: CivilDate | None


class BorneShare(TypedDict):
    """What one of its insurers bears of a policy (共保份额), by the largest remainder: the shares sum to the whole."""

    party: PartyName
    share_bp: BasisPoints
    premium_fen: Fen
    received_fen: Fen


class SharedTerm(PolicyTerm):
    """A stretch of a policy's term with what each of its insurers bears, the leading one first."""

    shares: list[BorneShare]


class PolicyList(Page):
    """A page of policies, each stretch of a term by itself."""

    policies: list[PolicyTerm]


class PolicyAnswer(Cited):
    """A policy over its term, or the stretch that was asked for."""

    policy: PolicyName
    effective_at: Instant | None
    terms: list[SharedTerm]


class PolicyCover(Certificate, Row):
    """A certificate of the policy, over one stretch of its time."""

    lift: LiftName
    effective_from: Instant
    effective_to: Instant | None


class PolicyCovers(Page):
    """A page of a policy's certificates (承保明细)."""

    policy: PolicyName
    covers: list[PolicyCover]


def require_readable(asking: Asking, policy: str) -> None:
    """Raise NotFound `policy_unknown`, or Forbidden `right_missing` unless the reader may see the policy."""
    if policy in readable(asking, "policy.read", [policy]):
        return
    if not asking.reads.views.find("policies", asking.present, where={"key": policy}, limit=1):
        raise NotFound("the ledger knows no such policy", code="policy_unknown", policy=policy)
    raise asking.refused("policy.read")


def listed(asking: Asking) -> Answer:
    """Answer GET /policies: those that the reader insures, holds, supervises, or was let read by their holder.

    Each stretch of a term is a row; as of one time there is one at the most of each policy.
    """
    filters = (*FILTERS, NUMBER.name)
    page, following = page_of(asking, "policies", "policy.read", filters, effective=asking.effective_given)
    return asking.cited(policies=[_told(row) for row in page], next=following)


def one(asking: Asking) -> Answer:
    """Answer GET /policies/{policy}: every stretch of its term, and the one effective then if that was asked."""
    policy = asking.path["policy"]
    require_readable(asking, policy)
    rows = asking.reads.views.find("policies", asking.known.position, where={"key": policy})
    effective = asking.effective_given
    if effective is not None:
        rows = [row for row in rows if covered_by(row, effective)]
    known = fold(Policy, policy, asking.reads.streams.events(policy)[:1])  # its first event names them for good
    insurers = {} if known is None else dict(known.insurers)
    terms = [{**_told(row), "shares": _shares(row, insurers)} for row in rows]
    return asking.cited(policy=policy, effective_at=effective, terms=terms)


def covers(asking: Asking) -> Answer:
    """Answer GET /policies/{policy}/covers: its certificates, effective then or over all its term."""
    policy = asking.path["policy"]
    require_readable(asking, policy)
    rows = asking.reads.views.find(
        "covers", asking.known.position, effective=asking.effective_given, where={"policy": policy},
        after=asking.cursor(str, str, str), limit=asking.limit + 1,
    )  # fmt: skip
    page, following = asking.paged(rows, row_name)
    told = [
        {"lift": row["lift"], "effective_from": row["effective_from"], "effective_to": row["effective_to"],
         **stood(row, COVER)}
        for row in page
    ]  # fmt: skip
    return asking.cited(policy=policy, covers=told, next=following)


def _shares(row: Found, insurers: Mapping[str, int]) -> list[Answer]:
    premiums, received = (apportion_bp(row[member], insurers) for member in ("premium_fen", "received_fen"))
    return [
        {"party": party, "share_bp": share_bp, "premium_fen": premiums[party], "received_fen": received[party]}
        for party, share_bp in insurers.items()
    ]


def _told(row: Found) -> Answer:
    return {
        "policy": row["key"], "effective_from": row["effective_from"], "effective_to": row["effective_to"],
        **stood(row, SHOWN),
    }  # fmt: skip


QUESTIONS = (
    Question(
        "policy.list", "/policies", listed, PolicyList,
        (*only(PolicyTerm, *FILTERS), NUMBER, AREA, *HISTORY, *PAGES),
        "Policies one has to do with", "保单清单",
    ),
    Question("policy.read", "/policies/{policy}", one, PolicyAnswer, HISTORY, "A policy over its term", "保单"),
    Question(
        "policy.covers", "/policies/{policy}/covers", covers, PolicyCovers, (*HISTORY, *PAGES),
        "The certificates of a policy", "保单承保明细",
    ),
)  # fmt: skip
