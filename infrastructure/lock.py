"""One supervisor on one `var/`: a lock that the kernel lets go of, however its holder ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from infrastructure.durable import make_folder, sync_folder
from infrastructure.errors import VarInUse, VarUnusable
from infrastructure.processes import Birth, birth, lives

_HOLDER = "holder.json"
# Between taking the lock and writing down who took it lies a moment in which a second comer may ask.
_HOLDER_WRITTEN_S_MAX = 0.5


@contextmanager
def held(var: Path) -> Iterator[None]:
    """Hold `var` alone for as long as the block lasts; make the folder, closed to others, if it is not there.

    The lock lies on the folder itself, since a lock file could be deleted and made anew under its holder.

    Raises:
        VarInUse: another process holds it.
        VarUnusable: the folder cannot be made, entered or written to.

    """
    try:
        make_folder(var)
        folder = os.open(var, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as refused:
        raise VarUnusable(f"{var} cannot be used: {refused.strerror}", folder=str(var)) from refused
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(var)
            who = "another process" if pid is None else f"process {pid}"
            raise VarInUse(f"{var} is in use by {who}; stop it first", pid=pid, folder=str(var)) from None
        _write(var, birth(os.getpid()))
        try:
            yield
        finally:
            with suppress(OSError):
                (var / _HOLDER).unlink()
    finally:
        os.close(folder)


def _write(var: Path, holder: Birth | None) -> None:
    try:
        replace(var / _HOLDER, json.dumps(asdict(holder)) if holder else "")
    except OSError as refused:
        raise VarUnusable(f"{var} cannot be written to: {refused.strerror}", folder=str(var)) from refused


def replace(path: Path, text: str) -> None:
    """Write a small file so that readers see the old or the new text, readable by us alone."""
    fresh = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def _holder(var: Path) -> int | None:
    deadline = time.monotonic() + _HOLDER_WRITTEN_S_MAX
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError, TypeError):
            known = Birth(**json.loads((var / _HOLDER).read_text(encoding="utf-8")))
            if lives(known):
                return known.pid
        time.sleep(0.02)
    return None
