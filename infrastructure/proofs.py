"""Proofs out of what is stored: `application.proving.Proofs` over the database and the checkpointer's map."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from application.errors import DatabaseAway
from application.proving import (
    PROOF_WAIT_S_MAX,
    WITNESS_WAIT_S_MAX,
    Certified,
    HeadProofs,
    NotPublished,
    ProofUnknown,
)
from audit.errors import NoteError
from audit.policy import NO_QUORUM, Policy, has_quorum
from audit.tiles import TiledTree
from infrastructure import checkpoint_store, map_service
from infrastructure.checkpoint_store import Published
from infrastructure.tile_store import read_tile

POLL_S: Final = 0.05
LATE_MAX: Final = 20
COSIGNED_MAX: Final = 100
"""How many checkpoints over a position are looked at for one that has the quorum, where witnesses come and go."""


@dataclass(frozen=True, slots=True)
class StoredProofs:
    """`reading` lends a connection for a short time; `folder` is where the checkpointer's socket lies.

    `policy` is the operator's, whose quorum of witnesses is waited for.
    """

    reading: Callable[[], AbstractContextManager[psycopg.Connection]]
    folder: Path
    policy: Policy | None = None

    def latest(self) -> Certified | None:
        """Give the greatest checkpoint, None before the first."""
        with self.reading() as connection:
            found = checkpoint_store.latest(connection)
        return None if found is None else _certified(found)

    def at(self, size: int) -> Certified:
        """Give the checkpoint of this size. Raises ProofUnknown."""
        with self.reading() as connection:
            found = checkpoint_store.at_size(connection, size)
        if found is None:
            raise ProofUnknown("no checkpoint of this size was published", size=size)
        return _certified(found)

    def over(self, position: int) -> Certified:
        """Give the first checkpoint over a position, as it is now. Raises NotPublished."""
        found = self._over(position)
        if found is None:
            raise NotPublished("no checkpoint covers the position yet", position=position, retry_after_s=1)
        return _certified(found)

    def covering(self, position: int) -> Certified:
        """Give the first checkpoint over a position, made now if there is none. Raises NotPublished."""
        until = time.monotonic() + PROOF_WAIT_S_MAX
        while (found := self._over(position)) is None:
            try:
                self.heads((), position)
            except (NotPublished, DatabaseAway):
                # Another machine's checkpointer makes one each second; ours is asked again.
                if time.monotonic() > until:
                    raise NotPublished(
                        "no checkpoint covers the position yet", position=position, retry_after_s=1
                    ) from None
                time.sleep(POLL_S)
        return _certified(found)

    def cosigned(self, size: int) -> str:
        """Give the note of a checkpoint with the newest later signature of each key. Raises ProofUnknown."""
        with self.reading() as connection:
            found = checkpoint_store.at_size(connection, size)
            if found is None:
                raise ProofUnknown("no checkpoint of this size was published", size=size)
            return checkpoint_store.cosigned(connection, found)

    def inclusion(self, position: int, size: int) -> Sequence[bytes]:
        """Give the audit path of an event in the tree of a size. Raises ProofError."""
        with self.reading() as connection:
            return _tree(connection, size).inclusion_path(position - 1)

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Give the proof between two sizes. Raises ProofError."""
        with self.reading() as connection:
            return _tree(connection, new).consistency_path(old)

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Give the first `width` hashes of a tile. Raises ProofError `tile_missing`."""
        with self.reading() as connection:
            return read_tile(connection, level, index, width)

    def heads(self, subjects: Sequence[str], position: int, *, cosign: bool = False) -> HeadProofs:
        """Prove subjects' heads under a checkpoint over the position. Raises NotPublished, DatabaseAway."""
        return map_service.ask(self.folder, subjects, position, cosign=cosign)

    def witnessed(self, size: int) -> str | None:
        """Give the note of a checkpoint once it bears the quorum, None where it never will."""
        until = time.monotonic() + WITNESS_WAIT_S_MAX
        while True:
            later = self._cosigned_later(size)  # asked first: what came in between is in the note
            note = self.cosigned(size)
            if self.has_quorum(note):
                return note
            if later or time.monotonic() > until:
                return None
            time.sleep(POLL_S)

    def has_quorum(self, note: str) -> bool:
        """Say whether a note bears the quorum; lines that do not hold make none."""
        if self.policy is None:
            return True
        try:
            return has_quorum(note, self.policy)
        except NoteError:
            return False

    def asks_quorum(self) -> bool:
        """Say whether the operator has a policy by which anybody must cosign."""
        return self.policy is not None and self.policy.quorum != NO_QUORUM

    def witnessed_over(self, position: int) -> tuple[int, str]:
        """Give size and note of the first checkpoint over a position that bears the quorum. Raises NotPublished."""
        names = self._names()
        if not self.asks_quorum():
            size = self.over(position).size
            return size, self.cosigned(size)
        with self.reading() as connection:
            sizes = checkpoint_store.sizes_signed_over(connection, position, names, COSIGNED_MAX)
            # Behind a long time without the quorum a late checkpoint proves the event as well.
            sizes += checkpoint_store.last_sizes_signed(connection, position, names, LATE_MAX)
        for size in sizes:
            if self.has_quorum(note := self.cosigned(size)):
                return size, note
        raise NotPublished("no witnessed checkpoint covers the position yet", position=position, retry_after_s=5)

    def _names(self) -> list[str]:
        return [] if self.policy is None else [witness.verifier.name for witness in self.policy.witnesses]

    def _cosigned_later(self, size: int) -> bool:
        with self.reading() as connection:
            return checkpoint_store.is_signed_beyond(connection, size, self._names())

    def _over(self, position: int) -> Published | None:
        with self.reading() as connection:
            return checkpoint_store.first_over(connection, position)


def _tree(connection: psycopg.Connection, size: int) -> TiledTree:
    return TiledTree(size, lambda level, index, width: read_tile(connection, level, index, width))


def _certified(found: Published) -> Certified:
    return Certified(found.size, found.root, found.note, found.made_at)
