"""A book with a lift, its use unit, maintainer and workers, for tests of maintenance visits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from application import countersigning, maintenance, schemes
from application.ids import new_name
from application.work import Author
from domain.aggregate import Event
from domain.catalogue import items_due
from domain.errors import DomainError
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear, Visit
from domain.parties import Agent
from tests.support.book import Book
from tests.support.seeding import seed

NOW = "2026-03-02T04:00:00.000000Z"
OPENED = "2026-03-02T02:00:00.000000Z"
FINISHED = "2026-03-02T02:45:00.000000Z"
SIGNED = "2026-03-02T03:30:00.000000Z"
OPERATOR, MAINTAINER, STRANGER, USE_UNIT = (new_name("party") for _ in range(4))
LIFT = new_name("lift")
AREA = "370102"
WORKERS = [new_name("agent"), new_name("agent")]
SIGNER = new_name("agent")
YEAR = f"{LIFT}/maintenance:2026"

BY_MAINTAINER = Author(MAINTAINER, "maintainer", key=new_name("key"))
BY_STRANGER = Author(STRANGER, "maintainer", key=new_name("key"))
BY_SIGNER = Author(
    USE_UNIT, "use_unit", SIGNER, frozenset({"safety_administrator"}), new_name("key"), personal=True
)  # fmt: skip
CODES = [item.code for item in items_due("3110", "HM") if item.condition is None]


def workshop() -> Book:
    """A book with a pack in force, a lift with its use unit and maintainer, and two workers."""
    actions = {action.id: action for action in (*maintenance.ACTIONS, *countersigning.ACTIONS, *schemes.ACTIONS)}
    made = Book(actions, now="2025-01-01T00:00:00.000000Z")
    operator = Author(OPERATOR, "operator", key=new_name("key"))
    pack = new_name("pack")
    made.act(operator, "pack.publish", {"id": pack, "program_pack": "shandong@1"})
    adoption = {"area": AREA, "pack": pack, "version": 1, "from_date": "2025-01-01", "document": "a" * 64}
    made.act(operator, "scheme.adopt", adoption)
    lift = {
        "id": LIFT, "variety": "3110", "area": AREA, "status": "in_use", "use_unit": USE_UNIT,
        "maintainer": MAINTAINER, "identifiers": [{"scheme": "registration_code", "value": "x"}],
    }  # fmt: skip
    seed(made, Lift, LIFT, OPERATOR, Lift.Registered, lift, {"on": "2025-01-01"})
    for worker in WORKERS:
        enrolment = {"id": worker, "party": MAINTAINER, "role": "worker", "certificate": {"of": worker}}
        seed(made, Agent, worker, MAINTAINER, Agent.Enrolled, enrolment)
    enrolment = {"id": SIGNER, "party": USE_UNIT, "role": "safety_administrator"}
    seed(made, Agent, SIGNER, USE_UNIT, Agent.Enrolled, enrolment)
    made.now = NOW
    return made


def body(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a whole visit in order, with some members of its opening changed."""
    opened = {
        "id": new_name("visit"), "lift": LIFT, "level": "HM", "workers": list(WORKERS), "opened_at": OPENED,
    }  # fmt: skip
    return {
        "opened": opened | changes,
        "record": {
            "nodes": [
                {"id": "n1", "kind": "check_in", "device_time": OPENED, "distance_m": 5},
                {"id": "n2", "kind": "second_check_in", "device_time": OPENED},
            ]
        },
        "items": {"results": {"normal": list(CODES)}},
        "finished": {"finished_at": FINISHED, "photos": ["b" * 64]},
    }


def visited(day: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a whole visit of a day, from ten to a quarter to eleven."""
    said = body(opened_at=f"{day}T02:00:00.000000Z", **changes)
    said["finished"]["finished_at"] = f"{day}T02:45:00.000000Z"
    for each in said["record"]["nodes"]:
        each["device_time"] = f"{day}T02:00:00.000000Z"
    return said


def node(name: str) -> dict[str, Any]:
    """Give a node."""
    return {"id": name, "kind": "photo", "device_time": OPENED, "photo": "c" * 64}


def codes(events: list[Event]) -> list[str]:
    """Give the codes of all findings."""
    return [found["code"] for event in events for found in event.found.get("findings", [])]


def named(visit: Mapping[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Name a whole visit, as later requests do."""
    return {"lift": LIFT, "year": int(visit["opened"]["opened_at"][:4]), "visit": visit["opened"]["id"], **more}


def visit_of(book: Book, said: Mapping[str, Any]) -> Visit:
    """Fold the year and give the visit."""
    return book.state(MaintenanceYear, YEAR).visit(said["opened"]["id"])


def signing(book: Book, visit: Mapping[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Sign a recorded visit."""
    digest = visit_of(book, visit).digest
    return named(visit, digest=digest, signed_at=SIGNED) | more


def refusal(book: Book, author: Author, action: str, said: Mapping[str, Any]) -> str:
    """Give the code that a request is refused with; nothing is recorded then."""
    before = len(book.log)
    with pytest.raises(DomainError) as refused:
        book.act(author, action, said)
    assert len(book.log) == before
    return refused.value.code
