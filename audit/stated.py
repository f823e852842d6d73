"""Whether the events of a save are those that its signed request, or their cause, may write (event-format §3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from audit import authors
from audit.actions import Row
from audit.claims import ReadToken
from audit.errors import ActionMismatch
from audit.lens import Lens, Seen
from audit.pages import PageReport, SealedRow
from audit.requests import Group, check_said

__all__ = ["Grouped", "check_derived", "check_request"]

Grouped = Callable[[ReadToken, Row | None], Group]
"""Gives what is stored, or carried, of the request that a token is for, checked against it."""


def check_request(
    lens: Lens, report: PageReport, first: int, events: Sequence[Seen], data: bytes, *,
    grouped: Grouped, sealed: Mapping[str, SealedRow], beside: Sequence[Seen] = (), verified: bool = False,
) -> None:  # fmt: skip
    """Check the events that a signed request wrote; `data` is its token, whose signature may be `verified` already.

    `beside` are events of the same save whose bodies are not at hand; they may still be the cause of others.
    """
    token = authors.check_token(lens, report, first, events[0], data, verified=verified)
    if token is None:
        return
    table = lens.table(first)
    action = None if table is None else table.find(token.htm, token.uri)
    row, path = (None, {}) if action is None else action
    if row is None:
        report.find("action_unknown", first, f"{token.htm} {token.uri.partition('?')[0]}"[:100])
    group = grouped(token, row)
    derived = []
    for seen in events:
        if seen.body["said"] is None:
            derived.append(seen)
            continue
        check_said(lens, report, seen, group, sealed)
        if seen.header.type == "key.Registered":
            authors.check_registration(lens, report, seen)
        elif seen.header.type == "ledger.ActionsPublished":
            _check_publication(report, seen)
        if row is not None:
            try:
                row.check_stated(path, seen.header, seen.body)
            except ActionMismatch as error:
                report.find("action", seen.row.position, f"{row.id}: {error.details['member']}")
    if derived:
        check_derived(report, row, derived, (*events, *beside))


def _check_publication(report: PageReport, seen: Seen) -> None:
    if seen.body["said"].get("digest") != authors.digest_of(seen.body["found"]):
        report.find("actions_digest", seen.row.position)


def check_derived(report: PageReport, row: Row | None, derived: Sequence[Seen], events: Sequence[Seen]) -> None:
    """Check events that another event of the same save, out of `events`, caused; without a row only that it did."""
    effective = {(seen.header.stream, seen.header.version): seen for seen in events}
    for seen in derived:
        because = seen.body["found"].get("because")
        cause = None
        if isinstance(because, dict) and because.keys() == {"stream", "version"}:
            stream, version = because["stream"], because["version"]
            if isinstance(stream, str) and type(version) is int:
                cause = effective.get((stream, version))
        if cause is None or cause.row.position >= seen.row.position:
            report.find("because", seen.row.position)
            continue
        if row is None:
            continue
        try:
            row.check_derived(seen.header, seen.body, (cause.header.effective_at,))
        except ActionMismatch as error:
            report.find("action", seen.row.position, f"{row.id}: {error.details['member']}")
