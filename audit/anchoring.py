"""What ties a bundle to the log that its verifier believes: checkpoint, map root, chains to their heads, single places.

Integrity of a listed subject needs no proof of each event: the checkpoint's last leaf holds the map root, the map holds
the leaf of the subject's last event, and each header holds the leaf of the one before it. That the last event stands in
the log as well, where it says, is proven by its path: no map can hold chains beside the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

from audit.bundles import (
    BODIES,
    CHECKPOINT,
    HEADS,
    PLACES,
    ROOT_BODY,
    ROOT_HEADER,
    ROOT_PROOF,
    Contents,
    Place,
    chain_file,
)
from audit.checkpoints import Checkpoint
from audit.errors import AuditError, NoteError, ProofError
from audit.events import Header, read_body, read_header
from audit.findings import Findings
from audit.instants import check_instant
from audit.lens import Seen
from audit.manifests import Manifest
from audit.mapproofs import verify_absence, verify_presence
from audit.merkle import leaf_hash, verify_inclusion
from audit.names import check_stream, check_subject, subject_of
from audit.note import split_note
from audit.pages import EventRow
from audit.policy import Policy, open_checkpoint

__all__ = ["Anchored", "Event", "anchor", "seen_of"]

_ROOTED: Final = ("map.Rooted", "map")
_REFUSED: Final = frozenset({"origin_unknown", "note_unsigned"})
"""Codes by which a policy does not believe a checkpoint; any other code says that the note itself is wrong."""


class Event(NamedTuple):
    """An event that a bundle carries: its header, and the body if that is there and is the one the header names."""

    data: bytes
    header: Header
    leaf: bytes
    file: str
    body_data: bytes | None
    body: dict[str, Any] | None


@dataclass(slots=True)
class Anchored:
    """The carried events by position, each bound to the checkpoint unless a finding says otherwise."""

    checkpoint: Checkpoint | None = None
    satisfied: bool = False
    """A log that the policy believes signed the checkpoint, and its quorum of witnesses did."""
    witnesses: tuple[str, ...] = ()
    root: Seen | None = None
    events: dict[int, Event] = field(default_factory=dict)
    placed: dict[int, Place] = field(default_factory=dict)
    """By position, events whose paths lead to the checkpoint."""
    lengths: dict[str, int] = field(default_factory=dict)
    """Subjects whose chains are whole, with the number of their events; 0 where absence is proven."""


def anchor(contents: Contents, manifest: Manifest, policy: Policy, findings: Findings) -> Anchored:
    """Check everything of a bundle that does not ask who wrote it."""
    found = Anchored()
    _open(found, contents, manifest, policy, findings)
    map_root = _read_root(found, contents, manifest, findings)
    _places(found, contents, manifest, findings)
    for subject, headers in contents.chains.items():
        events = _chain(subject, headers, contents, manifest, findings)
        _head(found, subject, events, contents, map_root, findings)
        for event in events:
            _take(found, event, findings)
    for subject in contents.heads.keys() - contents.chains.keys():
        _absent(found, subject, contents, map_root, findings)
    return found


def seen_of(event: Event) -> Seen:
    """Give an event as the checks of pages take it; without a body it has an empty one."""
    header = event.header
    row = EventRow(
        header.position, header.stream, header.version, header.seq, header.type, header.recorded_at, event.data,
        event.body_data or b"", event.leaf, None,
    )  # fmt: skip
    return Seen(row, header, event.body or {}, event.leaf)


def _open(found: Anchored, contents: Contents, manifest: Manifest, policy: Policy, findings: Findings) -> None:
    """Open the checkpoint under the policy; one that it does not believe is read all the same, to see what fits."""
    try:
        opened = open_checkpoint(contents.checkpoint, policy, manifest.origin)
        found.checkpoint, found.satisfied = opened.checkpoint, opened.satisfied
        found.witnesses = tuple(sorted(opened.witnesses))
        if not opened.satisfied:
            findings.find("unanchored", CHECKPOINT, detail=f"quorum {policy.quorum} is not met")
    except NoteError as error:
        findings.find("unanchored" if error.code in _REFUSED else "checkpoint", CHECKPOINT, detail=error.code)
        try:
            found.checkpoint = Checkpoint.parse(split_note(contents.checkpoint)[0])
        except NoteError:
            return
    if (found.checkpoint.origin, found.checkpoint.size) != (manifest.origin, manifest.size):
        findings.find("manifest", CHECKPOINT, detail="is of another checkpoint")


def _read_root(found: Anchored, contents: Contents, manifest: Manifest, findings: Findings) -> bytes | None:
    """Read the map root that is the checkpoint's last leaf; give the root of the map, None if there is none."""
    try:
        header = read_header(contents.root_header)
        body = read_body(contents.root_body)
    except AuditError as error:
        findings.find("map_root", ROOT_HEADER, detail=error.code)
        return None
    event = Event(contents.root_header, header, leaf_hash(contents.root_header), ROOT_HEADER, contents.root_body, body)
    if header.body != sha256(contents.root_body).hexdigest():
        findings.find("body_digest", ROOT_BODY)
        return None
    root, size = body["found"].get("root"), body["found"].get("size")
    places = {header.position - 1, manifest.size - 1, contents.root_index, size if type(size) is int else -1}
    last = (header.type, header.stream) == _ROOTED and len(places) == 1
    if not last or header.ledger != manifest.origin or not isinstance(root, str) or len(root) != 64:  # noqa: PLR2004 - hex
        findings.find("map_root", ROOT_HEADER, detail="is not that of the checkpoint")
        return None
    if header.recorded_at != manifest.made_at:
        findings.find("manifest", ROOT_HEADER, detail="made_at")
    try:
        if found.checkpoint is None:
            return None
        verify_inclusion(
            event.leaf, contents.root_index, found.checkpoint.size, contents.root_path, found.checkpoint.root
        )
        found.root = seen_of(event)
        return bytes.fromhex(root)
    except (ProofError, ValueError) as error:
        findings.find("place", ROOT_PROOF, detail=getattr(error, "code", "root"))
        return None


def _read(data: bytes, file: str, contents: Contents, manifest: Manifest, findings: Findings) -> Event | None:
    """Read an event, and check what needs no other event."""
    try:
        header = read_header(data)
        check_stream(header.stream)
    except AuditError as error:
        code = "stream_invalid" if error.code == "stream_invalid" else "header_invalid"
        findings.find(code, file, detail=error.code)
        return None
    position = header.position
    if header.ledger != manifest.origin:
        findings.find("origin", file, position)
    try:
        for instant in {header.recorded_at, header.effective_at}:
            check_instant(instant)
    except AuditError:
        findings.find("instant_invalid", file, position)
    body_data = contents.bodies.get(header.body)
    body = None
    if body_data is not None:
        try:
            body = read_body(body_data)
        except AuditError as error:
            findings.find("body_invalid", BODIES, position, error.code)
    return Event(data, header, leaf_hash(data), file, body_data, body)


def _chain(
    subject: str, headers: Sequence[bytes], contents: Contents, manifest: Manifest, findings: Findings
) -> list[Event]:
    """Read a chain, each event bound to the one before; give its events."""
    file, events = chain_file(subject), []
    before: str | None = None
    position, recorded_at, versions = 0, "", dict[str, int]()
    for seq, data in enumerate(headers, 1):
        event = _read(data, file, contents, manifest, findings)
        if event is None:
            continue
        header = event.header
        if subject_of(header.stream) != subject or header.seq != seq or header.prev != before:
            findings.find("chain", file, header.position, subject)
        if not position < header.position < manifest.size:
            findings.find("position", file, header.position)
        if header.recorded_at < recorded_at:
            findings.find("time_back", file, header.position)
        if versions.get(header.stream, 0) + 1 != header.version:
            findings.find("version_gap", file, header.position, header.stream)
        versions[header.stream] = header.version
        before, position, recorded_at = event.leaf.hex(), header.position, header.recorded_at
        events.append(event)
    return events


def _head(
    found: Anchored, subject: str, events: Sequence[Event], contents: Contents, map_root: bytes | None,
    findings: Findings,
) -> None:  # fmt: skip
    """Hold a chain's end against the map."""
    file, proof = chain_file(subject), contents.heads.get(subject)
    try:
        if proof is None or map_root is None or not events:
            raise ProofError("There is nothing to hold the chain against.", code="map_proof_missing")
        last = events[-1]
        verify_presence(map_root, subject, last.header.seq, last.leaf.hex(), proof)
        if last.header.position not in found.placed:
            findings.find("place", PLACES, last.header.position, "the head of a chain has no path")
        found.lengths[subject] = len(events)
    except ProofError as error:
        findings.find("map_head", file, detail=error.code)
        for event in events:
            findings.touch("map_head", event.header.position)


def _absent(
    found: Anchored, subject: str, contents: Contents, map_root: bytes | None, findings: Findings
) -> None:  # fmt: skip
    try:
        if map_root is None:
            raise ProofError("There is no map to hold it against.", code="map_proof_missing")
        verify_absence(map_root, check_subject(subject), contents.heads[subject])
        found.lengths[subject] = 0
    except AuditError as error:
        findings.find("map_head", HEADS, detail=f"{subject[:100]}: {error.code}")


def _take(found: Anchored, event: Event, findings: Findings) -> None:
    """Keep an event by its position, where the log can have but one."""
    position = event.header.position
    known = found.events.setdefault(position, event)
    if known.leaf != event.leaf:
        findings.find("equivocation", event.file, position, f"another event stands in {known.file}")


def _places(found: Anchored, contents: Contents, manifest: Manifest, findings: Findings) -> None:
    """Hold single events against the tree."""
    checkpoint = found.checkpoint
    for place in contents.places:
        event = _read(place.header, PLACES, contents, manifest, findings)
        if event is None or checkpoint is None:
            continue
        position = event.header.position
        try:
            verify_inclusion(event.leaf, position - 1, checkpoint.size, place.path, checkpoint.root)
        except ProofError as error:
            findings.find("place", PLACES, position, error.code)
            continue
        found.placed.setdefault(position, place)
        _take(found, event, findings)
