"""Limits of indemnity (累计责任限额) of a policy: what was agreed, what claims hold and have used, and what is left."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from application.reading.asking import KNOWN_AT, PAGES, WAIT_FOR, Answer, Asking, Question
from application.reading.policies import require_readable
from application.reading.rows import row_name, shown
from application.reading.shapes import Page
from domain.policy_shapes import Part
from domain.shapes import Fen, LiftName, Pattern, PolicyName

Year = Annotated[str, Pattern("^[0-9]{4}$")]


class PartLimit(TypedDict):
    """A coverage part of a limit: its own limit if it has one, what claims hold and have used of it, what is left.

    `free_fen` is null where neither the part nor the whole limits it.
    """

    part: Part
    limit_fen: Fen | None
    taken_fen: Fen
    free_fen: Fen | None


class PolicyLimit(TypedDict):
    """A limit in a policy year, by the calendar year in which that begins; `lift` null is the whole policy's.

    The amounts are those that the last claim found. Both levels bind a claim, and what was agreed for single
    certificates besides. `free_fen` is null where nothing was agreed.
    """

    lift: LiftName | None
    year: Year
    limit_fen: Fen | None
    reserved_fen: Fen
    consumed_fen: Fen
    free_fen: Fen | None
    parts: list[PartLimit]


class PolicyLimitList(Page):
    """A page of a policy's limits: a limit that no claim has needed yet is not among them."""

    policy: PolicyName
    limits: list[PolicyLimit]


def listed(asking: Asking) -> Answer:
    """Answer GET /policies/{policy}/limits: those of which a claim has taken."""
    policy = asking.path["policy"]
    require_readable(asking, policy)
    rows = asking.reads.views.find(
        "limits", asking.known.position, where={"policy": policy}, after=asking.cursor(str, str, str),
        limit=asking.limit + 1,
    )  # fmt: skip
    page, following = asking.paged(rows, row_name)
    told = []
    for row in page:
        free_fen = _left(row["limit_fen"], row["reserved_fen"] + row["consumed_fen"])
        parts = [
            {**part, "free_fen": _least(free_fen, _left(part["limit_fen"], part["taken_fen"]))} for part in row["parts"]
        ]
        told.append({
            **shown(row, ("lift", "year", "limit_fen", "reserved_fen", "consumed_fen")), "free_fen": free_fen,
            "parts": parts,
        })  # fmt: skip
    return asking.cited(policy=policy, limits=told, next=following)


def _left(limit_fen: int | None, taken_fen: int) -> int | None:
    """Give what is left of a limit; one that was lowered since may be overdrawn, and nothing is left of it."""
    return None if limit_fen is None else max(0, limit_fen - taken_fen)


def _least(one: int | None, other: int | None) -> int | None:
    return min((fen for fen in (one, other) if fen is not None), default=None)


QUESTIONS = (
    Question(
        "policy.limits", "/policies/{policy}/limits", listed, PolicyLimitList, (KNOWN_AT, WAIT_FOR, *PAGES),
        "What is left of a policy's limits", "保单累计责任限额余额",
    ),
)  # fmt: skip
