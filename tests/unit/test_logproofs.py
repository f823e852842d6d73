"""Proofs of inclusion as text, and as a verifier with its own policy takes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.cosignatures import cosign, cosigner_vkey
from audit.errors import AuditError, CanonicalError, NoteError, ProofError
from audit.logproofs import EXTRA_BYTES_MAX, PATH_MAX, PROOF_CHARS_MAX, LogProof, verify_event
from audit.merkle import inclusion_path, leaf_hash
from audit.note import Checkpoint
from audit.policy import Policy
from tests.support.stored import VECTORS

TOLD = json.loads(VECTORS.read_text(encoding="utf-8"))
ORIGIN = TOLD["origin"]
HEADERS = [event["header"].encode() for save in TOLD["saves"] for event in save["events"]]
LEAVES = [leaf_hash(header) for header in HEADERS]
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)
WITNESS_PQ = MLDSA44PrivateKey.from_seed_bytes(bytes([4]) * 32)
LOG_LINE = f"log {TOLD['vkeys']['checkpoint']}\n"
ALONE = Policy.parse(f"{LOG_LINE}quorum none\n".encode())
WITNESSED = Policy.parse(
    f"{LOG_LINE}witness a {cosigner_vkey('w.example', WITNESS)}\nwitness b {cosigner_vkey('w.example', WITNESS_PQ)}\n"
    "group both all a b\nquorum both\n".encode()
)
TEXT = TOLD["checkpoint"].partition("\n\n")[0] + "\n"
COSIGNED = TOLD["checkpoint"] + cosign(TEXT, "w.example", WITNESS, 1_700_000_000)


def proof_of(index: int, checkpoint: str = TOLD["checkpoint"]) -> LogProof:
    """Make the proof of an event of the worked ledger."""
    return LogProof(index, tuple(inclusion_path(LEAVES, index)), checkpoint)


def refused(work: Callable[[], object], code: str, kind: type[AuditError] = ProofError) -> None:
    """Check that an error of this kind has this code."""
    with pytest.raises(kind) as caught:
        work()
    assert caught.value.code == code


def test_the_letters_of_a_proof() -> None:
    """First line, perhaps extra data, the index, the path lowest first, an empty line, the checkpoint word for word."""
    proof = proof_of(5)
    path = "".join(base64.b64encode(node).decode() + "\n" for node in inclusion_path(LEAVES, 5))
    assert proof.text() == f"c2sp.org/tlog-proof@v1\nindex 5\n{path}\n{TOLD['checkpoint']}"
    extra = replace(proof, extra=b"\x00said")
    assert extra.text().startswith("c2sp.org/tlog-proof@v1\nextra AHNhaWQ=\nindex 5\n")
    for each in (proof, extra, replace(proof, extra=b""), replace(proof, path=()), replace(proof, index=2**53 - 1)):
        assert LogProof.parse(each.text()) == each


@pytest.mark.parametrize("index", range(len(HEADERS)))
def test_every_event_of_the_worked_ledger_is_proven(index: int) -> None:
    """Its header, a proof and the policy are enough."""
    opened = verify_event(HEADERS[index], LogProof.parse(proof_of(index).text()), ALONE, ORIGIN)
    assert (opened.checkpoint.size, opened.witnesses) == (len(HEADERS), {})


def test_the_quorum_is_demanded() -> None:
    """A checkpoint that its log alone signed, or too few witnesses, proves nothing under a policy with witnesses."""
    refused(lambda: verify_event(HEADERS[2], proof_of(2), WITNESSED, ORIGIN), "log_proof_quorum")
    refused(lambda: verify_event(HEADERS[2], proof_of(2, COSIGNED), WITNESSED, ORIGIN), "log_proof_quorum")
    full = COSIGNED + cosign(TEXT, "w.example", WITNESS_PQ, 0)
    opened = verify_event(HEADERS[2], LogProof.parse(proof_of(2, full).text()), WITNESSED, ORIGIN)
    assert (opened.satisfied, opened.witnesses) == (True, {"a": 1_700_000_000, "b": 0})


def test_extra_data_are_believed_by_nobody() -> None:
    """Whatever stands in the extra line, the proof holds as before."""
    verify_event(HEADERS[2], replace(proof_of(2), extra=b"anything"), ALONE, ORIGIN)


def test_a_proof_holds_for_its_leaf_place_and_log_only() -> None:
    """Another leaf, index, path, log or policy is refused, each by its code."""
    proof = proof_of(6)
    refused(lambda: proof.verify(LEAVES[7], ALONE, ORIGIN), "proof_root")
    refused(lambda: replace(proof, index=7).verify(LEAVES[6], ALONE, ORIGIN), "proof_root")
    refused(lambda: replace(proof, index=15).verify(LEAVES[6], ALONE, ORIGIN), "proof_range")
    refused(lambda: replace(proof, path=proof.path[:-1]).verify(LEAVES[6], ALONE, ORIGIN), "proof_length")
    refused(lambda: replace(proof, path=(*proof.path, bytes(32))).verify(LEAVES[6], ALONE, ORIGIN), "proof_length")
    refused(lambda: proof.verify(LEAVES[6], ALONE, "other.example"), "origin_unknown", NoteError)
    refused(lambda: proof.verify(LEAVES[6], Policy.parse(b"quorum none\n"), ORIGIN), "origin_unknown", NoteError)


def test_a_header_that_names_another_place_is_refused() -> None:
    """The leaf of one position is not taken for another's, nor one ledger's for another's."""
    refused(lambda: verify_event(HEADERS[6], replace(proof_of(6), index=7), ALONE, ORIGIN), "proof_place")
    stranger = HEADERS[6].replace(ORIGIN.encode(), b"other.example")
    refused(lambda: verify_event(stranger, proof_of(6), ALONE, ORIGIN), "proof_place")
    with pytest.raises(CanonicalError):
        verify_event(HEADERS[6] + b" ", proof_of(6), ALONE, ORIGIN)


GOOD = proof_of(5).text()
NODE = "A" * 43 + "="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1\n",
        GOOD.replace("@v1", "@v2"),
        " " + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("index 5", "index 05"),
        GOOD.replace("index 5", "index -5"),
        GOOD.replace("index 5", "index  5"),
        GOOD.replace("index 5", "index 5 "),
        GOOD.replace("index 5", "index ٥"),
        GOOD.replace("index 5", "Index 5"),
        GOOD.replace("index 5", "index"),
        GOOD.replace("index 5", f"index {2**53}"),
        GOOD.replace("index 5", "index 5\nextra AA=="),
        GOOD.replace("index 5", "extra AA==\nextra AA==\nindex 5"),
        GOOD.replace("index 5", "extra AA\nindex 5"),
        GOOD.replace("index 5", "extra AB==\nindex 5"),
        GOOD.replace("index 5", "extra\nindex 5"),
        GOOD.replace("index 5", f"index 5\n{NODE[1:]}"),
        GOOD.replace("index 5", "index 5\nAAAA"),
        GOOD.replace("index 5", f"index 5\n{NODE} "),
        GOOD.replace("index 5", f"index 5{f'{chr(10)}{NODE}' * (PATH_MAX + 1)}"),
        GOOD.replace("index 5\n", "index 5\n\n"),
        GOOD.replace("index 5\n", ""),
        GOOD.replace("\n\n", "\n"),
        GOOD.partition("\n\n")[0] + "\n\n",
        GOOD.partition("\n\n")[0],
        GOOD[:-1],
        GOOD + "\n",
        GOOD.replace("\u2014", "-"),
        GOOD.replace("index 5", "extra " + base64.b64encode(bytes(EXTRA_BYTES_MAX + 1)).decode() + "\nindex 5"),
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    """One spelling of each part, in order, each within its limit."""
    refused(lambda: LogProof.parse(text), "log_proof_malformed")


def test_a_proof_too_large_is_refused() -> None:
    """The limit comes first."""
    refused(lambda: LogProof.parse("c" * (PROOF_CHARS_MAX + 1)), "log_proof_too_large")


def test_the_longest_path_is_read() -> None:
    """Of a tree of 2^64 leaves."""
    path = (bytes(32),) * PATH_MAX
    assert LogProof.parse(replace(proof_of(5), path=path).text()).path == path


def test_a_proof_in_a_tree_of_one() -> None:
    """Its path is empty, and two empty lines never stand together."""
    text = Checkpoint(ORIGIN, 1, LEAVES[0]).text()
    key = MLDSA44PrivateKey.from_seed_bytes(bytes([9]) * 32)
    policy = Policy.parse(f"log {cosigner_vkey(ORIGIN, key)}\nquorum none\n".encode())
    proof = LogProof(0, (), f"{text}\n{cosign(text, ORIGIN, key, 0)}")
    assert verify_event(HEADERS[0], LogProof.parse(proof.text()), policy, ORIGIN).checkpoint.size == 1
