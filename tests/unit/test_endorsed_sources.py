"""Who bears what an endorsement changes of the premium: the sources it names, else those that bear the premium."""

from __future__ import annotations

from typing import Any

import pytest

from domain.aggregate import Event
from domain.errors import Conflict, DomainError
from domain.policies import Policy
from domain.policy_amounts import overdue_fen
from domain.policy_checks import shares_of
from tests.support.book import Book
from tests.support.insuring import INSURER, OFFICE, line, office, pay, proposed
from tests.support.seeding import seed
from tests.unit.test_endorsements import change, endorse, insured, removal


def raised(book: Book, policy: str, **members: Any) -> Event:  # noqa: ANN401 - as above
    """Add a lift for 8,000 more."""
    added = line(policy, OFFICE, 8_000, from_date="2026-06-01")
    return endorse(book, policy, "2026-06-01", 8_000, adds=[added], **members)[0]


def test_the_premium_of_an_endorsement_is_owed_by_the_sources_it_names() -> None:
    """What an added lift costs can be paid: each source named owes its part of it."""
    book, policy, _ = insured()
    named = [{"kind": "property_fee", "amount_fen": 3_000}, {"kind": "common_income", "amount_fen": 5_000}]
    event = raised(book, policy, sources=named)
    assert (event.found["sources"], event.found["refunds"]) == ({"property_fee": 3_000, "common_income": 5_000}, {})
    state = book.state(Policy, policy)
    assert (state.due_fen("property_fee"), state.due_fen("common_income")) == (3_000, 5_000)
    assert (state.sources, state.premium_fen) == ({"property_fee": 11_000, "common_income": 5_000}, 16_000)
    assert pay(book, policy, 5_000, "common_income").found["over_fen"] == 0
    assert pay(book, policy, 3_001).found["over_fen"] == 1


def test_a_source_is_freed_of_all_that_it_bears_and_no_more() -> None:
    """To the fen; below nothing it bears nothing."""
    less = {"delta_fen": -3_000, "sources": [{"kind": "property_fee", "amount_fen": 3_000}]}
    assert shares_of(less, {"property_fee": 3_000, "other": 1}) == {"property_fee": -3_000}
    with pytest.raises(Conflict) as refusal:
        shares_of(less, {"property_fee": 2_999, "other": 1})
    assert (refusal.value.code, refusal.value.details["due_fen"]) == ("above_due", 2_999)


def test_the_premium_of_an_endorsement_that_names_no_source_is_owed_by_those_that_pay() -> None:
    """In proportion; the owners' fund bears no more unless it is named, so that more is another's."""
    book, policy, _ = insured()
    assert raised(book, policy).found["sources"] == {"property_fee": 8_000}
    assert book.state(Policy, policy).due_fen("property_fee") == 8_000
    book = office()
    policy = proposed(book, line(""), sources=[{"kind": "fund_principal", "amount_fen": 8_000}])
    pay(book, policy, source="fund_principal")
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert raised(book, policy).found["sources"] == {"other": 8_000}
    state = book.state(Policy, policy)
    assert (state.due_fen("fund_principal"), state.due_fen("other")) == (0, 8_000)


def test_endorsements_recorded_before_their_sources_were_fall_on_those_that_pay() -> None:
    """Of schema 1 nobody worked out who bears the change: more is owed by who paid, and less is due back to him."""
    book, policy, _ = insured()
    for delta_fen, owed_fen, held_fen in ((8_000, 8_000, 8_000), (-12_000, 0, 4_000)):
        state = {"said": None, "found": {"transaction": 2, "lifts": 0}}
        Policy.Endorsed.upcast_v1_v2(state)
        said = {"effective_on": "2026-04-01", "delta_fen": delta_fen, "number": "E", "reason": "x"}
        seed(book, Policy, policy, INSURER.party, Policy.Endorsed, said, state["found"])
        now = book.state(Policy, policy)
        assert (now.due_fen("property_fee"), now.held_fen) == (owed_fen, held_fen)


@pytest.mark.parametrize(
    "named, code",
    [
        ([("property_fee", 7_999)], "sources_not_premium"),
        ([("property_fee", 4_000), ("property_fee", 4_000)], "source_twice"),
    ],
)
def test_sources_that_cannot_bear_an_endorsement_are_refused(named: list[tuple[str, int]], code: str) -> None:
    """They come to the change, and each stands once."""
    book, policy, _ = insured()
    with pytest.raises(DomainError) as refusal:
        raised(book, policy, sources=[{"kind": kind, "amount_fen": fen} for kind, fen in named])
    assert refusal.value.code == code


def test_less_premium_goes_back_to_the_sources_it_names() -> None:
    """None of them bears less than nothing, and what was paid above the rest is due back."""
    book = office()
    sources = [{"kind": "property_fee", "amount_fen": 2_000}, {"kind": "common_income", "amount_fen": 6_000}]
    item = line("")
    policy = proposed(book, item, sources=sources)
    pay(book, policy, 2_000)
    pay(book, policy, 6_000, "common_income")
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    removed = removal(item["certificate"], "2026-08-01", 3_000)
    for kind in ("property_fee", "owner_topup"):
        with pytest.raises(Conflict) as refusal:
            endorse(
                book, policy, "2026-08-01", -3_000, removes=[removed], sources=[{"kind": kind, "amount_fen": 3_000}]
            )
        assert refusal.value.code == "above_due"
    named = [{"kind": "common_income", "amount_fen": 3_000}]
    event, _, told = endorse(book, policy, "2026-08-01", -3_000, removes=[removed], sources=named)
    assert (event.found["sources"], event.found["refunds"]) == ({"common_income": -3_000}, {"common_income": 3_000})
    assert (told.TOPIC, told.found["amount_fen"]) == ("payment.ReturnDue", 3_000)
    state = book.state(Policy, policy)
    assert (state.held, state.premium_fen) == ({"property_fee": 2_000, "common_income": 3_000}, 5_000)


def test_what_an_endorsement_added_is_never_overdue() -> None:
    """Paid whole, 300 more on another source, 300 less of the first: nothing has a day that passed, so none lapses."""
    book, policy, certificate = insured()
    for day, delta_fen, kind in (("2026-05-01", 300, "owner_topup"), ("2026-06-01", -300, "property_fee")):
        named = [{"kind": kind, "amount_fen": 300}]
        endorse(book, policy, day, delta_fen, changes=[change(certificate, day, delta_fen)], sources=named)
        with pytest.raises(Conflict) as refusal:
            book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)
        assert refusal.value.code == "premium_not_overdue"
    state = book.state(Policy, policy)
    assert (state.due_fen("owner_topup"), state.held_fen) == (300, 7_700)


def test_drafted_premium_stays_due_when_an_addition_is_taken_back() -> None:
    """Of 8,000 nothing was paid on the second day: 300 more and 300 less leave 4,000 overdue; 300 less again, 3,700."""
    halves = [{"due_on": "2026-03-20", "amount_fen": 4_000}, {"due_on": "2026-05-01", "amount_fen": 4_000}]
    book = office()
    item = line("")
    policy = proposed(book, item, instalments=halves)
    pay(book, policy, 4_000)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    book.now = "2026-09-01T02:00:00.000000Z"
    overdue: list[int] = []
    for day, delta_fen in (("2026-06-01", 300), ("2026-06-02", -300), ("2026-06-03", -300), ("2026-06-04", 300)):
        endorse(book, policy, day, delta_fen, changes=[change(item["certificate"], day, delta_fen)])
        overdue.append(overdue_fen(book.state(Policy, policy), "2026-09-01", frozenset()))
    assert overdue == [4_000, 4_000, 3_700, 3_700]
