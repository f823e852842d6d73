"""Many writers at once, in threads and in processes: one order, no gaps, each conflict decided alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from application.errors import VersionMoved
from application.saves import Saved, SourceKey
from infrastructure.connection import lock_key
from tests.support.saving import TestLedger, act, command, errors_of, event, lift, open_recorder, save

ROOT = Path(__file__).parents[2]


class Hold:
    """The ledger's lock held as by another writer, so that what is queued meanwhile becomes one batch."""

    def __init__(self, ledger: TestLedger) -> None:
        self._connection = psycopg.connect(ledger.database.url)
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(ledger.origin),))

    def release(self) -> None:
        """Let go of the lock."""
        self._connection.close()


@pytest.mark.usefixtures("parts")
def test_one_batch_settled_one_by_one(ledger: TestLedger) -> None:
    """In one batch the second save on a stream sees the first one's head, and a loser fails alone."""
    stream, other = lift(), lift()
    hold = Hold(ledger)
    futures = [
        ledger.recorder.submit(each)
        for each in (
            save(event(stream)),
            save(event(stream), event(other)),  # loses: the stream is at 1
            save(event(stream, 2), event(f"{stream}/cover")),
            save(event(other), reads={stream: 1}),  # loses: the stream was moved to 2 by the save before
            save(event(other), reads={stream: 2, f"{stream}/cover": 1}),
        )
    ]
    hold.release()
    assert errors_of(futures) == ["read_moved", "version_moved"]
    assert [futures[i].result().recorded_at for i in (0, 2, 4)] == [futures[0].result().recorded_at] * 3
    checked = ledger.check()
    assert checked.versions == {stream: 2, f"{stream}/cover": 1, other: 1}
    assert checked.receipts == 3


@pytest.mark.usefixtures("parts")
def test_same_command_twice_in_one_batch(ledger: TestLedger) -> None:
    """The same command twice in a batch is stored once and answered twice; with another body it is refused."""
    mine = command()
    hold = Hold(ledger)
    first = ledger.recorder.submit(save(event(lift()), act=act(mine)))
    second = ledger.recorder.submit(save(event(lift()), act=act(mine)))
    third = ledger.recorder.submit(save(event(lift()), act=act(replace(mine, digest="1" * 64))))
    hold.release()
    assert second.result(30) == replace(first.result(30), repeated=True)
    assert errors_of([third]) == ["command_reused"]
    assert ledger.check().size == 1


@pytest.mark.usefixtures("parts")
def test_what_was_stored_is_asked_for_beside_what_is_written(ledger: TestLedger) -> None:
    """A command stored before is answered in the middle of a batch of which a part is being written."""
    mine = command()
    stored = ledger.recorder.submit(save(event(lift()), act=act(mine))).result(30)
    hold = Hold(ledger)
    futures = [
        ledger.recorder.submit(save(*(event(stream, version) for version in range(1, 201))))
        for stream in (lift(), lift())
    ]
    again = ledger.recorder.submit(save(event(lift()), act=act(mine)))
    last = ledger.recorder.submit(save(event(lift())))
    hold.release()
    assert again.result(30) == replace(stored, repeated=True)
    assert [future.result(30).first for future in (*futures, last)] == [2, 202, 402]
    assert ledger.check().size == 402


@pytest.mark.usefixtures("parts")
def test_failed_first_does_not_answer_second(ledger: TestLedger) -> None:
    """When the first of two equal commands in a batch is refused, the second is decided on its own."""
    stream, mine = lift(), command()
    hold = Hold(ledger)
    refused = ledger.recorder.submit(save(event(stream, 2), act=act(mine)))
    stored = ledger.recorder.submit(save(event(stream, 1), act=act(mine)))
    hold.release()
    assert errors_of([refused]) == ["version_moved"]
    assert not stored.result(30).repeated


@pytest.mark.usefixtures("parts")
def test_same_source_and_same_person_in_one_batch(ledger: TestLedger) -> None:
    """In one batch an author's number is taken by the first, and a person's key is the first one's."""
    one, two = lift(), lift()
    hold = Hold(ledger)
    futures = [
        ledger.recorder.submit(save(event(one), sources=(SourceKey("p", "s", "lift", "1", one),))),
        ledger.recorder.submit(save(event(two), sources=(SourceKey("p", "s", "lift", "1", two),))),
        ledger.recorder.submit(save(event(two), subject_keys=(("person:a", b"first"),))),
        ledger.recorder.submit(save(event(two, 2), subject_keys=(("person:a", b"second"),))),
    ]
    hold.release()
    assert errors_of(futures) == ["read_moved", "source_taken"]
    ledger.check()


@pytest.mark.usefixtures("parts")
def test_appends_by_many_threads(ledger: TestLedger) -> None:
    """Sixty-four threads, some on one stream: every save that was not refused is stored once, in one gapless order."""
    shared = lift()
    stored: list[Saved] = []
    moved: list[int] = []

    def write(number: int) -> None:
        own = lift()
        for version in range(1, 11):
            stored.append(ledger.recorder.submit(save(event(own, version))).result(60))
            try:
                stored.append(ledger.recorder.submit(save(event(shared, version))).result(60))
            except VersionMoved:
                moved.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(saved.first or 0 for saved in stored) == list(range(1, len(stored) + 1))
    assert len(stored) + len(moved) == 64 * 20
    checked = ledger.check()
    assert checked.versions[shared] == 10
    assert checked.size == len(stored)


WRITER = """
import sys, threading, uuid
from application.errors import VersionMoved
from infrastructure.connection import Database
from tests.support.saving import event, open_recorder, save
recorder = open_recorder(Database(sys.argv[1]))
shared, wins = sys.argv[2], 0
def write():
    stream = f"lift:{uuid.uuid4()}"
    for version in range(1, 26):
        recorder.submit(save(event(stream, version))).result(60)
        try:
            recorder.submit(save(event(shared, len(recorder.select_stream(shared)) + 1))).result(60)
        except VersionMoved:
            pass
threads = [threading.Thread(target=write) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
recorder.close()
"""


def test_several_processes(ledger: TestLedger) -> None:
    """Three processes write at once: positions are gapless in commit order, and no reader ever passes a gap."""
    shared = lift()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, ledger.database.url, shared],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(3)
    ]  # fmt: skip
    seen = 0
    while any(writer.poll() is None for writer in writers):
        page = ledger.recorder.select_log(seen + 1, 500)
        assert [found.position for found in page] == list(range(seen + 1, seen + 1 + len(page)))
        seen += len(page)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    checked = ledger.check()
    assert checked.size == 3 * 4 * 25 + checked.versions[shared]


def test_no_reader_passes_an_open_writer(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one process has written and not committed, nobody sees or overtakes its positions."""
    from infrastructure.session import WriterSession  # noqa: PLC0415 - patched here only

    monkeypatch.setattr("infrastructure.connection.IDLE_IN_TRANSACTION_TIMEOUT_MS", 60_000)
    real = WriterSession.commit
    written, let_go = threading.Event(), threading.Event()
    mine = lift()

    def slow(session: WriterSession) -> None:
        if not written.is_set():
            written.set()
            assert let_go.wait(60)
        real(session)

    monkeypatch.setattr(WriterSession, "commit", slow)
    held = ledger.recorder.submit(save(event(mine)))
    assert written.wait(60)
    other = open_recorder(ledger.database)
    later = other.submit(save(event(lift())))
    assert ledger.recorder.head().size == 0
    assert ledger.recorder.select_log(1, 10) == []
    with pytest.raises(TimeoutError):
        later.result(0.5)
    let_go.set()
    assert (held.result(30).first, later.result(30).first) == (1, 2)
    other.close()
    ledger.check()


def test_from_an_event_loop(ledger: TestLedger) -> None:
    """An event loop awaits saves; answers and refusals reach it, and one who stopped waiting hurts nobody."""
    stream = lift()

    async def write() -> list[Saved | BaseException]:
        saves = [save(event(lift())) for _ in range(20)] + [save(event(stream)), save(event(stream))]
        waiting = [ledger.recorder.submit_async(each) for each in saves]
        waiting[3].cancel()
        return await asyncio.gather(*waiting, return_exceptions=True)

    answers = asyncio.run(write())
    assert isinstance(answers[3], asyncio.CancelledError)
    assert isinstance(answers[-1], VersionMoved)
    assert sum(isinstance(answer, Saved) for answer in answers) == 20
    assert ledger.check().size == 21
