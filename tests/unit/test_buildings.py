"""Where lifts stand: moves between buildings and estates, noted on the lift and on both places."""

from __future__ import annotations

import pytest

from domain.buildings import Building, Estate
from domain.lifts import Lift
from tests.unit.test_lifts import BUILDING, BUREAU, ESTATE, LIFT, new_book, registration, topics


def test_a_move_is_recorded_on_both_places() -> None:
    """Moving leaves the old building and enters the new one, whose estate becomes the lift's."""
    book = new_book()
    second = "building:018f3a5b-d9cb-769f-a165-708677289510"
    book.act(BUREAU, "estate.describe", {"id": ESTATE, "area": "370102", "name": "Garden", "type": "commodity"})
    book.act(BUREAU, "building.describe", {"id": BUILDING, "area": "370102"})
    events = book.act(BUREAU, "building.describe", {"id": second, "area": "370102", "estate": ESTATE})
    assert topics(events) == ["building.Described", "estate.BuildingAdded"]
    book.act(BUREAU, "lift.register", registration(building=BUILDING))
    events = book.act(BUREAU, "lift.move", {"building": second}, lift=LIFT)
    assert topics(events) == ["lift.Moved", "building.LiftLeft", "building.LiftPlaced"]
    assert book.state(Building, BUILDING).lifts == set()
    assert book.state(Building, second).lifts == {LIFT}
    assert book.state(Lift, LIFT).estate == ESTATE
    assert book.state(Estate, ESTATE).buildings == {second}
    other = "estate:018f3a5b-d9cb-769f-a165-708677289511"
    book.act(BUREAU, "estate.describe", {"id": other, "area": "370102", "name": "Park", "type": "commodity"})
    events = book.act(BUREAU, "lift.move", {"estate": other}, lift=LIFT)
    assert topics(events) == ["lift.Moved", "building.LiftLeft", "estate.LiftPlaced"]
    assert (book.state(Lift, LIFT).building, book.state(Lift, LIFT).estate) == (None, other)


@pytest.mark.parametrize("known", [True, False])
def test_an_estate_that_is_told_moves_no_lift_out_of_its_building(known: bool) -> None:
    """What is left out stays: the building is the estate's, or nobody has said whose it is."""
    book = new_book()
    book.act(BUREAU, "estate.describe", {"id": ESTATE, "area": "370102", "name": "Garden", "type": "commodity"})
    belongs = {"estate": ESTATE} if known else {}
    book.act(BUREAU, "building.describe", {"id": BUILDING, "area": "370102", **belongs})
    book.act(BUREAU, "lift.register", registration(building=BUILDING))
    events = book.act(BUREAU, "lift.move", {"estate": ESTATE}, lift=LIFT)
    assert (topics(events), events[0].found["building"]) == (["lift.Moved"], BUILDING)
    lift = book.state(Lift, LIFT)
    assert (lift.building, lift.estate, book.state(Building, BUILDING).lifts) == (BUILDING, ESTATE, {LIFT})
    events = book.act(BUREAU, "lift.move", {"unit_label": "B2", "area": "370103"}, lift=LIFT)
    lift = book.state(Lift, LIFT)
    assert (topics(events), lift.estate, lift.area) == (["lift.Moved"], ESTATE, "370103")
