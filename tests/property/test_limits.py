"""Laws of limits: whatever claims and endorsements do, in any order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from application import limits
from application.ids import new_name
from application.work import Work
from domain.aggregate import Because, Statement
from domain.errors import Conflict
from domain.limits import Limit, limit_stream
from domain.policies import Policy
from domain.time import Period
from tests.support.book import Book
from tests.support.insuring import HOMES, INSURER, derive, issued, line, office

PART = "third_party_injury"
CLAIMS = tuple(new_name("claim") for _ in range(2))
YEAR = Period("2026-04-01", "2027-04-01")
acts = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "consume", "release", "endorse"]), st.sampled_from(CLAIMS), st.integers(1, 120)
    ),
    max_size=12,
)


@cache
def begun() -> tuple[Book, str]:
    """Give a book with a policy of 100 fen for a lift's year and 150 for the policy's, made once."""
    book = office()
    return book, issued(book, line(""), limits={"per_lift_year_fen": 100, "policy_year_fen": 150})


def act(book: Book, policy: str, kind: str, claim: str, fen: int) -> None:
    """Do one thing; a refused one does nothing."""
    if kind == "endorse":
        said = {
            "number": "E", "effective_on": "2026-04-01", "delta_fen": 0, "reason": "x",
            "limits": {"per_lift_year_fen": 100, "policy_year_fen": fen},
        }  # fmt: skip
        book.act(INSURER, "policy.endorse", said, policy=policy)
        return

    def handle(work: Work, _statement: Statement, _path: Mapping[str, str]) -> None:
        cause = Because(f"{HOMES}/{claim}", 1)
        of = {"policy": policy, "part": PART, "loss_on": "2026-05-01", "claim": claim}
        if kind == "release":
            limits.release(work, cause, lift=HOMES, **of)
        elif kind == "reserve":
            limits.reserve(work, cause, lift=HOMES, **of, amount_fen=fen)
        else:
            limits.consume(work, cause, lift=HOMES, **of, amount_fen=fen)

    derive(book, handle)


@given(acts)
def test_no_more_is_taken_than_the_limits_of_that_moment(steps: list[tuple[str, str, int]]) -> None:
    """What is taken anew passes no limit of that moment; amounts never fall below zero and agree on both levels."""
    base, policy = begun()
    book = Book(base.actions, base.now, {name: list(events) for name, events in base.streams.items()})
    streams = [limit_stream(policy, lift, YEAR) for lift in (HOMES, None)]
    for kind, claim, fen in steps:
        before = {stream: len(book.events(stream)) for stream in streams}
        taken = book.state(Limit, streams[0]).taken_fen() if book.events(streams[0]) else 0
        try:
            act(book, policy, kind, claim, fen)
        except Conflict as refusal:
            assert refusal.code == "limit_exhausted"  # noqa: PT017 - a refusal is one of two right outcomes
            assert before == {stream: len(book.events(stream)) for stream in streams}
            continue
        if not book.events(streams[0]):
            continue
        lift, whole = (book.state(Limit, stream) for stream in streams)
        assert (lift.reserved, lift.consumed) == (whole.reserved, whole.consumed)
        assert all(held > 0 for held in lift.reserved.values())
        if kind in {"reserve", "consume"}:
            most = book.state(Policy, policy).limits_on("2026-05-01")
            # A limit lowered since leaves what was held standing: using it takes nothing more.
            assert lift.taken_fen() <= max(taken, min(most["per_lift_year_fen"], most["policy_year_fen"]))
