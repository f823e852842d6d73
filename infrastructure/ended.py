"""Proofs of a ledger that is halted: at its last checkpoint that the operator's policy believes, from a map made anew.

No checkpointer answers for it any more. What it published while it went on is proven from what is stored, and only
from what still hashes to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from application.proving import HeadProofs, ProofUnknown
from audit.headmap import HeadMap
from audit.heads import Head
from audit.note import split_note
from audit.policy import Policy
from infrastructure import checkpoint_store
from infrastructure.errors import LogDiffers
from infrastructure.following import PAGE_MAX, Followed
from infrastructure.proofs import StoredProofs

__all__ = ["EndedProofs", "ended_proofs"]


@dataclass(frozen=True, slots=True)
class EndedProofs(StoredProofs):
    """`application.proving.Proofs` at one size for ever."""

    size: int = 0
    map: HeadMap = field(default_factory=HeadMap)

    def heads(self, subjects: Sequence[str], position: int, *, cosign: bool = False) -> HeadProofs:  # noqa: ARG002 - the port's
        """Prove subjects' heads, whatever position is asked for."""
        return HeadProofs(self.size, {subject: self.map.prove(subject) for subject in subjects})


def ended_proofs(
    reading: Callable[[], AbstractContextManager[psycopg.Connection]], folder: Path, policy: Policy | None
) -> EndedProofs:
    """Follow the stored log to the last checkpoint that bears the policy's quorum, the last of all without a policy.

    Raises ProofUnknown where there is none, LogDiffers where stored bytes are not those that were signed.
    """
    stored = StoredProofs(reading, folder, policy)
    with reading() as connection:
        head = connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()
        assert head is not None  # noqa: S101 - an aggregate has a row
        each = checkpoint_store.last_made_until(connection, head[0])
        while each is not None:
            stated = Head.parse(split_note(each.note)[0])
            if (stated.size, stated.root) != (each.size, each.root):
                raise LogDiffers("a stored checkpoint is not the one that was signed", size=each.size)
            if stored.has_quorum(checkpoint_store.cosigned(connection, each)):
                return EndedProofs(reading, folder, policy, each.size, _map(connection, each.size, each.root))
            each = checkpoint_store.last_made_until(connection, each.size - 1)
    raise ProofUnknown("no checkpoint of this ledger bears the quorum", size=head[0])


def _map(connection: psycopg.Connection, size: int, root: bytes) -> HeadMap:
    followed = Followed()
    while followed.position < size:
        if not followed.follow(connection, min(PAGE_MAX, size - followed.position)):
            break
    if followed.tree.root() != root:
        raise LogDiffers("the stored log is not the one that was signed", size=size)
    return followed.heads
