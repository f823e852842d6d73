"""Who was destroyed, noted beside the database: an old dump brings persons back, and no word that they went.

One name a line, only ever added to, in the folder that the supervisor holds. A person's name says nothing of him.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from audit.errors import NameInvalid
from audit.names import check_name
from infrastructure.durable import make_folder, sync_folder

FILE = "erased.persons"


@dataclass(frozen=True, slots=True)
class Tombstones:
    """The list in a folder."""

    folder: Path

    def persons(self) -> frozenset[str]:
        """Give everybody on the list; a torn line, as a power cut may leave one, is passed over."""
        path = self.folder / FILE
        if not path.exists():
            return frozenset()
        return frozenset(
            line for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if _named(line)
        )

    def add(self, persons: Iterable[str]) -> None:
        """Put persons on the list, those that are not on it yet; all of them stand there durably when this returns.

        Who is on it already may have been put there by a process that was killed before its line was on the disk.
        """
        wanted = set(persons)
        if not wanted:
            return
        make_folder(self.folder)
        handle = os.open(self.folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            if new := sorted(wanted - self.persons()):
                # A line of its own, whatever a power cut left at the end.
                file.write(("\n" + "\n".join(new) + "\n").encode())
                file.flush()
            os.fsync(file.fileno())
        sync_folder(self.folder)


def _named(line: str) -> bool:
    try:
        check_name(line, kinds=("person",))
    except NameInvalid:
        return False
    return True
