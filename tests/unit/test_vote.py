"""Votes: heads, areas and thresholds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.errors import Invalid
from domain.packs import Rule, load_pack
from domain.vote import Choice, Tally, Unit, count, decide, use_fund_rule

PACK = load_pack("shandong@1")
RULE = use_fund_rule(PACK, "2026-03-01")


def tally(*, area: tuple[int, int, int], heads: tuple[int, int, int]) -> Tally:
    """Return a tally of scope, participating and agreeing."""
    return Tally(*area, *heads, heads_divided=0)


def test_a_buyer_and_the_developer_are_one_head_each() -> None:
    """Two units of one buyer are one head; unsold and undelivered units of the developer are one together."""
    units = [
        Unit("h1", 9_000, "ann"),
        Unit("h2", 8_000, "ann"),
        Unit("h3", 7_000, "bob"),
        Unit("h4", 6_000, "unsold", delivered=False),
        Unit("h5", 5_000, "cai", delivered=False),
    ]
    ballots: dict[str, Choice] = {"h1": "agree", "h2": "agree", "h3": "abstain", "h4": "disagree"}
    assert count(units, ballots) == Tally(35_000, 30_000, 17_000, 3, 3, 1, 0)


def test_a_head_that_votes_both_ways_takes_part_and_does_not_agree() -> None:
    """Its areas count as they voted, and the division is shown."""
    units = [Unit("h1", 100, "ann"), Unit("h2", 100, "ann")]
    counted = count(units, {"h1": "agree", "h2": "disagree"})
    assert counted == Tally(200, 200, 100, 1, 1, 0, 1)
    _, findings = decide(counted, RULE)
    assert findings[-1]["code"] == "head_divided"


@pytest.mark.parametrize(
    "counted, passed",
    [
        (tally(area=(300, 200, 101), heads=(30, 20, 11)), True),  # two thirds include equality
        (tally(area=(300, 199, 199), heads=(30, 20, 20)), False),  # short by area
        (tally(area=(300, 200, 200), heads=(30, 19, 19)), False),  # short by heads
        (tally(area=(300, 200, 100), heads=(30, 20, 11)), False),  # half is no majority
        (tally(area=(300, 200, 101), heads=(30, 20, 10)), False),
        (tally(area=(300, 0, 0), heads=(30, 0, 0)), False),
    ],
)
def test_using_the_fund_takes_two_thirds_and_a_majority(counted: Tally, passed: bool) -> None:
    """Civil Code 278: by area and by heads, both."""
    carried, findings = decide(counted, RULE)
    assert carried is passed
    assert [item["code"].split("_")[0] for item in findings] == ["participation", "approval"]
    assert (findings[0]["verdict"] == findings[1]["verdict"] == "compliant") is passed


def test_raising_the_fund_takes_three_quarters() -> None:
    """Three quarters include equality."""
    rule = PACK.rule("vote.raise_fund", "2026-03-01")
    assert decide(tally(area=(300, 200, 150), heads=(30, 20, 15)), rule)[0]
    assert not decide(tally(area=(300, 200, 149), heads=(30, 20, 15)), rule)[0]


def test_the_old_rule_binds_votes_before_2021() -> None:
    """Two thirds of all in scope had to agree, and no participation was asked for."""
    old = use_fund_rule(PACK, "2020-12-31")
    carried, findings = decide(tally(area=(300, 250, 200), heads=(30, 25, 20)), old)
    assert carried
    assert [item["code"] for item in findings] == ["approval_reached"]
    assert not decide(tally(area=(300, 250, 199), heads=(30, 25, 20)), old)[0]


@pytest.mark.parametrize(
    "units, ballots, code",
    [
        ([], {}, "nobody_in_scope"),
        ([Unit("h1", 1, "a"), Unit("h1", 1, "b")], {}, "unit_twice"),
        ([Unit("h1", 0, "a")], {}, "unit_without_area"),
        ([Unit("h1", 1, "a")], {"h2": "agree"}, "ballot_out_of_scope"),
    ],
)
def test_faulty_scopes_are_refused(units: list[Unit], ballots: dict[str, Choice], code: str) -> None:
    """An empty scope, a unit twice or without area, and a stranger's ballot are refused."""
    with pytest.raises(Invalid) as refusal:
        count(units, ballots)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "threshold",
    [
        "closed",
        {"of": "nobody", "numerator": 1, "denominator": 2, "bound": "open"},
        {"of": "scope", "numerator": 3, "denominator": 2, "bound": "open"},
        {"of": "scope", "numerator": 1, "denominator": 2, "bound": "ajar"},
    ],
)
def test_malformed_thresholds_are_refused(threshold: str | dict[str, str | int]) -> None:
    """A pack that does not say how to count does not decide."""
    rule: Rule = replace(RULE, value={"approval": threshold})
    with pytest.raises(Invalid) as refusal:
        decide(tally(area=(3, 2, 2), heads=(3, 2, 2)), rule)
    assert refusal.value.code == "rule_value"
