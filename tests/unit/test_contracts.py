"""Maintenance contracts: whose lift it is on which day, overlaps, gaps, joining and ending."""

from __future__ import annotations

from typing import Any

import pytest

from application.work import Author
from domain.contracts import LIFTS_PER_SAVE_MAX, Contract
from domain.errors import Conflict, Forbidden, Invalid
from domain.histories import Term, with_term
from domain.lifts import Lift
from domain.parties import Party
from tests.support.book import Book
from tests.support.contracting import (
    ELSEWHERE,
    FIRST,
    LIFTS,
    NEXT_UNIT,
    REGULATOR,
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
    assert seams(events) == ["maintenance_overlap"] * 2
    assert book.state(Lift, LIFTS[0]).maintainers_on("2025-08-01") == (SECOND.party, FIRST.party)
    third = "contract:018f3a5b-d9cb-769f-a165-70867728950c"
    events = book.act(FIRST, "contract.begin", beginning(third, FIRST, "2026-08-01"))
    facts = events[1].found["findings"][0]
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
    (gap,) = back[1].found["findings"]
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


@pytest.mark.parametrize("author", [UNIT, REGULATOR, SECOND])
def test_what_was_merely_stated_ends_where_a_contract_begins(book: Book, author: Author) -> None:
    """By the word of use unit, supervisor or whoever registered it a contract takes over without gap or overlap."""
    lift = stated(book, SECOND if author == SECOND else REGULATOR)
    assert not seams(book.act(author, "contract.begin", beginning(A, SECOND, "2025-01-01", lifts=[lift])))
    maintainers = [book.state(Lift, lift).maintainers_on(day) for day in ("2024-06-01", "2025-06-01")]
    assert maintainers == [(FIRST.party,), (SECOND.party,)]


def test_what_was_stated_within_the_contract_says_nothing_beside_it(book: Book) -> None:
    """Of its first day, or of the same maintainer later on, so that its early end leaves nobody; another overlaps."""
    lift = stated(book)
    assert not seams(book.act(UNIT, "contract.begin", beginning(A, SECOND, "2024-01-01", "2025-01-01", lifts=[lift])))
    assert book.state(Lift, lift).maintainers_on("2025-01-01") == ()
    for maintainer, found, expected in ((FIRST, [], ()), (SECOND, ["maintenance_overlap"], (FIRST.party,))):
        again = Book(book.actions, book.now, {k: list(v[:1]) for k, v in book.streams.items()})
        said = beginning(A, maintainer, "2023-01-01", "2025-01-01", lifts=[lift])
        assert seams(again.act(REGULATOR, "contract.begin", said)) == found
        assert again.state(Lift, lift).maintainers_on("2025-01-01") == expected


def test_the_maintainer_that_was_stated_goes_on_by_its_own_contract(book: Book) -> None:
    """Its word ends what was stated of itself, so that the contract's end is one."""
    lift = stated(book)
    ended = beginning(A, FIRST, "2025-01-01", "2025-06-01", lifts=[lift])
    assert not seams(book.act(FIRST, "contract.begin", ended))
    assert book.state(Lift, lift).maintainers_on("2025-06-01") == ()


def test_a_strangers_contract_turns_nobody_out(book: Book) -> None:
    """Both run, whoever reads the lift is told so, and what the contract's parties change later alters nothing."""
    lift = stated(book)
    events = book.act(SECOND, "contract.begin", beginning(A, SECOND, "2025-01-01", "2025-06-01", lifts=[lift]))
    (found,) = events[1].found["findings"]
    assert (found["code"], found["facts"]) == ("maintenance_overlap", {"lift": lift, "maintainer": FIRST.party})
    assert book.state(Lift, lift).maintainers_on("2025-03-01") == (SECOND.party, FIRST.party)
    longer = {"effective_on": "2025-03-01", "to_date": "2025-09-01"}
    assert not seams(book.act(SECOND, "contract.change", longer, contract=A))
    book.act(SECOND, "contract.end", {"ended_on": "2025-08-01"}, contract=A)
    assert book.state(Lift, lift).maintainers_on("2025-08-01") == (FIRST.party,)


def test_a_lift_that_joins_by_a_strangers_word_keeps_its_maintainer(book: Book) -> None:
    """Joining is a beginning: only whoever answers for the lift ends what was stated of it."""
    lift = stated(book)
    book.act(SECOND, "contract.begin", beginning(A, SECOND, "2025-01-01"))
    joining = {"effective_on": "2025-02-01", "joining": [lift]}
    assert seams(book.act(SECOND, "contract.change", joining, contract=A)) == ["maintenance_overlap"]
    assert book.state(Lift, lift).maintainers_on("2025-03-01") == (SECOND.party, FIRST.party)


def test_terms_of_before_the_second_schema_ended_what_was_stated() -> None:
    """An event of schema 1 did so whoever wrote the contract, and so it is read."""
    state: dict[str, Any] = {"said": None, "found": {}}
    Lift.MaintainerChanged.upcast_v1_v2(state)
    assert state["found"] == {"ends_stated": None}
    stated_of = (Term("", FIRST.party, "2024-01-01"), Term("", FIRST.party, "2025-01-01"))
    new = Term(A, SECOND.party, "2025-01-01")
    assert with_term(stated_of, new, ends_stated=None) == (
        Term("", FIRST.party, "2024-01-01", "2025-01-01"), stated_of[1], new,
    )  # fmt: skip


def test_a_use_unit_contracts_for_its_own_lifts_alone(book: Book) -> None:
    """To be named in a contract is no relation to a lift, neither to begin with nor for a lift that joins."""
    for author in (NEXT_UNIT, ELSEWHERE):
        seed(book, Party, author.party, UNIT.party, Party.Registered, {"id": author.party, "kind": author.kind})
    said = beginning(A, SECOND, "2025-01-01")
    for author in (NEXT_UNIT, ELSEWHERE):
        with pytest.raises(Forbidden):
            book.act(author, "contract.begin", {**said, "use_unit": NEXT_UNIT.party})
    book.act(SECOND, "contract.begin", {**said, "use_unit": NEXT_UNIT.party})
    with pytest.raises(Forbidden):
        book.act(
            NEXT_UNIT, "contract.change", {"effective_on": "2025-02-01", "joining": [LIFTS[2]]}, contract=A
        )  # fmt: skip
    assert book.act(UNIT, "contract.begin", beginning(B, SECOND, "2025-01-01", lifts=[LIFTS[2]]))


def test_owners_who_use_a_lift_themselves_contract_for_it(book: Book) -> None:
    """A committee that is the use unit contracts, also with the manufacturer, who may write that contract as well."""
    committee = Author("party:9f8fad5b-d9cb-469f-a165-70867728950e", "owners_committee")
    maker = Author("party:af8fad5b-d9cb-469f-a165-70867728950e", "manufacturer")
    for author in (committee, maker):
        seed(book, Party, author.party, UNIT.party, Party.Registered, {"id": author.party, "kind": author.kind})
    said = beginning(A, maker, "2025-01-01", lifts=LIFTS[:1])
    with pytest.raises(Forbidden):
        book.act(committee, "contract.begin", said)
    book.act(UNIT, "lift.name_use_unit", {"use_unit": committee.party, "effective_on": "2024-06-01"}, lift=LIFTS[0])
    book.act(committee, "contract.begin", said)
    assert book.act(maker, "contract.end", {"ended_on": "2025-08-01"}, contract=A)


def test_an_extension_that_meets_another_contract_is_flagged(book: Book) -> None:
    """Whichever end of a term an act moves: the overlap is told once, on each lift."""
    book.act(UNIT, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    book.act(UNIT, "contract.begin", beginning(B, SECOND, "2026-01-01"))
    longer = {"effective_on": "2025-11-01", "to_date": "2027-01-01"}
    assert seams(book.act(FIRST, "contract.change", longer, contract=A)) == ["maintenance_overlap"] * 2
    assert not seams(book.act(FIRST, "contract.change", {**longer, "to_date": "2026-06-01"}, contract=A))


@pytest.mark.parametrize("act", ["end", "shorten", "leave"])
def test_an_early_end_before_another_contract_is_flagged(book: Book, act: str) -> None:
    """The days until the next contract begins are told of each lift that the act touches; its own end alone is none."""
    book.act(UNIT, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    book.act(UNIT, "contract.begin", beginning(B, SECOND, "2026-01-01"))
    if act == "end":
        events = book.act(FIRST, "contract.end", {"ended_on": "2025-10-01"}, contract=A)
    else:
        more = {"to_date": "2025-10-01"} if act == "shorten" else {"leaving": LIFTS[:2]}
        events = book.act(FIRST, "contract.change", {"effective_on": "2025-10-01", **more}, contract=A)
    for event in events[1:]:
        (gap,) = event.found["findings"]
        days = {"contract": A, "from_date": "2025-10-01", "to_date": "2026-01-01"}
        assert (gap["code"], gap["facts"]) == ("maintenance_gap", {"lift": event.originator_id, **days})
    assert not seams(book.act(SECOND, "contract.end", {"ended_on": "2026-06-01"}, contract=B))


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
