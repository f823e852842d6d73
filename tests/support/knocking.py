"""Requests byte by byte, signed but otherwise as wrong as a test wants them, and what must be told of a refusal."""

from __future__ import annotations

import hashlib
import secrets
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import orjson

from api.client import Client
from api.errors import problem_codes
from audit import tokens
from audit.ndjson import lines_root
from tests.support.service import Service

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
PROBLEM: Final = "application/problem+json"
TIMEOUT_S: Final = 60


def sign(
    client: Client, path: str, body: bytes, *, kind: str = JSON, command: str | None = None, method: str = "POST",
    issued_at: float | None = None,
) -> str:  # fmt: skip
    """Give the Authorization header of these very bytes; a body of lines is bound by its lines, whatever they are."""
    who, issued = client.credentials, int(time.time() if issued_at is None else issued_at)
    lines = body.removesuffix(b"\n").split(b"\n") if kind == NDJSON else None
    claims = tokens.Claims(
        iss=who.party, sub=who.agent, aud=client.origin, iat=issued, exp=issued + 60, jti=command or str(uuid.uuid4()),
        htm=method, uri=path, bh=hashlib.sha256(body).hexdigest() if lines is None else None,
        br=None if lines is None else lines_root(lines), bn=None if lines is None else len(lines),
    )  # fmt: skip
    return f"Bearer {tokens.make_token(who.private, who.key, claims).decode()}"


def send(
    service: Service, client: Client, path: str, body: bytes, *, kind: str = JSON, command: str | None = None,
    method: str = "POST", headers: Mapping[str, str] | None = None, issued_at: float | None = None,
) -> httpx.Response:  # fmt: skip
    """Send signed bytes once, over a connection of their own."""
    token = sign(client, path, body, kind=kind, command=command, method=method, issued_at=issued_at)
    told = {"Content-Type": kind, "Authorization": token, **(headers or {})}
    return httpx.request(method, f"{service.url}{path}", content=body, headers=told, timeout=TIMEOUT_S)


def code(response: httpx.Response) -> tuple[int, str]:
    """Give status and code of a refusal, which must be a whole problem document."""
    problem = response.json()
    assert response.headers["content-type"] == PROBLEM, response.text
    assert set(problem) == {"type", "title", "title_zh", "status", "code", "detail", "detail_zh", "details"}
    assert problem["status"] == response.status_code
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["status"] in problem_codes()[problem["code"]]["statuses"]
    assert "Traceback" not in response.text
    return response.status_code, problem["code"]


@contextmanager
def nothing_written(service: Service) -> Iterator[None]:
    """Assert that the block leaves not one row in the log's tables."""
    before = service.kept()
    yield
    assert service.kept() == before


@contextmanager
def raw(service: Service) -> Iterator[socket.socket]:
    """Open a connection to the service."""
    place = urlsplit(service.url)
    assert place.hostname is not None
    with socket.create_connection((place.hostname, place.port or 80), timeout=TIMEOUT_S) as connection:
        yield connection


def head(path: str, headers: Mapping[str, str]) -> bytes:
    """Give the first line and headers of a POST."""
    lines = [f"POST {path} HTTP/1.1", "Host: test", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answered(connection: socket.socket) -> httpx.Response:
    """Read one whole answer from a connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        assert more, "the connection was closed without an answer"
        data += more
    top, _, body = data.partition(b"\r\n\r\n")
    first, *rest = top.decode().split("\r\n")
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in rest)]
    length = int({name.lower(): value for name, value in headers}["content-length"])
    while len(body) < length:
        more = connection.recv(65536)
        assert more, "the connection was closed within an answer"
        body += more
    return httpx.Response(int(first.split()[1]), headers=headers, content=body[:length])


# ---------------------------------------------------------------------------------------------------- what is written


def agent(client: Client, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of an enrolment
    """Give the enrolment of an agent of the client's party."""
    return {"id": f"agent:{uuid.uuid4()}", "party": client.credentials.party, "role": "worker", **more}


def salted(body: Mapping[str, Any]) -> bytes:
    """Give a body's JSON with a salt."""
    return orjson.dumps({**body, "salt": secrets.token_hex(16)})


def lines_of(client: Client, count: int) -> list[bytes]:
    """Give the enrolments of so many agents as lines."""
    return [salted(agent(client)) for _ in range(count)]
