"""Domain events to canonical bodies and back (event-format §2), in place of the library's transcoder and topics.

An event's own clock, its module path and its metadata never reach the body: what the header says is set on reading.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from application.ports import PersonRecords, Streams
from application.saves import NewEvent, StoredHeader
from audit import canonical
from domain.aggregate import Authorship, Event, type_registry
from domain.errors import Invalid, NotFound
from infrastructure import persons
from infrastructure.recorder import LedgerRecorder, RecordedEvent, RecordedNotification

_SALT_BYTES = 16


def to_new_event(event: Event) -> NewEvent:
    """Give an event as it is handed to the recorder, its body salted afresh. Raises CanonicalError."""
    origin = None if event.at is None else {"at": event.at, "line": event.line}
    body = canonical.encode(
        {
            "found": dict(event.found),
            "from": origin,
            "said": None if event.said is None else dict(event.said),
            "salt": os.urandom(_SALT_BYTES).hex(),
        }
    )
    return NewEvent(
        event.originator_id, event.originator_version, event.TOPIC, body, event.SCHEMA, event.effective_at
    )  # fmt: skip


def to_event(header_bytes: bytes, body_bytes: bytes) -> Event:
    """Read an event from its stored bytes, brought up to the present schema by its class's upcasters.

    An upcaster is `upcast_v1_v2(state)`, a static method that changes `{"said", "found"}` in place. Raises Invalid
    `event_malformed`, NotFound `event_type_unknown`.
    """
    header, body = _object(header_bytes), _object(body_bytes)
    kind = type_registry.get(header["type"])
    if kind is None:
        raise NotFound("this program does not know the event type", code="event_type_unknown", type=header["type"])
    state = {"said": body["said"], "found": body["found"]}
    for schema in range(header["schema"], kind.SCHEMA):
        getattr(kind, f"upcast_v{schema}_v{schema + 1}")(state)
    author, origin = header["author"], body["from"] or {"at": None, "line": None}
    return kind(
        originator_id=header["stream"],
        originator_version=header["version"],
        said=state["said"],
        found=state["found"],
        at=origin["at"],
        line=origin["line"],
        effective_at=header["effective_at"],
        position=header["position"],
        recorded_at=header["recorded_at"],
        author=Authorship(
            author["party"], author["agent"], author["key"], tuple(piece["kind"] for piece in author["evidence"])
        ),
    )


def from_stored(stored: StoredHeader) -> Event:
    """Read an event as the recorder gives it."""
    return to_event(stored.header, stored.body)


class LedgerMapper(Mapper[str]):
    """The library's mapper over the two functions above."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """Give an event as it is handed to the recorder."""
        if not isinstance(domain_event, Event):
            raise Invalid("only the ledger's own events are stored", code="event_foreign")
        return to_new_event(domain_event)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """Read an event that the recorder gave."""
        if not isinstance(stored_event, (RecordedEvent, RecordedNotification)):
            raise Invalid("an event is read with its header", code="event_without_header")
        event: DomainEventProtocol[str] = to_event(stored_event.header, stored_event.state)
        return event


class LogStreams(Streams):
    """`application.ports.Streams` over the recorder."""

    def __init__(self, recorder: LedgerRecorder) -> None:
        self._recorder = recorder

    def events(self, stream: str) -> Sequence[Event]:
        """Give the stream's events in version order; empty when it does not exist."""
        return [from_stored(stored) for stored in self._recorder.select_stream(stream)]

    def many(self, streams: Sequence[str]) -> dict[str, Sequence[Event]]:
        """Give several streams at once; a stream that does not exist has no events."""
        found = self._recorder.select_streams(streams)
        return {stream: [from_stored(stored) for stored in events] for stream, events in found.items()}

    def sources(self, keys: Iterable[tuple[str, str, str, str]]) -> dict[tuple[str, str, str, str], str]:
        """Resolve authors' own numbers to stream names."""
        return {key: source.stream for key, source in self._recorder.find_sources(keys).items()}

    def records_of(self, person: str) -> PersonRecords:
        """Give what is held of a person."""
        with self._recorder.reading() as connection:
            return persons.records_of(connection, person)

    def persons_in(self, matters: Sequence[str], limit: int) -> Sequence[str]:
        """Give persons quoted in streams or subjects."""
        with self._recorder.reading() as connection:
            return persons.persons_in(connection, matters, limit)

    def keeping(self, streams: Sequence[str], limit: int) -> Sequence[str]:
        """Give disputes that keep what streams quote."""
        with self._recorder.reading() as connection:
            return persons.keeping(connection, streams, limit)


def _object(data: bytes) -> dict[str, Any]:
    value = canonical.decode(data)
    if not isinstance(value, dict):
        raise Invalid("stored bytes are no object", code="event_malformed")
    return value
