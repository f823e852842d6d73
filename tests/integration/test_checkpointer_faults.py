"""Faults at each step at which the checkpointer makes something durable: lost, or stored though it was told to fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.exports import check_export
from audit.heads import Head
from audit.note import Checkpoint, parse_vkey, sign_note, split_note
from audit.policy import Policy
from infrastructure import checkpoint_store, checkpointer, seen_elsewhere
from infrastructure.checkpoint_store import Published
from infrastructure.checkpointer import Checkpointer, Signer
from infrastructure.connection import connect_reader
from infrastructure.exporting import export_log
from infrastructure.following import Followed
from infrastructure.guarding import check_rollback
from infrastructure.halting import FolderGuard
from infrastructure.session import WriterSession
from tests.integration.test_checkpointer import KEY, VKEY, write
from tests.support.faults import Fault, break_step
from tests.support.saving import ORIGIN, PARTY, TestLedger

POLICY = Policy.parse(f"log {VKEY}\nquorum none\n".encode())
LOG = [parse_vkey(VKEY)]
STEPS: dict[str, tuple[Any, str]] = {
    "map root written": (WriterSession, "append"),
    "map root committed": (WriterSession, "commit"),
    "remembered beside the keys": (seen_elsewhere, "keep_checkpoint"),
    "tiles stored": (checkpointer, "store_tiles"),
    "checkpoint stored": (checkpoint_store, "store"),
    "map kept": (Followed, "keep"),
}


class House:
    """A ledger's checkpointers, one after the other, with all that they signed."""

    def __init__(self, ledger: TestLedger, folder: Path) -> None:
        """Make room for the keys and the map."""
        self.ledger, self.keys, self.map = ledger, folder / "keys", folder / "map"
        self.keys.mkdir()
        self.signed: dict[int, set[bytes]] = {}
        """Size → every root that was signed for it."""

    def open(self) -> Checkpointer:
        """Start a checkpointer as the service does: guarded, and remembering beside the keys."""
        guard = FolderGuard(
            self.keys, lambda: check_rollback(self.ledger.database, ORIGIN, self.keys, LOG),
            seen_elsewhere.KeptSize(self.keys, lambda: LOG),
        )  # fmt: skip
        return Checkpointer(
            self.ledger.database, ORIGIN, PARTY, Signer(self.sign, lambda *_: None), self.map,
            lambda made: seen_elsewhere.keep_checkpoint(self.keys, made.note), guard, keep_s=0.0,
        )  # fmt: skip

    def sign(self, size: int, root: bytes, _: int) -> str:
        """Sign, and note what was signed."""
        self.signed.setdefault(size, set()).add(root)
        return sign_note(Checkpoint(ORIGIN, size, root).text(), ORIGIN, KEY)

    def stored(self) -> list[Published]:
        """Give all checkpoints that anybody may have been given."""
        with connect_reader(self.ledger.database) as connection:
            return list(checkpoint_store.everyone(connection))

    def check(self) -> None:
        """Hold what must be so at any moment: one root for a size, and nothing handed out that is not remembered."""
        assert all(len(roots) == 1 for roots in self.signed.values())
        stored = self.stored()
        kept = seen_elsewhere.KeptSize(self.keys, lambda: LOG)
        assert kept() >= max((each.size for each in stored), default=0)
        for each in stored:
            assert self.signed[each.size] == {each.root}
            assert Head.parse(split_note(each.note)[0]) == Head.parse(Checkpoint(ORIGIN, each.size, each.root).text())


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "killed"])
@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored"])
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_at_any_step_is_made_good(
    ledger: TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, *, stored: bool, killed: bool
) -> None:
    """T5, T10: the same process or the next one publishes all, each size under one root, and the guard lets it."""
    house = House(ledger, tmp_path)
    write(ledger, 3, 100)
    one = house.open()
    first = one.round()
    assert first is not None
    write(ledger, 3, 100)
    where, name = STEPS[step]
    fault = break_step(monkeypatch, where, name, stored=stored)
    with pytest.raises(Fault):
        one.round()
    assert fault.met
    house.check()
    if killed:
        one._drop()  # noqa: SLF001 - what the kernel does for a killed process; `close` would keep the map
        one = house.open()
    write(ledger, 1, 1)
    assert one.round() is not None
    house.check()
    assert one.round() is None
    one.close()
    last = house.stored()[-1]
    assert last.size == ledger.check().size
    assert last.root == ledger.check().root
    export_log(ledger.database, tmp_path / "export", LOG)
    assert check_export(tmp_path / "export", POLICY, ORIGIN).checkpoint.size == last.size
