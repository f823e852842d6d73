"""What a web worker is made of, and what hands out evidence of a ledger that ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from api.bootstrap.guarding import folder_guard, witness_policy
from api.bootstrap.places import ledger_events, place, read_ledger
from api.catalogue import SHAPES
from application.bundling import Bundle, Signer
from application.catalogue import ACTIONS
from application.door import Door
from application.exporting import Exports
from application.reading.asking import Reads
from application.reading.personal import Disclosing
from application.sealing import Sealer
from application.services import Services
from application.work import AggregateCache
from audit import note
from audit.actions import Table
from domain.aggregate import fold
from domain.errors import Conflict
from domain.ledgers import STREAM, Ledger
from infrastructure import vault
from infrastructure.alone import Alone
from infrastructure.blind import BlindIndex
from infrastructure.clock import ledger_clock
from infrastructure.connection import connect_reader
from infrastructure.ended import ended_proofs
from infrastructure.evidence_reader import StoredMaterial, StoredSealings
from infrastructure.halting import halted
from infrastructure.keyring import Keyring
from infrastructure.mapper import LogStreams, to_new_event
from infrastructure.people import SqlPeople
from infrastructure.proofs import StoredProofs
from infrastructure.recorder import LedgerRecorder
from infrastructure.settings import Settings
from infrastructure.settings import load as load_settings
from infrastructure.views import SqlViews
from infrastructure.watching import StoredWatch


def open_services(settings: Settings | None = None) -> Services:
    """Open what a web worker needs; its database must be running."""
    settings = settings or load_settings()
    where = place(settings)
    ledger = read_ledger(where)
    ring = Keyring(ledger.origin, where.keys)
    guard = folder_guard(settings, where)
    recorder = LedgerRecorder(where.writer, ledger.origin, ring.receipt_key(ledger.receipt_key), guard, ring)
    clock = ledger_clock(where.writer, ledger.origin)
    streams = LogStreams(recorder)
    master, blind = where.keys.master_key(), BlindIndex(where.keys.index_key())
    sealer = Sealer(vault.KeyVault(recorder, master), vault.encrypt, blind)
    cache = AggregateCache()
    views = SqlViews(where.writer, ledger.origin)
    timing = Alone(where.writer, ledger.origin, "timers")
    people = SqlPeople(where.writer, master)
    policy = witness_policy(settings, ledger.origin)
    watch = StoredWatch(guard.told, ledger.origin, recorder.reading, policy)
    reads = Reads(ledger.origin, recorder, views, streams, clock, watch)
    proofs = StoredProofs(recorder.reading, settings.var, policy)

    def sign(text: str, size: int) -> str:
        then = fold(Ledger, STREAM, [event for event in ledger_events(where) if (event.position or 0) <= size])
        in_force = ring.receipt_key((then or ledger).receipt_key)
        return note.sign_note(text, f"{ledger.origin}/receipt", in_force)

    def close() -> None:
        timing.close()
        views.close()
        recorder.close()
        clock.close()

    return Services(
        origin=ledger.origin, operator=ledger.operator, actions=ACTIONS, recorder=recorder, streams=streams,
        clock=clock, reads=reads, timers=views, fires_timers=timing.holds, stored=to_new_event,
        proofs=proofs, vkeys=lambda: _vkeys(read_ledger(where)),
        disclosing=Disclosing(ledger.origin, streams, people, blind, clock),
        exports=Exports(
            signer=Signer(ledger.origin, sign), reads=reads, proofs=proofs,
            sealings=StoredSealings(recorder.reading, where.writer), material=StoredMaterial(recorder.reading, master),
            check_shape=SHAPES.check,
        ),
        door=Door(
            origin=ledger.origin, recorder=recorder, streams=streams, clock=clock, cache=cache, sealer=sealer,
            seal_line=vault.seal_request, stored=to_new_event, check_shape=SHAPES.check, submit=recorder.submit_async,
            table=Table.from_json(ACTIONS.as_json()),
        ),
        close=close,
    )  # fmt: skip


def ended_bundle(settings: Settings, said: Mapping[str, Any]) -> Bundle:
    """Make a bundle of a halted ledger, at its last checkpoint that the operator's policy believes.

    Raises Conflict `ledger_goes_on` where it is not halted: it hands out evidence itself, and records it; and as
    `Exports.ended`, `ended_proofs`.
    """
    where = place(settings)
    if halted(where.keys.path) is None:
        raise Conflict("a ledger that goes on hands out evidence itself", code="ledger_goes_on")
    services = open_services(settings)
    try:
        policy = witness_policy(settings, services.origin)
        proofs = ended_proofs(partial(connect_reader, where.checkpointer), settings.var, policy)
        return replace(services.exports, proofs=proofs).ended(said)
    finally:
        services.close()


def _vkeys(ledger: Ledger) -> list[str]:
    return [ledger.receipt_key, *ledger.checkpoint_keys, *ledger.retired]
