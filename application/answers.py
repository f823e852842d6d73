"""What a write returns: a function of stored headers, receipts and `found`, so that it can be given again.

It holds no personal value (event-format §4). `reads` stay out: they are for the proof, not for the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NotRequired

import orjson
from annotated_types import Ge
from typing_extensions import TypedDict

from application.proving import NotPublished, Proofs, event_proof
from application.saves import Saved, StoredHeader
from audit import canonical
from domain.shapes import Digest, Instant


class WrittenEvent(TypedDict):
    """An event that was written; `found` is what the ledger worked out (docs/events.md), `leaf` the header's hash.

    `line` is the line of an NDJSON body that it came from, from 1.
    """

    position: Annotated[int, Ge(1)]
    stream: str
    version: Annotated[int, Ge(1)]
    type: str
    leaf: Digest
    line: int | None
    found: dict[str, Any]


class WrittenGroup(TypedDict):
    """One save, all of it or nothing: its positions from `first` on, and its receipt, a C2SP signed note. Keep it.

    Where nothing was new there are no events, `first` and `receipt` are null.
    """

    group: int | None
    groups: Annotated[int, Ge(1)]
    first: Annotated[int, Ge(1)] | None
    count: Annotated[int, Ge(0)]
    recorded_at: Instant
    receipt: str | None
    events: list[WrittenEvent]


class RefusedLine(TypedDict):
    """A line of an NDJSON body that was refused, as a problem of its own; nothing of it was written."""

    line: Annotated[int, Ge(1)]
    code: str
    message: str
    message_zh: str
    details: dict[str, Any]


class EventProof(TypedDict):
    """A tlog-proof@v1 (C2SP) of an event under the first checkpoint over it."""

    position: Annotated[int, Ge(1)]
    proof: str


class WriteAnswer(TypedDict):
    """What a write became: each group is one save with its receipt; leaves prove the events.

    `proofs` come with `wait=proof`, null if no checkpoint came in time.
    """

    command: str | None
    repeated: bool
    groups: list[WrittenGroup]
    refused: list[RefusedLine]
    proofs: NotRequired[list[EventProof] | None]


def answer(saves: Sequence[Saved]) -> dict[str, Any]:
    """Give the answer to a command from its stored groups, in order: a WriteAnswer, whose `message_zh` the API adds."""
    refused: list[Any] = []
    groups: list[dict[str, Any]] = []
    for saved in saves:
        outcome = canonical.decode(saved.outcome)
        if isinstance(outcome, dict) and isinstance(outcome.get("refused"), list):
            refused.extend(outcome["refused"])
        groups.append(
            {
                "group": saved.group,
                "groups": saved.groups,
                "first": saved.first,
                "count": len(saved.events),
                "recorded_at": saved.recorded_at,
                "receipt": saved.receipt,
                "events": [_event(event) for event in saved.events],
            }
        )
    return {
        "command": saves[0].command if saves else None,
        "repeated": any(s.repeated for s in saves),
        "groups": groups,
        "refused": refused,
    }


def _event(stored: StoredHeader) -> dict[str, Any]:
    # The ledger's own bytes, strict when they were written: the fast parser sees the same in them.
    header = orjson.loads(stored.header)
    body = orjson.loads(stored.body)
    return {
        "position": stored.position,
        "stream": header["stream"],
        "version": header["version"],
        "type": header["type"],
        "leaf": stored.leaf.hex(),
        "line": None if body["from"] is None else body["from"]["line"],
        "found": {name: value for name, value in body["found"].items() if name != "reads"},
    }


def proven(saves: Sequence[Saved], proofs: Proofs) -> list[dict[str, Any]] | None:
    """Give the proof of each event written (`?wait=proof`), or None where no checkpoint covers them in time.

    Shape: [{position, proof}], the proof a `c2sp.org/tlog-proof@v1` under the first checkpoint over the event.
    """
    try:
        return [
            {"position": event.position, "proof": event_proof(proofs, event.position).text()}
            for saved in saves
            for event in saved.events
        ]
    except NotPublished:
        return None


def last_position(saves: Sequence[Saved]) -> int | None:
    """Give the position of the last event written, for the header `Ledger-Position`; None when nothing was."""
    positions = [event.position for saved in saves for event in saved.events]
    return max(positions) if positions else None
