"""The map of heads as event-format §5 writes it: one recursion over all keys, to be held against the compact one."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

Items = list[tuple[bytes, bytes]]


def items_of(heads: Mapping[str, tuple[int, str]]) -> Items:
    """Work out keys and values from the letters of the format."""
    return [
        (
            sha256(b"ledger-map-key/v1\x00" + subject.encode()).digest(),
            sha256(f'[{seq},"{leaf}"]'.encode()).digest(),
        )
        for subject, (seq, leaf) in heads.items()
    ]


def parted(items: Items, depth: int) -> tuple[Items, Items]:
    """Part the items by one bit of their keys."""
    sides: tuple[Items, Items] = ([], [])
    for item in items:
        sides[int.from_bytes(item[0], "big") >> (255 - depth) & 1].append(item)
    return sides


def root_of(items: Items, depth: int = 0) -> bytes:
    """Work out the hash of the subtree of these items."""
    if not items:
        return bytes(32)
    if len(items) == 1:
        return sha256(b"\x02" + items[0][0] + items[0][1]).digest()
    left, right = parted(items, depth)
    return sha256(b"\x03" + root_of(left, depth + 1) + root_of(right, depth + 1)).digest()


def path_of(items: Items, key: bytes, depth: int = 0) -> tuple[list[bytes], Items]:
    """Give the siblings on the way to a key, from the root down, and the one item or none that stands at its end."""
    if len(items) < 2:
        return [], items
    sides = parted(items, depth)
    bit = int.from_bytes(key, "big") >> (255 - depth) & 1
    siblings, end = path_of(sides[bit], key, depth + 1)
    return [root_of(sides[1 - bit], depth + 1), *siblings], end
