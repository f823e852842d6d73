"""Laws of the stacks of covers: what was known then, what is known now."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.aggregate import Authorship, Journal, Statement
from domain.covers import Cover, CoverEntry
from domain.time import add_days

BEGIN, END = "2026-04-01", "2027-04-01"
CERTIFICATE = "certificate:018f3a5b-d9cb-769f-a165-70867728950e"
CLASSES = ["residential", "non_residential", "public_gathering"]
days = st.integers(0, 364).map(lambda offset: add_days(BEGIN, offset))
changes = st.lists(
    st.tuples(
        days,
        st.none() | st.sampled_from(CLASSES),
        st.none() | st.integers(0, 9),
        st.integers(-50, 50),
    ),
    max_size=8,
)


def covered(said: list[tuple[str, str | None, int | None, int]]) -> Cover:
    """Give a cover with these changes, recorded in this order."""
    cover = Cover("lift:018f3a5b-d9cb-769f-a165-70867728950e/cover")
    cover.journal = Journal(Authorship("party:x", None, None, ()))
    parts = [{"part": "entrapment", "premium_fen": 1_000}]
    line = {
        "policy": "p", "lift": "l", "certificate": CERTIFICATE, "from_date": BEGIN, "to_date": END, "parts": parts
    }  # fmt: skip
    cover.record(Cover.Attached, Statement(line), {"interest": "owner", "premises_class": "residential"})
    for day, premises_class, limit_fen, delta_fen in said:
        change: dict[str, Any] = {"certificate": CERTIFICATE, "effective_on": day}
        if premises_class is not None:
            change["premises_class"] = premises_class
        if limit_fen is not None:
            change["per_lift_year_fen"] = limit_fen
        if delta_fen:
            change["parts"] = [{"part": "entrapment", "delta_fen": delta_fen}]
        cover.record(Cover.Amended, Statement(change))
    return cover


def seen(entry: CoverEntry, on: str) -> tuple[str | None, int | None]:
    """Give what an entry's terms are on a day, without when they were said."""
    terms = entry.terms_on(on)
    return terms.premises_class, terms.per_lift_year_fen


@given(changes, days)
def test_the_order_of_recording_does_not_matter_between_days(
    said: list[tuple[str, str | None, int | None, int]], on: str
) -> None:
    """Late endorsements come to what the same endorsements would have, recorded in the order of their days."""
    late = covered(said).entry(CERTIFICATE)
    in_time = covered(sorted(said, key=lambda change: change[0])).entry(CERTIFICATE)
    assert seen(late, on) == seen(in_time, on)
    assert late.premium_fen == in_time.premium_fen == 1_000 + sum(change[3] for change in said)
    assert late.parts_fen() == {"entrapment": late.premium_fen}


@given(changes, st.integers(0, 8), days)
def test_what_was_known_then_is_the_fold_of_what_was_recorded_then(
    said: list[tuple[str, str | None, int | None, int]], number: int, on: str
) -> None:
    """Whatever is recorded later changes nothing of what was known at a version."""
    then = covered(said[:number]).entry(CERTIFICATE)
    now = covered(said).entry(CERTIFICATE)
    known = now.known(1 + min(number, len(said)))
    assert known == then
    assert known is not None
    assert seen(known, on) == seen(then, on)
    assert known.premium_fen == then.premium_fen
