"""Proofs of a ledger that is halted: from what it published, and only where what is stored still comes to that."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from application.proving import ProofUnknown
from audit import note
from audit.mapproofs import verify_presence
from infrastructure.connection import connect_reader
from infrastructure.ended import EndedProofs, ended_proofs
from infrastructure.errors import LogDiffers
from tests.integration.test_checkpointer import KEY, checkpointer, heads, write
from tests.support.saving import ORIGIN, TestLedger


def ended(ledger: TestLedger, folder: Path) -> EndedProofs:
    """Follow the log to its last checkpoint, as a house that is halted does."""
    return ended_proofs(partial(connect_reader, ledger.database), folder, None)


def test_heads_are_proven_at_the_last_checkpoint(ledger: TestLedger, tmp_path: Path) -> None:
    """Whatever position is asked for, and whatever came after it; before there is a checkpoint nothing is proven."""
    with pytest.raises(ProofUnknown):
        ended(ledger, tmp_path)
    names = write(ledger, 3)
    one = checkpointer(ledger, tmp_path / "map")
    made, followed = one.round(), one.heads
    assert made is not None
    assert followed is not None
    root = followed.root()
    one.close()
    write(ledger, 2)
    found = ended(ledger, tmp_path).heads(names, 99)
    assert found.size == made.size == 4
    for name in names:
        verify_presence(root, name, *heads(ledger)[name], found.proofs[name])


@pytest.mark.parametrize(
    "root, signed", [(True, False), (False, True), (True, True)], ids=["the root", "the note", "root and note"]
)
def test_a_checkpoint_that_the_log_does_not_come_to_proves_nothing(
    ledger: TestLedger, tmp_path: Path, *, root: bool, signed: bool
) -> None:
    """T11: neither one that is stored otherwise than it was signed, nor one that was signed over another log."""
    write(ledger, 3)
    one = checkpointer(ledger, tmp_path / "map")
    made = one.round()
    one.close()
    assert made is not None
    other = note.sign_note(note.Checkpoint(ORIGIN, made.size, bytes(32)).text(), ORIGIN, KEY)
    with ledger.owner() as connection:
        connection.execute("ALTER TABLE checkpoints DISABLE TRIGGER ALL")
        stored = (bytes(32) if root else made.root, other if signed else made.note)
        connection.execute("UPDATE checkpoints SET root = %s, note = %s", stored)
    with pytest.raises(LogDiffers):
        ended(ledger, tmp_path)
