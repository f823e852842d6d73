"""The claims register (理赔台账), each reader's own cut of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from typing_extensions import TypedDict

from application.projections.claims import stretches
from application.reading.asking import AREA, JUDGED_MAX, PAGES, TIMES, Answer, Asking, Question
from application.reading.filters import only
from application.reading.lists import page_of
from application.reading.rows import shown, stood
from application.reading.schemes import Rules
from application.reading.shapes import Page, Row
from domain.aggregate import Event, fold
from domain.claim_shapes import LossKind
from domain.claim_waits import WAITING, awaited
from domain.claims import Claim
from domain.findings import Finding
from domain.lifts import Lift
from domain.policy_shapes import Interest, Part
from domain.shapes import CivilDate, ClaimName, Count, Fen, Instant, LiftName, OccurrenceName, PartyName, PolicyName
from domain.time import civil_date

SHOWN = (
    "claim", "lift", "state", "kind", "part", "interest", "insurer", "policy", "notifier", "occurrence", "loss_at",
    "notified_at", "trapped_seconds", "assessed_fen", "reserved_fen", "approved_fen", "advanced_fen", "paid_fen",
)  # fmt: skip
OF_CLAIMS = ("part", "insurer", "policy", "lift")
FILTERS = ("state", "kind", "part", "insurer", "policy", "lift", "occurrence")


ClaimState = Literal["notified", "assessed", "approved", "refused", "withdrawn", "closed"]
"""已报案, 已定损, 已核赔, 拒赔, 撤案, 结案."""


class RegisteredClaim(Row):
    """A claim as it stood: what was assessed, reserved, approved, advanced and paid of it up to then.

    `policy` is the one that its money comes out of: null until some is reserved, advanced or approved, also where a
    cover was found at the notice (`found.cover` of its first event), and for ever of one that was refused before.
    """

    claim: ClaimName
    lift: LiftName
    state: ClaimState
    kind: LossKind
    part: Part
    interest: Interest
    insurer: PartyName | None
    policy: PolicyName | None
    notifier: PartyName
    occurrence: OccurrenceName | None
    loss_at: Instant
    notified_at: Instant
    trapped_seconds: Count | None
    assessed_fen: Fen | None
    reserved_fen: Fen
    approved_fen: Fen
    advanced_fen: Fen
    paid_fen: Fen


class ClaimsRegister(Page):
    """A page of the claims register."""

    effective_at: Instant
    claims: list[RegisteredClaim]


def register(asking: Asking) -> Answer:
    """Answer GET /claims: those that the reader insures, notified, supervises, or whose lift is or was his to use."""
    page, following = page_of(asking, "claims", "claim.read", FILTERS, effective=asking.effective)
    return asking.cited(effective_at=asking.effective, claims=[stood(row, SHOWN) for row in page], next=following)


class AwaitingClaim(TypedDict):
    """A claim for which something is awaited after its last day."""

    claim: ClaimName
    lift: LiftName
    state: ClaimState
    part: Part
    insurer: PartyName | None
    policy: PolicyName | None
    papers_on: CivilDate | None
    agreed_on: CivilDate | None
    awaited: list[Finding]


class AwaitingClaims(Page):
    """A page of them; also before the last one it may hold fewer than `limit`, even none."""

    judged_at: Instant
    claims: list[AwaitingClaim]


def awaiting(asking: Asking) -> Answer:
    """Answer GET /claims/awaiting: of the claims that the reader may read, those whose decision or money is overdue.

    Of what was so at the instant: papers, agreements and payments that were yet to come are not looked at.
    """
    position, judged_at = asking.known.position, asking.judged_at
    waiting = {"state": list(WAITING)}
    page, following = page_of(
        asking, "claims", "claim.read", OF_CLAIMS, effective=judged_at, where=waiting, limit=JUDGED_MAX
    )
    streams = asking.reads.streams.many(sorted({row[name] for row in page for name in ("key", "lift")}))
    known = {name: [e for e in of if e.position is not None and e.position <= position] for name, of in streams.items()}
    rules: dict[str, Rules] = {}
    told = []
    for row in page:
        claim = _stood(row["key"], known[row["key"]], judged_at)
        lift = fold(Lift, row["lift"], known[row["lift"]])
        area = None if lift is None else lift.area_on(claim.loss_on)
        if area is None:
            continue
        if area not in rules:
            rules[area] = Rules.of(asking.reads, area, position)
        if found := awaited(claim, rules[area].pack, civil_date(judged_at)):
            told.append({
                **shown(row, ("claim", "lift", "state", "part", "insurer", "policy")), "papers_on": claim.papers_on,
                "agreed_on": claim.agreed_on, "awaited": found,
            })  # fmt: skip
    return asking.cited(judged_at=judged_at, claims=told, next=following)


def _stood(stream: str, events: Sequence[Event], at: str) -> Claim:
    """Give a claim as its register's row of an instant was made of it."""
    return next(claim for begin, end, claim in stretches(stream, events) if begin <= at and (end is None or at < end))


QUESTIONS = (
    Question(
        "claim.awaiting", "/claims/awaiting", awaiting, AwaitingClaims,
        (*only(RegisteredClaim, *OF_CLAIMS), AREA, *TIMES, *PAGES),
        "Claims whose decision or money is overdue", "逾期未决、未付的理赔",
    ),
    Question(
        "claim.list", "/claims", register, ClaimsRegister,
        (*only(RegisteredClaim, *FILTERS), AREA,
         *TIMES, *PAGES),
        "The claims register", "理赔台账",
    ),
)  # fmt: skip
