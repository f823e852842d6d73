"""Looks whether what the ledger stands on holds: server, roles, triggers, keys, clock, followers, checkpoints, halt.

Changes nothing.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import psycopg

from audit.checkpoints import is_scripted
from audit.errors import AuditError, NoteError
from audit.heads import open_head
from audit.policy import Policy
from domain.errors import DomainError
from domain.ledgers import Ledger
from infrastructure import checkpoint_store, log_reader
from infrastructure.clock_watch import ClockWatch, acceptance
from infrastructure.connection import DURABLE, SERVER_VERSION_MIN, Database, connect_plain
from infrastructure.errors import InfrastructureError, KeptCheckpointUnusable, KeysOfAnother, KeysUnsafe
from infrastructure.halting import told
from infrastructure.keyring import Keyring
from infrastructure.keys import MASTER, KeyFolder
from infrastructure.migrations import head_revision
from infrastructure.seen_elsewhere import KEPT, kept_checkpoint
from infrastructure.stepping import (
    BEHIND_WAITED_MAX_US,
    STEP_REFUSED_MIN_US,
    Reading,
    machine,
    machine_us,
    to_us,
)
from infrastructure.vault import require_master
from infrastructure.watching import witnessed

State = Literal["good", "warning", "wrong"]
BEAT_S_MAX: Final = 60
"""A projector whose last word is older does not run."""
LAG_EVENTS_MAX: Final = 1_000
COVERED_S_MAX: Final = 60
"""A checkpoint is made each second; an event that none covers after that long is told."""
QUORUM_WAITED_S_MAX: Final = 3_600
"""An event that the witness policy's quorum does not answer for after that long is told."""
ERASABLE: Final = ("request_bytes", "sealed_values", "subject_keys", "sealed_places", "blind_index")
"""Tables of which the eraser alone may delete."""
GUARDED: Final = (
    *ERASABLE, "events", "receipts", "commands", "evidence", "sources", "request_lines", "request_hashes", "clock",
    "clock_acceptances", "clock_readings", "personal_reads", "checkpoints", "checkpoint_signatures",
    "checkpoint_stamps", "tiles", "evidence_seals",
)  # fmt: skip
"""Tables that nobody changes; a test holds both lists against the triggers that the migrations make."""
_NOW = "SELECT ledger_instant(ledger_now())"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: a stable code, how it stands, a sentence, and facts for machines."""

    code: str
    state: State
    says: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"code": self.code, "state": self.state, "says": self.says, "facts": dict(self.facts)}


@dataclass(frozen=True, slots=True)
class Examined:
    """What is looked at: the database as the writer sees it, the ledger's own stream, keys, the software's actions."""

    connection: psycopg.Connection
    ledger: Ledger
    keys: KeyFolder
    table: str
    policy: Callable[[str], Policy | None]


def examine(
    database: Database, keys: KeyFolder, read: Callable[[], Ledger], table: str,
    policy: Callable[[str], Policy | None] = lambda _: None,
) -> list[Check]:  # fmt: skip
    """Look at everything, as the writer's role.

    `read` gives the ledger's own stream, `table` is the digest of this software's actions, `policy` reads the witness
    policy of an origin. What cannot be asked is a check that is wrong, never an exception.
    """
    try:
        ledger = read()
        with connect_plain(database, "liftledger doctor") as connection:
            connection.execute("SET default_transaction_read_only = on")
            connection.execute("SET statement_timeout = '10s'")
            examined = Examined(connection, ledger, keys, table, policy)
            return [check for look in LOOKS for check in _checks(look, examined)]
    except (DomainError, InfrastructureError) as refused:
        return [Check(refused.code, "wrong", refused.message, refused.details)]
    except psycopg.Error as away:
        return [Check("database_away", "wrong", "the database cannot be asked", {"error": type(away).__name__})]


def _checks(look: Callable[[Examined], Iterator[Check]], examined: Examined) -> list[Check]:
    try:
        return list(look(examined))
    except psycopg.Error as refused:
        says = "the database does not answer this question"
        return [Check(look.__name__, "wrong", says, {"error": type(refused).__name__, "state": refused.sqlstate})]


def actions(examined: Examined) -> Iterator[Check]:
    """Look whether this software may write: by the table of actions that the ledger has in force, and no other."""
    ledger = examined.ledger
    yield Check("ledger", "good", ledger.origin, {"origin": ledger.origin})
    facts = {"published": ledger.actions, "software": examined.table}
    if ledger.actions == examined.table:
        yield Check("actions", "good", "the published table of actions is this software's", facts)
    else:
        yield Check("actions", "wrong", "publish this software's table of actions: nothing is written before", facts)


def server(examined: Examined) -> Iterator[Check]:
    """Look at version and durability."""
    version = examined.connection.info.server_version
    state: State = "good" if version >= SERVER_VERSION_MIN else "wrong"
    text = f"PostgreSQL {version // 10_000}.{version % 10_000}"
    yield Check("server_version", state, text, {"version": version, "needed": SERVER_VERSION_MIN})
    found = {name: str(_one(examined, "SELECT current_setting(%s)", name)) for name in DURABLE}
    off = sorted(name for name, allowed in DURABLE.items() if found[name] not in allowed)
    if off:
        yield Check("durability", "wrong", f"{', '.join(off)}: an acknowledged event could be lost", found)
    else:
        yield Check("durability", "good", "what is acknowledged is on the disk", found)


def tables(examined: Examined) -> Iterator[Check]:
    """Look whether the tables are this version's."""
    found, wanted = _one(examined, "SELECT max(version_num) FROM alembic_version"), head_revision()
    facts = {"found": found, "wanted": wanted}
    if found == wanted:
        yield Check("tables", "good", f"tables of revision {found}", facts)
    else:
        yield Check("tables", "wrong", f"tables of revision {found}, this software's are {wanted}: restart it", facts)


def immutability(examined: Examined) -> Iterator[Check]:
    """Look what keeps the log from being changed in the database: triggers, and roles that could not anyhow."""
    wanted = [*((table, "append_only") for table in GUARDED), *((table, "erased_by_eraser") for table in ERASABLE)]
    rows = examined.connection.execute(
        "SELECT q.name, q.trigger, t.tgenabled = 'A', pg_has_role(c.relowner, 'USAGE')"
        " OR has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'TRUNCATE')"
        " FROM unnest(%s::text[], %s::text[]) q (name, trigger) JOIN pg_class c ON c.oid = to_regclass(q.name)"
        " LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = q.trigger",
        ([table for table, _ in wanted], [trigger for _, trigger in wanted]),
    ).fetchall()
    shut = {(name, trigger) for name, trigger, enabled, _ in rows if enabled}
    if open_ := sorted({table for table, trigger in wanted if (table, trigger) not in shut}):
        yield Check("triggers", "wrong", f"nothing refuses a change of {', '.join(open_)}", {"tables": open_})
    else:
        yield Check("triggers", "good", "triggers refuse every change of the log", {})
    if any(may for *_, may in rows):
        says = "the service's role could switch the triggers off: immutability in the database rests on them alone"
        yield Check("roles", "warning", says, {"separate": False})
    else:
        yield Check("roles", "good", "the service's role may only add to the log", {"separate": True})


def keys(examined: Examined) -> Iterator[Check]:
    """Look whether the keys are there and closed to others."""
    folder = examined.keys
    facts: dict[str, Any] = {"folder": str(folder.path)}
    try:
        mode = folder.path.stat().st_mode
        master = folder.master_key()
    except (OSError, KeysUnsafe) as unsafe:
        says = unsafe.message if isinstance(unsafe, KeysUnsafe) else f"the keys cannot be read: {unsafe.strerror}"
        yield Check("keys", "wrong", says, facts)
        return
    ring = Keyring(examined.ledger.origin, folder)
    try:
        ring.require(examined.ledger)
        require_master(examined.connection, master, folder.path / MASTER)
    except (KeysOfAnother, KeysUnsafe) as another:
        yield Check("keys", "wrong", another.message, facts | another.details)
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Check("keys", "wrong", "the folder of the keys is open to others; its mode must be 0700", facts)
    else:
        yield Check("keys", "good", "all keys are there, for their owner alone", facts)


def clock(examined: Examined) -> Iterator[Check]:
    """Look whether time lets the ledger write."""
    connection = examined.connection
    head = log_reader.head(connection)
    last = "" if head is None else head[1]
    if is_scripted(examined.ledger.origin):
        now = _one(examined, "SELECT now FROM clock ORDER BY number DESC LIMIT 1")
        yield Check("clock", "good" if now else "wrong", f"scripted, stands at {now}", {"now": now, "last": last})
        return
    before_us = machine_us()
    now = str(_one(examined, _NOW))
    reading = Reading(to_us(now), before_us, machine_us())
    facts: dict[str, Any] = {"now": now, "last": last}
    if last and to_us(last) - reading.now_us > BEHIND_WAITED_MAX_US:
        facts["behind_ms"] = (to_us(last) - reading.now_us) // 1000
        yield Check("clock", "wrong", f"behind the log since {last}: nothing is written until it is reached", facts)
        return
    step = ClockWatch(examined.ledger.origin).unnoted(connection, reading)
    if step is None:
        yield Check("clock", "good", f"the database's, {now}", facts)
        return
    facts["ahead_ms"] = step.ahead_us // 1000
    if step.ahead_us <= STEP_REFUSED_MIN_US or acceptance(connection, step, reading, machine()) is not None:
        yield Check("clock", "warning", "stepped ahead; the next save notes it", facts)
    else:
        yield Check("clock", "wrong", "stepped ahead: set it right, or liftledger clock accept", facts)


def projector(examined: Examined) -> Iterator[Check]:
    """Look how far the read models are, and what they parked."""
    row = examined.connection.execute(
        "SELECT extract(epoch FROM clock_timestamp() - h.beat_at)::float8, t.position, h.error,"
        " (SELECT count(*) FROM parked_events), coalesce((SELECT max(position) FROM events), 0)"
        " FROM projector_heartbeat h LEFT JOIN projection_tracking t USING (name) ORDER BY h.beat_at DESC LIMIT 1"
    ).fetchone()
    if row is None:
        yield Check("projector", "warning", "it has not run yet", {})
        return
    silent_s, position, error, parked, head = row
    lag = head - (position or 0)
    facts = {"silent_s": int(silent_s), "lag": lag, "parked": parked, "error": error}
    if silent_s > BEAT_S_MAX:
        yield Check("projector", "warning", f"not heard of for {int(silent_s)} s", facts)
    elif error is not None or parked or lag > LAG_EVENTS_MAX:
        says = f"{lag} events behind, {parked} streams parked" + (f", failing with {error}" if error else "")
        yield Check("projector", "warning", says, facts)
    else:
        yield Check("projector", "good", f"{lag} events behind", facts)


def checkpoints(examined: Examined) -> Iterator[Check]:
    """Look whether checkpoints keep up with the log: what none covers is proven to nobody."""
    row = examined.connection.execute(
        "SELECT coalesce(c.size, 0), h.position - coalesce(c.size, 0), e.recorded_at,"
        " extract(epoch FROM clock_timestamp() - e.recorded_at::timestamptz)::float8,"
        " (SELECT count(*) > 0 FROM projector_heartbeat WHERE beat_at > clock_timestamp() - make_interval(secs => %s))"
        " FROM (SELECT max(position) AS position FROM events) h"
        " LEFT JOIN (SELECT max(size) AS size FROM checkpoints) c ON true"
        " LEFT JOIN events e ON e.position = coalesce(c.size, 0) + 1",
        (BEAT_S_MAX,),
    ).fetchone()
    size, waiting, since, waited_s, running = row or (0, 0, None, None, False)
    facts = {"size": size, "waiting": waiting, "waiting_since": since}
    # The time of a scripted ledger is somebody's to set, and says nothing of how long an event has waited.
    late = waited_s is not None and waited_s > COVERED_S_MAX and not is_scripted(examined.ledger.origin)
    if not late:
        yield Check("checkpoints", "good", f"the last covers {size} events, {waiting} wait for the next", facts)
    elif running:
        says = f"{waiting} events wait since {since}, though the ledger runs: look at the checkpointer's log"
        yield Check("checkpoints", "wrong", says, facts)
    else:
        says = f"{waiting} events wait since {since}: no checkpoint is made while the ledger does not run"
        yield Check("checkpoints", "warning", says, facts)


def kept(examined: Examined) -> Iterator[Check]:
    """Look at the checkpoint beside the keys, by which the rollback guard tells a restored database."""
    folder, ledger = examined.keys, examined.ledger
    facts: dict[str, Any] = {"file": str(folder.path / KEPT)}
    try:
        note = kept_checkpoint(folder.path).note
        if note is None:
            yield Check("last_checkpoint", "good", "none is kept beside these keys", facts)
            return
        size = open_head(note, Keyring(ledger.origin, folder).believed(ledger)).size
    except KeptCheckpointUnusable as unread:
        says = f"{unread.message}: no checkpoint is signed, and no start succeeds"
        yield Check("last_checkpoint", "wrong", says, facts)
    except KeysUnsafe:
        return  # told as `keys`
    except NoteError as unread:
        says = "what is kept beside the keys is not this ledger's: it guards against no rollback until the next"
        yield Check("last_checkpoint", "warning", says, facts | {"code": unread.code})
    else:
        yield _held_against(examined, size, facts | {"size": size})


def _held_against(examined: Examined, size: int, facts: dict[str, Any]) -> Check:
    """Look whether what is kept beside the keys was published: it is kept first and stored next."""
    last = checkpoint_store.latest(examined.connection)
    published = 0 if last is None else last.size
    if published >= size:
        return Check("last_checkpoint", "good", f"of {size} events, kept beside the keys", facts)
    says = (
        f"of {size} events, kept beside the keys, and the last one stored has {published}: the checkpointer was stopped"
        " in between, or what was published was taken away"
    )
    return Check("last_checkpoint", "warning", says, facts | {"published": published})


def erasures(examined: Examined) -> Iterator[Check]:
    """Look whether persons whose erasure stands in the log still have something there."""
    waiting = len(log_reader.erased_persons(examined.connection))
    if waiting:
        yield Check("erasures", "warning", f"{waiting} wait for the eraser: liftledger erase", {"waiting": waiting})
    else:
        yield Check("erasures", "good", "none waits", {"waiting": 0})


def signing(examined: Examined) -> Iterator[Check]:
    """Look whether the rollback guard has halted the ledger."""
    halt = told(examined.keys.path)
    if halt is None:
        yield Check("halt", "good", "nothing keeps the ledger from signing", {})
        return
    says = (
        f"nothing is signed since {halt.since}: {halt.message}. Put the right database back and start again, or go on"
        " in a new ledger: liftledger recover (docs/witness.md)"
    )
    yield Check("halt", "wrong", says, halt.as_json())


def witnesses(examined: Examined) -> Iterator[Check]:
    """Look whether the witness policy's quorum keeps up with the log."""
    try:
        policy = examined.policy(examined.ledger.origin)
    except OSError as unread:
        yield Check("witnesses", "wrong", f"the witness policy cannot be read: {unread.strerror}", {})
        return
    except AuditError as wrong:
        yield Check("witnesses", "wrong", f"this is no witness policy: {wrong.message}", {"code": wrong.code})
        return
    if policy is None:
        yield Check("witnesses", "good", "nobody is asked to cosign: no witness policy is set", {})
        return
    found, now = witnessed(examined.connection, examined.ledger.origin, policy), str(_one(examined, _NOW))
    if found.waiting_s(now) <= QUORUM_WAITED_S_MAX:
        yield Check("witnesses", "good", f"the quorum answers for {found.size or 0} events", found.as_json(now))
        return
    last = "no checkpoint has the quorum" if found.size is None else f"the last with the quorum has {found.size} events"
    seen = ", ".join(f"{each.name} {each.at or 'never'}" for each in found.witnesses)
    says = f"{found.waiting} events wait since {found.waiting_since} for the witnesses: {last}; cosigned last: {seen}"
    yield Check("witnesses", "warning", says, found.as_json(now))


LOOKS: Final = (
    signing, actions, server, tables, immutability, keys, clock, projector, checkpoints, kept, erasures, witnesses,
)  # fmt: skip


def _one(examined: Examined, query: str, *parameters: object) -> Any:  # noqa: ANN401 - whatever the query gives
    row = examined.connection.execute(query, parameters).fetchone()  # type: ignore[arg-type,unused-ignore] # literals of this module
    return None if row is None else row[0]
