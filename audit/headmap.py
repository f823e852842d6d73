"""The map of subjects' heads, whose root says that nothing was left out (event-format §5).

Key = SHA-256(`ledger-map-key/v1` ‖ 0x00 ‖ subject), value = SHA-256(canonical `[seq, leaf]`) of its last event. A
subtree of one key collapses to SHA-256(0x02 ‖ key ‖ value), so a key's path has exactly one end; an inner node is
SHA-256(0x03 ‖ left ‖ right). What a verifier needs of it alone is in `audit.mapproofs`; docs/adr/0007 says why the
map lies flat in memory and as a whole in a file.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import BinaryIO, Final

from audit.errors import MapFileDamaged, ProofError
from audit.mapproofs import (
    EMPTY,
    HASH_BYTES,
    KEY_BITS,
    MapProof,
    OtherEnd,
    bits_of,
    map_key,
    map_value,
    verify_absence,
    verify_presence,
)

__all__ = [
    "EMPTY",
    "SUBJECTS_MAX",
    "HeadMap",
    "MapFileDamaged",
    "MapProof",
    "OtherEnd",
    "map_key",
    "map_root",
    "map_value",
    "verify_absence",
    "verify_presence",
]

SUBJECTS_MAX: Final = 2**30
"""Ends that a reference of 32 bits can tell apart, with the inner nodes above them."""

_END: Final = b"\x02"
_INNER: Final = b"\x03"
_MAGIC: Final = b"ledger-headmap/v1\n"
_COUNTS: Final = struct.Struct(">QQQ")  # ends, slots, positions covered
_REFERENCE: Final = "i"
_REFERENCE_BYTES: Final = 4

_Head = tuple[str, int, str]
_Stale = list[set[int]]
"""Inner nodes whose hash is to be worked out again, by depth."""


def map_root(heads: Mapping[str, tuple[int, str]]) -> bytes:
    """Return the root over subjects' heads (seq, leaf in hex); no subject gives 32 zero bytes."""
    return HeadMap((subject, seq, leaf) for subject, (seq, leaf) in heads.items()).root()


class HeadMap:
    """A map that grows. Heads are (subject, seq, leaf in hex); of several for one subject the last counts.

    About 125 bytes a subject: ends and inner nodes are numbered, and lie in flat memory by their number. A reference is
    0 for nothing, r > 0 for inner node r, r < 0 for end ~r; the children of node r stand in slots 2r and 2r + 1, the
    root in slot 0. Between two calls every hash holds. One writer, or readers only: it locks nothing.
    """

    __slots__ = ("_children", "_hashes", "_keys", "_values", "covered")

    covered: int
    """How many positions of the log the heads were taken from: its keeper's note, dumped and loaded with the map."""

    def __init__(self, heads: Iterable[_Head] = ()) -> None:
        self.covered = 0
        self._keys = bytearray()
        self._values = bytearray()
        self._children = array(_REFERENCE, (0, 0))
        self._hashes = bytearray(HASH_BYTES)  # of inner nodes; there is no node 0
        self.update(heads)

    @property
    def count(self) -> int:
        """Number of subjects."""
        return len(self._keys) // HASH_BYTES

    def root(self) -> bytes:
        """Return the root over all heads so far."""
        return bytes(self._hash(self._children[0]))

    def set(self, subject: str, seq: int, leaf: str) -> None:
        """Put one subject's head, new or moved; `update` is cheaper for several."""
        self.update(((subject, seq, leaf),))

    def update(self, heads: Iterable[_Head]) -> None:
        """Put the heads of a batch, new or moved, and work out each inner hash above them once.

        An empty map is built at once from heads in any order. Raises CanonicalError for a head that has no value,
        ProofError with code `map_full`, and whatever `heads` raises, before anything is changed.
        """
        if not self._keys:
            self._build(_sorted_ends(heads))
            return
        ends = [(map_key(subject), map_value(seq, leaf)) for subject, seq, leaf in heads]
        _check_count(self.count + len(ends))
        stale: _Stale = []
        for key, value in ends:
            self._put(key, value, stale)
        children, hashes, hash_of = self._children, self._hashes, self._hash
        for nodes in reversed(stale):
            for node in nodes:
                digest = sha256(_INNER + hash_of(children[2 * node]) + hash_of(children[2 * node + 1])).digest()
                hashes[node * HASH_BYTES : (node + 1) * HASH_BYTES] = digest

    def prove(self, subject: str) -> MapProof:
        """Prove that the subject stands in the map of the present root with its head, or does not stand in it."""
        key, children = map_key(subject), self._children
        bits, slot, siblings = bits_of(key), 0, []
        while (reference := children[slot]) > 0:
            slot = 2 * reference + next(bits)
            siblings.append(bytes(self._hash(children[slot ^ 1])))
        if not reference:
            return MapProof(tuple(siblings), present=False)
        found, value = self._end(~reference)
        if found == key:
            return MapProof(tuple(siblings), present=True)
        return MapProof(tuple(siblings), present=False, other=OtherEnd(found, value))

    def dump(self, file: BinaryIO) -> None:
        """Write the whole map with its inner nodes, `covered` and a checksum.

        Layout: magic, three counts, SHA-256 of these; keys, values, children (little-endian), hashes; SHA-256 of all.
        The caller makes the file whole on the disk (a new file, fsync, rename).
        """
        head = _MAGIC + _COUNTS.pack(self.count, len(self._children), self.covered)
        checksum = sha256()
        for part in (head, sha256(head).digest(), self._keys, self._values, _little(self._children), self._hashes):
            checksum.update(part)
            file.write(part)
        file.write(checksum.digest())

    @classmethod
    def load(cls, file: BinaryIO) -> HeadMap:
        """Read what `dump` wrote, to the end of the file.

        Raises MapFileDamaged with code `map_file_format` for another kind of file, `map_file_damaged` for one that is
        cut or changed. The checksum finds accidents, not intent: hold `root()` against the last `map.Rooted`.
        """
        head = file.read(len(_MAGIC) + _COUNTS.size)
        if not head.startswith(_MAGIC):
            raise MapFileDamaged("This is no file of a map of heads.", code="map_file_format")
        told = file.read(HASH_BYTES)
        if len(head) != len(_MAGIC) + _COUNTS.size or told != sha256(head).digest():
            raise MapFileDamaged("The head of the map's file is damaged.")
        ends, slots, covered = _COUNTS.unpack(head[len(_MAGIC) :])
        if ends > SUBJECTS_MAX or slots & 1 or not 0 < slots < 2**32:
            raise MapFileDamaged("The map's file is larger than a map can be.", ends=ends, slots=slots)
        read = cls()
        read.covered = covered
        read._keys, read._values = bytearray(ends * HASH_BYTES), bytearray(ends * HASH_BYTES)
        read._children = array(_REFERENCE, bytes(slots * _REFERENCE_BYTES))
        read._hashes = bytearray(slots // 2 * HASH_BYTES)
        checksum = sha256(head + told)
        for part in (read._keys, read._values, read._children, read._hashes):
            view = memoryview(part).cast("B")
            _fill(file, view)
            checksum.update(view)
            view.release()
        if file.read(HASH_BYTES + 1) != checksum.digest():
            raise MapFileDamaged("The map's file does not fit its checksum.")
        if sys.byteorder == "big":
            read._children.byteswap()
        return read

    def _hash(self, reference: int) -> bytes | bytearray:
        if reference > 0:
            return self._hashes[reference * HASH_BYTES : (reference + 1) * HASH_BYTES]
        if reference < 0:
            start = ~reference * HASH_BYTES
            stop = start + HASH_BYTES
            return sha256(_END + self._keys[start:stop] + self._values[start:stop]).digest()
        return EMPTY

    def _end(self, number: int) -> tuple[bytes, bytes]:
        span = slice(number * HASH_BYTES, (number + 1) * HASH_BYTES)
        return bytes(self._keys[span]), bytes(self._values[span])

    def _new_end(self, key: bytes, value: bytes) -> int:
        """Add an end and return its reference."""
        reference = ~self.count
        self._keys += key
        self._values += value
        return reference

    def _new_inner(self, left: int, right: int, digest: bytes) -> int:
        """Add an inner node and return its reference."""
        reference = len(self._children) // 2
        self._children.append(left)
        self._children.append(right)
        self._hashes += digest
        return reference

    def _put(self, key: bytes, value: bytes, stale: _Stale) -> None:
        """Put an end under its key, noting by depth the inner nodes whose hash is stale by it."""
        children, bits = self._children, bits_of(key)
        slot = depth = 0
        while (reference := children[slot]) > 0:
            if depth == len(stale):
                stale.append(set())
            stale[depth].add(reference)
            slot = 2 * reference + next(bits)
            depth += 1
        if not reference:
            children[slot] = self._new_end(key, value)
            return
        start = ~reference * HASH_BYTES
        there = self._keys[start : start + HASH_BYTES]
        if there == key:
            self._values[start : start + HASH_BYTES] = value
            return
        for level in range(depth, _shared_bits(key, there) + 1):
            if level == len(stale):
                stale.append(set())
            children[slot] = node = self._new_inner(0, 0, EMPTY)
            stale[level].add(node)
            slot = 2 * node + next(bits)
        children[slot] = self._new_end(key, value)
        children[slot ^ 1] = reference

    def _build(self, ends: Iterable[tuple[bytes, bytes]]) -> None:
        """Build an empty map from ends in the order of their keys, each inner node as soon as it has both children.

        Left children wait on a stack, with their depth, for what stands right of them.
        """
        waiting: list[tuple[int, int, bytes]] = []
        before = -1  # bits that a key shares with the one before it; the collapsed end stands one below
        for key, value, after in _with_shared(ends):
            depth = max(before, after) + 1
            node, digest = self._new_end(key, value), sha256(_END + key + value).digest()
            while depth > after + 1:
                depth -= 1
                if not key[depth >> 3] >> (7 - (depth & 7)) & 1:
                    children, parts = (node, 0), digest + EMPTY
                elif waiting and waiting[-1][0] == depth + 1:
                    _, left, left_digest = waiting.pop()
                    children, parts = (left, node), left_digest + digest
                else:
                    children, parts = (0, node), EMPTY + digest
                digest = sha256(_INNER + parts).digest()
                node = self._new_inner(*children, digest)
            waiting.append((depth, node, digest))
            before = after
        if waiting:
            self._children[0] = waiting.pop()[1]


def _sorted_ends(heads: Iterable[_Head]) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values in the order of the keys, the last value of each; all heads are read before the first.

    They wait in 256 flat buckets by their first byte, so that only one bucket at a time is made of objects.
    """
    buckets = [bytearray() for _ in range(256)]
    for subject, seq, leaf in heads:
        key = map_key(subject)
        buckets[key[0]] += key + map_value(seq, leaf)
    _check_count(sum(map(len, buckets)) // (2 * HASH_BYTES))
    for first in range(256):
        bucket, buckets[first] = bytes(buckets[first]), bytearray()
        ends = range(0, len(bucket), 2 * HASH_BYTES)
        last = {bucket[i : i + HASH_BYTES]: bucket[i + HASH_BYTES : i + 2 * HASH_BYTES] for i in ends}
        yield from sorted(last.items())


def _with_shared(ends: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes, int]]:
    """Add to each end how many bits its key shares with the next one's; -1 to the last."""
    held = None
    for end in ends:
        if held is not None:
            yield *held, _shared_bits(held[0], end[0])
        held = end
    if held is not None:
        yield *held, -1


def _check_count(count: int) -> None:
    if count > SUBJECTS_MAX:
        raise ProofError("A map holds no more subjects.", code="map_full", subjects_max=SUBJECTS_MAX)


def _shared_bits(key: bytes | bytearray, other: bytes | bytearray) -> int:
    """Return how many bits two different keys share before they part."""
    return KEY_BITS - (int.from_bytes(key, "big") ^ int.from_bytes(other, "big")).bit_length()


def _little(references: array[int]) -> array[int]:
    if sys.byteorder == "little":
        return references
    swapped = array(_REFERENCE, references)
    swapped.byteswap()
    return swapped


def _fill(file: BinaryIO, view: memoryview) -> None:
    """Read exactly as much as the view holds; `read` may give less at a time."""
    start = 0
    while start < len(view):
        piece = file.read(min(len(view) - start, 1 << 20))
        if not piece:
            raise MapFileDamaged("The map's file is cut off.")
        view[start : start + len(piece)] = piece
        start += len(piece)
