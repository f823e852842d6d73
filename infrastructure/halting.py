"""The word that this ledger signs nothing: a file beside the keys, which every process looks at before it writes.

The rollback guard leaves it: at start, whenever a process connects to the database anew, when a writer or the
checkpointer sees the log fall behind, and when a witness contradicts. Only a guard that asked everyone takes it away.
Where it cannot be written it holds in the process that would leave it, which tries again before each batch.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import structlog

from application.errors import RolledBack
from application.watching import Halt
from domain.time import format_instant
from infrastructure.lock import replace

HALT: Final = "halt.json"
_LOCK: Final = ".halt.lock"
_TORN: Final = "torn"
_UNREAD: Final = "this ledger signs nothing until an operator has seen to it"
log = structlog.get_logger()


class Reached(NamedTuple):
    """How far the log was seen: its size and root then, and who told; a process of this ledger where that is empty."""

    size: int
    root: bytes
    source: str = ""

    @property
    def head(self) -> tuple[int, bytes]:
        """Size and root, whoever told."""
        return self.size, self.root


class Guard(Protocol):
    """What whoever signs asks first. A word that cannot be written is told to the operator, and hides no refusal."""

    def halted(self) -> RolledBack | None:
        """Give the refusal under which nothing may be signed now, None where all is well; cheap."""

    def halt(self, why: RolledBack) -> None:
        """Stop all signing of this ledger, by any process."""

    def remember(self, reached: Reached) -> None:
        """While the ledger is halted, add what the log must have again before it goes on."""

    def look(self) -> None:
        """Hold the log against what was seen of it, after a new connection; halts where it is behind itself."""

    def seen(self) -> int:
        """Give the size of the greatest checkpoint that is kept beside the keys; 0 where none is."""


class Unguarded:
    """The guard of a ledger whose past nobody keeps elsewhere: all is well."""

    def halted(self) -> RolledBack | None:
        """Give None."""

    def halt(self, why: RolledBack) -> None:
        """Leave no word: who raises says it."""

    def remember(self, reached: Reached) -> None:
        """Add to nothing."""

    def look(self) -> None:
        """Look at nothing."""

    def seen(self) -> int:
        """Give 0."""
        return 0


@dataclass(slots=True)
class FolderGuard:
    """The guard by a folder of keys; `looking` holds the log against what is kept there, `kept` gives its size."""

    folder: Path
    looking: Callable[[], object]
    kept: Callable[[], int]
    _unwritten: Halt | None = None
    """The halt of this process whose word could not be written yet."""

    def told(self) -> Halt | None:
        """Give what holds now, whether it could be written or not; cheap where nothing does."""
        return self._unwritten or told(self.folder)

    def halted(self) -> RolledBack | None:
        """Give the refusal that holds now; a word that could not be written is tried again."""
        if self._unwritten is not None:
            self.halt(_refusal(self._unwritten))
        found = self.told()
        return None if found is None else _refusal(found)

    def halt(self, why: RolledBack) -> None:
        """Leave the word; where it cannot be written it holds in this process."""
        self._unwritten = Halt(None, why.message, why.details)
        with telling_unwritten(self.folder):
            halt(self.folder, why)
            self._unwritten = None

    def remember(self, reached: Reached) -> None:
        """Add to the word; whoever is refused by it says it again with the next batch."""
        with telling_unwritten(self.folder):
            remember(self.folder, reached)

    def look(self) -> None:
        """Hold the log against what is kept."""
        try:
            self.looking()
        except RolledBack as unwritten:
            self.halt(unwritten)

    def seen(self) -> int:
        """Give the size that is kept."""
        return self.kept()


def halt(folder: Path, why: RolledBack) -> None:
    """Stop all signing, with the reason that refusals will give; since when, and what was reached, stay as they are."""
    with _alone(folder):
        before = _whole(_read(folder))
        since = before.get("since") or format_instant(datetime.now(UTC))
        _write(folder, before | {"since": since, "message": why.message, "details": why.details})


def remember(folder: Path, new: Reached) -> None:
    """Add to a halt that stands what was seen of the log: each may know of what no other does. Who told first stays."""
    if not (folder / HALT).exists():
        return
    with _alone(folder):
        word = _read(folder)
        if word is not None and new.head not in {each.head for each in _reached(word)}:
            seen = [[each.size, each.root.hex(), each.source] for each in (*_reached(word), new)]
            _write(folder, _whole(word) | {"reached": seen})


def go_on(folder: Path, known: Sequence[Reached] = ()) -> None:
    """Take the word back, unless something was added to what is known to have been reached."""
    if not (folder / HALT).exists():
        return
    with _alone(folder):
        word = _read(folder)
        if word is None or _whole(word).get(_TORN):
            return  # what could not be read is for an operator: nobody knows what must be there again
        if {each.head for each in _reached(word)} <= {each.head for each in known}:
            (folder / HALT).unlink(missing_ok=True)


def told(folder: Path) -> Halt | None:
    """Give what the word says, None where there is none; cheap."""
    word = _read(folder)
    if word is None:
        return None
    since, message, details = word.get("since"), word.get("message"), word.get("details")
    return Halt(
        since if isinstance(since, str) else None,
        message if isinstance(message, str) else _UNREAD,
        details if isinstance(details, dict) else {},
    )  # fmt: skip


def halted(folder: Path) -> RolledBack | None:
    """Give the refusal that holds now, if one does; cheap where none does."""
    found = told(folder)
    return None if found is None else _refusal(found)


def reached(folder: Path) -> list[Reached]:
    """Give what the log must have again before the word is taken back."""
    return _reached(_read(folder) or {})


@contextmanager
def telling_unwritten(folder: Path) -> Iterator[None]:
    """Tell the operator where the block cannot write the word, and go on."""
    try:
        yield
    except OSError as failed:
        log.critical("the word that nothing is signed is not written", folder=str(folder), error=failed.strerror)


def _refusal(found: Halt) -> RolledBack:
    return RolledBack(found.message, **found.details)


def _read(folder: Path) -> dict[str, Any] | None:
    path = folder / HALT
    if not path.exists():
        return None
    with suppress(OSError, ValueError):
        word = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(word, dict):
            return word
    return {}


def _whole(word: dict[str, Any] | None) -> dict[str, Any]:
    """Give the word as it is to be written on; what of it could not be read is not forgotten by writing over it."""
    if word is None:
        return {}
    return word | {_TORN: True} if not word or (word.get("reached") and not _reached(word)) else word


def _write(folder: Path, word: dict[str, Any]) -> None:
    replace(folder / HALT, json.dumps(word, default=str))


def _reached(word: dict[str, Any]) -> list[Reached]:
    with suppress(TypeError, ValueError):
        return [
            Reached(int(size), bytes.fromhex(root), str(source[0]) if source else "")
            for size, root, *source in word.get("reached", ())
        ]
    return []


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time change the word; the kernel lets go of the lock, however its holder ends."""
    # A file of its own: the folder may be the one that the supervisor holds.
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
