"""What a reader may see of a lift's events: the lift's own, its certificates, its claims, each by its row of rights.

A certificate is a dealing between its policy's parties, a claim one of its insurers, its notifier and whoever used the
lift on the day of loss; whoever maintains the lift reads neither, whoever uses it the certificates and his own claims.
What was written of a maintenance visit is judged by the visit's time, whenever it was written (adr/0011): a past
maintainer reads how his own visits were signed, corrected and disputed, and nothing of his successor's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from application.reading.asking import Asking
from application.reading.ports import Cut
from application.reading.scope import Standing, lies_in, reach, to_lift
from application.rights import granted
from domain.aggregate import Event
from domain.covers import Cover
from domain.errors import Forbidden
from domain.maintenance import MaintenanceYear, maintenance_stream, visit_named
from domain.time import YEAR_MIN, civil_date


class Seen(NamedTuple):
    """One event, by what is public of it."""

    stream: str
    position: int
    party: str
    effective_at: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What one reader sees of some lifts; `cut` None is everything but dealings, `claims` and `covers` None all.

    `visits` are the positions of what he sees of maintenance visits where there is a cut.
    """

    party: str
    standing: Standing
    cut: Cut | None
    visits: frozenset[int]
    claims: frozenset[str] | None
    covers: frozenset[int] | None
    cover_periods: tuple[tuple[str, str | None], ...]

    def sees(self, event: Seen) -> bool:
        """Say whether the reader may see an event's body."""
        if event.party == self.party:
            return True
        _, _, head = event.stream.partition("/")
        if head == "cover":
            own = self.covers is None or event.position in self.covers
            return own or lies_in(event.effective_at, self.cover_periods)
        if head.startswith("claim:"):
            return self.claims is None or event.stream in self.claims
        if head.startswith("cost:"):
            return self.claims is None or self.covers is None
        if self.cut is not None and head.startswith("maintenance:"):
            return event.position in self.visits
        return self.cut is None or lies_in(event.effective_at, self.cut.periods)

    def entries(self) -> Cut | None:
        """Give which entries of a timeline he sees: beside his time, the dealings that are his own."""
        if self.cut is None:
            return None
        positions = self.visits | (self.covers or frozenset())
        return replace(self.cut, streams=tuple(sorted(self.claims or ())), positions=tuple(sorted(positions)))


def sight(asking: Asking, lifts: Sequence[str]) -> Sight:
    """Give what the reader sees of a lift and of those that went up in it. Raises NotFound `lift_unknown`."""
    standing = to_lift(asking, lifts[0])
    try:
        cut = standing.cut(asking, "lift.read")
    except Forbidden:
        cut = Cut(asking.author.party, ())
    dealings = standing.of_dealings()
    covers, periods = _covers(asking, lifts, dealings)
    visits = frozenset[int]() if cut is None else _visits(asking, lifts, cut)
    return Sight(asking.author.party, standing, cut, visits, _claims(asking, lifts, dealings), covers, periods)


def readable(asking: Asking, action: str, policies: Sequence[str]) -> frozenset[str]:
    """Give those of some policies of which the reader may do a read."""
    if not policies or not granted(action, asking.author.kind):
        return frozenset()
    rows = asking.reads.views.find(
        "policies", asking.present, where={"key": sorted(set(policies))}, reach=reach(asking, action)
    )
    return frozenset(row["key"] for row in rows)


def _visits(asking: Asking, lifts: Sequence[str], cut: Cut) -> frozenset[int]:
    """Give the positions of what was written of the reader's own visits and of those in his time.

    Of a visit whose opening has not come yet, what was so in his time. Who maintains a lift by his own word alone reads
    his own visits, whenever they were.
    """
    visits = granted("visit.submit", asking.author.kind)
    if not cut.periods and not visits:
        return frozenset()
    first = YEAR_MIN if visits else max(YEAR_MIN, min(int(begin[:4]) for begin, _ in cut.periods))
    years = range(first, int(civil_date(asking.reads.clock.now())[:4]) + 1)
    streams = [maintenance_stream(lift, year) for lift in lifts for year in years]
    return frozenset(
        position for events in asking.reads.streams.many(streams).values() for position in _seen(events, cut)
    )


def _seen(events: Sequence[Event], cut: Cut) -> Iterator[int]:
    opened = {visit_named(event): event for event in events if isinstance(event, MaintenanceYear.Opened)}
    for event in events:
        of = opened.get(visit_named(event), event)
        if of.author.party == cut.party or lies_in(of.effective_at or "", cut.periods):
            yield event.position or 0


def _claims(asking: Asking, lifts: Sequence[str], standing: Standing) -> frozenset[str] | None:
    if asking.may("claim.read", standing.relations):
        return None
    if not granted("claim.read", asking.author.kind):
        return frozenset()
    rows = asking.reads.views.find(
        "claims", asking.present, where={"lift": list(lifts)}, reach=reach(asking, "claim.read")
    )
    return frozenset(row["key"] for row in rows)


def _covers(
    asking: Asking, lifts: Sequence[str], standing: Standing
) -> tuple[frozenset[int] | None, tuple[tuple[str, str | None], ...]]:
    if asking.may("cover.read", standing.relations):
        return None, ()
    if not granted("cover.read", asking.author.kind):
        return frozenset(), ()
    of = {event.position or 0: policy for lift in lifts for event, policy in _certificates(asking, lift)}
    own = readable(asking, "cover.read", list(of.values()))
    periods = standing.periods(asking, "cover.read")
    return frozenset(position for position, policy in of.items() if policy in own), periods


def _certificates(asking: Asking, lift: str) -> list[tuple[Event, str]]:
    """Give the events of a lift's certificates, each with its policy."""
    policies: dict[str, str] = {}
    found: list[tuple[Event, str]] = []
    for event in asking.reads.streams.events(f"{lift}/cover"):
        said = event.said or {}
        if isinstance(event, Cover.Attached):
            policies[said["certificate"]] = said["policy"]
        found.append((event, policies[said["certificate"]]))
    return found
