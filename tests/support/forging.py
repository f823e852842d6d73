"""Makes a forger's ledger: events rewritten, then digests, positions, chains, leaves and edges worked out anew.

He may have the ledger's receipt key or not; the authors' keys he never has.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import canonical, merkle, note
from audit.pages import ReceiptRow
from tests.support.stored import Stored

Edit = Callable[[list[tuple[dict[str, Any], dict[str, Any]]]], None]
"""Changes (header, body) of all events; members that follow from others are worked out afterwards."""


def forged(stored: Stored, edit: Edit, receipt_key: Ed25519PrivateKey | None = None) -> Stored:
    """Rewrite the events; receipts are signed anew by the key, or stay as they are."""
    told = [(json.loads(row.header), json.loads(row.body)) for row in stored.events]
    edit(told)
    tree = merkle.Frontier()
    subjects: dict[str, tuple[int, str | None]] = {}
    versions: dict[str, int] = {}
    rows = []
    for position, (header, body) in enumerate(told, 1):
        stream = header["stream"]
        subject = stream.partition("/")[0]
        seq, prev = subjects.get(subject, (0, None))
        versions[stream] = versions.get(stream, 0) + 1
        data = canonical.encode(body)
        header |= {"position": position, "seq": seq + 1, "prev": prev, "version": versions[stream]}
        header["body"] = sha256(data).hexdigest()
        text = canonical.encode(header)
        leaf = merkle.leaf_hash(text)
        tree.append(leaf)
        subjects[subject] = (seq + 1, leaf.hex())
        old = stored.events[min(position, len(stored.events)) - 1]
        rows.append(
            old._replace(
                position=position, stream=stream, version=versions[stream], seq=seq + 1, type=header["type"],
                recorded_at=header["recorded_at"], header=text, body=data, leaf=leaf, frontier=tree.to_bytes(),
            )
        )  # fmt: skip
    stored.events[:] = rows
    if receipt_key is not None:
        leaves = [row.leaf for row in rows]
        stored.receipts[:] = [_signed(stored.origin, row, leaves, receipt_key) for row in stored.receipts]
    return stored


def _signed(origin: str, row: ReceiptRow, leaves: list[bytes], key: Ed25519PrivateKey) -> ReceiptRow:
    root = merkle.root(leaves[row.first - 1 : row.first - 1 + row.events])
    text = f"{origin}/receipt\n{row.first} {row.events}\n{b64encode(root).decode()}\n"
    return row._replace(note=note.sign_note(text, f"{origin}/receipt", key))
