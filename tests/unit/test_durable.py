"""What must outlast a power cut: secrets, and what was seen of a log, are on the disk when they are said to be kept."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from api import credentials
from api.client import Credentials
from application.errors import RolledBack
from infrastructure.halting import halt
from infrastructure.keys import KeyFolder
from infrastructure.lock import held
from infrastructure.seen_elsewhere import keep_checkpoint
from infrastructure.tombstones import Tombstones
from infrastructure.witness_store import WitnessFolder
from tests.support.disk import Disk

WRITERS: dict[str, Callable[[Path], object]] = {
    "the word of a halt": lambda folder: halt(folder, RolledBack("behind")),
    "the kept checkpoint": lambda folder: keep_checkpoint(folder, "note"),
    "keys": lambda folder: KeyFolder(folder / "new" / "keys").make(),
    "credentials": lambda folder: credentials.save(folder / "new" / "party.json", "a.example/b", _credentials()),
    "who was destroyed": lambda folder: Tombstones(folder / "new" / "var").add([f"person:{uuid.uuid4()}"]),
    "the folder that is held": lambda folder: _held(folder / "new" / "var"),
    "a witness's memory": lambda folder: WitnessFolder.make(folder / "new" / "w").update("ab" * 32, lambda _: "note"),
}


def _held(folder: Path) -> None:
    with held(folder):
        keep_checkpoint(folder, "note")


def _credentials() -> Credentials:
    key, private = credentials.new_key()
    return Credentials(f"party:{uuid.uuid4()}", key, private)


@pytest.mark.parametrize("writer", WRITERS)
def test_what_was_kept_is_there_after_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str) -> None:
    """Its bytes, its name, and the folders that were made for it."""
    disk = Disk(monkeypatch)
    WRITERS[writer](tmp_path)
    kept = [file for file in tmp_path.rglob("*") if file.is_file() and file.stat().st_size]
    assert kept, "and not the empty files that locks lie on"
    assert [file for file in kept if not disk.has(file, tmp_path)] == []
