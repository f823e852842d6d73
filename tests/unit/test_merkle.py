"""The Merkle tree: known roots and paths, foreign vectors, and proofs that must not pass."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from audit.errors import ProofError
from audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

FOREIGN = Path(__file__).parents[3] / "shared" / "data" / "merkle_vectors"
VECTORS = Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json"

# The eight leaves and the roots of their prefixes that RFC 6962 implementations have shared since Certificate
# Transparency's first tests.
DATA = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "60" * 16)]
DATA[7] = bytes(range(0x60, 0x70))
LEAVES = [leaf_hash(data) for data in DATA]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
RAGGED = [pytest.param(size, id=f"{size} leaves") for size in range(1, 18)]


def _leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(i).encode()) for i in range(size)]


def _foreign(folder: str) -> list[Any]:
    return [
        pytest.param(json.loads(path.read_text()), id=path.relative_to(FOREIGN).with_suffix("").as_posix())
        for path in sorted((FOREIGN / folder).rglob("*.json"))
    ]


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.parametrize("size", range(9))
def test_roots_of_the_shared_example(size: int) -> None:
    """Every prefix of the well-known eight leaves has its well-known root, by both ways to it."""
    assert root(LEAVES[:size]).hex() == ROOTS[size]
    assert Frontier(LEAVES[:size]).root().hex() == ROOTS[size]


def test_paths_of_the_shared_example() -> None:
    """The paths of the seven-leaf tree of RFC 6962 §2.1.3 consist of the nodes named there."""
    d = LEAVES[:7]
    pair = [node_hash(d[i], d[i + 1]) for i in (0, 2, 4)]
    left, right = node_hash(pair[0], pair[1]), node_hash(pair[2], d[6])
    assert inclusion_path(d, 0) == [d[1], pair[1], right]
    assert inclusion_path(d, 3) == [d[2], pair[0], right]
    assert inclusion_path(d, 4) == [d[5], d[6], left]
    assert inclusion_path(d, 6) == [pair[2], left]
    assert consistency_path(d, 3, 7) == [d[2], d[3], pair[0], right]
    assert consistency_path(d, 4, 7) == [right]
    assert consistency_path(d, 6, 7) == [pair[2], d[6], left]


@pytest.mark.parametrize("size", RAGGED)
def test_every_leaf_is_included_in_its_place_only(size: int) -> None:
    """Each path proves its own leaf at its own index and nothing else."""
    leaves = _leaves(size)
    tree = root(leaves)
    for index in range(size):
        path = inclusion_path(leaves, index)
        verify_inclusion(leaves[index], index, size, path, tree)
        for other in range(size):
            if other != index:
                with pytest.raises(ProofError):
                    verify_inclusion(leaves[index], other, size, path, tree)


@pytest.mark.parametrize("size", RAGGED)
def test_every_earlier_tree_is_consistent(size: int) -> None:
    """Each prefix is proven to begin the tree, and no other prefix by the same proof."""
    leaves = _leaves(size)
    for size1 in range(1, size + 1):
        path = consistency_path(leaves, size1, size)
        verify_consistency(size1, size, path, root(leaves[:size1]), root(leaves))
        if size1 < size:
            for broken in (path[:-1], [*path, path[-1]], [EMPTY_ROOT, *path], []):
                with pytest.raises(ProofError):
                    verify_consistency(size1, size, broken, root(leaves[:size1]), root(leaves))
            with pytest.raises(ProofError):
                verify_consistency(size1, size, path, root(leaves), root(leaves[:size1]))


@pytest.mark.parametrize(
    "index,size,path,code",
    [
        (-1, 3, [LEAVES[1], LEAVES[2]], "proof_range"),
        (3, 3, [LEAVES[1], LEAVES[2]], "proof_range"),
        (0, 0, [], "proof_range"),
        (0, 3, [LEAVES[1]], "proof_length"),
        (0, 3, [], "proof_length"),
        (0, 3, [LEAVES[1], LEAVES[2], LEAVES[2]], "proof_length"),
        (0, 3, [LEAVES[1], LEAVES[2][:31]], "proof_hash_length"),
        (0, 3, [LEAVES[2], LEAVES[1]], "proof_root"),
    ],
)
def test_inclusion_says_what_is_wrong(index: int, size: int, path: list[bytes], code: str) -> None:
    """Range, length, hashes and root each have their code."""
    with pytest.raises(ProofError) as caught:
        verify_inclusion(LEAVES[0], index, size, path, bytes.fromhex(ROOTS[3]))
    assert caught.value.code == code


def test_inclusion_wants_whole_hashes() -> None:
    """A leaf or root of another length is refused even where it would be equal."""
    with pytest.raises(ProofError) as caught:
        verify_inclusion(b"", 0, 1, [], b"")
    assert caught.value.code == "proof_hash_length"


@pytest.mark.parametrize(
    "size1,size2,path,root1,root2,code",
    [
        (2, 1, [], ROOTS[2], ROOTS[1], "proof_range"),
        (-1, 1, [], ROOTS[1], ROOTS[1], "proof_range"),
        (2, 2, [LEAVES[0]], ROOTS[2], ROOTS[2], "proof_length"),
        (0, 2, [LEAVES[0]], ROOTS[0], ROOTS[2], "proof_length"),
        (2, 2, [], ROOTS[2], ROOTS[1], "proof_root"),
        (0, 2, [], ROOTS[1], ROOTS[2], "proof_root"),
        (0, 0, [], ROOTS[1], ROOTS[1], "proof_root"),
        (1, 2, [], ROOTS[1], ROOTS[2], "proof_length"),
        (3, 5, [], ROOTS[3], ROOTS[5], "proof_length"),
        (1, 2, [LEAVES[0]], ROOTS[1], ROOTS[2], "proof_root"),
        (1, 2, [b""], ROOTS[1], ROOTS[2], "proof_hash_length"),
    ],
)
def test_consistency_says_what_is_wrong(
    size1: int, size2: int, path: list[bytes], root1: str, root2: str, code: str
) -> None:
    """Range, length, hashes and roots each have their code."""
    with pytest.raises(ProofError) as caught:
        verify_consistency(size1, size2, path, bytes.fromhex(root1), bytes.fromhex(root2))
    assert caught.value.code == code


def test_the_empty_tree_begins_every_tree() -> None:
    """From nothing, an empty path is enough, if the root is that of nothing."""
    verify_consistency(0, 3, [], EMPTY_ROOT, bytes.fromhex(ROOTS[3]))
    verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)


def test_paths_are_made_for_existing_leaves_and_trees_only() -> None:
    """The prover refuses what it cannot prove."""
    for index in (-1, 3):
        with pytest.raises(ProofError):
            inclusion_path(LEAVES[:3], index)
    for size1, size2 in ((0, 2), (3, 2), (2, 4)):
        with pytest.raises(ProofError):
            consistency_path(LEAVES[:3], size1, size2)


def test_a_frontier_survives_its_bytes() -> None:
    """Written down and read again it grows on as if nothing had been."""
    leaves = _leaves(50)
    for size in range(50):
        frontier = Frontier(leaves[:size])
        again = Frontier.from_bytes(size, frontier.to_bytes())
        assert again == frontier
        assert len(frontier.to_bytes()) == 32 * size.bit_count()
        again.extend(leaves[size:])
        assert again.root() == root(leaves)


def test_a_copied_frontier_grows_alone() -> None:
    """What is tried on a copy leaves the first as it was."""
    frontier = Frontier(LEAVES[:3])
    tried = frontier.copy()
    tried.append(LEAVES[3])
    assert (frontier.size, frontier.root().hex()) == (3, ROOTS[3])
    assert (tried.size, tried.root().hex()) == (4, ROOTS[4])
    assert frontier != tried
    assert frontier != ROOTS[3]
    assert repr(frontier) == f"Frontier(size=3, root={ROOTS[3]})"


@pytest.mark.parametrize("size,length", [(3, 32), (3, 65), (0, 32), (-1, 32), (-1, 0)])
def test_a_frontier_of_the_wrong_length_is_refused(size: int, length: int) -> None:
    """The number of hashes is fixed by the size."""
    with pytest.raises(ProofError) as caught:
        Frontier.from_bytes(size, bytes(length))
    assert caught.value.code == "frontier_length"


def test_a_frontier_takes_whole_hashes_only() -> None:
    """A leaf's bytes in place of its hash are refused, and nothing is added."""
    frontier = Frontier(LEAVES[:3])
    with pytest.raises(ProofError) as caught:
        frontier.append(b"leaf")
    assert caught.value.code == "proof_hash_length"
    assert frontier == Frontier(LEAVES[:3])


def test_the_golden_ledger_has_its_roots() -> None:
    """Leaves of the frozen example follow from its headers, and the checkpoint's root from its leaves."""
    vectors = json.loads(VECTORS.read_text())
    events = [event for save in vectors["saves"] for event in save["events"]]
    leaves = [leaf_hash(event["header"].encode()) for event in events]
    assert [leaf.hex() for leaf in leaves] == [event["leaf"] for event in events]
    assert base64.b64encode(Frontier(leaves).root()).decode() == vectors["checkpoint"].split("\n")[2]


@pytest.mark.skipif(not FOREIGN.is_dir(), reason="the foreign vectors lie beside the project, not in it")
@pytest.mark.parametrize("vector", _foreign("inclusion"))
def test_foreign_inclusion_vectors(vector: dict[str, Any]) -> None:
    """Another project's vectors, most of them mutated, are accepted or refused as it says."""
    arguments = (
        _bytes(vector["leafHash"]),
        vector["leafIdx"],
        vector["treeSize"],
        [_bytes(text) for text in vector["proof"] or []],
        _bytes(vector["root"]),
    )
    if not vector["wantErr"]:
        return verify_inclusion(*arguments)
    with pytest.raises(ProofError):
        verify_inclusion(*arguments)
    return None


@pytest.mark.skipif(not FOREIGN.is_dir(), reason="the foreign vectors lie beside the project, not in it")
@pytest.mark.parametrize("vector", _foreign("consistency"))
def test_foreign_consistency_vectors(vector: dict[str, Any]) -> None:
    """Another project's vectors are accepted or refused as it says, but for roots that are no hashes."""
    arguments = (
        vector["size1"],
        vector["size2"],
        [_bytes(text) for text in vector["proof"] or []],
        _bytes(vector["root1"]),
        _bytes(vector["root2"]),
    )
    if not vector["wantErr"] and len(arguments[-1]) == 32:
        return verify_consistency(*arguments)
    with pytest.raises(ProofError):
        verify_consistency(*arguments)
    return None
