"""A verification of a stored ledger that goes on from what an earlier one kept in a file."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from api import bootstrap
from api.verifying import command
from application import verifying as verifying_log
from application.verifying import Besides
from audit.errors import StateRefused
from audit.states import State
from tests.support.written import Written, agent_of, tampering


def keep(written: Written) -> tuple[State, ...]:
    """Verify, and give what was kept of it."""
    states: list[State] = []
    written.verify(besides=Besides(keep=states.append))
    return tuple(states)


def copied(state: State) -> State:
    """Give what is read of a state's file."""
    file = io.BytesIO()
    state.dump(file)
    file.seek(0)
    return State.load(file)


def enrol(written: Written, lines: int) -> None:
    """Write as many agents as lines of one request."""
    written.write(
        written.insurer, "agent.enrol", *[agent_of(written.insurer.party) for _ in range(lines)], uri="/agents"
    )


def test_resumed_is_whole(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written since is checked, in pages smaller than a save and by two processes, to the verdicts on all."""
    monkeypatch.setattr("application.verifying.spans", partial(verifying_log.spans, page=7))
    (state,) = keep(written)
    enrol(written, 120)
    whole = written.verify()
    resumed = written.verify(2, besides=Besides(resumed=copied(state)))
    assert resumed.rests_on == state.size < whole.size
    assert replace(resumed, rests_on=None) == whole
    assert any(
        line.startswith(f"rests on an earlier verification of the first {state.size}") for line in resumed.lines()
    )
    assert resumed.as_json()["rests_on"] == state.size


def test_it_goes_on_from_where_it_went_on(written: Written) -> None:
    """A resumed verification keeps what the next one rests on; where nothing came, nothing is left to check."""
    (first,) = keep(written)
    enrol(written, 3)
    states: list[State] = []
    written.verify(besides=Besides(resumed=copied(first), keep=states.append))
    again = written.verify(besides=Besides(resumed=copied(states[0])))
    assert replace(again, rests_on=None) == written.verify()
    assert again.rests_on == again.size


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET header = flip(header, 12) WHERE position = 20",
        "UPDATE events SET body = flip(body, 12) WHERE position = 20",
        "UPDATE events SET type = 'agent.Left' WHERE position = 20",
        "DELETE FROM events WHERE position = 20",
        "DELETE FROM events WHERE position > 200",
    ],
)
def test_a_log_changed_behind_is_refused(written: Written, change: str) -> None:
    """Whatever of the events that were verified before is not what it was, nothing is rested on."""
    (state,) = keep(written)
    with tampering(written) as connection:
        connection.execute(change)
    with pytest.raises(StateRefused) as refused:
        written.verify(besides=Besides(resumed=state))
    assert refused.value.code == "state_log_differs"


def test_rows_gone_behind_are_missed(written: Written) -> None:
    """Receipts that were deleted behind the cut are missing by their number, though their events are not checked."""
    (state,) = keep(written)
    with tampering(written) as connection:
        connection.execute("DELETE FROM receipts WHERE first = (SELECT min(first) FROM receipts)")
    assert written.verify(besides=Besides(resumed=state)).counts["receipt_missing"] == 1


def test_nothing_is_kept_of_a_broken_log(written: Written) -> None:
    """What was found wrong is not to be rested on."""
    with tampering(written) as connection:
        connection.execute("UPDATE events SET leaf = flip(leaf, 0) WHERE position = 20")
    assert keep(written) == ()


def test_what_was_published_behind_is_held_against_the_log(written: Written, tmp_path: Path) -> None:
    """By the command: a checkpoint behind the cut is read again, and one whose row was changed since is named."""
    settings, file, out = written.settings, tmp_path / "state", Console(file=io.StringIO(), width=200)
    bootstrap.checkpoint(settings)
    assert command(settings, out, strict=False, keep=file)
    assert file.stat().st_mode & 0o777 == 0o600
    enrol(written, 3)
    bootstrap.checkpoint(settings)
    assert command(settings, out, strict=False, resume=file, keep=file)
    with tampering(written) as connection:
        connection.execute("ALTER TABLE checkpoints DISABLE TRIGGER ALL")
        connection.execute(
            "UPDATE checkpoints SET root = flip(root, 0) WHERE size = (SELECT min(size) FROM checkpoints)"
        )
    assert not command(settings, out, strict=False, resume=file)
    assert "checkpoint_signature" in out.file.getvalue()  # type: ignore[attr-defined] # a StringIO


def test_files_that_cannot_be_used_are_refused(written: Written, tmp_path: Path) -> None:
    """Each with its own code, and before any work is done."""
    settings, out = written.settings, Console(file=io.StringIO())
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"ledger-verified/v3\n")
    for resume, keep_in, code in (
        (tmp_path / "none", None, "state_unreadable"),
        (damaged, None, "state_damaged"),
        (Path(__file__), None, "state_format"),
        (None, tmp_path, "state_unwritable"),
        (None, tmp_path / "none" / "state", "state_unwritable"),
    ):
        with pytest.raises(StateRefused) as refused:
            command(settings, out, strict=False, resume=resume, keep=keep_in)
        assert refused.value.code == code
