"""Faults between making a bundle and handing it over: one event, one bundle, however often the command is repeated."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api import bootstrap, credentials
from api.app import create
from api.client import COMMAND, Credentials, Signer, salted
from api.routes import evidence
from api.threads import READS_AT_ONCE_MAX
from application.door import Door
from audit.bundlefiles import unpack
from audit.bundleverify import verify_bundle
from audit.policy import Policy
from infrastructure import verifying
from infrastructure.connection import connect_reader
from infrastructure.evidence_reader import StoredSealings
from infrastructure.proofs import StoredProofs
from tests.support.faults import Failing, break_step, failing_async
from tests.support.postgres import fresh_database
from tests.support.scenes import until
from tests.support.written import ORIGIN

STEPS: dict[str, tuple[Any, str]] = {
    "sealing kept": (StoredSealings, "keep"),
    "export recorded": (Door, "write"),
    "bundle answered": (evidence, "last_position"),
}
EXPORTED = (
    "SELECT convert_from(e.body, 'UTF8')::json->'found'->>'manifest' FROM commands c"
    " JOIN events e ON e.position = c.first WHERE c.command = %s AND e.type = 'access.Exported'"
)


RECORDED = "SELECT convert_from(body, 'UTF8')::json->'found'->>'manifest' FROM events WHERE type = 'access.Exported'"


@dataclass
class House:
    """A ledger whose projector and checkpointer run in threads; web workers come and go."""

    settings: bootstrap.Settings
    administrator: Credentials
    policy: Policy

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[httpx.AsyncClient]:
        """Start a web worker; gives a client of it, whose requests the administrator signs."""
        app = create(lambda: bootstrap.open_services(self.settings))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        signer = Signer(ORIGIN, self.administrator)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://ledger", auth=signer) as http,
        ):
            yield http

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """Read a column from the database."""
        with connect_reader(bootstrap.place(self.settings).owner) as connection:
            return [value for (value,) in connection.execute(query, parameters)]  # type: ignore[arg-type,unused-ignore] # our own


@pytest.fixture(scope="module")
def house(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all of these: each repeats a command of its own."""
    told = threading.Event()
    with fresh_database(postgres) as url:
        settings = bootstrap.Settings(database_url=url, var=tmp_path_factory.mktemp("evidence"))
        made = bootstrap.make_ledger(settings, ORIGIN)
        lines = "".join(f"log {key}\n" for key in made.checkpoint_vkeys)
        threads = [
            threading.Thread(target=bootstrap.certify, args=(settings, told)),
            threading.Thread(target=bootstrap.projector(settings).run, args=(told,)),
        ]
        for thread in threads:
            thread.start()
        try:
            house = House(
                settings,
                credentials.load(made.administrator).credentials,
                Policy.parse(f"{lines}quorum none\n".encode()),
            )
            until(lambda: bool(house.rows("SELECT size FROM checkpoints")))
            yield house
        finally:
            told.set()
            for thread in threads:
                thread.join()


def broken(patch: pytest.MonkeyPatch, step: str, *, stored: bool) -> Failing:
    """Have a step fail at its first call."""
    where, name = STEPS[step]
    if where is not Door:
        return break_step(patch, where, name, stored=stored)
    fault = Failing(stored)
    patch.setattr(Door, name, failing_async(Door.write, fault))
    return fault


async def asked(http: httpx.AsyncClient, command: str, body: bytes) -> httpx.Response:
    """Ask for a bundle."""
    kind = {"Content-Type": "application/json"}
    return await http.post("/evidence", content=body, headers=kind, extensions={COMMAND: command})


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "killed"])
@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored"])
@pytest.mark.parametrize("step", STEPS)
def test_a_repeated_command_is_one_export(house: House, step: str, *, stored: bool, killed: bool) -> None:
    """What was recorded is what is handed over, to the byte, though the log has gone on.

    A sealing left over without an export is of a bundle that nobody was given; verify has nothing against it.
    """
    me, command = house.administrator.party, str(uuid.uuid4())
    body = salted({"party": me, "streams": [me, "ledger"]})

    async def repeated() -> list[httpx.Response]:
        async with AsyncExitStack() as running:
            http = await running.enter_async_context(house.worker())
            with pytest.MonkeyPatch.context() as patch:
                fault = broken(patch, step, stored=stored)
                assert (await asked(http, command, body)).status_code == 500
                assert fault.met
            if killed:
                await running.aclose()
                http = await running.enter_async_context(house.worker())
            recorded = house.rows(EXPORTED, command)
            assert len(recorded) == (step == "bundle answered" or (step == "export recorded" and stored))
            other = await asked(http, str(uuid.uuid4()), salted({"party": me, "streams": [me]}))
            assert other.status_code == 201
            answers = [await asked(http, command, body) for _ in range(2)]
            assert answers[0].status_code == (200 if recorded else 201)
            assert recorded in ([], [answers[0].headers["evidence-manifest"]])
            return answers

    first, second = asyncio.run(repeated())
    assert (second.status_code, second.content) == (200, first.content)
    assert house.rows(EXPORTED, command) == [first.headers["evidence-manifest"]]
    report = verify_bundle(unpack(first.content), house.policy)
    assert report.holds, "\n".join(report.lines())
    assert set(house.rows(RECORDED)) <= set(house.rows("SELECT encode(manifest, 'hex') FROM evidence_seals"))
    where = bootstrap.place(house.settings)
    assert not verifying.verify(where.owner, ORIGIN, processes=1, master_key=where.keys.master_key()).failed()


def test_reads_go_on_while_bundles_wait_for_witnesses(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many bundles as there are places wait, the next are told to come again, and whoever reads is answered."""
    me, silent = house.administrator.party, threading.Event()
    waiting: list[int] = []

    def witnessed(_: StoredProofs, size: int) -> None:
        waiting.append(size)
        silent.wait()

    monkeypatch.setattr(StoredProofs, "witnessed", witnessed)

    async def scene() -> tuple[httpx.Response, list[httpx.Response], list[httpx.Response]]:
        async with house.worker() as http:
            bodies = [salted({"party": me, "streams": [me]}) for _ in range(READS_AT_ONCE_MAX + 1)]
            bundles = [asyncio.ensure_future(asked(http, str(uuid.uuid4()), body)) for body in bodies]
            try:
                await asyncio.to_thread(until, lambda: len(waiting) == evidence.EVIDENCE_AT_ONCE_MAX)
                read = await asyncio.wait_for(http.get("/ledger"), 10)
                full = [each.result() for each in bundles if each.done()]
            finally:
                silent.set()
            made = [each for each in await asyncio.gather(*bundles) if each not in full]
            full.append(await asked(http, str(uuid.uuid4()), salted({"party": me, "streams": [me]})))
            return read, full, made

    read, (*full, after), made = asyncio.run(scene())
    assert read.status_code == 200
    assert [each.status_code for each in made] == [201] * evidence.EVIDENCE_AT_ONCE_MAX
    assert len(full) == READS_AT_ONCE_MAX + 1 - evidence.EVIDENCE_AT_ONCE_MAX
    assert {(each.status_code, each.json()["code"], each.headers["retry-after"]) for each in full} == {
        (503, "evidence_busy", str(evidence.RETRY_AFTER_S))
    }
    assert after.status_code == 201, "the places come back"
