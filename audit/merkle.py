"""The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1) over SHA-256: roots, growth, proofs and their checks.

A *leaf* here is a leaf hash, 32 bytes, made by `leaf_hash` from the leaf's bytes. Whoever verifies recomputes it from
the bytes and takes size and root from a signed checkpoint; a leaf hash or size out of the proof itself proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from audit.errors import ProofError

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "Frontier",
    "ProofError",
    "consistency_path",
    "consistency_roots",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "root",
    "verify_consistency",
    "verify_inclusion",
]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()  # RFC 6962 §2.1, MTH({})
_LEAF = b"\x00"
_NODE = b"\x01"
_MANY = 8  # from so many on, leaves are added level by level and not one by one


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ data), the hash of a leaf (RFC 6962 §2.1)."""
    return sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right), the hash of an inner node (RFC 6962 §2.1)."""
    return sha256(_NODE + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the tree hash MTH over leaf hashes (RFC 6962 §2.1), level by level; no leaves give SHA-256 of nothing."""
    level = list(leaves)
    while len(level) > 1:
        level = _level_above(level)
    return level[0] if level else EMPTY_ROOT


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of leaf `index`, from 0, in the tree over `leaves`, lowest first (RFC 6962 §2.1.1).

    Raises ProofError if there is no such leaf. Time is linear in the leaves.
    """
    if not 0 <= index < len(leaves):
        raise ProofError("The tree has no such leaf.", code="proof_range", index=index, size=len(leaves))
    path, level = [], list(leaves)
    while len(level) > 1:
        if (sibling := index ^ 1) < len(level):
            path.append(level[sibling])
        level, index = _level_above(level), index >> 1
    return path


def consistency_path(leaves: Sequence[bytes], size1: int, size2: int) -> list[bytes]:
    """Return the proof that the first `size1` leaves begin the tree of the first `size2` (RFC 6962 §2.1.2).

    It is empty for equal sizes. Raises ProofError unless 0 < size1 ≤ size2 ≤ len(leaves). Time is linear in size2.
    """
    if not 0 < size1 <= size2 <= len(leaves):
        raise ProofError("There is no such pair of trees.", code="proof_range", size1=size1, size2=size2)
    return _subproof(leaves[:size2], size1, known=True)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` stands at `index`, from 0, of the tree of that size and root (RFC 9162 §2.1.3.2).

    Raises ProofError with code `proof_range`, `proof_length`, `proof_hash_length` or `proof_root`.
    """
    if not 0 <= index < size:
        raise ProofError("The tree has no such leaf.", code="proof_range", index=index, size=size)
    _check_hashes((leaf, root, *path))
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if not last:
            raise ProofError("The path is too long for the tree.", code="proof_length", index=index, size=size)
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise ProofError("The path is too short for the tree.", code="proof_length", index=index, size=size)
    if node != root:
        raise ProofError("The path does not lead to the root.", code="proof_root", index=index, size=size)


def verify_consistency(size1: int, size2: int, path: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Check that the tree of size1 and root1 begins the tree of size2 and root2 (RFC 9162 §2.1.4.2).

    The empty tree begins every tree: its root is fixed and its path empty. Raises ProofError as `verify_inclusion`.
    """
    if not 0 <= size1 <= size2:
        raise ProofError("A tree never shrinks.", code="proof_range", size1=size1, size2=size2)
    _check_hashes((root1, root2, *path))
    if size1 in {0, size2}:
        if path:
            raise ProofError("Nothing is to be proven, the path is empty.", code="proof_length")
        if (size1 == 0 and root1 != EMPTY_ROOT) or (size1 == size2 and root1 != root2):
            raise ProofError("Trees of one size have one root.", code="proof_root", size1=size1, size2=size2)
        return
    if consistency_roots(size1, size2, path, root1) != (root1, root2):
        raise ProofError("The path does not lead to both roots.", code="proof_root", size1=size1, size2=size2)


def consistency_roots(size1: int, size2: int, path: Sequence[bytes], root1: bytes) -> tuple[bytes, bytes]:
    """Return the roots of both trees that a path leads to, for 0 < size1 < size2 (RFC 9162 §2.1.4.2, steps 2 to 7).

    `root1` is used only where size1 is a power of two: the path then leaves it out, and it comes back as it was given.
    Raises ProofError with code `proof_range`, `proof_length` or `proof_hash_length`.
    """
    if not 0 < size1 < size2:
        raise ProofError("There is no such pair of trees.", code="proof_range", size1=size1, size2=size2)
    _check_hashes((root1, *path))
    hashes = list(path)
    if not size1 & (size1 - 1):  # a power of two: the old root is itself a node of the new tree
        hashes.insert(0, root1)
    if not hashes:
        raise ProofError("The path is too short for the trees.", code="proof_length", size1=size1, size2=size2)
    first, second = size1 - 1, size2 - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if not second:
            raise ProofError("The path is too long for the trees.", code="proof_length", size1=size1, size2=size2)
        if first & 1 or first == second:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
        else:
            new = node_hash(new, sibling)
        first, second = first >> 1, second >> 1
    if second:
        raise ProofError("The path is too short for the trees.", code="proof_length", size1=size1, size2=size2)
    return old, new


class Frontier:
    """The right edge of a growing tree: the roots of its perfect subtrees, greatest first.

    Of n leaves it holds one hash for each bit set in n, which is all that appending and the root need. `append` costs
    one or two hashes on average. Not safe for use by two threads at once; `copy` costs a few dozen references.
    """

    __slots__ = ("_peaks", "size")

    size: int
    """Number of leaves."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._peaks: list[bytes] = []
        self.extend(leaves)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right. Raises ProofError if it is not 32 bytes."""
        if len(leaf) != HASH_BYTES:
            raise ProofError("A hash has 32 bytes.", code="proof_hash_length", bytes=len(leaf))
        peaks, size, node = self._peaks, self.size, leaf
        while size & 1:
            node = sha256(_NODE + peaks.pop() + node).digest()
            size >>= 1
        peaks.append(node)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes at the right, in order; those before one that is refused stay added."""
        nodes = list(leaves)
        if len(nodes) < _MANY or any(len(leaf) != HASH_BYTES for leaf in nodes):
            for leaf in nodes:
                self.append(leaf)
            return
        # Level by level: what stood there alone is joined to the new ones, and an odd last one stays there alone.
        size, peaks, alone = self.size, self._peaks, []
        self.size += len(nodes)
        while nodes:
            if size & 1:
                nodes.insert(0, peaks.pop())
            if len(nodes) & 1:
                alone.append(nodes.pop())
            nodes = [sha256(_NODE + nodes[i] + nodes[i + 1]).digest() for i in range(0, len(nodes), 2)]
            size >>= 1
        peaks.extend(reversed(alone))

    def root(self) -> bytes:
        """Return the tree hash over all leaves so far (RFC 6962 §2.1)."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node

    def copy(self) -> Frontier:
        """Return an independent frontier of the same tree, to try what may have to be dropped."""
        other = Frontier()
        other.size, other._peaks = self.size, self._peaks.copy()
        return other

    def to_bytes(self) -> bytes:
        """Return the hashes, greatest subtree first, one after the other; the size is kept beside them."""
        return b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """Read what `to_bytes` wrote for a tree of `size` leaves. Raises ProofError if the length does not fit."""
        if size < 0 or len(data) != HASH_BYTES * size.bit_count():
            raise ProofError("The frontier does not fit its size.", code="frontier_length", size=size, bytes=len(data))
        frontier = cls()
        frontier.size = size
        frontier._peaks = [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]
        return frontier

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frontier):
            return NotImplemented
        return (self.size, self._peaks) == (other.size, other._peaks)

    __hash__ = None  # type: ignore[assignment]  # it grows, so it is no key

    def __repr__(self) -> str:
        return f"Frontier(size={self.size}, root={self.root().hex()})"


def _level_above(level: list[bytes]) -> list[bytes]:
    """Pair the nodes of a level; an odd last one rises as it is, which gives the shape of RFC 6962 §2.1."""
    above = [sha256(_NODE + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
    return above + level[-1:] if len(level) & 1 else above


def _subproof(leaves: Sequence[bytes], size1: int, *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2; `known` says that the verifier has this subtree's root already."""
    if size1 == len(leaves):
        return [] if known else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1  # greatest power of two below the number of leaves
    if size1 <= split:
        return [*_subproof(leaves[:split], size1, known=known), root(leaves[split:])]
    return [*_subproof(leaves[split:], size1 - split, known=False), root(leaves[:split])]


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for node in hashes:
        if len(node) != HASH_BYTES:
            raise ProofError("A hash has 32 bytes.", code="proof_hash_length", bytes=len(node))
