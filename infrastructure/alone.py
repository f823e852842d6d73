"""What one process of several does alone: it holds a lock of its session's, which another takes over when it ends."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256

import psycopg

from infrastructure.connection import Database, connect_plain

SESSION_IDLE_S_MAX = 30
"""A holder that does not ask for so long (stopped, hung) loses its session, and with it the lock."""


class Alone:
    """A lock of the ledger for one duty, like `timers`; belongs to one thread."""

    def __init__(self, database: Database, origin: str, duty: str) -> None:
        """Connect when first asked."""
        self._database = database
        self._key = int.from_bytes(sha256(f"liftledger/{duty}\x00{origin}".encode()).digest()[:8], signed=True)
        self._duty = duty
        self._connection: psycopg.Connection | None = None
        self._holds = False

    def holds(self) -> bool:
        """Say whether this process has the duty now, taking it if nobody has; False too while the database is away."""
        try:
            connection = self._connected()
            if self._holds:
                connection.execute("SELECT")  # the session still lives, and is seen to
            else:
                taken = connection.execute("SELECT pg_try_advisory_lock(%s)", (self._key,)).fetchone()
                self._holds = taken == (True,)
        except psycopg.Error:
            self.close()
        return self._holds

    def close(self) -> None:
        """Give the duty up."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                if self._holds:  # the server ends a closed session in its own time
                    self._connection.execute("SELECT pg_advisory_unlock(%s)", (self._key,))
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
        self._holds = False

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = connect_plain(self._database, f"liftledger {self._duty}")
            self._connection.execute(f"SET idle_session_timeout = '{SESSION_IDLE_S_MAX}s'")  # type: ignore[arg-type,unused-ignore] # a number of ours
        return self._connection
