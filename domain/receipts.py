"""What each source of money bears of a premium (保费资金来源), and what of its money the insurer may keep.

Premium goes back to the sources that paid it, in the proportion they paid it in (MF12; domain-model C3, C4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from domain.dues import spread
from domain.money import apportion
from domain.policy_shapes import FUND_SOURCES

SUBSIDY_KINDS: Final = frozenset({"fiscal_subsidy"})
UNNAMED: Final = "other"
"""The source of an additional premium of which nobody said who pays it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One payment as the policy booked it: `held_fen` is premium, the rest of `amount_fen` is due back or came back."""

    source: str
    amount_fen: int
    held_fen: int


def held_by_source(receipts: Mapping[str, Receipt]) -> dict[str, int]:
    """Sum what is held of each source's money; sources of which nothing is held are left out."""
    held: dict[str, int] = {}
    for receipt in receipts.values():
        if receipt.held_fen:
            held[receipt.source] = held.get(receipt.source, 0) + receipt.held_fen
    return held


def released(receipts: Mapping[str, Receipt], amounts: Mapping[str, int]) -> dict[str, Receipt]:
    """Give the receipts after so much of each source's money is due back: of its payments by what is held of each."""
    after = dict(receipts)
    for source, fen in amounts.items():
        held = {name: r.held_fen for name, r in receipts.items() if r.source == source and r.held_fen}
        if held:
            for name, share_fen in apportion(min(fen, sum(held.values())), held).items():
                after[name] = replace(after[name], held_fen=after[name].held_fen - share_fen)
    return after


def borne_after(borne: Mapping[str, int], shares: Mapping[str, int]) -> dict[str, int]:
    """Give what each source bears after a change of so much for each of them."""
    return {kind: borne.get(kind, 0) + shares.get(kind, 0) for kind in dict.fromkeys((*borne, *shares))}


def over_by_source(held: Mapping[str, int], borne: Mapping[str, int]) -> dict[str, int]:
    """Give by source what is held above what it bears."""
    over = {source: fen - borne.get(source, 0) for source, fen in held.items()}
    return {source: fen for source, fen in over.items() if fen > 0}


def within(receipts: Mapping[str, Receipt], borne: Mapping[str, int], premium_fen: int) -> dict[str, Receipt]:
    """Give the receipts with no more held than the premium: what is above it is due back to whoever paid too much."""
    held = held_by_source(receipts)
    return released(receipts, spread(sum(held.values()) - premium_fen, over_by_source(held, borne)))


def split_change(delta_fen: int, borne: Mapping[str, int]) -> dict[str, int]:
    """Divide a change of premium, of which nobody named the sources, over those that bear the premium.

    Less premium lightens all of them in proportion (MF12). More of it falls on those that can owe more without being
    asked: neither on the owners' fund, which pays what its vote and its bureau approved, nor on a subsidy, which pays
    what was granted; where nobody else pays, the source is `other`.
    """
    if not delta_fen:
        return {}
    bound = FUND_SOURCES | SUBSIDY_KINDS if delta_fen > 0 else frozenset()
    weights = {kind: fen for kind, fen in borne.items() if fen > 0 and kind not in bound}
    shares = apportion(abs(delta_fen), weights or {UNNAMED: 1})
    return {kind: fen if delta_fen > 0 else -fen for kind, fen in shares.items() if fen}
