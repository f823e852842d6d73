"""The log's side of witnessing: against a real witness, and against servers that lie, drip, or are not there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.rollback import OwnLog, Statement, guard
from audit.cosignatures import cosign, cosigner_vkey, ed25519_cosigner
from audit.keys import public_bytes
from audit.note import open_note
from audit.policy import Policy, open_checkpoint
from audit.witnessing import ANSWER_BYTES_MAX
from infrastructure.errors import PeerAway, WitnessAhead, WitnessContradicts, WitnessRefused
from infrastructure.witness_client import TRIES_MAX, WitnessClient, clients_of
from tests.support.logs import Log
from tests.support.witnesses import ServedWitness, witness

LOGS = [Log(origin=f"log-{number}.example/lifts", fork=5) for number in range(8)]
LOG = LOGS[0]
KEY = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
LIAR = ed25519_cosigner("witness.example", public_bytes(KEY.public_key()))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWitness]:
    """A witness of these logs."""
    with witness(tmp_path_factory.mktemp("witness") / "memory", LOGS) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client of one's own."""
    with httpx.Client(trust_env=False) as client:
        yield client


def _submit(client: WitnessClient, log: Log, size: int, old: int) -> list[str]:
    return client.cosign(log.note(size), old, log.path)


def _none(_old: int, _new: int) -> Sequence[bytes]:
    pytest.fail("no path is needed here")


# ---------------------------------------------------------------------------------------------------- a real witness


def test_growth_comes_back_cosigned(served: ServedWitness, http: httpx.Client) -> None:
    """Lines of both kinds that verify under the checkpoint's own text, from the first submission on."""
    client, log = WitnessClient(served.url, served.keys, http), LOGS[1]
    lines = client.cosign(log.note(3), 0, _none)
    assert len(lines) == 2
    for old, size in ((3, 9), (9, 9)):
        lines = _submit(client, log, size, old)
        open_note(log.note(size) + "".join(lines), [*log.keys, *served.keys])
    assert client.latest(log.origin, log.keys) == log.note(9) + "".join(lines)


def test_a_size_that_is_not_known_is_learnt(served: ServedWitness, http: httpx.Client) -> None:
    """From a wrong old size, too small or too great, the client goes on with the one the witness tells."""
    client, log = WitnessClient(f"{served.url}/", served.keys, http), LOGS[2]
    assert len(_submit(client, log, 7, 5)) == 2, "the witness had none, and said 0"
    assert len(_submit(client, log, 9, 0)) == 2
    assert len(_submit(client, log, 12, 3)) == 2
    assert len(_submit(client, log, 12, 12)) == 2


def test_a_witness_that_is_ahead_stops_the_log(served: ServedWitness, http: httpx.Client) -> None:
    """T10: a restored backup's checkpoint is answered with the size it lacks, and the guard has the log's own proof."""
    client, log = WitnessClient(served.url, served.keys, http), LOGS[3]
    _submit(client, log, 12, 0)
    for old in (0, 5, 9, 12):
        with pytest.raises(WitnessAhead) as caught:
            _submit(client, log, 9, old)
        assert (caught.value.details["seen"], caught.value.details["size"]) == (12, 9)
    statement = Statement(served.url, client.latest(log.origin, log.keys))
    found = guard(OwnLog(log.origin, 9, log.root(9), log.path), [statement], log.keys)
    assert [(each.kind, each.size) for each in found.findings] == [("ahead", 12)]


def test_a_witness_of_another_history_stops_the_log(served: ServedWitness, http: httpx.Client) -> None:
    """T3: a clone that wrote on is told that another history was cosigned, whether it is as long or longer."""
    client, log = WitnessClient(served.url, served.keys, http), LOGS[4]
    clone = Log(origin=log.origin, history="another", fork=5)
    _submit(client, log, 9, 0)
    for size, old in ((9, 9), (9, 5), (12, 9), (12, 0)):
        with pytest.raises(WitnessContradicts):
            _submit(client, clone, size, old)
    statement = Statement(served.url, client.latest(log.origin, log.keys))
    found = guard(OwnLog(log.origin, 12, clone.root(12), clone.path), [statement], log.keys)
    assert [(each.kind, each.size) for each in found.findings] == [("inconsistent", 9)]


def test_a_log_that_is_not_followed_is_refused(served: ServedWitness, http: httpx.Client) -> None:
    """404 and 403 come as one typed error with the status."""
    client = WitnessClient(served.url, served.keys, http)
    unknown = Log(origin="unknown.example")
    with pytest.raises(WitnessRefused) as caught:
        _submit(client, unknown, 3, 0)
    assert (caught.value.details["status"], caught.value.details["reason"]) == (404, "origin_unknown")
    with pytest.raises(WitnessRefused) as caught:
        client.cosign(f"{LOGS[5].text(3)}\n{unknown.sign(LOGS[5].text(3))}", 0, _none)
    assert caught.value.details["status"] == 403
    assert client.latest(unknown.origin, unknown.keys) is None


def test_a_policy_says_whom_to_ask(served: ServedWitness, http: httpx.Client) -> None:
    """One client a URL with both its keys; the lines that come back make the policy's quorum."""
    first, second = (each for each in served.vkeys)
    policy = Policy.parse(
        f"log {LOGS[7].vkey}\nwitness regulator {first} {served.url}\nwitness regulator-pq {second} {served.url}/\n"
        f"witness offline {cosigner_vkey('offline.example', KEY)}\n"
        "group both all regulator regulator-pq\nquorum both\n".encode()
    )
    (client,) = clients_of(policy, http)
    assert (client.url, [key.type for key in client.keys]) == (served.url, [4, 6])
    note = LOGS[7].note(9)
    assert not open_checkpoint(note, policy, LOGS[7].origin).satisfied
    opened = open_checkpoint(note + "".join(_submit(client, LOGS[7], 9, 0)), policy, LOGS[7].origin)
    assert (opened.satisfied, set(opened.witnesses)) == (True, {"regulator", "regulator-pq"})


# ---------------------------------------------------------------------------------------------------- one that lies


@contextmanager
def _answering(
    status: int, body: bytes, kind: str = "text/plain", pause_s: float = 0
) -> Iterator[tuple[str, list[int]]]:
    """Answer everything with this; gives the URL and how often it was asked."""
    asked: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(1)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for at in range(0, len(body), 16 if pause_s else len(body)):
                self.wfile.write(body[at : at + (16 if pause_s else len(body))])
                time.sleep(pause_s)

        do_GET = do_POST = _answer  # noqa: N815 - the base class's words

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                asked.append(0)  # the client had enough

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


GOOD = cosign(LOG.text(9), "witness.example", KEY, 1).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"\xff\n",
        cosign(LOG.text(8), "witness.example", KEY, 1).encode(),
        cosign(LOG.text(9), "another.example", KEY, 1).encode(),
        GOOD + cosign(LOG.text(8), "witness.example", KEY, 1).encode(),
        GOOD[:-1],
        b"more\n\n" + GOOD,
    ],
)
def test_lines_that_do_not_verify_are_not_taken(http: httpx.Client, body: bytes) -> None:
    """A 200 without one good line of a known key, or with a bad one, is refused whole."""
    with _answering(200, body) as (url, _), pytest.raises(WitnessRefused):
        _submit(WitnessClient(url, [LIAR], http), LOG, 9, 0)


def test_only_known_lines_are_taken(http: httpx.Client) -> None:
    """Lines by keys that were not agreed upon are left where they came from."""
    more = cosign(LOG.text(9), "another.example", Ed25519PrivateKey.generate(), 1).encode()
    with _answering(200, more + GOOD + more) as (url, _):
        assert _submit(WitnessClient(url, [LIAR], http), LOG, 9, 0) == [GOOD.decode()]


@pytest.mark.parametrize(
    "status,body,kind,error",
    [
        (409, b"7", "text/x.tlog.size", WitnessRefused),
        (409, b"seven\n", "text/x.tlog.size", WitnessRefused),
        (409, b"10\n", "text/x.tlog.size", WitnessAhead),
        (409, b"7\n", "text/plain", WitnessRefused),
        (422, b"", "text/plain", WitnessContradicts),
        (301, b"", "text/plain", WitnessRefused),
        (500, b"\xff", "text/plain", WitnessRefused),
        (503, b"busy\n", "text/plain", WitnessRefused),
    ],
)
def test_each_other_answer_is_a_typed_error(
    http: httpx.Client, status: int, body: bytes, kind: str, error: type[Exception]
) -> None:
    """What is no cosignature and no size ends the submission at once."""
    with _answering(status, body, kind) as (url, asked), pytest.raises(error):
        _submit(WitnessClient(url, [LIAR], http), LOG, 9, 5)
    assert asked == [1]


def test_the_older_protocols_conflict_is_a_contradiction(http: httpx.Client) -> None:
    """v1.0.0 answers one size with two roots by 409 without a size."""
    with _answering(409, b"") as (url, _), pytest.raises(WitnessContradicts):
        _submit(WitnessClient(url, [LIAR], http), LOG, 9, 9)


def test_a_witness_that_always_tells_a_size_is_given_up(http: httpx.Client) -> None:
    """It is asked a few times, not for ever."""
    with _answering(409, b"7\n", "text/x.tlog.size") as (url, asked), pytest.raises(WitnessRefused):
        _submit(WitnessClient(url, [LIAR], http), LOG, 9, 0)
    assert len(asked) == TRIES_MAX


def test_a_witness_that_does_not_answer_is_away(http: httpx.Client) -> None:
    """Nobody there, an answer that drips or never ends: one typed error, within the time."""
    with pytest.raises(PeerAway):
        _submit(WitnessClient("http://127.0.0.1:9", [LIAR], http), LOG, 9, 0)
    begun = time.monotonic()
    with _answering(200, GOOD, pause_s=0.05) as (url, _), pytest.raises(PeerAway):
        _submit(WitnessClient(url, [LIAR], http, seconds_max=0.2), LOG, 9, 0)
    assert time.monotonic() - begun < 60
    with _answering(200, bytes(ANSWER_BYTES_MAX + 1)) as (url, _), pytest.raises(PeerAway):
        _submit(WitnessClient(url, [LIAR], http), LOG, 9, 0)


def test_the_last_checkpoint_is_the_logs_own(http: httpx.Client) -> None:
    """What a witness gives counts only with a signature of the log and one of its own, over this log."""
    client_keys = [LIAR]
    good = LOG.note(9) + GOOD.decode()
    elsewhere = LOGS[5]
    other = elsewhere.note(9) + cosign(elsewhere.text(9), "witness.example", KEY, 1)
    with _answering(200, good.encode()) as (url, _):
        assert WitnessClient(url, client_keys, http).latest(LOG.origin, LOG.keys) == good
    for status, body in (
        (200, LOG.note(9).encode()),
        (200, f"{LOG.text(9)}\n{GOOD.decode()}".encode()),
        (200, other.encode()),
        (200, b"\xff"),
        (500, good.encode()),
    ):
        with _answering(status, body) as (url, _), pytest.raises(WitnessRefused):
            WitnessClient(url, client_keys, http).latest(LOG.origin, [*LOG.keys, *elsewhere.keys])


def test_a_witness_whose_memory_is_gone_is_an_error_not_a_beginning(
    served: ServedWitness, http: httpx.Client, tmp_path: Path
) -> None:
    """500 from a damaged witness comes as a refusal, so that nobody takes it for a first submission."""
    client, log = WitnessClient(served.url, served.keys, http), LOGS[6]
    _submit(client, log, 3, 0)
    served.record(log).write_text("")
    with pytest.raises(WitnessRefused) as caught:
        _submit(client, log, 9, 3)
    assert caught.value.details["status"] == 500
