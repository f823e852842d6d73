"""Reserving, consuming and releasing limits of indemnity, for the use cases of claims.

Both levels are kept: the lift's limit in its policy year, and the policy's own, also while that is unlimited: an
endorsement that sets it later finds what was taken before. The streams are begun by the first claim that needs them;
the amounts are those of the day of loss, as known now.

Two records of one lift are one lift (C11), and a policy covers a lift once: where certificates of one policy stand on
several records, the lift has one limit, the highest they agree on, and what was taken under each record counts. The
premium of what was certified twice is given back by an endorsement; no second limit was bought with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from application.actions import Writes
from application.covers import cover_stream
from application.records import records_of
from application.work import Work
from domain.aggregate import Because
from domain.covers import Cover
from domain.errors import NotFound
from domain.filed_terms import as_filed
from domain.findings import Finding
from domain.limits import CertificateLimit, Key, Limit, LimitTerms, limit_stream, policy_year
from domain.money import check_fen
from domain.policies import Policy
from domain.products import Product


def _row(topic: str) -> Writes:
    return Writes(topic, "policy:/limit:", derived=True)


RESERVING = (_row("limit.Set"), _row("limit.Reserved"))
CONSUMING = (_row("limit.Set"), _row("limit.Consumed"))
RELEASING = (_row("limit.Released"),)
RESTORING = (_row("limit.Restored"),)
"""Rows for every action that calls `reserve`, `consume`, `release` or `restore`: none may move a limit otherwise."""

LIMIT_WRITES = (*RESERVING, CONSUMING[1], *RELEASING, *RESTORING)
"""All that a claim may do to a limit."""


@dataclass(frozen=True, slots=True)
class Level:
    """A limit as it binds on a day of loss: its terms, and where it is kept.

    `limit` is where a claim's amounts go: where it holds something already, else under its cover's record of the lift;
    `beside` are those under the lift's other records.
    """

    limit: Limit
    beside: tuple[Limit, ...]
    terms: LimitTerms

    def require_free(self, amount_fen: int, key: Key) -> None:
        """Raise Conflict `limit_exhausted` when a claim cannot hold so much, in place of what it holds."""
        self.limit.require_free(key[1], self.terms, amount_fen, key, self.beside)

    def set(self, cause: Because, on: str) -> None:
        """Record the terms where they are not what was set last."""
        _set(self.limit, self.terms, cause, on, self.beside)


def reserve(
    work: Work, cause: Because, *, policy: str, lift: str, part: str, loss_on: str, claim: str, amount_fen: int
) -> None:
    """Hold exactly `amount_fen` of a part for a claim, in place of what it held before, on both levels.

    Raises Conflict `limit_exhausted` (nothing is recorded), NotFound `lift_not_covered`, Invalid `outside_policy`.
    """
    check_fen(amount_fen)
    levels = _levels(work, policy, lift, loss_on, (claim, part))
    for level in levels:
        level.require_free(amount_fen, (claim, part))
    for level in levels:
        level.set(cause, loss_on)
        level.limit.record(Limit.Reserved, cause, {"claim": claim, "part": part, "amount_fen": amount_fen})


def consume(
    work: Work, cause: Because, *, policy: str, lift: str, part: str, loss_on: str, claim: str, amount_fen: int
) -> None:
    """Use `amount_fen` of a part for a claim, first out of what the claim holds, the rest out of what is free.

    What the claim holds beyond the amount stays held until `release`. Errors as `reserve`.
    """
    check_fen(amount_fen)
    key = (claim, part)
    levels = _levels(work, policy, lift, loss_on, key)
    for level in levels:
        held_fen = level.limit.reserved.get(key, 0)
        if amount_fen > held_fen:
            level.require_free(amount_fen, key)
    for level in levels:
        level.set(cause, loss_on)
        held_fen = min(amount_fen, level.limit.reserved.get(key, 0))
        facts = {"claim": claim, "part": part, "amount_fen": amount_fen, "from_reserve_fen": held_fen}
        level.limit.record(Limit.Consumed, cause, facts)


def release(work: Work, cause: Because, *, policy: str, lift: str, part: str, loss_on: str, claim: str) -> None:
    """Free what a claim still holds of a part, on both levels; nothing happens where it holds nothing.

    It may hold it under any record of the lift. It works also when the policy has been cancelled since, from before
    the loss.
    """
    year = policy_year(work.read(Policy, policy).period, loss_on)
    for stream in (limit_stream(policy, level, year) for level in (*records_of(work, lift), None)):
        known = work.find(Limit, stream)
        held_fen = 0 if known is None else known.reserved.get((claim, part), 0)
        if held_fen:
            facts = {"claim": claim, "part": part, "amount_fen": held_fen}
            work.change(Limit, stream).record(Limit.Released, cause, facts)


def restore(
    work: Work, cause: Because, *, policy: str, lift: str, part: str, loss_on: str, claim: str, amount_fen: int
) -> None:
    """Give back `amount_fen` of a part that a claim has used, on both levels, under whichever records it used it.

    It works also when the policy has been cancelled since, from before the loss.
    """
    known = work.read(Policy, policy)
    year = policy_year(known.period, loss_on)
    whole = work.find(Limit, limit_stream(policy, None, year))
    for kept in (limits_of(work, known, records_of(work, lift), loss_on), [] if whole is None else [whole]):
        left_fen = amount_fen
        for limit in kept:
            back_fen = min(left_fen, limit.consumed.get((claim, part), 0))
            left_fen -= back_fen
            if back_fen:
                facts = {"claim": claim, "part": part, "amount_fen": back_fen}
                work.change(Limit, limit.id).record(Limit.Restored, cause, facts)


def free_fen(work: Work, *, policy: str, lift: str, part: str, loss_on: str, claim: str) -> int | None:
    """Give what a claim may take of a part in all, counting what it holds itself; None when nothing limits it."""
    key = (claim, part)
    levels = _levels(work, policy, lift, loss_on, key)
    free = [level.limit.free_fen(part, level.terms, key, level.beside) for level in levels]
    known = [fen for fen in free if fen is not None]
    return min(known) if known else None


def reset_lift(work: Work, cause: Because, policy: Policy, lift: str, on: str, part: str) -> None:
    """Set a lift's limit anew after an endorsement, in the policy year of `on`, wherever a claim began it.

    Records the finding `consumed_over_limit` when more is taken than the new limit: never a negative amount (C7).
    `part` is one of the certificate's whose own limit was changed.
    """
    records = records_of(work, lift)
    terms = lift_terms(work, policy, records, on, part)
    kept = limits_of(work, policy, records, on)
    for known in kept:
        beside = [limit for limit in kept if limit.id != known.id]
        # A certificate's own limit is not kept with the lift's: that it was lowered under what is taken is told anyhow.
        low = terms.certificate is not None and bool(_over(LimitTerms(None, {}, terms.certificate), kept))
        _set(work.change(Limit, known.id), terms, cause, on, beside, anew=low)


def reset_whole(work: Work, cause: Because, policy: Policy, on: str) -> None:
    """Set the policy's own limit anew, as `reset_lift` does; the lifts' limits follow when a claim next needs one."""
    stream = limit_stream(policy.id, None, policy_year(policy.period, on))
    if work.find(Limit, stream) is not None:
        _set(work.change(Limit, stream), _whole_terms(policy, on), cause, on)


def lift_terms(work: Work, policy: Policy, records: Sequence[str], on: str, part: str) -> LimitTerms:
    """Give a lift's limit on a day: its certificate's own, else the policy's for one lift, and those of its parts.

    Of several certificates that insure it on that day, on whichever of its records, the highest; where these are of
    different parts, what those that insure `part` have binds it besides. A part's limit that the policy leaves unsaid
    is as filed.
    """
    covers = [work.find(Cover, cover_stream(record)) for record in records]
    entries = [entry for cover in covers if cover is not None for entry in cover.of_policy(policy.id)]
    whole_fen = policy.limits_on(on)["per_lift_year_fen"]
    own = {entry.certificate: entry.terms_on(on).per_lift_year_fen for entry in entries if entry.insures(on)}
    agreed = {name: whole_fen if fen is None else fen for name, fen in own.items()}
    limit_fen = max(agreed.values(), default=whole_fen)
    insuring = [entry for entry in entries if entry.insures(on, part)]
    certificate = None
    if len(insuring) < len(agreed) and insuring:
        shared = frozenset(code for entry in insuring for code in entry.parts)
        certificate = CertificateLimit(shared, max(agreed[entry.certificate] for entry in insuring))
    terms = as_filed(work.read(Product, policy.product), policy.parts)
    parts = {part: row["per_lift_year_fen"] for part, row in terms.items() if "per_lift_year_fen" in row}
    return LimitTerms(limit_fen, parts, certificate)


def limits_of(work: Work, policy: Policy, records: Sequence[str], on: str) -> list[Limit]:
    """Give what is kept of a lift's limit in the policy year of a day, under each of its records; to read."""
    year = policy_year(policy.period, on)
    kept = (work.find(Limit, limit_stream(policy.id, record, year)) for record in records)
    return [limit for limit in kept if limit is not None]


def _whole_terms(policy: Policy, on: str) -> LimitTerms:
    return LimitTerms(policy.limits_on(on).get("policy_year_fen"), {})


def _levels(work: Work, name: str, lift: str, loss_on: str, key: Key) -> list[Level]:
    policy = work.read(Policy, name)
    year = policy_year(policy.period, loss_on)
    cover = work.find(Cover, cover_stream(lift))
    covered = any(entry.insures(loss_on) for entry in (cover.of_policy(name) if cover else ()))
    if not covered or not policy.in_force_on(loss_on):
        raise NotFound("the policy does not cover this lift on that day", code="lift_not_covered", on=loss_on)
    records = records_of(work, lift)
    kept = limits_of(work, policy, records, loss_on)
    holding = next((limit.id for limit in kept if key in limit.reserved), limit_stream(name, lift, year))
    beside = tuple(limit for limit in kept if limit.id != holding)
    own = Level(work.open(Limit, holding), beside, lift_terms(work, policy, records, loss_on, key[1]))
    return [own, Level(work.open(Limit, limit_stream(name, None, year)), (), _whole_terms(policy, loss_on))]


def _set(
    limit: Limit, terms: LimitTerms, cause: Because, on: str, beside: Sequence[Limit] = (), *, anew: bool = False
) -> None:  # fmt: skip
    unlimited = terms.limit_fen is None and not terms.parts
    if limit.terms == terms and (limit.version > 0 or unlimited) and not anew:
        return
    facts = {"limit_fen": terms.limit_fen, "parts": dict(terms.parts), "on": on}
    limit.record(Limit.Set, cause, {**facts, "findings": _over(terms, (limit, *beside))})


def _over(terms: LimitTerms, kept: Sequence[Limit]) -> list[Finding]:
    """Find `consumed_over_limit` where more is taken than the limit, of the lift or the policy, or of a certificate."""
    own = terms.certificate
    levels = [(terms.limit_fen, sum(each.taken_fen() for each in kept))]
    levels += [] if own is None else [(own.limit_fen, sum(each.taken_fen(own.parts) for each in kept))]
    return [
        {
            "code": "consumed_over_limit", "verdict": "manual_review", "rule": "limit.taken", "basis": "保险合同约定",
            "facts": {"taken_fen": taken_fen, "limit_fen": limit_fen},
        }
        for limit_fen, taken_fen in levels
        if limit_fen is not None and taken_fen > limit_fen
    ]  # fmt: skip
