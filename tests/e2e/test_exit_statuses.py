"""How `liftledger` ends: a refusal is one line with a code and status 2, a defect 70; 1 is for what was judged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api import bootstrap, cli, credentials
from api.client import Credentials
from audit.keys import from_jwk
from audit.statements import check_possession
from domain.errors import Invalid
from infrastructure.exporting import Exported
from tests.support.service import ORIGIN, free_port

Ended = tuple[int, str, str]
Run = Callable[..., Ended]


@pytest.fixture
def away(tmp_path: Path) -> dict[str, str]:
    """The settings of a ledger whose database nobody reaches, and which nobody serves."""
    return {
        "LIFTLEDGER_DATABASE_URL": f"postgresql://nobody:secret@127.0.0.1:{free_port()}/ledger",
        "LIFTLEDGER_VAR": str(tmp_path / "var"), "LIFTLEDGER_PORT": str(free_port()),
    }  # fmt: skip


@pytest.fixture
def liftledger(away: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command within this process: gives status, output and what stands on standard error."""
    for name, value in away.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["liftledger", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def _assert_refused(ended: Ended, code: str) -> None:
    status, _, err = ended
    assert status == 2, err
    assert re.fullmatch(rf".+ \({code}\)\n", err), err


@pytest.fixture
def administrator(tmp_path: Path) -> Path:
    """Credentials of a ledger's administrator, where the settings look for them."""
    path = tmp_path / "var" / "keys" / bootstrap.ADMINISTRATOR
    credentials.save(path, ORIGIN, Credentials("party:1", "key:1", Ed25519PrivateKey.generate(), "agent:1"))
    return path


AWAY = (
    ("verify",), ("checkpoint",), ("replay", "ledger"), ("rebuild",), ("init", "--origin", "a.example/b"),
    ("log", "export", "out"), ("clock", "accept"), ("keys", "prepare", "receipt"), ("keys", "rotate", "receipt"),
    ("erase",), ("index",), ("clock", "set", "2026-01-01T00:00:00.000000Z"),
)  # fmt: skip


def test_every_command_tells_a_database_that_is_away(
    liftledger: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names neither password nor address's secrets, and never the status of a broken log."""
    monkeypatch.chdir(tmp_path)
    for words in AWAY:
        ended = liftledger(*words)
        _assert_refused(ended, "database_away")
        assert "secret" not in ended[2]


def test_serving_tells_a_database_that_is_away(away: dict[str, str]) -> None:
    """As a process, which `liftledger run` is."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "run"], env={**os.environ, **away}, capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.endswith("(database_away)\n")
    assert "Traceback" not in done.stderr


def test_serving_tells_a_key_that_is_open_to_others(database_url: str, tmp_path: Path) -> None:
    """As a process: one line and the end, and no port at which clients would wait for workers that cannot start."""
    var = tmp_path / "var"
    bootstrap.make_ledger(bootstrap.Settings(database_url=database_url, var=var), ORIGIN)
    (var / "keys" / "receipt.key").chmod(0o644)
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "run"], capture_output=True, text=True, timeout=60, check=False,
        env={
            **os.environ, "LIFTLEDGER_DATABASE_URL": database_url, "LIFTLEDGER_VAR": str(var),
            "LIFTLEDGER_PORT": str(free_port()),
        },
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.endswith("(keys_unsafe)\n")
    assert ("Traceback" in done.stderr, "worker_started" in done.stderr) == (False, False)


def test_clients_tell_that_no_ledger_answers(liftledger: Run, administrator: Path, tmp_path: Path) -> None:
    """Whoever writes through the running ledger says so when there is none, at the settings' address."""
    file = tmp_path / "register.csv"
    file.write_text("registration_code\n", encoding="utf-8")
    port = os.environ["LIFTLEDGER_PORT"]
    for words in (
        ("evidence", "ledger", "--out", str(tmp_path / "b.zip")),
        ("erase", "person:6f1f2d0e-0000-4000-8000-000000000001", "--basis", "request"),
        ("import", "lifts", str(file), "--mapping", "standard", "--as", str(administrator)),
    ):
        ended = liftledger(*words)
        _assert_refused(ended, "unreachable")
        assert f"http://127.0.0.1:{port}" in ended[2]


def test_files_that_cannot_be_used_are_told(liftledger: Run, administrator: Path, tmp_path: Path) -> None:
    """What is to be read and is not there, what is to be written and cannot be; with the file's name."""
    missing = tmp_path / "missing"
    _assert_refused(
        liftledger("evidence", "ledger", "--out", str(tmp_path / "b.zip"), "--before", str(missing)), "file_unusable"
    )
    status, _, err = liftledger("evidence", "ledger", "--out", str(missing / "b.zip"), "--before", str(missing))
    assert (status, str(missing) in err) == (2, True)


def test_options_that_do_not_go_together_are_refused(liftledger: Run) -> None:
    """A basis without the person whom it is for would otherwise erase everybody who is due."""
    for option in (("--basis", "request"), ("--as", "party.json"), ("--url", "http://127.0.0.1")):
        _assert_refused(liftledger("erase", *option), "options_conflict")


def test_a_clock_is_one_of_two(liftledger: Run, tmp_path: Path) -> None:
    """What is written into the first event for ever is checked before anything is made, whoever asks."""
    status, _, err = liftledger("init", "--origin", "a.example/b", "--clock", "sundial")
    assert (status, "sundial" in err) == (2, True)
    with pytest.raises(Invalid) as refused:
        bootstrap.make_ledger(bootstrap.load_settings(), "a.example/b", clock="sundial")
    assert refused.value.code == "clock_kind_unknown"
    assert not (tmp_path / "var").exists()


def test_a_party_makes_its_own_key(liftledger: Run, tmp_path: Path) -> None:
    """What is printed holds nothing secret, the file is its owner's alone, and no key is written over another."""
    kept, printed = tmp_path / "party.json", tmp_path / "party.registration"
    status, out, _ = liftledger("party", "key", str(kept), "--origin", ORIGIN)
    held = credentials.load(kept)
    said = json.loads(out)
    assert (status, held.origin, said["id"]) == (0, ORIGIN, held.credentials.party)
    assert said["key"].keys() == {"id", "public", "proof"}
    public = from_jwk(said["key"]["public"])
    check_possession(said["key"]["proof"], origin=ORIGIN, holder=said["id"], public=public, kid=said["key"]["id"])
    assert kept.stat().st_mode & 0o777 == 0o600
    _assert_refused(liftledger("party", "key", str(kept), "--origin", ORIGIN), "file_exists")
    _assert_refused(liftledger("party", "key", str(tmp_path / "other.json"), "--origin", "b d"), "origin_invalid")
    assert not (tmp_path / "other.json").exists()
    printed.write_text(out, encoding="utf-8")
    register = ("party", "register", "use_unit", "B", "--from", str(printed))
    _assert_refused(liftledger(*register, "--out", str(kept)), "options_conflict")
    _assert_refused(liftledger(*register[:4]), "options_conflict")
    _assert_refused(liftledger("party", "register", "uncle", *register[3:]), "kind_unknown")
    _assert_refused(liftledger(*register[:5], __file__), "registration_bad")


@pytest.mark.parametrize("old, says", [(0, "5 files for positions 1 to 9"), (9, "nothing is new: DIR holds all 9")])
def test_an_export_says_what_is_new(
    liftledger: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: int, says: str
) -> None:
    """Gone on with where nothing came meanwhile, it names no positions."""
    monkeypatch.setattr(bootstrap, "database_reachable", lambda _: nullcontext())
    monkeypatch.setattr(bootstrap, "export_log", lambda *_: Exported(old, 9, 5))
    status, out, _ = liftledger("log", "export", str(tmp_path))
    assert (status, says in out.replace(str(tmp_path), "DIR").replace("\n", " ")) == (0, True)


def test_words_in_brackets_are_printed_as_they_are(liftledger: Run, tmp_path: Path) -> None:
    """A message's brackets are no markup, its colons no emoji, and no width breaks its line."""
    file = tmp_path / f"[bold]:smile:{'x' * 100}[/nothing]"
    ended = liftledger("evidence", "ledger", "--out", str(tmp_path / "b.zip"), "--as", str(file))
    assert ended == (2, "", f"there are no credentials at {file} (credentials_missing)\n")


def test_a_defect_is_not_taken_for_a_broken_log(liftledger: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash of `verify` shows where it happened and ends with 70; input or output that ends, never with 1."""

    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("api.verifying.command", crash)
    monkeypatch.setattr(bootstrap, "require_server", lambda _: None)
    status, _, err = liftledger("verify")
    assert status == 70
    assert "Traceback" in err

    def unread(*_: object, **__: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("api.verifying.command", unread)
    assert liftledger("verify")[0] == 2


def test_no_server_is_made_in_passing(
    liftledger: Run, away: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no ledger was ever made, commands that need one say how to make one, and leave nothing behind."""
    monkeypatch.delenv("LIFTLEDGER_DATABASE_URL")
    for words in (("verify",), ("doctor",), ("erase",), ("run",)):
        ended = liftledger(*words)
        _assert_refused(ended, "ledger_missing")
        assert "liftledger init" in ended[2]
    assert not (tmp_path / "var").exists()
