"""Limits for one person and for one accident, over all claims of the accident."""

from __future__ import annotations

import pytest

from application.ids import new_name
from tests.support.book import Book
from tests.support.claiming import BY_INSURER, LIMIT_FEN, LOSS_AT, approval, insured, notified, refusal


def test_limits_for_a_person_and_an_accident() -> None:
    """The part's own levels are held too: for each person named, and over all claims of one occurrence."""
    book = insured(part_limits={"per_person_fen": 3_000, "per_accident_fen": 5_000})
    occurrence = new_name("occurrence")
    people = [{"role": "injured", "person": new_name("person")} for _ in range(2)]
    one = notified(book, occurrence=occurrence)
    two = notified(book, occurrence=occurrence, claimants=people)
    refused = refusal(book, BY_INSURER, "claim.approve", approval(3_001), **one)
    assert (refused.code, refused.details["level"]) == ("limit_exceeded", "person")
    book.act(BY_INSURER, "claim.approve", approval(3_000), **one)
    refused = refusal(book, BY_INSURER, "claim.approve", approval(2_001), **two)
    assert refused.details["level"] == "accident"
    assert refused.details["remaining_fen"] == 2_000
    book.act(BY_INSURER, "claim.approve", approval(2_000), **two)


def person(role: str = "injured", name: str | None = None) -> dict[str, str]:
    """Give a claimant."""
    return {"role": role, "person": name or new_name("person")}


def left(book: Book, path: dict[str, str]) -> int:
    """Give what an approval above the limit for one person is told to be left."""
    refused = refusal(book, BY_INSURER, "claim.approve", approval(LIMIT_FEN), **path)
    assert (refused.code, refused.details["level"]) == ("limit_exceeded", "person")
    assert isinstance(refused.details["remaining_fen"], int)
    return refused.details["remaining_fen"]


ALI = new_name("person")


@pytest.mark.parametrize(
    "claimants, persons",
    [
        ([person("injured", ALI), person("injured", ALI)], 1),
        ([person("injured", ALI), person("trapped", ALI)], 1),
        ([person("injured"), *(person("dependant") for _ in range(4))], 1),
        ([person("dependant"), person("dependant")], 1),
        ([person("insured"), person("repairer"), person("owner")], 1),
        ([person("injured"), person("trapped"), person("employee")], 3),
    ],
)
def test_the_limit_for_one_person_counts_those_whom_the_loss_befell(
    claimants: list[dict[str, str]], persons: int
) -> None:
    """Each of them once; dependants and others claim for one of them and have no limit of their own."""
    book = insured(part_limits={"per_person_fen": 1_000})
    path = notified(book, kind="death", claimants=claimants)
    assert left(book, path) == persons * 1_000
    book.act(BY_INSURER, "claim.approve", approval(persons * 1_000), **path)


@pytest.mark.parametrize(
    "claimants, persons", [([], 3), ([person("trapped")], 3), ([person("trapped") for _ in range(4)], 4)]
)
def test_all_who_were_trapped_count_named_or_not(claimants: list[dict[str, str]], persons: int) -> None:
    """The benefit is for each person trapped (domain-model L5)."""
    book = insured(part_limits={"per_person_fen": 50_000})
    entrapment = {"alarm_at": LOSS_AT, "released_at": "2026-03-01T02:40:00.000000Z", "persons": 3}
    named = {"claimants": claimants} if claimants else {}
    path = notified(book, part="entrapment", kind="entrapment", entrapment=entrapment, **named)
    assert left(book, path) == persons * 50_000


def test_one_person_has_one_limit_over_all_claims_of_the_accident() -> None:
    """What another claim took or holds for him counts, whether the occurrence or only the instant is the same."""
    book = insured(part_limits={"per_person_fen": 1_000})
    occurrence = new_name("occurrence")
    first = notified(book, occurrence=occurrence, claimants=[person("injured", ALI)])
    again = notified(book, occurrence=occurrence, claimants=[person("injured", ALI), person("dependant")])
    unnamed = notified(book, claimants=[person("injured", ALI)])
    both = notified(book, occurrence=occurrence, claimants=[person("injured", ALI), person()])
    other_day = notified(book, claimants=[person("injured", ALI)], loss_at="2026-03-02T02:00:00.000000Z")
    book.act(BY_INSURER, "claim.approve", approval(600), **first)
    assert (left(book, again), left(book, unnamed), left(book, both)) == (400, 400, 1_400)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 300}, **again)
    assert (left(book, unnamed), left(book, both)) == (100, 1_100)
    book.act(BY_INSURER, "claim.approve", approval(100), **unnamed)
    book.act(BY_INSURER, "claim.approve", approval(300), **again)
    assert (left(book, both), left(book, other_day)) == (1_000, 1_000)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **both)


def test_an_accident_is_reserved_for_once() -> None:
    """Held and used amounts of all its claims come to the limit for one accident at the most."""
    book = insured(part_limits={"per_accident_fen": 1_000})
    occurrence = new_name("occurrence")
    first, second = (notified(book, occurrence=occurrence) for _ in range(2))
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 700}, **first)
    refused = refusal(book, BY_INSURER, "claim.reserve", {"amount_fen": 301}, **second)
    assert (refused.code, refused.details["remaining_fen"]) == ("limit_exceeded", 300)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 300}, **second)
    book.act(BY_INSURER, "claim.approve", approval(700), **first)


def test_limits_that_the_policy_leaves_unsaid_are_as_filed() -> None:
    """The filed limits for a person, an accident and a lift's year bind where the policy says none (报行合一)."""
    filed = {"per_person_fen": 1_000, "per_accident_fen": 2_000, "per_lift_year_fen": 3_000}
    book = insured(filed_limits=filed, part_limits={"per_person_fen": 1_500})
    path = notified(book, claimants=[person(), person()])
    assert refusal(book, BY_INSURER, "claim.approve", approval(2_001), **path).details["level"] == "accident"
    book.act(BY_INSURER, "claim.approve", approval(2_000), **path)
    later = notified(book, loss_at="2026-03-02T02:00:00.000000Z")
    assert left(book, later) == 1_500
    refused = refusal(book, BY_INSURER, "claim.approve", approval(1_001), **later)
    assert (refused.code, refused.details["free_fen"]) == ("limit_exhausted", 1_000)
