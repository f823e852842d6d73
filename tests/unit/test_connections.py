"""Connections of clients that are slow: how long one is waited for that has not come to the end of its headers."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from api import connections
from api.connections import Connection

ASKED = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
LIMIT_S = 0.2


async def _app(_scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
    """Answer when the body has come, after twice the time that headers may take."""
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(2 * LIMIT_S)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def _talk(*parts: bytes, pause_s: float = 0.0) -> bytes:
    """Send these parts over a connection of its own; gives all that is answered until it is closed."""
    config = uvicorn.Config(_app, http=Connection, log_config=None, server_header=False, date_header=False)
    config.load()
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    await loop.connect_accepted_socket(lambda: Connection(config, ServerState(), {}), theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    hearing = asyncio.create_task(_heard(reader))
    try:
        for part in parts:
            if hearing.done():
                break
            writer.write(part)
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(20 * LIMIT_S):
            return await hearing
    finally:
        writer.close()


async def _heard(reader: asyncio.StreamReader) -> bytes:
    """Give all that came, also where the connection ended while we were writing still."""
    heard = bytearray()
    with suppress(ConnectionError):
        while piece := await reader.read(2**16):
            heard += piece
    return bytes(heard)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that a test can wait for."""
    monkeypatch.setattr(connections, "HEAD_S_MAX", LIMIT_S)


@pytest.mark.parametrize(
    "parts", [(b"GET / HT",), (ASKED[:-2],), (ASKED, ASKED[:-2])], ids=["line", "headers", "second request"]
)
def test_headers_that_never_end_are_given_up(parts: tuple[bytes, ...]) -> None:
    """Whoever began a request is told, and the connection ends, be it the first of it or a later one."""
    heard = asyncio.run(_talk(*parts, pause_s=3 * LIMIT_S))
    assert heard.count(b"HTTP/1.1 204") == len(parts) - 1
    assert heard.count(b"HTTP/1.1 408 Request Timeout") == 1
    assert b'"code":"head_stalled"' in heard


@pytest.mark.parametrize("parts", [(), (b"\r\n",)], ids=["nothing", "blank lines"])
def test_whoever_asks_nothing_is_not_waited_for(parts: tuple[bytes, ...]) -> None:
    """A connection without a request ends without an answer."""
    assert asyncio.run(_talk(*parts)) == b""


def test_headers_byte_by_byte_do_not_win_time() -> None:
    """The limit counts from the first byte on, however many follow."""
    heard = asyncio.run(_talk(*(ASKED[at : at + 1] for at in range(len(ASKED))), pause_s=LIMIT_S / 10))
    assert b"408 Request Timeout" in heard


def test_an_answer_takes_the_time_it_takes() -> None:
    """Once the headers are there, neither the body nor the answer is bound by their limit."""
    told = b"POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    heard = asyncio.run(_talk(told, b"x", b"y", pause_s=1.5 * LIMIT_S))
    assert heard.startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize(
    "told,others", [(b"GET /%b HTTP/1.1", 1), (b"GET / HTTP/1.1\r\nX: %b", len("/X: \r\n"))], ids=["target", "header"]
)
def test_a_head_that_comes_at_once_is_bound_too(told: bytes, others: int) -> None:
    """The limit holds however the bytes come: the last that fits is served, one more is refused."""
    close = b"Connection: close"
    fits = connections.HEADER_BYTES_MAX - others - len(close + b"\r\n")
    served, refused = (
        asyncio.run(_talk(told % (b"a" * count) + b"\r\n" + close + b"\r\n\r\n")) for count in (fits, fits + 1)
    )
    assert served.startswith(b"HTTP/1.1 204")
    assert refused.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"headers_too_large"' in refused
    assert refused.count(b"HTTP/1.1") == 1


def test_what_comes_with_a_refused_head_is_answered_by_that_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A body behind it in the same piece, or another request, belongs to no request, and is no fault to be logged."""
    long = b"POST / HTTP/1.1\r\nContent-Length: 2\r\nX: %b\r\n\r\nxy" % (b"a" * connections.HEADER_BYTES_MAX)
    heard = asyncio.run(_talk(long + ASKED))
    assert heard.startswith(b"HTTP/1.1 431 ")
    assert heard.count(b"HTTP/1.1") == 1
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []
