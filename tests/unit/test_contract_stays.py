"""Stays of lifts in maintenance contracts: leaving ahead of the day, ends told late, levels, what was stated first."""

from __future__ import annotations

import pytest

from application.work import Author
from domain.contracts import Contract
from domain.errors import Forbidden
from domain.lifts import Lift
from domain.parties import Party
from tests.support.book import Book
from tests.support.contracting import (
    FIRST,
    LIFTS,
    NEXT_UNIT,
    SECOND,
    UNIT,
    A,
    B,
    beginning,
    contracting,
    seams,
    stated,
)
from tests.support.seeding import seed


@pytest.fixture
def book() -> Book:
    """Give three lifts in the use unit's hands, and two maintainers."""
    return contracting()


@pytest.mark.parametrize("act", ["end", "shorten"])
def test_who_left_on_a_day_to_come_is_in_no_contract_that_ended_before(book: Book, act: str) -> None:
    """A leaving told ahead of its day outlasts nothing: nobody maintains the lift once the contract has ended."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01"))
    book.act(FIRST, "contract.change", {"effective_on": "2026-12-01", "leaving": LIFTS[:1]}, contract=A)
    if act == "end":
        events = book.act(FIRST, "contract.end", {"ended_on": "2026-06-01"}, contract=A)
    else:
        shorter = {"effective_on": "2026-01-01", "to_date": "2026-06-01"}
        events = book.act(FIRST, "contract.change", shorter, contract=A)
    assert [event.originator_id for event in events] == [A, *([LIFTS[1], LIFTS[0]] if act == "end" else LIFTS[:2])]
    terms = [book.state(Lift, name).maintenance for name in LIFTS[:2]]
    assert [[(term.from_date, term.to_date) for term in each] for each in terms] == [[("2025-01-01", "2026-06-01")]] * 2
    if act == "shorten":
        book.act(FIRST, "contract.change", {"effective_on": "2026-01-01", "to_date": "2027-01-01"}, contract=A)
        assert [book.state(Lift, n).maintenance[0].to_date for n in LIFTS[:2]] == ["2026-12-01", "2027-01-01"]


def test_an_end_told_late_ends_what_left_since(book: Book) -> None:
    """Whoever left, came back and left again was in the contract until it ended, and no longer."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01"))
    for on, how in (("2025-03-01", "leaving"), ("2025-05-01", "joining"), ("2025-08-01", "leaving")):
        book.act(FIRST, "contract.change", {"effective_on": on, how: LIFTS[:1]}, contract=A)
    book.act(FIRST, "contract.end", {"ended_on": "2025-06-01"}, contract=A)
    terms = [(term.from_date, term.to_date) for term in book.state(Lift, LIFTS[0]).maintenance]
    assert terms == [("2025-01-01", "2025-03-01"), ("2025-05-01", "2025-06-01")]


def test_a_use_unit_ends_nothing_of_a_lift_that_is_anothers(book: Book) -> None:
    """Neither by a lift that has left, perhaps on a day to come: a contract's own parties do."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01"))
    seed(book, Party, NEXT_UNIT.party, UNIT.party, Party.Registered, {"id": NEXT_UNIT.party, "kind": "use_unit"})
    named = {"use_unit": NEXT_UNIT.party, "effective_on": "2025-02-01"}
    book.act(UNIT, "lift.name_use_unit", named, lift=LIFTS[0])
    book.act(FIRST, "contract.change", {"effective_on": "2026-12-01", "leaving": LIFTS[:1]}, contract=A)
    with pytest.raises(Forbidden):
        book.act(UNIT, "contract.end", {"ended_on": "2026-06-01"}, contract=A)
    assert book.act(UNIT, "contract.end", {"ended_on": "2026-12-01"}, contract=A)


def test_each_level_holds_from_its_day(book: Book) -> None:
    """What is agreed from a day on is not so before; of the same day the last word holds."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01"))
    for on, level in (("2025-06-01", "labour"), ("2025-06-01", "on_demand"), ("2025-03-01", "labour")):
        book.act(FIRST, "contract.change", {"effective_on": on, "level": level}, contract=A)
    contract = book.state(Contract, A)
    assert contract.levels == (("2025-01-01", "full"), ("2025-03-01", "labour"), ("2025-06-01", "on_demand"))
    assert contract.level == "labour"


@pytest.mark.parametrize("maintainer", [FIRST, SECOND])
def test_who_was_stated_maintained_it_before_also_where_a_contract_begins_that_day(
    book: Book, maintainer: Author
) -> None:
    """A register and the contracts of its lifts come in on one day: a visit of the day before is no stranger's."""
    lift = stated(book)
    assert not seams(book.act(UNIT, "contract.begin", beginning(A, maintainer, "2024-01-01", lifts=[lift])))
    held = book.state(Lift, lift)
    assert held.engaged_on("2023-12-31") == (FIRST.party,)
    assert held.maintainers_on("2023-12-31") == ()
    assert held.maintainers_on("2024-01-01") == (maintainer.party,)
    book.act(UNIT, "contract.end", {"ended_on": "2024-01-01"}, contract=A)
    assert not seams(book.act(UNIT, "contract.begin", beginning(B, SECOND, "2024-02-01", lifts=[lift])))
