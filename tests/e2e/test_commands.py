"""The command `liftledger` as operators and clients run it, beside a served ledger: import, verify, replay, erase."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uuid_utils

from api import bootstrap, credentials
from api.bootstrap import making
from api.client import Client, Refused
from application.actions import Actions
from application.catalogue import ACTIONS
from audit import note
from audit.__main__ import main as audit
from audit.keys import public_bytes
from tests.support.knocking import TIMEOUT_S
from tests.support.postgres import fresh_database
from tests.support.service import ORIGIN, SCRIPTED, Service, free_port, serve

COLUMNS = ("source_system", "source_id", "registration_code", "variety", "area", "status", "building_id")
ROWS = 6
WITHOUT_WIDTH = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
"""The environment of a command whose output is piped: no line is broken for a screen."""


class Commands:
    """Runs `liftledger` with the settings of a service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def __call__(self, *words: str, status: int = 0) -> str:
        """Run a command, assert its exit status, give what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "api.cli", *words],
            env={**WITHOUT_WIDTH, **self.service.environment, "NO_COLOR": "1"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger of this module's own, since what stands in it is counted."""
    with fresh_database(postgres) as url, serve(url, tmp_path_factory.mktemp("commands")) as running:
        yield running


@pytest.fixture(scope="module")
def liftledger(service: Service) -> Commands:
    """The command, with the service's settings."""
    return Commands(service)


@pytest.fixture
def registrar(service: Service, tmp_path: Path) -> Path:
    """The credentials file of a market regulator."""
    client = service.party("market_regulator", more={"areas": ["370102"]})
    path = tmp_path / "market.json"
    credentials.save(path, ORIGIN, client.credentials)
    return path


def _register(file: Path, status: str = "in_use", *more: str) -> None:
    mark = file.parent.name
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for number in range(ROWS):
            code = f"3110370102{uuid.uuid5(uuid.NAMESPACE_URL, f'{mark}/{number}').int % 10**10:010}"
            state = status if number == 0 else "in_use"
            writer.writerow((mark, f"L{number}", code, "3110", "370102", state, f"B{number // 2}"))
        for line in more:
            out.write(f"{line}\n")


def _import(liftledger: Commands, file: Path, registrar: Path) -> tuple[int, int]:
    """Import; give the events written and the rows rejected."""
    told = liftledger("import", "lifts", str(file), "--mapping", "standard", "--as", str(registrar))
    found = re.search(r"([\d,]+) events; ([\d,]+) rejected, 0 refused, 0 with", told)
    assert found is not None, told
    return int(found[1]), int(found[2])


def test_a_register_is_imported_once_and_its_changes_once(
    liftledger: Commands, registrar: Path, tmp_path: Path
) -> None:
    """The same file again writes nothing, a changed row its change; a bad row is told by line and stops none."""
    file = tmp_path / "register.csv"
    _register(file, "in_use", "short,row")
    events, rejected = _import(liftledger, file, registrar)
    assert events >= 2 * ROWS
    assert rejected == 1
    with file.with_name("register.csv.rejects.csv").open(encoding="utf-8", newline="") as told:
        assert list(csv.reader(told))[1:] == [[str(ROWS + 2), "", "columns_too_few"]]
    assert _import(liftledger, file, registrar) == (0, 1)
    _register(file, "stopped")
    assert _import(liftledger, file, registrar) == (1, 0)
    assert _import(liftledger, file, registrar) == (0, 0)


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is founded in this test has the table of actions of software that could not yet settle disputes."""
    actions = {name: action for name, action in ACTIONS.by_id.items() if not name.startswith("dispute.")}
    assert len(actions) < len(ACTIONS.by_id)
    monkeypatch.setattr(making, "ACTIONS", Actions(actions, ACTIONS.rules))


def test_a_ledger_whose_time_stands_still_is_upgraded_peopled_and_used(
    postgres: str, tmp_path: Path, older: None
) -> None:
    """By commands alone, at the settings' address: the table is published, parties are registered and act.

    As on the ledger that the demonstration leaves behind, every token is dated by the ledger's own time.
    """
    with fresh_database(postgres) as url, serve(url, tmp_path / "scripted", origin=SCRIPTED) as scripted:
        liftledger, file, market = Commands(scripted), tmp_path / "register.csv", tmp_path / "market.json"
        register = ("party", "register", "market_regulator", "市场监管局 [M]", "--area", "370102", "--out", str(market))
        assert "(actions_unpublished)" in liftledger(*register, status=2)
        assert not market.exists()
        assert "published at position" in liftledger("actions", "publish")
        assert "in force already" in liftledger("actions", "publish")
        assert re.search(rf"credentials {market}$", liftledger(*register), re.MULTILINE)
        assert market.stat().st_mode & 0o777 == 0o600
        _register(file)
        assert _import(liftledger, file, market)[0] >= 2 * ROWS
        unit = _keeps_its_key(liftledger, tmp_path)
        bundle = tmp_path / "bundle.zip"
        assert "made at position" in liftledger("evidence", unit, "--for", unit, "--out", str(bundle))
        assert bundle.stat().st_size > 0
        assert "handed on at position" in liftledger("keys", "rotate", "receipt")
        person = f"person:{uuid.uuid4()}"
        assert "restricted at position" in liftledger("erase", person, "--basis", "request")
        scripted.verify()


def _keeps_its_key(liftledger: Commands, folder: Path) -> str:
    """Have a party make its own key, and the administrator register what it printed; gives its name."""
    kept, printed = folder / "unit.json", folder / "unit.registration"
    told = liftledger("party", "key", str(kept), "--origin", SCRIPTED)
    printed.write_text(told, encoding="utf-8")
    held = credentials.load(kept)
    assert held.credentials.party in liftledger("party", "register", "use_unit", "物业", "--from", str(printed))
    return held.credentials.party


def test_a_sectors_bureau_is_registered_with_its_sectors(liftledger: Commands, tmp_path: Path) -> None:
    """The command says what kinds of place it answers for, without which it would see nothing."""
    file, places = tmp_path / "organs.json", ("--sector", "office_government", "--sector", "school")
    liftledger("party", "register", "organs_affairs", "机关事务中心", "--area", "370102", *places, "--out", str(file))
    party = credentials.load(file).credentials.party
    said = liftledger.service.administrator.get(f"/subjects/{party}/events")["events"][0]["body"]["said"]
    assert (said["areas"], said["sectors"]) == (["370102"], ["office_government", "school"])


def test_a_file_that_is_not_there_ends_with_a_code(liftledger: Commands, registrar: Path, tmp_path: Path) -> None:
    """A stable code; nothing is written. So it is with a place where bad rows cannot be put, or a policy."""
    kept = liftledger.service.kept()
    said = ("import", "lifts", str(tmp_path / "no.csv"), "--mapping", "standard", "--as", str(registrar))
    assert "(file_missing)" in liftledger(*said, status=2)
    away = str(tmp_path / "no" / "such.folder")
    assert f"{away}: No such file or directory (file_unusable)" in liftledger(*said, "--rejects", away, status=2)
    assert "(file_unusable)" in liftledger("verify", "--policy", away, status=2)
    assert liftledger.service.kept() == kept


def test_verify_ends_well_and_strictly_not(liftledger: Commands, tmp_path: Path) -> None:
    """A sound ledger verifies; under --strict it fails for what is not anchored yet, which plainly is told only."""
    assert "events/s" in liftledger("verify")
    assert "unanchored" in liftledger("verify", "--strict", status=1)
    assert re.search(r"read models: as the log says at \d+", liftledger("verify"))
    assert "read models: not looked at" in liftledger("verify", "--log-only")
    state = str(tmp_path / "state")
    assert "rests on" not in liftledger("verify", "--keep", state)
    assert "rests on an earlier verification" in liftledger("verify", "--resume", state, "--keep", state)
    assert "(state_scope)" in liftledger("verify", "--structure", "--resume", state, status=2)
    assert "signatures NOT CHECKED" in liftledger("verify", "--structure")
    assert "signatures_unchecked" in liftledger("verify", "--structure", "--strict", status=1)


def test_a_checkpoint_is_a_signed_note(liftledger: Commands) -> None:
    """What is printed opens with the ledger's checkpoint key and names origin and size."""
    keys = bootstrap.place(liftledger.service.settings).keys
    known = note.verifier(ORIGIN, public_bytes(keys.checkpoint_key().public_key()))
    text, signers = note.open_note(liftledger("checkpoint"), [known])
    checkpoint = note.Checkpoint.parse(text)
    assert (signers, checkpoint.origin) == ([ORIGIN], ORIGIN)
    assert checkpoint.size >= 1


def test_evidence_is_made_and_verified(liftledger: Commands, service: Service, tmp_path: Path) -> None:
    """One file over several subjects, for whom it is said to be; never written over another, nor without a name."""
    insurer = service.party("insurer").credentials.party
    file, keys = tmp_path / "bundle.zip", httpx.get(f"{service.url}/log/keys", timeout=TIMEOUT_S).text.splitlines()
    said = ("evidence", insurer, "ledger", "--for", insurer, "--until", "2100-01-01T00:00:00.000000Z")
    assert "python -m audit verify" in liftledger(*said, "--purpose", "court", "--out", str(file))
    (tmp_path / "policy").write_text("".join(f"log {key}\n" for key in keys[1:]) + "quorum none\n", encoding="utf-8")
    assert audit(["verify", str(file), "--policy", str(tmp_path / "policy")]) == 0
    assert "(file_exists)" in liftledger(*said, "--out", str(file), status=2)
    refused = liftledger("evidence", "lift:1", "--out", str(tmp_path / "other.zip"), status=2)
    assert "(stream_invalid)" in refused
    assert not (tmp_path / "other.zip").exists()


def test_read_models_are_made_again(liftledger: Commands) -> None:
    """Beside a running projector the command empties them, and answers come back as they were."""
    client = liftledger.service.party("auditor")
    position = liftledger.service.administrator.position
    before = client.get("/lifts", limit=1000, wait_for=position)
    assert re.search("emptied|rebuilt", liftledger("rebuild"))
    answers: list[object] = []

    def answered() -> bool:
        try:
            answers.append(client.get("/lifts", limit=1000, wait_for=position)["lifts"])
        except Refused as behind:
            answers.append(behind.code)
        return answers[-1] != "projection_behind"

    _until(answered)
    assert answers[-1] == before["lifts"]


def test_a_person_is_erased_and_the_log_still_verifies(liftledger: Commands) -> None:
    """The command says until when the data are kept; where nothing keeps them they go within seconds.

    verify reports it, replay shows the event without the name.
    """
    service = liftledger.service
    unit = service.party("use_unit")
    agent = f"agent:{uuid.uuid4()}"
    persons = "SELECT person FROM liftledger.subject_keys"
    known = set(service.rows(persons))
    unit.post(
        "/agents",
        {
            "id": agent, "party": unit.credentials.party, "role": "safety_administrator", "name": "张三",
            "certificate": "T370102198001011234",
        },
    )  # fmt: skip
    ((person,),) = set(service.rows(persons)) - known
    erase = ("erase", person)
    assert "(basis_missing)" in liftledger(*erase, status=2)
    assert "(name_kind)" in liftledger("erase", unit.credentials.party, "--basis", "request", status=2)
    assert "(shape_invalid)" in liftledger(*erase, "--basis", "whim", status=2)
    away = f"http://127.0.0.1:{free_port()}"
    assert "(unreachable)" in liftledger("erase", person, "--basis", "request", "--url", away, status=2)
    told = liftledger("erase", agent, "--basis", "request")
    assert "restricted at position" in told
    assert "2 fields in 1 events, 1 requests" in told
    _until(lambda: set(service.rows(persons)) == known)
    assert "(erased_already)" in liftledger(*erase, "--basis", "request", status=2)
    assert "entries of the index" in liftledger("index")
    assert "0" in liftledger("erase")
    assert "erased" in liftledger("verify")
    replayed = liftledger("replay", agent)
    assert "agent.Enrolled" in replayed
    assert "张三" not in replayed


def _until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_replay_at_an_earlier_position(liftledger: Commands) -> None:
    """A stream is unknown before it began; known now it has events, each with author and verdict."""
    unit: Client = liftledger.service.party("use_unit")
    told = liftledger("replay", unit.credentials.party)
    assert "party.Registered" in told
    assert "signed" in told
    assert "(subject_unknown)" in liftledger("replay", unit.credentials.party, "--known-at", "1", status=2)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What `liftledger replay` printed of one stream: how far it was known, the state, the events cell by cell."""

    known: int
    state: Any
    events: list[list[str]]

    @classmethod
    def of(cls, printed: str, stream: str) -> Replayed:
        """Read it."""
        head, found, rest = printed.partition(f"\n{stream}\n")
        assert found, printed
        known = re.match(rf"{stream} · known at position ([\d,]+) \(", head)
        assert known is not None, head
        state, end = json.JSONDecoder().raw_decode(rest)
        rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in rest[end:].splitlines()]
        return cls(int(known[1].replace(",", "")), state, [row for row in rows if len(row) == 7])


@dataclass(frozen=True, slots=True)
class Moved:
    """A lift whose label changes on a day, by a word that was recorded later: positions, instants, and table rows."""

    lift: str
    positions: tuple[int, int]
    recorded: tuple[str, str]
    rows: tuple[list[str], list[str]]


@pytest.fixture(scope="module")
def moved(service: Service) -> Moved:
    """Registered as of 1 November 2025 with the label 1-2; from the third on it bears 2-9."""
    unit, lift = service.party("use_unit"), f"lift:{uuid_utils.uuid7()}"
    number = {"scheme": "registration_code", "value": f"{uuid.uuid4().int:040}"[-20:]}
    said = {
        "id": lift, "identifiers": [number], "variety": "3110", "area": "370102001", "status": "in_use",
        "effective_on": "2025-11-01", "unit_label": "1-2", "use_unit": unit.credentials.party,
    }  # fmt: skip
    unit.post("/lifts", said)
    unit.post(f"/lifts/{lift}/place", {"unit_label": "2-9", "effective_on": "2025-11-03"})
    stored = service.rows("SELECT position, type, recorded_at FROM events WHERE stream = %s ORDER BY position", lift)
    (first, _, began), (second, _, then) = stored
    begins = ("2025-10-31T16:00", "2025-11-02T16:00")  # midnight in Shanghai
    author = f"{unit.credentials.party} {unit.credentials.key}"
    rows = [
        [f"{position:,}", kind, f"{lift} v{version}", begin, at[:16], author, "signed"]
        for version, ((position, kind, at), begin) in enumerate(zip(stored, begins, strict=True), 1)
    ]
    return Moved(lift, (first, second), (began, then), (rows[0], rows[1]))


def test_replay_as_it_was_known(liftledger: Commands, moved: Moved) -> None:
    """By position and by instant alike: what was recorded by then, its author, its signature; not what came after."""
    for at, by, label in ((0, 1, "1-2"), (1, 2, "2-9")):
        position = Replayed.of(liftledger("replay", moved.lift, "--known-at", str(moved.positions[at])), moved.lift)
        instant = Replayed.of(liftledger("replay", moved.lift, "--known-at", moved.recorded[at]), moved.lift)
        for told in (position, instant):
            assert told.state["unit_label"] == label
            assert told.events == list(moved.rows[:by])
        assert position.known == moved.positions[at] <= instant.known
    before = str(moved.positions[0] - 1)
    assert "(subject_unknown)" in liftledger("replay", moved.lift, "--known-at", before, status=2)
    assert "(known_at_future)" in liftledger("replay", moved.lift, "--known-at", str(10**9), status=2)


def test_replay_for_machines(liftledger: Commands, moved: Moved, service: Service) -> None:
    """What is printed with --json is what the route answers its reader."""
    known = str(moved.positions[1])
    told = json.loads(liftledger("replay", moved.lift, "--known-at", known, "--effective-at", "2025-12-01", "--json"))
    answer = service.administrator.get(
        f"/subjects/{moved.lift}/replay", known_at=known, effective_at="2025-12-01", wait_for=moved.positions[1]
    )
    assert told == answer | {"judged_at": told["judged_at"]}
    assert [event["author"]["key"] for event in told["events"]] == [moved.rows[0][5].split()[1]] * 2


def test_replay_as_it_was_effective(liftledger: Commands, moved: Moved) -> None:
    """By instant and by civil date: what was so then; what was known and not yet so is told as that."""
    waits = [*moved.rows[1]]
    waits[1] += " (not yet effective)"
    for at, label, second in (
        ("2025-11-02", "1-2", waits), ("2025-11-02T15:59:59.999999Z", "1-2", waits),
        ("2025-11-03", "2-9", moved.rows[1]), ("2025-11-02T16:00:00.000000Z", "2-9", moved.rows[1]),
    ):  # fmt: skip
        told = Replayed.of(liftledger("replay", moved.lift, "--effective-at", at), moved.lift)
        assert told.state["unit_label"] == label, at
        assert told.events == [moved.rows[0], second]
    position = str(moved.positions[0])
    assert "(date_malformed)" in liftledger("replay", moved.lift, "--effective-at", position, status=2)


def test_replay_at_both_times(liftledger: Commands, moved: Moved) -> None:
    """What was not yet known does not count, though it was so; the stream did not exist before it began."""
    known = ("--known-at", str(moved.positions[0]))
    told = Replayed.of(liftledger("replay", moved.lift, *known, "--effective-at", "2025-12-01"), moved.lift)
    assert (told.state["unit_label"], told.events) == ("1-2", [moved.rows[0]])
    told = Replayed.of(liftledger("replay", moved.lift, *known, "--effective-at", "2025-10-31"), moved.lift)
    assert told.state is None
    assert [row[1] for row in told.events] == ["lift.Registered (not yet effective)"]


def test_refusals_are_one_line_and_status_two(liftledger: Commands) -> None:
    """An unknown stream, a second ledger in the same database: a sentence and a stable code, never a traceback."""
    assert "(" in liftledger("replay", f"lift:{uuid.uuid4()}", status=2)
    assert "(ledger_exists)" in liftledger("init", "--origin", "another.example/district", status=2)
    assert "(address_in_use)" in liftledger("run", status=2)
