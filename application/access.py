"""Recording an export of evidence: who asked for what, for whom, and which bundle was made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.actions import Action, Writes
from application.work import Work
from audit.errors import AuditError
from audit.manifests import Query
from audit.names import check_stream, subject_of
from domain.access import Access, EvidenceExport, found_of, stream_of
from domain.aggregate import Statement
from domain.errors import Invalid
from domain.ledgers import MAP_STREAM
from domain.parties import Party

EXPORT = "evidence.export"


def query_of(said: Mapping[str, Any]) -> Query:
    """Give what an export asks for. Raises Invalid `stream_invalid`, `stream_twice`, `time_empty`."""
    streams = tuple(said["streams"])
    for stream in streams:
        try:
            check_stream(stream)
        except AuditError as error:
            raise Invalid("the ledger has no such streams", code="stream_invalid", stream=stream) from error
        if subject_of(stream) == MAP_STREAM:
            raise Invalid("the map is not in the map", code="stream_invalid", stream=stream)
    if len(set(streams)) != len(streams):
        raise Invalid("a stream stands twice", code="stream_twice")
    query = Query(streams, said.get("recorded_from"), said.get("recorded_until"))
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise Invalid("nothing can be recorded in this time", code="time_empty")
    return query


def export(work: Work, statement: Statement, _path: Mapping[str, str]) -> None:
    """Record that a bundle was made; `work.facts` say which (application/exporting.py makes it first)."""
    said = statement.said
    query_of(said)
    work.allow(EXPORT, self=said["party"] == work.author.party)
    party = work.read(Party, said["party"])
    if not work.facts:
        raise Invalid("no bundle was made for this request", code="evidence_unmade")
    access = work.open(Access, stream_of(party.id))
    access.record(Access.Exported, statement, found_of(work.facts["size"], work.facts["manifest"]))


ACTIONS = (
    Action(
        EXPORT, "POST", "/evidence", EvidenceExport, export, (Writes("access.Exported", "{party}/access"),),
        "Make a bundle of evidence", "出具证据包", appends=True,
    ),
)  # fmt: skip
