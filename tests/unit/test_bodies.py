"""Reading a body as it comes in, within its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import Request

from api import bodies
from api.bodies import read_body
from api.errors import BodyStalled, status_of
from application.errors import TooLarge


def _request(parts: Sequence[bytes], *, ends: bool = True) -> Request:
    left = list(parts)

    async def receive() -> dict[str, Any]:
        if not left and not ends:
            await asyncio.Event().wait()
        part = left.pop(0) if left else b""
        return {"type": "http.request", "body": part, "more_body": bool(left) or not ends}

    return Request({"type": "http", "method": "POST", "headers": [], "path": "/", "query_string": b""}, receive)


def test_parts() -> None:
    """A body is its parts, in whatever pieces it came; nothing is a body too."""
    assert asyncio.run(read_body(_request([b"ab", b"c"]), 3)) == b"abc"
    assert asyncio.run(read_body(_request([]), 3)) == b""


def test_limit() -> None:
    """What passes the limit is refused as soon as it does, though it never ends."""
    with pytest.raises(TooLarge):
        asyncio.run(read_body(_request([b"ab", b"cd"], ends=False), 3))


def test_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends a part and then nothing is given up, so that it does not hold the place of others."""
    monkeypatch.setattr(bodies, "SILENCE_S_MAX", 0.01)
    with pytest.raises(BodyStalled) as stalled:
        asyncio.run(read_body(_request([b"ab"], ends=False), 3))
    assert status_of(stalled.value) == 408


def test_dripped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that goes on sending, a little at a time, is given up too: no body takes longer than a token lives."""
    monkeypatch.setattr(bodies, "BODY_S_MAX", 0.1)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"a", "more_body": True}

    scope = {"type": "http", "method": "POST", "headers": [], "path": "/", "query_string": b""}
    with pytest.raises(BodyStalled) as dripped:
        asyncio.run(read_body(Request(scope, receive), 1_000_000))
    assert dripped.value.details == {"seconds": 0.1}


def test_hung_up() -> None:
    """A client that hangs up in the middle is no failure of the ledger's."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "headers": [], "path": "/", "query_string": b""}
    with pytest.raises(BodyStalled):
        asyncio.run(read_body(Request(scope, receive), 3))
