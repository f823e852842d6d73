"""A book of events in memory, for given/when/then tests of use cases: only the deciding, nothing of the storing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from application.actions import Action
from application.catalogue import ACTIONS
from application.holding import Held
from application.numbers import number_of
from application.ports import PersonRecords
from application.work import AggregateCache, Author, Work
from audit.actions import Table
from domain.aggregate import A, Event, Statement, fold
from domain.errors import DomainError
from tests.support import persons

ORIGIN = "scripted.ledger.example/district"
TABLE = Table.from_json(ACTIONS.as_json())


@cache
def _shape(shape: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any shape of a request
    return TypeAdapter(shape)


@dataclass
class Book:
    """Streams as they would be stored; `act` decides one request on them and appends what it recorded."""

    actions: Mapping[str, Action]
    now: str = "2025-11-01T00:00:00.000000Z"
    streams: dict[str, list[Event]] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)

    def events(self, stream: str) -> Sequence[Event]:
        """Give a stream's events."""
        return self.streams.get(stream, [])

    def many(self, streams: Sequence[str]) -> dict[str, Sequence[Event]]:
        """Give several streams."""
        return {stream: self.events(stream) for stream in streams}

    def sources(self, keys: Iterable[tuple[str, str, str, str]]) -> dict[tuple[str, str, str, str], str]:
        """Resolve authors' numbers from what was said."""
        return {key: self._sources[key] for key in keys if key in self._sources}

    def records_of(self, person: str) -> PersonRecords:
        """Give the events that quote a person."""
        return persons.records_of(self.log, person)

    def persons_in(self, matters: Sequence[str], limit: int) -> Sequence[str]:
        """Give the persons that events of streams or subjects quote."""
        return persons.persons_in(self.log, matters, limit)

    def keeping(self, streams: Sequence[str], limit: int) -> Sequence[str]:
        """Give disputes that keep what streams quote."""
        return persons.keeping(self.log, streams, limit)

    _sources: dict[tuple[str, str, str, str], str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was made for a request before it is decided."""

    def act(self, author: Author, action_id: str, said: Mapping[str, Any], **path: str) -> list[Event]:
        """Decide one request; returns the new events or raises what the use case raises."""
        action = self.actions[action_id]
        _shape(action.shape).validate_python(said, strict=True)
        cache = AggregateCache()
        work = Work(ORIGIN, author, self.now, self, cache, keep=cache, facts=self.facts)
        work.begin_line()
        words = dict(said)
        action.handle(work, Statement(words, "", None, action.effective_at(words)), path)
        work.end_line()
        if action.finish is not None:
            action.finish(work)
        if action_id in ACTIONS.by_id:
            held = Held.of(TABLE, action_id, action.method, action.path.format_map(path), path)
            held.require(words, work.journal.events)
        self._store(work)
        return work.journal.events

    def tried(
        self, author: Author, action_id: str, said: Mapping[str, Any], whys: set[str], **path: str
    ) -> list[Event] | None:
        """Try an act of which a model knows whether it is refused: for one of its reasons, or not at all."""
        try:
            events = self.act(author, action_id, said, **path)
        except DomainError as refusal:
            code = str(refusal.details.get("finding", refusal.code))
            assert code in whys, (action_id, said, code, whys)
            return None
        assert not whys, (action_id, said, whys)
        return events

    def group(
        self, author: Author, action_id: str, lines: Sequence[Mapping[str, Any]], **path: str
    ) -> list[str | None]:
        """Decide lines of NDJSON as one group, as the door does; returns the code of each line's refusal, or None."""
        action = self.actions[action_id]
        assert action.group_lines is not None
        assert len(lines) <= action.group_lines
        cache = AggregateCache()
        work = Work(ORIGIN, author, self.now, self, cache, keep=cache, facts=self.facts)
        held = Held.of(TABLE, action_id, action.method, action.path.format_map(path), path)
        if action.prefetch is not None:
            action.prefetch(work, lines)
        codes: list[str | None] = []
        for number, said in enumerate(lines, 1):
            _shape(action.shape).validate_python(said, strict=True)
            work.begin_line()
            words = dict(said)
            try:
                action.handle(work, Statement(words, "", number, action.effective_at(words)), path)
                held.require(words, work.line_events)
            except DomainError as refusal:
                work.undo_line()
                codes.append(refusal.code)
                continue
            work.end_line()
            codes.append(None)
        first = len(work.journal.events)
        if action.finish is not None:
            action.finish(work)
            held.require({}, work.journal.events, first)
        self._store(work)
        return codes

    def _store(self, work: Work) -> None:
        for event in work.journal.events:
            stored = replace(event, position=len(self.log) + 1, recorded_at=self.now)
            self.streams.setdefault(event.originator_id, []).append(stored)
            self.log.append(stored)
        told = [
            number_of(each.TOPIC, each.originator_id, each.originator_version, work.author.party, each.said)
            for each in work.journal.events
        ]
        assert {each for each in told if each is not None} == set(work.sources), "numbers are taken as events say them"
        for source in work.sources:
            self._sources[source.party, source.system, source.kind, source.id] = source.stream

    def given(self, *events: Event) -> None:
        """Append events as they are."""
        for event in events:
            self.streams.setdefault(event.originator_id, []).append(event)
            self.log.append(event)

    def state(self, kind: type[A], stream: str) -> A:
        """Fold a stream."""
        aggregate = fold(kind, stream, self.events(stream))
        assert aggregate is not None, f"{stream} does not exist"
        return aggregate
