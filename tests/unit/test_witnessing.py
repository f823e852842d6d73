"""The witness protocol as pure functions: bodies to the letter, and every decision of C2SP tlog-witness."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from audit.contradictions import standing
from audit.errors import NoteError, SubmissionMalformed
from audit.heads import Head, open_head
from audit.merkle import EMPTY_ROOT
from audit.note import Checkpoint, Verifier
from audit.witnessing import (
    REQUEST_BYTES_MAX,
    Decision,
    Inconsistent,
    Malformed,
    OldAboveSize,
    OriginUnknown,
    SizeMoved,
    Submission,
    Untrusted,
    authenticate,
    decide,
    origin_hash,
    read_cosignatures,
    read_size,
)
from tests.support.logs import ORIGIN, Log

LOG = Log(fork=5)
OTHER = Log(fork=5, history="another")
LOGS = {ORIGIN: LOG.keys}
HASH = base64.b64encode(bytes(32)).decode()
NOTE = LOG.note(9)

# The example of the specification, whose proof and checkpoint were made up by its authors.
EXAMPLE = (
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+x"
    "eMcTOAYQ8=\n"
    "— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv"
    "++qbSzm9Q=\n"
)


def _decide(old: int, path: Sequence[bytes], note: str, stored: str | None) -> Decision:
    submission = Submission(old, tuple(path), note)
    head = authenticate(submission, LOGS)
    assert isinstance(head, Head)
    return decide(submission, head, None if stored is None else (open_head(stored, LOG.keys), stored))


def test_the_example_of_the_specification_reads_and_writes_back() -> None:
    """The body printed in tlog-witness is read and written to the letter."""
    submission = Submission.parse(EXAMPLE.encode())
    assert (submission.old_size, len(submission.path)) == (20852014, 4)
    assert submission.note.startswith("example.com/behind-the-sofa\n20852163\n")
    assert submission.encode() == EXAMPLE.encode()


def test_a_first_submission_has_no_path() -> None:
    """From size 0 there is nothing to prove: the old size and the empty line alone come before the checkpoint."""
    assert Submission(0, (), NOTE).encode() == f"old 0\n\n{NOTE}".encode()
    assert Submission.parse(f"old 0\n\n{NOTE}".encode()) == Submission(0, (), NOTE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\n\n",
        f"old 0\n{NOTE}".encode(),
        f"\nold 0\n\n{NOTE}".encode(),
        f"old  0\n\n{NOTE}".encode(),
        f"old 00\n\n{NOTE}".encode(),
        f"old 01\n\n{NOTE}".encode(),
        f"old -1\n\n{NOTE}".encode(),
        f"old {2**63}\n\n{NOTE}".encode(),
        f"0\n\n{NOTE}".encode(),
        f"OLD 0\n\n{NOTE}".encode(),
        f"old 0\r\n\r\n{NOTE}".encode(),
        f"old 5\n{HASH}=\n\n{NOTE}".encode(),
        f"old 5\n{HASH} \n\n{NOTE}".encode(),
        f"old 5\n{HASH.replace('A=', 'B=')}\n\n{NOTE}".encode(),
        f"old 5\nAAAA\n\n{NOTE}".encode(),
        f"old 5\n{HASH}\n".encode() * 2 + f"\n{NOTE}".encode(),
        f"old 5\n{(HASH + chr(10)) * 64}\n{NOTE}".encode(),
        b"old 0\n\n\xff\n",
        f"old 0\n\n{'x' * REQUEST_BYTES_MAX}".encode(),
    ],
)
def test_what_is_no_body_is_refused(body: bytes) -> None:
    """One spelling of each line, 63 hashes, a limit on the whole."""
    with pytest.raises(SubmissionMalformed):
        Submission.parse(body)


def test_63_hashes_are_taken_and_no_more_are_sent() -> None:
    """The protocol's limit holds for both sides."""
    submission = Submission(5, (bytes(32),) * 63, NOTE)
    assert Submission.parse(submission.encode()) == submission
    with pytest.raises(SubmissionMalformed):
        Submission(5, (bytes(32),) * 64, NOTE).encode()


@pytest.mark.parametrize(
    "note,old,answer",
    [
        (Log(origin="unknown.example").note(9), 0, OriginUnknown()),
        ("nonsense", 0, OriginUnknown()),
        ("", 0, OriginUnknown()),
        (LOG.text(9), 0, Malformed("note_malformed")),
        (f"{LOG.text(9)}\n{Log(origin='b').sign(LOG.text(9))}", 0, Untrusted("note_unsigned")),
        (NOTE.replace("\n9\n", "\n8\n"), 0, Untrusted("note_signature")),
        (NOTE, 10, OldAboveSize(10, 9)),
    ],
)
def test_what_needs_no_memory_is_refused_first(note: str, old: int, answer: object) -> None:
    """404 for a log not followed, 403 without a trusted signature, 400 for what is malformed or shrinks."""
    assert authenticate(Submission(old, (), note), LOGS) == answer


def test_a_signed_text_that_is_no_checkpoint_is_malformed() -> None:
    """A log's key over other words makes no head."""
    text = f"{ORIGIN}\nnot a size\n"
    assert authenticate(Submission(0, (), f"{text}\n{LOG.sign(text)}"), LOGS) == Malformed("checkpoint_malformed")


def test_a_witness_without_keys_for_a_log_does_not_follow_it() -> None:
    """An origin with an empty list of keys is as unknown as any."""
    empty: dict[str, list[Verifier]] = {ORIGIN: []}
    assert authenticate(Submission(0, (), NOTE), empty) == OriginUnknown()


def test_consistent_growth_is_cosigned() -> None:
    """The first checkpoint, each that grows out of the last one, and the last one again."""
    assert _decide(0, (), LOG.note(7), None) == Decision(None)
    assert _decide(7, LOG.path(7, 9), LOG.note(9), LOG.note(7)) == Decision(None)
    assert _decide(9, (), LOG.note(9), LOG.note(9)) == Decision(None)
    assert _decide(0, (), LOG.note(0), None) == Decision(None)
    assert _decide(0, (), LOG.note(9), LOG.note(0)) == Decision(None), "from an empty tree on as well"


@pytest.mark.parametrize("old", [0, 6, 8])
def test_another_old_size_is_told_the_right_one(old: int) -> None:
    """409 with the size of the last cosigned checkpoint, 0 before the first, whatever the path."""
    assert _decide(old, (), LOG.note(9), LOG.note(7)).refusal == SizeMoved(7)
    if old:
        assert _decide(old, LOG.path(old, 9), LOG.note(9), None) == Decision(SizeMoved(0))


@pytest.mark.parametrize(
    "path", [[], [bytes(32)], [*LOG.path(7, 9), bytes(32)], LOG.path(7, 9)[:-1], LOG.path(7, 9)[::-1], LOG.path(6, 9)]
)
def test_a_path_that_does_not_hold_is_refused(path: list[bytes]) -> None:
    """422 for a path too short, too long, turned or of other trees; kept as a claim, since nobody is proven wrong."""
    decision = _decide(7, path, LOG.note(9), LOG.note(7))
    assert isinstance(decision.refusal, Inconsistent)
    assert decision.contradiction is not None
    assert standing(decision.contradiction, LOG.keys) == "claimed"


def test_a_path_from_nothing_is_refused() -> None:
    """422: from size 0 the path must be empty, and that is no contradiction of anything."""
    assert _decide(0, (bytes(32),), LOG.note(9), None) == Decision(Inconsistent("proof_length"))
    assert _decide(0, (bytes(32),), LOG.note(9), LOG.note(0)) == Decision(Inconsistent("proof_length"))


def test_an_empty_tree_has_its_one_root() -> None:
    """422 for a checkpoint of size 0 with another root than SHA-256 of nothing, with a record or without."""
    wrong = Checkpoint(ORIGIN, 0, bytes(32)).text()
    note = f"{wrong}\n{LOG.sign(wrong)}"
    assert _decide(0, (), note, None) == Decision(Inconsistent("proof_root"))
    known = _decide(0, (), note, LOG.note(0))
    assert known.refusal == Inconsistent("proof_root")
    assert known.contradiction is not None
    assert standing(known.contradiction, LOG.keys) == "proven"
    assert LOG.root(0) == EMPTY_ROOT


def test_one_size_with_another_root_is_refused_and_kept() -> None:
    """422, and both notes are the proof (threat T3)."""
    decision = _decide(9, (), OTHER.note(9), LOG.note(9))
    assert decision.refusal == Inconsistent("proof_root")
    assert decision.contradiction is not None
    assert standing(decision.contradiction, LOG.keys) == "proven"


def test_a_second_history_is_proven_even_where_the_size_is_stale() -> None:
    """A clone that does not know what the witness saw is told the size, and its first checkpoint of it is the proof."""
    stale = _decide(5, OTHER.path(5, 9), OTHER.note(9), LOG.note(9))
    assert stale.refusal == SizeMoved(9)
    assert stale.contradiction is not None
    assert standing(stale.contradiction, LOG.keys) == "proven"
    grown = _decide(9, OTHER.path(9, 11), OTHER.note(11), LOG.note(9))
    assert isinstance(grown.refusal, Inconsistent)
    assert grown.contradiction is not None
    assert standing(grown.contradiction, LOG.keys) == "proven"
    assert _decide(5, OTHER.path(5, 11), OTHER.note(11), LOG.note(9)).contradiction is None


def test_extension_lines_are_not_looked_at() -> None:
    """The tree is in the first three lines; what a log adds is its own business."""
    assert _decide(0, (), LOG.note(9, "extension", "another"), None) == Decision(None)
    assert _decide(9, (), LOG.note(9, "extension"), LOG.note(9)) == Decision(None)


def test_a_log_is_named_by_the_hash_of_its_origin() -> None:
    """Lowercase hex of SHA-256, without a newline."""
    assert origin_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("body", [b"", b"7", b"07\n", b"7\n\n", b"7 \n", b"-7\n", b"\xff\n", b"7\r\n"])
def test_a_told_size_has_one_spelling(body: bytes) -> None:
    """Decimal and a newline, nothing else."""
    assert read_size(b"7\n") == 7
    with pytest.raises(SubmissionMalformed):
        read_size(body)


def test_cosignatures_are_taken_if_known_keys_made_them() -> None:
    """Lines by unknown keys are left out; a bad line by a known key, or none by any, refuses the whole answer."""
    witness, text = Log(origin="witness.example", history="-"), LOG.text(9)
    good, other = witness.sign(text), Log(origin="other.example").sign(text)
    assert read_cosignatures(text, (other + good).encode(), witness.keys) == [good]
    for body in (b"", other.encode(), witness.sign(LOG.text(8)).encode(), b"\xff", good.encode()[:-1], b"nonsense\n"):
        with pytest.raises(NoteError):
            read_cosignatures(text, body, witness.keys)


def test_an_answer_cannot_put_words_under_another_text() -> None:
    """An answer that holds an empty line would move the end of the text, and is refused."""
    witness, text = Log(origin="witness.example", history="-"), LOG.text(9)
    longer = f"{text}\nmore\n"
    with pytest.raises(NoteError):
        read_cosignatures(text, f"more\n\n{witness.sign(longer)}".encode(), witness.keys)
