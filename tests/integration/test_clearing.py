"""What makes way for a demonstration, and what never does."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from api import bootstrap
from api.demo import command
from api.demo.clearing import clear
from api.demo.command import ORIGIN
from domain.errors import Conflict, Invalid
from infrastructure.halting import HALT
from tests.support.servers import initialised, var

__all__ = ["initialised", "var"]

OTHER = "other.example/district"


def _refused(settings: bootstrap.Settings) -> str:
    with pytest.raises(Conflict) as refused:
        clear(settings, ORIGIN)
    assert refused.value.code == "ledger_exists"
    return refused.value.message


def test_a_server_without_a_ledger_makes_way(var: Path) -> None:
    """As a first start leaves it that was interrupted before the ledger was made."""
    settings = bootstrap.Settings(var=var)
    assert (var / "postgresql").exists()
    clear(settings, ORIGIN)
    assert not var.exists()
    clear(settings, ORIGIN)
    var.mkdir()


def test_another_ledger_stays_whoever_holds_its_keys(var: Path, tmp_path: Path) -> None:
    """Its keys beside it, moved away, or the demonstration's own in a folder that the settings name."""
    settings = bootstrap.Settings(var=var)
    with bootstrap.database_running(settings):
        made = bootstrap.make_ledger(settings, OTHER)
    assert OTHER in _refused(settings)
    made.administrator.rename(tmp_path / "away.json")
    assert OTHER in _refused(settings)
    elsewhere = bootstrap.Settings(var=var, keys=tmp_path / "keys")
    (tmp_path / "keys").mkdir(mode=0o700)
    held = (tmp_path / "away.json").read_text(encoding="utf-8").replace(OTHER, ORIGIN)
    (tmp_path / "keys" / bootstrap.ADMINISTRATOR).write_text(held, encoding="utf-8")
    (tmp_path / "keys" / bootstrap.ADMINISTRATOR).chmod(0o600)
    assert OTHER in _refused(elsewhere)
    assert (var / "postgresql").exists()
    assert (tmp_path / "keys" / bootstrap.ADMINISTRATOR).exists()


def test_in_a_database_of_ones_own_the_keys_go_once_the_ledger_is_gone(database_url: str, tmp_path: Path) -> None:
    """Else the rollback guard would halt the second demonstration for want of the first one's log."""
    keys = tmp_path / "keys"
    settings = bootstrap.Settings(database_url=database_url, var=tmp_path / "var", keys=keys)
    clear(settings, ORIGIN)
    bootstrap.make_ledger(settings, ORIGIN, clock="scripted")
    bootstrap.checkpoint(settings)
    kept = {file.name for file in keys.iterdir()}
    assert "last.checkpoint" in kept
    assert "DROP SCHEMA liftledger CASCADE" in _refused(settings)
    assert {file.name for file in keys.iterdir()} == kept
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA liftledger CASCADE")
    for name in ("mine.txt", HALT):
        (keys / name).touch()
    clear(settings, ORIGIN)
    assert [file.name for file in keys.iterdir() if not file.name.startswith(".")] == ["mine.txt"]
    bootstrap.make_ledger(settings, ORIGIN, clock="scripted")
    assert bootstrap.guard(settings).ok


def test_a_register_is_looked_at_before_anything_makes_way(tmp_path: Path) -> None:
    """A file that is not there, is empty, or has other columns: the importer's code, and what is there stays."""
    place = tmp_path / "var" / "postgresql"
    place.mkdir(parents=True)
    settings = bootstrap.Settings(var=tmp_path / "var")
    file = tmp_path / "register.csv"
    for content, code in ((None, "file_missing"), ("", "file_empty"), ("a,b\n", "columns_missing")):
        if content is not None:
            file.write_text(content, encoding="utf-8")
        with pytest.raises(Invalid) as refused:
            command.demo(settings, file)
        assert refused.value.code == code
    assert place.exists()
