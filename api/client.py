"""The Python client: signs every request afresh, as any party must (event-format §3).

`Signer` is an `httpx.Auth`; `Client` adds the member `salt`, names commands, repeats what is safe to repeat, and gives
answers as dicts. Errors of the ledger arrive as `Refused` with the problem's code.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from audit import canonical, tokens
from audit.instants import parse_instant
from audit.keys import PrivateKey
from audit.ndjson import lines_root, split_lines

LIFETIME_S: Final = 60
SALT_BYTES: Final = 16
REPEATS_MAX: Final = 8
NDJSON: Final = "application/x-ndjson"
COMMAND: Final = "ledger_command"
SCRIPTED: Final = "scripted."
"""How the origin of a ledger begins whose time somebody moves."""


class Refused(Exception):
    """The ledger refused: HTTP status, stable `code`, the problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')} {problem.get('details') or ''}")
        self.status = status
        self.code = str(problem.get("code", "unknown"))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle of evidence as a zip, and whether the operator's witnesses cosigned its checkpoint."""

    data: bytes
    quorum: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs: the party, its key and, when a natural person acts, the agent."""

    party: str
    key: str
    private: PrivateKey
    agent: str | None = None


class Signer(httpx.Auth):
    """Signs each request with a token of its own; `now` gives Unix seconds (of the ledger, where it is scripted)."""

    requires_request_body = True

    def __init__(self, origin: str, credentials: Credentials, now: Callable[[], float] = time.time) -> None:
        self._origin = origin
        self._who = credentials
        self._now = now

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the Authorization header."""
        command = request.extensions.get(COMMAND) or str(uuid.uuid4())
        request.headers["Authorization"] = f"Bearer {self.token(request, command).decode()}"
        yield request

    def token(self, request: httpx.Request, command: str) -> bytes:
        """Give the token for a request under a command id."""
        body = request.content
        lines = split_lines(body) if request.headers.get("content-type") == NDJSON else None
        issued = int(self._now())
        claims = tokens.Claims(
            iss=self._who.party, sub=self._who.agent, aud=self._origin, iat=issued, exp=issued + LIFETIME_S,
            jti=command, htm=request.method, uri=request.url.raw_path.decode(),
            bh=hashlib.sha256(body).hexdigest() if lines is None else None,
            br=None if lines is None else lines_root(lines), bn=None if lines is None else len(lines),
        )  # fmt: skip
        return tokens.make_token(self._who.private, self._who.key, claims)


def clock_of(http: httpx.Client, origin: str) -> Callable[[], float]:
    """Give the clock by which tokens for a ledger are dated: one's own, for a scripted ledger the ledger's time.

    A scripted ledger's time stands still until somebody moves it, so it is asked for with every token.
    """

    def ledger_time() -> float:
        answer = http.get("/health").raise_for_status().json()
        return parse_instant(answer["ledger_time"]).timestamp()

    return ledger_time if origin.startswith(SCRIPTED) else time.time


def salted(body: Mapping[str, Any]) -> bytes:
    """Give the canonical bytes of a write's JSON with a fresh salt."""
    return canonical.encode({**body, "salt": secrets.token_hex(SALT_BYTES)})


class Client:
    """A party's connection to a ledger.

    `http` carries base URL and transport; writes are repeated under the same command id when the ledger is busy or its
    reply was lost, so nothing is written twice.
    """

    def __init__(
        self, http: httpx.Client, origin: str, credentials: Credentials, now: Callable[[], float] = time.time
    ) -> None:
        self._http = http
        self._signer = Signer(origin, credentials, now)
        self.origin = origin
        self.credentials = credentials
        self.now = now
        """The clock by which the tokens are dated, in Unix seconds."""
        self.position = 0
        """The last position this client has written; give it as `wait_for` to read one's own writes."""

    @classmethod
    def open(
        cls, url: str, origin: str, credentials: Credentials, now: Callable[[], float] = time.time,
        timeout_s: float = 60,
    ) -> Self:  # fmt: skip
        """Connect to a ledger by URL."""
        return cls(httpx.Client(base_url=url, timeout=timeout_s), origin, credentials, now)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post(self, path: str, body: Mapping[str, Any], *, command: str | None = None) -> dict[str, Any]:
        """Write one JSON object; returns the answer, raises Refused."""
        return self._write(path, salted(body), "application/json", command)

    def post_lines(
        self, path: str, lines: Sequence[bytes] | Sequence[Mapping[str, Any]], *, command: str | None = None
    ) -> dict[str, Any]:
        """Write NDJSON: dicts are salted and encoded, bytes are taken as they are; returns the answer."""
        encoded = [line if isinstance(line, bytes) else salted(line) for line in lines]
        return self._write(path, b"\n".join(encoded), NDJSON, command)

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """Read; returns the JSON, raises Refused."""
        request = self._http.build_request("GET", path, params=query)
        return self._answer(self._http.send(request, auth=self._signer))

    def get_bytes(self, path: str, **query: str | int) -> bytes:
        """Read what is no JSON, like a tile; returns the bytes, raises Refused."""
        request = self._http.build_request("GET", path, params=query)
        response = self._http.send(request, auth=self._signer)
        if not response.is_success:
            raise Refused(response.status_code, _problem(response))
        return response.content

    def evidence(self, body: Mapping[str, Any], *, command: str | None = None) -> Exported:
        """Have a bundle of evidence made (`POST /evidence`); raises Refused."""
        answer = self._sent("/evidence", salted(body), "application/json", command)
        return Exported(answer.content, answer.headers["evidence-quorum"] == "yes")

    def _write(self, path: str, content: bytes, kind: str, command: str | None) -> dict[str, Any]:
        return self._answer(self._sent(path, content, kind, command))

    def _sent(self, path: str, content: bytes, kind: str, command: str | None) -> httpx.Response:
        """Send a write, again under the same command id while its outcome is open; raises Refused."""
        name = command or str(uuid.uuid4())
        failure: Exception | None = None
        for attempt in range(REPEATS_MAX):
            if attempt:
                time.sleep(min(0.05 * 2**attempt, 2.0))
            request = self._http.build_request(
                "POST", path, content=content, headers={"Content-Type": kind}, extensions={COMMAND: name}
            )
            try:
                response = self._http.send(request, auth=self._signer)
            except httpx.TransportError as lost:
                failure = lost
                continue
            if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                failure = Refused(response.status_code, _problem(response))
                continue
            if not response.is_success:
                raise Refused(response.status_code, _problem(response))
            self.position = max(self.position, int(response.headers.get("Ledger-Position", 0)))
            return response
        raise failure or Refused(0, {"code": "unreachable"})

    @staticmethod
    def _answer(response: httpx.Response) -> dict[str, Any]:
        if response.is_success:
            value: dict[str, Any] = response.json()
            return value
        raise Refused(response.status_code, _problem(response))


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        value = response.json()
    except ValueError:
        return {"code": "unknown", "detail": response.text[:200]}
    return value if isinstance(value, dict) else {"code": "unknown"}
