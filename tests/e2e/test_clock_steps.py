"""The machine's clock steps an hour forward and back under a running ledger: time holds, and refusals say why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest

from api import bootstrap
from api.client import Client
from infrastructure.stepping import to_us
from tests.support.knocking import TIMEOUT_S, agent, code, nothing_written, salted, send
from tests.support.postgres import fresh_database
from tests.support.scenes import until
from tests.support.service import Service, serve

HOUR_S = 3600


@pytest.fixture
def stepped(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger of its own, whose database's clock may be set off."""
    with fresh_database(postgres) as url, serve(url, tmp_path_factory.mktemp("stepped")) as service:
        yield service


def _shift(service: Service, seconds: float) -> None:
    """Set the database's clock off by so many seconds."""
    with service.owner() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
            f" $$SELECT clock_timestamp() + make_interval(secs => {seconds})$$"  # type: ignore[arg-type,unused-ignore] # a number
        )


def _ahead_s(instant: str) -> float:
    """Tell how far an instant of the ledger's lies ahead of the real time."""
    return to_us(instant) / 1e6 - time.time()


def _noticed(service: Service, seconds: float) -> None:
    """Wait until the door's estimate has followed the database's clock."""
    until(
        lambda: abs(_ahead_s(httpx.get(f"{service.url}/health", timeout=TIMEOUT_S).json()["ledger_time"]) - seconds) < 5
    )


def _write(service: Service, client: Client, ahead_s: float = 0) -> httpx.Response:
    """Write once, with a token of the real time or of so many seconds later."""
    return send(service, client, "/agents", salted(agent(client)), issued_at=time.time() + ahead_s)


def _recorded(response: httpx.Response) -> str:
    assert response.status_code == 201, response.text
    recorded: str = response.json()["groups"][0]["recorded_at"]
    return recorded


def _steps(service: Service) -> int:
    return int(service.rows("SELECT count(*) FROM events WHERE type = 'ledger.ClockStepped'")[0][0])


@pytest.mark.slow
def test_an_hour_forward_and_back(stepped: Service) -> None:
    """While the clock is an hour ahead nothing is stored by it; once it is back, writing goes on at the real time."""
    insurer = stepped.party("insurer")
    before = _recorded(_write(stepped, insurer))
    with nothing_written(stepped):
        _shift(stepped, HOUR_S)
        answer = _write(stepped, insurer)
        assert code(answer) in {(503, "clock_stepped"), (401, "token_expired")}
        _noticed(stepped, HOUR_S)
        answer = _write(stepped, insurer)
        assert code(answer) == (401, "token_expired")
        assert abs(_ahead_s(answer.json()["details"]["ledger_time"]) - HOUR_S) < 10
        answer = _write(stepped, insurer, HOUR_S)
        assert code(answer) == (503, "clock_stepped")
        assert abs(answer.json()["details"]["ahead_ms"] - HOUR_S * 1000) < 20_000
        assert int(answer.headers["retry-after"]) > 0
        _shift(stepped, 0)
        answer = _write(stepped, insurer, HOUR_S)
        assert code(answer) in {(401, "token_late"), (401, "token_not_yet")}
        _noticed(stepped, 0)
        assert code(_write(stepped, insurer, HOUR_S)) == (401, "token_not_yet")
    after = _recorded(_write(stepped, insurer))
    assert after > before
    assert abs(_ahead_s(after)) < 10
    assert _steps(stepped) == 0
    stepped.verify()


@pytest.mark.slow
def test_an_hour_forward_that_an_operator_accepts(stepped: Service) -> None:
    """An accepted step is noted once and time goes on from it; an hour back then refuses instead of standing still."""
    insurer = stepped.party("insurer")
    _write(stepped, insurer)
    _shift(stepped, HOUR_S)
    _noticed(stepped, HOUR_S)
    assert code(_write(stepped, insurer, HOUR_S)) == (503, "clock_stepped")
    assert abs(_ahead_s(bootstrap.accept_clock(stepped.settings)) - HOUR_S) < 10
    instants = []
    for _ in range(3):
        instants.append(_recorded(_write(stepped, insurer, HOUR_S)))
        time.sleep(0.2)
    assert all(abs(_ahead_s(instant) - HOUR_S) < 10 for instant in instants)
    apart = [to_us(after) - to_us(before) for before, after in pairwise(instants)]
    assert all(microseconds >= 200_000 for microseconds in apart), "the ledger's time stood still"
    assert _steps(stepped) == 1
    with nothing_written(stepped):
        _shift(stepped, 0)
        _noticed(stepped, 0)
        answer = _write(stepped, insurer)
        assert code(answer) == (503, "clock_behind")
        assert abs(answer.json()["details"]["behind_ms"] - HOUR_S * 1000) < 20_000
    _shift(stepped, HOUR_S)
    _noticed(stepped, HOUR_S)
    assert _recorded(_write(stepped, insurer, HOUR_S)) > instants[-1]
    assert _steps(stepped) == 1
    stepped.verify()
