"""Backups of a running ledger, put back: on another server, on a newer PostgreSQL, after an erasure, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from api import bootstrap
from domain.errors import Conflict
from infrastructure import backups
from infrastructure.backups import LEDGER, MANIFEST, OPENING, PERSONS
from infrastructure.errors import BackupUnusable, DataOfOtherMajor
from infrastructure.migrations import revisions
from infrastructure.seen_elsewhere import KEPT
from tests.support.knocking import agent, code, salted, send
from tests.support.postgres import fresh_database
from tests.support.scenes import until
from tests.support.service import Service, serve

TIMEOUT_S: Final = 120
NAME: Final = "赵钱孙李周吴郑王"


def write(service: Service) -> httpx.Response:
    """Enrol an agent who is named, of the administrator's party."""
    return send(service, service.administrator, "/agents", salted(agent(service.administrator, name=NAME)))


def person_of(service: Service, answer: httpx.Response) -> str:
    """Give the person whom a write named."""
    stream = answer.json()["groups"][0]["events"][0]["stream"]
    rows = "SELECT convert_from(body, 'UTF8')::json->'said'->'name'->>'of' FROM events WHERE stream = %s"
    ((person,),) = service.rows(rows, stream)
    return str(person)


def log_of(service: Service) -> list[tuple[Any, ...]]:
    """Give every stored event, byte for byte."""
    return service.rows("SELECT position, header, body, leaf FROM events ORDER BY position")


def put_back(service: Service, folder: Path, *, without_persons: bool = False) -> tuple[backups.Backup, int]:
    """Put a backup into the settings' database, as `liftledger restore` does."""
    with bootstrap.database_running(service.settings):
        return bootstrap.put_back(service.settings, folder, without_persons=without_persons)


def liftledger(service: Service, *words: str) -> str:
    """Run the command with a service's settings; gives what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *words], env=os.environ | dict(service.environment), capture_output=True,
        text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def moved(service: Service, **settings: Any) -> Service:  # noqa: ANN401 - whatever settings hold
    """Give the service with other settings, beside the keys as they are."""
    return replace(service, settings=service.settings.model_copy(update=settings))


@pytest.fixture(scope="module")
def kept(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    """A ledger that ran in a database of its own and ended, and a backup of all it had."""
    folder = tmp_path_factory.mktemp("kept")
    with fresh_database(postgres) as url, serve(url, folder) as service:
        assert [write(service).status_code for _ in range(3)] == [201] * 3
        service.stop()
        bootstrap.back_up(service.settings, folder / "backup")
        yield service, folder / "backup"


def test_a_newer_server_takes_over_and_an_erased_person_stays_erased(tmp_path: Path) -> None:
    """A backup by PostgreSQL 16 is put back on 18; who was erased since is destroyed again, and nothing is signed.

    The ledger went on after the backup was made, as the checkpoint beside its keys tells: it reads, and refuses to
    write. What stands of the backup's events is what stood.
    """
    with serve(None, tmp_path, major=16) as service:
        person = person_of(service, write(service))
        liftledger(service, "backup", str(tmp_path / "backup"))
        made = backups.read_backup(tmp_path / "backup", revisions())
        assert (made.postgresql, made.origin) == (16, service.origin)
        service.administrator.post(f"/persons/{person}/erase", {"basis": "request"})
        until(lambda: not service.rows("SELECT FROM subject_keys WHERE person = %s", person))
        until(lambda: int((service.settings.keys_folder / KEPT).read_text().split("\n")[1]) > made.events)
        service.stop()
        with bootstrap.database_running(service.settings):
            before = log_of(service)[: made.events]
        newer = moved(service, postgres_major=18)
        newer.environment = {**service.environment, "LIFTLEDGER_POSTGRES_MAJOR": "18"}
        with pytest.raises(DataOfOtherMajor) as refused:
            put_back(newer, tmp_path / "backup")
        assert "liftledger restore" in str(refused.value.details["upgrade"])
        (service.settings.var / "postgresql").rename(tmp_path / "aside")
        told = liftledger(newer, "restore", str(tmp_path / "backup"))
        assert f"{made.events:,} events" in told
        assert "destroyed again: 1" in told
        newer.start()
        try:
            assert newer.rows("SELECT current_setting('server_version_num')::int / 10000") == [(18,)]
            assert newer.rows("SELECT FROM subject_keys WHERE person = %s", person) == []
            assert log_of(newer) == before
            assert code(write(newer)) == (503, "ledger_rolled_back")
            assert newer.administrator.get("/ledger")["halted"]
        finally:
            newer.stop()


def beside_keys(service: Service, var: Path, database_url: str | None) -> Service:
    """Give the service in another folder, beside a copy of its keys as they were when it ended."""
    shutil.copytree(service.settings.keys_folder, var / "keys")
    other = moved(service, database_url=database_url, var=var)
    other.environment = {**service.environment, "LIFTLEDGER_VAR": str(var)}
    other.environment.pop("LIFTLEDGER_DATABASE_URL")
    if database_url is not None:
        other.environment["LIFTLEDGER_DATABASE_URL"] = database_url
    return other


def test_a_whole_backup_goes_on(kept: tuple[Service, Path], postgres: str, tmp_path: Path) -> None:
    """Put back beside its keys, nothing is missing: the ledger takes writes again, and verifies."""
    service, folder = kept
    with fresh_database(postgres) as url:
        goes_on(beside_keys(service, tmp_path, url), service, folder)


def test_an_embedded_server_takes_over_a_database_of_ones_own(kept: tuple[Service, Path], tmp_path: Path) -> None:
    """Its processes have the rights there that the tables' revisions give them: all of them do their work."""
    service, folder = kept
    goes_on(beside_keys(service, tmp_path, None), service, folder)


def goes_on(other: Service, service: Service, folder: Path) -> None:
    """Put a backup back, once, and let the ledger write, read, certify, erase and verify."""
    made, erased = put_back(other, folder)
    with pytest.raises(Conflict) as refused:
        put_back(other, folder)
    assert (erased, refused.value.code) == (0, "ledger_exists")
    other.start()
    try:
        assert log_of(other)[: made.events] == log_of(service)[: made.events]
        answer = write(other)
        assert answer.status_code == 201
        person, written = person_of(other, answer), answer.json()["groups"][0]["first"]
        assert other.administrator.get("/lifts", wait_for=written)["lifts"] == []
        until(lambda: httpx.get(f"{other.url}/log/proof/{written}", timeout=TIMEOUT_S).status_code == 200)
        other.administrator.post(f"/persons/{person}/erase", {"basis": "request"})
        until(lambda: not other.rows("SELECT FROM subject_keys WHERE person = %s", person))
        other.verify()
    finally:
        other.stop()


def test_what_opens_persons_is_apart(kept: tuple[Service, Path], postgres: str, tmp_path: Path) -> None:
    """Without `persons.dump`, which must be said, everything stands but what opens or finds somebody."""
    service, folder = kept
    shutil.copytree(folder, tmp_path / "long")
    (tmp_path / "long" / PERSONS).unlink()
    with fresh_database(postgres) as url:
        other = moved(service, database_url=url)
        assert refusal(other, tmp_path / "long") == "backup_without_persons"
        made, _ = put_back(other, tmp_path / "long", without_persons=True)
        assert log_of(other) == log_of(service)[: made.events]
        assert [other.rows(f"SELECT FROM {table}") for table in OPENING] == [[], []]
        assert len(service.rows("SELECT FROM subject_keys")) >= 3
        assert other.rows("SELECT FROM sealed_values") == service.rows("SELECT FROM sealed_values")


def refusal(service: Service, folder: Path) -> str:
    """Give the code by which a backup is not put back; nothing is there after it."""
    with pytest.raises(BackupUnusable) as refused:
        put_back(service, folder)
    left = service.rows("SELECT FROM pg_class WHERE relnamespace = to_regnamespace('liftledger')")
    assert left == []
    return refused.value.code


def rewritten(folder: Path, to: Path, name: str, data: bytes, **manifest: Any) -> Path:  # noqa: ANN401 - JSON
    """Copy a backup with another file in it whose digest fits, and other words in its manifest."""
    shutil.copytree(folder, to)
    (to / name).write_bytes(data)
    told = json.loads((to / MANIFEST).read_bytes())
    told["files"][name] = hashlib.sha256(data).hexdigest()
    (to / MANIFEST).write_text(json.dumps(told | manifest))
    return to


def test_a_backup_that_is_not_whole_changes_nothing(kept: tuple[Service, Path], postgres: str, tmp_path: Path) -> None:
    """Damaged, cut short within either archive, of a newer program, or none: refused, and no table is left."""
    service, folder = kept
    ledger, persons = ((folder / name).read_bytes() for name in (LEDGER, PERSONS))
    with fresh_database(postgres) as url:
        other = moved(service, database_url=url)
        assert refusal(other, tmp_path) == "backup_malformed"
        shutil.copytree(folder, tmp_path / "damaged")
        (tmp_path / "damaged" / LEDGER).write_bytes(ledger[:-1] + bytes([ledger[-1] ^ 1]))
        assert refusal(other, tmp_path / "damaged") == "backup_damaged"
        newer = rewritten(folder, tmp_path / "newer", LEDGER, ledger, revision="9999")
        assert refusal(other, newer) == "backup_newer"
        # whoever writes the digests anew cannot make half of it come in either
        half = rewritten(folder, tmp_path / "half", LEDGER, ledger[: len(ledger) * 3 // 4])
        assert refusal(other, half) == "backup_failed"
        with pytest.raises(BackupUnusable, match="pg_restore refuses"):
            put_back(other, half)
        none = rewritten(folder, tmp_path / "none", PERSONS, persons[: len(persons) // 2])
        assert refusal(other, none) == "backup_failed"
        assert put_back(other, folder)[1] == 0


def test_a_backup_is_written_whole_or_not_at_all(kept: tuple[Service, Path], tmp_path: Path) -> None:
    """No folder is written over, and what cannot be finished leaves none; files are for their owner alone."""
    service, folder = kept
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(BackupUnusable) as refused:
        bootstrap.back_up(service.settings, folder)
    assert refused.value.code == "backup_exists"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backups, "OPENING", ("no such table",))
        with pytest.raises(BackupUnusable, match="pg_dump refuses") as refused:
            bootstrap.back_up(service.settings, tmp_path / "new")
    assert refused.value.code == "backup_failed"
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_somebody_elses_makes_room_for_a_backup(kept: tuple[Service, Path], tmp_path: Path) -> None:
    """What lies where the backup is to be made stays, an unfinished one too; where no folder can be, that is said."""
    service, _ = kept
    (tmp_path / "b.new").mkdir()
    (tmp_path / "b.new" / "file").write_text("of mine")
    for folder, why in ((tmp_path / "b", "backup_exists"), (tmp_path / "b.new" / "file" / "b", "backup_failed")):
        with pytest.raises(BackupUnusable) as refused:
            bootstrap.back_up(service.settings, folder)
        assert refused.value.code == why
    assert (tmp_path / "b.new" / "file").read_text() == "of mine"


KILLED: Final = """
import os, sys
from pathlib import Path
from infrastructure import backups
from infrastructure.connection import Database
tool = backups._tool
def last(*said, **named):
    tool(*said, **named)
    os.kill(os.getpid(), 9)
backups._tool = last
folder = Path(sys.argv[2])
backups.restore_backup(Database(sys.argv[1]), backups.read_backup(folder, [sys.argv[3]]), folder)
"""


def test_a_restore_that_is_killed_leaves_nothing(kept: tuple[Service, Path], postgres: str) -> None:
    """Killed with -9 between the two archives: what had been told till then is not committed by who was told it."""
    service, folder = kept
    with fresh_database(postgres) as url:
        other = moved(service, database_url=url)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, url, str(folder), *revisions()[:1]], check=False, timeout=TIMEOUT_S
        )
        assert done.returncode == -signal.SIGKILL
        others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        until(lambda: not other.rows(others))
        assert put_back(other, folder)[1] == 0
