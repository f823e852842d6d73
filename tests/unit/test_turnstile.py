"""Few large bodies at a time, whoever sends how many."""

from __future__ import annotations

import asyncio

import pytest

from api import turnstile
from api.turnstile import Turnstile
from application.errors import QueueFull


def test_few_at_a_time() -> None:
    """No more than the limit are inside at once, whoever waits gets in in turn, and all places come back."""

    async def scene() -> tuple[int, list[int]]:
        gate, inside, most, order = Turnstile(2, 10), 0, 0, list[int]()

        async def visit(number: int) -> None:
            nonlocal inside, most
            async with gate.passed(str(number)):
                inside += 1
                most = max(most, inside)
                order.append(number)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(visit(number) for number in range(12)))
        return most, order

    assert asyncio.run(scene()) == (2, list(range(12)))


def test_too_many_wait() -> None:
    """Who finds too many waiting is sent away at once, and nobody's failure or going away keeps a place."""

    async def scene() -> None:
        gate = Turnstile(1, 1)
        with pytest.raises(ZeroDivisionError):
            async with gate.passed("party"):
                raise ZeroDivisionError
        async with gate.passed("party"):
            waiting = asyncio.ensure_future(gate.passed("party").__aenter__())
            await asyncio.sleep(0)
            with pytest.raises(QueueFull) as full:
                await gate.passed("party").__aenter__()
            assert full.value.details["limit"] == "bodies_waiting_max"
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        async with gate.passed("party"):
            pass

    asyncio.run(scene())


def test_waited_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited too long is sent away, and the next gets in all the same."""
    monkeypatch.setattr(turnstile, "WAIT_S_MAX", 0.01)

    async def scene() -> None:
        gate = Turnstile(1, 5)
        async with gate.passed("party"):
            with pytest.raises(QueueFull) as full:
                await gate.passed("party").__aenter__()
            assert full.value.details["limit"] == "bodies_at_once_max"
        async with gate.passed("party"):
            pass

    asyncio.run(scene())


def test_one_party_takes_not_every_place() -> None:
    """Whoever sends slowly on many connections holds a few places, and waits for a few; others get in."""

    async def scene() -> None:
        gate, leave = Turnstile(), asyncio.Event()

        async def drip() -> None:
            async with gate.passed("greedy"):
                await leave.wait()

        held = [asyncio.ensure_future(drip()) for _ in range(turnstile.PARTY_BODIES_MAX + turnstile.PARTY_WAITING_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFull) as full:
            await gate.passed("greedy").__aenter__()
        assert full.value.details["limit"] == "party_waiting_max"
        async with asyncio.timeout(10), gate.passed("other"):
            assert not any(each.done() for each in held)
        leave.set()
        await asyncio.gather(*held)
        assert not gate._parties  # noqa: SLF001 - what is kept of parties must not grow

    asyncio.run(scene())
