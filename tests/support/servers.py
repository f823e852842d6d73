"""Servers that tests start, kill and look into."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from infrastructure.embedded import EmbeddedServer, embedded_server
from infrastructure.lock import held
from infrastructure.processes import working_in


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `var` that has been used once and stopped."""
    var = tmp_path_factory.mktemp("initialised") / "var"
    with embedded_server(var):
        pass
    yield var
    shutil.rmtree(var)


@pytest.fixture
def var(initialised: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it for one test, owners and modes included; no server is left in it."""
    place = tmp_path / "var"
    subprocess.run(["cp", "-a", "--reflink=auto", initialised, place], check=True)
    yield place
    left = all_in(place)
    shutil.rmtree(place)
    assert not left


def all_in(var: Path) -> set[int]:
    """Return the server processes that work on this folder's data."""
    data = var / "postgresql"
    return {known.pid for known in working_in(data, "postgres", None)}


def rows(url: str) -> list[int]:
    """Return what the table of `fill` holds."""
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("select a from kept order by a")]


def fill(url: str, numbers: range) -> None:
    """Commit these numbers one by one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table if not exists kept (a int primary key)")
        for number in numbers:
            connection.execute("insert into kept values (%s)", [number])


def modes(place: Path) -> dict[str, tuple[int, int]]:
    """Return mode and owner of a folder and all above it."""
    return {str(at): (stat.S_IMODE(at.stat().st_mode), at.stat().st_uid) for at in (place, *place.parents)}


def refusal(url: str) -> str:
    """Return what a connection attempt was told, nothing if it came through."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as refused:
        return str(refused)
    return ""


@contextmanager
def running(var: Path, server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """Run this server under the lock."""
    with held(var):
        try:
            server.start()
            yield server
        finally:
            server.stop()
