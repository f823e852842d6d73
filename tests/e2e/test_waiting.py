"""Reads that ask for what is not written yet, beside writes: neither waits for the other."""

from __future__ import annotations

import threading
from typing import Final

import httpx

from api.client import Client, Refused
from tests.support.knocking import TIMEOUT_S, lines_of
from tests.support.service import Service

READS: Final = 8
"""More than an event loop has threads of its own on a machine of few cores."""


def test_nobody_waits_for_the_far_future(service: Service) -> None:
    """Whoever asks for positions of the far future is told so, and makes nobody wait, himself included."""
    insurer = service.party("insurer")
    begun, refused = threading.Barrier(READS + 1), list[str]()

    def wait() -> None:
        http = httpx.Client(base_url=service.url, timeout=TIMEOUT_S)
        client = Client(http, service.origin, service.administrator.credentials, patience_s=0.0)
        begun.wait()
        try:
            client.get("/lifts", wait_for=10**12)
        except Refused as behind:
            refused.append(behind.code)
        finally:
            client.close()

    waiting = [threading.Thread(target=wait) for _ in range(READS)]
    for thread in waiting:
        thread.start()
    begun.wait()
    for _ in range(20):
        insurer.post_lines("/agents", lines_of(insurer, 2))
    for thread in waiting:
        thread.join()
    assert refused == ["wait_for_future"] * READS
