"""The rollback guard over what is stored: this database against all that was seen of the ledger elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import psycopg

from application.errors import RolledBack
from application.rollback import Guarded, OwnLog, Statement, guard, read_head, refuse_rollback
from audit.heads import Head
from audit.note import Verifier
from audit.tiles import TiledTree
from infrastructure import checkpoint_store
from infrastructure.connection import Database, connect_reader
from infrastructure.halting import Reached, go_on, halt, reached, remember, telling_unwritten
from infrastructure.seen_elsewhere import NEVER_COSIGNED, ask_witnesses, kept_checkpoint, remembered
from infrastructure.tile_store import read_tile
from infrastructure.witness_client import WitnessClient

HELD_BACK: Final = "cosigned before, and gives no checkpoint"
REACHED_MAX: Final = 32
"""How many heads that others told a halt keeps; each of them alone holds the ledger until the log has it again."""


def check_rollback(
    database: Database,
    origin: str,
    keys: Path,
    log: Sequence[Verifier],
    witnesses: Sequence[WitnessClient] = (),
    *,
    lift: bool = False,
) -> Guarded:
    """Hold the stored log against its published checkpoint, the one kept beside the keys, and every witness.

    While the ledger is halted, also against what its processes had seen committed, and what others told before. Where
    somebody has seen more, or another history, it is halted: nothing is signed any more, by anyone. `lift` ends a halt
    that nothing speaks for.

    Raises RolledBack where the word of the halt cannot be written: it holds nobody else then.
    """
    known = reached(keys)
    told = ask_witnesses(witnesses, origin, log)
    with connect_reader(database) as connection:
        asked = [_held_back(connection, *each) for each in zip(witnesses, told, strict=True)]
        statements = [kept_checkpoint(keys), *remembered(known, origin), *asked]
        published = checkpoint_store.latest(connection)
        if published is not None:
            statements.append(Statement("published", published.note))
        row = connection.execute("SELECT max(position) FROM events").fetchone()
        size = 0 if row is None or row[0] is None else int(row[0])

        def tree(of: int) -> TiledTree:
            return TiledTree(of, lambda level, index, width: read_tile(connection, level, index, width))

        # Worked out from the leaves: what is stored of the tree's edge is the database's own word.
        own = OwnLog(origin, size, tree(size).root(), lambda old, new: tree(new).consistency_path(old))
        found = guard(own, statements, log)
    try:
        refuse_rollback(own, found)
    except RolledBack as refused:
        with telling_unwritten(keys):
            halt(keys, refused)
            # Who told is believed later as well, when he is silent: the log signed what he holds.
            heads = [(each.source, read_head(own, each, log)) for each in statements]
            for source, head in heads:
                if isinstance(head, Head) and len(reached(keys)) < REACHED_MAX:
                    remember(keys, Reached(head.size, head.root, source))
            return found
        raise
    else:
        if lift:
            go_on(keys, known)
    return found


def _held_back(connection: psycopg.Connection, witness: WitnessClient, told: Statement) -> Statement:
    """Tell a witness that cosigned and gives no checkpoint from one that never did: others may know no such path.

    Then it cannot tell that this log went back, whatever it has seen.
    """
    signed = any(checkpoint_store.last_signing(connection, key.name, key.key_id) for key in witness.keys)
    return replace(told, why=HELD_BACK) if told.why == NEVER_COSIGNED and signed else told
