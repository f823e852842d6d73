"""Claims: held against the cover at the loss and what is left of its limits; money only into the right hands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from application import mandates
from application.ids import new_name
from application.work import Author
from domain.claim_checks import check_clock, clock
from domain.claims import persons_of
from domain.occurrences import Occurrence
from domain.packs import Rule, load_pack
from domain.parties import Party
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_OTHER,
    BY_USE_UNIT,
    CERTIFICATE,
    INSURER,
    LIFT,
    LOSS_AT,
    POLICY,
    approval,
    claim_at,
    codes,
    insured,
    notice,
    notified,
    payment,
    refusal,
    topics,
)
from tests.support.seeding import seed

LIMIT = f"{POLICY}/limit:{LIFT.removeprefix('lift:')}:2026"


@pytest.fixture
def book() -> Book:
    """A book with one insured lift."""
    return insured()


# ------------------------------------------------------------------------------------------------------------ notice


def test_notice_names_the_cover_in_force_at_the_loss(book: Book) -> None:
    """The policy, certificate and insurer at the time of loss stand in what was found."""
    events = book.act(BY_USE_UNIT, "claim.notify", notice())
    assert codes(events) == []
    assert events[0].found["cover"] == {"policy": POLICY, "certificate": CERTIFICATE, "insurer": INSURER}
    assert events[0].effective_at is None


@pytest.mark.parametrize(
    "changes",
    [
        {"loss_at": "2025-12-31T15:59:59.999999Z"},
        {"loss_at": "2026-12-31T16:00:00.000000Z"},
        {"part": "employee"},
        {"interest": "maintainer"},
    ],
)
def test_loss_without_cover_is_recorded_and_not_approved(book: Book, changes: dict[str, Any]) -> None:
    """The term is [00:00, 24:00) of Asia/Shanghai; outside, in another part or interest nothing is approved."""
    book.now = "2027-01-05T00:00:00.000000Z"
    said = notice(**changes)
    assert "no_cover_in_force" in codes(book.act(BY_USE_UNIT, "claim.notify", said))
    refused = refusal(book, BY_INSURER, "claim.approve", approval(100), lift=LIFT, claim=said["id"])
    assert refused.code == "no_cover_in_force"


def test_loss_on_the_first_instant_of_the_term_is_covered(book: Book) -> None:
    """Cover begins at 00:00 of its first day in Asia/Shanghai."""
    assert codes(book.act(BY_USE_UNIT, "claim.notify", notice(loss_at="2025-12-31T16:00:00.000000Z"))) == []


def test_loss_in_the_future_is_flagged(book: Book) -> None:
    """Notice of what has not happened yet is recorded so."""
    said = notice(loss_at="2026-03-06T00:00:00.000000Z")
    assert codes(book.act(BY_USE_UNIT, "claim.notify", said)) == ["loss_in_future"]


def test_what_is_told_of_a_loss_is_of_the_past(book: Book) -> None:
    """Also when it became known, and when the trapped were released."""
    later = "2026-03-05T00:00:00.000001Z"
    entrapment = {"alarm_at": LOSS_AT, "released_at": later, "persons": 1}
    for more in ({"known_at": later}, {"part": "entrapment", "entrapment": entrapment}):
        assert "loss_in_future" in codes(book.act(BY_USE_UNIT, "claim.notify", notice(**more)))


@pytest.mark.parametrize(
    "released, seconds, floor_fen, candidate",
    [
        ("2026-03-01T02:29:59.999999Z", 1_799, 0, False),
        ("2026-03-01T02:30:00.000000Z", 1_800, 20_000, False),
        ("2026-03-01T03:59:59.999999Z", 7_199, 40_000, False),
        ("2026-03-01T04:00:00.000000Z", 7_200, 40_000, True),
    ],
)
def test_entrapment_is_measured_in_whole_seconds(
    book: Book, released: str, seconds: int, floor_fen: int, *, candidate: bool
) -> None:
    """The floor follows the pack, and the same instant that is two hours opens the accident candidate."""
    entrapment = {"alarm_at": LOSS_AT, "released_at": released, "persons": 2}
    events = book.act(BY_USE_UNIT, "claim.notify", notice(part="entrapment", kind="entrapment", entrapment=entrapment))
    assert events[0].found["entrapment"] == {"seconds": seconds, "floor_fen": floor_fen}
    assert ("accident_candidate" in codes(events)) is candidate


def test_release_before_alarm_is_flagged(book: Book) -> None:
    """Instants that contradict each other are recorded with a finding."""
    entrapment = {"alarm_at": LOSS_AT, "released_at": "2026-03-01T01:00:00.000000Z", "persons": 1}
    said = notice(part="entrapment", kind="entrapment", entrapment=entrapment)
    assert codes(book.act(BY_USE_UNIT, "claim.notify", said)) == ["released_before_alarm"]


def test_same_occurrence_person_and_part_is_a_duplicate(book: Book) -> None:
    """A second claim for the same is flagged with the first; another person's or part's is not."""
    occurrence, person = new_name("occurrence"), new_name("person")
    book.act(BY_USE_UNIT, "occurrence.open", {"id": occurrence, "at": LOSS_AT, "kind": "injury"})
    first = notice(occurrence=occurrence, claimants=[{"role": "injured", "person": person}])
    events = book.act(BY_USE_UNIT, "claim.notify", first)
    assert topics(events) == ["claim.Notified", "occurrence.Claimed"]
    other = notice(occurrence=occurrence, claimants=[{"role": "injured", "person": new_name("person")}])
    assert codes(book.act(BY_INSURER, "claim.notify", other)) == []
    again = notice(occurrence=occurrence, claimants=[{"role": "injured", "person": person}])
    events = book.act(BY_INSURER, "claim.notify", again)
    assert codes(events) == ["duplicate_claim"]
    assert events[0].found["findings"][0]["facts"] == {"claim": first["id"]}
    assert set(book.state(Occurrence, occurrence).claims) == {first["id"], other["id"], again["id"]}


def test_occurrence_is_described_once_also_after_a_claim(book: Book) -> None:
    """A claim may name an occurrence that is described only later, and then no more."""
    occurrence = new_name("occurrence")
    book.act(BY_USE_UNIT, "claim.notify", notice(occurrence=occurrence))
    said = {"id": occurrence, "at": LOSS_AT, "kind": "injury"}
    book.act(BY_USE_UNIT, "occurrence.open", said)
    assert refusal(book, BY_USE_UNIT, "occurrence.open", said).code == "exists"


def test_sealed_claimants_are_known_by_their_person() -> None:
    """The person behind a sealed name counts as the one named."""
    sealed = {"name": {"of": "person:x", "sealed": "0"}, "role": "injured"}
    assert persons_of({"claimants": [sealed, {"person": "person:y", "role": "injured"}, {"role": "owner"}]}) == (
        "person:x", "person:y",
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ clocks


def test_papers_start_the_clocks_and_only_the_first_request_pauses(book: Book) -> None:
    """K3 stands still from the first request until the supplement; K6 never; a second request is flagged."""
    path = notified(book)
    book.now = "2026-03-25T00:00:00.000000Z"
    filed = {"papers": [{"kind": "claim_form", "digest": "a" * 64}], "received_on": "2026-03-05"}
    first = book.act(BY_USE_UNIT, "claim.file", filed, **path)[0].found["due"]
    assert [(row["clock"], row["due_on"]) for row in first] == [("K3", "2026-04-04"), ("K6", "2026-05-04")]
    asked = {"missing": ["medical_invoice"], "delivered_on": "2026-03-10"}
    paused = book.act(BY_INSURER, "claim.ask_supplement", asked, **path)[0]
    assert [row["due_on"] for row in paused.found["due"]] == [None]
    again = book.act(BY_INSURER, "claim.ask_supplement", asked | {"delivered_on": "2026-03-12"}, **path)
    assert codes(again) == ["asked_again"]
    supplied = {**filed, "received_on": "2026-03-20", "supplement": True}
    due = book.act(BY_USE_UNIT, "claim.file", supplied, **path)[0].found["due"]
    assert [(row["clock"], row["due_on"]) for row in due] == [("K3", "2026-04-14")]
    assert claim_at(book, path).paused_days == 10
    later = book.act(BY_USE_UNIT, "claim.file", filed | {"received_on": "2026-03-25"}, **path)[0]
    assert later.found["due"] == []


def test_late_acts_are_found_never_refused(book: Book) -> None:
    """A decision after 30 days, a refusal notice after 3, a payment after 10 are findings."""
    path, other = notified(book), notified(book)
    filed = {"papers": [{"kind": "claim_form", "digest": "a" * 64}], "received_on": "2026-03-05"}
    for claim in (path, other):
        book.act(BY_USE_UNIT, "claim.file", filed, **claim)
    book.now = "2026-04-28T00:00:00.000000Z"
    refused = {"reasons": ["not_covered"], "decided_on": "2026-04-14", "notice_on": "2026-04-28"}
    events = book.act(BY_INSURER, "claim.refuse", refused, **other)
    assert codes(events) == ["overdue_k3", "overdue_k5"]
    assert {found["verdict"] for found in events[0].found["findings"]} == {"violates"}
    assert events[0].found["due"][0]["due_on"] == "2026-04-17"
    book.now = "2026-04-04T00:00:00.000000Z"
    assert codes(book.act(BY_INSURER, "claim.approve", approval(1_000), **path)) == []
    book.now = "2026-04-16T00:00:00.000000Z"
    agreed = book.act(BY_USE_UNIT, "claim.agree", {"agreed_on": "2026-04-05"}, **path)
    assert agreed[0].found["due"][0]["due_on"] == "2026-04-15"
    late = payment(1_000, paid_at="2026-04-15T16:00:00.000000Z")
    assert codes(book.act(BY_INSURER, "claim.pay", late, **path)) == ["overdue_k4"]


@pytest.mark.parametrize(
    "notice_on, verdict",
    [
        ("2026-03-14", None),
        ("2026-03-16", None),
        ("2026-03-17", "violates"),
        ("2026-03-24", "violates"),
    ],
)
def test_a_last_day_moves_over_the_weekend(book: Book, notice_on: str, verdict: str | None) -> None:
    """Due on a Saturday is in time on Monday (民法典 203), and late on Tuesday where that is no legal holiday."""
    path = notified(book)
    book.now = "2026-03-24T00:00:00.000000Z"
    refused = {"reasons": ["not_covered"], "decided_on": "2026-03-11", "notice_on": notice_on}
    found = book.act(BY_INSURER, "claim.refuse", refused, **path)[0].found
    assert found["due"][0]["due_on"] == "2026-03-14"
    assert [row["verdict"] for row in found["findings"]] == ([] if verdict is None else [verdict])
    for row in found["findings"]:
        assert row["code"] == "overdue_k5"
        assert row["facts"] == {"due_on": "2026-03-14", "last_on": "2026-03-16", "done_on": notice_on}


@pytest.mark.parametrize("decided_on, late", [("2026-04-07", []), ("2026-04-08", ["violates"])])
def test_a_last_day_moves_over_a_legal_holiday(book: Book, decided_on: str, late: list[str]) -> None:
    """Thirty days that end on the Sunday of Qingming end with the first working day after it, and not a day later."""
    path = notified(book)
    filed = {"papers": [{"kind": "claim_form", "digest": "a" * 64}], "received_on": "2026-03-06"}
    book.now = "2026-03-06T00:00:00.000000Z"
    book.act(BY_USE_UNIT, "claim.file", filed, **path)
    book.now = f"{decided_on}T02:00:00.000000Z"
    found = book.act(BY_INSURER, "claim.approve", approval(1_000), **path)[0].found.get("findings", [])
    assert [row["verdict"] for row in found] == late
    assert {(row["code"], row["facts"]["last_on"]) for row in found} <= {("overdue_k3", "2026-04-07")}


def test_a_clock_that_stands_still_makes_no_decision_late(book: Book) -> None:
    """While the insurer waits for the papers it asked for, the thirty days do not run (解释二 15)."""
    path = notified(book)
    filed = {"papers": [{"kind": "claim_form", "digest": "a" * 64}], "received_on": "2026-03-05"}
    book.act(BY_USE_UNIT, "claim.file", filed, **path)
    book.now = "2026-08-01T00:00:00.000000Z"
    book.act(BY_INSURER, "claim.ask_supplement", {"missing": ["invoice"], "delivered_on": "2026-03-10"}, **path)
    assert codes(book.act(BY_INSURER, "claim.approve", approval(1_000), **path)) == []


MOVING = Rule(
    "claims.last_day_rolls",
    "期间末日顺延",
    "not_fixed",
    "readings",
    "民法典 203",
    "statute",
    "information",
    "2021-01-01",
)


@pytest.mark.parametrize(
    "value, done_on, verdict",
    [
        ("not_fixed", "2026-03-15", "manual_review"),
        ({"weekends": False, "holidays": False}, "2026-03-15", "violates"),
        ({"weekends": True, "holidays": False}, "2026-03-16", None),
        ({"weekends": True, "holidays": False}, "2026-03-17", "violates"),
    ],
)
def test_the_pack_says_whether_a_last_day_moves(value: Any, done_on: str, verdict: str | None) -> None:  # noqa: ANN401 - a rule's value
    """Weekends and holidays are readings of the pack; where none is fixed nobody is said to have violated it."""
    pack = load_pack("shandong@1")
    rules = tuple(rule for rule in pack.rules if rule.id != MOVING.id)
    pack = replace(pack, rules=(*rules, replace(MOVING, value=value)))
    due = clock(pack, "K5", "2026-03-11", "2026-03-11")
    found = check_clock(due, done_on, pack, "2026-03-11")
    assert [row["verdict"] for row in found] == ([] if verdict is None else [verdict])


# ------------------------------------------------------------------------------------------------------- assessment


BY_ASSESSOR = Author(new_name("party"), "assessor", key=new_name("key"))
ASSESSED = {"heads": [{"head": "medical", "amount_fen": 1_000}], "total_fen": 1_000}


def with_mandates(book: Book) -> Book:
    """Let parties of the book be known and give mandates."""
    book.actions = {**book.actions, **{action.id: action for action in mandates.ACTIONS}}
    for author in (BY_INSURER, BY_OTHER, BY_USE_UNIT, BY_ASSESSOR):
        said = {"id": author.party, "kind": author.kind}
        seed(book, Party, author.party, author.party, Party.Registered, said)
    return book


def mandating(author: Author, to: Author, *acts: str, **changes: str) -> dict[str, Any]:
    """Give a mandate for March 2026."""
    return {
        "id": new_name("mandate"), "giver": author.party, "to": to.party, "acts": list(acts or ("claim.assess",)),
        "from_date": "2026-03-01", "to_date": "2026-04-01", **changes,
    }  # fmt: skip


def test_an_assessor_assesses_only_what_its_insurer_appointed_it_for(book: Book) -> None:
    """Without a mandate, or with that of an insurer who does not cover the loss, no assessor assesses."""
    path = notified(with_mandates(book))
    assert refusal(book, BY_ASSESSOR, "claim.assess", ASSESSED, **path).code == "right_missing"
    book.act(BY_OTHER, "mandate.give", mandating(BY_OTHER, BY_ASSESSOR))
    assert refusal(book, BY_ASSESSOR, "claim.assess", ASSESSED, **path).code == "right_missing"
    given = mandating(BY_INSURER, BY_ASSESSOR)
    book.act(BY_INSURER, "mandate.give", given)
    events = book.act(BY_ASSESSOR, "claim.assess", ASSESSED, **path)
    assert topics(events) == ["claim.Assessed"]
    assert (events[0].author.party, claim_at(book, path).assessed_fen) == (BY_ASSESSOR.party, 1_000)
    assert f"{INSURER}/{given['id']}" in events[0].found["reads"]
    assert refusal(book, BY_ASSESSOR, "claim.approve", approval(100), **path).code == "right_missing"
    book.now = "2026-04-02T00:00:00.000000Z"
    assert refusal(book, BY_ASSESSOR, "claim.assess", ASSESSED, **path).code == "right_missing"


def test_only_assessors_are_appointed_and_only_by_insurers(book: Book) -> None:
    """An insurer's mandate makes no assessor of a use unit; nobody gives one who has no such right."""
    path = notified(with_mandates(book))
    book.act(BY_INSURER, "mandate.give", mandating(BY_INSURER, BY_USE_UNIT))
    assert refusal(book, BY_USE_UNIT, "claim.assess", ASSESSED, **path).code == "right_missing"
    refused = refusal(book, BY_USE_UNIT, "mandate.give", mandating(BY_USE_UNIT, BY_ASSESSOR))
    assert refused.code == "act_not_givers"
    third = Author(new_name("party"), "assessor", key=new_name("key"))
    seed(book, Party, third.party, third.party, Party.Registered, {"id": third.party, "kind": "assessor"})
    book.act(BY_INSURER, "mandate.give", mandating(BY_INSURER, BY_ASSESSOR))
    book.act(BY_ASSESSOR, "mandate.give", mandating(BY_ASSESSOR, third))
    assert refusal(book, third, "claim.assess", ASSESSED, **path).code == "right_missing"
