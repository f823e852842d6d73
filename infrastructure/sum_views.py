"""Sums over policies and claims, grouped by the database (`Views.sums`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from sqlalchemy import BigInteger, ColumnElement, DateTime, Select, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from application.reading.ports import Reach
from domain.schemes import DISTRICT_DIGITS
from infrastructure.projection_tables import tables
from infrastructure.reach import effective_at, known_at, placed_in, within

Summed = Literal["policies", "claims"]
_ZONE: Final = "Asia/Shanghai"
_FORM: Final = 'YYYY"-Q"Q'


def rows_to_sum(view: Summed, known: int, effective: str, areas: Sequence[str] | None, reach: Reach | None) -> Any:  # noqa: ANN401 - a subquery
    """Give each claim as it stood at an instant; of policies each that was issued, as it last stood by then."""
    table = tables[view]
    query = select(table).where(known_at(table, known))
    if view == "claims":
        query = query.where(effective_at(table, effective))
    else:
        query = query.where(table.c.number.is_not(None), table.c.effective_from <= effective)
        query = query.ext(distinct_on(table.c.key)).order_by(table.c.key, table.c.effective_from.desc())
    if areas is not None:
        query = query.where(placed_in(table, areas, known, effective))
    if reach is not None:
        query = query.where(within(view, reach, known, effective))
    return query.subquery()


def summed(rows: Any, by: Sequence[str], sums: Sequence[str]) -> Select[Any]:  # noqa: ANN401 - as above
    """Give the groups in their order, each with how many `rows` it has and the sums of some columns."""
    groups = [_group(rows, name).label(name) for name in by]
    totals = [cast(func.coalesce(func.sum(rows.c[name]), 0), BigInteger).label(name) for name in sums]
    query = select(*groups, func.count().label("rows"), *totals).select_from(rows)
    return query.group_by(*groups).order_by(*groups)


def _group(rows: Any, name: str) -> ColumnElement[Any]:  # noqa: ANN401 - as above
    if name == "quarter":
        return _quarter(rows)
    found: ColumnElement[Any] = func.left(rows.c.area, DISTRICT_DIGITS) if name == "district" else rows.c[name]
    return found


def _quarter(rows: Any) -> ColumnElement[str]:  # noqa: ANN401 - as above
    """Give the quarter of the first day of a policy's term, or of a claim's day of loss."""
    if "loss_at" in rows.c:
        return quarter_of(rows.c.loss_at)
    return func.to_char(func.to_date(rows.c.from_date, "YYYY-MM-DD"), _FORM)


def quarter_of(instant: ColumnElement[str]) -> ColumnElement[str]:
    """Give the quarter that an instant lies in, in Shanghai."""
    return func.to_char(func.timezone(_ZONE, cast(instant, DateTime(timezone=True))), _FORM)
