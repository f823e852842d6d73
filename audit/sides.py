"""One side of a contradiction: what a log signed, with what leads from its signature to what is said by it.

A log signs a checkpoint; the checkpoint holds a map root; the map holds the length of each subject's chain and the leaf
at its end; each header holds the leaf before it. A receipt is signed by another key of the log, which the chain of the
stream `ledger` names: a side with a receipt carries that chain, under a checkpoint, whole (adr/0018).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from audit import canonical
from audit.base64text import encode_standard
from audit.canonical import INTEGER_MAX
from audit.checkpoints import Receipt
from audit.errors import ContradictionInvalid, NoteError
from audit.events import body_digest, read_body, read_header
from audit.heads import Head, open_head, origin_of
from audit.histories import read_histories
from audit.logproofs import PATH_MAX
from audit.mapproofs import MapProof, verify_absence, verify_presence
from audit.merkle import leaf_hash, verify_inclusion
from audit.names import check_subject, subject_of
from audit.note import ED25519, Verifier, parse_vkey
from audit.receiptproofs import open_receipt

__all__ = [
    "KEY_EVENTS", "LEAVES_MAX", "LEDGER", "Side", "Statement", "Told", "read_hash", "read_hashes", "read_side",
    "receipt_key",
]  # fmt: skip

Side = dict[str, Any]
"""JSON of one of these forms, hashes in hex; those of receipts also have `key`: the second form, with `bodies`.

`{checkpoint}` · `{checkpoint, headers, proof, root, subject}` · `{checkpoint, header, path}` ·
`{checkpoint, first, leaves, paths}` · `{receipt}` · `{receipt, index, leaf, path}`
"""

LEAVES_MAX: Final = 4_096
LEDGER: Final = "ledger"
KEY_EVENTS: Final = frozenset({"ledger.Opened", "ledger.KeyRotated"})
"""Events whose bodies name the keys of a ledger."""

_HASH = re.compile(r"[0-9a-f]{64}")


class Told(NamedTuple):
    """An event as a log signed it: where it stands, its leaf, and its number in its subject's chain where that is."""

    position: int
    leaf: bytes
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a log signed: a tree or a save, of a subject how long its chain was, and some events."""

    origin: str
    head: Head | None = None
    receipt: Receipt | None = None
    subject: str | None = None
    length: int = 0
    events: tuple[Told, ...] = ()

    @property
    def bare(self) -> bool:
        """Say whether it is a checkpoint and nothing else."""
        return self.receipt is None and self.subject is None and not self.events

    def line(self) -> str:
        """Give it as one line for people: size and root, or positions and root."""
        if self.receipt is not None:
            last = self.receipt.first + self.receipt.count - 1
            return f"receipt {self.receipt.first}-{last} {encode_standard(self.receipt.root)}"
        return "" if self.head is None else f"{self.head.size} {encode_standard(self.head.root)}"


def read_side(side: Side, log: Iterable[Verifier]) -> Statement:
    """Check one side against the keys of logs; those of its own origin count.

    Raises NoteError where the log did not sign it, ProofError where it does not lead to what was signed, and
    ContradictionInvalid `contradiction_malformed`.
    """
    try:
        return _receipt(side, list(log)) if "receipt" in side else _tree(side, list(log))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContradictionInvalid("This is no side of a contradiction.") from error


def read_hash(value: object) -> bytes:
    """Read a hash in hex. Raises ValueError."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ValueError
    return bytes.fromhex(value)


def read_hashes(value: object, most: int = PATH_MAX) -> tuple[bytes, ...]:
    """Read a list of so many hashes in hex at the most. Raises ValueError."""
    if not isinstance(value, list) or len(value) > most:
        raise ValueError
    return tuple(map(read_hash, value))


# ---------------------------------------------------------------------------------------------- under a checkpoint


def _tree(side: Side, log: Sequence[Verifier]) -> Statement:
    note = side["checkpoint"]
    origin = origin_of(note)
    head = open_head(note, [key for key in log if key.name == origin])
    match sorted(side.keys()):
        case ["checkpoint"]:
            return Statement(origin, head)
        case ["checkpoint", "header", "path"]:
            told = _event(side["header"], origin)
            _check_place(head, told, read_hashes(side["path"]))
            return Statement(origin, head, events=(told._replace(seq=None),))
        case ["checkpoint", "first", "leaves", "paths"]:
            return Statement(origin, head, events=_leaves(side, head))
        case ["checkpoint", "headers", "proof", "root", "subject"]:
            return _of_subject(side, head)
    raise ValueError


def _check_place(head: Head, told: Told, path: Sequence[bytes]) -> None:
    verify_inclusion(told.leaf, told.position - 1, head.size, path, head.root)


def _leaves(side: Side, head: Head) -> tuple[Told, ...]:
    """Check leaves that follow one another from a position on, each by its own path."""
    first, leaves, paths = side["first"], read_hashes(side["leaves"], LEAVES_MAX), side["paths"]
    if type(first) is not int or not 1 <= first <= INTEGER_MAX or not leaves:
        raise ValueError
    events = tuple(Told(first + at, leaf) for at, leaf in enumerate(leaves))
    for told, path in zip(events, paths, strict=True):
        _check_place(head, told, read_hashes(path))
    return events


def _of_subject(side: Side, head: Head) -> Statement:
    """Check a subject's chain, or its absence, under the map that is the checkpoint's last leaf."""
    map_root = _map_root(side["root"], head)
    subject, headers = check_subject(side["subject"]), side["headers"]
    proof = MapProof.from_json(side["proof"])
    if not headers:
        verify_absence(map_root, subject, proof)
        return Statement(head.origin, head, subject=subject)
    events = _chain(headers, head.origin, subject)
    last = events[-1]
    verify_presence(map_root, subject, last.seq or 0, last.leaf.hex(), proof)
    return Statement(head.origin, head, subject=subject, length=last.seq or 0, events=events)


def _map_root(value: Any, head: Head) -> bytes:  # noqa: ANN401 - JSON, refused by its errors
    header_data, body_data = canonical.encode(value["header"]), canonical.encode(value["body"])
    header, body, size = read_header(header_data), read_body(body_data), head.size
    fits = (header.type, header.stream, header.ledger, header.position) == ("map.Rooted", "map", head.origin, size)
    if not fits or body["found"]["size"] != size - 1 or header.body != body_digest(body_data):
        raise ValueError
    _check_place(head, Told(size, leaf_hash(header_data)), read_hashes(value["path"]))
    return bytes.fromhex(body["found"]["root"])


def _chain(headers: Sequence[Any], origin: str, subject: str) -> tuple[Told, ...]:
    events: list[Told] = []
    for value in headers:
        data = canonical.encode(value)
        header, told = read_header(data), _event(value, origin)
        linked = not events or (header.prev, header.seq) == (events[-1].leaf.hex(), (events[-1].seq or 0) + 1)
        if not linked or subject_of(header.stream) != subject:
            raise ValueError
        events.append(told)
    return tuple(events)


def _event(value: Any, origin: str) -> Told:  # noqa: ANN401 - JSON, refused by its errors
    data = canonical.encode(value)
    header = read_header(data)
    if header.ledger != origin:
        raise ValueError
    return Told(header.position, leaf_hash(data), header.seq)


# -------------------------------------------------------------------------------------------------- under a receipt


def _receipt(side: Side, log: Sequence[Verifier]) -> Statement:
    """Check a receipt, and a leaf of its save if it names one; of a save of one event the root is the leaf."""
    receipt = Receipt.parse(side["receipt"].rpartition("\n\n")[0] + "\n")
    receipt = open_receipt(side["receipt"], receipt_key(side["key"], receipt, log))
    match sorted(side.keys()):
        case ["key", "receipt"]:
            events = (Told(receipt.first, receipt.root),) if receipt.count == 1 else ()
        case ["index", "key", "leaf", "path", "receipt"]:
            index, leaf = side["index"], read_hash(side["leaf"])
            if type(index) is not int:
                raise ValueError
            verify_inclusion(leaf, index, receipt.count, read_hashes(side["path"]), receipt.root)
            events = (Told(receipt.first + index, leaf),)
        case _:
            raise ValueError
    return Statement(receipt.origin, receipt=receipt, events=events)


def receipt_key(key: Mapping[str, Any], receipt: Receipt, log: Iterable[Verifier]) -> Verifier:
    """Give the key that a ledger's own chain says was in force for the save of a receipt (event-format §5).

    The chain is whole from its first event to its head under a checkpoint that covers all before the save, so that no
    rotation in between can be left out. Raises as `read_side`, and NoteError `receipt_key` where it names no such key.
    """
    try:
        return _key_in_force(key, receipt, list(log))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContradictionInvalid("This is no chain of a ledger that names its keys.") from error


def _key_in_force(key: Mapping[str, Any], receipt: Receipt, log: Sequence[Verifier]) -> Verifier:
    chain, bodies = {name: value for name, value in key.items() if name != "bodies"}, key["bodies"]
    told = _tree(chain, log)
    if told.subject != LEDGER or told.origin != receipt.origin or told.head is None or not told.events:
        raise ValueError
    if told.events[0][::2] != (1, 1) or told.head.size < receipt.first - 1:
        raise NoteError("The chain does not say which key was in force.", code="receipt_key")
    by_digest = {body_digest(data): data for data in map(canonical.encode, bodies)}
    wanted: list[tuple[int, bytes, bytes]] = []
    for value in chain["headers"]:
        header = read_header(data := canonical.encode(value))
        if header.type in KEY_EVENTS:
            wanted.append((header.position, data, by_digest[header.body]))
    if len(bodies) != len(wanted):
        raise ValueError
    keys = read_histories(receipt.origin, wanted).context.receipts
    before = bisect_left([after for after, _ in keys], receipt.first)
    if not before:
        raise NoteError("The chain names no key of receipts.", code="receipt_key")
    return parse_vkey(keys[before - 1][1], (ED25519,))
