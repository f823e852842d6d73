"""Code lists: complete, free of contradictions, and cumulative where the law says so."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import get_args

import pytest

from domain import catalogue
from domain.errors import Invalid
from domain.packs import BUILT_IN, load_pack
from domain.policy_shapes import ServiceCode

ON = "2026-03-01"


def test_items_are_complete() -> None:
    """There are 257 items in four annexes, and a code tells annex, table and place."""
    items = catalogue.maintenance_items()
    assert len(items) == 257
    assert Counter(item.annex for item in items.values()) == {"A": 76, "B": 66, "C": 52, "D": 63}
    for code, item in items.items():
        annex, table, _ = code.split("-")
        assert annex == item.annex
        assert catalogue.CYCLES[int(table) - 1] == item.cycle


@pytest.mark.parametrize(
    "variety, counts",
    [("3110", (31, 44, 59, 76)), ("3210", (30, 43, 52, 66)), ("3430", (20, 28, 38, 52)), ("3310", (33, 38, 50, 63))],
)
def test_deeper_visits_include_shallower_ones(variety: str, counts: tuple[int, ...]) -> None:
    """A quarterly visit does the half-monthly items too, and so on to the year."""
    due = [catalogue.items_due(variety, work_type) for work_type in catalogue.CYCLES]
    assert tuple(len(items) for items in due) == counts
    assert all(set(less) < set(more) for less, more in itertools.pairwise(due))


@pytest.mark.parametrize("variety, work_type", [("3410", "OY"), ("3420", "HM"), ("3110", "FM")])
def test_no_annex_binds_special_lifts_and_contracts(variety: str, work_type: str) -> None:
    """For these the list is the manufacturer's or the contract's."""
    assert catalogue.items_due(variety, work_type) == ()


@pytest.mark.parametrize(
    "variety, work_type, code", [("3500", "HM", "variety_unknown"), ("3110", "repair", "work_type_unknown")]
)
def test_unknown_codes_are_refused(variety: str, work_type: str, code: str) -> None:
    """Neither a variety nor a visit is guessed."""
    with pytest.raises(Invalid) as refusal:
        catalogue.items_due(variety, work_type)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "label, code", [("3110", "3110"), (" 自动扶梯", "3310"), ("Dumbwaiter", "3430"), ("客梯", "3110"), ("3500", None)]
)
def test_varieties_are_known_by_sure_names_only(label: str, code: str | None) -> None:
    """Names of one variety lead to its code; what could be several leads nowhere."""
    assert catalogue.variety_of(label) == code


def test_no_alias_has_two_meanings() -> None:
    """Every label belongs to one variety."""
    labels = [
        label.casefold()
        for variety in catalogue.varieties().values()
        for label in {variety.code, variety.zh, variety.en, *variety.aliases}
    ]
    assert len(labels) == len(set(labels))


def test_plain_lists_have_names_in_both_languages() -> None:
    """Every entry has a Chinese and an English name."""
    for entries in (
        catalogue.coverage_parts(),
        catalogue.funding_sources(),
        catalogue.work_types(),
        catalogue.item_results(),
        catalogue.hazard_codes(),
        catalogue.legal_holidays(),
        catalogue.venues(),
        catalogue.premises_classes(),
        catalogue.services(),
    ):
        assert all(entry.zh and entry.en and entry.code == code for code, entry in entries.items())
    assert all(1 <= venue.platform_type <= 9 for venue in catalogue.venues().values())
    assert list(catalogue.services()) == list(get_args(ServiceCode))
    assert [code for code, hazard in catalogue.hazard_codes().items() if not hazard.severe] == ["S0"]


@pytest.mark.parametrize("name", sorted(name for name in BUILT_IN if name.startswith("shandong@")))
def test_packs_speak_of_codes_that_exist(name: str) -> None:
    """Every venue has a class and a target group, and parts and sources of the pack are in the lists."""
    pack = load_pack(name)
    for rule_id, member in (("premises.venue_class", "premises_class"), ("premises.target_group", "group")):
        rows = pack.rule(rule_id, ON).rows()
        assert Counter(str(row["venue"]) for row in rows) == Counter(list(catalogue.venues()))
        assert all(row[member] for row in rows)
    assert set(pack.rule("premium.cap", ON).table()) == set(catalogue.premises_classes())
    liable = pack.rule("premium.liability_parts", ON).texts()
    assert set(liable) == {code for code, part in catalogue.coverage_parts().items() if part.group == "liability"}
    sources = pack.rule("fund.permitted_parts", ON).rows()
    assert {row["source"] for row in sources} == set(catalogue.funding_sources())
    for row in sources:
        named = (row["permitted"], row["refused"])
        assert all(isinstance(parts, tuple) and set(parts) <= set(catalogue.coverage_parts()) for parts in named)
