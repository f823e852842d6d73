"""The limit of indemnity for one person (每人责任限额) where claims name several persons, and several claims one.

An approval is for a claim, not for each of its persons. So what claims have taken keeps to the limit if it can be
divided among the persons of each so that nobody gets more than the limit; what a claim may still take is what can be
placed besides. That is a greatest flow from claims to persons, found along shortest augmenting paths.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

Taken = tuple[frozenset[str], int]
"""The persons of a claim, and what it has taken in fen."""


def left_for_persons(limit_fen: int, persons: frozenset[str], taken: Iterable[Taken]) -> int:
    """Give what a claim of these persons may take besides what it and others have taken; never below zero.

    Where more was taken of some persons than the limit allows, nothing of it is charged to others.
    """
    claims = [*taken, (persons, limit_fen * len(persons))]
    held: dict[str, dict[int, int]] = {person: {} for who, _ in claims for person in who}
    placed_fen = 0
    for claim, (_, fen) in enumerate(claims):
        placed_fen = _place(claims, held, limit_fen, claim, fen)
    return placed_fen


def _place(
    claims: Sequence[Taken], held: Mapping[str, dict[int, int]], limit_fen: int, claim: int, wanted_fen: int
) -> int:
    """Place as much of an amount as its persons have room for, moving what others placed; gives how much."""
    placed_fen = 0
    while placed_fen < wanted_fen and (path := _path(claims, held, limit_fen, claim)):
        _, last = path[-1]
        room_fen = limit_fen - sum(held[last].values())
        moved = [(mover, path[at][1]) for at, (mover, _) in enumerate(path[1:])]
        step_fen = min(wanted_fen - placed_fen, room_fen, *(held[left][mover] for mover, left in moved))
        for mover, left in moved:
            held[left][mover] -= step_fen
        for mover, person in path:
            held[person][mover] = held[person].get(mover, 0) + step_fen
        placed_fen += step_fen
    return placed_fen


def _path(
    claims: Sequence[Taken], held: Mapping[str, Mapping[int, int]], limit_fen: int, claim: int
) -> list[tuple[int, str]]:
    """Give the shortest way to a person with room: who takes whose room, from the claim on; empty when there is none.

    Each later claim on it moves what it holds of the person before to the next.
    """
    came: dict[str, tuple[int, str | None]] = {}
    queue: deque[tuple[int, str | None]] = deque([(claim, None)])
    seen = {claim}
    while queue:
        mover, left = queue.popleft()
        for person in sorted(claims[mover][0] - came.keys()):
            came[person] = (mover, left)
            if sum(held[person].values()) < limit_fen:
                return _traced(came, person)
            movable = [other for other, fen in held[person].items() if fen and other not in seen]
            seen.update(movable)
            queue += [(other, person) for other in movable]
    return []


def _traced(came: Mapping[str, tuple[int, str | None]], last: str) -> list[tuple[int, str]]:
    path: list[tuple[int, str]] = []
    person: str | None = last
    while person is not None:
        mover, left = came[person]
        path.insert(0, (mover, person))
        person = left
    return path
