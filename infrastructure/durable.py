"""What a power cut must leave alone: a file is there for good once the folder that names it is on the disk as well."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; their files' contents are their writers' to bring. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, *, exist_ok: bool = True) -> None:
    """Make a folder, closed to others, and those above it that are missing, and bring their names to the disk.

    One that is there stays as it is. Raises OSError; FileExistsError where there must be none.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=exist_ok)
    for each in made:
        sync_folder(each.parent)
