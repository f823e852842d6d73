"""The client asks again what is safe to ask again: as long as it has patience, and as the ledger asks it to wait."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api import client as module
from api.client import PATIENCE_S, RETRY_AFTER_S_MAX, Client, Credentials, Refused
from audit.tokens import parse_token

WHO = Credentials(
    "party:00000000-0000-4000-8000-000000000001", "key:00000000-0000-4000-8000-000000000002",
    Ed25519PrivateKey.generate(),
)  # fmt: skip
Answer = httpx.Response | Exception


class Trouble:
    """A ledger in trouble: gives its answers one after the other, the last for ever; its clock only moves by sleep."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.now = 100.0
        self.takes_s = 0.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.requests.append(request)
        self.now += self.takes_s
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        """Give the time."""
        return self.now

    def client(self, patience_s: float = PATIENCE_S) -> Client:
        """Give a client of this ledger."""
        http = httpx.Client(base_url="http://ledger", transport=httpx.MockTransport(self))
        return Client(http, "test.example/district", WHO, lambda: 1_800_000_000, patience_s)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Trouble], Trouble]:
    """Let a ledger's clock be the client's."""

    def follow(trouble: Trouble) -> Trouble:
        monkeypatch.setattr(module, "time", trouble)
        return trouble

    return follow


def busy(**headers: str) -> httpx.Response:
    """Give the answer of a ledger that is busy."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(503, headers=named, json={"code": "busy", "detail": "later"})


GOOD = httpx.Response(200, json={"good": True})


def _get(client: Client) -> object:
    return client.get("/lifts")


def _get_bytes(client: Client) -> object:
    return client.get_bytes("/log/tile/0/000")


def _post(client: Client) -> object:
    return client.post("/parties", {})


@pytest.mark.parametrize("ask", [_get, _get_bytes, _post])
@pytest.mark.parametrize("trouble", [busy(), httpx.ConnectError("refused")], ids=["busy", "lost"])
def test_reads_and_writes_are_asked_again(
    clock: Callable[[Trouble], Trouble], ask: Callable[[Client], object], trouble: Answer
) -> None:
    """Whatever trouble passes is waited out; each request has a token of its own, a write its one command id."""
    ledger = clock(Trouble(trouble, trouble, GOOD))
    assert ask(ledger.client())
    tokens = [parse_token(r.headers["Authorization"].removeprefix("Bearer ").encode()) for r in ledger.requests]
    assert len({token.claims.jti for token in tokens}) == (1 if ask is _post else 3)
    assert ledger.slept == [0.1, 0.2]


def test_a_ledger_is_given_the_time_that_it_asks_for(clock: Callable[[Trouble], Trouble]) -> None:
    """`Retry-After` takes the place of the usual pause, bounded; one that is no number of seconds is passed over."""
    asked = ("5", "86400", "0", "Wed, 21 Oct 2026 07:28:00 GMT")
    ledger = clock(Trouble(*(busy(Retry_After=text) for text in asked), GOOD))
    assert ledger.client(patience_s=60).get("/lifts") == {"good": True}
    assert ledger.slept == [5, RETRY_AFTER_S_MAX, 0.1, 0.8]


@pytest.mark.parametrize("patience_s", [PATIENCE_S, 60.0])
@pytest.mark.parametrize("trouble", [busy(), busy(Retry_After="1"), httpx.ConnectError("refused")])
def test_patience_ends(clock: Callable[[Trouble], Trouble], patience_s: float, trouble: Answer) -> None:
    """After as many seconds as it was given from the first trouble a client tells the last of it."""
    ledger = clock(Trouble(trouble))
    with pytest.raises((Refused, httpx.ConnectError)):
        _post(ledger.client(patience_s))
    assert sum(ledger.slept) == pytest.approx(patience_s)


def test_a_reply_that_took_long_to_be_lost_is_asked_for_again(clock: Callable[[Trouble], Trouble]) -> None:
    """A timeout longer than the patience is not the end of it."""
    ledger = clock(Trouble(httpx.ReadTimeout("gone")))
    ledger.takes_s = 60
    with pytest.raises(httpx.ReadTimeout):
        _post(ledger.client())
    assert len(ledger.requests) == 3


@pytest.mark.parametrize("answer", [httpx.Response(409, json={"code": "version_moved"}), httpx.Response(500)])
def test_a_refusal_is_told_at_once(clock: Callable[[Trouble], Trouble], answer: httpx.Response) -> None:
    """What the ledger decided is not asked again."""
    ledger = clock(Trouble(answer))
    with pytest.raises(Refused):
        _get(ledger.client())
    assert len(ledger.requests) == 1


def test_what_cannot_be_sent_is_not_waited_for(clock: Callable[[Trouble], Trouble]) -> None:
    """A URL without a scheme is told at once."""
    ledger = clock(Trouble(httpx.UnsupportedProtocol("no scheme")))
    with pytest.raises(httpx.UnsupportedProtocol):
        _get(ledger.client())
    assert ledger.slept == []
