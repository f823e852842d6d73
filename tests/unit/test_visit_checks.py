"""What visits are held against: a pack's limits, where any are fixed; clocks; hours; who was engaged that day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from application.ids import new_name
from application.work import Author
from domain.care import Care
from domain.lifts import Lift
from domain.packs import RuleValue, load_pack
from domain.schemes import PublishedPack, Scheme, parsed
from domain.visit_checks import limit_of, uncountersigned
from domain.visit_gaps import check_gaps
from tests.support.book import Book
from tests.support.seeding import seed
from tests.support.visiting import (
    AREA,
    BY_MAINTAINER,
    BY_SIGNER,
    LIFT,
    MAINTAINER,
    OPENED,
    OPERATOR,
    WORKERS,
    body,
    codes,
    named,
    node,
    signing,
    visit_of,
    visited,
    workshop,
)


@pytest.fixture
def book() -> Book:
    """A book with a pack in force, a lift with its use unit and maintainer, and two workers."""
    return workshop()


LIMITS = {
    "maintenance.interval_days_max", "maintenance.cycle_days_max", "maintenance.geofence_m_max",
    "maintenance.visit_minutes_min", "maintenance.countersign_hours_max", "maintenance.workers_min",
    "maintenance.back_dated_hours_max",
}  # fmt: skip


def test_what_no_authority_has_fixed_binds_nobody(book: Book) -> None:
    """A pack that leaves a limit open refuses no record and finds nothing."""
    adopt(book, dict.fromkeys(LIMITS, '"not_fixed"'))
    said = visited("2026-02-20", workers=WORKERS[:1])
    said["record"]["nodes"][0]["distance_m"] = 20_000
    said["finished"]["finished_at"] = "2026-02-20T02:00:01.000000Z"
    assert codes(book.act(BY_MAINTAINER, "visit.submit", said)) == []
    assert codes(book.act(BY_SIGNER, "visit.countersign", signing(book, said, signed_at=book.now))) == []
    adoption = book.state(Scheme, f"scheme:{AREA}").adopted("2026-03-02")
    assert adoption is not None
    published = book.state(PublishedPack, adoption.pack).published
    assert published is not None
    pack = parsed(published)
    lift, visit = book.state(Lift, LIFT), replace(visit_of(book, said), signed_at=None)
    assert uncountersigned(visit, book.now, "2027-01-01T00:00:00.000000Z", pack) == []
    assert check_gaps(replace(visit, on="2028-01-01"), Care((lift,)), [visit], pack, "2026-01-01") == []


@pytest.mark.parametrize("value", [True, "15", (15,), {"HM": "not_fixed"}, {"TM": 92}])
def test_what_is_no_number_sets_no_limit(value: RuleValue) -> None:
    """Whatever a pack holds under the name of a rule, no record is refused for it."""
    pack = load_pack("shandong@1")
    rules = tuple(replace(rule, value=value) if rule.id in LIMITS else rule for rule in pack.rules)
    changed = replace(pack, rules=rules)
    for rule in LIMITS:
        assert limit_of(changed, rule, "2026-03-02", "HM") is None
    assert limit_of(changed, "maintenance.interval_days_max", "2026-03-02") is None


def adopt(book: Book, values: Mapping[str, str]) -> None:
    """Adopt a pack of the district's own, in which some rules have other values."""
    rows = "".join(
        f'[[rule]]\nid="{rule}"\ntitle="t"\nvalue={value}\nunit="u"\nbasis="b"\ngrade="government"\n'
        f'breach="manual_review"\nfrom="2017-08-01"\n'
        for rule, value in values.items()
    )
    head = '[pack]\nid="own"\nversion=1\ntitle="x"\narea="370100"\ndemonstration=false\nbased_on="shandong@1"\n'
    operator, pack = Author(OPERATOR, "operator", key=new_name("key")), new_name("pack")
    book.act(operator, "pack.publish", {"id": pack, "toml": head + rows})
    adoption = {"area": AREA, "pack": pack, "version": 1, "from_date": "2026-01-01", "document": "a" * 64}
    book.act(operator, "scheme.adopt", adoption)


def test_clocks_that_differ_a_little_are_no_finding(book: Book) -> None:
    """A phone five seconds ahead of the ledger is; what lies farther ahead is found of openings, nodes and ends."""
    for ahead, expected in (("05.000000", []), ("05.000001", ["in_future"])):
        told = f"2026-03-02T04:00:{ahead}Z"
        said = body(opened_at=told)["opened"]
        assert codes(book.act(BY_MAINTAINER, "visit.open", said)) == expected
        named_so = {"lift": LIFT, "year": 2026, "visit": said["id"]}
        noted = [node("a"), node("b") | {"device_time": told}]
        assert codes(book.act(BY_MAINTAINER, "visit.nodes", {**named_so, "nodes": noted})) == expected
        ended = codes(book.act(BY_MAINTAINER, "visit.finish", {**named_so, "finished_at": told}))
        assert [code for code in ended if code == "in_future"] == expected
        whole = body()
        whole["record"]["nodes"].append(node("b") | {"device_time": told})
        assert codes(book.act(BY_MAINTAINER, "visit.submit", whole)) == expected
        whole = body()
        whole["finished"]["finished_at"] = told
        assert codes(book.act(BY_MAINTAINER, "visit.submit", whole)) == expected


def test_parts_are_late_by_the_districts_own_hours(book: Book) -> None:
    """Opening, nodes and end of a visit are held to the same time within which records come in."""
    for hours, expected in ((240, []), (48, ["back_dated"])):
        adopt(book, {"maintenance.back_dated_hours_max": str(hours)})
        book.now = "2026-03-05T04:00:00.000000Z"
        said = body()
        assert codes(book.act(BY_MAINTAINER, "visit.open", said["opened"])) == expected
        noted = named(said, nodes=said["record"]["nodes"])
        assert codes(book.act(BY_MAINTAINER, "visit.nodes", noted)) == expected
        book.act(BY_MAINTAINER, "visit.items", named(said, **said["items"]))
        assert codes(book.act(BY_MAINTAINER, "visit.finish", named(said, **said["finished"]))) == expected


def test_a_correction_came_when_the_first_record_did(book: Book) -> None:
    """What came in time is not late for being corrected, however often; a day long before would have been late."""
    old = body()
    book.act(BY_MAINTAINER, "visit.submit", old)
    for day, opened_at, expected in (
        ("10", OPENED, []), ("20", OPENED, []), ("21", "2026-02-10T02:00:00.000000Z", ["back_dated"]),
    ):  # fmt: skip
        book.now = f"2026-03-{day}T04:00:00.000000Z"
        new = {"corrects": named(old, why="typo"), **body(opened_at=opened_at)}
        assert codes(book.act(BY_MAINTAINER, "visit.correct", new)) == expected
        old = new


def test_a_register_begun_today_flags_no_earlier_visit(book: Book) -> None:
    """Whom it states first is taken to have maintained the lift before; whom a contract engages, from its first day."""
    assert codes(book.act(BY_MAINTAINER, "visit.open", visited("2024-12-31")["opened"])) == ["back_dated"]
    other = new_name("lift")
    registered = {"id": other, "variety": "3110", "area": "370100", "status": "in_use", "identifiers": []}
    seed(book, Lift, other, MAINTAINER, Lift.Registered, registered, {"on": "2026-03-02"})
    term = {"contract": "contract:a", "maintainer": MAINTAINER, "from_date": "2026-03-02", "to_date": None}
    seed(book, Lift, other, MAINTAINER, Lift.MaintainerChanged, {}, {**term, "ends_stated": [], "confirmed_from": None})
    found = codes(book.act(BY_MAINTAINER, "visit.open", visited("2026-03-01", lift=other)["opened"]))
    assert found == ["not_the_maintainer"]
