"""Scenes with supervisors in processes of their own, and what they leave behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from infrastructure.embedded import EmbeddedServer
from infrastructure.processes import Birth, carrying, working_in

ROOT = Path(__file__).parents[2]
# A test marks its own processes with its folder, so that it can tell whether any is left.
MARK = "LIFTLEDGER_TEST_OF"
PATIENCE_S = 120.0
"""How long a test waits for what must come: a bound against hanging, on the slowest machine, and no measurement."""


def until(true: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def diary(place: Path) -> list[list[str]]:
    """Return the lines that workers wrote, word by word."""
    return [line.split() for line in place.read_text().splitlines()] if place.exists() else []


@dataclass
class Scene:
    """One folder with its supervisors; workers write `name word pid` into `diary`."""

    folder: Path
    stack: ExitStack

    @property
    def var(self) -> Path:
        """The folder that the supervisors share."""
        return self.folder / "var"

    def worker(self, name: str, *, on_term: str = "exit 0", before: str = "") -> list[str]:
        """Return the program of a worker that writes down its start and its end."""
        write = f'echo "$0" "$1" $$ >> {self.folder}/diary'
        script = f"say() {{ {write.replace('$0', name)}; }}; trap 'say ended; {on_term}' TERM; {before} say began; "
        return ["/bin/sh", "-c", script + "while :; do sleep 0.02; done", name]

    def told(self, name: str, word: str) -> list[int]:
        """Return the process numbers a worker gave with this word."""
        return [int(pid) for who, what, pid in diary(self.folder / "diary") if (who, what) == (name, word)]

    def supervise(self, *, server: bool = False, stop_s_max: float = 10.0, **workers: list[str]) -> Supervised:
        """Start a supervisor in a process of its own."""
        mark = self.folder / f"ready-{time.monotonic_ns()}"
        out, err = mark.with_suffix(".out"), mark.with_suffix(".err")
        wanted = {"var": str(self.var), "server": server, "workers": workers, "mark": str(mark)}
        # Files, since workers inherit what it writes to, and a pipe would last as long as the last of them.
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.supervised", json.dumps({**wanted, "stop_s_max": stop_s_max})],
                cwd=ROOT,
                env={**os.environ, MARK: str(self.folder)},
                stdout=stdout,
                stderr=stderr,
            )
        supervised = Supervised(process, mark)
        self.stack.callback(supervised.end)
        return supervised

    def left(self) -> set[Birth]:
        """Return every living process of this test: supervisors, workers, what those started, servers."""
        return carrying(MARK, str(self.folder)) | working_in(self.var / "postgresql", "postgres", None)


@dataclass
class Supervised:
    """A running supervisor."""

    process: subprocess.Popen[bytes]
    mark: Path

    def ready(self) -> Supervised:
        """Wait until the server is there and workers may start."""
        until(lambda: self.mark.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.written()
        return self

    def signal(self, number: signal.Signals) -> None:
        """Signal the supervisor alone."""
        self.process.send_signal(number)

    def status(self) -> int:
        """Wait for its end."""
        return self.process.wait(PATIENCE_S)

    def written(self) -> tuple[str, str]:
        """Return what it wrote on standard output and standard error."""
        return self.mark.with_suffix(".out").read_text(), self.mark.with_suffix(".err").read_text()

    def end(self) -> None:
        """Kill it if it still runs."""
        self.process.kill()
        self.process.wait()


def called(pid: int) -> str:
    """Give the name that a process shows itself by (proc_pid_comm(5)); empty when there is none."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def children(pid: int) -> dict[int, str]:
    """Give all descendants of a process with the names that they show themselves by."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            if name := called(child):
                found[child] = name
                waiting.append(child)
    return found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A folder of its own; whatever a test forgot there is ended after it."""
    with ExitStack() as stack:
        scene = Scene(tmp_path, stack)
        yield scene
    for known in scene.left():
        with suppress(ProcessLookupError):
            os.kill(known.pid, signal.SIGKILL)
    until(lambda: not scene.left())
    shutil.rmtree(scene.var, ignore_errors=True)


def url(scene: Scene) -> str:
    """Return where the scene's server is."""
    return EmbeddedServer(scene.var).admin_url


def postmaster(scene: Scene) -> int:
    """Return the number of the running server."""
    return int((scene.var / "postgresql" / "postmaster.pid").read_text().split()[0])


def rows(scene: Scene) -> list[int]:
    """Return what was kept, waiting while the server recovers."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with psycopg.connect(url(scene), connect_timeout=5) as connection:
                return [row[0] for row in connection.execute("select a from kept order by a")]
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def keep(scene: Scene, numbers: range) -> None:
    """Commit rows one by one."""
    with psycopg.connect(url(scene), autocommit=True) as connection:
        connection.execute("create table if not exists kept (a int primary key)")
        for number in numbers:
            connection.execute("insert into kept values (%s)", [number])
