"""What an operator watches, out of what is stored: the halt beside the keys, and the witnesses' lines in the database.

Any process can ask: nothing of it is held in the memory of the one that signs. Few probes of an index, however many
checkpoints there are, and one pass over those between which witnesses alternate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import psycopg

from application.watching import Cosigned, Halt, Witnessed
from audit.errors import AuditError
from audit.policy import NO_QUORUM, Policy, Witness, open_checkpoint
from audit.signatures import Verifier
from domain.time import format_instant
from infrastructure import checkpoint_store, log_reader
from infrastructure.checkpoint_store import Published

FRESH_S: Final = 1.0
"""How long an answer about the witnesses is given again."""
TRIES_MAX: Final = 32
"""How many checkpoints are opened that enough witnesses signed, and whose signatures do not hold under the policy."""
_SECONDS_MAX: Final = 253_370_764_800
"""The year 9999: a witness may state any time."""


@dataclass(slots=True)
class StoredWatch:
    """`application.watching.Watch` over a folder of keys and a database; safe in threads.

    `told` gives why nothing is signed, `reading` lends a connection for a short time; `policy` is the ledger's own,
    None where nobody is asked to cosign.
    """

    told: Callable[[], Halt | None]
    origin: str
    reading: Callable[[], AbstractContextManager[psycopg.Connection]]
    policy: Policy | None = None
    _found: tuple[float, Witnessed] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def halt(self) -> Halt | None:
        """Give why nothing is signed."""
        return self.told()

    def witnessed(self) -> Witnessed | None:
        """Give how far the witnesses answer for the log, as it was a second ago at the most."""
        if self.policy is None:
            return None
        with self._lock:
            if self._found is None or time.monotonic() - self._found[0] > FRESH_S:
                with self.reading() as connection:
                    self._found = time.monotonic(), witnessed(connection, self.origin, self.policy)
            return self._found[1]


def witnessed(connection: psycopg.Connection, origin: str, policy: Policy) -> Witnessed:
    """Find the greatest checkpoint that satisfies a policy, and how far each of its witnesses is. Raises psycopg.Error.

    Signatures are verified, so that a log that goes on under a key which the policy does not have is told as well.
    """
    quorum = _quorum(connection, origin, policy)
    head, size = log_reader.head(connection), 0 if quorum is None else quorum.size
    row = connection.execute("SELECT recorded_at FROM events WHERE position = %s", (size + 1,)).fetchone()
    return Witnessed(
        0 if head is None else head[0],
        None if quorum is None else quorum.size,
        None if quorum is None else quorum.made_at,
        None if row is None else str(row[0]),
        tuple(_cosigned(connection, witness) for witness in policy.witnesses),
    )


def _quorum(connection: psycopg.Connection, origin: str, policy: Policy) -> Published | None:
    newest = checkpoint_store.latest(connection)
    most = 0 if newest is None else newest.size
    for _ in range(TRIES_MAX):
        most = _candidate(connection, policy, most)
        if policy.quorum != NO_QUORUM:
            most = checkpoint_store.last_cosigned(connection, policy, most) or 0
        found = checkpoint_store.last_made_until(connection, most)
        if found is None or _satisfies(connection, found, policy, origin):
            return found
        most = found.size - 1
    return None


def _candidate(connection: psycopg.Connection, policy: Policy, most: int) -> int:
    """Give the greatest size up to which enough witnesses have cosigned something: none above it has the quorum.

    Whoever cosigned a checkpoint has cosigned, last, it or a greater one. 0 where not enough ever did.
    """
    lasts = {}
    for witness in policy.witnesses:
        last = checkpoint_store.last_signing(connection, witness.verifier.name, witness.verifier.key_id, most)
        if last is not None:
            lasts[witness.name] = last[0]
    for size in sorted({most, *lasts.values()}, reverse=True):
        if policy.is_satisfied({name for name, last in lasts.items() if last >= size}):
            return size
    return 0


def _satisfies(connection: psycopg.Connection, found: Published, policy: Policy, origin: str) -> bool:
    try:
        return open_checkpoint(checkpoint_store.cosigned(connection, found), policy, origin).satisfied
    except AuditError:
        return False


def _cosigned(connection: psycopg.Connection, witness: Witness) -> Cosigned:
    key: Verifier = witness.verifier
    name = witness.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # a policy's names are octets
    last = checkpoint_store.last_signing(connection, key.name, key.key_id)
    return Cosigned(name) if last is None else Cosigned(name, last[0], _instant(last[1]))


def _instant(seconds: int) -> str | None:
    return format_instant(datetime.fromtimestamp(seconds, UTC)) if 0 < seconds < _SECONDS_MAX else None
