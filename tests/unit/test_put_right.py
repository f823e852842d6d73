"""What had ended is put right: changes of days before a removal told ahead, and refunds that were wrong."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from domain.aggregate import Event
from domain.covers import Cover, CoverEntry
from domain.earning import unearned
from domain.errors import Conflict, DomainError
from domain.policies import Policy
from tests.support.book import Book
from tests.support.claiming import codes
from tests.support.insuring import HOMES, INSURER, issued, line, office

INJURY = "third_party_injury"


def insured() -> tuple[Book, str, str]:
    """Give a book with a policy of one lift in September, and its certificate."""
    book, item = office(), line("")
    policy = issued(book, item)
    book.now = "2026-09-01T02:00:00.000000Z"
    return book, policy, item["certificate"]


def endorse(book: Book, policy: str, effective_on: str, delta_fen: int, **members: Any) -> list[Event]:  # noqa: ANN401 - members of any type
    """Endorse under a number of its own."""
    said = {"number": f"E-{effective_on}", "effective_on": effective_on, "delta_fen": delta_fen, "reason": "request"}
    return book.act(INSURER, "policy.endorse", {**said, **members}, policy=policy)


def change(certificate: str, effective_on: str, delta_fen: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Give a change of the certificate on HOMES."""
    parts = [{"part": INJURY, "delta_fen": delta_fen}]
    return {"lift": HOMES, "certificate": certificate, "effective_on": effective_on, "parts": parts, **more}


def removal(certificate: str, effective_on: str, refund_fen: int) -> dict[str, Any]:
    """Give a removal of the certificate on HOMES."""
    refunds = [{"part": INJURY, "premium_fen": refund_fen}] if refund_fen else []
    item = {"lift": HOMES, "certificate": certificate, "effective_on": effective_on, "refunds": refunds}
    return {**item, "reason": "scrapped"}


def entry(book: Book, certificate: str) -> CoverEntry:
    """Give a certificate's entry."""
    return book.state(Cover, f"{HOMES}/cover").entry(certificate)


def test_a_removal_told_ahead_stops_no_change_of_the_days_before() -> None:
    """A lift that is to be scrapped in December becomes a shop's in October: a later word of an earlier day (C7)."""
    book, policy, certificate = insured()
    endorse(book, policy, "2026-12-01", -2_652, removes=[removal(certificate, "2026-12-01", 2_652)])
    shop = change(certificate, "2026-10-01", 610, premises_class="public_gathering", per_lift_year_fen=7)
    _, event, *_ = endorse(book, policy, "2026-10-01", 610, changes=[shop])
    assert event.found["working"]["ceiling_fen"] == 8_500 * 183 // 365 + 13_500 * 61 // 365
    found = entry(book, certificate)
    assert [found.terms_on(day).per_lift_year_fen for day in ("2026-09-30", "2026-10-01")] == [None, 7]
    assert found.ends_on == "2026-12-01"
    charged = book.state(Policy, policy).charged
    left = [unearned(charged, day) for day in ("2026-10-01", "2026-10-31", "2026-12-01")]
    whole = 8_000 - 2_652
    assert left == [whole + 610 - Fraction(8_000 * 183, 365), whole + 310 - Fraction(8_000 * 213, 365), 0]


def test_from_the_day_it_ended_a_certificate_is_changed_no_more_and_it_ends_once() -> None:
    """Nothing is insured on that day any more: only what it costs can still be put right."""
    book, policy, certificate = insured()
    endorse(book, policy, "2026-12-01", 0, removes=[removal(certificate, "2026-12-01", 0)])
    for day, members in (
        ("2026-12-02", {"changes": [change(certificate, "2026-12-02", 1)]}),
        ("2026-12-01", {"changes": [change(certificate, "2026-12-01", 1, per_lift_year_fen=8)]}),
        ("2026-11-01", {"removes": [removal(certificate, "2026-11-01", 0)]}),
    ):
        with pytest.raises(Conflict) as refusal:
            endorse(book, policy, day, 1 if "changes" in members else 0, **members)
        assert refusal.value.code == "cover_ended_already"


@pytest.mark.parametrize("day", ["2026-10-01", "2026-04-01"])
def test_a_wrong_refund_is_put_right_on_the_day_the_certificate_ended(day: str) -> None:
    """What was given back too little, or too much, is settled by a further endorsement."""
    book, policy, certificate = insured()
    endorse(book, policy, day, -3_000, removes=[removal(certificate, day, 3_000)])
    for delta_fen, premium_fen in ((-989, 4_011), (500, 4_511)):
        endorse(book, policy, day, delta_fen, changes=[change(certificate, day, delta_fen)])
        state = book.state(Policy, policy)
        assert (state.premium_fen, entry(book, certificate).premium_fen) == (premium_fen, premium_fen)
        assert unearned(state.charged, day) == 0
        assert (state.held_fen, state.due_fen("property_fee")) == (4_011, premium_fen - 4_011)


def test_too_small_a_refund_is_made_good_by_cancelling_again() -> None:
    """From the same day, and no more than is held; what is owed all the same is owed as before (保险法 54, 58)."""
    book, policy, _ = insured()

    def cancel(effective_on: str, refund_fen: int) -> Event:
        said = {"effective_on": effective_on, "refund_fen": refund_fen, "reason": "sold"}
        return book.act(INSURER, "policy.cancel", said, policy=policy)[0]

    assert codes([cancel("2026-10-01", 1_000)]) == ["refund_differs"]
    for day, fen in (("2026-10-02", 2_989), ("2026-09-30", 2_989), ("2026-10-01", 0)):
        with pytest.raises(Conflict) as refusal:
            cancel(day, fen)
        assert refusal.value.code == "policy_state"
    with pytest.raises(DomainError) as over:
        cancel("2026-10-01", 7_001)
    assert over.value.code == "refund_over_received"
    again = cancel("2026-10-01", 2_989)
    assert (codes([again]), again.found["refunds"], again.found["owed"]) == ([], {"property_fee": 2_989}, {})
    state = book.state(Policy, policy)
    assert (state.premium_fen, state.held_fen, state.cancelled_on) == (4_011, 4_011, "2026-10-01")
    assert sum(transaction.premium_fen for transaction in state.stack) == 4_011
    assert state.lifts == 0
