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


def keeping(events: Iterable[Event], streams: Sequence[str], limit: int) -> list[str]:
    """Give the disputes about these streams or subjects of them whose last word is that they keep."""
    of = {*streams, *(stream.partition("/")[0] for stream in streams)}
    last: dict[str, str] = {}
    for event in events:
        opened = event.TOPIC == Dispute.Opened.TOPIC and of & set((event.said or event.found)["matters"])
        if opened or event.originator_id in last:
            last[event.originator_id] = event.TOPIC
    keep = {Dispute.Opened.TOPIC, Dispute.HoldSet.TOPIC}
    return sorted(dispute for dispute, topic in last.items() if topic in keep)[:limit]
