"""Forms of rules: what a pack may say of a rule that the program reads, and what it is told otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.errors import Invalid
from domain.money import FEN_MAX
from domain.packs import BUILT_IN, Pack, load_pack, pack_as_json, parse_pack
from domain.rule_forms import FORMS, faults_of, readable, require_forms
from domain.schemes import PackDocument, parsed
from tests.unit.test_packs import HEAD, RULE

HALF = '{ of = "scope", numerator = 1, denominator = 2, bound = "open" }'
STEP = '{ start_seconds = 9, bound = "open", benefit_fen = 1 }'


def written(rule: str, value: str) -> Pack:
    """Give a pack of one rule."""
    return parse_pack((HEAD + RULE.replace("a.b", rule).replace("value = 1", f"value = {value}")).encode())


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_programs_own_packs_are_of_the_forms(name: str) -> None:
    """What comes with the program can be published, and nothing of it is left out when it is read back."""
    pack = load_pack(name)
    require_forms(pack)
    assert readable(pack) is pack


def test_forms_are_of_rules_that_the_program_has() -> None:
    """A form of a rule that no pack of the program has would be held against nothing."""
    assert set(FORMS) <= {rule.id for rule in load_pack("shandong@1").rules}


@pytest.mark.parametrize("rule", sorted(FORMS))
def test_what_is_not_fixed_is_of_any_form(rule: str) -> None:
    """An authority may leave every rule open (未定); a truth value where a number is wanted, or a word, is none."""
    require_forms(written(rule, '"not_fixed"'))
    with pytest.raises(Invalid) as refusal:
        require_forms(written(rule, '"whatever this is"'))
    assert (refusal.value.code, refusal.value.details["rule"]) == ("rule_value", rule)


@pytest.mark.parametrize("rule", ["a.b", "fund.checks", "targets.rows_of_the_county"])
def test_unknown_rules_are_texts_to_read(rule: str) -> None:
    """A district may write down what the program does not read, and what it reads no value of."""
    require_forms(written(rule, '[{ any = "thing" }]'))


@pytest.mark.parametrize(
    "rule, value, fault",
    [
        ("targets.in_use", '"in_use"', "/: a list"),
        ("targets.in_use", '["inuse"]', "/0: one of installing, in_use, stopped, scrapped"),
        ("targets.in_use", "[1]", "/0: one of installing, in_use, stopped, scrapped"),
        ("targets.rows", '[{ group = "all", kind = "liability", by = "2027-12-31" }]', "/0/share_bp: wanted"),
        (
            "targets.rows", '[{ group = "all", kind = "liability", by = "2027-02-30", share = "all" }]',
            "/0/by: a civil date",
        ),
        (
            "targets.rows", '[{ group = "all", kind = "liability", by = "2027-12-31", share = "most" }]',
            "/0/share: one of all, not_fixed",
        ),
        (
            "targets.rows", '[{ group = "all", kind = "liability", by = "2027-12-31", share = "all", share_bp = 1 }]',
            "/0/share_bp: no member; known are by, group, kind, share",
        ),
        ("targets.rows", '[{ group = 1, kind = "liability", by = 1, share_bp = 1 }]', "/0/by: a civil date"),
        ("premises.target_group", '[{ venue = "school", group = "x" }]', "/0/review: wanted"),
        ("premises.target_group", '[{ venue = "school", group = "X", review = false }]', "/0/group: a code"),
        ("premises.target_group", '[{ venue = "school", group = "x", review = 1 }]', "/0/review: true or false"),
        (
            "premises.target_group",
            '[{ venue = "school", group = "x", review = true }, { venue = "school", group = "y", review = true }]',
            "/1/venue: no other row with the same",
        ),
        ("premises.target_group", '["school"]', "/0: a table"),
        ("premium.cap", "8500", "/: a table with a member"),
        ("premium.cap", "{}", "/: a table with a member"),
        ("premium.cap", "{ house = 1 }", "/house: no member; known are residential, non_residential, public_gathering"),
        ("premium.cap", "{ residential = -1 }", f"/residential: a whole number from 0 to {FEN_MAX}"),
        ("maintenance.workers_min", "true", "/: a whole number from 1 to 100"),
        ("maintenance.visit_minutes_min", "{ am = 1 }", "/am: no member; known are HM, TM, SM, OY, FM"),
        ("maintenance.visit_minutes_min", '{ HM = "30" }', "/HM: a whole number from 0 to 1440"),
        ("policy.coterminous_additions", "1", "/: true or false"),
        ("claims.clocks", '[{ clock = " " }]', "/0/basis: wanted"),
        (
            "claims.clocks",
            '[{ clock = " ", start = "s", length = 1, unit = "days", pause = "none", basis = "b" }]',
            "/0/clock: a text",
        ),
        (
            "entrapment.floor",
            f"[{STEP}, {STEP}]",
            "/: steps are not in ascending order of duration",
        ),
        ("vote.use_fund", f"{{ particpation = {HALF}, approval = {HALF} }}",
         "/particpation: no member; known are approval, participation"),
        ("vote.use_fund", f"{{ approval = {HALF.replace('= 1', '= 3')} }}",
         "/approval: a numerator no greater than the denominator"),
        ("vote.use_fund", '{ approval = "half" }', "/approval: a table"),
    ],
)  # fmt: skip
def test_another_form_is_told_with_its_place(rule: str, value: str, fault: str) -> None:
    """Whoever writes a pack is told which rule, where in its value, and what is wanted there."""
    with pytest.raises(Invalid) as refusal:
        require_forms(written(rule, value))
    wrong = refusal.value.details["wrong"]
    assert (refusal.value.code, refusal.value.details["rule"]) == ("rule_value", rule)
    assert fault in (wrong if isinstance(wrong, list) else [])


def test_good_values_of_one_district_are_taken() -> None:
    """Members that may be left out may be, and a vote may ask for approval alone."""
    for rule, value in (
        ("vote.use_fund", f"{{ approval = {HALF} }}"),
        ("targets.rows", '[{ group = "villas", kind = "liability", by = "2027-12-31", share = "not_fixed" }]'),
        ("entrapment.floor", '[{ start_seconds = 60, bound = "closed", benefit_fen = 1 }]'),
        ("PB01.receipts", '{ subsidy_part = "counted" }'),
    ):
        require_forms(written(rule, value))


def test_what_was_published_before_is_read_without_what_cannot_be() -> None:
    """An old pack of the log with a rule of another form is as one that lacks it; its other rules hold."""
    pack = load_pack("shandong@1")
    bad = replace(pack.rule("targets.in_use", "2026-01-01"), value="in_use")
    rules = tuple(bad if rule.id == bad.id else rule for rule in pack.rules)
    document: Any = pack_as_json(replace(pack, rules=rules))
    read = parsed(PackDocument("a" * 64, document))
    assert {rule.id for rule in pack.rules} - {rule.id for rule in read.rules} == {"targets.in_use"}
    assert faults_of(bad)
