"""Makes the Merkle vectors `merkle_vectors/*.json`: 98 proofs of inclusion and 98 of consistency, most of them broken.

Paths are made, and what must be refused is told, by the recursions of RFC 6962 §2.1, top down, which share nothing with
`audit.merkle` but SHA-256. The form is the one that transparency logs exchange: `wantErr` says what a verifier must do.
Run it as `python -m tests.golden.make_merkle_vectors`; a test holds the files to it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parent / "merkle_vectors"
COUNT: Final = 98
LEAVES: Final = [sha256(b"\x00" + f"lift {number}".encode()).digest() for number in range(21)]
OTHER: Final = sha256(b"another").digest()
TREES: Final = ((1, 0), (2, 1), (5, 4), (7, 2), (8, 0), (11, 10), (13, 6), (21, 16))
"""Size and index of the inclusion proofs that are broken afterwards."""
PAIRS: Final = ((1, 2), (2, 5), (3, 7), (4, 8), (6, 13), (8, 21), (12, 21), (20, 21))


class Inclusion(NamedTuple):
    """A proof of inclusion as somebody may hand it over."""

    at: int
    size: int
    leaf: bytes
    path: tuple[bytes, ...]
    root: bytes


class Consistency(NamedTuple):
    """A proof of consistency as somebody may hand it over."""

    size1: int
    size2: int
    path: tuple[bytes, ...]
    root1: bytes
    root2: bytes


# ------------------------------------------------------------------------------------------- the RFC, word for word


def split(size: int) -> int:
    """Give the largest power of two smaller than the size (RFC 6962 §2.1, k)."""
    return max(1 << bit for bit in range(size.bit_length()) if 1 << bit < size)


def node(left: bytes, right: bytes) -> bytes:
    """Hash two nodes."""
    return sha256(b"\x01" + left + right).digest()


def mth(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n])."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    k = split(len(leaves))
    return node(mth(leaves[:k]), mth(leaves[k:]))


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    return [*path(m, leaves[:k]), mth(leaves[k:])] if m < k else [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: Sequence[bytes], *, known: bool = True) -> list[bytes]:
    """PROOF(m, D[n]) by SUBPROOF(m, D[n], b)."""
    if m == len(leaves):
        return [] if known else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*proof(m, leaves[:k], known=known), mth(leaves[k:])]
    return [*proof(m - k, leaves[k:], known=False), mth(leaves[:k])]


def climbed(index: int, size: int, leaf: bytes, nodes: Sequence[bytes]) -> bytes | None:
    """Give the root that a path leads to, from the root down; None for a path of another length."""
    if size == 1:
        return None if nodes else leaf
    if not nodes:
        return None
    k = split(size)
    if index < k:
        left = climbed(index, k, leaf, nodes[:-1])
        return None if left is None else node(left, nodes[-1])
    right = climbed(index - k, size - k, leaf, nodes[:-1])
    return None if right is None else node(nodes[-1], right)


def joined(m: int, n: int, nodes: Sequence[bytes], known: bytes | None) -> tuple[bytes, bytes] | None:
    """Give both roots that a consistency path leads to, from the root down; None for a path of another length."""
    if m == n:
        if known is not None:
            return None if nodes else (known, known)
        return (nodes[0], nodes[0]) if len(nodes) == 1 else None
    if not nodes:
        return None
    k = split(n)
    if m <= k:
        found = joined(m, k, nodes[:-1], known)
        return None if found is None else (found[0], node(found[1], nodes[-1]))
    found = joined(m - k, n - k, nodes[:-1], None)
    return None if found is None else (node(nodes[-1], found[0]), node(nodes[-1], found[1]))


def included(told: Inclusion) -> bool:
    """Say whether a verifier must accept it: a place in the tree, whole hashes, and the root."""
    if not 0 <= told.at < told.size or any(len(each) != 32 for each in (told.leaf, told.root, *told.path)):
        return False
    return climbed(told.at, told.size, told.leaf, told.path) == told.root


def consistent(told: Consistency) -> bool:
    """Say whether a verifier must accept it; the empty tree begins every tree, by an empty path."""
    if not 0 <= told.size1 <= told.size2 or any(len(each) != 32 for each in (told.root1, told.root2, *told.path)):
        return False
    if told.size1 == 0:
        return not told.path and told.root1 == mth([]) and (told.size2 > 0 or told.root2 == mth([]))
    return joined(told.size1, told.size2, told.path, told.root1) == (told.root1, told.root2)


# ---------------------------------------------------------------------------------------------------------- vectors


def broken_paths(nodes: tuple[bytes, ...], roots: Sequence[bytes]) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    """Give paths that were changed, and how."""
    yield "path cut at the end", nodes[:-1]
    yield "path cut at the beginning", nodes[1:]
    yield "another hash behind the path", (*nodes, OTHER)
    yield "another hash before the path", (OTHER, *nodes)
    yield "nothing behind the path", (*nodes, b"")
    yield "a root behind the path", (*nodes, roots[-1])
    yield "path in reverse", nodes[::-1]
    if nodes:
        yield "a flipped bit", (*nodes[:-1], bytes([nodes[-1][0] ^ 16]) + nodes[-1][1:])
        yield "a hash cut by a byte", (nodes[0][:31], *nodes[1:])
        yield "a hash twice", (nodes[0], *nodes)


def inclusions() -> Iterator[tuple[str, Inclusion]]:
    """Give proofs of inclusion, sound ones first, each with what was done to it."""
    sound = {
        (size, index): Inclusion(index, size, LEAVES[index], tuple(path(index, LEAVES[:size])), mth(LEAVES[:size]))
        for size, index in TREES
    }
    for (size, index), told in sound.items():
        yield f"{index} of {size}, sound", told
    leaf, empty = LEAVES[0], mth([])
    yield "no tree", Inclusion(0, 0, leaf, (), empty)
    yield "no tree, its root as leaf", Inclusion(0, 0, empty, (), empty)
    yield "a leaf that is no hash, and its own root", Inclusion(0, 1, b"", (), b"")
    yield "index before the first", Inclusion(-1, 2, leaf, (LEAVES[1],), mth(LEAVES[:2]))
    for (size, index), told in list(sound.items())[::-1]:
        name = f"{index} of {size}"
        for how, nodes in broken_paths(told.path, (told.root,)):
            yield f"{name}, {how}", told._replace(path=nodes)
        for other in (index + 1, index - 1, index ^ 2, size):
            yield f"{name}, index {other}", told._replace(at=other)
        for other in (size - 1, size * 2, size // 2, size + 1, -size):
            yield f"{name}, size {other}", told._replace(size=other)
        yield f"{name}, another leaf", told._replace(leaf=OTHER)
        yield f"{name}, another root", told._replace(root=OTHER)
        yield f"{name}, root that is no hash", told._replace(root=b"root")


def consistencies() -> Iterator[tuple[str, Consistency]]:
    """Give proofs of consistency, sound ones first, each with what was done to it."""
    sound = {
        (one, two): Consistency(one, two, tuple(proof(one, LEAVES[:two])), mth(LEAVES[:one]), mth(LEAVES[:two]))
        for one, two in PAIRS
    }
    for (one, two), told in sound.items():
        yield f"{one} to {two}, sound", told
    empty, three = mth([]), mth(LEAVES[:3])
    yield "nothing to nothing, sound", Consistency(0, 0, (), empty, empty)
    yield "nothing to three, sound", Consistency(0, 3, (), empty, three)
    yield "three to three, sound", Consistency(3, 3, (), three, three)
    yield "nothing to nothing, another root", Consistency(0, 0, (), OTHER, OTHER)
    yield "nothing to three, another first root", Consistency(0, 3, (), OTHER, three)
    yield "nothing to three, a path", Consistency(0, 3, (OTHER,), empty, three)
    yield "three to three, two roots", Consistency(3, 3, (), three, OTHER)
    yield "three to three, a path", Consistency(3, 3, (LEAVES[2],), three, three)
    for (one, two), told in list(sound.items())[::-1]:
        name = f"{one} to {two}"
        for how, nodes in broken_paths(told.path, (told.root1, told.root2)):
            yield f"{name}, {how}", told._replace(path=nodes)
        yield f"{name}, no path", told._replace(path=())
        yield f"{name}, first root before the path", told._replace(path=(told.root1, *told.path))
        for other in (one + 1, one - 1, one ^ 2, -one):
            yield f"{name}, from {other}", told._replace(size1=other)
        for other in (two * 2, two // 2):
            yield f"{name}, to {other}", told._replace(size2=other)
        yield f"{name}, roots swapped", told._replace(root1=told.root2, root2=told.root1)
        yield f"{name}, another first root", told._replace(root1=OTHER)
        yield f"{name}, second root that is no hash", told._replace(root2=b"root")


def spread(cases: list[Any]) -> list[Any]:
    """Choose so many cases, those that stand first whole and the others evenly."""
    unlike: dict[Any, str] = {}
    for name, told in cases:
        unlike.setdefault(told, name)  # what was changed to what it was before is no other case
    cases = [(name, told) for told, name in unlike.items()]
    first, rest = cases[:16], cases[16:]
    wanted = COUNT - len(first)
    return first + [rest[at * len(rest) // wanted] for at in range(wanted)]


def text(data: bytes) -> str:
    """Write bytes as base64."""
    return b64encode(data).decode()


def files() -> Iterator[tuple[str, str]]:
    """Give every file's name and text."""
    tables: dict[str, list[dict[str, Any]]] = {
        "inclusion": [
            {
                "desc": name, "leafIdx": told.at, "treeSize": told.size, "root": text(told.root),
                "leafHash": text(told.leaf), "proof": [*map(text, told.path)], "wantErr": not included(told),
            }
            for name, told in spread(list(inclusions()))
        ],
        "consistency": [
            {
                "desc": name, "size1": told.size1, "size2": told.size2, "root1": text(told.root1),
                "root2": text(told.root2), "proof": [*map(text, told.path)], "wantErr": not consistent(told),
            }
            for name, told in spread(list(consistencies()))
        ],
    }  # fmt: skip
    for name, cases in tables.items():
        lines = ",\n".join(json.dumps(case) for case in cases)
        yield f"{name}.json", f"[\n{lines}\n]\n"


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, data in files():
        (FOLDER / name).write_text(data, encoding="utf-8")


if __name__ == "__main__":
    main()
