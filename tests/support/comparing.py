"""The worked ledger as a faithless operator could have written it, and what its parties hold of either history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import canonical, note
from audit.bundlefiles import unpack
from audit.checkpoints import Receipt
from audit.comparing import Offered, compare, read_offered
from audit.contradictions import proven
from audit.sources import Bundle, Source, of_bundle, read_bundle, read_source
from audit.tiles import grow
from tests.support.bundles import NOTHING, Files
from tests.support.bundling import Log, rooted, worked
from tests.support.forging import Edit

Events = list[tuple[dict[str, Any], dict[str, Any]]]
OPERATOR = "party:691fb5e3-3c31-4ef5-ba28-8d10d1e7b4b7"
OTHER = "lift:019a3cb6-bc00-72ff-a887-000000000000"


def log(edit: Edit = lambda _: None, size: int = 15) -> Log:
    """Give the worked ledger, or what a faithless operator made of it, at a size of 15 or 16."""
    made = worked(edit)
    return made if size == 15 else Log(rooted(made.stored, OPERATOR, "2025-11-01T00:00:06.000000Z"))


def files(of: Log, *streams: str) -> Files:
    """Make a bundle."""
    return unpack(of.bundle(*streams).data)


def kind(one: Files, other: Files) -> str | None:
    """Compare two bundles; give the kind of their contradiction, which stands in either order."""
    policy = log().policy
    sides = of_bundle(one, policy), of_bundle(other, policy)
    return kind_of(*sides)


def kind_of(one: Source, other: Source, offered: Offered | None = None, keys: Any = None) -> str | None:  # noqa: ANN401 - a bundle
    """Compare two sources; give the kind of their contradiction, which stands in either order."""
    policy = log().policy
    data, again = (compare(*pair, policy, offered=offered, keys=keys) for pair in ((one, other), (other, one)))
    if data is None or again is None:
        assert data is again
        return None
    assert proven(again.encode(), policy) == proven(data.encode(), policy)
    return proven(data.encode(), policy)


def proof(one: Files, other: Files) -> bytes:
    """Give the file that proves a contradiction of two bundles."""
    policy = log().policy
    found = compare(of_bundle(one, policy), of_bundle(other, policy), policy)
    assert found is not None
    return found.encode()


def move_visit(events: Events) -> None:
    """Book the last event of the lift on another one."""
    events[12][0]["stream"] = f"{OTHER}/maintenance:2025"


def register_other(events: Events) -> None:
    """Register the lift in another way."""
    events[8][1]["salt"] = "11" * 16


def rename_all(events: Events) -> None:
    """Open the ledger in another way, which changes everything."""
    events[0][1]["salt"] = "11" * 16


def swap_lines(events: Events) -> None:
    """Book the agent after the visit."""
    events[11], events[12] = events[12], events[11]


def exported(of: Log, folder: Path) -> Source:
    """Lay a log's checkpoint and hash tiles into a folder, as an export does, and read it."""
    leaves = [row.leaf for row in of.stored.events]
    for tile, data in grow(0, leaves, lambda *_: b""):
        (folder / tile.path()).parent.mkdir(parents=True, exist_ok=True)
        (folder / tile.path()).write_bytes(data)
    (folder / "checkpoint").write_text(of.at(of.size).note, encoding="utf-8")
    return read_source(folder, of.policy)


def signed(of: Log, size: int, folder: Path) -> Source:
    """Give a checkpoint of a log as a file."""
    (folder / "old").write_text(of.at(size).note, encoding="utf-8")
    return read_source(folder / "old", of.policy)


def path(of: Log, old: int, new: int) -> Offered:
    """Give a consistency path as the ledger answers with it."""
    nodes: Any = [node.hex() for node in of.consistency(old, new)]
    return read_offered(canonical.encode({"old": old, "new": new, "path": nodes}))


def receipt(of: Log, position: int) -> str:
    """Give the receipt over the save at a position."""
    return next(row.note for row in of.stored.receipts if row.first <= position < row.first + row.events)


def source(data: str | bytes | dict[str, Any], folder: Path, *headers: bytes) -> Source:
    """Give what stands in a file."""
    text = json.dumps(data) if isinstance(data, dict) else data
    (folder / "file").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_source(folder / "file", log().policy, headers)


def answered(of: Log, first: int) -> dict[str, Any]:
    """Give the answer of the write at a position, as far as it is read here."""
    row = next(row for row in of.stored.receipts if row.first == first)
    events = [{"leaf": event.leaf.hex()} for event in of.stored.events[first - 1 : first - 1 + row.events]]
    return {"groups": [{"receipt": row.note, "events": events}]}


def signed_receipt(of: Log, first: int, count: int, leaves: bytes, key: Ed25519PrivateKey | None = None) -> str:
    """Sign a receipt as a faithless ledger could."""
    made = Receipt(of.stored.origin, first, count, leaves)
    return note.sign_note(made.text(), made.key_name, key or of.receipt_key)


def keys_of(of: Log, folder: Path) -> Bundle:
    """Give a bundle that leads to the key of receipts, whatever it is about."""
    (folder / "keys.zip").write_bytes(of.bundle(NOTHING).data)
    return read_bundle(folder / "keys.zip", of.policy)
