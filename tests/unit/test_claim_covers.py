"""Which cover a claim is held against: on all records of its lift, and whether it was there before the loss."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application import claim_decisions, claims
from application.ids import new_name
from domain.claims import Claim
from domain.covers import Cover
from domain.lifts import Lift
from domain.limits import Limit
from tests.support import insuring
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_OTHER,
    BY_USE_UNIT,
    CERTIFICATE,
    INSURER,
    LIFT,
    LIMIT_FEN,
    LOSS_AT,
    OPERATOR,
    OTHER_INSURER,
    POLICY,
    approval,
    codes,
    insured,
    insured_twice,
    merged,
    notice,
    notified,
    papers,
    payment,
    refusal,
    registered,
    topics,
)
from tests.support.seeding import seed

LIMIT = f"{POLICY}/limit:{LIFT.removeprefix('lift:')}:2026"


def test_the_surviving_record_of_a_merged_lift_is_insured() -> None:
    """A certificate on a record that went up in another, and that in a third, insures the lift there (C11)."""
    book = insured()
    early, second, third = notified(book), registered(book, certified=False), registered(book, certified=False)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 10}, **early)
    merged(book, LIFT, second)
    merged(book, second, third)
    said = notice(lift=third)
    events = book.act(BY_USE_UNIT, "claim.notify", said)
    assert codes(events) == []
    assert events[0].found["cover"] == {"policy": POLICY, "certificate": CERTIFICATE, "insurer": INSURER}
    path = {"lift": third, "claim": said["id"]}
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 500}, **path)
    events = book.act(BY_INSURER, "claim.approve", approval(400), **path)
    assert next(event.originator_id for event in events if event.TOPIC == "limit.Consumed") == LIMIT
    refused = {"reasons": ["not_covered"], "decided_on": "2026-03-05"}
    events = book.act(BY_INSURER, "claim.refuse", refused, **early)
    assert topics(events) == ["claim.Refused", "limit.Released", "limit.Released"]
    limit = book.state(Limit, LIMIT)
    assert (limit.consumed_fen, limit.reserved_fen) == (400, 100)
    book.act(BY_INSURER, "claim.pay", payment(400), **path)
    assert "limit.Released" in topics(book.act(BY_INSURER, "claim.close", {"reason": "done"}, **path))
    assert book.state(Limit, LIMIT).reserved_fen == 0


def test_a_loss_on_a_record_that_went_up_is_covered_by_the_surviving_one() -> None:
    """Also where the certificate stands on the record that goes on, and two of them are seen (C11)."""
    book = insured()
    other = registered(book, certified=False)
    path = notified(book, lift=other)
    assert refusal(book, BY_INSURER, "claim.approve", approval(1), **path).code == "no_cover_in_force"
    merged(book, other, LIFT)
    book.act(BY_INSURER, "claim.approve", approval(1), **path)
    line = {
        "policy": POLICY, "lift": other, "certificate": new_name("certificate"), "from_date": "2026-01-01",
        "to_date": "2027-01-01", "parts": [{"part": "third_party_injury", "premium_fen": 0}],
    }  # fmt: skip
    terms = {"interest": "owner", "premises_class": "residential", "pending": False}
    seed(book, Cover, f"{other}/cover", INSURER, Cover.Attached, line, terms)
    assert codes(book.act(BY_USE_UNIT, "claim.notify", notice())) == ["several_covers"]


def certified_twice(**limits: int) -> tuple[Book, str]:
    """Give a book in which two records of one lift were certified under one policy, and the second one's name."""
    book = insured(part_limits=limits)
    return book, registered(book)


@pytest.mark.parametrize("before", [0, 600, 1_000])
def test_two_records_of_one_lift_have_one_limit(before: int) -> None:
    """What was taken under either record counts, before they were merged and after (C11)."""
    book, other = certified_twice(per_lift_year_fen=1_000)
    one, two = notified(book), notified(book, lift=other, loss_at="2026-02-01T02:00:00.000000Z")
    if before:
        book.act(BY_INSURER, "claim.approve", approval(before), **one)
    merged(book, other, LIFT)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 0}, **two)
    refused = refusal(book, BY_INSURER, "claim.approve", approval(1_001 - before), **two)
    assert (refused.code, refused.details["free_fen"]) == ("limit_exhausted", 1_000 - before)
    if before < 1_000:
        book.act(BY_INSURER, "claim.approve", approval(1_000 - before), **two)
    further = approval(1, further=True) if before else approval(1)
    assert refusal(book, BY_INSURER, "claim.approve", further, **one).code == "limit_exhausted"


def test_of_two_certificates_of_one_lift_the_higher_limit_binds() -> None:
    """The lift has one limit in the policy year, and what either certificate agreed on holds for it."""
    book, other = certified_twice()
    merged(book, other, LIFT)
    one, two = notified(book), notified(book, lift=other)
    change = {"lift": other, "effective_on": "2026-01-01", "per_lift_year_fen": LIMIT_FEN + 500}
    change["certificate"] = next(iter(book.state(Cover, f"{other}/cover").entries))
    seed(book, Cover, f"{other}/cover", INSURER, Cover.Amended, change, {})
    book.act(BY_INSURER, "claim.approve", approval(LIMIT_FEN + 200), **one)
    refused = refusal(book, BY_INSURER, "claim.approve", approval(301), **two)
    assert (refused.code, refused.details["free_fen"]) == ("limit_exhausted", 300)
    book.act(BY_INSURER, "claim.approve", approval(300), **two)


def test_a_claim_whose_certificate_is_taken_back_uses_what_it_held_there() -> None:
    """The other record insures it still; nothing of its limit stays held (C11)."""
    book, other = certified_twice()
    path = notified(book)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 500}, **path)
    merged(book, LIFT, other)
    removal = {
        "lift": LIFT, "certificate": CERTIFICATE, "effective_on": "2026-01-01", "refunds": [], "reason": "duplicate",
    }  # fmt: skip
    seed(book, Cover, f"{LIFT}/cover", INSURER, Cover.Ended, removal, {})
    book.act(BY_INSURER, "claim.approve", approval(400), **path)
    limit = book.state(Limit, LIMIT)
    assert (limit.reserved_fen, limit.consumed_fen) == (100, 400)
    book.act(BY_INSURER, "claim.pay", payment(400), **path)
    book.act(BY_INSURER, "claim.close", {"reason": "done"}, **path)
    assert {name: book.state(Limit, name).reserved_fen for name in book.streams if "/limit:" in name} == {
        LIMIT: 0, f"{POLICY}/limit:all:2026": 0,
    }  # fmt: skip


def test_what_a_limit_holds_for_an_ended_claim_is_freed_whatever_the_claim_says() -> None:
    """Ledgers from before hold it under one record and used it under another."""
    book, other = certified_twice()
    path = notified(book)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 500}, **path)
    seed(
        book,
        Claim,
        f"{LIFT}/{path['claim']}",
        INSURER,
        Claim.Approved,
        approval(500),
        {"taken_fen": 500, "policy": POLICY},
    )
    used = {"claim": path["claim"], "part": "third_party_injury", "amount_fen": 500}
    elsewhere, whole = f"{POLICY}/limit:{other.removeprefix('lift:')}:2026", f"{POLICY}/limit:all:2026"
    seed(book, Limit, elsewhere, INSURER, Limit.Consumed, {}, used | {"from_reserve_fen": 0})
    seed(book, Limit, whole, INSURER, Limit.Consumed, {}, used | {"from_reserve_fen": 500})
    merged(book, LIFT, other)
    book.act(BY_INSURER, "claim.pay", payment(500), **path)
    assert topics(book.act(BY_INSURER, "claim.close", {"reason": "done"}, **path)) == ["claim.Closed", "limit.Released"]
    assert book.state(Limit, LIMIT).reserved_fen == 0


def district() -> Book:
    """Give a book in which policies are issued and claims decided."""
    book = insuring.office()
    more = (*claims.ACTIONS, *claim_decisions.ACTIONS)
    book.actions = {**book.actions, **{action.id: action for action in more}}
    return book


def loss(book: Book, lift: str, loss_at: str) -> dict[str, str]:
    """Have the holder give notice of an injury."""
    said = notice(lift=lift, loss_at=loss_at, insurer=insuring.INSURER.party)
    book.act(insuring.HOLDER, "claim.notify", said)
    return {"lift": lift, "claim": said["id"]}


def test_a_policy_issued_after_the_loss_is_seen_at_every_decision() -> None:
    """A loss that had happened when the cover was put in force was certain (责任保险业务监管办法 6): a finding."""
    book, days = district(), {"from_date": "2026-01-01", "to_date": "2027-01-01"}
    book.now = "2026-02-02T00:00:00.000000Z"
    path = loss(book, insuring.HOMES, "2026-02-01T02:00:00.000000Z")
    book.now = insuring.TODAY
    insuring.issued(book, insuring.line("", insuring.HOMES, 8_000, **days), **days)
    for action, said in (
        ("claim.advance", payment(100, "hospital", kind="emergency_medical", paid_at=insuring.TODAY)),
        ("claim.approve", approval(1_000)),
    ):
        (found,) = book.act(insuring.INSURER, action, said, **path)[0].found["findings"]
        assert (found["code"], found["verdict"]) == ("cover_recorded_after_loss", "manual_review")
        assert "责任保险业务监管办法" in found["basis"]
        assert (found["facts"]["loss_on"], found["facts"]["recorded_on"]) == ("2026-02-01", "2026-03-15")
    later = loss(book, insuring.HOMES, "2026-03-15T02:00:00.000000Z")
    assert codes(book.act(insuring.INSURER, "claim.approve", approval(1_000), **later)) == []


def test_a_lift_added_after_its_loss_is_seen() -> None:
    """An endorsement from a day before the loss covers it, and the approval says that it came after."""
    book = district()
    policy = insuring.issued(book, insuring.line("", insuring.HOMES, 8_000))
    book.now = "2026-05-05T00:00:00.000000Z"
    path = loss(book, insuring.OFFICE, "2026-05-01T02:00:00.000000Z")
    said = {
        "number": "E", "effective_on": "2026-04-20", "delta_fen": 5_000, "reason": "added",
        "adds": [insuring.line(policy, insuring.OFFICE, 5_000, from_date="2026-04-20")],
    }  # fmt: skip
    book.act(insuring.INSURER, "policy.endorse", said, policy=policy)
    events = book.act(insuring.INSURER, "claim.approve", approval(1_000), **path)
    assert codes(events) == ["cover_recorded_after_loss"]
    homes = loss(book, insuring.HOMES, "2026-05-01T02:00:00.000000Z")
    assert codes(book.act(insuring.INSURER, "claim.approve", approval(1_000), **homes)) == []


@pytest.mark.parametrize("whole", [True, False])
def test_limits_changed_after_the_loss_are_seen(whole: bool) -> None:
    """From a day before it, of the policy or of the certificate: not what was agreed when it happened."""
    book, item = district(), insuring.line("", insuring.HOMES, 8_000)
    policy = insuring.issued(book, item)
    book.now = "2026-05-05T00:00:00.000000Z"
    path = loss(book, insuring.HOMES, "2026-05-01T02:00:00.000000Z")
    limit = {"per_lift_year_fen": 200_000_000}
    for day, found in (("2026-05-02", []), ("2026-05-01", ["limits_recorded_after_loss"])):
        change = {"lift": insuring.HOMES, "certificate": item["certificate"], "effective_on": day, **limit}
        said = {"number": f"E-{day}", "effective_on": day, "delta_fen": 0, "reason": "r"}
        said |= {"limits": limit} if whole else {"changes": [change]}
        book.act(insuring.INSURER, "policy.endorse", said, policy=policy)
        assert codes(book.act(insuring.INSURER, "claim.approve", approval(100, further=True), **path)) == found
    later = loss(book, insuring.HOMES, "2026-05-05T00:00:00.000000Z")
    assert codes(book.act(insuring.INSURER, "claim.approve", approval(1_000), **later)) == []


def test_a_certificates_own_limit_binds_beside_another_of_the_lift() -> None:
    """A lift has one certificate for persons and one for repair: what was agreed for the one is not the other's."""
    book, repair = district(), [{"part": "parts_repair", "premium_fen": 500}]
    lines = [insuring.line("", insuring.HOMES, 8_000), insuring.line("", insuring.HOMES, parts=repair)]
    policy = insuring.issued(book, *lines)
    book.now = "2026-05-05T00:00:00.000000Z"
    change = {
        "lift": insuring.HOMES, "certificate": lines[0]["certificate"], "effective_on": "2026-04-20",
        "per_lift_year_fen": 1_000,
    }  # fmt: skip
    said = {"number": "E", "effective_on": "2026-04-20", "delta_fen": 0, "reason": "r", "changes": [change]}
    book.act(insuring.INSURER, "policy.endorse", said, policy=policy)
    first, second = (loss(book, insuring.HOMES, f"2026-05-0{day}T02:00:00.000000Z") for day in (1, 2))
    book.act(insuring.INSURER, "claim.approve", approval(700), **first)
    assert refusal(book, insuring.INSURER, "claim.approve", approval(301), **second).code == "limit_exhausted"
    book.act(insuring.INSURER, "claim.approve", approval(300), **second)
    assert refusal(book, insuring.INSURER, "claim.reserve", {"amount_fen": 1}, **second).code == "limit_exhausted"
    notified = notice(lift=insuring.HOMES, loss_at="2026-05-01T02:00:00.000000Z", part="parts_repair")
    book.act(insuring.HOLDER, "claim.notify", notified)
    mended = {"lift": insuring.HOMES, "claim": notified["id"]}
    book.act(insuring.INSURER, "claim.approve", approval(1_001), **mended)
    change["per_lift_year_fen"] = 900
    lowered = book.act(insuring.INSURER, "policy.endorse", said, policy=policy)[-1]
    assert (lowered.TOPIC, codes([lowered])) == ("limit.Set", ["consumed_over_limit"])
    assert lowered.found["findings"][0]["facts"] == {"taken_fen": 1_000, "limit_fen": 900}


def test_a_policy_that_lapses_in_the_afternoon_insured_the_morning() -> None:
    """An insurer's word takes no cover from hours that have passed: it ends with the day (民法典 565)."""
    book = district()
    instalments = [{"due_on": "2026-04-01", "amount_fen": 5_000}, {"due_on": "2026-06-30", "amount_fen": 3_000}]
    policy = insuring.proposed(book, insuring.line("", insuring.HOMES, 8_000), instalments=instalments)
    insuring.pay(book, policy, 5_000)
    book.act(insuring.INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    book.now = "2026-07-01T08:00:00.000000Z"
    book.act(insuring.INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)
    morning = loss(book, insuring.HOMES, "2026-07-01T01:00:00.000000Z")
    book.act(insuring.INSURER, "claim.approve", approval(1_000), **morning)
    book.now = "2026-07-02T08:00:00.000000Z"
    later = loss(book, insuring.HOMES, "2026-07-02T01:00:00.000000Z")
    assert refusal(book, insuring.INSURER, "claim.approve", approval(1_000), **later).code == "no_cover_in_force"


def test_paying_on_a_policy_that_was_cancelled_from_before_the_loss_is_seen() -> None:
    """The approval stands and is paid; that nothing insured the loss any more is found."""
    book = district()
    policy = insuring.issued(book, insuring.line("", insuring.HOMES, 8_000))
    book.now = "2026-05-05T00:00:00.000000Z"
    path = loss(book, insuring.HOMES, "2026-05-01T02:00:00.000000Z")
    book.act(insuring.INSURER, "claim.approve", approval(1_000), **path)
    assert codes(book.act(insuring.INSURER, "claim.pay", payment(400, paid_at=book.now), **path)) == []
    said = {"effective_on": "2026-04-01", "refund_fen": 8_000, "reason": "sold"}
    book.act(insuring.INSURER, "policy.cancel", said, policy=policy)
    events = book.act(insuring.INSURER, "claim.pay", payment(600, paid_at=book.now), **path)
    assert codes(events) == ["no_cover_in_force"]
    assert events[0].found["pack"]["name"] == "shandong@1"


def test_a_loss_is_ruled_by_the_pack_of_where_the_lift_then_stood() -> None:
    """A lift that moved since to a district without a pack keeps, for its earlier losses, the rules it had (C9)."""
    book = insured()
    moved = {"area": "370283", "effective_on": "2026-03-04"}
    seed(book, Lift, LIFT, OPERATOR, Lift.Moved, moved, {"on": "2026-03-04"})
    trapped = {"alarm_at": LOSS_AT, "released_at": "2026-03-01T05:00:00.000000Z", "persons": 1}
    said = notice(part="entrapment", kind="entrapment", entrapment=trapped)
    events = book.act(BY_USE_UNIT, "claim.notify", said)
    assert events[0].found["entrapment"] == {"seconds": 10_800, "floor_fen": 50_000}
    events = book.act(BY_INSURER, "claim.approve", approval(49_999), lift=LIFT, claim=said["id"])
    assert codes(events) == ["benefit_below_floor"]


def test_the_insurer_says_which_of_its_policies_pays() -> None:
    """Of two that cover the loss the first is taken; where it is exhausted the other is named, and its limits taken."""
    book, second = insured(limit_fen=1_000), new_name("policy")
    insured_twice(book, second)
    exhausted, path = notified(book), notified(book)
    book.act(BY_INSURER, "claim.approve", approval(1_000), **exhausted)
    assert refusal(book, BY_INSURER, "claim.approve", approval(600), **path).code == "limit_exhausted"
    other = new_name("policy")
    assert refusal(book, BY_INSURER, "claim.approve", approval(600, policy=other), **path).code == "no_cover_in_force"
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 100, "policy": second}, **path)
    assert refusal(book, BY_INSURER, "claim.approve", approval(600, policy=POLICY), **path).code == "no_cover_in_force"
    events = book.act(BY_INSURER, "claim.approve", approval(600), **path)
    assert events[0].found["policy"] == second
    assert {event.originator_id.partition("/")[0] for event in events[1:]} == {second}
    book.act(BY_INSURER, "claim.pay", payment(600), **path)


def test_a_claim_that_holds_nothing_may_come_out_of_another_policy() -> None:
    """What was held under the first is given up before it is held under the second, never under both."""
    book, second = insured(limit_fen=1_000), new_name("policy")
    insured_twice(book, second)
    path = notified(book)
    advance = payment(700, kind="quick_half", policy=second)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 500}, **path)
    assert refusal(book, BY_INSURER, "claim.advance", advance, **path).code == "no_cover_in_force"
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 0}, **path)
    assert book.act(BY_INSURER, "claim.advance", advance, **path)[0].found["policy"] == second
    assert book.state(Limit, LIMIT).taken_fen() == 0


def shared(book: Book, policy: str, *insurers: str) -> None:
    """Let several insure a policy, the first of whom leads."""
    drafted, *later = book.streams[policy]
    found = {**drafted.found, "insurers": [{"party": party, "share_bp": 10_000 // len(insurers)} for party in insurers]}
    book.streams[policy] = [replace(drafted, found=found), *later]


def test_a_notice_is_for_the_cover_of_whoever_is_given_it() -> None:
    """Of several that cover the loss the claimant chooses (保险法 56), also by one of several insurers of a policy."""
    book, second = insured(), new_name("policy")
    insured_twice(book, second)
    for told, leader in ((OTHER_INSURER, OTHER_INSURER), (INSURER, INSURER)):
        shared(book, second, leader, *({OTHER_INSURER, INSURER} - {leader}))
        shared(book, POLICY, INSURER)
        (event,) = book.act(BY_USE_UNIT, "claim.notify", notice(insurer=told))
        wanted = second if told == OTHER_INSURER else POLICY
        assert (event.found["cover"]["policy"], event.found["cover"]["insurer"]) == (wanted, told)
    (event,) = book.act(BY_USE_UNIT, "claim.notify", notice(insurer=OTHER_INSURER))
    assert event.found["cover"] == {**event.found["cover"], "policy": second, "insurer": INSURER}


def test_notice_to_one_of_several_insurers_is_for_who_leads_them_to_deal_with() -> None:
    """The cover was recorded after it; he who follows refuses nothing for the others (共保)."""
    book = insured()
    attached = book.streams.pop(f"{LIFT}/cover")
    shared(book, POLICY, INSURER, OTHER_INSURER)
    path = notified(book, insurer=OTHER_INSURER)
    book.act(BY_OTHER, "claim.file", papers(), **path)
    book.streams[f"{LIFT}/cover"] = attached
    refused = {"reasons": ["not_covered"], "decided_on": "2026-03-05"}
    assert refusal(book, BY_OTHER, "claim.refuse", refused, **path).code == "right_missing"
    book.act(BY_INSURER, "claim.file", papers(), **path)
    book.act(BY_INSURER, "claim.refuse", refused, **path)
