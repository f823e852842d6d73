"""Sub-accounts of a fund, an amount divided among them, and money held for an application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from domain.fund_shapes import FundSource


class HouseAccount(NamedTuple):
    """What the fund knows of a house: `head` is its owners' tag, None while the developer holds it."""

    area_m2_hundredths: int
    building: str | None
    head: str | None
    delivered: bool
    balance_fen: int


@dataclass(frozen=True, slots=True)
class Allotment:
    """Shares of an amount by house (fen): `charged` to sub-accounts, `owed` by owners whose account cannot bear it."""

    charged: Mapping[str, int]
    owed: Mapping[str, int]
    amount_fen: int

    @property
    def owed_fen(self) -> int:
        """What the owners pay themselves."""
        return sum(self.owed.values())


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money held for an approved application until `expires` (an instant)."""

    application: str
    policy: str
    source: FundSource
    amount_fen: int
    expires: str
    charged: Mapping[str, int]
    owed: Mapping[str, int]
