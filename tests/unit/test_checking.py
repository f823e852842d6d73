"""One published thing checked alone: what holds, what does not, and what log and sender are guilty of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import exports, note
from audit.checking import Answer, check_checkpoints, check_folder
from audit.comparing import Offered
from audit.cosignatures import cosigner_vkey
from audit.errors import NoteError
from audit.policy import Policy
from audit.tiles import Tile, tiles_between
from tests.support.bundling import worked
from tests.support.comparing import exported
from tests.support.logs import Log

LOG = Log(fork=5)
OTHER = Log(fork=5, history="another")
POLICY = Policy.parse(f"log {LOG.vkey}\nquorum none\n".encode())


def between(one: Log, old: int, other: Log, new: int, path: Log) -> Answer:
    """Check two checkpoints with the path of a history."""
    return check_checkpoints([one.note(old), other.note(new)], Offered(old, new, tuple(path.path(old, new))), POLICY)


def test_one_history_grows() -> None:
    """The earlier tree begins the later one; both heads are told."""
    answer = between(LOG, 7, LOG, 13, LOG)
    assert answer.holds
    assert (answer.facts["old_size"], answer.facts["size"], answer.facts["witnesses"]) == (7, 13, [])
    assert [*answer.lines()][-2:] == ["witnesses: none", "verdict: proven"]


def test_two_histories_are_equivocation_where_the_path_shows_it() -> None:
    """T2, T3: from no power of two, the later tree's own path accuses the log; any other path accuses nobody."""
    assert between(LOG, 7, OTHER, 13, OTHER).verdict == "equivocation"
    assert between(LOG, 8, OTHER, 13, OTHER).verdict == "proof_root"
    assert between(LOG, 7, OTHER, 13, LOG).verdict == "proof_root"


def test_a_contradiction_needs_no_witness() -> None:
    """T2, T3: a quorum that is not met does not hide that the log signed two histories, of two sizes or of one."""
    witness = cosigner_vkey("witness.example", Ed25519PrivateKey.generate())
    strict = Policy.parse(f"log {LOG.vkey}\nwitness w {witness}\nquorum w\n".encode())
    for old, new, verdict in ((7, 13, "equivocation"), (9, 9, "equivocation"), (4, 13, "unanchored")):
        offered = Offered(old, new, tuple(OTHER.path(old, new)))
        assert check_checkpoints([LOG.note(old), OTHER.note(new)], offered, strict).verdict == verdict


def test_two_logs_have_no_path() -> None:
    """Each is believed by itself; nothing joins them."""
    elsewhere = Log(origin="elsewhere.example", private=Ed25519PrivateKey.generate())
    policy = Policy.parse(f"log {LOG.vkey}\nlog {elsewhere.vkey}\nquorum none\n".encode())
    notes = [LOG.note(7), elsewhere.note(13)]
    offered = Offered(7, 13, tuple(LOG.path(7, 13)))
    assert check_checkpoints(notes, offered, policy).verdict == "path_sizes"
    assert check_checkpoints(notes, offered, POLICY).verdict == "unanchored"


def test_an_export_without_a_file_does_not_hold(tmp_path: Path) -> None:
    """What lacks a file does not hold, and says which; what has no checkpoint is no export."""
    made = worked()
    exported(made, tmp_path)
    answer = check_folder(tmp_path, made.policy)
    assert (answer.verdict, answer.facts["file"]) == ("export_missing", "tile/entries/000.p/15")
    (tmp_path / "checkpoint").write_text("nothing\n", encoding="utf-8")
    with pytest.raises(NoteError):
        check_folder(tmp_path, made.policy)
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(FileNotFoundError):
        check_folder(tmp_path, made.policy)


def test_no_tile_is_named_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tiles a checkpoint says there are, the first file that is missing is the last one thought of."""
    made = worked()
    text = note.Checkpoint(made.stored.origin, 10**6, bytes(32)).text()
    signed = note.sign_note(text, made.stored.origin, made.checkpoint_key)
    (tmp_path / "checkpoint").write_text(signed, encoding="utf-8")
    named: list[Tile] = []

    def told(old_size: int, size: int) -> Iterator[Tile]:
        for tile in tiles_between(old_size, size):
            named.append(tile)
            yield tile

    monkeypatch.setattr(exports, "tiles_between", told)
    assert check_folder(tmp_path, made.policy).verdict == "export_missing"
    assert named == [Tile(0, 0)]
