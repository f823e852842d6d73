"""Lets a few large bodies in at a time; the others wait outside, unread, and too many of them are sent away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from application.errors import QueueFull

BODIES_AT_ONCE_MAX: Final = 4
"""Bodies of lines that one worker holds at a time, each of up to 16 MiB, from its first byte to its answer."""
BODIES_WAITING_MAX: Final = 64
WAIT_S_MAX: Final = 20.0
"""Less than a token lives, so that whoever got in is not refused for having waited."""


class Turnstile:
    """One for each event loop. What waits holds its connection and headers, nothing of its body."""

    def __init__(self, at_once: int = BODIES_AT_ONCE_MAX, waiting: int = BODIES_WAITING_MAX) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._waiting_max = waiting
        self._waiting = 0

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Hold a place for the block. Raises QueueFull when too many wait for one, or one waited too long."""
        if self._places.locked() and self._waiting >= self._waiting_max:
            raise QueueFull("too many bodies of lines are waiting", retry_after_s=1, limit="bodies_waiting_max")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                await self._places.acquire()
        except TimeoutError:
            raise QueueFull("bodies of lines take their time", retry_after_s=5, limit="bodies_at_once_max") from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()
