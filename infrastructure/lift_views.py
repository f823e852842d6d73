"""What the read models say of lifts beside their own rows, as conditions of SQL: where, insured, visited."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import (
    CTE,
    ColumnElement,
    String,
    Table,
    any_,
    column,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    values,
)
from sqlalchemy.sql.expression import FromClause

from application.reading.ports import Reach
from infrastructure.projection_tables import tables
from infrastructure.reach import effective_at, in_areas, known_at, within


def visited(lifts: Table, known: int, at: str, since: str, levels: Sequence[str]) -> ColumnElement[bool]:
    """Say whether a lift had a visit between two instants, by its own timeline (`Views.unvisited`)."""
    opened, then = tables["timeline"].alias("opened"), lifts.alias("maintained")

    def later(name: str, type_: str, *more: Callable[[FromClause], ColumnElement[bool]]) -> ColumnElement[bool]:
        entry = tables["timeline"].alias(name)
        query = select(literal(1)).where(
            entry.c.account == opened.c.account, entry.c.position > opened.c.position, entry.c.position <= known,
            entry.c.type == type_, entry.c.facts["visit"].astext == opened.c.facts["id"].astext,
            *(condition(entry) for condition in more),
        )  # fmt: skip
        return exists(query.correlate(opened))

    maintained = select(literal(1)).where(
        then.c.key == opened.c.account, known_at(then, known), effective_at(then, opened.c.effective_at),
        or_(then.c.maintainer == opened.c.party, opened.c.party == any_(then.c.co_maintainers)),
    )  # fmt: skip
    visits = select(literal(1)).where(
        opened.c.account == lifts.c.key, opened.c.type == "visit.Opened", opened.c.position <= known,
        opened.c.effective_at >= since, opened.c.effective_at <= at, not_(_ahead(opened)),
        opened.c.facts["level"].astext.in_(levels),
        later("ended", "visit.Finished", lambda ended: ended.c.party == opened.c.party, lambda e: not_(_ahead(e))),
        not_(later("corrected", "visit.Corrected")), exists(maintained.correlate(opened)),
    )  # fmt: skip
    # By `OFFSET 0` each lift is looked at by itself, by the index of beginnings; the planner would read all of them.
    return exists(visits.correlate(lifts).offset(0))


def _ahead(entry: FromClause) -> ColumnElement[bool]:
    return entry.c.recorded_at < entry.c.effective_at


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
