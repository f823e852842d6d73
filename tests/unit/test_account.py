"""The demonstration's account: what it prints of its own writing is what the ledger answered."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.client import Client, Credentials
from api.demo import real
from api.demo.account import Account
from api.demo.actors import Cast, assemble
from api.demo.district import AREA, TOWNS
from api.demo.stage import Clockwork, Stage
from api.importing_rows import load_mapping

WHO = Credentials(
    "party:00000000-0000-4000-8000-000000000001", "key:00000000-0000-4000-8000-000000000002",
    Ed25519PrivateKey.generate(),
)  # fmt: skip
ORIGIN = "scripted.test.example/pilot"


class Ledger:
    """Answers every write with three events for the request and one for each line; counts what it answered."""

    def __init__(self) -> None:
        self.requests = 0
        self.events = 0
        self.parties: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        lines = request.content.split(b"\n")
        self.parties += json.loads(lines[0]).get("parties", [])
        first, count = self.events + 1, 3 + len(lines)
        self.requests += 1
        self.events += count
        events = [
            {"type": "lift.Registered", "line": n, "stream": f"lift:{first + n}", "found": {}}
            for n, line in enumerate(lines, 1)
            if "building" in json.loads(line)
        ]
        return httpx.Response(
            200, json={"refused": [], "groups": [{"first": first, "count": count, "events": events}]},
            headers={"Ledger-Position": str(self.events)},
        )  # fmt: skip


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger that every client of a test speaks to."""
    made, plain = Ledger(), httpx.Client

    def client(*, base_url: str, **_: Any) -> httpx.Client:  # noqa: ANN401 - whatever else a client is made with
        return plain(base_url=base_url, transport=httpx.MockTransport(made))

    monkeypatch.setattr(httpx, "Client", client)
    return made


@pytest.fixture
def stage(ledger: Ledger, tmp_path: Path) -> Stage:
    """The demonstration before anybody has done anything."""
    administrator = Client.open("http://ledger", ORIGIN, WHO, lambda: 1_800_000_000)
    return Stage(
        Cast("http://ledger", ORIGIN, administrator, lambda: 1_800_000_000), Clockwork(lambda _: None),
        rejects=tmp_path,
    )  # fmt: skip


def test_whoever_is_registered_is_counted(stage: Stage, ledger: Ledger) -> None:
    """Parties and agents are events as any other."""
    assemble(stage.cast)
    assert stage.requests == ledger.requests > 10
    assert stage.events == ledger.events


def test_authorities_answer_for_their_own_part(stage: Stage, ledger: Ledger) -> None:
    """A town sees its own lifts alone, the organs' bureau the government's offices, the district's all of it."""
    assemble(stage.cast)
    told = {kind: [party for party in ledger.parties if party["kind"] == kind] for kind in ("town", "organs_affairs")}
    assert [(party["name"], party["areas"]) for party in told["town"]] == [(name, [code]) for code, name in TOWNS]
    assert [(party["areas"], party["sectors"]) for party in told["organs_affairs"]] == [([AREA], ["office_government"])]
    assert {tuple(party["areas"]) for party in ledger.parties if party["kind"] != "town"} == {(AREA,)}
    assert sum("sectors" in party for party in ledger.parties) == 1


def test_a_real_registers_requests_are_counted(stage: Stage, ledger: Ledger, tmp_path: Path) -> None:
    """As many as the importer sent, each lane's last one too."""
    assemble(stage.cast)
    file = tmp_path / "register.csv"
    columns = load_mapping(real.MAPPING).columns()
    told = {
        "Borough": "Manhattan", "Device Type": "Passenger Elevator (P)", "DV_DEVICE_STATUS_DESCRIPTION": "ACTIVE",
        "HOUSE_NUMBER": "1", "STREET_NAME": "BROADWAY",
    }  # fmt: skip
    rows = [{**told, "DV_DEVICE_NUMBER": f"1P{n}", "BIN": str(1_000_000 + n)} for n in range(5_000)]
    text = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in rows)]
    file.write_text("\n".join(text) + "\n", encoding="utf-8")
    before = ledger.requests
    real.import_register(stage, file)
    assert ledger.requests - before > 5
    assert (stage.requests, stage.events) == (ledger.requests, ledger.events)
    assert len(stage.lifts) == 5_000


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads take turns all the time."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("impatient")
def test_threads_count_together(stage: Stage) -> None:
    """No count is lost between threads that write at once."""
    answer = {"refused": [{}], "groups": [{"first": 7, "count": 2, "events": []}] * 20}
    writer = cast("Client", SimpleNamespace(post=lambda _path, _body: answer, post_lines=lambda _path, _lines: answer))
    with ThreadPoolExecutor(3) as pool:
        for _ in pool.map(lambda _: stage.post(writer, "/visits", {}), range(3_000)):
            pass
    assert (stage.requests, stage.events, len(stage.refused)) == (3_000, 120_000, 3_000)
    assert stage.cast.account.position == 8


def test_what_is_found_of_visits_is_counted_by_code() -> None:
    """Findings of other events are no findings of visits."""
    events = [
        {"type": "visit.Opened", "found": {"findings": [{"code": "one_worker"}]}},
        {"type": "visit.Countersigned", "found": {"findings": [{"code": "signed_late"}, {"code": "one_worker"}]}},
        {"type": "lift.Registered", "found": {"findings": [{"code": "identifier_conflict"}]}},
        {"type": "visit.Finished", "found": {}},
    ]
    account = Account()
    account.count({"refused": [], "groups": [{"first": 1, "count": 4, "events": events}]})
    assert account.findings == {"one_worker": 2, "signed_late": 1}
