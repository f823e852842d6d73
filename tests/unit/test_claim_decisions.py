"""Deciding and paying claims: what is approved, refused, paid, and into whose hands."""

from __future__ import annotations

from typing import Any

import pytest

from application.ids import new_name
from domain.catalogue import coverage_parts
from domain.claim_checks import require_payee
from domain.errors import Invalid, RuleBroken
from domain.limits import Limit
from domain.policies import Policy
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_OTHER,
    BY_USE_UNIT,
    INSURER,
    LIFT,
    LIMIT_FEN,
    LOSS_AT,
    POLICY,
    approval,
    claim_at,
    codes,
    insured,
    notified,
    payment,
    refusal,
    register,
    topics,
)
from tests.support.seeding import seed

LIMIT = f"{POLICY}/limit:{LIFT.removeprefix('lift:')}:2026"


@pytest.fixture
def book() -> Book:
    """A book with one insured lift."""
    return insured()


# ------------------------------------------------------------------------------------------------------------ notice


# ---------------------------------------------------------------------------------------------------------- decisions


def test_approval_and_limit_are_saved_together(book: Book) -> None:
    """The approval stands on the claim, what it consumes on the policy's limit, in one save, caused by it."""
    path = notified(book)
    events = book.act(BY_INSURER, "claim.approve", approval(40_000, effective_on="2026-03-04"), **path)
    assert topics(events) == ["claim.Approved", "limit.Set", "limit.Consumed", "limit.Consumed"]
    assert events[0].said == {"amount_fen": 40_000, "currency": "CNY", "effective_on": "2026-03-04"}
    assert events[0].effective_at == events[2].effective_at == "2026-03-03T16:00:00.000000Z"
    assert events[2].originator_id == LIMIT
    assert events[2].found["because"] == {"stream": f"{LIFT}/{path['claim']}", "version": 2}
    assert events[0].found["reads"][LIMIT] == 0
    assert book.state(Limit, LIMIT).consumed_fen == 40_000


def test_nothing_above_what_is_left_of_the_limit(book: Book) -> None:
    """What other claims hold and used counts; the refusal says what is free."""
    first, second = notified(book), notified(book)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": LIMIT_FEN - 1_000}, **first)
    refused = refusal(book, BY_INSURER, "claim.approve", approval(1_001), **second)
    assert (refused.code, refused.details["free_fen"]) == ("limit_exhausted", 1_000)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **second)
    book.act(BY_INSURER, "claim.approve", approval(LIMIT_FEN - 1_000), **first)
    limit = book.state(Limit, LIMIT)
    assert (limit.consumed_fen, limit.reserved_fen) == (LIMIT_FEN, 0)


def test_only_the_insurer_at_the_loss_decides(book: Book) -> None:
    """Another insurer, or the use unit, decides nothing."""
    path = notified(book)
    for author in (BY_OTHER, BY_USE_UNIT):
        assert refusal(book, author, "claim.approve", approval(1), **path).code == "right_missing"
        assert refusal(book, author, "claim.reserve", {"amount_fen": 1}, **path).code == "right_missing"
    assert refusal(book, BY_OTHER, "claim.file", papers(), **path).code == "right_missing"


def papers() -> dict[str, Any]:
    """Give a filing of papers."""
    return {"papers": [{"kind": "claim_form", "digest": "a" * 64}], "received_on": "2026-03-05"}


def test_heads_sum_to_the_amount(book: Book) -> None:
    """An assessment or approval whose heads do not sum to it is refused."""
    path = notified(book)
    heads = [{"head": "medical", "amount_fen": 600}, {"head": "lost_income", "amount_fen": 400}]
    wrong = {"heads": heads, "total_fen": 999}
    assert refusal(book, BY_INSURER, "claim.assess", wrong, **path).code == "heads_sum"
    book.act(BY_INSURER, "claim.assess", {"heads": heads, "total_fen": 1_000}, **path)
    assert refusal(book, BY_INSURER, "claim.approve", approval(999, heads=heads), **path).code == "heads_sum"
    assert codes(book.act(BY_INSURER, "claim.approve", approval(1_001), **path)) == ["over_assessed"]


def test_a_difference_is_approved_as_such(book: Book) -> None:
    """A second approval must say that it adds to the first."""
    path = notified(book)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    assert refusal(book, BY_INSURER, "claim.approve", approval(500), **path).code == "approved_already"
    book.act(BY_INSURER, "claim.approve", approval(500, further=True), **path)
    assert claim_at(book, path).approved_fen == book.state(Limit, LIMIT).consumed_fen == 1_500


def test_entrapment_benefit_below_the_floor_is_flagged(book: Book) -> None:
    """Two persons for half an hour: 400 yuan in all by the pack."""
    entrapment = {"alarm_at": LOSS_AT, "released_at": "2026-03-01T02:30:00.000000Z", "persons": 2}
    path = notified(book, part="entrapment", kind="entrapment", entrapment=entrapment)
    other = notified(book, part="entrapment", kind="entrapment", entrapment=entrapment)
    assert codes(book.act(BY_INSURER, "claim.approve", approval(39_999), **path)) == ["benefit_below_floor"]
    assert codes(book.act(BY_INSURER, "claim.approve", approval(40_000), **other)) == []


def less(approved_fen: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a reduction of an approval."""
    said = {"approved_fen": approved_fen, "currency": "CNY", "reason": "settled", "agreed_on": "2026-03-05"}
    return said | {"document": "d" * 64} | more


def test_an_approval_is_lowered_as_agreed_and_its_limits_get_back_the_difference(book: Book) -> None:
    """What was settled for less is closed when that is paid, and others may take what came back (保险法 23)."""
    path, other = notified(book), notified(book)
    book.act(BY_INSURER, "claim.approve", approval(LIMIT_FEN), **path)
    book.act(BY_INSURER, "claim.pay", payment(800), **path)
    events = book.act(BY_INSURER, "claim.reduce", less(900), **path)
    assert topics(events) == ["claim.ApprovalReduced", "limit.Restored", "limit.Restored"]
    assert events[0].found["restored_fen"] == LIMIT_FEN - 900
    assert [(due["clock"], due["start_on"]) for due in events[0].found["due"]] == [("K4", "2026-03-05")]
    assert claim_at(book, path).agreed_on == "2026-03-05"
    assert book.act(BY_INSURER, "claim.reduce", less(800, agreed_on="2026-03-04"), **path)[0].found["due"] == []
    assert claim_at(book, path).agreed_on == "2026-03-05"
    book.act(BY_INSURER, "claim.close", {"reason": "settled"}, **path)
    refused = refusal(book, BY_INSURER, "claim.approve", approval(LIMIT_FEN), **other)
    assert refused.details["free_fen"] == LIMIT_FEN - 800
    book.act(BY_INSURER, "claim.approve", approval(LIMIT_FEN - 800), **other)


def test_an_approval_is_lowered_by_its_insurer_to_what_is_paid_at_the_least(book: Book) -> None:
    """What was paid or advanced stays taken; what is no less than before is no reduction."""
    path = notified(book)
    assert refusal(book, BY_INSURER, "claim.reduce", less(0), **path).code == "claim_state"
    book.act(BY_INSURER, "claim.advance", payment(300, kind="quick_half"), **path)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    book.act(BY_INSURER, "claim.pay", payment(100), **path)
    for author in (BY_OTHER, BY_USE_UNIT):
        assert refusal(book, author, "claim.reduce", less(500), **path).code == "right_missing"
    assert refusal(book, BY_INSURER, "claim.reduce", less(1_000), **path).code == "approval_not_lower"
    refused = refusal(book, BY_INSURER, "claim.reduce", less(399), **path)
    assert (refused.code, refused.details["paid_fen"]) == ("paid_already", 400)
    later = less(400, agreed_on="2026-03-06")
    assert refusal(book, BY_INSURER, "claim.reduce", later, **path).code == "date_in_future"
    book.act(BY_INSURER, "claim.reduce", less(400), **path)
    assert claim_at(book, path).agreed_on is None, "nothing is left to pay, so no clock runs"
    assert book.state(Limit, LIMIT).consumed_fen == 400
    assert refusal(book, BY_INSURER, "claim.pay", payment(1), **path).code == "over_approved"


def test_an_approval_that_comes_to_nothing_is_none_any_more(book: Book) -> None:
    """The claim is decided on again, or withdrawn."""
    path, assessed = notified(book), notified(book)
    heads = [{"head": "medical", "amount_fen": 600}]
    book.act(BY_INSURER, "claim.assess", {"heads": heads, "total_fen": 600}, **assessed)
    for claim in (path, assessed):
        book.act(BY_INSURER, "claim.approve", approval(600), **claim)
        book.act(BY_INSURER, "claim.reduce", less(0), **claim)
    assert (claim_at(book, path).state, claim_at(book, assessed).state) == ("notified", "assessed")
    assert book.state(Limit, LIMIT).consumed == {}
    book.act(BY_INSURER, "claim.approve", approval(500), **path)
    book.act(BY_USE_UNIT, "claim.withdraw", {"reason": "settled_otherwise"}, **assessed)


def test_a_benefit_lowered_below_the_floor_is_flagged(book: Book) -> None:
    """Whatever was agreed, a floor is a floor (domain-model L5)."""
    entrapment = {"alarm_at": LOSS_AT, "released_at": "2026-03-01T02:30:00.000000Z", "persons": 2}
    path = notified(book, part="entrapment", kind="entrapment", entrapment=entrapment)
    book.act(BY_INSURER, "claim.approve", approval(50_000), **path)
    assert codes(book.act(BY_INSURER, "claim.reduce", less(40_000), **path)) == []
    assert codes(book.act(BY_INSURER, "claim.reduce", less(39_999), **path)) == ["benefit_below_floor"]


def test_refusal_frees_what_was_held(book: Book) -> None:
    """A refused claim holds nothing; its reasons are codes."""
    path = notified(book)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 5_000}, **path)
    events = book.act(BY_INSURER, "claim.refuse", {"reasons": ["not_covered"], "decided_on": "2026-03-05"}, **path)
    assert topics(events) == ["claim.Refused", "limit.Released", "limit.Released"]
    assert book.state(Limit, LIMIT).reserved_fen == 0
    assert refusal(book, BY_INSURER, "claim.approve", approval(1), **path).code == "claim_state"


# -------------------------------------------------------------------------------------------------------------- money


def test_paid_never_more_than_approved(book: Book) -> None:
    """Payments sum to the approval at the most, and need one."""
    path = notified(book)
    assert refusal(book, BY_INSURER, "claim.pay", payment(1), **path).code == "claim_state"
    book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    book.act(BY_INSURER, "claim.pay", payment(600), **path)
    refused = refusal(book, BY_INSURER, "claim.pay", payment(401), **path)
    assert (refused.code, refused.details["left_fen"]) == ("over_approved", 400)
    book.act(BY_INSURER, "claim.pay", payment(400), **path)


def test_advance_counts_against_the_final_amount(book: Book) -> None:
    """An advance takes the limit when paid; the approval takes only the rest, and the payment is the balance."""
    path = notified(book)
    advance = payment(300, "hospital", kind="emergency_medical")
    assert topics(book.act(BY_INSURER, "claim.advance", advance, **path)) == [
        "claim.AdvancePaid", "limit.Set", "limit.Consumed", "limit.Consumed",
    ]  # fmt: skip
    assert book.act(BY_INSURER, "claim.approve", approval(1_000), **path)[0].found["taken_fen"] == 700
    assert book.state(Limit, LIMIT).consumed_fen == 1_000
    assert refusal(book, BY_INSURER, "claim.pay", payment(701), **path).code == "over_approved"
    assert refusal(book, BY_INSURER, "claim.advance", advance, **path).code == "approved_already"
    book.act(BY_INSURER, "claim.pay", payment(700), **path)


def test_advance_over_the_final_amount_is_flagged(book: Book) -> None:
    """What was advanced beyond the approval, or on a claim refused later, is to be recovered: a finding."""
    path, other, exact = notified(book), notified(book), notified(book)
    for claim in (path, other, exact):
        book.act(BY_INSURER, "claim.advance", payment(300, kind="quick_half"), **claim)
    assert codes(book.act(BY_INSURER, "claim.approve", approval(300), **exact)) == []
    events = book.act(BY_INSURER, "claim.approve", approval(200), **path)
    assert codes(events) == ["advanced_over_approved"]
    assert topics(events) == ["claim.Approved"]
    assert refusal(book, BY_INSURER, "claim.pay", payment(1), **path).code == "over_approved"
    refused = {"reasons": ["not_covered"], "decided_on": "2026-03-05"}
    assert codes(book.act(BY_INSURER, "claim.refuse", refused, **other)) == ["advanced_and_refused"]


@pytest.mark.parametrize(
    "part, payee, code",
    [
        ("third_party_injury", "third_party", None),
        ("third_party_injury", "insured", "third_party_first"),
        ("third_party_injury", "repairer", "payee_wrong"),
        ("entrapment", "passenger", None),
        ("entrapment", "insured", "third_party_first"),
        ("entrapment", "third_party", "payee_wrong"),
        ("equipment", "insured", None),
        ("equipment", "third_party", "payee_wrong"),
    ],
)
def test_money_goes_into_the_right_hands(book: Book, part: str, payee: str, code: str | None) -> None:
    """Liability money is the third party's, an entrapment's the passenger's, property's the insured's (L8)."""
    path = notified(book, part=part)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    if code is None:
        book.act(BY_INSURER, "claim.pay", payment(1_000, payee), **path)
    else:
        assert refusal(book, BY_INSURER, "claim.pay", payment(1_000, payee), **path).code == code


MONEY_OF: dict[str, tuple[set[str], bool]] = {
    "third_party": ({"third_party", "hospital"}, True),
    "passenger": ({"passenger"}, True),
    "employee": ({"employee", "hospital"}, True),
    "insured": ({"insured"}, False),
    "insured_or_repairer": ({"insured", "repairer"}, False),
}
"""Who is paid at once, by whose money a part is, and whether the insured is once he compensated him (L8)."""


@pytest.mark.parametrize("payee", ["third_party", "hospital", "passenger", "employee", "insured", "repairer"])
@pytest.mark.parametrize("part", sorted(coverage_parts()))
def test_of_each_part_those_are_paid_whose_money_it_is(part: str, payee: str) -> None:
    """The insured has another's money only with proof that he compensated him (保险法 65 款三)."""
    at_once, compensates = MONEY_OF[coverage_parts()[part].payee]
    later = payee == "insured" and compensates
    for compensated in (False, True):
        if payee in at_once or (later and compensated):
            require_payee(part, payee, compensated=compensated)
            continue
        with pytest.raises(RuleBroken) as refused:
            require_payee(part, payee, compensated=compensated)
        assert refused.value.code == ("third_party_first" if later else "payee_wrong")


def test_nobody_is_paid_of_a_part_that_is_none() -> None:
    """The refusal is a typed one."""
    with pytest.raises(Invalid) as refused:
        require_payee("nothing", "insured", compensated=True)
    assert refused.value.code == "part_unknown"


def test_insured_is_paid_after_compensating(book: Book) -> None:
    """With proof that the third party was compensated the insured may be paid (保险法 65.3)."""
    path = notified(book)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    book.act(BY_INSURER, "claim.pay", payment(1_000, "insured", compensated="b" * 64), **path)
    assert claim_at(book, path).paid_fen == 1_000


@pytest.mark.parametrize("filed", [False, True])
def test_a_deductible_that_is_not_taken_off_is_seen(*, filed: bool) -> None:
    """The insured's own part of the assessed loss (免赔额), of the policy or as filed, is no part of the approval."""
    terms = {"deductible_fen": 300}
    book = insured(filed_limits=terms) if filed else insured(part_limits=terms)
    for amount_fen, found in ((701, ["deductible_not_applied"]), (700, []), (1_001, ["over_assessed"])):
        path = notified(book)
        assessed = {"heads": [{"head": "medical", "amount_fen": 1_000}], "total_fen": 1_000}
        book.act(BY_INSURER, "claim.assess", assessed, **path)
        assert codes(book.act(BY_INSURER, "claim.approve", approval(amount_fen), **path)) == found


# --------------------------------------------------------------------------------------------------------------- days


def said_of(day: str, at: str) -> dict[str, dict[str, Any]]:
    """Give what each act says that happened on a day, or at an instant."""
    refused = {"reasons": ["x"], "decided_on": day}
    return {
        "claim.approve": approval(10, effective_on=day), "claim.pay": payment(10, paid_at=at),
        "claim.advance": payment(10, kind="quick_half", paid_at=at), "claim.agree": {"agreed_on": day},
        "claim.refuse": refused, "claim.file": papers() | {"received_on": day},
        "claim.ask_supplement": {"missing": ["invoice"], "delivered_on": day}, "claim.reduce": less(10, agreed_on=day),
    }  # fmt: skip


@pytest.mark.parametrize("action", sorted(said_of("", "")))
def test_nothing_of_a_claim_happened_on_a_day_to_come(book: Book, action: str) -> None:
    """It is 5 March in Shanghai until 16:00 UTC: that day has come, the next one has not."""
    path = notified(book)
    if action in {"claim.pay", "claim.agree", "claim.reduce"}:
        book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    book.now = "2026-03-05T15:59:59.999999Z"
    later = said_of("2026-03-06", "2026-03-05T16:00:00.000000Z")[action]
    assert refusal(book, BY_INSURER, action, later, **path).code == "date_in_future"
    book.act(BY_INSURER, action, said_of("2026-03-05", book.now)[action], **path)


def test_a_notice_of_refusal_and_an_occurrence_are_of_the_past_too(book: Book) -> None:
    """What went out tomorrow did not go out, what occurs tomorrow did not occur."""
    refused = {"reasons": ["x"], "decided_on": "2026-03-05", "notice_on": "2026-03-06"}
    assert refusal(book, BY_INSURER, "claim.refuse", refused, **notified(book)).code == "date_in_future"
    occurred = {"id": new_name("occurrence"), "at": "2026-03-05T00:00:00.000001Z", "kind": "injury"}
    assert refusal(book, BY_USE_UNIT, "occurrence.open", occurred).code == "date_in_future"


def test_nothing_is_decided_on_a_loss_before_its_day(book: Book) -> None:
    """Nor on one that is notified though it is yet to come; it may be refused, and held for."""
    path, coming = notified(book), notified(book, loss_at="2026-03-07T00:00:00.000000Z")
    early = approval(10, effective_on="2026-02-28")
    assert refusal(book, BY_INSURER, "claim.approve", early, **path).code == "before_loss"
    book.act(BY_INSURER, "claim.approve", approval(10, effective_on="2026-03-01"), **path)
    assert refusal(book, BY_INSURER, "claim.approve", approval(10), **coming).code == "before_loss"
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 10}, **coming)
    book.act(BY_INSURER, "claim.refuse", {"reasons": ["x"], "decided_on": "2026-03-05"}, **coming)


@pytest.mark.parametrize("action", sorted(set(said_of("", "")) - {"claim.approve", "claim.refuse"}))
def test_a_fact_dated_before_the_loss_is_seen(book: Book, action: str) -> None:
    """One of the two days is wrong, and nobody here can say which: money and papers are recorded."""
    path = notified(book)
    if action in {"claim.pay", "claim.agree", "claim.reduce"}:
        book.act(BY_INSURER, "claim.approve", approval(1_000, effective_on="2026-03-01"), **path)
    said = said_of("2026-02-28", "2026-02-28T02:00:00.000000Z")[action]
    found = codes(book.act(BY_INSURER, action, said, **path))
    assert "dated_before_loss" in found
    assert ("paid_before_approval" in found) is (action == "claim.pay")


def test_money_paid_before_the_day_of_its_approval_is_seen(book: Book) -> None:
    """Recorded late on one day is no matter; the register tells the approval from when it was paid on."""
    path, late = notified(book), notified(book)
    now, book.now = "2026-03-05T09:00:00.000000Z", "2026-03-05T08:00:00.000000Z"
    for claim in (path, late):
        book.act(BY_INSURER, "claim.approve", approval(1_000), **claim)
    book.now = now
    assert codes(book.act(BY_INSURER, "claim.pay", payment(1_000), **path)) == []
    (found,) = book.act(
        BY_INSURER, "claim.pay", payment(600, paid_at="2026-03-04T00:00:00.000000Z"), **late
    )[0].found["findings"]  # fmt: skip
    assert (found["code"], found["verdict"]) == ("paid_before_approval", "manual_review")
    assert found["facts"] == {"paid_on": "2026-03-04", "paid_fen": 600, "approved_fen": 0}
    for claim in (path, late):
        assert all(row["paid_fen"] <= row["approved_fen"] for row in register(book, claim))
    assert [(row["since"], row["approved_fen"]) for row in register(book, path)] == [
        ("2026-03-05T00:00:00.000000Z", 1_000)
    ]


# --------------------------------------------------------------------------------------------------------------- ends


def test_a_claim_is_closed_when_paid_and_may_be_reopened(book: Book) -> None:
    """Nothing unpaid is closed; what is still held becomes free; a reopened claim stands where its money was."""
    path = notified(book)
    assert refusal(book, BY_INSURER, "claim.close", {"reason": "done"}, **path).code == "claim_state"
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 5_000}, **path)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    assert refusal(book, BY_INSURER, "claim.close", {"reason": "done"}, **path).code == "unpaid"
    book.act(BY_INSURER, "claim.pay", payment(1_000), **path)
    events = book.act(BY_INSURER, "claim.close", {"reason": "done"}, **path)
    assert topics(events) == ["claim.Closed", "limit.Released", "limit.Released"]
    limit = book.state(Limit, LIMIT)
    assert (limit.consumed_fen, limit.reserved_fen) == (1_000, 0)
    book.act(BY_USE_UNIT, "claim.reopen", {"reason": "worse"}, **path)
    assert claim_at(book, path).state == "approved"
    book.act(BY_INSURER, "claim.approve", approval(100, further=True), **path)


def test_withdrawal_only_before_money(book: Book) -> None:
    """Who gave notice may withdraw while nothing was paid or decided; it may be taken up again."""
    path, paid = notified(book), notified(book)
    assert refusal(book, BY_INSURER, "claim.withdraw", {"reason": "x"}, **path).code == "right_missing"
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 5_000}, **path)
    events = book.act(BY_USE_UNIT, "claim.withdraw", {"reason": "settled"}, **path)
    assert topics(events) == ["claim.Withdrawn", "limit.Released", "limit.Released"]
    book.act(BY_USE_UNIT, "claim.reopen", {"reason": "not_settled"}, **path)
    assert claim_at(book, path).state == "notified"
    book.act(BY_INSURER, "claim.advance", payment(1, kind="quick_half"), **paid)
    assert refusal(book, BY_USE_UNIT, "claim.withdraw", {"reason": "x"}, **paid).code == "paid_already"


def test_policy_cancelled_after_the_loss_still_pays(book: Book) -> None:
    """What counts is the policy at the time of loss; a loss after the cancellation has no cover."""
    path, later = notified(book), notified(book, loss_at="2026-03-02T02:00:00.000000Z")
    found = {"transaction": 2, "refunds": {}, "unearned_fen": 0, "findings": []}
    said = {"effective_on": "2026-03-02", "refund_fen": 0, "reason": "sold"}
    seed(book, Policy, POLICY, INSURER, Policy.Cancelled, said, found)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **path)
    assert refusal(book, BY_INSURER, "claim.approve", approval(1_000), **later).code == "no_cover_in_force"


def test_unknown_claim_is_not_found(book: Book) -> None:
    """A claim that nobody notified is not known."""
    refused = refusal(book, BY_INSURER, "claim.approve", approval(1), lift=LIFT, claim=new_name("claim"))
    assert refused.code == "claim_unknown"
