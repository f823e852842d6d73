"""What policies are held against at issue and afterwards: subsidies in instalments, what is overdue, the first day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.errors import Conflict, RuleBroken
from domain.packs import parse_pack
from domain.policies import Policy
from domain.policy_checks import check_draft
from domain.products import Product
from tests.support.insuring import HOMES, INSURER, OFFICE, PRODUCT, head, line, office, pay, proposed

FIXED = parse_pack(
    b"""
[pack]
id = "fixed"
version = 1
title = "t"
area = "370102"
demonstration = true
based_on = "shandong@1"
[[rule]]
id = "policy.sum_insured_min"
title = "t"
value = { third_party_injury = 50000000 }
unit = "fen"
basis = "b"
grade = "unverified"
breach = "violates"
from = "2020-01-01"
"""
)
QUARTERS = [{"due_on": day, "amount_fen": 2_000} for day in ("2026-04-01", "2026-07-01", "2026-10-01", "2027-01-01")]
PARTLY_SUBSIDISED: dict[str, Any] = {
    "sources": [{"kind": "fiscal_subsidy", "amount_fen": 2_000}, {"kind": "property_fee", "amount_fen": 6_000}],
    "instalments": QUARTERS,
}


def test_a_subsidy_lightens_every_instalment_alike() -> None:
    """A subsidy as high as the first of four instalments does not issue the policy: a quarter of each is its part."""
    book = office()
    policy = proposed(book, line(""), **PARTLY_SUBSIDISED)
    with pytest.raises(RuleBroken) as refusal:
        book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert refusal.value.details["facts"] == {"needed_fen": 1_500, "received_fen": 0}
    assert pay(book, policy, 1_500).found["complete"] is True
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)


def test_what_the_pack_leaves_to_a_person_is_not_refused() -> None:
    """PB01 until the end of February 2026: a policy issued before its premium is flagged; from March on it is not."""
    book = office("2026-01-15T02:00:00.000000Z")
    days: dict[str, Any] = {"from_date": "2026-04-01", "to_date": "2027-04-01", "valid_until": "2026-04-15"}
    early, late = (proposed(book, line("", lift), **days) for lift in (HOMES, OFFICE))
    (event,) = book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=early)
    (found,) = event.found["findings"]
    assert (found["code"], found["verdict"], found["facts"]) == (
        "issued_before_premium", "manual_review", {"needed_fen": 8_000, "received_fen": 0},
    )  # fmt: skip
    book.now = "2026-02-28T16:00:00.000000Z"
    with pytest.raises(RuleBroken) as refusal:
        book.act(INSURER, "policy.issue", {"number": "PZ-2"}, policy=late)
    assert (refusal.value.details["rule"], refusal.value.details["finding"]) == ("PB01", "issued_before_premium")


@pytest.mark.parametrize(
    "stated, whole_fen, codes",
    [
        ({}, 60_000_000, []),
        ({"per_lift_year_fen": 49_999_999}, 60_000_000, ["outside_filed_limit", "sum_insured_below_minimum"]),
        ({}, 49_999_999, ["outside_filed_limit", "sum_insured_below_minimum"]),
    ],
)
def test_a_sum_insured_left_unsaid_is_as_filed(stated: dict[str, int], whole_fen: int, codes: list[str]) -> None:
    """Neither nothing nor more than the limit over all parts."""
    book = office()
    filed = replace(
        book.state(Product, PRODUCT), parts=({"part": "third_party_injury", "per_lift_year_fen": 60_000_000},)
    )
    parts = [{"part": "third_party_injury", "premium_fen": 8_000, **stated}]
    said = head("policy:x", [line("")], parts=parts, limits={"per_lift_year_fen": whole_fen})
    assert [found["code"] for found in check_draft(FIXED, filed, said, "2026-03-15")] == codes


def test_a_subsidy_that_is_late_lets_no_policy_lapse() -> None:
    """The holder paid all that is his; when he did not, a subsidy paid early does not make up for it."""
    book = office()
    policy, other = (proposed(book, line("", lift), **PARTLY_SUBSIDISED) for lift in (HOMES, OFFICE))
    pay(book, policy, 6_000)
    pay(book, other, 2_999)
    pay(book, other, 2_000, "fiscal_subsidy")
    for name in (policy, other):
        book.act(INSURER, "policy.issue", {"number": f"PZ-{name}"}, policy=name)
    book.now = "2027-01-02T02:00:00.000000Z"
    with pytest.raises(Conflict) as refusal:
        book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)
    assert refusal.value.code == "premium_not_overdue"
    book.now = "2026-07-02T02:00:00.000000Z"
    book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=other)
    state = book.state(Policy, other)
    assert (state.held_fen, state.cancelled_on) == (8_000 - 8_000 * 272 // 365, "2026-07-03")


def test_a_premium_that_an_endorsement_lowered_is_not_overdue() -> None:
    """What was given back of instalments is owed no more."""
    book = office()
    items = [line("", lift, 4_000) for lift in (HOMES, OFFICE)]
    policy = proposed(book, *items, instalments=QUARTERS)
    pay(book, policy, 4_000)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    removal = {
        "lift": OFFICE, "certificate": items[1]["certificate"], "effective_on": "2026-04-01", "reason": "scrapped",
        "refunds": [{"part": p["part"], "premium_fen": p["premium_fen"]} for p in items[1]["parts"]],
    }  # fmt: skip
    said = {"number": "E1", "effective_on": "2026-04-01", "delta_fen": -4_000, "reason": "x", "removes": [removal]}
    book.act(INSURER, "policy.endorse", said, policy=policy)
    book.now = "2026-10-02T02:00:00.000000Z"
    with pytest.raises(Conflict) as refusal:
        book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)
    assert refusal.value.code == "premium_not_overdue"


def test_a_policy_issued_after_its_first_day_is_told() -> None:
    """Liability insurance bears no certain loss (责任保险业务监管办法 6): a person looks at it, nobody is refused."""
    book = office()
    days: dict[str, Any] = {"from_date": "2026-01-01", "to_date": "2027-01-01"}
    policy = proposed(book, line("", **days), **days)
    pay(book, policy)
    (event,) = book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    (found,) = event.found["findings"]
    assert (found["code"], found["verdict"], found["facts"]) == (
        "issued_after_inception",
        "manual_review",
        {"days": 73},
    )
    bulk = proposed(
        book, line("", OFFICE, **days), sealed=True, ground="public_budget_sealed_proposal",
        sources=[{"kind": "fiscal_budget", "amount_fen": 8_000}], **days,
    )  # fmt: skip
    (event,) = book.act(INSURER, "policy.issue", {"number": "PZ-2"}, policy=bulk)
    assert [(found["code"], found["verdict"]) for found in event.found["findings"]] == [
        ("issued_on_budget_ground", "information"), ("issued_after_inception", "information"),
    ]  # fmt: skip


def test_a_policy_issued_on_its_first_day_is_in_time() -> None:
    """Nothing of its term has passed unknown to whoever issues it."""
    book = office()
    days: dict[str, Any] = {"from_date": "2026-03-15", "to_date": "2027-03-15"}
    policy = proposed(book, line("", **days), **days)
    pay(book, policy)
    assert book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)[0].found["findings"] == []
