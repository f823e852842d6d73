"""Writes the log as static files (C2SP tlog-tiles): checkpoint, hash tiles, entry bundles; an earlier export goes on.

The checkpoint is replaced last, so that whoever reads the folder meanwhile finds everything under the one he read; and
only when all the rest is on the disk, so that he finds it after a power cut as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from application.proving import ProofUnknown
from audit.checkpoints import Checkpoint
from audit.errors import NoteError
from audit.note import Verifier, open_note
from audit.tiles import TILE_WIDTH, Tile, TiledTree, encode_bundle, tiles_between
from infrastructure import checkpoint_store, log_reader
from infrastructure.connection import Database, connect_reader
from infrastructure.durable import sync_folder
from infrastructure.errors import ExportOfAnother, ExportUnusable
from infrastructure.tile_store import read_tile

CHECKPOINT: Final = "checkpoint"
Progress = Callable[[int, int], None]
"""Called with the files written so far, and how many there will be."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to: the sizes before and after, and how many files were written."""

    old_size: int
    size: int
    files: int


def export_log(
    database: Database, folder: Path, log: Sequence[Verifier], progress: Progress = lambda *_: None
) -> Exported:
    """Write the log under its published checkpoint into a folder, going on from the export that is there.

    Raises ProofUnknown before the first checkpoint, ExportOfAnother when the folder holds another log's export or
    another history of this one, ExportUnusable, psycopg.OperationalError.
    """
    with connect_reader(database) as connection:
        published = checkpoint_store.latest(connection)
        if published is None:
            raise ProofUnknown("no checkpoint was published yet")
        note = checkpoint_store.cosigned(connection, published)
        try:
            old = _exported(connection, folder, log, published.size)
            wanted = list(_files(old, published.size))
            for number, each in enumerate(wanted, 1):
                _write(folder / each.path(), _content(connection, each))
                progress(number, len(wanted))
            _sync(folder, [folder / each.path() for each in wanted])
            _write(folder / CHECKPOINT, note.encode())
            sync_folder(folder)
        except OSError as refused:
            raise ExportUnusable(f"{folder} cannot be written: {refused.strerror}", folder=str(folder)) from refused
    return Exported(old, published.size, len(wanted) + 1)


def _exported(connection: psycopg.Connection, folder: Path, log: Sequence[Verifier], size: int) -> int:
    """Give the size that the folder holds, 0 where nothing is there; what is there must begin this log."""
    try:
        text, _ = open_note((folder / CHECKPOINT).read_text(encoding="utf-8"), log)
        there = Checkpoint.parse(text)
    except FileNotFoundError:
        return 0
    except (NoteError, UnicodeDecodeError) as wrong:
        raise ExportOfAnother("the folder's checkpoint is not signed by this ledger", folder=str(folder)) from wrong
    if there.size > size or _tree(connection, there.size).root() != there.root:
        raise ExportOfAnother("the folder holds another history of this ledger", folder=str(folder), size=there.size)
    return there.size


def _files(old: int, size: int) -> Iterator[Tile]:
    for each in tiles_between(old, size):
        yield each
        if each.level == 0:
            yield Tile(None, each.index, each.width)


def _content(connection: psycopg.Connection, each: Tile) -> bytes:
    if each.level is not None:
        return read_tile(connection, each.level, each.index, each.width)
    stored = log_reader.log_events(connection, each.index * TILE_WIDTH + 1, each.width)
    return encode_bundle([event.header for event in stored])


def _tree(connection: psycopg.Connection, size: int) -> TiledTree:
    return TiledTree(size, lambda level, index, width: read_tile(connection, level, index, width))


def _sync(folder: Path, files: Iterable[Path]) -> None:
    """Bring the names of these files to the disk, and those of the folders that they made."""
    for each in {above for file in files for above in file.parents if above.is_relative_to(folder)}:
        sync_folder(each)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
