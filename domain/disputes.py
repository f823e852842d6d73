"""Disputes (争议): what they are about, and the legal hold that keeps their evidence from being erased.

While a dispute is open nobody named in its matters is erased, until the authority that set the hold lifts it or the
dispute is settled. A hold is its keeper's: another authority that needs the same evidence opens a dispute of its own,
so that neither loses it by the other's word. A hold names matters: subjects (`lift:…`) or single streams
(`lift:…/claim:…`). It covers every person that an event there names when it is set; whoever is named later is covered
by the hold itself when he is to be erased. An accident is a dispute with the ground `accident` (特种设备安全法 70:
nobody destroys its evidence).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, NotRequired

from annotated_types import Len
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict
from domain.shapes import Code, Digest, DisputeName, PartyName, Pattern, Source, strict

MATTERS_MAX: Final = 100
PARTIES_MAX: Final = 50
HOLD_PERSONS_MAX: Final = 200
"""Persons that the hold of one dispute covers by name: each gets an event in one save."""

Ground = Literal["dispute", "accident", "litigation", "inquiry"]
"""争议、事故、诉讼或仲裁、行政调查."""

Matter = Annotated[str, Pattern("^[a-z]{3,12}:[0-9a-f-]{36}(/[a-z-]{3,14}(:[0-9a-z:-]{4,80})?)?$")]


@strict
class DisputeOpening(TypedDict):
    """What is disputed, and between whom."""

    id: DisputeName
    ground: Ground
    matters: Annotated[list[Matter], Len(1, MATTERS_MAX)]
    parties: Annotated[list[PartyName], Len(0, PARTIES_MAX)]
    source: NotRequired[Source]


@strict
class HoldSetting(TypedDict):
    """What is disputed must stay as it is (法定保全), by order or duty; `document` is the digest of the order."""

    reason: Code
    document: NotRequired[Digest]


@strict
class HoldLifting(TypedDict):
    """The hold is needed no longer; `document` is the digest of the order, without which nobody lifts another's."""

    reason: Code
    document: NotRequired[Digest]


@strict
class DisputeSettlement(TypedDict):
    """How the dispute ended (和解、调解、判决、裁决、撤回)."""

    outcome: Literal["agreed", "mediated", "judged", "arbitrated", "withdrawn", "closed"]
    document: NotRequired[Digest]


@dataclass
class Dispute(Aggregate):
    """One dispute: its matters, whether its hold is on and whose it is, and whom that covers by name."""

    opener: str = ""
    ground: str = ""
    matters: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    held: bool = False
    keeper: str = ""
    """The party that set the hold, while one is on."""
    persons: tuple[str, ...] = ()
    settled: bool = False

    class Opened(Event):
        """There is a dispute about these matters."""

        TOPIC = "dispute.Opened"

        def apply(self, aggregate: Dispute) -> None:
            """Take over what it is about."""
            said = self.said or self.found
            aggregate.opener = self.author.party
            aggregate.ground = said["ground"]
            aggregate.matters, aggregate.parties = tuple(said["matters"]), tuple(said["parties"])

    class HoldSet(Event):
        """Nothing of the matters may be erased; `found.persons` are those named there who were not yet covered."""

        TOPIC = "dispute.HoldSet"

        def apply(self, aggregate: Dispute) -> None:
            """Hold them; where two authorities set one hold, as once could be, it is the first one's."""
            if not aggregate.held:
                aggregate.keeper = self.author.party
            aggregate.held = True
            aggregate.persons = (*aggregate.persons, *self.found["persons"])

    class HoldLifted(Event):
        """The hold ended; `found.persons` are those it covered. Schema 1 named no order."""

        TOPIC = "dispute.HoldLifted"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Leave it as it is: an order that was not named is not known."""

        def apply(self, aggregate: Dispute) -> None:
            """Let go."""
            aggregate.held, aggregate.keeper, aggregate.persons = False, "", ()

    class Settled(Event):
        """The dispute is over."""

        TOPIC = "dispute.Settled"

        def apply(self, aggregate: Dispute) -> None:
            """Remember it."""
            aggregate.settled = True

    def require_open(self) -> None:
        """Raise Conflict `dispute_settled` when it is over."""
        if self.settled:
            raise Conflict(f"{self.id} is settled", code="dispute_settled", dispute=self.id)


__all__ = [
    "HOLD_PERSONS_MAX", "Dispute", "DisputeOpening", "DisputeSettlement", "HoldLifting", "HoldSetting",
]  # fmt: skip
