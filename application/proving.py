"""What proofs are made from: published checkpoints, the tree under them, the map of heads (architecture §5); a port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from application.ports import Recorder
from audit.logproofs import LogProof
from audit.mapproofs import MapProof
from audit.merkle import inclusion_path
from audit.receiptproofs import ReceiptProof
from domain.errors import Busy, NotFound

SUBJECTS_MAX: Final = 1_000
"""Subjects whose heads are proven in one question."""
WITNESS_WAIT_S_MAX: Final = 3.0
"""How long whoever wants a checkpoint cosigned waits for the witnesses' quorum."""
PROOF_WAIT_S_MAX: Final = 10.0
"""How long a checkpoint over a position is waited for."""


class NotPublished(Busy):
    """No checkpoint covers the position yet; try again after `details["retry_after_s"]`."""

    code = "checkpoint_awaited"


class ProofUnknown(NotFound):
    """There is no such checkpoint, or none of that size."""

    code = "checkpoint_unknown"


@dataclass(frozen=True, slots=True)
class Certified:
    """A published checkpoint: size, root, the note it was first published with, the ledger's time then."""

    size: int
    root: bytes
    note: str
    made_at: str


@dataclass(frozen=True, slots=True)
class HeadProofs:
    """Proofs of subjects' heads, or of their absence, under the map root that is the last leaf of a checkpoint."""

    size: int
    proofs: Mapping[str, MapProof]


class Proofs(Protocol):
    """Published checkpoints and what stands under them (infrastructure/proofs.py)."""

    def latest(self) -> Certified | None:
        """Give the greatest checkpoint, None before the first."""

    def at(self, size: int) -> Certified:
        """Give the checkpoint of this size. Raises ProofUnknown."""

    def over(self, position: int) -> Certified:
        """Give the first checkpoint over a position, as it is now. Raises NotPublished."""

    def covering(self, position: int) -> Certified:
        """Give the first checkpoint over a position, waiting for it at most `PROOF_WAIT_S_MAX`. Raises NotPublished."""

    def cosigned(self, size: int) -> str:
        """Give the note of a checkpoint with the newest later signature of each key. Raises ProofUnknown."""

    def inclusion(self, position: int, size: int) -> Sequence[bytes]:
        """Give the audit path of an event, by its position from 1, in the tree of a size. Raises ProofError."""

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Give the proof that the tree of size `old` begins the one of size `new`. Raises ProofError."""

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Give the first `width` hashes of a tile. Raises ProofError `tile_missing`."""

    def heads(self, subjects: Sequence[str], position: int, *, cosign: bool = False) -> HeadProofs:
        """Prove subjects' heads under a checkpoint over the position, made now if need be. Raises NotPublished.

        With `cosign` the witnesses are asked for that very checkpoint, ahead of later ones.
        """

    def witnessed(self, size: int) -> str | None:
        """Give the note of a checkpoint once it bears the quorum of the operator's policy, None where it never will.

        It never will when witnesses went on to later ones, or do not answer within `WITNESS_WAIT_S_MAX`.
        """

    def witnessed_over(self, position: int) -> tuple[int, str]:
        """Give size and note of the first checkpoint over a position that bears the quorum. Raises NotPublished."""

    def has_quorum(self, note: str) -> bool:
        """Say whether a note bears the quorum of the operator's policy; without a policy nobody need have cosigned."""

    def asks_quorum(self) -> bool:
        """Say whether the operator has a policy by which anybody must cosign; if not, every note bears its quorum."""


def event_proof(proofs: Proofs, position: int, *, wait: bool = True) -> LogProof:
    """Give the proof of an event under the first checkpoint that covers it: the same bytes whenever it is asked for.

    Raises NotPublished, ProofError.
    """
    over = proofs.covering(position) if wait else proofs.over(position)
    return LogProof(position - 1, tuple(proofs.inclusion(position, over.size)), over.note)


def witnessed_proof(proofs: Proofs, position: int) -> LogProof:
    """Give the proof of an event under the first checkpoint over it that the operator's quorum cosigned.

    Where nobody need cosign (`Proofs.asks_quorum`), that is the first over it at all.

    The lines are the newest of each witness, so the bytes may change. Raises NotPublished, ProofError.
    """
    size, note = proofs.witnessed_over(position)
    return LogProof(position - 1, tuple(proofs.inclusion(position, size)), note)


def receipt_proof(log: Recorder, position: int) -> ReceiptProof:
    """Give the receipt of the save that an event stands in, with the event's path alone.

    Raises NotFound `receipt_unknown` for a map root, which nobody wrote: it is signed with its checkpoint.
    """
    found = log.receipt_over(position)
    if found is None:
        raise NotFound(
            "no receipt covers the event: a map root is signed with its checkpoint", code="receipt_unknown",
            position=position,
        )  # fmt: skip
    first, count, note = found
    leaves = [each.leaf for each in log.select_log(first, count)]
    index = position - first
    return ReceiptProof(index, tuple(inclusion_path(leaves, index)), note)
