"""Laws of apportionment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.money import FEN_MAX, apportion

weights_of = st.dictionaries(st.text(max_size=6), st.integers(1, 10**12), min_size=1, max_size=40)


@given(st.integers(0, FEN_MAX), weights_of)
def test_shares_sum_to_the_fen(total: int, weights: dict[str, int]) -> None:
    """Nothing is lost or made, and nobody gets less than the floor or more than one fen above it."""
    shares = apportion(total, weights)
    whole = sum(weights.values())
    assert sum(shares.values()) == total
    assert all(0 <= shares[key] - total * weight // whole <= 1 for key, weight in weights.items())


@given(st.integers(0, FEN_MAX), weights_of, st.randoms())
def test_order_of_weights_does_not_matter(total: int, weights: dict[str, int], random: object) -> None:
    """The same weights in another order give the same shares."""
    keys = list(weights)
    random.shuffle(keys)  # type: ignore[attr-defined]  # hypothesis types its random loosely
    assert apportion(total, {key: weights[key] for key in keys}) == apportion(total, weights)


@given(st.integers(0, FEN_MAX), weights_of)
def test_greater_weight_never_gets_less(total: int, weights: dict[str, int]) -> None:
    """Shares are in the order of the weights."""
    shares = apportion(total, weights)
    in_order = [share for _, share in sorted((weight, shares[key]) for key, weight in weights.items())]
    assert in_order == sorted(in_order)
