"""Every answer carries the ledger's time, whatever it answers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import NoReturn

import httpx
import pytest
from fastapi import FastAPI

from api.app import create
from application.errors import ClockBehind

NOW = "2025-11-01T00:00:00.000000Z"


def _app(now: str | None = NOW) -> FastAPI:
    def clock() -> str:
        if now is None:
            raise ClockBehind("the ledger's clock cannot be read", code="clock_unknown")
        return now

    def never() -> NoReturn:
        raise AssertionError

    app = create(never)
    # No origin: whatever needs it fails as nobody foresaw.
    app.state.services = SimpleNamespace(clock=SimpleNamespace(now=clock), actions=SimpleNamespace(as_json=dict))
    app.state.door = None
    return app


def _answer(app: FastAPI, method: str, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
            return await client.request(method, path)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "method,path,status",
    [
        ("GET", "/actions", 200),
        ("POST", "/agents", 401),
        ("GET", "/nowhere", 404),
        ("PUT", "/agents", 405),
        ("GET", "/health", 500),
    ],
)
def test_every_answer(method: str, path: str, status: int) -> None:
    """Answers, refusals and failures alike, once."""
    answer = _answer(_app(), method, path)
    assert (answer.status_code, answer.headers.get_list("ledger-time")) == (status, [NOW])
    assert "content-type" in answer.headers, "beside what the answer says of itself"


def test_a_problem_is_explained_where_its_type_points() -> None:
    """Each refusal's `type` is an address that says what its code means, that of an unknown code among them."""
    app = _app()
    for method, path in (("GET", "/nowhere"), ("PUT", "/agents"), ("POST", "/agents"), ("GET", "/problems/none_such")):
        problem = _answer(app, method, path).json()
        meaning = _answer(app, "GET", problem["type"])
        assert meaning.status_code == 200, problem
        assert (meaning.json()["code"], meaning.json()["zh"]) == (problem["code"], problem["detail_zh"])
        assert problem["status"] in meaning.json()["statuses"]
        assert meaning.json() in _answer(app, "GET", "/problems").json()["problems"]


def test_unknown_time() -> None:
    """While the clock cannot be read the answer goes out without the header."""
    answer = _answer(_app(None), "GET", "/actions")
    assert answer.status_code == 200
    assert "ledger-time" not in answer.headers
