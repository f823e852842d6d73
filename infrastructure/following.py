"""Follows the log for whoever signs it: every leaf worked out again from stored bytes, tree and head map grown by it.

It takes no lock and believes no column: the second pass over what the writer wrote (architecture §5).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from audit import merkle
from audit.errors import AuditError
from audit.headmap import HeadMap
from domain.ledgers import MAP_STREAM
from infrastructure.errors import LogDiffers
from infrastructure.lock import replace
from infrastructure.tile_store import Tile, TileEdge

PAGE_MAX: Final = 2_000
MAP_FILE: Final = "heads.map"
PLACE_FILE: Final = "heads.json"
_PAGE: Final = (
    "SELECT position, header, leaf, frontier, CASE WHEN stream = 'map' THEN body END FROM events"
    " WHERE position > %s ORDER BY position LIMIT %s"
)
# A header is canonical: these members stand at its end, in this order (event-format §2).
_POSITION: Final = b'"position":'
_TAIL: Final = re.compile(
    rb'"position":([0-9]+),"prev":(?:null|"[0-9a-f]{64}"),"recorded_at":"[^"]+","schema":[0-9]+,"seq":([0-9]+),'
    rb'"stream":"([^"/]+)[^"]*","type":"[^"]+","v":1,"version":[0-9]+\}$'
)


class Row(NamedTuple):
    """An event as it is followed; the body is that of a map root."""

    position: int
    header: bytes
    leaf: bytes
    frontier: bytes | None
    body: bytes | None


@dataclass(slots=True)
class Followed:
    """The log as far as it was followed: the tree's edge, the map of heads, and tiles that were filled since."""

    position: int = 0
    tree: merkle.Frontier = field(default_factory=merkle.Frontier)
    heads: HeadMap = field(default_factory=HeadMap)
    edge: TileEdge = field(default_factory=TileEdge)
    filled: list[Tile] = field(default_factory=list)
    rooted: int = 0
    """The position of the last map root."""

    @property
    def moved(self) -> bool:
        """Say whether anything but a map root came since the last map root."""
        return self.position > self.rooted

    def follow(self, connection: psycopg.Connection, limit: int = PAGE_MAX) -> int:
        """Take in the next page; returns how many events it held.

        Raises LogDiffers: what is stored is not what was hashed, and nothing may be signed over it.
        """
        found = connection.cursor(binary=True).execute(_PAGE, (self.position, limit), prepare=True).fetchall()
        self.take(found)
        return len(found)

    def take(self, rows: Iterable[tuple[int, bytes, bytes, bytes | None, bytes | None]]) -> None:
        """Take in events, each a Row's members, that follow on what was taken in. Raises LogDiffers."""
        moved: dict[str, tuple[int, str]] = {}
        leaves: list[bytes] = []
        grown = 0
        for row in rows:
            position, header, stored, frontier, _ = row
            subject, seq = _place(header, position)
            if position != self.position + 1:
                raise LogDiffers("positions are missing", position=self.position + 1)
            leaf = merkle.leaf_hash(header)
            if leaf != stored:
                raise LogDiffers("a stored leaf is not its header's hash", position=position)
            self.position = position
            leaves.append(leaf)
            if frontier is not None:
                self.tree.extend(leaves[grown:])
                grown = len(leaves)
                if frontier != self.tree.to_bytes():
                    raise LogDiffers("a stored edge of the tree is not the one over its leaves", position=position)
            if subject == MAP_STREAM:
                self._update(moved)
                moved = {}
                self._check_root(Row._make(row))
            else:
                moved[subject] = (seq, leaf.hex())
        self.tree.extend(leaves[grown:])
        self._update(moved)
        self.filled.extend(self.edge.extend(leaves))

    def _update(self, moved: dict[str, tuple[int, str]]) -> None:
        self.heads.update((subject, seq, leaf) for subject, (seq, leaf) in moved.items())

    def _check_root(self, row: Row) -> None:
        """Hold a map root that stands in the log against the map as followed."""
        self.rooted = row.position
        found = json.loads(row.body or b"{}").get("found", {})
        told = (found.get("size"), found.get("root"), found.get("count"))
        if told != (row.position - 1, self.heads.root().hex(), self.heads.count):
            raise LogDiffers("a recorded map root is not the one over the heads", position=row.position)

    # ------------------------------------------------------------------------------------------------ kept on disk

    def keep(self, folder: Path, origin: str) -> None:
        """Write map and place down, so that the next start goes on from here; right after a map root only."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.heads.covered = self.position
        fresh = folder / f"{MAP_FILE}.new"
        with fresh.open("wb") as file:
            self.heads.dump(file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / MAP_FILE)
        place = {"origin": origin, "position": self.position, "tree": self.tree.to_bytes().hex()}
        replace(folder / PLACE_FILE, json.dumps(place))

    @classmethod
    def kept(cls, folder: Path, origin: str, connection: psycopg.Connection) -> Followed:
        """Give what was kept if the log still holds it; else the beginning, from which all is made again."""
        try:
            place: dict[str, Any] = json.loads((folder / PLACE_FILE).read_text(encoding="utf-8"))
            with (folder / MAP_FILE).open("rb") as file:
                heads = HeadMap.load(file)
            position = int(place["position"])
            tree = merkle.Frontier.from_bytes(position, bytes.fromhex(place["tree"]))
        except (OSError, ValueError, KeyError, TypeError, AuditError):
            return cls()
        found = connection.cursor(binary=True).execute(_PAGE, (position - 1, 1), prepare=True).fetchone()
        if (
            found is None
            or (found[0], found[3]) != (position, tree.to_bytes())
            or place.get("origin") != origin
            or heads.covered != position
        ):
            return cls()
        followed = cls(position, tree, heads, TileEdge.stored(connection, position), [], position)
        try:
            followed._check_root(Row._make(found))
        except LogDiffers:
            return cls()
        return followed


def _place(header: bytes, position: int) -> tuple[str, int]:
    """Give subject and seq as the header says them."""
    # None of the members after the position can hold its name, so it is sought from the end.
    found = _TAIL.match(header, header.rfind(_POSITION))
    if found is None or int(found[1]) != position:
        raise LogDiffers("a stored header is not of the format", position=position)
    return found[3].decode(), int(found[2])
