"""Limits of indemnity in a policy year (保险年度累计责任限额): what claims hold, have used, and may still take.

A limit's stream stands under its policy and is begun when a claim first needs it, so that a policy for ten thousand
lifts does not begin with ten thousand limits. Its events are derived: their cause is the claim's own event. A stream in
which nothing was set has no limit, and keeps what claims hold and have used against the day one is set.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict, Invalid
from domain.time import Period, add_years

ALL = "all"
"""The level of the whole policy, in place of a lift's id."""


@dataclass(frozen=True, slots=True)
class CertificateLimit:
    """What was agreed for the certificates that insure a part: all parts of theirs take of it together."""

    parts: frozenset[str]
    limit_fen: int


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """What a limit is on a day of loss: in all, and for each part that has one of its own; None is no limit.

    `certificate` is what binds a claim besides, where the lift has certificates of other parts as well; it is looked up
    for each decision, and not kept with the limit.
    """

    limit_fen: int | None
    parts: Mapping[str, int]
    certificate: CertificateLimit | None = field(default=None, compare=False)


def policy_year(policy: Period, on: str) -> Period:
    """Return the policy year that a day of loss falls in, from anniversary to anniversary; the last may be shorter.

    Raises Invalid `outside_policy`.
    """
    if not policy.contains(on):
        raise Invalid("the day lies outside the policy's term", code="outside_policy", on=on)
    years = int(on[:4]) - int(policy.from_date[:4])
    if add_years(policy.from_date, years) > on:
        years -= 1
    return Period(add_years(policy.from_date, years), min(add_years(policy.from_date, years + 1), policy.to_date))


def limit_stream(policy: str, lift: str | None, year: Period) -> str:
    """Name the stream of a lift's limit (`lift` None: of the whole policy's) by the year's first calendar year."""
    level = ALL if lift is None else lift.removeprefix("lift:")
    return f"{policy}/limit:{level}:{year.from_date[:4]}"


Key = tuple[str, str]
"""Claim and coverage part."""


@dataclass
class Limit(Aggregate):
    """One limit in one policy year; `reserved` and `consumed` are fen by (claim, part).

    What is held and used never exceeds the limit when it is taken. A limit lowered later may lie below: that is a
    finding (`consumed_over_limit`), and nothing becomes negative.
    """

    limit_fen: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    reserved: dict[Key, int] = field(default_factory=dict)
    consumed: dict[Key, int] = field(default_factory=dict)
    claims: dict[Key, str] = field(default_factory=dict)
    """The streams of the claims that ever held or used any of it, in the order they came."""

    class Set(Event):
        """The limit is, as the policy stood on the day of loss: `found` {limit_fen, parts, on, findings}."""

        TOPIC = "limit.Set"

        def apply(self, aggregate: Limit) -> None:
            """Take over the amounts."""
            aggregate.limit_fen = self.found["limit_fen"]
            aggregate.parts = dict(self.found["parts"])

    class Reserved(Event):
        """A claim holds `found.amount_fen` of a part, in place of what it held before."""

        TOPIC = "limit.Reserved"

        def apply(self, aggregate: Limit) -> None:
            """Hold it."""
            aggregate.reserved[self.found["claim"], self.found["part"]] = self.found["amount_fen"]
            aggregate.note(self.found)

    class Consumed(Event):
        """A claim has used `found.amount_fen` of a part, out of what it held (`found.from_reserve_fen`)."""

        TOPIC = "limit.Consumed"

        def apply(self, aggregate: Limit) -> None:
            """Move it from held to used."""
            key = (self.found["claim"], self.found["part"])
            left = aggregate.reserved.pop(key, 0) - self.found["from_reserve_fen"]
            if left > 0:
                aggregate.reserved[key] = left
            aggregate.consumed[key] = aggregate.consumed.get(key, 0) + self.found["amount_fen"]
            aggregate.note(self.found)

    class Released(Event):
        """A claim holds nothing of a part any more; `found.amount_fen` became free."""

        TOPIC = "limit.Released"

        def apply(self, aggregate: Limit) -> None:
            """Free it."""
            aggregate.reserved.pop((self.found["claim"], self.found["part"]), None)

    class Restored(Event):
        """A claim gave back `found.amount_fen` of a part that it had used: less is owed on it than was approved."""

        TOPIC = "limit.Restored"

        def apply(self, aggregate: Limit) -> None:
            """Free it."""
            key = (self.found["claim"], self.found["part"])
            left = aggregate.consumed.pop(key, 0) - self.found["amount_fen"]
            if left > 0:
                aggregate.consumed[key] = left

    def note(self, found: Mapping[str, Any]) -> None:
        """Note whose claim it was: the cause stands in the claim's stream."""
        if "because" in found:
            self.claims.setdefault((found["claim"], found["part"]), found["because"]["stream"])

    @property
    def terms(self) -> LimitTerms:
        """The amounts as last set."""
        return LimitTerms(self.limit_fen, self.parts)

    @property
    def reserved_fen(self) -> int:
        """What all claims hold."""
        return sum(self.reserved.values())

    @property
    def consumed_fen(self) -> int:
        """What all claims have used."""
        return sum(self.consumed.values())

    def taken_fen(self, parts: Collection[str] | None = None, without: Key | None = None) -> int:
        """What is held and used, of some parts or of all; `without` leaves out what that claim holds of its part."""
        held = sum(fen for key, fen in self.reserved.items() if key != without and (parts is None or key[1] in parts))
        return held + sum(fen for key, fen in self.consumed.items() if parts is None or key[1] in parts)

    def free_fen(
        self, part: str, terms: LimitTerms, without: Key | None = None, beside: Sequence[Limit] = ()
    ) -> int | None:
        """What may still be taken of a part under these terms, never below zero; None when nothing limits it.

        `beside` is where the same limit is kept as well: under the other records of one lift (C11).
        """
        kept = (self, *beside)
        free = []
        if terms.limit_fen is not None:
            free.append(terms.limit_fen - sum(limit.taken_fen(without=without) for limit in kept))
        if part in terms.parts:
            free.append(terms.parts[part] - sum(limit.taken_fen((part,), without) for limit in kept))
        if (own := terms.certificate) is not None:
            free.append(own.limit_fen - sum(limit.taken_fen(own.parts, without) for limit in kept))
        return max(0, min(free)) if free else None

    def require_free(
        self, part: str, terms: LimitTerms, amount_fen: int, without: Key, beside: Sequence[Limit] = ()
    ) -> None:
        """Raise Conflict `limit_exhausted` when a claim cannot take so much; details say what is free."""
        free_fen = self.free_fen(part, terms, without, beside)
        if free_fen is not None and amount_fen > free_fen:
            raise Conflict(
                "the limit of the policy year does not suffice", code="limit_exhausted",
                limit=self.id, part=part, asked_fen=amount_fen, free_fen=free_fen,
            )  # fmt: skip
