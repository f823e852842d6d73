"""One checkpoint before many witnesses: those that answer cosign it, the others are named, and the policy decides."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from audit.policy import Policy, open_checkpoint
from infrastructure.cosigning import Cosigning, cosign_by_all
from infrastructure.errors import PeerAway, WitnessAhead
from infrastructure.witness_client import WitnessClient, clients_of
from tests.support.logs import Log
from tests.support.witnesses import ServedWitness, witness

LOG = Log(fork=5)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWitness]:
    """A witness of the log."""
    with witness(tmp_path_factory.mktemp("witness") / "memory", [LOG]) as running:
        yield running


def test_the_slow_and_the_gone_hold_nobody_up(served: ServedWitness) -> None:
    """All are asked at once: one cosigns, one is silent, one is not there; the lines make the quorum that is asked."""
    with socket.create_server(("127.0.0.1", 0)) as silent, httpx.Client(trust_env=False) as http:
        policy = Policy.parse(
            f"log {LOG.vkey}\nwitness here {served.vkeys[0]} {served.url}\nwitness pq {served.vkeys[1]} {served.url}\n"
            "group quorum-of-one any here pq\nquorum quorum-of-one\n".encode()
        )
        (here,) = clients_of(policy, http)
        slow = WitnessClient(f"http://127.0.0.1:{silent.getsockname()[1]}", served.keys, http, 3.0)
        gone = WitnessClient("http://127.0.0.1:9", served.keys, http, 0.3)
        known: dict[str, int] = {}
        for size in (3, 9):
            begun = time.monotonic()
            done = list(cosign_by_all([slow, here, gone], LOG.note(size), known, LOG.path))
            assert time.monotonic() - begun < 60
            assert done[-1].url == slow.url, "who answers is not kept waiting for"
            told = {each.url: type(each.refusal) for each in done}
            assert told == {slow.url: PeerAway, here.url: type(None), gone.url: PeerAway}
            lines = "".join(line for each in done for line in each.lines)
            assert open_checkpoint(LOG.note(size) + lines, policy, LOG.origin).satisfied
            known[here.url] = size
        (behind,) = cosign_by_all([here], LOG.note(3), known, LOG.path)
        assert (behind.lines, type(behind.refusal)) == ((), WitnessAhead)
        empty: list[Cosigning] = list(cosign_by_all([], LOG.note(3), known, LOG.path))
        assert empty == []
