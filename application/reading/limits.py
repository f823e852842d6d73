"""Limits of indemnity (累计责任限额) of a policy: what was agreed, what claims hold and have used, and what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from typing_extensions import TypedDict

from application.reading.asking import KNOWN_AT, PAGES, WAIT_FOR, Answer, Asking, Question
from application.reading.policies import require_readable
from application.reading.ports import Found
from application.reading.rows import row_name, shown
from application.reading.scope import merged_lifts
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
    certificates besides. `free_fen` is null where nothing was agreed. Two records of one lift have one limit: what was
    taken under each leaves less of it.
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
    for row, kept in zip(page, _kept(asking, policy, page), strict=True):
        free_fen = _left(row["limit_fen"], sum(each["reserved_fen"] + each["consumed_fen"] for each in kept))
        taken = Counter[str]()
        for part in (part for each in kept for part in each["parts"]):
            taken[part["part"]] += part["taken_fen"]
        parts = [
            {**part, "free_fen": _least(free_fen, _left(part["limit_fen"], taken[part["part"]]))}
            for part in row["parts"]
        ]
        told.append({
            **shown(row, ("lift", "year", "limit_fen", "reserved_fen", "consumed_fen")), "free_fen": free_fen,
            "parts": parts,
        })  # fmt: skip
    return asking.cited(policy=policy, limits=told, next=following)


def _kept(asking: Asking, policy: str, page: Sequence[Found]) -> list[list[Found]]:
    """Give with each limit of a page those of the same year under the lift's other records: they are one (C11)."""
    known = asking.known.position
    final = merged_lifts(asking, known, asking.effective)
    wanted = {final.get(row["lift"], row["lift"]) for row in page}
    records = [lift for lift in {*final, *final.values()} if final.get(lift, lift) in wanted]
    beside = asking.reads.views.find("limits", known, where={"policy": policy, "lift": records}) if records else []
    kept: dict[tuple[str | None, str], dict[str, Found]] = {}
    for row in (*page, *beside):
        kept.setdefault((final.get(row["lift"], row["lift"]), row["year"]), {})[row["key"]] = row
    return [[*kept[final.get(row["lift"], row["lift"]), row["year"]].values()] for row in page]


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
