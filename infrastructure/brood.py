"""The children of one supervisor, written down so that the next one knows them for sure."""

from __future__ import annotations

import json
import os
import secrets
import signal
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from infrastructure.lock import replace
from infrastructure.processes import Birth, await_end, carrying, lives, signal_one

# Every program that a worker starts carries its supervisor's token in this variable; a worker itself, which is forked
# and no program of its own, is known by its birth, which is written down before it begins.
TOKEN = "LIFTLEDGER_SUPERVISOR"  # noqa: S105 - the variable's name; the token opens nothing
# They were asked to end when their supervisor did, so this is their second warning.
_GRACE_S = 2.0


class Brood:
    """The workers of this supervisor and, until they are ended, of the one before; MUST be used under the lock.

    A process is ours if its number and its start are those written down, or if it carries the token; each alone is
    proof, and a stranger has neither.
    """

    def __init__(self, var: Path) -> None:
        self.token = secrets.token_hex(16)
        self._file = var / "workers.json"
        self._workers: dict[str, Birth] = {}

    def begin(self) -> None:
        """Write down the token; MUST come before the first worker."""
        self._write()

    def remember(self, name: str, born: Birth | None) -> None:
        """Write a worker down; None for one that was over before it could be looked at."""
        self._workers.pop(name, None)
        if born is not None:
            self._workers[name] = born
        self._write()

    def _write(self) -> None:
        written = {"token": self.token, "workers": {key: asdict(value) for key, value in self._workers.items()}}
        replace(self._file, json.dumps(written))

    def end_predecessors(self) -> None:
        """End every living process that the file tells of, politely first, and forget the file."""
        left = self._written()
        for number, seconds in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
            for known in left:
                signal_one(known, number)
            await_end(left, seconds)
            left = self._written()
            if not left:
                break
        self._workers.clear()
        with suppress(FileNotFoundError):
            self._file.unlink()

    def _written(self) -> set[Birth]:
        try:
            written = json.loads(self._file.read_text(encoding="utf-8"))
            known = {Birth(**worker) for worker in written["workers"].values()}
            token = str(written["token"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return set()  # no file: the one before stopped all
        found = {worker for worker in known if worker.pid != os.getpid() and lives(worker)}
        return found | carrying(TOKEN, token)
