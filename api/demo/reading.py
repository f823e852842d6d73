"""Reading whole what the ledger answers page by page."""

from __future__ import annotations

from typing import Any, Final

from api.client import Client

PAGE: Final = 1_000


def pages(client: Client, path: str, member: str, wait_for: int = 0) -> list[dict[str, Any]]:
    """Give the rows of all pages of an answer that knows a position; `member` is where they stand in it."""
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(path, limit=PAGE, wait_for=wait_for, **cursor)
        rows.extend(answer[member])
        if not answer["next"]:
            return rows
        cursor = {"cursor": answer["next"]}


def events_about(client: Client, subject: str) -> list[dict[str, Any]]:
    """Give every event of a subject, headers and bodies, in the order they were recorded."""
    return pages(client, f"/subjects/{subject}/events", "events")
