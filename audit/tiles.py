"""The Merkle tree in tiles, and proofs out of a few of them (C2SP tlog-tiles).

A tile at level L holds up to 256 hashes of subtrees of 256^L leaves each. Whatever is computed from tiles is only as
good as they are: hold a root against a signed checkpoint, and a proof against `audit.merkle.verify_…`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from audit.canonical import INTEGER_MAX
from audit.errors import ProofError
from audit.merkle import EMPTY_ROOT, HASH_BYTES, node_hash
from audit.merkle import root as root_of

__all__ = [
    "ENTRY_BYTES_MAX",
    "LEVEL_MAX",
    "TILE_WIDTH",
    "ProofError",
    "ReadTile",
    "Tile",
    "TiledTree",
    "consistency_tiles",
    "decode_bundle",
    "encode_bundle",
    "grow",
    "inclusion_tiles",
    "parse_path",
    "root_tiles",
    "tile_root",
    "tiles_between",
]

TILE_WIDTH: Final = 256
LEVEL_MAX: Final = 63
ENTRY_BYTES_MAX: Final = 2**16 - 1

_TILE_HEIGHT: Final = 8
_LENGTH_BYTES: Final = 2
_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")

ReadTile = Callable[[int, int, int], bytes]
"""(level, index, width) → exactly so many hashes, one after the other."""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A tile of the tree, or with level None a bundle of entries; narrower than 256 it is partial."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def path(self) -> str:
        """Return its path below the prefix (tlog-tiles, “Merkle Tree” and “Log entries”)."""
        groups = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            groups.append(f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level is None else self.level
        partial = f".p/{self.width}" if self.width < TILE_WIDTH else ""
        return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def parse_path(path: str) -> Tile:
    """Read exactly what `Tile.path` writes: no leading zeroes, no empty groups. Raises ProofError, `tile_path`."""
    if match := _PATH.fullmatch(path):
        level, groups, width = match.groups()
        tile = Tile(
            None if level == "entries" else int(level),
            int(groups.replace("x", "").replace("/", "")),
            int(width or TILE_WIDTH),
        )
        if (tile.level or 0) <= LEVEL_MAX and tile.index <= INTEGER_MAX and tile.path() == path:
            return tile
    raise ProofError("This is no path of a tile.", code="tile_path")


def tiles_between(old_size: int, size: int) -> Iterator[Tile]:
    """Yield the tiles that a tree has when it has grown to `size` and had not at `old_size`, full and partial ones.

    Level by level; bundles of entries are those of level 0. From 0 on these are all tiles of the tree.
    """
    _check_sizes(old_size, size)
    level = 0
    while old_size < size:
        for index in range(old_size // TILE_WIDTH, -(-size // TILE_WIDTH)):
            yield Tile(level, index, min(TILE_WIDTH, size - index * TILE_WIDTH))
        level, old_size, size = level + 1, old_size // TILE_WIDTH, size // TILE_WIDTH


def grow(old_size: int, leaves: Iterable[bytes], read_tile: ReadTile) -> Iterator[tuple[Tile, bytes]]:
    """Yield the tiles to be stored, with their hashes, when leaf hashes are added to a tree of `old_size` leaves.

    Of the old tree only its partial tiles are read, one a level. They are `tiles_between` the sizes.
    """
    new, level = list(leaves), 0
    while new:
        first, width = divmod(old_size, TILE_WIDTH)
        hashes = [*_split(read_tile(level, first, width), width), *new] if width else new
        new = []
        for i in range(0, len(hashes), TILE_WIDTH):
            piece = hashes[i : i + TILE_WIDTH]
            yield Tile(level, first + i // TILE_WIDTH, len(piece)), b"".join(piece)
            if len(piece) == TILE_WIDTH:
                new.append(root_of(piece))
        level, old_size = level + 1, first


def tile_root(data: bytes) -> bytes:
    """Return the hash of a full tile, which stands in the tile above it. Raises ProofError with code `tile_length`."""
    return root_of(_split(data, TILE_WIDTH))


def root_tiles(size: int) -> list[Tile]:
    """Return the tiles from which the root of a tree of this size is computed, in order."""
    _check_sizes(0, size)
    return _tiles([(0, size)] if size else [], size)


def inclusion_tiles(index: int, size: int) -> list[Tile]:
    """Return the tiles from which the proof of leaf `index` in a tree of this size is computed, in order."""
    return _tiles(_inclusion_spans(index, size), size)


def consistency_tiles(size1: int, size2: int) -> list[Tile]:
    """Return the tiles from which the proof between two sizes is computed, in order; they are the greater tree's."""
    return _tiles(_consistency_spans(size1, size2), size2)


class TiledTree:
    """A tree of a size, read tile by tile as it is asked; a tile is read and hashed once.

    Every method raises ProofError with code `tile_length` if `read_tile` gives another number of hashes, and
    `proof_range` if the tree has no such leaf or size.
    """

    __slots__ = ("_levels", "_read_tile", "size")

    def __init__(self, size: int, read_tile: ReadTile) -> None:
        _check_sizes(0, size)
        self.size = size
        self._read_tile = read_tile
        self._levels: dict[Tile, list[list[bytes]]] = {}

    def root(self) -> bytes:
        """Return the tree hash (RFC 6962 §2.1)."""
        return self.root_at(self.size)

    def root_at(self, size: int) -> bytes:
        """Return the tree hash that this tree had when it had so many leaves: its first ones."""
        if not 0 <= size <= self.size:
            raise ProofError("The tree never had this size.", code="proof_range", size1=size, size2=self.size)
        return self._hash(0, size) if size else EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash at `index`."""
        if not 0 <= index < self.size:
            raise ProofError("The tree has no such leaf.", code="proof_range", index=index, size=self.size)
        return self._hash(index, index + 1)

    def inclusion_path(self, index: int) -> list[bytes]:
        """Return the audit path of leaf `index`, from 0, lowest first (RFC 6962 §2.1.1)."""
        return [self._hash(*span) for span in _inclusion_spans(index, self.size)]

    def consistency_path(self, size1: int) -> list[bytes]:
        """Return the proof that the first `size1` leaves, 0 < size1 ≤ size, begin this tree (RFC 6962 §2.1.2)."""
        return [self._hash(*span) for span in _consistency_spans(size1, self.size)]

    def _hash(self, begin: int, end: int) -> bytes:
        """Return MTH(D[begin:end]) of a span that stands in the tree: its complete subtrees, joined from the right."""
        *others, node = (self._node(height, index) for height, index in _subtrees(begin, end))
        for left in reversed(others):
            node = node_hash(left, node)
        return node

    def _node(self, height: int, index: int) -> bytes:
        tile = _tile_of(height, index, self.size)
        if tile not in self._levels:
            assert tile.level is not None  # noqa: S101  # bundles have no nodes
            self._levels[tile] = _rising(_split(self._read_tile(tile.level, tile.index, tile.width), tile.width))
        inside = height % _TILE_HEIGHT
        return self._levels[tile][inside][index - (tile.index << _TILE_HEIGHT - inside)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries each after its length in two bytes, big-endian (tlog-tiles, “Log entries”).

    Raises ProofError with code `bundle_malformed` for more than 256 entries or one of more than 65,535 bytes.
    """
    if len(entries) > TILE_WIDTH or any(len(entry) > ENTRY_BYTES_MAX for entry in entries):
        raise ProofError("A bundle has 256 entries of 65,535 bytes at the most.", code="bundle_malformed")
    return b"".join(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Return exactly `width` entries, which fill the bundle. Raises ProofError with code `bundle_malformed`."""
    entries: list[bytes] = []
    start = 0
    for _ in range(width):
        stop = start + _LENGTH_BYTES + int.from_bytes(data[start : start + _LENGTH_BYTES], "big")
        if start + _LENGTH_BYTES > len(data) or stop > len(data):
            raise ProofError("The bundle is cut off.", code="bundle_malformed", width=width, entries=len(entries))
        entries.append(data[start + _LENGTH_BYTES : stop])
        start = stop
    if start != len(data):
        raise ProofError("The bundle holds more than its entries.", code="bundle_malformed", width=width)
    return entries


def _inclusion_spans(index: int, size: int) -> list[tuple[int, int]]:
    """Return the leaves under each hash of an audit path (RFC 6962 §2.1.1), lowest first."""
    if not 0 <= index < size <= INTEGER_MAX:
        raise ProofError("The tree has no such leaf.", code="proof_range", index=index, size=size)
    spans, height = [], 0
    while (size - 1) >> height:
        begin = ((index >> height) ^ 1) << height
        if begin < size:
            spans.append((begin, min(begin + (1 << height), size)))
        height += 1
    return spans


def _consistency_spans(size1: int, size2: int) -> list[tuple[int, int]]:
    """Return the leaves under each hash of a consistency proof: SUBPROOF of RFC 6962 §2.1.2, from the root down."""
    if not 0 < size1 <= size2 <= INTEGER_MAX:
        raise ProofError("There is no such pair of trees.", code="proof_range", size1=size1, size2=size2)
    spans, begin, end = [], 0, size2
    while size1 != end:
        split = begin + (1 << (end - begin - 1).bit_length() - 1)  # greatest power of two below the number of leaves
        if size1 <= split:
            spans.append((split, end))
            end = split
        else:
            spans.append((begin, split))
            begin = split
    if begin:  # else the verifier has this subtree's root already
        spans.append((begin, end))
    return spans[::-1]


def _subtrees(begin: int, end: int) -> list[tuple[int, int]]:
    """Return the complete subtrees of a span, as (height, index) from the left; it begins where the first may stand."""
    subtrees = []
    while begin < end:
        height = (end - begin).bit_length() - 1
        subtrees.append((height, begin >> height))
        begin += 1 << height
    return subtrees


def _tile_of(height: int, index: int, size: int) -> Tile:
    """Return the tile of a tree of this size over whose hashes a complete subtree stands."""
    level, inside = divmod(height, _TILE_HEIGHT)
    at = index << inside >> _TILE_HEIGHT
    return Tile(level, at, min(TILE_WIDTH, (size >> _TILE_HEIGHT * level) - (at << _TILE_HEIGHT)))


def _tiles(spans: Iterable[tuple[int, int]], size: int) -> list[Tile]:
    return sorted({_tile_of(height, index, size) for span in spans for height, index in _subtrees(*span)})


def _rising(hashes: list[bytes]) -> list[list[bytes]]:
    """Return the complete subtrees over a tile's hashes, by height."""
    levels = [hashes]
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        levels.append(hashes)
    return levels


def _split(data: bytes, width: int) -> list[bytes]:
    if len(data) != width * HASH_BYTES:
        raise ProofError("The tile has another width.", code="tile_length", width=width, bytes=len(data))
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def _check_sizes(size1: int, size2: int) -> None:
    if not 0 <= size1 <= size2 <= INTEGER_MAX:
        raise ProofError("A tree never shrinks.", code="proof_range", size1=size1, size2=size2)
