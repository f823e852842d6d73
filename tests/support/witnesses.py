"""A real witness behind real HTTP: `liftledger witness serve` as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx

from api import bootstrap
from audit.contradictions import Contradiction
from audit.note import Verifier, parse_vkey
from audit.policy import Policy
from audit.witnessing import Submission, origin_hash
from tests.support.logs import Log
from tests.support.postgres import fresh_database
from tests.support.service import Service, free_port, serve

NAME = "witness.example/lifts"
START_S_MAX = 180.0


@dataclass
class ServedWitness:
    """A witness: where it answers, its keys, its folder, and the process."""

    folder: Path
    logs: Sequence[Log]
    keys: list[Verifier] = field(default_factory=list)
    vkeys: list[str] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def init(self) -> None:
        """Make its key and memory."""
        done = self.command("init")
        assert done.returncode == 0, done.stderr
        self.vkeys = done.stdout.split()
        self.keys = [parse_vkey(line) for line in self.vkeys]

    def command(self, verb: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands to the end."""
        return subprocess.run(self.arguments(verb, *more), capture_output=True, text=True, check=False, timeout=180)

    def arguments(self, verb: str, *more: str) -> list[str]:
        """Give the words of a command."""
        place = ["--name", NAME, "--key", str(self.folder / "witness.key"), "--dir", str(self.folder)]
        return [sys.executable, "-m", "api.cli", "witness", verb, *place, *more]

    def start(self, *, by_policy: bool = False) -> None:
        """Serve the logs, named one by one or in a policy file; it answers when this returns."""
        more = [word for log in self.logs for word in ("--log", log.vkey)]
        if by_policy:
            policy = self.folder / "policy"
            policy.write_text("".join(f"log {log.vkey}\n" for log in self.logs) + "quorum none\n")
            more = ["--policy", str(policy)]
        self.process = subprocess.Popen(self.arguments("serve", "--listen", f"127.0.0.1:{self.port}", *more))
        until = time.monotonic() + START_S_MAX
        while time.monotonic() < until:
            assert self.process.poll() is None, "the witness ended while starting"
            try:
                httpx.get(f"{self.url}/none/checkpoint", timeout=5)
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError

    def stop(self) -> None:
        """End it in good order, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(30) in {0, -signal.SIGTERM}

    def kill(self) -> None:
        """End it by SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    # ------------------------------------------------------------------------------------------------ what it is asked

    def add(self, old: int, path: Sequence[bytes], note: str) -> httpx.Response:
        """Submit a checkpoint."""
        return self.post(Submission(old, tuple(path), note).encode())

    def post(self, body: bytes) -> httpx.Response:
        """Submit any bytes."""
        return httpx.post(f"{self.url}/add-checkpoint", content=body, timeout=180)

    def latest(self, log: Log) -> httpx.Response:
        """Ask for the last checkpoint it cosigned of a log."""
        return httpx.get(f"{self.url}/{origin_hash(log.origin)}/checkpoint", timeout=180)

    def record(self, log: Log) -> Path:
        """Give the file in which it remembers a log."""
        return self.folder / "checkpoints" / origin_hash(log.origin)

    def kept(self, log: Log) -> dict[str, Contradiction]:
        """Give the evidence it keeps against a log, by file name."""
        part = origin_hash(log.origin)[:16]
        files = (self.folder / "equivocations").glob(f"*-{part}-*.json")
        return {file.name: Contradiction.parse(file.read_bytes()) for file in files}


@contextmanager
def witness(folder: Path, logs: Sequence[Log]) -> Iterator[ServedWitness]:
    """Make a witness of these logs and serve it for the block."""
    served = ServedWitness(folder, logs)
    served.init()
    try:
        served.start()
        yield served
    finally:
        served.stop()


class Named(NamedTuple):
    """A log as a witness is told of it."""

    vkey: str


@contextmanager
def witnessed(postgres: str, folder: Path, *, serving: bool = True) -> Iterator[tuple[Service, Policy]]:
    """Serve a ledger whose checkpoints a real witness cosigns by two keys; gives it with the policy that wants both.

    The witness answers from the start on, or with `serving` false never.
    """
    served, policy = ServedWitness(folder / "witness", []), folder / "policy.txt"

    def told(made: bootstrap.Made) -> dict[str, str]:
        served.logs = cast("Any", [Named(made.checkpoint_vkeys[0])])
        served.init()
        if serving:
            served.start()
        lines = [f"log {key}" for key in made.checkpoint_vkeys]
        lines += [f"witness w{number} {key} {served.url}" for number, key in enumerate(served.vkeys)]
        policy.write_text("\n".join([*lines, "group both all w0 w1", "quorum both", ""]))
        return {"LIFTLEDGER_WITNESS_POLICY": str(policy)}

    try:
        with fresh_database(postgres) as url, serve(url, folder / "ledger", told=told) as service:
            yield service, Policy.parse(policy.read_bytes())
    finally:
        served.stop()
