"""The export of the log cut short at each file: the folder holds what it held, or goes on to the whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from audit.exports import CHECKPOINT, check_export
from infrastructure import exporting
from infrastructure.exporting import export_log
from tests.integration.test_checkpointer import checkpointer, write
from tests.integration.test_exporting import LOG, POLICY, files
from tests.support.faults import Fault, break_step
from tests.support.postgres import fresh_database
from tests.support.saving import ORIGIN, TestLedger, ledger_in

STEPS: dict[str, tuple[Any, str]] = {
    "bytes brought to the disk": (os, "fsync"),
    "name replaced": (Path, "replace"),
}


@pytest.fixture(scope="module")
def grown(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestLedger, Path]]:
    """A ledger that has grown since it was exported; gives it with that export."""
    folder = tmp_path_factory.mktemp("grown")
    with fresh_database(postgres) as url, ledger_in(url) as ledger:
        running = checkpointer(ledger, folder / "map")
        try:
            for _ in range(2):
                write(ledger, 3, 100)
                running.round()
                if not (folder / "older").exists():
                    export_log(ledger.database, folder / "older", LOG)
        finally:
            running.close()
        yield ledger, folder / "older"


def size_of(folder: Path) -> int:
    """Check an export; gives its size, 0 where there is no checkpoint over it yet."""
    return check_export(folder, POLICY, ORIGIN).checkpoint.size if (folder / CHECKPOINT).exists() else 0


def contents(folder: Path) -> dict[str, bytes]:
    """Give the files of an export, without those that were never given their name."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in files(folder) if each.name[0] != "."}


@pytest.mark.parametrize("begun", [False, True], ids=["new", "gone on with"])
@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored"])
@pytest.mark.parametrize("step", STEPS)
def test_an_export_cut_short_anywhere_is_the_older_one_or_the_whole(
    grown: tuple[TestLedger, Path], tmp_path: Path, step: str, *, stored: bool, begun: bool
) -> None:
    """Never a checkpoint over tiles that are not there; the next export makes the same files as one in one go."""
    ledger, older = grown
    folder = tmp_path / "export"
    where, name = STEPS[step]
    sizes = {301, 602} if begun else {0, 602}
    seen: set[int] = set()
    for at in count(1):
        shutil.rmtree(folder, ignore_errors=True)
        if begun:
            shutil.copytree(older, folder)
        with pytest.MonkeyPatch.context() as patch:
            fault = break_step(patch, where, name, stored=stored, at=at)
            with suppress(Fault):
                export_log(ledger.database, folder, LOG)
        if not fault.met:
            break
        seen.add(size_of(folder))
        assert seen <= sizes
        assert export_log(ledger.database, folder, LOG).size == size_of(folder) == 602
    whole = contents(folder)
    shutil.rmtree(folder)
    if begun:
        shutil.copytree(older, folder)
    export_log(ledger.database, folder, LOG)
    assert contents(folder) == whole
    assert at > 5
    assert seen == (sizes if stored or step == "bytes brought to the disk" else sizes - {602})


@pytest.mark.parametrize("at", [2, 4, 6])
def test_an_export_cut_short_again_and_again_goes_on_though_the_log_grew(
    ledger: TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Tiles that were written for a size that was never reached do no harm to a later one."""
    folder = tmp_path / "export"
    with closing(checkpointer(ledger, tmp_path / "map")) as running:
        for _ in range(3):
            write(ledger, 2, 100)
            running.round()
            with monkeypatch.context() as patch:
                break_step(patch, exporting, "_write", stored=True, at=at)
                with suppress(Fault):
                    export_log(ledger.database, folder, LOG)
            assert size_of(folder) in {0, 201, 402, 603}
    assert export_log(ledger.database, folder, LOG).size == size_of(folder) == 603


def test_a_checkpoint_is_replaced_when_all_under_it_is_on_the_disk(
    grown: tuple[TestLedger, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves no checkpoint over tiles whose names were not brought to the disk, nor their folders'."""
    ledger, _ = grown
    folder = tmp_path / "export"
    on_disk: set[Path] = set()
    waiting: dict[str, set[Path]] = {}
    sync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        sync(handle)
        on_disk.add(Path(f"/proc/self/fd/{handle}").readlink())

    def replaced(path: Path, target: Path) -> Path:
        assert path in on_disk
        on_disk.difference_update(path.parents)
        if target.name == CHECKPOINT:
            made = {each for each in folder.rglob("*") if each.is_dir()}
            waiting["folders"] = {folder, *made} - on_disk
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    export_log(ledger.database, folder, LOG)
    assert waiting == {"folders": {folder}}, "the checkpoint's own name is to come"
    assert folder in on_disk
