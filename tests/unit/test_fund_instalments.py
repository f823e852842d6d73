"""What the fund still owes of an issued policy, and policies that two sources of the fund pay: never stuck."""

from __future__ import annotations

import pytest

from application.actions import Writes
from application.ids import new_name
from domain.covers import Cover
from domain.errors import Conflict, DomainError
from domain.funds import Fund
from domain.policies import Policy
from tests.support.book import Book
from tests.support.funding import (
    BANK,
    FUND,
    HOUSING,
    LIFT,
    PREMIUM_FEN,
    approve,
    balances,
    cancelled,
    filed,
    fund,
    funded,
    house,
    on,
    pay,
    quoted,
    quoted_again,
    seen,
    stage,
    voted,
)
from tests.support.insuring import HOLDER, HOMES, INSURER, derive, line, proposed

HALF = PREMIUM_FEN // 2
INSTALMENTS = [{"due_on": "2026-03-20", "amount_fen": HALF}, {"due_on": "2026-09-01", "amount_fen": HALF}]


def by_fee(book: Book, policy: str, amount_fen: int = HALF) -> None:
    """Have the property fee pay so much."""
    payment = new_name("payment")
    said = {"id": payment, "policy": policy, "payee": INSURER.party, "amount_fen": amount_fen}
    book.act(HOLDER, "payment.request", {**said, "source_kind": "property_fee"})
    book.act(INSURER, "payment.confirm", {"line": seen(book, amount_fen, "in", INSURER)}, payment=payment)


def applied(book: Book, policy: str, plan: str, vote: str, fen: int, source: str = "fund_principal") -> str:
    """File, approve and stage; returns the application's name."""
    application = filed(book, policy, plan, vote, pays_from=source, amount_fen=fen)
    approve(book, application, fen)
    if source == "fund_principal":
        stage(book, application)
    return application


def lessened(book: Book, policy: str, fen: int) -> None:
    """Endorse to so much less premium, of which both sources bear half."""
    certificate = book.state(Cover, f"{LIFT}/cover").of_policy(policy)[0].certificate
    change = {
        "lift": LIFT, "certificate": certificate, "effective_on": "2026-05-01",
        "parts": [{"part": "third_party_injury", "delta_fen": -fen}],
    }  # fmt: skip
    said = {"number": "E1", "effective_on": "2026-05-01", "reason": "rate", "delta_fen": -fen, "changes": [change]}
    book.act(INSURER, "policy.endorse", said, policy=policy)


def issued(book: Book) -> tuple[str, str, str, str]:
    """Have a policy issued on the fee's first instalment, the fund's half approved; returns all names."""
    policy = quoted(book, HALF, instalments=INSTALMENTS)
    plan, vote = voted(book)
    application = applied(book, policy, plan, vote, HALF)
    by_fee(book, policy)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    return policy, plan, vote, application


def test_a_share_that_an_endorsement_lowered_is_applied_for_again() -> None:
    """Approved were 4,000, due are 3,600: the bureau approves what is due, and the houses are charged that."""
    book = funded()
    policy, plan, vote, first = issued(book)
    lessened(book, policy, 800)
    with pytest.raises(Conflict) as refusal:
        pay(book, first, amount_fen=HALF)
    assert refusal.value.code == "share_not_declared"
    book.act(HOUSING, "application.void", {"reason": "share_changed"}, fund=FUND, application=first)
    second = applied(book, policy, plan, vote, 3_600)
    pay(book, second, amount_fen=3_600, line=seen(book, 3_600))
    state = book.state(Policy, policy)
    assert (state.held, state.due_fen("fund_principal")) == ({"property_fee": 3_600, "fund_principal": 3_600}, 0)
    assert balances(book, [second]) == {name: account.balance_fen for name, account in fund(book).houses.items()}
    book.now = "2026-09-02T02:00:00.000000Z"
    with pytest.raises(Conflict) as kept:
        book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)
    assert kept.value.code == "premium_not_overdue"
    with pytest.raises(Conflict) as again:
        filed(book, policy, plan, vote, amount_fen=3_600)
    assert (again.value.code, again.value.details["by"]) == ("policy_applied_already", second)


def test_a_share_that_fell_while_its_money_was_under_way_is_paid_by_another_application() -> None:
    """What was ordered is more than is due: it comes back whole, and what is due is applied for again."""
    book = funded()
    policy, plan, vote, first = issued(book)
    pay(book, first, amount_fen=HALF)
    lessened(book, policy, 800)
    payment = on(book, first).payment or ""
    book.act(BANK, "payment.confirm", {"line": seen(book, HALF)}, payment=payment)
    assert on(book, first).state == "return_due"
    book.act(BANK, "payment.return", {"line": seen(book, HALF, "in")}, payment=payment)
    second = applied(book, policy, plan, vote, 3_600)
    pay(book, second, amount_fen=3_600, line=seen(book, 3_600))
    assert on(book, second).state == "paid"
    assert fund(book).bank_fen == 300_000 - 3_600


def test_a_reservation_that_expired_before_the_instalment_is_made_again() -> None:
    """Approved in March, expired in May, due in September."""
    book = funded()
    policy, plan, vote, first = issued(book)
    expires = fund(book).reservation(first).expires
    book.now = expires
    row = Writes("fund.ReservationVoided", "fund:", derived=True)
    derive(book, lambda work, _statement, _path: work.change(Fund, FUND).expire(expires), row)
    book.now = "2026-08-20T02:00:00.000000Z"
    second = applied(book, policy, plan, vote, HALF)
    pay(book, second, amount_fen=HALF, line=seen(book, HALF))
    assert book.state(Policy, policy).due_fen("fund_principal") == 0


def test_what_the_sub_accounts_bear_of_an_issued_share_is_paid_and_the_rest_stays_due() -> None:
    """Nobody can quote an issued policy anew; the owner whose account is empty owes his share himself (MF09)."""
    book = funded((9_000, 9_000, 9_000))
    policy, plan, vote, first = issued(book)
    book.act(HOUSING, "application.void", {"reason": "wrong"}, fund=FUND, application=first)
    house(book, 9_000, deposit_fen=1)
    second = filed(book, policy, plan, vote, amount_fen=HALF)
    approve(book, second, 3_000)
    stage(book, second)
    pay(book, second, amount_fen=3_000, line=seen(book, 3_000))
    assert book.state(Policy, policy).due_fen("fund_principal") == 1_000
    assert filed(book, policy, plan, vote, amount_fen=1_000)


def test_nothing_is_applied_for_when_an_issued_policys_source_owes_nothing() -> None:
    """The property fee bears it all: the fund has no share."""
    book = funded()
    policy = quoted(book, 0)
    plan, vote = voted(book)
    by_fee(book, policy, PREMIUM_FEN)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    with pytest.raises(Conflict) as refusal:
        filed(book, policy, plan, vote)
    assert (refusal.value.code, refusal.value.details["due_fen"]) == ("above_due", 0)


def two_sources(book: Book) -> str:
    """Have a policy proposed that principal and income of the fund pay."""
    book.act(BANK, "fund.add_income", {"amount_fen": 10_000, "kind": "interest"}, fund=FUND)
    sources = [{"kind": "fund_principal", "amount_fen": 5_000}, {"kind": "fund_income", "amount_fen": 3_000}]
    return proposed(book, line("", LIFT, PREMIUM_FEN), sources=sources)


def test_two_sources_of_the_fund_pay_one_policy() -> None:
    """Each is applied for by itself, once; then the policy is issued (PB01)."""
    book = funded()
    policy, (plan, vote) = two_sources(book), voted(book)
    principal = applied(book, policy, plan, vote, 5_000)
    income = applied(book, policy, plan, vote, 3_000, "fund_income")
    for source in ("fund_principal", "fund_income"):
        with pytest.raises(Conflict) as refusal:
            filed(book, policy, plan, vote, pays_from=source)
        assert refusal.value.code == "policy_applied_already"
    pay(book, principal, amount_fen=5_000, line=seen(book, 5_000))
    pay(book, income, amount_fen=3_000, line=seen(book, 3_000))
    assert book.state(Policy, policy).held == {"fund_principal": 5_000, "fund_income": 3_000}
    assert fund(book).income_fen == 7_000
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)


def test_a_plans_amount_is_the_most_that_all_policies_bought_by_it_cost() -> None:
    """The owners voted on 8,000 once: what was paid and refunded is free again, to the fen (MF05; Civil Code 278)."""
    book = funded()
    plan, vote = voted(book, amount_fen=PREMIUM_FEN)
    first = quoted(book)
    paid_first = applied(book, first, plan, vote, PREMIUM_FEN)
    pay(book, paid_first, line=seen(book))
    second = filed(book, quoted_again(book), plan, vote)
    assert "above_plan" in [found["code"] for found in book.log[-1].found["findings"]]
    cancelled(book, first, PREMIUM_FEN)
    path = {"fund": FUND, "application": paid_first}
    for fen, code in ((PREMIUM_FEN - 1, "above_plan"), (1, None)):
        said = {"payment": new_name("payment"), "amount_fen": fen, "line": seen(book, fen, "in")}
        book.act(BANK, "application.refund", said, **path)
        if code is None:
            approve(book, second)
        else:
            with pytest.raises(DomainError) as refusal:
                approve(book, second)
            assert refusal.value.details["finding"] == code


def test_both_applications_together_stay_within_the_plan() -> None:
    """The owners voted on 6,000 for this policy: 5,000 and 3,000 are more (MF05)."""
    book = funded()
    policy, (plan, vote) = two_sources(book), voted(book, amount_fen=6_000)
    applied(book, policy, plan, vote, 5_000)
    second = filed(book, policy, plan, vote, pays_from="fund_income", amount_fen=3_000)
    with pytest.raises(DomainError) as refusal:
        approve(book, second, 3_000)
    assert refusal.value.details["finding"] == "above_plan"


def lift_added(book: Book, policy: str, fen: int, *sources: tuple[str, int]) -> None:
    """Endorse to one lift more from May on, whose premium these sources bear."""
    added = line(policy, HOMES, fen, from_date="2026-05-01")
    named = [{"kind": kind, "amount_fen": amount_fen} for kind, amount_fen in sources]
    said = {"number": "E2", "effective_on": "2026-05-01", "reason": "added", "delta_fen": fen, "adds": [added]}
    book.act(INSURER, "policy.endorse", {**said, "sources": named}, policy=policy)


def bought(book: Book) -> tuple[str, str, str, str]:
    """Have a policy paid whole by the fund and issued; returns policy, plan, vote and application."""
    policy, (plan, vote) = quoted(book), voted(book)
    application = applied(book, policy, plan, vote, PREMIUM_FEN)
    pay(book, application, line=seen(book))
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    return policy, plan, vote, application


def test_the_fund_pays_for_a_lift_that_an_endorsement_adds_by_a_further_application() -> None:
    """Due is what the endorsement names; voted, approved and paid like the first, once, and to the fen."""
    book = funded()
    policy, plan, vote, first = bought(book)
    lift_added(book, policy, 4_000, ("fund_principal", 3_000), ("property_fee", 1_000))
    second, rival = (filed(book, policy, plan, vote, amount_fen=3_000) for _ in range(2))
    approve(book, second, 3_000)
    for attempt in (lambda: approve(book, rival, 3_000), lambda: filed(book, policy, plan, vote, amount_fen=3_000)):
        with pytest.raises(Conflict) as refusal:
            attempt()
        assert (refusal.value.code, refusal.value.details["by"]) == ("policy_applied_already", second)
    stage(book, second)
    pay(book, second, amount_fen=3_000, line=seen(book, 3_000))
    state = book.state(Policy, policy)
    assert (state.held, state.due_fen("fund_principal")) == ({"fund_principal": PREMIUM_FEN + 3_000}, 0)
    assert balances(book, [first, second]) == {name: account.balance_fen for name, account in fund(book).houses.items()}
    with pytest.raises(Conflict) as again:
        approve(book, rival, 3_000)
    assert again.value.code == "policy_applied_already"


@pytest.mark.parametrize("code, fen, wanted", [("above_due", 4_001, 4_001), ("above_plan", 4_000, 4_000)])
def test_a_further_application_is_bound_by_what_is_due_and_by_the_plan(code: str, fen: int, wanted: int) -> None:
    """No more than the endorsement put on the fund, and no more than the owners voted on."""
    book = funded()
    policy, (plan, vote) = quoted(book), voted(book, amount_fen=1_000_000 if code == "above_due" else 11_999)
    first = applied(book, policy, plan, vote, PREMIUM_FEN)
    pay(book, first, line=seen(book))
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    lift_added(book, policy, 4_000, ("fund_principal", 4_000))
    second = filed(book, policy, plan, vote, amount_fen=fen)
    with pytest.raises(DomainError) as refusal:
        approve(book, second, wanted)
    assert code in {refusal.value.code, refusal.value.details.get("finding")}


def test_premium_of_two_applications_goes_back_to_each_as_it_paid() -> None:
    """The policy ends: what it gives back is claimed of each payment by itself, and never more than that."""
    book = funded()
    policy, plan, vote, first = bought(book)
    lift_added(book, policy, 4_000, ("fund_principal", 4_000))
    second = applied(book, policy, plan, vote, 4_000)
    pay(book, second, amount_fen=4_000, line=seen(book, 4_000))
    said = {"effective_on": "2026-06-01", "refund_fen": 9_000, "reason": "sold"}
    book.act(INSURER, "policy.cancel", said, policy=policy)
    for application, fen in ((first, 6_000), (second, 3_000)):
        path = {"fund": FUND, "application": application}
        with pytest.raises(Conflict) as refusal:
            book.act(INSURER, "application.claim_refund", {"amount_fen": fen + 1, "reason": "ended"}, **path)
        assert refusal.value.details["left_fen"] == fen
        book.act(INSURER, "application.claim_refund", {"amount_fen": fen, "reason": "ended"}, **path)
        refund = {"payment": new_name("payment"), "amount_fen": fen, "line": seen(book, fen, "in")}
        book.act(BANK, "application.refund", refund, **path)
    assert fund(book).bank_fen == 300_000 - PREMIUM_FEN - 4_000 + 9_000
