"""What of a folder is a backup that may be put back, told from its files alone."""

from __future__ import annotations

import json
import uuid
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from infrastructure import backups
from infrastructure.backups import LEDGER, MANIFEST, PERSONS, Backup, read_backup, restore_backup, write_backup
from infrastructure.connection import Database, connect_reader
from infrastructure.errors import BackupUnusable
from tests.support.disk import Disk
from tests.support.postgres import fresh_database
from tests.support.saving import TestLedger, event, lift, save

DATA = {LEDGER: b"what lasts for ever", PERSONS: b"what opens persons"}
TOLD: dict[str, Any] = {
    "format": 1, "origin": "ledger.example/district", "events": 7, "recorded_at": "2025-11-01T00:00:00.000000Z",
    "revision": "0002", "postgresql": 18, "files": {name: sha256(data).hexdigest() for name, data in DATA.items()},
}  # fmt: skip
KNOWN = ("0001", "0002", "0003")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole backup, as far as its digests tell."""
    for name, data in DATA.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / MANIFEST).write_text(json.dumps(TOLD))
    return tmp_path


def refusal(folder: Path, *, without_persons: bool = False) -> tuple[str, object]:
    """Give the code by which a backup is refused, and which file is at fault."""
    with pytest.raises(BackupUnusable) as refused:
        read_backup(folder, KNOWN, without_persons=without_persons)
    return refused.value.code, refused.value.details.get("file")


def test_a_whole_backup_is_read(folder: Path) -> None:
    """With what it says of itself, of any revision that this program knows."""
    assert read_backup(folder, KNOWN) == Backup(**TOLD)
    assert read_backup(folder, KNOWN[1:2], without_persons=True) == Backup(**TOLD)


@pytest.mark.parametrize(
    "members",
    [
        {"format": 2}, {"events": 0}, {"events": "seven"}, {"files": {LEDGER: "0"}}, {"files": {"other": "0" * 64}},
        {"origin": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_manifest_of_another_shape_is_none(folder: Path, members: dict[str, Any]) -> None:
    """Of another format, without an event, with digests that are none."""
    (folder / MANIFEST).write_text(json.dumps(TOLD | members))
    assert refusal(folder) == ("backup_malformed", None)


def test_without_its_manifest_a_folder_is_no_backup(folder: Path) -> None:
    """Nor with one that is longer than any is."""
    (folder / MANIFEST).write_text(" " * 70_000 + json.dumps(TOLD))
    assert refusal(folder) == ("backup_malformed", None)
    (folder / MANIFEST).unlink()
    assert refusal(folder) == ("backup_malformed", None)


def test_tables_of_a_newer_program_are_left_to_it(folder: Path) -> None:
    """Whatever their archives are like."""
    (folder / MANIFEST).write_text(json.dumps(TOLD | {"revision": "0004"}))
    (folder / LEDGER).unlink()
    assert refusal(folder) == ("backup_newer", None)


@pytest.mark.parametrize("name", [LEDGER, PERSONS])
@pytest.mark.parametrize("without_persons", [False, True])
def test_each_archive_is_as_it_was_written(folder: Path, name: str, without_persons: bool) -> None:
    """One that is another, or that the manifest does not name, is damaged; that of persons only where it is wanted."""
    whole = name == PERSONS and without_persons

    def check() -> None:
        if whole:
            assert read_backup(folder, KNOWN, without_persons=True).events == TOLD["events"]
        else:
            assert refusal(folder, without_persons=without_persons) == ("backup_damaged", name)

    (folder / name).write_bytes(DATA[name] + b"x")
    check()
    (folder / name).write_bytes(DATA[name])
    left = {each: digest for each, digest in TOLD["files"].items() if each != name}
    (folder / MANIFEST).write_text(json.dumps(TOLD | {"files": left}))
    check()


def test_an_archive_that_is_gone_is_told_apart(folder: Path) -> None:
    """Nothing works without the log; that persons do not open must be said by whoever puts it back."""
    (folder / PERSONS).unlink()
    assert refusal(folder) == ("backup_without_persons", None)
    assert read_backup(folder, KNOWN, without_persons=True) == Backup(**TOLD)
    (folder / LEDGER).unlink()
    assert refusal(folder, without_persons=True) == ("backup_damaged", LEDGER)


def test_a_backup_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files and their names, and then its own: after a power cut there is all of it or none."""
    disk, rename, before = Disk(monkeypatch), Path.rename, set[str]()

    def renamed(path: Path, to: Path) -> Path:
        before.update(file.name for file in path.iterdir() if disk.has(file, path))
        return rename(path, to)

    def dumped(*said: str | int, **_: object) -> None:
        file = Path(str(said[-1]).removeprefix("--file="))
        file.write_bytes(DATA[file.name])

    monkeypatch.setattr(Path, "rename", renamed)
    for name, stands_for in {
        "_snapshot": lambda _: nullcontext((None, "1-1")), "_major": lambda _: 18, "_tool": dumped,
        "_reached": lambda _: tuple(TOLD[each] for each in ("events", "recorded_at", "revision")),
    }.items():  # fmt: skip
        monkeypatch.setattr(backups, name, stands_for)
    folder = tmp_path / "new" / "b"
    made = write_backup(Database("postgresql://"), TOLD["origin"], folder)
    assert before == {LEDGER, PERSONS, MANIFEST}
    assert all(disk.has(file, tmp_path) for file in folder.iterdir())
    assert (made, read_backup(folder, KNOWN)) == (Backup(**TOLD), made)


def test_both_archives_are_of_one_moment(
    ledger: TestLedger, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes between any two steps is not in it: no key without its log, no more events than are told."""

    def write() -> None:
        keys = ((f"person:{uuid.uuid4()}", b"wrapped"),)
        ledger.recorder.submit(save(event(lift()), subject_keys=keys)).result(30)

    def after_a_write(patch: pytest.MonkeyPatch, name: str) -> None:
        step = getattr(backups, name)

        def work(*args: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
            write()
            return step(*args, **more)

        patch.setattr(backups, name, work)

    write()
    with monkeypatch.context() as patch:
        for name in ("_major", "_reached", "_tool"):
            after_a_write(patch, name)
        made = write_backup(ledger.database, ledger.origin, tmp_path / "b")
    with fresh_database(postgres) as url:
        restore_backup(Database(url), made, tmp_path / "b")
        with connect_reader(Database(url)) as connection:
            counts = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM subject_keys)"
            assert connection.execute(counts).fetchone() == (1, 1)
    assert made.events == 1


def test_no_password_stands_among_the_words_of_a_tool() -> None:
    """Everybody on the machine sees these; the environment is the process's own."""
    target, environment = backups._target(Database("postgresql://u:secret@h/d"))  # noqa: SLF001 - what a tool is told
    assert ("secret" in target, environment["PGPASSWORD"]) == (False, "secret")
    assert conninfo_to_dict(target) == {"user": "u", "host": "h", "dbname": "d"}
