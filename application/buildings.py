"""Describing buildings and estates, and placing lifts in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.actions import Action, Writes
from application.ids import new_name
from application.relations import supervises
from application.work import Work
from domain.aggregate import Because, Statement
from domain.buildings import Building, BuildingDescription, Estate, EstateDescription
from domain.catalogue import venues
from domain.errors import Invalid
from domain.parties import Party

Path = Mapping[str, str]
LINES_MAX = 80


def check_venue(said: Mapping[str, Any]) -> None:
    """Raise Invalid `venue_unknown` for a venue that is not in the code list."""
    venue = said.get("venue")
    if venue is not None and venue not in venues():
        raise Invalid("no such kind of place", code="venue_unknown", at="/venue", known=sorted(venues()))


def join(work: Work, building: str, estate: str | None, before: str | None, because: Because) -> None:
    """Record on the estates that a building belongs to `estate`, and to `before` no longer."""
    if estate == before:
        return
    if before is not None:
        work.change(Estate, before).record(Estate.BuildingLeft, because, {"building": building})
    if estate is not None:
        work.change(Estate, estate).record(Estate.BuildingAdded, because, {"building": building})


def describe_building(work: Work, statement: Statement, _path: Path) -> None:
    """Describe a building, or describe it anew: then by its holder or whoever supervises its area."""
    said = statement.said
    check_venue(said)
    building = work.open(Building, said["id"])
    new = building.version == 0
    work.allow(
        "building.describe", holder=new or building.holder == work.author.party,
        supervises=supervises(work, building.area or said["area"]),
    )  # fmt: skip
    if new:
        work.source(said, "building", building.id)
    if "estate" in said:
        work.read(Estate, said["estate"])
    before = building.estate
    because = building.record(Building.Described, statement)
    join(work, building.id, building.estate, before, because)


def describe_estate(work: Work, statement: Statement, _path: Path) -> None:
    """Describe an estate, or anew: then by its holder, whoever supervises its area, or its housing bureau."""
    said = statement.said
    estate = work.open(Estate, said["id"])
    new = estate.version == 0
    party = work.author.party
    work.allow(
        "estate.describe", holder=new or estate.holder == party, administers=estate.housing_bureau == party,
        supervises=supervises(work, estate.area or said["area"]),
    )  # fmt: skip
    if new:
        work.source(said, "estate", estate.id)
    if "housing_bureau" in said:
        work.read(Party, said["housing_bureau"])
    estate.record(Estate.Described, statement)


# ------------------------------------------------------------------------------------------------ in imported lines


def building_of(work: Work, statement: Statement, last: Mapping[str, Any] | None, estate: str | None) -> str | None:
    """Find the building of an imported line by its own number, or begin it; give its name, None if the line has none.

    `last` is the building as the lift's line before said it. A building on first sight is described by the line; one
    that is known only where the same lift said something else of it before: lines about one building often differ.
    """
    said = statement.said.get("building")
    if said is None:
        return None
    known = work.known_source(said["source"], "building")
    if known is not None and (last is None or last["source"] != said["source"] or last == said):
        return known
    check_venue(said)
    name = known or new_name("building")
    building = work.new(Building, name) if known is None else work.change(Building, name)
    if known is None:
        work.source(said, "building", name)
    found = {"building": name, "area": statement.said["area"]} | ({} if estate is None else {"estate": estate})
    before = building.estate
    because = building.record(Building.Described, statement.part("/building", said), found)
    join(work, name, building.estate, before, because)
    return name


def estate_of(work: Work, statement: Statement, last: Mapping[str, Any] | None) -> str | None:
    """Find the estate of an imported line by its own number, or begin it, as `building_of` does."""
    said = statement.said.get("estate")
    if said is None:
        return None
    known = work.known_source(said["source"], "estate")
    if known is not None and (last is None or last["source"] != said["source"] or last == said):
        return known
    name = known or new_name("estate")
    estate = work.new(Estate, name) if known is None else work.change(Estate, name)
    if known is None:
        work.source(said, "estate", name)
    found = {"estate": name, "area": statement.said["area"]}
    estate.record(Estate.Described, statement.part("/estate", said), found)
    return name


def place(work: Work, lift: str, building: str | None, estate: str | None, because: Because) -> None:
    """Record that the lift stands in the building, or in the estate where no building is known."""
    if building is not None:
        work.change(Building, building).record(Building.LiftPlaced, because, {"lift": lift})
    elif estate is not None:
        work.change(Estate, estate).record(Estate.LiftPlaced, because, {"lift": lift})


def leave(work: Work, lift: str, building: str | None, estate: str | None, because: Because) -> None:
    """Record that the lift stands there no longer."""
    if building is not None:
        work.change(Building, building).record(Building.LiftLeft, because, {"lift": lift})
    elif estate is not None:
        work.change(Estate, estate).record(Estate.LiftLeft, because, {"lift": lift})


PLACING = (
    Writes("building.LiftPlaced", "building:", derived=True),
    Writes("building.LiftLeft", "building:", derived=True),
    Writes("estate.LiftPlaced", "estate:", derived=True),
    Writes("estate.LiftLeft", "estate:", derived=True),
)
JOINING = (
    Writes("estate.BuildingAdded", "estate:", derived=True),
    Writes("estate.BuildingLeft", "estate:", derived=True),
)

ACTIONS = (
    Action(
        "building.describe", "POST", "/buildings", BuildingDescription, describe_building,
        (Writes("building.Described", "{id}"), *JOINING),
        "Describe a building", "登记楼栋", group_lines=LINES_MAX,
    ),
    Action(
        "estate.describe", "POST", "/estates", EstateDescription, describe_estate,
        (Writes("estate.Described", "{id}"),), "Describe an estate", "登记小区", group_lines=LINES_MAX,
    ),
)  # fmt: skip
