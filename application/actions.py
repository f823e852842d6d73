"""The table of actions: which request may write which events, where they go and where their time comes from.

One declaration an action serves the door, the rights, the OpenAPI document and the verifier (event-format §3): the
published table is made from it, its digest stands in the `ledger` stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from domain.time import civil_midnight

if TYPE_CHECKING:
    from application.work import Work
    from domain.aggregate import Statement

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Writes:
    """One event type an action may write.

    `stream` is a template: `{name}` is a path variable, else a member of the event's `said`, else of its `found`.
    `at` is where its `said` stands in the request (`*` for any index). `effective_at` points into `said` (a civil date
    or an instant); None, or an absent member, means `recorded_at`. A derived event has no `said`: its `stream` is the
    shape of its streams (`policy:/limit:`), its cause stands in the same save, its time is the cause's time, or with
    `effective_at` the member of `found` it names.
    """

    type: str
    stream: str
    at: str = ""
    effective_at: str | None = None
    derived: bool = False

    def as_json(self) -> dict[str, Any]:
        """Give the row of the published table."""
        return {
            "type": self.type, "stream": self.stream, "at": self.at, "effective_at": self.effective_at,
            "derived": self.derived,
        }  # fmt: skip


Handler = Callable[["Work", "Statement", Mapping[str, str]], None]
"""A use case: (work, what the author said, path variables). It records events on aggregates or raises DomainError."""


Prefetch = Callable[["Work", Sequence[Mapping[str, Any]]], None]

Finish = Callable[["Work"], None]
"""Runs once after all lines of a save: records derived events that sum them up; it must not refuse."""


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of write.

    `id` is `noun.verb`, the row of the table of rights; `path` a template like `/lifts/{lift}/claims`; `shape` the
    TypedDict of the body (without `salt`, which the door takes off); `group_lines` is how many NDJSON lines make one
    save, None when the route takes no NDJSON; `summary` and `summary_zh` are for people.
    """

    id: str
    method: str
    path: str
    shape: Any
    handle: Handler
    writes: tuple[Writes, ...]
    summary: str
    summary_zh: str
    group_lines: int | None = None
    prefetch: Prefetch | None = None
    """Names the streams that the lines of a group will read, so that they are loaded at once."""
    appends: bool = False
    """True for appends that commute (nodes, facts): decided again more often when a stream moved."""
    finish: Finish | None = None
    """Records, once for each save, what its lines come to (one derived event instead of one for each line)."""

    def effective_at(self, said: Mapping[str, Any]) -> str | None:
        """Give the instant since when what is said is so: a civil date begins in Asia/Shanghai; absent is None."""
        pointer = next((w.effective_at for w in self.writes if w.at == "" and w.effective_at and not w.derived), None)
        value = None if pointer is None else said.get(pointer.removeprefix("/"))
        if not isinstance(value, str):
            return None
        return value if "T" in value else civil_midnight(value)

    def as_json(self) -> dict[str, Any]:
        """Give the entry of the published table."""
        return {
            "id": self.id, "method": self.method, "path": self.path, "group_lines": self.group_lines,
            "writes": [w.as_json() for w in self.writes],
        }  # fmt: skip


@dataclass(slots=True)
class Actions:
    """All actions, by id; and the versions of the rules that names are made by, which are published with them."""

    by_id: dict[str, Action] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)

    def add(self, *actions: Action) -> None:
        """Register actions; an id or a (method, path) taken twice is a programming error."""
        for action in actions:
            taken = any((a.method, a.path) == (action.method, action.path) for a in self.by_id.values())
            if action.id in self.by_id or taken:
                message = f"action {action.id} {action.method} {action.path} is declared twice"
                raise TypeError(message)
            self.by_id[action.id] = action

    def as_json(self) -> dict[str, Any]:
        """Give the published table: canonical-JSON-able, ordered by id."""
        actions = [self.by_id[i].as_json() for i in sorted(self.by_id)]
        return {"format": FORMAT, "actions": actions, "rules": dict(self.rules)}
