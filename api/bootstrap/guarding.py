"""Who is believed about a ledger beside its own database: its keys, its witnesses; and the guard that asks them."""

from __future__ import annotations

import httpx

from api.bootstrap.places import Place, place, read_ledger
from application.rollback import Guarded
from audit.checkpoints import is_scripted
from audit.note import Verifier
from audit.policy import Policy
from domain.ledgers import Ledger
from infrastructure import vault
from infrastructure.connection import connect_reader
from infrastructure.guarding import check_rollback
from infrastructure.halting import FolderGuard
from infrastructure.keyring import Keyring
from infrastructure.keys import MASTER
from infrastructure.seen_elsewhere import KeptSize
from infrastructure.settings import Settings
from infrastructure.witness_client import WitnessClient, clients_of


def every_key(where: Place, ledger: Ledger) -> list[Verifier]:
    """Give all keys under which a checkpoint is this ledger's own (`Keyring.believed`)."""
    return Keyring(ledger.origin, where.keys).believed(ledger)


def require_keys(where: Place) -> None:
    """Read all keys that the ledger runs with, those that its log says are in force. Raises KeysUnsafe, KeysOfAnother.

    Nothing is kept of them.
    """
    ledger = read_ledger(where)
    Keyring(ledger.origin, where.keys).require(ledger)
    with connect_reader(where.writer) as connection:
        vault.require_master(connection, where.keys.master_key(), where.keys.path / MASTER)


def guard(settings: Settings, *, lift: bool = True) -> Guarded:
    """Hold the stored log against all that was seen of it elsewhere, and halt the ledger where it is behind itself."""
    where = place(settings)
    ledger = read_ledger(where)
    log = every_key(where, ledger)
    with httpx.Client() as http:
        return check_rollback(
            where.checkpointer,
            ledger.origin,
            where.keys.path,
            log,
            witnesses(settings, ledger.origin, http),
            lift=lift,
        )


def folder_guard(settings: Settings, where: Place) -> FolderGuard:
    """Give what a process that signs asks first; after a new connection it looks at what is kept beside the keys."""
    folder = where.keys.path

    def look() -> None:
        ledger = read_ledger(place(settings))
        check_rollback(where.writer, ledger.origin, folder, every_key(where, ledger))

    return FolderGuard(folder, look, KeptSize(folder, lambda: every_key(where, read_ledger(where))))


def witnesses(settings: Settings, origin: str, http: httpx.Client) -> list[WitnessClient]:
    """Give a client for each witness of the policy; `http` is the caller's to close."""
    policy = witness_policy(settings, origin)
    return [] if policy is None else clients_of(policy, http)


def witness_policy(settings: Settings, origin: str) -> Policy | None:
    """Read whom checkpoints are sent to, and who of them must have cosigned. Raises TrustInvalid, OSError."""
    if settings.witness_policy is None or is_scripted(origin):
        return None  # a ledger whose time is somebody's to set is never witnessed (event-format §8)
    return Policy.parse(settings.witness_policy.read_bytes())
