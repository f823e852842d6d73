"""The stored tiles of the tree: made as leaves come, read as they are stored, worked out where none is yet."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import psycopg
import pytest

from audit import merkle
from audit.errors import ProofError
from infrastructure import tile_store
from infrastructure.tile_store import Tile, TileEdge
from tests.support.saving import TestLedger

FULL = 256
SIZE = FULL * FULL + FULL + 5
"""A tile over tiles, one more full tile, and five leaves."""
INSERT = (
    "INSERT INTO events (position, stream, version, seq, type, recorded_at, header, body, leaf)"
    " SELECT at, 'lift:' || at, 1, 1, 'lift.Registered', '', '', '', sha256(int8send(at))"
    " FROM generate_series(%s::bigint, %s, -1) at"
)


def leaf(position: int) -> bytes:
    """Give the leaf that is stored at a position."""
    return sha256(position.to_bytes(8, "big")).digest()


LEAVES = [leaf(position) for position in range(1, SIZE + 1)]


def node(first: int, count: int) -> bytes:
    """Give the root over so many leaves from the one at an index on."""
    return merkle.root(LEAVES[first : first + count])


def roots(first: int, end: int) -> bytes:
    """Give the roots over the full tiles of leaves from one number to another."""
    return b"".join(node(number * FULL, FULL) for number in range(first, end))


def test_a_tile_is_given_as_it_fills() -> None:
    """With its place, its hashes and the root over them; a tile of roots after the last of those below it."""
    edge = TileEdge()
    made = list(edge.extend(LEAVES))
    assert [(each.level, each.number) for each in made] == [(0, n) for n in range(FULL)] + [(1, 0), (0, FULL)]
    for each in (made[0], made[7], made[-1]):
        span = slice(each.number * FULL, (each.number + 1) * FULL)
        assert (each.hashes, each.root) == (b"".join(LEAVES[span]), merkle.root(LEAVES[span]))
    assert made[-2] == Tile(1, 0, node(0, FULL * FULL), roots(0, FULL))
    assert edge.levels == [LEAVES[-5:], [node(FULL * FULL, FULL)], [made[-2].root]]


@pytest.fixture
def few(ledger: TestLedger) -> Iterator[psycopg.Connection]:
    """A log of three full tiles and five leaves, which were stored last first; of its tiles the two outer ones."""
    with ledger.owner() as connection:
        connection.execute(INSERT, (3 * FULL + 5, 1))
        tiles = [each for each in TileEdge().extend(LEAVES[: 3 * FULL]) if each.number != 1]
        tile_store.store_tiles(connection, tiles[::-1])
        yield connection


def test_a_tile_is_read_as_it_is_stored_or_worked_out(few: psycopg.Connection) -> None:
    """Any first part of it, of leaves and of roots, also of roots whose tiles nobody stored yet."""
    read = tile_store.read_tile
    for number, width in ((0, 256), (1, 256), (2, 256), (0, 3), (1, 1), (3, 5), (2, 255)):
        assert read(few, 0, number, width) == b"".join(LEAVES[number * FULL : number * FULL + width])
    for width in (1, 2, 3):
        assert read(few, 1, 0, width) == roots(0, width)
    assert tile_store.partial_tile(few, 1, 0, 3) == roots(0, 1)
    assert tile_store.partial_tile(few, 0, 1, 2) == b"".join(LEAVES[FULL : FULL + 2])
    for level, number, width in ((0, 3, 6), (0, 3, 256), (0, 4, 1), (1, 0, 4), (1, 1, 1), (2, 0, 1)):
        with pytest.raises(ProofError) as refused:
            read(few, level, number, width)
        assert refused.value.code == "tile_missing"


def test_a_stored_tile_stays_as_it_came_first(few: psycopg.Connection) -> None:
    """A checkpointer that repeats itself changes nothing; what is stored is given with its root."""
    tile_store.store_tiles(few, [Tile(0, 0, bytes(32), bytes(32 * FULL))])
    assert tile_store.stored_tile(few, 0, 0) == (node(0, FULL), b"".join(LEAVES[:FULL]))
    assert tile_store.stored_tile(few, 0, 2) == (node(2 * FULL, FULL), b"".join(LEAVES[2 * FULL : 3 * FULL]))
    tile_store.store_tiles(few, [Tile(1, 1, bytes(32), bytes(32 * FULL))])
    assert tile_store.stored_tile(few, 0, 1) is tile_store.stored_tile(few, 1, 0) is None


def test_what_is_stored_and_no_event_fills_is_counted(few: psycopg.Connection) -> None:
    """A tile that ends with the last event is filled; at each level above, it takes 256 times as many."""
    assert tile_store.tiles_beyond(few) == 0
    hashes = (bytes(32), bytes(32 * FULL))
    tile_store.store_tiles(few, [Tile(0, 3, *hashes), Tile(1, 0, *hashes), Tile(7, 2**50, *hashes)])
    assert tile_store.tiles_beyond(few) == 3
    few.execute(INSERT, (4 * FULL, 3 * FULL + 6))
    assert tile_store.tiles_beyond(few) == 2


def test_without_an_event_every_tile_is_beyond(ledger: TestLedger) -> None:
    """A log that was emptied is found by what was made of it."""
    with ledger.owner() as connection:
        assert tile_store.tiles_beyond(connection) == 0
        tile_store.store_tiles(connection, [Tile(0, 0, bytes(32), bytes(32 * FULL))])
        assert tile_store.tiles_beyond(connection) == 1


def test_the_edge_is_read_again_from_what_is_stored(ledger: TestLedger) -> None:
    """At every level, and the next tiles come where those before them ended."""
    with ledger.owner() as connection:
        connection.execute(INSERT, (SIZE, 1))
        edge = TileEdge()
        tile_store.store_tiles(connection, edge.extend(LEAVES))
        found = TileEdge.stored(connection, SIZE)
        assert found == edge
        assert found.levels
        assert next(found.extend(LEAVES[:FULL])).number == FULL + 1
        assert TileEdge.stored(connection, 0) == TileEdge()
        assert TileEdge.stored(connection, FULL).levels == [[], [node(0, FULL)]]
