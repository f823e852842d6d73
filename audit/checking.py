"""Checks one published thing off line: an export, a proof of an event, a receipt, two checkpoints and their path.

What cannot be read is raised, since nothing could be judged; what can be read and does not hold is an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from audit.base64text import encode_standard
from audit.checkpoints import Checkpoint
from audit.comparing import Offered
from audit.contradictions import Contradiction, standing
from audit.errors import AuditError, BundleInvalid, ProofError
from audit.events import read_header
from audit.exports import CHECKPOINT, check_export
from audit.logproofs import LogProof, check_place
from audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from audit.note import split_note
from audit.policy import Opened, Policy, open_checkpoint
from audit.receiptproofs import ReceiptProof, open_receipt
from audit.signatures import Verifier
from audit.sources import Saved

__all__ = ["Answer", "Leaf", "check_checkpoints", "check_event", "check_folder", "check_receipts", "read_checkpoint"]

_UNBELIEVED: Final = frozenset({"origin_unknown", "note_unsigned", "log_proof_quorum"})
"""Codes by which a policy does not believe a checkpoint: the verdict is `unanchored`, as for a bundle."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """The event that is asked about: its leaf hash, and its header's bytes where they are at hand."""

    digest: bytes
    header: bytes | None = None

    @classmethod
    def of(cls, header: bytes) -> Leaf:
        """Make it of a header's canonical bytes. Raises EventInvalid, CanonicalError."""
        read_header(header)
        return cls(leaf_hash(header), header)

    def check_place(self, origin: str, position: int) -> None:
        """Check that the header, if it is there, names this place. Raises ProofError `proof_place`."""
        if self.header is not None:
            check_place(read_header(self.header), origin, position)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether it holds (`verdict` is `proven`, or the code of what is wrong), and what is told of it."""

    verdict: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""

    @property
    def holds(self) -> bool:
        """Say whether it holds."""
        return self.verdict == "proven"

    def as_json(self) -> dict[str, Any]:
        """Give it for machines."""
        return {"holds": self.holds, "verdict": self.verdict, **self.facts}

    def lines(self) -> Iterator[str]:
        """Give it for people."""
        for name, value in self.facts.items():
            told = ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
            yield f"{name}: {told}"
        yield f"verdict: {self.verdict}{f' ({self.why})' if self.why else ''}"


def read_checkpoint(note: str) -> Checkpoint:
    """Read a checkpoint that nobody believes yet. Raises NoteError."""
    return Checkpoint.parse(split_note(note)[0])


def check_folder(folder: Path, policy: Policy) -> Answer:
    """Check a whole export (`liftledger log export`), each file under its checkpoint.

    Raises NoteError, OSError, UnicodeDecodeError where the folder holds no checkpoint.
    """
    stated = read_checkpoint((folder / CHECKPOINT).read_text(encoding="utf-8"))
    return _judged(_of(stated), policy, lambda: check_export(folder, policy, stated.origin))


def check_event(proof: LogProof, leaf: Leaf, policy: Policy) -> Answer:
    """Check the proof of an event (C2SP tlog-proof@v1)."""
    stated = read_checkpoint(proof.checkpoint)

    def check() -> Opened:
        leaf.check_place(stated.origin, proof.index + 1)
        return proof.verify(leaf.digest, policy, stated.origin)

    return _judged(_of(stated) | {"position": proof.index + 1, "leaf": leaf.digest.hex()}, policy, check)


def check_checkpoints(notes: Sequence[str], offered: Offered, policy: Policy) -> Answer:
    """Check that one checkpoint's tree begins the other's, by the path offered between them (RFC 9162 §2.1.4).

    Whether the two contradict each other is asked first: the log's signature is enough for that, whoever cosigned.
    """
    old, new = map(read_checkpoint, notes)
    facts = _of(new) | {"old_size": old.size, "old_root": encode_standard(old.root)}

    def check() -> Opened:
        if _contradict(notes, offered, policy):
            raise ProofError("The log signed both, and they cannot both be true.", code="equivocation")
        opened = [open_checkpoint(note, policy, each.origin) for note, each in zip(notes, (old, new), strict=True)]
        if not opened[0].satisfied:
            raise ProofError("Too few witnesses cosigned the earlier one.", code="log_proof_quorum")
        if old.origin != new.origin or (offered.old, offered.new) != (old.size, new.size):
            raise ProofError("The path is between other trees.", code="path_sizes")
        verify_consistency(old.size, new.size, offered.path, old.root, new.root)
        return opened[1]

    return _judged(facts, policy, check)


def _contradict(notes: Sequence[str], offered: Offered, policy: Policy) -> bool:
    try:
        pair = Contradiction.of_notes(notes[0], notes[1], offered.path)
        return standing(pair, [log.verifier for log in policy.logs]) == "proven"
    except AuditError:
        return False  # what no log signed, or two did, contradicts nothing; why it is not believed is told after this


def check_receipts(saved: Sequence[Saved], verifier: Verifier, leaf: Leaf | None, proof: ReceiptProof | None) -> Answer:
    """Check receipts by the ledger's key of them, each over the leaves that stand beside it.

    With `leaf`, that event must stand at the place that `proof` names, or in one of the saves. Without it, only what
    the receipts themselves say is checked, and `event` tells so. Raises BundleInvalid `receipt_leaves` where the leaf
    is not among those that stand beside the receipts, and not all of their leaves do.
    """
    facts: dict[str, Any] = {
        "origin": saved[0].receipt.origin,
        "positions": [f"{each.receipt.first}-{each.receipt.first + each.receipt.count - 1}" for each in saved],
        "event": "not asked about" if leaf is None else leaf.digest.hex(),
    }
    try:
        for each in saved:
            receipt = open_receipt(each.note, verifier)
            for position, (digest, path) in each.leaves.items():
                verify_inclusion(digest, position - receipt.first, receipt.count, path, receipt.root)
        place = None if leaf is None else _place(saved, leaf, proof)
    except AuditError as error:
        return Answer(error.code, facts, error.message)
    if leaf is not None and place is None:
        raise BundleInvalid(
            "The receipt is of several events and shows none: take its proof, or the answer of its write.",
            code="receipt_leaves",
        )
    return Answer("proven", facts if place is None else facts | {"position": place})


def _place(saved: Sequence[Saved], leaf: Leaf, proof: ReceiptProof | None) -> int | None:
    """Give the position at which a receipt holds the event; None where no leaf shows it. Raises ProofError."""
    if proof is not None:
        receipt = saved[0].receipt
        position = receipt.first + proof.index
        leaf.check_place(receipt.origin, position)
        verify_inclusion(leaf.digest, proof.index, receipt.count, proof.path, receipt.root)
        return position
    for each in saved:
        for position, (digest, _) in each.leaves.items():
            if digest == leaf.digest:
                leaf.check_place(each.receipt.origin, position)
                return position
    if any(len(each.leaves) < each.receipt.count for each in saved):
        return None
    raise ProofError("No leaf beside the receipts is that event's.", code="proof_root")


def _of(stated: Checkpoint) -> dict[str, Any]:
    return {"origin": stated.origin, "size": stated.size, "root": encode_standard(stated.root)}


def _judged(facts: dict[str, Any], policy: Policy, check: Callable[[], Opened]) -> Answer:
    try:
        opened = check()
    except AuditError as error:
        verdict = "unanchored" if error.code in _UNBELIEVED else error.code
        file = error.details.get("file")
        return Answer(verdict, facts | ({"file": file} if file else {}), error.message)
    facts |= {"witnesses": sorted(opened.witnesses)}
    if not opened.satisfied:
        return Answer("unanchored", facts, f"quorum {policy.quorum} is not met")
    return Answer("proven", facts)
