"""The log as static files: whole under its checkpoint, gone on with, and no byte of it changed unseen."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from application.proving import ProofUnknown
from audit.cosignatures import cosign, cosigner_vkey
from audit.errors import AuditError
from audit.exports import check_export
from audit.note import parse_vkey, split_note, vkey
from audit.policy import Policy
from audit.signatures import parse_line
from infrastructure import checkpoint_store
from infrastructure.checkpoint_keys import checkpoint_signer, checkpoint_vkeys
from infrastructure.checkpoint_store import Signing
from infrastructure.checkpointer import Checkpointer
from infrastructure.errors import ExportOfAnother
from infrastructure.exporting import export_log
from infrastructure.keys import KeyFolder
from tests.integration.test_checkpointer import KEY, checkpointer, write
from tests.support.saving import ORIGIN, PARTY, TestLedger

VKEY = vkey(ORIGIN, KEY.public_key().public_bytes_raw())
POLICY = Policy.parse(f"log {VKEY}\nquorum none\n".encode())
LOG = [parse_vkey(VKEY)]
FLIPS = 60


@pytest.fixture
def running(ledger: TestLedger, tmp_path: Path) -> Iterator[Checkpointer]:
    """A checkpointer whose rounds are begun by the test."""
    made = checkpointer(ledger, tmp_path / "map")
    yield made
    made.close()


def files(folder: Path) -> list[Path]:
    """Give the files of an export."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_an_export_verifies_and_goes_on(ledger: TestLedger, running: Checkpointer, tmp_path: Path) -> None:
    """A later export writes what is new alone, and both verify offline under the user's policy."""
    folder = tmp_path / "export"
    with pytest.raises(ProofUnknown):
        export_log(ledger.database, folder, LOG)
    write(ledger, 3, 100)
    running.round()
    first = export_log(ledger.database, folder, LOG)
    assert check_export(folder, POLICY, ORIGIN).checkpoint.size == first.size == 301
    before = {path: path.stat().st_mtime_ns for path in files(folder) if ".p" not in str(path)}
    write(ledger, 3, 100)
    running.round()
    second = export_log(ledger.database, folder, LOG)
    assert (second.old_size, second.size) == (301, 602)
    assert second.files < first.files + 8
    assert check_export(folder, POLICY, ORIGIN).checkpoint.size == 602
    assert all(path.stat().st_mtime_ns == at for path, at in before.items() if path.name == "000")
    assert export_log(ledger.database, folder, LOG).files == 1


def test_any_changed_byte_is_refused(ledger: TestLedger, running: Checkpointer, tmp_path: Path) -> None:
    """T1, T11: one flipped bit in a tile, a bundle or the checkpoint's signed text is found; so is a missing file."""
    write(ledger, 3, 100)
    running.round()
    whole = tmp_path / "whole"
    export_log(ledger.database, whole, LOG)
    rng = random.Random(11)
    names = [path.relative_to(whole) for path in files(whole)]
    for number in range(FLIPS):
        name = names[number % len(names)]
        copy = tmp_path / f"copy{number}"
        shutil.copytree(whole, copy)
        data = bytearray((copy / name).read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(7)
        (copy / name).write_bytes(data)
        with pytest.raises(AuditError):
            check_export(copy, POLICY, ORIGIN)
        (copy / name).unlink()
        with pytest.raises(AuditError):
            check_export(copy, POLICY, ORIGIN)


def test_any_changed_byte_of_a_cosigned_checkpoint_is_refused(ledger: TestLedger, tmp_path: Path) -> None:
    """T1, T11: so it is under the ledger's ML-DSA-44 line and a witness's; by an unknown key none counts."""
    keys, witness = KeyFolder(tmp_path / "keys"), MLDSA44PrivateKey.from_seed_bytes(bytes([3]) * 32)
    keys.make()
    own, own_pq = checkpoint_vkeys(ORIGIN, keys)
    signer = checkpoint_signer(ORIGIN, keys, lambda _: [own, own_pq])
    with closing(Checkpointer(ledger.database, ORIGIN, PARTY, signer, tmp_path / "map")) as running:
        write(ledger, 1)
        made = running.round()
    assert made is not None
    line = cosign(split_note(made.note)[0], "witness.example", witness, 1_772_000_000).rstrip("\n")
    name, key, _ = parse_line(line)
    with ledger.owner() as connection:
        checkpoint_store.store_signing(connection, made.size, Signing(name, key, 1_772_000_000, line))
    folder = tmp_path / "export"
    export_log(ledger.database, folder, [parse_vkey(own)])
    policy = Policy.parse(
        f"log {own}\nwitness own {own_pq}\nwitness w {cosigner_vkey('witness.example', witness)}\n"
        "group both all own w\nquorum both\n".encode()
    )  # fmt: skip
    assert check_export(folder, policy, ORIGIN).satisfied
    rng, whole = random.Random(12), (folder / "checkpoint").read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 7
    for number in range(3 * FLIPS):
        at = number % len(lines)
        data = bytearray(lines[at])
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(7)
        (folder / "checkpoint").write_bytes(b"".join([*lines[:at], data, *lines[at + 1 :]]))
        with suppress(AuditError):
            assert not check_export(folder, policy, ORIGIN).satisfied


def test_another_ledgers_folder_is_left_alone(ledger: TestLedger, running: Checkpointer, tmp_path: Path) -> None:
    """A folder whose checkpoint is another's, or of another history, is refused and stays as it is."""
    write(ledger, 2)
    running.round()
    folder = tmp_path / "export"
    export_log(ledger.database, folder, LOG)
    note = (folder / "checkpoint").read_text()
    other = "Q" if note[-3] == "A" else "A"
    for changed in (note.replace(ORIGIN, "other.example/district"), f"{note[:-3]}{other}=\n", "nothing\n"):
        (folder / "checkpoint").write_text(changed)
        with pytest.raises(ExportOfAnother):
            export_log(ledger.database, folder, LOG)
        assert (folder / "checkpoint").read_text() == changed
