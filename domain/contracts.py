"""Maintenance contracts (维保合同): who maintains which lifts from when to when, on what terms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal, NotRequired

from annotated_types import Len
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict
from domain.findings import Finding
from domain.histories import Term
from domain.shapes import CivilDate, Code, ContractName, Digest, Fen, LiftName, PartyName, Source, strict

LIFTS_PER_SAVE_MAX = 200

Level = Literal["full", "labour", "on_demand"]
"""大包 (with parts), 清包 (labour only), 按需维保."""

Lifts = Annotated[list[LiftName], Len(1, LIFTS_PER_SAVE_MAX)]


@strict
class ContractBeginning(TypedDict):
    """A contract between a use unit and a maintainer; half-open from `from_date` to `to_date`.

    `paper` is the digest of the signed paper. A contract for more lifts takes the rest in by `contract.change`.
    """

    id: ContractName
    maintainer: PartyName
    use_unit: NotRequired[PartyName]
    lifts: Lifts
    from_date: CivilDate
    to_date: NotRequired[CivilDate]
    level: Level
    fee_fen: NotRequired[Fen]
    paper: NotRequired[Digest]
    source: NotRequired[Source]


@strict
class ContractChange(TypedDict):
    """Lifts that join or leave on a day, and other terms; `to_date` moves the end for all its lifts."""

    effective_on: CivilDate
    joining: NotRequired[Lifts]
    leaving: NotRequired[Lifts]
    to_date: NotRequired[CivilDate]
    level: NotRequired[Level]
    fee_fen: NotRequired[Fen]
    paper: NotRequired[Digest]


@strict
class ContractEnding(TypedDict):
    """The contract ends before its time: `ended_on` is the first day it runs no longer."""

    ended_on: CivilDate
    reason: NotRequired[Code]


@dataclass
class Contract(Aggregate):
    """A contract: `lifts` gives each lift's first day in it."""

    holder: str = ""
    maintainer: str = ""
    use_unit: str | None = None
    lifts: dict[str, str] = field(default_factory=dict)
    from_date: str = ""
    to_date: str | None = None
    level: str = ""
    ended: bool = False

    class Begun(Event):
        """`said` is a ContractBeginning; `found.findings` hold overlaps and gaps."""

        TOPIC = "contract.Begun"

        def apply(self, aggregate: Contract) -> None:
            """Take over the terms."""
            said = self.said or {}
            aggregate.holder = self.author.party
            aggregate.maintainer = said["maintainer"]
            aggregate.use_unit = said.get("use_unit")
            aggregate.lifts = dict.fromkeys(said["lifts"], said["from_date"])
            aggregate.from_date = said["from_date"]
            aggregate.to_date = said.get("to_date")
            aggregate.level = said["level"]

    class Changed(Event):
        """`said` is a ContractChange."""

        TOPIC = "contract.Changed"

        def apply(self, aggregate: Contract) -> None:
            """Change what was said."""
            said = self.said or {}
            leaving = set(said.get("leaving", ()))
            joining = dict.fromkeys(said.get("joining", ()), said["effective_on"])
            aggregate.lifts = {k: v for k, v in aggregate.lifts.items() if k not in leaving} | joining
            aggregate.to_date = said.get("to_date", aggregate.to_date)
            aggregate.level = said.get("level", aggregate.level)

    class Ended(Event):
        """`said` is a ContractEnding."""

        TOPIC = "contract.Ended"

        def apply(self, aggregate: Contract) -> None:
            """It runs no longer."""
            aggregate.to_date = (self.said or {})["ended_on"]
            aggregate.ended = True

    def require_running(self) -> None:
        """Raise Conflict `contract_ended` when it was ended."""
        if self.ended:
            raise Conflict("the contract was ended", code="contract_ended", contract=self.id)


def seams(lift: str, before: Iterable[Term], new: Term) -> list[Finding]:
    """Give the findings on a lift's terms when a new one joins them: it overlaps another, or leaves days uncovered.

    Terms merely stated end where a contract begins, so they neither overlap nor leave a gap. An earlier term of the
    same contract overlaps nothing, but days may lie between.
    """
    others = [term for term in before if term.under]
    findings: list[Finding] = []
    for term in others:
        if term.under == new.under:
            continue
        meets_end = new.to_date is None or term.from_date < new.to_date
        if meets_end and (term.to_date is None or new.from_date < term.to_date):
            findings.append(_seam("maintenance_overlap", lift, term.under))
    ended = [term.to_date for term in others if term.to_date is not None and term.from_date < new.from_date]
    open_ended = any(term.to_date is None and term.from_date < new.from_date for term in others)
    if ended and not open_ended and max(ended) < new.from_date:
        found = _seam("maintenance_gap", lift, new.under)
        found["facts"] |= {"from_date": max(ended), "to_date": new.from_date}
        findings.append(found)
    return findings


def _seam(code: str, lift: str, contract: str) -> Finding:
    return {
        "code": code,
        "verdict": "manual_review",
        "rule": "ledger.maintenance_seams",
        "basis": "TSG T5002-2017: a lift in use has one maintainer at a time, without interruption",
        "facts": {"lift": lift, "contract": contract},
    }
