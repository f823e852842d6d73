"""A book with an estate's maintenance fund, its houses, a plan, a vote and a proposed policy, for tests of payment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from application import applications, fund_payments, funds, payments, plans, subsidies
from application.ids import new_name
from application.work import Author
from domain.aggregate import Event
from domain.applications import Application
from domain.errors import DomainError
from domain.funds import Fund
from domain.houses import House
from domain.lifts import Lift
from domain.time import civil_date
from tests.support.book import Book
from tests.support.insuring import AREA, HOLDER, INSURER, OPERATOR, line, office, proposed
from tests.support.seeding import seed

HOUSING = Author(new_name("party"), "housing_bureau", areas=("370100",))
BANK = Author(new_name("party"), "bank")
COMMITTEE = Author(new_name("party"), "owners_committee")
FINANCE = Author(new_name("party"), "finance_bureau", areas=("370000",))
FUND, ESTATE, LIFT = new_name("fund"), new_name("estate"), new_name("lift")
BUILDING, OTHER_BUILDING = new_name("building"), new_name("building")
PREMIUM_FEN = 8_000


def funded(areas: Sequence[int] = (9_000, 9_000, 9_000), deposit_fen: int = 100_000, **opening: Any) -> Book:  # noqa: ANN401 - members of any type
    """Give the book: a fund whose houses have these areas and each paid in so much, and a lift past its warranty."""
    book = office()
    tables = (funds, plans, applications, fund_payments, payments, subsidies)
    book.actions = dict(book.actions) | {action.id: action for table in tables for action in table.ACTIONS}
    lift = {
        "id": LIFT, "variety": "3110", "area": f"{AREA}001", "status": "in_use", "identifiers": [],
        "premises_class": "residential", "estate": ESTATE, "warranty_until": "2020-01-01",
    }  # fmt: skip
    seed(book, Lift, LIFT, OPERATOR.party, Lift.Registered, lift, {"on": "2018-01-01"})
    book.act(
        HOUSING, "fund.open",
        {
            "id": FUND, "estate": ESTATE, "area": AREA, "kind": "commodity_housing", "area_basis": "building_area",
            "bank": BANK.party, "bureau": HOUSING.party, "committee": COMMITTEE.party, "manager": HOLDER.party,
            **opening,
        },
    )  # fmt: skip
    for area in areas:
        house(book, area, deposit_fen)
    return book


def house(book: Book, area: int = 9_000, deposit_fen: int = 100_000, **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Open a house of an owner of its own; returns its name."""
    name = new_name("house")
    said = {
        "id": name, "fund": FUND, "area_m2_hundredths": area, "building": BUILDING, "delivered": True,
        "owner_person": new_name("person"), "first_deposit_fen": deposit_fen,
    }  # fmt: skip
    said |= changes
    book.act(HOUSING, "house.open", {member: value for member, value in said.items() if value is not None})
    return name


def fund(book: Book) -> Fund:
    """Give the fund's state."""
    return book.state(Fund, FUND)


def planned(book: Book, **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Publish a plan on 1 February; returns its name."""
    name = new_name("plan")
    said = {"id": name, "lifts": [LIFT], "amount_fen": 1_000_000, "published_on": "2026-02-01"} | changes
    book.act(COMMITTEE, "plan.publish", said, fund=FUND)
    return name


def opened(book: Book, plan: str, on: str = "2026-02-10") -> str:
    """Open a vote; returns its name."""
    name = new_name("vote")
    book.act(COMMITTEE, "vote.open", {"id": name, "plan": plan, "opened_on": on}, fund=FUND)
    return name


def cast(book: Book, vote: str, house_name: str, choice: str = "agree", **more: Any) -> list[Event]:  # noqa: ANN401 - members of any type
    """Cast a house's ballot."""
    said = {"house": house_name, "choice": choice, **more}
    return book.act(COMMITTEE, "vote.cast", said, fund=FUND, vote=vote)


def close(book: Book, vote: str, on: str = "2026-02-20") -> Event:
    """Close a vote; returns what it came to."""
    return book.act(COMMITTEE, "vote.close", {"closed_on": on}, fund=FUND, vote=vote)[0]


def voted(book: Book, choice: str = "agree", **changes: Any) -> tuple[str, str]:  # noqa: ANN401 - members of any type
    """Publish a plan and let every house vote alike, result public on 21 February; returns plan and vote."""
    plan = planned(book, **changes)
    vote = opened(book, plan)
    for name in fund(book).houses:
        cast(book, vote, name, choice, on="2026-02-20")
    close(book, vote)
    book.act(COMMITTEE, "vote.publish", {"published_on": "2026-02-21"}, fund=FUND, vote=vote)
    return plan, vote


def quoted(book: Book, fund_fen: int = PREMIUM_FEN, source: str = "fund_principal", **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Have a policy of 80 yuan proposed, so much of it from the fund and the rest out of the property fee."""
    sources = [{"kind": source, "amount_fen": fund_fen}] if fund_fen else []
    if fund_fen < PREMIUM_FEN:
        sources.append({"kind": "property_fee", "amount_fen": PREMIUM_FEN - fund_fen})
    return proposed(book, line("", LIFT, PREMIUM_FEN), sources=sources, **changes)


def quoted_again(book: Book) -> str:
    """Have a second policy proposed for a later year, out of the fund as well."""
    later: dict[str, Any] = {"from_date": "2027-04-01", "to_date": "2028-04-01"}
    sources = [{"kind": "fund_principal", "amount_fen": PREMIUM_FEN}]
    return proposed(book, line("", LIFT, PREMIUM_FEN, **later), sources=sources, **later)


def filed(book: Book, policy: str, plan: str, vote: str | None, **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """File an application for the whole premium; returns its name."""
    name = new_name("application")
    said = {
        "id": name, "policy": policy, "plan": plan, "pays_from": "fund_principal", "amount_fen": PREMIUM_FEN,
    }  # fmt: skip
    said |= ({} if vote is None else {"vote": vote}) | changes
    book.act(HOLDER, "application.file", said, fund=FUND)
    return name


def on(book: Book, application: str) -> Application:
    """Give an application's state."""
    return book.state(Application, f"{FUND}/{application}")


def approve(book: Book, application: str, fund_share_fen: int = PREMIUM_FEN) -> list[Event]:
    """Let the bureau approve."""
    said = {"fund_share_fen": fund_share_fen}
    return book.act(HOUSING, "application.approve", said, fund=FUND, application=application)


def stage(book: Book, application: str, group: int = 1) -> list[Event]:
    """Stage a group of houses' shares."""
    return book.act(HOUSING, "application.stage_charges", {"group": group}, fund=FUND, application=application)


def ready(book: Book) -> tuple[str, str]:
    """Bring an application to where it can be paid; returns policy and application."""
    policy = quoted(book)
    application = filed(book, policy, *voted(book))
    approve(book, application)
    stage(book, application)
    return policy, application


def seen(
    book: Book, amount_fen: int = PREMIUM_FEN, direction: str = "out", by: Author = BANK, day: str | None = None
) -> str:
    """Note a line, by default of today and of the fund's account as its bank saw it; returns its name."""
    name = new_name("bankline")
    day = civil_date(book.now) if day is None else day
    said = {"id": name, "digest": "a" * 64, "amount_fen": amount_fen, "direction": direction, "on": day}
    book.act(by, "bankline.see", said)
    return name


def pay(book: Book, application: str, **changes: Any) -> list[Event]:  # noqa: ANN401 - members of any type
    """Order the payment of the whole premium to the insurer."""
    said = {"payment": new_name("payment"), "payee": INSURER.party, "amount_fen": PREMIUM_FEN} | changes
    return book.act(HOUSING, "application.pay", said, fund=FUND, application=application)


def paid(book: Book) -> tuple[str, str]:
    """Bring an application to its payment; returns policy and application."""
    policy, application = ready(book)
    pay(book, application, line=seen(book))
    return policy, application


def cancelled(book: Book, policy: str, refund_fen: int) -> None:
    """Issue a policy and cancel it from its first day on."""
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    said = {"effective_on": "2026-04-01", "refund_fen": refund_fen, "reason": "sold"}
    book.act(INSURER, "policy.cancel", said, policy=policy)


def balances(book: Book, posted: Sequence[str]) -> dict[str, int]:
    """Give each house's balance by its own book, when the fund has posted these."""
    return {name: book.state(House, name).balance_fen(posted) for name in fund(book).houses}


def refused(book: Book, application: str, **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Try to pay and give the code of the refusal; nothing is written."""
    before = len(book.log)
    with pytest.raises(DomainError) as refusal:
        pay(book, application, **changes)
    assert len(book.log) == before
    return refusal.value.code
