"""Laws of evidence bundles: no changed byte, no file more or less, is ever believed."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from random import Random

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from audit.bundlefiles import unpack
from audit.bundles import MANIFEST, NOTE, README
from audit.bundleverify import verify_bundle
from audit.errors import AuditError, BundleInvalid
from tests.support.bundles import EVERYTHING, Files, holds, odd, signed_anew
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
