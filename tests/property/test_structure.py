"""The structure of a log checked alone: what it finds, and that it says what it did not look at."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.verdicts import CODES, Verdict
from tests.support import mutants
from tests.support.forging import forged
from tests.support.mutants import Mutant, copied
from tests.support.stored import Stored, worked_ledger
from tests.support.story.whole import performed

SEEN = (
    mutants.event_bytes, mutants.event_column, mutants.frontier, mutants.event_gone, mutants.events_swapped,
    mutants.bodies_swapped,
)  # fmt: skip
"""Changes of events, which the structure shows; those of receipts' texts, evidence and requests it does not."""


@pytest.mark.parametrize("page", [1, 3, 100])
def test_the_structure_of_a_sound_ledger_holds(page: int) -> None:
    """The worked ledger and the story hold; the report says that nothing was checked but the structure."""
    for stored in (worked_ledger(), performed().stored()):
        report = stored.verify(page=page, signatures=False)
        assert report.counts.keys() == {"signatures_unchecked", "unanchored"}, list(report.lines())
        assert report.root == stored.verify().root
        assert not report.failed()
        assert report.failed(strict=True)
        assert not report.signatures
        assert [*report.lines()][-2:] == [
            "completeness: holds in structure, signatures NOT CHECKED",
            "integrity: holds in structure, signatures NOT CHECKED",
        ]


@pytest.mark.parametrize("mutant", SEEN, ids=lambda mutant: mutant.__name__)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_no_change_of_an_event_passes(mutant: Mutant, seed: int) -> None:
    """Any change to a row of events is found as what it is, without a signature being looked at."""
    rnd = random.Random(seed)
    stored = copied(worked_ledger())
    if what := mutant(stored, rnd):
        report = stored.verify(page=rnd.choice([1, 4, 100]), signatures=False)
        assert report.failed()
        found = set(report.counts) - {"signatures_unchecked", "unanchored"}
        assert mutants.is_told(what, found, {"receipt"}), (what, report.counts)


def broken(stored: Stored) -> set[str]:
    """Give the codes of what breaks integrity or completeness in the structure."""
    counts = stored.verify(signatures=False).counts
    return {code for code in counts if CODES[code][0] in {"integrity", "completeness"}}


def test_receipts_must_cover_the_events() -> None:
    """A receipt that is missing, covers another number of events, or stands for none is found; its text is not read."""
    stored = worked_ledger()
    del stored.receipts[2]
    assert broken(stored) == {"receipt_missing"}
    stored = worked_ledger()
    stored.receipts[2] = stored.receipts[2]._replace(events=2)
    assert "receipt" in broken(stored)
    stored = worked_ledger()
    stored.receipts.append(stored.receipts[2]._replace(first=999))
    assert broken(stored) == {"receipt_stray"}
    stored = worked_ledger()
    stored.receipts[2] = stored.receipts[2]._replace(note="")
    assert broken(stored) == set()


def test_signatures_are_not_looked_at() -> None:
    """Without evidence, commands and requests the structure holds: it says nothing of authors."""
    stored = worked_ledger()
    stored.evidence.clear()
    stored.commands.clear()
    stored.lines.clear()
    assert broken(stored) == set()


def another_author(stored: Stored, at: int) -> Stored:
    """Give one event of a save another author; hashes, chains and edges follow from it anew."""

    def edit(told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        told[at][0]["author"]["party"] = "party:00000000-0000-4000-8000-000000000000"

    return forged(stored, edit)


def test_a_save_has_one_author() -> None:
    """Every event of a save names the author of its first one; one that names another is found where it stands."""
    stored = worked_ledger()
    saves = [row for row in stored.receipts if row.events > 1]
    assert saves
    for save in saves:
        for at in range(save.first, save.first + save.events - 1):
            report = another_author(worked_ledger(), at).verify(signatures=False)
            assert Verdict("author", "integrity", at + 1, "differs within the save") in report.verdicts


def test_saves_are_counted() -> None:
    """Each save counts once, map roots among them."""
    stored = worked_ledger()
    report = stored.verify(signatures=False)
    assert report.tallies["saves"] == len(stored.ends()) == stored.verify().tallies["saves"]
