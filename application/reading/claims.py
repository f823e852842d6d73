"""The claims register (理赔台账), each reader's own cut of it."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from application.reading.asking import AREA, PAGES, TIMES, Answer, Asking, Question
from application.reading.filters import only
from application.reading.lifts import shown
from application.reading.scope import filtered, reach
from application.reading.shapes import Page
from domain.claim_shapes import LossKind
from domain.policy_shapes import Interest, Part
from domain.shapes import ClaimName, Count, Fen, Instant, LiftName, OccurrenceName, PartyName, PolicyName

SHOWN = (
    "claim", "lift", "state", "kind", "part", "interest", "insurer", "policy", "notifier", "occurrence", "loss_at",
    "notified_at", "trapped_seconds", "assessed_fen", "reserved_fen", "approved_fen", "advanced_fen", "paid_fen",
)  # fmt: skip
FILTERS = ("state", "kind", "part", "insurer", "policy", "lift", "occurrence")


ClaimState = Literal["notified", "assessed", "approved", "refused", "withdrawn", "closed"]
"""已报案, 已定损, 已核赔, 拒赔, 撤案, 结案."""


class RegisteredClaim(TypedDict):
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
    after = asking.cursor(str)
    rows = asking.reads.views.claims(
        asking.known.position, asking.effective,
        where={name: asking.query[name] for name in FILTERS if name in asking.query}, areas=filtered(asking),
        reach=reach(asking, "claim.read"), after=None if after is None else after[0], limit=asking.limit + 1,
    )  # fmt: skip
    page, following = asking.paged(rows, lambda row: [row["key"]])
    return asking.cited(effective_at=asking.effective, claims=[shown(row, SHOWN) for row in page], next=following)


QUESTIONS = (
    Question(
        "claim.list", "/claims", register, ClaimsRegister,
        (*only(RegisteredClaim, *FILTERS), AREA,
         *TIMES, *PAGES),
        "The claims register", "理赔台账",
    ),
)  # fmt: skip
