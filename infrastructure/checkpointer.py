"""The checkpointer: follows the log, roots the head map, signs checkpoints; a process of its own (architecture §5).

It follows without the writer's lock and takes it for the last few events and the map root alone; it signs outside it.
A kill between two steps leaves a map root without a checkpoint at the most, which the next round publishes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Final

import psycopg
import structlog

from application.errors import ClockBehind, RolledBack
from application.saves import Act, NewEvent, Save
from audit import canonical
from audit.canonical import JsonValue
from audit.checkpoints import is_scripted
from audit.headmap import HeadMap
from domain import ledgers
from domain.ledgers import MAP_STREAM
from infrastructure import checkpoint_store
from infrastructure.alone import Alone
from infrastructure.checkpoint_store import Published, Signing
from infrastructure.clock_watch import ClockWatch
from infrastructure.connection import ROOTS_APPLICATION, Database, connect_plain, connect_reader, lock_key
from infrastructure.errors import CheckpointerBusy, LogDiffers
from infrastructure.following import PAGE_MAX, Followed, Row
from infrastructure.halting import Guard, Unguarded
from infrastructure.session import ConnectionLost, Watchdog, WriterSession
from infrastructure.settling import Batch, Heads, Questions
from infrastructure.standby import Standby
from infrastructure.stepping import NotYet, Reading, check_behind, machine_us, to_us
from infrastructure.tile_store import store_tiles

ROUND_S: Final = 1.0
"""A checkpoint this often while there is something new."""
REPUBLISH_S: Final = 600.0
"""An idle ledger's last checkpoint is cosigned anew this often, so that its time is fresh."""
KEEP_S: Final = 300.0
"""How often map and place are written down while something moves."""
FEW_S: Final = 0.005
"""What was followed in less came meanwhile and is few; the rest is followed under the lock, while writers wait."""
CATCH_UP_ROUNDS_MAX: Final = 50
"""How often what came meanwhile is followed before the lock is taken, where writers are as fast as following."""
TILES_HELD_MAX: Final = 64
RETRY_S_MAX: Final = 5.0

log = structlog.get_logger()


class _Stopped(Exception):
    """The checkpointer was told to stop while it followed a long log; nothing of that is kept."""


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs: `sign(size, root, seconds)` gives the whole note, `cosign(size, root, seconds)` a later signing."""

    sign: Callable[[int, bytes, int], str]
    cosign: Callable[[int, bytes, int], Signing | None]


@dataclass(slots=True)
class Checkpointer:
    """One checkpointer of one ledger; a second one follows what the first publishes, and waits for it to end.

    Not safe in threads.

    `folder` is where map and place are kept. `remember` is called with each checkpoint before it is stored: what was
    handed out is never unknown to who watches over rollbacks, whenever the process dies.
    """

    database: Database
    origin: str
    operator: str
    signer: Signer
    folder: Path
    remember: Callable[[Published], None] = lambda _: None
    guard: Guard = field(default_factory=Unguarded)
    republish_s: float = REPUBLISH_S
    keep_s: float = KEEP_S
    _followed: Followed | None = None
    _reader: psycopg.Connection | None = None
    _holder: psycopg.Connection | None = None
    _session: WriterSession | None = None
    _watchdog: Watchdog | None = None
    _clock: ClockWatch = field(init=False)
    _alone: Alone = field(init=False)
    _standby: Standby = field(init=False)
    _stop: Event = field(default_factory=Event)
    _last: Published | None = None
    _signed_s: float = 0.0
    _kept: tuple[float, int] = (0.0, 0)

    def __post_init__(self) -> None:
        self._clock = ClockWatch(self.origin)
        self._alone = Alone(self.database, self.origin, "checkpointer")
        self._standby = Standby(self.database, self.origin, self.folder)

    # ------------------------------------------------------------------------------------------------ running

    def run(self, stop: Event, serve: Callable[[float], None] | None = None) -> None:
        """Make checkpoints until told to stop; whatever goes wrong is tried again, ever more slowly up to 5 s.

        `serve(seconds)` is called instead of waiting, to answer questions about the map meanwhile.
        """
        self._stop = stop
        wait = serve or stop.wait
        retry = 0.2
        while not stop.is_set():
            began = time.monotonic()
            try:
                self.round()
                retry = 0.2
                wait(max(0.0, ROUND_S - (time.monotonic() - began)))
            except CheckpointerBusy:
                wait(ROUND_S)
            except _Stopped:
                break
            except RolledBack as halted:
                log.critical("nothing is signed: the ledger is halted", why=halted.message)
                wait(RETRY_S_MAX)
            except LogDiffers as differs:
                log.critical("nothing is signed: the stored log differs", **differs.details)
                self._drop()
                wait(RETRY_S_MAX)
            except Exception as error:  # noqa: BLE001 - a checkpointer that ends helps nobody
                code = getattr(error, "code", None)
                log.warning("checkpointer failed, will try again", error=type(error).__name__, code=code)
                self._drop()
                wait(retry)
                retry = min(retry * 2, RETRY_S_MAX)
        self._stop = Event()
        self.close()

    def round(self) -> Published | None:
        """Publish a checkpoint if anything is new; gives it, or None.

        Raises RolledBack while the ledger is halted, LogDiffers, CheckpointerBusy, psycopg.Error. Whatever it raises,
        what was followed is given up: a round that failed half-way must leave nothing that the next one would sign.
        """
        try:
            return self._round()
        except CheckpointerBusy:
            self._drop()
            self._standby.follow(self._stop)
            raise
        except BaseException:
            self._drop()
            raise

    def _round(self) -> Published | None:
        reader = self._open()
        followed = self._followed
        assert followed is not None  # noqa: S101 - opened
        if (why := self.guard.halted()) is not None:
            raise why
        self._catch_up(reader, followed)
        self._check_seen(followed)
        if followed.moved and not self._root(followed):
            return None
        if followed.position and (self._last is None or followed.rooted > self._last.size):
            return self._publish(followed)
        self._renew()
        return None

    def close(self) -> None:
        """Keep map and place, and let go of the connections."""
        if self._followed is not None:
            self._keep(self._followed, every_s=0.0)
        self._drop()
        self._standby.close()
        if self._watchdog is not None:
            self._watchdog.close()
            self._watchdog = None

    # ------------------------------------------------------------------------------------------------ what it holds

    @property
    def size(self) -> int:
        """The size of the last checkpoint while the map is that of its root, else 0."""
        followed, last = self._under_last
        return last.size if followed is not None and last is not None and followed.position == last.size else 0

    @property
    def heads(self) -> HeadMap | None:
        """The map under the last checkpoint, None before there is one."""
        followed, _ = self._under_last
        return followed.heads if followed is not None and self.size else None

    @property
    def _under_last(self) -> tuple[Followed | None, Published | None]:
        """What was followed and the last checkpoint: our own, or another machine's."""
        if self._followed is None:
            return self._standby.followed, self._standby.last
        return self._followed, self._last

    @property
    def seconds_since(self) -> float:
        """How long ago the last checkpoint was signed."""
        return time.monotonic() - self._signed_s

    # ------------------------------------------------------------------------------------------------ one round

    def _check_seen(self, followed: Followed) -> None:
        """Refuse to sign over a log that fell behind the checkpoint kept beside the keys."""
        if (seen := self.guard.seen()) > followed.position:
            why = RolledBack("the log is behind its last checkpoint", size=followed.position, seen=seen)
            self.guard.halt(why)
            raise why

    def _catch_up(self, reader: psycopg.Connection, followed: Followed) -> None:
        for _ in range(CATCH_UP_ROUNDS_MAX):
            began = time.monotonic()
            while followed.follow(reader) == PAGE_MAX:
                self._store_filled(followed)
                if self._stop.is_set():
                    raise _Stopped
            if time.monotonic() - began < FEW_S:
                return

    def _store_filled(self, followed: Followed) -> None:
        """Store filled tiles ahead of their checkpoint when there are many, as when all is followed again."""
        if len(followed.filled) >= TILES_HELD_MAX and self._holder is not None:
            with self._holder.transaction():
                store_tiles(self._holder, followed.filled)
            followed.filled.clear()

    def _root(self, followed: Followed) -> bool:
        """Write the map root as the last event, under the lock; False when the clock does not let anyone write now."""
        session = self._connected()
        session.begin()
        try:
            while followed.follow(session.connection) == PAGE_MAX:
                pass
            if not followed.moved:
                session.rollback()
                return True
            before_us = machine_us()
            now, heads = session.heads(Questions([MAP_STREAM], [MAP_STREAM], {}, [], []))
            recorded_at = self._time(session, now, before_us, heads)
            if recorded_at is None:
                session.rollback()
                return False
            batch = Batch(self.origin, heads, recorded_at, None)
            saved = batch.settle(_map_root(followed, self.operator, heads.versions[MAP_STREAM] + 1))
            if (part := batch.take()) is not None:
                session.append(part)
            session.commit()
        except BaseException:
            self._rolled_back()
            raise
        (event,) = saved.events
        followed.take([Row(event.position, event.header, event.leaf, batch.heads.frontier.to_bytes(), event.body)])
        return True

    def _time(self, session: WriterSession, now: str | None, before_us: int, heads: Heads) -> str | None:
        """Give the time to record at; None where a step of the clock must be noted, or waited for, by a writer."""
        if now is None:
            return None
        try:
            check_behind(now, heads.recorded_at)
        except (NotYet, ClockBehind):
            return None
        if not is_scripted(self.origin):
            reading = Reading(to_us(now), before_us, machine_us())
            if self._clock.unnoted(session.connection, reading) is not None:
                return None
            self._clock.accept(reading, kept=False)
        return now

    def _publish(self, followed: Followed) -> Published:
        """Sign the tree as it stands at the last map root, and store it with the tiles that were filled."""
        size, root = followed.position, followed.tree.root()
        reader = self._open()
        row = reader.execute("SELECT recorded_at FROM events WHERE position = %s", (size,)).fetchone()
        made_at = "" if row is None else str(row[0])
        note = self.signer.sign(size, root, int(datetime.fromisoformat(made_at).timestamp()))
        made = Published(size, root, note, made_at)
        self.remember(made)
        holder = self._holder
        assert holder is not None  # noqa: S101 - opened
        with holder.transaction():
            store_tiles(holder, followed.filled)
            checkpoint_store.store(holder, made)
        followed.filled.clear()
        self._last, self._signed_s = made, time.monotonic()
        self._keep(followed, every_s=self.keep_s)
        return made

    def _renew(self) -> None:
        """Cosign the last checkpoint again when the ledger has been idle for long."""
        last, holder = self._last, self._holder
        if last is None or holder is None or time.monotonic() - self._signed_s < self.republish_s:
            return
        signing = self.signer.cosign(last.size, last.root, int(time.time()))
        if signing is not None:
            checkpoint_store.store_signing(holder, last.size, signing)
        self._signed_s = time.monotonic()

    def _keep(self, followed: Followed, *, every_s: float) -> None:
        """Write map and place down at a published checkpoint, whose tiles are stored."""
        at, position = self._kept
        now = time.monotonic()
        at_last = self._last is not None and self._last.size == followed.position
        if at_last and followed.position > position and now - at >= every_s:
            followed.keep(self.folder, self.origin)
            self._kept = (now, followed.position)

    # ------------------------------------------------------------------------------------------------ connections

    def _open(self) -> psycopg.Connection:
        """Connect, take the place of the one checkpointer, and read where the log was followed to."""
        if self._reader is not None and self._followed is not None and self._alone.holds():
            return self._reader
        self._drop()
        if not self._alone.holds():
            raise CheckpointerBusy("another checkpointer signs this ledger's checkpoints")
        self.guard.look()
        self._holder = connect_plain(self.database, "liftledger checkpoints")
        self._reader = connect_reader(self.database)
        self._last = checkpoint_store.latest(self._reader)
        watched = None if self._last is None else self._standby.give(self._last.size)
        self._followed = watched or Followed.kept(self.folder, self.origin, self._reader)
        self._kept = (time.monotonic(), self._followed.position)
        self._signed_s = time.monotonic()
        return self._reader

    def _connected(self) -> WriterSession:
        if self._session is None:
            self._watchdog = self._watchdog or Watchdog()
            self._session = WriterSession(
                self.database, lock_key(self.origin), scripted=is_scripted(self.origin),
                watchdog=self._watchdog, application=ROOTS_APPLICATION,
            )  # fmt: skip
        return self._session

    def _rolled_back(self) -> None:
        if self._session is None:
            return
        try:
            self._session.rollback()
        except (ConnectionLost, psycopg.Error):
            self._session.close()
            self._session = None

    def _drop(self) -> None:
        for connection in (self._reader, self._holder, self._session):
            if connection is not None:
                connection.close()
        self._reader = self._holder = self._session = self._followed = None
        self._alone.close()


def _map_root(followed: Followed, operator: str, version: int) -> Save:
    """Make the save of a map root: no evidence and no receipt, the checkpoint that follows signs it."""
    found: JsonValue = {"count": followed.heads.count, "root": followed.heads.root().hex(), "size": followed.position}
    body = canonical.encode({"found": found, "from": None, "said": None, "salt": secrets.token_hex(16)})
    act = Act(operator, None, None, (), None)
    return Save(act, (NewEvent(MAP_STREAM, version, ledgers.HeadMap.Rooted.TOPIC, body),))
