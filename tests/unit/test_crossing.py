"""Receipts of two sides that share positions: what is found is what holding each against each would find."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from audit.checkpoints import Receipt
from audit.crossing import crossing
from audit.errors import NoteError
from audit.sides import Side
from audit.sources import Saved

ORIGIN = "ledger.example/district"
SIGNED, FORGED = "signed", "forged"


def saved(first: int, count: int, root: int = 0, note: str = SIGNED) -> Saved:
    """Make a receipt; a forged one has no key."""
    return Saved(f"{note} {first} {count} {root}", Receipt(ORIGIN, first, count, bytes([root]) * 32), {})


def keys(asked: list[Saved]) -> Callable[[Saved], Side]:
    """Give what leads to the key of signed receipts, and note which were asked for."""

    def key_of(receipt: Saved) -> Side:
        asked.append(receipt)
        if not receipt.note.startswith(SIGNED):
            raise NoteError("It is forged.", code="note_unsigned")
        return {}

    return key_of


RECEIPTS = st.lists(
    st.builds(
        saved, st.integers(1, 12), st.integers(1, 5), st.integers(0, 1), st.sampled_from([SIGNED, FORGED])
    ),
    max_size=8,
)  # fmt: skip


def overlap(one: Saved, other: Saved) -> bool:
    """Say whether two receipts share a position."""
    mine, theirs = one.receipt, other.receipt
    return mine.first < theirs.first + theirs.count and theirs.first < mine.first + mine.count


def held_one_by_one(one: Sequence[Saved], other: Sequence[Saved]) -> tuple[bool, bool, bool]:
    """Say whether any two are over one save, differ, and differ and are both signed."""
    met = [(mine, theirs) for mine in one for theirs in other if overlap(mine, theirs)]
    differ = [pair for pair in met if pair[0].receipt != pair[1].receipt]
    both = [pair for pair in differ if all(each.note.startswith(SIGNED) for each in pair)]
    return len(met) > len(differ), bool(differ), bool(both)


@given(RECEIPTS, RECEIPTS)
def test_finds_what_each_against_each_would(one: list[Saved], other: list[Saved]) -> None:
    """Whether saves agree, cross, and cross by receipts that the ledger signed, comes out the same."""
    asked = list[Saved]()
    found = list(crossing(one, other, keys(asked)))
    proofs = [each for each in found if not isinstance(each, bool)]
    same, differ, both = held_one_by_one(one, other)
    assert (True in found, bool(proofs)) == (same, both)
    assert (False in found or bool(proofs)) == differ
    assert len(asked) == len({id(each) for each in asked}), "a signature was looked at twice"
    notes = {each.note for each in one}, {each.note for each in other}
    assert all(mine["receipt"] in notes[0] and theirs["receipt"] in notes[1] for mine, theirs in proofs)


def test_thousands_that_span_everything_are_each_looked_at_once() -> None:
    """A side made up of forgeries over the whole log costs one look at each, not one for every other receipt."""
    count = 20_000
    honest = [saved(first, 1) for first in range(1, count + 1)]
    forged = [saved(1, count, root % 256, f"{FORGED} {root}") for root in range(count)]
    for sides in ((honest, forged), (forged, honest), (forged, forged[::-1])):
        asked = list[Saved]()
        found = list(crossing(*sides, keys(asked)))
        assert False in found
        assert all(isinstance(each, bool) for each in found)
        assert len(found) <= 2 * count
        assert len(asked) <= 2 * count


def test_one_that_is_signed_is_found_among_them() -> None:
    """Forgeries, before and after it, hide no receipt that the ledger signed."""
    forged = [saved(1, 50, root, FORGED) for root in range(20)]
    hidden = saved(1, 50, 7)
    found = list(crossing([saved(30, 1)], [*forged[:10], hidden, *forged[10:]], keys([])))
    proofs = [each for each in found if not isinstance(each, bool)]
    assert [(mine["receipt"], theirs["receipt"]) for mine, theirs in proofs] == [(saved(30, 1).note, hidden.note)]
