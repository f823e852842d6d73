"""Premium ceilings and certificates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.errors import Invalid, RuleBroken
from domain.findings import refuse_violations
from domain.packs import NOT_FIXED, load_pack
from domain.premium import ceiling_fen, check_certificate, check_term, liability_premium_fen
from domain.time import Period

PACK = load_pack("shandong@1")
YEAR = Period("2026-03-01", "2027-03-01")


@pytest.mark.parametrize(
    "begins, ends, ceiling",
    [
        ("2027-09-01", "2029-03-01", 12_715),  # 18 months over 2028-02-29: 8,500 + floor(8,500 × 181 ÷ 365)
        ("2027-03-01", "2028-03-01", 8_500),  # 366 days, one plain year
        ("2026-01-01", "2027-01-01", 8_500),
        ("2028-02-29", "2029-02-28", 8_500),
        ("2026-01-01", "2028-01-01", 17_000),
        ("2026-01-01", "2026-01-02", 23),
    ],
)
def test_ceilings_go_by_anniversaries(begins: str, ends: str, ceiling: int) -> None:
    """Whole policy years cost the cap, a part of one its days, and a leap day makes nothing dearer."""
    assert ceiling_fen(8_500, Period(begins, ends)) == ceiling


def test_a_lift_added_later_counts_by_its_policys_years() -> None:
    """The days of a certificate are held against the policy year that they lie in, each part cut off."""
    assert ceiling_fen(8_500, Period("2027-09-01", "2028-03-01"), "2027-03-01") == 8_500 * 182 // 366
    assert ceiling_fen(8_500, Period("2026-09-01", "2028-03-01"), "2026-03-01") == 8_500 * 181 // 365 + 8_500
    with pytest.raises(Invalid) as refusal:
        ceiling_fen(8_500, YEAR, "2026-03-02")
    assert refusal.value.code == "outside_policy"


def test_only_the_liability_parts_are_capped() -> None:
    """A comprehensive policy of 3,500 yuan passes if its liability part does."""
    parts = {"third_party_injury": 8_000, "entrapment": 500, "parts_repair": 300_000, "equipment": 41_500}
    assert liability_premium_fen(PACK, parts, "2026-03-01") == 8_500
    assert check_certificate(PACK, premises_class="residential", parts_fen=parts, certificate=YEAR, policy=YEAR) == []


def test_a_fen_above_the_ceiling_violates() -> None:
    """The finding has both amounts, and refusing it names the rule."""
    found = check_certificate(
        PACK,
        premises_class="residential",
        parts_fen={"third_party_injury": 8_501},
        certificate=YEAR,
        policy=YEAR,
    )
    assert [(item["code"], item["verdict"], item["facts"]) for item in found] == [
        ("premium_over_ceiling", "violates", {"premium_fen": 8_501, "ceiling_fen": 8_500})
    ]
    with pytest.raises(RuleBroken) as refusal:
        refuse_violations(found)
    assert refusal.value.details["rule"] == "premium.cap"


@pytest.mark.parametrize("premises_class", [None, "castle"])
def test_missing_class_is_no_violation(premises_class: str | None) -> None:
    """Without a class nothing can be said about the cap."""
    found = check_certificate(PACK, premises_class=premises_class, parts_fen={}, certificate=YEAR, policy=YEAR)
    assert [(item["code"], item["verdict"]) for item in found] == [("premises_class_unknown", "needs_supplement")]


def test_short_policies_violate_and_short_certificates_do_not() -> None:
    """The shortest term binds the policy; a lift added in month six ends with it."""
    short = Period("2026-03-01", "2027-02-28")
    assert [(item["code"], item.get("facts")) for item in check_term(PACK, short)] == [
        ("policy_term_too_short", {"days": 364})
    ]
    assert check_term(PACK, YEAR) == []
    assert check_term(PACK, Period("2028-02-29", "2029-02-28")) == []
    added = Period("2026-09-01", "2027-03-01")
    parts = {"third_party_injury": 8_500 * 181 // 365}
    assert check_certificate(PACK, premises_class="residential", parts_fen=parts, certificate=added, policy=YEAR) == []


def test_certificates_keep_to_their_policy() -> None:
    """One that reaches outside violates; an added one that ends earlier goes to a person."""
    outside = Period("2026-09-01", "2027-03-02")
    found = check_certificate(PACK, premises_class="residential", parts_fen={}, certificate=outside, policy=YEAR)
    assert [(item["code"], item["verdict"]) for item in found] == [("certificate_outside_policy", "violates")]
    early = Period("2026-09-01", "2027-02-01")
    found = check_certificate(PACK, premises_class="residential", parts_fen={}, certificate=early, policy=YEAR)
    assert [(item["code"], item["verdict"]) for item in found] == [("certificate_not_coterminous", "manual_review")]
    first = Period("2026-03-01", "2027-02-01")
    assert check_certificate(PACK, premises_class="residential", parts_fen={}, certificate=first, policy=YEAR) == []


def test_where_nothing_may_be_added_no_certificate_begins_later() -> None:
    """A pack that lets none end with their policy sends each later one to a person, and none of the first day."""
    additions = replace(PACK.rule("policy.coterminous_additions", "2026-03-01"), value=False)
    strict = replace(PACK, rules=tuple(additions if rule.id == additions.id else rule for rule in PACK.rules))
    for begins, codes in (("2026-03-01", []), ("2026-03-02", ["certificate_not_coterminous"])):
        found = check_certificate(
            strict, premises_class="residential", parts_fen={}, certificate=Period(begins, "2027-03-01"), policy=YEAR
        )
        assert [item["code"] for item in found] == codes


def test_a_term_left_open_is_no_violation() -> None:
    """Where the authority fixed no shortest term no policy is too short."""
    term = replace(PACK.rule("policy.term_years_min", "2026-03-01"), value=NOT_FIXED)
    free = replace(PACK, rules=tuple(term if rule.id == term.id else rule for rule in PACK.rules))
    assert check_term(free, Period("2026-03-01", "2026-03-02")) == []


def test_a_cap_left_open_is_information() -> None:
    """Where the authority fixed no cap there is nothing to exceed."""
    cap = replace(PACK.rule("premium.cap", "2026-03-01"), value=NOT_FIXED)
    pack = replace(PACK, rules=tuple(cap if rule.id == cap.id else rule for rule in PACK.rules))
    found = check_certificate(
        pack,
        premises_class="residential",
        parts_fen={"third_party_injury": 10**6},
        certificate=YEAR,
        policy=YEAR,
    )
    assert [(item["code"], item["verdict"]) for item in found] == [("cap_not_fixed", "information")]
