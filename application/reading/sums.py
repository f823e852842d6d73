"""Premium and claims in sums (承保、理赔汇总): what the lists of policies and claims show a reader, grouped.

Whoever adds up the rows of the list comes to the same. Premium is counted under the quarter in which a policy's term
begins, claims under the one of the day of loss (按起保日期、出险日期): neither moves when something is recorded late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal, NotRequired

from typing_extensions import TypedDict

from application.reading.asking import AREA, TIMES, Answer, Asking, Parameter, Question
from application.reading.claims import FILTERS as CLAIM_FILTERS
from application.reading.claims import ClaimState, RegisteredClaim
from application.reading.filters import grouping, only
from application.reading.lifts import PolicyState
from application.reading.policies import FILTERS as POLICY_FILTERS
from application.reading.policies import PolicyTerm
from application.reading.ports import Found
from application.reading.scope import filtered, reach
from application.reading.shapes import Cited
from domain.claim_shapes import LossKind
from domain.errors import Invalid
from domain.policy_shapes import Part
from domain.shapes import AreaCode, Count, Fen, Instant, PartyName, Pattern, ProductName

GROUPS_MAX: Final = 1_000
OF_POLICIES: Final = ("insurer", "quarter", "district", "product", "state")
OF_CLAIMS: Final = ("insurer", "quarter", "kind", "part", "state")
POLICY_SUMS: Final = ("policies", "lifts", "premium_fen", "received_fen")
CLAIM_SUMS: Final = ("claims", "reserved_fen", "approved_fen", "advanced_fen", "paid_fen")

Quarter = Annotated[str, Pattern("^[0-9]{4}-Q[1-4]$")]
"""A quarter of a calendar year in Asia/Shanghai."""


class PolicySums(TypedDict):
    """Sums over policies, each as it last stood by the day; `received_fen` is what is held of the premium."""

    policies: Count
    lifts: Count
    premium_fen: Fen
    received_fen: Fen


class PolicyGroup(PolicySums):
    """The sums of a group; it has the members that it was grouped by."""

    insurer: NotRequired[PartyName]
    quarter: NotRequired[Quarter]
    district: NotRequired[AreaCode]
    product: NotRequired[ProductName]
    state: NotRequired[PolicyState]


class PolicySumsAnswer(Cited):
    """Policies in sums: those that were issued and had begun by the day, as far as the reader may read them."""

    effective_at: Instant
    by: list[Literal["insurer", "quarter", "district", "product", "state"]]
    total: PolicySums
    rows: list[PolicyGroup]


class ClaimSums(TypedDict):
    """Sums over claims as they stood."""

    claims: Count
    reserved_fen: Fen
    approved_fen: Fen
    advanced_fen: Fen
    paid_fen: Fen


class ClaimGroup(ClaimSums):
    """The sums of a group; it has the members that it was grouped by; `insurer` is null where nobody was told yet."""

    insurer: NotRequired[PartyName | None]
    quarter: NotRequired[Quarter]
    kind: NotRequired[LossKind]
    part: NotRequired[Part]
    state: NotRequired[ClaimState]


class ClaimSumsAnswer(Cited):
    """Claims in sums."""

    effective_at: Instant
    by: list[Literal["insurer", "quarter", "kind", "part", "state"]]
    total: ClaimSums
    rows: list[ClaimGroup]


def policies(asking: Asking) -> Answer:
    """Answer GET /sums/policies: over the policies that were issued, of those that the reader may list."""
    return _summed(asking, "policies", "policy.read", OF_POLICIES, POLICY_SUMS, POLICY_FILTERS)


def claims(asking: Asking) -> Answer:
    """Answer GET /sums/claims: over the claims that the reader may list."""
    return _summed(asking, "claims", "claim.read", OF_CLAIMS, CLAIM_SUMS, CLAIM_FILTERS)


def _summed(
    asking: Asking, view: Literal["policies", "claims"], action: str, known: Sequence[str], sums: tuple[str, ...],
    filters: tuple[str, ...],
) -> Answer:  # fmt: skip
    by = grouping(asking, known, "insurer")
    rows = asking.reads.views.sums(
        view, asking.known.position, asking.effective, by=by, sums=sums[1:],
        where={name: asking.query[name] for name in filters if name in asking.query}, areas=filtered(asking),
        reach=reach(asking, action), limit=GROUPS_MAX + 1,
    )  # fmt: skip
    if len(rows) > GROUPS_MAX:
        raise Invalid("these are too many groups", code="groups_too_many", maximum=GROUPS_MAX)
    told = [
        {**{name: row[name] for name in by}, sums[0]: row["rows"], **{name: row[name] for name in sums[1:]}}
        for row in rows
    ]
    return asking.cited(effective_at=asking.effective, by=list(by), total=_total(told, sums), rows=told)


def _total(rows: Sequence[Found], sums: Iterable[str]) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in sums}


def _by(known: Sequence[str]) -> Parameter:
    return Parameter("by", f"How rows are grouped: {', '.join(known)}; several with commas, `insurer` if not said.")


QUESTIONS = (
    Question(
        "policy.sums", "/sums/policies", policies, PolicySumsAnswer,
        (_by(OF_POLICIES), *only(PolicyTerm, *POLICY_FILTERS), AREA, *TIMES),
        "Premium in sums", "承保汇总",
    ),
    Question(
        "claim.sums", "/sums/claims", claims, ClaimSumsAnswer,
        (_by(OF_CLAIMS), *only(RegisteredClaim, *CLAIM_FILTERS), AREA, *TIMES),
        "Claims in sums", "理赔汇总",
    ),
)  # fmt: skip
