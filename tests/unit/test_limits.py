"""Limits of indemnity: reserving, consuming, releasing, both levels, policy years, limits lowered later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from application import limits
from application.ids import new_name
from application.work import Work
from domain.aggregate import Because, Event, Statement
from domain.errors import Conflict, DomainError
from domain.limits import Limit, LimitTerms, limit_stream, policy_year
from domain.time import Period
from tests.support.book import Book
from tests.support.insuring import HOMES, INSURER, OFFICE, derive, issued, line, office

CLAIM, OTHER = new_name("claim"), new_name("claim")
CAUSE = Because(f"{HOMES}/{CLAIM}", 1, "2026-05-01T00:00:00.000000Z")
LOSS = "2026-05-01"
PARTS = [
    {"part": "third_party_injury", "premium_fen": 7_200},
    {"part": "entrapment", "premium_fen": 800, "per_lift_year_fen": 50_000},
]
INJURY, TRAPPED = "third_party_injury", "entrapment"
LIMITS = {"per_lift_year_fen": 100_000, "policy_year_fen": 150_000}


def insured() -> tuple[Book, str]:
    """Give a book with a policy of two lifts, limits on each level."""
    book = office()
    parts = [part | {"premium_fen": part["premium_fen"] * 2} for part in PARTS if isinstance(part["premium_fen"], int)]
    policy = issued(book, line(""), line("", OFFICE), limits=LIMITS, parts=parts)
    book.now = "2026-06-01T00:00:00.000000Z"
    return book, policy


def run(
    book: Book, act: Callable[..., object], policy: str, *, part: str = INJURY, claim: str = CLAIM, lift: str = HOMES,
    loss_on: str = LOSS, **more: int,
) -> list[Event]:  # fmt: skip
    """Call one of the module's functions as a claim's use case would."""

    def handle(work: Work, _statement: Statement, _path: Mapping[str, str]) -> None:
        act(work, CAUSE, policy=policy, lift=lift, part=part, loss_on=loss_on, claim=claim, **more)

    return derive(book, handle)


def state(book: Book, policy: str, lift: str | None = HOMES, year: str = "2026-04-01") -> Limit:
    """Fold a limit."""
    return book.state(Limit, limit_stream(policy, lift, Period(year, "2028-04-01")))


def test_the_first_claim_begins_the_limits() -> None:
    """Both levels are set as on the day of loss, and hold the amount; every event names its cause.

    The part's limit that the policy leaves unsaid is as its product was filed.
    """
    book, policy = insured()
    events = run(book, limits.reserve, policy, amount_fen=30_000)
    assert [event.TOPIC for event in events] == ["limit.Set", "limit.Reserved"] * 2
    assert all(event.said is None for event in events)
    assert {event.effective_at for event in events} == {CAUSE.effective_at}
    assert events[0].found["because"] == {"stream": CAUSE.stream, "version": 1}
    lift, whole = state(book, policy), state(book, policy, None)
    assert (lift.limit_fen, lift.parts, lift.reserved_fen) == (100_000, {INJURY: 100_000_000, TRAPPED: 50_000}, 30_000)
    assert (whole.limit_fen, whole.reserved_fen) == (150_000, 30_000)


def test_what_was_taken_before_a_limit_of_the_whole_policy_counts_under_it() -> None:
    """The policy's own level is kept while it is unlimited: an endorsement that limits it forgets no earlier claim."""
    book = office()
    policy = issued(book, line(""), line("", OFFICE))
    book.now = "2026-06-01T00:00:00.000000Z"
    events = run(book, limits.consume, policy, amount_fen=900_000)
    assert [event.TOPIC for event in events] == ["limit.Set", "limit.Consumed", "limit.Consumed"]
    whole = state(book, policy, None)
    assert (whole.limit_fen, whole.consumed_fen) == (None, 900_000)
    said = {
        "number": "E1", "effective_on": "2026-04-01", "delta_fen": 0, "reason": "limit",
        "limits": {"per_lift_year_fen": 100_000_000, "policy_year_fen": 1_000_000},
    }  # fmt: skip
    book.act(INSURER, "policy.endorse", said, policy=policy)
    with pytest.raises(Conflict) as refusal:
        run(book, limits.consume, policy, claim=OTHER, lift=OFFICE, amount_fen=100_001)
    assert (refusal.value.code, refusal.value.details["free_fen"]) == ("limit_exhausted", 100_000)
    run(book, limits.consume, policy, claim=OTHER, lift=OFFICE, amount_fen=100_000)


def test_a_reserve_is_replaced_not_added() -> None:
    """What a claim holds of a part is one amount; lowering it frees the rest."""
    book, policy = insured()
    run(book, limits.reserve, policy, amount_fen=90_000)
    run(book, limits.reserve, policy, amount_fen=100_000)
    run(book, limits.reserve, policy, amount_fen=20_000)
    run(book, limits.reserve, policy, claim=OTHER, amount_fen=80_000)
    assert state(book, policy).reserved_fen == 100_000


@pytest.mark.parametrize(
    "first, second",
    [
        ({"amount_fen": 0}, {"amount_fen": 100_001}),
        ({"amount_fen": 60_000}, {"amount_fen": 40_001}),
        ({"amount_fen": 0}, {"part": TRAPPED, "amount_fen": 50_001}),
        ({"amount_fen": 100_000}, {"lift": OFFICE, "amount_fen": 50_001}),
    ],
)
def test_no_more_is_taken_than_each_level_has(first: dict[str, Any], second: dict[str, Any]) -> None:
    """The lift's year, the part's, and the whole policy's year: one fen more is refused and records nothing."""
    book, policy = insured()
    run(book, limits.reserve, policy, **first)
    before = len(book.log)
    for act in (limits.reserve, limits.consume):
        with pytest.raises(Conflict) as refusal:
            run(book, act, policy, claim=OTHER, **second)
        assert refusal.value.code == "limit_exhausted"
        assert refusal.value.details["free_fen"] == second["amount_fen"] - 1
    assert len(book.log) == before
    run(book, limits.consume, policy, claim=OTHER, **(second | {"amount_fen": second["amount_fen"] - 1}))


def test_what_is_consumed_comes_out_of_what_is_held() -> None:
    """First the claim's own reserve, then what is free; the rest of a reserve stays until released."""
    book, policy = insured()
    run(book, limits.reserve, policy, amount_fen=50_000)
    run(book, limits.consume, policy, amount_fen=20_000)
    limit = state(book, policy)
    assert (limit.reserved_fen, limit.consumed_fen) == (30_000, 20_000)
    (lift, whole) = run(book, limits.release, policy)
    assert (lift.found["amount_fen"], whole.found["amount_fen"]) == (30_000, 30_000)
    assert run(book, limits.release, policy) == []
    run(book, limits.consume, policy, amount_fen=80_000)
    assert state(book, policy).taken_fen() == 100_000
    with pytest.raises(Conflict):
        run(book, limits.consume, policy, amount_fen=1)


def test_each_policy_year_has_its_own_limit() -> None:
    """The year is that of the loss, from anniversary to anniversary."""
    book = office()
    days = {"from_date": "2026-04-01", "to_date": "2028-04-01"}
    policy = issued(book, line("") | days, limits=LIMITS, **days)
    run(book, limits.consume, policy, amount_fen=100_000)
    run(book, limits.consume, policy, amount_fen=100_000, loss_on="2027-04-01")
    assert state(book, policy, year="2027-04-01").consumed_fen == 100_000
    with pytest.raises(Conflict):
        run(book, limits.consume, policy, amount_fen=1, loss_on="2027-03-31")


@pytest.mark.parametrize("changes", [{"loss_on": "2026-03-31"}, {"loss_on": "2027-04-01"}, {"lift": new_name("lift")}])
def test_a_loss_that_is_not_covered_takes_nothing(changes: dict[str, Any]) -> None:
    """Outside the term, or another lift."""
    book, policy = insured()
    with pytest.raises(DomainError) as refusal:
        run(book, limits.reserve, policy, amount_fen=1, **changes)
    assert refusal.value.code in {"outside_policy", "lift_not_covered"}


def test_a_reserve_is_released_after_a_late_cancellation() -> None:
    """Cancelled since, from before the loss: nothing more is taken, what was held is freed."""
    book, policy = insured()
    run(book, limits.reserve, policy, amount_fen=10_000)
    said = {"effective_on": "2026-04-15", "refund_fen": 0, "reason": "sold"}
    book.act(INSURER, "policy.cancel", said, policy=policy)
    with pytest.raises(DomainError) as refusal:
        run(book, limits.consume, policy, amount_fen=1)
    assert refusal.value.code == "lift_not_covered"
    assert len(run(book, limits.release, policy)) == 2


def test_a_claim_hears_what_it_may_take() -> None:
    """What is free, and what it holds itself; None where nothing limits."""
    book, policy = insured()
    run(book, limits.reserve, policy, amount_fen=30_000)
    run(book, limits.reserve, policy, claim=OTHER, amount_fen=25_000)
    heard: list[int | None] = []

    def ask(work: Work, _statement: Statement, _path: Mapping[str, str]) -> None:
        for part in (INJURY, TRAPPED):
            told = limits.free_fen(work, policy=policy, lift=HOMES, part=part, loss_on=LOSS, claim=CLAIM)
            heard.append(told)

    derive(book, ask)
    assert heard == [75_000, 45_000]
    assert Limit("x").free_fen(INJURY, LimitTerms(None, {})) is None


@pytest.mark.parametrize(
    "on, expected",
    [
        ("2024-02-29", ("2024-02-29", "2025-02-28")),
        ("2025-02-27", ("2024-02-29", "2025-02-28")),
        ("2025-02-28", ("2025-02-28", "2026-02-28")),
        ("2028-02-28", ("2027-02-28", "2028-02-29")),
        ("2028-02-29", ("2028-02-29", "2028-08-29")),
    ],
)
def test_policy_years_run_from_anniversary_to_anniversary(on: str, expected: tuple[str, str]) -> None:
    """Also from 29 February; the last year ends with the policy."""
    assert policy_year(Period("2024-02-29", "2028-08-29"), on) == Period(*expected)
