"""Every answer carries the ledger's time in the header `Ledger-Time` (event-format §8), whatever it answers."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.ports import Clock
from domain.errors import DomainError

NAME: Final = "Ledger-Time"


class LedgerTime:
    """Adds the header as an answer begins; the services are found on the application's state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                stated = headers(scope["app"].state.services.clock)
                message["headers"] = [
                    *message["headers"], *((name.lower().encode(), value.encode()) for name, value in stated.items())
                ]  # fmt: skip
            await send(message)

        await self._app(scope, receive, timed)


def headers(clock: Clock) -> dict[str, str]:
    """Give the header, or none while the clock cannot be read."""
    try:
        return {NAME: clock.now()}
    except DomainError:
        return {}
