"""What is earned of a premium, given back and owed when a policy ends early, by cancellation or by lapse."""

from __future__ import annotations

from typing import Any

import pytest

from application.ids import new_name
from application.replay import effective, state_of
from domain.aggregate import Event
from domain.earning import Charged
from domain.errors import Conflict
from domain.payments import Payment
from domain.policies import Policy
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    FUND,
    HOUSING,
    LIFT,
    approve,
    filed,
    funded,
    quoted,
    seen,
    stage,
    voted,
)
from tests.support.funding import pay as order
from tests.support.insuring import HOLDER, HOMES, INSURER, OFFICE, filing, issued, line, office, proposed
from tests.support.insuring import pay as receive
from tests.support.seeding import seed

LATER = "2026-10-02T02:00:00.000000Z"
HALVES = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-10-01", "amount_fen": 4_000}]
HALF = 8_000 * 182 // 365


def endorse(book: Book, policy: str, day: str, delta_fen: int, **members: Any) -> Event:  # noqa: ANN401 - of any type
    """Endorse a policy."""
    said = {"number": f"E-{day}", "effective_on": day, "delta_fen": delta_fen, "reason": "x", **members}
    return book.act(INSURER, "policy.endorse", said, policy=policy)[0]


def cancel(book: Book, policy: str, day: str, refund_fen: int) -> Any:  # noqa: ANN401 - what was found
    """Cancel a policy; gives what was found."""
    said = {"effective_on": day, "refund_fen": refund_fen, "reason": "sold"}
    return book.act(INSURER, "policy.cancel", said, policy=policy)[0].found


def lapse(book: Book, policy: str) -> Any:  # noqa: ANN401 - what was found
    """Let a policy lapse; gives what was found."""
    return book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)[0].found


def request(book: Book, policy: str, amount_fen: int, kind: str = "property_fee") -> str:
    """Ask for a payment; returns its name."""
    name = new_name("payment")
    said = {"id": name, "policy": policy, "payee": INSURER.party, "amount_fen": amount_fen, "source_kind": kind}
    book.act(HOLDER, "payment.request", said)
    return name


def confirm(book: Book, payment: str) -> None:
    """Have it arrive."""
    said = {"line": seen(book, book.state(Payment, payment).amount_fen)}
    book.act(BANK, "payment.confirm", said, payment=payment)


def give_back(book: Book, payment: str, amount_fen: int) -> None:
    """Have so much of it come back."""
    said = {"line": seen(book, amount_fen, "out", INSURER)}
    book.act(INSURER, "payment.return", said, payment=payment)


def half_paid(book: Book, **changes: Any) -> tuple[str, str]:  # noqa: ANN401 - members of any type
    """Issue a policy on the first of two instalments; returns it and the payment."""
    policy = quoted(book, 0, instalments=changes.pop("instalments", HALVES), **changes)
    payment = request(book, policy, 4_000)
    confirm(book, payment)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    return policy, payment


def test_a_certificate_earns_nothing_before_its_first_day() -> None:
    """Added from the day on from which the policy is cancelled: its premium goes back whole."""
    book = office()
    policy = issued(book, line(""))
    added = line(policy, OFFICE, 3_989, from_date="2026-10-01")
    found = endorse(book, policy, "2026-10-01", 3_989, adds=[added]).found
    assert found["charged"] == [
        {"from_date": "2026-10-01", "to_date": "2027-04-01", "premium_fen": 3_989, "lifts": 1}
    ]  # fmt: skip
    receive(book, policy, 3_989)
    found = cancel(book, policy, "2026-10-01", HALF + 3_989)
    assert (found["unearned_fen"], found["owed"], found["findings"]) == (HALF + 3_989, {}, [])


def test_nobody_is_asked_for_premium_that_was_never_earned() -> None:
    """Of the half that is held all but 11 fen of half a year is paid; the lift added on that day costs nothing."""
    book = funded()
    policy, _ = half_paid(book)
    added = line(policy, HOMES, 3_989, from_date="2026-10-01")
    endorse(book, policy, "2026-10-01", 3_989, adds=[added])
    assert cancel(book, policy, "2026-10-01", 0)["owed"] == {"property_fee": 8_000 - HALF - 4_000}


@pytest.mark.parametrize(
    "day, unearned_fen",
    [("2026-10-01", HALF), ("2026-09-30", 2 * 8_000 * 183 // 365 - HALF), ("2027-03-31", 8_000 // 365)],
)
def test_what_a_removal_gave_back_is_not_given_back_again(day: str, unearned_fen: int) -> None:
    """From the removal on one lift is left; cancelled a day before it, that day is unearned of both."""
    book = office()
    items = [line(""), line("", OFFICE)]
    policy = issued(book, *items)
    of = {"lift": OFFICE, "certificate": items[1]["certificate"], "effective_on": "2026-10-01", "reason": "r"}
    removal = of | {"refunds": [{"part": "third_party_injury", "premium_fen": HALF}]}
    endorse(book, policy, "2026-10-01", -HALF, removes=[removal])
    found = cancel(book, policy, day, unearned_fen)
    assert (found["unearned_fen"], found["findings"]) == (unearned_fen, [])


def test_a_year_that_has_passed_is_earned() -> None:
    """Of two years one lift is insured for the first, another for both: in the second year one of them is unearned."""
    book = office()
    days: dict[str, Any] = {"from_date": "2026-04-01", "to_date": "2028-04-01"}
    policy = issued(book, line(""), line("", OFFICE, 10_000, **days), **days)
    assert cancel(book, policy, "2027-10-01", 10_000 * 183 // 731)["findings"] == []


def test_less_premium_gives_back_what_was_earned_only_beyond_what_was_not() -> None:
    """7,000 less for half a year that costs 3,590: the rest of it is free, and others' days are not set off with it."""
    book = office()
    items = [line(""), line("", OFFICE)]
    policy = issued(book, *items)
    of = {"lift": HOMES, "certificate": items[0]["certificate"], "effective_on": "2026-10-01"}
    less = of | {"parts": [{"part": "third_party_injury", "delta_fen": -7_000}]}
    found = endorse(book, policy, "2026-10-01", -7_000, changes=[less]).found
    half = 7_200 * 182 // 365
    assert [(row["premium_fen"], row.get("settled_on")) for row in found["charged"]] == [
        (-half, None), (half - 7_000, "2026-10-01"),
    ]  # fmt: skip
    # of the first lift nothing but its 800 for entrapment and the rounding of the rest, of the second one all
    assert cancel(book, policy, "2026-10-01", 4_388)["findings"] == []


def test_a_policy_that_lapses_before_its_first_day_earned_nothing() -> None:
    """Its second instalment was due before it began: all that is held goes back, and nobody owes anything."""
    book = funded()
    days = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-03-25", "amount_fen": 4_000}]
    policy, payment = half_paid(book, instalments=days)
    book.now = "2026-03-27T02:00:00.000000Z"
    found = lapse(book, policy)
    assert {name: found[name] for name in found if name != "reads"} == {
        "on": "2026-03-28", "unearned_fen": 8_000, "refunds": {"property_fee": 4_000}, "owed": {},
    }  # fmt: skip
    assert (book.state(Policy, policy).premium_fen, book.state(Policy, policy).due_fen("property_fee")) == (0, 0)
    give_back(book, payment, 4_000)
    assert book.state(Payment, payment).state == "returned"
    with pytest.raises(Conflict) as refusal:
        request(book, policy, 1)
    assert refusal.value.code == "policy_state"
    with pytest.raises(Conflict) as again:
        lapse(book, policy)
    assert again.value.code == "policy_state"


def test_what_a_lapsed_policy_earned_is_still_owed() -> None:
    """Half a year and three days cost 4,055: all that is held is kept, and 55 are asked for and paid, no more."""
    book = funded()
    policy, _ = half_paid(book)
    book.now = LATER
    found = lapse(book, policy)
    assert (found["on"], found["refunds"], found["owed"]) == ("2026-10-03", {"property_fee": 0}, {"property_fee": 55})
    state = book.state(Policy, policy)
    assert (state.premium_fen, state.due_fen("property_fee"), state.lifts) == (4_055, 55, 0)
    with pytest.raises(Conflict) as refusal:
        request(book, policy, 56)
    assert refusal.value.code == "above_due"
    confirm(book, request(book, policy, 55))
    state = book.state(Policy, policy)
    assert (state.held_fen, state.due_fen("property_fee")) == (4_055, 0)


def test_a_lapse_keeps_nothing_for_days_that_are_not_insured() -> None:
    """Whatever the filed method gives who cancels, the insurer ends the contract himself (保险法 58)."""
    book, product = funded(), new_name("product")
    book.act(INSURER, "product.file", filing(id=product, refund="none"))
    book.act(INSURER, "product.offer", {"from_date": "2026-01-01"}, product=product)
    days = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-04-01", "amount_fen": 4_000}]
    policy, payment = half_paid(book, instalments=days, product=product)
    book.now = "2026-06-30T02:00:00.000000Z"
    earned_fen = 8_000 - 8_000 * 274 // 365
    assert lapse(book, policy)["refunds"] == {"property_fee": 4_000 - earned_fen}
    give_back(book, payment, 4_000 - earned_fen)
    assert book.state(Policy, policy).held_fen == book.state(Policy, policy).premium_fen == earned_fen


def test_what_the_fund_paid_of_a_lapsed_policy_goes_back_by_its_application() -> None:
    """To the houses, and not beside by its payment (MF12)."""
    book = funded()
    plan, vote = voted(book)
    days = [{"due_on": "2026-03-20", "amount_fen": 6_000}, {"due_on": "2026-04-02", "amount_fen": 2_000}]
    policy = quoted(book, 6_000, instalments=days)
    application = filed(book, policy, plan, vote, amount_fen=6_000)
    approve(book, application, 6_000)
    stage(book, application)
    order(book, application, amount_fen=6_000, line=seen(book, 6_000))
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    book.now = "2026-04-03T02:00:00.000000Z"
    found = lapse(book, policy)
    assert book.log[-1].TOPIC == "policy.Lapsed"
    back_fen = found["refunds"]["fund_principal"]
    claim = {"reason": "lapsed", "amount_fen": back_fen}
    for fen, fits in ((back_fen + 1, False), (back_fen, True)):
        path = {"fund": FUND, "application": application}
        if fits:
            book.act(HOUSING, "application.claim_refund", claim | {"amount_fen": fen}, **path)
            continue
        with pytest.raises(Conflict) as refusal:
            book.act(HOUSING, "application.claim_refund", claim | {"amount_fen": fen}, **path)
        assert refusal.value.code == "refund_too_high"


def test_a_lapse_of_before_is_told_by_lapsing_again() -> None:
    """Schema 1 told nothing of it, and nothing moved; from its own day on the rest is worked out when asked for."""
    state: dict[str, Any] = {"found": {"on": "2026-03-28"}}
    Policy.Lapsed.upcast_v1_v2(state)
    assert state["found"] == {"on": "2026-03-28", "refunds": None, "owed": None, "unearned_fen": None}
    book = funded()
    policy, payment = half_paid(book)
    seed(book, Policy, policy, INSURER.party, Policy.Lapsed, {"reason": "unpaid"}, state["found"])
    lapsed = book.state(Policy, policy)
    assert (lapsed.state, lapsed.cancelled_on, lapsed.held_fen, lapsed.earned) == ("lapsed", "2026-03-28", 4_000, None)
    book.now = LATER
    assert lapse(book, policy)["on"] == "2026-03-28"
    give_back(book, payment, 4_000)


def test_days_that_nobody_kept_are_taken_to_be_the_policys() -> None:
    """Lines staged before schema 2 are for the term; what endorsements changed before schema 3 runs to its end."""
    staged: dict[str, Any] = {"found": {"count": 2, "premium_fen": 16_000, "parts": {}, "edge": ""}}
    Policy.LinesStaged.upcast_v1_v2(staged)
    endorsed: dict[str, Any] = {"found": {"transaction": 2, "lifts": 0, "sources": None, "refunds": None}}
    Policy.Endorsed.upcast_v2_v3(endorsed)
    assert staged["found"]["charged"] is endorsed["found"]["charged"] is None
    book = funded()
    policy = proposed(book, line("", HOMES), line("", LIFT))
    book.streams[policy] = [event for event in book.events(policy) if event.TOPIC == "policy.Drafted"]
    seed(book, Policy, policy, INSURER.party, Policy.LinesStaged, {}, staged["found"])
    seed(book, Policy, policy, INSURER.party, Policy.Issued, {"number": "PZ-1"}, {})
    change = {"effective_on": "2026-10-01", "parts": [{"part": "entrapment", "delta_fen": 5}]}
    removal = {"effective_on": "2026-10-01", "refunds": [{"part": "entrapment", "premium_fen": 7}]}
    adds = [line(policy, OFFICE, 90, from_date="2026-10-01")]
    said = {"number": "E", "effective_on": "2026-10-01", "delta_fen": 88, "adds": adds, "changes": [change]}
    seed(
        book, Policy, policy, INSURER.party, Policy.Endorsed, {**said, "removes": [removal]}, endorsed["found"]
    )  # fmt: skip
    assert book.state(Policy, policy).charged == (
        Charged("2026-04-01", "2027-04-01", 16_000, 2), Charged("2026-10-01", "2027-04-01", 88, 0),
    )  # fmt: skip


def test_a_policy_stands_as_of_a_day_before_what_its_money_was_held_by() -> None:
    """Without an endorsement of a day to come less was premium than went back: nothing is held of it, and no less."""
    book = funded()
    policy = issued(book, line("", LIFT, 8_000))
    (paid,) = (each.found["payment"] for each in book.events(policy) if isinstance(each, Policy.PremiumReceived))
    more = {
        "adds": [line(policy, HOMES, 100, from_date="2027-03-01")],
        "sources": [{"kind": "property_fee", "amount_fen": 100}],
    }
    endorse(book, policy, "2027-03-01", 100, **more)
    received = {"source": "property_fee", "amount_fen": 100, "received_fen": 8_100, "over_fen": 0, "complete": True}
    seed(book, Policy, policy, INSURER.party, Policy.PremiumReceived, {}, {"payment": "payment:b", **received})
    back = {"payment": paid, "amount_fen": 8_000, "complete": False}
    seed(book, Policy, policy, INSURER.party, Policy.PremiumReturned, {}, back)
    cancel(book, policy, "2026-04-01", 0)
    events = book.events(policy)
    state = state_of(events, effective(events, "2026-05-01T00:00:00.000000Z"))
    assert state is not None
    assert (state["state"], state["receipts"][paid]["held_fen"]) == ("cancelled", 0)
