"""Records of visits that say another one is wrong: what takes its place, who may say so, and what counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from application.ids import new_name
from domain.lifts import Lift
from domain.parties import Agent
from tests.support.book import Book
from tests.support.seeding import seed
from tests.support.visiting import (
    AREA,
    BY_MAINTAINER,
    BY_SIGNER,
    BY_STRANGER,
    CODES,
    FINISHED,
    MAINTAINER,
    WORKERS,
    YEAR,
    body,
    codes,
    named,
    refusal,
    signing,
    visit_of,
    visited,
    workshop,
)


@pytest.fixture
def book() -> Book:
    """A book with a pack in force, a lift with its use unit and maintainer, and two workers."""
    return workshop()


def correction(old: Mapping[str, Any]) -> dict[str, Any]:
    """Give a new record in the place of an old one."""
    return {"corrects": named(old, why="wrong_worker"), **body()}


def test_correction_is_a_new_record(book: Book) -> None:
    """Both records stay: the old one names the new, the new the old, and the old is signed no more."""
    old = body()
    book.act(BY_MAINTAINER, "visit.submit", old)
    signed = signing(book, old)
    new = correction(old)
    events = book.act(BY_MAINTAINER, "visit.correct", new)
    assert [e.TOPIC for e in events][:2] == ["visit.Corrected", "visit.Opened"]
    assert visit_of(book, old).corrected_by == new["opened"]["id"]
    assert visit_of(book, new).corrects == old["opened"]["id"]
    assert visit_of(book, old).finished_at == FINISHED
    assert refusal(book, BY_SIGNER, "visit.countersign", signed) == "visit_corrected"
    assert refusal(book, BY_MAINTAINER, "visit.correct", correction(old)) == "corrected_already"
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, new))) == []


def test_a_record_of_the_wrong_lift_or_year_is_corrected_too(book: Book) -> None:
    """The new one stands where it belongs, under a name of its own; the old one stays and counts no more."""
    other = new_name("lift")
    registered = {"id": other, "variety": "3110", "area": AREA, "status": "in_use", "maintainer": MAINTAINER}
    seed(book, Lift, other, MAINTAINER, Lift.Registered, {**registered, "identifiers": []}, {"on": "2025-01-01"})
    for changes in ({"lift": other}, {"opened_at": "2025-03-02T02:00:00.000000Z"}):
        old = body()
        book.act(BY_MAINTAINER, "visit.submit", old)
        new = {"corrects": named(old, why="wrong_lift"), **body(**changes)}
        again = {**new, "opened": {**new["opened"], "id": old["opened"]["id"]}}
        assert refusal(book, BY_MAINTAINER, "visit.correct", again) == "visit_exists"
        events = book.act(BY_MAINTAINER, "visit.correct", new)
        assert (events[0].originator_id, events[1].originator_id == YEAR) == (YEAR, False)
        assert visit_of(book, old).corrected_by == new["opened"]["id"]


def test_a_corrected_visit_counts_once_for_who_worked_on_it(book: Book) -> None:
    """Whoever stands in both records is told of the correction and counts one visit; who joins it counts it too."""
    old = body(workers=WORKERS[:1])
    book.act(BY_MAINTAINER, "visit.submit", old)
    new = {"corrects": named(old, why="worker_missing"), **body()}
    events = book.act(BY_MAINTAINER, "visit.correct", new)
    told = {e.originator_id: e.found.get("corrects") for e in events if e.TOPIC == "agent.WorkedOn"}
    assert told == {WORKERS[0]: old["opened"]["id"], WORKERS[1]: None}
    assert [book.state(Agent, worker).visits for worker in WORKERS] == [1, 1]
    book.act(BY_MAINTAINER, "visit.submit", body(opened_at="2026-03-02T04:00:00.000000Z"))
    assert [book.state(Agent, worker).visits for worker in WORKERS] == [2, 2]


def test_correction_after_the_signature_is_flagged(book: Book) -> None:
    """What was signed and then corrected must be seen to have been."""
    old = body()
    book.act(BY_MAINTAINER, "visit.submit", old)
    book.act(BY_SIGNER, "visit.countersign", signing(book, old))
    assert codes(book.act(BY_MAINTAINER, "visit.correct", correction(old))) == ["corrected_after_signature"]


def test_records_are_corrected_by_their_author(book: Book) -> None:
    """Another maintainer corrects nothing."""
    old = body()
    book.act(BY_MAINTAINER, "visit.open", old["opened"])
    assert refusal(book, BY_STRANGER, "visit.correct", correction(old)) == "right_missing"


def test_an_opening_that_never_ended_is_corrected(book: Book) -> None:
    """The new record stands in its place: nothing goes on in the old one, and each worker has been at one visit."""
    old = body()
    book.act(BY_MAINTAINER, "visit.open", old["opened"])
    events = book.act(BY_MAINTAINER, "visit.correct", correction(old))
    assert codes(events) == []
    assert [book.state(Agent, worker).visits for worker in WORKERS] == [1, 1]
    assert refusal(book, BY_MAINTAINER, "visit.finish", named(old, finished_at=FINISHED)) == "visit_corrected"
    assert refusal(book, BY_MAINTAINER, "visit.items", named(old, results={"normal": CODES})) == "visit_corrected"
    assert refusal(book, BY_MAINTAINER, "visit.correct", correction(old)) == "corrected_already"


def test_an_opening_excuses_no_record_that_comes_late(book: Book) -> None:
    """Whoever opens visits in time and tells what was done much later dates it back, by however many corrections."""
    old, new = body(), body()
    book.act(BY_MAINTAINER, "visit.open", old["opened"])
    book.now = "2026-03-20T04:00:00.000000Z"
    late = {"corrects": named(old, why="wrong_day"), **new}
    assert codes(book.act(BY_MAINTAINER, "visit.correct", late)) == ["back_dated"]
    book.now = "2026-03-30T04:00:00.000000Z"
    again = {"corrects": named(new, why="wrong_day"), **body()}
    assert codes(book.act(BY_MAINTAINER, "visit.correct", again)) == ["back_dated"]


def test_a_record_cannot_be_changed(book: Book) -> None:
    """Nothing is opened, itemised or finished twice."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    assert refusal(book, BY_MAINTAINER, "visit.submit", said) == "visit_exists"
    results = named(said, results={"normal": CODES})
    assert refusal(book, BY_MAINTAINER, "visit.items", results) == "visit_finished"
    assert refusal(book, BY_MAINTAINER, "visit.finish", named(said, finished_at=FINISHED)) == "visit_finished"
    begun = body()
    book.act(BY_MAINTAINER, "visit.open", begun["opened"])
    book.act(BY_MAINTAINER, "visit.items", named(begun, results={"normal": CODES}))
    assert refusal(book, BY_MAINTAINER, "visit.items", named(begun, results={})) == "items_recorded"
    assert refusal(book, BY_STRANGER, "visit.finish", named(begun, finished_at=FINISHED)) == "right_missing"


@pytest.mark.parametrize(
    "first, told, found",
    [
        ("2026-01-05", "2026-02-20", ["back_dated"]), ("2026-03-02", "2026-03-01", []),
        ("2026-03-02", "2026-02-20", ["back_dated"]), ("2026-02-20", "2026-02-20", []),
    ],
)  # fmt: skip
def test_a_correction_excuses_no_visit_of_after_the_first_record(
    book: Book, first: str, told: str, found: list[str]
) -> None:
    """What came in before the visit was told of another: whoever keeps old records in store dates nothing back."""
    book.now = f"{first}T04:00:00.000000Z"
    old = visited(first)
    book.act(BY_MAINTAINER, "visit.submit", old)
    book.now = "2026-03-20T04:00:00.000000Z"
    events = book.act(BY_MAINTAINER, "visit.correct", {"corrects": named(old, why="wrong_day"), **visited(told)})
    assert codes(events) == found
