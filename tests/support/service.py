"""A real ledger behind real HTTP for tests: its own database, web workers as processes, keys on disk."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import sql

from api import bootstrap, credentials, running
from api.bootstrap.places import ledger_events
from api.client import Client, Credentials
from audit.keys import PrivateKey
from audit.note import parse_vkey
from audit.whole import Report
from infrastructure.connection import WRITER_APPLICATION, Database, connect_plain, connect_reader, lock_key
from infrastructure.keyring import tenures
from infrastructure.verifying import verify
from tests.support.postgres import LOCKS

ORIGIN = "test.example/district"
SCRIPTED = "scripted.test.example/district"
KEPT = (
    "events", "receipts", "commands", "evidence", "sources", "request_lines", "request_hashes", "request_bytes",
    "sealed_values", "subject_keys",
)  # fmt: skip
"""The tables a write may leave something in."""
NOTED = {
    "unanchored", "erased", "contested", "evidence_stray", "request_unfinished", "stamp_unchecked", "root_unpublished",
}  # fmt: skip
"""What a verification may tell of a sound ledger of a test."""


@dataclass
class Service:
    """A running ledger: where it answers, who administers it, and its settings."""

    url: str
    origin: str
    administrator: Client
    settings: bootstrap.Settings
    clients: list[Client] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def party(self, kind: str, *, curve: bool = False, more: Mapping[str, Any] | None = None) -> Client:
        """Register a party with a fresh key (Ed25519, or P-256 with `curve`); gives its client."""
        name = f"party:{uuid.uuid4()}"
        key = f"key:{uuid.uuid4()}"
        private: PrivateKey = generate_private_key(SECP256R1()) if curve else Ed25519PrivateKey.generate()
        registered = credentials.registration(self.origin, name, key, private, int(time.time()))
        called = "person_name" if kind == "owner" else "name"
        body = {"id": name, "kind": kind, called: f"{kind} of a test", "key": registered, **(more or {})}
        self.administrator.post("/parties", {"parties": [body]})
        client = Client.open(self.url, self.origin, Credentials(name, key, private))
        self.clients.append(client)
        return client

    # ------------------------------------------------------------------------------------------------ its processes

    def start(self) -> None:
        """Run the ledger until `stop`; it answers when this returns."""
        self.process = running.start(self.environment, self.url, self.origin)

    def stop(self) -> None:
        """End the ledger in good order, if it runs."""
        if self.process is not None:
            running.stop(self.process)

    @property
    def pid(self) -> int:
        """The number of the supervising process."""
        assert self.process is not None
        return self.process.pid

    # ------------------------------------------------------------------------------------------------ what it stored

    @property
    def database(self) -> Database:
        """The ledger's database as its owner sees it."""
        return bootstrap.place(self.settings).owner

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - whatever SQL takes
        """Ask the database."""
        with self.owner() as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[arg-type,unused-ignore] # a literal of a test

    def kept(self) -> dict[str, int]:
        """Count the rows of every table that a write may leave something in; map roots come by themselves."""
        with connect_reader(self.database) as connection:
            counts = [sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(table)) for table in KEPT]
            counts[0] += sql.SQL(" - (SELECT count(*) FROM events WHERE stream = 'map')")
            row = connection.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(counts))).fetchone()
        assert row is not None
        return dict(zip(KEPT, row, strict=True))

    def owner(self) -> psycopg.Connection:
        """Connect as the owner, in the ledger's schema, each statement its own transaction."""
        return connect_plain(self.database, "test")

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the ledger's lock for a block of at most seconds: what is decided meanwhile is stored after it."""
        with self.owner() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(self.origin),))
            yield

    def waiting(self) -> int:
        """Count the writers that wait for the lock."""
        return sum(name == WRITER_APPLICATION and not granted for _, _, granted, name in self._locks())

    def holder(self) -> list[tuple[int, str]]:
        """Give the server process that holds the ledger's lock, and its transaction; empty when nobody does."""
        return [(pid, transaction) for pid, transaction, granted, _ in self._locks() if granted]

    def _locks(self) -> list[tuple[Any, ...]]:
        return self.rows(LOCKS, lock_key(self.origin))

    def postmaster(self) -> int:
        """Give the number of its own server that runs, or last ran; 0 while its file is being written."""
        told = ""
        with suppress(FileNotFoundError):
            told = (self.settings.var / "postgresql" / "postmaster.pid").read_text()
        return int((told.split() or ["0"])[0])

    def verify(self) -> Report:
        """Verify the whole log from its stored bytes and assert that nothing is wrong or missing in it."""
        master = bootstrap.place(self.settings).keys.master_key()
        events = ledger_events(bootstrap.place(self.settings))
        log = [(least, [parse_vkey(key) for key in keys]) for least, keys in tenures(events)]
        report = verify(self.database, self.origin, processes=1, master_key=master, log=log)
        assert not report.failed(), "\n".join(report.lines())
        assert report.counts.keys() <= NOTED, "\n".join(report.lines())
        return report


def free_port() -> int:
    """Find a port nobody listens on, below those that the system gives to clients.

    One of theirs could be taken by a stranger while a test has its ledger stopped, or by a client that knocks at the
    closed port and so meets himself.
    """
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", 10_000 + secrets.randbelow(20_000)))
            port: int = probe.getsockname()[1]
            return port


@contextmanager
def serve(
    database_url: str | None, folder: Path, *, origin: str = ORIGIN, workers: int = 1,
    env: Mapping[str, str] | None = None, major: int = 18,
    told: Callable[[bootstrap.Made], Mapping[str, str]] = lambda _: {},
) -> Iterator[Service]:  # fmt: skip
    """Make a ledger in an empty database (None: in an embedded server of its own) and serve it for the block.

    `told` gives more of its environment once the ledger's keys are known.
    """
    port = free_port()
    var = folder / "var"
    settings = bootstrap.Settings(database_url=database_url, var=var, port=port, workers=workers, postgres_major=major)
    scripted = origin.startswith("scripted.")
    with bootstrap.database_running(settings):
        made = bootstrap.make_ledger(settings, origin, clock="scripted" if scripted else "database")
    environment = {
        "LIFTLEDGER_VAR": str(var), "LIFTLEDGER_PORT": str(port), "LIFTLEDGER_WORKERS": str(workers),
        "LIFTLEDGER_POSTGRES_MAJOR": str(major), **(env or {}), **told(made),
    }  # fmt: skip
    if database_url is not None:
        environment["LIFTLEDGER_DATABASE_URL"] = database_url
    url = f"http://127.0.0.1:{port}"
    administrator = Client.open(url, origin, credentials.load(made.administrator).credentials)
    service = Service(url, origin, administrator, settings, [administrator], environment)
    try:
        service.start()
        yield service
    finally:
        service.stop()
        for client in service.clients:
            client.close()
