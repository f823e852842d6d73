"""Payments of premium from other sources than the fund, and the bank's lines; subsidies."""

from __future__ import annotations

from typing import Any

import pytest

from application.ids import new_name
from domain.aggregate import Event
from domain.errors import Conflict, Forbidden, Invalid
from domain.payments import Payment
from domain.policies import Policy
from domain.policy_shapes import FUND_SOURCES
from domain.subsidies import Subsidy
from tests.support.book import Book
from tests.support.funding import BANK, FINANCE, LIFT, PREMIUM_FEN, funded, quoted, seen
from tests.support.insuring import AREA, HOLDER, INSURER, RIVAL, line, proposed


def request(book: Book, policy: str, **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Ask for the whole premium out of the property fee; returns the payment's name."""
    name = new_name("payment")
    said = {
        "id": name, "policy": policy, "payee": INSURER.party, "amount_fen": PREMIUM_FEN, "source_kind": "property_fee",
    }  # fmt: skip
    book.act(HOLDER, "payment.request", said | changes)
    return name


def test_a_confirmed_payment_is_premium_received_in_the_same_save() -> None:
    """Requested, instructed, confirmed by a line, matched."""
    book = funded()
    policy = quoted(book, 0)
    payment = request(book, policy)
    book.act(HOLDER, "payment.instruct", {"reference": "r1"}, payment=payment)
    events = book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    assert [event.TOPIC for event in events] == [
        "payment.Confirmed", "bankline.Used", "payment.Matched", "policy.PremiumReceived",
    ]  # fmt: skip
    assert events[-1].found["payment"] == payment
    assert book.state(Policy, policy).paid
    state = book.state(Payment, payment)
    assert (state.state, state.matched, state.payer) == ("confirmed", True, HOLDER.party)


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"payee": RIVAL.party}, "payee_not_insurer"),
        ({"amount_fen": PREMIUM_FEN + 1}, "above_due"),
        ({"source_kind": "common_income"}, "above_due"),
        ({"source_kind": "fund_principal"}, "application_needed"),
    ],
)
def test_requests_that_cannot_be_premium_are_refused(changes: dict[str, Any], code: str) -> None:
    """Another payee, more than the source owes, the fund without an application."""
    book = funded()
    with pytest.raises(Conflict) as refusal:
        request(book, quoted(book, 0), **changes)
    assert refusal.value.code == code


def test_an_insurer_that_asks_for_its_premium_names_the_payer() -> None:
    """It does not pay itself: left out, the payer would be the author, and the policy be paid by nobody (PB01)."""
    book = funded()
    policy = quoted(book, 0)
    name = new_name("payment")
    said = {"id": name, "policy": policy, "payee": INSURER.party, "amount_fen": PREMIUM_FEN}
    for payer in ({}, {"payer": INSURER.party}):
        with pytest.raises(Invalid) as refusal:
            book.act(INSURER, "payment.request", said | payer | {"source_kind": "property_fee"})
        assert refusal.value.code == "payer_is_payee"
    book.act(INSURER, "payment.request", said | {"payer": HOLDER.party, "source_kind": "property_fee"})
    assert book.state(Payment, name).payer == HOLDER.party


@pytest.mark.parametrize("source", sorted(FUND_SOURCES))
def test_the_fund_pays_by_an_application_whatever_its_pocket(source: str) -> None:
    """No money of the owners leaves by a plain request: their vote and the bureau's approval come first."""
    book = funded()
    policy = quoted(book, source=source)
    with pytest.raises(Conflict) as refusal:
        request(book, policy, source_kind=source)
    assert refusal.value.code == "application_needed"


def test_two_payments_of_one_premium_leave_one_due_back() -> None:
    """Both were confirmed: the second is booked and what is over is due back (C4)."""
    book = funded()
    policy = quoted(book, 0)
    first, second = request(book, policy), request(book, policy)
    for payment in (first, second):
        book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=payment)
    state = book.state(Payment, second)
    assert (state.state, state.return_due_fen) == ("return_due", PREMIUM_FEN)
    assert book.state(Payment, first).state == "confirmed"
    book.act(BANK, "payment.return", {"line": seen(book, direction="in")}, payment=second)
    with pytest.raises(Conflict) as refusal:
        book.act(BANK, "payment.return", {"line": seen(book, direction="in")}, payment=second)
    assert refusal.value.code == "paid_twice"


def test_money_for_a_quotation_that_expired_is_due_back() -> None:
    """The confirmation stands, the policy takes nothing (C3)."""
    book = funded()
    policy = quoted(book, 0)
    payment = request(book, policy)
    book.now = "2026-07-02T02:00:00.000000Z"
    with pytest.raises(Conflict) as refusal:
        request(book, policy)
    assert refusal.value.code == "quote_expired"
    book.act(INSURER, "payment.confirm", {"line": seen(book)}, payment=payment)
    assert book.state(Payment, payment).state == "return_due"
    assert book.state(Policy, policy).held == {}


def arrived(book: Book, payment: str, day: str, *now: str) -> list[Event]:
    """Confirm a payment by a line of the insurer's account, of that day of value; returns what was recorded."""
    (book.now,) = now or (book.now,)
    said = {"line": seen(book, book.state(Payment, payment).amount_fen, "in", INSURER, day)}
    return book.act(INSURER, "payment.confirm", said, payment=payment)


@pytest.mark.parametrize(
    "day, now, found",
    [
        ("2026-06-30", "2026-06-30T15:59:59.999999Z", []),
        ("2026-06-30", "2026-06-30T16:00:00.000000Z", ["premium_told_late"]),
        ("2026-07-01", "2026-06-30T16:00:00.000000Z", None),
    ],
)
def test_premium_counts_by_the_day_it_arrived(day: str, now: str, found: list[str] | None) -> None:
    """What came on the quotation's last day is premium though the statement is read on the next: both days are told."""
    book = funded()
    policy = quoted(book, 0)
    payment = request(book, policy)
    events = arrived(book, payment, day, now)
    assert events[0].found["on"] == day
    assert [told["code"] for told in events[0].found["findings"]] == (found or [])
    if found is None:
        assert (events[-1].TOPIC, events[-1].found["why"]) == ("payment.ReturnDue", "policy_takes_no_premium")
        return
    assert events[-1].TOPIC == "policy.PremiumReceived"
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)


def test_a_line_of_a_day_to_come_is_not_seen() -> None:
    """It is 30 June in Shanghai until 16:00 UTC; no policy is issued on money of tomorrow (PB01)."""
    book = funded()
    book.now = "2026-06-30T15:59:59.999999Z"
    with pytest.raises(Invalid) as refusal:
        seen(book, day="2026-07-01")
    assert refusal.value.code == "date_in_future"
    seen(book, day="2026-06-30")


def test_a_lapse_does_not_hide_that_the_money_was_there() -> None:
    """What arrived before the end is due back, since the lapse stands; a person sees that it was there in time."""
    book = funded()
    payment = request(book, policy := quoted(book, 0))
    book.now = "2026-07-01T02:00:00.000000Z"
    book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)
    (told,) = arrived(book, payment, "2026-06-30")[0].found["findings"]
    assert (told["code"], told["verdict"]) == ("arrived_before_lapse", "manual_review")
    assert told["facts"] == {"arrived_on": "2026-06-30", "recorded_on": "2026-07-01", "ended_on": "2026-07-01"}
    assert book.state(Payment, payment).state == "return_due"
    book = funded()
    days = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-07-20", "amount_fen": 4_000}]
    issued = quoted(book, 0, instalments=days)
    arrived(book, request(book, issued, amount_fen=4_000), "2026-03-15")
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=issued)
    late, later = (request(book, issued, amount_fen=4_000) for _ in range(2))
    book.now = "2026-07-21T02:00:00.000000Z"
    book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=issued)
    assert [f["code"] for f in arrived(book, late, "2026-07-21")[0].found["findings"]] == ["arrived_before_lapse"]
    assert arrived(book, later, "2026-07-22", "2026-07-22T02:00:00.000000Z")[0].found["findings"] == []


def test_more_than_was_asked_for_is_booked_and_the_rest_due_back() -> None:
    """Of 90 yuan that came for 80, 80 are premium and 10 go back (C4); a person sees whether it is the right line."""
    book = funded()
    policy = quoted(book, 0)
    payment = request(book, policy)
    events = book.act(INSURER, "payment.confirm", {"line": seen(book, 9_000, "in", INSURER)}, payment=payment)
    (told,) = events[0].found["findings"]
    assert (told["code"], told["facts"]) == ("paid_above_request", {"asked_fen": PREMIUM_FEN, "came_fen": 9_000})
    state = book.state(Policy, policy)
    assert (state.received, state.held, state.due_back_fen(payment)) == (
        {"property_fee": 9_000}, {"property_fee": PREMIUM_FEN}, 1_000,
    )  # fmt: skip
    assert book.state(Payment, payment).open_fen == 1_000
    book.act(INSURER, "payment.return", {"line": seen(book, 1_000, "out", INSURER)}, payment=payment)
    assert book.state(Payment, payment).state == "returned"


def test_more_than_was_asked_for_pays_what_the_source_owes_besides() -> None:
    """Two instalments by one transfer: nothing is over until the source owes nothing; of a subsidy the grant is all."""
    book = funded()
    payment = request(book, policy := quoted(book, 0), amount_fen=3_000)
    book.act(BANK, "payment.confirm", {"line": seen(book, 5_000)}, payment=payment)
    assert (book.state(Policy, policy).held_fen, book.state(Payment, payment).open_fen) == (5_000, 0)
    book = funded()
    policy, subsidy = subsidised(book, 2_000)
    said = {"amount_fen": 2_000, "source_kind": "fiscal_subsidy", "subsidy": subsidy}
    payment = request(book, policy, **said)
    book.act(BANK, "payment.confirm", {"line": seen(book, 2_500)}, payment=payment)
    assert (book.state(Subsidy, subsidy).paid_fen, book.state(Payment, payment).open_fen) == (2_000, 500)


def test_a_confirmation_of_before_told_no_day() -> None:
    """Schema 1: it stands in the line."""
    state: dict[str, Any] = {"found": {"line": "bankline:x"}}
    Payment.Confirmed.upcast_v1_v2(state)
    assert state["found"] == {"line": "bankline:x", "on": None, "findings": []}


def test_a_line_is_used_once() -> None:
    """And is of no less than was asked for: a transfer that came short is another payment."""
    book = funded()
    policy = quoted(book, 0)
    used = seen(book)
    book.act(BANK, "payment.confirm", {"line": used}, payment=request(book, policy, amount_fen=PREMIUM_FEN))
    other = request(book, quoted_alike(book))
    for name, code in ((used, "line_used"), (seen(book, 7), "line_amount_differs")):
        with pytest.raises(Conflict) as refusal:
            book.act(BANK, "payment.confirm", {"line": name}, payment=other)
        assert refusal.value.code == code


def quoted_alike(book: Book) -> str:
    """Have a policy for a later year proposed."""
    later: dict[str, Any] = {"from_date": "2027-04-01", "to_date": "2028-04-01"}
    return proposed(book, line("", LIFT, PREMIUM_FEN, **later), **later)


def test_failed_payments_end_and_lines_are_seen_by_banks() -> None:
    """A use unit sees no lines and confirms nothing."""
    book = funded()
    payment = request(book, quoted(book, 0))
    with pytest.raises(Forbidden):
        book.act(HOLDER, "payment.confirm", {"line": seen(book)}, payment=payment)
    book.act(BANK, "payment.fail", {"reason": "account_unknown"}, payment=payment)
    assert book.state(Payment, payment).state == "failed"
    said = {"id": new_name("bankline"), "digest": "a" * 64, "amount_fen": 1, "direction": "in", "on": "2026-03-15"}
    with pytest.raises(Forbidden):
        book.act(HOLDER, "bankline.see", said)


def subsidised(book: Book, granted_fen: int = 3_000) -> tuple[str, str]:
    """Have a policy partly subsidised and the subsidy granted; returns policy and subsidy."""
    sources = [
        {"kind": "fiscal_subsidy", "amount_fen": 3_000}, {"kind": "property_fee", "amount_fen": PREMIUM_FEN - 3_000},
    ]  # fmt: skip
    policy, subsidy = proposed(book, line("", LIFT, PREMIUM_FEN), sources=sources), new_name("subsidy")
    claim = {"id": subsidy, "programme": "district-2026", "area": AREA, "policy": policy, "amount_fen": 3_000}
    book.act(HOLDER, "subsidy.claim", claim)
    book.act(FINANCE, "subsidy.grant", {"amount_fen": granted_fen}, subsidy=subsidy)
    return policy, subsidy


def test_a_subsidy_is_claimed_granted_paid_and_asked_back() -> None:
    """Each step within the one before."""
    book = funded()
    policy, subsidy = subsidised(book)
    said = {"amount_fen": 3_000, "source_kind": "fiscal_subsidy", "subsidy": subsidy}
    payment = request(book, policy, **said)
    events = book.act(BANK, "payment.confirm", {"line": seen(book, 3_000)}, payment=payment)
    assert "subsidy.Paid" in {event.TOPIC for event in events}
    back = {"amount_fen": 3_000, "reason": "not_entitled"}
    book.act(FINANCE, "subsidy.claw_back", back, subsidy=subsidy)
    with pytest.raises(Conflict) as refusal:
        book.act(FINANCE, "subsidy.claw_back", back, subsidy=subsidy)
    assert refusal.value.code == "above_paid"
    state = book.state(Subsidy, subsidy)
    assert (state.state, state.paid_fen, state.clawed_back_fen) == ("paid", 3_000, 3_000)


def test_subsidies_above_claim_or_grant_are_refused() -> None:
    """Nor may one be granted twice or pay for another policy."""
    book = funded()
    policy, subsidy = subsidised(book, 2_000)
    with pytest.raises(Conflict) as twice:
        book.act(FINANCE, "subsidy.grant", {"amount_fen": 1}, subsidy=subsidy)
    assert twice.value.code == "granted_already"
    with pytest.raises(Conflict) as above:
        request(book, policy, amount_fen=3_000, source_kind="fiscal_subsidy", subsidy=subsidy)
    assert above.value.code == "above_grant"
    with pytest.raises(Conflict) as other:
        request(book, quoted_alike(book), amount_fen=1, subsidy=subsidy)
    assert other.value.code == "subsidy_of_other_policy"
    third = new_name("subsidy")
    claim = {"id": third, "programme": "p", "area": AREA, "policy": policy, "amount_fen": 10}
    book.act(INSURER, "subsidy.claim", claim)
    with pytest.raises(Conflict) as more:
        book.act(FINANCE, "subsidy.grant", {"amount_fen": 11}, subsidy=third)
    assert more.value.code == "above_claim"


def test_a_subsidy_is_paid_up_to_its_grant_however_often_it_was_requested() -> None:
    """Two requests stood before either was paid: what is above the grant is due back, also where the policy owes it."""
    book = funded()
    policy, subsidy = subsidised(book, 2_000)
    said = {"amount_fen": 1_500, "source_kind": "fiscal_subsidy", "subsidy": subsidy}
    first, second, third = (request(book, policy, **said) for _ in range(3))
    topics = [
        {e.TOPIC for e in book.act(BANK, "payment.confirm", {"line": seen(book, 1_500)}, payment=payment)}
        for payment in (first, second, third)
    ]
    assert ["subsidy.Paid" in told for told in topics] == [True, True, False]
    states = [book.state(Payment, payment) for payment in (first, second, third)]
    assert [(state.state, state.open_fen) for state in states] == [
        ("confirmed", 0), ("return_due", 1_000), ("return_due", 1_500),
    ]  # fmt: skip
    state = book.state(Subsidy, subsidy)
    assert (state.paid_fen, state.payable_fen) == (2_000, 0)
    assert book.state(Policy, policy).held == {"fiscal_subsidy": 2_000}


def test_a_subsidy_is_paid_as_fiscal_money() -> None:
    """Booked as a property fee it would count as premium received (PB01.receipts)."""
    book = funded()
    policy, subsidy = subsidised(book)
    with pytest.raises(Conflict) as refusal:
        request(book, policy, amount_fen=3_000, source_kind="property_fee", subsidy=subsidy)
    assert refusal.value.code == "subsidy_kind"
