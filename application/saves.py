"""What one write hands to the recorder, and what it gets back.

A save is atomic, spans streams, and holds at most `EVENTS_PER_SAVE_MAX` events and `SAVE_BYTES_MAX` bytes
(event-format §9). Everything here is made before the lock is taken; positions, times and chains are made under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eventsourcing.persistence import StoredEvent

EVENTS_PER_SAVE_MAX = 250
SAVE_BYTES_MAX = 1024 * 1024
HEADER_BYTES_MAX = 4 * 1024
BODY_BYTES_MAX = 256 * 1024
READS_MAX = 1_000
IAT_SKEW_MAX_S = 120
"""A save whose token was made more than this from `recorded_at` is refused under the lock (event-format §4)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence: kind (`jwt`, `init`, `timer`, …), SHA-256 hex of its bytes, the bytes."""

    kind: str
    digest: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Command:
    """The request a save belongs to; unique by (party, id, group), equal repetitions in method, uri and digest.

    `digest` is `bh` or `br` (64 hex); `group` counts from 1 and is None for a request of one save; `groups` is how
    many groups the request has; `first_line` and `last_line` are the NDJSON lines of this group, or None.
    """

    id: str
    method: str
    uri: str
    digest: str
    group: int | None = None
    groups: int = 1
    first_line: int | None = None
    last_line: int | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Who writes, with what evidence, in which command; one typed argument of every save.

    `issued_at` is the token's `iat` in seconds (None for init and timers). `sequence` is the author's own counter.
    """

    party: str
    agent: str | None
    key: str | None
    evidence: tuple[Evidence, ...]
    command: Command | None
    issued_at: int | None = None
    sequence: int | None = None


@dataclass(frozen=True)
class NewEvent(StoredEvent):
    """An event before it has a header: stream, version, topic and the canonical body bytes (`state`).

    `effective_at` None becomes `recorded_at`.
    """

    schema: int = 1
    effective_at: str | None = None


@dataclass(frozen=True, slots=True)
class RequestLine:
    """The stored bytes of a request (line None) or of one NDJSON line; `digest` = SHA-256 hex over them.

    For NDJSON the digest is the leaf hash SHA-256(0x00 ‖ line). `data` is None when they were refused storage,
    ciphertext when `persons` is not empty (erasing any of them makes the bytes unreadable).
    """

    line: int | None
    digest: str
    data: bytes | None
    persons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SealedValue:
    """One personal field: its person, the digest that stands in `said`, its ciphertext."""

    person: str
    digest: str
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """An event that quotes a personal field: whose it is, its digest, the event's stream and version."""

    person: str
    digest: str
    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """An entry of the blind index: a personal field's person and digest under the keyed token of its value."""

    person: str
    digest: str
    kind: str
    token: bytes


@dataclass(frozen=True, slots=True)
class SourceKey:
    """The author's own number of a record, unique by (party, system, kind of aggregate, id); names its stream."""

    party: str
    system: str
    kind: str
    id: str
    stream: str


@dataclass(frozen=True, slots=True)
class Save:
    """All of one write. `reads` are the versions relied on, as stored before this save; 0 asserts absence.

    `outcome` is the canonical JSON of what a repetition must be told beyond events (refused lines); no personal value.
    `hashes` come with the first group of an NDJSON request: those of all its lines, 32 bytes each.
    """

    act: Act
    events: tuple[NewEvent, ...]
    reads: Mapping[str, int] = field(default_factory=dict)
    request: tuple[RequestLine, ...] = ()
    sealed: tuple[SealedValue, ...] = ()
    places: tuple[SealedPlace, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    subject_keys: tuple[tuple[str, bytes], ...] = ()
    sources: tuple[SourceKey, ...] = ()
    outcome: bytes = b"{}"
    hashes: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredHeader:
    """One stored event as the answer needs it: header and body bytes and the leaf hash (32 bytes)."""

    position: int
    header: bytes
    body: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save became: its receipt (None when it wrote no event), events in order, outcome, ledger time.

    `repeated` is true when the same command had been stored before and this is its first answer again.
    """

    command: str | None
    group: int | None
    groups: int
    first: int | None
    events: tuple[StoredHeader, ...]
    receipt: str | None
    recorded_at: str
    outcome: bytes
    repeated: bool = False
