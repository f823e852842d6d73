"""What joins the pages of a log: whatever reaches over their edges is held against what the pages before came to."""

from __future__ import annotations

from typing import Any

import pytest

from audit.merkle import EMPTY_ROOT
from audit.pages import PageReport
from audit.whole import Report, Totals, Whole

FAR = 10**6
STREAM = "lift:00000000-0000-4000-8000-000000000000"


def joined(*pages: dict[str, Any], keys: tuple[int, ...] = ()) -> Report:
    """Join pages of one event each, which hold only what is said of them."""
    whole = Whole("ledger.example/district")
    for position, members in enumerate(pages, 1):
        whole.add(PageReport(position, position, f"2025-11-01T00:00:0{position}.000000Z", "", **members))
    return whole.finish(Totals(), keys)


def found(report: Report) -> list[tuple[str, int | None]]:
    """Give what is found but for the want of edges and checkpoints, which such pages do not have."""
    return [
        (each.code, each.position) for each in report.verdicts if each.code not in {"frontier_missing", "unanchored"}
    ]


def test_pages_that_fit_are_joined() -> None:
    """A stream goes on at its version, another is read where it stands, commands and numbers are each one's own."""
    report = joined(
        {"streams": {STREAM: (0, 1, 1, True)}, "commands": [(7, 1)], "sources": [(5, 6, 1)], "keys": [1]},
        {"streams": {STREAM: (1, 2, 2, True)}, "commands": [(8, 2)], "sources": [(5, 6, 2), (6, 6, 2)]},
        {"streams": {STREAM: (2, 2, 3, False)}},
        keys=(1,),
    )
    assert found(report) == []


@pytest.mark.parametrize("before", [0, 2, FAR])
def test_a_stream_goes_on_where_the_page_before_left_it(before: int) -> None:
    """A version left out or given twice is a gap, and one that a decision relied on and was not is told as that."""
    first = {"streams": {STREAM: (0, 1, 1, True)}}
    assert found(joined(first, {"streams": {STREAM: (before, before + 1, 2, True)}})) == [("version_gap", 2)]
    assert found(joined(first, {"streams": {STREAM: (before, before, 2, False)}})) == [("reads", 2)]


def test_a_command_is_written_once() -> None:
    """The ledger may not store twice what somebody signed once, in one page or in two."""
    assert found(joined({"commands": [(7, 1)]}, {"commands": [(7, 2)]})) == [("command_twice", 2)]
    assert found(joined({"commands": [(7, 1), (7, 1)]})) == [("command_twice", 1)]


def test_a_number_is_one_streams() -> None:
    """An author's own number names one record for ever."""
    assert found(joined({"sources": [(5, 6, 1)]}, {"sources": [(5, 7, 2)]})) == [("source_taken", 2)]


def test_keys_are_believed_by_the_events_that_were_met() -> None:
    """Whoever read the keys' histories read neither fewer events nor more than the pages hold."""
    pages = {"keys": [1]}, {"keys": [2]}
    assert found(joined(*pages, keys=(1, 2))) == []
    assert found(joined(*pages, keys=(1,))) == [("key_history", 2)]
    assert found(joined(*pages, keys=(1, 2, FAR))) == [("key_history", FAR)]


def test_an_empty_log_is_told() -> None:
    """Nothing was joined, and the root is that of no event."""
    report = joined()
    assert (found(report), report.root) == ([("empty", None)], EMPTY_ROOT)
