"""The checkpointer: roots, checkpoints and tiles from stored bytes, after kills, restarts and changes behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from application.errors import RolledBack
from application.proving import NotPublished
from audit import canonical, merkle, note
from audit.headmap import map_root
from audit.mapproofs import verify_presence
from audit.note import parse_vkey
from infrastructure import checkpoint_store, standby
from infrastructure.checkpointer import Checkpointer, Signer
from infrastructure.connection import connect_reader
from infrastructure.errors import CheckpointerBusy, LogDiffers
from infrastructure.following import Followed
from infrastructure.guarding import check_rollback
from infrastructure.halting import FolderGuard
from infrastructure.map_service import MapService, ask
from infrastructure.recorder import LedgerRecorder
from infrastructure.seen_elsewhere import KEPT, KeptSize, keep_checkpoint
from infrastructure.standby import Standby
from infrastructure.tile_store import WIDTH, read_tile
from tests.support.saving import ORIGIN, PARTY, RECEIPT_SEED, TestLedger, event, lift, save

KEY = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
VKEY = note.vkey(ORIGIN, KEY.public_key().public_bytes_raw())
SIGNER = Signer(
    lambda size, root, _: note.sign_note(note.Checkpoint(ORIGIN, size, root).text(), ORIGIN, KEY), lambda *_: None
)


def checkpointer(ledger: TestLedger, folder: Path) -> Checkpointer:
    """Make a checkpointer of a ledger that keeps its map in a folder."""
    return Checkpointer(ledger.database, ledger.origin, PARTY, SIGNER, folder)


@pytest.fixture
def running(ledger: TestLedger, tmp_path: Path) -> Iterator[Checkpointer]:
    """A checkpointer of an empty ledger; its rounds are begun by the test."""
    made = checkpointer(ledger, tmp_path / "map")
    yield made
    made.close()


def write(ledger: TestLedger, count: int, a_save: int = 1) -> list[str]:
    """Write so many saves of new lifts; give their names."""
    names = [[lift() for _ in range(a_save)] for _ in range(count)]
    saves: list[Future[Any]] = [ledger.recorder.submit(save(*map(event, group))) for group in names]
    for each in saves:
        each.result()
    return [name for group in names for name in group]


def heads(ledger: TestLedger) -> dict[str, tuple[int, str]]:
    """Read every subject's head from the events, the map's own left out."""
    with ledger.owner() as connection:
        rows = connection.execute(
            "SELECT subject, seq, leaf FROM events WHERE subject <> 'map' ORDER BY seq"
        ).fetchall()
    return {subject: (seq, bytes(leaf).hex()) for subject, seq, leaf in rows}


def test_nothing_is_published_of_an_empty_ledger(running: Checkpointer) -> None:
    """There is neither a root nor a checkpoint before the first event."""
    assert running.round() is None


def test_a_checkpoint_covers_all_and_ends_in_the_map_root(ledger: TestLedger, running: Checkpointer) -> None:
    """The last leaf is the root over all heads; the note opens with the key; idle rounds publish nothing more."""
    write(ledger, 3, 4)
    made = running.round()
    assert made is not None
    checked = ledger.check()
    assert (made.size, made.root) == (checked.size, checked.root) == (13, checked.root)
    text, signers = note.open_note(made.note, [note.parse_vkey(note.vkey(ORIGIN, KEY.public_key().public_bytes_raw()))])
    assert note.Checkpoint.parse(text) == note.Checkpoint(ORIGIN, 13, checked.root)
    assert signers == [ORIGIN]
    with ledger.owner() as connection:
        (body,) = connection.execute("SELECT body FROM events WHERE position = 13").fetchone() or (b"",)
    told: Any = canonical.decode(bytes(body))
    assert told["found"] == {"count": 12, "root": map_root(heads(ledger)).hex(), "size": 12}
    assert running.round() is None
    assert ledger.check().size == 13


def test_roots_follow_moved_heads(ledger: TestLedger, running: Checkpointer) -> None:
    """A subject that moves on is rooted anew, and each checkpoint's tree begins the next one's."""
    names = write(ledger, 5)
    first = running.round()
    ledger.recorder.submit(save(event(names[0], 2), event(lift()))).result()
    second = running.round()
    assert first is not None
    assert second is not None
    assert second.size == first.size + 3
    with ledger.owner() as connection:
        (body,) = connection.execute("SELECT body FROM events WHERE position = %s", (second.size,)).fetchone() or (b"",)
    told: Any = canonical.decode(bytes(body))
    assert told["found"]["root"] == map_root(heads(ledger)).hex()
    assert told["found"]["count"] == 6


def test_a_restart_goes_on_from_what_was_kept(ledger: TestLedger, tmp_path: Path) -> None:
    """What was kept is taken up and the rest followed; damaged or lost, all is made again with the same root."""
    folder = tmp_path / "map"
    names = write(ledger, 20)
    one = checkpointer(ledger, folder)
    one.round()
    one.close()
    assert (folder / "heads.map").stat().st_size > 20 * 64
    for damage in (None, lambda: (folder / "heads.map").write_bytes(b"x"), (folder / "heads.json").unlink):
        if damage is not None:
            damage()
        ledger.recorder.submit(save(event(lift()), event(names.pop(), 2))).result()
        again = checkpointer(ledger, folder)
        made = again.round()
        again.close()
        assert made is not None
        assert (made.size, made.root) == (ledger.check().size, ledger.check().root)


def test_a_kill_after_the_root_is_made_good(ledger: TestLedger, running: Checkpointer, tmp_path: Path) -> None:
    """A map root whose checkpoint was never stored is published by the next one, as it stands."""
    write(ledger, 2)
    broken = Checkpointer(ledger.database, ORIGIN, PARTY, Signer(_fails, lambda *_: None), tmp_path / "broken")
    with pytest.raises(RuntimeError):
        broken.round()
    broken.close()
    made = running.round()
    assert made is not None
    assert made.size == ledger.check().size == 3
    assert running.round() is None


def _fails(*_: object) -> str:
    raise RuntimeError("killed before it was signed")


def test_no_size_is_published_twice(ledger: TestLedger, running: Checkpointer) -> None:
    """The database refuses a second root, and a second note, for a size."""
    write(ledger, 1)
    made = running.round()
    assert made is not None
    with ledger.owner() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        checkpoint_store.store(connection, made._replace(root=bytes(32)))


def test_two_checkpointers_do_not_sign_at_once(ledger: TestLedger, running: Checkpointer, tmp_path: Path) -> None:
    """The second one is told to wait, and takes over when the first has ended."""
    write(ledger, 1)
    running.round()
    second = checkpointer(ledger, tmp_path / "second")
    with pytest.raises(CheckpointerBusy):
        second.round()
    running.close()
    write(ledger, 1)
    assert second.round() is not None
    second.close()


def test_whoever_waits_answers_from_what_is_published(
    ledger: TestLedger, running: Checkpointer, tmp_path: Path
) -> None:
    """A second machine proves heads as the first does, waits for its checkpoints, and can take its place."""
    names = write(ledger, 3)
    first = running.round()
    second = checkpointer(ledger, tmp_path / "second")
    with pytest.raises(CheckpointerBusy):
        second.round()
    assert first is not None
    assert (second.size, second.heads and second.heads.root()) == (first.size, running.heads and running.heads.root())
    service = MapService(tmp_path, second, threading.Event())
    try:
        names += write(ledger, 1)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, tmp_path, names, first.size + 1)
            threading.Timer(0.5, running.round).start()
            service.serve(2.0)
            found = asked.result()
    finally:
        service.close()
    assert found.size == running.size == first.size + 2
    assert running.heads is not None
    for name in names:
        seq, leaf = heads(ledger)[name]
        verify_presence(running.heads.root(), name, seq, leaf, found.proofs[name])
    running.close()
    write(ledger, 1)
    made = second.round()
    assert made is not None
    assert made.size == found.size + 2
    second.close()


def test_whoever_waits_stops_between_two_pages(
    ledger: TestLedger, running: Checkpointer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to stop while it follows a long log it ends at once; asked again it goes on from there, to the whole."""
    write(ledger, 6)
    made = running.round()
    assert made is not None
    pages, stop = list[int](), threading.Event()
    follow = Followed.follow

    def followed(to: Followed, connection: psycopg.Connection, limit: int) -> int:
        pages.append(follow(to, connection, limit))
        stop.set()
        return pages[-1]

    monkeypatch.setattr(standby, "PAGE_MAX", 2)
    monkeypatch.setattr(Followed, "follow", followed)
    second = checkpointer(ledger, tmp_path / "second")
    second.run(stop)
    assert pages == [2], "a process that ends waits for one page at the most"

    waiting = Standby(ledger.database, ORIGIN, tmp_path / "third")
    pages.clear()
    while waiting.last is None:
        stop.clear()
        waiting.follow(stop)
    assert pages == [2, 2, 2, 1]
    assert waiting.last == made
    taken = waiting.give(made.size)
    assert taken is not None
    assert taken.tree.root() == made.root


def test_whoever_signs_stops_between_two_pages(
    ledger: TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to stop while it follows all of a long log for the first time, it ends at once and signs nothing."""
    write(ledger, 6)
    pages, stop = list[int](), threading.Event()
    follow = Followed.follow

    def followed(to: Followed, connection: psycopg.Connection, limit: int = 2) -> int:
        pages.append(follow(to, connection, limit))
        stop.set()
        return pages[-1]

    monkeypatch.setattr("infrastructure.checkpointer.PAGE_MAX", 2)
    monkeypatch.setattr(Followed, "follow", followed)
    first = checkpointer(ledger, tmp_path / "first")
    first.run(stop)
    assert pages == [2]
    with ledger.owner() as connection:
        assert checkpoint_store.latest(connection) is None

    made = first.round()
    assert made is not None, "whoever was stopped may be asked again"
    assert made.size == 7
    first.close()


def test_whoever_waits_believes_no_changed_bytes(ledger: TestLedger, running: Checkpointer, tmp_path: Path) -> None:
    """T11: what it follows must come to the root that was published."""
    write(ledger, 3)
    assert running.round() is not None
    with ledger.owner() as connection:
        connection.execute("ALTER TABLE checkpoints DISABLE TRIGGER ALL")
        connection.execute("UPDATE checkpoints SET root = decode(repeat('00', 32), 'hex')")
    second = checkpointer(ledger, tmp_path / "second")
    with pytest.raises(LogDiffers):
        second.round()
    assert (second.size, second.heads) == (0, None)
    second.close()


@pytest.mark.parametrize(
    "change",
    ["UPDATE events SET header = set_byte(header, 79, get_byte(header, 79) # 1) WHERE position = 3",
     "UPDATE events SET leaf = decode(repeat('00', 32), 'hex') WHERE position = 3",
     "DELETE FROM events WHERE position = 3"],
)  # fmt: skip
def test_nothing_is_signed_over_changed_bytes(ledger: TestLedger, running: Checkpointer, change: str) -> None:
    """The second pass finds what was changed between commit and checkpoint, and signs nothing (T11)."""
    write(ledger, 5)
    with ledger.owner() as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        connection.execute(change)  # type: ignore[arg-type,unused-ignore] # a literal of a test
    for _ in range(3):  # what was taken in of a bad page is given up: no later round goes on behind it
        with pytest.raises(LogDiffers):
            running.round()
    with ledger.owner() as connection:
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone() == (0,)


def test_tiles_hold_the_tree(ledger: TestLedger, running: Checkpointer) -> None:
    """Full tiles are stored with the checkpoint that covers them; partial ones are read from below."""
    write(ledger, 3, 200)
    made = running.round()
    assert made is not None
    with connect_reader(ledger.database) as connection:
        leaves = [bytes(leaf) for (leaf,) in connection.execute("SELECT leaf FROM events ORDER BY position")]
        stored = connection.execute("SELECT level, index FROM tiles ORDER BY 1, 2").fetchall()
        assert stored == [(0, 0), (0, 1)]
        assert read_tile(connection, 0, 1) == b"".join(leaves[WIDTH : 2 * WIDTH])
        assert read_tile(connection, 0, 2, 89) == b"".join(leaves[2 * WIDTH :])
        assert read_tile(connection, 1, 0, 2) == b"".join(
            merkle.root(leaves[at : at + WIDTH]) for at in (0, WIDTH)
        )  # fmt: skip
        with pytest.raises(merkle.ProofError):
            read_tile(connection, 0, 2, 90)


def test_a_question_does_not_lead_past_changed_bytes(ledger: TestLedger, running: Checkpointer, tmp_path: Path) -> None:
    """T5, T11: what a question met and kept quiet about is met again by the next round; nothing is signed over it."""
    write(ledger, 5)
    with ledger.owner() as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        connection.execute("UPDATE events SET frontier = 'x' WHERE position = 3")
    service = MapService(tmp_path, running, threading.Event())
    try:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, tmp_path, [], 5)
            service.serve(2.0)
            with pytest.raises(NotPublished):
                asked.result()
    finally:
        service.close()
    with pytest.raises(LogDiffers):
        running.round()


STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
NOT_OURS = ("x\n", note.sign_note(note.Checkpoint(ORIGIN, 10**6, bytes(32)).text(), ORIGIN, STRANGER))


@pytest.mark.parametrize("kept", NOT_OURS, ids=["no note", "not signed by the ledger"])
def test_what_the_ledger_did_not_sign_beside_its_keys_stops_nothing(
    ledger: TestLedger, tmp_path: Path, kept: str
) -> None:
    """docs/witness.md, `unreadable`: it is told once, and the next checkpoint takes its place."""
    (tmp_path / KEPT).write_text(kept)
    log = [parse_vkey(VKEY)]
    seen = KeptSize(tmp_path, lambda: log)
    guard = FolderGuard(tmp_path, lambda: check_rollback(ledger.database, ORIGIN, tmp_path, log), seen)
    one = Checkpointer(
        ledger.database, ORIGIN, PARTY, SIGNER, tmp_path / "map", lambda made: keep_checkpoint(tmp_path, made.note),
        guard,
    )  # fmt: skip
    with capture_logs() as told:
        assert (seen(), seen()) == (0, 0)
    assert [each["log_level"] for each in told] == ["warning"]
    write(ledger, 3)
    made = one.round()
    one.close()
    assert made is not None
    assert (guard.halted(), seen()) == (None, made.size)


def test_a_log_that_goes_back_under_a_running_house_is_signed_no_more(ledger: TestLedger, tmp_path: Path) -> None:
    """T10: neither the checkpointer that saw more, nor a fresh one, nor any writer signs; the kept checkpoint stays."""
    folder = tmp_path / "keys"
    folder.mkdir()
    log = [parse_vkey(VKEY)]
    kept = KeptSize(folder, lambda: log)
    guard = FolderGuard(folder, lambda: check_rollback(ledger.database, ORIGIN, folder, log), kept)
    one = Checkpointer(
        ledger.database, ORIGIN, PARTY, SIGNER, tmp_path / "map", lambda made: keep_checkpoint(folder, made.note), guard
    )
    names = write(ledger, 10)
    made = one.round()
    assert made is not None
    with ledger.owner() as connection:
        for table in ("events", "checkpoints", "receipts", "commands"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")  # type: ignore[arg-type,unused-ignore] # names of a test
        connection.execute("DELETE FROM checkpoints")
        connection.execute("DELETE FROM events WHERE position > 4")
        connection.execute("DELETE FROM receipts WHERE first > 4")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    other = LedgerRecorder(ledger.database, ORIGIN, Ed25519PrivateKey.from_private_bytes(RECEIPT_SEED), guard)
    try:
        for number in range(3):
            refused = other.submit(save(event(lift()))).exception(30)
            assert isinstance(refused, RolledBack), number
        for each in (one, Checkpointer(ledger.database, ORIGIN, PARTY, SIGNER, tmp_path / "fresh", guard=guard)):
            with pytest.raises((RolledBack, psycopg.OperationalError)):
                each.round()
            with pytest.raises(RolledBack):
                each.round()
            each.close()
    finally:
        other.close()
    assert kept() == made.size > len(names)
    with ledger.owner() as connection:
        assert connection.execute("SELECT max(position) FROM events").fetchone() == (4,)
