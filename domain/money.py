"""Money in whole fen (分), and its division among parties without loss of a single fen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

FEN_MAX = 10**14
"""One trillion yuan: above any amount of one lift district, below 2^53 so that JSON keeps it whole."""

BASIS_POINTS = 10_000


def check_fen(amount_fen: int, *, signed: bool = False) -> int:
    """Return the amount if it is a whole number of fen in range.

    The range is 0…FEN_MAX, or −FEN_MAX…FEN_MAX when `signed`. Raises Invalid `amount_out_of_range`.
    """
    lowest = -FEN_MAX if signed else 0
    # bool is an int in Python, and True must not become one fen
    if type(amount_fen) is not int or not lowest <= amount_fen <= FEN_MAX:
        raise Invalid(
            "amount is not a whole number of fen in range", code="amount_out_of_range", least=lowest, most=FEN_MAX
        )
    return amount_fen


def apportion(total_fen: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Divide an amount by weights, by largest remainder (最大余额法).

    Each share is the floor of its exact part, or one fen more; the fen left over go to the largest
    remainders, among equals to the lower key, so that a replay gives each share again. The shares sum to
    the total. The answer has the keys in ascending order. A negative amount is divided by the caller as its
    opposite. Raises Invalid `no_weights`, `weight_not_positive` or `amount_out_of_range`.
    """
    check_fen(total_fen)
    if not weights:
        raise Invalid("nobody to apportion to", code="no_weights")
    for weight in weights.values():
        if type(weight) is not int or weight <= 0:
            raise Invalid("weights must be positive whole numbers", code="weight_not_positive")
    whole = sum(weights.values())
    shares: dict[str, int] = {}
    remainders: list[tuple[int, str]] = []
    for key in sorted(weights):
        shares[key], remainder = divmod(total_fen * weights[key], whole)
        remainders.append((-remainder, key))
    left_over_fen = total_fen - sum(shares.values())
    for _, key in sorted(remainders)[:left_over_fen]:
        shares[key] += 1
    return shares


def apportion_bp(total_fen: int, shares_bp: Mapping[str, int]) -> dict[str, int]:
    """Divide an amount by shares in basis points, as co-insurers do (共保份额).

    As `apportion`, and the shares must sum to 10,000: raises Invalid `shares_not_whole` otherwise.
    """
    shares = apportion(total_fen, shares_bp)
    if (found := sum(shares_bp.values())) != BASIS_POINTS:
        raise Invalid("shares must sum to 10,000 basis points", code="shares_not_whole", found=found)
    return shares
