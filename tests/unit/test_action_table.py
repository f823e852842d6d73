"""The published table of actions as a verifier reads it: which request may write which event, where and when."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from application.catalogue import ACTIONS
from application.genesis import actions_digest
from audit.actions import Table, shape_of
from audit.errors import ActionMismatch
from audit.events import Header

AT = "2025-11-01T08:00:00.000000Z"
TABLE: Any = {
    "format": 1,
    "actions": [
        {"id": "claim.approve", "method": "POST", "path": "/lifts/{lift}/claims/{claim}/approve", "group_lines": None,
         "writes": [
             {"type": "claim.Approved", "stream": "{lift}/{claim}", "at": "", "effective_at": "/on", "derived": False},
             {"type": "limit.Consumed", "stream": "policy:/limit:", "at": "", "effective_at": None, "derived": True},
             {"type": "limit.Ended", "stream": "policy:/limit:", "at": "", "effective_at": "/until", "derived": True},
         ]},
        {"id": "visit.record", "method": "POST", "path": "/visits", "group_lines": 30,
         "writes": [{"type": "visit.Opened", "stream": "{lift}/maintenance:{year}", "at": "/visits/*",
                     "effective_at": None, "derived": False}]},
        {"id": "lift.find", "method": "POST", "path": "/lifts/{lift}", "group_lines": None, "writes": []},
        {"id": "lift.import", "method": "POST", "path": "/lifts/import", "group_lines": 17, "writes": []},
    ],
}  # fmt: skip


def header(type_: str, stream: str, effective_at: str = AT) -> Header:
    """Make a header with the members that a table looks at."""
    return Header(None, "", None, "", None, "", None, effective_at, "", 9, None, AT, 1, 1, stream, type_, 1)


def body(said: dict[str, Any] | None, found: dict[str, Any] | None = None, at: str = "") -> dict[str, Any]:
    """Make a body."""
    return {"said": said, "found": found or {}, "from": None if said is None else {"at": at, "line": None}}


def check(uri: str, head: Header, words: dict[str, Any], *causes: str) -> str | None:
    """Hold an event against the request's row; gives what differs, None if nothing does."""
    found = Table.from_json(TABLE).find("POST", uri)
    assert found is not None
    try:
        if causes:
            found[0].check_derived(head, words, causes)
        else:
            found[0].check_stated(found[1], head, words)
    except ActionMismatch as error:
        return str(error.details["member"]) if error.details["action"] == found[0].id else "without its action"
    return None


APPROVE = "/lifts/lift:1/claims/claim:2/approve"
MIDNIGHT = "2025-10-31T16:00:00.000000Z"


@pytest.mark.parametrize(
    "head,words,wrong",
    [
        (header("claim.Approved", "lift:1/claim:2"), body({}), None),
        (header("claim.Approved", "lift:1/claim:2", MIDNIGHT), body({"on": "2025-11-01"}), None),
        (header("claim.Approved", "lift:1/claim:2", MIDNIGHT), body({"on": MIDNIGHT}), None),
        (header("claim.Approved", "lift:1/claim:2"), body({"on": "2025-11-01"}), "effective_at"),
        (header("claim.Approved", "lift:1/claim:2"), body({"on": "2025-02-30"}), "effective_at"),
        (header("claim.Approved", "lift:1/claim:3"), body({}), "stream"),
        (header("claim.Approved", "lift:1/claim:2"), body({}, at="/part"), "from"),
        (header("claim.Refused", "lift:1/claim:2"), body({}), "type"),
        (header("limit.Consumed", "policy:1/limit:2"), body({}), "type"),
    ],
)
def test_stated_events(head: Header, words: dict[str, Any], wrong: str | None) -> None:
    """Type, place in the request, stream by path, said and found, and time must be the row's."""
    assert check(APPROVE, head, words) == wrong


@pytest.mark.parametrize(
    "head,words,wrong",
    [
        (header("limit.Consumed", "policy:1/limit:2:2025"), body(None), None),
        (header("limit.Consumed", "policy:1"), body(None), "stream"),
        (header("limit.Consumed", "policy:1/limit:2:2025", MIDNIGHT), body(None), "effective_at"),
        (header("limit.Ended", "policy:1/limit:2:2025", MIDNIGHT), body(None, {"until": "2025-11-01"}), None),
        (header("limit.Ended", "policy:1/limit:2:2025", MIDNIGHT), body(None, {"until": "2025-11-02"}), "effective_at"),
        (header("claim.Approved", "lift:1/claim:2"), body(None), "type"),
    ],
)
def test_derived_events(head: Header, words: dict[str, Any], wrong: str | None) -> None:
    """A derived event has its row's shape of stream, and its cause's time unless the row names a member of found."""
    assert check(APPROVE, head, words, AT) == wrong


def test_streams_of_parts() -> None:
    """Variables come from said, else from found; what is no text or number names nothing."""
    good = body({"lift": "lift:1"}, {"year": 2025}, "/visits/12")
    assert check("/visits", header("visit.Opened", "lift:1/maintenance:2025"), good) is None
    bad = body({"lift": "lift:1"}, {"year": True}, "/visits/12")
    assert check("/visits", header("visit.Opened", "lift:1/maintenance:True"), bad) == "stream"
    elsewhere = body({"lift": "lift:1"}, {"year": 2025}, "/visits/x")
    assert check("/visits", header("visit.Opened", "lift:1/maintenance:2025"), elsewhere) == "from"


def test_the_more_literal_path_wins() -> None:
    """A path that two rows fit is the one with fewer variables; query and escapes do not matter."""
    table = Table.from_json(TABLE)

    def found(uri: str) -> str | None:
        row = table.find("POST", uri)
        return None if row is None else row[0].id

    assert found("/lifts/import?dry=1") == "lift.import"
    assert found("/lifts/lift:1") == found("/lifts/lift%3A1") == "lift.find"
    assert table.find("POST", "/lifts/lift%3A1") == table.find("POST", "/lifts/lift:1")
    assert found("/lifts/lift:1/other") is found("/") is found("") is None
    assert table.find("GET", "/lifts/import") is None


@pytest.mark.parametrize("value", [None, [], {}, {"format": 2, "actions": []}, {"format": 1, "actions": [{}]}, 7])
def test_no_table(value: Any) -> None:  # noqa: ANN401 - JSON
    """What is not of the format is refused with one code."""
    with pytest.raises(ActionMismatch) as refused:
        Table.from_json(value)
    assert refused.value.code == "actions_invalid"


@pytest.mark.parametrize("change", [{"effective_at": 1}, {"effective_at": {}}, {"derived": "yes"}, {"at": None}])
def test_members_of_other_types_are_refused(change: dict[str, Any]) -> None:
    """A published table whose rows would break their reader later is none."""
    table = deepcopy(TABLE)
    table["actions"][0]["writes"][0] |= change
    with pytest.raises(ActionMismatch) as refused:
        Table.from_json(table)
    assert refused.value.code == "actions_invalid"


def test_a_star_stands_for_a_whole_step() -> None:
    """Stars beside each other are no way to keep a verifier busy for ever."""
    table = deepcopy(TABLE)
    table["actions"][0]["writes"][0]["at"] = "/x/" + "*" * 40
    writes = next(iter(Table.from_json(table).rows[0].writes.values()))[0]
    assert not writes.at.fullmatch("/x/" + "1" * 200 + "y")
    assert writes.at.fullmatch("/x/" + "*" * 40)


def test_the_running_table_is_read() -> None:
    """The software's own table is of the format, and has the digest that the ledger publishes."""
    table = Table.from_json(ACTIONS.as_json())
    assert table.digest == actions_digest(ACTIONS)
    assert {row.id for row in table.rows} == set(ACTIONS.by_id)


def test_shapes() -> None:
    """A stream's shape leaves every id out."""
    assert shape_of("policy:018f/limit:all:2025") == "policy:/limit:"
    assert shape_of("ledger") == "ledger"
