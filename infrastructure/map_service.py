"""Answers questions about the head map out of the checkpointer's memory, over a socket in `var/`.

One line of JSON asks, `{"cosign": false, "position": n, "subjects": […]}`, one answers, `{"proofs": {…}, "size": n}` or
`{"error": code}`. A position that no checkpoint covers yet has one made at once. The map is that of the last
checkpoint, since a question is answered between two rounds. What the answer says is proven by it, not believed.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final

import structlog

from application.errors import DatabaseAway
from application.proving import SUBJECTS_MAX, HeadProofs, NotPublished
from audit.errors import AuditError
from audit.mapproofs import MapProof
from infrastructure.checkpointer import Checkpointer
from infrastructure.errors import CheckpointerBusy

log = structlog.get_logger()

SOCKET: Final = "proofs.sock"
MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
MESSAGE_S_MAX: Final = 5.0
ROUNDS_APART_S: Final = 0.1
"""Rounds made on demand are at least so far apart; who asks meanwhile shares the next."""
ELSEWHERE_S_MAX: Final = 3.0
"""How long a checkpoint that another machine's checkpointer is to make is waited for."""
_BACKLOG: Final = 64
_STOP_ROUND_S: Final = 0.2


@contextmanager
def _near(folder: Path) -> Any:  # noqa: ANN401 - a generator's context
    """Give a short path to a folder, since a socket's path is at most 107 bytes (unix(7))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


@dataclass(slots=True)
class MapService:
    """Serves one checkpointer's map in the thread that makes its rounds."""

    folder: Path
    checkpointer: Checkpointer
    stop: Event
    want: Callable[[int], None] = lambda _: None
    """Has a checkpoint cosigned at once (`Anchoring.want`)."""
    _listening: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _near(self.folder) as near:
            (self.folder / SOCKET).unlink(missing_ok=True)
            self._listening.bind(f"{near}/{SOCKET}")
        self._listening.listen(_BACKLOG)

    def serve(self, seconds: float) -> None:
        """Answer whoever asks for so long, or until told to stop."""
        until = time.monotonic() + seconds
        while not self.stop.is_set():
            left = until - time.monotonic()
            if select.select([self._listening], [], [], max(0.0, min(left, _STOP_ROUND_S)))[0]:
                connection, _ = self._listening.accept()
                with connection, suppress(OSError):
                    connection.settimeout(MESSAGE_S_MAX)
                    _send(connection, self._answered(_receive(connection)))
            if left <= 0:
                return

    def close(self) -> None:
        """Take no more questions."""
        self._listening.close()
        (self.folder / SOCKET).unlink(missing_ok=True)

    def _answered(self, asked: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        try:
            return self._answer(asked)
        except Exception as error:  # noqa: BLE001 - the next round meets it again, and tells
            log.warning("no checkpoint on demand", error=type(error).__name__)
            return {"error": NotPublished.code}

    def _answer(self, asked: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        match asked:
            case {"cosign": bool(cosign), "position": int(position), "subjects": [*subjects]} if (
                len(subjects) <= SUBJECTS_MAX
            ):
                pass
            case _:
                return {"error": "question_malformed"}
        checkpointer = self.checkpointer
        self._reach(position)
        heads = checkpointer.heads
        if checkpointer.size < position or heads is None:
            return {"error": NotPublished.code}
        if cosign:
            self.want(checkpointer.size)
        proofs = {subject: heads.prove(subject).to_json() for subject in subjects if isinstance(subject, str)}
        return {"proofs": proofs, "size": checkpointer.size}

    def _reach(self, position: int) -> None:
        """Have a checkpoint made over a position, or wait for the one that another machine makes."""
        until = time.monotonic() + ELSEWHERE_S_MAX
        while self.checkpointer.size < position and not self.stop.is_set():
            time.sleep(max(0.0, ROUNDS_APART_S - self.checkpointer.seconds_since))
            try:
                self.checkpointer.round()
            except CheckpointerBusy:
                if time.monotonic() > until:
                    return
                time.sleep(ROUNDS_APART_S)
            else:
                return


def ask(folder: Path, subjects: Sequence[str], position: int, *, cosign: bool = False) -> HeadProofs:
    """Ask a ledger's checkpointer; with `cosign` it has the witnesses asked for this checkpoint ahead of later ones.

    Raises NotPublished, DatabaseAway `checkpointer_away` when it does not answer.
    """
    try:
        with _near(folder) as near, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2 * MESSAGE_S_MAX)
            connection.connect(f"{near}/{SOCKET}")
            _send(connection, {"cosign": cosign, "position": position, "subjects": list(subjects)})
            told = _receive(connection)
        if told.get("error") == NotPublished.code:
            raise NotPublished("no checkpoint covers the position yet", position=position, retry_after_s=1)
        proofs = {subject: MapProof.from_json(proof) for subject, proof in told["proofs"].items()}
        return HeadProofs(int(told["size"]), proofs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AuditError) as away:
        raise DatabaseAway("the checkpointer does not answer", code="checkpointer_away", retry_after_s=1) from away


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket) -> Any:  # noqa: ANN401 - JSON
    data = bytearray()
    while not data.endswith(b"\n"):
        part = connection.recv(65536)
        if not part or len(data) + len(part) > MESSAGE_BYTES_MAX:
            return None
        data += part
    with suppress(ValueError):
        return json.loads(data)
    return None
