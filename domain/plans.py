"""Plans to use the fund (使用方案) and the owners' votes on them (业主表决).

A plan fixes the expenditure scope (列支范围) before anyone votes. How a vote is counted stands in `domain.vote`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, NotRequired

from annotated_types import Ge, Len
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict
from domain.shapes import BuildingName, CivilDate, Digest, Fen, LiftName, PlanName, PolicyName, Source, VoteName, strict
from domain.vote import Choice

LIFTS_PER_PLAN_MAX: Final = 200
BUILDINGS_PER_PLAN_MAX: Final = 200
DOUBTS: Final = frozenset({"manual_review", "needs_supplement"})
"""Verdicts on a vote that whoever rests on it looks at."""


@strict
class PlanPublishing(TypedDict):
    """A plan made public: lifts, scope (these buildings, or the whole estate) and the most it may cost.

    `amount_fen` binds all policies bought by it together, endorsements counted in (Civil Code 278). `document` is the
    digest of the paper on the notice board; `published_on` the day it was put up.
    """

    id: PlanName
    lifts: Annotated[list[LiftName], Len(1, LIFTS_PER_PLAN_MAX)]
    buildings: NotRequired[Annotated[list[BuildingName], Len(1, BUILDINGS_PER_PLAN_MAX)]]
    amount_fen: Annotated[Fen, Ge(1)]
    policy: NotRequired[PolicyName]
    document: NotRequired[Digest]
    published_on: CivilDate
    source: NotRequired[Source]


@strict
class VoteOpening(TypedDict):
    """A vote on a published plan."""

    id: VoteName
    plan: PlanName
    opened_on: CivilDate
    source: NotRequired[Source]


@strict
class VoteClosing(TypedDict):
    """The vote ends on a day; whoever owns a house on that day counts as its head."""

    closed_on: CivilDate


@strict
class ResultPublishing(TypedDict):
    """The result was made public on a day."""

    published_on: CivilDate
    document: NotRequired[Digest]


@dataclass
class Plan(Aggregate):
    """A published plan; `buildings` None is the whole estate."""

    lifts: tuple[str, ...] = ()
    buildings: tuple[str, ...] | None = None
    amount_fen: int = 0
    policy: str | None = None
    document: str | None = None
    published_on: str = ""
    violations: tuple[Mapping[str, Any], ...] = ()

    class Published(Event):
        """The plan is public; `said` is a PlanPublishing, `found.findings` what its lifts showed (MF01, MF08)."""

        TOPIC = "plan.Published"

        def apply(self, aggregate: Plan) -> None:
            """Take it over."""
            said: Mapping[str, Any] = self.said or {}
            aggregate.lifts = tuple(said["lifts"])
            aggregate.buildings = tuple(said["buildings"]) if "buildings" in said else None
            aggregate.amount_fen = said["amount_fen"]
            aggregate.policy = said.get("policy")
            aggregate.document = said.get("document")
            aggregate.published_on = said["published_on"]
            aggregate.violations = tuple(f for f in self.found["findings"] if f["verdict"] == "violates")


@dataclass
class Vote(Aggregate):
    """A vote: one live ballot a house, `passed` None until it is closed."""

    plan: str = ""
    opened_on: str = ""
    closed_on: str | None = None
    published_on: str | None = None
    houses: int = 0
    ballots: dict[str, Choice] = field(default_factory=dict)
    cast_on: dict[str, str] = field(default_factory=dict)
    """The days of live ballots that say one."""
    told_on: dict[str, str] = field(default_factory=dict)
    """The days on which live ballots that say none were recorded."""
    withdrawn_on: dict[str, str] = field(default_factory=dict)
    """The days on which houses that have none took theirs back."""
    passed: bool | None = None
    doubts: tuple[Mapping[str, Any], ...] = ()
    """What a person is to look at of its count."""

    class Opened(Event):
        """The vote is open; `said` is a VoteOpening, `found.scope {houses, area_m2_hundredths}` its scope."""

        TOPIC = "vote.Opened"

        def apply(self, aggregate: Vote) -> None:
            """Take over plan, day and scope."""
            said: Mapping[str, Any] = self.said or {}
            aggregate.plan = said["plan"]
            aggregate.opened_on = said["opened_on"]
            aggregate.houses = self.found["scope"]["houses"]

    class BallotsCast(Event):
        """Houses voted, `found.ballots [{house, choice, on, told_on}]`; a later ballot of a house replaces its first.

        `on` is the day that the ballot says, or null; before schema 2 it stood on the house's stream alone. `told_on`
        is the day it was recorded, null before schema 3.
        """

        TOPIC = "vote.BallotsCast"
        SCHEMA = 3

        def apply(self, aggregate: Vote) -> None:
            """Keep the live ballots."""
            for ballot in self.found["ballots"]:
                aggregate.ballots[ballot["house"]] = ballot["choice"]
                for days in (aggregate.cast_on, aggregate.told_on, aggregate.withdrawn_on):
                    days.pop(ballot["house"], None)
                if ballot["on"] is not None:
                    aggregate.cast_on[ballot["house"]] = ballot["on"]
                elif ballot["told_on"] is not None:
                    aggregate.told_on[ballot["house"]] = ballot["told_on"]

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that the days are not known here."""
            state["found"]["ballots"] = [{**ballot, "on": None} for ballot in state["found"]["ballots"]]

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            """Say that the day of recording was not told."""
            state["found"]["ballots"] = [{**ballot, "told_on": None} for ballot in state["found"]["ballots"]]

    class BallotRevoked(Event):
        """A house took its ballot back, `found {house, told_on}`: the day it was recorded, null before schema 2."""

        TOPIC = "vote.BallotRevoked"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that the day of recording was not told."""
            state["found"]["told_on"] = None

        def apply(self, aggregate: Vote) -> None:
            """It takes no part."""
            for ballots in (aggregate.ballots, aggregate.cast_on, aggregate.told_on):
                ballots.pop(self.found["house"], None)
            if self.found["told_on"] is not None:
                aggregate.withdrawn_on[self.found["house"]] = self.found["told_on"]

    class Closed(Event):
        """The vote was counted; `said` is a VoteClosing, `found {tally, passed, findings, pack}`."""

        TOPIC = "vote.Closed"

        def apply(self, aggregate: Vote) -> None:
            """Keep day and outcome."""
            aggregate.closed_on = (self.said or {})["closed_on"]
            aggregate.passed = self.found["passed"]
            aggregate.doubts = tuple(f for f in self.found["findings"] if f["verdict"] in DOUBTS)

    class ResultPublished(Event):
        """The result is public; `said` is a ResultPublishing."""

        TOPIC = "vote.ResultPublished"

        def apply(self, aggregate: Vote) -> None:
            """Keep the day."""
            aggregate.published_on = (self.said or {})["published_on"]

    def require_cast_by(self, closed_on: str) -> None:
        """Raise Conflict `vote_dates` when a live ballot is of a day after that of closing: it is taken back first."""
        if late := sorted(house for house, on in self.cast_on.items() if on > closed_on):
            raise Conflict("ballots were cast after that day", code="vote_dates", closed_on=closed_on, houses=late[:10])

    def told_after(self, closed_on: str) -> tuple[int, int]:
        """Count the ballots without a day, and the withdrawals, that were recorded after the day of closing."""
        cast, withdrawn = ([on for on in days.values() if on > closed_on] for days in (self.told_on, self.withdrawn_on))
        return len(cast), len(withdrawn)

    def require_open(self) -> None:
        """Raise Conflict `vote_closed` when it was closed."""
        if self.closed_on is not None:
            raise Conflict("the vote is closed", code="vote_closed", vote=self.id, closed_on=self.closed_on)
