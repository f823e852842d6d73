"""A load of writes with known command ids, that keeps account of what was acknowledged while things die under it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from api.client import Client
from tests.support.knocking import JSON, NDJSON, agent, lines_of, salted, sign
from tests.support.scenes import until
from tests.support.service import Service

LINES: Final = 250
"""Three groups of enrolments."""
RETRY_S_MAX: Final = 60.0


@dataclass(frozen=True, slots=True)
class Written:
    """One command: its body and the answer it got, None if it got none."""

    command: str
    body: bytes
    kind: str
    answer: Any


@dataclass
class Load:
    """What so many threads wrote; every second command of each is a body of lines with `lines`."""

    service: Service
    client: Client
    lines: bool = True
    written: list[Written] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    """The statuses that were answered."""
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def acknowledged(self) -> list[Written]:
        """The commands that were answered."""
        return [each for each in self.written if each.answer is not None]

    def write(self) -> None:
        """Write one command after the other over one connection, each sent once, until told to stop."""
        http = httpx.Client(base_url=self.service.url, timeout=30)
        number = 0
        while not self._stop.is_set():
            number += 1
            if self.lines and number % 2:
                kind, body = NDJSON, b"\n".join(lines_of(self.client, LINES))
            else:
                kind, body = JSON, salted(agent(self.client))
            command = str(uuid.uuid4())
            answer = None
            try:
                response = post(http, self.client, body, kind, command)
                self.told.add(response.status_code)
                answer = response.json() if response.is_success else None
            except httpx.TransportError:
                time.sleep(0.02)
            self.written.append(Written(command, body, kind, answer))
        http.close()

    def stop(self) -> None:
        """Let the threads end after the command each is at."""
        self._stop.set()

    def more(self, count: int = 10, seconds: float = 60.0) -> None:
        """Wait until so many further commands were acknowledged."""
        before = len(self.acknowledged)
        until(lambda: len(self.acknowledged) >= before + count, seconds)

    def settle(self) -> tuple[int, int]:
        """Send every command again: the acknowledged must get their first answer, the others one that is as good.

        Gives how many were acknowledged, and how many of the others turned out to have been stored whole or in part.
        """
        found, streams = 0, 0
        with httpx.Client(base_url=self.service.url, timeout=30) as http:
            for each in self.written:
                answer = _again(http, self.client, each)
                count = LINES if each.kind == NDJSON else 1
                assert sum(group["count"] for group in answer["groups"]) == count
                assert answer["refused"] == []
                streams += count
                if each.answer is None:
                    found += answer["repeated"]
                    continue
                assert answer == {**each.answer, "repeated": True}
        stored = self.service.rows(
            "SELECT count(*), count(DISTINCT stream) FROM events WHERE type = 'agent.Enrolled'"
            " AND convert_from(header, 'UTF8')::json->'author'->>'party' = %s",
            self.client.credentials.party,
        )
        assert stored == [(streams, streams)]
        return len(self.acknowledged), found


def post(http: httpx.Client, client: Client, body: bytes, kind: str, command: str) -> httpx.Response:
    """Send one enrolment once."""
    headers = {"Content-Type": kind, "Authorization": sign(client, "/agents", body, kind=kind, command=command)}
    return http.post("/agents", content=body, headers=headers)


def _again(http: httpx.Client, client: Client, each: Written) -> Any:  # noqa: ANN401 - JSON
    deadline = time.monotonic() + RETRY_S_MAX
    while True:
        try:
            response = post(http, client, each.body, each.kind, each.command)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                assert response.is_success, response.text
                return response.json()
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the service did not come back"
        time.sleep(0.05)


@contextmanager
def loading(service: Service, client: Client, *, threads: int = 4, lines: bool = True) -> Iterator[Load]:
    """Write from so many threads during the block."""
    load = Load(service, client, lines)
    running = [threading.Thread(target=load.write) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield load
    finally:
        load.stop()
        for thread in running:
            thread.join()
