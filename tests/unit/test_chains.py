"""The order of events inside a page: each subject's chain, each stream's versions, and what decisions say they read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.chains import Chains
from audit.events import Header, read_header
from audit.lens import Seen
from audit.pages import PageReport
from tests.support.stored import worked_ledger

LIFT = 8
"""Where a lift is registered, from 0; its stream and chain begin there."""


def begun() -> tuple[Chains, PageReport, Seen]:
    """Give the chains of a page after the lift's first event, and that event."""
    row = worked_ledger().events[LIFT]
    first = Seen(row, read_header(row.header), json.loads(row.body), row.leaf)
    report = PageReport(row.position, row.position + 1)
    chains = Chains(report)
    chains.saving([first])
    assert not report.counts
    return chains, report, first


def after(first: Seen, *, reads: Any = None, **members: Any) -> Seen:  # noqa: ANN401 - JSON, members of a header
    """Give the event that goes on from the first, with some members of its header, or what it says it read, changed."""
    header: Header = first.header
    sound = {"position": header.position + 1, "seq": header.seq + 1, "prev": first.leaf.hex(), "version": 2}
    found = {} if reads is None else {"reads": reads}
    body = {**first.body, "said": None, "found": {**first.body["found"], **found}}
    row = first.row._replace(position=header.position + 1, version=2, seq=header.seq + 1)
    return Seen(row, header._replace(**{**sound, **members}), body, bytes(32))


def test_an_event_that_goes_on_is_in_order() -> None:
    """Next in number and version, bound to the leaf before it, having read what stood."""
    chains, report, first = begun()
    chains.saving([after(first, reads={first.header.stream: 1})])
    assert not report.counts


@pytest.mark.parametrize(
    "members, code",
    [
        ({"seq": 1}, "chain"), ({"seq": 3}, "chain"), ({"prev": "0" * 64}, "chain"), ({"prev": None}, "chain"),
        ({"version": 1}, "version_gap"), ({"version": 3}, "version_gap"),
    ],
)  # fmt: skip
def test_an_event_that_does_not_go_on_is_found(members: dict[str, Any], code: str) -> None:
    """A number or version left out or given twice, and another event before it than the one that stands there."""
    chains, report, first = begun()
    chains.saving([after(first, **members)])
    assert [(each.code, each.position) for each in report.verdicts] == [(code, first.header.position + 1)]


@pytest.mark.parametrize("version", [0, 2, -1, True, "1", None, 1.0])
def test_what_a_decision_did_not_read_is_found(version: object) -> None:
    """A version that the stream did not have then, and what is no version at all."""
    chains, report, first = begun()
    chains.saving([after(first, reads={first.header.stream: version})])
    assert set(report.counts) == {"reads"}


@pytest.mark.parametrize("reads", [[], "x", 1, True])
def test_what_is_no_table_of_versions_is_found(reads: object) -> None:
    """Whatever JSON stands where the versions should."""
    chains, report, first = begun()
    chains.saving([after(first, reads=reads)])
    assert set(report.counts) == {"reads"}
