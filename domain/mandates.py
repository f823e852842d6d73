"""Mandates (委托代理, 民法典 161—174): a party lets another act for it, in named acts and until a day.

Nothing in a request names a mandate. Where an act is a right of whoever stands in a relation to the thing (the holder
of a policy, the notifier of a claim), that party is known from the log; another author may do it when this party has
mandated him. The right that is used is the giver's own, by his kind and his relation on the day of the act, so a
mandate is never more than that. An insurer's mandate for `claim.assess` appoints an assessor (公估机构), nobody else.
The event's author stays who signed; `found.reads` holds the mandate he acted under.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, get_args

from annotated_types import Len
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict, Invalid
from domain.shapes import CivilDate, Code, Digest, MandateName, PartyName, Source, strict
from domain.time import Period

MANDATES_HELD_MAX = 1_000
"""Mandates that one party holds at a time, those not counted that are over."""
MANDATES_OF_ONE_MAX = 100
"""Of these, mandates of one giver: nobody asks the holder, and none may leave no room for others."""

MandatedAct = Literal[
    "policy.propose", "policy.read", "subsidy.claim", "claim.file", "claim.agree", "claim.withdraw",
    "claim.assess",
]  # fmt: skip
"""Acts that another may do for a party; none that only a natural person's own key can do (签字, 表决)."""

ACTS: tuple[MandatedAct, ...] = get_args(MandatedAct)


@strict
class MandateGiving(TypedDict):
    """The author, `giver`, lets `to` do some acts for it on the days [`from_date`, `to_date`) (委托书).

    `document` is the digest of the power of attorney.
    """

    id: MandateName
    giver: PartyName
    to: PartyName
    acts: Annotated[list[MandatedAct], Len(1, len(ACTS))]
    from_date: CivilDate
    to_date: CivilDate
    document: NotRequired[Digest]
    source: NotRequired[Source]


@strict
class MandateEnding(TypedDict):
    """The mandate ends (撤回、辞去委托), at once."""

    reason: Code


@dataclass(frozen=True, slots=True)
class Held:
    """A mandate as the party that holds it knows it."""

    giver: str
    acts: frozenset[str]
    from_date: str
    to_date: str

    def lets(self, giver: str, act: str, on: str) -> bool:
        """Say whether it lets its holder do an act for a giver on a civil date."""
        return self.giver == giver and act in self.acts and self.from_date <= on < self.to_date


@dataclass
class Mandate(Aggregate):
    """A mandate, on a stream of its giver's."""

    giver: str = ""
    to: str = ""
    acts: tuple[str, ...] = ()
    from_date: str = ""
    to_date: str = ""
    ended: bool = False

    class Given(Event):
        """It was given; `said` is a MandateGiving."""

        TOPIC = "mandate.Given"

        def apply(self, aggregate: Mandate) -> None:
            """Take it over."""
            said: Mapping[str, Any] = self.said or {}
            for name in ("giver", "to", "from_date", "to_date"):
                setattr(aggregate, name, said[name])
            aggregate.acts = tuple(said["acts"])

    class Ended(Event):
        """Giver or holder ended it; `said` is a MandateEnding."""

        TOPIC = "mandate.Ended"

        def apply(self, aggregate: Mandate) -> None:
            """It lets nobody do anything."""
            aggregate.ended = True

    def require_running(self) -> None:
        """Raise Conflict `mandate_ended` when it was ended."""
        if self.ended:
            raise Conflict("the mandate was ended", code="mandate_ended", mandate=self.id)


def check_mandate(said: Mapping[str, Any], today: str) -> None:
    """Refuse a mandate to oneself (`mandate_to_self`), an act twice (`act_twice`), days past (`mandate_past`)."""
    Period(said["from_date"], said["to_date"])
    if said["giver"] == said["to"]:
        raise Invalid("nobody mandates himself", code="mandate_to_self")
    if len(set(said["acts"])) != len(said["acts"]):
        raise Invalid("an act stands twice", code="act_twice")
    if said["to_date"] <= today:
        raise Invalid("the mandate would be over already", code="mandate_past", to_date=said["to_date"])
