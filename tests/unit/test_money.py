"""Money: bounds and division to the fen."""

from __future__ import annotations

import pytest

from domain.errors import Invalid
from domain.money import FEN_MAX, apportion, apportion_bp, check_fen


def test_amounts_in_range_pass() -> None:
    """An amount from zero to the limit is returned as it is; a negative one only when signed."""
    assert check_fen(0) == 0
    assert check_fen(FEN_MAX) == FEN_MAX
    assert check_fen(-1, signed=True) == -1
    assert FEN_MAX < 2**53


@pytest.mark.parametrize("amount", [-1, FEN_MAX + 1, True, 1.0, "1"])
def test_amounts_out_of_range_are_refused(amount: object) -> None:
    """Negative, too large, boolean, fractional and textual amounts are refused by one code."""
    with pytest.raises(Invalid) as refusal:
        check_fen(amount)  # type: ignore[arg-type]  # the wrong types are the point
    assert refusal.value.code == "amount_out_of_range"


def test_largest_remainder_takes_the_odd_fen() -> None:
    """10 fen over 3:3:1 are 4.28, 4.28 and 1.43: the spare fen goes to the remainder of .43."""
    assert apportion(10, {"a": 3, "b": 3, "c": 1}) == {"a": 4, "b": 4, "c": 2}


def test_ties_go_to_the_lower_key() -> None:
    """Equal remainders are settled by key, whatever the order of insertion."""
    assert apportion(2, {"c": 1, "b": 1, "a": 1}) == {"a": 1, "b": 1, "c": 0}
    assert list(apportion(2, {"c": 1, "a": 1})) == ["a", "c"]


@pytest.mark.parametrize(
    "weights, code",
    [({}, "no_weights"), ({"a": 0}, "weight_not_positive"), ({"a": 1, "b": -1}, "weight_not_positive")],
)
def test_bad_weights_are_refused(weights: dict[str, int], code: str) -> None:
    """No weight, a zero and a negative one are refused."""
    with pytest.raises(Invalid) as refusal:
        apportion(100, weights)
    assert refusal.value.code == code


def test_co_insurers_shares_must_be_whole() -> None:
    """Shares in basis points divide an amount only if they sum to 10,000."""
    assert apportion_bp(8_500, {"lead": 6_000, "second": 4_000}) == {"lead": 5_100, "second": 3_400}
    with pytest.raises(Invalid) as refusal:
        apportion_bp(8_500, {"lead": 6_000, "second": 3_999})
    assert refusal.value.code == "shares_not_whole"
    assert refusal.value.details == {"found": 9_999}
