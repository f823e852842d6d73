"""What a verifier holds ready while it checks pages: parsed keys, tables and times, and the event as it was read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from audit import keys, note
from audit.actions import Table
from audit.errors import AuditError
from audit.events import Header
from audit.instants import parse_instant
from audit.pages import Context, EventRow
from audit.rotation import CHECKPOINT

__all__ = ["SKEW_S_MAX", "Lens", "Seen"]

SKEW_S_MAX: Final = 120
"""How far from when its author signed an event may be recorded."""
INSTANTS_KEPT_MAX: Final = 4096
_WHOLE: Final = len("2026-01-01T00:00:00.")
_INSTANT: Final = len("2026-01-01T00:00:00.000000Z")
_MICROSECONDS: Final = 1_000_000


class Seen(NamedTuple):
    """An event of a page as it was read; header or body are None when they could not be."""

    row: EventRow
    header: Header
    body: Mapping[str, Any]
    leaf: bytes


class Lens:
    """A context made ready in the process that uses it; keeps what it has parsed."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.origin = context.origin
        self._publics: dict[str, keys.PublicKey | None] = {}
        self._seconds: dict[str, int] = {}
        self._tables = [(after, _table(value)) for after, value in context.tables]
        self._afters = [after for after, _ in self._tables]
        self._receipts = [_receipt_key(vkey) for _, vkey in context.receipts]
        self._receipts_after = [after for after, _ in context.receipts]

    def receipt(self, first: int) -> note.Verifier | None:
        """Give the key of the receipt over the save at this position; None when nothing sound tells it.

        A rotation is signed for by the key before it.
        """
        index = bisect_left(self._receipts_after, first) - 1
        return self._receipts[index] if index >= 0 else None

    def ledger_keys(self, use: str, first: int) -> list[tuple[str, ...]]:
        """Give the ledger's own verifier keys for a use up to the save at this position, those in force last."""
        if use == CHECKPOINT:
            return [keys for after, keys in self.context.checkpoints if after < first]
        return [(key,) for after, key in self.context.receipts if after < first]

    @cached_property
    def sound_origin(self) -> bool:
        """Say whether the ledger's origin is one that a token may name."""
        try:
            note.check_origin(self.origin)
        except AuditError:
            return False
        return True

    def public(self, name: str) -> keys.PublicKey | None:
        """Give a registered key, parsed; None when its registration holds no sound key."""
        if name not in self._publics:
            history = self.context.keys.get(name)
            try:
                self._publics[name] = None if history is None else keys.from_jwk(dict(history.public))
            except AuditError:
                self._publics[name] = None
        return self._publics[name]

    def table(self, first: int) -> Table | None:
        """Give the table of actions in force for the save at this position; None when there is none."""
        index = bisect_left(self._afters, first) - 1
        return self._tables[index][1] if index >= 0 else None

    def seconds(self, instant: str) -> float | None:
        """Give an instant in Unix seconds; None if there is no such instant.

        Instants come by the thousand in one second: that is read once, strictly, and only the fraction for each.
        """
        whole, fraction = self._seconds.get(instant[:_WHOLE]), instant[_WHOLE:-1]
        if whole is not None and len(instant) == _INSTANT and instant[-1] == "Z":
            if fraction.isascii() and fraction.isdigit():
                return (whole * _MICROSECONDS + int(fraction)) / _MICROSECONDS
            return None
        try:
            found = parse_instant(instant).timestamp()
        except AuditError:
            return None
        if len(self._seconds) > INSTANTS_KEPT_MAX:
            self._seconds.clear()
        self._seconds[instant[:_WHOLE]] = int(found // 1)
        return found


def _receipt_key(vkey: str) -> note.Verifier | None:
    try:
        return note.parse_vkey(vkey, (note.ED25519,))
    except AuditError:
        return None


def _table(value: Any) -> Table | None:  # noqa: ANN401 - JSON, refused by the table
    try:
        return Table.from_json(value)
    except AuditError:
        return None
