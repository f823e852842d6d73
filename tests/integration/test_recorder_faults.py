"""What the recorder does when something under it breaks: connections, saves, clocks, processes."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest

from application.errors import DatabaseAway, OutcomeUnknown, QueueFull, RolledBack, Unforeseen
from application.saves import RequestLine, Saved
from infrastructure import save_queue, writer
from infrastructure.connection import Database, lock_key
from infrastructure.errors import DatabaseUnsafe
from infrastructure.session import ConnectionLost, WriterSession
from tests.support.saving import TestLedger, act, command, event, ledger_in, lift, open_recorder, save
from tests.support.scenes import until

ROOT = Path(__file__).parents[2]


def end_writers(ledger: TestLedger) -> int:
    """Terminate every writer's backend of this database."""
    with ledger.owner() as connection:
        row = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'liftledger writer' AND datname = current_database()"
        ).fetchone()
    return 0 if row is None else int(row[0])


@pytest.mark.usefixtures("parts")
def test_unforeseen_hurts_one(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that the database cannot take fails alone; the neighbours in its batch are stored."""
    hold = hold_lock(ledger)
    good = [ledger.recorder.submit(save(event(lift()))) for _ in range(3)]
    bad = ledger.recorder.submit(save(event("lift:\x00")))
    odd = ledger.recorder.submit(save(event(lift()), act=act(agent="agent:\ud800")))
    more = [ledger.recorder.submit(save(event(lift()))) for _ in range(3)]
    hold.close()
    for future in (bad, odd):
        with pytest.raises(Unforeseen):
            future.result(30)
    assert sorted(future.result(30).first or 0 for future in good + more) == [1, 2, 3, 4, 5, 6]
    assert ledger.check().size == 6


def hold_lock(ledger: TestLedger) -> psycopg.Connection:
    """Hold the ledger's lock as another writer would, until the connection is closed."""
    connection = psycopg.connect(ledger.database.url)
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(ledger.origin),))
    return connection


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("moment", ["begin", "heads", "append", "commit"])
@pytest.mark.parametrize("late", [False, True])
def test_connection_lost(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch, moment: str, late: bool) -> None:
    """A connection lost before or after any message: stored once and answered, whether the commit happened or not."""
    ledger.recorder.submit(save(event(lift()))).result()
    real = getattr(WriterSession, moment)
    armed = threading.Event()
    armed.set()

    def broken(session: WriterSession, *arguments: object) -> object:
        if not armed.is_set():
            return real(session, *arguments)
        armed.clear()
        if late:
            real(session, *arguments)
        end_writers(ledger)
        session.abort()
        return real(session, *arguments)

    monkeypatch.setattr(WriterSession, moment, broken)
    mine = [save(event(lift())), save(event(lift()), act=replace(act(), command=None)), save(act=act())]
    futures = [ledger.recorder.submit(each) for each in mine]
    answers = [future.result(30) for future in futures]
    assert [answer.repeated for answer in answers] == [False, False, False]
    assert [event.body for answer in answers for event in answer.events] == [
        new.state for each in mine for new in each.events
    ]
    assert ledger.check().size == 3


def test_connection_lost_with_a_notice_unread(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that cannot be sent while something of the server's is still unread is a lost connection too.

    The client's library gives an error without a state then, over a connection that it still takes for sound.
    """
    ledger.recorder.submit(save(event(lift()))).result()
    real = WriterSession.begin
    told: list[Exception] = []

    def begin(session: WriterSession) -> None:
        if told:
            return real(session)
        session.connection.execute("LISTEN here")
        with ledger.owner() as other:
            other.execute("NOTIFY here")
        select.select([session.connection], [], [], 10)
        with socket.socket(fileno=os.dup(session.connection.fileno())) as handle:
            handle.shutdown(socket.SHUT_WR)
        try:
            return real(session)
        except Exception as error:
            told.append(error)
            raise

    monkeypatch.setattr(WriterSession, "begin", begin)
    assert not ledger.recorder.submit(save(event(lift()))).result(30).repeated
    assert isinstance(told[0], ConnectionLost)
    assert type(told[0].__cause__) is psycopg.DatabaseError, "the fault was not the one meant"
    assert ledger.check().size == 2


def test_outcome_unknown(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit whose reply is lost and that cannot be asked after is answered `outcome_unknown`; a repetition tells."""
    monkeypatch.setattr(writer, "RECOVERY_S_MAX", 0.5)
    real_commit, real_begin = WriterSession.commit, WriterSession.begin
    away = threading.Event()

    def committed_but_lost(session: WriterSession) -> None:
        real_commit(session)
        session.abort()
        away.set()
        real_commit(session)

    def begin(session: WriterSession) -> None:
        if away.is_set():
            session.abort()
        real_begin(session)

    monkeypatch.setattr(WriterSession, "commit", committed_but_lost)
    monkeypatch.setattr(WriterSession, "begin", begin)
    mine = save(event(lift()))
    with pytest.raises(OutcomeUnknown):
        ledger.recorder.submit(mine).result(30)
    with pytest.raises(DatabaseAway):
        ledger.recorder.submit(save(event(lift()))).result(30)
    monkeypatch.undo()
    assert ledger.recorder.submit(mine).result(30).repeated
    assert ledger.check().size == 1


@pytest.mark.parametrize(
    "place, fault",
    [
        ("infrastructure.writer.find_saved", ValueError("a defect of the program")),
        ("infrastructure.session.connect_writer", DatabaseUnsafe("fsync is off")),
    ],
)
def test_what_may_be_stored_is_never_called_unwritten(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch, place: str, fault: Exception
) -> None:
    """After a commit whose reply was lost, whatever keeps us from looking is answered `outcome_unknown`."""
    real = WriterSession.commit

    def failing(*_: object, **__: object) -> object:
        raise fault

    def committed_but_lost(session: WriterSession) -> None:
        real(session)
        monkeypatch.undo()
        monkeypatch.setattr(place, failing)
        session.abort()
        real(session)

    monkeypatch.setattr(WriterSession, "commit", committed_but_lost)
    mine = save(event(lift()))
    with pytest.raises(OutcomeUnknown):
        ledger.recorder.submit(mine).result(30)
    monkeypatch.undo()
    assert ledger.recorder.submit(mine).result(30).repeated
    assert ledger.check().size == 1


def test_database_away(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the server cannot be reached, saves and reads are refused as busy, not lost and not hung."""
    monkeypatch.setattr(writer, "RECOVERY_S_MAX", 0.3)
    recorder = open_recorder(Database("postgresql://nobody@127.0.0.1:1/none"))
    try:
        futures = [recorder.submit(save(event(lift()))) for _ in range(3)]
        for future in futures:
            with pytest.raises(DatabaseAway):
                future.result(30)
    finally:
        recorder.close()


def test_queue_full(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full queue refuses at once; a closed recorder refuses too."""
    monkeypatch.setattr(save_queue, "QUEUE_MAX", 5)
    hold = hold_lock(ledger)
    futures = [ledger.recorder.submit(save(event(lift()))) for _ in range(12)]
    refused = [future for future in futures if future.done()]
    assert refused
    for future in refused:
        assert isinstance(future.exception(), QueueFull)
    hold.close()
    stored = [future.result(30) for future in futures if future not in refused]
    assert ledger.check().size == len(stored)
    ledger.recorder.close()
    assert isinstance(ledger.recorder.submit(save(event(lift()))).exception(), QueueFull)


def test_queue_full_of_bytes(ledger: TestLedger) -> None:
    """A few large writes fill the queue as many small ones do; it takes more as soon as they are written."""
    data = bytes(6 * 1024 * 1024)
    hold = hold_lock(ledger)

    def large() -> Future[Saved]:
        return ledger.recorder.submit(save(event(lift()), request=(RequestLine(None, "0" * 64, data),)))

    futures = [large() for _ in range(16)]
    refused = [future.exception() for future in futures if future.done()]
    assert 4 <= len(refused) <= 6
    assert all(isinstance(error, QueueFull) and error.details["limit"] == "queue_bytes_max" for error in refused)
    hold.close()
    stored = [future.result(60) for future in futures if not (future.done() and future.exception())]
    assert len(stored) == len(futures) - len(refused)
    assert large().result(60).first == len(stored) + 1
    assert ledger.check().size == len(stored) + 1


@pytest.mark.usefixtures("parts")
def test_backends_killed_in_a_loop(ledger: TestLedger) -> None:
    """Writers whose backends are ended again and again store every acknowledged save exactly once."""
    streams = [lift() for _ in range(8)]
    failed: list[str] = []
    stored = kills = 0

    def killed(times: int) -> bool:
        return kills >= times

    def write(stream: str) -> None:
        nonlocal stored
        error: BaseException | None = None
        for version in range(1, 41):
            mine = save(event(stream, version))
            until(partial(killed, version // 10))  # else a quick machine would be done before there were any
            for _ in range(50):
                error = ledger.recorder.submit(mine).exception(60)
                if error is None:
                    stored += 1
                    break
                time.sleep(0.02)
            else:
                failed.append(repr(error))
                return

    threads = [threading.Thread(target=write, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    before = -1
    while any(thread.is_alive() for thread in threads):
        # Not before something was stored since the last one, or a slow machine would never get a save between two.
        if stored > before and (ended := end_writers(ledger)):
            kills += ended
            before = stored
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert not failed
    assert kills > 3
    assert ledger.check().versions == dict.fromkeys(streams, 40)


@pytest.mark.slow
def test_socket_shut_under_a_hung_message(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that does not come back has its socket shut; the save is stored by the next connection."""
    ledger.recorder.submit(save(event(lift()))).result()
    monkeypatch.setattr("infrastructure.session.MESSAGE_S_MAX", 1.0)
    hold = hold_lock(ledger)
    future = ledger.recorder.submit(save(event(lift())))
    time.sleep(2.5)
    hold.close()
    assert future.result(30).first == 2
    assert ledger.check().size == 2


def test_old_server(database_url_16: str) -> None:
    """PostgreSQL 16, which has no transaction timeout, serves as well."""
    with ledger_in(database_url_16) as old:
        mine = command()
        old.recorder.submit(save(event(lift()), act=act(mine))).result()
        assert old.recorder.submit(save(event(lift()), act=act(mine))).result().repeated
        assert old.check().size == 1


def test_rolled_back_database(ledger: TestLedger) -> None:
    """A database behind what the writer saw committed is not written to: no position is signed twice."""
    for _ in range(2):
        ledger.recorder.submit(save(event(lift()))).result()
    with ledger.owner() as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        connection.execute("UPDATE events SET frontier = (SELECT leaf FROM events WHERE position = 1)")
        connection.execute("DELETE FROM events WHERE position = 2")
        connection.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER append_only")
    with pytest.raises(RolledBack) as refused:
        ledger.recorder.submit(save(event(lift()))).result(30)
    assert refused.value.details == {"size": 1, "seen": 2}
