"""Beginning, changing and ending maintenance contracts; each lift notes its maintainer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from application.actions import Action, Writes
from application.relations import to_lift
from application.work import Work
from domain.aggregate import Because, Event, Statement
from domain.contracts import (
    LIFTS_PER_SAVE_MAX,
    Contract,
    ContractBeginning,
    ContractChange,
    ContractConfirmation,
    ContractEnding,
    Stay,
    new_seams,
)
from domain.errors import Conflict, Invalid
from domain.findings import Finding
from domain.histories import Term, superseded, with_term
from domain.lifts import Lift
from domain.parties import Party
from domain.time import Period

Path = Mapping[str, str]

RELATIONS = ("holder", "manages", "maintains", "supervises")


def _lifts(work: Work, names: Iterable[str]) -> list[Lift]:
    """Load lifts at once to record on; raises Invalid `lift_repeated`, Conflict `too_many_lifts`."""
    wanted = list(names)
    if len(set(wanted)) < len(wanted):
        raise Invalid("a lift is named twice", code="lift_repeated")
    if len(wanted) > LIFTS_PER_SAVE_MAX:
        raise Conflict(
            "this touches too many lifts for one save: let some leave first",
            code="too_many_lifts", lifts=len(wanted), maximum=LIFTS_PER_SAVE_MAX,
        )  # fmt: skip
    work.prefetch(dict.fromkeys(wanted, Lift))
    return [work.change(Lift, name) for name in wanted]


def _allow(work: Work, action: str, lifts: Sequence[Lift], on: str, *, party: bool) -> None:
    """Allow it to a party of the contract (`self`), or to whoever has one relation to all the lifts, then and today."""
    each = [to_lift(work, lift, on, max(on, work.today)) for lift in lifts]
    work.allow(action, self=party, **{r: bool(each) and all(held[r] for held in each) for r in RELATIONS})


def _answers_from(work: Work, lift: Lift, term: Term, on: str) -> str | None:
    """Give the day of a term from which the author answers for the lift, when he speaks of a day; None: he does not.

    These are its use unit, whoever registered or supervises it, and whoever is stated to maintain it: anybody may write
    a contract of his own, and his word alone turns nobody out and gives no right to a lift.
    """
    since = max(on, term.from_date)
    held = to_lift(work, lift, on, max(on, work.today))
    if held["manages"] or held["holder"] or held["supervises"]:
        return since
    own = (term.holder, "", None) if term.holder == work.author.party else None
    stated = [each.from_date for each in lift.maintenance if (each.holder, each.under, each.to_date) == own]
    return max(since, stated[0]) if stated else None


@dataclass(frozen=True, slots=True)
class Put:
    """A term that a lift gets under a contract, and what follows from it.

    These are the days of what was stated that ends by it, the findings it brings, and the day from which whoever says
    it answers for the lift.
    """

    lift: Lift
    term: Term
    confirmed_from: str | None
    ends_stated: Sequence[str]
    findings: list[Finding]

    @classmethod
    def of(cls, lift: Lift, term: Term, confirmed_from: str | None = None, ends_stated: Sequence[str] = ()) -> Put:
        """Hold a term against the lift's others."""
        after = with_term(lift.maintenance, term, ends_stated=ends_stated)
        return cls(lift, term, confirmed_from, ends_stated, new_seams(lift.id, lift.maintenance, after, term.under))

    @classmethod
    def said(cls, work: Work, lift: Lift, term: Term, on: str) -> Put:
        """Hold a term that somebody says from a day on.

        From its first day on it takes the place of what was stated of the lift, if whoever answers for that says so.
        By the word of another both run, and are found to overlap.
        """
        since = _answers_from(work, lift, term, on)
        ends = superseded(lift.maintenance, term) if since is not None and on <= term.from_date else ()
        return cls.of(lift, term, since, ends)

    @classmethod
    def moved(cls, work: Work, lift: Lift, term: Term, on: str) -> Put:
        """Hold a term that ends on another day, as somebody says from a day on."""
        return cls.of(lift, term, _answers_from(work, lift, term, on))

    def record(self, because: Because) -> None:
        """Record it on the lift, where its findings are seen by all whom they concern: the contract is its parties'."""
        term = self.term
        found: dict[str, Any] = {
            "contract": term.under, "maintainer": term.holder, "from_date": term.from_date, "to_date": term.to_date,
            "ends_stated": list(self.ends_stated), "confirmed_from": self.confirmed_from,
        }  # fmt: skip
        if self.findings:
            found["findings"] = self.findings
        self.lift.record(Lift.MaintainerChanged, because, found)


def _record(contract: Contract, event: type[Event], statement: Statement, puts: Iterable[Put]) -> None:
    """Record what was said of a contract, and on each lift what follows, one put after another."""
    because = contract.record(event, statement)
    for put in puts:
        put.record(because)


def _besides(named: Collection[str], stays: Iterable[Stay]) -> list[str]:
    """Give the lifts of some stays that are not named already."""
    return [name for name in dict.fromkeys(stay.lift for stay in stays) if name not in named]


def _end(stay: Stay, to_date: str | None) -> str:
    """Give the day on which a stay ends: none outlasts its contract."""
    return stay.left_on if to_date is None else min(stay.left_on, to_date)


def begin(work: Work, statement: Statement, _path: Path) -> None:
    """Begin a contract for up to 200 lifts; overlaps with other contracts and gaps are findings, not refusals."""
    said = statement.said
    lifts = _lifts(work, said["lifts"])
    # Whoever maintains binds himself; to be named the use unit in it is no relation to the lifts.
    _allow(work, "contract.begin", lifts, said["from_date"], party=work.author.party == said["maintainer"])
    work.read(Party, said["maintainer"])
    if "use_unit" in said:
        work.read(Party, said["use_unit"])
    if "to_date" in said:
        Period(said["from_date"], said["to_date"])
    for lift in lifts:
        lift.require_open()
    contract = work.new(Contract, said["id"])
    work.source(said, "contract", contract.id)
    term = Term(contract.id, said["maintainer"], said["from_date"], said.get("to_date"))
    _record(contract, Contract.Begun, statement, [Put.said(work, lift, term, term.from_date) for lift in lifts])


def change(work: Work, statement: Statement, path: Path) -> None:
    """Let lifts join or leave a contract on a day, or change its terms; a new end reaches all its lifts."""
    said = statement.said
    contract = work.change(Contract, path["contract"])
    joining, leaving = said.get("joining", []), said.get("leaving", [])
    strangers = [name for name in leaving if name not in contract.lifts]
    members = [name for name in joining if name in contract.lifts]
    on, to_date = said["effective_on"], said.get("to_date", contract.to_date)
    staying = [] if to_date == contract.to_date else [n for n in contract.lifts if n not in leaving]
    stays = [stay for stay in contract.left if _end(stay, contract.to_date) != _end(stay, to_date)]
    named = [*joining, *leaving, *staying]
    lifts = {lift.id: lift for lift in _lifts(work, [*named, *_besides(named, stays)])}
    party = work.author.party in {contract.maintainer, contract.use_unit, contract.holder}
    _allow(work, "contract.change", list(lifts.values()), on, party=party)
    if joining:
        maintains = work.author.party == contract.maintainer
        _allow(work, "contract.begin", [lifts[name] for name in joining], on, party=maintains)
    contract.require_running()
    if strangers or members:
        raise Conflict("a lift joins that is in it, or leaves that is not", code="lifts_of_contract")
    if to_date is not None:
        Period(max(contract.from_date, on) if joining else contract.from_date, to_date)
    if on < contract.from_date:
        raise Invalid("the contract has not begun then", code="before_contract", from_date=contract.from_date)
    if leaving and to_date is not None and on > to_date:
        raise Invalid("the contract does not run then", code="outside_contract", to_date=to_date)
    for name in joining:
        lifts[name].require_open()

    def term(since: str, until: str | None) -> Term:
        return Term(contract.id, contract.maintainer, since, until)

    since = contract.lifts
    _record(contract, Contract.Changed, statement, chain(
        (Put.moved(work, lifts[s.lift], term(s.since, max(_end(s, to_date), s.since)), on) for s in stays),
        (Put.said(work, lifts[name], term(on, to_date), on) for name in joining),
        (Put.of(lifts[name], term(since[name], max(on, since[name]))) for name in leaving),
        (Put.moved(work, lifts[name], term(since[name], to_date), on) for name in staying),
    ))  # fmt: skip


def confirm(work: Work, statement: Statement, path: Path) -> None:
    """Let whoever answers for lifts in a contract say so too, from a day on: its maintainer has rights from then on.

    Said of a lift's first day in it, it takes the place of what was stated of the lift, as if he had begun it.
    """
    said = statement.said
    on, contract = said["effective_on"], work.change(Contract, path["contract"])
    lifts = _lifts(work, said["lifts"])
    _allow(work, "contract.confirm", lifts, on, party=False)
    strangers = [lift.id for lift in lifts if lift.id not in contract.lifts]
    if strangers:
        raise Conflict("the lift is not in the contract", code="lift_not_in_contract", lift=strangers[0])
    if on < contract.from_date:
        raise Invalid("the contract has not begun then", code="before_contract", from_date=contract.from_date)
    if contract.to_date is not None and on >= contract.to_date:
        raise Invalid("the contract does not run then", code="outside_contract", to_date=contract.to_date)

    def term(lift: Lift) -> Term:
        return Term(contract.id, contract.maintainer, contract.lifts[lift.id], contract.to_date)

    _record(contract, Contract.Confirmed, statement, [Put.said(work, lift, term(lift), on) for lift in lifts])


def end(work: Work, statement: Statement, path: Path) -> None:
    """End a contract before its time for all its lifts; one of more than 200 lets some leave first."""
    ended_on = statement.said["ended_on"]
    contract = work.change(Contract, path["contract"])
    stays = contract.outlasting(ended_on)
    lifts = {lift.id: lift for lift in _lifts(work, [*contract.lifts, *_besides(contract.lifts, stays)])}
    party = work.author.party in {contract.maintainer, contract.use_unit, contract.holder}
    _allow(work, "contract.end", list(lifts.values()), ended_on, party=party)
    contract.require_running()
    if ended_on < contract.from_date or (contract.to_date is not None and ended_on > contract.to_date):
        raise Invalid("the contract does not run then", code="outside_contract", from_date=contract.from_date)
    terms = [*contract.lifts.items(), *((stay.lift, stay.since) for stay in stays)]
    _record(contract, Contract.Ended, statement, (
        Put.of(lifts[name], Term(contract.id, contract.maintainer, since, max(since, ended_on)))
        for name, since in terms
    ))  # fmt: skip


_NOTED = Writes("lift.MaintainerChanged", "lift:", derived=True)

ACTIONS = (
    Action(
        "contract.begin", "POST", "/contracts", ContractBeginning, begin,
        (Writes("contract.Begun", "{id}", "", "/from_date"), _NOTED), "Begin a maintenance contract", "登记维保合同",
    ),
    Action(
        "contract.change", "POST", "/contracts/{contract}/change", ContractChange, change,
        (Writes("contract.Changed", "{contract}", "", "/effective_on"), _NOTED),
        "Change a maintenance contract", "变更维保合同",
    ),
    Action(
        "contract.confirm", "POST", "/contracts/{contract}/confirm", ContractConfirmation, confirm,
        (Writes("contract.Confirmed", "{contract}", "", "/effective_on"), _NOTED),
        "Confirm a maintenance contract for lifts one answers for", "确认维保合同",
    ),
    Action(
        "contract.end", "POST", "/contracts/{contract}/end", ContractEnding, end,
        (Writes("contract.Ended", "{contract}", "", "/ended_on"), _NOTED), "End a maintenance contract", "终止维保合同",
    ),
)  # fmt: skip
