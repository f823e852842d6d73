"""A ledger key handed on with a fault at each step: one rotation is recorded, and what was prepared is what signs."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api import bootstrap, credentials
from api.client import Credentials, salted
from application.door import Door
from application.services import Services
from audit.note import open_signatures, parse_vkey
from domain.errors import DomainError
from domain.ledgers import Ledger
from infrastructure import checkpoint_store
from infrastructure.checkpointer import Checkpointer
from infrastructure.connection import connect_reader
from infrastructure.keyring import Keyring
from infrastructure.keys import CHECKPOINT, COSIGNER, RECEIPT, KeyFolder
from tests.integration.test_rotating import enrol, signs
from tests.support.faults import Failing, Fault, break_step, failing_async
from tests.support.postgres import fresh_database
from tests.support.written import ORIGIN, Written


class Step(NamedTuple):
    """Whose key, at which stage of handing it on, and the call that fails there."""

    use: str
    stage: str
    where: Any
    name: str
    at: int = 1


STEPS = {
    "receipt key made": Step("receipt", "prepare", KeyFolder, "_make_one"),
    "checkpoint key made": Step("checkpoint", "prepare", KeyFolder, "_make_one"),
    "cosigner key made": Step("checkpoint", "prepare", KeyFolder, "_make_one", at=2),
    "rotation of receipts recorded": Step("receipt", "record", Door, "write"),
    "rotation of checkpoints recorded": Step("checkpoint", "record", Door, "write"),
    "receipt key taken up": Step("receipt", "sign", Keyring, "in_force"),
    "checkpoint keys taken up": Step("checkpoint", "sign", Keyring, "checkpoints"),
    "checkpoint under them stored": Step("checkpoint", "sign", checkpoint_store, "store"),
}
NAMES = {"receipt": (RECEIPT,), "checkpoint": (CHECKPOINT, COSIGNER)}


@dataclass
class House:
    """A ledger with two workers and a checkpointer; one worker records, the other is to follow."""

    settings: bootstrap.Settings
    administrator: Credentials
    workers: list[Services] = field(default_factory=list)
    running: Checkpointer | None = None
    said: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""
    command: str = ""
    receipt: str = ""

    def start(self) -> None:
        """Begin, or begin anew after a kill: `close` would tell the processes that it is over."""
        if self.running is not None:
            self.running._drop()  # noqa: SLF001 - as in test_checkpointer_faults
        for each in self.workers:
            each.close()
        self.workers = [bootstrap.open_services(self.settings) for _ in range(2)]
        self.running = bootstrap.checkpointer(self.settings)

    def worker(self, number: int) -> Written:
        """Give a worker as the other tests of rotations know it."""
        return Written(self.settings, self.workers[number], self.administrator, self.administrator, "")

    def prepare(self, use: str) -> None:
        """Have the key in force sign the next; a repetition finds what an earlier one made."""
        self.said = bootstrap.hand_on_key(self.settings, use)
        self.body, self.command = salted(self.said), str(uuid.uuid4())

    def record(self, _: str) -> None:
        """Have it recorded; a repetition is the same command."""
        written = self.worker(0)
        asyncio.run(
            written.send(self.administrator, "ledger.rotate_key", [self.body], self.command, uri="/ledger/keys")
        )

    def sign(self, _: str) -> None:
        """Have a receipt and a checkpoint signed by processes that did not record it."""
        self.receipt = enrol(self.worker(1))[1]
        assert self.running is not None
        assert self.running.round() is not None

    def ledger(self) -> Ledger:
        """Give what the log says of the keys."""
        return bootstrap.read_ledger(bootstrap.place(self.settings))

    def rotations(self) -> int:
        """Count the rotations in the log."""
        with connect_reader(bootstrap.place(self.settings).owner) as connection:
            row = connection.execute("SELECT count(*) FROM events WHERE type = 'ledger.KeyRotated'").fetchone()
        return 0 if row is None else int(row[0])

    def held(self, use: str) -> dict[str, int]:
        """Count the keys of a use, file by file."""
        keys = bootstrap.place(self.settings).keys
        return {name: len(keys.numbers(name)) for name in NAMES[use]}

    def check(self) -> None:
        """Hold receipts and checkpoints against the keys in force."""
        ledger = self.ledger()
        assert signs(ledger.receipt_key, self.receipt)
        with connect_reader(bootstrap.place(self.settings).owner) as connection:
            last = checkpoint_store.latest(connection)
        assert last is not None
        _, signed = open_signatures(last.note, [parse_vkey(key) for key in ledger.checkpoint_keys])
        assert len(signed) == 2
        assert {each.code for each in bootstrap.diagnose(self.settings) if each.state == "wrong"} <= {"quorum"}


@pytest.fixture(scope="module")
def house(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all of these: each hands a key on once more."""
    var: Path = tmp_path_factory.mktemp("rotating")
    with fresh_database(postgres) as url:
        settings = bootstrap.Settings(database_url=url, var=var)
        made = bootstrap.make_ledger(settings, ORIGIN)
        house = House(settings, credentials.load(made.administrator).credentials)
        house.start()
        yield house
        assert not bootstrap.verify(settings, log_only=True).failed(), "under the keys of their times, all of it"
        assert house.running is not None
        house.running.close()
        for each in house.workers:
            each.close()


def broken(patch: pytest.MonkeyPatch, step: Step, *, stored: bool) -> Failing:
    """Have the step's call fail."""
    if step.where is not Door:
        return break_step(patch, step.where, step.name, stored=stored, at=step.at)
    fault = Failing(stored, step.at)
    patch.setattr(Door, "write", failing_async(Door.write, fault))
    return fault


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "killed"])
@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored"])
@pytest.mark.parametrize("name", STEPS)
def test_a_rotation_is_finished_whatever_failed(house: House, name: str, *, stored: bool, killed: bool) -> None:
    """Repeated, it hands on to the keys that were prepared, all of a use; no key is made twice and none left over."""
    step = STEPS[name]
    house.sign(step.use)
    before, rotations, held = house.ledger(), house.rotations(), house.held(step.use)
    for stage in (house.prepare, house.record, house.sign):
        if stage.__name__ == step.stage:
            with pytest.MonkeyPatch.context() as patch:
                fault = broken(patch, step, stored=stored)
                with suppress(Fault, DomainError):  # a writer tries once more by itself
                    stage(step.use)
                assert fault.met
            if killed:
                house.start()
        stage(step.use)
    after = house.ledger()
    used = [after.receipt_key] if step.use == "receipt" else list(after.checkpoint_keys)
    assert house.rotations() == rotations + 1
    assert used == house.said["keys"]
    assert len(after.retired) == len(before.retired) + len(used)
    assert house.held(step.use) == {file: count + 1 for file, count in held.items()}
    house.check()
