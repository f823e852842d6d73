"""Houses (房屋分户账): one sub-account of a maintenance fund, named by a random id, never by the flat or its owner.

The fund's stream decides balances; the house's stream holds everything about the house, so that its owner can ask
for all of it. A charge is staged here and counts only once the fund posts it (domain-model C12).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge, Len
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Invalid
from domain.shapes import (
    AreaHundredths,
    BuildingName,
    CivilDate,
    Fen,
    FundName,
    HouseName,
    Label,
    Personal,
    PersonName,
    Source,
    VoteName,
    strict,
)
from domain.vote import Choice

CO_OWNERS_MAX = 20

CoOwners = Annotated[list[PersonName], Len(0, CO_OWNERS_MAX)]
PositiveFen = Annotated[Fen, Ge(1)]


@strict
class HouseOpening(TypedDict):
    """A house enters the fund: its area on the fund's basis, its owner sealed, what it first paid in (首期交存).

    `owner_person` names the buyer (the same for all his houses), `co_owner_persons` the others who own it with him
    (共有人): together they are one head. Neither is given while the developer holds the house; `delivered` is false
    until it is handed over (SPC property-division interpretation art. 9).
    """

    id: HouseName
    fund: FundName
    area_m2_hundredths: AreaHundredths
    building: NotRequired[BuildingName]
    delivered: bool
    owner_person: NotRequired[PersonName]
    owner_name: NotRequired[Annotated[Label, Personal(of="owner_person")]]
    co_owner_persons: NotRequired[CoOwners]
    first_deposit_fen: NotRequired[Fen]
    source: NotRequired[Source]


@strict
class HouseTransfer(TypedDict):
    """The house has a new owner; its balance goes with it (分户账随房屋所有权转移)."""

    delivered: bool
    on: CivilDate
    owner_person: NotRequired[PersonName]
    owner_name: NotRequired[Annotated[Label, Personal(of="owner_person")]]
    co_owner_persons: NotRequired[CoOwners]


@strict
class HouseDeposit(TypedDict):
    """Money paid in for one house (交存, 续交); `on` is the day the bank credited it."""

    house: HouseName
    amount_fen: PositiveFen
    on: NotRequired[CivilDate]
    source: NotRequired[Source]


@strict
class BallotPaper(TypedDict):
    """One house's ballot (表决票); `replaces` says that it takes the place of the one it cast before."""

    house: HouseName
    choice: Literal["agree", "disagree", "abstain"]
    on: NotRequired[CivilDate]
    replaces: NotRequired[Literal[True]]
    source: NotRequired[Source]


@strict
class BallotRevocation(TypedDict):
    """A house takes its ballot back while the vote is open."""

    vote: VoteName
    fund: FundName


def owners_of(said: Mapping[str, Any]) -> list[str]:
    """Give the persons who own a house (所有权人、共有人), by name; none while the developer holds it."""
    sealed = said.get("owner_name")
    first = said.get("owner_person") or (sealed.get("of") if isinstance(sealed, Mapping) else None)
    return sorted({*([first] if first else []), *said.get("co_owner_persons", ())})


def head_tag(fund: str, said: Mapping[str, Any]) -> str | None:
    """Give the equality tag of a house's owners within one fund; None while the developer holds it.

    The same persons give the same tag, and it tells nothing else: persons' ids are random, and another fund's tags
    cannot be compared (domain-model C13). Raises Invalid `owner_missing` for a house handed over to nobody.
    """
    persons = owners_of(said)
    if not persons:
        if said["delivered"]:
            raise Invalid("a house handed over has an owner", code="owner_missing", at="/owner_person")
        return None
    return hashlib.sha256("\0".join((fund, *persons)).encode()).hexdigest()[:32]


@dataclass
class House(Aggregate):
    """A house's own book; `charged_fen` and `refunded_fen` are staged amounts by application and by payment."""

    fund: str = ""
    area_m2_hundredths: int = 0
    building: str | None = None
    delivered: bool = False
    deposited_fen: int = 0
    charged_fen: dict[str, int] = field(default_factory=dict)
    owed_fen: dict[str, int] = field(default_factory=dict)
    refunded_fen: dict[str, int] = field(default_factory=dict)
    ballots: dict[str, Choice] = field(default_factory=dict)

    class Opened(Event):
        """The house entered the fund; `said` is a HouseOpening, `found.head` its owners' tag."""

        TOPIC = "house.Opened"

        def apply(self, aggregate: House) -> None:
            """Take over area, building and first deposit."""
            said: Mapping[str, Any] = self.said or {}
            aggregate.fund = said["fund"]
            aggregate.area_m2_hundredths = said["area_m2_hundredths"]
            aggregate.building = said.get("building")
            aggregate.delivered = said["delivered"]
            aggregate.deposited_fen = said.get("first_deposit_fen", 0)

    class Transferred(Event):
        """The house has a new owner; `said` is a HouseTransfer."""

        TOPIC = "house.Transferred"

        def apply(self, aggregate: House) -> None:
            """The balance stays with the house."""
            aggregate.delivered = (self.said or {})["delivered"]

    class Deposited(Event):
        """Money came in for the house; `said` is a HouseDeposit."""

        TOPIC = "house.Deposited"

        def apply(self, aggregate: House) -> None:
            """Add it."""
            aggregate.deposited_fen += (self.said or {})["amount_fen"]

    class BallotCast(Event):
        """The house voted; `said` is a BallotPaper, `found.vote` the vote."""

        TOPIC = "house.BallotCast"

        def apply(self, aggregate: House) -> None:
            """Keep the live ballot."""
            aggregate.ballots[self.found["vote"]] = (self.said or {})["choice"]

    class BallotRevoked(Event):
        """The house took its ballot back; `said` is a BallotRevocation."""

        TOPIC = "house.BallotRevoked"

        def apply(self, aggregate: House) -> None:
            """It has none."""
            aggregate.ballots.pop((self.said or {})["vote"], None)

    class Charged(Event):
        """Staged: the house's share of an application, `found {application, amount_fen, working}`.

        It counts from the fund.Posted of that application on, and never if there is none.
        """

        TOPIC = "house.Charged"

        def apply(self, aggregate: House) -> None:
            """Keep it by application."""
            aggregate.charged_fen[self.found["application"]] = self.found["amount_fen"]

    class ShareOwed(Event):
        """Staged: the sub-account cannot bear its share, so the owner pays it himself (MF09); `found` as in Charged."""

        TOPIC = "house.ShareOwed"

        def apply(self, aggregate: House) -> None:
            """Keep it by application."""
            aggregate.owed_fen[self.found["application"]] = self.found["amount_fen"]

    class Refunded(Event):
        """The house's part of money that came back, `found {application, payment, amount_fen, working}` (MF12)."""

        TOPIC = "house.Refunded"

        def apply(self, aggregate: House) -> None:
            """Add it to its payment's: refunds of two applications may once have had the same payment's name."""
            payment, known = self.found["payment"], aggregate.refunded_fen
            known[payment] = known.get(payment, 0) + self.found["amount_fen"]

    def balance_fen(self, posted: Collection[str]) -> int:
        """Give the balance when the fund has posted these applications and refund payments."""
        return self.deposited_fen - _of(self.charged_fen, posted) + _of(self.refunded_fen, posted)


def _of(amounts: Mapping[str, int], posted: Collection[str]) -> int:
    return sum(fen for name, fen in amounts.items() if name in posted)


def groups(houses: Iterable[str], size: int) -> list[list[str]]:
    """Cut houses, in the order of their names, into groups of `size` for staging."""
    ordered = sorted(houses)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]
