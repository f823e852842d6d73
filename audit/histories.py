"""What a verifier must know of the whole log before it checks a page: keys, erased persons, tables of actions.

It is read from the events of the streams `ledger`, `key:` and `person:`, which are checked with all others afterwards:
what is read here without being believed is proven there, and the positions must be the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from audit.pages import Context, KeyHistory
from audit.rotation import CHECKPOINT

__all__ = ["HISTORY_SUBJECTS", "Histories", "read_histories"]

HISTORY_SUBJECTS = ("ledger", "key:", "person:")
"""The subjects, and kinds of subjects, whose events are wanted."""


class Histories(NamedTuple):
    """The context of a verification, and the positions of the key events that it was made from."""

    context: Context
    keys: tuple[int, ...]


def read_histories(
    origin: str, events: Iterable[tuple[int, bytes, bytes]], *, known: Mapping[str, int] | None = None
) -> Histories:
    """Read the histories from (position, header, body) of the wanted events, in order of position.

    Bytes that cannot be read tell nothing here; the page that holds them says so. `known` as in `Context`.
    """
    found = _Found()
    for position, header_bytes, body_bytes in events:
        try:
            header, body = json.loads(header_bytes), json.loads(body_bytes)
            found.take(position, header, body)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    ended = {name: position for name, position in found.ended.items() if name in found.keys}
    keys = {
        name: KeyHistory(holder, registrar, public, position, ended.get(name), found.compromised.get(name))
        for name, (holder, registrar, public, position) in found.keys.items()
    }
    context = Context(
        origin, tuple(found.receipts), found.operator, keys, frozenset(found.erased),
        tuple(sorted(found.tables.items())), known, tuple(found.checkpoints),
    )  # fmt: skip
    return Histories(context, tuple(found.positions))


class _Found:
    """What the events have told so far."""

    def __init__(self) -> None:
        self.receipts: list[tuple[int, str]] = []
        self.checkpoints: list[tuple[int, tuple[str, ...]]] = []
        self.operator = ""
        self.keys: dict[str, tuple[str, str, Mapping[str, str], int]] = {}
        self.ended: dict[str, int] = {}
        self.compromised: dict[str, str] = {}
        self.erased: set[str] = set()
        self.restricted: dict[str, str] = {}
        self.holds: Counter[str] = Counter()
        self.tables: dict[int, Any] = {}
        self.positions: list[int] = []

    def _may_be_gone(self, schema: int, stream: str, facts: Any) -> bool:  # noqa: ANN401 - JSON
        """Say whether an erasure explains what is missing: since schema 2 one that was due, and under no hold."""
        return schema == 1 or (self.restricted.get(stream) == facts["due"] and self.holds[stream] <= 0)

    def take(self, position: int, header: Any, body: Any) -> None:  # noqa: ANN401 - JSON, refused by its errors
        """Take over one event."""
        stream, kind, said, facts = header["stream"], header["type"], body["said"], body["found"]
        if stream.startswith("key:"):
            self.positions.append(position)
        if kind == "key.Registered":
            public = {str(name): str(value) for name, value in (said or facts)["public"].items()}
            registrar = str(header["author"]["party"])
            self.keys.setdefault(stream, (str(facts["holder"]), registrar, public, position))
        elif kind in {"key.Rotated", "key.Revoked"}:
            self.ended.setdefault(stream, position)
            since = said.get("compromised_since")
            if isinstance(since, str):
                self.compromised[stream] = min(since, self.compromised.get(stream, since))
        elif kind == "person.Restricted":
            self.restricted.setdefault(stream, str(facts["until"]))
        elif kind in {"person.HoldSet", "person.HoldLifted"}:
            self.holds[stream] += 1 if kind == "person.HoldSet" else -1
        elif kind == "person.Erased" and self._may_be_gone(header["schema"], stream, facts):
            self.erased.add(stream)
        elif stream == "ledger":
            self._take_own(position, kind, header, body)

    def _take_own(self, position: int, kind: str, header: Any, body: Any) -> None:  # noqa: ANN401 - JSON
        """Take over an event of the ledger's own: its keys, its operator, its tables."""
        said, facts = body["said"], body["found"]
        if kind == "ledger.Opened" and position == 1:
            self.operator = str(header["author"]["party"])
            self.receipts.append((0, str(facts["receipt"])))
            self.checkpoints.append((0, tuple(map(str, facts["checkpoint"]))))
            if "table" in facts:
                self.tables[position] = facts["table"]
        elif kind == "ledger.KeyRotated" and said is not None:
            new = tuple(map(str, said["keys"]))
            if said["use"] == CHECKPOINT:
                self.checkpoints.append((position, new))
            elif new:
                self.receipts.append((position, new[0]))
        elif kind == "ledger.ActionsPublished":
            self.tables[position] = facts["table"]
