"""A ledger behind itself: an old dump restored under a running house, told by the file beside the keys or a witness."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import bootstrap, credentials, running
from api.client import Client
from application.errors import RolledBack
from audit.contradictions import Contradiction, standing
from audit.logproofs import LogProof
from audit.merkle import verify_inclusion
from audit.policy import Policy, open_checkpoint
from infrastructure.connection import Database, connect_plain
from infrastructure.copying import copied
from infrastructure.halting import HALT, halt
from infrastructure.seen_elsewhere import BESIDE_KEYS, KEPT
from tests.support import witnesses
from tests.support.knocking import TIMEOUT_S, agent, salted, send
from tests.support.logs import Log
from tests.support.postgres import fresh_database
from tests.support.scenes import until
from tests.support.service import ORIGIN, Service, free_port

POWER = 8
SECOND = "second.example/district"


@pytest.fixture
def witnessed(postgres: str, tmp_path: Path) -> Iterator[tuple[Service, Policy]]:
    """A ledger whose checkpoints a real witness cosigns, and the policy that asks for it."""
    with witnesses.witnessed(postgres, tmp_path) as both:
        yield both


def write(service: Service) -> httpx.Response:
    """Enrol an agent of the administrator's party."""
    return send(service, service.administrator, "/agents", salted(agent(service.administrator)))


def cosigned(service: Service, policy: Policy, position: int) -> bool:
    """Say whether the published checkpoint covers a position and satisfies the policy."""
    answer = httpx.get(f"{service.url}/log/checkpoint", timeout=TIMEOUT_S)
    if answer.status_code != httpx.codes.OK:
        return False
    opened = open_checkpoint(answer.text, policy, ORIGIN)
    return opened.checkpoint.size > position and opened.satisfied


def restore_old_dump(service: Service, size: int) -> None:
    """Bring the database back to what it held at a position, as a restored dump would."""
    with service.owner() as connection, connection.transaction():
        for table in ("events", "receipts", "commands", "checkpoints", "checkpoint_signatures", "tiles"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")  # type: ignore[arg-type,unused-ignore] # names of a test
        connection.execute("DELETE FROM checkpoint_signatures WHERE size > %s", (size,))
        connection.execute("DELETE FROM checkpoints WHERE size > %s", (size,))
        connection.execute("DELETE FROM events WHERE position > %s", (size,))
        connection.execute("DELETE FROM receipts WHERE first > %s", (size,))
        connection.execute("DELETE FROM commands WHERE first > %s", (size,))


def told(service: Service) -> dict[str, Any]:
    """Ask the ledger how far its witnesses answer for it."""
    found: dict[str, Any] = service.administrator.get("/ledger")["witnessed"]
    return found


def test_witnesses_cosign_within_seconds(witnessed: tuple[Service, Policy]) -> None:
    """The published checkpoint soon bears the witness's lines of both kinds; a web worker tells the policy's quorum."""
    service, policy = witnessed
    position = int(write(service).headers["Ledger-Position"])
    until(lambda: cosigned(service, policy, position))
    place = f"{service.url}/log/proof/{position}"
    answer = httpx.get(place, params={"witnessed": "true"}, timeout=TIMEOUT_S).raise_for_status()
    assert answer.headers["evidence-quorum"] == "yes"
    proof = LogProof.parse(answer.text)
    opened = open_checkpoint(proof.checkpoint, policy, ORIGIN)
    assert opened.satisfied
    ((leaf,),) = service.rows("SELECT leaf FROM events WHERE position = %s", position)
    verify_inclusion(leaf, position - 1, opened.checkpoint.size, proof.path, opened.checkpoint.root)
    assert not open_checkpoint(
        LogProof.parse(httpx.get(place, timeout=TIMEOUT_S).text).checkpoint, policy, ORIGIN
    ).satisfied
    later = int(write(service).headers["Ledger-Position"])
    early = httpx.get(f"{service.url}/log/proof/{later}", params={"witnessed": "true"}, timeout=TIMEOUT_S)
    assert early.is_success or (early.status_code, early.json()["code"]) == (503, "checkpoint_awaited")
    assert httpx.get(place, params={"witnessed": "no"}, timeout=TIMEOUT_S).json()["code"] == "query_unknown"
    service.verify()
    until(lambda: (told(service)["size"] or 0) > later)
    found = told(service)
    assert (found["waiting"], found["age_s"] < 60) == ({"events": 0, "since": None}, True)
    assert [(each["name"], each["size"]) for each in found["witnesses"]] == [
        ("w0", found["size"]),
        ("w1", found["size"]),
    ]
    assert all(each["cosigned_at"] >= "2026" for each in found["witnesses"])
    figures = httpx.get(f"{service.url}/metrics", timeout=TIMEOUT_S).text.splitlines()
    assert f"liftledger_quorum_checkpoint_events {float(found['size'])}" in figures
    assert f'liftledger_witness_checkpoint_events{{witness="w1"}} {float(found["size"])}' in figures
    assert {"liftledger_quorum_waiting_seconds 0.0", "liftledger_halted 0.0"} <= set(figures)


def _tells_the_same(service: Service) -> bool:
    """Say whether a refused write and the ledger's own page tell one and the same halt."""
    refused, halted = write(service).json(), service.administrator.get("/ledger")["halted"]
    return (halted["details"], halted["message"]) == (refused["details"], refused["detail"])


@pytest.mark.parametrize("teller", ["file", "witness"])
def test_a_restored_old_dump_signs_nothing(witnessed: tuple[Service, Policy], teller: str) -> None:
    """T10: after an old dump comes back the ledger answers and reads, but signs nothing, and says what it saw."""
    service, policy = witnessed
    first = int(write(service).headers["Ledger-Position"])
    until(lambda: cosigned(service, policy, first))
    ((size,),) = service.rows("SELECT max(size) FROM checkpoints")
    second = int(write(service).headers["Ledger-Position"])
    until(lambda: cosigned(service, policy, second))
    keys = service.settings.keys_folder
    service.stop()
    restore_old_dump(service, size)
    if teller == "witness":
        (keys / KEPT).unlink()
    else:
        service.environment = {**service.environment, "LIFTLEDGER_WITNESS_POLICY": ""}
    service.environment = {name: value for name, value in service.environment.items() if value}
    service.start()

    refused = write(service)
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger_rolled_back")
    assert str(service.settings.var.parent) not in refused.text, "where it lies is no business of a client's"
    details = refused.json()["details"]
    assert (details["size"], details["seen"] > second) == (size, True)
    assert details["findings"][0]["kind"] == "ahead"
    assert (details["findings"][0]["source"] == BESIDE_KEYS) == (teller == "file")
    health = httpx.get(f"{service.url}/health", timeout=TIMEOUT_S)
    assert (health.status_code, health.json()["halted"]) == (200, True)
    answered = service.administrator.get("/ledger")
    assert answered["known_at"]["position"] == size
    until(lambda: _tells_the_same(service))  # another process may have looked since, and seen more
    assert "2026" <= answered["halted"]["since"] <= answered["ledger_time"]
    assert "liftledger_halted 1.0" in httpx.get(f"{service.url}/metrics", timeout=TIMEOUT_S).text.splitlines()
    (check,) = [each for each in bootstrap.diagnose(service.settings) if each.code == "halt"]
    assert (check.state, answered["halted"]["since"] in check.says) == ("wrong", True)
    assert service.rows("SELECT max(position) FROM events") == [(size,)]
    assert (keys / HALT).exists()


def test_a_ledger_that_was_put_right_goes_on(witnessed: tuple[Service, Policy]) -> None:
    """A halt is taken back by the start that finds the log to be what was seen."""
    service, policy = witnessed
    position = int(write(service).headers["Ledger-Position"])
    until(lambda: cosigned(service, policy, position))
    service.stop()
    (service.settings.keys_folder / HALT).write_text('{"message": "behind", "details": {"size": 1}}')
    service.start()
    until(lambda: write(service).status_code == 201)
    assert service.administrator.get("/ledger")["halted"] is None
    assert not (service.settings.keys_folder / HALT).exists()


@contextmanager
def cloned(service: Service, postgres: str, folder: Path) -> Iterator[Service]:
    """A second house with the stopped ledger's database and keys, as a backup brought up beside it would be."""
    with copied(postgres, Database(str(service.settings.database_url))) as copy:
        assert copy is not None
        shutil.copytree(service.settings.var, folder / "var")
        settings = bootstrap.Settings(database_url=copy.owner.url, var=folder / "var", port=free_port(), workers=1)
        address = f"http://127.0.0.1:{settings.port}"
        environment = {
            **service.environment, "LIFTLEDGER_DATABASE_URL": copy.owner.url, "LIFTLEDGER_VAR": str(settings.var),
            "LIFTLEDGER_PORT": str(settings.port),
        }  # fmt: skip
        with closing(Client.open(address, ORIGIN, service.administrator.credentials)) as administrator:
            clone = Service(address, ORIGIN, administrator, settings, environment=environment)
            try:
                yield clone
            finally:
                clone.stop()


def halted(service: Service) -> bool:
    """Say whether writes are refused because the ledger is another than what was seen; one that is taken is let be."""
    answer = write(service)
    assert answer.status_code == 201 or answer.json()["code"] == "ledger_rolled_back", answer.text
    return answer.status_code != 201


def test_two_houses_of_one_ledger_are_told_apart(
    witnessed: tuple[Service, Policy], postgres: str, tmp_path: Path
) -> None:
    """T3, T10: of two houses on cloned databases the second is stopped, and the witness holds the proof of both.

    The first goes on undisturbed; the proof stands by the log's own keys. A path from a tree of 8 would show nothing.
    """
    service, policy = witnessed
    until(lambda: int(write(service).headers["Ledger-Position"]) > POWER)
    first = int(write(service).headers["Ledger-Position"])
    until(lambda: cosigned(service, policy, first))
    service.stop()
    with cloned(service, postgres, tmp_path / "clone") as clone:
        service.start()
        lines = "SELECT count(*) FROM checkpoint_signatures"
        before = clone.rows(lines)
        clone.start()  # all is well yet: both hold what was cosigned, and have it cosigned anew
        until(lambda: clone.rows(lines) > before)
        second = int(write(service).headers["Ledger-Position"])
        until(lambda: cosigned(service, policy, second))
        assert write(clone).status_code == 201, "nobody can know yet"
        until(lambda: halted(clone))
        assert (clone.settings.keys_folder / HALT).exists()
        assert httpx.get(f"{clone.url}/health", timeout=TIMEOUT_S).status_code == 200
        third = int(write(service).headers["Ledger-Position"])
        until(lambda: cosigned(service, policy, third))
    assert not (service.settings.keys_folder / HALT).exists()
    service.verify()
    log = [each.verifier for each in policy.logs]
    kept = [path.read_bytes() for path in (tmp_path / "witness" / "equivocations").glob("*.json")]
    assert "proven" in {standing(Contradiction.parse(each), log) for each in kept}


def recover(service: Service, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `liftledger recover` for a ledger in another database and folder."""
    environment = {
        **os.environ, **service.environment, "LIFTLEDGER_DATABASE_URL": url,
        "LIFTLEDGER_VAR": str(service.settings.var.parent / "second"),
    }  # fmt: skip
    command = [sys.executable, "-m", "api.cli", "recover", *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)


def test_a_new_ledger_goes_on_from_what_was_witnessed_last(
    witnessed: tuple[Service, Policy], postgres: str, tmp_path: Path
) -> None:
    """T3, T10, the whole drill: behind itself and halted, the old ledger stays readable; the new one cites its end.

    The witness is asked, though the old database no longer knows of it; what the new ledger writes is verified.
    """
    service, policy = witnessed
    first = int(write(service).headers["Ledger-Position"])
    until(lambda: cosigned(service, policy, first))
    ((size,),) = service.rows("SELECT max(size) FROM checkpoints")
    second = int(write(service).headers["Ledger-Position"])
    until(lambda: cosigned(service, policy, second))
    service.stop()
    restore_old_dump(service, size)
    service.start()
    assert write(service).json()["code"] == "ledger_rolled_back"

    believed = ("--policy", str(tmp_path / "policy.txt"))
    with fresh_database(postgres) as url:
        refused = recover(service, url, "--origin", ORIGIN, *believed)
        assert (refused.returncode, "(origin_same)" in refused.stderr) == (2, True), refused.stderr
        stranger = tmp_path / "stranger"
        stranger.write_text(Log(origin=ORIGIN).note(9))
        refused = recover(service, url, "--origin", SECOND, *believed, "--checkpoint", str(stranger))
        assert (refused.returncode, "(note_unsigned)" in refused.stderr) == (2, True), refused.stderr
        with connect_plain(Database(url), "test") as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)

        done = recover(service, url, "--origin", SECOND, *believed)
        assert done.returncode == 0, done.stderr
        assert f"continues   {ORIGIN}" in done.stdout
        assert "cosigned by w0, w1" in done.stdout
        again = recover(service, url, "--origin", "third.example/district", *believed)
        assert (again.returncode, "(ledger_exists)" in again.stderr) == (2, True), again.stderr

        var = service.settings.var.parent / "second"
        with running_beside(service, url, var) as (fresh, settings):
            assert write(fresh).status_code == 201
            cited = fresh.administrator.get("/ledger")["continues"]
            opened = open_checkpoint(cited["checkpoint"], policy, ORIGIN)
            assert (cited["origin"], opened.satisfied, opened.checkpoint.size > second) == (ORIGIN, True, True)
            assert fresh.administrator.get("/subjects/ledger/replay")["states"]["ledger"]["continues"] == cited
            assert not bootstrap.verify(settings).failed()
            assert service.administrator.get("/ledger")["known_at"]["position"] == size
            assert write(service).json()["code"] == "ledger_rolled_back"


@contextmanager
def running_beside(service: Service, url: str, var: Path) -> Iterator[tuple[Service, bootstrap.Settings]]:
    """Serve the ledger that was made in this database and folder."""
    settings = bootstrap.Settings(database_url=url, var=var, port=free_port(), workers=1)
    environment = {
        **service.environment, "LIFTLEDGER_DATABASE_URL": url, "LIFTLEDGER_VAR": str(var),
        "LIFTLEDGER_PORT": str(settings.port),
    }  # fmt: skip
    del environment["LIFTLEDGER_WITNESS_POLICY"]
    address = f"http://127.0.0.1:{settings.port}"
    held = credentials.load(settings.keys_folder / bootstrap.ADMINISTRATOR).credentials
    with running.running(environment, address, SECOND), closing(Client.open(address, SECOND, held)) as administrator:
        yield Service(address, SECOND, administrator, settings), settings


def command(service: Service, url: str, var: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `liftledger` or another module on a ledger in a database and a folder."""
    environment = {
        **os.environ, **service.environment, "LIFTLEDGER_DATABASE_URL": url, "LIFTLEDGER_VAR": str(var),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", *words], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_dossier_spans_the_ledger_that_ended_and_the_new_one(
    witnessed: tuple[Service, Policy], postgres: str, tmp_path: Path
) -> None:
    """T10: what a halted ledger held is proven up to where it ended for everybody, and from there by the new one."""
    service, policy = witnessed
    written = write(service)
    agent = written.json()["groups"][0]["events"][0]["stream"]
    until(lambda: cosigned(service, policy, int(written.headers["Ledger-Position"])))
    party, url, var = service.administrator.credentials.party, str(service.settings.database_url), service.settings.var
    asked = ("api.cli", "evidence", agent, "--for", party, "--out")
    old, both, keys = tmp_path / "old.zip", tmp_path / "both.zip", service.settings.keys_folder
    service.administrator.get("/lifts", wait_for=service.rows("SELECT max(position) FROM events")[0][0])
    service.stop()
    refused = command(service, url, var, *asked, str(old), "--ended")
    assert (refused.returncode, "(ledger_goes_on)" in refused.stderr) == (2, True), refused.stderr
    halt(keys, RolledBack("another house goes on", size=1))
    done = command(service, url, var, *asked, str(old), "--ended")
    assert done.returncode == 0, done.stderr

    believed = tmp_path / "policy.txt"
    with fresh_database(postgres) as second:
        done = recover(service, second, "--origin", SECOND, "--policy", str(believed))
        assert done.returncode == 0, done.stderr
        with running_beside(service, second, var.parent / "second") as (fresh, settings):
            made = command(
                service, second, settings.var, "api.cli", "evidence", agent, "--out", str(both), "--before",
                str(old), "--url", fresh.url,
            )  # fmt: skip
            assert made.returncode == 0, made.stderr
            new_keys = httpx.get(f"{fresh.url}/log/keys", timeout=TIMEOUT_S).text.splitlines()[1:]
    lines = [line for line in believed.read_text().splitlines() if not line.startswith("quorum")]
    believed.write_text("\n".join([*lines, *(f"log {key}" for key in new_keys), "quorum none"]) + "\n")
    judged = command(service, url, var, "audit", "verify", str(both), "--policy", str(believed), "--json")
    told = json.loads(judged.stdout)
    assert (judged.returncode, told["holds"]) == (0, True), judged.stdout
    assert [(part["origin"], part["subjects"][agent]) for part in told["parts"]] == [(ORIGIN, 1), (SECOND, 0)]
    assert [finding["code"] for finding in told["seams"]] == ["seam_closed"]
    assert told["seams"][0]["detail"].endswith("cosigned by w0, w1")
    plain = command(service, url, var, "audit", "verify", str(both), "--policy", str(believed))
    assert plain.stdout.splitlines()[-1] == "it holds · 证据成立"
