"""Laws of the map of heads, against the naive recursion of event-format §5."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import canonical
from audit.errors import AuditError, ProofError
from audit.headmap import HeadMap, MapProof, OtherEnd, map_key, verify_absence, verify_presence
from tests.golden.make_proofs import ABSENT, made_map
from tests.golden.make_proofs import heads as worked_heads
from tests.support.mutants import spoiled
from tests.support.naivemap import items_of, path_of, root_of

SUBJECTS = st.integers(0, 60).map("lift:{}".format)
HEADS = st.dictionaries(SUBJECTS, st.tuples(st.integers(1, 2**53 - 1), st.binary(min_size=32, max_size=32)))
BATCHES = st.lists(HEADS, max_size=6)

Heads = dict[str, tuple[int, str]]


def hexed(batch: dict[str, tuple[int, bytes]]) -> Heads:
    """Write the leaves in hex."""
    return {subject: (seq, leaf.hex()) for subject, (seq, leaf) in batch.items()}


@given(BATCHES, st.booleans())
def test_every_batch_leads_to_the_naive_root(batches: list[dict[str, tuple[int, bytes]]], kept: bool) -> None:
    """However heads are cut into batches, and kept in a file in between, the root is that of all at once."""
    grown, heads = HeadMap(), Heads()
    for batch in map(hexed, batches):
        grown.update((subject, *head) for subject, head in batch.items())
        heads |= batch
        if kept:
            file = io.BytesIO()
            grown.dump(file)
            grown = HeadMap.load(io.BytesIO(file.getvalue()))
        assert grown.root() == root_of(items_of(heads))
        assert grown.count == len(heads)


@given(HEADS, SUBJECTS)
def test_a_proof_is_the_naive_path_and_holds(batch: dict[str, tuple[int, bytes]], subject: str) -> None:
    """Siblings and end are those of the recursion, in JSON and back, and the check agrees with what is there."""
    heads = hexed(batch)
    made = HeadMap((name, *head) for name, head in heads.items())
    proof = MapProof.from_json(made.prove(subject).to_json())
    siblings, end = path_of(items_of(heads), map_key(subject))
    assert list(proof.siblings) == siblings
    assert proof.present is (subject in heads)
    if subject in heads:
        assert end[0][0] == map_key(subject)
        verify_presence(made.root(), subject, *heads[subject], proof)
    else:
        assert proof.other == (OtherEnd(*end[0]) if end else None)
        verify_absence(made.root(), subject, proof)


def mutants(proof: MapProof, data: st.DataObject) -> Iterator[MapProof]:
    """Change any bit, length, order or kind of a proof."""
    siblings = proof.siblings
    for i, sibling in enumerate(siblings):
        bit = data.draw(st.integers(0, 255))
        flipped = (int.from_bytes(sibling, "big") ^ 1 << bit).to_bytes(32, "big")
        yield replace(proof, siblings=(*siblings[:i], flipped, *siblings[i + 1 :]))
        yield replace(proof, siblings=(*siblings[:i], *siblings[i + 1 :]))
        yield replace(proof, siblings=(*siblings[:i], sibling[:-1], *siblings[i + 1 :]))
        yield replace(proof, siblings=(*siblings[:i], sibling, *siblings[i:]))
        yield replace(proof, siblings=(*siblings[:i], bytes(32), *siblings[i:]))
    if len(set(siblings)) > 1:
        yield replace(proof, siblings=siblings[::-1])
    yield replace(proof, siblings=(*siblings, data.draw(st.binary(min_size=32, max_size=32))))
    yield replace(proof, siblings=siblings[:-1] if siblings else (bytes(32),))
    yield replace(proof, present=not proof.present)
    if proof.other is None:
        yield replace(proof, other=OtherEnd(bytes(32), bytes(32)))
    else:
        key, value = (int.from_bytes(each, "big") for each in (proof.other.key, proof.other.value))
        bit = 1 << data.draw(st.integers(0, 255))
        yield replace(proof, other=None)
        yield replace(proof, other=OtherEnd((key ^ bit).to_bytes(32, "big"), proof.other.value))
        yield replace(proof, other=OtherEnd(proof.other.key, (value ^ bit).to_bytes(32, "big")))


@given(HEADS.filter(bool), SUBJECTS, st.data())
def test_a_changed_proof_proves_nothing(batch: dict[str, tuple[int, bytes]], subject: str, data: st.DataObject) -> None:
    """Any flipped bit, dropped, doubled or reordered sibling, other end or other kind is refused."""
    heads = hexed(batch)
    made = HeadMap((name, *head) for name, head in heads.items())
    proof, root = made.prove(subject), made.root()
    for mutant in mutants(proof, data):
        if mutant == proof:
            continue
        with pytest.raises(ProofError):
            verify_presence(root, subject, *heads.get(subject, (1, "00" * 32)), mutant)
        with pytest.raises(ProofError):
            verify_absence(root, subject, mutant)


@given(HEADS.filter(bool), st.data())
def test_a_proof_stands_for_one_root_and_one_subject(batch: dict[str, tuple[int, bytes]], data: st.DataObject) -> None:
    """The proof of one subject proves nothing of another, nor of a map in which a head has moved."""
    heads = hexed(batch)
    made = HeadMap((name, *head) for name, head in heads.items())
    subject = data.draw(st.sampled_from(sorted(heads)))
    proof = made.prove(subject)
    for other in sorted(set(heads) - {subject}):
        with pytest.raises(ProofError):
            verify_presence(made.root(), other, *heads[other], proof)
    moved = data.draw(st.sampled_from(sorted(heads)))
    made.set(moved, heads[moved][0] % 2**52 + 1, "ab" * 32)
    with pytest.raises(ProofError):
        verify_presence(made.root(), subject, *heads[subject], proof)


@pytest.mark.parametrize("subject", ["ledger", *ABSENT])
def test_no_changed_letter_of_a_map_proof_is_taken(subject: str) -> None:
    """Neither of a proof of presence nor of absence, in canonical JSON."""
    made = made_map()
    root, good = made.root(), canonical.encode(made.prove(subject).to_json()).decode()

    def check(text: str) -> None:
        proof = MapProof.from_json(canonical.decode(text.encode()))
        if subject in worked_heads():
            verify_presence(root, subject, *worked_heads()[subject], proof)
        else:
            verify_absence(root, subject, proof)

    check(good)
    for text in spoiled(good):
        if text != good:
            with pytest.raises(AuditError):
                check(text)
