"""Lets a few large bodies in at a time; the others wait outside, unread, and too many of them are sent away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from application.errors import QueueFull

BODIES_AT_ONCE_MAX: Final = 4
"""Bodies of lines that one worker holds at a time, each of up to 16 MiB, from its first byte to its answer."""
BODIES_WAITING_MAX: Final = 64
PARTY_BODIES_MAX: Final = 3
"""Of one party at a time, so that nobody takes every place, however slowly he sends."""
PARTY_WAITING_MAX: Final = 16
"""Of one party that wait for a place, so that nobody takes every place to wait either."""
WAIT_S_MAX: Final = 20.0
"""Less than a token lives, so that whoever got in is not refused for having waited."""


class Turnstile:
    """One for each event loop. What waits holds its connection and headers, nothing of its body."""

    def __init__(self, at_once: int = BODIES_AT_ONCE_MAX, waiting: int = BODIES_WAITING_MAX) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._waiting_max = waiting
        self._waiting = 0
        self._parties: dict[str, _Places] = {}

    @asynccontextmanager
    async def passed(self, party: str) -> AsyncIterator[None]:
        """Hold a place for the block. Raises QueueFull when too many wait for one, or one waited too long."""
        own = self._parties.get(party) or _Places()
        if own.waiting >= PARTY_WAITING_MAX:
            raise QueueFull("too many of your bodies are waiting", retry_after_s=1, limit="party_waiting_max")
        if self._places.locked() and self._waiting >= self._waiting_max:
            raise QueueFull("too many bodies of lines are waiting", retry_after_s=1, limit="bodies_waiting_max")
        self._parties[party] = own
        own.users += 1
        try:
            async with self._waited_for(own):
                yield
        finally:
            own.users -= 1
            if not own.users:
                del self._parties[party]

    @asynccontextmanager
    async def _waited_for(self, own: _Places) -> AsyncIterator[None]:
        self._waiting += 1
        own.waiting += 1
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(WAIT_S_MAX):
                    await held.enter_async_context(own.places)
                    await held.enter_async_context(self._places)
            except TimeoutError:
                raise QueueFull(
                    "bodies of lines take their time", retry_after_s=5, limit="bodies_at_once_max"
                ) from None
            finally:
                self._waiting -= 1
                own.waiting -= 1
            yield


class _Places:
    """What one party holds of a turnstile while it waits for it or is inside."""

    def __init__(self) -> None:
        self.places = asyncio.Semaphore(PARTY_BODIES_MAX)
        self.waiting = 0
        self.users = 0
