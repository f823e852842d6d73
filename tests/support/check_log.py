"""Checks a whole log from its stored bytes alone, after every scenario that could have broken it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from audit import canonical, merkle, note
from infrastructure.connection import Database, connect_reader

PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What a sound log holds: number of events, of receipts, root, and streams with their versions."""

    size: int
    receipts: int
    root: bytes
    versions: dict[str, int]


def check_log(database: Database, origin: str, receipt_vkey: str) -> Checked:
    """Recompute positions, digests, leaves, chains, versions, times, receipts and the tree; assert that all hold."""
    events = _read(database)
    frontier = merkle.Frontier()
    versions: dict[str, int] = {}
    chains: dict[str, tuple[int, str | None]] = {}
    last_at, leaves = "", []
    for index, (position, stream, version, subject, seq, kind, recorded_at, header, body, leaf, edge) in enumerate(
        events, 1
    ):
        told = canonical.decode(header)
        assert isinstance(told, dict)
        assert canonical.encode(told) == header
        assert position == index == told["position"], f"gap at {index}"
        assert told["ledger"] == origin
        assert (told["stream"], told["version"], told["seq"]) == (stream, version, seq)
        assert (told["type"], told["recorded_at"], told["v"]) == (kind, recorded_at, 1)
        assert subject == stream.partition("/")[0]
        assert sha256(body).hexdigest() == told["body"]
        assert merkle.leaf_hash(header) == leaf
        assert version == versions.get(stream, 0) + 1, f"version at {position}"
        before = chains.get(subject, (0, None))
        assert (seq - 1, told["prev"]) == before, f"chain at {position}"
        assert recorded_at >= last_at, f"time at {position}"
        versions[stream], chains[subject], last_at = version, (seq, leaf.hex()), recorded_at
        frontier.append(leaf)
        leaves.append(leaf)
        if edge is not None:
            assert edge == frontier.to_bytes(), f"frontier at {position}"
    if events:
        assert events[-1][-1] is not None, "the last event of a batch holds the frontier"
    receipts = _check_receipts(database, origin, receipt_vkey, leaves, [e[5] for e in events])
    _check_commands(database, events)
    return Checked(len(events), receipts, frontier.root(), versions)


def _read(database: Database) -> list[tuple[Any, ...]]:
    events: list[tuple[Any, ...]] = []
    with connect_reader(database) as connection:
        while True:
            page = connection.execute(
                "SELECT position, stream, version, subject, seq, type, recorded_at, header, body, leaf, frontier"
                " FROM events WHERE position > %s ORDER BY position LIMIT %s",
                (events[-1][0] if events else 0, PAGE),
            ).fetchall()
            if not page:
                return events
            events += page


def _check_receipts(database: Database, origin: str, vkey: str, leaves: list[bytes], types: list[str]) -> int:
    """Every event but map roots lies under exactly one receipt, and every receipt verifies."""
    verifier = note.parse_vkey(vkey)
    with connect_reader(database) as connection:
        rows = connection.execute("SELECT first, count, note FROM receipts ORDER BY first").fetchall()
    covered: set[int] = set()
    for first, count, text in rows:
        receipt = note.Receipt.parse(note.open_note(text, [verifier])[0])
        assert receipt.origin == origin
        assert (receipt.first, receipt.count) == (first, count)
        assert receipt.root == merkle.root(leaves[first - 1 : first - 1 + count])
        span = set(range(first, first + count))
        assert not span & covered, f"two receipts cover {first}"
        covered |= span
    expected = {position for position, kind in enumerate(types, 1) if kind != "map.Rooted"}
    assert covered == expected
    return len(rows)


def _check_commands(database: Database, events: list[tuple[Any, ...]]) -> None:
    """Every command's events carry its id, and every piece of evidence named by a header is stored."""
    with connect_reader(database) as connection:
        commands = connection.execute("SELECT party, command, first, count FROM commands").fetchall()
        evidence: dict[bytes, bytes] = dict(connection.execute("SELECT digest, data FROM evidence").fetchall())
    for digest, data in evidence.items():
        assert sha256(data).digest() == digest
    headers: list[Any] = [canonical.decode(event[7]) for event in events]
    for party, command, first, count in commands:
        for header in headers[(first or 1) - 1 : (first or 1) - 1 + count]:
            assert (header["author"]["party"], header["command"]) == (party, command)
    named = {bytes.fromhex(piece["digest"]) for header in headers for piece in header["author"]["evidence"]}
    assert named <= evidence.keys()
