"""What the read models say of lifts beside their own rows, as conditions of SQL: where, and how insured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    CTE,
    ColumnElement,
    String,
    Table,
    column,
    func,
    or_,
    select,
    values,
)
from sqlalchemy.sql.expression import FromClause

from application.reading.ports import Reach
from infrastructure.projection_tables import tables
from infrastructure.reach import effective_at, in_areas, known_at, within


def placed(
    lifts: Table, reach: Reach | None, areas: Sequence[str] | None, known: int, effective: str
) -> list[ColumnElement[bool]]:
    """Hold rows of lifts to areas and to what somebody may read."""
    found = [] if areas is None else [in_areas(lifts.c.area, areas)]
    return found if reach is None else [*found, within("lifts", reach, known, effective)]


def insured_lifts(known: int, effective: str, part: str, merged: Mapping[str, str]) -> CTE:
    """Give the lifts {lift, served} that policies in force insure in a part; one that `served` promises services."""
    covers, policies = tables["covers"], tables["policies"]
    same, of = _merged(covers, merged)
    return (
        select(of.label("lift"), func.bool_or(func.cardinality(policies.c.services) > 0).label("served"))
        .select_from(same.join(policies, policies.c.key == covers.c.policy))
        .where(
            known_at(covers, known), effective_at(covers, effective), covers.c.parts.contains([part]),
            known_at(policies, known), effective_at(policies, effective), policies.c.in_force.is_(True),
        )
        .group_by(of)
        .cte("insured")
    )  # fmt: skip


def goes_on(lifts: Table, merged: Mapping[str, str]) -> ColumnElement[bool]:
    """Hold rows to the records that stand for lifts."""
    return or_(lifts.c.merged_into.is_(None), lifts.c.key.in_(sorted(set(merged.values()))))


def _merged(covers: Table, merged: Mapping[str, str]) -> tuple[FromClause, ColumnElement[str]]:
    """Give the covers, and of which lift each is, when lifts went up in others."""
    if not merged:
        return covers, covers.c.lift
    same = values(column("was", String), column("now", String), name="same").data(list(merged.items()))
    return covers.outerjoin(same, same.c.was == covers.c.lift), func.coalesce(same.c.now, covers.c.lift)
