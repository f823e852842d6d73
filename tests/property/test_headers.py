"""The header's template equals canonical encoding, receipts equal signed notes, arrays equal the driver's."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import Format

from application.saves import Act, Command, Evidence
from audit import canonical, merkle, note
from infrastructure import wire
from infrastructure.headers import HeaderTemplate, Place
from infrastructure.receipts import ReceiptSigner

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
NUMBER = st.integers(1, 2**53 - 1)
HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
EVIDENCE = st.lists(st.builds(Evidence, TEXT, HEX, st.just(b"")), max_size=3).map(tuple)
COMMAND = st.builds(Command, TEXT, st.just("POST"), st.just("/"), st.just(""))
ACT = st.builds(
    Act, TEXT, st.none() | TEXT, st.none() | TEXT, EVIDENCE, st.none() | COMMAND, st.none(), st.none() | NUMBER
)
PLACE = st.builds(Place, NUMBER, NUMBER, st.none() | HEX, NUMBER)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)


@given(TEXT, ACT, TEXT, TEXT, NUMBER, TEXT, PLACE, st.binary(max_size=50))
def test_template_equals_canonical(
    origin: str, act: Act, stream: str, topic: str, schema: int, effective_at: str, place: Place, body: bytes
) -> None:
    """A header made from the template has the bytes that canonical encoding of its members has."""
    recorded_at = "2025-11-01T00:00:00.000000Z"
    author: dict[str, Any] = {
        "agent": act.agent,
        "evidence": [{"digest": piece.digest, "kind": piece.kind} for piece in act.evidence],
        "key": act.key,
        "party": act.party,
        "seq": act.sequence,
    }
    expected = {
        "author": author, "body": sha256(body).hexdigest(), "command": None if act.command is None else act.command.id,
        "effective_at": effective_at, "ledger": origin, "position": place.position, "prev": place.prev,
        "recorded_at": recorded_at, "schema": schema, "seq": place.seq, "stream": stream, "type": topic, "v": 1,
        "version": place.version,
    }  # fmt: skip
    template = HeaderTemplate(origin, act, recorded_at)
    assert template.header(body, stream, topic, schema, effective_at, place) == canonical.encode(expected)


@given(NUMBER, st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=9))
def test_receipt_equals_signed_note(first: int, leaves: list[bytes]) -> None:
    """A receipt equals the signed note over the text of event-format §4."""
    origin = "ledger.example/district"
    signer = ReceiptSigner(origin, SIGNER)
    receipt = note.Receipt(origin, first, len(leaves), merkle.root(leaves))
    assert signer.sign(first, leaves) == note.sign_note(receipt.text(), receipt.key_name, SIGNER)
    assert signer.vkey == note.vkey(receipt.key_name, SIGNER.public_key().public_bytes_raw())


@given(
    st.lists(st.none() | TEXT, min_size=1),
    st.lists(st.none() | st.binary(max_size=20), min_size=1),
    st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), min_size=1),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1),
)
def test_arrays_as_the_driver_reads_them(
    texts: list[str | None], blobs: list[bytes | None], small: list[int | None], big: list[int | None]
) -> None:
    """The driver reads the arrays that the writer makes, and the writer reads its own."""
    transformer = Transformer()
    transformer.set_loader_types([wire.TEXT_ARRAY, wire.BYTEA_ARRAY, wire.INT4_ARRAY, wire.INT8_ARRAY], Format.BINARY)
    row = [wire.texts(texts), wire.blobs(blobs), wire.int4s(small), wire.int8s(big)]
    assert transformer.load_sequence(row) == (texts, blobs, small, big)
    assert wire.read_blobs(row[1]) == blobs
    assert wire.read_blobs(row[0]) == [None if text is None else text.encode() for text in texts]
    numbers = [number for number in small if number is not None]
    assert wire.read_int4s(row[2]) == numbers
    assert wire.read_int8(wire.int8(7)) == 7


def test_no_array() -> None:
    """NULL and the empty array are read as nothing."""
    empty = Transformer().as_literal([])  # the driver's own word for it, as text
    assert empty
    dumped = Transformer().get_dumper([""], PyFormat.BINARY).dump([])
    assert dumped is not None
    assert wire.read_blobs(bytes(dumped)) == wire.read_blobs(None) == []
    assert wire.read_int4s(None) == []
    assert wire.read_int8(None) is None
