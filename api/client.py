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
from itertools import count
from typing import Any, Final, Self

import httpx

from audit import canonical, tokens
from audit.checkpoints import is_scripted
from audit.instants import parse_instant
from audit.keys import PrivateKey
from audit.ndjson import lines_root, split_lines

LIFETIME_S: Final = 60
SALT_BYTES: Final = 16
PATIENCE_S: Final = 7.0
"""How long a request is sent again, counted from the first sign of trouble."""
LOST_REPEATS_MIN: Final = 2
"""How often a request is sent again at the least when its reply was lost, however long each took to be lost."""
PAUSE_S: Final = 0.1
PAUSE_S_MAX: Final = 2.0
"""The first pause before a request is sent again, and the longest: each is twice the one before."""
RETRY_AFTER_S_MAX: Final = 30.0
"""The longest pause that a ledger may ask for (`Retry-After`)."""
NDJSON: Final = "application/x-ndjson"
COMMAND: Final = "ledger_command"


class Refused(Exception):
    """The ledger refused: HTTP status, stable `code`, the problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')} {problem.get('details') or ''}")
        self.status = status
        self.code = str(problem.get("code", "unknown"))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle of evidence as a zip, and whether the quorum of the operator's witnesses cosigned its checkpoint.

    `quorum` is `yes`, `no`, or `none` where the operator asks for none.
    """

    data: bytes
    quorum: str


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

    return ledger_time if is_scripted(origin) else time.time


def salted(body: Mapping[str, Any]) -> bytes:
    """Give the canonical bytes of a write's JSON with a fresh salt."""
    return canonical.encode({**body, "salt": secrets.token_hex(SALT_BYTES)})


class Client:
    """A party's connection to a ledger.

    `http` carries base URL and transport; what is asked while the ledger is busy, or whose reply was lost, is asked
    again for `patience_s`: writes under the same command id, so nothing is written twice.
    """

    def __init__(
        self, http: httpx.Client, origin: str, credentials: Credentials, now: Callable[[], float] = time.time,
        patience_s: float = PATIENCE_S,
    ) -> None:  # fmt: skip
        self._http = http
        self._signer = Signer(origin, credentials, now)
        self._patience_s = patience_s
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
        value: dict[str, Any] = self._got(path, query).json()
        return value

    def get_bytes(self, path: str, **query: str | int) -> bytes:
        """Read what is no JSON, like a tile; returns the bytes, raises Refused."""
        return self._got(path, query).content

    def evidence(self, body: Mapping[str, Any], *, command: str | None = None) -> Exported:
        """Have a bundle of evidence made (`POST /evidence`); raises Refused."""
        answer = self._sent("/evidence", salted(body), "application/json", command)
        return Exported(answer.content, answer.headers["evidence-quorum"])

    def _got(self, path: str, query: Mapping[str, str | int]) -> httpx.Response:
        return self._repeated(lambda: self._http.build_request("GET", path, params=query))

    def _write(self, path: str, content: bytes, kind: str, command: str | None) -> dict[str, Any]:
        value: dict[str, Any] = self._sent(path, content, kind, command).json()
        return value

    def _sent(self, path: str, content: bytes, kind: str, command: str | None) -> httpx.Response:
        """Send a write, again under the same command id while its outcome is open; raises Refused."""
        name = command or str(uuid.uuid4())
        response = self._repeated(
            lambda: self._http.build_request(
                "POST", path, content=content, headers={"Content-Type": kind}, extensions={COMMAND: name}
            )
        )
        self.position = max(self.position, int(response.headers.get("Ledger-Position", 0)))
        return response

    def _repeated(self, made: Callable[[], httpx.Request]) -> httpx.Response:
        """Send a request, signed afresh each time, until it is answered or patience ends; raises Refused.

        Raises httpx.TransportError when the last reply was lost.
        """
        until: float | None = None
        for attempt in count():
            asked, lost = None, False
            try:
                response = self._http.send(made(), auth=self._signer)
            except (httpx.UnsupportedProtocol, httpx.LocalProtocolError):
                raise  # what cannot be sent at all is not sent better later
            except httpx.TransportError as error:
                failure: Exception = error
                lost = True
            else:
                if response.is_success:
                    return response
                failure = Refused(response.status_code, _problem(response))
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    raise failure
                asked = _retry_after(response)
            now = time.monotonic()
            until = now + self._patience_s if until is None else until
            if now < until:
                pause = min(PAUSE_S * 2**attempt, PAUSE_S_MAX) if asked is None else max(asked, PAUSE_S)
                time.sleep(min(pause, until - now))
            elif not lost or attempt >= LOST_REPEATS_MIN:
                raise failure
        raise AssertionError  # pragma: no cover - the count has no end


def _retry_after(response: httpx.Response) -> float | None:
    """Give the seconds that an answer asks to wait; None where it asks for none, or for a day that it names."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), RETRY_AFTER_S_MAX) if text.isascii() and text.isdecimal() else None


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        value = response.json()
    except ValueError:
        return {"code": "unknown", "detail": response.text[:200]}
    return value if isinstance(value, dict) else {"code": "unknown"}
