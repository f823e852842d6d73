"""Two statements of one log that cannot both be true, as a file that proves it to whoever holds the log's key (T2–T5).

It is one format, whoever found the contradiction: a witness (two checkpoints and the path it was offered), or somebody
who compared bundles, exports, proofs and receipts (`audit.comparing`). What the log signed, it signed: no witness is
asked for, and a file that the log did not sign says nothing about it.

Two checkpoints of one size contradict each other as they stand. Two of different sizes do so with a path that leads to
the later root, but starts from another tree than the earlier one: the path then proves which root the later tree had at
that size (RFC 9162 §2.1.4), and it is not the one that was signed. A path that leads nowhere proves nothing; it is a
claim, since whoever sent it may have made it up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from audit import bundlefiles
from audit.base64text import decode_standard
from audit.canonical import decode, encode
from audit.checkpoints import Receipt
from audit.errors import ContradictionInvalid, ProofError
from audit.heads import Head
from audit.merkle import HASH_BYTES, consistency_roots, root, verify_consistency
from audit.note import Verifier
from audit.policy import Policy
from audit.sides import Side, Statement, read_hash, read_hashes, read_side

__all__ = [
    "BYTES_MAX", "FORMAT", "PATH_HASHES_MAX", "Contradiction", "Judgement", "Kind", "Standing", "between", "judge",
    "kind_of", "proven", "standing",
]  # fmt: skip

FORMAT: Final = "contradiction/v1"
BYTES_MAX: Final = bundlefiles.BYTES_MAX
"""As of a bundle: two chains of 20,000 events, as many as a ledger puts into one, have room in it."""
PATH_HASHES_MAX: Final = 63
"""A consistency proof between trees of less than 2^63 leaves is no longer (tlog-witness, “add-checkpoint”)."""

_WITNESSED: Final = "equivocation/v1"
"""What witnesses wrote before: {format, first, second, path}, two notes, hashes in base64. It is read for ever."""

Standing = Literal["proven", "claimed", "consistent"]
"""Proven: the log signed both, and they cannot both be true. Claimed: signed, but this path does not show which of log
and sender is wrong. Consistent: there is no contradiction."""

Kind = Literal["roots", "position", "chain", "shorter", "omitted", "receipts", "receipt"]
"""`roots`: two roots of one size. `position`: two events at one position. `chain`: two events of one number of one
subject. `shorter`: the chain of a later checkpoint is shorter. `omitted`: the earlier checkpoint's map leaves out an
event that stands ahead of it. `receipts`: two receipts for one position, of different saves. `receipt`: a receipt
promises another event than stands in the log."""


class Judgement(NamedTuple):
    """How the two sides of a contradiction stand to each other, in what they contradict, and what each of them says."""

    standing: Standing
    kind: Kind | None
    sides: tuple[Statement, Statement]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two sides, as `audit.sides` reads them, and the consistency path that was offered between their checkpoints.

    `start` is the root of the later tree at the earlier size. It is there where that is a power of two: the path leaves
    it out then (RFC 9162 §2.1.4.1), so that without it the path cannot show from which tree it starts.
    """

    sides: tuple[Side, Side]
    path: tuple[bytes, ...] = ()
    start: bytes | None = None

    @classmethod
    def of_notes(cls, first: str, second: str, path: Sequence[bytes] = (), start: bytes | None = None) -> Contradiction:
        """Make one of two checkpoints as signed notes."""
        return cls(({"checkpoint": first}, {"checkpoint": second}), tuple(path), start)

    def encode(self) -> bytes:
        """Return it as canonical JSON {format, path, sides, start}, hashes in hex; no empty path, no missing start.

        Raises ContradictionInvalid `contradiction_too_large` for what `parse` would not take.
        """
        value: dict[str, Any] = {"format": FORMAT, "sides": list(self.sides)}
        if self.path:
            value["path"] = [node.hex() for node in self.path]
        if self.start is not None:
            value["start"] = self.start.hex()
        data = encode(value)
        if len(data) > BYTES_MAX:
            raise ContradictionInvalid(
                "The proof is too large for a file: keep the two that were compared, which show it again.",
                code="contradiction_too_large", bytes=len(data), bytes_max=BYTES_MAX,
            )  # fmt: skip
        return data

    @classmethod
    def parse(cls, data: bytes) -> Contradiction:
        """Read what `encode` writes, and what witnesses wrote before.

        Raises ContradictionInvalid `contradiction_malformed`, CanonicalError.
        """
        try:
            match decode(data, limit=BYTES_MAX):
                case {"format": str(name), "sides": [dict(one), dict(other)], **more} if name == FORMAT:
                    if more.keys() <= {"path", "start"}:
                        path = read_hashes(more.get("path", []), PATH_HASHES_MAX)
                        return cls((one, other), path, read_hash(more["start"]) if "start" in more else None)
                case {"format": str(name), "first": str(first), "second": str(second), "path": list(texts), **more}:
                    path = tuple(map(_read_base64, texts))
                    if name == _WITNESSED and not more and len(path) <= PATH_HASHES_MAX:
                        return cls.of_notes(first, second, path)
        except ValueError as error:
            raise ContradictionInvalid("This is no contradiction of the format.") from error
        raise ContradictionInvalid("This is no contradiction of the format.")


def _read_base64(value: object) -> bytes:
    node = decode_standard(value) if isinstance(value, str) else None
    if node is None or len(node) != HASH_BYTES:
        raise ValueError
    return node


# ----------------------------------------------------------------------------------------------------------- judging


def proven(data: bytes, policy: Policy) -> Kind:
    """Check the file of a contradiction; return how its sides contradict each other. Raises as `parse`, `kind_of`."""
    return kind_of(Contradiction.parse(data), policy)


def kind_of(contradiction: Contradiction, policy: Policy) -> Kind:
    """Check a contradiction under a policy whose log it is about; return how the two sides contradict each other.

    Raises ContradictionInvalid with code `contradiction_malformed`, `contradiction_origins`, or
    `contradiction_unproven` where both sides may be true; NoteError where the log did not sign a side; ProofError where
    a side does not lead to what was signed.
    """
    judged = judge(contradiction, [log.verifier for log in policy.logs])
    if judged.kind is None:
        raise ContradictionInvalid("Both sides may be true.", code="contradiction_unproven", standing=judged.standing)
    return judged.kind


def standing(contradiction: Contradiction, log: Iterable[Verifier]) -> Standing:
    """Say how the two sides of a contradiction stand to each other. Raises as `judge`."""
    return judge(contradiction, log).standing


def judge(contradiction: Contradiction, log: Iterable[Verifier]) -> Judgement:
    """Check a contradiction against the keys of its log.

    Raises as `read_side`, and ContradictionInvalid `contradiction_origins` for sides of two logs.
    """
    keys = list(log)
    one, other = (read_side(side, keys) for side in contradiction.sides)
    if one.origin != other.origin:
        raise ContradictionInvalid("The two are of different logs.", code="contradiction_origins")
    if one.head is not None and other.head is not None:
        how = between(one.head, other.head, contradiction.path, contradiction.start)
        if how == "proven" or (one.bare and other.bare):
            return Judgement(how, "roots" if how == "proven" else None, (one, other))
    kind = _kind(one, other)
    return Judgement("consistent" if kind is None else "proven", kind, (one, other))


def between(one: Head, other: Head, path: Sequence[bytes] = (), start: bytes | None = None) -> Standing:
    """Say how two heads of one log stand to each other, given the path offered from the smaller to the greater tree."""
    first, second = sorted((one, other), key=lambda head: head.size)
    if first.size == second.size:
        return "consistent" if first.root == second.root else "proven"
    try:
        verify_consistency(first.size, second.size, path, first.root, second.root)
    except ProofError:
        return "proven" if _starts_elsewhere(first, second, path, start) else "claimed"
    return "consistent"


def _starts_elsewhere(first: Head, second: Head, path: Sequence[bytes], start: bytes | None) -> bool:
    """Say whether the path leads to the second root from a first one that is not the signed one.

    From a power of two leaves the path holds no other root than the one it is tried with, so it must come with `start`.
    """
    if first.size == 0:
        return False
    try:
        began, end = consistency_roots(first.size, second.size, path, start or first.root)
    except ProofError:
        return False
    return end == second.root and began != first.root


def _kind(one: Statement, other: Statement) -> Kind | None:
    """Say how two statements of one log contradict each other in their events; None if they do not."""
    if one.receipt is not None and other.receipt is not None:
        return "receipts" if _overlap(one.receipt, other.receipt) else None
    for saved, stored in ((one, other), (other, one)):
        if saved.receipt is not None:
            return "receipt" if _breaks(saved.receipt, saved, stored) else None
    if _differ(one, other):
        return "position"
    return _of_chains(one, other)


def _overlap(one: Receipt, other: Receipt) -> bool:
    """Say whether two receipts are of different saves, and one position belongs to both: there is one a save."""
    if (one.first, one.count, one.root) == (other.first, other.count, other.root):
        return False
    return one.first < other.first + other.count and other.first < one.first + one.count


def _breaks(receipt: Receipt, saved: Statement, stored: Statement) -> bool:
    """Say whether the log holds another event than a receipt promised at its place, or other leaves than its root."""
    if _differ(saved, stored):
        return True
    leaves = {told.position: told.leaf for told in stored.events}
    places = range(receipt.first, receipt.first + receipt.count)
    whole = receipt.count <= len(leaves) and all(place in leaves for place in places)
    return whole and root([leaves[place] for place in places]) != receipt.root


def _differ(one: Statement, other: Statement) -> bool:
    places = {told.position: told.leaf for told in one.events}
    return any(places.get(told.position, told.leaf) != told.leaf for told in other.events)


def _of_chains(one: Statement, other: Statement) -> Kind | None:
    if one.subject is None or one.subject != other.subject or one.head is None or other.head is None:
        return None
    numbers = {told.seq: told.leaf for told in one.events}
    if any(numbers.get(told.seq, told.leaf) != told.leaf for told in other.events):
        return "chain"
    first, second = sorted((one, other), key=lambda statement: statement.head.size if statement.head else 0)
    if first.length > second.length:
        return "shorter"
    late = (told for told in second.events if told.seq is not None and told.seq > first.length)
    size = first.head.size if first.head else 0
    return "omitted" if any(told.position < size for told in late) else None
