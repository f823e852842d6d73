"""Filed clauses and rates bind (报行合一): what a policy charges and promises, held against its product as filed.

A breach is a finding for the financial regulator (rule `policy.filed_terms`), never a refusal: a discount outside the
filed coefficients happens, and hiding it would help nobody (domain-model L1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

from domain.findings import Finding, finding
from domain.money import BASIS_POINTS
from domain.packs import Pack, Rule, rule_or_own
from domain.premium import liability_premium_fen, policy_years
from domain.products import Product
from domain.time import Period

RULE: Final = "policy.filed_terms"
LIMITS: Final = ("per_person_fen", "per_accident_fen", "per_lift_year_fen")

ClassDays = tuple[Period, str]
"""Days of a certificate, and the premises class on them."""


def _rule(pack: Pack, on: str) -> Rule | None:
    rule = rule_or_own(pack, RULE, on)
    return rule if rule.fixed and rule.in_force(on) else None


def as_filed(product: Product, parts: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Give a policy's terms by part as they bind: as the policy says, what it leaves unsaid as filed (报行合一)."""
    filed = {part["part"]: part for part in product.parts}
    return {part["part"]: {**filed[part["part"]], **part} for part in parts}


def check_filed_rate(
    pack: Pack, product: Product, days: Sequence[ClassDays], parts_fen: Mapping[str, int], policy_from: str
) -> list[Finding]:
    """Hold a certificate's liability premium against the filed rate of each class over the days it held.

    The filed rate is for a lift and year; part of a year costs its days of the policy year, as the ceiling does. Each
    factor lies between its bounds, each part is rounded as filed. Findings: `outside_filed_rate`, `filed_rate_missing`
    for a class that the product has no rate for. Without any filed rate, or any liability part, nothing is found.
    """
    on = days[0][0].from_date
    rule, bound = _rule(pack, on), set(pack.rule("premium.liability_parts", on).texts()).intersection(parts_fen)
    if rule is None or not product.rates or not bound:
        return []
    rates: dict[str, int] = {rate["premises_class"]: rate["liability_fen"] for rate in product.rates}
    unknown = next((premises_class for _, premises_class in days if premises_class not in rates), None)
    if unknown is not None:
        return [finding(rule, "filed_rate_missing", premises_class=unknown)]
    yearly = [(rates[premises_class], period) for period, premises_class in days]
    filed = sum(
        (Fraction(fen * part, year.days) for fen, period in yearly for year, part in policy_years(period, policy_from)),
        Fraction(0),
    )
    least = most = filed
    for factor in product.factors:
        least *= Fraction(factor["least_bp"], BASIS_POINTS)
        most *= Fraction(factor["most_bp"], BASIS_POINTS)
    least_fen, most_fen = _rounded(least, most, product.rounding, len(bound))
    premium_fen = liability_premium_fen(pack, parts_fen, on)
    if least_fen <= premium_fen <= most_fen:
        return []
    return [finding(rule, "outside_filed_rate", premium_fen=premium_fen, least_fen=least_fen, most_fen=most_fen)]


def _rounded(least: Fraction, most: Fraction, rounding: str | None, parts: int) -> tuple[int, int]:
    """Give the least and most whole fen that so many parts may come to, each rounded by itself; whole bounds are kept.

    Where no rounding was filed, either way is taken.
    """
    half = Fraction(parts, 2)
    low, high = {
        "down": (floor(least) - parts + 1, floor(most)),
        "half_up": (ceil(least - half), floor(most + half)),
    }.get(rounding or "", (floor(least) - parts + 1, ceil(most) + parts - 1))
    return (
        least.numerator if least.denominator == 1 else max(0, low),
        most.numerator if most.denominator == 1 else high,
    )  # fmt: skip


def check_filed_limits(
    pack: Pack, product: Product, parts: Sequence[Mapping[str, Any]], per_lift_year_fen: int, on: str
) -> list[Finding]:
    """Hold a policy's limits by part against the filed ones: finding `outside_filed_limit` for each less favourable.

    What the policy leaves unsaid is as filed. `per_lift_year_fen` is its limit for a lift and year over all parts.
    """
    rule = _rule(pack, on)
    if rule is None:
        return []
    filed = {part["part"]: part for part in product.parts}
    found: list[Finding] = []
    for part in parts:
        terms = filed[part["part"]]
        below = [(n, part[n], terms[n]) for n in LIMITS if n in part and n in terms and part[n] < terms[n]]
        if "deductible_fen" in part and part["deductible_fen"] > terms.get("deductible_fen", 0):
            below.append(("deductible_fen", part["deductible_fen"], terms.get("deductible_fen", 0)))
        found += [_outside(rule, part["part"], *row) for row in below]
    if not any(f["facts"]["limit"] == "per_lift_year_fen" for f in found):
        found += check_filed_aggregate(pack, product, [part["part"] for part in parts], per_lift_year_fen, on)
    return found


def check_filed_aggregate(
    pack: Pack, product: Product, parts: Iterable[str], per_lift_year_fen: int, on: str
) -> list[Finding]:
    """Hold a limit for a lift and year over these parts against the highest filed for one: `outside_filed_limit`."""
    rule, insured = _rule(pack, on), set(parts)
    filed = [(part.get("per_lift_year_fen", 0), part["part"]) for part in product.parts if part["part"] in insured]
    whole_fen, part = max(filed, default=(0, ""))
    if rule is None or per_lift_year_fen >= whole_fen:
        return []
    return [_outside(rule, part, "per_lift_year_fen", per_lift_year_fen, whole_fen)]


def _outside(rule: Rule, part: str, limit: str, policy_fen: int, filed_fen: int) -> Finding:
    return finding(rule, "outside_filed_limit", part=part, limit=limit, policy_fen=policy_fen, filed_fen=filed_fen)
