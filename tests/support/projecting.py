"""Histories stored through the recorder, and the read models' tables as they lie in the database."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from application.projections.base import Bitemporal
from application.projections.catalogue import PROJECTIONS
from application.saves import NewEvent
from audit import canonical
from domain.aggregate import type_registry
from infrastructure.connection import connect_plain
from tests.support.history import Told
from tests.support.saving import TestLedger, save

SAVE_EVENTS = 40


def store(ledger: TestLedger, told: Sequence[Told]) -> int:
    """Store a history in saves of some events each; returns the last position."""
    versions: dict[str, int] = {}
    events: list[NewEvent] = []
    for each in told:
        if each.stream not in versions:
            stored = ledger.recorder.select_stream(each.stream)
            versions[each.stream] = len(stored)
        versions[each.stream] += 1
        body: Any = {
            "found": dict(each.found), "from": None if each.said is None else {"at": "", "line": None},
            "said": None if each.said is None else dict(each.said), "salt": secrets.token_hex(16),
        }  # fmt: skip
        events.append(
            NewEvent(
                each.stream,
                versions[each.stream],
                each.type,
                canonical.encode(body),
                type_registry[each.type].SCHEMA,
                each.effective_at,
            )
        )
    last = 0
    for start in range(0, len(events), SAVE_EVENTS):
        saved = ledger.recorder.submit(save(*events[start : start + SAVE_EVENTS])).result(30)
        last = saved.events[-1].position
    return last


def views(ledger: TestLedger) -> dict[str, list[tuple[Any, ...]]]:
    """Read all rows of all read models, in the order of their keys."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with connect_plain(ledger.database, "test") as connection:
        for projection in PROJECTIONS:
            order = "1, 2, 3, 5" if isinstance(projection, Bitemporal) else "1, 2, 3"
            query = f"SELECT * FROM view_{projection.name} ORDER BY {order}"  # noqa: S608 - names of our own
            found[projection.name] = connection.execute(query).fetchall()  # type: ignore[arg-type,unused-ignore] # as above
    return found
