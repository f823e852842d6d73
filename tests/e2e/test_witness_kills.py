"""A witness that is killed and doubled: it never cosigns twice what cannot both be."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from audit.heads import open_head
from audit.note import open_note
from tests.support.logs import Log
from tests.support.witnesses import ServedWitness, witness

LOG = Log(fork=5)


def _climb(served: ServedWitness, told: list[int], stop: threading.Event, step: int) -> None:
    """Submit one checkpoint after another from what the witness tells, until it is gone."""
    old = 0
    while not stop.is_set():
        size = old + step
        try:
            answer = served.add(old, LOG.path(old, size) if old else (), LOG.note(size))
        except httpx.TransportError:
            return
        if answer.status_code == 200:
            open_note(f"{LOG.text(size)}\n{answer.text}", served.keys)
            told.append(size)
            old = size
        else:
            assert answer.status_code == 409
            old = int(answer.text)


@pytest.mark.slow
def test_killed_it_remembers_what_it_cosigned(tmp_path: Path) -> None:
    """Killed with -9 under load again and again, it never answers for less than it cosigned before."""
    with witness(tmp_path / "memory", [LOG]) as served:
        for _ in range(2):
            told: list[int] = []
            threads = [threading.Thread(target=_climb, args=(served, told, threading.Event(), n)) for n in (1, 2)]
            for thread in threads:
                thread.start()
            while len(told) < 10 and any(thread.is_alive() for thread in threads):
                threads[0].join(0.01)
            served.kill()
            for thread in threads:
                thread.join()
            served.start()
            kept = open_head(served.latest(LOG).text, served.keys)
            assert kept.size >= max(told) >= 10
            assert kept == LOG.head(kept.size)
            assert len(told) == len(set(told)), "no size is cosigned for two submissions from one old size"


@pytest.mark.slow
def test_two_processes_on_one_memory_never_go_back(tmp_path: Path) -> None:
    """Two servers on one folder take turns: what either cosigned, both know."""
    with witness(tmp_path / "memory", [LOG]) as first:
        second = ServedWitness(first.folder, [LOG], first.keys)
        second.start(by_policy=True)
        try:
            told: list[int] = []
            stop = threading.Event()
            threads = [
                threading.Thread(target=_climb, args=(each, told, stop, step))
                for each, step in ((first, 1), (second, 1), (first, 2), (second, 3))
            ]
            for thread in threads:
                thread.start()
            while len(told) < 40 and all(thread.is_alive() for thread in threads):
                threads[0].join(0.01)
            stop.set()
            for thread in threads:
                thread.join()
            assert len(told) == len(set(told)) >= 40
            assert first.latest(LOG).text == second.latest(LOG).text
            assert open_head(first.latest(LOG).text, LOG.keys).size == max(told)
        finally:
            second.stop()
