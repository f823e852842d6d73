"""Children that are copies of this process: what they keep, what they leave behind, and how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from application.ids import new_name
from infrastructure.errors import InfrastructureError
from infrastructure.lock import held
from infrastructure.processes import fork, stat
from tests.support.apart import alone
from tests.support.scenes import PATIENCE_S, ROOT, called, until


def status_of(work: Callable[[], object], **env: str) -> int:
    """Run a fork of this process to its end."""
    child = fork("aside", work, env=env, death_signal=signal.SIGTERM)
    child.begin()
    return child.wait()


def ending(status: object) -> Callable[[], None]:
    """Give work that ends the process by itself."""

    def end() -> None:
        raise SystemExit(status)

    return end


def raising() -> None:
    """Fail as nobody foresaw."""
    message = "unforeseen"
    raise ValueError(message)


@pytest.mark.parametrize(
    "work, status",
    [
        (lambda: "whatever", 0), (ending(None), 0), (ending(0), 0), (ending(7), 7), (ending("why"), 1), (raising, 1),
        (lambda: signal.raise_signal(signal.SIGTERM), -15), (lambda: os.kill(os.getpid(), signal.SIGKILL), -9),
    ],
)  # fmt: skip
@alone
def test_how_a_fork_ends_is_known(work: Callable[[], object], status: int) -> None:
    """Work that is done is status 0; an exit its own; what nobody foresaw 1, and never this program's own way on."""
    assert status_of(work) == status


@alone
def test_what_a_fork_failed_of_is_printed(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback of what nobody foresaw goes to standard error."""
    with open(2, "w", closefd=False) as error:
        monkeypatch.setattr(sys, "stderr", error)
        assert status_of(raising) == 1
    assert "ValueError: unforeseen" in capfd.readouterr().err


@alone
def test_what_was_not_written_yet_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the buffers of standard output at the fork is not written by the child again."""
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        out.write("once\n")
        assert status_of(lambda: None) == 0
    assert (tmp_path / "out").read_text() == "once\n"


@alone
def test_a_fork_keeps_what_it_is_given_and_nothing_else(tmp_path: Path) -> None:
    """It has the sockets meant for it and its environment, but neither our handlers, nor our lock, nor our input."""
    with held(tmp_path / "var"), socket.create_server(("127.0.0.1", 0)) as given, socket.socket() as other:
        descriptor = given.fileno()

        var = tmp_path / "var"
        locked = next(int(at.name) for at in Path("/proc/self/fd").iterdir() if at.exists() and at.readlink() == var)

        def look() -> None:
            opened = {int(entry.name): entry for entry in Path("/proc/self/fd").iterdir()}
            assert descriptor in opened
            assert other.fileno() not in opened
            assert locked not in opened or opened[locked].readlink() != var
            assert opened[0].readlink() == Path(os.devnull)
            assert os.environ["LIFTLEDGER_SUPERVISOR"] == "x"
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert os.getsid(0) == os.getpid()
            assert called(os.getpid()) == "a-name-of-twent"

        before = signal.signal(signal.SIGTERM, lambda *_: None)
        try:
            env = {"LIFTLEDGER_SUPERVISOR": "x"}
            name = "a-name-of-twenty-four-xx"
            child = fork(name, look, env=env, death_signal=signal.SIGTERM, pass_fds=[descriptor])
            child.begin()
            assert child.wait() == 0
        finally:
            signal.signal(signal.SIGTERM, before)
        assert "LIFTLEDGER_SUPERVISOR" not in os.environ


@alone
def test_nothing_is_done_before_the_child_is_written_down(tmp_path: Path) -> None:
    """A fork waits for its word; where the one who forked it dies before, it ends having done nothing."""
    mark = tmp_path / "done"
    waiting = fork("aside", mark.touch, env={}, death_signal=signal.SIGTERM)
    assert stat(waiting.pid) is not None
    assert not mark.exists()
    os.close(waiting.gate)  # as the kernel does for a dead parent
    assert waiting.wait() == 1
    assert not mark.exists()


HEAPS = """
import ctypes, signal, sys, threading
from infrastructure.processes import fork, limit_arenas

def work():
    meet = threading.Barrier(9)
    threads = [threading.Thread(target=lambda: (bytearray(100_000), meet.wait())) for _ in range(8)]
    for thread in threads:
        thread.start()
    meet.wait()
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
    libc.malloc_info(0, file)
    libc.fclose(file)

limit_arenas(2)
child = fork("aside", work, env={}, death_signal=signal.SIGTERM)
child.begin()
sys.exit(child.wait())
"""


def test_heaps_of_threads_are_few_in_forks_too(tmp_path: Path) -> None:
    """However many threads a fork has, the C library keeps as many heaps as its parent said."""
    place = tmp_path / "heaps"
    # A program of its own: in this one threads of other tests have had heaps already.
    subprocess.run([sys.executable, "-c", HEAPS, str(place)], cwd=ROOT, check=True, timeout=PATIENCE_S)
    assert 1 <= place.read_text().count("<heap nr=") <= 2


@alone
def test_a_fork_dies_with_its_parent(tmp_path: Path) -> None:
    """Killed with -9, a parent takes the fork with it."""
    told = tmp_path / "pid"

    def parent() -> None:
        child = fork("grandchild", signal.pause, env={}, death_signal=signal.SIGTERM)
        child.begin()
        told.with_suffix(".new").write_text(str(child.pid))
        told.with_suffix(".new").rename(told)
        signal.pause()

    child = fork("parent", parent, env={}, death_signal=signal.SIGKILL)
    child.begin()
    until(told.exists)
    grandchild = int(told.read_text())
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -9
    until(lambda: stat(grandchild) is None)


def test_a_process_with_threads_is_not_forked() -> None:
    """What another thread holds would stay taken in the child, so it is refused."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(InfrastructureError):
            fork("aside", print, env={}, death_signal=signal.SIGTERM)
    finally:
        stop.set()
        thread.join()


@alone
def test_forks_make_names_of_their_own(tmp_path: Path) -> None:
    """Two forks of one process, which shares its state with both, never make the same name of anything."""
    new_name("lift")  # the state is there before they part

    def make(place: Path) -> Callable[[], object]:
        return lambda: place.write_text(" ".join(new_name(kind) for kind in ("lift", "agent") for _ in range(100)))

    places = [tmp_path / name for name in ("one", "two", "three")]
    assert [status_of(make(place)) for place in places] == [0, 0, 0]
    made = [name for place in places for name in place.read_text().split()]
    assert len(set(made)) == len(made) == 600
