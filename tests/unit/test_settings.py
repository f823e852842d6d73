"""Settings from the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infrastructure.errors import SettingsInvalid
from infrastructure.settings import load


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LIFTLEDGER_")]:
        monkeypatch.delenv(name)


def test_defaults_suit_a_trial() -> None:
    """With nothing set the service is local, embedded, and keeps everything under var."""
    settings = load()
    assert settings.database_url is None
    assert (settings.host, settings.port, settings.log_level, settings.postgres_major) == (
        "127.0.0.1",
        8585,
        "info",
        18,
    )
    assert settings.keys_folder == Path("var/keys")
    assert settings.workers >= 1


def test_environment_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is a variable with the prefix."""
    monkeypatch.setenv("LIFTLEDGER_DATABASE_URL", "postgresql://u:secret@db/ledger")
    monkeypatch.setenv("LIFTLEDGER_MIGRATION_URL", "postgresql://owner:secret@db/ledger")
    monkeypatch.setenv("LIFTLEDGER_VAR", "/srv/ledger")
    monkeypatch.setenv("LIFTLEDGER_KEYS", "/srv/keys")
    monkeypatch.setenv("LIFTLEDGER_WORKERS", "7")
    monkeypatch.setenv("LIFTLEDGER_POSTGRES_MAJOR", "16")
    settings = load()
    assert settings.database_url == "postgresql://u:secret@db/ledger"
    assert (settings.var, settings.keys_folder) == (Path("/srv/ledger"), Path("/srv/keys"))
    assert (settings.workers, settings.postgres_major) == (7, 16)
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    "name,value",
    [
        ("LIFTLEDGER_DATABASE_URL", "sqlite:///secret"),
        ("LIFTLEDGER_WORKERS", "0"),
        ("LIFTLEDGER_PORT", "65536"),
        ("LIFTLEDGER_LOG_LEVEL", "secret"),
        ("LIFTLEDGER_POSTGRES_MAJOR", "17"),
        ("LIFTLEDGER_VAR", ""),
        ("LIFTLEDGER_KEYS", ""),
        ("LIFTLEDGER_WITNESS_POLICY", ""),
    ],
)
def test_nonsense_is_named_but_not_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A wrong value is refused by its variable's name; the value, which may be a secret, is not repeated."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as refused:
        load()
    assert refused.value.details["settings"] == [name]
    assert "secret" not in str(refused.value)


def test_migration_url_needs_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner's address without the service's address is a mistake."""
    monkeypatch.setenv("LIFTLEDGER_MIGRATION_URL", "postgresql://owner@db/ledger")
    with pytest.raises(SettingsInvalid):
        load()
