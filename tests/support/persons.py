"""What a ledger in memory holds of persons, worked out from its events (`application.ports.Persons`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from application.ports import PersonRecord, PersonRecords
from audit.requests import sealed_fields
from domain.aggregate import Event
from domain.disputes import Dispute


def records_of(events: Iterable[Event], person: str, requests: Sequence[str] = ()) -> PersonRecords:
    """Give the events that quote a person, one record for each field."""
    return PersonRecords(
        tuple(
            PersonRecord(
                event.originator_id, event.originator_version, event.TOPIC,
                event.effective_at or event.recorded_at or "", digest,
            )
            for event in events
            for digest, of in sealed_fields(event.said)
            if of == person
        ),
        tuple(requests),
    )  # fmt: skip


def persons_in(events: Iterable[Event], matters: Sequence[str], limit: int) -> list[str]:
    """Give the persons quoted in streams or subjects."""
    found = {
        of
        for event in events
        if {event.originator_id, event.originator_id.partition("/")[0]} & set(matters)
        for _, of in sealed_fields(event.said)
    }
    return sorted(found)[:limit]


def disputing(events: Iterable[Event]) -> list[str]:
    """Give the disputes that are open, and of which no hold was ever set."""
    opened: dict[str, bool] = {}
    for event in events:
        if event.TOPIC == Dispute.Opened.TOPIC:
            opened[event.originator_id] = True
        elif event.TOPIC in {Dispute.HoldSet.TOPIC, Dispute.Settled.TOPIC}:
            opened[event.originator_id] = False
    return sorted(dispute for dispute, on in opened.items() if on)


def holding(events: Iterable[Event]) -> list[str]:
    """Give the disputes whose hold is on."""
    held: dict[str, bool] = {}
    for event in events:
        if event.TOPIC in {Dispute.HoldSet.TOPIC, Dispute.HoldLifted.TOPIC}:
            held[event.originator_id] = event.TOPIC == Dispute.HoldSet.TOPIC
    return sorted(dispute for dispute, on in held.items() if on)
