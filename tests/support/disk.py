"""What would be there after a power cut: the bytes of files that were brought to the disk, and the names of folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


class Disk:
    """Notes what is brought to the disk from now on, as it was then."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """Look at every fsync of this process."""
        self._files: dict[int, bytes] = {}
        self._folders: dict[int, dict[str, int]] = {}
        sync = os.fsync

        def synced(handle: int) -> None:
            sync(handle)
            self._note(Path(f"/proc/self/fd/{handle}").readlink())

        patch.setattr(os, "fsync", synced)

    def _note(self, path: Path) -> None:
        if path.is_dir():
            self._folders[_inode(path)] = {each.name: _inode(each) for each in path.iterdir() if self._whole(each)}
        else:
            self._files[_inode(path)] = path.read_bytes()

    def _whole(self, path: Path) -> bool:
        return path.is_dir() or self._files.get(_inode(path)) == path.read_bytes()

    def has(self, file: Path, below: Path) -> bool:
        """Say whether a file would be there as it is now, with every folder that leads to it from one that was."""
        steps = [each for each in (file, *file.parents) if each.is_relative_to(below) and each != below]
        named = (self._folders.get(_inode(each.parent), {}).get(each.name) == _inode(each) for each in steps)
        return self._whole(file) and all(named)


def _inode(path: Path) -> int:
    return path.stat().st_ino
