"""Laws of exported logs: no changed byte of any file is ever believed, none too many and none too few.

One exception is the format's (C2SP signed-note): lines under a checkpoint by keys that the policy does not know.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.cosignatures import cosign, cosigner_vkey
from audit.errors import AuditError, NoteError
from audit.exports import check_export
from audit.merkle import leaf_hash, root
from audit.note import Checkpoint, sign_note, vkey
from audit.policy import Opened, Policy
from audit.signatures import parse_line
from audit.tiles import TILE_WIDTH, Tile, encode_bundle, grow
from infrastructure.headers import HeaderTemplate, Place
from tests.support.saving import ORIGIN, act, body

KEY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
POLICY = Policy.parse(f"log {vkey(ORIGIN, KEY.public_key().public_bytes_raw())}\nquorum none\n".encode())
PQ, WITNESS = (MLDSA44PrivateKey.from_seed_bytes(bytes([seed]) * 32) for seed in (8, 9))
WITNESS_ED = Ed25519PrivateKey.from_private_bytes(bytes([10]) * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([11]) * 32)
COSIGNED_AT = 1_772_000_000
NAME = "witness.example/lifts"
MANY = Policy.parse(
    (
        f"log {vkey(ORIGIN, KEY.public_key().public_bytes_raw())}\nwitness own {cosigner_vkey(ORIGIN, PQ)}\n"
        f"witness w {cosigner_vkey(NAME, WITNESS_ED)}\nwitness w-pq {cosigner_vkey(NAME, WITNESS)}\n"
        "group each all own w w-pq\nquorum each\n"
    ).encode()
)
"""It knows every line but the stranger's, and demands each; the log's own ML-DSA-44 key stands among the witnesses."""
SIZES = (1, 256, 257, 600)
AT = "2026-03-02T02:00:00.000000Z"


@cache
def exported(size: int) -> dict[str, bytes]:
    """Make the files of a log of so many events."""
    template = HeaderTemplate(ORIGIN, act(), AT)
    headers = [
        template.header(body(), f"lift:{number:032x}", "lift.Registered", 1, AT, Place(number, 1, None, 1))
        for number in range(1, size + 1)
    ]
    leaves = list(map(leaf_hash, headers))
    files = {tile.path(): data for tile, data in grow(0, leaves, lambda *_: b"")}
    for index in range(0, size, TILE_WIDTH):
        bundle = headers[index : index + TILE_WIDTH]
        files[Tile(None, index // TILE_WIDTH, len(bundle)).path()] = encode_bundle(bundle)
    files["checkpoint"] = sign_note(Checkpoint(ORIGIN, size, root(leaves)).text(), ORIGIN, KEY).encode()
    return files


@contextmanager
def folder_of(files: dict[str, bytes]) -> Iterator[Path]:
    """Lay files into a folder."""
    with tempfile.TemporaryDirectory() as name:
        for path, data in files.items():
            (Path(name) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / path).write_bytes(data)
        yield Path(name)


def holds(files: dict[str, bytes]) -> bool:
    """Say whether somebody who has the folder and the policy believes it."""
    with folder_of(files) as folder:
        try:
            check_export(folder, POLICY, ORIGIN)
        except AuditError:
            return False
        return True


@cache
def cosigned() -> list[str]:
    """Sign a checkpoint over one event with every kind of key: its text, the known keys' lines, a stranger's."""
    text, _, own = exported(1)["checkpoint"].decode().partition("\n\n")
    text += "\n"
    lines = [
        cosign(text, name, key, COSIGNED_AT)
        for name, key in ((ORIGIN, PQ), (NAME, WITNESS_ED), (NAME, WITNESS), ("stranger.example", STRANGER))
    ]
    return [text, own, *lines]


def opened(parts: list[bytes]) -> Opened | None:
    """Check the export under these parts of its checkpoint; gives what is believed of it, if anything is."""
    text, *lines = parts
    with folder_of({**exported(1), "checkpoint": b"\n".join([text, b"".join(lines)])}) as folder:
        try:
            return check_export(folder, MANY, ORIGIN)
        except AuditError:
            return None


def flipped(at: int, where: float, bit: int) -> list[bytes]:
    """Give the parts of the cosigned checkpoint with one bit of one of them flipped."""
    parts = [bytearray(part.encode()) for part in cosigned()]
    parts[at][int(where * len(parts[at]))] ^= 1 << bit
    return list(map(bytes, parts))


def key_of(line: bytes) -> tuple[str, bytes] | None:
    """Give whose line it says that it is."""
    try:
        return parse_line(line.decode().removesuffix("\n"))[:2]
    except (NoteError, UnicodeDecodeError):
        return None


places = st.sampled_from(SIZES).flatmap(lambda size: st.tuples(st.just(size), st.sampled_from(sorted(exported(size)))))


@pytest.mark.parametrize("size", SIZES)
def test_the_export_itself_holds(size: int) -> None:
    """All of this is about exports that are believed as they are."""
    assert holds(exported(size))


@given(place=places, where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=400)
def test_a_changed_byte_of_any_file_is_rejected(place: tuple[int, str], where: float, bit: int) -> None:
    """T1, T11: there is no file of an export that nobody authenticates."""
    size, name = place
    data = bytearray(exported(size)[name])
    data[int(where * len(data))] ^= 1 << bit
    assert not holds({**exported(size), name: bytes(data)})


@given(place=places, where=st.floats(0, 1, exclude_max=True), more=st.binary(min_size=1, max_size=40))
@settings(max_examples=200)
def test_a_file_cut_grown_lost_or_moved_is_rejected(place: tuple[int, str], where: float, more: bytes) -> None:
    """T1, T11: each file is whole, ends where it ends, and stands at its place."""
    size, name = place
    files = exported(size)
    data = files[name]
    assert not holds({**files, name: data[: int(where * len(data))]})
    assert not holds({**files, name: data + more})
    assert not holds({each: held for each, held in files.items() if each != name})
    other = sorted(files)[int(where * len(files))]
    if files[other] != data:
        assert not holds({**files, name: files[other], other: data})


def test_the_cosigned_export_itself_holds() -> None:
    """All lines are believed as they are, and those of a stranger are passed over."""
    held = opened([part.encode() for part in cosigned()])
    assert held is not None
    assert held.satisfied
    assert held.witnesses == dict.fromkeys(("own", "w", "w-pq"), COSIGNED_AT)


@given(at=st.integers(0, 4), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=400)
def test_a_changed_byte_by_any_known_key_is_rejected(at: int, where: float, bit: int) -> None:
    """T1, T11: of text and lines, Ed25519 or ML-DSA-44, the log's or a witness's.

    Where name or id are hit, the line is an unknown key's: it no longer counts, and the quorum misses it.
    """
    parts = flipped(at, where, bit)
    held = opened(parts)
    assert held is None or not held.satisfied
    if held is not None:
        assert at > 1, "without the log's own line nothing is believed"
        assert key_of(parts[at]) != key_of(cosigned()[at].encode())
        assert len(held.witnesses) == 2


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=200)
def test_a_strangers_line_says_nothing_however_it_is_changed(where: float, bit: int) -> None:
    """Unknown keys are ignored (signed-note): the note is malformed by it, or believed as it was."""
    parts = flipped(5, where, bit)
    held = opened(parts)
    if key_of(parts[5]) is not None:
        assert held == opened([part.encode() for part in cosigned()])


def test_a_strangers_line_may_change_unnoticed() -> None:
    """The exception that docs/evidence.md states: nobody who knows the key has looked at it."""
    *parts, stranger = (part.encode() for part in cosigned())
    changed = stranger[:-20] + (b"A" if stranger[-20:-19] != b"A" else b"B") + stranger[-19:]
    assert changed != stranger
    assert opened([*parts, changed]) == opened([*parts, stranger])
