"""Looks whether two things that come from one log contradict each other, and makes the proof where they do.

Two checkpoints are held against each other at the smaller size: an export of the later tree shows which root it had
then, a consistency path may. Events are compared where both sides name one position or one subject; receipts with each
other, and with whatever else stands at their positions (threat T4: a receipt without inclusion).

Whoever broke a part of what he hands over does not stop what the rest of it proves: only what accuses must be sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from audit import canonical
from audit.checkpoints import Receipt
from audit.contradictions import Contradiction, between, judge
from audit.crossing import KeyOf, crossing
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

    `keys` is a bundle that leads to the key of receipts, besides those of the two that are bundles. Where there is no
    proof, raises BundleInvalid with code `bundles_apart` for two logs, `nothing_shared` where there is nothing to
    compare, `path_sizes` for a path between other trees, `receipt_too_large` for a receipt that an export is not held
    against; NoteError `receipt_key` where nothing leads to the key of a receipt, or it is another one;
    ContradictionInvalid `contradiction_claimed` for what differs and is not proven, or for a path that joins the two in
    no way and shows no other root; ProofError as `read_tree` for a file that an export lacks.
    """
    if one.origin != other.origin:
        raise BundleInvalid("The two are of two logs.", code="bundles_apart")
    log = [each.verifier for each in policy.logs]
    key_of = partial(_key, _ways(one, other, keys), log)
    refused: list[AuditError] = []
    looked = claimed = False
    for candidate in _candidates(one, other, offered, key_of, refused):
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
    if refused:
        raise refused[0]
    if claimed:
        raise ContradictionInvalid("The two differ, and nothing here proves why.", code="contradiction_claimed")
    if not looked:
        raise BundleInvalid("The two share nothing that could be compared.", code="nothing_shared")
    return None


def _candidates(
    one: Source, other: Source, offered: Offered | None, key_of: KeyOf, refused: list[AuditError]
) -> Candidates:
    """Give what may be a contradiction, the shortest proofs first; note what ends a kind of comparison, and go on."""
    for part in (
        _heads(one, other, offered),
        _subjects(one, other),
        _places(one, other),
        _receipts(one, other, key_of),
    ):
        try:
            yield from part
        except AuditError as error:
            refused.append(error)


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
    mine, theirs = one.bundle, other.bundle
    for subject in sorted(mine.chains.keys() & theirs.chains.keys()):
        seq = _parting(mine.chains[subject], theirs.chains[subject])
        if seq is not None:
            yield Contradiction((mine.side(subject, seq), theirs.side(subject, seq)))
        else:
            same = mine.contents.chains.get(subject) == theirs.contents.chains.get(subject)
            yield None if same else _pair(None, None)


def _parting(mine: Mapping[int, bytes], theirs: Mapping[int, bytes]) -> int | None:
    """Give the number of the first event by which two chains of a subject differ; None if they are the same."""
    for seq in sorted(mine.keys() & theirs.keys()):
        if mine[seq] != theirs[seq]:
            return seq
    ends = max(mine, default=0), max(theirs, default=0)
    return None if ends[0] == ends[1] else min(ends)


def _places(one: Source, other: Source) -> Candidates:
    for position in sorted(one.leaves.keys() & other.leaves.keys()):
        yield (
            None
            if one.leaves[position] == other.leaves[position]
            else _pair(one.places(position), other.places(position))
        )
    for named, whole in ((one, other), (other, one)):
        if any(_leaf(whole, position) not in {None, leaf} for position, leaf in named.loose.items()):
            yield _pair(None, None)
        if whole.tree is None:
            continue
        for position in sorted(named.leaves):
            if position <= whole.tree.size:
                same = whole.tree.leaf(position - 1) == named.leaves[position]
                yield None if same else _pair(named.places(position), whole.side(position))


def _leaf(source: Source, position: int) -> bytes | None:
    """Give what stands at a position, whether anything leads there or not; None if nobody can tell."""
    if source.tree is not None:
        return source.tree.leaf(position - 1) if position <= source.tree.size else None
    return source.leaves.get(position, source.loose.get(position))


def _pair(one: Side | None, other: Side | None) -> Contradiction:
    """Make a contradiction of what differs; where nothing leads to a side, it is empty, and no judge believes it."""
    return Contradiction((one or {}, other or {}))


# ------------------------------------------------------------------------------------------------------- receipts


def _ways(one: Source, other: Source, keys: Bundle | None) -> list[Side]:
    """Give what leads to the keys of receipts, out of every bundle that is there, of the greatest checkpoint first."""
    bundles = [bundle for bundle in (one.bundle, other.bundle, keys) if bundle is not None]
    bundles.sort(key=lambda each: each.anchored.checkpoint.size if each.anchored.checkpoint else 0, reverse=True)
    return [key for key in (bundle.key() for bundle in bundles) if key is not None]


def _key(ways: Sequence[Side], log: Sequence[Verifier], saved: Saved) -> Side:
    """Give the first way by which the ledger signed the receipt. Raises as the first one is refused, or NoteError."""
    refused: AuditError | None = None
    for way in ways:
        try:
            open_receipt(saved.note, receipt_key(way, saved.receipt, log))
        except AuditError as error:
            refused = refused or error
        else:
            return way
    raise refused or NoteError(
        "Nothing leads to the key of the receipt: name a bundle of its ledger.", code="receipt_key"
    )


def _receipts(one: Source, other: Source, key_of: KeyOf) -> Candidates:
    """Hold receipts against the log and each other. Raises AuditError at the end for those that could not be."""
    for receipts, log in ((one, other), (other, one)):
        for saved in receipts.saved:
            yield from _promised(saved, log, key_of)
    for found in crossing(one.saved, other.saved, key_of):
        yield None if found is True else Contradiction(found) if found else _pair(None, None)
    for receipts, log in ((one, other), (other, one)):
        for saved in receipts.saved:
            if receipts.bundle is None:
                key_of(saved)
            if _stands(saved.receipt, log) and saved.receipt.count > LEAVES_MAX:
                raise BundleInvalid(
                    "A receipt of so many events is not held against an export.", code="receipt_too_large",
                    first=saved.receipt.first, count=saved.receipt.count, count_max=LEAVES_MAX,
                )  # fmt: skip


def _promised(saved: Saved, log: Source, key_of: KeyOf) -> Candidates:
    """Hold a receipt against what stands in the log at the positions of its save."""
    receipt = saved.receipt
    for position in sorted(saved.leaves.keys() & log.leaves.keys()):
        same = saved.leaves[position][0] == log.leaves[position]
        yield None if same else _pair(_side(saved, key_of, position), log.places(position))
    if log.tree is None or not _stands(receipt, log) or receipt.count > LEAVES_MAX:
        return
    last = receipt.first + receipt.count - 1
    stored: Sequence[bytes] = [log.tree.leaf(index) for index in range(receipt.first - 1, last)]
    same = root(stored) == receipt.root
    yield None if same else _pair(_side(saved, key_of), log.side(receipt.first, receipt.count))


def _stands(receipt: Receipt, log: Source) -> bool:
    """Say whether the tree of an export reaches to the end of a receipt's save."""
    return log.tree is not None and receipt.first + receipt.count - 1 <= log.tree.size


def _side(saved: Saved, key_of: KeyOf, position: int | None = None) -> Side | None:
    try:
        return saved.side(key_of(saved), position)
    except AuditError:
        return None
