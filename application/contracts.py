"""Beginning, changing and ending maintenance contracts; each lift notes its maintainer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from application.actions import Action, Writes
from application.relations import to_lift
from application.work import Work
from domain.aggregate import Because, Statement
from domain.contracts import (
    LIFTS_PER_SAVE_MAX,
    Contract,
    ContractBeginning,
    ContractChange,
    ContractEnding,
    seams,
)
from domain.errors import Conflict, Invalid
from domain.findings import Finding
from domain.histories import Term
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


def _put(lifts: Iterable[Lift], term: Term, because: Because) -> None:
    for lift in lifts:
        found = {
            "contract": term.under, "maintainer": term.holder, "from_date": term.from_date, "to_date": term.to_date,
        }  # fmt: skip
        lift.record(Lift.MaintainerChanged, because, found)


def _seams(lifts: Iterable[Lift], term: Term) -> list[Finding]:
    return [found for lift in lifts for found in seams(lift.id, lift.maintenance, term)]


def begin(work: Work, statement: Statement, _path: Path) -> None:
    """Begin a contract for up to 200 lifts; overlaps with other contracts and gaps are findings, not refusals."""
    said = statement.said
    lifts = _lifts(work, said["lifts"])
    party = work.author.party in {said["maintainer"], said.get("use_unit")}
    _allow(work, "contract.begin", lifts, said["from_date"], party=party)
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
    findings = _seams(lifts, term)
    because = contract.record(Contract.Begun, statement, {"findings": findings} if findings else None)
    _put(lifts, term, because)


def change(work: Work, statement: Statement, path: Path) -> None:
    """Let lifts join or leave a contract on a day, or change its terms; a new end reaches all its lifts."""
    said = statement.said
    contract = work.change(Contract, path["contract"])
    joining, leaving = said.get("joining", []), said.get("leaving", [])
    strangers = [name for name in leaving if name not in contract.lifts]
    members = [name for name in joining if name in contract.lifts]
    on, to_date = said["effective_on"], said.get("to_date", contract.to_date)
    staying = [] if to_date == contract.to_date else [n for n in contract.lifts if n not in leaving]
    lifts = {lift.id: lift for lift in _lifts(work, [*joining, *leaving, *staying])}
    party = work.author.party in {contract.maintainer, contract.use_unit, contract.holder}
    _allow(work, "contract.change", list(lifts.values()), on, party=party)
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
    joins = Term(contract.id, contract.maintainer, on, to_date)
    findings = _seams((lifts[name] for name in joining), joins)
    since = dict(contract.lifts)
    because = contract.record(Contract.Changed, statement, {"findings": findings} if findings else None)
    _put((lifts[name] for name in joining), joins, because)
    for name in leaving:
        _put([lifts[name]], Term(contract.id, contract.maintainer, since[name], max(on, since[name])), because)
    for name in staying:
        _put([lifts[name]], Term(contract.id, contract.maintainer, since[name], to_date), because)


def end(work: Work, statement: Statement, path: Path) -> None:
    """End a contract before its time for all its lifts; one of more than 200 lets some leave first."""
    ended_on = statement.said["ended_on"]
    contract = work.change(Contract, path["contract"])
    lifts = _lifts(work, contract.lifts)
    party = work.author.party in {contract.maintainer, contract.use_unit, contract.holder}
    _allow(work, "contract.end", lifts, ended_on, party=party)
    contract.require_running()
    if ended_on < contract.from_date or (contract.to_date is not None and ended_on > contract.to_date):
        raise Invalid("the contract does not run then", code="outside_contract", from_date=contract.from_date)
    because = contract.record(Contract.Ended, statement)
    for lift in lifts:
        since = contract.lifts[lift.id]
        _put([lift], Term(contract.id, contract.maintainer, since, max(since, ended_on)), because)


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
        "contract.end", "POST", "/contracts/{contract}/end", ContractEnding, end,
        (Writes("contract.Ended", "{contract}", "", "/ended_on"), _NOTED), "End a maintenance contract", "终止维保合同",
    ),
)  # fmt: skip
