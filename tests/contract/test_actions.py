"""The table of actions against what use cases write: a mismatch written is for ever (event-format §3).

One story performs every action through the real door; what it wrote is read as a verifier reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from application.catalogue import ACTIONS
from application.genesis import actions_digest
from application.sealing import personal_paths
from audit.actions import Row, Table
from audit.errors import ActionMismatch
from audit.events import Header, read_body, read_header
from tests.golden.make_events import types
from tests.support.rehearsal import Performed
from tests.support.story.whole import performed

TABLE = Table.from_json(ACTIONS.as_json())
WITHOUT_REQUEST = {
    "ledger.Opened", "ledger.ClockStepped", "ledger.Continued", "map.Rooted", "person.Erased",
}  # fmt: skip
"""Written by `init` or `recover`, by the recorder itself, by the checkpointer or by time."""


def written(done: Performed) -> list[tuple[Header, dict[str, Any]]]:
    """Give the events of a save as a verifier reads them."""
    return [(read_header(stored.header), read_body(stored.body)) for stored in done.saved.events]


def requests() -> Iterator[Performed]:
    """Give the saves of signed requests."""
    return (done for done in performed().performed if done.action in ACTIONS.by_id)


def row_of(done: Performed) -> tuple[Row, dict[str, str]]:
    """Find the row by the request's method and URI, as the verifier does."""
    command = done.save.act.command
    assert command is not None
    found = TABLE.find(command.method, command.uri)
    assert found is not None
    assert found[0].id == done.action
    return found


def test_the_verifier_reads_the_table_as_it_is_published() -> None:
    """The published JSON is canonical, has its digest, and a row for each action."""
    assert TABLE.digest == actions_digest(ACTIONS)
    assert {row.id for row in TABLE.rows} == set(ACTIONS.by_id)


def test_the_story_performs_every_action() -> None:
    """No action escapes this page, and those that take lines are performed with lines."""
    assert {done.action for done in requests()} == set(ACTIONS.by_id)
    bulk = {action.id for action in ACTIONS.by_id.values() if action.group_lines is not None}
    assert bulk - {done.action for done in requests() if done.ndjson} == set()


@pytest.mark.parametrize("action", sorted(ACTIONS.by_id))
def test_an_action_writes_what_its_row_lets_it(action: str) -> None:
    """Every event of every save keeps to the row: type, place in the request, stream, effective time."""
    for done in requests():
        if done.action != action:
            continue
        row, path = row_of(done)
        events = written(done)
        times = {(header.stream, header.version): header.effective_at for header, _ in events}
        for header, body in events:
            if body["said"] is not None:
                row.check_stated(path, header, body)
                continue
            because = body["found"]["because"]
            row.check_derived(header, body, [times[because["stream"], because["version"]]])


def test_a_row_lets_an_action_write_no_more_than_it_does() -> None:
    """Each type of each row is written by its action somewhere in the story, so none is there for nothing."""
    rows = {(action.id, writes.type) for action in ACTIONS.by_id.values() for writes in action.writes}
    seen = {(done.action, header.type) for done in requests() for header, _ in written(done)}
    assert seen == rows


def test_a_save_has_no_more_lines_than_its_route_says() -> None:
    """Groups of lines are as large as the table says, so that a verifier can cut them the same."""
    for done in requests():
        command = done.save.act.command
        assert command is not None
        size = ACTIONS.by_id[done.action].group_lines
        if command.first_line is None or command.last_line is None:
            assert not done.ndjson
        else:
            assert size is not None
            assert command.last_line - command.first_line < size


def test_every_event_type_can_be_written() -> None:
    """Types that no action writes are those of the ledger itself."""
    assert set(types()) - {w.type for a in ACTIONS.by_id.values() for w in a.writes} == WITHOUT_REQUEST


def test_an_event_booked_elsewhere_is_found() -> None:
    """An approval moved to another claim, made into a refusal or dated otherwise keeps to the row no longer."""
    done = next(done for done in requests() if done.action == "claim.approve")
    row, path = row_of(done)
    header, body = written(done)[0]
    row.check_stated(path, header, body)
    other = "claim:0f8fad5b-d9cb-469f-a165-70867728950e"
    moved = (
        header._replace(stream=f"{path['lift']}/{other}"), header._replace(type="claim.Refused"),
        header._replace(effective_at="2026-01-01T00:00:00.000000Z"),
    )  # fmt: skip
    for changed in moved:
        with pytest.raises(ActionMismatch):
            row.check_stated(path, changed, body)
    with pytest.raises(ActionMismatch):
        row.check_stated({**path, "claim": other}, header, body)


@pytest.mark.parametrize("page", [1_000_000, 50])
def test_the_whole_story_verifies(page: int) -> None:
    """From stored bytes alone: chains, receipts, tokens, requests, sealed fields, actions, reads; in pages too."""
    report = performed().stored().verify(page=page)
    assert dict(report.counts) == {"unanchored": report.size}, "\n".join(report.lines())


def test_a_decision_relies_on_nothing_that_comes_after_it() -> None:
    """`found.reads` names versions that streams had before the event, also of streams begun in the same line."""
    versions: dict[str, int] = {}
    for done in performed().performed:
        for stored in done.saved.events:
            header, body = json.loads(stored.header), json.loads(stored.body)
            for stream, version in body["found"].get("reads", {}).items():
                assert version <= versions.get(stream, 0), f"{stored.position}: {stream}"
            versions[header["stream"]] = header["version"]


def test_what_is_sealed_is_quoted_by_an_event() -> None:
    """Every personal member stands where an event of its action quotes it.

    So the log itself says whose erasure explains that a request is gone; nothing that is not signed is asked.
    """
    for action in ACTIONS.by_id.values():
        quoted = [writes.at for writes in action.writes if not writes.derived]
        for path in personal_paths(action.shape):
            place = "/" + "/".join(path.steps)
            assert any(at in {"", place} or place.startswith(f"{at}/") for at in quoted), (action.id, place)
