"""The maintenance fund: a fund with what is reserved of it, and the statements of fund and house accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from annotated_types import Ge
from typing_extensions import TypedDict

from application.reading.asking import AREA, HISTORY, JUDGED_MAX, PAGES, TIMES, Answer, Asking, Question
from application.reading.filters import only
from application.reading.lists import page_of
from application.reading.ports import Cut, Found
from application.reading.rows import shown, stood
from application.reading.scope import covered_by, lies_in, to_fund, to_house
from application.reading.shapes import Cited, Page, Row
from domain.fund_shapes import FundSource
from domain.shapes import (
    ApplicationName,
    AreaCode,
    AreaHundredths,
    BankLineName,
    BuildingName,
    EstateName,
    Fen,
    FundName,
    HouseName,
    Instant,
    PartyName,
    PaymentName,
    PolicyName,
    SignedFen,
)

FUND = ("estate", "area", "kind", "bank", "bureau", "committee", "manager")
HOUSE = ("fund", "building", "area_m2_hundredths")
FILTERS = ("estate", "kind", "bank", "bureau", "committee", "manager")
ENTRY = (
    "position", "kind", "amount_fen", "counted", "balance_fen", "application", "payment", "line", "effective_at",
    "recorded_at", "party", "type",
)  # fmt: skip


class FundHead(TypedDict):
    """What a fund is; all null of one that nothing was known of then, or that was not opened yet."""

    estate: EstateName | None
    area: AreaCode | None
    kind: Literal["commodity_housing", "public_housing"] | None
    bank: PartyName | None
    bureau: PartyName | None
    committee: PartyName | None
    manager: PartyName | None


class HouseHead(TypedDict):
    """What a house's account is of; all null where nothing was known of it then, or it was not opened yet."""

    fund: FundName | None
    building: BuildingName | None
    area_m2_hundredths: AreaHundredths | None


class Reservation(TypedDict):
    """Money set aside for an approved application until an instant; it still stands in the balance."""

    application: ApplicationName
    policy: PolicyName
    source: FundSource
    amount_fen: Fen
    expires: Instant


class FundAnswer(Cited, FundHead):
    """A fund with its balance and what of it is reserved."""

    effective_at: Instant
    fund: FundName
    balance_fen: SignedFen
    reserved_fen: Fen
    reservations: list[Reservation]


class ListedFund(FundHead, Row):
    """A fund in a list, with its balance and how much of it is reserved."""

    fund: FundName
    balance_fen: SignedFen
    reserved_fen: Fen


class FundList(Page):
    """A page of funds, of 200 at the most."""

    effective_at: Instant
    funds: list[ListedFund]


class Entry(TypedDict):
    """An entry of an account; the amount is signed, and counts once what it waits for is posted (`counted`).

    `balance_fen` is the sum of what counts up to and with this entry. A house's share is dated by when it was noted,
    not by when the fund paid: that is the day of the fund's own entry of the same application.
    """

    position: Annotated[int, Ge(1)]
    kind: Literal[
        "first_deposit", "deposit", "income", "premium", "return_due", "returned", "refund", "charge", "share_owed",
    ]  # fmt: skip
    amount_fen: SignedFen
    counted: bool
    balance_fen: SignedFen
    application: ApplicationName | None
    payment: PaymentName | None
    line: BankLineName | None
    effective_at: Instant
    recorded_at: Instant
    party: PartyName
    type: str


class Statement(Page):
    """A page of an account's statement; `limited` says that the reader sees only the time that was his."""

    limited: bool
    entries: list[Entry]


class FundStatement(Statement, FundHead):
    """A page of a fund's statement (维修资金对账单)."""

    account: FundName


class HouseStatement(Statement, HouseHead):
    """A page of a house's statement (分户账对账单)."""

    account: HouseName


def one(asking: Asking) -> Answer:
    """Answer GET /funds/{fund}: what it is, what is reserved, and its balance; to a past reader as in his time.

    A reservation is none from the instant on at which it expires, also before the ledger has written that it did.
    """
    fund = asking.path["fund"]
    cut = to_fund(asking, fund).cut(asking, "fund.read")
    position, effective, views = asking.known.position, asking.effective, asking.reads.views
    if cut is not None and not lies_in(effective, cut.periods):
        raise asking.refused("fund.read")
    held = reservations(asking, [fund])
    balance = views.balances_fen([fund], position, effective)[fund]
    reserved = sum(row["amount_fen"] for row in held)
    return asking.cited(
        effective_at=effective, fund=fund, **_head(asking, "funds", fund, FUND, effective), balance_fen=balance,
        reserved_fen=reserved,
        reservations=[
            {"application": row["item"], **shown(row, ("policy", "source", "amount_fen", "expires"))} for row in held
        ],
    )  # fmt: skip


def reservations(asking: Asking, funds: Sequence[str]) -> list[Found]:
    """Give what is reserved of some funds at the instant that the question is of."""
    rows = asking.reads.views.find(
        "reservations", asking.known.position, effective=asking.effective, where={"key": funds, "state": "open"}
    )
    return [row for row in rows if asking.effective < row["expires"]]


def listed(asking: Asking) -> Answer:
    """Answer GET /funds: those that the reader keeps, manages, represents or supervises, as they stood then."""
    page, following = page_of(
        asking, "funds", "fund.read", FILTERS, effective=asking.effective, limit=JUDGED_MAX
    )  # fmt: skip
    names = [row["key"] for row in page]
    balances = asking.reads.views.balances_fen(names, asking.known.position, asking.effective)
    reserved = dict.fromkeys(names, 0)
    for held in reservations(asking, names):
        reserved[held["fund"]] += held["amount_fen"]
    told = [
        {"fund": name, **stood(row, FUND), "balance_fen": balances[name], "reserved_fen": reserved[name]}
        for name, row in zip(names, page, strict=True)
    ]
    return asking.cited(effective_at=asking.effective, funds=told, next=following)


def fund_statement(asking: Asking) -> Answer:
    """Answer GET /funds/{fund}/statement: its entries; to a past bank, manager or committee those of its time."""
    fund = asking.path["fund"]
    return _statement(asking, "funds", fund, FUND, to_fund(asking, fund).cut(asking, "fund.read"))


def house_statement(asking: Asking) -> Answer:
    """Answer GET /houses/{house}/statement: what its owners paid in, were charged and got back, each in his time."""
    house = asking.path["house"]
    return _statement(asking, "houses", house, HOUSE, to_house(asking, house).cut(asking, "house.read"))


def _head(asking: Asking, view: str, key: str, names: tuple[str, ...], effective: str | None) -> Answer:
    """Give what an account is: as effective then, or if no time is asked, the last that is known of it."""
    rows = asking.reads.views.find(view, asking.known.position, where={"key": key})
    then = [row for row in rows if effective is None or covered_by(row, effective)]
    return shown(then[-1], names) if then else dict.fromkeys(names)


def _statement(asking: Asking, view: str, account: str, names: tuple[str, ...], cut: Cut | None) -> Answer:
    after, effective = asking.cursor(int, int), asking.effective_given
    rows = asking.reads.views.statement(
        account, asking.known.position, effective=effective, after=None if after is None else (after[0], after[1]),
        limit=asking.limit + 1, cut=cut,
    )  # fmt: skip
    page, following = asking.paged(rows, lambda row: [row["position"], row["number"]])
    # Whoever has to do with it no longer is not told who has.
    of = effective if cut is None else cut.periods[-1][0]
    return asking.cited(
        account=account, **_head(asking, view, account, names, of), limited=cut is not None,
        entries=[shown(row, ENTRY) for row in page], next=following,
    )  # fmt: skip


QUESTIONS = (
    Question(
        "fund.list", "/funds", listed, FundList, (*only(FundHead, *FILTERS), AREA, *TIMES, *PAGES),
        "Maintenance funds one has to do with", "维修资金账户清单",
    ),
    Question("fund.read", "/funds/{fund}", one, FundAnswer, TIMES, "A fund and what is reserved of it", "维修资金账户"),
    Question(
        "fund.statement", "/funds/{fund}/statement", fund_statement, FundStatement, (*HISTORY, *PAGES),
        "A fund's statement", "维修资金对账单",
    ),
    Question(
        "house.statement", "/houses/{house}/statement", house_statement, HouseStatement, (*HISTORY, *PAGES),
        "A house's statement", "分户账对账单",
    ),
)  # fmt: skip
