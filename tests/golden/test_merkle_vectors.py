"""Our own Merkle vectors: 98 proofs of inclusion and 98 of consistency, told by the RFC's recursions alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from audit.errors import ProofError
from audit.merkle import consistency_path, inclusion_path, verify_consistency, verify_inclusion
from tests.golden.make_merkle_vectors import COUNT, FOLDER, LEAVES, PAIRS, TREES, files, mth, path, proof


def _cases(name: str) -> list[Any]:
    told = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["desc"]) for case in told]


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def test_the_files_are_those_that_the_generator_makes() -> None:
    """Nobody edits them by hand; each has its number of cases, each case its own name, and some are sound."""
    for name, text in files():
        assert (FOLDER / name).read_text(encoding="utf-8") == text
        cases = json.loads(text)
        assert len({case["desc"] for case in cases}) == len(cases) == COUNT
        assert 8 <= sum(not case["wantErr"] for case in cases) < COUNT / 4


@pytest.mark.parametrize("case", _cases("inclusion"))
def test_inclusion(case: dict[str, Any]) -> None:
    """It is accepted, or refused with our own error and no other."""
    arguments = (
        _bytes(case["leafHash"]), case["leafIdx"], case["treeSize"], [*map(_bytes, case["proof"])],
        _bytes(case["root"]),
    )  # fmt: skip
    if not case["wantErr"]:
        return verify_inclusion(*arguments)
    with pytest.raises(ProofError):
        verify_inclusion(*arguments)
    return None


@pytest.mark.parametrize("case", _cases("consistency"))
def test_consistency(case: dict[str, Any]) -> None:
    """It is accepted, or refused with our own error and no other."""
    arguments = (
        case["size1"], case["size2"], [*map(_bytes, case["proof"])], _bytes(case["root1"]), _bytes(case["root2"])
    )  # fmt: skip
    if not case["wantErr"]:
        return verify_consistency(*arguments)
    with pytest.raises(ProofError):
        verify_consistency(*arguments)
    return None


def test_both_ways_make_the_same_paths() -> None:
    """The recursions of the RFC and the loops of the program."""
    for size, index in TREES:
        assert inclusion_path(LEAVES[:size], index) == path(index, LEAVES[:size])
    for one, two in PAIRS:
        assert consistency_path(LEAVES, one, two) == proof(one, LEAVES[:two])
    assert mth([]).hex().startswith("e3b0c442")
