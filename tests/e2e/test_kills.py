"""Kill -9 of each part of a running ledger under load: what was acknowledged is there, and the log verifies.

The ledger has its own embedded server. Every command the load sent is sent again afterwards: an acknowledged one must
give the very answer it gave, any other is stored now if it was not before, and nothing is there twice.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from api.client import Client
from infrastructure.processes import birth, lives, signal_one
from tests.support.knocking import agent, salted, send
from tests.support.loading import Load, loading
from tests.support.scenes import children, until
from tests.support.service import Service, serve

RECOVERY_S_MAX = 90.0
"""Seconds on a quiet machine; the bound is for one that does ten other things."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger with two web workers and a server of its own."""
    with serve(None, tmp_path_factory.mktemp("kills"), workers=2) as service:
        yield service


@pytest.fixture
def insurer(own: Service) -> Client:
    """A party of its own."""
    return own.party("insurer")


def _web(service: Service) -> list[int]:
    return sorted(pid for pid, name in children(service.pid).items() if name.startswith("web-"))


def _sound(service: Service, load: Load) -> None:
    acknowledged, _ = load.settle()
    assert acknowledged >= 10
    assert load.told <= {200, 201, 503}, "a write under load is stored or told to come again"
    service.verify()


def test_web_workers_are_killed(own: Service, insurer: Client) -> None:
    """Web workers killed again and again take only what nobody was told of; others answer meanwhile."""
    with loading(own, insurer) as load:
        load.more()
        for _ in range(3):
            before = _web(own)
            os.kill(before[0], signal.SIGKILL)
            load.more()
            until(lambda before=before: len(_web(own)) == 2 and _web(own) != before)  # type: ignore[misc] # lambda's default
    _sound(own, load)


def test_the_database_is_killed(own: Service, insurer: Client) -> None:
    """The postmaster killed under load is started again, and writes go on within seconds by themselves."""
    with loading(own, insurer) as load:
        for _ in range(2):
            load.more()
            before = own.postmaster()
            os.kill(before, signal.SIGKILL)
            began = time.monotonic()
            # Its orphans may answer a little longer, since what they commit is durable all the same.
            until(lambda before=before: own.postmaster() not in {0, before})  # type: ignore[misc] # lambda's default
            load.more(5)
            assert time.monotonic() - began < RECOVERY_S_MAX
    _sound(own, load)


def test_one_backend_is_killed(own: Service, insurer: Client) -> None:
    """A server process killed under load makes PostgreSQL start over; no acknowledged write is lost by it."""
    with loading(own, insurer, lines=False) as load:
        load.more()
        ((backend,),) = own.rows(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'liftledger writer' LIMIT 1"
        )
        os.kill(backend, signal.SIGKILL)
        load.more(20)
    _sound(own, load)


def test_everything_is_killed(own: Service, insurer: Client) -> None:
    """The whole of `liftledger run` killed at one moment: the next start finds all that was acknowledged."""
    with loading(own, insurer) as load:
        load.more()
        births = [known for pid in (own.pid, *children(own.pid)) if (known := birth(pid))]
        for known in births:
            signal_one(known, signal.SIGKILL)
        assert own.process is not None
        own.process.wait()
        load.stop()
    until(lambda: not any(map(lives, births)))
    own.start()
    _sound(own, load)


def test_only_the_supervisor_is_killed(own: Service, insurer: Client) -> None:
    """With its supervisor dead the rest ends, in order or not; the next start takes over at once."""
    with loading(own, insurer) as load:
        load.more()
        assert own.process is not None
        own.process.kill()
        own.process.wait()
        load.stop()
        own.start()
    _sound(own, load)


def test_a_worker_is_stopped_while_it_holds_the_lock(own: Service, insurer: Client) -> None:
    """A worker stopped (SIGSTOP) under the lock delays the others by seconds, and does no harm when it goes on."""
    with loading(own, insurer, threads=6, lines=False) as load:
        load.more()
        stopped = _stopped_with_the_lock(own)
        try:
            began = time.monotonic()
            answer = send(own, own.administrator, "/agents", salted(agent(own.administrator)))
            assert answer.status_code == 201
            assert time.monotonic() - began < 25
        finally:
            os.kill(stopped, signal.SIGCONT)
        load.more()
    _sound(own, load)


def _stopped_with_the_lock(service: Service) -> int:
    """Stop web workers at random moments until one stands still with the ledger's lock; gives its number."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for worker in _web(service):
            os.kill(worker, signal.SIGSTOP)
            time.sleep(0.005)
            holder = service.holder()
            if holder:
                time.sleep(0.4)
                if service.holder() == holder:
                    return worker
            os.kill(worker, signal.SIGCONT)
            time.sleep(0.01)
    pytest.fail("no worker was ever caught with the lock")
