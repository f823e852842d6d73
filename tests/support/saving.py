"""Saves as tests make them, and a ledger to save them in."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.saves import Act, Command, Evidence, NewEvent, Save
from audit import canonical
from infrastructure import writer
from infrastructure.connection import Database
from infrastructure.migrations import migrate
from infrastructure.recorder import LedgerRecorder
from infrastructure.session import WriterSession
from tests.support.check_log import Checked, check_log
from tests.support.postgres import fresh_database

ORIGIN = "ledger.example/district"
SCRIPTED = "scripted.ledger.example/district"
RECEIPT_SEED = bytes([7]) * 32
PARTY = "party:691fb5e3-3c31-4ef5-ba28-8d10d1e7b4b7"
KEY = "key:1db38fc1-623a-445c-aae5-d1ff1207d5be"


def body(said: Mapping[str, Any] | None = None) -> bytes:
    """Make the canonical body of an event with a salt of its own."""
    origin = None if said is None else {"at": "", "line": None}
    return canonical.encode(
        {"found": {}, "from": origin, "said": None if said is None else dict(said), "salt": secrets.token_hex(16)}
    )


def lift() -> str:
    """Make the name of a new lift."""
    return f"lift:{uuid.uuid4()}"


def event(stream: str, version: int = 1, topic: str = "lift.Registered") -> NewEvent:
    """Make an event of a stream."""
    return NewEvent(stream, version, topic, body({"note": "x" * 100}))


def command(**changes: Any) -> Command:  # noqa: ANN401 - members by name
    """Make the command of a request of its own."""
    members: dict[str, Any] = {"id": str(uuid.uuid4()), "method": "POST", "uri": "/lifts", "digest": "0" * 64}
    return Command(**(members | changes))


def act(of: Command | None = None, **changes: Any) -> Act:  # noqa: ANN401 - members by name
    """Make an act with a token of its own."""
    token = secrets.token_urlsafe(300).encode()
    members: dict[str, Any] = {
        "party": PARTY,
        "agent": None,
        "key": KEY,
        "evidence": (Evidence("jwt", sha256(token).hexdigest(), token),),
        "command": command() if of is None else of,
    }
    return Act(**(members | changes))


def save(*events: NewEvent, **changes: Any) -> Save:  # noqa: ANN401 - members by name
    """Make a save of these events under a command of its own."""
    members: dict[str, Any] = {"act": act(), "events": events}
    return Save(**(members | changes))


@dataclass(frozen=True, slots=True)
class TestLedger:
    """A ledger in a database of its own: where it lies, its recorder, and the check of all it stored."""

    __test__ = False

    database: Database
    origin: str
    recorder: LedgerRecorder

    def check(self) -> Checked:
        """Check the whole log from its stored bytes."""
        return check_log(self.database, self.origin, self.recorder.receipt_vkey)

    def owner(self) -> psycopg.Connection:
        """Connect as the owner, in the ledger's schema."""
        connection = psycopg.connect(self.database.url, autocommit=True)
        connection.execute(f'SET search_path = "{self.database.schema}"')  # type: ignore[arg-type,unused-ignore] # checked name
        return connection


def open_recorder(database: Database, origin: str = ORIGIN) -> LedgerRecorder:
    """Open a further recorder on a ledger."""
    return LedgerRecorder(database, origin, Ed25519PrivateKey.from_private_bytes(RECEIPT_SEED))


@contextmanager
def ledger_in(url: str, origin: str = ORIGIN) -> Iterator[TestLedger]:
    """Make a ledger in an empty database and close its recorder at the end."""
    migrate(url)
    yield from _opened(url, origin)


def _opened(url: str, origin: str) -> Iterator[TestLedger]:
    database = Database(url)
    recorder = open_recorder(database, origin)
    try:
        yield TestLedger(database, origin, recorder)
    finally:
        recorder.close()


@pytest.fixture(scope="session")
def migrated(postgres: str) -> Iterator[str]:
    """A database that has the tables and nothing else, for copies: to migrate each anew takes ten times as long."""
    with fresh_database(postgres) as url:
        migrate(url)
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def ledger(postgres: str, migrated: str) -> Iterator[TestLedger]:
    """An empty ledger with the database's clock."""
    with fresh_database(postgres, migrated) as url:
        yield from _opened(url, ORIGIN)


@pytest.fixture(params=["many saves a message", "one save a message"])
def parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch go to the server in as few messages as it does, and once more in as many as it can."""
    if request.param == "one save a message":
        monkeypatch.setattr(writer, "PART_EVENTS_MIN", 1)
        monkeypatch.setattr(WriterSession, "idle", True)


@pytest.fixture
def scripted_ledger(postgres: str, migrated: str) -> Iterator[TestLedger]:
    """An empty ledger with a scripted clock that was not set yet."""
    with fresh_database(postgres, migrated) as url:
        yield from _opened(url, SCRIPTED)


def errors_of(futures: Sequence[Any]) -> list[str]:
    """Wait for futures; give the codes of those that failed, sorted."""
    failed = [future.exception(60) for future in futures]
    return sorted(getattr(error, "code", repr(error)) for error in failed if error is not None)
