"""Products: filed against the floors, sold and withdrawn."""

from __future__ import annotations

from typing import Any

import pytest

from application.ids import new_name
from domain.errors import Conflict, Forbidden, Invalid, RuleBroken
from domain.packs import load_pack, parse_pack
from domain.products import Product, check_product
from tests.support.insuring import HOLDER, INSURER, PRODUCT, RIVAL, STEPS, filing, office

ON = "2026-03-15"
EXAMS = {"college_entrance": 3_000_000, "senior_school_entrance": 1_000_000, "qualification": 300_000}
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
[[rule]]
id = "premium.cap"
title = "t"
value = "not_fixed"
unit = "fen_per_lift_year"
basis = "b"
grade = "unverified"
breach = "violates"
from = "2020-01-01"
[[rule]]
id = "entrapment.missed_exam_floor"
title = "t"
value = "not_fixed"
unit = "fen"
basis = "b"
grade = "unverified"
breach = "violates"
from = "2020-01-01"
[[rule]]
id = "entrapment.missed_travel_multiple"
title = "t"
value = "not_fixed"
unit = "times"
basis = "b"
grade = "unverified"
breach = "violates"
from = "2020-01-01"
[[rule]]
id = "policy.guiding_rate"
title = "t"
value = 10
unit = "basis_points"
basis = "b"
grade = "unverified"
breach = "violates"
from = "2020-01-01"
"""
)


def test_a_filed_product_keeps_what_is_not_fixed_as_information() -> None:
    """Sums and rates that the province has not fixed are told, not refused."""
    book = office()
    (event,) = book.act(INSURER, "product.file", filing(id=new_name("product")))
    codes = {(found["code"], found["verdict"]) for found in event.found["findings"]}
    assert codes == {("sum_insured_not_fixed", "information"), ("guiding_rate_not_fixed", "information")}
    assert event.found["pack"]["name"] == "shandong@1"


def test_benefits_below_the_floor_are_refused_with_the_rule() -> None:
    """f(t) ≥ floor(t) for every t: a step begun late falls below somewhere."""
    with pytest.raises(RuleBroken) as refusal:
        office().act(INSURER, "product.file", filing(id=new_name("product"), entrapment=STEPS[:2]))
    assert refusal.value.code == "rule_broken"
    assert refusal.value.details["rule"] == "entrapment.floor"
    assert refusal.value.details["finding"] == "benefit_below_floor"


@pytest.mark.parametrize(
    "changes, codes",
    [
        ({"missed_exam": EXAMS, "missed_travel_times": 2}, set()),
        ({}, {"missed_exam_not_stated", "missed_travel_not_stated"}),
        ({"missed_exam": EXAMS | {"qualification": 1}, "missed_travel_times": 1},
         {"missed_exam_below_floor", "missed_travel_below_floor"}),
    ],
)  # fmt: skip
def test_missed_appointments_have_floors(changes: dict[str, Any], codes: set[str]) -> None:
    """Examinations and journeys missed have least benefits; those not stated are asked for."""
    said = filing(parts=[{"part": "missed_exam"}, {"part": "missed_travel"}], **changes)
    found = check_product(load_pack("shandong@1"), said, ON)
    assert {f["code"] for f in found} - {"sum_insured_not_fixed", "guiding_rate_not_fixed"} == codes


def test_minimum_sums_bind_once_they_are_fixed() -> None:
    """A pack that fixes minimums turns information into a check, part by part; other open rules stay information."""
    said = filing(
        parts=[
            {"part": "third_party_injury", "per_lift_year_fen": 1}, {"part": "missed_exam"}, {"part": "missed_travel"},
        ],
        rates=[{"premises_class": "residential", "liability_fen": 99_999}],
    )  # fmt: skip
    found = check_product(FIXED, said, ON)
    assert [f["code"] for f in found] == ["floor_not_fixed", "floor_not_fixed", "sum_insured_below_minimum"]
    assert found[2]["facts"] == {"part": "third_party_injury", "sum_fen": 1, "minimum_fen": 50_000_000}


def test_a_sum_insured_that_nothing_states_is_asked_for() -> None:
    """Missing data is no violation."""
    found = check_product(FIXED, filing(parts=[{"part": "third_party_injury"}]), ON)
    assert [(f["code"], f["verdict"]) for f in found] == [("sum_insured_not_stated", "needs_supplement")]


def test_filed_rates_over_the_cap_are_refused() -> None:
    """A rate above the cap of its class could never be charged."""
    rates = [{"premises_class": "residential", "liability_fen": 8_501}]
    with pytest.raises(RuleBroken) as refusal:
        office().act(INSURER, "product.file", filing(id=new_name("product"), rates=rates))
    assert refusal.value.details["rule"] == "premium.cap"


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"parts": []}, "parts_count"),
        ({"parts": [{"part": "equipment"}, {"part": "equipment"}]}, "part_twice"),
        ({"parts": [{"part": "equipment", "per_person_fen": 2, "per_lift_year_fen": 1}]}, "aggregate_below_person"),
        ({"entrapment": STEPS * 13}, "too_many"),
        ({"services": ["SV01", "SV02", "SV01"]}, "service_twice"),
    ],
)
def test_a_filing_that_contradicts_itself_is_refused(changes: dict[str, Any], code: str) -> None:
    """The aggregate of a lift is not below what one person gets; no part stands twice."""
    with pytest.raises(Invalid) as refusal:
        office().act(INSURER, "product.file", filing(id=new_name("product"), **changes))
    assert refusal.value.code == code


def test_only_the_insurer_files_its_products() -> None:
    """Neither a use unit nor another insurer may."""
    for author in (HOLDER, RIVAL):
        with pytest.raises(Forbidden):
            office().act(author, "product.file", filing(id=new_name("product")))


def test_a_product_is_sold_between_its_days() -> None:
    """On sale from a day, withdrawn from a day, and offered again."""
    book = office()
    with pytest.raises(Conflict) as again:
        book.act(INSURER, "product.offer", {"from_date": "2026-01-01"}, product=PRODUCT)
    assert again.value.code == "on_sale_already"
    assert "is on sale from 2020-01-01 on; withdraw it" in again.value.message
    book.act(INSURER, "product.withdraw", {"from_date": "2026-05-01"}, product=PRODUCT)
    product = book.state(Product, PRODUCT)
    product.require_on_sale("2026-04-30")
    for day in ("2019-12-31", "2026-05-01"):
        with pytest.raises(Conflict):
            product.require_on_sale(day)
    with pytest.raises(Conflict) as twice:
        book.act(INSURER, "product.withdraw", {"from_date": "2026-06-01"}, product=PRODUCT)
    assert twice.value.code == "product_not_on_sale"
    book.act(INSURER, "product.offer", {"from_date": "2026-07-01"}, product=PRODUCT)
    book.state(Product, PRODUCT).require_on_sale("2026-07-01")
