"""Gathers what others have seen of this log, for the rollback guard: witnesses, and a file beside the keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from application.rollback import Statement
from audit.errors import NoteError
from audit.heads import Head, open_head
from audit.note import NOTE_BYTES_MAX, Verifier
from infrastructure.durable import sync_folder
from infrastructure.errors import InfrastructureError, KeptCheckpointUnusable
from infrastructure.halting import Reached
from infrastructure.witness_client import WitnessClient

__all__ = ["BESIDE_KEYS", "KEPT", "NEVER_COSIGNED", "REMEMBERED", "KeptSize", "ask_witnesses", "keep_checkpoint",
           "kept_checkpoint", "remembered"]  # fmt: skip

KEPT: Final = "last.checkpoint"
"""The file's name beside the keys, which no restore of the database touches."""
BESIDE_KEYS: Final = "kept beside the keys"
"""What it is called where anyone reads it; its path is for the operator alone."""
REMEMBERED: Final = "remembered by a process of this ledger"

NEVER_COSIGNED: Final = "never cosigned"

_FILE_MODE: Final = 0o600
log = structlog.get_logger()


def ask_witnesses(witnesses: Sequence[WitnessClient], origin: str, log: Sequence[Verifier]) -> list[Statement]:
    """Ask all witnesses at once for the last checkpoint they cosigned, each within its own time; in their order.

    One that gives none, or none that holds, makes a statement without a note that says why.
    """

    def ask(client: WitnessClient) -> Statement:
        try:
            note = client.latest(origin, log)
        except InfrastructureError as refused:
            return Statement(client.url, None, refused.code)
        return Statement(client.url, note, NEVER_COSIGNED if note is None else "")

    if not witnesses:
        return []
    with ThreadPoolExecutor(len(witnesses)) as pool:
        return list(pool.map(ask, witnesses))


def keep_checkpoint(folder: Path, note: str) -> None:
    """Keep a checkpoint beside the keys, durably, in place of the one before. Raises KeptCheckpointUnusable."""
    path, fresh = folder / KEPT, folder / f".{KEPT}.new"
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _FILE_MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(note.encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(folder)
    except OSError as refused:
        raise KeptCheckpointUnusable(f"{KEPT} cannot be written: {refused.strerror}", file=str(path)) from refused


@dataclass(slots=True)
class KeptSize:
    """Gives the size of the kept checkpoint; `keys` gives the ledger's checkpoint keys, old ones included.

    What they did not sign is told once and counts as none, as the guard takes it: or anyone could stop the ledger.
    """

    folder: Path
    keys: Callable[[], Sequence[Verifier]]
    _believed: Sequence[Verifier] = ()
    _known: tuple[str, int] | None = None

    def __call__(self) -> int:
        """Give the size, 0 where none is kept. Raises KeptCheckpointUnusable, and what `keys` raises."""
        note = kept_checkpoint(self.folder).note
        if note is None:
            return 0
        if self._known is None or self._known[0] != note:
            self._known = note, self._read(note)
        return self._known[1]

    def _read(self, note: str) -> int:
        with suppress(NoteError):  # keys are read again where those of before do not open it: one was handed on
            return open_head(note, self._believed).size
        self._believed = self.keys()
        try:
            return open_head(note, self._believed).size
        except NoteError as unread:
            log.warning("the checkpoint kept beside the keys is not this ledger's, and stops nothing", code=unread.code)
            return 0


def kept_checkpoint(folder: Path) -> Statement:
    """Give what is kept beside the keys as a statement, without a note where nothing is kept yet.

    Raises KeptCheckpointUnusable where it is there and cannot be read: that is no reason to forget it.
    """
    path = folder / KEPT
    try:
        with path.open("rb") as file:
            return Statement(BESIDE_KEYS, file.read(NOTE_BYTES_MAX + 1).decode())
    except FileNotFoundError:
        return Statement(BESIDE_KEYS, None, "nothing kept")
    except (OSError, UnicodeDecodeError) as refused:
        raise KeptCheckpointUnusable(f"{KEPT} cannot be read", file=str(path)) from refused


def remembered(reached: Sequence[Reached], origin: str) -> list[Statement]:
    """Give as statements what was seen of this ledger before, by its processes or by those who told them."""
    return [
        Statement(f"{each.source}, asked before" if each.source else REMEMBERED, None,
                  head=Head(origin, each.size, each.root, ""))
        for each in reached
    ]  # fmt: skip
