"""Running a ledger as a child: only the child itself is taken for it."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from api import running
from domain.errors import Busy, Invalid
from tests.support.service import ORIGIN, free_port


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """Answer every GET with this body for the block; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", free_port()), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def child(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process for the block."""
    with subprocess.Popen(argv) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_taken_port_is_told() -> None:
    """By its own code, apart from an address that this machine does not have."""
    with running.listen("127.0.0.1", free_port()) as taken:
        host, port = taken.getsockname()
        with pytest.raises(Busy) as busy:
            running.listen(host, port)
    with pytest.raises(Invalid) as unusable:
        running.listen("192.0.2.1", port)
    assert (busy.value.code, unusable.value.code) == ("address_in_use", "address_unusable")


def test_a_ledger_of_the_same_name_is_not_taken_for_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started where another process listens: whatever answers there would be the other's."""
    monkeypatch.setattr(running, "FREE_S_MAX", 0.2)
    with answering(json.dumps({"origin": ORIGIN}).encode()) as url, pytest.raises(Busy) as busy:
        running.start({}, url, ORIGIN)
    assert busy.value.code == "address_in_use"


def test_a_port_that_is_let_go_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As workers of a killed supervisor let go of theirs."""
    started: list[object] = []
    monkeypatch.setattr(running, "wait_ready", lambda *said: started.append(said))
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: None)
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        threading.Timer(0.3, taken.close).start()
        running.start({}, url, ORIGIN)
    assert started == [(None, url, ORIGIN)]


@pytest.mark.parametrize("body", [json.dumps({"origin": "another.example/ledger"}).encode(), b"hello", b"[]"])
def test_another_ledger_is_not_waited_for(body: bytes) -> None:
    """What answers with another name, or none, will not become the child."""
    with answering(body) as url, child("sleep", "60") as process, pytest.raises(Busy) as busy:
        running.wait_ready(process, url, ORIGIN)
    assert busy.value.code == "address_in_use"


def test_a_child_that_ended_is_not_waited_for() -> None:
    """Though a ledger of its name answers where it should have."""
    begun = time.monotonic()
    with answering(json.dumps({"origin": ORIGIN}).encode()) as url, child("false") as process:
        process.wait()
        with pytest.raises(Busy) as ended:
            running.wait_ready(process, url, ORIGIN)
    assert (ended.value.code, ended.value.details["status"]) == ("start_failed", 1)
    assert time.monotonic() - begun < running.START_S_MAX / 2
