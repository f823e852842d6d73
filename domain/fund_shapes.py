"""What may be said of a maintenance fund (住宅专项维修资金专户)."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NotRequired

from annotated_types import Ge
from typing_extensions import TypedDict

from domain.shapes import AreaCode, Code, EstateName, Fen, FundName, PartyName, Source, strict

FundSource = Literal["fund_principal", "fund_income", "emergency_fund"]
"""What pays: the houses' principal (本金), income not yet distributed (增值收益), or what of it is kept for emergency.

The last (应急备用金、房屋应急解危专项资金) is read as set aside out of the undistributed income, since no text of the
province says otherwise: both are one account, which never falls below zero.
"""

POOLED: Final[frozenset[FundSource]] = frozenset({"fund_income", "emergency_fund"})
"""Sources that are taken from as a whole: no house is charged."""


@strict
class FundOpening(TypedDict):
    """An estate's fund account (专户): commodity or public housing, the one area basis of all its houses.

    `premium_account` is the bureau's mapping of a premium to the ministry's accounts, which have none for it.
    """

    id: FundName
    estate: EstateName
    area: AreaCode
    kind: Literal["commodity_housing", "public_housing"]
    area_basis: Literal["exclusive_area", "building_area"]
    bank: PartyName
    bureau: PartyName
    committee: NotRequired[PartyName]
    manager: NotRequired[PartyName]
    premium_account: NotRequired[Literal["5001", "5901"]]
    source: NotRequired[Source]


@strict
class FundChange(TypedDict):
    """Who keeps, manages or represents the fund from now on; what is absent stays."""

    bank: NotRequired[PartyName]
    committee: NotRequired[PartyName]
    manager: NotRequired[PartyName]


@strict
class FundIncome(TypedDict):
    """Interest or other income of the fund as a whole, not yet distributed (增值收益)."""

    amount_fen: Annotated[Fen, Ge(1)]
    kind: Code
    source: NotRequired[Source]
