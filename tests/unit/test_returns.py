"""Premium that is due back: told on the payments it came by, returned in whole or in part, and never refunded twice."""

from __future__ import annotations

from typing import Any

import pytest

from application import returns
from application.ids import new_name
from domain.aggregate import Event
from domain.errors import Conflict, DomainError
from domain.payments import Payment
from domain.policies import Policy
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    FINANCE,
    FUND,
    LIFT,
    PREMIUM_FEN,
    approve,
    filed,
    funded,
    on,
    paid,
    pay,
    quoted,
    seen,
    stage,
    voted,
)
from tests.support.insuring import HOLDER, HOMES, INSURER, line, proposed
from tests.support.seeding import seed

HALVES = [{"kind": "property_fee", "amount_fen": 4_000}, {"kind": "common_income", "amount_fen": 4_000}]
EXPIRED = "2026-07-05T00:00:00.000000Z"


def requested(book: Book, policy: str, amount_fen: int = PREMIUM_FEN, kind: str = "property_fee") -> str:
    """Ask for a payment; returns its name."""
    name = new_name("payment")
    said = {"id": name, "policy": policy, "payee": INSURER.party, "amount_fen": amount_fen, "source_kind": kind}
    book.act(HOLDER, "payment.request", said)
    return name


def confirmed(book: Book, payment: str) -> list[Event]:
    """Confirm a payment by a line of its amount."""
    said = {"line": seen(book, book.state(Payment, payment).amount_fen)}
    return book.act(BANK, "payment.confirm", said, payment=payment)


def received(book: Book, policy: str, *amounts_fen: int, kind: str = "property_fee") -> list[str]:
    """Have payments requested and confirmed, one after the other."""
    payments = [requested(book, policy, fen, kind) for fen in amounts_fen]
    for payment in payments:
        confirmed(book, payment)
    return payments


def give_back(book: Book, payment: str, amount_fen: int) -> list[Event]:
    """Have so much come back by one line."""
    said = {"line": seen(book, amount_fen, "out", INSURER)}
    return book.act(INSURER, "payment.return", said, payment=payment)


def due(book: Book, payment: str) -> tuple[str, int]:
    """Give a payment's state, and what of it is still due back."""
    state = book.state(Payment, payment)
    return state.state, state.open_fen


def end(book: Book, policy: str, action: str) -> list[Event]:
    """Void a policy, or let it lapse past the validity of its quotation."""
    if action == "lapse":
        book.now = EXPIRED
    return book.act(INSURER, f"policy.{action}", {"reason": "unpaid"}, policy=policy)


def cancel(book: Book, policy: str, refund_fen: int) -> list[Event]:
    """Cancel from the first day on."""
    said = {"effective_on": "2026-04-01", "refund_fen": refund_fen, "reason": "sold"}
    return book.act(INSURER, "policy.cancel", said, policy=policy)


def issue(book: Book, policy: str) -> None:
    """Issue a policy."""
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)


@pytest.mark.parametrize("action", ["void", "lapse"])
def test_what_a_quotation_was_paid_is_due_back_when_it_comes_to_nothing(action: str) -> None:
    """The money was for a policy that never is: it is due back whole, and its return is recorded (C3)."""
    book = funded()
    policy = quoted(book, 0)
    (payment,) = received(book, policy, 3_000)
    event, told = end(book, policy, action)
    assert (told.TOPIC, told.originator_id) == ("payment.ReturnDue", payment)
    assert (told.found["amount_fen"], told.found["why"]) == (3_000, f"{event.TOPIC.lower().replace('.', '_')}")
    assert due(book, payment) == ("return_due", 3_000)
    assert book.state(Policy, policy).held == {}
    give_back(book, payment, 3_000)
    assert due(book, payment) == ("returned", 0)


def test_a_refund_comes_back_in_parts() -> None:
    """Each line counts for what it is; a line of more than all that is due proves something else."""
    book = funded()
    policy = quoted(book, 0)
    (payment,) = received(book, policy, PREMIUM_FEN)
    issue(book, policy)
    cancel(book, policy, PREMIUM_FEN)
    with pytest.raises(Conflict) as refusal:
        give_back(book, payment, PREMIUM_FEN + 1)
    assert refusal.value.code == "line_amount_differs"
    for fen, after in ((5_000, ("return_due", 3_000)), (3_000, ("returned", 0))):
        assert give_back(book, payment, fen)[0].found["amount_fen"] == fen
        assert due(book, payment) == after
    with pytest.raises(Conflict) as twice:
        give_back(book, payment, 1)
    assert twice.value.code == "paid_twice"


def test_what_came_after_the_end_comes_back_by_one_transfer() -> None:
    """Also of payments that found no policy to take them: they stand in its book, and the payer's go together."""
    book = funded()
    policy = quoted(book, 0)
    first, second, third = (requested(book, policy, fen) for fen in (PREMIUM_FEN, 5_000, 3_000))
    confirmed(book, first)
    end(book, policy, "void")
    confirmed(book, second)
    confirmed(book, third)
    assert book.state(Policy, policy).received == {"property_fee": 2 * PREMIUM_FEN}
    assert [due(book, payment)[1] for payment in (first, second, third)] == [PREMIUM_FEN, 5_000, 3_000]
    with pytest.raises(Conflict) as refusal:
        give_back(book, second, 2 * PREMIUM_FEN + 1)
    assert refusal.value.code == "line_amount_differs"
    events = give_back(book, third, 2 * PREMIUM_FEN)
    assert [event.originator_id for event in events[:3]] == [third, first, second]
    assert [due(book, payment) for payment in (first, second, third)] == [("returned", 0)] * 3


def test_a_refund_goes_back_to_each_payment_in_proportion() -> None:
    """Of 2,000 that are refunded each payment gets what it bore of the premium; one line may return several of them."""
    book = funded()
    policy = proposed(book, line("", HOMES, PREMIUM_FEN), sources=HALVES)
    first, second = received(book, policy, 1_000, 3_000)
    (third,) = received(book, policy, 4_000, kind="common_income")
    issue(book, policy)
    cancel(book, policy, 2_000)
    assert [due(book, payment)[1] for payment in (first, second, third)] == [250, 750, 1_000]
    events = give_back(book, second, 1_500)
    assert [(event.originator_id, event.found["amount_fen"]) for event in events if event.TOPIC == "payment.Returned"] \
        == [(second, 750), (first, 250), (third, 500)]  # fmt: skip
    assert due(book, third) == ("return_due", 500)
    with pytest.raises(Conflict) as over:
        give_back(book, third, 501)
    assert over.value.code == "line_amount_differs"


def test_a_payment_by_somebody_else_is_not_returned_with_it() -> None:
    """A line goes to one payer: what is due to another comes by another line."""
    book = funded()
    policy = proposed(book, line("", HOMES, PREMIUM_FEN), sources=HALVES)
    (own,) = received(book, policy, 4_000)
    other = new_name("payment")
    said = {"id": other, "policy": policy, "payee": INSURER.party, "amount_fen": 4_000, "source_kind": "common_income"}
    book.act(INSURER, "payment.request", {**said, "payer": FINANCE.party})
    confirmed(book, other)
    end(book, policy, "void")
    with pytest.raises(Conflict) as refusal:
        give_back(book, own, PREMIUM_FEN)
    assert refusal.value.code == "line_amount_differs"


def test_one_source_never_settles_what_another_owes() -> None:
    """The property fee paid twice: the second time is over, and the other source still pays its own (C4)."""
    book = funded()
    policy = proposed(book, line("", HOMES, PREMIUM_FEN), sources=HALVES)
    first, second = requested(book, policy, 4_000), requested(book, policy, 4_000)
    third = requested(book, policy, 4_000, "common_income")
    confirmed(book, first)
    events = confirmed(book, second)
    assert {event.TOPIC: event.found for event in events}["policy.PremiumReceived"]["over_fen"] == 4_000
    assert due(book, second) == ("return_due", 4_000)
    assert not book.state(Policy, policy).paid
    confirmed(book, third)
    state = book.state(Policy, policy)
    assert (due(book, third), state.paid, state.held_fen) == (("confirmed", 0), True, PREMIUM_FEN)
    issue(book, policy)
    assert cancel(book, policy, PREMIUM_FEN)[0].found["refunds"] == {"common_income": 4_000, "property_fee": 4_000}


def test_the_fund_pays_its_share_though_another_source_paid_twice() -> None:
    """What was voted and approved is premium; the property fee's second payment is what is over (C4)."""
    book = funded()
    policy = quoted(book, 4_000)
    application = filed(book, policy, *voted(book), amount_fen=4_000)
    approve(book, application, 4_000)
    stage(book, application)
    first, second = requested(book, policy, 4_000), requested(book, policy, 4_000)
    confirmed(book, first)
    confirmed(book, second)
    pay(book, application, amount_fen=4_000, line=seen(book, 4_000))
    assert (on(book, application).state, due(book, second)) == ("paid", ("return_due", 4_000))
    assert book.state(Policy, policy).held == {"property_fee": 4_000, "fund_principal": 4_000}


def test_what_was_over_is_not_refunded_again() -> None:
    """Paid twice and returned: the policy holds its premium, and no more than that goes back when it is cancelled."""
    book = funded()
    policy = quoted(book, 0)
    first, second = requested(book, policy), requested(book, policy)
    confirmed(book, first)
    confirmed(book, second)
    give_back(book, second, PREMIUM_FEN)
    issue(book, policy)
    with pytest.raises(DomainError) as refusal:
        cancel(book, policy, 2 * PREMIUM_FEN)
    assert (refusal.value.code, refusal.value.details["received_fen"]) == ("refund_over_received", PREMIUM_FEN)
    cancel(book, policy, PREMIUM_FEN)
    assert due(book, first) == ("return_due", PREMIUM_FEN)


def test_what_an_endorsement_gave_back_is_not_refunded_again() -> None:
    """A lift is taken off for 8,000 of 16,000: the cancellation refunds the other 8,000 at most."""
    book = funded()
    items = [line("", HOMES, PREMIUM_FEN), line("", LIFT, PREMIUM_FEN)]
    policy = proposed(book, *items)
    (payment,) = received(book, policy, 2 * PREMIUM_FEN)
    issue(book, policy)
    removal = {
        "lift": LIFT, "certificate": items[1]["certificate"], "effective_on": "2026-04-01", "reason": "scrapped",
        "refunds": [{"part": p["part"], "premium_fen": p["premium_fen"]} for p in items[1]["parts"]],
    }  # fmt: skip
    said = {"number": "E1", "effective_on": "2026-04-01", "delta_fen": -PREMIUM_FEN, "reason": "lift_removed"}
    book.act(INSURER, "policy.endorse", {**said, "removes": [removal]}, policy=policy)
    assert due(book, payment) == ("return_due", PREMIUM_FEN)
    with pytest.raises(DomainError) as refusal:
        cancel(book, policy, 2 * PREMIUM_FEN)
    assert refusal.value.code == "refund_over_received"
    cancel(book, policy, PREMIUM_FEN)
    assert due(book, payment) == ("return_due", 2 * PREMIUM_FEN)
    state = book.state(Policy, policy)
    assert (state.premium_fen, state.held) == (0, {})


def test_premium_of_the_fund_goes_back_by_its_application() -> None:
    """The fund posted a premium: its payment is not due back beside the refund to the houses (MF12)."""
    book = funded()
    policy, _ = paid(book)
    issue(book, policy)
    events = cancel(book, policy, PREMIUM_FEN)
    assert [event.TOPIC for event in events] == ["policy.Cancelled"]
    assert events[0].found["refunds"] == {"fund_principal": PREMIUM_FEN}
    (payment,) = book.state(Policy, policy).receipts
    with pytest.raises(Conflict) as refusal:
        book.act(BANK, "payment.return", {"line": seen(book, direction="in")}, payment=payment)
    assert refusal.value.code == "paid_twice"


def test_everybody_who_paid_is_told_that_it_is_due_back() -> None:
    """Sixty owners topped up: when the policy ends each of their payments says so."""
    book = funded()
    policy = quoted(book, 0)
    payments = received(book, policy, *[100] * 60)
    end(book, policy, "void")
    assert {due(book, payment) for payment in payments} == {("return_due", 100)}


def test_what_was_not_told_on_the_payment_is_returned_by_the_policys_book(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies that ended before returns were told, or with more payments than a save tells of, are no exception."""
    monkeypatch.setattr(returns, "RETURNS_AT_END", 0)
    book = funded()
    policy = quoted(book, 0)
    (payment,) = received(book, policy, 3_000)
    assert len(end(book, policy, "void")) == 1
    assert due(book, payment) == ("confirmed", 0)
    give_back(book, payment, 1_000)
    give_back(book, payment, 2_000)
    with pytest.raises(Conflict) as refusal:
        give_back(book, payment, 1)
    assert refusal.value.code == "paid_twice"


def halves(book: Book) -> tuple[str, str]:
    """Have a policy issued on the first of two instalments, the second one asked for; returns policy and payment."""
    days = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-09-01", "amount_fen": 4_000}]
    policy = quoted(book, 0, instalments=days)
    received(book, policy, 4_000)
    issue(book, policy)
    return policy, requested(book, policy, 4_000)


@pytest.mark.parametrize(
    "effective_on, refund_fen, owed_fen",
    [("2027-03-31", 0, 3_979), ("2026-10-01", 0, 11), ("2026-09-30", 10, 0), ("2026-04-01", 4_000, 0)],
)
def test_what_a_cancelled_policy_earned_is_still_received(effective_on: str, refund_fen: int, owed_fen: int) -> None:
    """The premium less the unearned: all that is held is set off, and what is owed beyond it is paid, no more."""
    book = funded()
    policy, pending = halves(book)
    said = {"effective_on": effective_on, "refund_fen": refund_fen, "reason": "sold"}
    (cancelled, *_) = book.act(INSURER, "policy.cancel", said, policy=policy)
    assert cancelled.found["owed"] == ({"property_fee": owed_fen} if owed_fen else {})
    assert book.state(Policy, policy).due_fen("property_fee") == owed_fen
    told = confirmed(book, pending)[-1]
    assert (told.TOPIC, told.found["amount_fen"]) == ("payment.ReturnDue", 4_000 - owed_fen)
    assert told.found["why"] == ("overpaid" if owed_fen else "policy_takes_no_premium")
    assert book.state(Policy, policy).held_fen == 4_000 - refund_fen + owed_fen
    with pytest.raises(Conflict) as refusal:
        requested(book, policy, 1)
    assert refusal.value.code == "policy_state"


def test_what_was_earned_is_owed_by_those_who_have_not_paid() -> None:
    """Of 8,000 one source has paid its 4,000: when 7,979 are earned, 3,979 are the other's to pay."""
    book = funded()
    days = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-09-01", "amount_fen": 4_000}]
    policy = proposed(book, line("", HOMES, PREMIUM_FEN), sources=HALVES, instalments=days)
    received(book, policy, 4_000)
    issue(book, policy)
    said = {"effective_on": "2027-03-31", "refund_fen": 0, "reason": "sold"}
    assert book.act(INSURER, "policy.cancel", said, policy=policy)[0].found["owed"] == {"common_income": 3_979}
    received(book, policy, 3_979, kind="common_income")
    assert book.state(Policy, policy).held == {"property_fee": 4_000, "common_income": 3_979}


def test_the_fund_pays_what_a_cancelled_policy_earned() -> None:
    """By an application for it, as for any share, by a plan for the lifts that it insured."""
    book = funded()
    plan, vote = voted(book)
    days = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-09-01", "amount_fen": 4_000}]
    policy = quoted(book, 4_000, instalments=days)
    received(book, policy, 4_000)
    issue(book, policy)
    said = {"effective_on": "2027-03-31", "refund_fen": 0, "reason": "sold"}
    book.act(INSURER, "policy.cancel", said, policy=policy)
    application = filed(book, policy, plan, vote, amount_fen=3_979)
    assert "lifts_agree" in [found["code"] for found in book.log[-1].found["findings"]]
    approve(book, application, 3_979)
    stage(book, application)
    pay(book, application, amount_fen=3_979, line=seen(book, 3_979))
    assert book.state(Policy, policy).held == {"property_fee": 4_000, "fund_principal": 3_979}


def test_a_cancellation_of_before_owes_what_follows_from_the_unearned_premium() -> None:
    """Schema 1 told nothing of it."""
    state: dict[str, Any] = {"found": {"unearned_fen": 21}}
    Policy.Cancelled.upcast_v1_v2(state)
    assert state["found"] == {"unearned_fen": 21, "owed": None}
    book = funded()
    policy, _ = halves(book)
    said = {"effective_on": "2027-03-31", "refund_fen": 0, "reason": "sold"}
    found = {"transaction": 2, "refunds": {"property_fee": 0}, **state["found"]}
    seed(book, Policy, policy, INSURER.party, Policy.Cancelled, said, found)
    assert book.state(Policy, policy).due_fen("property_fee") == 3_979


def test_what_one_source_paid_of_anothers_share_is_due_back_once_that_has_paid() -> None:
    """Booked before sources were held apart: 8,000 of the fee over its 5,000, then the fund's 3,000; none is stuck."""
    book = funded()
    policy = quoted(book, 3_000)
    application = filed(book, policy, *voted(book), amount_fen=3_000)
    approve(book, application, 3_000)
    stage(book, application)
    payment = requested(book, policy, 5_000)
    seed(book, Payment, payment, HOLDER.party, Payment.Matched, {}, {})
    found = {"payment": payment, "source": "property_fee", "amount_fen": 8_000, "over_fen": 0, "complete": True}
    seed(book, Policy, policy, INSURER.party, Policy.PremiumReceived, {}, found)
    assert book.state(Policy, policy).held == {"property_fee": 8_000}
    pay(book, application, amount_fen=3_000, line=seen(book, 3_000))
    assert book.state(Policy, policy).held == {"property_fee": 5_000, "fund_principal": 3_000}
    give_back(book, payment, 3_000)
    issue(book, policy)
    cancel(book, policy, PREMIUM_FEN)
    give_back(book, payment, 5_000)
    book.act(
        INSURER, "application.claim_refund", {"amount_fen": 3_000, "reason": "sold"}, fund=FUND, application=application
    )
    assert book.state(Policy, policy).held == {}


def test_a_return_of_before_was_all_that_was_due() -> None:
    """Schema 1 told no amount."""
    state: dict[str, Any] = {"said": {"line": "bankline:x"}, "found": {}}
    Payment.Returned.upcast_v1_v2(state)
    assert state["found"] == {"amount_fen": None}
    payment = Payment("payment:x", state="return_due", return_due_fen=300)
    book = funded()
    author = book.log[0].author
    event = Payment.Returned(
        originator_id="payment:x", originator_version=1, said=state["said"], found=state["found"], at="", line=None,
        effective_at=None, author=author,
    )  # fmt: skip
    event.apply(payment)
    assert (payment.state, payment.returned_fen, payment.open_fen) == ("returned", 300, 0)
