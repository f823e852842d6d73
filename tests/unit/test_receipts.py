"""What each source bears of a premium, and what of its money the insurer holds."""

from __future__ import annotations

import pytest

from domain.receipts import Receipt, held_by_source, over_by_source, released, split_change, within

RECEIPTS = {"a": Receipt("property_fee", 100, 100), "b": Receipt("property_fee", 300, 200), "c": Receipt("other", 9, 0)}


def test_what_is_due_back_is_not_held() -> None:
    """Of three payments one was over in part, and one wholly."""
    assert held_by_source(RECEIPTS) == {"property_fee": 300}
    assert over_by_source({"property_fee": 300, "other": 1}, {"property_fee": 280}) == {"property_fee": 20, "other": 1}
    assert over_by_source({"property_fee": 300}, {"property_fee": 300}) == {}


def test_money_goes_back_to_the_payments_it_came_by() -> None:
    """In proportion to what is held of each, and never more than that."""
    after = released(RECEIPTS, {"property_fee": 30, "other": 5})
    assert [after[name].held_fen for name in "abc"] == [90, 180, 0]
    assert held_by_source(released(RECEIPTS, {"property_fee": 1_000})) == {}
    assert [receipt.held_fen for receipt in RECEIPTS.values()] == [100, 200, 0]


@pytest.mark.parametrize(
    "delta_fen, borne, shares",
    [
        (0, {"other": 5}, {}),
        (90, {"property_fee": 100, "common_income": 200}, {"property_fee": 30, "common_income": 60}),
        (90, {"property_fee": 1, "fund_principal": 200, "fiscal_subsidy": 50}, {"property_fee": 90}),
        (90, {"fund_principal": 200}, {"other": 90}),
        (90, {"property_fee": 0}, {"other": 90}),
        (-90, {"property_fee": 100, "fund_principal": 200}, {"property_fee": -30, "fund_principal": -60}),
    ],
)
def test_a_change_falls_on_those_who_bear_the_premium(
    delta_fen: int, borne: dict[str, int], shares: dict[str, int]
) -> None:
    """Less lightens all of them; more is owed neither by the fund nor by a subsidy that nobody approved."""
    assert split_change(delta_fen, borne) == shares


def test_no_more_is_held_than_the_premium() -> None:
    """Of 300 that are held above a share of 250, 20 are above the premium of 280."""
    borne = {"property_fee": 250, "other": 30}
    assert held_by_source(within(RECEIPTS, borne, 280)) == {"property_fee": 280}
    assert within(RECEIPTS, borne, 300) == RECEIPTS
