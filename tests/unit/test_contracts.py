"""Maintenance contracts: whose lift it is on which day, overlaps, gaps, joining and ending."""

from __future__ import annotations

from typing import Any

import pytest

from application import contracts, lift_changes
from application import lifts as lift_actions
from application.work import AggregateCache, Author, Work
from domain.aggregate import Statement
from domain.contracts import LIFTS_PER_SAVE_MAX, Contract
from domain.errors import Conflict, Forbidden, Invalid
from domain.lifts import Lift
from domain.parties import Party
from tests.support.book import ORIGIN, Book
from tests.support.seeding import seed

UNIT = Author("party:2f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")
FIRST = Author("party:3f8fad5b-d9cb-469f-a165-70867728950e", "maintainer")
SECOND = Author("party:4f8fad5b-d9cb-469f-a165-70867728950e", "maintainer")
LIFTS = [f"lift:018f3a5b-d9cb-769f-a165-7086772895{n:02x}" for n in range(3)]
A = "contract:018f3a5b-d9cb-769f-a165-70867728950a"
B = "contract:018f3a5b-d9cb-769f-a165-70867728950b"


@pytest.fixture
def book() -> Book:
    """Give three lifts in the use unit's hands, and two maintainers."""
    new = Book({a.id: a for a in (*lift_actions.ACTIONS, *lift_changes.ACTIONS, *contracts.ACTIONS)})
    cache = AggregateCache()
    work = Work(ORIGIN, UNIT, new.now, new, cache, keep=cache)
    for author in (UNIT, FIRST, SECOND):
        work.new(Party, author.party).record(Party.Registered, Statement({"id": author.party, "kind": author.kind}))
    new.given(*work.journal.events)
    for number, name in enumerate(LIFTS):
        said = {
            "id": name, "identifiers": [{"scheme": "platform_code", "issuer": "p", "value": str(number)}],
            "variety": "3110", "area": "370102", "status": "in_use", "use_unit": UNIT.party,
            "effective_on": "2024-01-01",
        }  # fmt: skip
        new.act(UNIT, "lift.register", said)
    return new


def beginning(
    name: str, maintainer: Author, from_date: str, to_date: str | None = None, lifts: list[str] = LIFTS[:2]
) -> dict[str, Any]:
    """Give a contract for the first two lifts, or for others."""
    said = {"id": name, "maintainer": maintainer.party, "lifts": lifts, "from_date": from_date, "level": "full"}
    return said if to_date is None else {**said, "to_date": to_date}


def test_each_lift_notes_its_maintainer(book: Book) -> None:
    """A contract writes an event on itself and on each of its lifts, and answers who maintained on a day."""
    events = book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    assert [e.TOPIC for e in events] == ["contract.Begun", "lift.MaintainerChanged", "lift.MaintainerChanged"]
    lift = book.state(Lift, LIFTS[0])
    days = ("2024-12-31", "2025-01-01", "2025-12-31", "2026-01-01")
    assert [lift.maintainer_on(day) for day in days] == [None, FIRST.party, FIRST.party, None]
    assert lift.maintainer == FIRST.party


def test_an_overlap_and_a_gap_are_flagged(book: Book) -> None:
    """Two contracts on one day, or days between two, are findings; the one begun last answers."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    events = book.act(SECOND, "contract.begin", beginning(B, SECOND, "2025-07-01", "2026-07-01"))
    assert [f["code"] for f in events[0].found["findings"]] == ["maintenance_overlap"] * 2
    assert book.state(Lift, LIFTS[0]).maintainers_on("2025-08-01") == (SECOND.party, FIRST.party)
    third = "contract:018f3a5b-d9cb-769f-a165-70867728950c"
    events = book.act(FIRST, "contract.begin", beginning(third, FIRST, "2026-08-01"))
    facts = events[0].found["findings"][0]
    assert (facts["code"], facts["facts"]["from_date"], facts["facts"]["to_date"]) == (
        "maintenance_gap", "2026-07-01", "2026-08-01",
    )  # fmt: skip


def test_lifts_join_and_leave(book: Book) -> None:
    """A lift that leaves keeps its days; one that joins begins then; a new end reaches all."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    said = {"effective_on": "2025-06-01", "leaving": [LIFTS[0]], "joining": [LIFTS[2]], "to_date": "2027-01-01"}
    events = book.act(UNIT, "contract.change", said, contract=A)
    assert len(events) == 4
    left, stays, joined = (book.state(Lift, name) for name in LIFTS)
    assert (left.maintainer_on("2025-05-31"), left.maintainer_on("2025-06-01")) == (FIRST.party, None)
    assert stays.maintainer_on("2026-12-31") == FIRST.party
    assert (joined.maintainer_on("2025-05-31"), joined.maintainer_on("2025-06-01")) == (None, FIRST.party)
    with pytest.raises(Conflict) as refused:
        book.act(UNIT, "contract.change", {"effective_on": "2025-06-01", "leaving": [LIFTS[0]]}, contract=A)
    assert refused.value.code == "lifts_of_contract"


def test_a_lift_that_comes_back_keeps_its_earlier_term(book: Book) -> None:
    """Who had it on a day is asked of every term of the contract, and the days between are told (T5002-2017)."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2027-01-01"))
    book.act(FIRST, "contract.change", {"effective_on": "2025-06-01", "leaving": [LIFTS[0]]}, contract=A)
    back = book.act(FIRST, "contract.change", {"effective_on": "2026-01-01", "joining": [LIFTS[0]]}, contract=A)
    (gap,) = back[0].found["findings"]
    assert (gap["code"], gap["facts"]["from_date"], gap["facts"]["to_date"]) == (
        "maintenance_gap", "2025-06-01", "2026-01-01",
    )  # fmt: skip

    def had() -> list[bool]:
        lift = book.state(Lift, LIFTS[0])
        return [bool(lift.maintainers_on(f"{month}-15")) for month in ("2025-03", "2025-08", "2026-03", "2026-11")]

    assert had() == [True, False, True, True]
    book.act(FIRST, "contract.change", {"effective_on": "2025-12-01", "to_date": "2026-10-01"}, contract=A)
    assert had() == [True, False, True, False]
    book.act(FIRST, "contract.end", {"ended_on": "2026-02-01"}, contract=A)
    assert had() == [True, False, False, False]


@pytest.mark.parametrize(
    "back, left, expected",
    [
        ("2025-03-01", "2025-04-01", [("2025-01-01", "2025-03-01"), ("2025-03-01", "2025-04-01")]),
        ("2025-01-01", "2025-04-01", [("2025-01-01", "2025-04-01")]),
        ("2025-01-01", "2025-01-01", []),
        ("2025-06-01", "2025-06-01", [("2025-01-01", "2025-06-01")]),
        ("2024-12-01", "2024-12-01", [("2025-01-01", "2025-06-01")]),
    ],
)
def test_what_was_said_of_a_term_is_corrected_from_a_day_on(
    book: Book, back: str, left: str, expected: list[tuple[str, str]]
) -> None:
    """Joining on the day on which a term began replaces it, within it ends it there; joining and leaving is no term."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2024-12-01", "2027-01-01", lifts=LIFTS[1:]))
    for said in (
        {"effective_on": "2025-01-01", "joining": LIFTS[:1]}, {"effective_on": "2025-06-01", "leaving": LIFTS[:1]},
        {"effective_on": back, "joining": LIFTS[:1]}, {"effective_on": left, "leaving": LIFTS[:1]},
    ):  # fmt: skip
        book.act(FIRST, "contract.change", said, contract=A)
    assert [(term.from_date, term.to_date) for term in book.state(Lift, LIFTS[0]).maintenance] == expected


def test_a_lift_leaves_while_the_contract_runs(book: Book) -> None:
    """Leaving makes no term longer than the contract's: after its end it is refused as the contract's own end is."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    late = {"effective_on": "2026-12-01", "leaving": LIFTS[:1]}
    for said in (late, {**late, "to_date": "2026-11-30"}, {**late, "effective_on": "2026-01-02"}):
        with pytest.raises(Invalid) as refused:
            book.act(FIRST, "contract.change", said, contract=A)
        assert refused.value.code == "outside_contract"
    book.act(FIRST, "contract.change", {**late, "effective_on": "2026-01-01"}, contract=A)
    book.act(FIRST, "contract.change", {**late, "leaving": LIFTS[1:2], "to_date": "2027-01-01"}, contract=A)
    terms = [book.state(Lift, name).maintenance for name in LIFTS[:2]]
    assert [[term.to_date for term in each] for each in terms] == [["2026-01-01"], ["2026-12-01"]]


def test_a_new_end_reaches_no_more_lifts_than_a_save_holds(book: Book) -> None:
    """A contract of two hundred lifts that others joined since: some leave first, then the rest gets its new end."""
    many = [f"lift:018f3a5b-d9cb-769f-a165-7086772896{n:02x}" for n in range(LIFTS_PER_SAVE_MAX)]
    for number, name in enumerate(many):
        said = {
            "id": name, "identifiers": [{"scheme": "platform_code", "issuer": "q", "value": str(number)}],
            "variety": "3110", "area": "370102", "status": "in_use", "effective_on": "2024-01-01",
        }  # fmt: skip
        book.act(UNIT, "lift.register", said)
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01", many))
    book.act(FIRST, "contract.change", {"effective_on": "2025-02-01", "joining": LIFTS[:1]}, contract=A)
    with pytest.raises(Conflict) as refused:
        book.act(FIRST, "contract.change", {"effective_on": "2025-03-01", "to_date": "2027-01-01"}, contract=A)
    assert refused.value.code == "too_many_lifts"
    book.act(FIRST, "contract.change", {"effective_on": "2025-03-01", "leaving": many[:1]}, contract=A)
    book.act(FIRST, "contract.change", {"effective_on": "2025-03-01", "to_date": "2027-01-01"}, contract=A)
    assert book.state(Lift, LIFTS[0]).maintainer_on("2026-12-31") == FIRST.party


def test_a_contract_does_not_change_before_it_begins(book: Book) -> None:
    """On its first day it may; a day before, nobody says anything of it."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    with pytest.raises(Invalid) as refused:
        book.act(FIRST, "contract.change", {"effective_on": "2024-12-31", "to_date": "2027-01-01"}, contract=A)
    assert refused.value.code == "before_contract"
    book.act(FIRST, "contract.change", {"effective_on": "2025-01-01", "to_date": "2027-01-01"}, contract=A)
    assert book.state(Contract, A).to_date == "2027-01-01"


def test_a_lift_that_went_up_in_another_joins_no_contract(book: Book) -> None:
    """Its record is closed, for a change as for a beginning; it may still leave one."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    merger = {"into": LIFTS[1]}
    for name in (LIFTS[0], LIFTS[2]):
        book.act(UNIT, "lift.merge", merger, lift=name)
    with pytest.raises(Conflict) as refused:
        book.act(FIRST, "contract.change", {"effective_on": "2025-06-01", "joining": LIFTS[2:]}, contract=A)
    assert refused.value.code == "lift_merged"
    assert book.act(FIRST, "contract.change", {"effective_on": "2025-06-01", "leaving": LIFTS[:1]}, contract=A)


def test_a_contract_ends_once(book: Book) -> None:
    """Ending sets the end on each lift; a second end, or one outside the term, is refused."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    with pytest.raises(Invalid) as outside:
        book.act(FIRST, "contract.end", {"ended_on": "2026-02-01"}, contract=A)
    assert outside.value.code == "outside_contract"
    book.act(FIRST, "contract.end", {"ended_on": "2025-09-01"}, contract=A)
    assert book.state(Lift, LIFTS[1]).maintainer_on("2025-09-01") is None
    assert book.state(Contract, A).ended
    with pytest.raises(Conflict) as again:
        book.act(FIRST, "contract.end", {"ended_on": "2025-08-01"}, contract=A)
    assert again.value.code == "contract_ended"


def test_a_maintainer_cannot_write_anothers_contract(book: Book) -> None:
    """A contract is written by its own parties or by who manages all its lifts."""
    with pytest.raises(Forbidden):
        book.act(SECOND, "contract.begin", beginning(A, FIRST, "2025-01-01"))
    book.act(UNIT, "contract.begin", beginning(A, FIRST, "2025-01-01"))
    with pytest.raises(Forbidden):
        book.act(SECOND, "contract.end", {"ended_on": "2025-08-01"}, contract=A)


def test_what_was_merely_stated_ends_where_a_contract_begins(book: Book) -> None:
    """A maintainer stated at registration gives way to a contract without a gap or an overlap."""
    name = "lift:018f3a5b-d9cb-769f-a165-7086772895ff"
    said = {
        "id": name, "identifiers": [{"scheme": "platform_code", "issuer": "p", "value": "9"}], "variety": "3110",
        "area": "370102", "status": "in_use", "maintainer": FIRST.party, "effective_on": "2024-01-01",
    }  # fmt: skip
    book.act(UNIT, "lift.register", said)
    events = book.act(SECOND, "contract.begin", beginning(A, SECOND, "2025-01-01", lifts=[name]))
    assert "findings" not in events[0].found
    lift = book.state(Lift, name)
    assert [lift.maintainers_on(d) for d in ("2024-06-01", "2025-06-01")] == [(FIRST.party,), (SECOND.party,)]


def test_a_lift_is_named_once(book: Book) -> None:
    """A lift named twice in one contract is refused."""
    with pytest.raises(Invalid) as refused:
        book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", lifts=[LIFTS[0], LIFTS[0]]))
    assert refused.value.code == "lift_repeated"


def test_who_uses_the_lifts_on_the_day_may_change_their_contract(book: Book) -> None:
    """A use unit that took the lifts over may change the contract from then on, not for the days before."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01"))
    successor = Author("party:5f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")
    seed(book, Party, successor.party, UNIT.party, Party.Registered, {"id": successor.party, "kind": "use_unit"})
    for lift in LIFTS:
        named = {"use_unit": successor.party, "effective_on": "2025-10-01"}
        book.act(UNIT, "lift.name_use_unit", named, lift=lift)
    leave = {"effective_on": "2025-06-01", "leaving": [LIFTS[0]]}
    with pytest.raises(Forbidden):
        book.act(successor, "contract.change", leave, contract=A)
    with pytest.raises(Forbidden):
        book.act(successor, "contract.end", {"ended_on": "2025-09-30"}, contract=A)
    with pytest.raises(Forbidden):
        book.act(UNIT, "contract.change", {**leave, "effective_on": "2025-10-01"}, contract=A)
    with pytest.raises(Forbidden):  # what it said of June would hold on in its successor's time
        book.act(UNIT, "contract.change", leave, contract=A)
    assert book.act(successor, "contract.change", {**leave, "effective_on": "2025-10-01"}, contract=A)
