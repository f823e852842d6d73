"""Which cover a claim is held against: on all records of its lift, and whether it was there before the loss."""

from __future__ import annotations

from application import claim_decisions, claims
from application.ids import new_name
from domain.covers import Cover
from domain.lifts import Lift
from domain.limits import Limit
from tests.support import insuring
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_USE_UNIT,
    CERTIFICATE,
    INSURER,
    LIFT,
    LOSS_AT,
    OPERATOR,
    POLICY,
    approval,
    codes,
    insured,
    notice,
    notified,
    payment,
    refusal,
    topics,
)
from tests.support.seeding import seed

LIMIT = f"{POLICY}/limit:{LIFT.removeprefix('lift:')}:2026"


def merged(book: Book, lift: str, into: str) -> None:
    """Let a lift's record go up in another's, which is registered if it is not known."""
    if into not in book.streams:
        said = {"id": into, "variety": "3110", "area": "370100", "status": "in_use", "identifiers": []}
        seed(book, Lift, into, OPERATOR, Lift.Registered, said, {"on": "2025-01-01"})
    seed(book, Lift, lift, OPERATOR, Lift.MergedInto, {"into": into, "reason": "duplicate"})
    seed(book, Lift, into, OPERATOR, Lift.Absorbed, {}, {"lift": lift, "identifiers": [], "settled": []})


def test_the_surviving_record_of_a_merged_lift_is_insured() -> None:
    """A certificate on a record that went up in another, and that in a third, insures the lift there (C11)."""
    book = insured()
    early, (second, third) = notified(book), (new_name("lift"), new_name("lift"))
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
    book, other = insured(), new_name("lift")
    said = {"id": other, "variety": "3110", "area": "370100", "status": "in_use", "identifiers": []}
    seed(book, Lift, other, OPERATOR, Lift.Registered, said, {"on": "2025-01-01"})
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


def test_paying_on_a_policy_that_was_cancelled_from_before_the_loss_is_seen() -> None:
    """The approval stands and is paid; that nothing insured the loss any more is found."""
    book = district()
    policy = insuring.issued(book, insuring.line("", insuring.HOMES, 8_000))
    book.now = "2026-05-05T00:00:00.000000Z"
    path = loss(book, insuring.HOMES, "2026-05-01T02:00:00.000000Z")
    book.act(insuring.INSURER, "claim.approve", approval(1_000), **path)
    assert codes(book.act(insuring.INSURER, "claim.pay", payment(400), **path)) == []
    said = {"effective_on": "2026-04-01", "refund_fen": 8_000, "reason": "sold"}
    book.act(insuring.INSURER, "policy.cancel", said, policy=policy)
    events = book.act(insuring.INSURER, "claim.pay", payment(600), **path)
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
