"""Makes the golden proofs that are missing, all of the worked ledger (`event_vectors`), by keys of fixed seeds.

A file that exists is never written again: what was handed out once must be taken for ever. Run it as
`python -m tests.golden.make_proofs`. ML-DSA-44 signs by chance, so its lines would differ each time.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit import canonical
from audit.cosignatures import cosign, cosigner_vkey
from audit.headmap import HeadMap
from audit.logproofs import LogProof
from audit.merkle import inclusion_path, leaf_hash
from audit.receiptproofs import ReceiptProof
from audit.tiles import encode_bundle, grow

FOLDER: Final = Path(__file__).parent / "proofs"
TOLD: Final[Any] = json.loads((Path(__file__).parent / "event_vectors" / "vectors.json").read_text(encoding="utf-8"))
ORIGIN: Final[str] = TOLD["origin"]
HEADERS: Final = [event["header"].encode() for save in TOLD["saves"] for event in save["events"]]
LEAVES: Final = [leaf_hash(header) for header in HEADERS]
TEXT: Final[str] = TOLD["checkpoint"].partition("\n\n")[0] + "\n"
LOG: Final = MLDSA44PrivateKey.from_seed_bytes(b"golden log ml-dsa-44".ljust(32, b"."))
REGULATOR: Final = MLDSA44PrivateKey.from_seed_bytes(b"golden regulator ml-dsa-44".ljust(32, b"."))
AUDITOR: Final = Ed25519PrivateKey.from_private_bytes(b"golden auditor ed25519".ljust(32, b"."))
TIME: Final = 1_767_225_600
INDEX: Final = 5
ABSENT: Final = ("lift:00000000-0000-4000-8000-000000000000", "lift:00000000-0000-4000-8000-000000000002")
"""Subjects that are not in the map: the path of one ends at another's end, that of the other at nothing."""


def heads() -> dict[str, tuple[int, str]]:
    """Give the heads of the worked ledger's subjects."""
    return {subject: (head["seq"], head["leaf"]) for subject, head in TOLD["heads"].items()}


def made_map() -> HeadMap:
    """Build the map of the worked ledger."""
    made = HeadMap((subject, *head) for subject, head in heads().items())
    made.covered = len(HEADERS) - 1
    return made


def checkpoint() -> str:
    """Sign the checkpoint for the log's second key and two witnesses."""
    return str(TOLD["checkpoint"]) + "".join((
        cosign(TEXT, ORIGIN, LOG, 0),
        cosign(TEXT, "regulator.example/witness", REGULATOR, TIME),
        cosign(TEXT, "auditor.example/witness", AUDITOR, TIME + 7),
    ))  # fmt: skip


def policy() -> str:
    """Write the policy that believes them."""
    return (
        "# The worked ledger, by either of its keys, and both who watch it.\n"
        f"log {TOLD['vkeys']['checkpoint']} https://ledger.example/\n"
        f"log {cosigner_vkey(ORIGIN, LOG)}\n\n"
        f"witness regulator {cosigner_vkey('regulator.example/witness', REGULATOR)}\n"
        f"witness auditor {cosigner_vkey('auditor.example/witness', AUDITOR)}\n"
        "group watchers all regulator auditor\nquorum watchers\n"
    )


def files() -> Iterator[tuple[str, bytes]]:
    """Make every file anew; the proof holds the checkpoint that is already there, if one is."""
    there = FOLDER / "checkpoint"
    signed = there.read_text(encoding="utf-8") if there.exists() else checkpoint()
    yield "checkpoint", signed.encode()
    yield "policy", policy().encode()
    proof = LogProof(INDEX, tuple(inclusion_path(LEAVES, INDEX)), signed, b"extra data")
    yield f"event-{INDEX}.tlog-proof", proof.text().encode()
    first = TOLD["saves"][0]
    path = tuple(inclusion_path(LEAVES[: len(first["events"])], 1))
    yield "receipt-1.json", canonical.encode(ReceiptProof(1, path, first["receipt"]).to_json())
    made, file = made_map(), io.BytesIO()
    made.dump(file)
    yield "map", file.getvalue()
    for number, subject in enumerate((*heads(), *ABSENT)):
        yield f"map-{number}.json", canonical.encode({"subject": subject, **made.prove(subject).to_json()})
    yield "tile-entries-000.p-15", encode_bundle(HEADERS)
    for tile, data in grow(0, LEAVES, lambda _level, _index, _width: b""):
        yield tile.path().replace("/", "-"), data


def main() -> None:
    """Write what is missing."""
    FOLDER.mkdir(exist_ok=True)
    for name, data in files():
        if not (FOLDER / name).exists():
            (FOLDER / name).write_bytes(data)
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
