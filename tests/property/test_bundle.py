"""Laws of evidence bundles: no changed byte, no file more or less, is ever believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from audit.bundlefiles import unpack
from audit.bundles import BODIES, MANIFEST, NOTE, README
from audit.bundleverify import verify_bundle
from audit.errors import AuditError, BundleInvalid
from tests.support.bundles import EVERYTHING, Files, holds, odd, signed_anew, without_line
from tests.support.bundling import Log, worked


@cache
def made() -> tuple[Log, Files, bytes]:
    """Make the bundle once."""
    log = worked()
    data = log.bundle(*EVERYTHING).data
    return log, unpack(data), data


places = st.tuples(st.sampled_from(sorted(made()[1])), st.floats(0, 1, exclude_max=True), st.integers(0, 7))


def flipped(data: bytes, place: float, bit: int) -> bytes:
    """Turn one bit."""
    at = int(place * len(data))
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


SPELLINGS = ("+{}", " {}", "{} ", "0{}", "{}_0", "{}.0", "\u0663", "1", "2", "17", "x")


@given(place=places)
@settings(max_examples=400)
def test_a_changed_byte_of_any_file_is_rejected(place: tuple[str, float, int]) -> None:
    """T11: whoever changes a bit of any file, the instructions included, has no bundle of the ledger's any more."""
    log, files, _ = made()
    name, where, bit = place
    assert not holds({**files, name: flipped(files[name], where, bit)}, log)


@given(place=places)
@settings(max_examples=400)
def test_not_even_the_ledger_can_change_what_it_once_handed_out(place: tuple[str, float, int]) -> None:
    """T1: a faithless ledger that signs a new manifest changes what nobody else authenticates: the README.

    What was recorded is bound to the checkpoint and to the authors' signatures.
    """
    log, files, _ = made()
    name, where, bit = place
    if name in {MANIFEST, NOTE}:
        return
    assert holds(signed_anew({**files, name: flipped(files[name], where, bit)}, log), log) is (name == README)


def swapped(data: bytes, rnd: Random) -> bytes:
    """Put two lines in each other's place."""
    lines = data.splitlines(keepends=True)
    one, other = rnd.randrange(len(lines)), rnd.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def doubled(data: bytes, rnd: Random) -> bytes:
    """Write a line twice, here or elsewhere."""
    lines = data.splitlines(keepends=True)
    lines.insert(rnd.randrange(len(lines) + 1), rnd.choice(lines))
    return b"".join(lines)


def spaced(data: bytes, rnd: Random) -> bytes:
    """Put in what lenient readers take for nothing."""
    at = rnd.randrange(len(data) + 1)
    return data[:at] + rnd.choice([b" ", b"\n", b"\r", b"\t", b"+", b"0", b"_"]) + data[at:]


def respelled(data: bytes, rnd: Random) -> bytes:
    """Take a member of JSON away, give it another name or a second one, or another value."""
    lines = data.splitlines()
    number = rnd.randrange(len(lines))
    target: Any = json.loads(lines[number])
    value = target
    while True:
        key = rnd.choice(list(target) if isinstance(target, dict) else range(len(target)))
        if not isinstance(target[key], dict | list) or not target[key] or rnd.random() < 0.2:
            break
        target = target[key]
    named = isinstance(target, dict)
    match rnd.choice(["away", "other"] + ["named", "twice"] * named):
        case "away":
            del target[key]
        case "other":
            target[key] = rnd.choice([None, True, 0, 1, "", [], {}])
        case "named":
            target[rnd.choice(SPELLINGS).format(key)] = target.pop(key)
        case _:
            target[rnd.choice(SPELLINGS).format(key)] = target[key]
    lines[number] = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return b"".join(line + b"\n" * data.endswith(b"\n") for line in lines)


@given(
    name=st.sampled_from(sorted(made()[1])),
    how=st.sampled_from([swapped, doubled, spaced, respelled]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=600)
def test_nor_can_it_write_the_same_in_another_way(name: str, how: Callable[[bytes, Random], bytes], seed: int) -> None:
    """T1: other orders, lines twice, other spellings of JSON and numbers, members more or less: there is one form."""
    log, files, _ = made()
    if name in {MANIFEST, NOTE, README} or (how is respelled and not name.endswith("json")):
        return
    changed = how(files[name], Random(seed))
    if changed == files[name]:
        return
    assert not holds(signed_anew({**files, name: changed}, log), log)


@given(name=st.sampled_from(sorted(made()[1])), number=st.integers(0, 30))
@settings(max_examples=200)
def test_what_it_leaves_out_is_missed_or_was_not_asked_for(name: str, number: int) -> None:
    """T2: a faithless ledger that takes out a line hides nothing that was asked for, nor who wrote it.

    Words of events beside, as parties' registrations, may be missing: the receiver might have no right to see them.
    """
    log, files, _ = made()
    lines = files[name].splitlines()
    if name in {MANIFEST, NOTE, README} or number >= len(lines):
        return
    changed = signed_anew(without_line(files, name, number), log)
    if holds(changed, log):
        assert name == BODIES
        stream = next(
            row.stream for row in log.stored.events if sha256(lines[number]).hexdigest().encode() in row.header
        )
        assert stream.startswith("party:")
        assert verify_bundle(changed, log.policy).events == verify_bundle(files, log.policy).events


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=200)
def test_a_changed_byte_of_the_zip_shows_or_changes_no_file(where: float, bit: int) -> None:
    """Of the zip only what is no file's content can change: times, attributes, and what stands twice in it."""
    log, files, data = made()
    try:
        found = unpack(flipped(data, where, bit))
    except BundleInvalid:
        return
    assert found == files or not holds(found, log)


@given(name=st.sampled_from(sorted(made()[1])), other=st.sampled_from(sorted(made()[1])))
@settings(max_examples=100)
def test_files_are_all_there_and_each_at_its_place(name: str, other: str) -> None:
    """A file taken away, added, or put in place of another one, is found."""
    log, files, _ = made()
    assert not holds({each: data for each, data in files.items() if each != name}, log)
    assert not holds({**files, "chains/map.ndjson": files[name]}, log)
    if files[name] != files[other]:
        assert not holds({**files, name: files[other], other: files[name]}, log)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
def test_odd_words_are_judged_and_never_break_the_verifier(seed: int) -> None:
    """T13: whatever a ledger writes into an event, hashed, chained and signed as it should be, there is a verdict."""
    rnd = Random(seed)
    try:
        log = worked(lambda events: odd(events, rnd))
        found = unpack(log.bundle(*EVERYTHING).data)
    except (AuditError, AttributeError, KeyError, TypeError):
        reject()  # the ledger itself does not hand such a thing out
    with suppress(AuditError):
        verify_bundle(found, log.policy)


def test_the_bundle_itself_holds() -> None:
    """All of this is about a bundle that is believed as it is."""
    log, files, _ = made()
    assert verify_bundle(files, log.policy).holds
