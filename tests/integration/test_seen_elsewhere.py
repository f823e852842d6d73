"""What others have seen, gathered: a witness that answers, one that never cosigned, one that is gone, and the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from application.rollback import OwnLog, Statement, guard
from infrastructure.errors import KeptCheckpointUnusable
from infrastructure.seen_elsewhere import BESIDE_KEYS, KEPT, ask_witnesses, keep_checkpoint, kept_checkpoint
from infrastructure.witness_client import WitnessClient
from tests.support.logs import Log
from tests.support.witnesses import ServedWitness, witness

LOG, NEW = Log(fork=5), Log(origin="new.example")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWitness]:
    """A witness that has cosigned nine events of one log."""
    with witness(tmp_path_factory.mktemp("witness") / "memory", [LOG, NEW]) as running:
        running.add(0, (), LOG.note(9))
        yield running


def test_witnesses_are_asked_together(served: ServedWitness) -> None:
    """T10: one that answers is enough to tell a restored backup; the others are named with why they are silent."""
    with httpx.Client(trust_env=False) as http:
        here, gone = (WitnessClient(url, served.keys, http) for url in (served.url, "http://127.0.0.1:9"))
        told = ask_witnesses([gone, here], LOG.origin, LOG.keys)
        assert [(each.source, each.note is None, each.why) for each in told] == [
            (gone.url, True, "peer_away"),
            (here.url, False, ""),
        ]
        restored = guard(OwnLog(LOG.origin, 7, LOG.root(7), LOG.path), told, LOG.keys)
        assert [(each.kind, each.source) for each in restored.findings] == [("silent", gone.url), ("ahead", here.url)]
        sound = guard(OwnLog(LOG.origin, 9, LOG.root(9), LOG.path), told, LOG.keys)
        assert (sound.ok, sound.confirmed) == (True, (here.url,))
        (never,) = ask_witnesses([here], NEW.origin, NEW.keys)
        assert never == Statement(here.url, None, "never cosigned")
        assert ask_witnesses([], LOG.origin, LOG.keys) == []


def test_a_checkpoint_kept_beside_the_keys_outlives_the_database(tmp_path: Path) -> None:
    """T10: with no witness at all, the file that no restore touches tells that events are missing."""
    assert kept_checkpoint(tmp_path) == Statement(BESIDE_KEYS, None, "nothing kept")
    for size in (3, 9):
        keep_checkpoint(tmp_path, LOG.note(size))
    assert [path.name for path in tmp_path.iterdir()] == [KEPT]
    assert (tmp_path / KEPT).stat().st_mode & 0o777 == 0o600
    found = guard(OwnLog(LOG.origin, 7, LOG.root(7), LOG.path), [kept_checkpoint(tmp_path)], LOG.keys)
    assert [(each.kind, each.size) for each in found.findings] == [("ahead", 9)]


def test_a_file_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    """A damaged or unreadable file is an error, and so is one that cannot be written."""
    (tmp_path / KEPT).write_bytes(b"\xff")
    with pytest.raises(KeptCheckpointUnusable):
        kept_checkpoint(tmp_path)
    (tmp_path / KEPT).unlink()
    (tmp_path / KEPT).mkdir()
    with pytest.raises(KeptCheckpointUnusable):
        kept_checkpoint(tmp_path)
    with pytest.raises(KeptCheckpointUnusable):
        keep_checkpoint(tmp_path, LOG.note(3))
