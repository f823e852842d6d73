"""What a witness remembers, as files: one note for each log, and the contradictions it met.

```
DIR/checkpoints/<SHA-256 of the origin>      the last checkpoint cosigned of that log, with its signatures
DIR/equivocations/<name>.json                two notes of one log that contradict each other; never removed
```

The lock lies on the folder of checkpoints itself and is the kernel's: it ends with its holder, however that ends. Who
can write the folder can make the witness forget; that is why a witness is somebody else's machine.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infrastructure.durable import make_folder, sync_folder
from infrastructure.errors import WitnessFolderBusy, WitnessFolderUnusable

__all__ = ["KEPT_MAX", "LOCK_S_MAX", "WitnessFolder"]

LOCK_S_MAX: Final = 10.0
KEPT_MAX: Final = 1_000
"""Pieces of evidence of each kind; a log that contradicts itself more often is known well enough."""

_CHECKPOINTS, _EQUIVOCATIONS = "checkpoints", "equivocations"
_ROUND_S: Final = 0.005
_FILE_MODE = 0o600
_LOG = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z]+-[0-9a-f-]+\.json")


class WitnessFolder:
    """The memory of a witness in a folder that `make` has made; safe for threads and for several processes.

    Methods raise WitnessFolderUnusable, and WitnessFolderBusy where somebody holds the lock for too long.
    """

    def __init__(self, path: Path, *, lock_s_max: float = LOCK_S_MAX) -> None:
        self._checkpoints = path / _CHECKPOINTS
        self._equivocations = path / _EQUIVOCATIONS
        self._lock_s_max = lock_s_max

    @classmethod
    def make(cls, path: Path) -> WitnessFolder:
        """Make the folder, closed to others; one that is there stays as it is."""
        try:
            for folder in (path, path / _CHECKPOINTS, path / _EQUIVOCATIONS):
                make_folder(folder)
        except OSError as refused:
            raise _unusable(path, refused) from refused
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> WitnessFolder:
        """Open a folder made before. A missing one is refused: a witness that forgot would cosign a second history."""
        if not (path / _CHECKPOINTS).is_dir() or not (path / _EQUIVOCATIONS).is_dir():
            message = f"{path} holds no memory of a witness; begin one with: liftledger witness init"
            raise WitnessFolderUnusable(message, folder=str(path))
        return cls(path)

    def update(self, log: str, step: Callable[[str | None], str | None]) -> None:
        """Hand the log's note to `step` under the lock, and keep what it returns; durable when this returns."""
        path = self._of(log)
        with self._held():
            kept = step(_read(path))
            if kept is not None:
                _write(path, kept.encode())

    def latest(self, log: str) -> str | None:
        """Give the log's note, None if there is none."""
        return _read(self._of(log))

    def keep(self, name: str, evidence: bytes) -> bool:
        """Write a file of evidence once; False where it is there already, or there are KEPT_MAX of its kind."""
        if not _NAME.fullmatch(name):
            raise WitnessFolderUnusable("This is no name of evidence.", name=name)
        path = self._equivocations / name
        with self._held():
            kind = name.partition("-")[0]
            if path.exists() or sum(1 for _ in self._equivocations.glob(f"{kind}-*.json")) >= KEPT_MAX:
                return False
            _write(path, evidence)
        return True

    def _of(self, log: str) -> Path:
        if not _LOG.fullmatch(log):
            raise WitnessFolderUnusable("This is no name of a log.", log=log)
        return self._checkpoints / log

    @contextmanager
    def _held(self) -> Iterator[None]:
        try:
            folder = os.open(self._checkpoints, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as refused:
            raise _unusable(self._checkpoints, refused) from refused
        try:
            self._lock(folder)
            yield
        finally:
            os.close(folder)

    def _lock(self, folder: int) -> None:
        deadline = time.monotonic() + self._lock_s_max
        while True:
            try:
                return fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    message = "another process holds the witness's memory"
                    raise WitnessFolderBusy(message, folder=str(self._checkpoints)) from None
            time.sleep(_ROUND_S)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as refused:
        raise _unusable(path, refused) from refused


def _write(path: Path, data: bytes) -> None:
    """Replace a file so that whoever comes after a crash finds the old bytes or the new, and the new once we return."""
    fresh = path.with_name(f".{path.name}.new")  # one name is enough under the lock, and a crash leaves one at most
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _FILE_MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as refused:
        raise _unusable(path, refused) from refused


def _unusable(path: Path, refused: Exception) -> WitnessFolderUnusable:
    reason = refused.strerror if isinstance(refused, OSError) else "it is not text"
    return WitnessFolderUnusable(f"{path} cannot be used: {reason}", folder=str(path))
