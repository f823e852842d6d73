"""The ledger's recorder: the library's interface for storing events, over one writer thread and a pool of readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent, Subscription
from psycopg_pool import ConnectionPool, PoolTimeout

from application.errors import CommandReused, DatabaseAway, NotSupported
from application.ports import Head
from application.saves import Act, Command, NewEvent, Save, Saved, SourceKey, StoredHeader
from audit import canonical, merkle
from domain.errors import Invalid
from infrastructure import log_reader
from infrastructure.connection import Database, configure, configure_reader, telling_away
from infrastructure.halting import Guard
from infrastructure.keyring import Keyring
from infrastructure.receipts import ReceiptSigner
from infrastructure.save_queue import Entry
from infrastructure.settling import check_limits, request_of
from infrastructure.writer import Writer

READERS_MAX = 4
READ_WAIT_S_MAX = 10.0
EMPTY_INSTANT = "1970-01-01T00:00:00.000000Z"
T = TypeVar("T")


@dataclass(frozen=True)
class RecordedEvent(StoredEvent):
    """A stored event as the library sees it: `state` is the body; header and position ride along."""

    position: int
    header: bytes


@dataclass(frozen=True)
class RecordedNotification(Notification):
    """A stored event in the order of the log; `id` is its position."""

    header: bytes


class LedgerRecorder(ApplicationRecorder):
    """Records events of one ledger; also `application.ports.Recorder`. Safe in threads; `close` ends it.

    The origin decides the clock (`scripted.…`) and the lock; the private key signs receipts. Nothing is connected
    before it is needed, so that it can be made while the server recovers.
    """

    def __init__(
        self, database: Database, origin: str, receipt_key: Ed25519PrivateKey, guard: Guard | None = None,
        keyring: Keyring | None = None,
    ) -> None:  # fmt: skip
        """Start the writer thread. Raises NoteError `origin_invalid`."""
        self._signer = ReceiptSigner(origin, receipt_key)
        self._writer = Writer(database, self._signer, guard=guard, keyring=keyring)

        def prepare(connection: psycopg.Connection) -> None:
            configure(connection, database)
            configure_reader(connection)

        self._pool = ConnectionPool(
            database.url,
            kwargs={"autocommit": True, "application_name": "liftledger reader", "connect_timeout": 5},
            min_size=1,
            max_size=READERS_MAX,
            open=False,
            configure=prepare,
            timeout=READ_WAIT_S_MAX,
            name="liftledger-readers",
        )

    @property
    def origin(self) -> str:
        """The ledger's name."""
        return self._signer.origin

    @property
    def receipt_vkey(self) -> str:
        """The verifier key of the receipts (C2SP)."""
        return self._signer.vkey

    @property
    def queued(self) -> int:
        """The number of saves that wait for the writer."""
        return self._writer.queued

    def close(self) -> None:
        """Write what is queued, then end thread and connections."""
        self._writer.close()
        self._pool.close()

    # ------------------------------------------------------------------------------------------------ writing

    def submit(self, save: Save) -> Future[Saved]:
        """Queue a save; the future resolves when it is durable, or fails as `ports.Recorder.submit` says."""
        future: Future[Saved] = Future()
        try:
            self._writer.put(Entry(save, check_limits(save), future))
        except Exception as refused:  # noqa: BLE001 - the future is where the caller looks
            future.set_exception(refused)
        return future

    def submit_async(self, save: Save) -> asyncio.Future[Saved]:
        """Queue a save from an event loop; answers of one batch come to the loop in one call."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Saved] = loop.create_future()
        try:
            self._writer.put(Entry(save, check_limits(save), future, loop))
        except Exception as refused:  # noqa: BLE001 - the future is where the caller looks
            future.set_exception(refused)
        return future

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:  # noqa: ANN401 - the library's signature
        """Store events as one save and give their positions.

        `act` (Act) is needed; `reads`, `request`, `sealed`, `subject_keys`, `sources` and `outcome` are members of
        Save. The library's own `tracking` must be None. Raises as `ports.Recorder.submit`, Invalid `act_missing`.
        """
        act = kwargs.pop("act", None)
        if kwargs.pop("tracking", None) is not None:
            raise NotSupported("the log keeps no tracking records")
        if not isinstance(act, Act):
            raise Invalid("a save names who writes", code="act_missing")
        events = tuple(event if isinstance(event, NewEvent) else _new(event) for event in stored_events)
        saved = self.submit(Save(act, events, **kwargs)).result()
        return [event.position for event in saved.events]

    # ------------------------------------------------------------------------------------------------ reading

    @contextmanager
    def reading(self) -> Iterator[psycopg.Connection]:
        """Lend a reading connection for a short time. Raises DatabaseAway."""
        try:
            self._pool.open()
            with telling_away(), self._pool.connection() as connection:
                yield connection
        except PoolTimeout as away:
            raise DatabaseAway("the database is away", retry_after_s=5) from away

    def _read(self, read: Callable[[psycopg.Connection], T]) -> T:
        with self.reading() as connection:
            return read(connection)

    def saved(self, party: str, command: Command) -> Sequence[Saved]:
        """Give the stored groups of a command, in order; empty when it is not known. Raises CommandReused."""
        with self.reading() as connection:
            request = log_reader.find_request(connection, party, command.id)
            if request is None:
                return []
            if request != request_of(command):
                raise CommandReused("the command id was used before with another request", command=command.id)
            return log_reader.find_saved(connection, party, command.id)

    def select_stream(self, stream: str, *, gt: int = 0, lte: int | None = None) -> Sequence[StoredHeader]:
        """Give a stream's events in version order."""
        return self._read(lambda connection: log_reader.stream_events(connection, stream, gt, lte))

    def select_streams(self, streams: Sequence[str]) -> dict[str, list[StoredHeader]]:
        """Give several streams at once, each in version order; one that does not exist has no events."""
        return self._read(lambda connection: log_reader.many_streams(connection, streams))

    def select_subject(self, subject: str, *, gt: int = 0, lte: int | None = None) -> Sequence[StoredHeader]:
        """Give all events of a subject in seq order (the complete chain)."""
        return self._read(lambda connection: log_reader.subject_events(connection, subject, gt, lte))

    def select_log(self, start: int, limit: int) -> Sequence[StoredHeader]:
        """Give events from position `start` on, at most `limit`; gapless and in commit order."""
        return self._read(lambda connection: log_reader.log_events(connection, start, limit))

    def head(self) -> Head:
        """Give the log's head as committed; an empty log has the empty tree's root and the epoch."""
        found = self._read(log_reader.head)
        if found is None:
            return Head(0, merkle.EMPTY_ROOT, EMPTY_INSTANT)
        size, recorded_at, frontier = found
        return Head(size, merkle.Frontier.from_bytes(size, frontier).root(), recorded_at)

    def position_at(self, known_at: str) -> int:
        """Give the last position recorded at or before an instant; 0 if there is none."""
        return self._read(lambda connection: log_reader.position_at(connection, known_at))

    def receipt_over(self, position: int) -> tuple[int, int, str] | None:
        """Give first position, number of events and note of the receipt over an event; None for a map root."""
        return self._read(lambda connection: log_reader.receipt_over(connection, position))

    def find_sources(self, keys: Iterable[tuple[str, str, str, str]]) -> dict[tuple[str, str, str, str], SourceKey]:
        """Resolve authors' own numbers (party, system, kind, id) to streams; unknown ones are absent."""
        wanted = list(keys)
        return self._read(lambda connection: log_reader.find_sources(connection, wanted)) if wanted else {}

    # ------------------------------------------------------------------------------------------------ the library's

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Give a stream's events as the library's stored events."""
        found = self._read(
            lambda connection: log_reader.stream_events(
                connection, str(originator_id), gt or 0, lte, limit=limit, desc=desc
            )
        )
        return [_recorded(event) for event in found]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Give events in the order of the log, from a position on (or after it), at most `limit`."""
        begin = 1 if start is None else start if inclusive_of_start else start + 1
        found = self._read(lambda connection: log_reader.log_range(connection, begin, stop, topics, limit))
        return [_notification(event) for event in found]

    def max_notification_id(self) -> int | None:
        """Give the last position, None when the log is empty."""
        return self.head().size or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Refuse: whoever follows the log asks for it in pages. Raises NotSupported."""
        del gt, topics
        raise NotSupported("follow the log with select_log")


def _new(event: StoredEvent) -> NewEvent:
    return NewEvent(str(event.originator_id), event.originator_version, event.topic, event.state)


def _place(event: StoredHeader) -> tuple[str, int, str]:
    header = canonical.decode(event.header)
    if not isinstance(header, dict):
        raise Invalid("a stored header is no object", code="header_malformed", position=event.position)
    return str(header["stream"]), int(str(header["version"])), str(header["type"])


def _recorded(event: StoredHeader) -> RecordedEvent:
    stream, version, topic = _place(event)
    return RecordedEvent(stream, version, topic, event.body, event.position, event.header)


def _notification(event: StoredHeader) -> RecordedNotification:
    stream, version, topic = _place(event)
    return RecordedNotification(stream, version, topic, event.body, event.position, event.header)
