"""Has published checkpoints seen by others: cosigned by witnesses, stamped by a time-stamping authority, kept on disk.

A thread of the checkpointer's process with connections of its own: who is slow or gone holds up no checkpoint. A
witness that has seen more, or another history, brings in the rollback guard.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final

import psycopg
import structlog

from audit.cosignatures import time_of
from audit.signatures import parse_line
from audit.tiles import TiledTree
from domain.time import format_instant
from infrastructure import checkpoint_store
from infrastructure.checkpoint_store import Published, Signing
from infrastructure.connection import Database, connect_plain
from infrastructure.cosigning import cosign_by_all
from infrastructure.errors import InfrastructureError, PeerAway, WitnessAhead, WitnessContradicts
from infrastructure.tile_store import read_tile
from infrastructure.timestamping import Authority
from infrastructure.witness_client import WitnessClient

ROUND_S: Final = 1.0
STAMP_EVERY_S: Final = 3600.0
"""A checkpoint an hour is stamped, where anything is new."""
SILENT_S: Final = 60.0
"""A witness that did not answer is not asked for so long for checkpoints that somebody waits for."""
REFUSED_S_MAX: Final = 60.0
"""A witness that refuses is asked again after two seconds, then four, eight, …, and at the latest after so long."""
RENEW_S: Final = 600.0
"""An idle ledger's last checkpoint is cosigned anew by each witness this often, so that its times are fresh."""

log = structlog.get_logger()


@dataclass(slots=True)
class Anchoring:
    """Anchors one ledger's checkpoints; `suspect` is called when a witness says that this log is behind itself."""

    database: Database
    witnesses: Sequence[WitnessClient]
    authority: Authority | None
    suspect: Callable[[], object]
    stamp_every_s: float = STAMP_EVERY_S
    renew_every_s: float = RENEW_S
    _stop: threading.Event = field(default_factory=threading.Event)
    _wanted: SimpleQueue[int | None] = field(default_factory=SimpleQueue)
    _thread: threading.Thread = field(init=False)
    _cosigned: dict[str, int] = field(default_factory=dict)
    _silent: dict[str, float] = field(default_factory=dict)
    """Until when those that did not answer are not asked for what somebody waits for."""
    _refused: dict[str, tuple[int, float]] = field(default_factory=dict)
    """How often each refused since it last cosigned, and until when it is not asked for the newest checkpoint."""
    _cosigned_at: dict[str, float] = field(default_factory=dict)
    _stamped: tuple[float, int] = (float("-inf"), 0)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="liftledger-anchoring", daemon=True)

    def start(self) -> None:
        """Begin, where there is anybody to ask."""
        if self.witnesses or self.authority is not None:
            self._thread.start()

    def want(self, size: int) -> None:
        """Have the checkpoint of a size cosigned at once, ahead of later ones; safe in threads.

        A witness that cosigned more cannot go back: whoever needs a size cosigned asks while it is the last.
        """
        if self.witnesses:
            self._wanted.put(size)

    def close(self) -> None:
        """End after the round under way."""
        self._stop.set()
        self._wanted.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(ROUND_S):
            try:
                with connect_plain(self.database, "liftledger anchoring") as connection:
                    while not self._stop.is_set():
                        self.round(connection, self._asked())
            except Exception as error:  # noqa: BLE001 - a thread that ended would anchor nothing, and nobody would hear of it
                log.warning("anchoring waits", error=type(error).__name__)

    def _asked(self) -> list[int]:
        """Wait until a checkpoint is wanted, for a round's time at most; give the sizes wanted, in order."""
        sizes = set[int | None]()
        with suppress(Empty):
            sizes.add(self._wanted.get(timeout=ROUND_S))
            while True:
                sizes.add(self._wanted.get_nowait())
        return sorted(size for size in sizes if size is not None)

    def round(self, connection: psycopg.Connection, wanted: Sequence[int] = ()) -> None:
        """Have the newest checkpoint cosigned and stamped, if it is not yet or was long ago. Raises psycopg.Error.

        Where others are wanted, these are cosigned, in order, and the newest when it is its turn again.
        """
        for size in wanted:
            now = time.monotonic()
            waiting = [
                each for each in self.witnesses
                if self._cosigned.get(each.url, 0) < size and self._silent.get(each.url, 0.0) < now
            ]  # fmt: skip
            found = checkpoint_store.at_size(connection, size) if waiting else None
            if found is not None:
                self._cosign(connection, found, waiting)
        latest = checkpoint_store.latest(connection)
        if latest is None:
            return
        waiting = [each for each in self.witnesses if self._waits(each.url, latest.size)]
        if waiting and not wanted:
            self._cosign(connection, latest, waiting)
        at, size = self._stamped
        if self.authority is not None and latest.size > size and time.monotonic() - at >= self.stamp_every_s:
            self._stamp(connection, latest, self.authority)

    def _waits(self, url: str, size: int) -> bool:
        now = time.monotonic()
        if self._refused.get(url, (0, 0.0))[1] > now:
            return False
        fresh = now - self._cosigned_at.get(url, float("-inf")) < self.renew_every_s
        return not fresh or self._cosigned.get(url, 0) < size

    def _cosign(self, connection: psycopg.Connection, latest: Published, waiting: Sequence[WitnessClient]) -> None:
        def path(old: int, new: int) -> Sequence[bytes]:
            with self._lock:  # asked from several threads
                tree = TiledTree(new, lambda level, index, width: read_tile(connection, level, index, width))
                return tree.consistency_path(old)

        for answer in cosign_by_all(waiting, latest.note, self._cosigned, path):
            for line in answer.lines:
                name, key, signature = parse_line(line.rstrip("\n"))
                signing = Signing(name, key, time_of(signature), line.rstrip("\n"))
                checkpoint_store.store_signing(connection, latest.size, signing)
            if answer.refusal is None:
                self._cosigned[answer.url], self._cosigned_at[answer.url] = latest.size, time.monotonic()
                self._refused.pop(answer.url, None)
            else:
                log.warning("a witness did not cosign", url=answer.url, code=answer.refusal.code, size=latest.size)
            if isinstance(answer.refusal, PeerAway):
                self._silent[answer.url] = time.monotonic() + SILENT_S
            suspicious = self._is_suspicious(connection, answer.refusal)
            if answer.refusal is not None and (suspicious or not isinstance(answer.refusal, WitnessAhead)):
                self._back_off(answer.url)  # who has gone on to a later checkpoint of ours refuses nothing
            if suspicious:
                # Its word alone stops nothing: the guard asks it, and all others, for what the log itself signed.
                log.error("a witness holds more than was published, or another history", url=answer.url)
                self.suspect()

    def _back_off(self, url: str) -> None:
        """Ask a witness that refused less and less often: a second changes nothing for a log that it does not know."""
        times = self._refused.get(url, (0, 0.0))[0] + 1
        self._refused[url] = times, time.monotonic() + min(ROUND_S * 2.0 ** min(times, 10), REFUSED_S_MAX)

    def _is_suspicious(self, connection: psycopg.Connection, refusal: InfrastructureError | None) -> bool:
        """Say whether a witness holds another history, or more than was published, by another machine or us."""
        if not isinstance(refusal, WitnessAhead):
            return isinstance(refusal, WitnessContradicts)
        newest = checkpoint_store.latest(connection)
        return newest is None or int(str(refusal.details["seen"])) > newest.size

    def _stamp(self, connection: psycopg.Connection, latest: Published, authority: Authority) -> None:
        try:
            stamp = authority.stamp(latest.note)
        except InfrastructureError as refused:
            log.warning("a checkpoint was not stamped", url=authority.url, code=refused.code, size=latest.size)
            return
        made_at = format_instant(stamp.at)
        checkpoint_store.store_stamp(connection, latest.size, authority.url, stamp.response, made_at)
        self._stamped = (time.monotonic(), latest.size)
