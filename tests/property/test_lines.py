"""Laws of a register's lines: what the last one says holds from the day it says on, decided and read alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from application import buildings, lifts
from application.projections.folding import begins
from application.work import Author
from domain.lifts import Lift
from domain.time import add_days
from tests.property.test_lifts import LIFT, known
from tests.support.book import Book
from tests.support.history import Told, logged

BUREAU = Author("party:0f8fad5b-d9cb-469f-a165-70867728950e", "market_regulator", areas=("370100",))
DAYS = [add_days("2026-01-01", number) for number in range(6)]
TODAY = "2026-02-01"


def _building(number: str) -> dict[str, Any]:
    return {"source": {"system": "register", "id": number}}


LINES = st.fixed_dictionaries(
    {"status": st.sampled_from(["in_use", "stopped"]), "area": st.sampled_from(["370102", "370103"])},
    optional={
        "status_since": st.sampled_from(DAYS), "effective_on": st.sampled_from(DAYS),
        "premises_class": st.sampled_from(["residential", "non_residential"]),
        "venue": st.sampled_from(["school", "office"]), "building": st.sampled_from([_building("1"), _building("2")]),
    },
)  # fmt: skip


def line(said: Mapping[str, Any]) -> dict[str, Any]:
    """Give a whole line."""
    claim = {"scheme": "platform_code", "issuer": "register", "value": "1"}
    return {"source": {"system": "register", "id": "1"}, "identifiers": [claim], "variety": "3110", **said}


@given(lines=st.lists(LINES, min_size=1, max_size=5))
def test_what_the_last_line_says_holds_from_the_day_it_says_on(lines: list[dict[str, Any]]) -> None:
    """Whatever lines said before, of whatever days: nothing of it holds on a day of which the last says otherwise."""
    book = Book({a.id: a for a in (*lifts.ACTIONS, *buildings.ACTIONS)}, now=f"{TODAY}T00:00:00.000000Z")
    for said in lines:
        book.act(BUREAU, "lift.import", line(said))
    (name,) = (stream for stream in book.streams if stream.startswith("lift:"))
    told = [Told(LIFT, e.TOPIC, e.said, e.found, e.effective_at or begins(TODAY)) for e in book.events(name)]
    last, lift, rows = lines[-1], book.state(Lift, name), known(logged(told))
    on = last.get("effective_on", TODAY)
    for day in (*DAYS, TODAY):
        # Of a day that was said once and is said no longer nobody says that it was wrong.
        if day >= last.get("status_since", TODAY):
            assert lift.status_on(day) == last["status"]
        if day >= on:
            (row,) = (r.values for r in rows if r.effective_from <= begins(day) < (r.effective_to or "9"))
            assert lift.area_on(day) == last["area"] == row[0]
            assert lift.class_on(day) == last.get("premises_class")
            assert lift.venue_on(day) == last.get("venue") == row[2]
            assert (row[3] is None) == ("building" not in last)
            assert row[3] == lift.building
