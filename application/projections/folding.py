"""Folding the domain's own aggregates in projections, so that views and decisions cannot contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

from application.projections.base import Evolve, LoggedEvent, State
from domain.aggregate import Aggregate, Authorship, Event, type_registry
from domain.errors import Invalid
from domain.time import civil_midnight

A = TypeVar("A", bound=Aggregate)

AGGREGATE = "aggregate"
"""The member of a state under which the folded aggregate lies."""


def domain_event(event: LoggedEvent) -> Event:
    """Give the event as the domain reads it; pointer and line, which nothing folds, are left out."""
    return type_registry[event.type](
        originator_id=event.stream, originator_version=event.version, said=event.said, found=event.found, at=None,
        line=None, effective_at=event.effective_at, position=event.position, recorded_at=event.recorded_at,
        author=Authorship(event.party, event.agent, event.key, ()),
    )  # fmt: skip


def fold_events(kind: type[A], stream: str, events: Iterable[Event]) -> A:
    """Fold events in the order given, also such that leave some out (those not yet effective)."""
    aggregate = kind(stream)
    for event in events:
        event.apply(aggregate)
        aggregate.version = event.originator_version
    return aggregate


def folds(kind: type[Aggregate]) -> Mapping[str, Evolve]:
    """Give the evolve functions that keep the aggregate itself as the state."""

    def evolve(state: State, event: LoggedEvent) -> State:
        held = state.get(AGGREGATE)
        aggregate = kind(event.stream) if held is None else held.copy()
        domain_event(event).apply(aggregate)
        aggregate.version = event.version
        return {**state, AGGREGATE: aggregate}

    return {event.TOPIC: evolve for event in kind.EVENTS}


def keeps(kind: type[Aggregate]) -> Mapping[str, Evolve]:
    """Give the evolve functions that keep all events as the state (short streams, folded again by effective time)."""

    def evolve(state: State, event: LoggedEvent) -> State:
        return {"events": (*state.get("events", ()), event)}

    return {event.TOPIC: evolve for event in kind.EVENTS}


@lru_cache(maxsize=8_192)
def begins(date: str) -> str:
    """Give the instant a civil date begins in Asia/Shanghai; days before the civil range are taken as UTC's."""
    try:
        return civil_midnight(date)
    except Invalid:
        return f"{date}T00:00:00.000000Z"
