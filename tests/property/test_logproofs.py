"""Laws of proofs as text: what is written is read back, and nothing else proves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import AuditError, ProofError
from audit.logproofs import LogProof, verify_event
from audit.merkle import inclusion_path
from audit.policy import Policy
from tests.golden.make_proofs import HEADERS, INDEX, LEAVES, ORIGIN, TOLD
from tests.support.mutants import spoiled

HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=64).map(tuple)


@given(st.integers(0, 2**53 - 1), HASHES, st.none() | st.binary(max_size=99))
def test_a_proof_is_read_back(index: int, path: tuple[bytes, ...], extra: bytes | None) -> None:
    """Writing and reading a proof are one another's reverse."""
    proof = LogProof(index, path, TOLD["checkpoint"], extra)
    assert LogProof.parse(proof.text()) == proof


@given(
    st.text(max_size=200) | st.text("\n =index0123456789\u2014", max_size=200).map("c2sp.org/tlog-proof@v1\n".__add__)
)
def test_any_text_is_refused_by_the_one_error(text: str) -> None:
    """Nothing but it leaves the parser."""
    with pytest.raises(ProofError):
        LogProof.parse(text)


def test_no_changed_letter_of_a_proof_is_taken() -> None:
    """Of a proof without extra data every letter is covered: by its form, the path, or the one signature."""
    policy = Policy.parse(f"log {TOLD['vkeys']['checkpoint']}\nquorum none\n".encode())
    good = LogProof(INDEX, tuple(inclusion_path(LEAVES, INDEX)), TOLD["checkpoint"]).text()
    verify_event(HEADERS[INDEX], LogProof.parse(good), policy, ORIGIN)
    for text in spoiled(good):
        if text != good:
            with pytest.raises(AuditError):
                verify_event(HEADERS[INDEX], LogProof.parse(text), policy, ORIGIN)
