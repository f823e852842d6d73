"""What a bank's line proves: money out of the fund, into the insurer's account, back again; nothing the other way."""

from __future__ import annotations

from typing import Any

import pytest

from application.ids import new_name
from application.work import Author
from domain.aggregate import Event
from domain.errors import Conflict
from tests.support.funding import (
    BANK,
    FUND,
    HOUSING,
    PREMIUM_FEN,
    cancelled,
    fund,
    funded,
    on,
    paid,
    pay,
    quoted,
    ready,
    seen,
)
from tests.support.insuring import HOLDER, INSURER

OTHER_BANK = Author(new_name("party"), "bank")


@pytest.mark.parametrize(
    "line, code",
    [
        ({"direction": "in"}, "line_direction"),
        ({"direction": "out", "by": INSURER}, "line_direction"),
        ({"direction": "out", "by": OTHER_BANK}, "line_of_other_account"),
    ],
)
def test_money_of_the_fund_leaves_by_a_line_that_shows_it(line: dict[str, Any], code: str) -> None:
    """Out of the fund's account as its bank saw it, or into the insurer's as that saw it; nothing else proves it."""
    book = funded()
    _, application = ready(book)
    with pytest.raises(Conflict) as refusal:
        pay(book, application, line=seen(book, **line))
    assert refusal.value.code == code
    pay(book, application)
    payment = on(book, application).payment or ""
    with pytest.raises(Conflict) as refusal:
        book.act(BANK, "payment.confirm", {"line": seen(book, **line)}, payment=payment)
    assert refusal.value.code == code
    arrived = seen(book, direction="in", by=INSURER)
    book.act(INSURER, "payment.confirm", {"line": arrived}, payment=payment)
    assert on(book, application).state == "paid"


@pytest.mark.parametrize(
    "line, code",
    [
        ({"direction": "out"}, "line_direction"),
        ({"direction": "in", "by": OTHER_BANK}, "line_of_other_account"),
        ({"direction": "out", "by": INSURER}, "line_of_other_account"),
    ],
)
def test_money_comes_back_by_a_line_of_the_funds_own_account(line: dict[str, Any], code: str) -> None:
    """A refund and a return are posted when the fund's bank saw the money come in, not when somebody sent it."""
    book = funded()
    _, application = ready(book)
    pay(book, application)
    payment = on(book, application).payment or ""
    book.act(HOUSING, "application.void", {"reason": "withdrawn"}, fund=FUND, application=application)
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    with pytest.raises(Conflict) as refusal:
        book.act(BANK, "payment.return", {"line": seen(book, **line)}, payment=payment)
    assert refusal.value.code == code
    book = funded()
    _, application = paid(book)
    balance_fen = fund(book).balance_fen
    said = {"payment": new_name("payment"), "amount_fen": 1_000, "line": seen(book, 1_000, **line)}
    with pytest.raises(Conflict) as refusal:
        book.act(BANK, "application.refund", said, fund=FUND, application=application)
    assert refusal.value.code == code
    assert fund(book).balance_fen == balance_fen


def test_a_refund_that_nobody_declared_due_is_taken_and_told() -> None:
    """The money is there; what is above what was due is for a person to look at (MF12)."""
    book = funded()
    policy, application = paid(book)
    cancelled(book, policy, 1_000)
    claim = {"amount_fen": 1_000, "reason": "cancelled"}
    book.act(INSURER, "application.claim_refund", claim, fund=FUND, application=application)
    received: list[Event] = []
    for amount_fen in (1_000, 7_000):
        line = seen(book, amount_fen, "in")
        said = {"payment": new_name("payment"), "amount_fen": amount_fen, "line": line}
        received.append(book.act(BANK, "application.refund", said, fund=FUND, application=application)[0])
    assert "findings" not in received[0].found
    (found,) = received[1].found["findings"]
    assert (found["code"], found["verdict"], found["rule"]) == ("refund_not_due", "manual_review", "fund.checks")
    assert found["facts"] == {"check": "MF12", "over_fen": 7_000}
    assert received[1].found["pack"]["name"] == "shandong@1"


def test_the_insurers_own_line_shows_the_money_come_in() -> None:
    """Its account's view: what left it is no premium received, what came in is none given back."""
    book = funded()
    policy = quoted(book, 0)
    first, second = new_name("payment"), new_name("payment")
    for payment in (first, second):
        said = {"id": payment, "policy": policy, "payee": INSURER.party, "amount_fen": PREMIUM_FEN}
        book.act(HOLDER, "payment.request", {**said, "source_kind": "property_fee"})
    with pytest.raises(Conflict) as refusal:
        book.act(INSURER, "payment.confirm", {"line": seen(book, by=INSURER)}, payment=first)
    assert refusal.value.code == "line_direction"
    for payment in (first, second):
        book.act(INSURER, "payment.confirm", {"line": seen(book, direction="in", by=INSURER)}, payment=payment)
    with pytest.raises(Conflict) as refusal:
        book.act(INSURER, "payment.return", {"line": seen(book, direction="in", by=INSURER)}, payment=second)
    assert refusal.value.code == "line_direction"
    book.act(INSURER, "payment.return", {"line": seen(book, by=INSURER)}, payment=second)
