"""Proofs of the map of heads: their kinds, their JSON, and what is refused by which code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from audit import canonical
from audit.errors import ProofError
from audit.headmap import HeadMap
from audit.mapproofs import (
    EMPTY,
    MapProof,
    OtherEnd,
    end_hash,
    inner_hash,
    map_key,
    map_value,
    verify_absence,
    verify_presence,
)

HEADS = {f"lift:{i}": (i + 1, f"{i:064x}") for i in range(40)}
MAP = HeadMap((subject, *head) for subject, head in HEADS.items())
ROOT = MAP.root()


def absent(kind: Callable[[MapProof], bool]) -> tuple[str, MapProof]:
    """Find a subject that is not in the map and whose path ends so."""
    return next((name, proof) for name in map("house:{}".format, range(999)) if kind(proof := MAP.prove(name)))


BESIDE, BESIDE_PROOF = absent(lambda proof: proof.other is not None)
NOWHERE, NOWHERE_PROOF = absent(lambda proof: proof.other is None)


def refused(check: Callable[[], object], code: str) -> None:
    """Check that the proof is refused by this code."""
    with pytest.raises(ProofError) as caught:
        check()
    assert caught.value.code == code


def test_present_subjects_are_proven() -> None:
    """Every subject's head leads to the root, and no other head of it does."""
    for subject, (seq, leaf) in HEADS.items():
        proof = MAP.prove(subject)
        assert proof.present
        verify_presence(ROOT, subject, seq, leaf, proof)
        refused(partial(verify_presence, ROOT, subject, seq + 1, leaf, proof), "map_proof_root")
        refused(partial(verify_presence, ROOT, subject, seq, "ff" * 32, proof), "map_proof_root")
        refused(partial(verify_absence, ROOT, subject, proof), "map_proof_kind")


@pytest.mark.parametrize("subject,proof", [(BESIDE, BESIDE_PROOF), (NOWHERE, NOWHERE_PROOF)])
def test_absent_subjects_are_proven(subject: str, proof: MapProof) -> None:
    """A path that ends at another's end, or at nothing, proves absence, and presence of nothing."""
    verify_absence(ROOT, subject, proof)
    refused(lambda: verify_presence(ROOT, subject, 1, "00" * 32, proof), "map_proof_kind")
    refused(
        lambda: verify_presence(ROOT, subject, 1, "00" * 32, replace(proof, present=True, other=None)), "map_proof_root"
    )


def test_small_maps_prove_too() -> None:
    """In the empty map everything is absent; in a map of one, its end is the root."""
    empty, one = HeadMap(), HeadMap([("lift:1", 1, "11" * 32)])
    assert empty.prove("lift:1") == MapProof((), present=False)
    verify_absence(EMPTY, "lift:1", empty.prove("lift:1"))
    verify_presence(one.root(), "lift:1", 1, "11" * 32, one.prove("lift:1"))
    assert one.prove("lift:2") == MapProof(
        (), present=False, other=OtherEnd(map_key("lift:1"), map_value(1, "11" * 32))
    )
    verify_absence(one.root(), "lift:2", one.prove("lift:2"))
    refused(lambda: verify_absence(one.root(), "lift:1", empty.prove("lift:1")), "map_proof_root")


@pytest.mark.parametrize("seq,leaf", [(0, "00" * 32), (2**53, "00" * 32), (1, "00" * 31), (1, "AA" * 32), (1, "")])
def test_heads_that_cannot_be_are_refused(seq: int, leaf: str) -> None:
    """A head is a count from 1 and 64 hex digits."""
    refused(lambda: verify_presence(ROOT, "lift:1", seq, leaf, MAP.prove("lift:1")), "map_head")


def test_the_other_end_must_stand_on_the_path() -> None:
    """Another key's end that its path does not reach, or the subject's own, is no proof of absence."""
    seq, leaf = HEADS["lift:3"]
    own = replace(MAP.prove("lift:3"), present=False, other=OtherEnd(map_key("lift:3"), map_value(seq, leaf)))
    refused(lambda: verify_absence(ROOT, "lift:3", own), "map_proof_end")
    far = map_key("lift:3")[:1].translate(bytes(range(255, -1, -1))) + map_key("lift:3")[1:]
    elsewhere = replace(own, other=OtherEnd(far, map_value(seq, leaf)))
    refused(lambda: verify_absence(ROOT, "lift:3", elsewhere), "map_proof_end")


def test_subtrees_that_should_have_collapsed_are_refused() -> None:
    """An operator who hides an end under an inner node of its own has made no map, whatever the root."""
    key, value = map_key("lift:1"), map_value(1, "11" * 32)
    left = not key[0] >> 7
    end = end_hash(key, value)
    root = inner_hash(end, EMPTY) if left else inner_hash(EMPTY, end)
    hidden = MapProof((EMPTY,), present=True)
    refused(lambda: verify_presence(root, "lift:1", 1, "11" * 32, hidden), "map_proof_malformed")
    nothing = inner_hash(EMPTY, EMPTY)
    refused(lambda: verify_absence(nothing, "lift:1", MapProof((EMPTY,), present=False)), "map_proof_malformed")


@pytest.mark.parametrize(
    "proof",
    [
        MapProof((b"\x01" * 31,), present=True),
        MapProof((b"\x01" * 32,) * 257, present=True),
        MapProof((), present=True, other=OtherEnd(bytes(32), bytes(32))),
    ],
)
def test_proofs_of_no_map_are_refused(proof: MapProof) -> None:
    """Hashes have 32 bytes, paths 256 steps, and an own end stands alone."""
    refused(lambda: verify_presence(ROOT, "lift:1", 1, "00" * 32, proof), "map_proof_malformed")


def test_another_end_of_wrong_length_is_refused() -> None:
    """Key and value of the other end are hashes."""
    for other in (OtherEnd(bytes(31), bytes(32)), OtherEnd(bytes(32), bytes(33))):
        refused(partial(verify_absence, ROOT, BESIDE, MapProof((), present=False, other=other)), "map_proof_malformed")


def test_the_json_of_a_proof() -> None:
    """Only siblings that are not empty are listed; a bitmap says where they stand."""
    proof = MapProof((b"\x01" * 32, EMPTY, b"\x02" * 32), present=True)
    assert canonical.encode(proof.to_json()).decode() == (
        f'{{"depth":3,"end":"own","filled":"a0","siblings":["{"01" * 32}","{"02" * 32}"]}}'
    )
    other = replace(proof, present=False, other=OtherEnd(b"\x03" * 32, b"\x04" * 32))
    assert other.to_json()["end"] == {"key": "03" * 32, "value": "04" * 32}
    assert MapProof((), present=False).to_json() == {"depth": 0, "end": "empty", "filled": "", "siblings": []}
    for each in (proof, other, MapProof((), present=False), MapProof((b"\x01" * 32,) * 256, present=True)):
        assert MapProof.from_json(each.to_json()) == each


def _changed(**members: Any) -> Any:  # noqa: ANN401 - JSON
    good = MapProof((b"\x01" * 32, EMPTY, b"\x02" * 32), present=True).to_json()
    return {**good, **members}


@pytest.mark.parametrize(
    "value",
    [
        None, [], "own", {}, _changed(more=1), _changed(depth=True), _changed(depth="3"), _changed(depth=-1),
        _changed(depth=2), _changed(depth=9), _changed(depth=257), _changed(depth=10**9),
        _changed(filled="A0"), _changed(filled="e0"), _changed(filled="80"), _changed(filled="b0"),
        _changed(filled="a000"), _changed(filled=""), _changed(filled="a"), _changed(filled="zz"),
        _changed(filled=None),
        _changed(siblings=[]), _changed(siblings=["01" * 32]), _changed(siblings=["01" * 32] * 3),
        _changed(siblings=["01" * 32, "00" * 32]), _changed(siblings=["01" * 32, "0A" * 32]),
        _changed(siblings=["01" * 32, "02" * 31]), _changed(siblings=["01" * 32, 2]), _changed(siblings="01" * 32),
        _changed(end="other"), _changed(end=None), _changed(end=["own"]), _changed(end={}),
        _changed(end={"key": "00" * 32}), _changed(end={"key": "00" * 32, "value": "00" * 31}),
        _changed(end={"key": "0A" * 32, "value": "00" * 32}), _changed(end={"key": 1, "value": "00" * 32}),
        _changed(end={"key": "00" * 32, "value": "00" * 32, "more": 1}),
    ],
)  # fmt: skip
def test_json_with_another_spelling_is_refused(value: Any) -> None:  # noqa: ANN401 - JSON
    """A proof has one spelling: members, types, bitmap, case and number of hashes."""
    refused(lambda: MapProof.from_json(value), "map_proof_malformed")
