"""Changes of read models as rows: new ones by COPY, ended ones by one UPDATE a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import psycopg
from psycopg import sql

from application.projections.base import Bitemporal, Listing, Projection, Value
from application.projections.batch import Changes, Entry, OpenedRow, Parked, RowName

_PERIOD = ("key", "item", "effective_from", "effective_to", "known_from", "known_to")
_ENTRY = ("account", "position", "number")


def write_changes(connection: psycopg.Connection, projections: Sequence[Projection], changes: Changes) -> None:
    """Write a batch's changes inside the caller's transaction. Raises psycopg.Error."""
    for projection in projections:
        if isinstance(projection, Bitemporal):
            closed = changes.closed.get(projection.name)
            if closed:
                _close(connection, projection, closed)
            opened = changes.opened.get(projection.name)
            if opened:
                _open(connection, projection, opened.values())
        else:
            entries = changes.entries.get(projection.name)
            if entries:
                _enter(connection, projection, entries)
    park(connection, changes.parked)


def park(connection: psycopg.Connection, parked: Iterable[Parked]) -> None:
    """Note parked streams; a stream that is parked already stays where it stopped."""
    for stopped in parked:
        connection.execute(
            "INSERT INTO parked_events (projection, stream, position, error) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            stopped,
        )


def _copy(projection: Projection, columns: Sequence[str]) -> sql.Composed:
    names = [*columns, *(column.name for column in projection.columns)]
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(f"view_{projection.name}"), sql.SQL(", ").join(map(sql.Identifier, names))
    )


def _cells(values: tuple[Value, ...]) -> list[object]:
    # psycopg takes a tuple for a composite, a list for an array
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _open(connection: psycopg.Connection, projection: Bitemporal, opened: Collection[OpenedRow]) -> None:
    with connection.cursor() as cursor, cursor.copy(_copy(projection, _PERIOD)) as copy:
        for key, row, known_from, known_to in opened:
            copy.write_row(
                (key, row.item, row.effective_from, row.effective_to, known_from, known_to, *_cells(row.values))
            )


def _enter(connection: psycopg.Connection, projection: Listing, entries: Iterable[Entry]) -> None:
    with connection.cursor() as cursor, cursor.copy(_copy(projection, _ENTRY)) as copy:
        for account, position, number, values in entries:
            copy.write_row((account, position, number, *_cells(values)))


def _close(connection: psycopg.Connection, projection: Bitemporal, closed: Mapping[RowName, int]) -> None:
    keys, items, begins, since = zip(*closed, strict=True)
    connection.execute(
        sql.SQL(
            "UPDATE {} v SET known_to = q.known_to FROM"
            " unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])"
            " q (key, item, effective_from, known_from, known_to)"
            " WHERE v.key = q.key AND v.item = q.item AND v.effective_from = q.effective_from"
            " AND v.known_from = q.known_from"
        ).format(sql.Identifier(f"view_{projection.name}")),
        (list(keys), list(items), list(begins), list(since), list(closed.values())),
    )
