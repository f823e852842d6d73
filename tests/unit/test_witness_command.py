"""The commands of a witness: made once, never begun anew over a lost memory, and what they refuse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from audit.contradictions import Contradiction
from audit.errors import AuditError, NoteError
from audit.note import parse_vkey
from domain.errors import Invalid
from infrastructure.errors import WitnessFolderUnusable, WitnessLogUnusable
from tests.support.logs import Log

NAME = "witness.example/lifts"
LOG = Log(fork=5)
OTHER = Log(fork=5, history="another")


def _run(folder: Path, verb: str, *more: str, name: str = NAME) -> Result:
    place = ["--name", name, "--key", str(folder / "witness.key"), "--dir", str(folder)]
    return CliRunner().invoke(app, ["witness", verb, *place, *more])


def test_it_is_made_once(tmp_path: Path) -> None:
    """`init` prints a verifier key of each kind, the same again; the secret is its owner's alone."""
    folder = tmp_path / "deep" / "memory"
    made = _run(folder, "init")
    assert made.exit_code == 0
    assert [(key.name, key.type) for key in map(parse_vkey, made.stdout.split())] == [(NAME, 4), (NAME, 6)]
    assert (folder / "witness.key").stat().st_mode & 0o777 == 0o600
    assert _run(folder, "init").stdout == made.stdout
    assert set(_run(folder, "init", name="other.example").stdout.split()).isdisjoint(made.stdout.split())


def test_a_lost_memory_is_not_begun_anew(tmp_path: Path) -> None:
    """With the secret there and the memory gone, neither `init` nor `serve` goes on: it would sign a second history."""
    _run(tmp_path, "init")
    shutil.rmtree(tmp_path / "checkpoints")
    for done in (_run(tmp_path, "init"), _run(tmp_path, "serve", "--log", LOG.vkey)):
        assert isinstance(done.exception, WitnessFolderUnusable)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    "more,error,code",
    [
        ([], WitnessLogUnusable, "witness_log_unusable"),
        (["--log", "nonsense"], NoteError, "vkey_malformed"),
        (["--policy", "/nowhere"], Invalid, "file_unreadable"),
        (["--log", LOG.vkey, "--listen", "8586"], Invalid, "address_invalid"),
        (["--log", LOG.vkey, "--listen", "127.0.0.1:0"], Invalid, "address_invalid"),
        (["--log", Log(origin="a" * 256).vkey], WitnessLogUnusable, "witness_log_unusable"),
    ],
)
def test_what_it_cannot_serve_is_refused(tmp_path: Path, more: list[str], error: type[Exception], code: str) -> None:
    """A bad key, policy, address or origin has a code, before anything is served."""
    _run(tmp_path, "init")
    refused = _run(tmp_path, "serve", *more).exception
    assert isinstance(refused, error)
    assert getattr(refused, "code", None) == code


def test_a_witness_follows_no_witness(tmp_path: Path) -> None:
    """A key that cosigns with a time is a witness's, not a log's."""
    ed25519 = _run(tmp_path, "init").stdout.split()[0]
    refused = _run(tmp_path, "serve", "--log", ed25519).exception
    assert isinstance(refused, NoteError)
    assert refused.code == "vkey_type"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a" * 256])
def test_a_name_that_cannot_be_signed_is_refused(tmp_path: Path, name: str) -> None:
    """Neither blank nor plus sign stands in a witness's name, nor is it longer than a cosignature takes."""
    refused = _run(tmp_path / "memory", "init", name=name).exception
    assert isinstance(refused, NoteError)
    assert refused.code == "note_key_name"
    assert not (tmp_path / "memory").exists()


@pytest.mark.parametrize(
    "data,status,words",
    [
        (Contradiction.of_notes(LOG.note(9), OTHER.note(9)).encode(), 0, "cannot both be true"),
        (
            Contradiction.of_notes(LOG.note(7), OTHER.note(9), tuple(OTHER.path(7, 9))).encode(),
            0,
            "cannot both be true",
        ),
        (Contradiction.of_notes(LOG.note(7), LOG.note(9)).encode(), 1, "shows nothing against it"),
        (Contradiction.of_notes(LOG.note(9), LOG.note(9)).encode(), 1, "no contradiction"),
    ],
)
def test_evidence_is_judged_by_the_logs_key_alone(tmp_path: Path, data: bytes, status: int, words: str) -> None:
    """`check` ends with 0 for what is proven and 1 for a claim, and names both heads."""
    file = tmp_path / "evidence.json"
    file.write_bytes(data)
    done = CliRunner().invoke(app, ["witness", "check", str(file), "--log", LOG.vkey])
    assert (done.exit_code, words in done.stdout) == (status, True)
    assert len(done.stdout.splitlines()) >= 3


def test_what_is_no_evidence_is_refused(tmp_path: Path) -> None:
    """A file that is not there, is no evidence, or that the log did not sign."""
    file = tmp_path / "evidence.json"
    command = ["witness", "check", str(file), "--log", LOG.vkey]
    assert isinstance(CliRunner().invoke(app, command).exception, Invalid)
    elsewhere = Log(origin="elsewhere.example")
    for data, code in (
        (b"{}", "contradiction_malformed"),
        (Contradiction.of_notes(elsewhere.note(9), elsewhere.note(9)).encode(), "note_unsigned"),
    ):
        file.write_bytes(data)
        refused = CliRunner().invoke(app, command).exception
        assert isinstance(refused, AuditError)
        assert refused.code == code
