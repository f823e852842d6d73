"""The ceiling of the liability premium (责任险保费上限), and the checks of one certificate against the pack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.errors import Invalid
from domain.findings import Finding, finding
from domain.money import check_fen
from domain.time import Period, add_years, days_between

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.packs import Pack


def policy_years(period: Period, policy_from: str | None = None) -> Iterator[tuple[Period, int]]:
    """Yield each policy year (保险年度) that a period touches, with the days of the period in it.

    Policy years run from anniversary to anniversary of `policy_from`, by default the period's own start, so a
    year that holds 29 February has 366 days. Raises Invalid `outside_policy` if the period begins earlier.
    """
    anchor = policy_from or period.from_date
    if period.from_date < anchor:
        raise Invalid("the period begins before its policy", code="outside_policy")
    number = 0
    begins = anchor
    while begins < period.to_date:
        number += 1
        ends = add_years(anchor, number)
        year = Period(begins, ends)
        shared = year.overlap(period)
        if shared is not None:
            yield year, shared.days
        begins = ends


def ceiling_fen(cap_fen_per_year: int, period: Period, policy_from: str | None = None) -> int:
    """Return the highest liability premium for a period, in fen.

    The cap for each whole policy year, and for a part of one the floor of cap × days ÷ days of that year: a
    plain year costs the cap whether or not it holds 29 February. A lift added later counts by its policy's
    years, from `policy_from`. Rule `premium.ceiling_method`.
    """
    check_fen(cap_fen_per_year)
    return sum(cap_fen_per_year * days // year.days for year, days in policy_years(period, policy_from))


def liability_premium_fen(pack: Pack, parts_fen: Mapping[str, int], on: str) -> int:
    """Sum the premium of the parts that the cap binds, gross of tax; `parts_fen` maps coverage part to fen."""
    bound = set(pack.rule("premium.liability_parts", on).texts())
    return sum(check_fen(premium) for part, premium in parts_fen.items() if part in bound)


def check_certificate(
    pack: Pack,
    *,
    premises_class: str | None,
    parts_fen: Mapping[str, int],
    certificate: Period,
    policy: Period,
) -> list[Finding]:
    """Hold one lift's certificate (保险凭证) against caps and terms; the rules are those of its first day.

    `parts_fen` is the premium by coverage part. Findings: `premium_over_ceiling`, `premises_class_unknown`,
    `cap_not_fixed`, `certificate_outside_policy`, `certificate_not_coterminous`, and that of `check_term`. Nothing
    found is an empty list; `findings.refuse_violations` turns a violation into RuleBroken with the rule's id.
    """
    on = certificate.from_date
    term = pack.rule("policy.term_years_min", policy.from_date)
    if not policy.covers(certificate):
        return [finding(term, "certificate_outside_policy", "violates")]
    found = check_term(pack, policy)
    additions = pack.rule("policy.coterminous_additions", on)
    if certificate.from_date > policy.from_date and (not additions.flag() or certificate.to_date != policy.to_date):
        # an addition is meant to end with its policy; one that ends earlier may still have been cancelled
        found.append(finding(additions, "certificate_not_coterminous", "manual_review"))
    cap = pack.rule("premium.cap", on)
    if not cap.fixed:
        return [*found, finding(cap, "cap_not_fixed", "information")]
    if premises_class is None or premises_class not in cap.table():
        return [*found, finding(cap, "premises_class_unknown", "needs_supplement")]
    ceiling = ceiling_fen(cap.number(premises_class), certificate, policy.from_date)
    premium = liability_premium_fen(pack, parts_fen, on)
    if premium > ceiling:
        found.append(finding(cap, "premium_over_ceiling", premium_fen=premium, ceiling_fen=ceiling))
    return found


def check_term(pack: Pack, policy: Period) -> list[Finding]:
    """Hold a policy's term against the shortest one (保险期间); finding `policy_term_too_short`.

    The rule binds the policy, not the certificates under it.
    """
    rule = pack.rule("policy.term_years_min", policy.from_date)
    if not rule.fixed or policy.to_date >= add_years(policy.from_date, rule.integer()):
        return []
    return [finding(rule, "policy_term_too_short", days=days_between(policy.from_date, policy.to_date))]
