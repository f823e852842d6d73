"""Rule packs: what is read, refused and given back."""

from __future__ import annotations

import json

import pytest

from domain import claim_checks, visit_checks
from domain.errors import Invalid, NotFound
from domain.packs import BUILT_IN, NOT_FIXED, load_pack, own_rule, pack_as_json, parse_pack, rule_or_own

HEAD = """
[pack]
id = "test"
version = 1
title = "t"
area = "370000"
demonstration = true
"""
RULE = """
[[rule]]
id = "a.b"
title = "t"
value = 1
unit = "u"
basis = "b"
grade = "statute"
breach = "violates"
from = "2020-01-01"
"""


def parsed(text: str) -> object:
    """Read a pack written as text."""
    return parse_pack(text.encode())


def test_caps_of_the_province() -> None:
    """The caps are 85, 105 and 135 yuan a lift and year."""
    rule = load_pack("shandong@1").rule("premium.cap", "2026-03-01")
    assert [rule.number(name) for name in ("residential", "non_residential", "public_gathering")] == [
        8_500,
        10_500,
        13_500,
    ]
    assert (rule.unit, rule.grade, rule.breach) == ("fen_per_lift_year", "government", "violates")
    assert load_pack("shandong") == load_pack("shandong@1")


def test_what_the_province_left_open_is_a_value() -> None:
    """Minimum sums are not fixed, which is not the same as absent."""
    rule = load_pack("shandong@1").rule("policy.sum_insured_min", "2026-03-01")
    assert rule.value == NOT_FIXED
    assert not rule.fixed


@pytest.mark.parametrize(
    "on, value, breach",
    [
        ("2025-10-31", NOT_FIXED, "information"),
        ("2025-11-01", "premium_first", "manual_review"),
        ("2026-02-28", "premium_first", "manual_review"),
        ("2026-03-01", "premium_first", "violates"),
    ],
)
def test_premium_before_policy_comes_in_steps(on: str, value: str, breach: str) -> None:
    """The rule begins on 1 November 2025 and is strict from 1 March 2026."""
    rule = load_pack("shandong@1").rule("PB01", on)
    assert (rule.value, rule.breach) == (value, breach)


def test_second_version_changes_one_rule_in_the_middle_of_the_year() -> None:
    """The demonstration variant shortens the countersignature from July 2026, and nothing else."""
    first, second = load_pack("shandong@1"), load_pack("shandong@2")
    assert second.demonstration
    assert not first.demonstration
    hours = "maintenance.countersign_hours_max"
    assert second.rule(hours, "2026-06-30").integer() == first.rule(hours, "2026-06-30").integer() == 24
    assert second.rule(hours, "2026-07-01").integer() == 12
    assert [rule for rule in first.rules if rule.id != hours] == [rule for rule in second.rules if rule.id != hours]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_packs_become_canonical_data(name: str) -> None:
    """A pack as data survives JSON, has its name, and every rule tells its source."""
    data = pack_as_json(load_pack(name))
    assert json.loads(json.dumps(data)) == data
    assert f"{data['id']}@{data['version']}" == load_pack(name).name == name
    assert all(rule.basis and rule.unit and rule.title for rule in load_pack(name).rules)


def test_unknown_packs_and_rules_are_not_found() -> None:
    """A pack or rule that is not there, or not on that day, is not found."""
    with pytest.raises(NotFound) as refusal:
        load_pack("fuzhou@1")
    assert refusal.value.code == "pack_unknown"
    pack = load_pack("shandong@1")
    for rule, on in (("premium.cap", "2019-07-31"), ("no.such", "2026-01-01")):
        assert not pack.has(rule, on)
        with pytest.raises(NotFound) as refusal:
            pack.rule(rule, on)
        assert refusal.value.code == "rule_not_in_force"
    assert pack.has("premium.cap", "2019-08-01")


NATIONWIDE = (
    visit_checks.BY_MAINTAINER, visit_checks.WORKERS, visit_checks.ITEMS, visit_checks.TIMES, visit_checks.BACK_DATED,
    visit_checks.SIGNED_BY_PERSON, claim_checks.COVERED, claim_checks.DUPLICATE, claim_checks.ASKED_ONCE,
    claim_checks.NETTED, claim_checks.MEASURED,
)  # fmt: skip


@pytest.mark.parametrize("rule", NATIONWIDE)
def test_nationwide_rules_bind_without_a_pack(rule: str) -> None:
    """Where no pack is in force, or its rule not yet, the program's own row decides; a pack's own goes before it."""
    own = own_rule(rule)
    assert rule_or_own(None, rule, "2026-01-01") == own == rule_or_own(load_pack("shandong@2"), rule, "2026-01-01")
    assert rule_or_own(load_pack("shandong@1"), rule, "1999-01-01") == own
    text = HEAD + RULE.replace("a.b", rule)
    theirs = parse_pack(text.encode())
    assert rule_or_own(theirs, rule, "2026-01-01") == theirs.rules[0] != own
    assert rule_or_own(theirs, rule, "2019-12-31") == own


def test_an_unknown_rule_is_nobodys() -> None:
    """Checks cannot rest on a rule that stands nowhere."""
    with pytest.raises(NotFound) as refusal:
        own_rule("no.such")
    assert refusal.value.code == "rule_unknown"


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "",
        HEAD + "[other]\n",
        HEAD.replace("version = 1", 'version = "1"'),
        HEAD.replace("version = 1", "version = 0"),
        HEAD.replace("demonstration = true", 'demonstration = "yes"'),
        HEAD.replace('title = "t"', 'title = " "'),
        HEAD.replace('area = "370000"\n', ""),
        HEAD + "unknown = 1\n",
        HEAD + RULE.replace("value = 1\n", ""),
        HEAD + RULE.replace("value = 1", "value = 1.5"),
        HEAD + RULE.replace("value = 1", "value = 2026-01-01"),
        HEAD + RULE.replace("value = 1", "value = 9007199254740992"),
        HEAD + RULE.replace("value = 1", 'value = { "Ключ" = 1 }'),
        HEAD + RULE.replace('"statute"', '"rumour"'),
        HEAD + RULE.replace('"violates"', '"bad"'),
        HEAD + RULE.replace('"a.b"', '"a b"'),
        HEAD + RULE.replace("2020-01-01", "2020-02-30"),
        HEAD + RULE + 'to = "2020-01-01"\n',
        HEAD + RULE + "extra = 1\n",
        HEAD + RULE + RULE.replace("2020", "2021"),
        "rule = 1\n" + HEAD,
        "rule = [1]\n" + HEAD,
    ],
)
def test_malformed_packs_are_refused(text: str) -> None:
    """Whatever is missing, unknown, mistyped or in force twice is refused by one code."""
    with pytest.raises(Invalid) as refusal:
        parsed(text)
    assert refusal.value.code == "pack_malformed"


def test_bytes_that_are_no_text_are_refused() -> None:
    """TOML is UTF-8."""
    with pytest.raises(Invalid):
        parse_pack(b"\xff")


def test_values_are_read_by_their_type() -> None:
    """Asking a rule for another type than it holds is refused, so that a pack cannot be misread."""
    pack = load_pack("shandong@1")
    number, table = pack.rule("maintenance.interval_days_max", "2026-01-01"), pack.rule("premium.cap", "2026-01-01")
    texts, rows = pack.rule("fund.checks", "2026-01-01"), pack.rule("targets.rows", "2026-01-01")
    assert pack.rule("fund.past_warranty", "2026-01-01").flag() is True
    assert pack.rule("premium.class_at", "2026-01-01").text() == "certificate_start"
    assert texts.texts()[0] == "MF01"
    assert rows.rows()[0]["share_bp"] == 3_000
    for read in (
        table.integer,
        table.text,
        table.flag,
        table.texts,
        table.rows,
        number.table,
        number.texts,
        number.rows,
        texts.rows,
        rows.texts,
        lambda: table.number("factory"),
    ):
        with pytest.raises(Invalid) as refusal:
            read()
        assert refusal.value.code == "rule_value"
