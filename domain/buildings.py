"""Buildings (楼栋) and estates (小区), in which lifts stand.

Names and addresses here are those of buildings as registers publish them, not of persons: they are kept in clear.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.shapes import AreaCode, BuildingName, Code, EstateName, Label, Line, PartyName, Public, Source, strict

PublishedName = Annotated[Label, Public("the name of a building or estate, as registers publish it")]
PublishedAddress = Annotated[Line, Public("the address of a building or estate as registers publish it, without rooms")]

EstateType = Literal["commodity", "civil_servant", "resettlement", "reformed_public", "institution", "other"]
"""商品房小区, 公务员小区, 安置小区, 房改房, 机关事业单位院落, 其他."""

AreaBasis = Literal["building_area", "exclusive_area"]
"""建筑面积 (local funds usually), 专有面积 (Civil Code art. 283)."""


@strict
class BuildingDescription(TypedDict):
    """A building; describing it again replaces what was said."""

    id: BuildingName
    area: AreaCode
    name: NotRequired[PublishedName]
    address: NotRequired[PublishedAddress]
    venue: NotRequired[Code]
    estate: NotRequired[EstateName]
    source: NotRequired[Source]


@strict
class EstateDescription(TypedDict):
    """An estate; describing it again replaces what was said."""

    id: EstateName
    area: AreaCode
    name: PublishedName
    type: EstateType
    area_basis: NotRequired[AreaBasis]
    address: NotRequired[PublishedAddress]
    housing_bureau: NotRequired[PartyName]
    source: NotRequired[Source]


@strict
class BuildingEntry(TypedDict):
    """The building of an imported lift, found by its own source number."""

    source: Source
    name: NotRequired[PublishedName]
    address: NotRequired[PublishedAddress]
    venue: NotRequired[Code]


@strict
class EstateEntry(TypedDict):
    """The estate of an imported lift, found by its own source number."""

    source: Source
    name: PublishedName
    type: EstateType
    area_basis: NotRequired[AreaBasis]
    address: NotRequired[PublishedAddress]


@dataclass
class Building(Aggregate):
    """A building: where it is, its estate, the lifts in it, and who described it first."""

    holder: str = ""
    area: str = ""
    name: str | None = None
    address: str | None = None
    venue: str | None = None
    estate: str | None = None
    lifts: set[str] = field(default_factory=set)

    class Described(Event):
        """`said` is a BuildingDescription, or a BuildingEntry with `found.area` and `found.estate`."""

        TOPIC = "building.Described"

        def apply(self, aggregate: Building) -> None:
            """Take over what was said; the first author stays the holder."""
            said = self.said or {}
            aggregate.holder = aggregate.holder or self.author.party
            aggregate.area = said.get("area") or self.found["area"]
            aggregate.name = said.get("name")
            aggregate.address = said.get("address")
            aggregate.venue = said.get("venue")
            aggregate.estate = said.get("estate") or self.found.get("estate") or aggregate.estate

    class LiftPlaced(Event):
        """`found.lift` stands in it."""

        TOPIC = "building.LiftPlaced"

        def apply(self, aggregate: Building) -> None:
            """Count it in."""
            aggregate.lifts.add(self.found["lift"])

    class LiftLeft(Event):
        """`found.lift` stands in it no longer."""

        TOPIC = "building.LiftLeft"

        def apply(self, aggregate: Building) -> None:
            """Count it out."""
            aggregate.lifts.discard(self.found["lift"])


@dataclass
class Estate(Aggregate):
    """An estate: its type, its buildings, and lifts that stand in none of them."""

    holder: str = ""
    area: str = ""
    name: str = ""
    type: str = ""
    area_basis: str | None = None
    housing_bureau: str | None = None
    buildings: set[str] = field(default_factory=set)
    lifts: set[str] = field(default_factory=set)

    class Described(Event):
        """`said` is an EstateDescription, or an EstateEntry with `found.area`."""

        TOPIC = "estate.Described"

        def apply(self, aggregate: Estate) -> None:
            """Take over what was said; the first author stays the holder."""
            said = self.said or {}
            aggregate.holder = aggregate.holder or self.author.party
            aggregate.area = said.get("area") or self.found["area"]
            aggregate.name = said["name"]
            aggregate.type = said["type"]
            aggregate.area_basis = said.get("area_basis")
            aggregate.housing_bureau = said.get("housing_bureau")

    class BuildingAdded(Event):
        """`found.building` belongs to it."""

        TOPIC = "estate.BuildingAdded"

        def apply(self, aggregate: Estate) -> None:
            """Count it in."""
            aggregate.buildings.add(self.found["building"])

    class BuildingLeft(Event):
        """`found.building` belongs to it no longer."""

        TOPIC = "estate.BuildingLeft"

        def apply(self, aggregate: Estate) -> None:
            """Count it out."""
            aggregate.buildings.discard(self.found["building"])

    class LiftPlaced(Event):
        """`found.lift` stands in it, in no building that is known."""

        TOPIC = "estate.LiftPlaced"

        def apply(self, aggregate: Estate) -> None:
            """Count it in."""
            aggregate.lifts.add(self.found["lift"])

    class LiftLeft(Event):
        """`found.lift` stands in it no longer."""

        TOPIC = "estate.LiftLeft"

        def apply(self, aggregate: Estate) -> None:
            """Count it out."""
            aggregate.lifts.discard(self.found["lift"])
