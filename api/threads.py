"""The threads on which a worker reads: so many questions at a time, so many that wait for one, whoever asks.

Reads may wait for seconds (`wait_for`); writes use the event loop's own threads, so that no read holds them up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from application.errors import QueueFull

__all__ = ["READS_AT_ONCE_MAX", "READS_WAITING_MAX", "on_thread"]

READS_AT_ONCE_MAX: Final = 8
READS_WAITING_MAX: Final = 128
"""More would wait for longer than their tokens live whenever the read models are behind."""

_threads: Final = ThreadPoolExecutor(READS_AT_ONCE_MAX, "liftledger-reads")
_places: Final = asyncio.Semaphore(READS_AT_ONCE_MAX + READS_WAITING_MAX)
Told = ParamSpec("Told")
Found = TypeVar("Found")


async def on_thread(work: Callable[Told, Found], *told: Told.args, **more: Told.kwargs) -> Found:
    """Do a piece of reading on a thread. Raises QueueFull where too many wait for one, and what it raises."""
    if _places.locked():
        raise QueueFull("too many reads are waiting", retry_after_s=1, limit="reads_waiting_max")
    async with _places:
        return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*told, **more))
