"""What the read models say of maintenance visits: each one's record, put together from the rows of its events.

A visit is told by its name, its lift and its year; nobody uses up a name in the stream of another lift or year.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    any_,
    case,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.expression import FromClause

from application.projections.visits import BULK
from application.reading.ports import VisitsAsked
from domain.maintenance import MaintenanceYear
from infrastructure.projection_tables import tables
from infrastructure.reach import alike, effective_at, known_at, placed_in, within
from infrastructure.schema import NAME
from infrastructure.sum_views import quarter_of

OPENED: Final = MaintenanceYear.Opened.TOPIC
FINISHED: Final = MaintenanceYear.Finished.TOPIC
COUNTERSIGNED: Final = MaintenanceYear.Countersigned.TOPIC
CORRECTED: Final = MaintenanceYear.Corrected.TOPIC
DISPUTED: Final = MaintenanceYear.Disputed.TOPIC
ON_BEHALF: Final = "on_behalf"


def visit_records(asked: VisitsAsked, *, elsewhere: bool) -> Select[Any]:
    """Give visits as `Views.visits` says; with who was `elsewhere`, which costs as much as all else, or without."""
    opened = tables["visits"]
    record = _record(opened, asked.known)
    others = _others(opened, record, asked.known)
    state = case(
        (record.c.corrected_by.is_not(None), "corrected"), (record.c.signed_at.is_not(None), "signed"),
        (record.c.signed_on_behalf_at.is_not(None), "signed_on_behalf"), (record.c.ended_at.is_not(None), "ended"),
        else_="open",
    )  # fmt: skip
    told = {"lift": opened.c.lift, "maintainer": opened.c.party, "level": opened.c.level, "state": state}
    of = opened.join(record, true())
    query = (
        select(
            opened.c.account.label("visit"), opened.c.lift, opened.c.year, opened.c.position,
            opened.c.party.label("maintainer"), opened.c.level, opened.c.at.label("opened_at"), state.label("state"),
            opened.c.other.label("corrects"), *record.c, *(others.c if elsewhere else ()),
        )
        .select_from(of.join(others, true()) if elsewhere or asked.elsewhere else of)
        .where(*_openings(opened, asked.known), *(told[name] == value for name, value in asked.where.items()))
    )  # fmt: skip
    if asked.elsewhere:
        query = query.where(func.cardinality(others.c.elsewhere) > 0)
    return query.where(*_asked_for(opened, record, asked))


def visit_groups(asked: VisitsAsked, by: Sequence[str]) -> Select[Any]:
    """Give visits in groups, as `Views.visit_sums` says."""
    rows = visit_records(asked, elsewhere=False).subquery()
    found = func.unnest(rows.c.findings).table_valued("finding").render_derived().lateral()
    groups: dict[str, ColumnElement[Any]] = {"quarter": quarter_of(rows.c.opened_at), "finding": found.c.finding}
    named = [(groups[name] if name in groups else rows.c[name]).label(name) for name in by]
    stands = rows.c.corrected_by.is_(None)
    counted = {
        "visits": stands, "ended": and_(stands, rows.c.ended_at.is_not(None)),
        "countersigned": and_(stands, rows.c.signed_at.is_not(None)),
        "signed_on_behalf": and_(stands, rows.c.state == "signed_on_behalf"),
        "disputed": and_(stands, rows.c.disputes > 0),
        "with_findings": and_(stands, func.cardinality(rows.c.findings) > 0),
        "corrected": not_(stands),
    }  # fmt: skip
    query = select(*named, *(func.count().filter(of).label(name) for name, of in counted.items()))
    of = rows.outerjoin(found, true()) if "finding" in by else rows
    return query.select_from(of).group_by(*named).order_by(*named)


def visited(lifts: Table, known: int, at: str, since: str, levels: Sequence[str]) -> ColumnElement[bool]:
    """Say whether a lift had a visit between two instants (`Views.unvisited`)."""
    opened, then = tables["visits"].alias("opened"), lifts.alias("maintained")

    def later(type_: str, *more: Callable[[FromClause], ColumnElement[bool]]) -> ColumnElement[bool]:
        rest = tables["visits"].alias()
        query = select(literal(1)).where(
            *_of_one(rest, opened, known), rest.c.type == type_, *(condition(rest) for condition in more)
        )
        return exists(query.correlate(opened))

    maintained = select(literal(1)).where(
        then.c.key == opened.c.lift, known_at(then, known), effective_at(then, opened.c.at),
        or_(then.c.maintainer == opened.c.party, opened.c.party == any_(then.c.co_maintainers)),
    )  # fmt: skip
    visits = select(literal(1)).where(
        opened.c.lift == lifts.c.key, *_openings(opened, known), opened.c.at >= since, opened.c.at <= at,
        not_(_ahead(opened)), opened.c.level.in_(levels), later(FINISHED, lambda ended: not_(_ahead(ended))),
        not_(later(CORRECTED)), exists(maintained.correlate(opened)),
    )  # fmt: skip
    # By `OFFSET 0` each lift is looked at by itself, by the index of beginnings; the planner would read all of them.
    return exists(visits.correlate(lifts).offset(0))


def _told(rest: FromClause, opened: FromClause, known: int) -> tuple[ColumnElement[bool], ...]:
    """Hold rows to what tells a visit: nodes that came in under its name before somebody else began it do not."""
    return *_of_one(rest, opened, known), or_(rest.c.type.not_in(BULK), rest.c.party == opened.c.party)


def _openings(opened: FromClause, known: int) -> tuple[ColumnElement[bool], ...]:
    return opened.c.type == OPENED, opened.c.number == 1, opened.c.position <= known


def _of_one(rest: FromClause, opened: FromClause, known: int) -> tuple[ColumnElement[bool], ...]:
    """Hold rows to those of a visit."""
    return (
        rest.c.account == opened.c.account, rest.c.lift == opened.c.lift, rest.c.year == opened.c.year,
        rest.c.position <= known,
    )  # fmt: skip


def _asked_for(opened: Table, record: FromClause, asked: VisitsAsked) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if asked.since is not None:
        conditions.append(opened.c.at >= asked.since)
    if asked.until is not None:
        conditions.append(opened.c.at < asked.until)
    if asked.worker is not None:
        his = tables["visits"].alias()
        conditions.append(opened.c.position.in_(select(his.c.position).where(his.c.worker == asked.worker)))
    if asked.finding is not None:
        conditions.append(literal(asked.finding, NAME) == any_(record.c.findings))
    if asked.areas is not None:
        conditions.append(placed_in(opened, asked.areas, asked.known, opened.c.at))
    if asked.reach is not None:
        conditions.append(within("visits", asked.reach, asked.known))
    return conditions


def _record(opened: FromClause, known: int) -> Any:  # noqa: ANN401 - a lateral subquery
    """Give what the other events of a visit say, what was found of any of them, and who was there."""
    rest, found = tables["visits"].alias(), tables["visits"].alias()
    signature = rest.c.type == COUNTERSIGNED
    on_behalf = and_(signature, rest.c.findings.contains([ON_BEHALF]))
    in_person = and_(signature, not_(rest.c.findings.contains([ON_BEHALF])))
    code = func.unnest(found.c.findings)
    codes = select(code).where(*_told(found, opened, known)).distinct().order_by(code).correlate(opened)
    findings = func.array(codes.scalar_subquery())
    return (
        select(
            func.array_agg(aggregate_order_by(rest.c.worker, rest.c.number))
            .filter(rest.c.worker.is_not(None)).label("workers"),
            func.max(rest.c.at).filter(rest.c.type == FINISHED).label("ended_at"),
            func.max(rest.c.at).filter(in_person).label("signed_at"),
            func.max(rest.c.agent).filter(in_person).label("signer"),
            func.max(rest.c.at).filter(on_behalf).label("signed_on_behalf_at"),
            func.max(rest.c.other).filter(rest.c.type == CORRECTED).label("corrected_by"),
            func.count().filter(rest.c.type == DISPUTED).label("disputes"), func.max(rest.c.position).label("last"),
            findings.label("findings"),
        )
        .where(*_told(rest, opened, known))
        .correlate(opened)
        .lateral()
    )  # fmt: skip


def _others(opened: FromClause, record: FromClause, known: int) -> Any:  # noqa: ANN401 - a lateral subquery
    """Give which workers of a visit were at another lift at that time: records of one lift are one.

    Both records ended, and neither was corrected. The other visit began on the day before (UTC) at the earliest.
    """
    mine, other, rest, same = (*(tables["visits"].alias() for _ in range(3)), alike(known))
    day_before = func.to_char(func.to_date(func.left(opened.c.at, 10), "YYYY-MM-DD") - 1, "YYYY-MM-DD")

    def of_other(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists(select(literal(1)).where(*_of_one(rest, other, known), *conditions).correlate(other, opened))

    one_lift = select(same.c.was).where(same.c.was == opened.c.lift, same.c.now == other.c.lift)
    workers = (
        select(mine.c.worker)
        .select_from(mine.join(other, other.c.worker == mine.c.worker))
        .where(
            mine.c.account == opened.c.account, mine.c.position == opened.c.position,
            other.c.position <= known, other.c.lift != opened.c.lift,
            record.c.corrected_by.is_(None), other.c.at < record.c.ended_at, other.c.at >= day_before,
            of_other(rest.c.type == FINISHED, rest.c.at > opened.c.at), not_(of_other(rest.c.type == CORRECTED)),
            not_(exists(one_lift.correlate(other, opened))),
        )
        .distinct()
        .order_by(mine.c.worker)
    )  # fmt: skip
    return select(func.array(workers.correlate(opened, record).scalar_subquery()).label("elsewhere")).lateral()


def _ahead(entry: FromClause) -> ColumnElement[bool]:
    """Say whether something was told before it was so."""
    return entry.c.recorded_at < entry.c.at
