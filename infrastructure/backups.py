"""Backups of a ledger's database by PostgreSQL's own tools: what lasts for ever, and apart from it what opens persons.

A backup is a folder of two archives of one snapshot, and a manifest with their digests. `persons.dump` alone holds the
keys of persons, by which sealed values and the requests' bytes open, and what persons are found by: so it is kept no
longer than the operator promises that somebody who was erased lives on, while `ledger.dump` may be kept for ever. No
private key of the ledger is in either.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from tempfile import TemporaryFile
from typing import IO, Annotated, Any, Final, Literal, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import Field, TypeAdapter, ValidationError

from domain.errors import Conflict
from infrastructure.connection import Database, connect_plain
from infrastructure.durable import make_folder, sync_folder
from infrastructure.errors import BackupUnusable
from infrastructure.roles import Roles
from infrastructure.server_binaries import MAJORS, find

LEDGER: Final = "ledger.dump"
PERSONS: Final = "persons.dump"
MANIFEST: Final = "backup.json"
OPENING: Final = ("subject_keys", "blind_index")
"""The tables by which somebody's sealed data open, or are found."""

_LIMITS: Final = ("statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout")
_MANIFEST_BYTES_MAX: Final = 64 * 1024
_WORDS_MAX: Final = 400
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: whose log, how many events, the newest one's `recorded_at`, the tables' revision.

    `postgresql` is the major version of the tools that wrote it; `files` are SHA-256 of the archives in hex.
    """

    format: Literal[1]
    origin: str
    events: Annotated[int, Field(ge=1)]
    recorded_at: str
    revision: str
    postgresql: int
    files: dict[Literal["ledger.dump", "persons.dump"], Digest]


_BACKUP: Final = TypeAdapter(Backup)


def write_backup(database: Database, origin: str, folder: Path) -> Backup:
    """Write a backup into a new folder, all or nothing; whoever writes meanwhile is not held up.

    `database` is as its owner sees it. Raises BackupUnusable `backup_exists`, `backup_failed`; psycopg.Error.
    """
    if folder.exists():
        raise BackupUnusable(f"{folder} exists; each backup has a folder of its own", code="backup_exists")
    fresh = folder.with_name(f"{folder.name}.new")
    try:
        make_folder(fresh, exist_ok=False)
    except FileExistsError as left:
        raise BackupUnusable(
            f"{fresh} is of a backup that is under way, or never ended", code="backup_exists"
        ) from left
    except OSError as refused:
        raise BackupUnusable(f"{fresh} cannot be made: {refused.strerror}", code="backup_failed") from refused
    try:
        with _snapshot(database) as (connection, snapshot):
            major = _major(connection)
            events, recorded_at, revision = _reached(connection)
            target, environment = _target(database)
            shared = ("--format=custom", f"--schema={database.schema}", f"--snapshot={snapshot}", f"--dbname={target}")
            left_out = [f"--exclude-table-data={database.schema}.{name}" for name in OPENING]
            taken = ["--data-only", *(f"--table={database.schema}.{name}" for name in OPENING)]
            for file, said in ((LEDGER, left_out), (PERSONS, taken)):
                _tool(major, "pg_dump", *shared, *said, f"--file={fresh / file}", environment=environment, out=DEVNULL)
        files: Any = {name: _sealed(fresh / name) for name in (LEDGER, PERSONS)}
        made = Backup(1, origin, events, recorded_at, revision, major, files)
        (fresh / MANIFEST).write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")
        _sealed(fresh / MANIFEST)
        sync_folder(fresh)
        fresh.rename(folder)
        sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return made


def read_backup(folder: Path, known: Sequence[str], *, without_persons: bool = False) -> Backup:
    """Read a backup's manifest and hold its archives against it; `known` are the tables' revisions of this program.

    Raises BackupUnusable: `backup_malformed`, `backup_damaged`, `backup_newer` for tables that a newer program made,
    `backup_without_persons` where that archive is gone and it was not said that it may be.
    """
    try:
        with (folder / MANIFEST).open("rb") as file:
            backup = _BACKUP.validate_json(file.read(_MANIFEST_BYTES_MAX))
    except (OSError, ValidationError) as error:
        raise BackupUnusable(f"{folder} holds no backup of a ledger", code="backup_malformed") from error
    if backup.revision not in known:
        raise BackupUnusable(
            f"a newer program wrote {folder}; restore it with that one", code="backup_newer", revision=backup.revision
        )
    if not without_persons and not (folder / PERSONS).exists():
        raise BackupUnusable(
            f"{PERSONS} is gone: nothing that is sealed for a person would open (--without-persons)",
            code="backup_without_persons",
        )
    for name in _wanted(without_persons=without_persons):
        if not (folder / name).exists() or _digest(folder / name) != backup.files.get(name):
            raise BackupUnusable(f"{folder / name} is not as it was written", code="backup_damaged", file=name)
    return backup


def restore_backup(
    database: Database, backup: Backup, folder: Path, roles: Roles | None = None, *, without_persons: bool = False
) -> None:
    """Put a backup that was read (`read_backup`) into a database that holds no ledger, in one transaction.

    `database` is as its owner sees it; `roles` get the rights that the revisions of the backup's tables give them.
    Raises Conflict `ledger_exists`; BackupUnusable `backup_failed`; psycopg.Error.
    """
    with connect_plain(database, "liftledger restore") as connection:
        major = _major(connection)
        _clear(connection, database.schema)
    with _psql(database, major) as into:
        for name in _wanted(without_persons=without_persons):
            only = ("--data-only",) if name == PERSONS else ()
            said = ("--no-owner", "--no-privileges", *only, "--file=-", str(folder / name))
            _tool(major, "pg_restore", *said, environment=os.environ, out=into)
        if roles is not None:
            rights = (
                f'SET search_path = "{database.schema}", pg_temp',
                *roles.creation(database.schema),
                *roles.grants(backup.revision),
            )
            into.write("".join(f"{statement};\n" for statement in rights).encode())


@contextmanager
def _psql(database: Database, major: int) -> Iterator[IO[bytes]]:
    """Give a pipe of statements that all come into force when the block ends, or none of them.

    Whatever ends the pipe before that, kill -9 of this process too, leaves the transaction open, and so undone.
    """
    target, environment = _target(database)
    said = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-")
    command = [find(major).program("psql"), *said, f"--dbname={target}"]
    with TemporaryFile() as told, subprocess.Popen(command, env=environment, stdin=PIPE, stderr=told) as process:
        into = cast("IO[bytes]", process.stdin)
        try:
            into.write(b"BEGIN;\n")
            into.flush()
            yield into
            into.write(b"COMMIT;\n")
            into.close()
        except (BackupUnusable, BrokenPipeError) as error:
            process.kill()
            process.wait()
            if isinstance(error, BackupUnusable) and not _words(told):
                raise  # psql had no part in it
            _require_done("psql", told, process.returncode or 1)
        except BaseException:
            process.kill()
            raise
        _require_done("psql", told, process.wait())


def _clear(connection: psycopg.Connection, schema: str) -> None:
    """Remove the empty schema that somebody may have made beforehand; refuse one that holds anything."""
    held = "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s LIMIT 1"
    if connection.execute(held, (schema,)).fetchone() is not None:
        raise Conflict("there is a ledger in this database already", code="ledger_exists")
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {}").format(sql.Identifier(schema)))


def _wanted(*, without_persons: bool) -> tuple[Literal["ledger.dump", "persons.dump"], ...]:
    return (LEDGER,) if without_persons else (LEDGER, PERSONS)


@contextmanager
def _snapshot(database: Database) -> Iterator[tuple[psycopg.Connection, str]]:
    """Keep one state of the database for several readers, however long they take."""
    with connect_plain(database, "liftledger backup") as connection:
        connection.execute(
            "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = ANY(%s)", (list(_LIMITS),)
        )
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield connection, row[0] if row else ""
        connection.execute("COMMIT")


def _reached(connection: psycopg.Connection) -> tuple[int, str, str]:
    row = connection.execute(
        "SELECT position, recorded_at, (SELECT version_num FROM alembic_version) FROM events"
        " ORDER BY position DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise BackupUnusable("there is no event to keep", code="backup_failed")
    return row[0], row[1], row[2]


def _major(connection: psycopg.Connection) -> int:
    """Give the version of the tools: the oldest that we have and that the server is not too new for."""
    server = connection.info.server_version // 10_000
    return next((major for major in MAJORS if server <= major), MAJORS[-1])


def _target(database: Database) -> tuple[str, dict[str, str]]:
    """Give where a tool connects to and its environment; a password goes by that, where nobody else sees it."""
    told = conninfo_to_dict(database.url)
    password = told.pop("password", None)
    return make_conninfo("", **told), os.environ | ({} if password is None else {"PGPASSWORD": str(password)})


def _tool(major: int, program: str, *said: str, environment: Mapping[str, str], out: IO[bytes] | int) -> None:
    with TemporaryFile() as told:
        command = [find(major).program(program), *said]
        done = subprocess.run(command, env=environment, stdout=out, stderr=told, check=False)
        _require_done(program, told, done.returncode)


def _require_done(program: str, told: IO[bytes], status: int) -> None:
    """Raise BackupUnusable `backup_failed` with what a tool said, unless it ended well."""
    if status != 0:
        raise BackupUnusable(f"{program} refuses: {_words(told)}", code="backup_failed", program=program)


def _words(told: IO[bytes]) -> str:
    told.seek(0)
    return " ".join(told.read(_WORDS_MAX).decode(errors="replace").split())


def _sealed(file: Path) -> str:
    """Bring a file to the disk, for its owner's eyes alone, and give its digest."""
    file.chmod(0o600)
    with file.open("rb") as written:
        os.fsync(written.fileno())
    return _digest(file)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
