"""Faults where what others signed is stored: the next round repairs it, though the witness is ahead of the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import psycopg
import pytest

from audit.note import open_signatures, parse_vkey
from infrastructure import anchoring, checkpoint_store
from infrastructure.anchoring import Anchoring
from infrastructure.checkpoint_store import Published
from infrastructure.checkpointer import Checkpointer
from infrastructure.guarding import check_rollback
from infrastructure.halting import halted
from infrastructure.timestamping import Authority, load_roots, verify_stamp
from infrastructure.witness_client import WitnessClient
from tests.integration.test_checkpointer import VKEY, checkpointer, write
from tests.support.authority import OPENSSL, AuthorityFolder, answering
from tests.support.faults import Fault, break_step
from tests.support.postgres import fresh_database
from tests.support.saving import ORIGIN, TestLedger, ledger_in
from tests.support.witnesses import Named, ServedWitness, witness

STEPS = {
    "first line stored": ("store_signing", 1),
    "second line stored": ("store_signing", 2),
    "stamp stored": ("store_stamp", 1),
}
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="the authority of these tests is the openssl command")


@dataclass
class Anchored:
    """A ledger with its checkpointer, a witness of two keys and an authority, and a connection to look with."""

    ledger: TestLedger
    running: Checkpointer
    served: ServedWitness
    authority: Authority
    http: httpx.Client
    connection: psycopg.Connection
    keys: Path

    @property
    def client(self) -> WitnessClient:
        """The witness as the ledger asks it."""
        return WitnessClient(self.served.url, self.served.keys, self.http)

    def open(self) -> Anchoring:
        """Start anchoring as a process does that knows of nobody's lines yet."""
        return Anchoring(self.ledger.database, [self.client], self.authority, suspect=self.guard, stamp_every_s=0.0)

    def publish(self) -> Published:
        """Write an event and publish a checkpoint over it."""
        write(self.ledger, 1)
        made = self.running.round()
        assert made is not None
        return made

    def guard(self) -> None:
        """Hold the log against what the witness has seen; nothing may speak against it."""
        found = check_rollback(self.ledger.database, ORIGIN, self.keys, [parse_vkey(VKEY)], [self.client])
        assert found.ok
        assert halted(self.keys) is None

    def check(self, made: Published) -> None:
        """Hold what is stored of a checkpoint: a line of each key that holds, none twice, and one stamp."""
        rows = checkpoint_store.every_signing(self.connection, made.size)
        assert len({(row.key_id, row.signed_at) for row in rows}) == len(rows)
        assert len({row.key_id for row in rows}) == 2
        known = [parse_vkey(VKEY), *self.served.keys]
        for row in rows:
            open_signatures(f"{made.note}{row.line}\n", known)
        _, signed = open_signatures(checkpoint_store.cosigned(self.connection, made), known)
        assert len(signed) == 3
        ((_, token, _),) = checkpoint_store.stamps(self.connection, made.size)
        verify_stamp(token, made.note, self.authority.roots)


@pytest.fixture(scope="module")
def anchored(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anchored]:
    """One for all of these: each has a checkpoint of its own."""
    folder = tmp_path_factory.mktemp("anchored")
    made = AuthorityFolder(folder / "tsa").make()
    (folder / "keys").mkdir()
    with (
        fresh_database(postgres) as url, ledger_in(url) as ledger, ledger.owner() as connection,
        httpx.Client(trust_env=False) as http, answering(made) as tsa,
        witness(folder / "witness", cast("Any", [Named(VKEY)])) as served,
    ):  # fmt: skip
        running = checkpointer(ledger, folder / "map")
        authority = Authority(tsa, load_roots(made.root), http)
        yield Anchored(ledger, running, served, authority, http, connection, folder / "keys")
        running.close()


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "killed"])
@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored"])
@pytest.mark.parametrize("step", STEPS)
def test_the_next_round_repairs(
    anchored: Anchored, monkeypatch: pytest.MonkeyPatch, step: str, *, stored: bool, killed: bool
) -> None:
    """The witness, which has cosigned already, and the authority are asked again; nothing is stored twice."""
    made, one = anchored.publish(), anchored.open()
    name, at = STEPS[step]
    fault = break_step(monkeypatch, checkpoint_store, name, stored=stored, at=at)
    with pytest.raises(Fault):
        one.round(anchored.connection)
    assert fault.met
    if killed:
        one = anchored.open()
    one.round(anchored.connection)
    anchored.check(made)
    calls = fault.calls
    one.round(anchored.connection)
    assert fault.calls == calls, "nobody is asked who has answered"
    anchored.guard()


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "killed"])
def test_a_witness_ahead_of_what_is_stored_goes_on_with_later_checkpoints(
    anchored: Anchored, monkeypatch: pytest.MonkeyPatch, *, killed: bool
) -> None:
    """Its lines under one checkpoint were lost; it cosigns the next from what it tells, and the guard is content.

    Wanted all the same, the earlier one cannot be had any more: the witness says that it has gone on, to no more than
    was published, so nothing is suspected.
    """
    lost, one = anchored.publish(), anchored.open()
    with monkeypatch.context() as patch:
        break_step(patch, checkpoint_store, "store_signing", stored=False)
        with pytest.raises(Fault):
            one.round(anchored.connection)
    anchored.guard()
    if killed:
        one = anchored.open()
    made = anchored.publish()
    one.round(anchored.connection)
    anchored.check(made)
    assert checkpoint_store.signings(anchored.connection, lost.size) == []
    anew = anchored.open()
    anew.suspect = pytest.fail
    anew.round(anchored.connection, [lost.size])
    assert checkpoint_store.signings(anchored.connection, lost.size) == []


def test_the_thread_outlives_a_fault(anchored: Anchored, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on with a new connection, and nobody need look after it."""
    monkeypatch.setattr(anchoring, "ROUND_S", 0.05)
    break_step(monkeypatch, checkpoint_store, "store_signing", stored=True)
    stamped = break_step(monkeypatch, checkpoint_store, "store_stamp", stored=True)
    made, one = anchored.publish(), anchored.open()
    one.start()
    try:
        until = time.monotonic() + 30
        while not stamped.met and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.2)
    finally:
        one.close()
    anchored.check(made)
