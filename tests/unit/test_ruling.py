"""Rules of the right place and day: a lift that moved is judged by where it stood on the day that the rule is about."""

from __future__ import annotations

from typing import Any

from application.ids import new_name
from domain.covers import Cover
from domain.lifts import Lift
from tests.support import claiming, insuring, visiting
from tests.support.book import Book
from tests.support.claiming import BY_INSURER, BY_USE_UNIT
from tests.support.seeding import seed
from tests.support.visiting import BY_MAINTAINER, BY_SIGNER, FINISHED, body, named, signing

WITHOUT_PACK = "370283"
"""A district that adopted none."""


def moved(book: Book, lift: str, on: str, area: str = WITHOUT_PACK) -> None:
    """Record that a lift has stood in an area since a day."""
    seed(book, Lift, lift, claiming.OPERATOR, Lift.Moved, {"area": area, "effective_on": on}, {"on": on})


def test_a_loss_is_ruled_where_the_lift_stood_on_its_day() -> None:
    """A move after the loss takes neither the floor nor the candidate for an accident away, nor later clocks."""
    book = claiming.insured()
    moved(book, claiming.LIFT, "2026-03-04")
    trapped = {"alarm_at": "2026-03-01T02:00:00.000000Z", "released_at": "2026-03-01T05:00:00.000000Z", "persons": 2}
    said = claiming.notice(part="entrapment", kind="entrapment", entrapment=trapped)
    (notified,) = book.act(BY_USE_UNIT, "claim.notify", said)
    assert notified.found["pack"]["name"] == "shandong@1"
    assert notified.found["entrapment"]["floor_fen"] is not None
    assert "accident_candidate" in claiming.codes([notified])
    path = {"lift": claiming.LIFT, "claim": said["id"]}
    papers = {"received_on": "2026-03-05", "papers": [{"digest": "a" * 64, "kind": "invoice"}]}
    (filed,) = book.act(BY_USE_UNIT, "claim.file", papers, **path)
    assert filed.found["pack"] == notified.found["pack"]
    approved = book.act(BY_INSURER, "claim.approve", claiming.approval(100), **path)[0]
    assert approved.found["pack"] == notified.found["pack"]


def test_a_loss_before_the_move_into_a_district_is_not_ruled_by_it() -> None:
    """Where the lift stood no pack was in force, so nothing that only a pack can say is said."""
    book = claiming.insured()
    moved(book, claiming.LIFT, "2026-02-01")
    moved(book, claiming.LIFT, "2026-03-04", "370102")
    (event,) = book.act(BY_USE_UNIT, "claim.notify", claiming.notice())
    assert "pack" not in event.found


def test_a_certificate_is_ruled_where_the_lift_stands_at_its_inception() -> None:
    """A late word on where the lift stood a year before does not take it out of its district."""
    book = insuring.office()
    moved(book, insuring.HOMES, "2026-02-01", "370102002")
    moved(book, insuring.HOMES, "2025-06-01", "371002001")
    policy = insuring.drafted(book, insuring.line("", insuring.HOMES))
    entries = book.state(Cover, f"{insuring.HOMES}/cover").entries.values()
    assert [(entry.policy, entry.premium_fen) for entry in entries] == [(policy, 8_000)]


def test_a_class_is_that_of_the_venue_at_inception() -> None:
    """What a place will serve after inception, or was wrongly thought to, is not held against the certificate."""
    book = insuring.office()
    later = {"venue": "office", "effective_on": "2026-06-01"}
    seed(book, Lift, insuring.HOSPITAL, claiming.OPERATOR, Lift.Reclassified, later, {"on": "2026-06-01"})
    insuring.drafted(book, insuring.line("", insuring.HOSPITAL))
    (entry,) = book.state(Cover, f"{insuring.HOSPITAL}/cover").entries.values()
    assert entry.terms[0].premises_class == "public_gathering"


def test_a_visit_is_ruled_where_the_lift_stood_on_its_day() -> None:
    """Opened, finished, corrected and signed after the move, a visit is held against the pack of its day and place."""
    book = visiting.workshop()
    moved(book, visiting.LIFT, "2026-03-02", "370102")
    moved(book, visiting.LIFT, "2026-03-03")
    moved(book, visiting.LIFT, "2024-06-01")
    whole, parts = body(), body()
    rulings: list[Any] = [book.act(BY_MAINTAINER, "visit.submit", whole)[0]]
    book.act(BY_MAINTAINER, "visit.open", parts["opened"])
    rulings += book.act(BY_MAINTAINER, "visit.nodes", named(parts, nodes=parts["record"]["nodes"]))
    rulings += book.act(BY_MAINTAINER, "visit.finish", named(parts, finished_at=FINISHED))[:1]
    rulings += book.act(BY_SIGNER, "visit.countersign", signing(book, whole))[:1]
    again = body(opened_at="2026-03-02T02:01:00.000000Z", id=new_name("visit"))
    rulings += book.act(BY_MAINTAINER, "visit.correct", {"corrects": named(whole, why="mistaken"), **again})[:1]
    assert [event.found.get("pack", {}).get("name") for event in rulings] == ["shandong@1"] * 5
