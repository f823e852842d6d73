"""Replay (回放): a subject or stream as it was effective at one instant by what was known at another.

With it comes every event behind it, its author, and the verdict on his signature. The state is folded from the log
itself by the domain's own aggregates, not read from any read model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

import application.catalogue  # noqa: F401 - every noun's event types, whatever was recorded
from application.identity import public_key
from application.reading.asking import Known, Reads
from application.reading.overdue import Missing
from application.saves import StoredHeader
from audit import canonical, tokens
from audit.errors import AuditError
from audit.names import check_stream, check_subject
from domain.aggregate import Aggregate, Event
from domain.errors import DomainError, NotFound
from domain.parties import Key

SIGNED: Final = "signed"
EVENTS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Behind:
    """One event behind the state; `counted` is false for what was known but not yet effective.

    `verdict` is `signed`, `timer`, `init`, `none` (map roots) or why the signature does not hold:
    `evidence_missing`, `evidence_altered`, `key_unknown`, `key_ended`, `signature_invalid`, `author_differs`,
    `command_differs`, `ledger_differs`, or a code of `audit`.
    """

    position: int
    stream: str
    version: int
    type: str
    recorded_at: str
    effective_at: str
    author: Mapping[str, Any]
    counted: bool
    verdict: str

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer: state by stream (None: nothing of it was effective), and the events in the order of the log.

    `missing` are findings that time alone brought until `judged_at`: {stream, visit, …} of `domain.findings`.
    """

    of: str
    known: Known
    effective_at: str | None
    states: Mapping[str, Any]
    events: tuple[Behind, ...]
    judged_at: str
    missing: tuple[Mapping[str, Any], ...] = ()
    withheld: tuple[str, ...] = ()

    def without(self, streams: Collection[str]) -> Replay:
        """Give it without the states of some streams, which are named as withheld; that there are events is public."""
        told = {stream: state for stream, state in self.states.items() if stream not in streams}
        missing = tuple(found for found in self.missing if found["stream"] not in streams)
        return replace(self, states=told, missing=missing, withheld=tuple(sorted(streams)))

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON, as the command prints it."""
        return {
            "of": self.of, "known_at": self.known.as_json(), "effective_at": self.effective_at,
            "judged_at": self.judged_at, "missing": [dict(found) for found in self.missing],
            "states": dict(self.states), "withheld": list(self.withheld),
            "events": [event.as_json() for event in self.events],
        }  # fmt: skip


def replay(
    reads: Reads, of: str, known: Known, effective_at: str | None = None, judged_at: str | None = None
) -> Replay:
    """Replay a subject (all its streams) or one stream. Raises NotFound `subject_unknown`, `stream_unknown`.

    What time alone changes is judged at `judged_at`, else as it is effective, else now.
    """
    stored = [event for event in _chain(reads, of) if event.position <= known.position]
    if not stored:
        raise NotFound("nothing is known of it", code="subject_unknown", subject=of, known_at=known.position)
    heads: list[tuple[StoredHeader, dict[str, Any]]] = [(e, _decoded(e.header)) for e in stored]
    known_to = {header["stream"]: header["version"] for _, header in heads}
    streams = {stream: reads.streams.events(stream)[:version] for stream, version in known_to.items()}
    counted = {stream: effective(events, effective_at) for stream, events in streams.items()}
    check = Signatures(reads)
    behind = tuple(
        Behind(
            event.position, header["stream"], header["version"], header["type"], header["recorded_at"],
            header["effective_at"], header["author"], header["version"] in counted[header["stream"]],
            check.verdict(header),
        )
        for event, header in heads
    )  # fmt: skip
    states = {stream: state_of(events, counted[stream]) for stream, events in streams.items()}
    at = judged_at or effective_at or reads.clock.now()
    return Replay(of, known, effective_at, states, behind, at, tuple(_missing(reads, states, known, at)))


def effective(events: Iterable[Event], at: str | None) -> set[int]:
    """Give the versions of a stream's events that are effective at an instant (None: all of them).

    Nothing is so before its first event is: what came earlier in effect waits for it (`Aggregate.entry_of`). Of a
    course of facts (`Aggregate.ORDERED`) nothing is so before what it follows, as in the registers.
    """
    begun: dict[str, str] = {}
    versions: set[int] = set()
    for event in events:
        own, entry = event.effective_at or event.recorded_at or "", event.AGGREGATE.entry_of(event)
        if event.AGGREGATE.ORDERED:
            own = min(own, event.recorded_at or own)
        since = max(own, begun.setdefault(entry, own))
        if event.AGGREGATE.ORDERED:
            begun[entry] = since
        if at is None or since <= at:
            versions.add(event.originator_version)
    return versions


def _missing(reads: Reads, states: Mapping[str, Any], known: Known, at: str) -> Iterator[Mapping[str, Any]]:
    missing = Missing(reads, known.position, at)
    for stream, state in states.items():
        if state is not None and stream.partition("/")[2].startswith("maintenance:"):
            for visit, findings in missing.of(stream).items():
                yield from ({"stream": stream, "visit": visit, **found} for found in findings)


def _chain(reads: Reads, of: str) -> Iterable[StoredHeader]:
    try:
        if "/" in check_stream(of):
            return reads.log.select_stream(of, lte=EVENTS_MAX)
        return reads.log.select_subject(check_subject(of), lte=EVENTS_MAX)
    except AuditError as error:
        raise NotFound("this names no subject and no stream", code="stream_unknown") from error


def state_of(events: Iterable[Event], versions: set[int]) -> dict[str, Any] | None:
    """Fold the events of these versions in order and give the state as JSON; None when there are none.

    Events that cannot stand without one left out give `{"failed": code, "at": version}`.
    """
    aggregate: Aggregate | None = None
    for event in events:
        if event.originator_version not in versions:
            continue
        if aggregate is None:
            aggregate = event.AGGREGATE(event.originator_id)
        try:
            event.apply(aggregate)
        except (DomainError, KeyError, IndexError, TypeError, ValueError) as error:
            return {"failed": getattr(error, "code", type(error).__name__), "at": event.originator_version}
        aggregate.version = event.originator_version
    return None if aggregate is None else plain(aggregate)


def plain(value: Any) -> Any:  # noqa: ANN401 - any state to JSON
    """Give a state as JSON: dataclasses as objects, sets in order, keys of several parts joined by spaces."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.name != "journal"}
    if isinstance(value, Mapping):
        return {" ".join(k) if isinstance(k, tuple) else str(k): plain(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(v) for v in value)
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


# ---------------------------------------------------------------------------------------------------- signatures


class Signatures:
    """Checks authors' signatures, each token once: that the key was in force at that position and signed this command.

    Whether the request says what the event says is the offline verifier's matter (`audit`).
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._tokens: dict[str, tuple[str, tokens.Token | None]] = {}
        self._keys: dict[str, tuple[Key | None, int]] = {}

    def verdict(self, header: Mapping[str, Any]) -> str:
        """Give the verdict on an event by its header, as `Behind` lists them."""
        author = header["author"]
        if not author["evidence"]:
            return "none"
        outer = author["evidence"][0]
        if outer["kind"] != "jwt":
            return str(outer["kind"])
        found, token = self._token(outer["digest"])
        if token is None:
            return found
        key, ended = self._key(token.kid)
        if key is None or token.kid != author["key"]:
            return "key_unknown"
        if ended and header["position"] > ended:
            return "key_ended"
        claims = token.claims
        told = (
            ("author_differs", claims.iss == author["party"] and claims.sub in {None, author["agent"]}),
            ("command_differs", claims.jti == header["command"]),
            ("ledger_differs", claims.aud == header["ledger"]),
        )
        return next((code for code, holds in told if not holds), SIGNED)

    def _token(self, digest: str) -> tuple[str, tokens.Token | None]:
        known = self._tokens.get(digest)
        if known is None:
            known = self._tokens[digest] = self._checked(digest)
        return known

    def _checked(self, digest: str) -> tuple[str, tokens.Token | None]:
        data = self._reads.views.evidence(digest)
        if data is None:
            return "evidence_missing", None
        if hashlib.sha256(data).hexdigest() != digest:
            return "evidence_altered", None
        try:
            token = tokens.parse_token(data)
            key, _ = self._key(token.kid)
            if key is None:
                return "key_unknown", None
            tokens.verify_signature(token.compact, public_key(key))
        except AuditError as error:
            return error.code, None
        return SIGNED, token

    def _key(self, name: str) -> tuple[Key | None, int]:
        known = self._keys.get(name)
        if known is None:
            key = Key(name)
            ended = 0
            for event in self._reads.streams.events(name):
                event.mutate(key)
                if key.ended is not None and not ended:
                    ended = event.position or 0
            known = self._keys[name] = (key if key.version else None, ended)
        return known


def _decoded(data: bytes) -> dict[str, Any]:
    value: Any = canonical.decode(data)
    return dict(value)
