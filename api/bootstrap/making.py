"""Making a ledger: tables, keys, save 1 and the first administrator."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from api import credentials
from api.bootstrap.places import EPOCH, Place, place, prepare_tables
from api.client import Credentials
from application import continuing
from application.catalogue import ACTIONS
from application.genesis import Founding, genesis
from audit import note
from audit.continuing import Continued
from audit.keys import public_bytes, public_key_of
from audit.note import check_origin, parse_vkey
from audit.policy import LOG_TYPES, Opened, Policy
from audit.statements import make_init_statement
from domain.errors import Conflict, Invalid
from infrastructure import log_reader
from infrastructure.checkpoint_keys import checkpoint_vkeys
from infrastructure.clock import set_scripted
from infrastructure.connection import connect_reader
from infrastructure.halting import HALT
from infrastructure.keys import INDEX, MASTER
from infrastructure.mapper import to_new_event
from infrastructure.recorder import LedgerRecorder
from infrastructure.seen_elsewhere import KEPT, ask_witnesses
from infrastructure.settings import Settings
from infrastructure.witness_client import clients_of

ADMINISTRATOR: Final = "administrator.json"
KEPT_BESIDE: Final = ("receipt*.key", "checkpoint*.key", MASTER, INDEX, KEPT, HALT)
"""What a ledger keeps in its folder of keys, besides its first administrator's credentials."""
CLOCKS: Final = ("database", "scripted")


@dataclass(frozen=True, slots=True)
class Made:
    """What `init` made: origin, the verifier keys to pin, and where the administrator's credentials lie."""

    origin: str
    receipt_vkey: str
    checkpoint_vkeys: tuple[str, ...]
    administrator: Path


def make_ledger(
    settings: Settings, origin: str, *, clock: str = "database", now: str = EPOCH, continued: Continued | None = None
) -> Made:
    """Make the ledger in a running database: tables, keys, save 1 and the first administrator.

    `clock` is `database` or `scripted`, which begins at `now`; `continued` is what it goes on from (`last_witnessed`).
    Raises Invalid `clock_kind_unknown`, NoteError `origin_invalid`, Conflict `ledger_exists`, `credentials_exist` (of
    another ledger: its only administrator is not overwritten).
    """
    if clock not in CLOCKS:
        raise Invalid(f"a ledger's clock is {' or '.join(CLOCKS)}", code="clock_kind_unknown")
    check_origin(origin, scripted=clock == "scripted")
    where = place(settings)
    prepare_tables(where)
    _require_no_ledger(where)
    where.keys.make()
    receipt = where.keys.receipt_key()
    receipt_vkey = note.vkey(f"{origin}/receipt", public_bytes(receipt.public_key()))
    checkpoint = checkpoint_vkeys(origin, where.keys)
    path = settings.keys_folder / ADMINISTRATOR
    who, administrator = _first_administrator(path, origin)
    founding = Founding(
        origin=origin, clock=clock, operator=who.party, administrator=administrator, key=who.key,
        public=dict(public_key_of(who.private).jwk), receipt=receipt_vkey, checkpoint=checkpoint,
        statement=make_init_statement(
            who.private, who.key, origin=origin, receipt=receipt_vkey, checkpoint=checkpoint,
            continues=None if continued is None else continued.digest(),
        ),
        continued=continued,
    )  # fmt: skip
    recorder = LedgerRecorder(where.writer, origin, receipt)
    try:
        if clock == "scripted":
            set_scripted(where.writer, origin, now, set_by=administrator)
        # Written before the save: credentials without a ledger are harmless, a ledger without them is lost.
        credentials.save(path, origin, who)
        recorder.submit(genesis(founding, ACTIONS, to_new_event)).result()
    finally:
        recorder.close()
    return Made(origin, receipt_vkey, tuple(checkpoint), path)


def last_witnessed(
    origin: str, *, log: Sequence[str], policy: Path | None, old: str | None, checkpoint: Path | None
) -> tuple[Continued, Opened]:
    """Give what a ledger of a new `origin` goes on from, and who vouches for it: from a file, or from the witnesses.

    `log` are verifier keys of the old ledger, `policy` a tlog-policy file; both are the operator's own. Raises as
    `application.continuing`; TrustInvalid.
    """
    believed = continuing.believing(
        None if policy is None else Policy.parse(policy.read_bytes()), [parse_vkey(key, LOG_TYPES) for key in log]
    )
    old = continuing.old_origin(believed, old)
    if checkpoint is not None:
        return continuing.cited(continuing.read_note(checkpoint.read_bytes()), believed, old, origin)
    keys = [each.verifier for each in believed.logs if each.verifier.name == old]
    with httpx.Client() as http:
        told = ask_witnesses(clients_of(believed, http), old, keys)
    return continuing.greatest([each.note for each in told if each.note is not None], believed, old, origin)


def forget_keys(settings: Settings) -> None:
    """Remove what a ledger that is to be no more left in the folder of keys; whatever else lies there stays."""
    for pattern in (*KEPT_BESIDE, ADMINISTRATOR):
        for file in settings.keys_folder.glob(pattern):
            file.unlink()


def _require_no_ledger(where: Place) -> None:
    with connect_reader(where.writer) as connection:
        if log_reader.log_events(connection, 1, 1):
            raise Conflict("there is a ledger in this database already", code="ledger_exists")


def _first_administrator(path: Path, origin: str) -> tuple[Credentials, str]:
    """Give new credentials and their agent, or those that an init that was cut short left; raises Conflict."""
    if path.exists():
        held = credentials.load(path)
        if held.origin != origin or held.credentials.agent is None:
            message = f"{path} belongs to {held.origin}; move it away"
            raise Conflict(message, code="credentials_exist", origin=held.origin)
        return held.credentials, held.credentials.agent
    key, private = credentials.new_key()
    administrator = f"agent:{uuid.uuid4()}"
    return Credentials(f"party:{uuid.uuid4()}", key, private, administrator), administrator
