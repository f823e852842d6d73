"""Where tests keep their files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.support import scratch
from tests.support.scratch import use_memory


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "")  # noted even where it was not set, so that it is taken back
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    monkeypatch.setattr("atexit.register", lambda *_, **__: None)


def test_memory_is_used_and_what_killed_runs_left_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files go to a folder of this process; one of a process that is no more is removed, no other is."""
    monkeypatch.setattr(scratch, "FREE_BYTES_MIN", 0)
    left, used, strange = (tmp_path / name for name in ("liftledger.0", "liftledger.1", "PostgreSQL.7"))
    for folder in (left, used, strange):
        folder.mkdir()
    ours = use_memory(tmp_path)
    assert ours is not None
    assert (os.environ["TMPDIR"], tempfile.gettempdir()) == (str(ours), str(ours))
    assert set(tmp_path.iterdir()) == {ours, used, strange}


def test_whoever_says_where_has_it_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TMPDIR is left as it is set."""
    monkeypatch.setenv("TMPDIR", "/somewhere")
    assert use_memory(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_small_memory_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is too little room, or no such place, the usual folder is used."""
    monkeypatch.setattr(scratch, "FREE_BYTES_MIN", 1 << 62)
    assert use_memory(tmp_path) is None
    assert use_memory(tmp_path / "none") is None
