"""Sub-accounts of a fund, an amount divided among them, and money held for an application."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from domain.errors import Conflict
from domain.fund_shapes import POOLED, FundSource
from domain.money import apportion


class HouseAccount(NamedTuple):
    """What the fund knows of a house: `head` is its owners' tag, None while the developer holds it."""

    area_m2_hundredths: int
    building: str | None
    head: str | None
    delivered: bool
    balance_fen: int


@dataclass(frozen=True, slots=True)
class Beside:
    """Applications whose money no reservation holds (C3): it is `out` and due back, or `under_way` and may leave yet.

    An application stands once for each payment of its own, in the order of names.
    """

    out: tuple[str, ...] = ()
    under_way: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(sorted((*self.out, *self.under_way)))


@dataclass(frozen=True, slots=True)
class Allotment:
    """Shares of an amount by house (fen): `charged` to sub-accounts, `owed` by owners whose account cannot bear it.

    `area_m2_hundredths` is that of the whole scope, with houses whose share comes to no fen.
    """

    charged: Mapping[str, int]
    owed: Mapping[str, int]
    amount_fen: int
    area_m2_hundredths: int = 0

    @property
    def owed_fen(self) -> int:
        """What the owners pay themselves."""
        return sum(self.owed.values())


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money held for an approved application until `expires` (an instant), and the area it was divided by."""

    application: str
    policy: str
    source: FundSource
    amount_fen: int
    expires: str
    charged: Mapping[str, int]
    owed: Mapping[str, int]
    area_m2_hundredths: int = 0


def by_house(reservations: Iterable[Reservation]) -> dict[str, int]:
    """Sum what they take from each house's balance."""
    taken: dict[str, int] = {}
    for reservation in reservations:
        for house, fen in reservation.charged.items():
            taken[house] = taken.get(house, 0) + fen
    return taken


def pooled_fen(reservations: Iterable[Reservation]) -> int:
    """Sum what they take from undistributed income."""
    return sum(reservation.amount_fen for reservation in reservations if reservation.source in POOLED)


def allotted(total_fen: int, scope: Mapping[str, HouseAccount], taken: Mapping[str, int]) -> Allotment:
    """Divide an amount by area over the houses of a scope (Civil Code 283), by largest remainder.

    A house whose balance without what is `taken` of it is below its share pays its whole share itself (Qingdao 2025:
    余额不足的由业主自行承担), so no balance falls below zero.
    """
    charged: dict[str, int] = {}
    owed: dict[str, int] = {}
    areas = {name: house.area_m2_hundredths for name, house in scope.items()}
    for house, fen in apportion(total_fen, areas).items():
        bears = scope[house].balance_fen - taken.get(house, 0) >= fen
        if fen:
            (charged if bears else owed)[house] = fen
    return Allotment(charged, owed, sum(charged.values()), sum(areas.values()))


def borne_fen(
    held: Reservation, houses: Mapping[str, HouseAccount], income_fen: int, others: Collection[Reservation]
) -> int:
    """Give what the houses that a reservation charges, or the income, can bear of it besides others."""
    if held.source in POOLED:
        return income_fen - pooled_fen(others)
    taken = by_house(others)
    return sum(min(fen, houses[name].balance_fen - taken.get(name, 0)) for name, fen in held.charged.items())


def taken_by(reservations: Iterable[Reservation], policy: str, source: str) -> str | None:
    """Name the application that takes money for what a source bears of a policy, of those given; None if none does."""
    return next((r.application for r in reservations if (r.policy, r.source) == (policy, source)), None)


def applied_already(other: str) -> Conflict:
    """Make the refusal of an application for what another one holds or has paid money for."""
    return Conflict("money for this policy is held or paid already", code="policy_applied_already", by=other)


def insufficient(wanted_fen: int, free_fen: int) -> Conflict:
    """Make the refusal of an amount above what the fund can bear."""
    return Conflict("the fund cannot bear this", code="fund_insufficient", wanted_fen=wanted_fen, free_fen=free_fen)
