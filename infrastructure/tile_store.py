"""The tree's hash tiles as they are stored (C2SP tlog-tiles): made by the checkpointer, read by whoever proves.

A full tile is a row. A partial one is never stored: at level 0 its hashes are the events' leaves, above that the roots
of the full tiles below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import psycopg

from audit import merkle
from audit.errors import ProofError
from audit.tiles import tile_root

WIDTH: Final = 256
"""Hashes of a full tile; height 8."""


class Tile(NamedTuple):
    """A full tile: its coordinates (level, number), the root over it, its 256 hashes one after the other."""

    level: int
    number: int
    root: bytes
    hashes: bytes


@dataclass(slots=True)
class TileEdge:
    """The hashes at the tree's right edge that do not fill a tile yet, level by level; grows leaf by leaf."""

    levels: list[list[bytes]] = field(default_factory=list)
    _counts: list[int] = field(default_factory=list)

    def extend(self, leaves: Iterable[bytes]) -> Iterator[Tile]:
        """Add leaf hashes at the right; give each tile as it fills."""
        for leaf in leaves:
            level, node = 0, leaf
            while True:
                if level == len(self.levels):
                    self.levels.append([])
                    self._counts.append(0)
                edge = self.levels[level]
                edge.append(node)
                if len(edge) < WIDTH:
                    break
                node = merkle.root(edge)
                yield Tile(level, self._counts[level], node, b"".join(edge))
                self._counts[level] += 1
                edge.clear()
                level += 1

    @classmethod
    def stored(cls, connection: psycopg.Connection, size: int) -> TileEdge:
        """Read the edge of the tree of so many leaves from what is stored."""
        edge = cls()
        level, left = 0, size
        while left:
            full, width = divmod(left, WIDTH)
            found = partial_tile(connection, level, full, width)
            edge.levels.append([found[i : i + merkle.HASH_BYTES] for i in range(0, len(found), merkle.HASH_BYTES)])
            edge._counts.append(full)
            level, left = level + 1, full
        return edge


def store_tiles(connection: psycopg.Connection, tiles: Iterable[Tile]) -> None:
    """Insert full tiles in the transaction under way; those that are there already stay as they are."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tiles (level, index, root, hashes) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            list(tiles),
        )


def read_tile(connection: psycopg.Connection, level: int, index: int, width: int = WIDTH) -> bytes:
    """Give the first `width` hashes of a tile, one after the other.

    What no checkpoint has stored yet is worked out from the leaves. Raises ProofError `tile_missing` when the log does
    not reach so far.
    """
    if width == WIDTH:
        row = connection.execute("SELECT hashes FROM tiles WHERE level = %s AND index = %s", (level, index)).fetchone()
        if row is not None:
            return bytes(row[0])
    found = partial_tile(connection, level, index, width)
    if level:
        stored = len(found) // merkle.HASH_BYTES
        below = (read_tile(connection, level - 1, index * WIDTH + at) for at in range(stored, width))
        found += b"".join(map(tile_root, below))
    if len(found) != width * merkle.HASH_BYTES:
        raise ProofError("The log does not reach so far.", code="tile_missing", level=level, index=index)
    return found


def partial_tile(connection: psycopg.Connection, level: int, index: int, width: int) -> bytes:
    """Give up to `width` hashes of a tile from the leaves, or from the roots of the stored tiles below.

    They stand from the first on: roots behind one that is not stored are left out.
    """
    first = index * WIDTH
    if level == 0:
        rows = connection.execute(
            "SELECT leaf FROM events WHERE position > %s AND position <= %s ORDER BY position", (first, first + width)
        ).fetchall()
        return b"".join([bytes(leaf) for (leaf,) in rows])
    stored = connection.execute(
        "SELECT index, root FROM tiles WHERE level = %s AND index >= %s AND index < %s ORDER BY index",
        (level - 1, first, first + width),
    ).fetchall()
    return b"".join([bytes(root) for at, (number, root) in enumerate(stored) if number == first + at])


def stored_tile(connection: psycopg.Connection, level: int, index: int) -> tuple[bytes, bytes] | None:
    """Give root and hashes of a full tile as they are stored, None where it is not."""
    row = connection.execute(
        "SELECT root, hashes FROM tiles WHERE level = %s AND index = %s", (level, index), prepare=True
    ).fetchone()
    return None if row is None else (bytes(row[0]), bytes(row[1]))


def tiles_beyond(connection: psycopg.Connection) -> int:
    """Give how many full tiles are stored that the log's events of this moment do not fill."""
    row = connection.execute(
        "SELECT count(*) FROM tiles WHERE (index + 1) * 256::numeric ^ (level + 1) >"
        " (SELECT coalesce(max(position), 0) FROM events)"
    ).fetchone()
    return 0 if row is None else int(row[0])
