"""What sources of money owe: an amount spread over them, and what of it is overdue."""

from __future__ import annotations

from collections.abc import Mapping

from domain.money import apportion


def spread(fen: int, limits: Mapping[str, int]) -> dict[str, int]:
    """Divide an amount over sources in proportion to what each can take, at most all of that; nothing below zero."""
    room = {source: limit_fen for source, limit_fen in limits.items() if limit_fen > 0}
    fen = min(fen, sum(room.values()))
    return {source: share_fen for source, share_fen in apportion(fen, room).items() if share_fen} if fen > 0 else {}


def at_most(amounts: Mapping[str, int], borne: Mapping[str, int]) -> dict[str, int]:
    """Give each source's amount, but no more than it bears."""
    return {source: min(fen, borne.get(source, 0)) for source, fen in amounts.items()}


def overdue(due_fen: int, left: Mapping[str, int], borne: Mapping[str, int], held: Mapping[str, int]) -> int:
    """Say what is overdue of an amount that was due by a day, never below zero.

    `left` is what endorsements left of each source's drafted share, `borne` what each source bears now. What they added
    has no day, and the money for it settles nothing else. Nothing is overdue that is not owed at all: before sources
    were held apart, one source's money could settle what another owes.
    """
    drafted = {kind: left.get(kind, 0) for kind in borne}
    open_fen = min(due_fen, sum(drafted.values())) - sum(min(fen, held.get(kind, 0)) for kind, fen in drafted.items())
    return max(0, min(open_fen, sum(fen - held.get(kind, 0) for kind, fen in borne.items())))
