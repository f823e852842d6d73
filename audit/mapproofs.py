"""Proofs that a subject stands, or does not stand, in the map of heads (event-format §5), and their checks.

A key's path through the map goes down by its bits, first bit first, and has exactly one end: the key's own, another
key's that collapsed there, or nothing. A proof holds that end and the siblings on the way, from the root down. Whoever
verifies takes the root from a `map.Rooted` that a signed checkpoint covers; a root out of the proof proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import Final

from audit import canonical
from audit.canonical import INTEGER_MAX, JsonObject, JsonValue
from audit.errors import ProofError

__all__ = [
    "EMPTY",
    "HASH_BYTES",
    "KEY_BITS",
    "MapProof",
    "OtherEnd",
    "ProofError",
    "bits_of",
    "end_hash",
    "inner_hash",
    "map_key",
    "map_value",
    "verify_absence",
    "verify_presence",
]

HASH_BYTES: Final = 32
KEY_BITS: Final = 8 * HASH_BYTES
EMPTY: Final = bytes(HASH_BYTES)
"""The hash of a subtree without keys."""

_KEY: Final = b"ledger-map-key/v1\x00"
_END: Final = b"\x02"
_INNER: Final = b"\x03"
_HASH_TEXT = re.compile(r"[0-9a-f]{64}")
_BITMAP_TEXT = re.compile(r"(?:[0-9a-f]{2}){0,32}")
_BITS = tuple(tuple(byte >> (7 - place) & 1 for place in range(8)) for byte in range(256))


def map_key(subject: str) -> bytes:
    """Return the key of a subject, SHA-256(`ledger-map-key/v1` ‖ 0x00 ‖ subject)."""
    return sha256(_KEY + subject.encode()).digest()


def map_value(seq: int, leaf: str) -> bytes:
    """Return the value of a subject whose last event has this `seq` and leaf (64 hex)."""
    return sha256(canonical.encode([seq, leaf])).digest()


def end_hash(key: bytes, value: bytes) -> bytes:
    """Return SHA-256(0x02 ‖ key ‖ value), to which a subtree of one key collapses."""
    return sha256(_END + key + value).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x03 ‖ left ‖ right)."""
    return sha256(_INNER + left + right).digest()


def bits_of(key: bytes) -> Iterator[int]:
    """Yield the bits of a key, first bit first: 0 leads left, 1 right."""
    return chain.from_iterable(map(_BITS.__getitem__, key))


@dataclass(frozen=True, slots=True)
class OtherEnd:
    """The end of another key, which alone stands below where the sought key's path ends."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class MapProof:
    """Where a subject's path ends: at its own end (`present`), at another's (`other`), or at nothing.

    `siblings` are the hashes beside the path, from the root down, one for each inner node on it, `EMPTY` where nothing
    stands beside.
    """

    siblings: tuple[bytes, ...]
    present: bool
    other: OtherEnd | None = None

    def to_json(self) -> JsonObject:
        """Return the proof in JSON: `{depth, end, filled, siblings}`, hashes in hex.

        `filled` is a bitmap in hex, first bit first, of the siblings that are not empty; only these are listed. `end`
        is `"own"`, `"empty"`, or `{key, value}` of the other end.
        """
        filled = [sibling != EMPTY for sibling in self.siblings]
        end: JsonValue = "own" if self.present else "empty"
        if self.other is not None:
            end = {"key": self.other.key.hex(), "value": self.other.value.hex()}
        return {
            "depth": len(self.siblings),
            "end": end,
            "filled": _bitmap(filled).hex(),
            "siblings": [sibling.hex() for sibling in self.siblings if sibling != EMPTY],
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> MapProof:
        """Read exactly what `to_json` writes. Raises ProofError with code `map_proof_malformed`."""
        match value:
            case {"depth": int(depth), "end": end, "filled": str(filled), "siblings": [*hashes], **rest} if not rest:
                present, other = _read_end(end)
                return cls(_read_siblings(depth, filled, hashes), present, other)
        raise ProofError("This is no proof of the map.", code="map_proof_malformed")


def verify_presence(root: bytes, subject: str, seq: int, leaf: str, proof: MapProof) -> None:
    """Check that the map of this root holds the subject with this head, so that no event of it is missing.

    Raises ProofError with code `map_head` for a head that cannot be, `map_proof_kind` for a proof of absence,
    `map_proof_malformed`, or `map_proof_root`.
    """
    if not 1 <= seq <= INTEGER_MAX or not _HASH_TEXT.fullmatch(leaf):
        raise ProofError("This is no head of a subject.", code="map_head", subject=subject)
    if not proof.present:
        raise ProofError("The proof says that the subject is absent.", code="map_proof_kind", subject=subject)
    key = map_key(subject)
    _check_shape(proof)
    _climb(root, key, end_hash(key, map_value(seq, leaf)), proof.siblings)


def verify_absence(root: bytes, subject: str, proof: MapProof) -> None:
    """Check that the map of this root holds nothing of the subject.

    Raises ProofError with code `map_proof_kind` for a proof of presence, `map_proof_end` if the other end does not
    stand on the subject's path or is its own, `map_proof_malformed`, or `map_proof_root`.
    """
    if proof.present:
        raise ProofError("The proof says that the subject is present.", code="map_proof_kind", subject=subject)
    key = map_key(subject)
    _check_shape(proof)
    end = EMPTY
    if proof.other is not None:
        shared = KEY_BITS - (int.from_bytes(key, "big") ^ int.from_bytes(proof.other.key, "big")).bit_length()
        if not len(proof.siblings) <= shared < KEY_BITS:
            raise ProofError("The other end does not stand on the path.", code="map_proof_end", subject=subject)
        end = end_hash(proof.other.key, proof.other.value)
    _climb(root, key, end, proof.siblings)


def _check_shape(proof: MapProof) -> None:
    """Refuse what no map has: a hash of another length, a path without end, a subtree that should have collapsed."""
    other = () if proof.other is None else (proof.other.key, proof.other.value)
    if any(len(each) != HASH_BYTES for each in (*proof.siblings, *other)) or (proof.present and other):
        raise ProofError("This is no proof of the map.", code="map_proof_malformed")
    if len(proof.siblings) > KEY_BITS or proof.siblings[-1:] == (EMPTY,):
        raise ProofError("No path of a map ends like this.", code="map_proof_malformed", depth=len(proof.siblings))


def _climb(root: bytes, key: bytes, end: bytes, siblings: Sequence[bytes]) -> None:
    node = end
    turns = list(zip(bits_of(key), siblings, strict=False))
    for bit, sibling in reversed(turns):
        node = inner_hash(sibling, node) if bit else inner_hash(node, sibling)
    if node != root:
        raise ProofError("The path does not lead to the root of the map.", code="map_proof_root", depth=len(siblings))


def _bitmap(flags: Sequence[bool]) -> bytes:
    size = -(-len(flags) // 8)
    number = int("".join("01"[flag] for flag in flags).ljust(8 * size, "0") or "0", 2)
    return number.to_bytes(size, "big")


def _read_siblings(depth: int, filled_text: str, hashes: Sequence[JsonValue]) -> tuple[bytes, ...]:
    texts = [text for text in hashes if isinstance(text, str) and _HASH_TEXT.fullmatch(text)]
    if not 0 <= depth <= KEY_BITS or isinstance(depth, bool) or not _BITMAP_TEXT.fullmatch(filled_text):
        raise ProofError("This is no proof of the map.", code="map_proof_malformed")
    flags = [bit == 1 for bit in bits_of(bytes.fromhex(filled_text))][:depth]
    if _bitmap(flags).hex() != filled_text or len(flags) != depth or not sum(flags) == len(texts) == len(hashes):
        raise ProofError("The siblings do not fit their bitmap.", code="map_proof_malformed")
    given = iter(texts)
    siblings = tuple(bytes.fromhex(next(given)) if flag else EMPTY for flag in flags)
    if siblings.count(EMPTY) != depth - len(texts):
        raise ProofError("An empty sibling is not listed.", code="map_proof_malformed")
    return siblings


def _read_end(end: JsonValue) -> tuple[bool, OtherEnd | None]:
    match end:
        case "own" | "empty":
            return end == "own", None
        case {"key": str(key), "value": str(value), **rest} if not rest:
            if _HASH_TEXT.fullmatch(key) and _HASH_TEXT.fullmatch(value):
                return False, OtherEnd(bytes.fromhex(key), bytes.fromhex(value))
    raise ProofError("This is no end of a path.", code="map_proof_malformed")
