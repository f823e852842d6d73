"""HEAD wherever GET is (RFC 9110 §9.3.2): the same answer, of which the server sends the headers alone."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

_SENT: Final = "liftledger.method"


class HeadAsGet:
    """Asks the application what GET would give; the server still knows by its own scope that no content follows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", _SENT: "HEAD"}
        await self._app(scope, receive, send)


def sent_method(request: Request) -> str:
    """Give the method as it was sent, which a token names in `htm`."""
    return str(request.scope.get(_SENT, request.method))
