"""Identifiers of lifts (设备标识) as subjects of their own: each has at most one live owner (L17).

A stream is named by the hash of the cleaned `[scheme, issuer, value]`. A second lift that claims an identifier in use
is registered all the same, and its claim is held for review: real registers hold duplicates, and refusing the lift
would lose it. The claim is settled by a merger, by the owner's scrapping or withdrawal, or by claiming again then; a
scrapping that was said of a day to come frees the identifier for whoever claims it from that day on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.findings import Finding
from domain.shapes import Code, Label, Public, Text, strict

IDENTIFIERS_PER_STATEMENT_MAX = 8
IDENTIFIERS_PER_LIFT_MAX = 20


@strict
class IdentifierClaim(TypedDict):
    """One identifier; `issuer` is who made the value unique, left out for national numbers. Marks on equipment."""

    scheme: Code
    issuer: NotRequired[Annotated[Label, Public("who numbers equipment: an office, a manufacturer, a platform")]]
    value: Annotated[str, Text(60), Public("a mark on equipment")]


@dataclass
class Identifier(Aggregate):
    """An identifier: the lift that owns it, those whose claims are held for review, those that had it."""

    key: tuple[str, ...] = ()
    owner: str | None = None
    contenders: tuple[str, ...] = ()
    former: tuple[str, ...] = ()

    class Claimed(Event):
        """`found.lift` owns it; with `found.ended` (`scrapped`) it only had it. `found.key` is what the name hashes."""

        TOPIC = "identifier.Claimed"

        def apply(self, aggregate: Identifier) -> None:
            """Take over the owner, also from one that is scrapped by now; a claim that was held is settled."""
            lift = self.found["lift"]
            aggregate.key = tuple(self.found["key"])
            aggregate.contenders = tuple(name for name in aggregate.contenders if name != lift)
            if "ended" in self.found:
                aggregate.former = (*aggregate.former, lift)
            else:
                if aggregate.owner not in {None, lift}:
                    aggregate.former = (*aggregate.former, aggregate.owner)
                aggregate.owner = lift

    class Contested(Event):
        """`found.lift` claims it too while `found.owner` has it: held for review."""

        TOPIC = "identifier.Contested"

        def apply(self, aggregate: Identifier) -> None:
            """Remember the claim."""
            aggregate.contenders = (*(n for n in aggregate.contenders if n != self.found["lift"]), self.found["lift"])

    class Released(Event):
        """`found.lift` has it no longer, nor claims it: `found.why` is `scrapped`, `withdrawn` or `merged`."""

        TOPIC = "identifier.Released"

        def apply(self, aggregate: Identifier) -> None:
            """Nobody has it, or one claim fewer is held."""
            lift = self.found["lift"]
            aggregate.contenders = tuple(name for name in aggregate.contenders if name != lift)
            if aggregate.owner == lift:
                aggregate.owner = None
                aggregate.former = (*aggregate.former, lift)

    class Passed(Event):
        """It passed from `found.lift` to `found.to`, since both are one lift."""

        TOPIC = "identifier.Passed"

        def apply(self, aggregate: Identifier) -> None:
            """Change the owner; neither contends any longer."""
            lift, to = self.found["lift"], self.found["to"]
            aggregate.contenders = tuple(name for name in aggregate.contenders if name not in {lift, to})
            aggregate.former = (*aggregate.former, lift)
            aggregate.owner = to


def conflict(identifier: str, owner: str) -> Finding:
    """Give the finding that an identifier has a live owner already."""
    return {
        "code": "identifier_conflict",
        "verdict": "manual_review",
        "rule": "ledger.identifier_owner",
        "basis": "one identifier has one live owner; a second claim is held for review",
        "facts": {"identifier": identifier, "lift": owner},
    }
