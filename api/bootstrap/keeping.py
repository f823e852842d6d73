"""What keeps a running ledger beside its web workers: projector, checkpointer, eraser; and their supervisor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Event

import httpx
import structlog

from api.bootstrap.guarding import folder_guard, guard, require_keys, witnesses
from api.bootstrap.places import Place, embedded, ledger_events, place, prepare_tables, read_ledger
from application.errors import RolledBack
from infrastructure import log_reader, vault
from infrastructure.anchoring import Anchoring
from infrastructure.checkpoint_keys import checkpoint_signer
from infrastructure.checkpointer import Checkpointer
from infrastructure.connection import connect_reader
from infrastructure.keyring import Keyring, tenures
from infrastructure.map_service import MapService
from infrastructure.projector import Projector
from infrastructure.seen_elsewhere import NEVER_COSIGNED, keep_checkpoint
from infrastructure.settings import Settings
from infrastructure.supervisor import Supervisor, Worker
from infrastructure.timestamping import Authority, load_roots
from infrastructure.tombstones import Tombstones


def projector(settings: Settings) -> Projector:
    """Give the projector of the settings' ledger; nothing is connected before it runs."""
    return Projector(place(settings).projector)


def checkpointer(settings: Settings) -> Checkpointer:
    """Give the checkpointer of the settings' ledger; it connects when it runs."""
    where = place(settings)
    ledger = read_ledger(where)
    folder = where.keys.path
    Keyring(ledger.origin, where.keys).checkpoints(ledger.checkpoint_keys)
    return Checkpointer(
        where.checkpointer, ledger.origin, ledger.operator,
        checkpoint_signer(ledger.origin, where.keys, partial(_checkpoint_keys, where)), settings.var / "map",
        lambda made: keep_checkpoint(folder, made.note), folder_guard(settings, where),
    )  # fmt: skip


def _checkpoint_keys(where: Place, size: int) -> Sequence[str]:
    """Give the checkpoint keys that the log states for a size."""
    return next(keys for least, keys in reversed(tenures(ledger_events(where))) if least <= size)


def certify(settings: Settings, told: Event) -> None:
    """Root the head map, sign checkpoints and answer questions about the map, until told to stop."""
    running = checkpointer(settings)

    def suspect() -> None:
        try:
            guard(settings, lift=False)
        except RolledBack as unwritten:
            running.guard.halt(unwritten)

    with httpx.Client() as http:
        anchoring = Anchoring(
            running.database, witnesses(settings, running.origin, http), _authority(settings, http), suspect
        )
        service = MapService(settings.var, running, told, anchoring.want)
        anchoring.start()
        try:
            running.run(told, service.serve)
        finally:
            anchoring.close()
            service.close()


def _authority(settings: Settings, http: httpx.Client) -> Authority | None:
    if settings.stamp_url is None or settings.stamp_roots is None:
        return None
    return Authority(settings.stamp_url, load_roots(settings.stamp_roots.read_bytes()), http)


def erase_pending(settings: Settings, *, noted_too: bool = True) -> int:
    """Apply all erasures that stand in the log, or once did (again); gives how many persons' data were destroyed now.

    Who goes is first noted beside the database: a dump older than his erasure brings him back without a word of it.
    `noted_too` False leaves out the notes, which only a restored database makes matter.
    """
    where, noted = place(settings), Tombstones(settings.var)
    ledger = read_ledger(where)
    with connect_reader(where.eraser) as connection:
        erased = log_reader.erased_persons(connection)
        persons = {*erased, *(log_reader.held_persons(connection, noted.persons()) if noted_too else ())}
    noted.add(erased)
    done = [vault.erase(where.eraser, ledger.origin, person) for person in sorted(persons)]
    return sum(1 for one in done if one.keys or one.values or one.requests or one.lookups)


def supervise(settings: Settings, workers: list[Worker]) -> Supervisor:
    """Give the supervisor of the settings' server (if it is ours) and the workers; tables are renewed first."""
    server = None if settings.database_url is not None else embedded(settings)
    return Supervisor(settings.var, server, workers, before_workers=partial(_prepare, settings))


def _prepare(settings: Settings) -> None:
    """Renew the tables and hold the log against what others have seen, before anything is signed.

    A worker without its keys would end as often as it is started, and clients wait for ever at the open port: so they
    are looked at here, against the log. Those that a rotation brings later are the workers' own to find.
    Raises KeysUnsafe, KeysOfAnother.
    """
    where = place(settings)
    prepare_tables(where)
    found = guard(settings)
    for each in found.findings:
        if each.detail in {"nothing kept", NEVER_COSIGNED}:
            continue  # as it is with a young ledger
        structlog.get_logger().warning(
            "rollback guard", kind=each.kind, source=each.source, size=each.size, detail=each.detail
        )
    require_keys(where)
