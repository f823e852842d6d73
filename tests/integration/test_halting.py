"""The word that nothing is signed: who leaves it, what it keeps, and when it is taken back."""

from __future__ import annotations

from pathlib import Path

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from application.errors import DatabaseAway, RolledBack
from application.rollback import Guarded
from audit.merkle import EMPTY_ROOT, Frontier
from infrastructure import checkpoint_store, guarding
from infrastructure.checkpoint_store import Published, Signing, store, store_signing
from infrastructure.errors import KeptCheckpointUnusable
from infrastructure.guarding import HELD_BACK, check_rollback
from infrastructure.halting import HALT, FolderGuard, Reached, halt, halted, reached, remember, told
from infrastructure.recorder import LedgerRecorder
from infrastructure.seen_elsewhere import BESIDE_KEYS, KEPT, NEVER_COSIGNED, REMEMBERED, keep_checkpoint
from infrastructure.witness_client import WitnessClient
from tests.support.logs import Log
from tests.support.saving import ORIGIN, RECEIPT_SEED, TestLedger, event, lift, save

RECEIPT_KEY = Ed25519PrivateKey.from_private_bytes(RECEIPT_SEED)
WHY = RolledBack("behind", size=1, seen=2)


def _opened(ledger: TestLedger, keys: Path) -> LedgerRecorder:
    guard = FolderGuard(keys, lambda: None, lambda: 0)
    return LedgerRecorder(ledger.database, ORIGIN, RECEIPT_KEY, guard)


def _forget(ledger: TestLedger, last: int) -> list[tuple[object, ...]]:
    """Take back all events after a position, as an old dump would; gives them."""
    with ledger.owner() as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        rows = connection.execute("DELETE FROM events WHERE position > %s RETURNING *", (last,)).fetchall()
        connection.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER append_only")
    return rows


def _put_back(ledger: TestLedger, rows: list[tuple[object, ...]]) -> None:
    with ledger.owner() as connection:
        names = _written(connection)
        kept = connection.execute("SELECT * FROM events LIMIT 0").description or []
        places = [[each.name for each in kept].index(name) for name in names]
        values = [tuple(row[place] for place in places) for row in rows]
        marks = ", ".join(["%s"] * len(names))
        connection.cursor().executemany(f"INSERT INTO events ({', '.join(names)}) VALUES ({marks})", values)  # type: ignore[arg-type,unused-ignore]  # noqa: S608 - names of a test


def _written(connection: psycopg.Connection) -> list[str]:
    """Give the columns of events that are not computed."""
    return [
        name
        for (name,) in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'liftledger'"
            " AND table_name = 'events' AND is_generated = 'NEVER' ORDER BY ordinal_position"
        )
    ]


def test_a_restart_does_not_lift_what_two_writers_remember(ledger: TestLedger, tmp_path: Path) -> None:
    """T10: no checkpoint was made, and the first to notice knew less: the halt ends when all acknowledged is back."""
    one, other = _opened(ledger, tmp_path), _opened(ledger, tmp_path)
    for recorder in (one, one, other):
        recorder.submit(save(event(lift()))).result(30)
    rows = _forget(ledger, 1)
    with pytest.raises(RolledBack) as refused:
        one.submit(save(event(lift()))).result(30)
    assert refused.value.details == {"size": 1, "seen": 2}
    one.close()
    other.close()
    assert [each.size for each in reached(tmp_path)] == [2, 3], "the other never wrote again, and tells as it ends"

    found = check_rollback(ledger.database, ORIGIN, tmp_path, [], lift=True)
    assert {(each.kind, each.source, each.size) for each in found.findings if each.kind == "ahead"} == {
        ("ahead", REMEMBERED, 2),
        ("ahead", REMEMBERED, 3),
    }
    _put_back(ledger, rows[:1])
    assert not check_rollback(ledger.database, ORIGIN, tmp_path, [], lift=True).ok
    assert halted(tmp_path) is not None
    _put_back(ledger, rows[1:])
    assert check_rollback(ledger.database, ORIGIN, tmp_path, [], lift=True).ok
    assert halted(tmp_path) is None
    ledger.check()


def _lose_the_second_of(one: LedgerRecorder, ledger: TestLedger) -> None:
    """Have two saves acknowledged, of which a failover loses the second, with its receipt."""
    for _ in range(2):
        one.submit(save(event(lift()))).result(30)
    _forget(ledger, 1)
    with ledger.owner() as connection:
        connection.execute("ALTER TABLE receipts DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM receipts WHERE first > 1")


def test_a_writer_that_was_overtaken_sees_that_its_own_is_gone(ledger: TestLedger, tmp_path: Path) -> None:
    """T10: a failover lost what it acknowledged, and another writer filled the places before it connected again."""
    one, other = _opened(ledger, tmp_path), _opened(ledger, tmp_path)
    _lose_the_second_of(one, ledger)
    for _ in range(2):
        other.submit(save(event(lift()))).result(30)
    _disconnect(ledger)
    with pytest.raises(RolledBack) as refused:
        one.submit(save(event(lift()))).result(30)
    assert refused.value.details == {"size": 3, "seen": 2}
    assert halted(tmp_path) is not None
    assert [each.size for each in reached(tmp_path)] == [2], "whenever it is killed from now on"
    one.close()
    other.close()


def _disconnect(ledger: TestLedger) -> None:
    with ledger.owner() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database() AND application_name LIKE 'liftledger%'"
        )


@pytest.mark.parametrize("gone", [False, True], ids=["all there", "its own gone"])
def test_a_writer_that_was_overtaken_looks_at_its_own_event(ledger: TestLedger, tmp_path: Path, *, gone: bool) -> None:
    """T10: behind a new connection others may be ahead: it goes on if what it saw stands there, and only then."""
    one, other = _opened(ledger, tmp_path), _opened(ledger, tmp_path)
    for recorder in (one, one, other, other):
        recorder.submit(save(event(lift()))).result(30)
    if gone:
        with ledger.owner() as connection:
            connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
            connection.execute("DELETE FROM events WHERE position = 2")
    _disconnect(ledger)
    if gone:
        assert _refused(one).details == {"size": 4, "seen": 2}
    else:
        assert one.submit(save(event(lift()))).result(30).first == 5
        assert halted(tmp_path) is None
    one.close()
    other.close()


def _refused(recorder: LedgerRecorder) -> RolledBack:
    with pytest.raises(RolledBack) as refused:
        recorder.submit(save(event(lift()))).result(30)
    return refused.value


def test_a_halt_whose_word_cannot_be_written_holds_all_the_same(ledger: TestLedger, tmp_path: Path) -> None:
    """Whoever writes here is refused by its own code, also when others have filled the places; it is written later."""
    one = _opened(ledger, tmp_path)
    _lose_the_second_of(one, ledger)
    (tmp_path / ".halt.lock").mkdir()  # stands for a full disk: it fails in the same place, for root too
    with capture_logs() as told_operator:
        refusals = [_refused(one)]
        for _ in range(2):
            ledger.recorder.submit(save(event(lift()))).result(30)
        refusals += [_refused(one) for _ in range(2)]
    assert {(each.code, each.details["seen"]) for each in refusals} == {("ledger_rolled_back", 2)}
    unwritten = [each for each in told_operator if each["event"] == "the word that nothing is signed is not written"]
    assert len(unwritten) >= len(refusals)
    assert {each["log_level"] for each in unwritten} == {"critical"}
    assert halted(tmp_path) is None

    (tmp_path / ".halt.lock").rmdir()
    _refused(one)
    assert halted(tmp_path) is not None
    assert [each.size for each in reached(tmp_path)] == [2]
    one.close()


def test_what_a_new_connection_finds_holds_where_its_word_cannot_be_written(ledger: TestLedger, tmp_path: Path) -> None:
    """The kept checkpoint has seen more: no save is signed over it, and who watches is told; nothing starts over it."""
    seen = Log(origin=ORIGIN)
    keep_checkpoint(tmp_path, seen.note(9))
    (tmp_path / ".halt.lock").mkdir()

    def look() -> Guarded:
        return check_rollback(ledger.database, ORIGIN, tmp_path, seen.keys)

    guard = FolderGuard(tmp_path, look, lambda: 9)
    one = LedgerRecorder(ledger.database, ORIGIN, RECEIPT_KEY, guard)
    assert guard.told() is None
    for _ in range(2):
        assert _refused(one).details["seen"] == 9
    assert guard.told() is not None
    with pytest.raises(RolledBack):
        look()
    one.close()
    (tmp_path / ".halt.lock").rmdir()
    assert guard.halted() is not None
    assert halted(tmp_path) is not None
    assert guard.told() == told(tmp_path)


def test_a_log_behind_its_published_checkpoint_is_halted(ledger: TestLedger, tmp_path: Path) -> None:
    """T10: events are gone, and what was published of them stands: nothing else need be known to sign no more."""
    one = _opened(ledger, tmp_path)
    one.submit(save(event(lift()))).result(30)
    one.close()
    seen = Log(origin=ORIGIN)
    with ledger.owner() as connection:
        checkpoint_store.store(connection, Published(9, bytes(32), seen.note(9), "2025-11-01T00:00:00.000000Z"))
    found = check_rollback(ledger.database, ORIGIN, tmp_path, seen.keys)
    assert ("ahead", "published", 9) in {(each.kind, each.source, each.size) for each in found.findings}
    assert halted(tmp_path) is not None


def test_who_told_is_believed_when_he_is_silent(ledger: TestLedger, tmp_path: Path) -> None:
    """T10: a machine restored whole is halted on a witness's word; that he is away at the next start lifts nothing."""
    one = _opened(ledger, tmp_path)
    for _ in range(3):
        one.submit(save(event(lift()))).result(30)
    one.close()
    (tmp_path / HALT).unlink(missing_ok=True)
    seen = Log(origin=ORIGIN)
    keep_checkpoint(tmp_path, seen.note(9))  # stands for any teller: a head that the log signed
    assert not check_rollback(ledger.database, ORIGIN, tmp_path, seen.keys).ok
    (tmp_path / KEPT).unlink()
    found = check_rollback(ledger.database, ORIGIN, tmp_path, seen.keys, lift=True)
    assert [(each.kind, each.source) for each in found.findings if each.kind != "silent"] == [
        ("ahead", f"{BESIDE_KEYS}, asked before")
    ]
    assert halted(tmp_path) is not None
    assert [(each.size, each.source) for each in reached(tmp_path)] == [(9, BESIDE_KEYS)]


def test_no_more_heads_are_kept_than_may_be(
    ledger: TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of them hold the ledger as well as any; a teller who has ever another one does not fill the disk."""
    monkeypatch.setattr(guarding, "REACHED_MAX", 2)
    seen = Log(origin=ORIGIN)
    for size in (7, 8, 9, 10):
        keep_checkpoint(tmp_path, seen.note(size))
        assert not check_rollback(ledger.database, ORIGIN, tmp_path, seen.keys, lift=True).ok
    assert [each.size for each in reached(tmp_path)] == [7, 8]


@pytest.mark.parametrize("word", ["", "{", '{"message": "m", "details": {}, "reached": [["x"]]}'])
def test_a_word_that_cannot_be_read_is_not_taken_back(ledger: TestLedger, tmp_path: Path, word: str) -> None:
    """Nobody knows what must be there again: an operator has to see to it."""
    (tmp_path / HALT).write_text(word)
    assert check_rollback(ledger.database, ORIGIN, tmp_path, [], lift=True).ok
    assert halted(tmp_path) is not None
    remember(tmp_path, Reached(0, EMPTY_ROOT))
    halt(tmp_path, WHY)
    assert check_rollback(ledger.database, ORIGIN, tmp_path, [], lift=True).ok
    assert halted(tmp_path) is not None, "what was written over it makes nobody know"


def test_other_events_in_the_place_of_those_remembered_lift_nothing(ledger: TestLedger, tmp_path: Path) -> None:
    """T10: as many events, but not those that were acknowledged: the log is inconsistent with what was seen."""
    one = _opened(ledger, tmp_path)
    for _ in range(2):
        one.submit(save(event(lift()))).result(30)
    with ledger.owner() as connection:
        leaves = connection.execute("SELECT leaf FROM events ORDER BY position").fetchall()
        connection.execute("ALTER TABLE receipts DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM receipts WHERE first > 1")
    _forget(ledger, 1)
    with pytest.raises(RolledBack):
        one.submit(save(event(lift()))).result(30)
    one.close()
    assert reached(tmp_path) == [Reached(2, Frontier(bytes(leaf) for (leaf,) in leaves).root())]
    ledger.recorder.submit(save(event(lift()))).result(30)
    found = check_rollback(ledger.database, ORIGIN, tmp_path, [], lift=True)
    assert [(each.kind, each.source) for each in found.findings if each.kind != "silent"] == [
        ("inconsistent", REMEMBERED)
    ]
    assert halted(tmp_path) is not None


def test_a_witness_that_keeps_to_itself_what_it_cosigned(ledger: TestLedger, tmp_path: Path) -> None:
    """T10: software of others may serve no last checkpoint; after it cosigned, its 404 is no young ledger's."""
    seen, (key,), (other,) = Log(origin=ORIGIN), *(Log(origin=f"{each}.example").keys for each in ("witness", "second"))
    status = [404]
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status[0]))) as http:
        witness = WitnessClient("http://witness.example", [other, key], http)

        def told() -> list[str]:
            found = check_rollback(ledger.database, ORIGIN, tmp_path, [], [witness])
            assert found.ok
            return [each.detail for each in found.findings if each.source == witness.url]

        assert told() == [NEVER_COSIGNED]
        with ledger.owner() as connection:
            store(connection, Published(3, seen.root(3), seen.note(3), "2026-03-02T02:00:00.000000Z"))
            store_signing(connection, 3, Signing(key.name, key.key_id, 1, "a line"))
        assert told() == [HELD_BACK], "by whichever of its keys"
        status[0] = 500
        assert not {NEVER_COSIGNED, HELD_BACK} & set(told()), "who cannot answer is another matter"


def test_no_place_of_this_machine_is_told_to_whoever_writes(ledger: TestLedger, tmp_path: Path) -> None:
    """A kept checkpoint that cannot be read refuses writes by its name; where it lies is for the operator's log."""

    def look() -> None:
        raise KeptCheckpointUnusable("last.checkpoint cannot be read", file=str(tmp_path / "last.checkpoint"))

    recorder = LedgerRecorder(ledger.database, ORIGIN, RECEIPT_KEY, FolderGuard(tmp_path, look, lambda: 0))
    try:
        with pytest.raises(DatabaseAway) as refused:
            recorder.submit(save(event(lift()))).result(30)
    finally:
        recorder.close()
    assert (refused.value.code, refused.value.details) == ("kept_checkpoint_unusable", {})
    assert str(tmp_path) not in refused.value.message
