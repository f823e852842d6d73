"""The map of subjects' heads: its root, grown or made at once, and the file it is kept in."""

from __future__ import annotations

import io
import json
import random
import sys
import tracemalloc
from array import array
from collections.abc import Iterator
from hashlib import sha256

import pytest

from audit import headmap
from audit.errors import CanonicalError, ProofError
from audit.headmap import EMPTY, HeadMap, MapFileDamaged, map_root
from tests.support.naivemap import items_of, root_of
from tests.support.stored import VECTORS

Heads = dict[str, tuple[int, str]]


def some_heads(count: int, seed: int = 7) -> Heads:
    """Make heads of so many lifts."""
    rnd = random.Random(seed)
    return {f"lift:{i}": (rnd.randrange(1, 99), rnd.randbytes(32).hex()) for i in range(count)}


def map_of(heads: Heads) -> HeadMap:
    """Build the map of heads at once."""
    return HeadMap((subject, *head) for subject, head in heads.items())


def dumped(made: HeadMap) -> bytes:
    """Give the file of a map."""
    file = io.BytesIO()
    made.dump(file)
    return file.getvalue()


def test_the_root_of_the_vectors() -> None:
    """The independent script's heads give its root."""
    told = json.loads(VECTORS.read_text(encoding="utf-8"))
    heads = {subject: (head["seq"], head["leaf"]) for subject, head in told["heads"].items()}
    assert map_root(heads).hex() == told["map_root"]


def test_no_subject_gives_zero_bytes() -> None:
    """The empty map's root is fixed, and an empty batch leaves it."""
    made = HeadMap()
    made.update(())
    assert map_root({}) == EMPTY == made.root()
    assert made.count == 0


def test_a_grown_map_equals_one_made_at_once() -> None:
    """Heads set and moved in any order, with roots asked for in between, come to the naive root."""
    rnd = random.Random(7)
    heads: Heads = {}
    grown = HeadMap()
    for step in range(600):
        subject = f"lift:{rnd.randrange(250)}"
        heads[subject] = (step + 1, rnd.randbytes(32).hex())
        grown.set(subject, *heads[subject])
        if step % 50 == 0:
            assert grown.root() == root_of(items_of(heads))
    assert grown.root() == root_of(items_of(heads)) == map_root(heads)
    assert grown.count == len(heads)


def test_a_head_that_did_not_move_changes_nothing() -> None:
    """Setting the same head again leaves root and count."""
    grown = HeadMap()
    grown.set("lift:1", 1, "00" * 32)
    grown.set("lift:2", 1, "11" * 32)
    before = grown.root()
    grown.set("lift:2", 1, "11" * 32)
    assert (grown.root(), grown.count) == (before, 2)


@pytest.mark.parametrize("start", [0, 3])
def test_the_last_head_of_a_subject_counts(start: int) -> None:
    """A subject that comes twice in a batch has its last head, in an empty map and in a grown one."""
    heads = some_heads(start)
    made = map_of(heads)
    made.update([("lift:9", 1, "11" * 32), ("lift:8", 1, "22" * 32), ("lift:9", 2, "33" * 32)])
    heads |= {"lift:8": (1, "22" * 32), "lift:9": (2, "33" * 32)}
    assert (made.root(), made.count) == (root_of(items_of(heads)), start + 2)


@pytest.mark.parametrize("start", [0, 40])
def test_a_batch_that_fails_changes_nothing(start: int) -> None:
    """A head without a value, or a source that breaks off, leaves the map as it was."""
    made = map_of(some_heads(start))
    before = dumped(made)

    def broken() -> Iterator[tuple[str, int, str]]:
        yield "lift:new", 1, "11" * 32
        raise TimeoutError

    with pytest.raises(TimeoutError):
        made.update(broken())
    with pytest.raises(CanonicalError):
        made.update([("lift:new", 1, "11" * 32), ("lift:other", 2**53, "11" * 32)])
    assert dumped(made) == before


def test_a_map_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """More subjects than references can tell apart are refused before anything is changed."""
    monkeypatch.setattr(headmap, "SUBJECTS_MAX", 5)
    made = map_of(some_heads(4))
    before = dumped(made)
    for refused in (lambda: made.update([("a", 1, "11" * 32), ("b", 1, "11" * 32)]), lambda: map_of(some_heads(6))):
        with pytest.raises(ProofError) as caught:
            refused()
        assert caught.value.code == "map_full"
    assert dumped(made) == before
    assert map_of(some_heads(5)).count == 5


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_a_map_comes_back_from_its_file(count: int) -> None:
    """Root, count, proofs and the keeper's note come back, and both grow on alike."""
    made = map_of(some_heads(count))
    made.covered = 2**40 + count
    loaded = HeadMap.load(io.BytesIO(dumped(made)))
    assert (loaded.root(), loaded.count, loaded.covered) == (made.root(), count, 2**40 + count)
    assert loaded.prove("lift:1") == made.prove("lift:1")
    for each in (made, loaded):
        each.update((f"lift:{i}", 100, "ab" * 32) for i in range(0, 2 * count + 2, 2))
    assert dumped(loaded) == dumped(made)


def test_a_file_that_gives_little_at_a_time_is_read_whole() -> None:
    """Reads may be short: from a pipe or a raw file."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(size if size is None or size <= 50 else 50)

    made = map_of(some_heads(50))
    assert HeadMap.load(Slow(dumped(made))).root() == made.root()


def test_every_damaged_byte_is_noticed() -> None:
    """A file with any byte changed, cut anywhere, or with something behind it, is refused by a typed error."""
    good = dumped(map_of(some_heads(3)))
    damaged = [good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :] for i in range(len(good))]
    damaged += [good[:i] for i in range(len(good))] + [good + b"\x00"]
    for data in damaged:
        with pytest.raises(MapFileDamaged) as caught:
            HeadMap.load(io.BytesIO(data))
        magic_lost = not data.startswith(b"ledger-headmap/v1\n")
        assert caught.value.code == ("map_file_format" if magic_lost else "map_file_damaged")


@pytest.mark.parametrize("counts", [(2**31, 2, 0), (1, 3, 0), (1, 0, 0), (1, 2**32, 0)])
def test_a_file_of_impossible_counts_is_refused_before_memory_is_taken(counts: tuple[int, int, int]) -> None:
    """Counts that no map has are refused even under a right checksum."""
    head = b"ledger-headmap/v1\n" + b"".join(each.to_bytes(8, "big") for each in counts)
    with pytest.raises(MapFileDamaged) as caught:
        HeadMap.load(io.BytesIO(head + sha256(head).digest()))
    assert "larger" in caught.value.message


def test_the_file_is_little_endian_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of the other byte order turns the references round, writing and reading."""
    made = map_of(some_heads(20))
    here = dumped(made)
    monkeypatch.setattr(sys, "byteorder", {"little": "big", "big": "little"}[sys.byteorder])
    there = dumped(made)
    references = array("i", here[_references(here)])
    references.byteswap()
    assert there[_references(there)] == references.tobytes()
    assert HeadMap.load(io.BytesIO(there)).root() == made.root()


def _references(file: bytes) -> slice:
    """Say where a file's references stand: after its head and its checksum, and 64 bytes an end."""
    start = 18 + 24 + 32 + 64 * int.from_bytes(file[18:26], "big")
    return slice(start, start + 4 * int.from_bytes(file[26:34], "big"))


def test_a_map_of_many_subjects_is_small() -> None:
    """Flat memory: not above 150 bytes a subject, inner nodes included."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = HeadMap((f"lift:{i}", 1, f"{i:064x}") for i in range(20_000))
        assert tracemalloc.get_traced_memory()[0] - before < 150 * made.count
    finally:
        tracemalloc.stop()
