"""Tiles: their paths and coordinates, bundles of entries, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from audit.errors import ProofError
from audit.merkle import EMPTY_ROOT, leaf_hash, root
from audit.tiles import (
    ENTRY_BYTES_MAX,
    Tile,
    TiledTree,
    consistency_tiles,
    decode_bundle,
    encode_bundle,
    grow,
    inclusion_tiles,
    parse_path,
    root_tiles,
    tile_root,
    tiles_between,
)

LEAVES = [leaf_hash(i.to_bytes(2, "big")) for i in range(300)]


def read_nothing(level: int, index: int, width: int) -> bytes:
    """Stand for a store that must not be asked."""
    raise AssertionError((level, index, width))


def refused(work: Callable[[], object], code: str) -> None:
    """Check that a ProofError has this code."""
    with pytest.raises(ProofError) as caught:
        work()
    assert caught.value.code == code


@pytest.mark.parametrize(
    "tile,path",
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 999), "tile/0/999"),
        (Tile(1, 1000, 1), "tile/1/x001/000.p/1"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(63, 1234067, 255), "tile/63/x001/x234/067.p/255"),
        (Tile(None, 5), "tile/entries/005"),
        (Tile(None, 1000, 17), "tile/entries/x001/000.p/17"),
        (Tile(0, 2**53 - 1), "tile/0/x009/x007/x199/x254/x740/991"),
    ],
)
def test_paths_as_the_page_writes_them(tile: Tile, path: str) -> None:
    """Three digits a group, all but the last with an x, and the width of partial tiles."""
    assert tile.path() == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tile/0/0", "tile/0/0000", "tile/0/x000",
        "tile/0/x000/001", "tile/0/001/000", "tile/0/x001/x000", "tile/0/X001/000", "tile/00/000", "tile/01/000",
        "tile/64/000", "tile/100/000", "tile/-1/000", "tile/entries", "tile/entry/000", "tile/0/000.p", "tile/0/000.p/",
        "tile/0/000.p/1/", "tile/0/000.p/0", "tile/0/000.p/01",
        "tile/0/000.p/256", "tile/0/000.p/999", "tile/0/000.P/1",
        "tile/0/000\n", "tile/0/٠٠٠", "tile/0/000.p/١", "tile/0/x009/x007/x199/x254/x740/992",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/000", "tile/data/000", "tile/0//000", "tile/0/../000",
    ],
)  # fmt: skip
def test_other_paths_are_refused(path: str) -> None:
    """A tile has one path."""
    refused(lambda: parse_path(path), "tile_path")


def test_the_tiles_of_the_page() -> None:
    """The page's examples: a tree of 70,000 leaves, and one of 256."""
    tiles = list(tiles_between(0, 70_000))
    assert [tile for tile in tiles if tile.level == 0] == [Tile(0, i) for i in range(273)] + [Tile(0, 273, 112)]
    assert [tile for tile in tiles if tile.level != 0] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles_between(0, 256)) == [Tile(0, 0), Tile(1, 0, 1)]


def test_tiles_that_come_with_growth() -> None:
    """Only what is new or wider is stored again; a tile that stays is not."""
    assert list(tiles_between(256, 257)) == [Tile(0, 1, 1)]
    assert list(tiles_between(255, 256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_between(300, 300)) == list(tiles_between(0, 0)) == []
    refused(lambda: list(tiles_between(2, 1)), "proof_range")
    refused(lambda: list(tiles_between(0, 2**53)), "proof_range")


def test_nothing_grows_by_nothing() -> None:
    """Without new leaves no tile is read or written."""
    assert list(grow(300, [], read_nothing)) == []


def test_the_coordinates_of_proofs() -> None:
    """A proof in seventy thousand leaves takes a tile a level, and the edge of the tree."""
    assert root_tiles(0) == []
    assert root_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert inclusion_tiles(300, 70_000) == [Tile(0, 1), Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17)]
    assert inclusion_tiles(0, 1) == []
    assert consistency_tiles(256, 512) == [Tile(1, 0, 2)]
    assert consistency_tiles(512, 512) == []


def test_a_proof_of_billions_reads_few_tiles() -> None:
    """Tiles are O(log n): a log of a million million events needs a dozen."""
    size = 10**12 + 12345
    assert len(inclusion_tiles(size // 3, size)) <= 10
    assert len(consistency_tiles(size // 3, size)) <= 12


def test_the_empty_tree_reads_nothing() -> None:
    """Its root is fixed."""
    assert TiledTree(0, read_nothing).root() == EMPTY_ROOT


def test_leaves_are_read_from_tiles() -> None:
    """A leaf hash stands in a tile of level 0, which is read once."""
    asked: list[tuple[int, int, int]] = []

    def read(level: int, index: int, width: int) -> bytes:
        asked.append((level, index, width))
        return b"".join(LEAVES[256 * index :][:width])

    tree = TiledTree(300, read)
    assert [tree.leaf(i) for i in (0, 255, 256, 299, 0)] == [LEAVES[i] for i in (0, 255, 256, 299, 0)]
    assert asked == [(0, 0, 256), (0, 1, 44)]


@pytest.mark.parametrize("index", [-1, 300])
def test_leaves_outside_the_tree_are_refused(index: int) -> None:
    """There is no such leaf, and nothing is read."""
    tree = TiledTree(300, read_nothing)
    refused(lambda: tree.leaf(index), "proof_range")
    refused(lambda: tree.inclusion_path(index), "proof_range")
    refused(lambda: inclusion_tiles(index, 300), "proof_range")


@pytest.mark.parametrize("size1", [-1, 0, 301])
def test_sizes_outside_the_tree_are_refused(size1: int) -> None:
    """A proof from nothing is empty for the verifier, and made by nobody."""
    refused(lambda: TiledTree(300, read_nothing).consistency_path(size1), "proof_range")
    refused(lambda: consistency_tiles(size1, 300), "proof_range")


@pytest.mark.parametrize("size", [-1, 2**53])
def test_trees_of_impossible_size_are_refused(size: int) -> None:
    """Sizes are the format's integers."""
    refused(lambda: TiledTree(size, read_nothing), "proof_range")


@pytest.mark.parametrize("length", [0, 31, 43 * 32, 45 * 32, 256 * 32])
def test_tiles_of_another_width_are_refused(length: int) -> None:
    """A store that gives more or less than asked has not the tree's tile."""
    tree = TiledTree(300, lambda _level, _index, _width: bytes(length))
    refused(lambda: tree.leaf(299), "tile_length")
    refused(lambda: list(grow(300, LEAVES[:1], lambda _level, _index, _width: bytes(length))), "tile_length")


def test_the_root_of_a_full_tile() -> None:
    """A full tile is hashed into the one above it; a partial one never."""
    assert tile_root(b"".join(LEAVES[:256])) == root(LEAVES[:256])
    refused(lambda: tile_root(b"".join(LEAVES[:255])), "tile_length")


def test_bundles_of_entries() -> None:
    """Each entry stands after its length in two bytes; an empty entry is one too."""
    assert encode_bundle([]) == b""
    assert encode_bundle([b"ab", b"", b"\x00"]) == b"\x00\x02ab\x00\x00\x00\x01\x00"
    longest = [b"\xff" * ENTRY_BYTES_MAX] * 2
    assert decode_bundle(encode_bundle(longest), 2) == longest
    full = [bytes([i]) * i for i in range(256)]
    assert decode_bundle(encode_bundle(full), 256) == full


def test_bundles_that_cannot_be_are_refused() -> None:
    """Too many entries, or one too long for its length."""
    refused(lambda: encode_bundle([b""] * 257), "bundle_malformed")
    refused(lambda: encode_bundle([b"\xff" * (ENTRY_BYTES_MAX + 1)]), "bundle_malformed")


def test_bundles_are_read_to_their_end() -> None:
    """Cut anywhere, or with something behind, or of another width, a bundle is refused."""
    good = encode_bundle([b"one", b"", b"three"])
    for bad in (*(good[:i] for i in range(len(good))), good + b"\x00", good + b"\x00\x00"):
        refused(partial(decode_bundle, bad, 3), "bundle_malformed")
    for width in (0, 2, 4):
        refused(partial(decode_bundle, good, width), "bundle_malformed")
