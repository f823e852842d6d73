"""What a verification carries from page to page, kept in a file, so that a later one goes on behind its last position.

The checksum finds accidents, not intent: whoever can change the file can claim what he likes of the events behind it.
It belongs to the verifier, out of the reach of whoever keeps the ledger.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO, Final

from audit.errors import MapFileDamaged, ProofError, StateRefused
from audit.headmap import HeadMap
from audit.merkle import HASH_BYTES, Frontier, leaf_hash
from audit.note import Checkpoint
from audit.pages import Context, EventRow
from audit.verdicts import Verdict

__all__ = ["PLAIN_BYTES_MAX", "Retraced", "State"]

PLAIN_BYTES_MAX: Final = 2**33
"""Bytes of the tables before they are packed: of some 40 million events."""
_MAGIC: Final = b"ledger-verified/v3\n"
_LENGTHS: Final = struct.Struct(">QQ")  # of the packed tables, of the plain ones
_LEVEL: Final = 1
"""zlib's quickest: hashes do not pack anyway."""


@dataclass(frozen=True, slots=True)
class State:
    """All that was learnt of a sound log of `size` events; members as in `audit.whole.Whole` and `audit.standing`.

    `compromised` maps keys to the times since which they were reported compromised then; `signatures` says whether
    signatures were checked, or the structure alone.
    """

    origin: str
    size: int
    tree: bytes
    signatures: bool
    compromised: Mapping[str, str]
    recorded: str
    versions: Mapping[str, int]
    heads: Mapping[str, tuple[int, str]]
    moved: Sequence[str]
    roots: Sequence[int]
    map: HeadMap
    sources: Sequence[tuple[int, int]]
    commands: Sequence[int]
    cited: Sequence[str]
    numbers: Mapping[str, Sequence[object]]
    agents: Mapping[str, tuple[str | None, int]]
    ended: Mapping[str, list[int]]
    keys: Sequence[int]
    tallies: Mapping[str, int]
    counts: Mapping[str, int]
    kept: Mapping[str, int]
    verdicts: Sequence[Verdict]

    @property
    def root(self) -> bytes:
        """The root of the tree over the events."""
        return Frontier.from_bytes(self.size, self.tree).root()

    def check_fits(self, context: Context, size: int, *, signatures: bool) -> None:
        """Check that a verification of a log of `size` events under a context may rest on this.

        Raises StateRefused: `state_of_another`, `state_scope` (signatures were checked then and shall not be now, or
        the other way round), `state_log_differs` (the log is shorter), `state_contested` (a key that signed then was
        since reported compromised from a time before: what it signed must be looked at again, if signatures are).
        """
        if self.origin != context.origin:
            raise StateRefused("The state is of another ledger.", code="state_of_another", origin=self.origin)
        if self.signatures != signatures:
            raise StateRefused("The state is of a verification of another scope.", code="state_scope")
        if self.size > size:
            raise StateRefused("The log is shorter than when it was verified.", code="state_log_differs", size=size)
        for name, key in context.keys.items() if signatures else ():
            since = key.compromised_since
            if since is None or since > self.recorded or key.registered > self.size:
                continue
            if self.compromised.get(name) != since:
                raise StateRefused("A key was reported compromised since.", code="state_contested", key=name)

    # ------------------------------------------------------------------------------------------------ its file

    def dump(self, file: BinaryIO) -> None:
        """Write it: magic, two lengths, SHA-256 of these and of the packed tables; these; the map as it dumps itself.

        The caller makes the file whole on the disk (a new file, fsync, rename).
        """
        tables = {name: getattr(self, name) for name in self.__slots__ if name not in {"map", "tree"}}
        tables |= {"tree": self.tree.hex(), "root": self.root.hex(), "map_root": self.map.root().hex()}
        plain = json.dumps(tables, ensure_ascii=False, separators=(",", ":")).encode()
        packed = zlib.compress(plain, _LEVEL)
        head = _MAGIC + _LENGTHS.pack(len(packed), len(plain))
        file.write(head + sha256(head + packed).digest() + packed)
        self.map.dump(file)

    @classmethod
    def load(cls, file: BinaryIO) -> State:
        """Read what `dump` wrote, to the end of the file.

        Raises StateRefused: `state_format` for another kind or version of file, `state_damaged` for one that is cut or
        changed.
        """
        head = file.read(len(_MAGIC) + _LENGTHS.size)
        if not head.startswith(_MAGIC):
            raise StateRefused("This is no state of a verification that this program reads.", code="state_format")
        told = file.read(HASH_BYTES)
        packed_bytes, plain_bytes = _LENGTHS.unpack(head[len(_MAGIC) :]) if len(told) == HASH_BYTES else (0, 0)
        if max(packed_bytes, plain_bytes) > PLAIN_BYTES_MAX:
            raise StateRefused("The state is larger than any is.", bytes=plain_bytes)
        packed = file.read(packed_bytes)
        if sha256(head + packed).digest() != told:
            raise StateRefused("The state does not fit its checksum.")
        try:
            plain = zlib.decompressobj().decompress(packed, plain_bytes + 1)
            return cls._read(json.loads(plain), HeadMap.load(file))
        except (zlib.error, ValueError, KeyError, TypeError, ProofError, MapFileDamaged) as wrong:
            raise StateRefused("The state's tables are damaged.") from wrong

    @classmethod
    def _read(cls, tables: dict[str, Any], heads: HeadMap) -> State:
        root, map_root = tables.pop("root"), tables.pop("map_root")
        tables["tree"] = bytes.fromhex(tables["tree"])
        tables["heads"] = {subject: (seq, leaf) for subject, (seq, leaf) in tables["heads"].items()}
        tables["agents"] = {agent: (party, at) for agent, (party, at) in tables["agents"].items()}
        tables["sources"] = [(name, stream) for name, stream in tables["sources"]]
        tables["verdicts"] = [Verdict(*each) for each in tables["verdicts"]]
        state = cls(map=heads, **tables)
        if state.root.hex() != root or heads.root().hex() != map_root:
            raise StateRefused("The state's tree or map is not the one it names.")
        return state


class Retraced:
    """Follows again the events of a log that was verified before: every row is the one it was then.

    `checkpoints` are held against the tree on the way; `differing` are the sizes of those that are not of this tree.
    """

    def __init__(self, state: State, checkpoints: Iterable[Checkpoint] = ()) -> None:
        self._state = state
        self._known = {each.size: each.root for each in checkpoints}
        self._tree = Frontier()
        self.differing: list[int] = []

    def add(self, rows: Iterable[EventRow]) -> bytes:
        """Take in the next events; gives their leaves, one after the other. Raises StateRefused `state_log_differs`."""
        tree, leaves = self._tree, bytearray()
        for row in rows:
            position, leaf = row.position, leaf_hash(row.header)
            tree.append(leaf)
            leaves += leaf
            if (
                position != tree.size
                or leaf != row.leaf
                or not _agrees(row)
                or (row.frontier is not None and row.frontier != tree.to_bytes())
            ):
                raise StateRefused("An event is not the one that was verified.", code="state_log_differs", at=position)
            if self._known.get(position, b"") and self._known[position] != tree.root():
                self.differing.append(position)
        return bytes(leaves)

    def finish(self) -> None:
        """Check that the tree is the one that was verified. Raises StateRefused `state_log_differs`."""
        if self._tree.size != self._state.size or self._tree.to_bytes() != self._state.tree:
            raise StateRefused("The log is not the one that was verified.", code="state_log_differs")


def _agrees(row: EventRow) -> bool:
    """Say whether a header, if it is the one that was verified, names this body and these columns.

    Its members stand in one order and its strings hold no bare quote (event-format §2), so parts of it can be sought.
    """
    header = row.header
    tail = f',"seq":{row.seq},"stream":"{row.stream}","type":"{row.type}","v":1,"version":{row.version}}}'
    return (
        header.endswith(tail.encode())
        and b'"body":"%b"' % sha256(row.body).hexdigest().encode() in header
        and b'"recorded_at":"%b"' % row.recorded_at.encode() in header
    )
