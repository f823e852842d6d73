"""Sub-accounts of a fund, an amount divided among them, and money held for an application."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from domain.errors import Conflict
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


def taken_by(reservations: Iterable[Reservation], policy: str, source: str) -> str | None:
    """Name the application that takes money for what a source bears of a policy, of those given; None if none does."""
    return next((r.application for r in reservations if (r.policy, r.source) == (policy, source)), None)


def applied_already(other: str) -> Conflict:
    """Make the refusal of an application for what another one holds or has paid money for."""
    return Conflict("money for this policy is held or paid already", code="policy_applied_already", by=other)
