"""What any recorder of the ledger must do: the library's interface, and the rules of event-format §4."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from eventsourcing.persistence import ApplicationRecorder, StoredEvent

from application.errors import (
    CommandReused,
    NotSupported,
    ReadMoved,
    SourceTaken,
    TokenLate,
    TooLarge,
    VersionMoved,
)
from application.saves import EVENTS_PER_SAVE_MAX, RequestLine, SealedValue, SourceKey
from audit import merkle
from domain.errors import Invalid
from tests.support.saving import TestLedger, act, body, command, errors_of, event, lift, save


def test_library_interface(ledger: TestLedger) -> None:
    """The recorder serves the library: events by aggregate and by position, the greatest id, no tracking."""
    recorder: ApplicationRecorder = ledger.recorder
    stream = lift()
    assert recorder.max_notification_id() is None
    assert recorder.select_events(stream) == []
    stored = [StoredEvent(stream, version, "lift.Registered", body()) for version in (1, 2, 3)]
    assert recorder.insert_events(stored, act=act(), tracking=None) == [1, 2, 3]
    assert [e.originator_version for e in recorder.select_events(stream, desc=True, limit=2)] == [3, 2]
    assert [e.originator_version for e in recorder.select_events(stream, gt=1, lte=2)] == [2]
    assert [e.state for e in recorder.select_events(stream)] == [e.state for e in stored]
    assert recorder.max_notification_id() == 3
    assert [n.id for n in recorder.select_notifications(2, 10)] == [2, 3]
    assert [n.id for n in recorder.select_notifications(1, 1, inclusive_of_start=False)] == [2]
    assert [n.id for n in recorder.select_notifications(None, 10, stop=2, topics=["lift.Registered"])] == [1, 2]
    assert recorder.select_notifications(None, 10, topics=["lift.Scrapped"]) == []
    with pytest.raises(Invalid) as missing:
        recorder.insert_events(stored)
    assert missing.value.code == "act_missing"
    with pytest.raises(NotSupported):
        recorder.insert_events(stored, act=act(), tracking=object())
    with pytest.raises(NotSupported):
        recorder.subscribe()
    ledger.check()


def test_empty_log(ledger: TestLedger) -> None:
    """An empty log has the root of the empty tree, and position 0 at every time."""
    head = ledger.recorder.head()
    assert (head.size, head.root) == (0, merkle.EMPTY_ROOT)
    assert ledger.recorder.position_at("2999-01-01T00:00:00.000000Z") == 0


def test_saved_events_and_receipt(ledger: TestLedger) -> None:
    """A save over two subjects gives its headers in order, a receipt over them, and moves the head."""
    first, second = lift(), lift()
    saved = ledger.recorder.submit(save(event(first), event(f"{first}/cover"), event(second))).result()
    assert saved.first == 1
    assert [e.position for e in saved.events] == [1, 2, 3]
    assert saved.receipt is not None
    assert saved.receipt.startswith(f"{ledger.origin}/receipt\n1 3\n")
    head = ledger.recorder.head()
    assert (head.size, head.recorded_at) == (3, saved.recorded_at)
    assert head.root == ledger.check().root
    assert [e.position for e in ledger.recorder.select_subject(first)] == [1, 2]
    assert [e.position for e in ledger.recorder.select_stream(f"{first}/cover")] == [2]
    assert list(ledger.recorder.select_log(1, 10)) == list(saved.events)
    assert ledger.recorder.position_at(saved.recorded_at) == 3


def test_version_moved(ledger: TestLedger) -> None:
    """A save for another version than the stream's is refused whole; later ones are not touched by it."""
    stream, other = lift(), lift()
    ledger.recorder.submit(save(event(stream))).result()
    with pytest.raises(VersionMoved) as refused:
        ledger.recorder.submit(save(event(other), event(stream))).result()
    assert refused.value.details == {"stream": stream, "expected": 0, "actual": 1}
    assert ledger.recorder.select_stream(other) == []
    ledger.recorder.submit(save(event(stream, 2))).result()
    assert ledger.check().versions == {stream: 2}


def test_read_moved(ledger: TestLedger) -> None:
    """A save that relied on a version that is no longer the stream's is refused; absence is version 0."""
    stream, other = lift(), lift()
    ledger.recorder.submit(save(event(stream), reads={other: 0})).result()
    with pytest.raises(ReadMoved) as refused:
        ledger.recorder.submit(save(event(other), reads={stream: 0})).result()
    assert refused.value.details == {"stream": stream, "expected": 0, "actual": 1}
    ledger.recorder.submit(save(event(other), event(stream, 2), reads={stream: 1})).result()
    ledger.check()


def test_command_repeated(ledger: TestLedger) -> None:
    """The same command again gives its first answer; with another request it is refused."""
    mine = command()
    saved = ledger.recorder.submit(save(event(lift()), act=act(mine), outcome=b'{"refused":[]}')).result()
    again = ledger.recorder.submit(save(event(lift()), act=act(mine))).result()
    assert again == replace(saved, repeated=True)
    for changed in (replace(mine, method="PUT"), replace(mine, uri="/other"), replace(mine, digest="1" * 64)):
        with pytest.raises(CommandReused):
            ledger.recorder.submit(save(event(lift()), act=act(changed))).result()
        with pytest.raises(CommandReused):
            ledger.recorder.saved(save().act.party, changed)
    assert list(ledger.recorder.saved(save().act.party, mine)) == [saved]
    assert ledger.recorder.saved(save().act.party, command()) == []
    assert ledger.check().size == 1


def test_command_of_another_party(ledger: TestLedger) -> None:
    """Two parties may use one command id: it is unique by party."""
    mine = command()
    ledger.recorder.submit(save(event(lift()), act=act(mine))).result()
    ledger.recorder.submit(save(event(lift()), act=act(mine, party="party:another"))).result()
    assert ledger.check().size == 2


def test_command_without_events(ledger: TestLedger) -> None:
    """A command that wrote nothing is remembered with its outcome, and has no receipt."""
    mine = command()
    saved = ledger.recorder.submit(save(act=act(mine), outcome=b'{"refused":[1]}')).result()
    assert (saved.first, saved.events, saved.receipt, saved.outcome) == (None, (), None, b'{"refused":[1]}')
    assert ledger.recorder.submit(save(act=act(mine))).result() == replace(saved, repeated=True)
    assert ledger.check().size == 0


def test_command_in_groups(ledger: TestLedger) -> None:
    """A command of several groups resumes after the last group stored; all belong to one request."""
    groups = [command(id="c", groups=3, group=g, first_line=g, last_line=g) for g in (1, 2, 3)]
    lines = [(RequestLine(g, f"{g:064x}", b"line"),) for g in (1, 2, 3)]
    for mine, line in zip(groups[:2], lines, strict=False):
        ledger.recorder.submit(save(event(lift()), act=act(mine), request=line)).result()
    with pytest.raises(CommandReused):
        ledger.recorder.submit(save(event(lift()), act=act(replace(groups[2], digest="1" * 64)))).result()
    answers = [
        ledger.recorder.submit(save(event(lift()), act=act(mine), request=line)).result()
        for mine, line in zip(groups, lines, strict=True)
    ]
    assert [answer.repeated for answer in answers] == [True, True, False]
    assert [saved.group for saved in ledger.recorder.saved(save().act.party, groups[0])] == [1, 2, 3]
    assert ledger.check().size == 3


def test_source_taken(ledger: TestLedger) -> None:
    """An author's own number names one record; the same record may name it again."""
    stream, other = lift(), lift()
    source = SourceKey("party:a", "core", "lift", "L-1", stream)
    ledger.recorder.submit(save(event(stream), sources=(source,))).result()
    with pytest.raises(SourceTaken) as refused:
        ledger.recorder.submit(save(event(other), sources=(replace(source, stream=other),))).result()
    assert refused.value.details["stream"] == stream
    ledger.recorder.submit(save(event(stream, 2), sources=(source,))).result()
    key = ("party:a", "core", "lift", "L-1")
    assert ledger.recorder.find_sources([key, ("party:b", "core", "lift", "L-1")]) == {key: source}
    assert ledger.recorder.find_sources([]) == {}
    ledger.check()


@pytest.mark.parametrize("skew_s", [-125, 125])
def test_token_late(ledger: TestLedger, skew_s: int) -> None:
    """A token made more than 120 s from the time of recording is refused under the lock, with the ledger's time."""
    with pytest.raises(TokenLate) as refused:
        ledger.recorder.submit(save(event(lift()), act=act(issued_at=int(time.time()) + skew_s))).result()
    assert "ledger_time" in refused.value.details
    ledger.recorder.submit(save(event(lift()), act=act(issued_at=int(time.time())))).result()
    assert ledger.check().size == 1


def test_too_large(ledger: TestLedger) -> None:
    """Named limits hold: events, bytes, body, header and reads of one save."""
    stream = lift()
    many = [event(stream, version) for version in range(1, EVENTS_PER_SAVE_MAX + 2)]
    fat = replace(event(stream), state=body({"note": "x" * (256 * 1024)}))
    heavy = [replace(event(stream, v), state=body({"note": "x" * (200 * 1024)})) for v in range(1, 8)]
    refused = [
        ledger.recorder.submit(tried)
        for tried in (
            save(*many),
            save(fat),
            save(*heavy),
            save(event(stream), reads={f"lift:{i}": 0 for i in range(1_001)}),
            save(event("lift:" + "x" * 5_000)),
            save(event(stream), sealed=(SealedValue("person:a", "00" * 32, b"x" * 1024 * 1025),)),
        )
    ]
    assert errors_of(refused) == ["too_large"] * 6
    assert all(isinstance(future.exception(), TooLarge) for future in refused)
    assert ledger.recorder.submit(save(*many[:-1])).result().first == 1
    ledger.check()


def test_sealed_needs_key(ledger: TestLedger) -> None:
    """What would be sealed under another key than the stored one, or under none, is refused."""
    value = SealedValue("person:a", "11" * 32, b"sealed")
    with pytest.raises(ReadMoved):
        ledger.recorder.submit(save(event(lift()), sealed=(value,))).result()
    ledger.recorder.submit(save(event(lift()), sealed=(value,), subject_keys=(("person:a", b"one"),))).result()
    second = replace(value, digest="22" * 32)
    with pytest.raises(ReadMoved):
        ledger.recorder.submit(save(event(lift()), sealed=(second,), subject_keys=(("person:a", b"another"),))).result()
    ledger.recorder.submit(save(event(lift()), sealed=(second,))).result()
    assert ledger.check().size == 2


def test_several_streams_at_once(ledger: TestLedger) -> None:
    """Several streams are read in one go; one that does not exist is empty."""
    first, second = lift(), lift()
    ledger.recorder.submit(save(event(first), event(second), event(first, 2))).result()
    found = ledger.recorder.select_streams([second, first, lift()])
    assert [[e.position for e in events] for events in found.values()] == [[2], [1, 3], []]
