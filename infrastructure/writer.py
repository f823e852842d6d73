"""The one thread of a process that writes: group commit under the ledger's lock.

The lock is taken first and the queue is drained then, so that whatever came in during the wait shares the commit.
Several processes may have a writer each; the lock puts them in an order, and positions are gapless in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

import psycopg
import structlog
from psycopg import errors as pg

from application.errors import ClockBehind, DatabaseAway, LockHeld, OutcomeUnknown, RolledBack, Unforeseen
from application.saves import Save, Saved
from audit import canonical
from audit.checkpoints import is_scripted
from audit.merkle import Frontier
from audit.rotation import RECEIPT
from domain.errors import Conflict, DomainError
from domain.ledgers import STREAM, Ledger
from infrastructure.clock_watch import ClockWatch
from infrastructure.connection import Database, is_away, lock_key
from infrastructure.errors import InfrastructureError
from infrastructure.halting import Guard, Reached, Unguarded
from infrastructure.keyring import Keyring
from infrastructure.log_reader import find_saved, find_saved_events
from infrastructure.receipts import ReceiptSigner
from infrastructure.save_queue import Answer, Entry, SaveQueue, resolve, taken
from infrastructure.session import ConnectionLost, Watchdog, WriterSession
from infrastructure.settling import AlreadyStored, Batch, Heads, Questions
from infrastructure.stepping import NotYet, Reading, check_behind, machine_us, to_us

RECOVERY_S_MAX = 20.0
"""How long a save may wait for a server that is away before it is answered."""
STALE_LOCK_S = 4.0
PART_EVENTS_MIN = 24
"""The server is given so many events at the least to write while the rest of a batch is settled."""
PLACES = frozenset({"file", "folder"})
"""Details of refusals that name places of this machine."""
log = structlog.get_logger()

_unknown = partial(OutcomeUnknown, "the connection was lost while committing; repeat the same command")
_FRONTIER: Final = "SELECT frontier FROM events WHERE position = %s"


class Writer:
    """Takes saves from a bounded queue and makes them durable; `close` ends it after what is queued."""

    def __init__(
        self, database: Database, signer: ReceiptSigner, *, guard: Guard | None = None,
        keyring: Keyring | None = None, name: str = "liftledger-writer",
    ) -> None:  # fmt: skip
        """Start the thread; it connects when the first save comes. `guard` says why nothing may be signed now.

        With a keyring each batch is signed by the key that the log says under the lock; without one, ever the same.
        """
        self._database = database
        self._signer = signer
        self._origin = signer.origin
        self._scripted = is_scripted(signer.origin)
        self._key = lock_key(signer.origin)
        self._queue = SaveQueue()
        self._session: WriterSession | None = None
        self._clock = ClockWatch(signer.origin)
        self._guard: Guard = guard or Unguarded()
        self._keyring = keyring
        self._signed_at = -1
        """The version of the ledger's stream that says which key signs."""
        self._seen = (0, b"")
        self._held = True
        """Whether the database behind the connection was seen to hold what this writer saw committed."""
        self._watchdog = Watchdog()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """The number of saves waiting."""
        return self._queue.waiting

    def put(self, entry: Entry) -> None:
        """Queue a save. Raises QueueFull, also when the writer is closed."""
        self._queue.put(entry)

    def close(self, timeout_s: float = 30.0) -> None:
        """Take no more saves, write those queued, end the thread and the connection."""
        self._queue.close()
        self._thread.join(timeout_s)
        self._watchdog.close()

    # ------------------------------------------------------------------------------------------------ the thread

    def _run(self) -> None:
        while not self._queue.ended and (entry := self._queue.get()) is not None:
            entries = [entry] if taken(entry) else []
            if entries:
                try:
                    self._store(entries, drain=True)
                except Exception as error:  # noqa: BLE001 - the thread must outlive whatever went wrong beside it
                    self._fail(entries, _unforeseen(error))
                    self._drop_session()
        self._remember()  # nothing waits any more: what ends the queue is the last thing in it
        self._drop_session()

    def _drained_all(self) -> list[Entry]:
        return [entry for entry in self._queue.drain_all() if taken(entry)]

    def _store(self, entries: list[Entry], *, drain: bool) -> None:
        """Bring saves to an answer, whatever happens to the connection; `entries` grows by what is drained."""
        deadline = time.monotonic() + RECOVERY_S_MAX
        in_doubt = False
        while entries:
            session: WriterSession | None = None
            try:
                session = self._connected()
                session.begin()
                if in_doubt:
                    entries = self._answer_stored(session, entries)
                    in_doubt = False
                if drain:
                    entries += [entry for entry in self._queue.drain(entries) if taken(entry)]
                    drain = False
                self._batch(session, entries)
                return
            except NotYet as early:
                self._rolled_back()
                if time.monotonic() > deadline:
                    self._fail(entries, lambda: ClockBehind("the database's clock does not move on", retry_after_s=5))
                    return
                time.sleep(early.wait_s)  # the lock is free meanwhile; whatever waits is behind the same clock
            except (DomainError, InfrastructureError) as refused:
                self._rolled_back()
                self._fail(entries, _unknown if in_doubt else _again(refused))
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, it must hurt its own save only
                if not _passes(error):
                    self._rolled_back()
                    self._alone(entries, error, in_doubt=in_doubt)
                    return
                in_doubt = in_doubt or (session is not None and session.commit_sent)
                self._after_trouble(session, error)
                if time.monotonic() > deadline:
                    self._give_up(entries, error, in_doubt=in_doubt)
                    return

    def _alone(self, entries: list[Entry], error: Exception, *, in_doubt: bool) -> None:
        """Run the saves of a failed batch one by one, so that only the culprit fails; not those that may be stored."""
        if in_doubt or len(entries) == 1:
            self._fail(entries, _unknown if in_doubt else _unforeseen(error))
            return
        for entry in entries:
            if not entry.done:
                self._store([entry], drain=False)

    def _batch(self, session: WriterSession, entries: list[Entry]) -> None:
        """Settle and write one batch, then answer; raises what `_store` sorts."""
        if (why := self._guard.halted()) is not None:
            self._remember()
            raise why
        before_us = machine_us()
        now, heads = session.heads(self._questions([entry.save for entry in entries]))
        self._check_seen(session, heads)
        reading = None if now is None or self._scripted else Reading(to_us(now), before_us, machine_us())
        recorded_at = self._time(now, heads.recorded_at)
        notes = self._clock.notes(session.connection, reading) if reading is not None and heads.position else []
        if notes:
            _, heads = session.heads(self._questions([*(entry.save for entry in entries), *notes]))
        self._take_key(session, heads)
        batch = Batch(self._origin, heads, recorded_at, self._signer)
        for save in notes:
            batch.settle(save)
        answers: list[Answer] = []
        for entry in entries:
            answers.append(self._settle(session, batch, entry.save))
            if batch.waiting >= PART_EVENTS_MIN and session.idle and (part := batch.take()) is not None:
                session.append(part)  # the server writes it while the next are settled
        kept = False
        if batch.writes:
            if (part := batch.take()) is not None:
                session.append(part)
            kept = reading is not None and self._clock.keep(session.connection, reading, noted=bool(notes))
            session.commit()
        else:
            session.rollback()
        if reading is not None:
            self._clock.accept(reading, kept=kept)
        self._seen = (heads.position, heads.frontier.to_bytes())
        if batch.signer is not None and self._keyring is not None:
            self._signer, self._signed_at = batch.signer, heads.versions[STREAM]
        resolve(entries, answers)

    def _check_seen(self, session: WriterSession, heads: Heads) -> None:
        """Refuse to sign a second leaf for a position: the log went back behind what this writer saw committed.

        Behind a new connection others may have overtaken it since; then what stands at its place is looked at.
        """
        size, frontier = self._seen
        there: bytes | None = heads.frontier.to_bytes() if heads.position == size else frontier
        if heads.position > size > 0 and not self._held:
            row = session.connection.execute(_FRONTIER, (size,)).fetchone()
            there = None if row is None or row[0] is None else bytes(row[0])
        self._held = True
        if heads.position < size or there != frontier:
            why = RolledBack("the database lost events that were acknowledged", size=heads.position, seen=size)
            self._guard.halt(why)
            self._remember()
            raise why

    def _remember(self) -> None:
        """Add to a halt what this writer saw committed: no restart lifts it before the log has that again."""
        size, frontier = self._seen
        if size:
            self._guard.remember(Reached(size, Frontier.from_bytes(size, frontier).root()))

    def _settle(self, session: WriterSession, batch: Batch, save: Save) -> Answer:
        try:
            following = self._following(save)
            saved = batch.settle(save)
            batch.signer = following or batch.signer
            return saved
        except DomainError as refused:
            return refused
        except AlreadyStored:
            command = save.act.command
            assert command is not None  # noqa: S101 - only a command can have been stored
            found = find_saved(session.connection, save.act.party, command.id, command.group or 0)
            return replace(found[0], repeated=True) if found else Unforeseen("the stored answer is gone")
        except Exception as error:  # noqa: BLE001 - a save that breaks its own settling must not hurt its neighbours
            return _unforeseen(error)()

    # ------------------------------------------------------------------------------------------------ the key

    def _questions(self, saves: Sequence[Save]) -> Questions:
        questions = Questions.of(saves)
        return questions if self._keyring is None else questions.watching(STREAM)

    def _take_key(self, session: WriterSession, heads: Heads) -> None:
        """Take the key that the log says is in force, where its stream has moved. Raises KeysOfAnother, KeysUnsafe."""
        if self._keyring is not None and heads.versions[STREAM] != self._signed_at:
            self._signer = self._keyring.in_force(session.connection)
            self._signed_at = heads.versions[STREAM]

    def _following(self, save: Save) -> ReceiptSigner | None:
        """Give what signs after a save that hands on the receipt key. Raises Conflict where its secret is not here."""
        for event in save.events:
            if self._keyring is None or event.topic != Ledger.KeyRotated.TOPIC:
                continue
            said = canonical.decode(event.state)["said"]  # type: ignore[index,call-overload]  # a body as we wrote it
            if said is not None and said["use"] == RECEIPT:  # type: ignore[index,call-overload]  # the same
                try:
                    return self._keyring.receipts(said["keys"][0])  # type: ignore[index,call-overload,arg-type]  # too
                except InfrastructureError as missing:
                    raise Conflict("the new key is not in the folder of keys", code="key_missing") from missing
        return None

    # ------------------------------------------------------------------------------------------------ time

    def _time(self, now: str | None, last: str) -> str:
        if now is None:
            raise ClockBehind("the scripted clock was never set", code="clock_not_set", retry_after_s=1)
        if self._scripted and now < last:
            raise ClockBehind("the scripted clock is behind the log", ledger_time=last, retry_after_s=1)
        check_behind(now, last)
        return now

    # ------------------------------------------------------------------------------------------------ trouble

    def _connected(self) -> WriterSession:
        if self._session is None:
            session = WriterSession(
                self._database, self._key, scripted=self._scripted, watchdog=self._watchdog
            )  # fmt: skip
            try:
                self._guard.look()  # another server may stand behind the address than before
            except BaseException:
                session.close()
                raise
            self._session, self._held = session, False
        return self._session

    def _after_trouble(self, session: WriterSession | None, error: Exception) -> None:
        """Make ready for another try: a lost connection is dropped, a holder of the lock that sleeps is ended."""
        if session is None or isinstance(error, ConnectionLost):
            self._drop_session()
            time.sleep(0.05 if session is not None else 0.25)
            return
        self._rolled_back()
        if isinstance(error, pg.LockNotAvailable) and self._session is not None:
            with suppress(psycopg.Error):
                self._session.break_stale_lock(STALE_LOCK_S)
        else:
            time.sleep(0.1)

    def _rolled_back(self) -> None:
        session = self._session
        if session is None:
            return
        try:
            session.rollback()
        except (ConnectionLost, psycopg.Error):
            self._drop_session()

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _answer_stored(self, session: WriterSession, entries: list[Entry]) -> list[Entry]:
        """Answer the saves whose lost commit did happen; give the others. The lock proves the old session decided."""
        rest: list[Entry] = []
        for entry in entries:
            save = entry.save
            found: Saved | None = None
            if (command := save.act.command) is not None:
                answers = find_saved(session.connection, save.act.party, command.id, command.group or 0)
                # Another's answer to the same command is told apart when the save is settled again.
                found = answers[0] if answers and _is_same(answers[0], save) else None
            elif save.events:
                found = find_saved_events(session.connection, save)
            if found is None:
                rest.append(entry)
            else:
                resolve([entry], [found])
        return rest

    def _give_up(self, entries: list[Entry], error: Exception, *, in_doubt: bool) -> None:
        if in_doubt:
            self._fail(entries, _unknown)
            return
        # Nothing of these was ever committed, nor can those queued behind them be.
        entries = entries + self._drained_all()
        if isinstance(error, pg.LockNotAvailable):
            self._fail(entries, lambda: LockHeld("another session holds the ledger's lock", retry_after_s=5))
        else:
            self._fail(entries, lambda: DatabaseAway("the database is away", retry_after_s=5))

    def _fail(self, entries: list[Entry], make: Callable[[], Exception]) -> None:
        waiting = [entry for entry in entries if not entry.done]
        resolve(waiting, [make() for _ in waiting])


def _passes(error: Exception) -> bool:
    """Say whether to try again: connections, locks, timeouts, no space; a standby that is not yet the primary."""
    return is_away(error) or isinstance(error, (ConnectionLost, pg.ReadOnlySqlTransaction))


def _unforeseen(error: Exception) -> Callable[[], Unforeseen]:
    """Give each saver the kind of a failure, never its text, which may hold what was to be saved."""
    kind, state = type(error).__name__, getattr(error, "sqlstate", None)
    return lambda: Unforeseen("the save failed in a way nobody foresaw", error=kind, state=state)


def _again(refused: DomainError | InfrastructureError) -> Callable[[], DomainError]:
    """Give each of several savers a refusal of his own: exceptions collect tracebacks and are not shared."""
    kind, details = type(refused) if isinstance(refused, DomainError) else DatabaseAway, refused.details
    if isinstance(refused, InfrastructureError):  # where something lies on this machine is for its operator alone
        log.error("nothing is written", code=refused.code, why=refused.message, **details)
        details = {name: value for name, value in details.items() if name not in PLACES}
    return lambda: kind(refused.message, **{"code": refused.code, **details})


def _is_same(saved: Saved, save: Save) -> bool:
    """Say whether a stored answer is this very save's: bodies are salted, so equal ones are the same ones."""
    return [event.body for event in saved.events] == [event.state for event in save.events]
