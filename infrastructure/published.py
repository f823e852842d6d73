"""Verifies what the ledger published of its log: checkpoints, their signatures, and the tree's tiles."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import psycopg
from cryptography import x509

from audit.checkpoints import Checkpoint
from audit.continuing import SEAM, Continued, open_continued, read_continued
from audit.cosignatures import time_of
from audit.errors import AuditError, NoteError
from audit.merkle import HASH_BYTES
from audit.note import Verifier, open_note
from audit.policy import Policy, open_checkpoint
from audit.signatures import parse_line
from domain.ledgers import STREAM, Ledger
from domain.time import format_instant
from infrastructure import checkpoint_store, log_reader
from infrastructure.checkpoint_store import Published
from infrastructure.errors import TimestampInvalid
from infrastructure.mapper import from_stored
from infrastructure.tile_store import WIDTH, TileEdge, stored_tile, tiles_beyond
from infrastructure.timestamping import check_imprint, verify_stamp

Finding = tuple[str, int | None, str]
PUBLISHING_S_MAX: Final = 2.0
"""For so long a checkpoint is waited for whose map root is written: signing and storing it takes some milliseconds."""
_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a verifier believes outside the house: witnesses by his policy, time-stamping authorities by their roots."""

    policy: Policy | None = None
    roots: Sequence[x509.Certificate] = ()


NOBODY: Final = Trust()


@dataclass(slots=True)
class PublishedLog:
    """`application.verifying.Published` over a database; `log` are the ledger's checkpoint keys by time.

    Each has the least size of the checkpoints that it signs.

    `trust` is the verifier's own: the greatest checkpoint that satisfies his policy anchors all before it. Without
    roots it is noted of each time stamp that nobody asked who made it.
    """

    connection: psycopg.Connection
    origin: str
    log: Sequence[tuple[int, Sequence[Verifier]]]
    trust: Trust = NOBODY
    anchored: int = 0
    _edge: TileEdge = field(default_factory=TileEdge)
    _published: int = 0
    _findings: list[Finding] = field(default_factory=list)

    def checkpoints(self, size: int) -> Sequence[Checkpoint]:
        """Read and check every published checkpoint; those whose row and note differ are findings.

        What was published of events appended since is left out.
        """
        found = []
        for each in checkpoint_store.everyone(self.connection):
            # A checkpoint is stored after its events: those of a sound log are there whenever it is.
            if size < each.size <= self._head():
                break
            self._look_at_kept(each)
            if (checkpoint := self._opened(each)) is not None:
                found.append(checkpoint)
                if each.size <= size:
                    self._published = max(self._published, each.size)
        if self.trust.policy is not None:
            self.anchored = self._greatest_believed(found, self.trust.policy)
        return found

    def add(self, leaves: bytes) -> None:
        """Hold the next leaves against the stored tiles."""
        for made in self._edge.extend(leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)):
            stored = stored_tile(self.connection, made.level, made.number)
            covered = (made.number + 1) * WIDTH ** (made.level + 1)
            if stored is None:
                if covered <= self._published:
                    self._findings.append(("tile_missing", covered, f"level {made.level}, {made.number}"))
            elif stored != (made.root, made.hashes):
                self._findings.append(("tile", covered, f"level {made.level}, {made.number}"))

    def unpublished(self, roots: Sequence[int]) -> Sequence[int]:
        """Give those of the map roots' positions, in order, that no checkpoint stored by now has as its size.

        Of a ledger that runs the newest one may just be on its way.
        """
        until = time.monotonic() + PUBLISHING_S_MAX
        while missing := [root for root in roots if checkpoint_store.at_size(self.connection, root) is None]:
            if missing[-1] < self._published or time.monotonic() > until:
                break
            time.sleep(_LOOK_S)
        return missing

    def finish(self) -> Iterable[Finding]:
        """Give what was found; a tile beyond the tree is a finding too.

        Those of events appended since are not looked at, nor those stored since of events that no checkpoint covered.
        """
        if (stray := tiles_beyond(self.connection)) > 0:
            self._findings.append(("tile_stray", None, f"{stray} rows"))
        if (wrong := self._seam()) is not None:
            self._findings.append(("continued", None, wrong))
        return self._findings

    def _head(self) -> int:
        head = log_reader.head(self.connection)
        return 0 if head is None else head[0]

    def _continued(self) -> Continued | None:
        """Read what the ledger says it goes on from, if it does; the page that holds it checks its form."""
        for stored in log_reader.stream_events(self.connection, STREAM, 1, 2):
            event = from_stored(stored)
            if isinstance(event, Ledger.Continued):
                with suppress(AuditError):
                    return read_continued({name: event.found.get(name) for name in SEAM}, self.origin)
        return None

    def _seam(self) -> str | None:
        """Say why the verifier's policy does not vouch for what the ledger goes on from; None if it does, or cannot."""
        cited, policy = self._continued(), self.trust.policy
        if cited is None or policy is None or all(log.verifier.name != cited.origin for log in policy.logs):
            return None
        try:
            return None if open_continued(cited, policy).satisfied else "policy_unsatisfied"
        except AuditError as wrong:
            return wrong.code

    def _keys(self, size: int) -> Sequence[Verifier]:
        return next((held for least, held in reversed(self.log) if least <= size), ())

    def _look_at_kept(self, each: Published) -> None:
        """Hold what was added to a checkpoint later against it: lines of every known key, and time stamps.

        Known are the ledger's keys, and the witnesses of the verifier's policy.
        """
        witnesses = () if self.trust.policy is None else [witness.verifier for witness in self.trust.policy.witnesses]
        known = {(key.name, key.key_id): key for key in (*witnesses, *self._keys(each.size))}
        text = each.note.partition("\n\n")[0]
        for kept in checkpoint_store.every_signing(self.connection, each.size):
            try:
                name, key_id, signature = parse_line(kept.line)
                if (name, key_id, kept.signed_at) != (kept.name, kept.key_id, time_of(signature)):
                    raise NoteError("The row differs from the line.")
                if (name, key_id) in known:
                    open_note(f"{text}\n\n{kept.line}\n", [known[name, key_id]])
            except NoteError as wrong:
                self._findings.append(("checkpoint_signature", each.size, f"{kept.name}: {wrong.code}"))
        for authority, response, made_at in checkpoint_store.stamps(self.connection, each.size):
            try:
                self._look_at_stamp(each, authority, response, made_at)
            except TimestampInvalid as wrong:
                self._findings.append(("checkpoint_stamp", each.size, f"{authority}: {wrong.code}"))

    def _look_at_stamp(self, each: Published, authority: str, response: bytes, made_at: str) -> None:
        """See that a stamp is over this note, and that an authority under the roots made it when its row says.

        Its certificate is held to the stamp's own time, so that a stamp outlives it. Raises TimestampInvalid.
        """
        if not self.trust.roots:
            check_imprint(response, each.note)
            self._findings.append(("stamp_unchecked", each.size, authority))
        elif format_instant(verify_stamp(response, each.note, self.trust.roots).at) != made_at:
            self._findings.append(("checkpoint_stamp", each.size, f"{authority}: the row tells another time"))

    def _opened(self, each: Published) -> Checkpoint | None:
        try:
            text, _ = open_note(checkpoint_store.cosigned(self.connection, each), self._keys(each.size))
            checkpoint = Checkpoint.parse(text)
        except NoteError as wrong:
            self._findings.append(("checkpoint_signature", each.size, wrong.code))
            return None
        if (checkpoint.origin, checkpoint.size, checkpoint.root) != (self.origin, each.size, each.root):
            self._findings.append(("checkpoint_signature", each.size, "the row differs from the note"))
            return None
        return checkpoint

    def _greatest_believed(self, found: Sequence[Checkpoint], policy: Policy) -> int:
        return next((each.size for each in self._from_the_last(found) if self._believed(each.size, policy)), 0)

    def _from_the_last(self, found: Sequence[Checkpoint]) -> Iterator[Checkpoint]:
        yield from sorted(found, key=lambda each: each.size, reverse=True)

    def _believed(self, size: int, policy: Policy) -> bool:
        row = checkpoint_store.at_size(self.connection, size)
        if row is None:
            return False
        try:
            return open_checkpoint(checkpoint_store.cosigned(self.connection, row), policy, self.origin).satisfied
        except AuditError as wrong:
            if wrong.code == "note_signature":  # a known key's line that does not hold is no missing one
                self._findings.append(("checkpoint_signature", size, wrong.code))
            return False
