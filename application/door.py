"""The one way a signed request becomes events: who is it, may he, what follows, save, answer.

A request is decided in the event loop from cached aggregates; only when something is not cached it goes to a thread
that may ask the database. What was read is asserted under the recorder's lock: when it moved, the use case decides
again, `DECISIONS_MAX` times at the most.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from application.actions import Action
from application.cached import CacheOnly
from application.errors import (
    CommandReused,
    OutcomeUnknown,
    ReadMoved,
    SourceTaken,
    TokenLate,
    TooLarge,
    Unauthenticated,
    VersionMoved,
)
from application.holding import Held
from application.identity import Identity, identify, load, renew, require_key
from application.ports import Clock, Recorder, Streams
from application.salts import take_salt
from application.saves import Act, Command, Evidence, NewEvent, RequestLine, Save, Saved, SealedPlace
from application.sealing import Sealer, Seals, personal_paths
from application.work import AggregateCache, Miss, Work
from audit import canonical, tokens
from audit.actions import Table
from audit.errors import AuditError
from audit.merkle import leaf_hash
from audit.merkle import root as tree_root
from audit.requests import sealed_fields
from domain.aggregate import Event, Statement
from domain.errors import Busy, Conflict, DomainError, Invalid
from domain.ledgers import STREAM, Ledger
from domain.persons import Person

DECISIONS_MAX = 3
APPENDS_MAX = 10
"""How often an append that commutes is decided again."""
FINAL = (Busy, OutcomeUnknown, CommandReused, TooLarge, TokenLate, Unauthenticated)
"""Refusals that no second decision can change."""
PUBLISHES = "ledger.publish_actions"
NO_REFUSALS = b"{}"
REFUSAL_BYTES_MAX = 4_096
"""Of a refused line's details, which are kept for ever; longer ones are left out."""


@dataclass(frozen=True, slots=True)
class Request:
    """A write as it came in: `uri` is path and query as received, `path` the variables of the action's template."""

    action: Action
    uri: str
    path: Mapping[str, str]
    token: bytes
    body: bytes
    ndjson: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was made before the request is decided, and is stated of it (`application.exporting`)."""
    key: str | None = None
    """What the client calls the command beside the token, in `Idempotency-Key`: the token's `jti`, or nothing."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A decided save, and the work behind it."""

    save: Save
    work: Work


@dataclass(frozen=True, slots=True)
class Door:
    """Everything a write needs; one for each process."""

    origin: str
    recorder: Recorder
    streams: Streams
    clock: Clock
    cache: AggregateCache
    sealer: Sealer
    seal_line: Callable[[bytes, Sequence[bytes]], bytes]
    """Encrypts request bytes under the keys of all their persons."""
    stored: Callable[[Event], NewEvent]
    check_shape: Callable[[Action, object], None]
    """Validates a body against the action's shape; raises Invalid `shape_invalid`."""
    submit: Callable[[Save], Awaitable[Saved]]
    table: Table
    """This software's table of actions; nothing is written by a table that the ledger has not in force."""

    async def write(self, request: Request) -> list[Saved]:
        """Take a signed write to its end; raises DomainError or AuditError, and then nothing of it was written."""
        if request.ndjson:
            return await self._bulk(request)
        return [await self._one(request)]

    # ------------------------------------------------------------------------------------------------ one save

    async def _one(self, request: Request) -> Saved:
        digest = hashlib.sha256(request.body).hexdigest()
        attempts = APPENDS_MAX if request.action.appends else DECISIONS_MAX
        try:
            try:
                prepared = self._decide(request, digest, self.cache, _in_loop(request.action))
            except Miss:
                prepared = await asyncio.to_thread(self._decide, request, digest, self.cache, self.streams)
            return await self._saved(prepared)
        except FINAL:
            raise
        except (DomainError, AuditError) as first:
            # Cached state may have been stale: whatever was refused on it is decided again on what is stored.
            error: Exception = first
        for _ in range(attempts):
            try:
                prepared = await asyncio.to_thread(self._decide, request, digest, AggregateCache(), self.streams)
                return await self._saved(prepared)
            except FINAL:
                raise
            except (VersionMoved, ReadMoved) as moved:
                error = moved
            except (DomainError, AuditError) as refused:
                error = refused
                break
        known = await asyncio.to_thread(self._known, request, digest)
        if known:
            return known[0]
        raise error

    def _known(self, request: Request, digest: str) -> list[Saved]:
        """Give the first answer when this command was stored before: what it did may be why it is refused now."""
        try:
            identity = self._admit(request, AggregateCache(), self.streams, body_hash=digest)
        except (DomainError, AuditError):
            return []
        command = Command(identity.claims.jti, request.action.method, request.uri, digest)
        return [replace(s, repeated=True) for s in self.recorder.saved(identity.author.party, command)]

    def _admit(self, request: Request, cache: AggregateCache, streams: Streams, **over: Any) -> Identity:  # noqa: ANN401 - passed on
        identity = identify(request.token, self.clock.now(), cache, streams)
        tokens.check_request(identity.token, origin=self.origin, method=request.action.method, uri=request.uri, **over)
        require_key(request.key, identity)
        return identity

    async def _saved(self, prepared: Prepared) -> Saved:
        try:
            saved = await self.submit(prepared.save)
        except DomainError:
            prepared.work.moved()
            raise
        if saved.repeated:
            prepared.work.moved()
        else:
            prepared.work.saved()
        return saved

    def _decide(self, request: Request, digest: str, cache: AggregateCache, streams: Streams) -> Prepared:
        identity = self._admit(request, cache, streams, body_hash=digest)
        work = self._work(request.action, identity, streams, cache)
        work.facts = request.facts
        held = self._held(request)
        said = _object(canonical.decode(request.body))
        seals = self._line(request, held, work, said, None)
        _finish(request.action, held, work)
        line = self._request_line(request.body, digest, None, seals)
        command = Command(identity.claims.jti, request.action.method, request.uri, digest)
        return Prepared(self._save(identity, work, command, (line,), (seals,), NO_REFUSALS), work)

    def _require_table(self, action: Action, cache: AggregateCache, streams: Streams) -> None:
        ledger = load(Ledger, STREAM, cache, streams)
        if ledger is not None and ledger.actions != self.table.digest:
            # Another worker may have published it since; no save of this one would bring the news into the cache.
            cache.forget(STREAM)
            ledger = load(Ledger, STREAM, cache, streams)
        if action.id != PUBLISHES and ledger is not None and ledger.actions != self.table.digest:
            raise Conflict(
                "the operator has not yet published this software's table of actions",
                code="actions_unpublished", digest=self.table.digest,
            )  # fmt: skip

    def _work(self, action: Action, identity: Identity, streams: Streams, cache: AggregateCache) -> Work:
        work = Work(self.origin, identity.author, self.clock.now(), streams, cache, keep=self.cache)
        work.careful = cache is not self.cache
        self._require_table(action, cache, streams)
        work.given(*identity.aggregates)
        return work

    def _held(self, request: Request) -> Held:
        return Held.of(self.table, request.action.id, request.action.method, request.uri, request.path)

    def _line(self, request: Request, held: Held, work: Work, said: dict[str, Any], line: int | None) -> Seals:
        """Decide one request or line; raises before anything of it stays in the work."""
        take_salt(said)
        action = request.action
        self.check_shape(action, said)
        sealed, seals = self.sealer.seal(said, personal_paths(action.shape))
        work.begin_line()
        try:
            self._require_living(work, seals)
            action.handle(work, Statement(sealed, "", line, action.effective_at(sealed)), request.path)
            held.require(sealed, work.line_events)
        except Exception:
            work.undo_line()
            raise
        work.end_line()
        return seals

    @staticmethod
    def _require_living(work: Work, seals: Seals) -> None:
        """Refuse to say more of a person whose restriction or erasure stands in the log, before anyone has acted on it.

        The absence of both is thereby asserted under the lock as well.
        """
        for name in seals.persons:
            if name in seals.new_keys:
                continue
            person = work.find(Person, name)
            if person is not None:
                person.require_usable()

    def _request_line(self, data: bytes, digest: str, line: int | None, seals: Seals | None) -> RequestLine:
        if seals is None or not seals.persons:
            return RequestLine(line, digest, data)
        keys = [self.sealer.key(person, seals) for person in sorted(seals.persons)]
        return RequestLine(line, digest, self.seal_line(data, keys), tuple(sorted(seals.persons)))

    def _kept(self, work: Work, data: bytes, digest: str, line: int, seals: Seals) -> RequestLine:
        try:
            return self._request_line(data, digest, line, seals)
        except Exception:
            work.undo_line()  # its person was erased since: without its bytes nothing of the line may stand
            raise

    def _save(
        self, identity: Identity, work: Work, command: Command, lines: tuple[RequestLine, ...],
        seals: Sequence[Seals], outcome: bytes,
    ) -> Save:  # fmt: skip
        author = identity.author
        claims = identity.claims
        act = Act(
            author.party, author.agent, author.key, (Evidence("jwt", identity.digest, identity.data),),
            command, claims.iat, claims.seq,
        )  # fmt: skip
        return Save(
            act=act,
            events=tuple(self.stored(event) for event in work.journal.events),
            reads=work.reads,
            request=lines,
            sealed=tuple(value for seal in seals for value in seal.values),
            places=_places(work.journal.events) if any(seal.values for seal in seals) else (),
            lookups=tuple(lookup for seal in seals for lookup in seal.lookups),
            subject_keys=tuple((person, keys[1]) for seal in seals for person, keys in seal.new_keys.items()),
            sources=tuple(work.sources),
            outcome=outcome,
        )

    # ------------------------------------------------------------------------------------------------ NDJSON

    async def _bulk(self, request: Request) -> list[Saved]:
        size = request.action.group_lines
        if size is None:
            raise Invalid("this route takes one JSON object, not lines", code="ndjson_not_taken")
        identity, lines, hashes, root = await asyncio.to_thread(self._admit_lines, request)
        groups = [lines[i : i + size] for i in range(0, len(lines), size)]
        first = Command(identity.claims.jti, request.action.method, request.uri, root, 1, len(groups))
        known = await asyncio.to_thread(self.recorder.saved, identity.author.party, first)
        done = {saved.group: replace(saved, repeated=True) for saved in known}
        results: list[Saved] = []
        for number, group in enumerate(groups, 1):
            command = Command(
                identity.claims.jti, request.action.method, request.uri, root, number, len(groups),
                (number - 1) * size + 1, (number - 1) * size + len(group),
            )  # fmt: skip
            stored = done.get(number)
            kept = hashes if number == 1 else b""
            results.append(stored or await self._group(request, identity, command, group, kept))
        return results

    def _admit_lines(self, request: Request) -> tuple[Identity, list[bytes], bytes, str]:
        # Who is nobody makes nobody cut and hash 16 MiB.
        identity = identify(request.token, self.clock.now(), self.cache, self.streams)
        lines = tokens.split_lines(request.body)
        hashes = tokens.line_hashes(lines)
        root = tree_root(hashes).hex()
        tokens.check_request(
            identity.token, origin=self.origin, method=request.action.method, uri=request.uri,
            lines_root=root, count=len(lines),
        )  # fmt: skip
        return identity, lines, b"".join(hashes), root

    async def _group(
        self, request: Request, first: Identity, command: Command, lines: Sequence[bytes], hashes: bytes
    ) -> Saved:
        error: Exception | None = None
        for attempt in range(APPENDS_MAX if request.action.appends else DECISIONS_MAX):
            cache = self.cache if attempt == 0 else AggregateCache()
            prepared = await asyncio.to_thread(self._decide_group, request, first, command, lines, cache)
            if attempt == 0 and prepared.save.outcome != NO_REFUSALS:
                # A refused line is remembered, so it is refused on what is stored, never on a cache that may be stale.
                fresh = AggregateCache()
                prepared = await asyncio.to_thread(self._decide_group, request, first, command, lines, fresh)
            try:
                return await self._saved(replace(prepared, save=replace(prepared.save, hashes=hashes)))
            except (VersionMoved, ReadMoved, SourceTaken) as moved:
                error = moved
        raise error or VersionMoved("the group could not be decided")

    def _decide_group(
        self, request: Request, first: Identity, command: Command, lines: Sequence[bytes], cache: AggregateCache
    ) -> Prepared:
        # The token was checked with the request; who signs is read again, since each group relies on it anew.
        identity = renew(first, cache, self.streams)
        work = self._work(request.action, identity, self.streams, cache)
        held = self._held(request)
        refused: list[dict[str, Any]] = []
        kept: list[RequestLine] = []
        sealed: list[Seals] = []
        parsed = [(number, data, _parse(data)) for number, data in enumerate(lines, command.first_line or 1)]
        prefetch = request.action.prefetch
        if prefetch is not None:
            prefetch(work, [said for _, _, said in parsed if isinstance(said, dict)])
        for number, data, said in parsed:
            digest = leaf_hash(data).hex()
            seals: Seals | None = None
            try:
                if isinstance(said, Exception):
                    raise said
                seals = self._line(request, held, work, said, number)
                kept.append(self._kept(work, data, digest, number, seals))
                sealed.append(seals)
            except Busy:
                raise  # trouble that passes is no refusal of a line
            except (DomainError, AuditError) as error:
                refused.append(_refusal(number, error))
                # A refused line's bytes are not kept: nothing stands on them, and nobody's key seals them.
                kept.append(RequestLine(number, digest, None))
        _finish(request.action, held, work)
        outcome = canonical.encode({"refused": refused}) if refused else NO_REFUSALS
        return Prepared(self._save(identity, work, command, tuple(kept), sealed, outcome), work)


def _finish(action: Action, held: Held, work: Work) -> None:
    if action.finish is not None:
        first = len(work.journal.events)
        action.finish(work)
        held.require({}, work.journal.events, first)


def _refusal(line: int, error: DomainError | AuditError) -> dict[str, Any]:
    details: Any = error.details
    if len(canonical.encode(details)) > REFUSAL_BYTES_MAX:
        details = {}
    return {"line": line, "code": error.code, "message": error.message, "details": details}


def _places(events: Iterable[Event]) -> tuple[SealedPlace, ...]:
    """Give where personal fields stand: for retention and holds it counts which events quote a person."""
    return tuple(
        SealedPlace(person, digest, event.originator_id, event.originator_version)
        for event in events
        if event.said is not None
        for digest, person in sealed_fields(event.said)
    )


def _in_loop(action: Action) -> CacheOnly:
    """Give the event loop's reader; raises Miss where a person may be named, whose key must be read each time."""
    if any(path.of is not None for path in personal_paths(action.shape)):
        raise Miss(action.id)
    return CacheOnly()


def _parse(data: bytes) -> dict[str, Any] | Exception:
    try:
        return _object(canonical.decode(data))
    except (DomainError, AuditError) as error:
        return error


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("a write is a JSON object", code="json_object_wanted")
    return value
