"""Opening maintenance funds and their houses, and money that comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from application.actions import Action, Writes
from application.relations import supervises
from application.work import Work
from domain.aggregate import Because, Event, Statement
from domain.errors import Conflict
from domain.fund_shapes import FundChange, FundIncome, FundOpening
from domain.funds import HOUSES_MAX, Fund
from domain.houses import House, HouseDeposit, HouseOpening, HouseTransfer, head_tag
from domain.time import require_not_later

Path = Mapping[str, str]

OPENINGS_PER_SAVE = 80
"""Each line may, at the worst, come with two events of a fund of its own; 240 in all."""
DEPOSITS_PER_SAVE = 120


def relations(work: Work, fund: Fund) -> dict[str, bool]:
    """Tell what the author is to a fund: its bureau, bank, committee, manager."""
    party = work.author.party
    return {
        "bureau": fund.bureau == party, "bank": fund.bank == party, "committee": fund.committee == party,
        "manager": fund.manager == party,
    }  # fmt: skip


def caused_by(event: Event) -> Because:
    """Give the reference with which a derived event names an event of this save as its cause."""
    return Because(event.originator_id, event.originator_version, event.effective_at)


def open_fund(work: Work, statement: Statement, _path: Path) -> None:
    """Open an estate's fund account."""
    said, party = statement.said, work.author.party
    bureau = said["bureau"] == party and supervises(work, said["area"])
    work.allow("fund.open", bureau=bureau, committee=said.get("committee") == party)
    fund = work.new(Fund, said["id"])
    work.source(said, "fund", fund.id)
    fund.record(Fund.Opened, statement)


def change(work: Work, statement: Statement, path: Path) -> None:
    """Change who keeps, manages or represents the fund."""
    fund = work.change(Fund, path["fund"])
    work.allow("fund.change", **relations(work, fund))
    fund.record(Fund.Changed, statement)


def add_income(work: Work, statement: Statement, path: Path) -> None:
    """Post interest or other income of the fund as a whole."""
    fund = work.change(Fund, path["fund"])
    work.allow("fund.add_income", **relations(work, fund))
    fund.add_income(statement)


def open_house(work: Work, statement: Statement, _path: Path) -> None:
    """Open a house's sub-account; the fund takes it over once a save."""
    said = statement.said
    fund = work.read(Fund, said["fund"])
    work.allow("house.open", **relations(work, fund))
    if len(fund.houses) >= HOUSES_MAX:
        raise Conflict("the fund has as many houses as it can", code="too_many", maximum=HOUSES_MAX)
    house = work.new(House, said["id"])
    work.source(said, "house", house.id)
    house.record(House.Opened, statement, {"head": head_tag(fund.id, said)})


def join_houses(work: Work) -> None:
    """Let each fund take over the houses opened in this save, with their first deposits."""
    opened: dict[str, list[Event]] = {}
    for event in events_of(work, House.Opened):
        opened.setdefault(words(event)["fund"], []).append(event)
    for name, events in opened.items():
        fund, rows = work.change(Fund, name), [(event.originator_id, words(event), event) for event in events]
        cause = fund.record(
            Fund.HousesJoined, caused_by(events[-1]),
            {
                "houses": [
                    {
                        "house": house, "area_m2_hundredths": said["area_m2_hundredths"],
                        "building": said.get("building"), "head": event.found["head"], "delivered": said["delivered"],
                    }
                    for house, said, event in rows
                ]
            },
        )  # fmt: skip
        first = [(house, said.get("first_deposit_fen", 0)) for house, said, _ in rows]
        if deposits := [{"house": house, "amount_fen": fen} for house, fen in first if fen]:
            fund.credit(cause, deposits)


def transfer(work: Work, statement: Statement, path: Path) -> None:
    """Note a house's new owner; ballots, charges and balance stay with the house."""
    house = work.change(House, path["house"])
    fund = work.change(Fund, house.fund)
    work.allow("house.transfer", **relations(work, fund))
    head = head_tag(fund.id, statement.said)
    cause = house.record(House.Transferred, statement, {"head": head})
    delivered = statement.said["delivered"]
    fund.record(Fund.HouseTransferred, cause, {"house": house.id, "head": head, "delivered": delivered})


def deposit(work: Work, statement: Statement, _path: Path) -> None:
    """Note money paid in for a house; the fund posts it once a save. What is yet to come in is refused."""
    house = work.change(House, statement.said["house"])
    fund = work.read(Fund, house.fund)
    work.allow("house.deposit", **relations(work, fund))
    require_not_later(statement.said.get("on", work.today), work.today)
    work.source(statement.said, "house_deposit", house.id)
    house.record(House.Deposited, statement, {"fund": fund.id})


def post_deposits(work: Work) -> None:
    """Let each fund post the deposits of this save, those of one day of value as one entry."""
    paid_in: dict[tuple[str, str | None], list[Event]] = {}
    for event in events_of(work, House.Deposited):
        paid_in.setdefault((event.found["fund"], event.effective_at), []).append(event)
    for (name, _), events in paid_in.items():
        rows = [{"house": event.originator_id, "amount_fen": words(event)["amount_fen"]} for event in events]
        work.change(Fund, name).credit(caused_by(events[-1]), rows)


def events_of(work: Work, kind: type[Event]) -> Iterable[Event]:
    """Give the events of one kind that this save has so far."""
    return [event for event in work.journal.events if isinstance(event, kind)]


def words(event: Event) -> Mapping[str, Any]:
    """Give what the author of an event said."""
    return event.said or {}


def prefetch_houses(work: Work, lines: Sequence[Mapping[str, Any]]) -> None:
    """Load the houses that lines name."""
    work.prefetch({line["house"]: House for line in lines if isinstance(line.get("house"), str)})


_POSTED = Writes("fund.Posted", "fund:", derived=True)

ACTIONS = (
    Action(
        "fund.open", "POST", "/funds", FundOpening, open_fund, (Writes("fund.Opened", "{id}"),),
        "Open an estate's maintenance fund", "设立小区维修资金账户",
    ),
    Action(
        "fund.change", "POST", "/funds/{fund}/change", FundChange, change, (Writes("fund.Changed", "{fund}"),),
        "Change the fund's bank, committee or manager", "变更维修资金开户行、业委会或管理单位",
    ),
    Action(
        "fund.add_income", "POST", "/funds/{fund}/income", FundIncome, add_income, (Writes("fund.Posted", "{fund}"),),
        "Post income of the fund as a whole", "登记维修资金增值收益",
    ),
    Action(
        "house.open", "POST", "/houses", HouseOpening, open_house,
        (
            Writes("house.Opened", "{id}"),
            Writes("fund.HousesJoined", "fund:", derived=True),
            _POSTED,
        ),
        "Open a house's sub-account", "设立房屋分户账",
        group_lines=OPENINGS_PER_SAVE, finish=join_houses,
    ),
    Action(
        "house.transfer", "POST", "/houses/{house}/transfer", HouseTransfer, transfer,
        (
            Writes("house.Transferred", "{house}", "", "/on"),
            Writes("fund.HouseTransferred", "fund:", derived=True),
        ),
        "Note a house's new owner", "房屋分户账过户",
    ),
    Action(
        "house.deposit", "POST", "/houses/deposits", HouseDeposit, deposit,
        (Writes("house.Deposited", "{house}", "", "/on"), _POSTED),
        "Pay in for a house", "交存维修资金",
        group_lines=DEPOSITS_PER_SAVE, prefetch=prefetch_houses, appends=True, finish=post_deposits,
    ),
)  # fmt: skip
