"""Who may act for whom: an agent for the party that enrolled him until he leaves, a party until it is suspended.

Headers alone tell it. Who enrols an agent, takes him out or suspends a party signs that himself, and nobody enrols for
another party; so the party that wrote an enrolment is the agent's own (domain: `agent.Enrolled`, `agent.Left`,
`party.Suspended`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

__all__ = ["TELLING", "Acting", "Standing", "Told"]

TELLING: Final = frozenset({"agent.Enrolled", "agent.Left", "party.Suspended"})
"""The event types that tell it."""
Acting = Mapping[tuple[str, "str | None"], Sequence[int]]
"""The first positions of the saves that each party, or an agent for it, wrote, in order."""


class Told(NamedTuple):
    """An event that tells it; `party` wrote it, None where its header could not be read."""

    position: int
    type: str
    stream: str
    party: str | None


@dataclass(slots=True)
class Standing:
    """What was told so far: the party of each agent, and where agents and parties ended."""

    agents: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    """Agent → his party, and the position of his enrolment."""
    ended: dict[str, int] = field(default_factory=dict)
    """Agent or party → the position of its leaving or suspension."""

    def take(self, told: Told) -> None:
        """Take over what an event tells; of two that say the same, the first counts."""
        if told.type == "agent.Enrolled":
            self.agents.setdefault(told.stream, (told.party, told.position))
        else:
            self.ended.setdefault(told.stream, told.position)

    def faults(self, acting: Acting) -> Iterator[tuple[str, int, str]]:
        """Give code, position and words for each save that nobody could write so; what stands ahead is taken first."""
        for (party, agent), positions in acting.items():
            if agent is not None:
                yield from (("author", at, words) for at in positions if (words := self._unlike(agent, party, at)))
            for name, words in ((party, "the party was suspended"), (agent, "the agent had left")):
                end = self.ended.get(name or "")
                if end is not None and positions[-1] > end:
                    yield from (("author_ended", at, words) for at in positions if at > end)

    def _unlike(self, agent: str, party: str, first: int) -> str:
        """Give what keeps an agent from writing this save for a party; the empty string if nothing does."""
        own, enrolled = self.agents.get(agent, (None, 0))
        # In the save that opens a ledger its first administrator is enrolled by his own word.
        if first != 1 and not 0 < enrolled < first:
            return "the agent was not enrolled before"
        return "" if own in {None, party} else "the agent is another party's"
