"""What the use cases need from the outside, as Protocols; `infrastructure/` implements them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from application.saves import Command, Save, Saved, SourceKey, StoredHeader
from domain.aggregate import Event


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of the log: size of the tree, its root, and the time it was recorded."""

    size: int
    root: bytes
    recorded_at: str


class Recorder(Protocol):
    """The one writer of events (infrastructure/recorder.py)."""

    @property
    def queued(self) -> int:
        """The number of saves that wait for this process's writer."""

    def submit(self, save: Save) -> Future[Saved]:
        """Queue a save; the future resolves when it is durable.

        Fails with the errors of `application.errors`: VersionMoved, ReadMoved, CommandReused, SourceTaken,
        TokenLate, TooLarge, Busy (queue full), OutcomeUnknown, ClockBehind.
        """

    def saved(self, party: str, command: Command) -> Sequence[Saved]:
        """Give the stored groups of a command, in order; empty when it is not known.

        Raises CommandReused when it was stored with another method, uri or digest.
        """

    def select_stream(self, stream: str, *, gt: int = 0, lte: int | None = None) -> Sequence[StoredHeader]:
        """Give a stream's events in version order."""

    def select_subject(self, subject: str, *, gt: int = 0, lte: int | None = None) -> Sequence[StoredHeader]:
        """Give all events of a subject in seq order (the complete chain)."""

    def select_log(self, start: int, limit: int) -> Sequence[StoredHeader]:
        """Give events from position `start` on, at most `limit`; gapless and in commit order."""

    def position_at(self, known_at: str) -> int:
        """Give the last position recorded at or before an instant; 0 if there is none."""

    def head(self) -> Head:
        """Give the log's head as committed."""

    def receipt_over(self, position: int) -> tuple[int, int, str] | None:
        """Give first position, number of events and note of the receipt over an event; None for a map root."""

    def find_sources(self, keys: Iterable[tuple[str, str, str, str]]) -> dict[tuple[str, str, str, str], SourceKey]:
        """Resolve authors' own numbers (party, system, kind, id) to streams; unknown ones are absent."""


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """An event that quotes a personal field: its place and type, since when it is so, and the field's digest."""

    stream: str
    version: int
    type: str
    effective_at: str
    digest: str


@dataclass(frozen=True, slots=True)
class PersonRecords:
    """All that is held of a person: the events that quote him, and digests of the requests whose bytes name him."""

    records: tuple[PersonRecord, ...]
    requests: tuple[str, ...]


class Persons(Protocol):
    """What the log holds of persons, as it is committed; not asserted under the lock."""

    def records_of(self, person: str) -> PersonRecords:
        """Give what is held of a person; nothing of one who was destroyed."""

    def persons_in(self, matters: Sequence[str], limit: int) -> Sequence[str]:
        """Give persons quoted in streams or subjects, at most `limit` of them, in order of their names."""

    def keeping(self, streams: Sequence[str], limit: int) -> Sequence[str]:
        """Give disputes that keep what these streams quote, at most `limit` of them, in order of their names.

        They are about one of them, or its subject; and are open, or their hold is on: one whose hold was lifted keeps
        nothing.
        """


class Streams(Persons, Protocol):
    """Reads streams as domain events (what a unit of work loads from)."""

    def events(self, stream: str) -> Sequence[Event]:
        """Give the stream's events in version order; empty when it does not exist."""

    def many(self, streams: Sequence[str]) -> dict[str, Sequence[Event]]:
        """Give several streams at once; a stream that does not exist has no events. A reader may give none (a hint)."""

    def sources(self, keys: Iterable[tuple[str, str, str, str]]) -> dict[tuple[str, str, str, str], str]:
        """Resolve authors' own numbers to stream names."""


class Clock(Protocol):
    """The ledger's time (event-format §8)."""

    def now(self) -> str:
        """Give the present instant as the door estimates it; `recorded_at` itself is read under the lock."""


class Vault(Protocol):
    """Keeps the keys of persons (sealed personal data); the master key lies outside the database."""

    def new_key(self) -> tuple[bytes, bytes]:
        """Make a data key for a new person: (plain key, wrapped key); the caller saves the wrapped one."""

    def key(self, person: str) -> bytes | None:
        """Give a person's data key; None when it was erased or never made."""


class Blind(Protocol):
    """Makes the keyed tokens by which a person is found by a value; the key lies outside the database."""

    def token(self, kind: str, value: str) -> bytes | None:
        """Give the token of a value by the newest rule of its kind; None where the rule makes nothing of the value."""
