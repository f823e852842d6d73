"""Reads of the read models by SQLAlchemy Core, each bounded by a position of the log: the same answer for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.errors import QueryCanceled
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Engine,
    FromClause,
    Select,
    Table,
    and_,
    case,
    create_engine,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from application.errors import AnswerTooSlow, DatabaseAway
from application.reading.ports import Cut, Found, Insured, Reach, Tracked, VisitsAsked
from application.timers import DUE_PER_ROUND_MAX, Due
from domain.funds import EXPIRY_RULE
from domain.persons import RETENTION_RULE
from domain.schemes import DISTRICT_DIGITS
from infrastructure.connection import Database, connect_plain, is_away, lock_key
from infrastructure.fund_views import counted_entries, house_uses, in_periods
from infrastructure.lift_views import goes_on, insured_lifts, placed
from infrastructure.projection_tables import parked, tables, tracking
from infrastructure.projector import TRACKING
from infrastructure.reach import effective_at, in_areas, known_at, lift_spans, placed_in, within
from infrastructure.schema import NAME, evidence
from infrastructure.sum_views import Summed, rows_to_sum, summed
from infrastructure.visit_views import visit_groups, visit_records, visited

CONNECTIONS_MAX: Final = 4
WAIT_S_MAX: Final = 10.0
STATEMENT_S_MAX: Final = 30


class SqlViews:
    """`application.reading.ports.Views` over PostgreSQL; safe in threads, connects when first asked."""

    def __init__(self, database: Database, origin: str) -> None:
        """Keep where the ledger lies; the origin names its lock."""
        self._origin = origin

        def connect() -> psycopg.Connection:
            connection = connect_plain(database, "liftledger views")
            connection.execute("SET default_transaction_read_only = on")
            connection.execute("SET jit = off")
            connection.execute(f"SET statement_timeout = '{STATEMENT_S_MAX}s'")  # type: ignore[arg-type,unused-ignore] # a number of ours
            return connection

        self._engine: Engine = create_engine(
            "postgresql+psycopg://", creator=connect, pool_size=CONNECTIONS_MAX, max_overflow=0,
            pool_timeout=WAIT_S_MAX, pool_pre_ping=True, isolation_level="AUTOCOMMIT",
            hide_parameters=True,
        )  # fmt: skip

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _rows(self, query: Select[Any], *, counting: bool = False, asked: bool = False) -> Sequence[Any]:
        """Give rows; of what somebody `asked` for it is his to ask for less where that takes too long.

        Whatever else does finds a server that stands still, and may be tried again.
        """
        try:
            with self._engine.connect() as connection:
                if not counting:
                    return connection.execute(query).all()
                # Conditions on both times are dependent, so the planner expects one row where there are thousands
                # and joins by loops: 1,600 ms where hashing takes 19 (4,000 lifts).
                connection.exec_driver_sql("SET enable_nestloop = off")
                try:
                    return connection.execute(query).all()
                finally:
                    connection.exec_driver_sql("RESET enable_nestloop")
        except (DatabaseError, PoolExhausted) as away:
            if asked and isinstance(away, DatabaseError) and isinstance(away.orig, QueryCanceled):
                message = "the answer takes too long; ask for a shorter time or a smaller area"
                raise AnswerTooSlow(message, seconds_max=STATEMENT_S_MAX) from away
            if isinstance(away, DatabaseError) and not is_away(away.orig):
                raise
            raise DatabaseAway("the read models cannot be reached", retry_after_s=5) from away

    def _found(self, query: Select[Any], *, counting: bool = False) -> list[Found]:
        # Plain texts: SQLAlchemy's own names of columns are a kind of text that JSON writers refuse.
        names = [str(name) for name in query.exported_columns.keys()]  # noqa: SIM118 - a collection, not a dict
        return [dict(zip(names, row, strict=True)) for row in self._rows(query, counting=counting, asked=True)]

    # ------------------------------------------------------------------------------------------------ ports.Views

    def tracked(self) -> Tracked:
        """Give how far the read models are; nowhere before the projector first ran."""
        count = select(func.count()).select_from(parked).scalar_subquery()
        rows = self._rows(
            select(tracking.c.position, tracking.c.generation, count).where(tracking.c.name == TRACKING)
        )  # fmt: skip
        return Tracked(rows[0][0], rows[0][1], rows[0][2]) if rows else Tracked(0, 0, 0)

    def pass_lock(self) -> None:
        """Wait until whatever is being written is decided. Raises DatabaseAway where that takes too long."""
        self._rows(select(func.pg_advisory_xact_lock_shared(lock_key(self._origin))))

    def find(
        self, view: str, known: int, *, effective: str | None = None, where: Mapping[str, object] | None = None,
        contains: Mapping[str, Sequence[str]] | None = None, areas: Sequence[str] | None = None,
        reach: Reach | None = None, after: Sequence[str] | None = None, limit: int | None = None,
    ) -> list[Found]:  # fmt: skip
        """Give rows of a view."""
        table = tables[view]
        query = select(table).where(known_at(table, known), *_where(table, where or {}))
        if effective is not None:
            query = query.where(effective_at(table, effective))
        for column_name, members in (contains or {}).items():
            query = query.where(table.c[column_name].overlap(list(members)))
        if areas is not None:
            query = query.where(placed_in(table, areas, known, effective))
        if reach is not None:
            query = query.where(within(view, reach, known, effective))
        query = _after(query, table, after)
        return self._found(query if limit is None else query.limit(limit))

    def sums(
        self, view: Summed, known: int, effective: str, *, by: Sequence[str], sums: Sequence[str],
        where: Mapping[str, object], areas: Sequence[str] | None, reach: Reach | None, limit: int,
    ) -> list[Found]:  # fmt: skip
        """Give sums of policies or claims by groups."""
        rows = rows_to_sum(view, known, effective, areas, reach)
        query = summed(rows, by, sums).where(*_where(rows, where))
        return self._found(query.limit(limit), counting=True)

    def spans(self, lift: str, reach: Reach) -> list[Found]:
        """Give the times in which a reader stands in relations to a lift."""
        query = lift_spans(lift, reach)
        return [] if query is None else self._found(query)

    def coverage(
        self, known: int, effective: str, *, statuses: Sequence[str], part: str, areas: Sequence[str] | None,
        venues: Sequence[str] | None, merged: Mapping[str, str],
    ) -> list[Found]:  # fmt: skip
        """Count lifts by area, class and venue: in use, insured, and insured by a policy that promises services."""
        lifts, insured = tables["lifts"], insured_lifts(known, effective, part, merged)
        query = (
            select(
                lifts.c.area, lifts.c.premises_class, lifts.c.venue, func.count().label("in_use"),
                func.count(insured.c.lift).label("liability"),
                func.count().filter(insured.c.served).label("insurance_service"),
            )
            .select_from(lifts.outerjoin(insured, insured.c.lift == lifts.c.key))
            .where(
                known_at(lifts, known), effective_at(lifts, effective),
                goes_on(lifts, merged), lifts.c.status.in_(statuses),
                true() if areas is None else in_areas(lifts.c.area, areas),
                true() if venues is None else lifts.c.venue.in_(venues),
            )
            .group_by(lifts.c.area, lifts.c.premises_class, lifts.c.venue)
        )  # fmt: skip
        return self._found(query, counting=True)

    def insured(
        self, known: int, effective: str, wanted: Insured, *, part: str, merged: Mapping[str, str],
        where: Mapping[str, object], areas: Sequence[str] | None, reach: Reach | None, after: Sequence[str] | None,
        limit: int,
    ) -> list[Found]:  # fmt: skip
        """Give rows of lifts by how they are insured."""
        lifts, insured = tables["lifts"], insured_lifts(known, effective, part, merged)
        chosen = {
            "none": insured.c.lift.is_(None), "liability": insured.c.lift.is_not(None),
            "liability_only": insured.c.served.is_(False),
        }  # fmt: skip
        query = (
            select(lifts)
            .select_from(lifts.outerjoin(insured, insured.c.lift == lifts.c.key))
            .where(
                known_at(lifts, known), effective_at(lifts, effective), goes_on(lifts, merged), chosen[wanted],
                *_where(lifts, where), *placed(lifts, reach, areas, known, effective),
            )
        )  # fmt: skip
        return self._found(_after(query, lifts, after).limit(limit), counting=True)

    def districts(self, known: int, effective: str, areas: Sequence[str] | None) -> list[str]:
        """Give the districts that lifts lie in."""
        lifts = tables["lifts"]
        district = func.left(lifts.c.area, DISTRICT_DIGITS)
        query = (
            select(district).where(known_at(lifts, known), effective_at(lifts, effective)).distinct().order_by(district)
        )
        return [row[0] for row in self._rows(query if areas is None else query.where(in_areas(lifts.c.area, areas)))]

    def unvisited(
        self, known: int, at: str, *, since: str, levels: Sequence[str], where: Mapping[str, object],
        areas: Sequence[str] | None, reach: Reach | None, after: str | None, limit: int,
    ) -> list[Found]:  # fmt: skip
        """Give rows of lifts in use that nobody maintains, or without a visit that counts."""
        lifts = tables["lifts"]
        query = select(lifts).where(
            known_at(lifts, known), effective_at(lifts, at), lifts.c.merged_into.is_(None), *_where(lifts, where),
            or_(lifts.c.status.is_(None), lifts.c.status == "in_use"),
            or_(lifts.c.maintainer.is_(None), not_(visited(lifts, known, at, since, levels))),
            *placed(lifts, reach, areas, known, at),
        )  # fmt: skip
        if after is not None:
            query = query.where(lifts.c.key > after)
        return self._found(query.order_by(lifts.c.key).limit(limit))

    def visits(self, asked: VisitsAsked, *, after: tuple[str, int] | None, limit: int) -> list[Found]:
        """Give visits in the order in which they began."""
        table, query = tables["visits"], visit_records(asked, elsewhere=True)
        if after is not None:
            query = query.where(tuple_(table.c.at, table.c.position) > tuple_(*map(literal, after)))
        return self._found(query.order_by(table.c.at, table.c.position).limit(limit))

    def visit_sums(self, asked: VisitsAsked, *, by: Sequence[str], limit: int) -> list[Found]:
        """Give visits in groups."""
        return self._found(visit_groups(asked, by).limit(limit))

    def timeline(
        self, lifts: Sequence[str], known: int, *, effective: str | None, after: tuple[int, int] | None, limit: int,
        cut: Cut | None,
    ) -> list[Found]:  # fmt: skip
        """Give entries of timelines."""
        table = tables["timeline"]
        query = select(table).where(table.c.account.in_(lifts), table.c.position <= known)
        if effective is not None:
            query = query.where(table.c.effective_at <= effective)
        if after is not None:
            query = query.where(tuple_(table.c.position, table.c.number) > tuple_(*map(literal, after)))
        if cut is not None:
            own = (table.c.party == cut.party, table.c.stream.in_(cut.streams), table.c.position.in_(cut.positions))
            then = or_(false(), *in_periods(table.c.effective_at, cut))
            query = query.where(or_(*own, and_(then, not_(table.c.stream.contains("/maintenance:")))))
        return self._found(query.order_by(table.c.position, table.c.number).limit(limit))

    def statement(
        self, account: str, known: int, *, effective: str | None, after: tuple[int, int] | None, limit: int,
        cut: Cut | None = None,
    ) -> list[Found]:  # fmt: skip
        """Give entries of an account with their running balance."""
        counted = counted_entries([account], known, effective, cut)
        amount = case((counted.c.counted, counted.c.amount_fen), else_=0)
        order = (counted.c.position, counted.c.number)
        running = select(counted, func.sum(amount).over(order_by=order).label("balance_fen")).subquery()
        query = select(running).order_by(running.c.position, running.c.number).limit(limit)
        if after is not None:
            query = query.where(tuple_(running.c.position, running.c.number) > tuple_(*map(literal, after)))
        if cut is not None:
            query = query.where(or_(false(), *in_periods(running.c.effective_at, cut)))
        return [{**row, "balance_fen": int(row["balance_fen"])} for row in self._found(query)]

    def uses(
        self, house: str, known: int, *, effective: str | None, after: str | None, limit: int, cut: Cut | None
    ) -> list[Found]:  # fmt: skip
        """Give what applications took of a house's account and gave back."""
        query = house_uses(house, known, effective=effective, after=after, cut=cut).limit(limit)
        return [
            {**row, **{name: int(row[name]) for name in ("charged_fen", "refunded_fen")}} for row in self._found(query)
        ]

    def balances_fen(self, accounts: Sequence[str], known: int, effective: str | None) -> dict[str, int]:
        """Give the balances of accounts."""
        counted = counted_entries(accounts, known, effective)
        sums = select(counted.c.account, func.sum(counted.c.amount_fen)).where(counted.c.counted)
        rows = self._rows(sums.group_by(counted.c.account))
        return dict.fromkeys(accounts, 0) | {account: int(sum_fen) for account, sum_fen in rows}

    def evidence(self, digest: str) -> bytes | None:
        """Give the bytes of a piece of evidence by its SHA-256 (hex); None when it is not kept."""
        rows = self._rows(select(evidence.c.data).where(evidence.c.digest == bytes.fromhex(digest)))
        return bytes(rows[0][0]) if rows else None

    def due(self, now: str, limit: int = DUE_PER_ROUND_MAX, after: Due | None = None) -> list[Due]:
        """Give what time brings about by now, the earliest first (`application.timers.DueTimers`).

        That is reservations of funds that expire, and restricted persons that nothing keeps any longer: at most `limit`
        of each, so that persons whom a dispute keeps hold up no money.
        """
        found = [*self._reservations(now, limit), *self._persons(now, limit, after)]
        return sorted(found, key=lambda due: (due.due, due.stream))

    def _persons(self, now: str, limit: int, after: Due | None) -> list[Due]:
        table = tables["persons"]
        query = (
            select(table.c.key, table.c.until)
            .where(table.c.known_to.is_(None), table.c.state == "restricted", not_(table.c.held), table.c.until <= now)
            .order_by(table.c.until, table.c.key)
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(table.c.until, table.c.key) > tuple_(*map(literal, (after.due, after.stream))))
        return [Due("person.Erased", key, until, RETENTION_RULE) for key, until in self._rows(query)]

    def _reservations(self, now: str, limit: int) -> list[Due]:
        table = tables["reservations"]
        query = (
            select(table.c.key, table.c.expires)
            .distinct()
            .where(
                table.c.known_to.is_(None), table.c.effective_to.is_(None), table.c.state == "open",
                table.c.expires <= now,
            )
            .order_by(table.c.expires, table.c.key)
            .limit(limit)
        )  # fmt: skip
        return [Due("fund.ReservationVoided", key, expires, EXPIRY_RULE) for key, expires in self._rows(query)]


# ---------------------------------------------------------------------------------------------------- conditions


def _where(table: FromClause, where: Mapping[str, object]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name, wanted in where.items():
        held = table.c[name]
        if wanted is True and not isinstance(held.type, Boolean):
            found.append(held.is_not(None))
        elif isinstance(wanted, list):
            found.append(held.in_(wanted))
        else:
            found.append(held == wanted)
    return found


def _after(query: Select[Any], table: Table, after: Sequence[str] | None) -> Select[Any]:
    """Put rows in the order of (key, item, effective_from), behind the last one seen."""
    name = (table.c.key, table.c.item, table.c.effective_from)
    if after is not None:
        query = query.where(tuple_(*name) > tuple_(*(literal(part, NAME) for part in after)))
    return query.order_by(*name)
