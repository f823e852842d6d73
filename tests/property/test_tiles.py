"""Laws of tiles: roots and proofs out of them are those of the tree itself."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle
from audit.tiles import (
    Tile,
    TiledTree,
    consistency_tiles,
    decode_bundle,
    encode_bundle,
    grow,
    inclusion_tiles,
    parse_path,
    root_tiles,
    tiles_between,
)

LEAVES = [merkle.leaf_hash(i.to_bytes(3, "big")) for i in range(70_300)]
PARTS = st.lists(st.integers(0, 20_000), min_size=1, max_size=4).map(sorted)


class Store:
    """Tiles by their place and width, each as it was stored, and which of them were asked for."""

    def __init__(self) -> None:
        self.tiles: dict[Tile, bytes] = {}
        self.asked: list[Tile] = []

    def read(self, level: int, index: int, width: int) -> bytes:
        """Give a tile of exactly this width."""
        self.asked.append(Tile(level, index, width))
        return self.tiles[Tile(level, index, width)]

    def grow(self, old_size: int, size: int) -> None:
        """Store what comes with growth, which is what was foretold."""
        grown = dict(grow(old_size, LEAVES[old_size:size], self.read))
        assert list(grown) == list(tiles_between(old_size, size))
        self.tiles |= grown


@pytest.fixture(scope="module")
def store() -> Store:
    """Give a store that grew leaf by leaf at first, as checkpoints come, and then in greater steps."""
    made = Store()
    sizes = [*range(601), *range(601, 70_000, 997), 70_000, 70_300]
    for old_size, size in pairwise(sizes):
        made.grow(old_size, size)
    return made


def read_tree(store: Store, size: int) -> TiledTree:
    """Read the tree of a size; tiles of sizes without a checkpoint are cut from wider ones."""

    def read(level: int, index: int, width: int) -> bytes:
        store.asked.append(Tile(level, index, width))
        wider = (w for w in range(width, 257) if Tile(level, index, w) in store.tiles)
        return store.tiles[Tile(level, index, next(wider))][: 32 * width]

    store.asked.clear()
    return TiledTree(size, read)


def test_small_trees_by_every_size(store: Store) -> None:
    """From nothing to six hundred leaves each root is that of the tree, out of the tiles foretold."""
    frontier = merkle.Frontier()
    for size in range(601):
        assert TiledTree(size, store.read).root() == frontier.root()
        store.asked.clear()
        TiledTree(size, store.read).root()
        assert sorted(store.asked) == root_tiles(size)
        frontier.append(LEAVES[size])


@given(data=st.data(), size=st.integers(1, 600) | st.integers(1, 70_300))
def test_inclusion_proofs_out_of_tiles(store: Store, data: st.DataObject, size: int) -> None:
    """Any leaf of any tree has the path that the whole tree gives, out of the tiles foretold and few of them."""
    index = data.draw(st.integers(0, size - 1))
    tree = read_tree(store, size)
    path = tree.inclusion_path(index)
    assert sorted(store.asked) == inclusion_tiles(index, size)
    assert len(store.asked) <= 6
    if size <= 3000:
        assert path == merkle.inclusion_path(LEAVES[:size], index)
    merkle.verify_inclusion(LEAVES[index], index, size, path, tree.root())


@given(data=st.data(), size2=st.integers(1, 600) | st.integers(1, 70_300))
def test_consistency_proofs_out_of_tiles(store: Store, data: st.DataObject, size2: int) -> None:
    """Any two sizes have the proof that the whole tree gives, out of the tiles foretold and few of them."""
    size1 = data.draw(st.integers(1, size2))
    tree = read_tree(store, size2)
    path = tree.consistency_path(size1)
    assert sorted(store.asked) == consistency_tiles(size1, size2)
    assert len(store.asked) <= 8
    if size2 <= 3000:
        assert path == merkle.consistency_path(LEAVES, size1, size2)
    merkle.verify_consistency(size1, size2, path, read_tree(store, size1).root(), tree.root())


def test_great_trees_by_chance(store: Store) -> None:
    """Roots up to seventy thousand leaves equal the frontier's."""
    rnd = random.Random(11)
    sizes = sorted({*(rnd.randrange(601, 70_300) for _ in range(40)), 65_535, 65_536, 65_537, 70_000, 70_300})
    frontier = merkle.Frontier()
    for size in sizes:
        frontier.extend(LEAVES[frontier.size : size])
        assert read_tree(store, size).root() == frontier.root()


@given(PARTS)
def test_growth_in_any_parts_gives_the_same_tiles(sizes: list[int]) -> None:
    """However a log is cut into checkpoints, its full tiles and last partial ones are the same."""
    made = Store()
    for old_size, size in pairwise([0, *sizes]):
        made.grow(old_size, size)
    at_once = Store()
    at_once.grow(0, sizes[-1])
    assert {tile: made.tiles[tile] for tile in at_once.tiles} == at_once.tiles


@given(st.none() | st.integers(0, 63), st.integers(0, 2**53 - 1), st.integers(1, 256))
def test_a_path_is_read_back(level: int | None, index: int, width: int) -> None:
    """Writing and reading a path are one another's reverse."""
    tile = Tile(level, index, width)
    assert parse_path(tile.path()) == tile


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_is_read_back(entries: list[bytes]) -> None:
    """Writing and reading a bundle are one another's reverse."""
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries
