"""Databases for tests: real servers with production's settings, and a fresh database for each test.

With LIFTLEDGER_TEST_DATABASE_URL (a role that may create databases) that server is used; else each test process
starts an embedded one on first use. It is our child: stopped at the end and on Ctrl-C, and by the kernel if we die.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from infrastructure.embedded import embedded_server

LOCKS = (
    "SELECT l.pid, l.virtualtransaction, l.granted, a.application_name"
    " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint << 32) | l.objid::bigint = %s"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""Who holds the lock of a key (`infrastructure.connection.lock_key`) in this database, and who waits for it."""


def with_database(url: str, database: str) -> str:
    """Return the same address with another database."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


@contextmanager
def fresh_database(server: str, of: str = "template0") -> Iterator[str]:
    """Make a database in UTF-8 and locale C beside the one of this URL, empty or a copy, yield its URL, drop it."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(server, autocommit=True) as connection:
        made = sql.SQL("create database {} template {} encoding 'UTF8' locale 'C' strategy file_copy")
        connection.execute(made.format(sql.Identifier(name), sql.Identifier(of)))
    try:
        yield with_database(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@contextmanager
def server_in(folder: Path, major: int) -> Iterator[str]:
    """Run an embedded server in this folder, yield its superuser's URL, leave nothing behind."""
    var = folder / "var"
    try:
        with embedded_server(var, major=major) as server:
            yield server.admin_url
    finally:
        shutil.rmtree(var, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a superuser on the server that tests share: the one given, or PostgreSQL 18."""
    given = os.environ.get("LIFTLEDGER_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with server_in(tmp_path_factory.mktemp("postgres18"), 18) as url:
        yield url


@pytest.fixture(scope="session")
def postgres16(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a superuser on the wheel's PostgreSQL 16, for what must hold on older servers too."""
    with server_in(tmp_path_factory.mktemp("postgres16"), 16) as url:
        yield url


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """The URL of a fresh, empty database, gone after the test."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
def database_url_16(postgres16: str) -> Iterator[str]:
    """The URL of a fresh, empty database on PostgreSQL 16, gone after the test."""
    with fresh_database(postgres16) as url:
        yield url
