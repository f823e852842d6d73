"""The whole service on PostgreSQL 16, the older of the two that the ledger is tried on: what it stores and survives."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator

import pytest
import uuid_utils

from api import bootstrap
from tests.support.knocking import NDJSON, agent, lines_of, salted, send
from tests.support.loading import loading
from tests.support.scenes import until
from tests.support.service import Service, serve

GROUP = 100


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger with an embedded PostgreSQL 16 of its own."""
    with serve(None, tmp_path_factory.mktemp("older"), workers=2, major=16) as service:
        assert service.rows("SELECT current_setting('server_version_num')::int / 10000") == [(16,)]
        yield service


def test_single_writes_and_their_repetition(older: Service) -> None:
    """A write is stored once under its command, and answered alike again."""
    insurer, command = older.party("insurer"), str(uuid.uuid4())
    body = salted(agent(insurer))
    first, again = (send(older, insurer, "/agents", body, command=command) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "repeated": True}
    assert first.headers["ledger-time"] <= again.headers["ledger-time"]


def test_lines(older: Service) -> None:
    """A body of lines is stored in its groups, its bad line refused by name."""
    insurer = older.party("insurer")
    lines = lines_of(insurer, 2 * GROUP + 10)
    lines[5] = b"{}"
    answer = send(older, insurer, "/agents", b"\n".join(lines), kind=NDJSON).json()
    assert [group["group"] for group in answer["groups"]] == [1, 2, 3]
    assert [(line["line"], line["code"]) for line in answer["refused"]] == [(6, "salt_missing")]


def test_what_is_written_is_read(older: Service) -> None:
    """The projector's read models answer at the position that was waited for."""
    use_unit, lift = older.party("use_unit"), f"lift:{uuid_utils.uuid7()}"
    body = {
        "id": lift, "identifiers": [{"scheme": "registration_code", "value": f"{uuid.uuid4().int:040}"[-20:]}],
        "variety": "3110", "area": "370102001", "status": "in_use", "effective_on": "2025-11-01",
        "premises_class": "residential", "use_unit": use_unit.credentials.party,
    }  # fmt: skip
    use_unit.post("/lifts", body)
    told = use_unit.get(f"/lifts/{lift}", wait_for=use_unit.position)
    assert told["state"]["status"] == "in_use"
    assert [row["lift"] for row in use_unit.get("/lifts")["lifts"]] == [lift]


def test_the_database_is_killed(older: Service) -> None:
    """The postmaster killed under load comes back; what was acknowledged is there, and all of it verifies."""
    insurer = older.party("insurer")
    with loading(older, insurer) as load:
        load.more()
        before = older.postmaster()
        os.kill(before, signal.SIGKILL)
        until(lambda: older.postmaster() not in {0, before})
        load.more(5)
    acknowledged, _ = load.settle()
    assert acknowledged >= 10
    older.verify()
    wrong = [check for check in bootstrap.diagnose(older.settings) if check.state == "wrong"]
    assert wrong == []
