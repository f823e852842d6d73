"""Finds receipts of two sides that share a position and are not over the same save, in one pass over the positions.

The receipts of one log share no position, so each is held against one or two. Whoever made a side up may let thousands
span everything: but what the ledger did not sign proves nothing, and is dropped at the first receipt it differs from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from audit.checkpoints import Receipt
from audit.errors import AuditError
from audit.sides import Side
from audit.sources import Saved

__all__ = ["KeyOf", "crossing"]

KeyOf = Callable[[Saved], Side]
"""Gives what leads to the key that signed a receipt. Raises AuditError where nothing does."""


@dataclass(slots=True, eq=False)
class _Save:
    """What one side says of one save: receipts that differ in their signatures alone."""

    receipt: Receipt
    unread: list[Saved] = field(default_factory=list)
    """Receipts whose signatures were not looked at; there is no need to, once one is good."""
    side: Side | None = None

    @property
    def after(self) -> int:
        """The first position that is no longer of the save."""
        return self.receipt.first + self.receipt.count

    def signed(self, key_of: KeyOf) -> Side | None:
        """Give what the log signed of it; None if it signed none of the receipts."""
        while self.side is None and self.unread:
            saved = self.unread.pop()
            try:
                self.side = saved.side(key_of(saved))
            except AuditError:
                continue
        return self.side


def crossing(one: Iterable[Saved], other: Iterable[Saved], key_of: KeyOf) -> Iterator[tuple[Side, Side] | bool]:
    """Give what the log signed of each two saves that cross; True for a save both have, False for a crossing unproven.

    It takes as many steps as there are receipts, each of them read once, whatever positions they name.
    """
    groups = _saves(one), _saves(other)
    if groups[0].keys() & groups[1].keys():
        yield True
    begun: tuple[list[tuple[int, int, _Save]], list[tuple[int, int, _Save]]] = ([], [])
    order = sorted((name, which) for which, group in enumerate(groups) for name in group)
    for number, (name, which) in enumerate(order):
        save, across = groups[which][name], begun[1 - which]
        same: list[tuple[int, int, _Save]] = []
        unsigned = False
        while across and not unsigned:
            met = across[0][2]
            if met.after <= save.receipt.first:
                heappop(across)
            elif _name(met.receipt) == name:
                same.append(heappop(across))
            elif (mine := save.signed(key_of)) is None:
                unsigned = True
                yield False
            else:
                heappop(across)
                theirs = met.signed(key_of)
                yield False if theirs is None else (theirs, mine) if which else (mine, theirs)
        for each in same:
            heappush(across, each)
        if not unsigned:
            heappush(begun[which], (save.after, number, save))


def _saves(receipts: Iterable[Saved]) -> dict[tuple[int, int, bytes], _Save]:
    found: dict[tuple[int, int, bytes], _Save] = {}
    for saved in receipts:
        found.setdefault(_name(saved.receipt), _Save(saved.receipt)).unread.append(saved)
    return found


def _name(receipt: Receipt) -> tuple[int, int, bytes]:
    return receipt.first, receipt.count, receipt.root
