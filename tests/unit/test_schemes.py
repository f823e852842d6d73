"""Rule packs and schemes: publishing, adopting, the pack in force."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.schemes import pack_in_force
from domain.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from domain.packs import load_pack, pack_as_json, pack_from_json
from domain.schemes import PublishedPack, Scheme, is_district, parsed, within
from tests.support.book import Book
from tests.support.insuring import AREA, BUREAU, INSURER, OPERATOR, PACK, office, reading

OWN = """
[pack]
id = "own"
version = 3
title = "Own"
area = "370102"
demonstration = true
based_on = "shandong@1"
"""
SECOND = PACK[:-12] + "000000000002"


def adoption(pack: str, version: int, from_date: str, area: str = AREA) -> dict[str, object]:
    """Give an adoption."""
    return {"area": area, "pack": pack, "version": version, "from_date": from_date, "document": "Notice 2"}


def test_a_published_pack_is_read_back_as_it_was() -> None:
    """The event holds the whole pack; what is parsed from it equals the program's, and is parsed once."""
    published = office().state(PublishedPack, PACK).published
    assert published is not None
    assert parsed(published) == load_pack("shandong@1")
    assert parsed(published) is parsed(replace(published))


@pytest.mark.parametrize("name", ["shandong@1", "shandong@2"])
def test_packs_survive_their_json(name: str) -> None:
    """A pack and the pack of its JSON are one."""
    assert pack_from_json(pack_as_json(load_pack(name))) == load_pack(name)


def test_a_pack_of_ones_own_is_published_from_text() -> None:
    """TOML is read by the same reader as the program's packs."""
    book = office()
    (event,) = book.act(BUREAU, "pack.publish", {"id": SECOND, "toml": OWN})
    assert (event.found["version"], event.found["pack"]["id"]) == (3, "own")


@pytest.mark.parametrize(
    "said, code",
    [
        ({}, "pack_source"),
        ({"toml": OWN, "program_pack": "shandong@1"}, "pack_source"),
        ({"toml": "x"}, "pack_malformed"),
    ],
)  # fmt: skip
def test_a_pack_without_one_source_is_refused(said: dict[str, str], code: str) -> None:
    """A pack comes with the program or as text, not both, not neither."""
    with pytest.raises(Invalid) as refusal:
        office().act(OPERATOR, "pack.publish", {"id": SECOND, **said})
    assert refusal.value.code == code


def test_an_area_below_a_district_has_the_districts_pack() -> None:
    """Streets and committees have no scheme of their own."""
    pack, ref = pack_in_force(reading(office()), f"{AREA}001", "2026-01-01")
    assert (pack.name, ref.as_json()) == ("shandong@1", {"id": PACK, "version": 1, "name": "shandong@1"})


@pytest.mark.parametrize("area, on", [("370103", "2026-01-01"), (AREA, "2019-12-31")])
def test_without_adoption_no_pack_is_in_force(area: str, on: str) -> None:
    """Another district, and a day before the first adoption, have none."""
    with pytest.raises(NotFound) as refusal:
        pack_in_force(reading(office()), area, on)
    assert refusal.value.code == "pack_not_adopted"


def test_a_later_adoption_leaves_earlier_days_alone() -> None:
    """The pack of a day is the adoption that held then; of one day the one recorded last."""
    book = office()
    book.act(OPERATOR, "pack.publish", {"id": SECOND, "program_pack": "shandong@2"})
    book.act(BUREAU, "scheme.adopt", adoption(SECOND, 2, "2026-07-01"))
    assert _name(book, "2026-06-30") == "shandong@1"
    assert _name(book, "2026-07-01") == "shandong@2"
    book.act(BUREAU, "scheme.adopt", adoption(PACK, 1, "2026-07-01"))
    assert _name(book, "2026-07-01") == "shandong@1"


def _name(book: Book, on: str) -> str:
    return pack_in_force(reading(book), AREA, on)[0].name


@pytest.mark.parametrize(
    "said, kind, code",
    [
        (adoption(PACK, 2, "2026-01-01"), Conflict, "pack_version"),
        (adoption(SECOND, 1, "2026-01-01"), NotFound, "pack_unknown"),
        (adoption(PACK, 1, "2026-01-01", "370102001"), Invalid, "area_not_district"),
        (adoption(PACK, 1, "2026-01-01", "370100"), Invalid, "area_not_district"),
        (adoption(PACK, 1, "2026-01-01", "370202"), Forbidden, "right_missing"),
    ],
)
def test_adoptions_that_cannot_be_are_refused(said: dict[str, object], kind: type[DomainError], code: str) -> None:
    """The version must be the published one, the area a district of the regulator's."""
    with pytest.raises(kind) as refusal:
        office().act(BUREAU, "scheme.adopt", said)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "area, expected",
    [
        ("370102", True), ("370110", True), ("370100", False), ("370000", False), ("370102001", False),
        ("441900", True), ("419001", True),
    ],
)  # fmt: skip
def test_schemes_are_adopted_by_districts(area: str, expected: bool) -> None:
    """A city's code would bind none of its districts; a city that has none, as Dongguan, adopts for its towns."""
    assert is_district(area) is expected


def test_a_demonstration_binds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No authority has made it: it is adopted on ledgers with a scripted clock alone."""
    book = office()
    book.act(OPERATOR, "pack.publish", {"id": SECOND, "toml": OWN})
    monkeypatch.setattr("tests.support.book.ORIGIN", "ledger.jinan.gov.cn/lifts")
    with pytest.raises(Conflict) as refusal:
        book.act(BUREAU, "scheme.adopt", adoption(SECOND, 3, "2026-07-01"))
    assert refusal.value.code == "pack_demonstration"
    book.act(BUREAU, "scheme.adopt", adoption(PACK, 1, "2026-07-01"))


def test_a_pack_that_could_not_be_read_is_not_published() -> None:
    """Whoever publishes it is told which rule; the share of a whole city would have asked for it later."""
    rule = """
[[rule]]
id = "targets.in_use"
title = "t"
value = "in_use"
unit = "lift_statuses"
basis = "b"
grade = "government"
breach = "information"
from = "2020-01-01"
"""
    with pytest.raises(Invalid) as refusal:
        office().act(OPERATOR, "pack.publish", {"id": SECOND, "toml": OWN + rule})
    assert (refusal.value.code, refusal.value.details["rule"]) == ("rule_value", "targets.in_use")


def test_an_insurer_sets_no_targets_but_the_regulator_does() -> None:
    """A target is a row (group, kind, by, share); saying it again replaces it, no share is all."""
    book = office()
    target = {"area": AREA, "group": "all", "kind": "liability", "by": "2027-12-31", "share_bp": 9_000, "document": "D"}
    with pytest.raises(Forbidden):
        book.act(INSURER, "scheme.set_target", target)
    book.act(BUREAU, "scheme.set_target", target)
    del target["share_bp"]
    book.act(BUREAU, "scheme.set_target", target)
    (row,) = book.state(Scheme, f"scheme:{AREA}").targets.values()
    assert row.share_bp is None


def test_a_target_is_of_a_group_of_the_pack() -> None:
    """A mistyped group would be counted by nobody; the groups are those of the pack in force on the target's day."""
    book = office()
    target = {"area": AREA, "group": "residential", "kind": "liability", "by": "2027-12-31", "document": "D"}
    with pytest.raises(Invalid) as refusal:
        book.act(BUREAU, "scheme.set_target", target)
    assert refusal.value.code == "group_unknown"
    assert refusal.value.details["known"] == ["all", "government_office", "housing", "listed_public_place", "other"]
    # On the last day of 2019 no pack was in force: the program's own has the groups.
    for by in ("2027-12-31", "2019-12-31"):
        book.act(BUREAU, "scheme.set_target", {**target, "group": "housing", "by": by})


def test_a_target_set_by_mistake_is_withdrawn() -> None:
    """Named by its group, kind and day, by who may set it; what is not set cannot be withdrawn."""
    book = office()
    target = {"area": AREA, "group": "all", "kind": "liability", "by": "2072-12-31", "document": "D"}
    with pytest.raises(NotFound) as refusal:
        book.act(BUREAU, "scheme.withdraw_target", target)
    assert refusal.value.code == "target_unknown"
    book.act(BUREAU, "scheme.set_target", target)
    book.act(BUREAU, "scheme.set_target", {**target, "by": "2027-12-31"})
    with pytest.raises(Forbidden):
        book.act(replace(BUREAU, areas=("370200",)), "scheme.withdraw_target", target)
    book.act(BUREAU, "scheme.withdraw_target", {**target, "document": "Correction"})
    assert [key[2] for key in book.state(Scheme, f"scheme:{AREA}").targets] == ["2027-12-31"]


def test_a_target_is_a_districts_too() -> None:
    """A street's code names no scheme: the target would be booked on another stream than was signed."""
    target = {"area": f"{AREA}001", "group": "all", "kind": "liability", "by": "2027-12-31", "document": "D"}
    with pytest.raises(Invalid) as refusal:
        office().act(BUREAU, "scheme.set_target", target)
    assert refusal.value.code == "area_not_district"


@pytest.mark.parametrize(
    "area, wider, expected",
    [
        ("370102", "370100", True),
        ("370102001", "370000", True),
        ("370112", "370110", False),
        ("370102", "370102001", False),
        ("370102105", "370102100", False),
        ("370102110", "370102100", False),
        ("370102199001", "370102100", False),
        ("370102100001", "370102100", True),
        ("370102100100", "370102100100", True),
        ("370102100105", "370102100100", False),
        ("370102001005", "370102001000", True),
        ("370102", "370102000", True),
        ("370202", "000000", False),
    ],
)  # fmt: skip
def test_areas_lie_in_wider_ones_level_by_level(area: str, wider: str, expected: bool) -> None:
    """A city's code ends in 00, a province's in 0000; a district's that ends in 0 is no city's, nor is town (镇) 100.

    Zeros that fill a whole level below the district say all of the level above: 370102001000 is its street 370102001.
    """
    assert within(area, wider) is expected
