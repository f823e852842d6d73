"""Subsidies whose money came back with the payment it was paid with: neither paid any longer nor asked back again."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import Conflict
from domain.subsidies import Subsidy
from tests.support.book import Book
from tests.support.funding import BANK, FINANCE, funded, seen
from tests.support.insuring import INSURER
from tests.unit.test_payments import request, subsidised

GRANT = 3_000


def paid(book: Book, policy: str, subsidy: str, fen: int = GRANT, **more: Any) -> str:  # noqa: ANN401 - members of any type
    """Pay so much of a subsidy; returns the payment."""
    payment = request(book, policy, amount_fen=fen, source_kind="fiscal_subsidy", subsidy=subsidy, **more)
    book.act(BANK, "payment.confirm", {"line": seen(book, fen)}, payment=payment)
    return payment


def returned(book: Book, payment: str, fen: int) -> list[dict[str, Any]]:
    """Let so much of a payment come back; gives what its subsidy was told."""
    events = book.act(INSURER, "payment.return", {"line": seen(book, fen, "out", INSURER)}, payment=payment)
    told = [event for event in events if isinstance(event, Subsidy.Returned)]
    assert all("because" in event.found for event in told)
    return [{member: event.found[member] for member in ("payment", "amount_fen")} for event in told]


def asked(book: Book, subsidy: str, fen: int) -> str | None:
    """Ask so much of it back; gives the code of the refusal."""
    try:
        book.act(FINANCE, "subsidy.claw_back", {"amount_fen": fen, "reason": "voided"}, subsidy=subsidy)
    except Conflict as refusal:
        return refusal.code
    return None


def voided(book: Book, policy: str) -> None:
    """Let the quotation come to nothing: all that was paid is due back."""
    book.act(INSURER, "policy.void", {"reason": "withdrawn"}, policy=policy)


def amounts(book: Book, subsidy: str) -> tuple[int, int, int]:
    """Give what of it is paid, asked back and payable."""
    state = book.state(Subsidy, subsidy)
    return state.paid_fen, state.asked_fen, state.payable_fen


def test_what_came_back_is_not_asked_back() -> None:
    """In parts, in the save of each return; what is still out may be asked back, and the grant is free again."""
    book = funded()
    policy, subsidy = subsidised(book)
    payment = paid(book, policy, subsidy)
    voided(book, policy)
    assert returned(book, payment, 1_000) == [{"payment": payment, "amount_fen": 1_000}]
    assert amounts(book, subsidy) == (2_000, 0, 1_000)
    assert asked(book, subsidy, 2_001) == "above_paid"
    assert returned(book, payment, 2_000) == [{"payment": payment, "amount_fen": 2_000}]
    assert amounts(book, subsidy) == (0, 0, GRANT)
    assert asked(book, subsidy, 1) == "above_paid"


def test_what_came_back_settles_what_was_asked_back() -> None:
    """It is not granted anew, and the rest may be asked back still, once."""
    book = funded()
    policy, subsidy = subsidised(book)
    payment = paid(book, policy, subsidy)
    assert asked(book, subsidy, 1_200) is None
    voided(book, policy)
    returned(book, payment, 1_000)
    assert amounts(book, subsidy) == (2_000, 200, 0)
    assert asked(book, subsidy, 1_801) == "above_paid"
    returned(book, payment, 500)
    assert amounts(book, subsidy) == (1_500, 0, 300)
    assert asked(book, subsidy, 1_500) is None
    assert asked(book, subsidy, 1) == "above_paid"


def test_what_a_subsidy_did_not_cover_comes_back_first() -> None:
    """Of 1,500 the grant had 500 left: 1,000 were never paid of it, and their return tells it nothing."""
    book = funded()
    policy, subsidy = subsidised(book, 2_000)
    more = {"amount_fen": 1_500, "source_kind": "fiscal_subsidy", "subsidy": subsidy}
    first, second = (request(book, policy, **more) for _ in range(2))
    for payment in (first, second):
        book.act(BANK, "payment.confirm", {"line": seen(book, 1_500)}, payment=payment)
    assert returned(book, second, 1_000) == []
    assert amounts(book, subsidy) == (2_000, 0, 0)
    voided(book, policy)
    assert returned(book, second, 400) == [{"payment": second, "amount_fen": 400}]
    assert amounts(book, subsidy) == (1_600, 0, 400)


def test_one_line_for_several_payments_tells_each_subsidy() -> None:
    """The payer gets all of it back at once."""
    book = funded()
    policy, subsidy = subsidised(book)
    first, second = (paid(book, policy, subsidy, fen) for fen in (1_000, 2_000))
    voided(book, policy)
    told = returned(book, first, GRANT)
    assert told == [{"payment": first, "amount_fen": 1_000}, {"payment": second, "amount_fen": 2_000}]
    assert amounts(book, subsidy) == (0, 0, GRANT)


@pytest.mark.parametrize("kind", ["property_fee", "fiscal_subsidy"])
def test_a_payment_of_no_subsidy_tells_none(kind: str) -> None:
    """Nor does money of a subsidy that arrived when the policy took none any more."""
    book = funded()
    policy, subsidy = subsidised(book)
    more = {"subsidy": subsidy} if kind == "fiscal_subsidy" else {}
    payment = request(book, policy, amount_fen=GRANT, source_kind=kind, **more)
    voided(book, policy)
    book.act(BANK, "payment.confirm", {"line": seen(book, GRANT)}, payment=payment)
    assert returned(book, payment, GRANT) == []
    assert amounts(book, subsidy) == (0, 0, GRANT)


def test_what_came_above_the_request_is_none_of_the_subsidys() -> None:
    """3,200 arrived where 3,000 were asked for and granted: the 200 that go back tell it nothing, then 3,000 do."""
    book = funded()
    policy, subsidy = subsidised(book)
    payment = request(book, policy, amount_fen=GRANT, source_kind="fiscal_subsidy", subsidy=subsidy)
    book.act(BANK, "payment.confirm", {"line": seen(book, GRANT + 200)}, payment=payment)
    assert returned(book, payment, 200) == []
    assert amounts(book, subsidy) == (GRANT, 0, 0)
    voided(book, policy)
    assert returned(book, payment, GRANT) == [{"payment": payment, "amount_fen": GRANT}]
    assert amounts(book, subsidy) == (0, 0, GRANT)


def test_money_that_no_policy_took_comes_back_whole_though_more_came_than_was_asked_for() -> None:
    """The subsidy never paid it, and is told nothing."""
    book = funded()
    policy, subsidy = subsidised(book)
    payment = request(book, policy, amount_fen=GRANT, source_kind="fiscal_subsidy", subsidy=subsidy)
    voided(book, policy)
    book.act(BANK, "payment.confirm", {"line": seen(book, GRANT + 200)}, payment=payment)
    assert returned(book, payment, GRANT + 200) == []
    assert amounts(book, subsidy) == (0, 0, GRANT)
