"""`liftledger keys`: a running ledger with two workers hands on its keys, and the old ones sign nothing more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from api import bootstrap
from audit.errors import NoteError
from audit.note import open_note, parse_vkey
from tests.support.knocking import TIMEOUT_S, agent, salted, send
from tests.support.postgres import fresh_database
from tests.support.scenes import until
from tests.support.service import Service, serve

WRITES = 60
THREADS = 6


@pytest.fixture
def service(postgres: str, tmp_path: Path) -> Iterator[Service]:
    """A ledger with two web workers."""
    with fresh_database(postgres) as url, serve(url, tmp_path / "ledger", workers=2) as running:
        yield running


def command(service: Service, *words: str) -> list[str]:
    """Run `liftledger keys` beside the ledger; gives its lines."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "keys", *words], env={**os.environ, **service.environment},
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def write(service: Service) -> int:
    """Enrol an agent; gives the position."""
    answer = send(service, service.administrator, "/agents", salted(agent(service.administrator)))
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return int(answer.headers["Ledger-Position"])


def signed_by(service: Service, vkey: str) -> set[int]:
    """Give the first positions of the receipts by a key."""
    found = set()
    for first, note in service.rows("SELECT first, note FROM receipts"):
        try:
            open_note(note, [parse_vkey(vkey)])
        except NoteError as refused:
            if refused.code != "note_unsigned":
                raise
            continue
        found.add(first)
    return found


def test_keys_are_handed_on_while_everybody_writes(service: Service) -> None:
    """Receipts: old up to the rotation, new after it, in whichever worker; checkpoints follow; all of it verifies."""
    old = httpx.get(f"{service.url}/log/keys", timeout=TIMEOUT_S).text.splitlines()
    (prepared,) = command(service, "prepare", "receipt")
    with ThreadPoolExecutor(THREADS) as pool:
        writing = [pool.submit(write, service) for _ in range(WRITES)]
        told = command(service, "rotate", "receipt", "--url", service.url)
        writing += [pool.submit(write, service) for _ in range(WRITES)]
        assert all(each.result() for each in writing)
    assert prepared in told[1]
    rotated = int(told[0].split()[-1])
    by_old, by_new = signed_by(service, old[0]), signed_by(service, prepared)
    assert max(by_old) == rotated
    assert min(by_new) > rotated
    assert len(by_old | by_new) == service.rows("SELECT count(*) FROM receipts")[0][0]
    assert len(by_new) >= WRITES

    at = int(command(service, "rotate", "checkpoint", "--url", service.url)[0].split()[-1])
    keys = httpx.get(f"{service.url}/log/keys", timeout=TIMEOUT_S).text.splitlines()
    assert keys[0] == prepared
    assert set(keys[:3]).isdisjoint(old)
    assert set(keys[3:]) == set(old), "whoever holds an older proof finds its key"
    until(lambda: service.rows("SELECT count(*) FROM checkpoints WHERE size >= %s", at) != [(0,)])
    open_note(httpx.get(f"{service.url}/log/checkpoint", timeout=TIMEOUT_S).text, list(map(parse_vkey, keys[1:])))
    report = bootstrap.verify(service.settings)
    assert not report.failed(), "\n".join(report.lines())
