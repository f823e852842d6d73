"""The supervisor: order, restarts, signals, and kill -9 at the worst moment."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infrastructure.embedded import EmbeddedServer
from infrastructure.errors import InfrastructureError, ServerFailed
from infrastructure.processes import birth, lives, stat, working_in
from infrastructure.supervisor import Patience, Supervisor, Worker
from tests.support.accounts import as_user, needs_root
from tests.support.apart import alone
from tests.support.scenes import MARK, Scene, diary, keep, postmaster, rows, scene, until
from tests.support.supervised import program

__all__ = ["scene"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_starts_and_stops_in_order(scene: Scene, number: signal.Signals) -> None:
    """Workers run once the server takes connections; told to stop, they end last first, then the server."""
    slow = scene.worker("first", on_term="sleep 0.2; exit 0")
    supervised = scene.supervise(server=True, first=slow, second=scene.worker("second")).ready()
    keep(scene, range(1))
    until(lambda: scene.told("first", "began") and scene.told("second", "began"))
    supervised.signal(number)
    assert supervised.status() == 0
    assert [who for who, what, _ in diary(scene.folder / "diary") if what == "ended"] == ["second", "first"]
    assert not scene.left()
    assert "database system is shut down" in (scene.var / "postgresql.log").read_text()
    assert {path.name for path in scene.var.iterdir()} == {"postgresql", "postgresql.log"}


def test_dead_worker_is_restarted(scene: Scene) -> None:
    """A worker that is killed comes back as another process; its neighbour is not disturbed."""
    supervised = scene.supervise(one=scene.worker("one"), two=scene.worker("two")).ready()
    for times in (1, 2, 3):
        until(lambda times=times: len(scene.told("one", "began")) == times)  # type: ignore[misc]  # lambda's default
        os.kill(scene.told("one", "began")[-1], signal.SIGKILL)
    until(lambda: len(scene.told("one", "began")) == 4)
    assert len(scene.told("two", "began")) == 1
    supervised.signal(signal.SIGTERM)
    assert supervised.status() == 0
    assert not scene.left()


def test_what_a_dead_worker_started_dies_with_it(scene: Scene) -> None:
    """Children of a worker in its group are ended when it dies, and leave no zombies."""
    worker = scene.worker("parent", before=f"(sleep 600 & echo $! > {scene.folder}/child);")
    supervised = scene.supervise(parent=worker).ready()
    until(lambda: scene.told("parent", "began"))
    child = birth(int((scene.folder / "child").read_text()))
    assert child is not None
    os.kill(scene.told("parent", "began")[0], signal.SIGKILL)
    until(lambda: len(scene.told("parent", "began")) == 2)
    until(lambda: not lives(child))
    until(lambda: not Path(f"/proc/{child.pid}").exists())  # reaped too
    assert supervised.process.poll() is None


def test_worker_that_cannot_start_is_tried_again(scene: Scene) -> None:
    """A program that is not there yet harms nobody and is started once it is there."""
    late = scene.folder / "late"
    supervised = scene.supervise(late=[str(late)], other=scene.worker("other")).ready()
    until(lambda: scene.told("other", "began"))
    late.with_suffix(".new").write_text(f"#!/bin/sh\necho late began $$ >> {scene.folder}/diary\nsleep 600\n")
    late.with_suffix(".new").chmod(0o755)
    late.with_suffix(".new").rename(late)
    until(lambda: scene.told("late", "began"))
    supervised.signal(signal.SIGTERM)
    assert supervised.status() == 0
    assert "worker_died" in supervised.written()[0]


@alone
def test_worker_that_there_is_no_room_for_is_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no room for another process the others go on, and the worker starts once there is."""
    full, forked = [True, True], os.fork

    def room() -> int:
        if full and full.pop():
            raise BlockingIOError(errno.EAGAIN, "no room")
        return forked()

    opened = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fork", room)
    worker = Worker("late", program("/bin/sh", "-c", "kill -TERM $PPID; sleep 600", **{MARK: str(scene.folder)}))
    with capture_logs() as logs:
        Supervisor(scene.var, None, [worker], patience=Patience(restart_s_min=0.01)).run()
    assert [entry["event"] for entry in logs] == [*2 * ["worker_not_started"], "worker_started", "stopped"]
    assert len(list(Path("/proc/self/fd").iterdir())) == opened
    assert not scene.left()


def test_stubborn_worker_is_killed(scene: Scene) -> None:
    """A worker that does not end in time is killed; the supervisor ends well."""
    supervised = scene.supervise(stop_s_max=3, stubborn=scene.worker("stubborn", on_term=":")).ready()
    until(lambda: scene.told("stubborn", "began"))
    supervised.signal(signal.SIGTERM)
    assert supervised.status() == 0
    assert scene.told("stubborn", "ended")
    assert not scene.left()


def test_second_signal_hurries(scene: Scene) -> None:
    """Told twice, the supervisor does not wait for its workers' leave."""
    supervised = scene.supervise(stop_s_max=600, stubborn=scene.worker("stubborn", on_term=":")).ready()
    until(lambda: scene.told("stubborn", "began"))
    supervised.signal(signal.SIGTERM)
    until(lambda: scene.told("stubborn", "ended"))
    supervised.signal(signal.SIGTERM)
    assert supervised.status() == 0
    assert not scene.left()


def test_killed_server_is_restarted(scene: Scene) -> None:
    """Each time the postmaster is killed the server comes back at the same address with all rows; workers stay."""
    supervised = scene.supervise(server=True, one=scene.worker("one")).ready()
    keep(scene, range(100))
    until(lambda: scene.told("one", "began"))
    for _ in range(2):
        before = postmaster(scene)
        os.kill(before, signal.SIGKILL)
        assert rows(scene) == list(range(100))
        assert postmaster(scene) != before
        until(lambda: supervised.written()[0].count("server_recovered") == supervised.written()[0].count("server_died"))
    assert len(scene.told("one", "began")) == 1
    supervised.signal(signal.SIGTERM)
    assert supervised.status() == 0
    assert not scene.left()


def test_killed_supervisor_takes_all_with_it(scene: Scene) -> None:
    """After SIGKILL of the supervisor nothing is left running, and the next start finds every row."""
    first = scene.supervise(server=True, one=scene.worker("one")).ready()
    keep(scene, range(50))
    until(lambda: scene.told("one", "began"))
    first.signal(signal.SIGKILL)
    first.status()
    until(lambda: not scene.left())
    second = scene.supervise(server=True, one=scene.worker("one")).ready()
    assert rows(scene) == list(range(50))
    second.signal(signal.SIGTERM)
    assert second.status() == 0
    assert not scene.left()


def test_next_start_follows_a_kill_at_once(scene: Scene) -> None:
    """Supervisors killed and started in quick succession end with one server, one worker and all rows."""
    last = scene.supervise(server=True, one=scene.worker("one")).ready()
    keep(scene, range(50))
    for _ in range(3):
        last.signal(signal.SIGKILL)
        last = scene.supervise(server=True, one=scene.worker("one")).ready()
    assert rows(scene) == list(range(50))
    until(lambda: len([pid for pid in scene.told("one", "began") if stat(pid)]) == 1)
    last.signal(signal.SIGTERM)
    assert last.status() == 0
    assert not scene.left()


def test_next_start_ends_what_would_not_die(scene: Scene) -> None:
    """A worker deaf to its death signal, and a child of it in a session of its own, are ended by the next start."""
    escape = f"(setsid sleep 600 & echo $! > {scene.folder}/child); trap '' TERM;"
    first = scene.supervise(deaf=scene.worker("deaf", before=escape)).ready()
    until(lambda: scene.told("deaf", "began"))
    left = [birth(scene.told("deaf", "began")[0]), birth(int((scene.folder / "child").read_text()))]
    first.signal(signal.SIGKILL)
    first.status()
    time.sleep(0.1)
    assert all(known is not None and lives(known) for known in left), (left, first.written())
    second = scene.supervise(other=scene.worker("other")).ready()
    assert not any(known is not None and lives(known) for known in left)
    second.signal(signal.SIGTERM)
    assert second.status() == 0
    assert not scene.left()


def test_stranger_with_a_workers_number_is_left_alone(scene: Scene) -> None:
    """A process that only has the number of a former worker is not touched, and neither is a broken file."""
    with subprocess.Popen(["/bin/sleep", "600"]) as stranger:
        try:
            scene.var.mkdir()
            workers = {"one": {"pid": stranger.pid, "start": "another-boot/1"}}
            for text in (json.dumps({"token": "0" * 32, "workers": workers}), "{", "[]"):
                (scene.var / "workers.json").write_text(text)
                supervised = scene.supervise().ready()
                supervised.signal(signal.SIGTERM)
                assert supervised.status() == 0
                assert stranger.poll() is None
        finally:
            stranger.kill()


def test_second_supervisor_is_refused(scene: Scene) -> None:
    """On a folder in use another supervisor ends with a typed word that names the holder; the first goes on."""
    first = scene.supervise(server=True, one=scene.worker("one")).ready()
    until(lambda: scene.told("one", "began"))
    second = scene.supervise(server=True, one=scene.worker("one"))
    assert second.status() == 3
    refused = json.loads(second.written()[1])
    assert refused["code"] == "var_in_use"
    assert refused["details"]["pid"] == first.process.pid
    assert str(first.process.pid) in refused["message"]
    keep(scene, range(1))
    assert len(scene.told("one", "began")) == 1
    first.signal(signal.SIGTERM)
    assert first.status() == 0


def test_first_start_that_fails_is_said(scene: Scene) -> None:
    """Where the server cannot start at all, the supervisor ends with the reason and leaves nothing."""
    first = scene.supervise(server=True).ready()
    first.signal(signal.SIGTERM)
    assert first.status() == 0
    (scene.var / "postgresql" / "global" / "pg_control").write_bytes(b"")
    second = scene.supervise(server=True, one=scene.worker("one"))
    assert second.status() == 3
    assert json.loads(second.written()[1])["code"] == "server_failed"
    assert not scene.left()
    assert not scene.told("one", "began")


def test_told_to_stop_while_starting(scene: Scene) -> None:
    """A signal before the server is ready ends the start well, without a worker and without a server."""
    supervised = scene.supervise(server=True, one=scene.worker("one"))
    until((scene.var / "holder.json").exists)
    supervised.signal(signal.SIGTERM)
    assert supervised.status() == 0
    assert not scene.told("one", "began")
    assert not scene.left()


def test_server_that_cannot_come_back_is_tried_again(scene: Scene) -> None:
    """While its folder is away the server is tried again and again, and comes back with the folder."""
    supervised = scene.supervise(server=True, one=scene.worker("one")).ready()
    keep(scene, range(3))
    data, away = scene.var / "postgresql", scene.var / "away"
    pid = postmaster(scene)
    data.rename(away)
    os.kill(pid, signal.SIGKILL)
    until(lambda: supervised.written()[0].count("server_not_started") >= 2)
    away.rename(data)
    assert rows(scene) == [0, 1, 2]
    assert supervised.process.poll() is None


def test_failed_migration_stops_the_server(scene: Scene) -> None:
    """What is raised before the workers start reaches the caller, after the server has been stopped."""

    def migrate() -> None:
        raise ServerFailed("no")

    supervisor = Supervisor(scene.var, EmbeddedServer(scene.var), [], before_workers=migrate)
    with pytest.raises(ServerFailed):
        supervisor.run()
    assert not scene.left()


@alone
def test_run_inside_a_program(scene: Scene) -> None:
    """A worker is given the sockets meant for it, and after the run signals do again what they did before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        answer = f"test -e /proc/$$/fd/{listener.fileno()} && kill -TERM $PPID; sleep 600"
        worker = Worker("web", program("/bin/sh", "-c", answer, **{MARK: str(scene.folder)}), [listener.fileno()])
        Supervisor(scene.var, None, [worker]).run()
    assert {number: signal.getsignal(number) for number in before} == before
    assert not scene.left()


@pytest.mark.parametrize("names", [["a", "a"], ["A"], ["../a"], [""]])
def test_workers_need_names_of_their_own(tmp_path: Path, names: list[str]) -> None:
    """Names that are not plain or not unique are refused before anything starts."""
    with pytest.raises(InfrastructureError):
        Supervisor(tmp_path, None, [Worker(name, print) for name in names])


def test_patience_doubles_up_to_a_bound() -> None:
    """The pause between restarts doubles and stops growing, however often it fails."""
    patience = Patience(restart_s_min=0.5, restart_s_max=3.0)
    assert [patience.pause_s(failures) for failures in (1, 2, 3, 4, 10_000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@needs_root
def test_works_as_an_ordinary_user() -> None:
    """Without any privilege the supervisor runs server and worker, and stops when told by it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        os.chmod(home, 0o777)  # noqa: PTH101, S103 - where another user may go
        var = Path(home) / "var"

        def run() -> str:
            tell = Worker("tell", program("/bin/sh", "-c", f"id -u > {home}/uid; kill -TERM $PPID; sleep 600"))
            Supervisor(var, EmbeddedServer(var), [tell]).run()
            return Path(home, "uid").read_text().strip()

        assert as_user("nobody", run) == "65534"
        assert not working_in(var / "postgresql", "postgres", None)
