"""Which claims are of one accident (每次事故), as far as one policy and coverage part is concerned.

Claims are of one accident when they name one occurrence, or are of one instant of loss of one lift, on whichever of
its records; and both ties lead on: what is of one accident with a third is of one accident. A tie may run through a
claim that took nothing, or of another part. The ledger knows what names an occurrence, and what took of a limit; so
the others are sought from both ends: from the claim, and from those that took of the policy's limits for its persons or
its lift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from application.limits import limits_of
from application.records import records_of
from application.work import Work
from domain.claims import Claim, claim_stream
from domain.limits import Limit, limit_stream, policy_year
from domain.occurrences import Occurrence
from domain.policies import Policy

TIES_READ_MAX: Final = 100
"""Claims that a decision reads beyond those tied to its own at once, the latest first: a save reads 1,000 streams."""

Place = tuple[str, str]
"""A lift, by the first of its records' names, and an instant of loss."""


def claims_of_accident(work: Work, claim: Claim, policy: Policy) -> list[Claim]:
    """Give the other claims of the accident under the policy and for the claim's part."""
    ties = _Ties(work, claim, policy)
    accident = ties.of(claim)
    beside = True
    while beside:
        beside = False
        for candidate in ties.candidates(accident):
            other = ties.of(candidate)
            if not other.apart(accident):
                accident.add(other)
                beside = True
    found = (other for name, other in accident.claims.items() if name != claim.id)
    return [other for other in found if other.policy == policy.id and other.part == claim.part]


@dataclass
class _Accident:
    claims: dict[str, Claim] = field(default_factory=dict)
    places: set[Place] = field(default_factory=set)
    occurrences: set[str] = field(default_factory=set)

    def apart(self, other: _Accident) -> bool:
        """Say whether nothing ties it to the other."""
        return self.places.isdisjoint(other.places) and self.occurrences.isdisjoint(other.occurrences)

    def add(self, other: _Accident) -> None:
        self.claims |= other.claims
        self.places |= other.places
        self.occurrences |= other.occurrences


@dataclass
class _Ties:
    work: Work
    deciding: Claim
    policy: Policy
    left: int = field(default_factory=lambda: TIES_READ_MAX)
    read: dict[str, Claim | None] = field(default_factory=dict)
    records: dict[str, list[str]] = field(default_factory=dict)

    def of(self, claim: Claim) -> _Accident:
        """Give all that ties lead to from a claim."""
        accident, wanted = _Accident(), [claim]
        while wanted:
            each = wanted.pop()
            if each.id in accident.claims:
                continue
            accident.claims[each.id] = each
            accident.places.add(self._place(each))
            if each.occurrence is not None and each.occurrence not in accident.occurrences:
                accident.occurrences.add(each.occurrence)
                wanted += self._named(each.occurrence, each)
            wanted += [other for other in self._near(each) if self._place(other) == self._place(each)]
        return accident

    def candidates(self, accident: _Accident) -> Iterator[Claim]:
        """Yield claims beside the accident that took of the policy's limits for the lift, or for its persons."""
        victims = {person for claim in accident.claims.values() for person in claim.victims}
        taken = self._near(self.deciding)
        if self.deciding.victims:
            year = policy_year(self.policy.period, self.deciding.loss_on)
            whole = self.work.find(Limit, limit_stream(self.policy.id, None, year))
            streams = [] if whole is None else [s for (_, of), s in whole.claims.items() if of == self.deciding.part]
            read = (self._claim(stream) for stream in reversed(streams))
            taken += [other for other in read if other is not None and not victims.isdisjoint(other.victims)]
        for other in taken:
            if other.id not in accident.claims:
                yield other

    def _named(self, name: str, claim: Claim) -> list[Claim]:
        """Read the claims that name an occurrence; first those of the claim's lift and of its persons."""
        occurrence = self.work.find(Occurrence, name) or Occurrence(name)
        linked = occurrence.linked(self.deciding.part, claim.persons, self._records(claim.lift))
        rest = {other: lift for other, (lift, _, _) in occurrence.claims.items() if other not in linked}
        at_once = [
            self._claim(claim_stream(lift, other), at_once=claim is self.deciding) for other, lift in linked.items()
        ]
        read = [self._claim(claim_stream(lift, other)) for other, lift in rest.items()]
        return [other for other in (*at_once, *read) if other is not None]

    def _near(self, claim: Claim) -> list[Claim]:
        """Read the claims that took of the limits of a claim's lift in its policy year, for the part."""
        if not self.policy.period.contains(claim.loss_on):
            return []
        kept = limits_of(self.work, self.policy, self._records(claim.lift), claim.loss_on)
        streams = [stream for limit in kept for (_, of), stream in limit.claims.items() if of == self.deciding.part]
        read = [self._claim(stream, at_once=claim is self.deciding) for stream in streams]
        return [other for other in read if other is not None]

    def _claim(self, stream: str, *, at_once: bool = False) -> Claim | None:
        if stream not in self.read and (at_once or self.left > 0):
            self.left -= 0 if at_once else 1
            self.read[stream] = self.work.find(Claim, stream)
        return self.read.get(stream)

    def _place(self, claim: Claim) -> Place:
        return (min(self._records(claim.lift)), claim.loss_at)

    def _records(self, lift: str) -> list[str]:
        if lift not in self.records:
            self.records[lift] = records_of(self.work, lift)
        return self.records[lift]
