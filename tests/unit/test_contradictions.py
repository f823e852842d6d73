"""Portable proofs that a log told two stories (threats T2 and T3), and what is no more than a claim."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import contradictions
from audit.canonical import encode
from audit.contradictions import FORMAT, PATH_HASHES_MAX, Contradiction, between, proven, standing
from audit.errors import CanonicalError, ContradictionInvalid, NoteError
from audit.policy import Policy
from tests.support.logs import Log

GOLDEN = Path(__file__).parents[1] / "golden" / "contradictions"
WITNESSED = "equivocation/v1"

LOG = Log(fork=5)
OTHER = Log(fork=5, history="another")


def test_one_size_with_two_roots_is_proven() -> None:
    """T3: two signed checkpoints of one size need nothing else, in whichever order they are held."""
    for pair in (
        Contradiction.of_notes(LOG.note(9), OTHER.note(9)),
        Contradiction.of_notes(OTHER.note(9), LOG.note(9)),
    ):
        assert standing(Contradiction.parse(pair.encode()), LOG.keys) == "proven"


def test_one_history_is_no_contradiction() -> None:
    """The same checkpoint twice, and two that a path joins, are consistent."""
    assert standing(Contradiction.of_notes(LOG.note(9), LOG.note(9)), LOG.keys) == "consistent"
    assert standing(Contradiction.of_notes(LOG.note(7), LOG.note(9), tuple(LOG.path(7, 9))), LOG.keys) == "consistent"


@pytest.mark.parametrize("size", [6, 7, 9, 11, 12])
def test_a_path_from_another_tree_proves_two_histories(size: int) -> None:
    """A path that leads to the later root from other first leaves shows which root the later tree had then."""
    pair = Contradiction.of_notes(LOG.note(size), OTHER.note(13), tuple(OTHER.path(size, 13)))
    assert standing(pair, LOG.keys) == "proven"


def test_a_path_that_leads_nowhere_is_a_claim() -> None:
    """Whoever sends nonsense cannot make a log guilty; nor can a path from a power of two, which holds no old root."""
    assert standing(Contradiction.of_notes(LOG.note(7), LOG.note(9), (bytes(32),)), LOG.keys) == "claimed"
    assert standing(Contradiction.of_notes(LOG.note(7), LOG.note(9)), LOG.keys) == "claimed"
    assert (
        standing(Contradiction.of_notes(LOG.note(8), OTHER.note(13), tuple(OTHER.path(8, 13))), LOG.keys) == "claimed"
    )
    assert between(LOG.head(0), LOG.head(9), (bytes(32),)) == "claimed"


def test_it_says_nothing_without_the_logs_signatures() -> None:
    """A forged note, or one of another log, makes no contradiction."""
    forged = OTHER.note(9).replace("\n9\n", "\n8\n")
    with pytest.raises(NoteError):
        standing(Contradiction.of_notes(LOG.note(9), forged), LOG.keys)
    elsewhere = Log(origin="elsewhere.example")
    with pytest.raises(ContradictionInvalid) as caught:
        standing(Contradiction.of_notes(LOG.note(9), elsewhere.note(9)), [*LOG.keys, *elsewhere.keys])
    assert caught.value.code == "contradiction_origins"


def test_from_a_power_of_two_the_start_must_be_told() -> None:
    """The path leaves out the earlier root then: with it, the later tree's own is shown; a wrong one shows nothing."""
    path = tuple(OTHER.path(8, 13))
    pair = Contradiction.of_notes(LOG.note(8), OTHER.note(13), path, OTHER.root(8))
    assert standing(Contradiction.parse(pair.encode()), LOG.keys) == "proven"
    for start, how in ((LOG.root(8), "claimed"), (bytes(32), "claimed")):
        assert standing(Contradiction.of_notes(LOG.note(8), OTHER.note(13), path, start), LOG.keys) == how
    honest = Contradiction.of_notes(OTHER.note(8), OTHER.note(13), path, LOG.root(8))
    assert standing(honest, LOG.keys) == "consistent"


@pytest.mark.parametrize("name", ["witness-roots", "witness-path"])
def test_what_witnesses_kept_before_is_proven_for_ever(name: str) -> None:
    """A file of `equivocation/v1` reads as the same two notes and path, and both verifiers take it."""
    data = (GOLDEN / f"{name}.json").read_bytes()
    assert b"equivocation/v1" in data
    kept = Contradiction.parse(data)
    assert standing(kept, LOG.keys) == "proven"
    assert proven(data, Policy.parse(f"log {LOG.vkey}\nquorum none\n".encode())) == "roots"
    again = Contradiction.parse(kept.encode())
    assert again == kept
    assert b'"format":"contradiction/v1"' in kept.encode()


def test_a_log_is_accused_by_its_own_key_alone() -> None:
    """A key of one believed log over a checkpoint that names another says nothing of that other one."""
    stranger = Log(private=Ed25519PrivateKey.generate(), origin="stranger.example")
    first, second = (f"{text}\n{stranger.sign(text)}" for text in (LOG.text(9), OTHER.text(9)))
    with pytest.raises(NoteError) as caught:
        standing(Contradiction.of_notes(first, second), [*LOG.keys, *stranger.keys])
    assert caught.value.code == "note_unsigned"


def test_what_is_written_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long chains make large proofs: one limit for writing and reading, and a file too large for it is not made."""
    large = Contradiction(({"checkpoint": "x" * 17 * 2**20}, {"checkpoint": ""}))
    assert Contradiction.parse(large.encode()) == large
    monkeypatch.setattr(contradictions, "BYTES_MAX", len(large.encode()))
    assert Contradiction.parse(large.encode()) == large
    monkeypatch.setattr(contradictions, "BYTES_MAX", len(large.encode()) - 1)
    with pytest.raises(ContradictionInvalid) as caught:
        large.encode()
    assert caught.value.code == "contradiction_too_large"


HASH = "ab" * 32
SIDE = {"checkpoint": ""}


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"format": "equivocation/v2", "first": "", "second": "", "path": []},
        {"format": WITNESSED, "first": "", "second": "", "path": [], "more": 1},
        {"format": WITNESSED, "first": "", "second": "", "path": ["AAAA"]},
        {"format": WITNESSED, "first": "", "second": "", "path": [1]},
        {"format": WITNESSED, "first": "", "second": 1, "path": []},
        {"format": WITNESSED, "first": "", "second": "", "path": ["A" * 43 + "="] * (PATH_HASHES_MAX + 1)},
        {"format": FORMAT, "first": "", "second": "", "path": []},
        {"format": "contradiction/v2", "sides": [SIDE, SIDE]},
        {"format": FORMAT, "sides": [SIDE]},
        {"format": FORMAT, "sides": [SIDE, ""]},
        {"format": FORMAT, "sides": [SIDE, SIDE], "more": 1},
        {"format": FORMAT, "sides": [SIDE, SIDE], "path": HASH},
        {"format": FORMAT, "sides": [SIDE, SIDE], "path": [HASH.upper()]},
        {"format": FORMAT, "sides": [SIDE, SIDE], "path": [HASH] * (PATH_HASHES_MAX + 1)},
        {"format": FORMAT, "sides": [SIDE, SIDE], "start": HASH[2:]},
        {"format": FORMAT, "sides": [SIDE, SIDE], "start": None},
    ],
)
def test_what_is_no_such_file_is_refused(value: object) -> None:
    """One format, its members and no other."""
    with pytest.raises(ContradictionInvalid) as caught:
        Contradiction.parse(encode(value))  # type: ignore[arg-type] # every value of the table is JSON
    assert caught.value.code == "contradiction_malformed"


def test_what_is_no_json_is_refused() -> None:
    """The strict parser reads it, as all else."""
    with pytest.raises(CanonicalError):
        Contradiction.parse(b"{")
