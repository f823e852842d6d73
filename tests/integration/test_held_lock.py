"""Writers, erasers and clocks that stand still while they hold the ledger's lock: the others go on within seconds."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from application.errors import LockHeld
from infrastructure import writer
from infrastructure.clock import set_scripted
from infrastructure.connection import lock_key
from infrastructure.session import Watchdog, WriterSession
from tests.support.postgres import LOCKS
from tests.support.saving import SCRIPTED, TestLedger, event, ledger_in, lift, save

ROOT = Path(__file__).parents[2]


WRITER = """
import sys, uuid
from infrastructure.connection import Database
from tests.support.saving import event, open_recorder, save
recorder = open_recorder(Database(sys.argv[1]))
print("ready", flush=True)
stream = f"lift:{uuid.uuid4()}"
for version in range(1, int(sys.argv[2]) + 1):
    recorder.submit(save(event(stream, version))).result(60)
print("done", flush=True)
recorder.close()
"""


def start_writer(ledger: TestLedger, events: int) -> subprocess.Popen[str]:
    """Start a process that writes one stream, one event a save."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, ledger.database.url, str(events)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.slow
def test_stopped_holding_the_lock(ledger: TestLedger) -> None:
    """A process stopped while it holds the lock stops the others for seconds only, and goes on when continued."""
    other = start_writer(ledger, 300)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        with ledger.owner() as connection:
            stopped = False
            for _ in range(200):
                os.kill(other.pid, signal.SIGSTOP)
                locks = connection.execute(LOCKS, (lock_key(ledger.origin),)).fetchall()
                if any(granted for _, _, granted, _ in locks):
                    stopped = True
                    break
                os.kill(other.pid, signal.SIGCONT)
                time.sleep(0.01)
        assert stopped
        began = time.monotonic()
        ledger.recorder.submit(save(event(lift()))).result(30)
        assert time.monotonic() - began < 25
        os.kill(other.pid, signal.SIGCONT)
        assert other.stdout.readline() == "done\n"
        assert other.wait(30) == 0
    finally:
        os.kill(other.pid, signal.SIGCONT) if other.poll() is None else None
        other.kill()
        other.communicate()
    assert ledger.check().size == 301


@pytest.mark.slow
def test_stale_lock_is_broken(ledger: TestLedger) -> None:
    """A writer's session that no timeout of the server's ends loses the lock to the next who waits for it."""
    holder = psycopg.connect(ledger.database.url, application_name="liftledger writer")
    holder.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(ledger.origin),))
    began = time.monotonic()
    ledger.recorder.submit(save(event(lift()))).result(30)
    assert time.monotonic() - began < 25
    with pytest.raises(psycopg.OperationalError):
        holder.execute("SELECT 1")
    holder.close()


def test_a_strangers_session_that_holds_the_lock_is_named_as_what_it_is(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is nobody's to end; whoever writes is told that the lock is held, not that the database is away."""
    monkeypatch.setattr(writer, "RECOVERY_S_MAX", 0.5)
    with psycopg.connect(ledger.database.url, application_name="psql") as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(ledger.origin),))
        with pytest.raises(LockHeld):
            ledger.recorder.submit(save(event(lift()))).result(60)
    ledger.recorder.submit(save(event(lift()))).result(30)
    assert ledger.check().size == 1


STOPPING = """
import os, signal, sys
import psycopg
from infrastructure import clock, vault
from infrastructure.connection import Database

real = psycopg.Connection.execute

def execute(connection, query, *rest, **named):
    if isinstance(query, str) and query.startswith(sys.argv[2]):
        print("stopping", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    return real(connection, query, *rest, **named)

psycopg.Connection.execute = execute
if sys.argv[2].startswith("DELETE"):
    vault.erase(Database(sys.argv[1]), sys.argv[3], "person:a")
else:
    clock.set_scripted(Database(sys.argv[1]), sys.argv[3], "2026-01-01T00:00:00.000000Z", set_by="test")
"""


@pytest.mark.slow
@pytest.mark.parametrize("major", [18, 16])
@pytest.mark.parametrize("command", ["DELETE FROM sealed_values", "INSERT INTO clock"])
def test_commands_stopped_holding_the_lock(request: pytest.FixtureRequest, command: str, major: int) -> None:
    """An eraser, or a clock's setter, stopped under the lock stops writing for seconds; continued, it changes nothing.

    It says so: the erasure is applied again by the next round.
    """
    url = request.getfixturevalue("database_url" if major == 18 else "database_url_16")
    with ledger_in(url, SCRIPTED) as ledger:
        set_scripted(ledger.database, SCRIPTED, "2025-11-01T00:00:00.000000Z", set_by="test")
        ledger.recorder.submit(save(event(lift()))).result(30)
        holder = subprocess.Popen(
            [sys.executable, "-c", STOPPING, url, command, SCRIPTED],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "stopping\n"
            began = time.monotonic()
            stored = ledger.recorder.submit(save(event(lift()))).result(30)
            assert time.monotonic() - began < 25
            assert stored.recorded_at == "2025-11-01T00:00:00.000000Z"
            os.kill(holder.pid, signal.SIGCONT)
            _, said = holder.communicate(timeout=180)
            assert "DatabaseAway" in said
        finally:
            holder.kill()
            holder.communicate()
        assert ledger.check().size == 2


@pytest.mark.slow
def test_stale_lock_of_a_role_that_may_not_be_ended(ledger: TestLedger) -> None:
    """A holder of another role's, which a writer may not end, does not keep it from ending those that it may."""
    name = f"w_{secrets.token_hex(4)}"
    with ledger.owner() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")  # type: ignore[arg-type,unused-ignore] # hex
        connection.execute(f"GRANT ALL ON SCHEMA liftledger TO {name}")  # type: ignore[arg-type,unused-ignore] # hex
    holder = psycopg.connect(ledger.database.url, application_name="liftledger eraser")
    try:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(ledger.origin),))
        watchdog = Watchdog()
        session = WriterSession(
            replace(ledger.database, role=name), lock_key(ledger.origin), scripted=False, watchdog=watchdog
        )
        assert session.break_stale_lock(0) == 0
        session.close()
        watchdog.close()
        assert holder.execute("SELECT 1").fetchone() == (1,)
    finally:
        holder.close()
        with ledger.owner() as connection:
            connection.execute(f"DROP OWNED BY {name}")  # type: ignore[arg-type,unused-ignore] # hex
            connection.execute(f"DROP ROLE {name}")  # type: ignore[arg-type,unused-ignore] # hex


def test_killed_process_loses_nothing(ledger: TestLedger) -> None:
    """A writer process killed with -9 in the middle leaves a sound log and a free lock."""
    other = start_writer(ledger, 100_000)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        while ledger.recorder.head().size < 20:
            time.sleep(0.01)
    finally:
        other.kill()
        other.communicate()
    ledger.recorder.submit(save(event(lift()))).result(30)
    assert ledger.check().size > 20
