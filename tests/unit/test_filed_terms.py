"""Filed clauses and rates bind (报行合一): premiums by the filed rate and its factors, limits as filed, floors kept."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from application.ids import new_name
from domain.errors import RuleBroken
from domain.findings import Finding
from domain.policies import Policy
from tests.support.book import Book
from tests.support.insuring import (
    AREA,
    BARE,
    BUREAU,
    HOMES,
    INSURER,
    OFFICE,
    OPERATOR,
    drafted,
    filing,
    head,
    issued,
    line,
    office,
)

INJURY = "third_party_injury"
RATE = {"premises_class": "residential", "liability_fen": 5_000}


def product(book: Book, **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """File a product and put it on sale; returns its name."""
    name = new_name("product")
    book.act(INSURER, "product.file", filing(id=name, **changes))
    book.act(INSURER, "product.offer", {"from_date": "2020-01-01"}, product=name)
    return name


def staged(book: Book, filed: str, item: dict[str, Any], **changes: Any) -> list[Finding]:  # noqa: ANN401 - members of any type
    """Draft a policy of one certificate; gives what was found of its terms, worst first in the order of checks."""
    drafted(book, item, product=filed, **changes)
    return of_terms(next(e for e in reversed(book.log) if e.TOPIC == "cover.Attached").found["findings"])


def of_terms(findings: list[Finding]) -> list[Finding]:
    """Give the findings under the rule of filed terms."""
    return [found for found in findings if found["rule"] == "policy.filed_terms"]


@pytest.mark.parametrize(
    "liability_fen, within",
    [(8_400, False), (5_501, False), (5_500, True), (5_000, True), (4_500, True), (4_499, False)],
)
def test_a_premium_lies_within_the_filed_rate_and_its_factors(liability_fen: int, within: bool) -> None:
    """A discount outside the filed coefficients is a finding for the financial regulator, with the bounds."""
    book = office()
    filed = product(book, rates=[RATE], factors=[{"code": "claims", "least_bp": 9_000, "most_bp": 11_000}])
    found = staged(book, filed, line("", HOMES, liability_fen))
    assert [f["code"] for f in found] == ([] if within else ["outside_filed_rate"])
    for each in found:
        assert each["verdict"] == "manual_review"
        assert "金发〔2025〕36号" in each["basis"]
        assert each["facts"] == {"premium_fen": liability_fen, "least_fen": 4_500, "most_fen": 5_500}


def test_a_class_without_a_filed_rate_is_told() -> None:
    """What was filed for homes is no rate for offices; a lift of unknown class is asked for elsewhere."""
    book = office()
    filed = product(book, rates=[RATE])
    (found,) = staged(book, filed, line("", OFFICE, 5_000))
    assert (found["code"], found["facts"]) == ("filed_rate_missing", {"premises_class": "non_residential"})
    assert staged(book, filed, line("", BARE, 5_000)) == []


def test_without_filed_rates_nothing_is_held_against_them() -> None:
    """Missing data is no breach."""
    book = office()
    assert staged(book, product(book), line("", HOMES, 8_400)) == []


@pytest.mark.parametrize(
    "rounding, premiums", [(None, (2_506, 2_507)), ("down", (2_506, 2_506)), ("half_up", (2_507, 2_507))]
)
def test_part_of_a_year_costs_its_days(rounding: str | None, premiums: tuple[int, int]) -> None:
    """183 of 365 days are 2,506.8 fen; each part is rounded as filed, either way where nothing was."""
    for fen, within in ((premiums[0] - 1, False), (premiums[0], True), (premiums[1], True), (premiums[1] + 1, False)):
        book = office()
        filed = product(book, rates=[RATE], **({} if rounding is None else {"rounding": rounding}))
        policy = issued(book, line("", OFFICE, 0, parts=[{"part": INJURY, "premium_fen": 1_000}]), product=filed)
        added = line(policy, HOMES, 0, from_date="2026-09-30")
        added["parts"] = [{"part": INJURY, "premium_fen": fen}]
        said = {"number": "E1", "effective_on": "2026-09-30", "delta_fen": fen, "reason": "added", "adds": [added]}
        events = book.act(INSURER, "policy.endorse", said, policy=policy)
        found = of_terms(next(e for e in events if e.TOPIC == "cover.Attached").found["findings"])
        assert [f["code"] for f in found] == ([] if within else ["outside_filed_rate"]), fen


def test_a_changed_premium_is_held_against_the_filed_rate() -> None:
    """An endorsement does not lead round the filed rate, and the class of each day has its own."""
    book = office()
    filed = product(book, rates=[RATE, {"premises_class": "non_residential", "liability_fen": 7_000}])
    item = line("", HOMES, 5_000)
    policy = issued(book, item, product=filed)

    def change(delta_fen: int, **more: str) -> list[str]:
        changed = {
            "lift": HOMES, "certificate": item["certificate"], "effective_on": "2026-05-01",
            "parts": [{"part": INJURY, "delta_fen": delta_fen}], **more,
        }  # fmt: skip
        said = {"number": f"E{delta_fen}", "effective_on": "2026-05-01", "delta_fen": delta_fen, "reason": "changed"}
        events = book.act(INSURER, "policy.endorse", {**said, "changes": [changed]}, policy=policy)
        amended = next(e for e in events if e.TOPIC == "cover.Amended")
        return [f["code"] for f in of_terms(amended.found["findings"])]

    assert change(1_000) == ["outside_filed_rate"]
    assert change(835, premises_class="non_residential") == []


def test_the_rule_begins_on_its_day() -> None:
    """Before 1 November 2025 the ledger knows no day from which it was strict, and finds nothing."""
    for from_date, codes in (("2025-10-31", []), ("2025-11-01", ["outside_filed_rate"])):
        book = office("2025-10-01T02:00:00.000000Z")
        dates: dict[str, Any] = {"from_date": from_date, "to_date": f"2026-{from_date[5:]}"}
        filed = product(book, rates=[RATE])
        found = staged(book, filed, line("", HOMES, 8_000, **dates), valid_until="2025-12-31", **dates)
        assert [f["code"] for f in found] == codes


def test_limits_are_not_below_the_filed_ones() -> None:
    """A policy of one fen under a product of a million is no policy of that product; more than filed is as well."""
    book = office()
    injury = {"part": INJURY, "premium_fen": 7_200}
    filed = [
        {"part": INJURY, "per_person_fen": 1_000_000, "per_lift_year_fen": 100_000_000, "deductible_fen": 5},
        {"part": "entrapment"},
    ]
    name = product(book, parts=filed)

    def found(limits: dict[str, int], **terms: int) -> list[dict[str, Any]]:
        parts = [{**injury, **terms}, {"part": "entrapment", "premium_fen": 800}]
        said = head(new_name("policy"), [line("")], product=name, parts=parts, limits=limits)
        (event,) = book.act(INSURER, "policy.draft", said)
        return [f["facts"] for f in of_terms(event.found["findings"]) if f["code"] == "outside_filed_limit"]

    whole = {"per_lift_year_fen": 100_000_000}
    assert found(whole) == found(whole, per_person_fen=1_000_000, deductible_fen=5) == []
    assert found(whole, per_person_fen=999_999) == [
        {"part": INJURY, "limit": "per_person_fen", "policy_fen": 999_999, "filed_fen": 1_000_000}
    ]
    worst = found({"per_lift_year_fen": 1}, per_person_fen=1, deductible_fen=6)
    assert [(f["limit"], f["policy_fen"]) for f in worst] == [
        ("per_person_fen", 1), ("deductible_fen", 6), ("per_lift_year_fen", 1),
    ]  # fmt: skip


def test_an_endorsement_does_not_lead_round_the_filed_limits() -> None:
    """Neither the policy's own limit nor a certificate's is lowered below the filed one without a finding."""
    book = office()
    item = line("", HOMES)
    policy = issued(book, item)

    def endorsed(fen: int, **members: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - members of any type
        said = {"number": f"E{len(book.log)}", "effective_on": "2026-05-01", "delta_fen": 0, "reason": "changed"}
        events = book.act(INSURER, "policy.endorse", {**said, **members}, policy=policy)
        found = [f for event in events for f in of_terms(event.found.get("findings", []))]
        assert all(f["facts"]["policy_fen"] == fen for f in found)
        return [(f["code"], f["facts"]["filed_fen"]) for f in found]

    filed_fen = 100_000_000
    certificate = {"lift": HOMES, "certificate": item["certificate"], "effective_on": "2026-05-01"}
    for fen, codes in ((filed_fen, []), (1, [("outside_filed_limit", filed_fen)])):
        assert endorsed(fen, limits={"per_lift_year_fen": fen}) == codes
        assert endorsed(fen, changes=[{**certificate, "per_lift_year_fen": fen}]) == codes


def test_a_product_below_floors_raised_since_sells_no_longer() -> None:
    """It was filed under the old floors; a policy that begins under the new ones is refused with the rule's id."""
    book = office()
    old = drafted(book, line("", HOMES))
    text = files("domain").joinpath("rules", "shandong.toml").read_text(encoding="utf-8")
    raised = text.replace("version = 1", "version = 7", 1).replace("benefit_fen = 20000,", "benefit_fen = 90000,", 1)
    pack = new_name("pack")
    book.act(OPERATOR, "pack.publish", {"id": pack, "toml": raised})
    adoption = {"area": AREA, "pack": pack, "version": 7, "from_date": "2026-03-01", "document": "Notice 2"}
    book.act(BUREAU, "scheme.adopt", adoption)
    with pytest.raises(RuleBroken) as refusal:
        drafted(book, line("", OFFICE))
    assert (refusal.value.details["rule"], refusal.value.details["finding"]) == (
        "entrapment.floor", "benefit_below_floor",
    )  # fmt: skip
    injury = line("", OFFICE, 0, parts=[{"part": INJURY, "premium_fen": 5_000}])
    assert book.state(Policy, drafted(book, injury)).state == book.state(Policy, old).state == "drafted"
