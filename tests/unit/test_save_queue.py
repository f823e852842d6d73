"""Saves that wait for the writer: in order, bounded, handed out in batches, each answered once."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Final

import pytest

from application.errors import QueueFull
from application.saves import Saved
from infrastructure import save_queue
from infrastructure.save_queue import Entry, SaveQueue, resolve, taken
from tests.support.saving import event, lift, save

ANSWER: Final = Saved(None, None, 1, None, (), None, "2025-11-01T00:00:00.000000Z", b"{}")


def entry(size: int = 1, events: int = 1) -> Entry:
    """Make an entry of so many bytes and events."""
    stream = lift()
    return Entry(save(*(event(stream, version) for version in range(1, events + 1))), size, Future())


def filled(*entries: Entry) -> SaveQueue:
    """Make a queue with these in it."""
    queue = SaveQueue()
    for each in entries:
        queue.put(each)
    return queue


def test_saves_come_out_in_order() -> None:
    """First come, first out, whether waited for or drained; what waits is counted."""
    entries = [entry() for _ in range(4)]
    queue = filled(*entries)
    assert queue.waiting == 4
    assert queue.get() is entries[0]
    assert queue.drain([entries[0]]) == entries[1:]
    assert queue.waiting == 0
    assert queue.drain([]) == []
    assert not queue.ended


@pytest.mark.parametrize(
    "limit,most,size,events,fits",
    [
        ("BATCH_SAVES_MAX", 3, 1, 1, 3),
        ("BATCH_EVENTS_MAX", 6, 1, 2, 3),
        ("BATCH_EVENTS_MAX", 7, 1, 2, 3),
        ("BATCH_BYTES_MAX", 30, 10, 1, 3),
        ("BATCH_BYTES_MAX", 39, 10, 1, 3),
    ],
)
def test_a_batch_is_bounded(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, size: int, events: int, fits: int
) -> None:
    """A batch holds up to each limit; what is left, also what was looked at already, is the next one's, in order."""
    monkeypatch.setattr(save_queue, limit, most)
    entries = [entry(size, events) for _ in range(7)]
    queue = filled(*entries)
    batches = []
    while queue.waiting:
        first = queue.get()
        assert first is not None
        more = queue.drain([first])
        batches.append([first, *more])
        assert queue.waiting == 7 - sum(map(len, batches))
    assert [each for batch in batches for each in batch] == entries
    assert [len(batch) for batch in batches] == [fits, fits, 1]
    assert queue.drain([]) == []


def test_what_was_drained_before_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is full takes nothing more."""
    monkeypatch.setattr(save_queue, "BATCH_SAVES_MAX", 2)
    queue = filled(entry())
    assert queue.drain([entry(), entry()]) == []
    assert queue.waiting == 1


def test_too_many_waiting_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many wait and no more, those put aside for the next batch among them."""
    monkeypatch.setattr(save_queue, "QUEUE_MAX", 3)
    monkeypatch.setattr(save_queue, "BATCH_EVENTS_MAX", 3)
    entries = [entry(events=2) for _ in range(3)]
    queue = filled(*entries)
    with pytest.raises(QueueFull) as refused:
        queue.put(entry())
    assert refused.value.details["limit"] == "queue_max"
    assert queue.get() is entries[0]
    assert queue.drain([entries[0]]) == []  # the second was looked at, and waits on
    queue.put(entry())
    with pytest.raises(QueueFull):
        queue.put(entry())


def test_too_many_bytes_waiting_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty queue takes one of any size; else all together have at most so many bytes, to the byte."""
    monkeypatch.setattr(save_queue, "QUEUE_BYTES_MAX", 100)
    queue = filled(entry(101))
    with pytest.raises(QueueFull) as refused:
        queue.put(entry(1))
    assert refused.value.details["limit"] == "queue_bytes_max"
    assert queue.get() is not None
    queue.put(entry(60))
    queue.put(entry(40))
    with pytest.raises(QueueFull):
        queue.put(entry(1))


@pytest.mark.parametrize("how", ["got", "drained", "put aside", "all"])
def test_what_was_handed_out_takes_no_room(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Once handed out, in whatever way, its bytes are free again, each once: the next ones find the room they had."""
    monkeypatch.setattr(save_queue, "QUEUE_BYTES_MAX", 100)
    queue = SaveQueue()
    for _ in range(3):
        queue.put(entry(60))
        queue.put(entry(40))
        if how == "all":
            assert len(queue.drain_all()) == 2
        else:
            monkeypatch.setattr(save_queue, "BATCH_BYTES_MAX", 70 if how == "put aside" else 1_000)
            first = queue.get()
            assert first is not None
            if how == "got":
                assert queue.get() is not None
            elif how == "drained":
                assert len(queue.drain([first])) == 1
            else:
                assert queue.drain([first]) == []
                with pytest.raises(QueueFull):
                    queue.put(entry(61))  # what was put aside still waits
                assert queue.get() is not None
        assert queue.waiting == 0
    queue.put(entry(100))
    with pytest.raises(QueueFull):
        queue.put(entry(1))


def test_a_closed_queue_hands_out_what_waits_and_ends() -> None:
    """Nothing more is taken; what was taken before comes out, then the end, which closing twice does not double."""
    entries = [entry(), entry()]
    queue = filled(*entries)
    queue.close()
    queue.close()
    with pytest.raises(QueueFull):
        queue.put(entry())
    assert queue.get() is entries[0]
    ends = [queue.ended]
    assert queue.drain([entries[0]]) == [entries[1]]
    assert [*ends, queue.ended] == [False, True]
    waited = filled(entry())
    waited.close()
    assert waited.get() is not None
    assert waited.get() is None
    assert waited.ended


def test_all_that_waits_is_drained_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past every limit of a batch, what was put aside first."""
    monkeypatch.setattr(save_queue, "BATCH_EVENTS_MAX", 3)
    entries = [entry(events=2) for _ in range(4)]
    queue = filled(*entries)
    assert queue.get() is entries[0]
    assert queue.drain([entries[0]]) == []
    assert queue.drain_all() == entries[1:]
    assert queue.waiting == 0


def test_threads_are_answered() -> None:
    """Each gets its own answer or refusal, and is done; one that gave up before its turn is passed over."""
    entries = [entry(), entry(), entry()]
    assert entries[2].future.cancel()
    assert [taken(each) for each in entries] == [True, True, False]
    refusal = QueueFull("no", retry_after_s=1)
    resolve(entries[:2], [ANSWER, refusal])
    assert all(each.done for each in entries[:2])
    assert isinstance(entries[0].future, Future)
    assert entries[0].future.result(0) is ANSWER
    assert entries[1].future.exception() is refusal


def test_loops_are_answered() -> None:
    """Each waiter of a loop gets its own, in one call; one that gave up hurts no other, a closed loop nobody at all."""
    refusal = QueueFull("no", retry_after_s=1)

    async def asked() -> None:
        loop = asyncio.get_running_loop()
        entries = [Entry(save(), 1, loop.create_future(), loop) for _ in range(3)]
        assert all(map(taken, entries))
        entries[0].future.cancel()
        await asyncio.to_thread(resolve, entries, [ANSWER, ANSWER, refusal])
        found = await asyncio.wait_for(asyncio.gather(*(each.future for each in entries), return_exceptions=True), 5)  # type: ignore[arg-type]  # a loop's, all of them
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [ANSWER, refusal]
        assert all(each.done for each in entries)

    asyncio.run(asked())
    loop = asyncio.new_event_loop()
    gone, here = Entry(save(), 1, loop.create_future(), loop), entry()
    loop.close()
    resolve([gone, here], [ANSWER, ANSWER])
    assert gone.done
    assert isinstance(here.future, Future)
    assert here.future.result(0) is ANSWER
