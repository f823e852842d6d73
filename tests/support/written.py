"""A ledger written through the real door into a real database, for whoever verifies or tampers with it."""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from api import bootstrap, credentials
from api.client import Credentials, salted
from application.catalogue import ACTIONS
from application.door import Request
from application.services import Services
from application.timers import Due, fire_due
from audit import tokens
from audit.ndjson import lines_root
from audit.verdicts import CODES
from audit.whole import Report
from domain.persons import RETENTION_RULE
from infrastructure import verifying
from infrastructure.connection import connect_plain

ORIGIN = "test.example/verified"
AGENTS = 230
"""Lines of one request: three groups of the route."""
TABLES = (
    "events", "receipts", "commands", "evidence", "request_lines", "request_hashes", "request_bytes", "sealed_values",
    "subject_keys",
)  # fmt: skip
"""The tables a verification reads."""


@dataclass
class Written:
    """A ledger in a database, with a few of everything."""

    settings: bootstrap.Settings
    services: Services
    administrator: Credentials
    insurer: Credentials
    person: str

    def verify(self, processes: int = 1, *, opened: bool = True, **more: Any) -> Report:  # noqa: ANN401 - passed on
        """Verify it whole."""
        where = bootstrap.place(self.settings)
        key = where.keys.master_key() if opened else None
        return verifying.verify(where.owner, ORIGIN, processes=processes, master_key=key, **more)

    def restrict(self, person: str) -> None:
        """Ask for a person's erasure: his data are kept under seal until no duty to keep them runs."""
        uri = f"/persons/{person}/erase"
        self.write(self.administrator, "person.erase", {"basis": "request"}, uri=uri, person=person)

    def let_time_erase(self, person: str) -> None:
        """Write the event of a restricted person's erasure, as time does when it is due."""
        services, until = self.services, self.services.streams.events(person)[0].found["until"]
        while services.clock.now() < until:  # the door's estimate of the clock said until when
            time.sleep(0.01)
        save = fire_due(
            ORIGIN, services.operator, Due("person.Erased", person, until, RETENTION_RULE), now=services.clock.now(),
            streams=services.streams, stored=services.stored,
        )  # fmt: skip
        assert save is not None
        services.recorder.submit(save).result()

    def broken(self, **more: Any) -> set[str]:  # noqa: ANN401 - passed on
        """Give the codes of what breaks integrity or completeness."""
        return {code for code in self.verify(**more).counts if CODES[code][0] in {"integrity", "completeness"}}

    def write(self, who: Credentials, action: str, *bodies: Any, uri: str, **path: str) -> str:  # noqa: ANN401 - JSON
        """Write one request, of several lines if several bodies are given; gives its command."""
        command = str(uuid.uuid4())
        asyncio.run(self.send(who, action, [salted(body) for body in bodies], command, uri=uri, path=path))
        return command

    async def send(
        self, who: Credentials, action: str, encoded: list[bytes], command: str, *, uri: str, age_s: int = 0,
        path: Mapping[str, str] | None = None, seq: int | None = None,
    ) -> None:  # fmt: skip
        """Send one request under a token that was made some seconds ago."""
        now, lines = int(time.time()) - age_s, len(encoded) > 1
        claims = tokens.Claims(
            iss=who.party, sub=who.agent, aud=ORIGIN, iat=now, exp=now + 60, jti=command, htm="POST", uri=uri,
            bh=None if lines else hashlib.sha256(encoded[0]).hexdigest(), br=lines_root(encoded) if lines else None,
            bn=len(encoded) if lines else None, seq=seq,
        )  # fmt: skip
        token = tokens.make_token(who.private, who.key, claims)
        await self.services.door.write(
            Request(ACTIONS.by_id[action], uri, path or {}, token, b"\n".join(encoded), lines)
        )


def agent_of(party: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Give the enrolment of an agent of a party."""
    return {"id": f"agent:{uuid.uuid4()}", "party": party, "role": "worker", **more}


@pytest.fixture
def written(database_url: str, tmp_path: Path) -> Iterator[Written]:
    """Write an insurer, an agent of his with a sealed name, and 230 agents as lines, one of them refused."""
    settings = bootstrap.Settings(database_url=database_url, var=tmp_path / "var")
    made = bootstrap.make_ledger(settings, ORIGIN)
    administrator = credentials.load(made.administrator).credentials
    services = bootstrap.open_services(settings)
    try:
        party = f"party:{uuid.uuid4()}"
        key, private = credentials.new_key()
        insurer = Credentials(party, key, private)
        ledger = Written(settings, services, administrator, insurer, f"person:{uuid.uuid4()}")
        registered = credentials.registration(ORIGIN, party, key, private, int(time.time()))
        member = {"id": party, "kind": "insurer", "name": "某保险公司", "key": registered}
        ledger.write(administrator, "party.register", {"parties": [member]}, uri="/parties")
        ledger.write(insurer, "agent.enrol", agent_of(party, name="王小明", certificate="C-1"), uri="/agents")
        lines = [agent_of(party) for _ in range(AGENTS)]
        lines[100] = agent_of(f"party:{uuid.uuid4()}")
        ledger.write(insurer, "agent.enrol", *lines, uri="/agents")
        yield ledger
    finally:
        services.close()


@contextmanager
def tampering(ledger: Written) -> Iterator[psycopg.Connection]:
    """Act as an owner of the database who first takes the triggers away."""
    with connect_plain(bootstrap.place(ledger.settings).owner, "test") as connection:
        for table in TABLES:
            run_on(connection, "ALTER TABLE {} DISABLE TRIGGER ALL", table)
        connection.execute(
            "CREATE OR REPLACE FUNCTION flip(data bytea, at integer) RETURNS bytea LANGUAGE sql AS"
            " 'SELECT set_byte(data, at, get_byte(data, at) # 1)'"
        )
        yield connection


def run_on(connection: psycopg.Connection, query: LiteralString, *names: str) -> None:
    """Run a statement on these tables."""
    connection.execute(sql.SQL(query).format(*map(sql.Identifier, names)))
