"""Where a ledger lies, its database running or reached, and its own stream read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from domain.aggregate import Event, fold
from domain.errors import NotFound
from domain.ledgers import STREAM, Ledger
from infrastructure import log_reader
from infrastructure.connection import Database, connect_reader
from infrastructure.embedded import DATABASE, EmbeddedServer, embedded_server
from infrastructure.errors import VarInUse
from infrastructure.keys import KeyFolder
from infrastructure.lock import held
from infrastructure.mapper import from_stored
from infrastructure.roles import Roles
from infrastructure.settings import Settings

EPOCH: Final = "2025-11-01T00:00:00.000000Z"
"""Where a scripted clock begins unless something else is said."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ledger lies: its database as each process may see it (event-format §7), and its folder of keys.

    With one database URL all are the same and immutability rests on the triggers.
    """

    owner: Database
    writer: Database
    projector: Database
    eraser: Database
    checkpointer: Database
    roles: Roles | None
    keys: KeyFolder


def place(settings: Settings) -> Place:
    """Give the place that the settings name."""
    keys = KeyFolder(settings.keys_folder)
    if settings.database_url is not None:
        one = Database(settings.database_url)
        return Place(Database(settings.migration_url or settings.database_url), one, one, one, one, None, keys)
    server, roles = embedded(settings), Roles()

    def acting(role: str) -> Database:
        return Database(server.address(role, DATABASE))

    return Place(
        Database(server.migration_url), acting(roles.writer), acting(roles.projector), acting(roles.eraser),
        acting(roles.checkpointer), roles, keys,
    )  # fmt: skip


def embedded(settings: Settings) -> EmbeddedServer:
    """Give the embedded server of the settings; it is started by whoever supervises it."""
    return EmbeddedServer(settings.var, major=settings.postgres_major, account=settings.server_account)


def prepare_tables(where: Place) -> None:
    """Bring tables and keys to this version; repeating it changes nothing."""
    from infrastructure.migrations import migrate  # noqa: PLC0415 - no worker needs it, and it is dear to load

    where.keys.renew()
    migrate(where.owner.url, schema=where.owner.schema, roles=where.roles)


@contextmanager
def database_running(settings: Settings) -> Iterator[None]:
    """Keep the database running for a command: the embedded server is ours for the block, unless a URL is set."""
    if settings.database_url is not None:
        yield
        return
    with embedded_server(settings.var, major=settings.postgres_major, account=settings.server_account):
        yield


@contextmanager
def database_reachable(settings: Settings, *, new: bool = False) -> Iterator[None]:
    """Like `database_running`, but a server that a supervisor keeps running is used as it is.

    Only for a `new` ledger is a server made where there is none; else NotFound `ledger_missing`.
    """
    if not new:
        require_server(settings)
    with ExitStack() as stack:
        with suppress(VarInUse):
            stack.enter_context(database_running(settings))
        yield


def require_server(settings: Settings) -> None:
    """Raise NotFound `ledger_missing` where no embedded server was ever made, so that none is made in passing."""
    if settings.database_url is None and not (settings.var / "postgresql").exists():
        raise _missing(f"there is no ledger in {settings.var}")


def require_idle(settings: Settings) -> None:
    """Raise VarInUse when a supervisor runs on the folder."""
    with held(settings.var):
        pass


def ledger_events(where: Place, seen_by: Database | None = None) -> list[Event]:
    """Read the events of the ledger's own stream, as the writer or another sees it; none where there are no tables."""
    with connect_reader(seen_by or where.writer) as connection:
        if connection.execute("SELECT to_regclass('events')").fetchone() == (None,):
            return []
        return [from_stored(stored) for stored in log_reader.stream_events(connection, STREAM)]


def read_ledger(where: Place) -> Ledger:
    """Read the ledger's own stream. Raises NotFound `ledger_missing`."""
    ledger = fold(Ledger, STREAM, ledger_events(where))
    if ledger is None:
        raise _missing("there is no ledger here")
    return ledger


def stored_origin(settings: Settings) -> str | None:
    """Give the origin of the ledger in a running database, None where there is none."""
    where = place(settings)
    ledger = fold(Ledger, STREAM, ledger_events(where, where.owner))
    return None if ledger is None else ledger.origin


def _missing(where: str) -> NotFound:
    return NotFound(f"{where}; make one: liftledger init --origin NAME", code="ledger_missing")
