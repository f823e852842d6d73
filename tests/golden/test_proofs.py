"""Golden proofs of the worked ledger: what was handed out once is taken, and made the same, for ever."""

from __future__ import annotations

import io
from typing import Any

import pytest

from audit import canonical
from audit.headmap import HeadMap
from audit.logproofs import LogProof, verify_event
from audit.mapproofs import MapProof, verify_absence, verify_presence
from audit.note import open_signatures, parse_vkey
from audit.policy import Policy, open_checkpoint
from audit.receiptproofs import ReceiptProof
from audit.tiles import TiledTree, decode_bundle, parse_path
from tests.golden.make_proofs import ABSENT, FOLDER, HEADERS, INDEX, ORIGIN, TIME, TOLD, files, heads

FILES = dict(files())
ROOT = bytes.fromhex(TOLD["map_root"])


def read(name: str) -> bytes:
    """Read a golden file."""
    return (FOLDER / name).read_bytes()


def test_every_proof_has_its_file() -> None:
    """None is missing, and none was taken away."""
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", sorted(set(FILES) - {"checkpoint"}))
def test_a_proof_is_made_as_ever(name: str) -> None:
    """The code writes the very bytes; those of the checkpoint stand still, since ML-DSA-44 signs by chance."""
    assert FILES[name] == read(name)


def test_the_checkpoint_opens_for_its_policy() -> None:
    """Both keys of the log, both witnesses, and their times."""
    note, policy = read("checkpoint").decode(), Policy.parse(read("policy"))
    opened = open_checkpoint(note, policy, ORIGIN)
    assert (opened.witnesses, opened.satisfied) == ({"regulator": TIME, "auditor": TIME + 7}, True)
    assert opened.checkpoint.size == len(HEADERS)
    _, signatures = open_signatures(note, [log.verifier for log in policy.logs])
    assert [(each.verifier.type, each.time) for each in signatures] == [(1, None), (6, 0)]


def test_the_event_is_proven() -> None:
    """By its header, the text, and the policy."""
    proof = LogProof.parse(read(f"event-{INDEX}.tlog-proof").decode())
    assert proof.extra == b"extra data"
    assert verify_event(HEADERS[INDEX], proof, Policy.parse(read("policy")), ORIGIN).satisfied


def test_the_event_of_the_receipt_is_proven() -> None:
    """By its header, the path and the receipt's key."""
    proof = ReceiptProof.from_json(canonical.decode(read("receipt-1.json")))
    assert proof.verify(HEADERS[1], parse_vkey(TOLD["vkeys"]["receipt"])).count == 4


def map_proof(number: int) -> tuple[str, MapProof]:
    """Read a proof of the map with its subject."""
    told: Any = canonical.decode(read(f"map-{number}.json"))
    return told.pop("subject"), MapProof.from_json(told)


@pytest.mark.parametrize("number", range(len(heads())))
def test_each_head_is_proven(number: int) -> None:
    """Under the root that the independent script worked out."""
    subject, proof = map_proof(number)
    verify_presence(ROOT, subject, *heads()[subject], proof)


@pytest.mark.parametrize("number", range(len(ABSENT)))
def test_absence_is_proven(number: int) -> None:
    """Of a subject whose path ends at another's end, and of one whose path ends at nothing."""
    subject, proof = map_proof(len(heads()) + number)
    verify_absence(ROOT, subject, proof)
    assert (subject, proof.other is None) == (ABSENT[number], number == 1)


def test_the_map_is_loaded() -> None:
    """Its file gives the root of the ledger's map."""
    loaded = HeadMap.load(io.BytesIO(read("map")))
    assert (loaded.root(), loaded.count, loaded.covered) == (ROOT, len(heads()), len(HEADERS) - 1)


def test_the_tile_and_the_bundle_hold_the_log() -> None:
    """The one tile of a small log leads to the checkpoint's root, and its bundle holds the headers."""
    assert decode_bundle(read("tile-entries-000.p-15"), 15) == HEADERS
    tile = parse_path("tile/0/000.p/15")
    tree = TiledTree(len(HEADERS), lambda *_: read(tile.path().replace("/", "-")))
    assert (
        tree.root()
        == open_checkpoint(read("checkpoint").decode(), Policy.parse(read("policy")), ORIGIN).checkpoint.root
    )
