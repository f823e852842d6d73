"""Contracts of maintenance and what a register states, as `naiveupkeep` keeps them: by the words that were said."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Contracted:
    """A contract by its words: the stays of its members, one without an end the present one; levels by their days."""

    maintainer: str
    from_day: int
    to_day: int | None
    members: dict[str, list[tuple[int, int | None]]]
    levels: list[tuple[int, str]]
    sure: set[tuple[str, int]] = field(default_factory=set)
    """Stays by record and first day of which it is not the maintainer's word alone."""

    def covers(self, record: str, day: int) -> bool:
        """Say whether it runs for a lift on a day."""
        runs = self.from_day <= day and (self.to_day is None or day < self.to_day)
        return runs and any(a <= day and (b is None or day < b) for a, b in self.members.get(record, []))

    def level(self, day: int) -> str:
        """Give its level on a day."""
        first = self.levels[0][1]
        return max(((on, n, level) for n, (on, level) in enumerate(self.levels) if on <= day), default=(0, 0, first))[2]


@dataclass
class Stated:
    """What a register states of a lift: since when somebody maintains it, and until when that counts."""

    on: int
    holder: str | None
    until: int | None = None
    statuses: list[tuple[int, str]] = field(default_factory=list)
