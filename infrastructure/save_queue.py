"""Saves that wait for the writer thread: bounded in number and in bytes, handed out a batch at a time, answered."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from application.errors import QueueFull
from application.saves import Save, Saved

Answer = Saved | Exception

QUEUE_MAX = 4_096
QUEUE_BYTES_MAX = 64 * 1024 * 1024
"""Bodies, sealed values and request bytes of all that waits; the first in an empty queue is taken whatever its size."""
BATCH_SAVES_MAX = 256
BATCH_EVENTS_MAX = 2_000
BATCH_BYTES_MAX = 4 * 1024 * 1024


@dataclass(slots=True)
class Entry:
    """A queued save and where its answer goes: a thread's future, or a loop's."""

    save: Save
    size: int
    future: Future[Saved] | asyncio.Future[Saved]
    loop: asyncio.AbstractEventLoop | None = None
    done: bool = False


class SaveQueue:
    """Any thread may `put` and `close`; the other methods belong to the writer's thread."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._carried: deque[Entry] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._closed = False
        self.ended = False
        """Whether the end of a closed queue was reached."""

    @property
    def waiting(self) -> int:
        """The number of saves waiting."""
        return self._queue.qsize() + len(self._carried)

    def put(self, entry: Entry) -> None:
        """Queue a save. Raises QueueFull with the limit in `details["limit"]`, also when the queue is closed."""
        with self._lock:
            if self._closed:
                raise QueueFull("the ledger is stopping", retry_after_s=1)
            waiting = self.waiting
            if waiting >= QUEUE_MAX:
                raise QueueFull("the ledger has too many writes waiting", retry_after_s=1, limit="queue_max")
            if waiting and self._bytes + entry.size > QUEUE_BYTES_MAX:
                raise QueueFull("the writes waiting are too large", retry_after_s=1, limit="queue_bytes_max")
            self._bytes += entry.size
            self._queue.put(entry)

    def close(self) -> None:
        """Take no more saves."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)

    def get(self) -> Entry | None:
        """Wait for the next save; None when the queue is closed and empty."""
        if self._carried:
            return self._taken(self._carried.popleft())
        return self._taken(self._queue.get())

    def drain(self, entries: Sequence[Entry]) -> list[Entry]:
        """Take what waits, as far as it fits into one batch with these."""
        more: list[Entry] = []
        saves = events = size = 0
        for entry in entries:
            saves, events, size = saves + 1, events + len(entry.save.events), size + entry.size
        while saves < BATCH_SAVES_MAX and events < BATCH_EVENTS_MAX and size < BATCH_BYTES_MAX:
            found = self._next()
            if found is None:
                break
            saves, events, size = saves + 1, events + len(found.save.events), size + found.size
            if events > BATCH_EVENTS_MAX or size > BATCH_BYTES_MAX:
                self._carried.appendleft(found)
                break
            self._taken(found)
            more.append(found)
        return more

    def drain_all(self) -> list[Entry]:
        """Take everything that waits."""
        more: list[Entry] = []
        while (found := self._next()) is not None:
            self._taken(found)
            more.append(found)
        return more

    def _next(self) -> Entry | None:
        if self._carried:
            return self._carried.popleft()
        try:
            found = self._queue.get_nowait()
        except Empty:
            return None
        if found is None:
            self.ended = True
        return found

    def _taken(self, entry: Entry | None) -> Entry | None:
        if entry is None:
            self.ended = True
        else:
            with self._lock:
                self._bytes -= entry.size
        return entry


def taken(entry: Entry) -> bool:
    """Mark a thread's future as running; False if its owner cancelled it."""
    return not isinstance(entry.future, Future) or entry.future.set_running_or_notify_cancel()


def resolve(entries: Sequence[Entry], answers: Sequence[Answer]) -> None:
    """Hand out answers; those of one event loop go to it in one call."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Saved], Answer]]] = {}
    for entry, answer in zip(entries, answers, strict=True):
        entry.done = True
        future = entry.future
        if isinstance(future, Future):
            if isinstance(answer, Saved):
                future.set_result(answer)
            else:
                future.set_exception(answer)
        elif entry.loop is not None:
            loops.setdefault(entry.loop, []).append((future, answer))
    for loop, pairs in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve_in_loop, pairs)


def _resolve_in_loop(pairs: Sequence[tuple[asyncio.Future[Saved], Answer]]) -> None:
    for future, answer in pairs:
        if future.done():
            continue
        if isinstance(answer, Saved):
            future.set_result(answer)
        else:
            future.set_exception(answer)
