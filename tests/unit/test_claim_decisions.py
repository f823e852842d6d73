"""Deciding and paying claims: what is approved, refused, paid, and into whose hands."""

from __future__ import annotations

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
    less,
    notified,
    papers,
    payment,
    refusal,
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
