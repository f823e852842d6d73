"""Connections to the ledger's database: which schema and role, with which limits, and only if it keeps its word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

import psycopg
from psycopg import errors as pg
from psycopg import sql

from application.errors import DatabaseAway
from domain.errors import Invalid
from infrastructure.errors import DatabaseTooOld, DatabaseUnsafe

DEFAULT_SCHEMA = "liftledger"
CONNECT_TIMEOUT_S = 5
LOCK_TIMEOUT_MS = 5_000
STATEMENT_TIMEOUT_MS = 15_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 3_000
TRANSACTION_TIMEOUT_MS = 20_000
WRITER_APPLICATION = "liftledger writer"
ROOTS_APPLICATION = "liftledger roots"
ERASER_APPLICATION = "liftledger eraser"
CLOCK_APPLICATION = "liftledger clock"
LOCKERS = (WRITER_APPLICATION, ROOTS_APPLICATION, ERASER_APPLICATION, CLOCK_APPLICATION)
"""Who takes the writers' lock; whoever of them holds it for too long is ended by the next writer."""
SERVER_VERSION_MIN = 150_000
_TRANSACTION_TIMEOUT_SINCE = 170_000
_AWAY = (psycopg.OperationalError, pg.IdleInTransactionSessionTimeout, pg.TransactionTimeout)
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
DURABLE = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply", "local")}


@dataclass(frozen=True, slots=True)
class Database:
    """Where one ledger lies: server, schema, and the role to act as (None: the one the URL logs in as)."""

    url: str
    schema: str = DEFAULT_SCHEMA
    role: str | None = None

    def __post_init__(self) -> None:
        """Refuse names that would need quoting. Raises Invalid `schema_malformed`."""
        check_schema(self.schema)


def check_schema(name: str) -> None:
    """Refuse what is not a plain lower-case name. Raises Invalid `schema_malformed`."""
    if not _SCHEMA.fullmatch(name):
        raise Invalid("a schema's name is lower case, digits and underscores", code="schema_malformed")


def lock_key(origin: str) -> int:
    """Give the advisory lock of a ledger's one writer at a time, as PostgreSQL's signed bigint.

    Advisory locks are per database, not per schema, so the key is made from the origin, which is unique.
    """
    return int.from_bytes(sha256(b"liftledger/writer\x00" + origin.encode()).digest()[:8], signed=True)


def is_away(error: BaseException | None) -> bool:
    """Say whether an error is of the connection or the server's state, so that the same may be tried again.

    The server ends a session that stands still in a transaction with states that psycopg counts among the internal
    errors. What libpq could not send, while something of the server's was still unread, it gives as an error without a
    state over a connection that it still takes for sound; psycopg makes a plain DatabaseError of it.
    """
    return isinstance(error, _AWAY) or (type(error) is psycopg.DatabaseError and error.diag.sqlstate is None)


@contextmanager
def telling_away(why: str = "the database is away", *, retry_after_s: int = 5) -> Iterator[None]:
    """Raise DatabaseAway for what `is_away`; nothing was changed then by a statement that commits itself alone."""
    try:
        yield
    except psycopg.DatabaseError as error:
        if is_away(error):
            raise DatabaseAway(why, retry_after_s=retry_after_s) from error
        raise


def connect_writer(database: Database, application: str = WRITER_APPLICATION) -> psycopg.Connection:
    """Open the session that appends: autocommit (it says BEGIN itself), limits on, plans fixed to index probes.

    Raises DatabaseUnsafe if the server could lose what it acknowledged; psycopg.OperationalError if it is away.
    """
    connection = _connect(database, application)
    try:
        _limit(connection)
        # Plans made while the ledger was empty are kept; they must be right when it is full (never a scan or a hash).
        _set(connection, "plan_cache_mode", "force_generic_plan")
        for off in ("jit", "enable_hashjoin", "enable_mergejoin", "enable_seqscan", "enable_bitmapscan"):
            _set(connection, off, "off")
        _check_durable(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def under_lock(database: Database, application: str, origin: str) -> Iterator[psycopg.Connection]:
    """Hold the writers' lock in one transaction of a session of its own; whoever but a writer takes it, takes it here.

    The session has the writers' limits, so that one which is stopped in the middle does not stop all writing.
    Raises DatabaseAway when the lock or the server is not to be had in time; nothing was changed then.
    """
    with telling_away("the ledger's lock cannot be held"), _connect(database, application) as connection:
        _limit(connection)
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(origin),))
            yield connection


def connect_reader(database: Database) -> psycopg.Connection:
    """Open a session that only reads, in short statements of its own (autocommit)."""
    connection = _connect(database, "liftledger reader")
    configure_reader(connection)
    return connection


def configure_reader(connection: psycopg.Connection) -> None:
    """Set what a reading session of a pool needs; the connection must be in autocommit."""
    _set(connection, "jit", "off")
    _set(connection, "default_transaction_read_only", "on")
    _set(connection, "plan_cache_mode", "force_generic_plan")
    for off in ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "enable_bitmapscan"):
        _set(connection, off, "off")


def connect_plain(database: Database, application: str) -> psycopg.Connection:
    """Open an autocommit session in the ledger's schema and role without further settings; not for the lock."""
    return _connect(database, application)


def _limit(connection: psycopg.Connection) -> None:
    """Let the server end what holds the writers' lock for too long, whatever became of its client."""
    _set(connection, "lock_timeout", f"{LOCK_TIMEOUT_MS}ms")
    _set(connection, "statement_timeout", f"{STATEMENT_TIMEOUT_MS}ms")
    _set(connection, "idle_in_transaction_session_timeout", f"{IDLE_IN_TRANSACTION_TIMEOUT_MS}ms")
    if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        _set(connection, "transaction_timeout", f"{TRANSACTION_TIMEOUT_MS}ms")


def _connect(database: Database, application: str) -> psycopg.Connection:
    connection = psycopg.connect(
        database.url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name=application,
        keepalives_idle=5, keepalives_interval=2, keepalives_count=3,
    )  # fmt: skip
    try:
        configure(connection, database)
    except BaseException:
        connection.close()
        raise
    return connection


def configure(connection: psycopg.Connection, database: Database) -> None:
    """Point an autocommit session at the ledger: role, schema, isolation, standard strings. Raises DatabaseTooOld."""
    check_version(connection.info.server_version)
    if database.role is not None:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(database.role)))
    connection.execute(sql.SQL("SET search_path = {}, pg_temp").format(sql.Identifier(database.schema)))
    _set(connection, "default_transaction_isolation", "read committed")
    _set(connection, "standard_conforming_strings", "on")
    _set(connection, "client_min_messages", "warning")


def check_version(found: int) -> None:
    """Refuse a server older than any the ledger is tried on, given its number like 150004. Raises DatabaseTooOld."""
    if found < SERVER_VERSION_MIN:
        raise DatabaseTooOld(
            f"PostgreSQL {SERVER_VERSION_MIN // 10_000} or newer is needed, this is {found // 10_000}",
            found=found, needed=SERVER_VERSION_MIN,
        )  # fmt: skip


def _set(connection: psycopg.Connection, name: str, value: str) -> None:
    connection.execute("SELECT set_config(%s, %s, false)", (name, value))


def _check_durable(connection: psycopg.Connection) -> None:
    for name, allowed in DURABLE.items():
        row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        if row is None or row[0] not in allowed:
            raise DatabaseUnsafe(f"{name} is off: an acknowledged event could be lost", setting=name)
