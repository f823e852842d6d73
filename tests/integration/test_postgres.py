"""The databases that tests are given."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.postgres import fresh_database


def test_each_test_gets_an_empty_database(database_url: str) -> None:
    """A fresh database holds no table, sorts by bytes and speaks UTF-8, and accepts one."""
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)
        assert connection.execute("show server_encoding").fetchone() == ("UTF8",)
        found = connection.execute("select datcollate from pg_database where datname = current_database()").fetchone()
        assert found == ("C",)
        connection.execute("create table t (a int)")


def test_older_server_is_at_hand(database_url_16: str) -> None:
    """The other fixture's server is PostgreSQL 16."""
    with psycopg.connect(database_url_16) as connection:
        assert connection.info.server_version // 10000 == 16


def test_fresh_database_is_dropped_under_open_connections(postgres: str) -> None:
    """A test that leaves a connection open does not leave its database."""
    with fresh_database(postgres) as url:
        left_open = psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    left_open.close()
