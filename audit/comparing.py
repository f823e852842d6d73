"""Looks whether two things that come from one log contradict each other, and makes the proof where they do.

Two checkpoints are held against each other at the smaller size: an export of the later tree shows which root it had
then, a consistency path may. Events are compared where both sides name one position or one subject; receipts with each
other, and with whatever else stands at their positions (threat T4: a receipt without inclusion).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from audit import canonical
from audit.contradictions import Contradiction, between, judge
from audit.errors import AuditError, BundleInvalid, ContradictionInvalid, NoteError
from audit.heads import Head
from audit.logproofs import PATH_MAX
from audit.merkle import root
from audit.note import Verifier
from audit.policy import Policy
from audit.receiptproofs import open_receipt
from audit.sides import LEAVES_MAX, Side, read_hashes, receipt_key
from audit.sources import Bundle, Saved, Source

__all__ = ["Offered", "compare", "read_offered"]

Candidates = Iterator[Contradiction | None]
"""None for each thing that was compared and agrees."""


class Offered(NamedTuple):
    """A consistency path as the ledger gives it (`/log/consistency`), between trees of two sizes."""

    old: int
    new: int
    path: tuple[bytes, ...]


def read_offered(data: bytes) -> Offered:
    """Read `{new, old, path}`, hashes in hex. Raises BundleInvalid `path_malformed`, CanonicalError."""
    try:
        match canonical.decode(data):
            case {"old": int(old), "new": int(new), "path": list(path), **more} if not more and 0 <= old <= new:
                return Offered(old, new, read_hashes(path, PATH_MAX))
    except ValueError as error:
        raise BundleInvalid("This is no consistency path.", code="path_malformed") from error
    raise BundleInvalid("This is no consistency path.", code="path_malformed")


def compare(
    one: Source, other: Source, policy: Policy, *, offered: Offered | None = None, keys: Bundle | None = None
) -> Contradiction | None:
    """Return the proof that two things of one log contradict each other; None if they do not, as far as they overlap.

    `keys` is a bundle that leads to the key of receipts, where neither of the two is one. Raises BundleInvalid with
    code `bundles_apart` for two logs, `nothing_shared` where there is nothing to compare, `path_sizes` for a path
    between other trees; NoteError `receipt_key` where nothing leads to the key of a receipt, or it is another one;
    ContradictionInvalid `contradiction_claimed` for a path that joins the two in no way and shows no other root.
    """
    if one.origin != other.origin:
        raise BundleInvalid("The two are of two logs.", code="bundles_apart")
    log = [each.verifier for each in policy.logs]
    key = _key(one, other, keys)
    for each in (one, other):
        if each.bundle is None:
            _believe(each.saved, key, log)
    looked = claimed = False
    for candidate in _candidates(one, other, offered, key):
        looked = True
        if candidate is None:
            continue
        try:
            standing = judge(candidate, log).standing
        except AuditError:
            claimed = True  # what the log did not sign, or does not lead to what it signed, proves nothing
            continue
        if standing == "proven":
            return candidate
        claimed = claimed or standing == "claimed"
    if claimed:
        raise ContradictionInvalid("The two differ, and nothing here proves why.", code="contradiction_claimed")
    if not looked:
        raise BundleInvalid("The two share nothing that could be compared.", code="nothing_shared")
    return None


def _candidates(one: Source, other: Source, offered: Offered | None, key: Side | None) -> Candidates:
    """Give what may be a contradiction, the shortest proofs first."""
    yield from _heads(one, other, offered)
    yield from _subjects(one, other)
    yield from _places(one, other)
    yield from _receipts(one, other, key)


# ---------------------------------------------------------------------------------------------------- checkpoints


def _heads(one: Source, other: Source, offered: Offered | None) -> Candidates:
    if one.checkpoint is None or other.checkpoint is None:
        return
    first, second = sorted((one, other), key=lambda each: each.checkpoint.size if each.checkpoint else 0)
    old, new = first.checkpoint, second.checkpoint
    if old is None or new is None:
        return
    if old.size == new.size:
        yield None if old.root == new.root else Contradiction.of_notes(first.note, second.note)
    elif second.tree is not None:
        start = second.tree.root_at(old.size)
        path = second.tree.consistency_path(old.size) if old.size else ()
        power = old.size & (old.size - 1) == 0
        pair = Contradiction.of_notes(first.note, second.note, path, start if power else None)
        yield None if start == old.root else pair
    elif offered is not None:
        if (offered.old, offered.new) != (old.size, new.size):
            raise BundleInvalid("The path is between trees of other sizes.", code="path_sizes")
        how = between(Head.parse(old.text()), Head.parse(new.text()), offered.path)
        if how == "claimed":
            raise ContradictionInvalid(
                "The path joins the two in no way, and shows no other root: ask for the tiles of the later tree.",
                code="contradiction_claimed",
            )
        yield None if how == "consistent" else Contradiction.of_notes(first.note, second.note, offered.path)


# --------------------------------------------------------------------------------------------------------- events


def _subjects(one: Source, other: Source) -> Candidates:
    if one.bundle is None or other.bundle is None:
        return
    for subject in sorted(one.bundle.anchored.lengths.keys() & other.bundle.anchored.lengths.keys()):
        seq = _parting(one.bundle, other.bundle, subject)
        yield None if seq is None else Contradiction((one.bundle.side(subject, seq), other.bundle.side(subject, seq)))


def _parting(one: Bundle, other: Bundle, subject: str) -> int | None:
    """Give the number of the first event by which two chains of a subject differ; None if they are the same."""
    mine, theirs = one.contents.chains.get(subject, ()), other.contents.chains.get(subject, ())
    shared = min(len(mine), len(theirs))
    for seq in range(1, shared + 1):
        if mine[seq - 1] != theirs[seq - 1]:
            return seq
    return None if len(mine) == len(theirs) else shared


def _places(one: Source, other: Source) -> Candidates:
    for position in sorted(one.leaves.keys() & other.leaves.keys()):
        yield (
            None
            if one.leaves[position] == other.leaves[position]
            else _pair(one.places(position), other.places(position))
        )
    for named, whole in ((one, other), (other, one)):
        if whole.tree is None:
            continue
        for position in sorted(named.leaves):
            if position <= whole.tree.size:
                same = whole.tree.leaf(position - 1) == named.leaves[position]
                yield None if same else _pair(named.places(position), whole.side(position))


def _pair(one: Side | None, other: Side | None) -> Contradiction | None:
    return None if one is None or other is None else Contradiction((one, other))


# ------------------------------------------------------------------------------------------------------- receipts


def _key(one: Source, other: Source, keys: Bundle | None) -> Side | None:
    """Give what leads to the keys of receipts, out of the bundle with the greatest checkpoint."""
    bundles = [bundle for bundle in (one.bundle, other.bundle, keys) if bundle is not None]
    bundles.sort(key=lambda each: each.anchored.checkpoint.size if each.anchored.checkpoint else 0)
    found = [key for key in (bundle.key() for bundle in reversed(bundles)) if key is not None]
    return found[0] if found else None


def _believe(saved: Sequence[Saved], key: Side | None, log: Sequence[Verifier]) -> None:
    """Check that the ledger signed these receipts. Raises NoteError."""
    for each in saved:
        if key is None:
            raise NoteError("Nothing leads to the key of the receipt: name a bundle of its ledger.", code="receipt_key")
        open_receipt(each.note, receipt_key(key, each.receipt, log))


def _receipts(one: Source, other: Source, key: Side | None) -> Candidates:
    if key is None:
        return
    for receipts, log in ((one, other), (other, one)):
        for saved in receipts.saved:
            yield from _promised(saved, log, key)
    for mine in one.saved:
        for theirs in other.saved:
            yield from _saves(mine, theirs, key)


def _saves(mine: Saved, theirs: Saved, key: Side) -> Candidates:
    one, other = mine.receipt, theirs.receipt
    if one.first < other.first + other.count and other.first < one.first + one.count:
        same = (one.first, one.count, one.root) == (other.first, other.count, other.root)
        yield None if same else Contradiction((mine.side(key), theirs.side(key)))


def _promised(saved: Saved, log: Source, key: Side) -> Candidates:
    """Hold a receipt against what stands in the log at the positions of its save."""
    receipt = saved.receipt
    for position in sorted(saved.leaves.keys() & log.leaves.keys()):
        same = saved.leaves[position][0] == log.leaves[position]
        yield None if same else _pair(saved.side(key, position), log.places(position))
    last = receipt.first + receipt.count - 1
    if log.tree is None or last > log.tree.size or receipt.count > LEAVES_MAX:
        return
    stored: Sequence[bytes] = [log.tree.leaf(index) for index in range(receipt.first - 1, last)]
    same = root(stored) == receipt.root
    yield None if same else Contradiction((saved.side(key), log.side(receipt.first, receipt.count)))
