"""Reserving, consuming and releasing limits of indemnity, for the use cases of claims.

Both levels are kept: the lift's limit in its policy year, and the policy's own, also while that is unlimited: an
endorsement that sets it later finds what was taken before. The streams are begun by the first claim that needs them;
the amounts are those of the day of loss, as known now.
"""

from __future__ import annotations

from collections.abc import Iterable

from application.actions import Writes
from application.work import Work
from domain.aggregate import Because
from domain.covers import Cover, CoverEntry
from domain.errors import NotFound
from domain.filed_terms import as_filed
from domain.findings import Finding
from domain.limits import Limit, LimitTerms, limit_stream, policy_year
from domain.money import check_fen
from domain.policies import Policy
from domain.products import Product


def _row(topic: str) -> Writes:
    return Writes(topic, "policy:/limit:", derived=True)


RESERVING = (_row("limit.Set"), _row("limit.Reserved"))
CONSUMING = (_row("limit.Set"), _row("limit.Consumed"))
RELEASING = (_row("limit.Released"),)
"""Rows for every action that calls `reserve`, `consume` or `release`: no action may move a limit in another way."""

LIMIT_WRITES = (*RESERVING, CONSUMING[1], *RELEASING)
"""All that a claim may do to a limit."""


def reserve(
    work: Work, cause: Because, *, policy: str, lift: str, part: str, loss_on: str, claim: str, amount_fen: int
) -> None:
    """Hold exactly `amount_fen` of a part for a claim, in place of what it held before, on both levels.

    Raises Conflict `limit_exhausted` (nothing is recorded), NotFound `lift_not_covered`, Invalid `outside_policy`.
    """
    check_fen(amount_fen)
    levels = _levels(work, policy, lift, loss_on)
    for limit, terms in levels:
        limit.require_free(part, terms, amount_fen, (claim, part))
    for limit, terms in levels:
        _set(limit, terms, cause, loss_on)
        limit.record(Limit.Reserved, cause, {"claim": claim, "part": part, "amount_fen": amount_fen})


def consume(
    work: Work, cause: Because, *, policy: str, lift: str, part: str, loss_on: str, claim: str, amount_fen: int
) -> None:
    """Use `amount_fen` of a part for a claim, first out of what the claim holds, the rest out of what is free.

    What the claim holds beyond the amount stays held until `release`. Errors as `reserve`.
    """
    check_fen(amount_fen)
    levels = _levels(work, policy, lift, loss_on)
    key = (claim, part)
    for limit, terms in levels:
        more_fen = max(0, amount_fen - limit.reserved.get(key, 0))
        if more_fen:
            limit.require_free(part, terms, limit.reserved.get(key, 0) + more_fen, key)
    for limit, terms in levels:
        _set(limit, terms, cause, loss_on)
        held_fen = min(amount_fen, limit.reserved.get(key, 0))
        facts = {"claim": claim, "part": part, "amount_fen": amount_fen, "from_reserve_fen": held_fen}
        limit.record(Limit.Consumed, cause, facts)


def release(
    work: Work, cause: Because, *, policy: str, lifts: Iterable[str], part: str, loss_on: str, claim: str
) -> None:
    """Free what a claim still holds of a part, on both levels; nothing happens where it holds nothing.

    `lifts` are the records of its lift, one of which has the limit. It works also when the policy has been cancelled
    since, from before the loss.
    """
    year = policy_year(work.read(Policy, policy).period, loss_on)
    for stream in (limit_stream(policy, level, year) for level in (*lifts, None)):
        known = work.find(Limit, stream)
        held_fen = known.reserved.get((claim, part)) if known is not None else None
        if held_fen is not None:
            facts = {"claim": claim, "part": part, "amount_fen": held_fen}
            work.change(Limit, stream).record(Limit.Released, cause, facts)


def free_fen(work: Work, *, policy: str, lift: str, part: str, loss_on: str, claim: str) -> int | None:
    """Give what a claim may take of a part in all, counting what it holds itself; None when nothing limits it."""
    free = [limit.free_fen(part, terms, (claim, part)) for limit, terms in _levels(work, policy, lift, loss_on)]
    known = [fen for fen in free if fen is not None]
    return min(known) if known else None


def reset(work: Work, cause: Because, policy: Policy, lift: str | None, terms: LimitTerms, on: str) -> list[Finding]:
    """Set a limit anew after an endorsement, in the policy year of `on`, if a claim began it.

    Returns the finding `consumed_over_limit` when more is taken than the new limit: never a negative amount (C7).
    """
    year = policy_year(policy.period, on)
    stream = limit_stream(policy.id, lift, year)
    if work.find(Limit, stream) is None:
        return []
    limit = work.change(Limit, stream)
    return _set(limit, terms, cause, on)


def lift_terms(work: Work, policy: Policy, entry: CoverEntry, on: str) -> LimitTerms:
    """Give a lift's limit on a day: the certificate's own, else the policy's for one lift, and those of its parts.

    A part's limit that the policy leaves unsaid is as filed.
    """
    own = entry.terms_on(on).per_lift_year_fen
    whole = policy.limits_on(on)["per_lift_year_fen"] if own is None else own
    terms = as_filed(work.read(Product, policy.product), policy.parts)
    parts = {part: row["per_lift_year_fen"] for part, row in terms.items() if "per_lift_year_fen" in row}
    return LimitTerms(whole, parts)


def _levels(work: Work, name: str, lift: str, loss_on: str) -> list[tuple[Limit, LimitTerms]]:
    policy = work.read(Policy, name)
    year = policy_year(policy.period, loss_on)
    cover = work.find(Cover, f"{lift}/cover")
    entries = [e for e in (cover.of_policy(name) if cover else ()) if e.insures(loss_on)]
    if not entries or not policy.in_force_on(loss_on):
        raise NotFound("the policy does not cover this lift on that day", code="lift_not_covered", on=loss_on)
    levels = [(work.open(Limit, limit_stream(name, lift, year)), lift_terms(work, policy, entries[0], loss_on))]
    whole = LimitTerms(policy.limits_on(loss_on).get("policy_year_fen"), {})
    return [*levels, (work.open(Limit, limit_stream(name, None, year)), whole)]


def _set(limit: Limit, terms: LimitTerms, cause: Because, on: str) -> list[Finding]:
    unlimited = terms.limit_fen is None and not terms.parts
    if limit.terms == terms and (limit.version > 0 or unlimited):
        return []
    findings: list[Finding] = []
    taken_fen = limit.taken_fen()
    if terms.limit_fen is not None and taken_fen > terms.limit_fen:
        findings.append(
            {
                "code": "consumed_over_limit", "verdict": "manual_review", "rule": "limit.taken",
                "basis": "保险合同约定",
                "facts": {"taken_fen": taken_fen, "limit_fen": terms.limit_fen},
            }
        )  # fmt: skip
    facts = {"limit_fen": terms.limit_fen, "parts": dict(terms.parts), "on": on, "findings": findings}
    limit.record(Limit.Set, cause, facts)
    return findings
