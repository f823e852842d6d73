"""Holds the read models against the log: made again in temporary tables by the projector itself, then compared.

Nothing is written but the session's own temporary tables, and the running projector is not waited for: rows say since
and until which position they are known, so both sides are compared as of one position, however far each of them is.
Each comparison takes some thousand rows and a snapshot of its own, so none is held for long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import psycopg
from psycopg import errors as pg
from psycopg import sql

from application.projections.base import Bitemporal
from application.projections.catalogue import PROJECTIONS
from application.verifying import Compared, Progress
from infrastructure.connection import Database, connect_plain, is_away
from infrastructure.errors import InfrastructureError, ShadowsRefused
from infrastructure.projection_tables import metadata, parked, tables, tracking
from infrastructure.projector import TRACKING, Projector

ROWS_MAX: Final = 20_000
"""Rows that one snapshot compares; more only where one stream has them."""
NAMED_MAX: Final = 20
"""Streams of one table that are named; the others are counted."""
TEMPORARY: Final = "pg_temp"
_ENDLESS: Final = 2**63 - 1

_DIFFERING: Final = """
SELECT {by}, count(*) FILTER (WHERE stored), count(*) FILTER (WHERE NOT stored) FROM (
    (SELECT true AS stored, * FROM ({stored} EXCEPT ALL {told}) stray)
    UNION ALL (SELECT false, * FROM ({told} EXCEPT ALL {stored}) missing)) differing
GROUP BY {by} ORDER BY {by}
"""
_KNOWN_TO: Final = "CASE WHEN known_to <= {at} OR known_to > {tracked} THEN known_to END AS known_to"
_SIDE: Final = "SELECT {shown} FROM {table} WHERE ({since} <= {at} OR {since} > {tracked}) AND {within}"
_NEXT: Final = "SELECT {by} FROM {table} WHERE {within} ORDER BY {by} OFFSET {rows} LIMIT 1"


class Kept(NamedTuple):
    """A table of read models: its name, the column of streams or accounts, what is compared, since when a row is."""

    table: str
    by: str
    columns: tuple[str, ...]
    since: str

    def side(self, schema: str, at: int, tracked: int, within: sql.Composable) -> sql.Composed:
        """Select a schema's rows as they were known at a position, and those of after `tracked`, whom nobody told."""
        places = {"at": sql.Literal(at), "tracked": sql.Literal(tracked)}
        shown = [
            sql.SQL(_KNOWN_TO).format(**places) if column == "known_to" else sql.Identifier(column)
            for column in self.columns
        ]
        return sql.SQL(_SIDE).format(
            shown=sql.SQL(", ").join(shown), table=sql.Identifier(schema, self.table), within=within,
            since=sql.Identifier(self.since), **places,
        )  # fmt: skip


def _kept() -> Iterator[Kept]:
    for projection in PROJECTIONS:
        table = tables[projection.name]
        by, since = ("key", "known_from") if isinstance(projection, Bitemporal) else ("account", "position")
        yield Kept(table.name, by, tuple(column.name for column in table.columns), since)
    # Of what stopped a stream the place follows from the log; the error's name is for people.
    yield Kept(parked.name, "stream", ("projection", "stream", "position"), "position")


KEPT: Final = tuple(_kept())
"""All tables that are compared."""


class _Stopped(Exception):
    """Whoever asked for the comparison no longer wants it."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Shadows:
    """`application.verifying.StoredViews` over a database; `progress` is told how far the log was read again."""

    database: Database
    progress: Progress | None = None

    def compare(self, stopped: Callable[[], bool] = _never) -> Compared:
        """Make the read models again up to where the stored ones are, and hold these against them.

        `stopped` is asked after each page and each part of a table, and ends it with nothing compared.
        Raises ShadowsRefused, psycopg.Error.
        """
        try:
            with connect_plain(self.database, "liftledger shadows") as connection:
                return self._compare(connection, stopped)
        except _Stopped:
            return Compared(None)
        except (pg.InsufficientPrivilege, pg.ReadOnlySqlTransaction) as refused:
            raise ShadowsRefused("the read models cannot be made again here: use --log-only") from refused
        except (pg.UndefinedTable, pg.UndefinedColumn) as missing:
            return Compared(None, [("projection", missing.diag.message_primary or "a table is missing", 1)])

    def _compare(self, connection: psycopg.Connection, stopped: Callable[[], bool]) -> Compared:
        projector = Projector(self.database, connect=lambda: connection)
        position, digest = _tracked(connection, self.database.schema)
        if digest != projector.digest:
            return Compared(None, [("projection_unread", digest or "never made", 1)])
        make_shadows(connection, self.database.schema)
        try:
            reached = projector.catch_up(position, self._telling(position, stopped))
        except (pg.UndefinedTable, pg.UndefinedColumn, _Stopped):
            raise
        except Exception as error:
            if is_away(error):
                raise
            return Compared(None, [("projection_unread", f"no replay: {type(error).__name__}", 1)])
        connection.execute("ANALYZE " + ", ".join(f"{TEMPORARY}.{kept.table}" for kept in KEPT))
        return _Comparison(connection, self.database.schema, digest, reached, stopped).run()

    def _telling(self, size: int, stopped: Callable[[], bool]) -> Callable[[int], None]:
        def tell(done: int) -> None:
            if stopped():
                raise _Stopped
            if self.progress is not None:
                self.progress(done, size)

        return tell


def make_shadows(connection: psycopg.Connection, schema: str) -> None:
    """Make empty tables of this session's own in the place of all that a projector writes. Raises psycopg.Error."""
    connection.execute("SET jit = off")
    connection.execute(sql.SQL("SET search_path = pg_temp, {}").format(sql.Identifier(schema)))
    for table in metadata.sorted_tables:
        # No other index is asked; NOT NULL comes with the columns, so that what the database refuses is refused here.
        make = sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}, PRIMARY KEY ({}))").format(
            sql.Identifier(table.name), sql.Identifier(schema, table.name),
            sql.SQL(", ").join(sql.Identifier(column.name) for column in table.primary_key),
        )  # fmt: skip
        connection.execute(make)
        found = connection.execute(
            "SELECT relpersistence::text FROM pg_class WHERE oid = to_regclass(%s)", (table.name,)
        ).fetchone()
        if found != ("t",):  # a projector would empty the stored tables
            raise InfrastructureError("a table of the session's own does not hide the stored one", table=table.name)


def _tracked(connection: psycopg.Connection, schema: str) -> tuple[int, str]:
    """Give the position that the stored read models are at, and the versions of the functions that made them."""
    query = sql.SQL("SELECT position, digest FROM {} WHERE name = %s").format(sql.Identifier(schema, tracking.name))
    return connection.execute(query, (TRACKING,)).fetchone() or (0, "")


@dataclass(slots=True)
class _Comparison:
    """One comparison of the stored tables with the session's own, which are at `reached`."""

    connection: psycopg.Connection
    schema: str
    digest: str
    reached: int
    stopped: Callable[[], bool]

    def run(self) -> Compared:
        """Compare all tables. The position that is given is the least as of which one was compared."""
        findings: list[tuple[str, str, int]] = []
        at = self.reached
        for kept in KEPT:
            named, more = 0, 0
            for within in self._parts(kept):
                if self.stopped():
                    raise _Stopped
                compared_at, differing = self._part(kept, within)
                if compared_at is None:
                    return Compared(None, [("projection_unread", "made anew meanwhile", 1)])
                at = min(at, compared_at)
                for name, stray, missing in differing:
                    named += 1
                    if named <= NAMED_MAX:
                        told = f"{kept.table} {name}: {stray} rows not of the log, {missing} of the log missing"
                        findings.append(("projection", told, stray + missing))
                    else:
                        more += stray + missing
            if more:
                findings.append(("projection", f"{kept.table}: {named - NAMED_MAX} more", more))
        return Compared(at, [*findings, *self._parked()])

    def _parts(self, kept: Kept) -> Iterator[sql.Composable]:
        """Cut a table into ranges of names, of some thousand rows each; the last one has no end."""
        by, table = sql.Identifier(kept.by), sql.Identifier(TEMPORARY, kept.table)
        within: sql.Composable = sql.SQL("true")
        while True:
            query = sql.SQL(_NEXT).format(by=by, table=table, within=within, rows=sql.Literal(ROWS_MAX))
            found = self.connection.execute(query).fetchone()
            if found is None:
                yield within
                return
            last = sql.Literal(found[0])
            yield sql.SQL("{} AND {} <= {}").format(within, by, last)
            within = sql.SQL("{} > {}").format(by, last)

    def _part(self, kept: Kept, within: sql.Composable) -> tuple[int | None, list[tuple[str, int, int]]]:
        """Compare a range of names in one snapshot; gives the position as of which, and (name, stray, missing).

        No position where the tables are meanwhile made by other functions.
        """
        with self.connection.transaction():
            self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # Before the snapshot: a table that is emptied after it was taken would look as if it had been empty then.
            self.connection.execute(
                sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.Identifier(self.schema, kept.table))
            )
            tracked, digest = _tracked(self.connection, self.schema)
            if digest != self.digest:
                return None, []
            at = min(tracked, self.reached)
            stored = kept.side(self.schema, at, tracked, within)
            told = kept.side(TEMPORARY, at, _ENDLESS, within)
            query = sql.SQL(_DIFFERING).format(by=sql.Identifier(kept.by), stored=stored, told=told)
            return at, self.connection.execute(query).fetchall()

    def _parked(self) -> Iterator[tuple[str, str, int]]:
        """Give the streams that the log itself parks: their rows stay as they were, on both sides."""
        streams = self.connection.execute(
            sql.SQL("SELECT projection, stream, position FROM {} ORDER BY 3, 1").format(
                sql.Identifier(TEMPORARY, parked.name)
            )
        ).fetchall()
        for projection, stream, position in streams[:NAMED_MAX]:
            yield "projection_parked", f"view_{projection} {stream} at {position}", 1
        if len(streams) > NAMED_MAX:
            yield "projection_parked", "more", len(streams) - NAMED_MAX
