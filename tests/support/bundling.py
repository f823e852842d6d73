"""Bundles of ledgers in memory: the worked ledger with its table published, and stories, through the real collector."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.bundling import Bundle, Signer, make
from application.evidence_material import Receiver, SaveRow, Stamped
from application.proving import Certified, HeadProofs
from application.saves import StoredHeader
from audit import canonical, merkle, note
from audit.actions import Table
from audit.bundles import Stamp
from audit.events import Header
from audit.headmap import HeadMap
from audit.keys import public_bytes
from audit.manifests import Query
from audit.names import subject_of
from audit.pages import Answers, Questions
from audit.policy import Policy
from tests.support.forging import Edit, forged
from tests.support.stored import ACTIONS, VECTORS, Stored, worked_ledger

SEEDS: Mapping[str, str] = json.loads(VECTORS.read_text(encoding="utf-8"))["seeds"]
ME = "party:00000000-0000-4000-8000-000000000001"


def private(label: str) -> Ed25519PrivateKey:
    """Give a private key of the worked ledger."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SEEDS[label]))


@dataclass
class Log:
    """A stored ledger with its keys: `application.evidence.Material` and `application.proving.Proofs` over its rows.

    `size` is that of the checkpoint, whose last leaf is a map root.
    """

    stored: Stored
    checkpoint_key: Ed25519PrivateKey = field(default_factory=lambda: private("checkpoint"))
    receipt_key: Ed25519PrivateKey = field(default_factory=lambda: private("receipt"))
    cosign: Callable[[str], str] = lambda _text: ""
    stamps: Mapping[int, bytes] = field(default_factory=dict)
    """Tokens by the size that they are over."""

    @property
    def size(self) -> int:
        """The number of events; the last is a map root."""
        return len(self.stored.events)

    # ------------------------------------------------------------------------------------------------ Material

    def chains(self, subjects: Sequence[str], before: int) -> Mapping[str, Sequence[bytes]]:
        """Give chains."""
        found: dict[str, list[bytes]] = {}
        for row in self.stored.events[: before - 1]:
            if (subject := subject_of(row.stream)) in subjects:
                found.setdefault(subject, []).append(row.header)
        return found

    def events(self, positions: Iterable[int]) -> Mapping[int, StoredHeader]:
        """Give events."""
        rows = [self.stored.events[position - 1] for position in positions]
        return {row.position: StoredHeader(row.position, row.header, row.body, row.leaf) for row in rows}

    def positions(self, versions: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """Find events by stream and version."""
        wanted = set(versions)
        found = {(row.stream, row.version): row.position for row in self.stored.events}
        return {version: at for version, at in found.items() if version in wanted}

    def saves(self, positions: Iterable[int]) -> Sequence[SaveRow]:
        """Give saves."""
        wanted = set(positions)
        return [
            SaveRow(row.first, row.note, [self.stored.events[at - 1].leaf for at in span])
            for row in self.stored.receipts
            if wanted & set(span := range(row.first, row.first + row.events))
        ]

    def ask(self, questions: Questions) -> Answers:
        """Answer."""
        return self.stored.ask(questions)

    def line_hashes(self, party: str, command: str) -> Sequence[bytes]:
        """Give hashes of lines."""
        return [row.digest for row in self.stored.lines[party, command]]

    def paths(self, positions: Iterable[int], size: int) -> Mapping[int, Sequence[bytes]]:
        """Give audit paths."""
        leaves = self._leaves(size)
        return {position: merkle.inclusion_path(leaves, position - 1) for position in positions}

    def stamped(self, least: int, size: int) -> Stamped | None:
        """Choose a stamp."""
        over = [each for each in sorted(self.stamps) if each <= size]
        found = [each for each in over if each >= least] or over[-1:]
        return Stamped(found[0], "authority.example") if found else None

    def stamp(self, stamped: Stamped, size: int) -> Stamp:
        """Give a stamp."""
        note_ = self.at(stamped.size).note.encode()
        return Stamp(note_, tuple(self.consistency(stamped.size, size)), self.stamps[stamped.size])

    def _leaves(self, size: int) -> list[bytes]:
        return [row.leaf for row in self.stored.events[:size]]

    # ------------------------------------------------------------------------------------------------ Proofs

    def latest(self) -> Certified:
        """Give the checkpoint."""
        return self.at(self.size)

    def at(self, size: int) -> Certified:
        """Sign a checkpoint."""
        root = merkle.root(self._leaves(size))
        text = note.Checkpoint(self.stored.origin, size, root).text()
        signed = note.sign_note(text, self.stored.origin, self.checkpoint_key)
        return Certified(size, root, signed + self.cosign(text), self.stored.events[size - 1].recorded_at)

    def over(self, position: int) -> Certified:
        """Give the checkpoint."""
        return self.covering(position)

    def covering(self, position: int) -> Certified:
        """Give the checkpoint."""
        return self.latest()

    def cosigned(self, size: int) -> str:
        """Give the checkpoint's note."""
        return self.at(size).note

    def inclusion(self, position: int, size: int) -> Sequence[bytes]:
        """Give an audit path."""
        return self.paths([position], size)[position]

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Give a consistency path."""
        return merkle.consistency_path(self._leaves(new), old, new)

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Give hashes of the lowest level."""
        first = index * 256 * (level == 0)
        return b"".join(self._leaves(self.size)[first : first + width])

    def witnessed(self, size: int) -> str | None:
        """Give the checkpoint's note, which nobody need cosign."""
        return self.cosigned(size)

    def witnessed_over(self, position: int) -> tuple[int, str]:
        """Give the checkpoint."""
        return self.size, self.latest().note

    def has_quorum(self, note: str) -> bool:
        """Ask for nobody."""
        return bool(note)

    def asks_quorum(self) -> bool:
        """Ask for nobody."""
        return False

    def heads(self, subjects: Sequence[str], position: int, *, cosign: bool = False) -> HeadProofs:
        """Prove heads."""
        heads = map_of(self.stored)
        return HeadProofs(self.size, {subject: heads.prove(subject) for subject in subjects})

    # ------------------------------------------------------------------------------------------------ making

    @property
    def policy(self) -> Policy:
        """A policy that believes the log, and asks for no witness."""
        return Policy.parse(self.policy_text.encode())

    @property
    def policy_text(self) -> str:
        """The policy as a file."""
        return f"log {note.vkey(self.stored.origin, public_bytes(self.checkpoint_key.public_key()))}\nquorum none\n"

    def sign(self, text: str, _size: int = 0) -> str:
        """Sign a manifest."""
        return note.sign_note(text, f"{self.stored.origin}/receipt", self.receipt_key)

    def bundle(
        self, *streams: str, since: str | None = None, until: str | None = None, party: str = ME,
        sees: Callable[[Header], bool] = lambda _: True,
    ) -> Bundle:  # fmt: skip
        """Make a bundle."""
        signer = Signer(self.stored.origin, self.sign)
        return make(self, self, signer, Query(streams, since, until), Receiver(party, sees), self.size)


def map_of(stored: Stored) -> HeadMap:
    """Give the map of heads over all events but the map's own."""
    rows = [row for row in stored.events if row.stream != "map"]
    return HeadMap((subject_of(row.stream), row.seq, row.leaf.hex()) for row in rows)


def published(stored: Stored, edit: Edit = lambda _: None, receipt_key: Ed25519PrivateKey | None = None) -> Log:
    """Make the worked ledger's operator publish its table and root its map anew, after `edit` changed its events."""
    table = Table.from_json(ACTIONS)

    def publish(events: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        events[0][1]["found"] |= {"actions": table.digest, "table": deepcopy(ACTIONS)}
        edit(events)

    def root(events: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        heads = map_of(stored)
        found = {"count": heads.count, "root": heads.root().hex(), "size": len(events) - 1}
        events[-1][1]["found"] = found

    key = receipt_key or private("receipt")
    forged(stored, publish, key)
    forged(stored, root, key)
    return Log(stored, receipt_key=key)


def worked(edit: Edit = lambda _: None) -> Log:
    """Give the worked ledger with its table published."""
    return published(worked_ledger(), edit)


def rooted(stored: Stored, operator: str, now: str) -> Stored:
    """Append a map root to a ledger, as the checkpointer does."""
    heads, size = map_of(stored), len(stored.events)
    found: Any = {"count": heads.count, "root": heads.root().hex(), "size": size}
    body = canonical.encode({"found": found, "from": None, "said": None, "salt": "00" * 16})
    before = [row for row in stored.events if row.stream == "map"]
    seq = len(before) + 1
    header = canonical.encode(
        {
            "author": {"agent": None, "evidence": [], "key": None, "party": operator, "seq": None},
            "body": sha256(body).hexdigest(), "command": None, "effective_at": now, "ledger": stored.origin,
            "position": size + 1, "prev": before[-1].leaf.hex() if before else None, "recorded_at": now, "schema": 1,
            "seq": seq, "stream": "map", "type": "map.Rooted", "v": 1, "version": seq,
        }
    )  # fmt: skip
    leaf = merkle.leaf_hash(header)
    row = stored.events[-1]._replace(
        position=size + 1, stream="map", version=seq, seq=seq, type="map.Rooted", recorded_at=now, header=header,
        body=body, leaf=leaf, frontier=merkle.Frontier([*(each.leaf for each in stored.events), leaf]).to_bytes(),
    )  # fmt: skip
    stored.events.append(row)
    return stored


__all__ = ["ME", "Log", "map_of", "private", "published", "rooted", "worked"]
