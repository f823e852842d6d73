"""Runs a ledger: socket, supervisor, workers; and a running ledger for whoever needs one (demo, tests, benches)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from api import bootstrap, logs
from domain.errors import Busy

BACKLOG: Final = 2048
START_S_MAX: Final = 120.0
STOP_S_MAX: Final = 90.0
ROUND_S: Final = 0.05


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket that the workers inherit."""
    listening = socket.create_server((host, port), backlog=BACKLOG, reuse_port=False)
    listening.set_inheritable(True)
    return listening


def serve(settings: bootstrap.Settings) -> None:
    """Serve until SIGTERM or SIGINT: the embedded server if it is ours, one web worker a core, the followers."""
    logs.configure(settings.log_level)
    with listen(settings.host, settings.port) as listening:
        descriptor = listening.fileno()
        python = [sys.executable, "-m", "api.workers"]
        # glibc gives each thread an arena of its own otherwise, and workers have many threads.
        env = {"MALLOC_ARENA_MAX": "2"}
        workers = [
            bootstrap.Worker(f"web-{number}", [*python, "web", str(descriptor)], env, (descriptor,))
            for number in range(1, settings.workers + 1)
        ]
        workers += [bootstrap.Worker(name, [*python, name], env) for name in ("projector", "checkpointer", "eraser")]
        bootstrap.supervise(settings, workers).run()


@contextmanager
def running(env: Mapping[str, str], url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a ledger as `start` does for the block, and stop it."""
    child = start(env, url)
    try:
        yield child
    finally:
        stop(child)


def start(env: Mapping[str, str], url: str) -> subprocess.Popen[bytes]:
    """Start `liftledger run` as a child with these settings and give it once it answers at `url`.

    Raises Busy `start_failed` when it ends or does not answer in time; it is then over.
    """
    child = subprocess.Popen([sys.executable, "-m", "api.cli", "run"], env={**os.environ, **env})
    try:
        wait_ready(child, url)
    except BaseException:
        stop(child)
        raise
    return child


def wait_ready(child: subprocess.Popen[bytes], url: str) -> None:
    """Wait until the ledger answers."""
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until:
        if child.poll() is not None:
            raise Busy("the ledger ended while starting", code="start_failed", status=child.returncode)
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(ROUND_S)
    raise Busy("the ledger did not answer in time", code="start_failed", seconds=START_S_MAX)


def stop(child: subprocess.Popen[bytes]) -> None:
    """Ask the ledger to end, and end it if it does not."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
