"""Bundles of a whole story: whatever is asked for, and whatever its receiver may see of it, an honest bundle holds."""

from __future__ import annotations

import random
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.bundlefiles import unpack
from audit.bundleverify import verify_bundle
from audit.events import Header, read_header
from audit.findings import Report
from audit.names import subject_of
from tests.support.bundling import Log, rooted
from tests.support.rehearsal import private_key
from tests.support.story.whole import performed

PARTS_OF_TEN = st.integers(0, 10)
SEEDS = st.integers(0, 2**32)


@cache
def log() -> Log:
    """Give the story's ledger under a checkpoint."""
    story = performed()
    stored = story.stored()
    rooted(stored, read_header(stored.events[0].header).party, story.now)
    return Log(stored, checkpoint_key=private_key("checkpoint"), receipt_key=private_key("receipt 2"))


@cache
def streams() -> tuple[str, ...]:
    """Give every stream of the story but the map's own, and every subject."""
    found = {row.stream for row in log().stored.events}
    return tuple(sorted((found | set(map(subject_of, found))) - {"map"}))


def wrong(report: Report) -> list[str]:
    """Give what of a report says that something is broken or missing."""
    return [] if report.holds else list(report.lines())


def test_a_bundle_of_each_stream_holds() -> None:
    """For who sees everything: of each subject, and of each stream, alone."""
    for stream in streams():
        assert not wrong(verify_bundle(unpack(log().bundle(stream).data), log().policy)), stream


@settings(max_examples=30)
@given(seed=SEEDS, seen=PARTS_OF_TEN, count=st.integers(1, 3), late=st.booleans())
def test_a_bundle_of_whatever_may_be_seen_holds(seed: int, seen: int, count: int, *, late: bool) -> None:
    """For who sees only some streams, of one or several of them, also from a day on: what is held back is said so."""
    drawn = random.Random(seed)
    shown = {stream for stream in streams() if drawn.randrange(10) < seen}

    def sees(header: Header) -> bool:
        return header.stream in shown

    wanted = drawn.sample(streams(), count)
    since = drawn.choice(log().stored.events).recorded_at if late else None
    bundle = log().bundle(*wanted, since=since, sees=sees)
    assert not wrong(verify_bundle(unpack(bundle.data), log().policy)), wanted
