"""Lines of a register that say another day: what they take back of what earlier lines said, and what stays."""

from __future__ import annotations

from typing import Any

import pytest

from application import contracts, lift_changes, lifts
from application.work import Author
from domain.aggregate import Event
from domain.errors import Conflict
from domain.lifts import Lift
from domain.parties import Party
from tests.support.book import Book
from tests.support.seeding import seed

BUREAU = Author("party:0f8fad5b-d9cb-469f-a165-70867728950e", "market_regulator", areas=("370100",))
UNIT, NEXT_UNIT = (Author(f"party:{digit}f8fad5b-d9cb-469f-a165-70867728950e", "use_unit") for digit in "12")
FIRST, SECOND = (Author(f"party:{digit}f8fad5b-d9cb-469f-a165-70867728950e", "maintainer") for digit in "34")
CONTRACT = "contract:018f3a5b-d9cb-769f-a165-70867728950a"


@pytest.fixture
def book() -> Book:
    """Give a book of 2026-10-01 with two use units and two maintainers."""
    new = Book({a.id: a for a in (*lifts.ACTIONS, *lift_changes.ACTIONS, *contracts.ACTIONS)})
    new.now = "2026-10-01T00:00:00.000000Z"
    for author in (UNIT, NEXT_UNIT, FIRST, SECOND):
        seed(new, Party, author.party, BUREAU.party, Party.Registered, {"id": author.party, "kind": author.kind})
    return new


def take(book: Book, *lines: dict[str, Any]) -> Event:
    """Take over lines of one lift; gives the last one's event."""
    said = {
        "source": {"system": "register", "id": "1"}, "variety": "3110", "area": "370102", "status": "in_use",
        "identifiers": [{"scheme": "platform_code", "issuer": "register", "value": "1"}],
    }  # fmt: skip
    events = [event for line in lines for event in book.act(BUREAU, "lift.import", said | line)]
    return [event for event in events if event.TOPIC in {"lift.Registered", "lift.Corrected"}][-1]


def lift(book: Book) -> Lift:
    """Give the lift of the lines."""
    (name,) = (stream for stream in book.streams if stream.startswith("lift:"))
    return book.state(Lift, name)


@pytest.mark.parametrize(
    "first, second", [("2026-03-01", "2026-07-01"), ("2026-07-01", "2026-03-01")], ids=["later", "earlier"]
)  # fmt: skip
def test_another_day_since_when_the_status_is_so_moves_it(book: Book, first: str, second: str) -> None:
    """The register's wrong day stands no longer: nothing is known of the status before the right one."""
    event = take(book, {"status_since": first}, {"status_since": second})
    assert (event.found["changed"], event.found["moved"]) == (["status_since"], {"status": [first]})
    assert lift(book).statuses == ((second, "in_use"),)


def test_a_scrapping_of_another_day_leaves_the_lift_in_use_until_then(book: Book) -> None:
    """Before the right day it was what lines said before, and its numbers are its own as long as it lives."""
    used, scrapped = {"effective_on": "2026-01-01"}, {"effective_on": "2026-01-01", "status": "scrapped"}
    take(book, used, {**scrapped, "status_since": "2026-03-01"}, {**scrapped, "status_since": "2026-07-01"})
    assert lift(book).statuses == (("2026-01-01", "in_use"), ("2026-07-01", "scrapped"))
    take(book, {**scrapped, "status_since": "2026-12-01"})
    assert (lift(book).live_on("2026-10-01"), book.log[-1].TOPIC) == (True, "identifier.Claimed")
    with pytest.raises(Conflict) as refused:
        take(book, {**scrapped, "status_since": "2026-03-01"}, {"status_since": "2026-11-01"})
    assert refused.value.code == "scrapped_returns"


def test_another_status_leaves_what_was_before_its_day(book: Book) -> None:
    """That is a change and no correction; what lines said of later days it takes the place of."""
    take(book, {"status_since": "2026-03-01"}, {"status": "stopped", "status_since": "2026-07-01"})
    assert lift(book).statuses == (("2026-03-01", "in_use"), ("2026-07-01", "stopped"))
    event = take(book, {"status": "in_use", "status_since": "2026-05-01"})
    assert event.found["moved"] == {"status": ["2026-07-01"]}
    assert lift(book).statuses == (("2026-03-01", "in_use"), ("2026-05-01", "in_use"))


def test_what_another_act_said_of_the_day_stays(book: Book) -> None:
    """Only what a line said is taken back; and a day that is said no longer is not said to be wrong."""
    take(book, {"status_since": "2026-03-01"})
    name = lift(book).id
    for on in ("2026-03-01", "2026-05-01"):
        book.act(BUREAU, "lift.change_status", {"status": "stopped", "effective_on": on}, lift=name)
    event = take(book, {})
    assert (event.found["changed"], event.found["moved"]) == ([], {})
    assert lift(book).status_on("2026-10-01") == "stopped"
    event = take(book, {"status_since": "2026-02-01"})
    assert event.found["moved"] == {}
    assert lift(book).statuses == (("2026-02-01", "in_use"), ("2026-03-01", "stopped"), ("2026-05-01", "stopped"))


@pytest.mark.parametrize(
    "first, second", [("2026-09-01", "2026-01-01"), (None, "2026-01-01"), ("2026-01-01", "2026-09-01")], ids=str
)  # fmt: skip
def test_another_day_of_the_whole_line_moves_all_of_it(book: Book, first: str | None, second: str) -> None:
    """All that keeps its days, whoever had it then; a line that says no day was of the day it was taken over."""
    said = {
        "use_unit": UNIT.party, "maintainer": FIRST.party, "premises_class": "residential", "venue": "school",
        "authority": BUREAU.party,
    }  # fmt: skip
    seed(book, Party, BUREAU.party, BUREAU.party, Party.Registered, {"id": BUREAU.party, "kind": BUREAU.kind})
    take(book, said | ({"effective_on": first} if first else {}), {**said, "effective_on": second})
    now = lift(book)
    for history in (now.statuses, now.classes, now.use_units, now.areas, now.authorities, now.venues):
        assert [day for day, _ in history] == [second]
    assert [(term.from_date, term.to_date) for term in now.maintenance] == [(second, None)]
    take(book, said)
    assert (lift(book).statuses, lift(book).row) == (now.statuses, book.log[-1].said)


def test_a_later_day_moves_nothing_that_a_change_came_with(book: Book) -> None:
    """A line of a later day that changes something says since when that is so; the rest was so before as well."""
    take(book, {"effective_on": "2026-01-01", "use_unit": UNIT.party})
    event = take(book, {"effective_on": "2026-06-01", "use_unit": NEXT_UNIT.party})
    assert event.found["moved"] == {}
    event = take(book, {"effective_on": "2026-03-01", "use_unit": NEXT_UNIT.party})
    assert event.found["moved"] == {"use_unit": ["2026-06-01"]}
    now = lift(book)
    assert now.use_units == (("2026-01-01", UNIT.party), ("2026-03-01", NEXT_UNIT.party))
    assert now.statuses == (("2026-01-01", "in_use"),)
    take(book, {"effective_on": "2025-12-01", "use_unit": NEXT_UNIT.party})
    assert lift(book).use_units == (("2025-12-01", NEXT_UNIT.party),)


def test_a_stated_maintainer_of_another_day_leaves_its_place_to_the_one_before(book: Book) -> None:
    """What was stated before goes on until the right day, and a contract that took over from it still does."""
    first, second = ({"maintainer": author.party} for author in (FIRST, SECOND))
    take(book, {**first, "effective_on": "2026-01-01"}, {**second, "effective_on": "2026-03-01"})
    begun = {"id": CONTRACT, "maintainer": FIRST.party, "from_date": "2026-08-01", "level": "full"}
    book.act(BUREAU, "contract.begin", {**begun, "lifts": [lift(book).id]})
    event = take(book, {**second, "effective_on": "2026-05-01"})
    assert "findings" not in event.found
    terms = [(term.holder, term.from_date, term.to_date) for term in lift(book).maintenance]
    assert terms == [
        (FIRST.party, "2026-01-01", "2026-05-01"), (SECOND.party, "2026-05-01", "2026-08-01"),
        (FIRST.party, "2026-08-01", None),
    ]  # fmt: skip
    event = take(book, {**second, "effective_on": "2026-09-01"})
    (found,) = event.found["findings"]
    assert (found["code"], found["facts"]["contract"]) == ("maintenance_overlap", CONTRACT)


def test_lines_of_before_the_third_schema_took_nothing_back() -> None:
    """An event of schema 2 left what earlier lines said, and so it is read."""
    state: dict[str, Any] = {"said": {}, "found": {"changed": ["status_since"], "withdrawn": []}}
    Lift.Corrected.upcast_v2_v3(state)
    assert state["found"]["moved"] == {}
