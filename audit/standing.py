"""Who may act for whom: an agent for the party that enrolled him until he leaves, a party but while it is suspended.

Headers alone tell it. Who enrols an agent, takes him out, suspends a party or reinstates it signs that himself, and
nobody enrols for another party; so the party that wrote an enrolment is the agent's own (domain: `agent.Enrolled`,
`agent.Left`, `party.Suspended`, `party.Reinstated`).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

__all__ = ["TELLING", "Acting", "Standing", "Told"]

REINSTATED: Final = "party.Reinstated"
TELLING: Final = frozenset({"agent.Enrolled", "agent.Left", "party.Suspended", REINSTATED})
"""The event types that tell it."""
Acting = Mapping[tuple[str, "str | None"], Sequence[int]]
"""The first positions of the saves that each party, or an agent for it, wrote, in order."""
Told: TypeAlias = Mapping[tuple[str, "str | None"], Mapping[str, Sequence[int]]]
"""The events that tell it: by type and the party that wrote them (None where the header could not be read) streams and
their positions. So a process hands over hardly more than a name for each agent that was enrolled."""


@dataclass(slots=True)
class Standing:
    """What was told so far: the party of each agent, and where agents and parties ended and began again."""

    agents: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    """Agent → his party, and the position of his enrolment."""
    ended: dict[str, list[int]] = field(default_factory=dict)
    """Agent or party → the positions of its leaving or suspensions, negative those where it was reinstated."""

    def take(self, told: Told) -> None:
        """Take over what later events tell; of two enrolments of one agent, the first counts.

        Parties alone are reinstated: an agent who left does not come back, whatever stands on his stream.
        """
        for (type_, party), streams in told.items():
            if type_ == "agent.Enrolled":
                self.agents.update({s: (party, at[0]) for s, at in streams.items() if s not in self.agents})
                continue
            back = type_ == REINSTATED
            for stream, positions in streams.items():
                if back and not stream.startswith("party:"):
                    continue
                for at in positions:
                    insort(self.ended.setdefault(stream, []), -at if back else at, key=abs)

    def faults(self, acting: Acting) -> Iterator[tuple[str, int, str]]:
        """Give code, position and words for each save that nobody could write so; what stands ahead is taken first."""
        for (party, agent), positions in acting.items():
            if agent is not None:
                yield from (("author", at, words) for at in positions if (words := self._unlike(agent, party, at)))
            for name, words in ((party, "the party was suspended"), (agent, "the agent had left")):
                changes = self.ended.get(name or "", ())
                if changes and positions[-1] > changes[0]:
                    yield from (("author_ended", at, words) for at in positions if _over(changes, at))

    def _unlike(self, agent: str, party: str, first: int) -> str:
        """Give what keeps an agent from writing this save for a party; the empty string if nothing does."""
        own, enrolled = self.agents.get(agent, (None, 0))
        # In the save that opens a ledger its first administrator is enrolled by his own word.
        if first != 1 and not 0 < enrolled < first:
            return "the agent was not enrolled before"
        return "" if own in {None, party} else "the agent is another party's"


def _over(changes: Sequence[int], position: int) -> bool:
    """Say whether of what ended and began again the end was the last before a position."""
    before = bisect_left(changes, position, key=abs)
    return before > 0 and changes[before - 1] > 0
