"""The limit for one person over several claims of several persons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest

from domain.person_limits import left_for_persons


def _who(names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize(
    "persons, taken, left_fen",
    [
        ("x", [], 100),
        ("xy", [], 200),
        ("x", [("x", 100)], 0),
        ("x", [("x", 60)], 40),
        ("x", [("y", 100)], 100),
        ("xy", [("x", 100)], 100),
        ("y", [("x", 100), ("xy", 100)], 0),
        ("x", [("xy", 100)], 100),
        ("x", [("xy", 150)], 50),
        ("x", [("xy", 100), ("y", 30)], 70),
        ("x", [("xy", 100), ("yz", 100), ("z", 50)], 50),
        ("xz", [("xy", 100), ("yz", 100), ("y", 50)], 50),
        ("x", [("x", 150)], 0),
        ("y", [("x", 250), ("xy", 10)], 90),
        ("xy", [("x", 250)], 100),
    ],
)
def test_what_is_left_for_persons_of_several_claims(
    persons: str, taken: Sequence[tuple[str, int]], left_fen: int
) -> None:
    """No person gets above his limit, however the claims are divided among theirs; an excess stays with its own."""
    assert left_for_persons(100, _who(persons), [(_who(who), fen) for who, fen in taken]) == left_fen


def test_what_is_left_is_what_every_group_of_persons_has_left() -> None:
    """As Hall's condition has it: for every group, what claims of none but its members take is within its limits."""
    sets = [_who(names) for names in ("a", "b", "ab", "bc", "cd", "abd", "d")]
    everybody = _who("abcd")
    groups = [frozenset(g) for n in range(1, 5) for g in combinations(sorted(everybody), n)]
    for number in range(3**5):
        taken = [(who, number // 3**at % 3 * 25) for at, who in enumerate(sets[:5])]
        for asking in sets[2:]:
            least = [
                100 * len(group) - sum(fen for who, fen in taken if who <= group) for group in groups if asking <= group
            ]
            assert left_for_persons(100, asking, taken) == min(least)


def test_a_limit_of_nothing_leaves_nothing() -> None:
    """Also for persons nobody has taken of."""
    assert left_for_persons(0, _who("x"), [(_who("x"), 0)]) == 0
