"""Reads what evidence bundles are made of, and keeps what of a bundle cannot be made again; short statements all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
import psycopg

from application.bundling import Sealing
from application.evidence_material import SaveRow, Stamped
from application.proving import HeadProofs
from application.saves import StoredHeader
from audit import canonical
from audit.bundles import Stamp
from audit.mapproofs import MapProof
from audit.merkle import HASH_BYTES
from audit.pages import Answers, Questions
from audit.tiles import TiledTree
from infrastructure import log_reader
from infrastructure.connection import Database, connect_plain, telling_away
from infrastructure.page_answers import PageAnswers
from infrastructure.tile_store import read_tile

T = TypeVar("T")
Reading = Callable[[], AbstractContextManager[psycopg.Connection]]

# Names and numbers are handed over as one text each, as `page_answers` does.
_CHAINS: Final = (
    "SELECT e.subject, e.header FROM unnest(string_to_array(%s, ' ')) q (subject) CROSS JOIN LATERAL"
    " (SELECT subject, seq, header FROM events e WHERE e.subject = q.subject AND e.position < %s ORDER BY seq) e"
)
_EVENTS: Final = (
    "SELECT e.position, e.header, e.body, e.leaf FROM unnest(string_to_array(%s, ' ')::bigint[]) q (position)"
    " JOIN events e ON e.position = q.position"
)
_VERSIONS: Final = (
    "SELECT e.stream, e.version, e.position FROM unnest(string_to_array(%s, ' '), string_to_array(%s, ' ')::int[])"
    " q (stream, version) JOIN events e ON e.stream = q.stream AND e.version = q.version"
)
_SAVES: Final = (
    "SELECT DISTINCT r.first, r.count, r.note FROM unnest(string_to_array(%s, ' ')::bigint[]) q (position)"
    " CROSS JOIN LATERAL (SELECT first, count, note FROM receipts r WHERE r.first <= q.position"
    " ORDER BY r.first DESC LIMIT 1) r WHERE q.position < r.first + r.count ORDER BY r.first"
)
_LEAVES: Final = (
    "SELECT q.first, e.leaf FROM unnest(string_to_array(%s, ' ')::bigint[], string_to_array(%s, ' ')::int[])"
    " q (first, count) CROSS JOIN LATERAL (SELECT e.position, e.leaf FROM events e"
    " WHERE e.position >= q.first AND e.position < q.first + q.count ORDER BY e.position LIMIT q.count) e"
    " ORDER BY e.position"
)
"""The limit says nothing new, but keeps each save's look-up apart: for many, the planner would read all events."""

_KEEP: Final = (
    "INSERT INTO evidence_seals (manifest, size, checkpoint, heads, stamped, authority)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_STAMPED: Final = "SELECT size, authority FROM checkpoint_stamps WHERE size <= %s AND size"
_FIRST_OVER: Final = f"{_STAMPED} >= %s ORDER BY size, authority LIMIT 1"
_LAST_UNDER: Final = f"{_STAMPED} < %s ORDER BY size DESC, authority LIMIT 1"
_STAMP: Final = (
    "SELECT c.note, s.token FROM checkpoint_stamps s JOIN checkpoints c USING (size)"
    " WHERE s.size = %s AND s.authority = %s"
)


@dataclass(frozen=True, slots=True)
class StoredMaterial:
    """`application.evidence.Material` over the database; the master key opens what is sealed for persons.

    A connection is lent for each question and given back: whoever decides what a receiver may see, between two of them,
    asks the same pool. Everything is asked below one position, so that it does not matter that the log goes on.
    """

    reading: Reading
    master_key: bytes | None

    def chains(self, subjects: Sequence[str], before: int) -> Mapping[str, Sequence[bytes]]:
        """Give the headers of subjects by seq, ahead of a position."""
        found: dict[str, list[bytes]] = {}
        for subject, header in self._rows(_CHAINS, " ".join(subjects), before):
            found.setdefault(subject, []).append(header)
        return found

    def events(self, positions: Iterable[int]) -> Mapping[int, StoredHeader]:
        """Give events by position."""
        wanted = " ".join(map(str, positions))
        return {row[0]: StoredHeader(*row) for row in self._rows(_EVENTS, wanted)} if wanted else {}

    def positions(self, versions: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """Give the positions of events by stream and version."""
        wanted = list(versions)
        names, numbers = (" ".join(str(version[index]) for version in wanted) for index in (0, 1))
        return {(stream, version): at for stream, version, at in self._rows(_VERSIONS, names, numbers)}

    def saves(self, positions: Iterable[int]) -> Sequence[SaveRow]:
        """Give the saves of events, each once, in order."""
        found = self._rows(_SAVES, " ".join(map(str, positions)))
        leaves: dict[int, list[bytes]] = {first: [] for first, _, _ in found}
        firsts, counts = (" ".join(str(row[index]) for row in found) for index in (0, 1))
        for first, leaf in self._rows(_LEAVES, firsts, counts):
            leaves[first].append(leaf)
        return [SaveRow(first, note, leaves[first]) for first, _, note in found]

    def ask(self, questions: Questions) -> Answers:
        """Give evidence, requests and sealed values."""
        with self.reading() as connection:
            return PageAnswers(connection, self.master_key, handing_out=True).ask(questions)

    def line_hashes(self, party: str, command: str) -> Sequence[bytes]:
        """Give the hashes of all lines of a request."""
        query = "SELECT digests FROM request_hashes WHERE party = %s AND command = %s"
        found = b"".join(digests for (digests,) in self._rows(query, party, command))
        return [found[at : at + HASH_BYTES] for at in range(0, len(found), HASH_BYTES)]

    def paths(self, positions: Iterable[int], size: int) -> Mapping[int, Sequence[bytes]]:
        """Give the audit paths of events in the tree of a size; a tile is read once."""
        return self._tree(size, lambda tree: {at: tree.inclusion_path(at - 1) for at in positions})

    def stamped(self, least: int, size: int) -> Stamped | None:
        """Find the first stamp over so many events, of checkpoints up to a size, else the last there is."""
        rows = (row for query in (_FIRST_OVER, _LAST_UNDER) for row in self._rows(query, size, least))
        return next((Stamped(*row) for row in rows), None)

    def stamp(self, stamped: Stamped, size: int) -> Stamp:
        """Give a stamp with what it is over, and the path from there to the tree of a size."""
        ((note, token),) = self._rows(_STAMP, *stamped)
        return Stamp(note.encode(), tuple(self._tree(size, lambda tree: tree.consistency_path(stamped.size))), token)

    def _tree(self, size: int, read: Callable[[TiledTree], T]) -> T:
        with self.reading() as connection:
            return read(TiledTree(size, lambda level, index, width: read_tile(connection, level, index, width)))

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.reading() as connection:
            return log_reader.rows(connection, query, parameters)


@dataclass(frozen=True, slots=True)
class StoredSealings:
    """`application.exporting.Sealings` in the table `evidence_seals`."""

    reading: Reading
    database: Database

    def find(self, manifest: str) -> Sealing | None:
        """Give it by the digest of the manifest."""
        query = "SELECT size, checkpoint, heads, stamped, authority FROM evidence_seals WHERE manifest = %s"
        with self.reading() as connection:
            found = log_reader.rows(connection, query, (bytes.fromhex(manifest),))
        if not found:
            return None
        size, checkpoint, heads, stamped, authority = found[0]
        proofs = {subject: MapProof.from_json(proof) for subject, proof in orjson.loads(heads).items()}
        return Sealing(checkpoint, HeadProofs(size, proofs), None if stamped is None else Stamped(stamped, authority))

    def keep(self, manifest: str, sealing: Sealing) -> None:
        """Keep it; what is kept already stays. Raises DatabaseAway."""
        heads: Any = {subject: proof.to_json() for subject, proof in sealing.heads.proofs.items()}
        row = (
            bytes.fromhex(manifest), sealing.heads.size, sealing.checkpoint, canonical.encode(heads),
            *(sealing.stamped or (None, None)),
        )  # fmt: skip
        with telling_away(), connect_plain(self.database, "liftledger evidence") as connection:
            connection.execute(_KEEP, row)
