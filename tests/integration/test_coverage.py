"""Coverage over several districts, each counted by its own scheme."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from application.reading import coverage, lifts
from application.work import Author
from domain.errors import Forbidden
from domain.packs import Pack, load_pack
from tests.support.history import PARTIES, Told, history, name
from tests.support.projecting import store
from tests.support.reading import OPERATOR, adopted, ask, project, reading
from tests.support.recounting import DAYS, UNDECIDED, Counted, Recount, Region
from tests.support.saving import TestLedger

AT = "2025-08-01"


def test_a_wider_area_is_counted_by_its_districts_schemes(ledger: TestLedger) -> None:
    """A city has no scheme: each district counts as its own pack means it and is held against its own targets."""
    wider = load_pack("shandong@1")
    rules = tuple(
        replace(rule, value=("in_use", "stopped")) if rule.id == "targets.in_use" else rule for rule in wider.rules
    )
    own = [
        Told(
            f"scheme:{area}", "scheme.TargetSet",
            {
                "area": area, "group": "all", "kind": "liability", "by": "2026-12-31", "share_bp": share,
                "document": f"Notice of {area}",
            }, {}, None,
        )
        for area, share in (("370102", 9_000), ("370103", 100))
    ]  # fmt: skip
    store(
        ledger,
        [
            *history(42, lifts=12),
            *adopted("370102"),
            *adopted("370103", replace(wider, id="own", rules=rules), 2),
            *own,
        ],
    )
    with reading(ledger) as reads:
        city = Author(PARTIES[4], "market_regulator", areas=("370100",))
        for answer in (
            coverage.coverage(ask(reads, city, effective_at=AT, by="area")),
            coverage.coverage(ask(reads, city, area="370100", effective_at=AT, by="area")),
            coverage.coverage(ask(reads, effective_at=AT, by="area")),
        ):
            assert answer["pack"] is None
            assert [(d["area"], d["pack"]["name"], d["pack"]["adopted"]) for d in answer["districts"]] == [
                ("370102", "shandong@1", True), ("370103", "own@1", True),
            ]  # fmt: skip
            mine = [(row["area"], row["target_bp"]) for row in answer["targets"] if row["source"] == "area"]
            assert mine == [("370102", 9_000), ("370103", 100)]
            for district in answer["districts"]:
                alone = coverage.coverage(ask(reads, area=district["area"], effective_at=AT, by="area"))
                assert alone["total"] == {member: district[member] for member in alone["total"]}
                assert alone["targets"] == [row for row in answer["targets"] if row["area"] == district["area"]]
                assert [row for row in answer["rows"] if row["area"].startswith(district["area"])] == alone["rows"]
        street = coverage.coverage(ask(reads, area="370102001", effective_at=AT, by="area"))
        assert {row["area"] for row in street["rows"]} == {"370102001"}
        assert street["pack"] == {"name": "shandong@1", "adopted": True}


def test_a_part_of_a_district_reaches_and_misses_no_target(ledger: TestLedger) -> None:
    """A town, or whoever asks for one, is told its share and that it is a part's; targets are the whole district's."""
    own = {"area": "370102", "group": "all", "kind": "liability", "by": "2025-06-30", "document": "D"}
    store(ledger, [*history(42, lifts=40), *adopted(), Told("scheme:370102", "scheme.TargetSet", own, {}, None)])
    town = Author(PARTIES[4], "town", areas=("370102001",))
    regulator = Author(PARTIES[4], "market_regulator", areas=("370102",))
    with reading(ledger) as reads:
        whole = coverage.coverage(ask(reads, regulator, effective_at=AT))
        for answer in (
            coverage.coverage(ask(reads, town, effective_at=AT)),
            coverage.coverage(ask(reads, town, area="370102", effective_at=AT)),
            coverage.coverage(ask(reads, regulator, area="370102001", effective_at=AT)),
        ):
            (district,) = answer["districts"]
            assert 0 < district["in_use"] == answer["total"]["in_use"] < whole["total"]["in_use"]
            assert district["cut"] == {"areas": ["370102001"]}
            assert {row["finding"]["code"] for row in answer["targets"]} == {"target_part_counted", "target_not_fixed"}
            assert len(answer["targets"]) == len(whole["targets"])
            assert all((row["missing"], row["cut"]) == (0, district["cut"]) for row in answer["targets"])
            assert {row["in_use"] for row in answer["targets"] if row["group"] == "all"} == {district["in_use"]}
    assert not any("cut" in row for row in (*whole["districts"], *whole["targets"]))
    assert whole["targets"][-1]["finding"]["code"] == "target_missed"
    # No lift of the history stands in a government office: that is known, so it is no gap in the data.
    offices = [row["finding"]["code"] for row in whole["targets"] if row["group"] == "government_office"]
    assert set(offices) == {"target_no_lifts"}


def test_a_town_whose_code_ends_in_zeros_is_counted_alone(ledger: TestLedger) -> None:
    """370102100 is a town (镇) like 370102105: neither counts, lists or reads what stands in the other."""
    towns = ("370102100", "370102105", "370102200")
    told = {area: name(random.Random(area), "lift") for area in towns}
    said = {"identifiers": [], "variety": "3110", "status": "in_use"}
    registered = [
        Told(lift, "lift.Registered", {"id": lift, "area": area, **said}, {"on": "2025-01-01"}, None)
        for area, lift in told.items()
    ]
    store(ledger, [*registered, *adopted()])
    with reading(ledger) as reads:
        for area, lift in told.items():
            town = Author(PARTIES[4], "market_regulator", areas=(area,))
            for asking in (
                ask(reads, town, effective_at=AT, by="area"),
                ask(reads, town, area="370102", effective_at=AT, by="area"),
                ask(reads, area=area, effective_at=AT, by="area"),
            ):
                answer = coverage.coverage(asking)
                assert [(row["area"], row["in_use"]) for row in answer["rows"]] == [(area, 1)]
                assert [district["cut"] for district in answer["districts"]] == [{"areas": [area]}]
            for asking in (ask(reads, town, effective_at=AT), ask(reads, area=area, effective_at=AT)):
                assert [row["lift"] for row in lifts.listed(asking)["lifts"]] == [lift]
            for other in told.values():
                if other == lift:
                    assert lifts.one(ask(reads, town, {"lift": other}))["lift"] == other
                else:
                    with pytest.raises(Forbidden):
                        lifts.one(ask(reads, town, {"lift": other}))


def test_a_bureau_is_held_to_the_groups_that_its_sector_holds_whole(ledger: TestLedger) -> None:
    """Of groups whose every venue is its own it sees what the district sees; of others, and of all lifts, a part.

    A bureau that was registered without a sector (行业) has none, and sees no lift.
    """
    store(ledger, [*history(42, lifts=40), *adopted()])
    rows = load_pack("shandong@1").rule("premises.target_group", AT).rows()
    places = tuple(str(row["venue"]) for row in rows if row["group"] == "listed_public_place")
    with reading(ledger) as reads:
        whole = coverage.coverage(ask(reads, area="370102", effective_at=AT))["targets"]
        for sectors, entire in ((places, {"listed_public_place"}), (("school", "office"), set())):
            bureau = Author(PARTIES[4], "culture_tourism_bureau", areas=("370102",), sectors=sectors)
            answer = coverage.coverage(ask(reads, bureau, effective_at=AT))
            assert answer["districts"][0]["cut"] == {"venues": sorted(sectors)}
            judged = [row for row in answer["targets"] if "cut" not in row]
            assert judged == [row for row in whole if row["group"] in entire]
            assert {row["finding"]["code"] for row in answer["targets"] if "cut" in row} == {
                "target_part_counted", "target_not_fixed",
            }  # fmt: skip
        nowhere = coverage.coverage(
            ask(reads, Author(PARTIES[4], "culture_tourism_bureau", areas=("370102",)), effective_at=AT)
        )
    assert (nowhere["total"]["in_use"], nowhere["districts"][0]["cut"]) == (0, {"venues": []})
    assert {row["finding"]["code"] for row in nowhere["targets"]} == {"target_part_counted", "target_not_fixed"}


def test_where_the_pack_groups_no_places_groups_are_not_counted(ledger: TestLedger) -> None:
    """Which lifts belong to a group is not known then: that is a gap in the data, and not a group without lifts."""
    pack = load_pack("shandong@1")
    rules = tuple(rule for rule in pack.rules if rule.id != "premises.target_group")
    store(ledger, [*history(42, lifts=12), *adopted(pack=replace(pack, id="own", rules=rules))])
    with reading(ledger) as reads:
        targets = coverage.coverage(ask(reads, area="370102", effective_at=AT))["targets"]
    codes = {row["finding"]["code"] for row in targets if row["group"] == "listed_public_place"}
    assert codes == {"target_not_counted"}
    assert all(row["in_use"] > 0 for row in targets if row["group"] == "all")


def told_otherwise(**values: object) -> Pack:
    """Give the province's pack with other values of some rules, without those that are None: `in_use` for …in_use."""
    pack = load_pack("shandong@1")
    told: dict[str, Any] = {rule.id: values.get(rule.id.rpartition(".")[2], rule.value) for rule in pack.rules}
    kept = (rule for rule in pack.rules if told[rule.id] is not None)
    return replace(pack, id="own", rules=tuple(replace(rule, value=told[rule.id]) for rule in kept))


@pytest.mark.parametrize(
    "values",
    [
        {"in_use": None, "rows": None, "target_group": None},
        {"in_use": "in_use"},
        {"in_use": "not_fixed"},
        {"rows": "not_fixed"},
        {"rows": ({"group": "all"},)},
        {"target_group": "not_fixed"},
        {"target_group": ({"venue": "school", "group": "x"},)},
    ],
)
def test_one_districts_pack_does_not_blind_the_city(ledger: TestLedger, values: dict[str, object]) -> None:
    """Whatever a pack leaves out, open or (as packs once could) malformed, its district counts with the others."""
    store(ledger, [*history(42, lifts=12), *adopted("370102"), *adopted("370103", told_otherwise(**values), 2)])
    city = Author(PARTIES[4], "market_regulator", areas=("370100",))
    with reading(ledger) as reads:
        answer = coverage.coverage(ask(reads, city, effective_at=AT))
        apart = [coverage.coverage(ask(reads, area=area, effective_at=AT)) for area in ("370102", "370103")]
    assert all(each["total"]["in_use"] for each in apart)
    assert answer["total"]["in_use"] == sum(each["total"]["in_use"] for each in apart)
    assert [row for row in answer["targets"] if row["area"] == "370102"] == apart[0]["targets"] != []
    if not {"rows"}.isdisjoint(values):
        assert apart[1]["targets"] == []
    if not {"target_group"}.isdisjoint(values):
        assert [row["group"] for row in apart[1]["rows"]] == [None]
        assert apart[1]["undecided_lifts"] == apart[1]["total"]["in_use"]


def test_a_day_before_every_rule_has_coverage_and_no_targets(ledger: TestLedger) -> None:
    """The plan is of August 2019; lifts were in use and insured before it."""
    lift = name(random.Random(1), "lift")
    said = {"id": lift, "identifiers": [], "variety": "3110", "status": "in_use", "area": "370102", "venue": "school"}
    store(ledger, [Told(lift, "lift.Registered", said, {"on": "2015-01-01"}, None), *adopted(from_date="2010-01-01")])
    with reading(ledger) as reads:
        answer = coverage.coverage(ask(reads, effective_at="2018-12-31"))
    assert (answer["total"]["in_use"], answer["targets"], answer["undecided_lifts"]) == (1, [], 1)
    assert [row["group"] for row in answer["rows"]] == [None]
    assert answer["pack"] == {"name": "shandong@1", "adopted": True}


def test_a_district_that_adopted_no_plan_misses_none(ledger: TestLedger) -> None:
    """It is counted and grouped as by the program's own pack, and held against what it set itself alone."""
    store(ledger, history(42, lifts=12))
    with reading(ledger) as reads:
        answer = coverage.coverage(ask(reads, area="370102", effective_at=AT))
        assert answer["pack"] == {"name": "shandong@1", "adopted": False}
        assert (answer["total"]["in_use"] > 0, answer["targets"]) == (True, [])
        own = {"area": "370102", "group": "all", "kind": "liability", "by": "2025-06-30", "document": "D"}
        store(ledger, [Told("scheme:370102", "scheme.TargetSet", own, {}, None)])
        project(ledger)
        (row,) = coverage.coverage(ask(reads, area="370102", effective_at=AT))["targets"]
        assert (row["source"], row["finding"]["code"]) == ("area", "target_reached")
        store(ledger, [Told("scheme:370102", "scheme.TargetWithdrawn", own, {}, None)])
        project(ledger)
        assert coverage.coverage(ask(reads, area="370102", effective_at=AT))["targets"] == []


def test_where_there_is_no_lift_nothing_is_counted(ledger: TestLedger) -> None:
    """An empty ledger has no district to speak of; the program's own pack says how would be counted."""
    with reading(ledger) as reads:
        answer = coverage.coverage(ask(reads))
    assert (answer["total"]["in_use"], answer["rows"], answer["districts"][0]["area"]) == (0, [], None)
    assert answer["pack"] == {"name": "shandong@1", "adopted": False}


def test_two_records_of_one_lift_count_once_also_before_that_was_found(ledger: TestLedger) -> None:
    """Known now, a day before the merger has one lift; known before, two; the one that has a word on the day stands."""
    store(ledger, history(42, lifts=12))
    twins = [name(random.Random(number), "lift") for number in range(2)]
    said = {"identifiers": [], "variety": "3110", "area": "370102001", "status": "in_use"}
    with reading(ledger) as reads:
        listed = lifts.listed(ask(reads, effective_at=AT))["lifts"]
        told = {lift["lift"]: lifts.one(ask(reads, path={"lift": lift["lift"]}, effective_at=AT)) for lift in listed}
        insured = next(
            lift for lift, each in told.items()
            if each["state"]["status"] == "in_use" and any(c["in_force"] for c in each["covers"])
        )  # fmt: skip
        # Of the first, in which both others go up, nothing is said before August's end.
        store(
            ledger,
            [
                Told(twins[0], "lift.Registered", {"id": twins[0], **said}, {"on": "2025-08-31"}, None),
                Told(twins[1], "lift.Registered", {"id": twins[1], **said}, {"on": "2025-01-01"}, None),
            ],
        )
        project(ledger)
        apart = coverage.coverage(ask(reads, effective_at=AT))
        later = coverage.coverage(ask(reads, effective_at="2025-09-01"))["total"]
        found = {"on": "2025-10-01"}
        merger = [Told(lift, "lift.MergedInto", {"into": twins[0]}, found, None) for lift in (insured, twins[1])]
        store(ledger, merger)
        project(ledger)
        joined = coverage.coverage(ask(reads, effective_at=AT))["total"]
        assert joined["in_use"] == apart["total"]["in_use"] - 1
        assert joined["liability"]["covered"] == apart["total"]["liability"]["covered"] > 0
        assert coverage.coverage(ask(reads, effective_at="2025-09-01"))["total"]["in_use"] == later["in_use"] - 2
        known = str(apart["known_at"]["position"])
        assert coverage.coverage(ask(reads, effective_at=AT, known_at=known)) == apart


READERS = (
    (OPERATOR, None, [""]),
    (OPERATOR, "370000", ["37"]),
    (Author(PARTIES[4], "market_regulator", areas=("370100", "440305")), None, ["3701", "440305"]),
    (Author(PARTIES[4], "market_regulator", areas=("370100",)), "370103", ["370103"]),
    (Author(PARTIES[4], "town", areas=("370102001", "370102002")), None, ["370102001", "370102002"]),
    (Author(PARTIES[4], "town", areas=("370102001",)), "370102", ["370102001"]),
    (Author(PARTIES[4], "transport_bureau", areas=("370100",), sectors=("hospital", "office")), None, ["3701"]),
    (Author(PARTIES[4], "transport_bureau", areas=("370100",)), None, ["3701"]),
)
"""Who asks, for which area, and the beginnings of the codes that he is cut to."""


@pytest.mark.parametrize("seed", range(6))
def test_coverage_is_what_a_plain_recount_gives(ledger: TestLedger, seed: int) -> None:
    """Whoever asks, of whatever day, by what was known at whatever position: lifts, districts and targets agree."""
    region = Region(random.Random(seed))
    marks = [(store(ledger, region.more()), len(region.told)) for _ in range(3)]
    with reading(ledger) as reads:
        for position, size in marks:
            for author, area, areas in READERS:
                on = region.rng.choice(DAYS)
                venues = sorted(author.sectors) if author.kind == "transport_bureau" else None
                plain = Recount(region.told[:size], region.meanings, on, areas, venues)
                asked = {} if area is None else {"area": area}
                asking = ask(
                    reads, author, None, by="area,class,venue,group", effective_at=on, known_at=str(position), **asked
                )
                _agree(coverage.coverage(asking), plain)


def _agree(answer: Any, plain: Recount) -> None:  # noqa: ANN401 - an answer as JSON
    lifts_in_use, districts = plain.lifts(), plain.districts()
    rows: dict[tuple[Any, ...], list[Counted]] = {}
    for lift in lifts_in_use:
        rows.setdefault((lift.area, lift.premises_class, lift.venue, lift.group), []).append(lift)
    meanings = [plain.meaning(area) for area in districts]
    served = all(meaning.served for meaning in meanings)
    told = {(row["area"], row["class"], row["venue"], row["group"]): _counts(row) for row in answer["rows"]}
    assert told == {key: _counted(found, served=served) for key, found in rows.items()}
    assert _counts(answer["total"]) == _counted(lifts_in_use, served=served)
    undecided = [lift for lift in lifts_in_use if lift.group is None or lift.venue in UNDECIDED]
    assert answer["undecided_lifts"] == len(undecided)
    if not districts:
        assert [district["area"] for district in answer["districts"]] == [None]
        return
    assert [(d["area"], d["pack"]["name"], d["pack"]["adopted"], _counts(d)) for d in answer["districts"]] == [
        (
            area, meaning.name, meaning.adopted,
            _counted([lift for lift in lifts_in_use if lift.area.startswith(area)], served=meaning.served),
        )
        for area, meaning in zip(districts, meanings, strict=True)
    ]  # fmt: skip
    members = ("group", "kind", "by", "source", "target_bp", "in_use", "covered")
    for area in districts:
        mine = [row for row in answer["targets"] if row["area"] == area]
        assert [(*(row[m] for m in members), row["finding"]["code"]) for row in mine] == plain.targets(area)


def _counts(row: Any) -> tuple[int, int, int | None]:  # noqa: ANN401 - a row of an answer
    service = row["insurance_service"]
    return row["in_use"], row["liability"]["covered"], None if service is None else service["covered"]


def _counted(found: list[Counted], *, served: bool) -> tuple[int, int, int | None]:
    service = sum(lift.insurance_service for lift in found) if served else None
    return len(found), sum(lift.liability for lift in found), service
