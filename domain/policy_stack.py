"""What a policy is made of: the schedule as it was staged, and the stack of changes (批改) once it is issued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Transaction:
    """One change of an issued policy: `number` counts from 1 in the order of recording."""

    number: int
    kind: str
    effective_on: str
    premium_fen: int
    lifts: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """What was staged so far: lines, their premium in all and by part, and the tree's right edge (hex)."""

    count: int = 0
    premium_fen: int = 0
    parts: tuple[tuple[str, int], ...] = ()
    edge: str = ""


NOTHING_STAGED: Final = Staged()

ENDS: Final = frozenset({"cancelled", "lapsed"})


def lifts_insured(stack: tuple[Transaction, ...]) -> int:
    """Count the certificates that an issued policy has, or had on the day that it ended early."""
    return sum(change.lifts for change in stack if change.kind not in ENDS)
