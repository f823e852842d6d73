"""What a house's money was used for (分户账使用明细): each application, its plan and vote, and the policy it paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from typing_extensions import TypedDict

from application.reading.asking import JUDGED_MAX, PAGES, TIMES, Answer, Asking, Question
from application.reading.lifts import PolicyState
from application.reading.ports import Found, Views
from application.reading.rows import shown
from application.reading.scope import to_house
from application.reading.shapes import Page
from domain.aggregate import Aggregate, fold
from domain.applications import State
from domain.fund_shapes import FundSource
from domain.plans import Plan, Vote
from domain.shapes import (
    ApplicationName,
    CivilDate,
    Code,
    Count,
    Digest,
    Fen,
    FundName,
    HouseName,
    Instant,
    LiftName,
    PartyName,
    PaymentName,
    PlanName,
    PolicyName,
    VoteName,
)

A = TypeVar("A", bound=Aggregate)

APPLICATION = ("fund", "state", "pays_from", "emergency", "amount_fen", "fund_share_fen", "paid_at", "payment")
POLICY = ("number", "insurer", "holder", "premium_fen", "lifts", "from_date", "to_date")


class UsedPlan(TypedDict):
    """The plan that was published: lifts, the most it may cost, and the digest of the paper on the notice board."""

    plan: PlanName
    lifts: list[LiftName]
    amount_fen: Fen
    document: Digest | None
    published_on: CivilDate


class UsedVote(TypedDict):
    """The owners' vote on it; null members are those that had not come."""

    vote: VoteName
    closed_on: CivilDate | None
    passed: bool | None
    published_on: CivilDate | None


class UsedPolicy(TypedDict):
    """The policy that was paid as it stood; `number` is its insurer's, null before it was issued."""

    policy: PolicyName
    state: PolicyState
    number: str | None
    insurer: PartyName
    holder: PartyName
    premium_fen: Fen
    lifts: Count
    from_date: CivilDate
    to_date: CivilDate


class HouseUse(TypedDict):
    """What one application took of the account and gave back, and what for.

    `charged_fen` is the house's share, which counts once the fund has posted the payment (`paid`); `owed` says that the
    account could not bear its share, which then was not taken. `fund_share_fen` is what all houses bore together.
    """

    application: ApplicationName
    fund: FundName
    state: State
    pays_from: FundSource
    emergency: Code | None
    amount_fen: Fen
    fund_share_fen: Fen
    charged_fen: Fen
    refunded_fen: Fen
    paid: bool
    owed: bool
    paid_at: Instant | None
    payment: PaymentName | None
    plan: UsedPlan
    vote: UsedVote | None
    policy: UsedPolicy


class HouseUses(Page):
    """A page of them, 200 at the most; `limited` says that the reader sees only the time that was his."""

    house: HouseName
    limited: bool
    uses: list[HouseUse]


def listed(asking: Asking) -> Answer:
    """Answer GET /houses/{house}/uses: to its owner what his money paid for, to a past one what was taken in his time.

    What it paid for is told as it stands, to a past owner too; to whoever had an office of the fund once, as it was
    known when his time ended.
    """
    house, views, known = asking.path["house"], asking.reads.views, asking.known.position
    cut = to_house(asking, house).cut(asking, "house.read")
    after, limit = asking.cursor(str), min(asking.limit, JUDGED_MAX)
    effective = asking.effective
    rows = views.uses(
        house, known, effective=effective, after=None if after is None else after[0], limit=limit + 1, cut=cut
    )
    page, following = asking.paged(rows, lambda row: [row["application"]], limit)
    if cut is not None and asking.author.kind != "owner":
        known = min(known, asking.reads.log.position_at(max(end or asking.now for _, end in cut.periods)))
    applications = _standing(views, known, "applications", [row["application"] for row in page], effective)
    policies = _standing(views, known, "policies", [each["policy"] for each in applications.values()], effective)
    asked = [*applications.values()]
    plans = _folded(asking, known, Plan, (f"{each['fund']}/{each['plan']}" for each in asked))
    votes = _folded(asking, known, Vote, (f"{each['fund']}/{each['vote']}" for each in asked if each["vote"]))
    uses = []
    for row in page:
        application = applications.get(row["application"])
        policy = None if application is None else policies.get(application["policy"])
        if application is None or policy is None:  # its stream is parked, which the answer tells
            continue
        uses.append({
            "application": row["application"].partition("/")[2], **shown(application, APPLICATION),
            **shown(row, ("charged_fen", "refunded_fen", "paid", "owed")),
            "plan": _plan(application, plans), "vote": _vote(application, votes),
            "policy": {"policy": policy["key"], "state": policy["state"], **shown(policy, POLICY)},
        })  # fmt: skip
    return asking.cited(house=house, limited=cut is not None, uses=uses, next=following)


def _standing(views: Views, known: int, view: str, keys: Iterable[str], effective: str) -> dict[str, Found]:
    """Give the rows of some things as they stood: of one whose time has not begun as it will, of one that is over last.

    A policy's rows are of its term, and it is paid for before that.
    """
    rows = views.find(view, known, where={"key": sorted(set(keys))})
    found: dict[str, Found] = {}
    for row in rows:
        if row["key"] not in found or row["effective_from"] <= effective:
            found[row["key"]] = row
    return found


def _folded(asking: Asking, known: int, kind: type[A], names: Iterable[str]) -> dict[str, A]:
    """Give things by their streams, as known at a position."""
    streams = asking.reads.streams.many(sorted(set(names)))
    folded = {
        name: fold(kind, name, [e for e in events if e.position is not None and e.position <= known])
        for name, events in streams.items()
    }
    return {name: each for name, each in folded.items() if each is not None}


def _plan(application: Found, plans: Mapping[str, Plan]) -> Answer:
    plan = plans[f"{application['fund']}/{application['plan']}"]
    told = {name: getattr(plan, name) for name in ("amount_fen", "document", "published_on")}
    return {"plan": application["plan"], "lifts": list(plan.lifts), **told}


def _vote(application: Found, votes: Mapping[str, Vote]) -> Answer | None:
    if application["vote"] is None:
        return None
    vote = votes[f"{application['fund']}/{application['vote']}"]
    told = {name: getattr(vote, name) for name in ("closed_on", "passed", "published_on")}
    return {"vote": application["vote"], **told}


QUESTIONS = (
    Question(
        "house.uses", "/houses/{house}/uses", listed, HouseUses, (*TIMES, *PAGES),
        "What a house's money was used for", "分户账使用明细",
    ),
)  # fmt: skip
