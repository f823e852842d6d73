"""Paying approved applications from the fund: shares of houses, the order, money under way, refunds."""

from __future__ import annotations

import pytest

from application.ids import new_name
from application.work import Author
from domain.accounts import trial_balance_fen
from domain.applications import CHARGES_PER_GROUP
from domain.errors import Conflict, Forbidden, RuleBroken
from domain.houses import House
from domain.policies import Policy
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    ESTATE,
    FUND,
    HOUSING,
    LIFT,
    PREMIUM_FEN,
    approve,
    balances,
    cast,
    close,
    filed,
    fund,
    funded,
    house,
    on,
    opened,
    pay,
    planned,
    quoted,
    ready,
    refused,
    seen,
    stage,
    voted,
)
from tests.support.insuring import AREA, HOLDER, INSURER, RIVAL
from tests.support.seeding import seed


def test_a_payment_is_posted_received_and_charged_at_once() -> None:
    """One save: order, payment, bank line, balanced entry, application and premium received."""
    book = funded()
    policy, application = ready(book)
    line = seen(book)
    events = pay(book, application, line=line)
    assert [event.TOPIC for event in events] == [
        "application.PaymentOrdered", "payment.Requested", "payment.Instructed", "payment.Confirmed", "bankline.Used",
        "fund.Posted", "application.Paid", "payment.Matched", "policy.PremiumReceived",
    ]  # fmt: skip
    state = fund(book)
    assert state.ledger == {"1001": 300_000 - PREMIUM_FEN, "4001": -300_000, "5901": PREMIUM_FEN}
    assert trial_balance_fen(state.ledger) == 0
    assert (state.paid_fen, state.reserved_fen, state.balance_fen) == (PREMIUM_FEN, 0, 300_000 - PREMIUM_FEN)
    assert balances(book, [application]) == {name: account.balance_fen for name, account in state.houses.items()}
    assert book.state(Policy, policy).received == {"fund_principal": PREMIUM_FEN}
    assert on(book, application).state == "paid"


def test_staged_shares_count_only_once_posted() -> None:
    """A house's book has the share and its working; its balance moves with the posting alone (C12)."""
    book = funded()
    _, application = ready(book)
    name = min(fund(book).houses)
    charged = book.events(name)[-1]
    assert (charged.TOPIC, charged.found["amount_fen"]) == ("house.Charged", 2_667)
    assert charged.found["working"] == {
        "area_m2_hundredths": 9_000, "areas_m2_hundredths": 27_000, "whole_fen": PREMIUM_FEN,
        "method": "largest_remainder",
    }  # fmt: skip
    assert balances(book, [])[name] == fund(book).houses[name].balance_fen == 100_000
    pay(book, application, line=seen(book))
    assert fund(book).houses[name].balance_fen == 97_333


def test_the_working_of_a_share_names_the_area_of_the_whole_scope() -> None:
    """Also where a house's share comes to no fen, and a house joined since the approval."""
    book = funded((9_000, 9_000, 9_000))
    application = filed(book, quoted(book, 2), *voted(book), amount_fen=2)
    approve(book, application, 2)
    house(book, 9_000)
    told = [event.found["working"] for event in stage(book, application) if event.TOPIC == "house.Charged"]
    assert [(row["areas_m2_hundredths"], row["whole_fen"]) for row in told] == [(27_000, 2)] * 2


def test_what_is_not_approved_is_not_paid() -> None:
    """The bureau's approval comes first."""
    book = funded()
    application = filed(book, quoted(book), *voted(book))
    assert refused(book, application) == "not_approved"


def test_the_payee_is_the_policys_insurer() -> None:
    """Neither another insurer nor anyone else."""
    book = funded()
    _, application = ready(book)
    assert refused(book, application, payee=RIVAL.party) == "payee_not_insurer"
    assert refused(book, application, payee=HOLDER.party) == "payee_not_insurer"


@pytest.mark.parametrize("amount_fen", [PREMIUM_FEN - 1, PREMIUM_FEN + 1])
def test_the_share_is_the_approved_one(amount_fen: int) -> None:
    """To the fen."""
    book = funded()
    _, application = ready(book)
    assert refused(book, application, amount_fen=amount_fen) == "share_not_approved"


def test_the_share_is_the_declared_one() -> None:
    """A house that cannot bear its share leaves less than the quotation declares: it must be quoted again."""
    book = funded((9_000,))
    house(book, 9_000, 0)
    application = filed(book, quoted(book), *voted(book))
    approve(book, application, PREMIUM_FEN // 2)
    events = stage(book, application)
    assert {event.TOPIC for event in events} == {"application.ChargesStaged", "house.Charged", "house.ShareOwed"}
    assert refused(book, application, amount_fen=PREMIUM_FEN // 2) == "share_not_declared"


def test_the_sources_sum_to_the_premium() -> None:
    """A premium that was raised with nobody to bear it leaves the sources short."""
    book = funded()
    policy, application = ready(book)
    said = {"effective_on": "2026-04-01", "delta_fen": 1, "number": "E-1", "reason": "added"}
    seed(book, Policy, policy, INSURER.party, Policy.Issued, {"number": "PZ"}, {})
    seed(book, Policy, policy, INSURER.party, Policy.Endorsed, said, {"transaction": 2, "lifts": 0, "sources": {}})
    assert refused(book, application) == "sources_not_premium"


def test_nothing_is_paid_twice() -> None:
    """Not while money is under way, not after it arrived, not by a line that paid something else."""
    book = funded()
    _, application = ready(book)
    pay(book, application)
    assert refused(book, application) == "paid_twice"
    payment, line = on(book, application).payment or "", seen(book)
    book.act(BANK, "payment.confirm", {"line": line}, payment=payment)
    assert refused(book, application) == "paid_twice"
    for again, code in ((line, "paid_twice"), (seen(book), "paid_twice")):
        with pytest.raises(Conflict) as refusal:
            book.act(BANK, "payment.confirm", {"line": again}, payment=payment)
        assert refusal.value.code == code
    other = funded()
    _, second = ready(other)
    other.streams[line] = book.streams[line]
    assert refused(other, second, line=line) == "line_used"
    assert refused(other, second, line=seen(other, 1)) == "line_amount_differs"


def test_an_expired_reservation_is_not_paid() -> None:
    """Before its timer has fired, and after."""
    book = funded()
    policy = quoted(book, valid_until="2026-06-13")
    application = filed(book, policy, *voted(book))
    approve(book, application)
    stage(book, application)
    book.now = "2026-05-14T16:00:00.000000Z"
    assert refused(book, application) == "reservation_expired"


def test_all_shares_are_staged_before_the_payment() -> None:
    """In order, each group once, and never more than the groups there are."""
    book = funded()
    application = filed(book, quoted(book), *voted(book))
    approve(book, application)
    assert refused(book, application) == "charges_not_staged"
    with pytest.raises(Conflict) as refusal:
        stage(book, application, 2)
    assert (refusal.value.code, refusal.value.details["next"]) == ("group_out_of_order", 1)
    stage(book, application)
    with pytest.raises(Conflict):
        stage(book, application, 2)


def test_a_result_not_public_long_enough_is_not_paid_on() -> None:
    """Seven natural days (MF04)."""
    book = funded()
    policy = quoted(book)
    plan, vote = voted(book)
    book.act(HOLDER, "vote.publish", {"published_on": "2026-03-10"}, fund=FUND, vote=vote)
    application = filed(book, policy, plan, vote)
    approve(book, application)
    stage(book, application)
    with pytest.raises(RuleBroken) as refusal:
        pay(book, application)
    assert refusal.value.details["finding"] == "result_publicity_short"


def test_a_result_never_made_public_is_not_paid_on_either() -> None:
    """Silence is no easier than a notice put up late (MF04); the approval alone goes without."""
    book = funded()
    policy, plan = quoted(book), planned(book)
    vote = opened(book, plan)
    for name in fund(book).houses:
        cast(book, vote, name)
    close(book, vote)
    application = filed(book, policy, plan, vote)
    approve(book, application)
    stage(book, application)
    with pytest.raises(RuleBroken) as refusal:
        pay(book, application)
    wanted = {"rule": "fund.publicity_days_min", "finding": "result_not_published"}
    assert wanted.items() <= refusal.value.details.items()
    book.act(HOLDER, "vote.publish", {"published_on": "2026-03-07"}, fund=FUND, vote=vote)
    pay(book, application)


def second_fund(book: Book, policy: str, amount_fen: int = PREMIUM_FEN) -> dict[str, str]:
    """Bring an application of another fund of the estate to its approval, the owners having agreed; gives its path."""
    other, plan, vote = new_name("fund"), new_name("plan"), new_name("vote")
    opening = {
        "id": other, "estate": ESTATE, "area": AREA, "kind": "public_housing", "area_basis": "building_area",
        "bank": BANK.party, "bureau": HOUSING.party, "manager": HOLDER.party,
    }  # fmt: skip
    book.act(HOUSING, "fund.open", opening)
    name = house(book, fund=other)
    said = {"id": plan, "lifts": [LIFT], "amount_fen": PREMIUM_FEN, "published_on": "2026-02-01"}
    book.act(HOLDER, "plan.publish", said, fund=other)
    book.act(HOLDER, "vote.open", {"id": vote, "plan": plan, "opened_on": "2026-02-10"}, fund=other)
    book.act(HOLDER, "vote.cast", {"house": name, "choice": "agree"}, fund=other, vote=vote)
    book.act(HOLDER, "vote.close", {"closed_on": "2026-02-20"}, fund=other, vote=vote)
    book.act(HOLDER, "vote.publish", {"published_on": "2026-02-21"}, fund=other, vote=vote)
    application = new_name("application")
    filing = {
        "id": application, "policy": policy, "plan": plan, "vote": vote, "pays_from": "fund_principal",
        "amount_fen": amount_fen,
    }  # fmt: skip
    book.act(HOLDER, "application.file", filing, fund=other)
    return {"fund": other, "application": application}


def test_a_second_fund_holds_and_orders_nothing_for_a_policy_that_is_paid() -> None:
    """Each fund knows its own applications alone, but the policy knows what it has received."""
    book = funded()
    policy, application = ready(book)
    path = second_fund(book, policy)
    later = second_fund(book, policy)
    book.act(HOUSING, "application.approve", {"fund_share_fen": PREMIUM_FEN}, **path)
    book.act(HOUSING, "application.stage_charges", {"group": 1}, **path)
    pay(book, application, line=seen(book))
    said = {"payment": new_name("payment"), "payee": INSURER.party, "amount_fen": PREMIUM_FEN}
    for act, words, where in (("pay", said, path), ("approve", {"fund_share_fen": PREMIUM_FEN}, later)):
        with pytest.raises(Conflict) as refusal:
            book.act(HOUSING, f"application.{act}", words, **where)
        assert (refusal.value.code, refusal.value.details["due_fen"]) == ("above_due", 0)


def test_two_funds_each_pay_their_part_of_a_proposal() -> None:
    """Together they come to what is declared (MF06), and nothing is issued before both have paid (PB01)."""
    book = funded()
    policy = quoted(book)
    application = filed(book, policy, *voted(book), amount_fen=5_000)
    approve(book, application, 5_000)
    stage(book, application)
    path = second_fund(book, policy, 3_000)
    book.act(HOUSING, "application.approve", {"fund_share_fen": 3_000}, **path)
    book.act(HOUSING, "application.stage_charges", {"group": 1}, **path)
    pay(book, application, amount_fen=5_000, line=seen(book, 5_000))
    with pytest.raises(RuleBroken):
        book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    said = {"payment": new_name("payment"), "payee": INSURER.party, "amount_fen": 3_000, "line": seen(book, 3_000)}
    book.act(HOUSING, "application.pay", said, **path)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert book.state(Policy, policy).held == {"fund_principal": PREMIUM_FEN}


def test_only_bureau_and_bank_pay() -> None:
    """The manager who filed may not."""
    book = funded()
    _, application = ready(book)
    said = {"payment": new_name("payment"), "payee": INSURER.party, "amount_fen": PREMIUM_FEN}
    with pytest.raises(Forbidden):
        book.act(HOLDER, "application.pay", said, fund=FUND, application=application)
    book.act(BANK, "application.pay", said, fund=FUND, application=application)


def test_five_hundred_houses_are_staged_in_saves_below_the_limit() -> None:
    """Each group is one save of at most 250 events; together they come to the share, to the fen (C12)."""
    book = funded(tuple(range(5_000, 5_500)), 1_000)
    application = filed(book, quoted(book), *voted(book))
    approve(book, application)
    sizes = [len(stage(book, application, group)) for group in (1, 2, 3)]
    assert sizes == [CHARGES_PER_GROUP + 1, CHARGES_PER_GROUP + 1, 21]
    assert on(book, application).staged_fen == PREMIUM_FEN
    pay(book, application, line=seen(book))
    posted = fund(book).houses
    assert sum(1_000 - account.balance_fen for account in posted.values()) == PREMIUM_FEN
    assert balances(book, [application]) == {name: account.balance_fen for name, account in posted.items()}
    assert all(book.state(House, name).charged_fen.keys() == {application} for name in posted)


def test_the_emergency_route_is_paid_without_a_vote() -> None:
    """No result was published, and none is asked for."""
    book = funded()
    plan, _ = voted(book)
    application = filed(book, quoted(book), plan, None, emergency="stranded")
    approve(book, application)
    stage(book, application)
    assert pay(book, application, line=seen(book))[0].found["findings"] == []


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("day, state", [("2026-06-30", "paid"), ("2026-07-01", None)])
def test_the_funds_premium_counts_by_the_day_it_left(day: str, state: str | None, *, at_once: bool) -> None:
    """Paid on the quotation's last day and told the day after: with the order, or after an order of before."""
    book = funded()
    book.now = "2026-06-25T02:00:00.000000Z"
    policy, application = ready(book)
    if not at_once:
        pay(book, application)
    book.now = "2026-07-01T02:00:00.000000Z"
    line = seen(book, day=day)
    if at_once and state is None:
        with pytest.raises(Conflict) as refusal:
            pay(book, application, line=line)
        assert refusal.value.code == "quote_expired"
        return
    payment = on(book, application).payment or ""
    events = pay(book, application, line=line) if at_once else book.act(
        BANK, "payment.confirm", {"line": line}, payment=payment
    )  # fmt: skip
    (told,) = [event for event in events if event.TOPIC == "payment.Confirmed"]
    assert told.found["on"] == day
    assert [found["code"] for found in told.found["findings"]] == (["premium_told_late"] if state else [])
    assert on(book, application).state == (state or "return_due")
    assert book.state(Policy, policy).held_fen == (PREMIUM_FEN if state else 0)


@pytest.mark.parametrize(
    "approved, day, code",
    [
        ("2026-03-01", "2026-03-01", None), ("2026-03-02", "2026-03-01", "paid_before_approval"),
        ("2026-02-26", "2026-02-28", "result_publicity_short"), ("2026-02-26", "2026-03-01", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [True, False])
def test_the_day_money_left_decides_whether_it_was_approved_and_the_result_public(
    approved: str, day: str, code: str | None, *, at_once: bool
) -> None:
    """Not the day it is told (MF04, MF05): an order on such a line is refused, and what the bank confirms is told."""
    book = funded()
    book.now = f"{approved}T02:00:00.000000Z"
    _, application = ready(book)
    book.now = "2026-03-20T02:00:00.000000Z"
    line = seen(book, day=day)
    if at_once and code is not None:
        with pytest.raises(RuleBroken) as refusal:
            pay(book, application, line=line)
        assert refusal.value.details["finding"] == code
        return
    if at_once:
        (told,) = [e for e in pay(book, application, line=line) if e.TOPIC == "payment.Confirmed"]
    else:
        pay(book, application)
        told = book.act(BANK, "payment.confirm", {"line": line}, payment=on(book, application).payment or "")[0]
    assert [found["code"] for found in told.found["findings"]] == ([] if code is None else [code])
    assert ("pack" in told.found) is (code is not None)
    assert on(book, application).state == "paid"


def test_what_left_on_the_emergency_route_asks_for_no_public_result() -> None:
    """Only that it was approved first."""
    book = funded()
    plan, vote = voted(book)
    application = filed(book, quoted(book), plan, vote, emergency="stranded")
    approve(book, application)
    stage(book, application)
    pay(book, application)
    line = seen(book, day="2026-02-21")
    told = book.act(BANK, "payment.confirm", {"line": line}, payment=on(book, application).payment or "")[0]
    assert [found["code"] for found in told.found["findings"]] == ["paid_before_approval"]


def test_a_payment_is_confirmed_whatever_a_pack_leaves_open() -> None:
    """The bank's line is a fact: where no publicity of the result is fixed any more, nothing is told of it."""
    book = funded()
    _, application = ready(book)
    pay(book, application)
    operator, pack = Author(new_name("party"), "operator", key=new_name("key")), new_name("pack")
    head = 'id="own"\nversion=1\ntitle="x"\narea="370100"\ndemonstration=false\nbased_on="shandong@1"\n'
    rule = 'id="fund.publicity_days_min"\ntitle="t"\nvalue="not_fixed"\nunit="days"\nbasis="b"\n'
    rest = 'grade="government"\nbreach="information"\nfrom="2008-02-01"\n'
    book.act(operator, "pack.publish", {"id": pack, "toml": f"[pack]\n{head}[[rule]]\n{rule}{rest}"})
    adoption = {"area": "370102", "pack": pack, "version": 1, "from_date": "2026-01-01", "document": "a" * 64}
    book.act(operator, "scheme.adopt", adoption)
    line = seen(book, day=book.now[:10])
    told = book.act(BANK, "payment.confirm", {"line": line}, payment=on(book, application).payment or "")[0]
    assert told.found["findings"] == []
