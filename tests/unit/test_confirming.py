"""Whose word on a contract of maintenance gives its maintainer rights: his own gives none until it is confirmed."""

from __future__ import annotations

from typing import Any

import pytest

from application.relations import to_lift
from application.work import AggregateCache, Author, Work
from domain.contracts import Contract
from domain.errors import Conflict, DomainError, Forbidden, Invalid
from domain.lifts import Lift
from domain.parties import Party
from tests.support.book import ORIGIN, Book
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

NUMBER = {"identifiers": [{"scheme": "platform_code", "issuer": "q", "value": "77"}]}


@pytest.fixture
def book() -> Book:
    """Give three lifts in the use unit's hands, and two maintainers."""
    return contracting()


def has(book: Book, who: Author, day: str, lift: str = LIFTS[0]) -> bool:
    """Say whether somebody stands to a lift as its maintainer on a day."""
    cache = AggregateCache()
    work = Work(ORIGIN, who, book.now, book, cache, keep=cache)
    held = to_lift(work, book.state(Lift, lift), day, day)["maintains"]
    assert held == (who.party in book.state(Lift, lift).entrusted_on(day))
    return held


def days(book: Book, who: Author, *wanted: str) -> list[bool]:
    """Say of days whether somebody has rights on them as the first lift's maintainer."""
    return [has(book, who, day) for day in wanted]


def confirm(book: Book, by: Author, on: str, lifts: list[str] = LIFTS[:2], contract: str = A) -> list[Any]:
    """Confirm a contract."""
    return book.act(by, "contract.confirm", {"effective_on": on, "lifts": lifts}, contract=contract)


def test_a_maintainers_own_word_engages_him_and_gives_no_right(book: Book) -> None:
    """He is held to what he said, and may do nothing of the lift until its use unit confirms it: from that day on."""
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-12-01"))
    lift = book.state(Lift, LIFTS[0])
    assert (lift.engaged_on("2025-03-01"), lift.unconfirmed_on("2025-03-01")) == ((FIRST.party,), (FIRST.party,))
    assert not has(book, FIRST, "2025-03-01")
    act = {**NUMBER, "effective_on": "2025-06-01"}
    with pytest.raises(Forbidden):
        book.act(FIRST, "lift.identify", act, lift=LIFTS[0])
    events = confirm(book, UNIT, "2025-06-01", LIFTS[:1])
    assert [e.TOPIC for e in events] == ["contract.Confirmed", "lift.MaintainerChanged"]
    assert days(book, FIRST, "2025-05-31", "2025-06-01", "2026-11-30", "2026-12-01") == [False, True, True, False]
    assert book.state(Lift, LIFTS[0]).unconfirmed_on("2025-06-01") == ()
    assert not has(book, FIRST, "2025-06-01", LIFTS[1])
    assert book.act(FIRST, "lift.identify", act, lift=LIFTS[0])


@pytest.mark.parametrize("author", [UNIT, REGULATOR])
def test_whoever_answers_for_the_lift_entrusts_it(book: Book, author: Author) -> None:
    """By beginning the contract himself, for all its days."""
    book.act(author, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01"))
    assert days(book, FIRST, "2024-12-31", "2025-01-01", "2025-12-31", "2026-01-01") == [False, True, True, False]


def test_a_contract_is_not_lengthened_by_its_maintainers_word(book: Book) -> None:
    """He runs on, and has rights for the days that were confirmed; another end by the use unit entrusts him anew."""
    book.act(UNIT, "contract.begin", beginning(A, FIRST, "2025-01-01", "2025-07-01"))
    longer = {"effective_on": "2025-06-01", "to_date": "2026-12-01"}
    book.act(FIRST, "contract.change", longer, contract=A)
    assert book.state(Lift, LIFTS[0]).engaged_on("2025-08-01") == (FIRST.party,)
    assert days(book, FIRST, "2025-06-30", "2025-07-01") == [True, False]
    book.act(UNIT, "contract.change", {"effective_on": "2025-09-01", "to_date": "2026-11-01"}, contract=A)
    assert days(book, FIRST, "2025-06-30", "2025-08-31", "2025-09-01", "2026-10-31") == [True, False, True, True]


def test_what_was_taken_away_is_not_given_again_by_the_maintainers_word(book: Book) -> None:
    """The use unit shortens the contract or lets a lift leave; what the maintainer says then gives nothing back."""
    book.act(UNIT, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-01-01", LIFTS))
    book.act(UNIT, "contract.change", {"effective_on": "2025-02-01", "to_date": "2025-06-01"}, contract=A)
    book.act(FIRST, "contract.change", {"effective_on": "2025-02-01", "to_date": "2026-01-01"}, contract=A)
    assert days(book, FIRST, "2025-05-31", "2025-06-01") == [True, False]
    book.act(UNIT, "contract.change", {"effective_on": "2025-03-01", "leaving": LIFTS[:1]}, contract=A)
    book.act(FIRST, "contract.change", {"effective_on": "2025-04-01", "joining": LIFTS[:1]}, contract=A)
    assert days(book, FIRST, "2025-02-28", "2025-04-15") == [True, False]
    confirm(book, UNIT, "2025-05-01", LIFTS[:1])
    assert days(book, FIRST, "2025-02-28", "2025-04-30", "2025-05-01", "2025-12-31") == [True, False, True, True]


def test_a_party_that_a_contract_names_confirms_nothing_by_changing_it(book: Book) -> None:
    """A friend named as its use unit answers for no lift: its word is worth no more than the maintainer's own."""
    seed(book, Party, NEXT_UNIT.party, UNIT.party, Party.Registered, {"id": NEXT_UNIT.party, "kind": "use_unit"})
    book.act(FIRST, "contract.begin", {**beginning(A, FIRST, "2025-01-01", "2025-07-01"), "use_unit": NEXT_UNIT.party})
    longer = {"effective_on": "2025-01-01", "to_date": "2026-07-01"}
    book.act(NEXT_UNIT, "contract.change", longer, contract=A)
    assert days(book, FIRST, "2025-03-01", "2025-08-01") == [False, False]
    with pytest.raises(Forbidden):
        confirm(book, NEXT_UNIT, "2025-01-01")


def test_who_used_the_lift_once_entrusts_nobody_with_it_now(book: Book) -> None:
    """He is named in the contract and may change it; of days that are another's his word confirms nothing."""
    seed(book, Party, NEXT_UNIT.party, UNIT.party, Party.Registered, {"id": NEXT_UNIT.party, "kind": "use_unit"})
    for unit, on in ((NEXT_UNIT, "2025-02-01"), (UNIT, "2025-09-01")):
        book.act(UNIT, "lift.name_use_unit", {"use_unit": unit.party, "effective_on": on}, lift=LIFTS[0])
    book.act(FIRST, "contract.begin", {**beginning(A, FIRST, "2025-02-01"), "use_unit": NEXT_UNIT.party})
    until = {"effective_on": "2025-03-01", "to_date": "2026-12-01"}
    book.act(NEXT_UNIT, "contract.change", until, contract=A)
    assert days(book, FIRST, "2025-03-01", "2025-10-01") == [False, False]


def test_whom_the_register_states_keeps_his_rights_by_a_contract_of_his_own(book: Book) -> None:
    """From the day of which he is stated; his contract's end is one, and its lengthening his own word."""
    lift = stated(book)
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2023-06-01", "2025-06-01", [lift]))
    wanted = [False, True, True, False]
    assert [has(book, FIRST, d, lift) for d in ("2023-12-31", "2024-01-01", "2025-05-31", "2025-06-01")] == wanted
    book.act(FIRST, "contract.change", {"effective_on": "2025-01-01", "to_date": "2026-06-01"}, contract=A)
    assert not has(book, FIRST, "2025-06-01", lift)


def test_a_confirmed_contract_takes_the_place_of_what_was_stated(book: Book) -> None:
    """If it is confirmed from the lift's first day in it; from a later one both run on, as they were found to."""
    lift = stated(book)
    assert seams(book.act(SECOND, "contract.begin", beginning(B, SECOND, "2025-01-01", lifts=[lift])))
    assert has(book, FIRST, "2025-03-01", lift)
    assert not seams(confirm(book, UNIT, "2025-02-01", [lift], B))
    assert book.state(Lift, lift).entrusted_on("2025-03-01") == (SECOND.party, FIRST.party)
    confirm(book, UNIT, "2025-01-01", [lift], B)
    assert book.state(Lift, lift).maintainers_on("2025-03-01") == (SECOND.party,)
    assert book.state(Lift, lift).entrusted_on("2024-12-31") == (FIRST.party,)


def test_who_may_confirm_what(book: Book) -> None:
    """Who answers for all the lifts on the day and today, for lifts that are in the contract while it runs."""
    seed(book, Party, NEXT_UNIT.party, UNIT.party, Party.Registered, {"id": NEXT_UNIT.party, "kind": "use_unit"})
    book.act(FIRST, "contract.begin", beginning(A, FIRST, "2025-01-01", "2026-12-01"))
    book.act(UNIT, "lift.name_use_unit", {"use_unit": NEXT_UNIT.party, "effective_on": "2025-09-01"}, lift=LIFTS[0])
    refused: list[tuple[Author, str, list[str], type[DomainError], str]] = [
        (FIRST, "2025-09-01", LIFTS[:1], Forbidden, "right_missing"),
        (SECOND, "2025-09-01", LIFTS[:1], Forbidden, "right_missing"),
        (ELSEWHERE, "2025-09-01", LIFTS[:1], Forbidden, "right_missing"),
        (NEXT_UNIT, "2025-08-31", LIFTS[:1], Forbidden, "right_missing"),
        (NEXT_UNIT, "2025-09-01", LIFTS[:2], Forbidden, "right_missing"),
        (REGULATOR, "2024-12-31", LIFTS[:1], Invalid, "before_contract"),
        (REGULATOR, "2026-12-01", LIFTS[:1], Invalid, "outside_contract"),
        (REGULATOR, "2025-09-01", LIFTS[2:], Conflict, "lift_not_in_contract"),
    ]
    for author, on, lifts, error, code in refused:
        with pytest.raises(error) as told:
            confirm(book, author, on, lifts)
        assert told.value.code == code, (author, on)
    assert confirm(book, NEXT_UNIT, "2025-09-01", LIFTS[:1])
    assert confirm(book, REGULATOR, "2026-11-30")
    assert book.state(Contract, A).to_date == "2026-12-01"


@pytest.mark.parametrize(
    "author, ends, trusted",
    [(UNIT, [], True), (FIRST, [], False), (FIRST, None, False), (FIRST, ["2024-01-01"], True), (UNIT, None, True)],
)
def test_earlier_events_mean_what_their_author_could_say(
    book: Book, author: Author, ends: list[str] | None, trusted: bool
) -> None:
    """Before schema 3 a term was its maintainer's own word if he wrote it and it ended nothing that was stated."""
    found = {
        "contract": A, "maintainer": FIRST.party, "from_date": "2025-01-01", "to_date": "2026-01-01",
        "ends_stated": ends,
    }  # fmt: skip
    state: dict[str, Any] = {"said": None, "found": found}
    Lift.MaintainerChanged.upcast_v2_v3(state)
    seed(book, Lift, LIFTS[0], author.party, Lift.MaintainerChanged, {}, state["found"])
    assert days(book, FIRST, "2024-12-31", "2025-01-01", "2026-01-01") == [False, trusted, False]
