"""Relations on the day from which an act is effective: whoever had the lift then may say what was so then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from application import lift_changes, lifts
from application.work import Author
from domain.errors import Conflict, Forbidden
from domain.lifts import Lift
from domain.parties import Agent, Party
from tests.support.book import Book
from tests.support.seeding import seed

LIFT = "lift:018f3a5b-d9cb-769f-a165-70867728950e"
BUREAU = Author("party:0f8fad5b-d9cb-469f-a165-70867728950e", "market_regulator", areas=("370100",))
INSURER = Author("party:1f8fad5b-d9cb-469f-a165-70867728950e", "insurer")
UNIT = Author("party:2f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")
SERIAL = {"scheme": "factory_number", "issuer": "Maker", "value": "SGL20131212-1"}
OTHER_UNIT = Author("party:3f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")
NEXT_BUREAU = Author("party:4f8fad5b-d9cb-469f-a165-70867728950e", "market_regulator", areas=("370200",))


def known(book: Book, author: Author) -> None:
    """Let a party stand in the book."""
    seed(book, Party, author.party, author.party, Party.Registered, {"id": author.party, "kind": author.kind})


def handed_over() -> Book:
    """Give a book in which UNIT has the lift from 2025-01-01 and OTHER_UNIT from 2025-10-01; it is November."""
    book = Book({action.id: action for action in (*lifts.ACTIONS, *lift_changes.ACTIONS)})
    for author in (UNIT, OTHER_UNIT):
        known(book, author)
    said = {
        "id": LIFT, "identifiers": [{"scheme": "registration_code", "value": "2160 310101 200601 0101"}],
        "variety": "3110", "area": "370102", "status": "in_use", "premises_class": "residential",
        "effective_on": "2025-01-01", "use_unit": UNIT.party,
    }  # fmt: skip
    book.act(INSURER, "lift.register", said)
    named = {"use_unit": OTHER_UNIT.party, "effective_on": "2025-10-01"}
    book.act(UNIT, "lift.name_use_unit", named, lift=LIFT)
    return book


CHANGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "lift.reclassify": {"premises_class": "non_residential"}, "lift.change_status": {"status": "stopped"},
    "lift.move": {"unit_label": "A"}, "lift.identify": {"identifiers": [SERIAL]},
}  # fmt: skip


def may(book: Book, author: Author, action: str, said: Mapping[str, Any], on: str | None) -> bool:
    """Say whether somebody may state it from a day on; does it if so."""
    try:
        return bool(book.act(author, action, said if on is None else {**said, "effective_on": on}, lift=LIFT))
    except Forbidden:
        return False


@pytest.mark.parametrize("action", CHANGES)
def test_a_change_is_the_right_of_whoever_has_the_lift_from_that_day_on(action: str) -> None:
    """Neither may the successor rewrite the time before it, nor the predecessor that of its successor."""
    for author, on, allowed in (
        (OTHER_UNIT, "2025-06-01", False), (OTHER_UNIT, "2025-09-30", False), (OTHER_UNIT, "2025-10-01", True),
        (OTHER_UNIT, None, True), (UNIT, "2025-06-01", False), (UNIT, "2025-10-01", False), (UNIT, None, False),
        (BUREAU, "2025-06-01", True), (NEXT_BUREAU, "2025-06-01", False), (INSURER, "2025-06-01", True),
    ):  # fmt: skip
        assert may(handed_over(), author, action, CHANGES[action], on) == allowed, (author, on)


def test_what_was_so_in_ones_time_is_stated_late() -> None:
    """Once the successor has said how it was in its own time, the predecessor's late word ends there."""
    book = handed_over()
    stopped, plain = CHANGES["lift.change_status"], CHANGES["lift.reclassify"]
    assert may(book, OTHER_UNIT, "lift.change_status", {"status": "in_use"}, "2025-10-01")
    assert may(book, UNIT, "lift.change_status", stopped, "2025-09-15")
    assert not may(book, OTHER_UNIT, "lift.change_status", stopped, "2025-09-20")
    assert not may(book, UNIT, "lift.reclassify", plain, "2025-09-15")
    lift = book.state(Lift, LIFT)
    assert [lift.status_on(day) for day in ("2025-09-14", "2025-09-15", "2025-10-01")] == [
        "in_use",
        "stopped",
        "in_use",
    ]
    assert may(book, UNIT, "lift.name_use_unit", {"use_unit": UNIT.party}, "2025-06-01")
    assert not may(book, UNIT, "lift.name_use_unit", {"use_unit": UNIT.party}, "2025-10-01")


def test_a_past_user_scraps_no_lift() -> None:
    """Scrapping frees the identifiers at once, so it is never only a word on the past; nor is taking it back."""
    book = handed_over()
    assert may(book, OTHER_UNIT, "lift.change_status", {"status": "in_use"}, "2025-10-01")
    assert not may(book, UNIT, "lift.change_status", {"status": "scrapped"}, "2025-09-15")
    assert may(book, OTHER_UNIT, "lift.change_status", {"status": "scrapped"}, None)
    back = {"status": "in_use", "correction": True}
    assert not may(book, UNIT, "lift.change_status", back, "2025-09-15")
    assert may(book, OTHER_UNIT, "lift.change_status", back, None)


def test_who_takes_over_later_may_say_so_for_then() -> None:
    """A relation that is known to begin counts from its day on, and the one that ends then counts no longer."""
    book = handed_over()
    book.now = "2025-09-01T00:00:00.000000Z"
    stopped = CHANGES["lift.change_status"]
    assert may(book, OTHER_UNIT, "lift.change_status", stopped, "2025-10-02")
    assert not may(book, OTHER_UNIT, "lift.change_status", stopped, None)
    assert not may(book, UNIT, "lift.change_status", stopped, "2025-10-02")
    assert may(book, UNIT, "lift.change_status", stopped, None)


def test_a_unit_that_names_itself_takes_no_day_of_another() -> None:
    """Also a day on which nobody was known is not free when somebody is known after it."""
    book = handed_over()
    stranger = Author("party:5f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")
    known(book, stranger)
    for on in ("2024-06-01", "2025-06-01", "2025-11-01"):
        with pytest.raises(Forbidden):
            book.act(stranger, "lift.name_use_unit", {"use_unit": stranger.party, "effective_on": on}, lift=LIFT)


def test_a_unit_names_itself_for_no_day_gone_by() -> None:
    """By its own word it would read and state what was so before; the holder and whoever supervises may say that."""
    book = handed_over()
    lift = "lift:018f3a5b-d9cb-769f-a165-7086772895fe"
    said = {
        "id": lift, "identifiers": [{"scheme": "platform_code", "issuer": "p", "value": "77"}], "variety": "3110",
        "area": "370102", "status": "in_use",
    }  # fmt: skip
    book.act(BUREAU, "lift.register", said)
    unit = Author("party:5f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")
    known(book, unit)
    yesterday, today = "2025-10-31", "2025-11-01"
    with pytest.raises(Forbidden):
        book.act(unit, "lift.name_use_unit", {"use_unit": unit.party, "effective_on": yesterday}, lift=lift)
    assert book.act(unit, "lift.name_use_unit", {"use_unit": unit.party, "effective_on": today}, lift=lift)
    assert book.act(BUREAU, "lift.name_use_unit", {"use_unit": unit.party, "effective_on": yesterday}, lift=lift)


def test_supervision_follows_the_lift_from_day_to_day() -> None:
    """After a move each district's regulator may state what was so while the lift stood in its area."""
    book = handed_over()
    assert may(book, BUREAU, "lift.move", {"area": "370202"}, "2025-08-01")
    stop = CHANGES["lift.change_status"]
    for author, on, allowed in (
        (BUREAU, "2025-07-31", False), (BUREAU, "2025-08-01", False), (NEXT_BUREAU, "2025-07-31", False),
        (NEXT_BUREAU, "2025-08-01", True), (BUREAU, "2025-07-31", True), (BUREAU, "2020-01-01", True),
        (NEXT_BUREAU, "2020-01-01", False),
    ):  # fmt: skip
        assert may(book, author, "lift.change_status", stop, on) == allowed, (author, on)


def test_a_town_whose_code_ends_in_zeros_has_no_right_in_its_neighbours() -> None:
    """Towns (镇) are numbered from 100: the office of 370102100 is no nearer to 370102105 than that of 370102101."""
    book = handed_over()
    assert may(book, BUREAU, "lift.move", {"area": "370102105"}, "2025-01-01")
    for area in ("370102100", "370102101", "370102200", "370102105100", "370102105"):
        town = Author("party:6f8fad5b-d9cb-469f-a165-70867728950e", "market_regulator", areas=(area,))
        assert may(book, town, "lift.reclassify", CHANGES["lift.reclassify"], None) == (area == "370102105"), area


def test_the_safety_officer_acts_for_the_unit_of_that_day() -> None:
    """Named from a day on, the officer must be an agent of whoever is the use unit then."""
    book = handed_over()
    officer = "agent:3f8fad5b-d9cb-469f-a165-70867728950e"
    said = {"id": officer, "party": OTHER_UNIT.party, "role": "safety_administrator"}
    seed(book, Agent, officer, OTHER_UNIT.party, Agent.Enrolled, said)
    named = {"officer": officer, "effective_on": "2025-06-01"}
    with pytest.raises(Conflict) as refused:
        book.act(BUREAU, "lift.name_safety_officer", named, lift=LIFT)
    assert refused.value.code == "officer_of_other_unit"
    named["effective_on"] = "2025-10-01"
    assert book.act(OTHER_UNIT, "lift.name_safety_officer", named, lift=LIFT)
    seed(book, Agent, officer, OTHER_UNIT.party, Agent.Left, {})
    with pytest.raises(Conflict) as refused:
        book.act(OTHER_UNIT, "lift.name_safety_officer", named, lift=LIFT)
    assert refused.value.code == "agent_left"
