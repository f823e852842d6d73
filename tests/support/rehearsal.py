"""A ledger in memory behind the real door: real tokens, sealing, decisions, headers, chains and receipts; no database.

What is performed here can be read as a verifier reads a log (`stored`), so that whole stories are checked by it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api import credentials
from api.client import LIFETIME_S, Credentials, salted
from api.shapes import Shapes
from application.actions import Actions
from application.catalogue import ACTIONS
from application.door import Door, Request
from application.genesis import Founding, genesis
from application.ports import PersonRecords, Recorder
from application.saves import Save, Saved, StoredHeader
from application.sealing import Sealer
from application.timers import Due, fire_due
from application.work import AggregateCache
from audit import canonical, merkle, note, tokens
from audit.actions import Table
from audit.continuing import Continued
from audit.keys import public_bytes, public_key_of
from audit.ndjson import lines_root, split_lines
from audit.pages import CommandRow, EventRow, LineRow, ReceiptRow, SealedRow
from audit.rotation import make_rotation
from audit.statements import make_init_statement
from domain.aggregate import A, Event, fold
from domain.shapes import RANDOM_KINDS
from domain.time import parse_instant
from infrastructure import vault
from infrastructure.mapper import from_stored, to_new_event
from infrastructure.receipts import ReceiptSigner
from infrastructure.settling import Batch, Heads, check_limits, request_of
from tests.support import persons
from tests.support.stored import Stored

ORIGIN = "scripted.ledger.example/story"
SHAPES = Shapes(ACTIONS)


def name(kind: str, label: str) -> str:
    """Give the name that a label always has: a UUID of the version its kind asks for, made from a hash."""
    made = bytearray(hashlib.sha256(f"{kind} {label}".encode()).digest()[:16])
    made[6] = made[6] & 0x0F | (0x40 if kind in RANDOM_KINDS else 0x70)
    made[8] = made[8] & 0x3F | 0x80
    return f"{kind}:{uuid.UUID(bytes=bytes(made))}"


def private_key(label: str) -> Ed25519PrivateKey:
    """Give the private key that a label always has."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"private {label}".encode()).digest())


@contextmanager
def repeatable(seed: str) -> Iterator[None]:
    """Let everything that is drawn at random be the same each time, for the block."""
    drawn = 0

    def urandom(size: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(f"{seed} {drawn}".encode()).digest(size)

    def uuid7() -> uuid.UUID:
        return uuid.UUID(name("lift", urandom(16).hex()).partition(":")[2])

    with patch("os.urandom", urandom), patch("random._urandom", urandom), patch("uuid_utils.uuid7", uuid7):
        yield


class _Keys:
    """Keys of persons as the heads hold them, not wrapped: nothing of this is ever stored."""

    def __init__(self, heads: Heads) -> None:
        self._heads = heads

    def new_key(self) -> tuple[bytes, bytes]:
        """Make a key."""
        key = secrets.token_bytes(32)
        return key, key

    def key(self, person: str) -> bytes | None:
        """Give a person's key."""
        return self._heads.keys.get(person)


@dataclass(frozen=True, slots=True)
class Performed:
    """One write: the action and its path, and what it came to."""

    action: str
    save: Save
    saved: Saved
    body: bytes
    frontier: bytes
    ndjson: bool


@dataclass
class Rehearsal:
    """The ledger; `now` is its time, which whoever performs moves on."""

    now: str = "2025-11-01T00:00:00.000000Z"
    heads: Heads = field(
        default_factory=lambda: Heads(
            0, "", merkle.Frontier(), defaultdict(int), defaultdict(lambda: (0, None)), {}, {}, {}
        )
    )
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was made for a request before it is decided."""
    performed: list[Performed] = field(default_factory=list)
    _streams: dict[str, list[StoredHeader]] = field(default_factory=lambda: defaultdict(list))
    _sealed: dict[str, SealedRow] = field(default_factory=dict)
    _doing: tuple[str, bytes, bool] = ("", b"", False)

    def __post_init__(self) -> None:
        receipt, checkpoint = private_key("receipt"), private_key("checkpoint")
        self.signer = ReceiptSigner(ORIGIN, receipt)
        self._old = self._next = receipt
        self._checkpoint = note.vkey(ORIGIN, public_bytes(checkpoint.public_key()))
        self.door = Door(
            origin=ORIGIN, recorder=cast("Recorder", self), streams=self, clock=_Clock(lambda: self.now),
            cache=AggregateCache(), sealer=Sealer(_Keys(self.heads), vault.encrypt), seal_line=vault.seal_request,
            stored=to_new_event, check_shape=SHAPES.check, submit=self._submit,
            table=Table.from_json(ACTIONS.as_json()),
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------ ports

    def events(self, stream: str) -> Sequence[Event]:
        """Give a stream's events."""
        return [from_stored(stored) for stored in self._streams.get(stream, ())]

    def many(self, streams: Sequence[str]) -> dict[str, Sequence[Event]]:
        """Give several streams at once."""
        return {stream: self.events(stream) for stream in streams}

    def sources(self, keys: Iterable[tuple[str, str, str, str]]) -> dict[tuple[str, str, str, str], str]:
        """Resolve authors' own numbers."""
        return {key: self.heads.sources[key] for key in keys if key in self.heads.sources}

    def records_of(self, person: str) -> PersonRecords:
        """Give the events that quote a person, and the requests that name him."""
        requests = [line.digest for done in self.performed for line in done.save.request if person in line.persons]
        return persons.records_of(self._log(), person, requests)

    def persons_in(self, matters: Sequence[str], limit: int) -> Sequence[str]:
        """Give the persons that events of streams or subjects quote."""
        return persons.persons_in(self._log(), matters, limit)

    def keeping(self, streams: Sequence[str], limit: int) -> Sequence[str]:
        """Give disputes that keep what streams quote."""
        return persons.keeping(self._log(), streams, limit)

    def _log(self) -> list[Event]:
        return [from_stored(stored) for done in self.performed for stored in done.saved.events]

    def saved(self, *_command: object) -> Sequence[Saved]:
        """No command is ever repeated here."""
        return ()

    async def _submit(self, save: Save) -> Saved:
        return self._settle(save)

    def _settle(self, save: Save) -> Saved:
        check_limits(save)
        saved = Batch(ORIGIN, self.heads, self.now, self.signer).settle(save)
        for stored in saved.events:
            if json.loads(stored.header)["type"] == "ledger.KeyRotated":
                self._follow(json.loads(stored.body)["said"])
            self._streams[json.loads(stored.header)["stream"]].append(stored)
        for value in save.sealed:
            plain = vault.decrypt(self.heads.keys[value.person], value.ciphertext, value.digest.encode())
            self._sealed[value.digest] = SealedRow(value.person, plain, "plain")
        self.performed.append(
            Performed(self._doing[0], save, saved, self._doing[1], self.heads.frontier.to_bytes(), self._doing[2])
        )
        return saved

    def _follow(self, said: Mapping[str, Any] | None) -> None:
        """Sign with the key that was handed on to."""
        if said is not None and said["use"] == "receipt":
            self._old, self.signer = self._next, ReceiptSigner(ORIGIN, self._next)

    def hand_on(self, label: str) -> dict[str, Any]:
        """Give what to say so that the receipt key is handed on to the one of this label, which signs from then on."""
        self._next = private_key(label)
        new = note.vkey(f"{ORIGIN}/receipt", public_bytes(self._next.public_key()))
        return make_rotation(self._old, origin=ORIGIN, use="receipt", keys=[new])

    # ------------------------------------------------------------------------------------------------ performing

    def begin(self, actions: Actions = ACTIONS, continued: Continued | None = None) -> Credentials:
        """Write save 1, of a ledger that goes on from another if so asked; returns the administrator."""
        who = Credentials(
            name("party", "operator"), name("key", "operator"), private_key("operator"), name("agent", "operator")
        )
        statement = make_init_statement(
            who.private, who.key, origin=ORIGIN, receipt=self.signer.vkey, checkpoint=[self._checkpoint],
            continues=None if continued is None else continued.digest(),
        )  # fmt: skip
        founding = Founding(
            origin=ORIGIN, clock="scripted", operator=who.party, administrator=who.agent or "", key=who.key,
            public=dict(public_key_of(who.private).jwk), receipt=self.signer.vkey, checkpoint=[self._checkpoint],
            statement=statement, continued=continued,
        )  # fmt: skip
        self.save(genesis(founding, actions, to_new_event), "INIT")
        return who

    def save(self, save: Save, doing: str = "") -> list[Event]:
        """Write what no request asks for; returns its events."""
        self._doing = (doing, b"", False)
        saved = self._settle(save)
        self.door.cache.forget(*(str(event.originator_id) for event in save.events))
        return [from_stored(stored) for stored in saved.events]

    def registration(self, holder: str, label: str) -> dict[str, Any]:
        """Give what a registry wants of a new key."""
        return credentials.registration(ORIGIN, holder, name("key", label), private_key(label), self.seconds)

    @property
    def seconds(self) -> int:
        """The ledger's time in Unix seconds."""
        return int(parse_instant(self.now).timestamp())

    def act(self, who: Credentials, action: str, said: Mapping[str, Any], **path: str) -> list[Event]:
        """Write one request; returns its events, or raises what it was refused with."""
        return self._write(who, action, salted(said), path, ndjson=False)

    def lines(self, who: Credentials, action: str, lines: Iterable[Mapping[str, Any]], **path: str) -> list[Event]:
        """Write NDJSON; no line may be refused."""
        return self.raw(who, action, b"\n".join(salted(line) for line in lines), **path)

    def raw(self, who: Credentials, action: str, body: bytes, **path: str) -> list[Event]:
        """Write NDJSON as it is; no line may be refused."""
        return self._write(who, action, body, path, ndjson=True)

    def _write(
        self, who: Credentials, action_id: str, body: bytes, path: Mapping[str, str], *, ndjson: bool
    ) -> list[Event]:
        action = ACTIONS.by_id[action_id]
        uri = action.path.format_map(path)
        lines = split_lines(body) if ndjson else None
        claims = tokens.Claims(
            iss=who.party, sub=who.agent, aud=ORIGIN, iat=self.seconds, exp=self.seconds + LIFETIME_S,
            jti=str(uuid.uuid4()), htm=action.method, uri=uri,
            bh=hashlib.sha256(body).hexdigest() if lines is None else None,
            br=None if lines is None else lines_root(lines), bn=None if lines is None else len(lines),
        )  # fmt: skip
        token = tokens.make_token(who.private, who.key, claims)
        self._doing = (action_id, body, ndjson)
        results = asyncio.run(self.door.write(Request(action, uri, path, token, body, ndjson, self.facts)))
        refused = [canonical.decode(saved.outcome) for saved in results if saved.outcome != b"{}"]
        assert not refused, f"{action_id}: {refused}"
        return [from_stored(stored) for saved in results for stored in saved.events]

    def fire(self, due: Due) -> list[Event]:
        """Fire a timer; returns its events."""
        operator = name("party", "operator")
        save = fire_due(ORIGIN, operator, due, now=self.now, streams=self, stored=to_new_event)
        assert save is not None, f"nothing was due: {due}"
        return self.save(save, "TIMER")

    def state(self, kind: type[A], stream: str) -> A:
        """Fold a stream."""
        folded = fold(kind, stream, self.events(stream))
        assert folded is not None, f"{stream} does not exist"
        return folded

    # ------------------------------------------------------------------------------------------------ reading

    def streams(self) -> list[str]:
        """Give the names of all streams."""
        return sorted(self._streams)

    def stream(self, stream: str) -> Sequence[StoredHeader]:
        """Give a stream's events as bytes."""
        return self._streams[stream]

    def stored(self) -> Stored:
        """Give all rows as a verifier reads them from a database."""
        stored = Stored(ORIGIN, tables=None)
        seen: set[tuple[str, str]] = set()
        for done in self.performed:
            rows = done.saved.events
            for index, row in enumerate(rows, 1):
                header = json.loads(row.header)
                stored.events.append(
                    EventRow(
                        row.position, header["stream"], header["version"], header["seq"], header["type"],
                        header["recorded_at"], row.header, row.body, row.leaf,
                        done.frontier if index == len(rows) else None,
                    )
                )  # fmt: skip
            if done.saved.receipt is not None:
                stored.receipts.append(ReceiptRow(rows[0].position, len(rows), done.saved.receipt))
            stored.evidence |= {piece.digest: (piece.kind, piece.data) for piece in done.save.act.evidence}
            self._command(stored, done, seen)
        stored.sealed = dict(self._sealed)
        return stored

    def _command(self, stored: Stored, done: Performed, seen: set[tuple[str, str]]) -> None:
        command, rows = done.save.act.command, done.saved.events
        if command is None or not rows:
            return
        key = (done.save.act.party, command.id)
        row = CommandRow(
            command.group or 0, request_of(command), command.groups, command.first_line, command.last_line, len(rows),
            done.saved.recorded_at, done.save.outcome, key not in seen,
        )  # fmt: skip
        stored.commands.setdefault(key, []).append((rows[0].position, row))
        if key not in seen and done.body:
            stored.lines[key] = list(_lines(done))
            if done.ndjson:
                stored.hashes[key] = b"".join(map(merkle.leaf_hash, split_lines(done.body)))
        seen.add(key)


@dataclass(frozen=True, slots=True)
class _Clock:
    read: Callable[[], str]

    def now(self) -> str:
        """Give the ledger's time."""
        return self.read()


def _lines(done: Performed) -> Iterator[LineRow]:
    if not done.ndjson:
        yield LineRow(0, hashlib.sha256(done.body).digest(), done.body, "plain")
        return
    for number, line in enumerate(split_lines(done.body), 1):
        yield LineRow(number, merkle.leaf_hash(line), line, "plain")
