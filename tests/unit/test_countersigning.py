"""Countersignatures of the use unit's safety administrator: in person or on behalf, in time, over what was recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.ids import new_name
from application.work import Author
from domain.errors import Conflict
from domain.lifts import Lift
from domain.packs import load_pack
from domain.visit_checks import uncountersigned
from tests.support.book import Book
from tests.support.seeding import seed
from tests.support.visiting import (
    AREA,
    BY_MAINTAINER,
    BY_SIGNER,
    FINISHED,
    LIFT,
    NOW,
    OPERATOR,
    SIGNED,
    SIGNER,
    STRANGER,
    USE_UNIT,
    WORKERS,
    body,
    codes,
    named,
    refusal,
    signing,
    visit_of,
    workshop,
)


@pytest.fixture
def book() -> Book:
    """A book with a pack in force, a lift with its use unit and maintainer, and two workers."""
    return workshop()


def test_countersignature_by_the_safety_administrator(book: Book) -> None:
    """With the signer's own key, in time, over the right digest: no findings, and the first one stands."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, said))) == []
    signed = visit_of(book, said)
    assert (signed.signer, signed.behalf_at) == (SIGNER, None)
    assert refusal(book, BY_SIGNER, "visit.countersign", signing(book, said)) == "countersigned_already"


def test_company_key_signs_on_behalf(book: Book) -> None:
    """A signature by a company's key is recorded as what it is."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    company = Author(USE_UNIT, "use_unit", key=new_name("key"))
    assert codes(book.act(company, "visit.countersign", signing(book, said))) == ["on_behalf"]
    assert (visit_of(book, said).behalf_at, visit_of(book, said).signed_at) == (SIGNED, None)
    assert refusal(book, company, "visit.countersign", signing(book, said)) == "countersigned_already"
    pack = load_pack("shandong@1")
    found = uncountersigned(visit_of(book, said), NOW, "2026-04-01T00:00:00.000000Z", pack)
    assert [f["code"] for f in found] == ["signed_on_behalf_only"]


def test_only_what_stands_and_is_over_waits_for_a_signature(book: Book) -> None:
    """An open visit has nothing to be signed, and of a corrected one the new record is."""
    pack, late = load_pack("shandong@1"), "2026-04-01T00:00:00.000000Z"
    said, other = body(), body()
    book.act(BY_MAINTAINER, "visit.open", other["opened"])
    assert uncountersigned(visit_of(book, other), FINISHED, late, pack) == []
    book.act(BY_MAINTAINER, "visit.submit", said)
    stands = visit_of(book, said)
    assert [found["code"] for found in uncountersigned(stands, FINISHED, late, pack)] == ["uncountersigned"]
    assert uncountersigned(replace(stands, corrected_by=new_name("visit")), FINISHED, late, pack) == []
    assert uncountersigned(stands, FINISHED, "2026-03-03T02:45:00.000000Z", pack) == [], "a day is in time"
    assert uncountersigned(stands, FINISHED, "2026-03-03T02:45:01.000000Z", pack) != []


def test_a_persons_signature_follows_one_on_behalf(book: Book) -> None:
    """The natural person's own is the countersignature; one on behalf stays beside it; no more come."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    company = Author(USE_UNIT, "use_unit", SIGNER, frozenset({"safety_administrator"}), new_name("key"))
    book.act(company, "visit.countersign", signing(book, said, signed_at="2026-03-02T03:00:00.000000Z"))
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, said))) == []
    signed = visit_of(book, said)
    assert (signed.behalf_at, signed.signed_at, signed.signer) == ("2026-03-02T03:00:00.000000Z", SIGNED, SIGNER)
    assert uncountersigned(signed, NOW, "2026-04-01T00:00:00.000000Z", load_pack("shandong@1")) == []
    for author in (company, BY_SIGNER):
        assert refusal(book, author, "visit.countersign", signing(book, said)) == "countersigned_already"


def test_countersignature_is_refused_where_it_proves_nothing(book: Book) -> None:
    """Not over other bytes, by a worker, by another role, by another party, or before the end."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    with pytest.raises(Conflict) as refused:
        book.act(BY_SIGNER, "visit.countersign", signing(book, said, digest="0" * 64))
    assert (refused.value.code, refused.value.details) == ("digest_differs", {"visit": said["opened"]["id"]})
    worker = Author(
        USE_UNIT, "use_unit", WORKERS[0], frozenset({"safety_administrator"}), new_name("key"), personal=True
    )
    assert refusal(book, worker, "visit.countersign", signing(book, said)) == "signer_is_worker"
    guard = Author(USE_UNIT, "use_unit", SIGNER, frozenset({"member"}), new_name("key"), personal=True)
    assert refusal(book, guard, "visit.countersign", signing(book, said)) == "role_missing"
    other = Author(STRANGER, "use_unit", SIGNER, frozenset({"safety_administrator"}), new_name("key"), personal=True)
    assert refusal(book, other, "visit.countersign", signing(book, said)) == "right_missing"
    begun = body(opened_at="2026-03-02T03:00:00.000000Z")
    book.act(BY_MAINTAINER, "visit.open", begun["opened"])
    unfinished = named(begun, digest="0" * 64, signed_at=NOW)
    assert refusal(book, BY_SIGNER, "visit.countersign", unfinished) == "visit_unfinished"


def test_signature_out_of_time_is_flagged(book: Book) -> None:
    """A signature before the visit's end, or later than the pack allows, is recorded with a finding."""
    early, late = body(), body()
    for said in (early, late):
        book.act(BY_MAINTAINER, "visit.submit", said)
    signed_at = "2026-03-02T02:40:00.000000Z"
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, early, signed_at=signed_at))) == [
        "signed_before_end"
    ]
    book.now = "2026-03-03T04:00:01.000000Z"
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, late, signed_at=book.now))) == ["signed_late"]


@pytest.mark.parametrize(
    "waited, expected", [("2026-03-04T09:00:00.000000Z", []), ("2026-03-04T09:00:01.000000Z", ["signed_late"])]
)
def test_the_time_to_sign_runs_from_when_the_record_came_in(book: Book, waited: str, expected: list[str]) -> None:
    """Nobody signs what the ledger does not have yet; also a correction is signed in its own time."""
    said = body(offline=True)
    book.now = "2026-03-03T09:00:00.000000Z"
    book.act(BY_MAINTAINER, "visit.submit", said)
    book.now = waited
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, said, signed_at=waited))) == expected
    new = body()
    book.act(BY_MAINTAINER, "visit.correct", {"corrects": named(said, why="typo"), **new})
    book.now = "2026-03-05T08:00:00.000000Z"
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, new, signed_at=book.now))) == []


def test_an_end_in_the_future_gives_no_more_time(book: Book) -> None:
    """The time for a signature runs from when the record came in, whatever end it states."""
    said = body()
    said["finished"]["finished_at"] = "2030-03-02T02:45:00.000000Z"
    assert codes(book.act(BY_MAINTAINER, "visit.submit", said)) == ["in_future"]
    found = uncountersigned(visit_of(book, said), NOW, "2026-03-03T04:00:01.000000Z", load_pack("shandong@1"))
    assert [each["code"] for each in found] == ["uncountersigned"]
    book.now = "2026-03-04T04:00:00.000000Z"
    signed = book.act(BY_SIGNER, "visit.countersign", signing(book, said, signed_at=book.now))
    assert codes(signed) == ["signed_before_end", "signed_late"]


def test_who_signed_has_it_on_his_own_chain(book: Book) -> None:
    """In person or on behalf: it is by that event that he is known as long as the record is kept."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    company = Author(USE_UNIT, "use_unit", SIGNER, frozenset({"safety_administrator"}), new_name("key"))
    for author in (company, BY_SIGNER):
        events = book.act(author, "visit.countersign", signing(book, said))
        assert [(each.TOPIC, each.originator_id) for each in events[1:]] == [("agent.SignedOn", SIGNER)]
        assert events[1].effective_at == SIGNED
        assert (events[1].found["lift"], events[1].found["visit"]) == (LIFT, said["opened"]["id"])


def test_both_users_of_the_day_of_handing_over_sign(book: Book) -> None:
    """Whose the lift was in the morning signs for the morning's visit; who had it neither then nor before does not."""
    said, later = body(), body(opened_at="2026-03-03T02:00:00.000000Z")
    for each in (said, later):
        book.act(BY_MAINTAINER, "visit.submit", each)
    handed = {"use_unit": STRANGER, "effective_on": "2026-03-02"}
    seed(book, Lift, LIFT, OPERATOR, Lift.UseUnitNamed, handed, {"on": "2026-03-02"})
    book.act(BY_SIGNER, "visit.countersign", signing(book, said))
    assert refusal(book, BY_SIGNER, "visit.countersign", signing(book, later)) == "right_missing"


def test_the_first_use_unit_known_signs_for_the_days_before(book: Book) -> None:
    """A register begun today keeps nobody from signing yesterday's visit."""
    said = body(opened_at="2024-12-31T02:00:00.000000Z")
    book.act(BY_MAINTAINER, "visit.submit", said)
    digest = book.events(f"{LIFT}/maintenance:2024")[-1].found["digest"]
    assert book.act(BY_SIGNER, "visit.countersign", named(said, digest=digest, signed_at=SIGNED))


def test_uncountersigned_is_computed_at_reading(book: Book) -> None:
    """A finished visit that nobody signed is found so only once the pack's time is over."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    pack = load_pack("shandong@1")
    visit = visit_of(book, said)
    assert uncountersigned(visit, NOW, "2026-03-03T04:00:00.000000Z", pack) == []
    found = uncountersigned(visit, NOW, "2026-03-03T04:00:01.000000Z", pack)
    assert [each["code"] for each in found] == ["uncountersigned"]
    book.act(BY_SIGNER, "visit.countersign", signing(book, said))
    assert uncountersigned(visit_of(book, said), NOW, "2026-04-01T00:00:00.000000Z", pack) == []


def test_an_authority_disputes_visits_of_its_areas(book: Book) -> None:
    """A regulator, or a town, of elsewhere has nothing to do with the record."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    for kind, areas, expected in (
        ("market_regulator", ("440300",), False), ("town", ("370103001",), False), ("market_regulator", (), False),
        ("market_regulator", ("370100",), True), ("town", (AREA,), True),
    ):  # fmt: skip
        author = Author(new_name("party"), kind, areas=areas)
        if expected:
            book.act(author, "visit.dispute", named(said, reason="not_on_site"))
        else:
            assert refusal(book, author, "visit.dispute", named(said, reason="not_on_site")) == "right_missing"
