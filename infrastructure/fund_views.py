"""What the read models say of accounts of a fund: which entries count, and what applications took of a house's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select, true

from application.reading.ports import Cut
from infrastructure.projection_tables import tables


def in_periods(instant: ColumnElement[str], cut: Cut) -> list[ColumnElement[bool]]:
    """Hold an instant to the periods of a cut, of which one is enough."""
    return [and_(instant >= begin, true() if end is None else instant < end) for begin, end in cut.periods]


def counted_entries(
    accounts: Sequence[str], known: int, effective: str | None, cut: Cut | None = None
) -> Any:  # fmt: skip # noqa: ANN401 - a subquery
    """Give entries of accounts, each with whether it counts: what is staged does once the fund has posted it."""
    entries = tables["entries"]
    posted = entries.alias("posted")
    ends = [] if cut is None else [end for _, end in cut.periods]
    last = max((end for end in ends if end is not None), default=None) if None not in ends else None

    def in_time(instant: ColumnElement[str]) -> ColumnElement[bool]:
        by_then = true() if effective is None else instant <= effective
        return by_then if last is None else and_(by_then, instant < last)

    # What is staged is so once the fund's posting is: nothing was paid on the days between the two.
    # Applications are named within their fund, and so are an application's refunds.
    awaited = exists().where(
        posted.c.type == "fund.Posted", posted.c.account == entries.c.awaits, posted.c.position <= known,
        in_time(posted.c.effective_at), posted.c.application == entries.c.application,
        or_(
            and_(posted.c.kind == "premium", entries.c.payment.is_(None)),
            and_(posted.c.kind == "refund", posted.c.payment == entries.c.payment),
        ),
    )  # fmt: skip
    return (
        select(entries, or_(entries.c.awaits.is_(None), awaited).label("counted"))
        .where(entries.c.account.in_(accounts), entries.c.position <= known, in_time(entries.c.effective_at))
        .subquery()
    )


def house_uses(
    house: str, known: int, *, effective: str | None, after: str | None, cut: Cut | None
) -> Select[Any]:  # fmt: skip
    """Give what applications took of a house's account and gave back (`Views.uses`)."""
    entries = counted_entries([house], known, effective, cut)
    application = (entries.c.awaits + "/" + entries.c.application).label("application")
    charge, refund, owed = (entries.c.kind == kind for kind in ("charge", "refund", "share_owed"))
    query = (
        select(
            application,
            func.coalesce(func.sum(-entries.c.amount_fen).filter(charge), 0).label("charged_fen"),
            func.coalesce(func.sum(entries.c.amount_fen).filter(refund, entries.c.counted), 0).label("refunded_fen"),
            func.coalesce(func.bool_or(entries.c.counted).filter(or_(charge, owed)), false()).label("paid"),
            func.bool_or(owed).label("owed"),
        )
        .where(entries.c.awaits.is_not(None))
        .group_by(application)
        .order_by(application)
    )
    if after is not None:
        query = query.where(application > after)
    if cut is not None:
        query = query.where(or_(false(), *in_periods(entries.c.effective_at, cut)))
    return query
