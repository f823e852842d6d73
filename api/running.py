"""Runs a ledger: socket, supervisor, workers; and a running ledger for whoever needs one (demo, tests, benches)."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import httpx

from api import bootstrap, logs
from domain.errors import Busy, Invalid

BACKLOG: Final = 2048
START_S_MAX: Final = 120.0
STOP_S_MAX: Final = 90.0
ROUND_S: Final = 0.05
FREE_S_MAX: Final = 3.0
"""For so long workers of a killed supervisor may still hold the port that they had."""


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket that the workers inherit.

    Raises Busy `address_in_use` where somebody listens there already, Invalid `address_unusable`.
    """
    try:
        listening = socket.create_server((host, port), backlog=BACKLOG, reuse_port=False)
    except OSError as refused:
        raise _refusal(refused, host, port) from refused
    listening.set_inheritable(True)
    return listening


def _refusal(refused: OSError, host: str, port: int) -> Busy | Invalid:
    if refused.errno == errno.EADDRINUSE:
        return Busy(f"{host}:{port} is in use by another process; set LIFTLEDGER_PORT", code="address_in_use")
    return Invalid(f"{host}:{port} cannot be listened on: {refused.strerror}", code="address_unusable")


def serve(settings: bootstrap.Settings) -> None:
    """Serve until SIGTERM or SIGINT: the embedded server if it is ours, one web worker a core, the followers."""
    from api.workers import workers  # noqa: PLC0415 - commands that start no ledger need no web server

    bootstrap.require_server(settings)
    logs.configure(settings.log_level)
    with listen(settings.host, settings.port) as listening:
        bootstrap.limit_arenas(2)
        bootstrap.supervise(settings, workers(listening.fileno(), settings.workers)).run()


@contextmanager
def running(env: Mapping[str, str], url: str, origin: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a ledger as `start` does for the block, and stop it."""
    child = start(env, url, origin)
    try:
        yield child
    finally:
        stop(child)


def start(env: Mapping[str, str], url: str, origin: str) -> subprocess.Popen[bytes]:
    """Start `liftledger run` as a child with these settings and give it once the ledger `origin` answers at `url`.

    Raises Busy `address_in_use` where somebody else listens there, and as `wait_ready`; the child is then over.
    """
    where = urlsplit(url)
    _await_free(where.hostname or "", where.port or 0)
    child = subprocess.Popen([sys.executable, "-m", "api.cli", "run"], env={**os.environ, **env})
    try:
        wait_ready(child, url, origin)
    except BaseException:
        stop(child)
        raise
    return child


def _await_free(host: str, port: int) -> None:
    """Wait until nobody listens there: whoever did would be taken for the child, were it a ledger of the same name.

    The port is bound for a moment only and never listened on.
    """
    until = time.monotonic() + FREE_S_MAX
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as those who listen do
            try:
                probe.bind((host, port))
            except OSError as refused:
                if refused.errno != errno.EADDRINUSE or time.monotonic() >= until:
                    raise _refusal(refused, host, port) from refused
            else:
                return
        time.sleep(ROUND_S)


def wait_ready(child: subprocess.Popen[bytes], url: str, origin: str) -> None:
    """Wait until the ledger `origin` answers at `url`.

    Raises Busy `start_failed` when the child ends or does not answer in time, `address_in_use` when another ledger
    answers there.
    """
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until:
        found = _answering(url)
        if child.poll() is not None:
            raise Busy("the ledger ended while starting", code="start_failed", status=child.returncode)
        if found == origin:
            return
        if found is not None:
            raise Busy(f"at {url} answers another ledger: {found}", code="address_in_use", origin=found)
        time.sleep(ROUND_S)
    raise Busy("the ledger did not answer in time", code="start_failed", seconds=START_S_MAX)


def _answering(url: str) -> str | None:
    """Give the origin of the ledger that answers; empty where what answers is none, None where nothing does."""
    try:
        answer = httpx.get(f"{url}/health", timeout=5)
    except httpx.TransportError:
        return None
    if answer.is_server_error:
        return None  # a ledger that is not ready
    try:
        return str(answer.json()["origin"])
    except (ValueError, KeyError, TypeError):
        return ""


def stop(child: subprocess.Popen[bytes]) -> None:
    """Ask the ledger to end, and end it if it does not."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
