"""The map of heads, flat in memory, against the plain alternative: a dict of nodes by their hash.

Each case runs in a fresh process, so that the greatest resident set is its own. The alternative holds 100,000 subjects
only; with the large map's count it would not fit beside anything else.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Any, BinaryIO, Final, Protocol

from audit.headmap import EMPTY, HeadMap, MapProof, map_key, map_value, verify_presence
from audit.mapproofs import end_hash, inner_hash

SUBJECTS: Final = 100_000
SUBJECTS_LARGE: Final = 2_000_000
BATCH: Final = 1_000
SLICES: Final = 5
PROOFS: Final = 1_000
LIMITS: Final = {"build_s": 1.5, "changed_ms": 100, "rss_mb": 500, "load_s": 5}
"""Asked: 100,000 subjects built, 1,000 changed heads, memory and restart of the large map."""
HASHED: Final = 100_000
HASHES_A_SUBJECT: Final = 4

Head = tuple[str, int, str]


class Kept(Protocol):
    """What both maps do."""

    def update(self, heads: Iterator[Head]) -> None:
        """Put a batch of heads."""

    def root(self) -> bytes:
        """Give the root."""


class Nodes:
    """The plain map: inner nodes and ends in a dict by their hash, every path made anew as it changes."""

    def __init__(self) -> None:
        self._inner: dict[bytes, tuple[bytes, bytes]] = {}
        self._ends: dict[bytes, tuple[bytes, bytes]] = {}
        self._root = EMPTY

    def update(self, heads: Iterator[Head]) -> None:
        """Put heads one after the other."""
        for subject, seq, leaf in heads:
            key = map_key(subject)
            self._root = self._put(self._root, 0, key, map_value(seq, leaf))

    def root(self) -> bytes:
        """Give the root."""
        return self._root

    def _put(self, node: bytes, depth: int, key: bytes, value: bytes) -> bytes:
        bit = key[depth >> 3] >> (7 - (depth & 7)) & 1
        if (inner := self._inner.pop(node, None)) is not None:
            children = list(inner)
            children[bit] = self._put(children[bit], depth + 1, key, value)
        elif node == EMPTY or self._ends[node][0] == key:
            self._ends.pop(node, None)
            made = end_hash(key, value)
            self._ends[made] = (key, value)
            return made
        else:
            children = [EMPTY, EMPTY]
            children[self._ends[node][0][depth >> 3] >> (7 - (depth & 7)) & 1] = node
            children[bit] = self._put(children[bit], depth + 1, key, value)
        made = inner_hash(*children)
        self._inner[made] = (children[0], children[1])
        return made


def _heads(numbers: range | list[int], seq: int) -> Iterator[Head]:
    return ((f"lift:{number:032x}", seq, f"{number:064x}") for number in numbers)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _update(made: Kept, numbers: range | list[int], seq: int) -> None:
    made.update(_heads(numbers, seq))


def _grown(made: Kept, subjects: int, slices: int) -> dict[str, Any]:
    """Build, change batches of old subjects, add batches of new ones."""
    rnd = random.Random(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    build_s = _seconds(partial(_update, made, range(subjects), 1))
    rss_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    changed, added = [], []
    for i in range(slices):
        moved = rnd.sample(range(subjects), BATCH)
        new = range(subjects + i * BATCH, subjects + (i + 1) * BATCH)
        changed.append(_seconds(partial(_update, made, moved, i + 2)))
        added.append(_seconds(partial(_update, made, new, 1)))
    return {
        "subjects": subjects,
        "build_s": round(build_s, 3),
        "changed_us_a_head": round(statistics.median(changed) / BATCH * 1e6, 1),
        "changed_us_a_head_worst": round(max(changed) / BATCH * 1e6, 1),
        "added_us_a_head": round(statistics.median(added) / BATCH * 1e6, 1),
        "rss_mb": round(rss_kib / 1000),
        "rss_bytes_a_subject": round((rss_kib - before) * 1024 / subjects),
    }


def measure_plain(subjects: int, slices: int) -> dict[str, Any]:
    """Measure the dict of nodes."""
    return _grown(Nodes(), subjects, slices)


def measure_flat(subjects: int, slices: int) -> dict[str, Any]:
    """Measure the flat map, its proofs and its file."""
    made = HeadMap()
    result = _grown(made, subjects, slices)
    asked = random.Random(2).sample(range(subjects + slices * BATCH, subjects + slices * BATCH + 10**6), PROOFS)
    proofs: list[MapProof] = []
    absent_s = _seconds(lambda: proofs.extend(made.prove(f"lift:{number:032x}") for number in asked))
    root, (subject, seq, leaf) = made.root(), next(_heads([subjects], 1))
    proof = made.prove(subject)

    def verified() -> None:
        for _ in range(PROOFS):
            verify_presence(root, subject, seq, leaf, proof)

    verify_s = _seconds(verified)
    with tempfile.TemporaryFile() as file:
        dump_s = _seconds(lambda: made.dump(file))
        file_bytes = file.tell()
        loaded, load_s = _loaded(file)
    assert loaded.root() == root  # noqa: S101  # else nothing was measured
    return result | {
        "prove_us": round(absent_s / PROOFS * 1e6, 1),
        "verify_us": round(verify_s / PROOFS * 1e6, 1),
        "siblings_mean": round(statistics.mean(len(each.siblings) for each in proofs), 1),
        "dump_s": round(dump_s, 2),
        "load_s": round(load_s, 2),
        "file_mb": round(file_bytes / 1e6, 1),
    }


def _loaded(file: BinaryIO) -> tuple[HeadMap, float]:
    file.seek(0)
    start = time.perf_counter()
    loaded = HeadMap.load(file)
    return loaded, time.perf_counter() - start


def bare_s(subjects: int) -> float:
    """Take the time of the hashes that a map of so many subjects needs at least: key, value, end and inner node."""
    data = [number.to_bytes(65, "big") for number in range(HASHED)]
    start = time.perf_counter()
    for each in data:
        sha256(each).digest()
    return (time.perf_counter() - start) / HASHED * HASHES_A_SUBJECT * subjects


def run(*, large: bool = True, slices: int = SLICES) -> dict[str, Any]:
    """Measure both maps with 100,000 subjects and, unless `large` is false, the flat one with two million."""
    cases = [("plain", measure_plain, SUBJECTS), ("flat", measure_flat, SUBJECTS)]
    if large:
        cases.append(("flat_large", measure_flat, SUBJECTS_LARGE))
    result: dict[str, Any] = {"limits": LIMITS, "bare_s": round(bare_s(SUBJECTS), 3)}
    for name, measure, subjects in cases:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            result[name] = pool.submit(measure, subjects, slices).result()
    return result


def table(result: dict[str, Any]) -> str:
    """Give the figures as lines, what is asked and the bare hashes beside them."""
    large = result.get("flat_large", {})
    plain, flat, limits = result["plain"], result["flat"], result["limits"]
    rows = [
        (f"{SUBJECTS:,} subjects built, s", flat["build_s"], plain["build_s"], limits["build_s"]),
        ("1,000 changed heads, ms", flat["changed_us_a_head"], plain["changed_us_a_head"], limits["changed_ms"]),
        (f"memory, MB, at {large.get('subjects', SUBJECTS):,}", large.get("rss_mb", flat["rss_mb"]), plain["rss_mb"],
         limits["rss_mb"]),
        ("restart (map read from its file), s", large.get("load_s", flat["load_s"]), "-", limits["load_s"]),
    ]  # fmt: skip
    lines = [f"{'':>38} {'flat':>9} {'plain':>9} {'asked':>9}"]
    lines += [f"{what:>38} {ours:>9} {theirs:>9} {asked:>9}" for what, ours, theirs, asked in rows]
    lines.append(f"bare hashes of {SUBJECTS:,} subjects: {result['bare_s']} s; µs a head are ms for 1,000 of them")
    return "\n".join([*lines, json.dumps({name: result[name] for name in result if name.startswith("flat")})])
