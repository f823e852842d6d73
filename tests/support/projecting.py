"""Histories stored through the recorder, and the read models' tables as they lie in the database."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from application.projections.base import Bitemporal
from application.projections.catalogue import PROJECTIONS
from application.saves import NewEvent
from audit import canonical
from domain.aggregate import type_registry
from infrastructure.connection import connect_plain
from tests.support.history import Told
from tests.support.saving import TestLedger, act, save

SAVE_EVENTS = 40


def store(ledger: TestLedger, told: Sequence[Told]) -> int:
    """Store a history in saves of some events each; returns the last position."""
    versions: dict[str, int] = {}
    last = 0
    for (party, agent), of in groupby(told, lambda each: (each.party, each.agent)):
        events = [_new(ledger, each, versions) for each in of]
        by = {} if party is None else {"party": party, "agent": agent}
        for start in range(0, len(events), SAVE_EVENTS):
            made = save(*events[start : start + SAVE_EVENTS], act=act(**by))
            last = ledger.recorder.submit(made).result(30).events[-1].position
    return last


def _new(ledger: TestLedger, each: Told, versions: dict[str, int]) -> NewEvent:
    if each.stream not in versions:
        versions[each.stream] = len(ledger.recorder.select_stream(each.stream))
    versions[each.stream] += 1
    body: Any = {
        "found": dict(each.found), "from": None if each.said is None else {"at": "", "line": None},
        "said": None if each.said is None else dict(each.said), "salt": secrets.token_hex(16),
    }  # fmt: skip
    schema = type_registry[each.type].SCHEMA
    return NewEvent(
        each.stream, versions[each.stream], each.type, canonical.encode(body), schema, each.effective_at
    )  # fmt: skip


def views(ledger: TestLedger) -> dict[str, list[tuple[Any, ...]]]:
    """Read all rows of all read models, in the order of their keys."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with connect_plain(ledger.database, "test") as connection:
        for projection in PROJECTIONS:
            order = "1, 2, 3, 5" if isinstance(projection, Bitemporal) else "1, 2, 3"
            query = f"SELECT * FROM view_{projection.name} ORDER BY {order}"  # noqa: S608 - names of our own
            found[projection.name] = connection.execute(query).fetchall()  # type: ignore[arg-type,unused-ignore] # as above
    return found
