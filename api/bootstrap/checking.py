"""What an operator does to a stored ledger: check, publish, copy, set its clock, erase."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from api.bootstrap.guarding import every_key, witness_policy
from api.bootstrap.keeping import checkpointer
from api.bootstrap.places import Place, embedded, ledger_events, place, read_ledger
from application.catalogue import ACTIONS
from application.genesis import actions_digest
from application.proving import ProofUnknown
from application.sealing import indexed_members
from application.verifying import Besides
from audit.checkpoints import is_scripted
from audit.note import parse_vkey
from audit.policy import Policy
from audit.states import State
from audit.whole import Report
from domain.errors import Conflict
from infrastructure import blind as blind_index
from infrastructure import checkpoint_store, exporting, indexes
from infrastructure.blind import BlindIndex
from infrastructure.clock import accept_step, set_scripted
from infrastructure.connection import Database, connect_reader
from infrastructure.copying import Copy, copied
from infrastructure.doctor import Check, examine
from infrastructure.errors import CheckpointerBusy, InfrastructureError
from infrastructure.exporting import Exported
from infrastructure.indexes import Indexes, Opening, ViewsAndIndexes
from infrastructure.keyring import Keyring, tenures
from infrastructure.persons import rebuild_places
from infrastructure.published import Trust
from infrastructure.settings import Settings
from infrastructure.shadows import Shadows
from infrastructure.timestamping import load_roots
from infrastructure.verifying import verify as verify_log


def checkpoint(settings: Settings) -> str:
    """Give the published checkpoint, made now over all there is unless a checkpointer runs. Raises ProofUnknown."""
    once = checkpointer(settings)
    try:
        once.round()
    except CheckpointerBusy:
        pass  # the one that runs makes them each second
    finally:
        once.close()
    with connect_reader(place(settings).checkpointer) as connection:
        found = checkpoint_store.latest(connection)
        if found is None:
            raise ProofUnknown("no checkpoint was published yet")
        return checkpoint_store.cosigned(connection, found)


def export_log(settings: Settings, folder: Path, progress: Callable[[int, int], None]) -> Exported:
    """Write the log under its published checkpoint into a folder (`infrastructure.exporting`)."""
    where = place(settings)
    log = every_key(where, read_ledger(where))
    return exporting.export_log(where.checkpointer, folder, log, progress)


def verify(
    settings: Settings, *, database: str | None = None, progress: Callable[[int, int], None] | None = None,
    replaying: Callable[[int, int], None] | None = None, signatures: bool = True, policy: Path | None = None,
    stamp_roots: Path | None = None, log_only: bool = False, resumed: State | None = None,
    keep: Callable[[State], None] | None = None,
) -> Report:  # fmt: skip
    """Verify the stored log in as many processes as there are cores; `database` names a copy on the same server.

    Sealed requests are opened with the master key where it is at hand. Without `signatures` the structure alone is
    checked. `policy` is a tlog-policy file of the verifier's own, which says what is anchored; `stamp_roots` is the PEM
    file of the roots under which time stamps are believed, else the settings' one.
    The read models are made again beside the stored ones (`replaying` is told how far) and compared, and so are the
    tables by which things are found, unless the log alone, or its structure alone, is asked for.
    `resumed` and `keep` as in `application.verifying.Besides`. Raises DatabaseAway, VerifierLost, ShadowsRefused,
    StateRefused, TimestampInvalid `roots_malformed`.
    """
    where = place(settings)
    ledger = read_ledger(where)
    held = where.checkpointer if database is None else _beside(where.checkpointer, database)
    reads_all = where.writer if database is None else _beside(where.writer, database)
    try:
        master: bytes | None = where.keys.master_key()
    except InfrastructureError:
        master = None
    return verify_log(
        held, ledger.origin, progress=progress, master_key=master, signatures=signatures,
        log=[(least, [parse_vkey(key) for key in keys]) for least, keys in tenures(ledger_events(where))],
        trust=_trust(policy, stamp_roots or settings.stamp_roots),
        besides=Besides(
            ViewsAndIndexes(Shadows(held, replaying), Indexes(reads_all, _opening(where)))
            if signatures and not log_only
            else None,
            resumed, keep,
        ),
    )  # fmt: skip


def _opening(where: Place) -> Opening | None:
    """Give what opens the blind index, None where its keys do not lie here."""
    try:
        return Opening(where.keys.master_key(), BlindIndex(where.keys.index_key()), _members())
    except InfrastructureError:
        return None


def _members() -> dict[str, str]:
    return indexed_members(action.shape for action in ACTIONS.by_id.values())


def _trust(policy: Path | None, roots: Path | None) -> Trust:
    return Trust(
        None if policy is None else Policy.parse(policy.read_bytes()),
        [] if roots is None else load_roots(roots.read_bytes()),
    )


def diagnose(settings: Settings) -> list[Check]:
    """Look whether what the ledger stands on holds, and whether this software may write to it. Changes nothing."""
    where = place(settings)
    return examine(
        where.writer, where.keys, lambda: read_ledger(where), actions_digest(ACTIONS), partial(witness_policy, settings)
    )  # fmt: skip


def copied_database(settings: Settings) -> AbstractContextManager[Copy | None]:
    """Copy the ledger's database for a block, while no worker runs; None where the server does not let us."""
    where = place(settings)
    admin = embedded(settings).admin_url if settings.database_url is None else _beside(where.owner, "postgres").url
    return copied(admin, where.owner)


def _beside(database: Database, name: str) -> Database:
    return replace(database, url=urlsplit(database.url)._replace(path=f"/{name}").geturl())


def accept_clock(settings: Settings) -> str:
    """Accept the database's present time after a great step, so that writing goes on; gives that time.

    Raises Conflict `clock_scripted`: a scripted ledger has no other time than it was told.
    """
    where = place(settings)
    if is_scripted(read_ledger(where).origin):
        raise Conflict("the ledger's clock is scripted: `liftledger clock set` moves it", code="clock_scripted")
    return accept_step(where.writer, accepted_by="operator")


def clock_setter(settings: Settings, origin: str) -> Callable[[str], None]:
    """Give the operator's means to move a scripted clock; the ledger must be running."""
    where = place(settings)
    return lambda now: set_scripted(where.writer, origin, now, set_by="operator")


def rebuild_index(settings: Settings) -> int:
    """Find again where personal fields stand, and make the blind index again; gives the entries of the index.

    Raises KeysUnsafe, SealBroken.
    """
    where = place(settings)
    ledger = read_ledger(where)
    where.keys.renew()
    rebuild_places(where.owner, ledger.origin)
    index = BlindIndex(where.keys.index_key())
    return blind_index.rebuild(where.owner, ledger.origin, where.keys.master_key(), index, _members())


def rebuild_numbers(settings: Settings) -> int:
    """Make the table of authors' numbers say what the log says; gives how many rows were wrong."""
    where = place(settings)
    return indexes.rebuild_numbers(where.owner, read_ledger(where).origin)


def prepare_key(settings: Settings, use: str) -> list[str]:
    """Make the keys that `use` is to be handed on to, unless they are there; gives their verifier keys."""
    where = place(settings)
    ledger = read_ledger(where)
    return Keyring(ledger.origin, where.keys).prepare(ledger, use)


def hand_on_key(settings: Settings, use: str) -> dict[str, Any]:
    """Give what an administrator is to say so that a key is handed on to the prepared one (`ledger.rotate_key`)."""
    where = place(settings)
    ledger = read_ledger(where)
    return Keyring(ledger.origin, where.keys).hand_on(ledger, use)
