"""Whatever is changed in what is stored, a verification says so, and says it without falling over."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import canonical, events, merkle
from audit.claims import read_token
from audit.errors import AuditError, CanonicalError
from audit.tokens import parse_token
from tests.property.test_canonical import VALUES
from tests.support.mutants import MUTANTS, Mutant, copied, flipped, is_told
from tests.support.stored import Stored, worked_ledger
from tests.support.story.whole import performed

SEEDS = st.integers(0, 2**32)


@cache
def story() -> Stored:
    """Give the rows of the whole story."""
    return performed().stored()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
@settings(max_examples=40)
@given(seed=SEEDS)
def test_no_change_of_the_worked_ledger_passes(mutant: Mutant, seed: int) -> None:
    """Any one change to any row of the worked ledger is found as what it is, in pages of any size."""
    rnd = random.Random(seed)
    stored = copied(worked_ledger())
    if what := mutant(stored, rnd):
        report = stored.verify(page=rnd.choice([1, 4, 100]))
        assert report.failed()
        assert is_told(what, set(report.counts) - {"unanchored"}), (what, report.counts)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
@settings(max_examples=4)
@given(seed=SEEDS)
def test_no_change_of_the_story_passes(mutant: Mutant, seed: int) -> None:
    """The same holds for the story of every action, whose saves have many events, lines and sealed fields."""
    rnd = random.Random(seed)
    stored = copied(story())
    if what := mutant(stored, rnd):
        report = stored.verify(page=rnd.choice([50, 1000]))
        assert report.failed()
        assert is_told(what, set(report.counts) - {"unanchored"}), (what, report.counts)


def prefix(stored: Stored, end: int) -> Stored:
    """Give the rows of a ledger as they were when the save that ends at a position was its last."""
    cut = Stored(stored.origin, stored.events[:end], tables=stored.tables, sealed=dict(stored.sealed))
    cut.receipts = [row for row in stored.receipts if row.first <= end]
    for command, groups in stored.commands.items():
        kept = [(first, row) for first, row in groups if first <= end]
        if kept:
            cut.commands[command] = kept
            lines = {line for _, row in kept for line in range(row.first_line or 0, (row.last_line or 0) + 1)}
            cut.lines[command] = [row for row in stored.lines.get(command, []) if row.line in lines]
            if command in stored.hashes:
                cut.hashes[command] = stored.hashes[command]
    used = {digest for row in cut.events for _, digest in events.read_evidence(events.read_header(row.header).evidence)}
    cut.evidence = {digest: stored.evidence[digest] for digest in stored.evidence if digest in used}
    return cut


@settings(max_examples=40)
@given(st.data(), st.sampled_from([worked_ledger, story]))
def test_any_prefix_verifies_and_any_extension_is_consistent(data: st.DataObject, made: Callable[[], Stored]) -> None:
    """Cut after any save a ledger is a sound one, in pages of any size; the tree of every longer one begins with it."""
    stored = made()
    ends = stored.ends()
    end = data.draw(st.sampled_from(ends))
    longer = data.draw(st.sampled_from([each for each in ends if each >= end]))
    report = prefix(stored, end).verify(page=data.draw(st.sampled_from([1, 50, 1000])))
    assert not report.failed(), "\n".join(report.lines())
    leaves = [row.leaf for row in stored.events]
    path = merkle.consistency_path(leaves[:longer], end, longer)
    merkle.verify_consistency(end, longer, path, report.root, merkle.root(leaves[:longer]))


@given(VALUES)
def test_canonical_bytes_are_read(value: canonical.JsonValue) -> None:
    """The quick reader reads whatever the encoder writes, as the strict parser does."""
    data = canonical.encode(value)
    assert events.read_canonical(data) == canonical.decode(data)


@given(st.binary(max_size=40) | st.text('{}[]",:\\u0d8 1-.eEa\x00é', max_size=40).map(str.encode))
def test_only_canonical_bytes_are_read(data: bytes) -> None:
    """Whatever comes, the quick reader takes it exactly if the encoder would have written it."""
    try:
        wanted = canonical.encode(canonical.decode(data)) == data
    except CanonicalError:
        wanted = False
    try:
        events.read_canonical(data)
        found = True
    except CanonicalError:
        found = False
    assert found is wanted


@given(seed=SEEDS)
def test_tokens_are_read_as_at_the_door(seed: int) -> None:
    """The quick reader of tokens and the strict one take the same texts, and see the same in them."""
    rnd = random.Random(seed)
    tokens = [data for kind, data in worked_ledger().evidence.values() if kind == "jwt"]
    data = rnd.choice(tokens)
    for _ in range(rnd.randrange(3)):
        data = flipped(data, rnd)
    try:
        strict = parse_token(data)
    except AuditError as refused:
        with pytest.raises(type(refused)):
            read_token(data)
        return
    quick = read_token(data)
    assert (quick.kid, quick.alg, quick.signed, quick.signature) == (
        strict.kid, strict.alg, strict.compact.signed, strict.compact.signature,
    )  # fmt: skip
    claims = strict.claims
    assert quick[2:13] == (
        claims.iss, claims.sub, claims.aud, claims.iat, claims.jti, claims.htm, claims.uri, claims.bh, claims.br,
        claims.bn, claims.seq,
    )  # fmt: skip
