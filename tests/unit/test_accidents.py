"""Which claims are of one accident: by their occurrence, by lift and instant, and by both in turn."""

from __future__ import annotations

from itertools import permutations

import pytest

from application import accidents
from application.ids import new_name
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_USE_UNIT,
    LOSS_AT,
    approval,
    insured,
    merged,
    notified,
    refusal,
    registered,
)

ALI, BAO = (new_name("person") for _ in range(2))
LATER_AT = "2026-03-01T02:05:00.000000Z"


def hurt(*persons: str) -> list[dict[str, str]]:
    """Give claimants."""
    return [{"role": "injured", "person": person} for person in persons]


def occurred(book: Book) -> str:
    """Have an occurrence described."""
    name = new_name("occurrence")
    book.act(BY_USE_UNIT, "occurrence.open", {"id": name, "at": LOSS_AT, "kind": "injury"})
    return name


def left(book: Book, path: dict[str, str], level: str = "person") -> int:
    """Give what a claim may still take, as the refusal of far too much tells it."""
    refused = refusal(book, BY_INSURER, "claim.approve", approval(5_000), **path)
    assert (refused.code, refused.details["level"]) == ("limit_exceeded", level)
    told = refused.details["remaining_fen"]
    assert isinstance(told, int)
    return told


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("same", [True, False])
def test_what_is_of_one_accident_with_a_third_is_of_one_accident(order: tuple[int, ...], *, same: bool) -> None:
    """One person has one limit whichever claim is decided first, also where the third is for somebody else."""
    book = insured(part_limits={"per_person_fen": 1_000})
    other, occurrence = registered(book), occurred(book)
    paths = [
        notified(book, claimants=hurt(ALI)),
        notified(book, claimants=hurt(ALI if same else BAO), occurrence=occurrence),
        notified(book, claimants=hurt(ALI), occurrence=occurrence, lift=other, loss_at=LATER_AT),
    ]
    taken = 0
    for which in order:
        if which == 1 and not same:
            continue
        assert left(book, paths[which]) == 1_000 - taken
        book.act(BY_INSURER, "claim.approve", approval(300), **paths[which])
        taken += 300


def test_one_accident_of_a_lift_has_one_limit_over_both_ties() -> None:
    """The third claim may be of another part, and have taken nothing."""
    book = insured(part_limits={"per_accident_fen": 1_000})
    occurrence = occurred(book)
    one = notified(book)
    notified(book, part="entrapment", occurrence=occurrence)
    two = notified(book, occurrence=occurrence, loss_at=LATER_AT)
    book.act(BY_INSURER, "claim.approve", approval(700), **two)
    assert left(book, one, "accident") == 300
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 300}, **one)
    refused = refusal(book, BY_INSURER, "claim.approve", approval(1, further=True), **two)
    assert (refused.code, refused.details["remaining_fen"]) == ("limit_exceeded", 0)


def test_persons_lead_from_one_accident_to_another_that_is_the_same() -> None:
    """A claim for two persons carries what the one took over to the other."""
    book = insured(part_limits={"per_person_fen": 1_000})
    other, occurrence = registered(book), occurred(book)
    both = notified(book, claimants=hurt(ALI, BAO))
    notified(book, occurrence=occurrence)
    far = notified(book, claimants=hurt(BAO), occurrence=occurrence, lift=other, loss_at=LATER_AT)
    own = notified(book, claimants=hurt(ALI))
    book.act(BY_INSURER, "claim.approve", approval(1_000), **far)
    book.act(BY_INSURER, "claim.approve", approval(600), **both)
    assert left(book, own) == 400


def test_other_accidents_of_the_same_person_have_limits_of_their_own() -> None:
    """Another instant, or another lift, without an occurrence in common."""
    book = insured(part_limits={"per_person_fen": 1_000})
    other = registered(book)
    for changes in (
        {},
        {"loss_at": LATER_AT},
        {"lift": other},
        {"occurrence": occurred(book), "lift": other, "loss_at": LATER_AT},
    ):
        path = notified(book, claimants=hurt(ALI), **changes)
        book.act(BY_INSURER, "claim.approve", approval(1_000), **path)


def test_an_instant_is_of_one_lift_on_whichever_record() -> None:
    """What was taken under the record that went up counts (C11)."""
    book = insured(part_limits={"per_person_fen": 1_000})
    other = registered(book)
    one, two = notified(book, claimants=hurt(ALI)), notified(book, claimants=hurt(ALI), lift=other)
    book.act(BY_INSURER, "claim.approve", approval(700), **two)
    merged(book, other, one["lift"])
    assert left(book, one) == 300


def test_a_claim_of_days_that_the_policy_does_not_cover_ties_others() -> None:
    """It has taken nothing of it, and is asked for nothing more than when and where it was."""
    book = insured(part_limits={"per_person_fen": 1_000})
    occurrence = occurred(book)
    notified(book, occurrence=occurrence, loss_at="2025-03-01T02:00:00.000000Z")
    one, two = (notified(book, claimants=hurt(ALI), occurrence=occurrence) for _ in range(2))
    book.act(BY_INSURER, "claim.approve", approval(600), **one)
    assert left(book, two) == 400


def test_a_decision_reads_no_more_claims_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those tied at once are read whatever the bound is; of the others the latest, up to it."""
    book = insured(part_limits={"per_person_fen": 1_000})
    other, occurrence = registered(book), occurred(book)
    one = notified(book, claimants=hurt(ALI))
    notified(book, occurrence=occurrence)
    far = notified(book, claimants=hurt(ALI), occurrence=occurrence, lift=other, loss_at=LATER_AT)
    book.act(BY_INSURER, "claim.approve", approval(900), **far)
    for bound, free_fen in ((0, 1_000), (1, 1_000), (2, 100)):
        monkeypatch.setattr(accidents, "TIES_READ_MAX", bound)
        assert left(book, one) == free_fen
    monkeypatch.setattr(accidents, "TIES_READ_MAX", 0)
    again = notified(book, claimants=hurt(ALI), occurrence=occurrence)
    assert left(book, again) == 100
