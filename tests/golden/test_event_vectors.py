"""The product reproduces the worked ledger of the event format, byte for byte."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.catalogue import ACTIONS
from application.saves import Act, Command, Evidence, NewEvent, Save
from audit import merkle, note
from domain.aggregate import type_registry
from infrastructure.mapper import to_event
from infrastructure.receipts import ReceiptSigner
from infrastructure.settling import Batch, Heads

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "event_vectors" / "vectors.json").read_text())
SIGNED = [save for save in VECTORS["saves"] if save["receipt"] is not None]


def _save(vector: dict[str, Any]) -> Save:
    headers = [json.loads(event["header"]) for event in vector["events"]]
    first = headers[0]
    author = first["author"]
    evidence = tuple(
        Evidence(stated["kind"], stated["digest"], given["bytes"].encode())
        for stated, given in zip(author["evidence"], vector["evidence"], strict=True)
    )
    group = vector.get("group", {}).get("number")
    command = Command(first["command"], "POST", "/", "0" * 64, group)
    events = tuple(
        NewEvent(h["stream"], h["version"], h["type"], event["body"].encode(), h["schema"], h["effective_at"])
        for h, event in zip(headers, vector["events"], strict=True)
    )
    return Save(Act(author["party"], author["agent"], author["key"], evidence, command, None, author["seq"]), events)


def _signer() -> ReceiptSigner:
    seed = bytes.fromhex(VECTORS["seeds"]["receipt"])
    return ReceiptSigner(VECTORS["origin"], Ed25519PrivateKey.from_private_bytes(seed))


def test_every_save_settles_to_the_vectors_bytes() -> None:
    """Headers, leaves, chains and receipts of all signed saves come out as the independent script made them."""
    nobody: tuple[int, str | None] = (0, None)
    heads = Heads(0, "", merkle.Frontier(), defaultdict(int), defaultdict(lambda: nobody), {}, {}, {})
    for vector in SIGNED:
        recorded_at = json.loads(vector["events"][0]["header"])["recorded_at"]
        batch = Batch(VECTORS["origin"], heads, recorded_at, _signer())
        saved = batch.settle(_save(vector))

        assert [event.header.decode() for event in saved.events] == [e["header"] for e in vector["events"]]
        assert [event.leaf.hex() for event in saved.events] == [e["leaf"] for e in vector["events"]]
        assert saved.receipt == vector["receipt"]


def test_the_checkpoint_is_the_vectors() -> None:
    """The root over all leaves, map root included, signed by the checkpoint key, is the published note."""
    leaves = [bytes.fromhex(event["leaf"]) for save in VECTORS["saves"] for event in save["events"]]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["seeds"]["checkpoint"]))
    checkpoint = note.Checkpoint(VECTORS["origin"], len(leaves), merkle.root(leaves))

    assert note.sign_note(checkpoint.text(), VECTORS["origin"], key) == VECTORS["checkpoint"]


UNKNOWN = {"visit.ItemRecorded"}
"""Types of the example that the program does not have: all items of a visit are one `visit.ItemsRecorded`."""


def _type(event: dict[str, Any]) -> str:
    return str(json.loads(event["header"])["type"])


def _known() -> list[dict[str, Any]]:
    assert ACTIONS.by_id, "loading the table of actions loads every event type"
    return [event for save in SIGNED for event in save["events"] if _type(event) not in UNKNOWN]


def test_the_types_the_program_does_not_have_are_these() -> None:
    """No type of the example falls out of the program unnoticed, and none is excused that it has."""
    assert {_type(event) for save in SIGNED for event in save["events"]} - type_registry.keys() == UNKNOWN


@pytest.mark.parametrize("event", _known(), ids=_type)
def test_stored_bytes_are_read_back(event: dict[str, Any]) -> None:
    """Each event of a type this program knows is read from its stored bytes with place, author and both parts."""
    header, body = json.loads(event["header"]), json.loads(event["body"])
    read = to_event(event["header"].encode(), event["body"].encode())

    assert (read.originator_id, read.originator_version) == (header["stream"], header["version"])
    assert (read.said, read.found) == (body["said"], body["found"])
    assert read.author.party == header["author"]["party"]
