"""What an evidence bundle holds, and how that lies in its files (docs/evidence.md describes them one by one).

Lists are NDJSON. A header or body is one canonical line without a newline in it, so that a line is the very bytes that
were hashed, and can be hashed again with the tools of any system.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, NamedTuple

from audit import canonical
from audit.bundlefiles import BYTES_MAX
from audit.canonical import INTEGER_MAX
from audit.errors import AuditError
from audit.events import read_canonical
from audit.logproofs import PATH_MAX, LogProof
from audit.mapproofs import MapProof

__all__ = [
    "BODIES", "CHAINS", "CHECKPOINT", "EVENTS_MAX", "EVIDENCE", "HEADS", "LINES_MAX", "MANIFEST", "NOTE", "PLACES",
    "README", "REQUESTS", "ROOT_BODY", "ROOT_HEADER", "ROOT_PROOF", "SAVES", "SEALED", "SEALED_MAX", "Contents",
    "Place", "SaveProof", "Stamp", "chain_file", "files_of", "overfull", "read_files", "request_file", "stamp_file",
]  # fmt: skip

MANIFEST: Final = "manifest.json"
NOTE: Final = "manifest.note"
README: Final = "README.txt"
CHECKPOINT: Final = "checkpoint"
ROOT_HEADER: Final = "root.header.json"
ROOT_BODY: Final = "root.body.json"
ROOT_PROOF: Final = "root.tlog-proof"
HEADS: Final = "heads.json"
CHAINS: Final = "chains/"
PLACES: Final = "places.ndjson"
BODIES: Final = "bodies.ndjson"
SAVES: Final = "saves.ndjson"
EVIDENCE: Final = "evidence.ndjson"
REQUESTS: Final = "requests/"
SEALED: Final = "sealed.ndjson"

EVENTS_MAX: Final = 20_000
"""Events of all chains of one bundle."""
LINES_MAX: Final = 5 * EVENTS_MAX
"""Lines of any other list: beside each event its cause, its party, its agent and the holder of its key are carried."""
SEALED_MAX: Final = 5 * LINES_MAX
"""Values that are opened: an event may name many persons."""
PATHS_MAX: Final = 3 * LINES_MAX
"""Audit paths in all saves: one of each event that is carried, and one of each line of a request."""
LINE_BYTES_MAX: Final = 2 * 1024 * 1024
"""A save has 250 events at the most, each with two paths; an opened value is no longer than a request, 1 MiB."""
REQUEST_BYTES_MAX: Final = 1024 * 1024
HEADS_VALUES_MAX: Final = 300_000
"""A thousand subjects, with all siblings that a path of 256 bits can have."""
VALUES_MAX: Final = BYTES_MAX // 16
"""Values in all JSON of a bundle, where each takes sixteen bytes and more: `[[],[],…` would take a thousand as long."""
MALFORMED_MAX: Final = 1_000
"""Lines of a file that are not of its form; after so many the rest is not read."""
_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")
_CHAIN = re.compile(r"chains/([a-z]+)(?:\.([0-9a-f-]+))?\.ndjson")
_REQUEST = re.compile(r"requests/([1-9][0-9]{0,15})(?:\.([1-9][0-9]{0,15}))?\.json")
_STAMP = re.compile(r"stamps/([1-9][0-9]{0,3})\.(checkpoint|path\.json|tsr)")
_STAMPED: Final = ("checkpoint", "path.json", "tsr")

Path = tuple[bytes, ...]


class Place(NamedTuple):
    """An event that belongs to no carried chain: its header, and its audit path in the tree of the checkpoint."""

    header: bytes
    path: Path


class SaveProof(NamedTuple):
    """A save of which events are carried, and its receipt.

    `paths` are the events' audit paths among its headers, by position; `lines` those of its request's lines, by number.
    """

    first: int
    receipt: str
    paths: Mapping[int, Path]
    lines: Mapping[int, Path]


class Stamp(NamedTuple):
    """An earlier or the present state of the log that was time-stamped: the very note, and the RFC 3161 response.

    `path` leads from its tree to that of the bundle's checkpoint (RFC 9162 §2.1.4.1).
    """

    note: bytes
    path: Path
    token: bytes


@dataclass(slots=True)
class Contents:
    """All of a bundle but the manifest; `heads` are proofs of presence for `chains`, of absence for the others."""

    checkpoint: str
    root_header: bytes
    root_body: bytes
    root_index: int
    root_path: Path
    heads: Mapping[str, MapProof] = field(default_factory=dict)
    chains: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    """Subject → headers by seq, from 1 to its head."""
    places: Sequence[Place] = ()
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    """By digest, as headers name them."""
    saves: Sequence[SaveProof] = ()
    evidence: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    """By digest: kind and bytes."""
    requests: Mapping[tuple[int, int], bytes] = field(default_factory=dict)
    """By first position of the save and line, 0 for a request of one save."""
    sealed: Mapping[str, bytes] = field(default_factory=dict)
    """By digest: canonical `[salt, pointer, value]`."""
    stamps: Mapping[int, Stamp] = field(default_factory=dict)
    """By number, from 1."""


def chain_file(subject: str) -> str:
    """Return the file of a subject's chain; no colon, which some systems do not have in names."""
    return f"{CHAINS}{subject.replace(':', '.')}.ndjson"


def request_file(first: int, line: int) -> str:
    """Return the file of a request, or of one of its lines."""
    return f"{REQUESTS}{first}.{line}.json" if line else f"{REQUESTS}{first}.json"


def stamp_file(number: int, part: str = "tsr") -> str:
    """Return the file of a time stamp: `tsr` the response, `checkpoint` what was stamped, `path.json` its path."""
    return f"stamps/{number}.{part}"


# ------------------------------------------------------------------------------------------------------------ writing


def files_of(contents: Contents) -> dict[str, bytes]:
    """Return the files of the contents; lists that are empty have none."""
    heads: Any = {subject: proof.to_json() for subject, proof in contents.heads.items()}
    files = {
        CHECKPOINT: contents.checkpoint.encode(),
        ROOT_HEADER: contents.root_header,
        ROOT_BODY: contents.root_body,
        ROOT_PROOF: LogProof(contents.root_index, contents.root_path, contents.checkpoint).text().encode(),
        HEADS: canonical.encode(heads),
        PLACES: _lines(sorted(map(_place, contents.places))),
        BODIES: _lines(contents.bodies.values()),
        SAVES: _lines(map(_save, contents.saves)),
        EVIDENCE: _lines(_piece(*contents.evidence[digest]) for digest in sorted(contents.evidence)),
        SEALED: _lines(
            canonical.encode({"digest": digest, "opened": canonical.decode(contents.sealed[digest])})
            for digest in sorted(contents.sealed)
        ),
    }
    files |= {chain_file(subject): _lines(headers) for subject, headers in contents.chains.items()}
    files |= {request_file(*place): data for place, data in contents.requests.items()}
    for number, stamp in contents.stamps.items():
        parts = (stamp.note, canonical.encode(_hexes(stamp.path)), stamp.token)
        files |= {stamp_file(number, part): data for part, data in zip(_STAMPED, parts, strict=True)}
    return {name: data for name, data in files.items() if data or name.startswith(REQUESTS)}


def _lines(lines: Iterable[bytes]) -> bytes:
    return b"".join([line + b"\n" for line in lines])


def _hexes(path: Path) -> list[Any]:
    return [node.hex() for node in path]


def _place(place: Place) -> bytes:
    return canonical.encode({"header": read_canonical(place.header), "path": _hexes(place.path)})


def _save(save: SaveProof) -> bytes:
    paths: Any = {str(position): _hexes(path) for position, path in save.paths.items()}
    lines: Any = {str(line): _hexes(path) for line, path in save.lines.items()}
    return canonical.encode({"first": save.first, "lines": lines, "paths": paths, "receipt": save.receipt})


def _piece(kind: str, data: bytes) -> bytes:
    return canonical.encode({"data": data.decode("ascii"), "kind": kind})


# ------------------------------------------------------------------------------------------------------------ reading

Malformed = Callable[[str, str], None]
"""Called with a file that is not of its form, and why."""


def overfull(files: Mapping[str, bytes]) -> dict[str, str]:
    """Give the files that hold more than any bundle's, and of what; they are counted, nothing is cut or parsed.

    A few kilobytes of a zip can hold millions of lines: whoever cut them first would be busy for minutes.
    """
    found: dict[str, str] = {}
    lines = values = 0
    for name, data in files.items():
        if name == MANIFEST or not name.endswith((".json", ".ndjson")):
            continue
        held = sum(map(data.count, (b",", b"[", b"{")))
        if (values := values + held) > VALUES_MAX or (name == HEADS and held > HEADS_VALUES_MAX):
            found[name] = "more values than in any bundle"
        elif _CHAIN.fullmatch(name):
            if (lines := lines + data.count(b"\n")) > EVENTS_MAX:
                found[name] = f"more than {EVENTS_MAX} lines in the chains"
        elif name in _LISTS and data.count(b"\n") > (most := SEALED_MAX if name == SEALED else LINES_MAX):
            found[name] = f"more than {most} lines"
        elif name == SAVES and data.count(b'":[') > PATHS_MAX:
            found[name] = f"more than {PATHS_MAX} paths"
        elif _REQUEST.fullmatch(name) and len(data) > REQUEST_BYTES_MAX:
            found[name] = f"more than {REQUEST_BYTES_MAX} bytes"
    return found


def read_files(files: Mapping[str, bytes], malformed: Malformed) -> Contents:
    """Return what the files hold; what cannot be read is told and left out, as if it were not there.

    A bundle is written in one way only: a line that stands twice or in another order than `files_of` gives it, or JSON
    that is not canonical, is told as well.
    """
    over = overfull(files)
    for name, why in over.items():
        malformed(name, why)
    reading = _Reading({name: data for name, data in files.items() if name not in over}, malformed)
    bodies = reading.lines(BODIES, bytes)
    proof = reading.one(ROOT_PROOF, _log_proof, LogProof(0, (), ""))
    contents = Contents(
        checkpoint=reading.one(CHECKPOINT, bytes.decode, ""),
        root_header=files.get(ROOT_HEADER, b""),
        root_body=files.get(ROOT_BODY, b""),
        root_index=proof.index,
        root_path=proof.path,
        heads=reading.one(HEADS, _heads, {}),
        places=reading.ordered(PLACES, _read_place, lambda place: place.header),
        bodies={sha256(line).hexdigest(): line for line in bodies},
        saves=reading.ordered(SAVES, _read_save, lambda save: save.first),
        evidence=dict(reading.ordered(EVIDENCE, _read_piece, lambda piece: piece[0])),
        sealed=dict(reading.ordered(SEALED, _read_sealed, lambda sealed: sealed[0])),
    )
    if len(contents.bodies) != len(bodies):
        malformed(BODIES, "a line stands twice")
    if proof.checkpoint != contents.checkpoint:
        malformed(ROOT_PROOF, "another checkpoint")
    reading.named(contents)
    return contents


@dataclass(slots=True)
class _Reading:
    files: Mapping[str, bytes]
    malformed: Malformed

    def one(self, name: str, read: Callable[[bytes], Any], otherwise: Any) -> Any:  # noqa: ANN401 - whatever it reads
        data = self.files.get(name)
        if data is None:
            return otherwise
        try:
            return read(data)
        except (AuditError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.malformed(name, getattr(error, "code", type(error).__name__))
            return otherwise

    def lines(self, name: str, read: Callable[[bytes], Any]) -> list[Any]:
        data = self.files.get(name)
        if data is None:
            return []
        if not data.endswith(b"\n"):
            self.malformed(name, "the last line does not end")
        found = []
        broken = 0
        for number, line in enumerate(data.removesuffix(b"\n").split(b"\n"), 1):
            try:
                if len(line) > LINE_BYTES_MAX:
                    raise ValueError
                found.append(read(line))
            except (AuditError, ValueError, KeyError, TypeError, AttributeError) as error:
                self.malformed(name, f"line {number}: {getattr(error, 'code', type(error).__name__)}")
                broken += 1
                if broken == MALFORMED_MAX:
                    break
        return found

    def ordered(self, name: str, read: Callable[[bytes], Any], key: Callable[[Any], Any]) -> list[Any]:
        """Read lines that stand by a key, each once."""
        found = self.lines(name, read)
        if any(one >= other for one, other in pairwise(map(key, found))):
            self.malformed(name, "a line stands twice, or in another order")
        return found

    def named(self, contents: Contents) -> None:
        """Take the files whose names say what they hold."""
        chains: dict[str, Sequence[bytes]] = {}
        requests: dict[tuple[int, int], bytes] = {}
        numbers: set[int] = set()
        for name, data in self.files.items():
            if chain := _CHAIN.fullmatch(name):
                chains[chain[1] if chain[2] is None else f"{chain[1]}:{chain[2]}"] = self.lines(name, bytes)
            elif request := _REQUEST.fullmatch(name):
                requests[int(request[1]), int(request[2] or 0)] = data
            elif stamp := _STAMP.fullmatch(name):
                numbers.add(int(stamp[1]))
            elif name not in _ALONE:
                self.malformed(name, "no bundle has such a file")
        contents.chains, contents.requests = chains, requests
        contents.stamps = {number: self._stamp(number) for number in sorted(numbers)}

    def _stamp(self, number: int) -> Stamp:
        names = [stamp_file(number, part) for part in _STAMPED]
        for name in names:
            if name not in self.files:
                self.malformed(name, "a stamp has three files")
        note, path, token = names
        return Stamp(self.files.get(note, b""), self.one(path, _read_path, ()), self.files.get(token, b""))


_ALONE: Final = frozenset(
    {MANIFEST, NOTE, README, CHECKPOINT, ROOT_HEADER, ROOT_BODY, ROOT_PROOF, HEADS, PLACES, BODIES, SAVES, EVIDENCE,
     SEALED}
)  # fmt: skip
_LISTS: Final = frozenset({PLACES, BODIES, SAVES, EVIDENCE, SEALED})


def _log_proof(data: bytes) -> LogProof:
    proof = LogProof.parse(data.decode())
    if proof.extra is not None:  # nothing authenticates it
        raise ValueError
    return proof


def _heads(data: bytes) -> dict[str, MapProof]:
    return {str(subject): MapProof.from_json(proof) for subject, proof in read_canonical(data).items()}


def _path(value: Any) -> Path:  # noqa: ANN401 - JSON, refused by its errors
    if not isinstance(value, list) or len(value) > PATH_MAX or not all(map(_HASH.fullmatch, value)):
        raise ValueError
    return tuple(map(bytes.fromhex, value))


def _read_path(data: bytes) -> Path:
    if len(data) > PATH_MAX * len(f'"{"0" * 64}",') + len("[]"):
        raise ValueError
    return _path(read_canonical(data))


def _numbered(value: Any) -> dict[int, Path]:  # noqa: ANN401 - JSON, refused by its errors
    if not all(map(_NUMBER.fullmatch, value)):  # one number, one spelling
        raise ValueError
    return {_number(int(number)): _path(path) for number, path in value.items()}


def _number(number: Any) -> int:  # noqa: ANN401 - JSON, refused by its errors
    if type(number) is not int or not 1 <= number <= INTEGER_MAX:
        raise ValueError
    return number


def _members(line: bytes, *names: str) -> list[Any]:
    value = read_canonical(line)
    if sorted(value) != list(names):
        raise ValueError
    return [value[name] for name in names]


def _read_place(line: bytes) -> Place:
    header, path = _members(line, "header", "path")
    return Place(canonical.encode(header), _path(path))


def _read_save(line: bytes) -> SaveProof:
    first, lines, paths, receipt = _members(line, "first", "lines", "paths", "receipt")
    if not isinstance(receipt, str):
        raise TypeError
    return SaveProof(_number(first), receipt, _numbered(paths), _numbered(lines))


def _read_piece(line: bytes) -> tuple[str, tuple[str, bytes]]:
    text, kind = _members(line, "data", "kind")
    if not isinstance(kind, str):
        raise TypeError
    data = text.encode("ascii")
    return sha256(data).hexdigest(), (kind, data)


def _read_sealed(line: bytes) -> tuple[str, bytes]:
    digest, opened = _members(line, "digest", "opened")
    if not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise ValueError
    return digest, canonical.encode(opened)
