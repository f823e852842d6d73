"""A book with three lifts in a use unit's hands and two maintainers, for tests of maintenance contracts."""

from __future__ import annotations

from typing import Any

from application import contracts, lift_changes
from application import lifts as lift_actions
from application.work import AggregateCache, Author, Work
from domain.aggregate import Event, Statement
from domain.parties import Party
from tests.support.book import ORIGIN, Book

UNIT = Author("party:2f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")
FIRST = Author("party:3f8fad5b-d9cb-469f-a165-70867728950e", "maintainer")
SECOND = Author("party:4f8fad5b-d9cb-469f-a165-70867728950e", "maintainer")
LIFTS = [f"lift:018f3a5b-d9cb-769f-a165-7086772895{n:02x}" for n in range(3)]
A = "contract:018f3a5b-d9cb-769f-a165-70867728950a"
B = "contract:018f3a5b-d9cb-769f-a165-70867728950b"
STATED = "lift:018f3a5b-d9cb-769f-a165-7086772895ff"
REGULATOR = Author("party:6f8fad5b-d9cb-469f-a165-70867728950e", "market_regulator", areas=("370100",))
ELSEWHERE = Author("party:7f8fad5b-d9cb-469f-a165-70867728950e", "market_regulator", areas=("440300",))
NEXT_UNIT = Author("party:8f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")


def contracting() -> Book:
    """Give three lifts in the use unit's hands, and two maintainers."""
    new = Book({a.id: a for a in (*lift_actions.ACTIONS, *lift_changes.ACTIONS, *contracts.ACTIONS)})
    cache = AggregateCache()
    work = Work(ORIGIN, UNIT, new.now, new, cache, keep=cache)
    for author in (UNIT, FIRST, SECOND):
        work.new(Party, author.party).record(Party.Registered, Statement({"id": author.party, "kind": author.kind}))
    new.given(*work.journal.events)
    for number, name in enumerate(LIFTS):
        said = {
            "id": name, "identifiers": [{"scheme": "platform_code", "issuer": "p", "value": str(number)}],
            "variety": "3110", "area": "370102", "status": "in_use", "use_unit": UNIT.party,
            "effective_on": "2024-01-01",
        }  # fmt: skip
        new.act(UNIT, "lift.register", said)
    return new


def beginning(
    name: str, maintainer: Author, from_date: str, to_date: str | None = None, lifts: list[str] = LIFTS[:2]
) -> dict[str, Any]:
    """Give a contract for the first two lifts, or for others."""
    said = {"id": name, "maintainer": maintainer.party, "lifts": lifts, "from_date": from_date, "level": "full"}
    return said if to_date is None else {**said, "to_date": to_date}


def seams(events: list[Event]) -> list[str]:
    """Give the codes of what events found of terms that overlap or leave days uncovered."""
    return [found["code"] for event in events for found in event.found.get("findings", ())]


def stated(book: Book, holder: Author = REGULATOR) -> str:
    """Register a lift of UNIT of which the register states FIRST as the maintainer."""
    said = {
        "id": STATED, "identifiers": [{"scheme": "platform_code", "issuer": "p", "value": "9"}], "variety": "3110",
        "area": "370102", "status": "in_use", "maintainer": FIRST.party, "effective_on": "2024-01-01",
        "use_unit": UNIT.party,
    }  # fmt: skip
    book.act(holder, "lift.register", said)
    return STATED
