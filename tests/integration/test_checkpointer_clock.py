"""The checkpointer, the ledger's time and the writers' lock: it roots nothing where no writer would, and lets go."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from infrastructure.checkpointer import Checkpointer, Signer
from infrastructure.clock import accept_step
from infrastructure.connection import lock_key
from infrastructure.session import WriterSession
from tests.integration.test_checkpointer import SIGNER, checkpointer
from tests.integration.test_recorder_clock import shift, steps, write
from tests.support.postgres import LOCKS
from tests.support.saving import ORIGIN, PARTY, TestLedger


def held(ledger: TestLedger) -> bool:
    """Say whether anybody holds the writers' lock or waits for it."""
    with ledger.owner() as connection:
        return bool(connection.execute(LOCKS, (lock_key(ORIGIN),)).fetchall())  # type: ignore[arg-type,unused-ignore] # a literal of the tests


@pytest.mark.parametrize("seconds", [-60, -2, 2, 3600], ids=["far behind", "behind", "a step", "a great step"])
def test_no_map_root_is_written_at_a_wrong_time(ledger: TestLedger, tmp_path: Path, seconds: int) -> None:
    """Behind the log, or after a step that no writer noted, nothing is written and nobody waits; then it goes on."""
    write(ledger)
    one = checkpointer(ledger, tmp_path / "map")
    first = one.round()
    assert first is not None
    write(ledger)
    shift(ledger, seconds)
    for _ in range(2):
        assert one.round() is None
        assert not held(ledger)
    assert ledger.check().size == first.size + 1
    if seconds > 60:
        accept_step(ledger.database, accepted_by="operator")
    if seconds > 0:
        write(ledger)  # notes the step first
        assert len(steps(ledger)) == 1
    else:
        shift(ledger, 0)
    made = one.round()
    assert made is not None
    assert made.size == ledger.check().size == first.size + (4 if seconds > 0 else 2)
    assert not held(ledger)
    one.close()


def test_nothing_is_rooted_before_a_scripted_clock_is_set(scripted_ledger: TestLedger, tmp_path: Path) -> None:
    """An idle round leaves no lock behind either."""
    one = checkpointer(scripted_ledger, tmp_path / "map")
    assert one.round() is None
    one.close()


def test_an_idle_checkpoint_is_signed_anew_once_in_its_time(
    ledger: TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as was asked for, reckoned from the last signing whichever it was: not in every round from then on."""
    now = [1_000.0]
    monkeypatch.setattr(
        "infrastructure.checkpointer.time", SimpleNamespace(monotonic=lambda: now[0], time=lambda: now[0])
    )
    signed: list[int] = []
    signer = Signer(SIGNER.sign, lambda _size, _root, seconds: signed.append(seconds))
    one = Checkpointer(ledger.database, ORIGIN, PARTY, signer, tmp_path / "map", republish_s=600.0)
    write(ledger)
    assert one.round() is not None
    for later_s in (599.0, 1.0, 0.0, 599.0, 1.0, 0.0):
        now[0] += later_s
        assert one.round() is None
    assert signed == [1_600, 2_200]
    one.close()


def test_who_lost_his_place_roots_nothing_after_another_did(
    ledger: TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A root that another wrote while the lock was waited for is published as it stands; nobody is held up after."""
    write(ledger)
    one = checkpointer(ledger, tmp_path / "one")
    other = Checkpointer(ledger.database, ORIGIN, PARTY, Signer(_killed, SIGNER.cosign), tmp_path / "other")
    begin = WriterSession.begin

    def overtaken(session: WriterSession) -> None:
        monkeypatch.undo()
        with ledger.owner() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'liftledger checkpointer' AND datname = current_database()"
            )
        with pytest.raises(RuntimeError):
            other.round()
        other.close()
        begin(session)

    monkeypatch.setattr(WriterSession, "begin", overtaken)
    made = one.round()
    assert made is not None
    assert made.size == ledger.check().size == 2
    assert not held(ledger)
    one.close()


def _killed(*_: object) -> str:
    raise RuntimeError("killed before it signed")
