"""A lift's timeline (电梯档案): whatever happened on any of its streams, with the facts that are short and in clear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from application.projections.base import Column, Listing, LoggedEvent, Value
from audit import canonical

FACTS_MAX: Final = 24
TEXT_CHARS_MAX: Final = 160
NOT_SHOWN: Final = frozenset({"salt", "reads", "findings", "working", "because", "source"})
EXCEPT: Final = frozenset({"visit.NodesReceived", "visit.ItemsRecorded"})
"""Bulk of a visit, of which its finishing gives the sums; the lift's chain has every one of them."""


def facts_of(event: LoggedEvent) -> dict[str, str | int | bool]:
    """Give short facts of an event: texts, numbers and truths. Personal members are objects and so never among them."""
    return dict(islice(_scalars(event.found, event.said or {}), FACTS_MAX))


def _scalars(*parts: Mapping[str, Any]) -> Iterator[tuple[str, str | int | bool]]:
    for part in parts:
        for name, value in part.items():
            if name not in NOT_SHOWN and (
                isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= TEXT_CHARS_MAX)
            ):
                yield name, value


def findings_of(event: LoggedEvent) -> tuple[str, ...]:
    """Give the codes of the findings that were recorded with the event."""
    findings = event.found.get("findings")
    if not isinstance(findings, list):
        return ()
    return tuple(str(f["code"]) for f in findings if isinstance(f, Mapping) and "code" in f)


def _entries(event: LoggedEvent) -> tuple[tuple[str, tuple[Value, ...]]]:
    values = (
        event.stream, event.seq, event.type, event.effective_at, event.recorded_at, event.party, event.agent, event.key,
        findings_of(event), canonical.encode(facts_of(event)).decode(),
    )  # fmt: skip
    return ((event.subject, values),)


TIMELINE = Listing(
    name="timeline",
    version=1,
    columns=(
        Column("stream"), Column("seq", "integer"), Column("type"), Column("effective_at"), Column("recorded_at"),
        Column("party"), Column("agent"), Column("key"), Column("findings", "texts"), Column("facts", "json"),
    ),
    entries=_entries,
    subjects=("lift:",),
    except_types=EXCEPT,
)  # fmt: skip
