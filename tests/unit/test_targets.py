"""Targets: coverage held against the plan's rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.errors import Invalid
from domain.packs import Pack, RuleValue, load_pack
from domain.schemes import Target
from domain.targets import Coverage, aims, class_of, hold_against_targets

PACK = load_pack("shandong@1")
ROWS = PACK.rule("targets.rows", "2020-06-30")


def test_shares_are_never_rounded_up() -> None:
    """2,999 of 9,999 lifts are less than 30 %, and 30 % of 10 are reached by 3."""
    assert Coverage(9_999, 2_999).share_bp == 2_999
    assert not Coverage(9_999, 2_999).reaches(3_000)
    assert Coverage(10, 3).reaches(3_000)
    assert Coverage(0, 0).share_bp is None


@pytest.mark.parametrize("in_use, covered, missing", [(10, 2, 1), (11, 3, 1), (10, 5, 0), (0, 0, 0)])
def test_missing_lifts_are_those_to_the_next_whole_lift(in_use: int, covered: int, missing: int) -> None:
    """Covering so many more reaches 30 %."""
    coverage = Coverage(in_use, covered)
    assert coverage.missing(3_000) == missing
    assert Coverage(in_use, covered + missing).reaches(3_000)


@pytest.mark.parametrize("in_use, covered", [(1, 2), (1, -1)])
def test_impossible_counts_are_refused(in_use: int, covered: int) -> None:
    """No more lifts are covered than are in use."""
    with pytest.raises(Invalid) as refusal:
        Coverage(in_use, covered)
    assert refusal.value.code == "counts_impossible"


def test_rows_get_their_verdicts() -> None:
    """Reached, missed, open, not counted, without lifts and not fixed are told apart."""
    coverage = {
        ("all", "liability"): Coverage(1_000, 400),
        ("listed_public_place", "liability"): Coverage(200, 199),
        ("government_office", "liability"): Coverage(0, 0),
    }
    results = hold_against_targets(ROWS, "2020-06-30", coverage)
    assert [(row.group, row.kind, row.by, row.finding["code"], row.missing) for row in results] == [
        ("all", "liability", "2019-12-31", "target_reached", 0),
        ("listed_public_place", "liability", "2019-12-31", "target_missed", 1),
        ("government_office", "liability", "2019-12-31", "target_no_lifts", 0),
        ("all", "liability", "2020-12-31", "target_open", 100),
        ("all", "insurance_service", "2020-12-31", "target_not_counted", 0),
        ("housing", "liability", "2020-12-31", "target_not_fixed", 0),
        ("all", "liability", "2021-12-31", "target_open", 300),
        ("all", "insurance_service", "2021-12-31", "target_not_counted", 0),
    ]
    verdicts = {row.finding["code"]: row.finding["verdict"] for row in results}
    assert verdicts["target_missed"] == "manual_review"
    assert verdicts["target_not_counted"] == "needs_supplement"
    assert {row.source for row in results} == {"pack"}


def test_a_part_neither_reaches_nor_misses_what_is_set_for_the_whole() -> None:
    """Of a group of which only a part was counted the share is told, nothing is missing, and nothing is judged."""
    own = [Target("all", "liability", "2020-06-29", 4_500, "Notice 1")]
    counted = {("all", "liability"): Coverage(1_000, 400), ("listed_public_place", "liability"): Coverage(200, 199)}
    results = hold_against_targets(ROWS, "2020-06-30", counted, own, {"all"})
    of_all = [row for row in results if (row.group, row.kind) == ("all", "liability")]
    assert {(row.finding["code"], row.finding["verdict"], row.missing) for row in of_all} == {
        ("target_part_counted", "information", 0)
    }
    assert {row.coverage for row in of_all} == {Coverage(1_000, 400)}
    assert [row.finding["code"] for row in results if row.group == "listed_public_place"] == ["target_missed"]


def test_an_areas_own_rows_follow_the_packs_with_their_document() -> None:
    """No share is all; the row stands beside the pack's of the same group and day, in the order of days."""
    own = [
        Target("all", "liability", "2021-12-31", None, "Notice 2"),
        Target("all", "liability", "2020-06-29", 4_500, "Notice 1"),
    ]
    counted = {("all", "liability"): Coverage(1_000, 400)}
    pack_rows = hold_against_targets(ROWS, "2020-06-30", counted)
    results = hold_against_targets(ROWS, "2020-06-30", counted, own)
    assert results[: len(pack_rows)] == pack_rows
    assert [(row.source, row.share_bp, row.finding["code"], row.finding["basis"]) for row in results[-2:]] == [
        ("area", 4_500, "target_missed", "Notice 1"),
        ("area", 10_000, "target_open", "Notice 2"),
    ]
    assert {row.finding["rule"] for row in results[-2:]} == {"targets.area"}


def without(*ids: str, **values: RuleValue) -> Pack:
    """Give the province's pack without some rules, and with other values of some: `in_use` for `targets.in_use`."""
    others = {f"targets.{name}": value for name, value in values.items()}
    rules = (rule for rule in PACK.rules if rule.id not in ids)
    return replace(PACK, rules=tuple(replace(rule, value=others.get(rule.id, rule.value)) for rule in rules))


def test_what_a_pack_does_not_fix_of_counting_is_the_programs_own() -> None:
    """A district's lifts are counted in a city's share whatever its pack leaves out or open, on whatever day."""
    own = aims(PACK, "2026-03-01")
    for pack in (without("targets.in_use"), without(in_use="not_fixed")):
        assert aims(pack, "2026-03-01") == own
    assert aims(without(in_use=("in_use", "stopped")), "2026-03-01").statuses == ("in_use", "stopped")
    early = aims(PACK, "2018-12-31")
    assert (early.statuses, early.group("school"), early.kinds, early.rows) == (
        ("in_use",), (None, True), ("liability",), None,
    )  # fmt: skip


def test_rows_that_are_not_fixed_are_no_targets() -> None:
    """Nor is there a group of a venue where groups are not fixed, or are left out; all lifts are a group anyhow."""
    assert aims(without(rows="not_fixed"), "2026-03-01").rows is None
    assert aims(without("targets.rows"), "2026-03-01").rows is None
    grouped = without("premises.target_group")
    assert aims(grouped, "2026-03-01").venues == {"all": frozenset()}
    assert hold_against_targets(None, "2026-03-01", {("all", "liability"): Coverage(2, 1)}) == []


def test_a_district_that_adopted_no_pack_has_no_targets_but_its_own() -> None:
    """Nobody is blamed by a plan that he never adopted; he is counted as the program's own pack counts."""
    own = aims(PACK, "2026-03-01")
    assert aims(None, "2026-03-01") == replace(own, rows=None)
    set_by_itself = [Target("all", "liability", "2020-12-31", 9_000, "Notice")]
    (row,) = hold_against_targets(None, "2026-03-01", {("all", "liability"): Coverage(2, 1)}, set_by_itself)
    assert (row.source, row.finding["code"], row.finding["verdict"], row.finding["rule"]) == (
        "area", "target_missed", "manual_review", "targets.area",
    )  # fmt: skip


@pytest.mark.parametrize(
    "venue, group, group_review, premises_class, class_review",
    [
        ("school", "listed_public_place", False, "public_gathering", False),
        ("hotel", "listed_public_place", True, "public_gathering", True),
        ("park", "listed_public_place", True, "public_gathering", False),
        ("office_government", "government_office", False, "non_residential", False),
        ("residence_resettlement", "housing", False, "residential", False),
    ],
)
def test_venues_have_a_class_and_a_group_of_their_own(
    venue: str, group: str, group_review: bool, premises_class: str, class_review: bool
) -> None:
    """The plan's lists differ, so the two are mapped apart and open lists go to a person."""
    assert aims(PACK, "2026-03-01").group(venue) == (group, group_review)
    assert class_of(PACK, venue, "2026-03-01") == (premises_class, class_review)


def test_unknown_venues_are_refused() -> None:
    """A venue outside the list has no class."""
    with pytest.raises(Invalid) as refusal:
        class_of(PACK, "castle", "2026-03-01")
    assert refusal.value.code == "venue_unknown"
