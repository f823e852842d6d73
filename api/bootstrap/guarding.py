"""Who is believed about a ledger beside its own database: its keys, its witnesses; and the guard that asks them."""

from __future__ import annotations

from functools import partial

import httpx

from api.bootstrap.places import Place, place, read_ledger
from application.rollback import Guarded
from audit.note import Verifier, parse_vkey
from audit.policy import Policy
from domain.ledgers import Ledger
from infrastructure.guarding import check_rollback
from infrastructure.halting import FolderGuard
from infrastructure.keyring import Keyring
from infrastructure.seen_elsewhere import kept_size
from infrastructure.settings import Settings
from infrastructure.witness_client import WitnessClient, clients_of


def every_key(where: Place, ledger: Ledger) -> list[Verifier]:
    """Give all keys under which a checkpoint is this ledger's own.

    Those in the folder too: a log that went back behind a rotation does not know the key that signed since.
    """
    stated = [key for key in ledger.retired if key.startswith(f"{ledger.origin}+")]
    held = Keyring(ledger.origin, where.keys).held_checkpoints()
    return [parse_vkey(key) for key in dict.fromkeys((*ledger.checkpoint_keys, *stated, *held))]


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

    return FolderGuard(folder, look, partial(kept_size, folder))


def witnesses(settings: Settings, origin: str, http: httpx.Client) -> list[WitnessClient]:
    """Give a client for each witness of the policy; `http` is the caller's to close."""
    policy = witness_policy(settings, origin)
    return [] if policy is None else clients_of(policy, http)


def witness_policy(settings: Settings, origin: str) -> Policy | None:
    """Read whom checkpoints are sent to, and who of them must have cosigned. Raises TrustInvalid, OSError."""
    if settings.witness_policy is None or origin.startswith("scripted."):
        return None  # a ledger whose time is somebody's to set is never witnessed (event-format §8)
    return Policy.parse(settings.witness_policy.read_bytes())
