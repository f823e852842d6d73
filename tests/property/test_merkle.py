"""Laws of the Merkle tree, against the recursive definition of RFC 6962 §2.1."""

from __future__ import annotations

import hashlib
from typing import Any

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import ProofError
from audit.merkle import (
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(i.to_bytes(2, "big")) for i in range(300)]
SIZES = st.integers(1, len(LEAVES))
ORACLE: Any = pymerkle  # untyped


def _defined(leaves: list[bytes]) -> bytes:
    """MTH, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + _defined(leaves[:split]) + _defined(leaves[split:])).digest()


@given(st.integers(0, len(LEAVES)))
def test_root_and_frontier_equal_the_definition(size: int) -> None:
    """Level by level, leaf by leaf or by recursion, the root is one."""
    assert root(LEAVES[:size]) == Frontier(LEAVES[:size]).root() == _defined(LEAVES[:size])


@given(st.lists(st.integers(0, 40), max_size=12))
def test_a_frontier_grows_by_leaves_as_by_many(parts: list[int]) -> None:
    """However the leaves come, one by one or many at once, the edge after each part is the same."""
    many, one = Frontier(), Frontier()
    for part in parts:
        new = [leaf_hash(number.to_bytes(2, "big")) for number in range(many.size, many.size + part)]
        many.extend(new)
        for leaf in new:
            one.append(leaf)
        assert many == one


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_leaves_before_one_that_is_refused_stay(before: int, good: int, after: int) -> None:
    """A hash of another length refuses the rest, whatever the number of leaves."""
    tree = Frontier(LEAVES[:before])
    with pytest.raises(ProofError):
        tree.extend([*LEAVES[before : before + good], b"short", *LEAVES[:after]])
    assert tree == Frontier(LEAVES[: before + good])


@given(SIZES, st.data())
def test_inclusion_proofs_hold_and_break(size: int, data: st.DataObject) -> None:
    """A path proves its leaf; with any hash of it flipped, dropped or doubled it proves nothing."""
    index = data.draw(st.integers(0, size - 1))
    tree, path = root(LEAVES[:size]), inclusion_path(LEAVES[:size], index)
    verify_inclusion(LEAVES[index], index, size, path, tree)
    for broken in _broken(path):
        with pytest.raises(ProofError):
            verify_inclusion(LEAVES[index], index, size, broken, tree)


@given(SIZES, st.data())
def test_consistency_proofs_hold_and_break(size2: int, data: st.DataObject) -> None:
    """A path proves growth; with any hash of it flipped, dropped or doubled it proves nothing."""
    size1 = data.draw(st.integers(1, size2))
    path = consistency_path(LEAVES, size1, size2)
    roots = root(LEAVES[:size1]), root(LEAVES[:size2])
    verify_consistency(size1, size2, path, *roots)
    for broken in _broken(path):
        with pytest.raises(ProofError):
            verify_consistency(size1, size2, broken, *roots)


def _broken(path: list[bytes]) -> list[list[bytes]]:
    flipped = [[*path[:i], bytes([path[i][0] ^ 1]) + path[i][1:], *path[i + 1 :]] for i in range(len(path))]
    dropped = [path[:i] + path[i + 1 :] for i in range(len(path))]
    doubled = [[*path[:i], path[i], *path[i:]] for i in range(len(path))]
    return flipped + dropped + doubled


@pytest.fixture(scope="module")
def other() -> Any:  # noqa: ANN401 - untyped
    """Give the tree of another implementation; its leaves are counted from one."""
    tree = ORACLE.InmemoryTree(algorithm="sha256")
    for i in range(len(LEAVES)):
        tree.append_entry(i.to_bytes(2, "big"))
    return tree


def test_every_root_is_the_same(other: Any) -> None:  # noqa: ANN401 - untyped
    """Leaf by leaf, from the empty tree on."""
    frontier = Frontier()
    for size in range(len(LEAVES) + 1):
        assert other.get_root(size) == frontier.root() == root(LEAVES[:size])
        if size < len(LEAVES):
            frontier.append(LEAVES[size])


@given(SIZES, st.data())
def test_inclusion_proofs_are_the_same(other: Any, size: int, data: st.DataObject) -> None:  # noqa: ANN401 - untyped
    """Theirs is ours with the leaf before it; either verifier takes the other's."""
    index = data.draw(st.integers(0, size - 1))
    theirs = other.prove_inclusion(index + 1, size)
    ours = inclusion_path(LEAVES[:size], index)
    assert theirs.path == [LEAVES[index], *ours]
    verify_inclusion(LEAVES[index], index, size, theirs.path[1:], other.get_root(size))
    ORACLE.verify_inclusion(LEAVES[index], root(LEAVES[:size]), theirs, index=index + 1, size=size)


@given(SIZES, st.data())
def test_both_are_consistent_with_the_same_trees(other: Any, size2: int, data: st.DataObject) -> None:  # noqa: ANN401 - untyped
    """A proof of theirs, cut otherwise than the RFC cuts it, holds between roots of ours, and ours between theirs."""
    size1 = data.draw(st.integers(1, size2))
    theirs = other.prove_consistency(size1, size2)
    roots = root(LEAVES[:size1]), root(LEAVES[:size2])
    ORACLE.verify_consistency(*roots, theirs, prior_size=size1, later_size=size2)
    path = consistency_path(LEAVES, size1, size2)
    verify_consistency(size1, size2, path, other.get_root(size1), other.get_root(size2))
