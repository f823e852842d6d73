"""Connections as uvicorn serves them: limits on a head's size and time, and problems where no request was read."""

from __future__ import annotations

from asyncio import BaseTransport, TimerHandle
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api import errors

HEADER_BYTES_MAX: Final = 16 * 1024
"""A request's line and headers; the token in it has at most 4 KiB."""
HEAD_S_MAX: Final = 30
"""For so long a client may take over a request's line and headers, from its connection or their first byte on."""
_BETWEEN: Final = len(": \r\n")


class Connection(HttpToolsProtocol):
    """One client's connection: headers that pass `HEADER_BYTES_MAX` end it, whatever they wanted.

    Target and headers are counted as they are read. httptools gathers each until it ends, so the bytes are counted too
    as they come in: but for those that came together with the first byte of a request, which may end the one before.

    Nor is a client waited for that never comes to the end of its headers, or sends no byte at all, `HEAD_S_MAX` after
    it began: nobody has proven who he is by then, and open connections are few. Idleness between two requests has
    uvicorn's own limit, which ends with the next byte; from there ours counts, also where that byte begins no request.
    """

    _in_head = False
    _head_bytes = 0
    _came_bytes = 0
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn says which transport it is
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._have_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        was_in_head = self._in_head
        super().data_received(data)
        if self._deadline is None and getattr(self.cycle, "response_complete", True):
            self._await_head()
        if not (was_in_head and self._in_head) or self.transport.is_closing():
            return
        self._came_bytes += len(data)
        if self._came_bytes > HEADER_BYTES_MAX:
            self._refuse_head()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._in_head, self._head_bytes, self._came_bytes = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take the target, or a part of it."""
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._head_bytes += len(name) + len(value) + _BETWEEN
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Go on to the body, unless the headers pass the limit."""
        self._in_head = False
        self._have_head()
        if self._head_bytes > HEADER_BYTES_MAX:
            self._refuse_head()
        elif not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless the headers were refused: the rest of what came with them is still read."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request, unless the headers were refused."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def _refuse_head(self) -> None:
        self._end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "The headers are too large.")

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._end(HTTPStatus.BAD_REQUEST, "http_invalid", msg)

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_S_MAX, self._give_up)

    def _have_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """End a connection whose headers do not come; whoever sent none of them has asked nothing."""
        if self._in_head:
            detail = "The rest of the headers does not come."
            self._end(HTTPStatus.REQUEST_TIMEOUT, "head_stalled", detail)
        else:
            self.transport.close()

    def _end(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Answer by a problem and close, unless an answer to this connection is under way."""
        if getattr(self.cycle, "response_complete", True):  # None before the first request
            problem = errors.answer(status, code, detail)
            lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
            lines += [name + b": " + value for name, value in problem.raw_headers]
            self.transport.write(b"\r\n".join([*lines, b"connection: close", b"", bytes(problem.body)]))
        self.transport.close()
