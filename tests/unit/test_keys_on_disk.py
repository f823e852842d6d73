"""The ledger's secrets on disk: made once, read by their owner alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from api import credentials
from api.client import Credentials
from domain.errors import Invalid
from infrastructure.errors import KeysUnsafe
from infrastructure.keys import MASTER, RECEIPT, KeyFolder


def test_made_once(tmp_path: Path) -> None:
    """Keys are made where they are missing, closed to others, and stay what they were."""
    folder = KeyFolder(tmp_path / "keys")
    folder.make()
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.path.iterdir()} == {0o600}
    receipt, master = folder.receipt_key().private_bytes_raw(), folder.master_key()
    assert len(master) == len(folder.index_key()) == 32
    assert receipt != folder.checkpoint_key().private_bytes_raw()
    folder.make()
    assert (folder.receipt_key().private_bytes_raw(), folder.master_key()) == (receipt, master)
    assert len(list(folder.path.iterdir())) == 5


def test_keys_of_a_newer_version_are_made_beside_a_ledgers(tmp_path: Path) -> None:
    """A ledger made before the blind index gets its key; a folder without a ledger's keys stays as it is."""
    folder = KeyFolder(tmp_path)
    folder.renew()
    assert list(tmp_path.iterdir()) == []
    folder.make(MASTER)
    folder.renew()
    made = folder.index_key()
    folder.renew()
    assert folder.index_key() == made


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_open_to_others(tmp_path: Path, mode: int) -> None:
    """A key that others could read is refused."""
    folder = KeyFolder(tmp_path)
    folder.make(RECEIPT)
    (tmp_path / RECEIPT).chmod(mode)
    with pytest.raises(KeysUnsafe):
        folder.receipt_key()


@pytest.mark.parametrize("content", ["", "00" * 31, "zz" * 32, "00" * 33, "\u00e9" * 32])
def test_malformed(tmp_path: Path, content: str) -> None:
    """What is no key is refused, and never replaced by a new one."""
    path = tmp_path / MASTER
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(KeysUnsafe):
        KeyFolder(tmp_path).master_key()
    with pytest.raises(KeysUnsafe):
        KeyFolder(tmp_path).make()


def test_missing_or_elsewhere(tmp_path: Path) -> None:
    """A key that is missing, or a link to somewhere else, is refused."""
    with pytest.raises(KeysUnsafe):
        KeyFolder(tmp_path).receipt_key()
    KeyFolder(tmp_path / "other").make(RECEIPT)
    (tmp_path / RECEIPT).symlink_to(tmp_path / "other" / RECEIPT)
    with pytest.raises(KeysUnsafe):
        KeyFolder(tmp_path).receipt_key()
    with pytest.raises(KeysUnsafe):
        KeyFolder(tmp_path / "other" / RECEIPT / "deeper").make()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_credentials_open_to_others(tmp_path: Path, mode: int) -> None:
    """Whoever signs with a file that others may read is told, as the ledger is of its own keys."""
    file, (key, private) = tmp_path / "own" / "credentials.json", credentials.new_key()
    who = Credentials("party:x", key, private, None)
    credentials.save(file, "ledger.example/district", who)
    assert file.stat().st_mode & 0o777 == 0o600
    assert credentials.load(file).credentials.key == key
    file.chmod(mode)
    with pytest.raises(Invalid) as refused:
        credentials.load(file)
    assert refused.value.code == "credentials_open"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"private": "x"}', '{"private": 1}'])
def test_a_file_without_credentials(tmp_path: Path, text: str) -> None:
    """Whatever stands in it, the refusal is a typed one."""
    file = tmp_path / "credentials.json"
    file.touch(0o600)
    file.write_text(text)
    with pytest.raises(Invalid) as refused:
        credentials.load(file)
    assert refused.value.code == "credentials_bad"
