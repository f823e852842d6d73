"""Maintenance contracts (维保合同): who maintains which lifts from when to when, on what terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple, NotRequired

from annotated_types import Len
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict
from domain.findings import Finding
from domain.histories import History, Term, Terms, entered
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


@strict
class ContractConfirmation(TypedDict):
    """Whoever answers for lifts says that the contract is theirs, from a day on; its maintainer may then read them."""

    effective_on: CivilDate
    lifts: Lifts


class Stay(NamedTuple):
    """A lift's time in a contract that it left: from its first day up to, not including, the day on which it left."""

    lift: str
    since: str
    left_on: str


@dataclass
class Contract(Aggregate):
    """A contract: `lifts` gives each lift's first day in it, `left` the times of those that left, on whatever day.

    `levels` says from which day on which level was agreed, `level` is the last that was said.
    """

    holder: str = ""
    maintainer: str = ""
    use_unit: str | None = None
    lifts: dict[str, str] = field(default_factory=dict)
    left: tuple[Stay, ...] = ()
    from_date: str = ""
    to_date: str | None = None
    level: str = ""
    levels: History = ()
    ended: bool = False

    class Begun(Event):
        """`said` is a ContractBeginning; the lifts' events say what it brings to each of them.

        Old ones have overlaps and gaps in `found.findings`, which now stand on the lift that they are of.
        """

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
            aggregate.levels = entered((), said["from_date"], said["level"])

    class Changed(Event):
        """`said` is a ContractChange; overlaps and gaps as for a beginning."""

        TOPIC = "contract.Changed"

        def apply(self, aggregate: Contract) -> None:
            """Change what was said."""
            said = self.said or {}
            on, leaving = said["effective_on"], set(said.get("leaving", ()))
            joining = dict.fromkeys(said.get("joining", ()), on)
            stays = (s._replace(left_on=min(s.left_on, on)) if _returns(s, joining) else s for s in aggregate.left)
            gone = (Stay(name, aggregate.lifts[name], on) for name in sorted(leaving))
            aggregate.left = tuple(stay for stay in (*stays, *gone) if stay.since < stay.left_on)
            aggregate.lifts = {k: v for k, v in aggregate.lifts.items() if k not in leaving} | joining
            aggregate.to_date = said.get("to_date", aggregate.to_date)
            if "level" in said:
                aggregate.level = said["level"]
                aggregate.levels = entered(aggregate.levels, on, said["level"])

    class Confirmed(Event):
        """`said` is a ContractConfirmation; the lifts' events say from which day on it is so of each."""

        TOPIC = "contract.Confirmed"

    class Ended(Event):
        """`said` is a ContractEnding; gaps as for a beginning."""

        TOPIC = "contract.Ended"

        def apply(self, aggregate: Contract) -> None:
            """It runs no longer."""
            aggregate.to_date = (self.said or {})["ended_on"]
            aggregate.ended = True

    def outlasting(self, on: str) -> list[Stay]:
        """Give the times of lifts that left on a day later than `on`."""
        return [stay for stay in self.left if stay.left_on > on]

    def require_running(self) -> None:
        """Raise Conflict `contract_ended` when it was ended."""
        if self.ended:
            raise Conflict("the contract was ended", code="contract_ended", contract=self.id)


def _returns(stay: Stay, joining: Mapping[str, str]) -> bool:
    """Say whether its lift joins again on a day after it came: the new word holds from then on."""
    return stay.lift in joining and stay.since <= joining[stay.lift]


def new_seams(lift: str, before: Terms, after: Terms, contract: str) -> list[Finding]:
    """Give the findings that an act on a contract brings to a lift's terms, whichever end of a term it moved.

    A term of the contract overlaps another's, or days lie uncovered between two terms; what was so before is not told
    again. What the register stated (under no contract) is a term like any other, but overlaps nothing of the same
    maintainer.
    """
    known = _seams(lift, before, contract)
    return [found for found in _seams(lift, after, contract) if found not in known]


def _seams(lift: str, terms: Terms, contract: str) -> list[Finding]:
    own = [term for term in terms if term.under == contract]
    others = dict.fromkeys((t.under, t.holder) for t in terms if any(_overlap(t, each) for each in own))
    findings = [
        _seam("maintenance_overlap", lift, {"contract": under} if under else {"maintainer": holder})
        for under, holder in others
    ]  # fmt: skip
    covered: str | None = ""
    for term in sorted((t for t in terms if t.from_date != t.to_date), key=lambda term: term.from_date):
        if covered is None:
            break
        if covered and covered < term.from_date:
            days = {"from_date": covered, "to_date": term.from_date}
            findings.append(_seam("maintenance_gap", lift, ({"contract": contract} if contract else {}) | days))
        covered = None if term.to_date is None else max(covered, term.to_date)
    return findings


def _overlap(term: Term, own: Term) -> bool:
    """Say whether another's term runs on a day of one's own."""
    if term.under == own.under or (not term.under and term.holder == own.holder):
        return False
    begins_in_time = own.to_date is None or term.from_date < own.to_date
    return begins_in_time and (term.to_date is None or own.from_date < term.to_date)


def _seam(code: str, lift: str, facts: Mapping[str, str]) -> Finding:
    return {
        "code": code,
        "verdict": "manual_review",
        "rule": "ledger.maintenance_seams",
        "basis": "TSG T5002-2017: a lift in use has one maintainer at a time, without interruption",
        "facts": {"lift": lift, **facts},
    }
