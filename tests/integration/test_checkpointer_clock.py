"""The checkpointer and the ledger's time: it roots nothing at a time at which no writer would write."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.clock import accept_step
from infrastructure.connection import lock_key
from tests.integration.test_checkpointer import checkpointer
from tests.integration.test_recorder_clock import shift, steps, write
from tests.support.postgres import LOCKS
from tests.support.saving import ORIGIN, TestLedger


def held(ledger: TestLedger) -> bool:
    """Say whether anybody holds the writers' lock or waits for it."""
    with ledger.owner() as connection:
        return bool(connection.execute(LOCKS, (lock_key(ORIGIN),)).fetchall())  # type: ignore[arg-type,unused-ignore]


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
