"""Domain events to bodies and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from audit import canonical
from domain.aggregate import Aggregate, Authorship, Event, type_registry
from domain.errors import Invalid, NotFound
from infrastructure.mapper import LedgerMapper, LogStreams, from_stored, to_event, to_new_event
from tests.support.saving import KEY, PARTY, TestLedger, lift, save

AUTHOR = Authorship(PARTY, None, KEY, ("jwt",))


@dataclass
class Tried(Aggregate):
    """An aggregate of this test."""

    class Happened(Event):
        """An event whose second schema renamed a member."""

        TOPIC = "tried.Happened"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Rename `old` to `new`."""
            state["found"]["new"] = state["found"].pop("old")


def happened(stream: str, version: int = 1, **changes: Any) -> Event:  # noqa: ANN401 - members by name
    """Make an event that its author stated."""
    made = Tried.Happened(
        originator_id=stream, originator_version=version, said={"a": [1, "二"]}, found={"new": 1}, at="/x", line=3,
        effective_at="2025-10-31T16:00:00.000000Z", author=AUTHOR,
    )  # fmt: skip
    return replace(made, **changes)


def test_body_is_canonical_and_salted() -> None:
    """The body holds found, from, said and a fresh salt, nothing else."""
    event = happened(lift())
    one, two = to_new_event(event), to_new_event(event)
    assert one.state != two.state
    body = canonical.decode(one.state)
    assert isinstance(body, dict)
    assert canonical.encode(body) == one.state
    assert set(body) == {"found", "from", "said", "salt"}
    assert body["from"] == {"at": "/x", "line": 3}
    assert (one.topic, one.schema, one.effective_at) == ("tried.Happened", 2, event.effective_at)
    derived: Any = canonical.decode(to_new_event(replace(event, said=None, at=None, line=None)).state)
    assert (derived["said"], derived["from"]) == (None, None)


def test_there_and_back(ledger: TestLedger) -> None:
    """What was stored is read again as it was, with what its header says."""
    stream = lift()
    events = [happened(stream), happened(stream, 2, said=None, at=None, line=None, effective_at=None)]
    saved = ledger.recorder.submit(save(*map(to_new_event, events))).result()
    read = [from_stored(stored) for stored in ledger.recorder.select_stream(stream)]
    stamp: dict[str, Any] = {"recorded_at": saved.recorded_at, "author": AUTHOR}
    assert read[0] == replace(events[0], position=1, **stamp)
    assert read[1] == replace(events[1], position=2, effective_at=saved.recorded_at, **stamp)
    mapper = LedgerMapper()
    assert [mapper.to_domain_event(e) for e in ledger.recorder.select_events(stream)] == read
    assert [mapper.to_domain_event(e) for e in ledger.recorder.select_notifications(1, 9)] == read
    assert mapper.to_stored_event(events[0]).topic == "tried.Happened"
    streams = LogStreams(ledger.recorder)
    assert list(streams.events(stream)) == read
    assert streams.many([stream, "lift:none"]) == {stream: read, "lift:none": []}
    assert streams.sources([("p", "s", "k", "i")]) == {}


def test_upcast(ledger: TestLedger) -> None:
    """An event of an older schema is brought up to the present one on reading; its bytes stay."""
    old = replace(to_new_event(happened(lift(), found={"old": 7})), schema=1)
    stored = ledger.recorder.submit(save(old)).result().events[0]
    assert from_stored(stored).found == {"new": 7}
    assert stored.body == old.state


def test_refusals() -> None:
    """Foreign events, unknown types and bytes that are no object are typed refusals."""
    mapper = LedgerMapper()
    with pytest.raises(Invalid):
        mapper.to_domain_event(StoredEvent("a", 1, "tried.Happened", b"{}"))
    with pytest.raises(Invalid):
        mapper.to_stored_event(object())  # type: ignore[arg-type] # that is what is tried
    with pytest.raises(Invalid):
        to_event(b"[]", b"{}")
    with pytest.raises(NotFound):
        to_event(b'{"type":"none.Such"}', b"{}")
    assert "tried.Happened" in type_registry
