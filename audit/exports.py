"""Checks a log that was exported as files (C2SP tlog-tiles), whole and offline: every byte of it is held to its root.

Entries hash to the tiles of level 0, these to the tiles above, and all to the checkpoint that the user's policy
believes. What is not part of the tree (a file that nobody's hash covers) is not looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from audit.errors import AuditError, ProofError
from audit.events import read_header
from audit.merkle import HASH_BYTES, leaf_hash
from audit.policy import Opened, Policy, open_checkpoint
from audit.tiles import TILE_WIDTH, Tile, TiledTree, decode_bundle, tile_root, tiles_between

__all__ = ["CHECKPOINT", "check_export", "read_tree"]

CHECKPOINT: Final = "checkpoint"


def check_export(folder: Path, policy: Policy, origin: str) -> Opened:
    """Check every file of an export under its checkpoint, one after the other; gives who signed it.

    Raises NoteError or TrustInvalid for the checkpoint, ProofError with code `export_missing` for a file that is not
    there, `export_differs` for one that is not what the checkpoint covers; `details["file"]` names it.
    """
    opened = open_checkpoint(_read(folder, CHECKPOINT).decode("utf-8", "replace"), policy, origin)
    size, root = opened.checkpoint.size, opened.checkpoint.root
    for each in tiles_between(0, size):
        hashes = _tile(folder, each)
        if each.level == 0:
            _check_entries(folder, each, hashes)
        else:
            _check_above(folder, each, hashes)
    if read_tree(folder, size).root() != root:
        raise ProofError("The tiles do not lead to the checkpoint's root.", code="export_differs", file=CHECKPOINT)
    return opened


def read_tree(folder: Path, size: int) -> TiledTree:
    """Give the tree of an export's size, whose tiles are read when they are asked for; nobody has checked them.

    Its methods raise ProofError as `check_export` where a file is not there or has another length.
    """
    return TiledTree(size, lambda level, index, width: _tile(folder, Tile(level, index, width)))


def _check_entries(folder: Path, tile: Tile, hashes: bytes) -> None:
    path = Tile(None, tile.index, tile.width).path()
    try:
        entries = decode_bundle(_read(folder, path), tile.width)
        if b"".join(map(leaf_hash, entries)) != hashes:
            raise ProofError("The entries do not hash to the tile.", code="export_differs", file=path)
        positions = [read_header(entry).position for entry in entries]
    except ProofError as wrong:
        raise ProofError(wrong.message, code=_code(wrong), file=path) from wrong
    except AuditError as wrong:
        raise ProofError("An entry is no header.", code="export_differs", file=path) from wrong
    first = tile.index * TILE_WIDTH + 1
    if positions != list(range(first, first + tile.width)):
        raise ProofError("A header stands at another position than it says.", code="export_differs", file=path)


def _check_above(folder: Path, tile: Tile, hashes: bytes) -> None:
    first = tile.index * TILE_WIDTH
    below = (Tile((tile.level or 0) - 1, first + at) for at in range(tile.width))
    for at, each in enumerate(below):
        if tile_root(_tile(folder, each)) != hashes[at * HASH_BYTES : (at + 1) * HASH_BYTES]:
            raise ProofError("A tile's hash is not the root below it.", code="export_differs", file=tile.path())


def _tile(folder: Path, tile: Tile) -> bytes:
    found = _read(folder, tile.path())
    if len(found) != tile.width * HASH_BYTES:
        raise ProofError("A tile has another length.", code="export_differs", file=tile.path())
    return found


def _read(folder: Path, path: str) -> bytes:
    try:
        return (folder / path).read_bytes()
    except OSError as missing:
        raise ProofError("A file of the export cannot be read.", code="export_missing", file=path) from missing


def _code(wrong: ProofError) -> str:
    return wrong.code if wrong.code.startswith("export_") else "export_differs"
