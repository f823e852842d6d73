"""The ledger's own stream: its opening, its keys, the table of actions it holds itself to, steps of its clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import MaxLen, MinLen
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.shapes import Digest, Pattern, strict

STREAM = "ledger"
MAP_STREAM = "map"


@strict
class ActionsPublication(TypedDict):
    """The digest of the table of actions that the software now running brings; the ledger adds the table."""

    digest: Digest


VerifierKey = Annotated[str, Pattern("^[!-~]{1,2400}$")]
"""A verifier key of C2SP signed-note, as text."""


@strict
class KeyChange(TypedDict):
    """New verifier keys of a use, and the signature line of the key in force over them (`audit.rotation`)."""

    use: Literal["receipt", "checkpoint"]
    keys: Annotated[list[VerifierKey], MinLen(1), MaxLen(2)]
    signed: Annotated[str, Pattern("^\u2014 [!-~]{1,255} [A-Za-z0-9+/]{1,200}={0,2}$")]


@dataclass
class Ledger(Aggregate):
    """A district's ledger (账本): origin, kind of clock, operator, and the table of actions in force.

    `continues` is the origin and checkpoint of the ledger that it goes on from, if it does; `retired` are the keys that
    signed for it before.
    """

    origin: str = ""
    clock: str = ""
    operator: str = ""
    receipt_key: str = ""
    checkpoint_keys: tuple[str, ...] = ()
    actions: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)
    continues: Mapping[str, str] | None = None
    retired: tuple[str, ...] = ()

    class Opened(Event):
        """Position 1: origin, kind of clock, ledger keys, format, the table of actions, named limits."""

        TOPIC = "ledger.Opened"

        def apply(self, aggregate: Ledger) -> None:
            """Take over what was found."""
            found: Mapping[str, Any] = self.found
            aggregate.origin = found["origin"]
            aggregate.clock = found["clock"]
            aggregate.operator = self.author.party
            aggregate.receipt_key = found["receipt"]
            aggregate.checkpoint_keys = tuple(found["checkpoint"])
            aggregate.actions = found["actions"]
            aggregate.limits = found["limits"]

    class ActionsPublished(Event):
        """Another table of actions holds from the next save on."""

        TOPIC = "ledger.ActionsPublished"

        def apply(self, aggregate: Ledger) -> None:
            """Take over its digest."""
            aggregate.actions = (self.said or self.found)["digest"]

    class ClockStepped(Event):
        """The database's clock stepped ahead of the machine's uninterrupted one (event-format §8)."""

        TOPIC = "ledger.ClockStepped"

    class KeyRotated(Event):
        """From the next save on another key signs receipts, or checkpoints that cover this; the old key signed it."""

        TOPIC = "ledger.KeyRotated"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Leave the reserved form as it is: nobody said it, so that it hands nothing on."""

        def apply(self, aggregate: Ledger) -> None:
            """Take over the new keys."""
            if self.said is None:
                return
            if self.said["use"] == "receipt":
                aggregate.retired = (*aggregate.retired, aggregate.receipt_key)
                (aggregate.receipt_key,) = self.said["keys"]
            else:
                aggregate.retired = (*aggregate.retired, *aggregate.checkpoint_keys)
                aggregate.checkpoint_keys = tuple(self.said["keys"])

    class Continued(Event):
        """This ledger goes on from another, `found.origin`, under its last witnessed checkpoint."""

        TOPIC = "ledger.Continued"

        def apply(self, aggregate: Ledger) -> None:
            """Take over what is continued, as it is cited."""
            aggregate.continues = {name: self.found[name] for name in ("origin", "checkpoint")}


@dataclass
class HeadMap(Aggregate):
    """The map of subjects' heads (总目), whose root stands before each published checkpoint (event-format §5)."""

    size: int = 0
    root: str = ""
    count: int = 0

    class Rooted(Event):
        """The root over the heads of all subjects, `count` of them, as of position `size`; the checkpoint signs it."""

        TOPIC = "map.Rooted"

        def apply(self, aggregate: HeadMap) -> None:
            """Take over what the checkpointer found."""
            aggregate.size = self.found["size"]
            aggregate.root = self.found["root"]
            aggregate.count = self.found["count"]
