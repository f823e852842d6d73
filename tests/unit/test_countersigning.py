"""Countersignatures of the use unit's safety administrator: in person or on behalf, in time, over what was recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.ids import new_name
from application.work import Author
from domain.packs import load_pack
from domain.visit_checks import uncountersigned
from tests.support.book import Book
from tests.support.visiting import (
    AREA,
    BY_MAINTAINER,
    BY_SIGNER,
    NOW,
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
    found = uncountersigned(visit_of(book, said), "2026-04-01T00:00:00.000000Z", pack)
    assert [f["code"] for f in found] == ["signed_on_behalf_only"]


def test_only_what_stands_and_is_over_waits_for_a_signature(book: Book) -> None:
    """An open visit has nothing to be signed, and of a corrected one the new record is."""
    pack, late = load_pack("shandong@1"), "2026-04-01T00:00:00.000000Z"
    said, other = body(), body()
    book.act(BY_MAINTAINER, "visit.open", other["opened"])
    assert uncountersigned(visit_of(book, other), late, pack) == []
    book.act(BY_MAINTAINER, "visit.submit", said)
    stands = visit_of(book, said)
    assert [found["code"] for found in uncountersigned(stands, late, pack)] == ["uncountersigned"]
    assert uncountersigned(replace(stands, corrected_by=new_name("visit")), late, pack) == []
    assert uncountersigned(stands, "2026-03-03T02:45:00.000000Z", pack) == [], "a day is in time"
    assert uncountersigned(stands, "2026-03-03T02:45:01.000000Z", pack) != []


def test_a_persons_signature_follows_one_on_behalf(book: Book) -> None:
    """The natural person's own is the countersignature; one on behalf stays beside it; no more come."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    company = Author(USE_UNIT, "use_unit", SIGNER, frozenset({"safety_administrator"}), new_name("key"))
    book.act(company, "visit.countersign", signing(book, said, signed_at="2026-03-02T03:00:00.000000Z"))
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, said))) == []
    signed = visit_of(book, said)
    assert (signed.behalf_at, signed.signed_at, signed.signer) == ("2026-03-02T03:00:00.000000Z", SIGNED, SIGNER)
    assert uncountersigned(signed, "2026-04-01T00:00:00.000000Z", load_pack("shandong@1")) == []
    for author in (company, BY_SIGNER):
        assert refusal(book, author, "visit.countersign", signing(book, said)) == "countersigned_already"


def test_countersignature_is_refused_where_it_proves_nothing(book: Book) -> None:
    """Not over other bytes, by a worker, by another role, by another party, or before the end."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    assert refusal(book, BY_SIGNER, "visit.countersign", signing(book, said, digest="0" * 64)) == "digest_differs"
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
    book.now = "2026-03-03T03:00:00.000000Z"
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, late, signed_at=book.now))) == ["signed_late"]


def test_uncountersigned_is_computed_at_reading(book: Book) -> None:
    """A finished visit that nobody signed is found so only once the pack's time is over."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    pack = load_pack("shandong@1")
    visit = visit_of(book, said)
    assert uncountersigned(visit, "2026-03-03T02:45:00.000000Z", pack) == []
    assert [f["code"] for f in uncountersigned(visit, "2026-03-03T02:45:01.000000Z", pack)] == ["uncountersigned"]
    book.act(BY_SIGNER, "visit.countersign", signing(book, said))
    assert uncountersigned(visit_of(book, said), "2026-04-01T00:00:00.000000Z", pack) == []


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
