"""Occurrences (事故): events that several lifts or persons may claim from; each claim names its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from domain.aggregate import Aggregate, Event


@dataclass
class Occurrence(Aggregate):
    """An event that several lifts or persons may claim from; `claims` are (lift, part, persons) by claim."""

    opened: bool = False
    at: str | None = None
    claims: dict[str, tuple[str, str, tuple[str, ...]]] = field(default_factory=dict)

    class Opened(Event):
        """The occurrence is described; `said` is an OccurrenceOpening."""

        TOPIC = "occurrence.Opened"

        def apply(self, aggregate: Occurrence) -> None:
            """Take over its time."""
            aggregate.opened = True
            aggregate.at = (self.said or {})["at"]

    class Claimed(Event):
        """A claim named the occurrence: `found` {claim, lift, part, persons}."""

        TOPIC = "occurrence.Claimed"

        def apply(self, aggregate: Occurrence) -> None:
            """Note it."""
            found = self.found
            aggregate.claims[found["claim"]] = (found["lift"], found["part"], tuple(found["persons"]))

    def same(self, part: str, persons: tuple[str, ...]) -> list[str]:
        """Give claims from this occurrence for the same part and one of the same persons (重复索赔)."""
        return [name for name, (_, of, who) in self.claims.items() if of == part and not set(who).isdisjoint(persons)]

    def linked(self, part: str, persons: tuple[str, ...], lifts: Collection[str]) -> dict[str, str]:
        """Give claims for a part on one of the lifts, or of persons whom a chain of shared claims ties to these.

        By claim, the lift whose chain it stands in.
        """
        rows = [(name, lift, frozenset(who)) for name, (lift, of, who) in self.claims.items() if of == part]
        tied, reached = set(persons), 0
        while reached < len(tied):
            reached = len(tied)
            tied.update(*(who for _, _, who in rows if not tied.isdisjoint(who)))
        return {name: lift for name, lift, who in rows if lift in lifts or not tied.isdisjoint(who)}
