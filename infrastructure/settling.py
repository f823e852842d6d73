"""Settles a batch of saves, one at a time, on the heads read under the lock; pure but for the signature.

A save that loses fails alone: nothing of it is applied. A second save on a stream sees the first one's head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from application.errors import (
    CommandReused,
    ReadMoved,
    SourceTaken,
    TokenLate,
    TooLarge,
    Unforeseen,
    VersionMoved,
)
from application.saves import (
    BODY_BYTES_MAX,
    EVENTS_PER_SAVE_MAX,
    HEADER_BYTES_MAX,
    IAT_SKEW_MAX_S,
    READS_MAX,
    SAVE_BYTES_MAX,
    Command,
    Save,
    Saved,
    StoredHeader,
)
from audit import merkle
from infrastructure.headers import HeaderTemplate, Place
from infrastructure.receipts import ReceiptSigner

SourceName = tuple[str, str, str, str]
CommandName = tuple[str, str, int]


class CommandState:
    """What the log says of a command: the numbers that `ledger_heads` answers."""

    UNKNOWN = 0
    STORED = 1
    STORED_OTHERWISE = 2


def request_of(command: Command) -> str:
    """Give what a repetition of a command must equal: method, uri and digest of the body."""
    return f"{command.method} {command.uri} {command.digest}"


def subject_of(stream: str) -> str:
    """Give the subject of a stream; the database computes the same (event-format §1)."""
    return stream.partition("/")[0]


@dataclass(slots=True)
class Questions:
    """What must be read under the lock to settle a batch, each thing once."""

    streams: list[str]
    subjects: list[str]
    commands: dict[CommandName, str]
    sources: list[SourceName]
    persons: list[str]

    @classmethod
    def of(cls, saves: Iterable[Save]) -> Questions:
        """Collect what these saves touch and rely on."""
        streams: dict[str, None] = {}
        written: dict[str, None] = {}
        commands: dict[CommandName, str] = {}
        sources: dict[SourceName, None] = {}
        persons: dict[str, None] = {}
        for save in saves:
            for event in save.events:
                written[str(event.originator_id)] = None
            streams.update(dict.fromkeys(save.reads))
            if (command := save.act.command) is not None:
                commands.setdefault((save.act.party, command.id, command.group or 0), request_of(command))
            for source in save.sources:
                sources[(source.party, source.system, source.kind, source.id)] = None
            persons.update((value.person, None) for value in save.sealed)
            persons.update((person, None) for person, _ in save.subject_keys)
        subjects = list(dict.fromkeys(map(subject_of, written)))
        return cls(list(streams | written), subjects, commands, list(sources), list(persons))

    def watching(self, stream: str) -> Questions:
        """Ask for the version of this stream as well."""
        if stream not in self.streams:
            self.streams.append(stream)
        return self


@dataclass(slots=True)
class Heads:
    """The state that a batch is settled on; accepted saves move it forward."""

    position: int
    recorded_at: str
    """Of the last event; the empty string when there is none."""
    frontier: merkle.Frontier
    versions: dict[str, int]
    chains: dict[str, tuple[int, str | None]]
    """Subject → (seq, leaf in hex) of its last event; (0, None) when there is none."""
    commands: dict[CommandName, int]
    sources: dict[SourceName, str]
    keys: dict[str, bytes]


class Row(NamedTuple):
    """One event as it is stored."""

    stream: str
    version: int
    seq: int
    type: str
    header: bytes
    body: bytes
    leaf: bytes


class CommandRow(NamedTuple):
    """One command as it is stored; its outcome lies in the save."""

    save: Save
    command: Command
    first: int | None
    events: int


class AlreadyStored(Exception):
    """The command was stored before this batch; its first answer is to be read."""


@dataclass(slots=True)
class Part:
    """What one message appends: saves settled one after another, and the tree's edge after the last of them."""

    first: int
    recorded_at: str
    frontier: bytes = b""
    rows: list[Row] = field(default_factory=list)
    receipts: list[tuple[int, int, str]] = field(default_factory=list)
    commands: list[CommandRow] = field(default_factory=list)
    saves: list[Save] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """The saves of one transaction, settled so far; what is to be written is taken from it in parts."""

    origin: str
    heads: Heads
    recorded_at: str
    signer: ReceiptSigner | None
    """Signs the receipts; None for who writes map roots alone, which have none."""
    writes: bool = False
    """Whether anything settled is to be written, taken or not."""
    _part: Part = field(init=False)
    _answers: dict[CommandName, Saved] = field(default_factory=dict)
    _requests: dict[tuple[str, str], str] = field(default_factory=dict)
    _epoch_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._part = Part(self.heads.position + 1, self.recorded_at)
        self._epoch_s = datetime.fromisoformat(self.recorded_at).timestamp()

    @property
    def waiting(self) -> int:
        """The number of events that were settled and not taken yet."""
        return len(self._part.rows)

    def take(self) -> Part | None:
        """Give what was settled since it was last taken; None when that is nothing."""
        part = self._part
        if not part.saves:
            return None
        part.frontier = self.heads.frontier.to_bytes()
        self._part = Part(self.heads.position + 1, self.recorded_at)
        return part

    def settle(self, save: Save) -> Saved:
        """Accept a save or refuse it whole.

        Raises the errors of `application.errors` that `ports.Recorder.submit` names, or AlreadyStored.
        """
        if (repeated := self._repeated(save)) is not None:
            return repeated
        self._check_age(save)
        self._check_reads(save)
        self._check_sources(save)
        self._check_keys(save)
        rows, chains, versions = self._build(save)
        return self._apply(save, rows, chains, versions)

    def _repeated(self, save: Save) -> Saved | None:
        command = save.act.command
        if command is None:
            return None
        name = (save.act.party, command.id, command.group or 0)
        request = request_of(command)
        known = self._answers.get(name)
        state = self.heads.commands.get(name, CommandState.UNKNOWN)
        before = self._requests.get(name[:2], request)
        if state == CommandState.STORED_OTHERWISE or before != request:
            raise CommandReused("the command id was used before with another request", command=command.id)
        if state == CommandState.STORED:
            raise AlreadyStored
        return None if known is None else replace(known, repeated=True)

    def _check_age(self, save: Save) -> None:
        issued_at = save.act.issued_at
        if issued_at is not None and abs(issued_at - self._epoch_s) > IAT_SKEW_MAX_S:
            raise TokenLate(
                "the token was made too far from the ledger's time",
                ledger_time=self.recorded_at, iat=issued_at, skew_s_max=IAT_SKEW_MAX_S,
            )  # fmt: skip

    def _check_reads(self, save: Save) -> None:
        versions = self.heads.versions
        for stream, version in save.reads.items():
            if versions[stream] != version:
                raise ReadMoved(
                    "a stream that the decision read has moved", stream=stream, expected=version,
                    actual=versions[stream],
                )  # fmt: skip

    def _check_sources(self, save: Save) -> None:
        mine: dict[SourceName, str] = {}
        for source in save.sources:
            name = (source.party, source.system, source.kind, source.id)
            taken = self.heads.sources.get(name) or mine.setdefault(name, source.stream)
            if taken != source.stream:
                raise SourceTaken(
                    "the author's own number names another record", stream=taken, system=source.system, id=source.id,
                )  # fmt: skip

    def _check_keys(self, save: Save) -> None:
        """Refuse to store what nobody could open: another key was stored first, or the key was erased meanwhile."""
        if not save.subject_keys and not save.sealed:
            return
        new = dict(save.subject_keys)
        for person, wrapped in new.items():
            if self.heads.keys.get(person, wrapped) != wrapped:
                raise ReadMoved("the person's key was made meanwhile", stream=person)
        for value in save.sealed:
            if value.person not in new and value.person not in self.heads.keys:
                raise ReadMoved("the person was erased meanwhile", stream=value.person)

    def _build(self, save: Save) -> tuple[list[Row], dict[str, tuple[int, str | None]], dict[str, int]]:
        """Make the rows of a save on the present heads, changing nothing."""
        template = HeaderTemplate(self.origin, save.act, self.recorded_at)
        position = self.heads.position
        versions: dict[str, int] = {}
        chains: dict[str, tuple[int, str | None]] = {}
        rows: list[Row] = []
        size = sum(len(value.ciphertext) for value in save.sealed)
        for event in save.events:
            stream, body, version = str(event.originator_id), event.state, event.originator_version
            current = versions.get(stream)
            if current is None:
                current = self.heads.versions[stream]
            if version != current + 1:
                raise VersionMoved(
                    "a stream is no longer at the version the save was made for",
                    stream=stream, expected=version - 1, actual=current,
                )  # fmt: skip
            subject = subject_of(stream)
            seq, prev = chains.get(subject) or self.heads.chains[subject]
            position += 1
            seq += 1
            place = Place(position, seq, prev, version)
            header = template.header(
                body, stream, event.topic, event.schema, event.effective_at or self.recorded_at, place
            )
            if len(header) > HEADER_BYTES_MAX:
                raise TooLarge("a header is too large", limit="header_bytes_max", size=len(header))
            leaf = merkle.leaf_hash(header)
            versions[stream] = version
            chains[subject] = (seq, leaf.hex())
            rows.append(Row(stream, version, seq, event.topic, header, body, leaf))
            size += len(header) + len(body)
        if size > SAVE_BYTES_MAX:
            raise TooLarge("a save is too large", limit="save_bytes_max", size=size)
        return rows, chains, versions

    def _apply(
        self, save: Save, rows: Sequence[Row], chains: dict[str, tuple[int, str | None]], versions: dict[str, int]
    ) -> Saved:
        first = self.heads.position + 1 if rows else None
        command = save.act.command
        receipt = None if first is None else self._receipt(save, first, rows)
        saved = Saved(
            command=None if command is None else command.id,
            group=None if command is None else command.group,
            groups=1 if command is None else command.groups,
            first=first,
            events=tuple(
                StoredHeader(position, row.header, row.body, row.leaf) for position, row in enumerate(rows, first or 0)
            ),
            receipt=receipt,
            recorded_at=self.recorded_at,
            outcome=save.outcome,
        )
        # From here on nothing fails.
        self.heads.frontier.extend(row.leaf for row in rows)
        self.heads.position += len(rows)
        self.heads.versions.update(versions)
        self.heads.chains.update(chains)
        self.heads.keys.update(save.subject_keys)
        self.heads.sources.update(((s.party, s.system, s.kind, s.id), s.stream) for s in save.sources)
        part = self._part
        part.rows.extend(rows)
        if first is not None and receipt is not None:
            part.receipts.append((first, len(rows), receipt))
        if command is not None:
            self._answers[(save.act.party, command.id, command.group or 0)] = saved
            self._requests[(save.act.party, command.id)] = request_of(command)
            part.commands.append(CommandRow(save, command, first, len(rows)))
        if rows or command is not None:
            part.saves.append(save)
            self.writes = True
        return saved

    def _receipt(self, save: Save, first: int, rows: Sequence[Row]) -> str | None:
        if not save.act.evidence:  # a map root has none: the checkpoint that follows signs it
            return None
        if self.signer is None:
            raise Unforeseen("who holds no receipt key writes map roots alone")
        return self.signer.sign(first, [row.leaf for row in rows])


def check_limits(save: Save) -> int:
    """Refuse what can be seen to be too large before the lock; give the bytes that the save brings.

    Raises TooLarge with the name of the limit in `details["limit"]` (event-format §9).
    """
    if len(save.events) > EVENTS_PER_SAVE_MAX:
        raise TooLarge("a save holds too many events", limit="events_per_save_max", size=len(save.events))
    if len(save.reads) > READS_MAX:
        raise TooLarge("a decision read too many streams", limit="reads_max", size=len(save.reads))
    size = 0
    for event in save.events:
        if len(event.state) > BODY_BYTES_MAX:
            raise TooLarge("an event's body is too large", limit="body_bytes_max", size=len(event.state))
        size += len(event.state)
    size += sum(len(value.ciphertext) for value in save.sealed)
    if size > SAVE_BYTES_MAX:
        raise TooLarge("a save is too large", limit="save_bytes_max", size=size)
    return size + len(save.hashes) + sum(len(line.data or b"") for line in save.request)
