"""Reads of the log: short statements, each an index probe or a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from application.saves import Save, Saved, SourceKey, StoredHeader
from audit import canonical
from domain.errors import NotFound

PAGE_MAX = 10_000
_STORED = "SELECT position, header, body, leaf FROM events"


def rows(connection: psycopg.Connection, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run one read in the binary format."""
    cursor = connection.cursor(binary=True)
    # The queries are constants of this module.
    return cursor.execute(query, parameters, prepare=True).fetchall()


def stored(found: Iterable[tuple[Any, ...]]) -> list[StoredHeader]:
    """Read position, header, body and leaf from rows."""
    return [StoredHeader(position, bytes(header), bytes(body), bytes(leaf)) for position, header, body, leaf in found]


def stream_events(
    connection: psycopg.Connection, stream: str, gt: int = 0, lte: int | None = None, *,
    limit: int | None = None, desc: bool = False,
) -> list[StoredHeader]:  # fmt: skip
    """Give a stream's events in version order."""
    order = "DESC" if desc else "ASC"
    query = f"{_STORED} WHERE stream = %s AND version > %s AND version <= %s ORDER BY version {order} LIMIT %s"
    return stored(rows(connection, query, (stream, gt, _INT4_MAX if lte is None else lte, limit)))


def subject_events(connection: psycopg.Connection, subject: str, gt: int, lte: int | None) -> list[StoredHeader]:
    """Give a subject's events in seq order."""
    query = f"{_STORED} WHERE subject = %s AND seq > %s AND seq <= %s ORDER BY seq"
    return stored(rows(connection, query, (subject, gt, _INT4_MAX if lte is None else lte)))


def log_events(connection: psycopg.Connection, start: int, limit: int) -> list[StoredHeader]:
    """Give events from a position on, in commit order."""
    query = f"{_STORED} WHERE position >= %s ORDER BY position LIMIT %s"
    return stored(rows(connection, query, (start, min(limit, PAGE_MAX))))


def find_saved(connection: psycopg.Connection, party: str, command: str, group: int | None = None) -> list[Saved]:
    """Rebuild the answers to a command from what is stored, all groups in order or the one; empty if unknown."""
    query = (
        "SELECT c.grp, c.groups, c.first, c.count, c.recorded_at, c.outcome, r.note FROM commands c"
        " LEFT JOIN receipts r ON r.first = c.first WHERE c.party = %s AND c.command = %s"
    )
    found = (
        rows(connection, f"{query} ORDER BY c.grp", (party, command))
        if group is None
        else rows(connection, f"{query} AND c.grp = %s", (party, command, group))
    )
    answers = []
    for number, groups, first, count, recorded_at, outcome, note in found:
        events = log_events(connection, first, count) if first is not None else []
        answers.append(
            Saved(
                command=command,
                group=number or None,
                groups=groups,
                first=first,
                events=tuple(events),
                receipt=note,
                recorded_at=recorded_at,
                outcome=bytes(outcome),
            )
        )
    return answers


def find_saved_events(connection: psycopg.Connection, save: Save) -> Saved | None:
    """Find a save without a command by the salted body of its first event; None if it was not stored."""
    first = save.events[0]
    found = rows(
        connection,
        "SELECT e.position, e.recorded_at, r.note FROM events e LEFT JOIN receipts r ON r.first = e.position"
        " WHERE e.stream = %s AND e.version = %s AND e.body = %s",
        (first.originator_id, first.originator_version, first.state),
    )
    if not found:
        return None
    position, recorded_at, note = found[0]
    events = tuple(log_events(connection, position, len(save.events)))
    return Saved(None, None, 1, position, events, note, recorded_at, save.outcome)


def receipt_over(connection: psycopg.Connection, position: int) -> tuple[int, int, str] | None:
    """Give first position, number of events and note of the receipt over an event; None where there is none."""
    found = rows(
        connection, "SELECT first, count, note FROM receipts WHERE first <= %s ORDER BY first DESC LIMIT 1", (position,)
    )
    if not found or position >= found[0][0] + found[0][1]:
        return None
    return (found[0][0], found[0][1], found[0][2])


def find_request(connection: psycopg.Connection, party: str, command: str) -> str | None:
    """Give method, uri and digest of a stored command, separated by spaces."""
    found = rows(connection, "SELECT request FROM commands WHERE party = %s AND command = %s LIMIT 1", (party, command))
    return None if not found else str(found[0][0])


def find_sources(
    connection: psycopg.Connection, keys: Sequence[tuple[str, str, str, str]]
) -> dict[tuple[str, str, str, str], SourceKey]:
    """Resolve authors' own numbers; unknown ones are absent."""
    found = rows(
        connection,
        "SELECT q.party, q.system, q.kind, q.id, s.stream FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
        " q (party, system, kind, id) CROSS JOIN LATERAL (SELECT stream FROM sources s WHERE s.party = q.party"
        " AND s.system = q.system AND s.kind = q.kind AND s.id = q.id LIMIT 1) s",
        tuple([key[i] for key in keys] for i in range(4)),
    )
    return {(party, system, kind, id_): SourceKey(party, system, kind, id_, s) for party, system, kind, id_, s in found}


def find_operator(connection: psycopg.Connection) -> str:
    """Give the operator's party, the author of the first event. Raises NotFound `ledger_empty`."""
    found = rows(connection, "SELECT header FROM events WHERE position = %s", (1,))
    header = canonical.decode(bytes(found[0][0])) if found else None
    if not isinstance(header, dict) or not isinstance(header.get("author"), dict):
        raise NotFound("the ledger is empty", code="ledger_empty")
    return str(header["author"]["party"])


_INT4_MAX = 2**31 - 1


def many_streams(connection: psycopg.Connection, streams: Sequence[str]) -> dict[str, list[StoredHeader]]:
    """Give several streams at once, each in version order."""
    found = rows(
        connection,
        "SELECT q.stream, e.position, e.header, e.body, e.leaf FROM unnest(%s::text[]) WITH ORDINALITY q (stream, ord)"
        " CROSS JOIN LATERAL (SELECT * FROM events e WHERE e.stream = q.stream ORDER BY e.version) e"
        " ORDER BY q.ord, e.version",
        (list(dict.fromkeys(streams)),),
    )
    result: dict[str, list[StoredHeader]] = {stream: [] for stream in streams}
    for stream, position, header, body, leaf in found:
        result[stream].append(StoredHeader(position, bytes(header), bytes(body), bytes(leaf)))
    return result


def log_range(
    connection: psycopg.Connection, start: int, stop: int | None, topics: Sequence[str], limit: int
) -> list[StoredHeader]:
    """Give events of some types (all if none is named) between two positions, both included."""
    query = f"{_STORED} WHERE position >= %s AND position <= %s AND (%s OR type = ANY(%s)) ORDER BY position LIMIT %s"
    last = _INT8_MAX if stop is None else stop
    return stored(rows(connection, query, (start, last, not topics, list(topics), limit)))


def head(connection: psycopg.Connection) -> tuple[int, str, bytes] | None:
    """Give the last position, when it was recorded, and the tree's right edge; None when the log is empty."""
    found = rows(connection, "SELECT position, recorded_at, frontier FROM events ORDER BY position DESC LIMIT 1", ())
    return (found[0][0], found[0][1], bytes(found[0][2])) if found else None


def position_at(connection: psycopg.Connection, known_at: str) -> int:
    """Give the last position recorded at or before an instant."""
    return int(rows(connection, "SELECT ledger_position_at(%s)", (known_at,))[0][0])


_INT8_MAX = 2**63 - 1


def held_persons(connection: psycopg.Connection, persons: Iterable[str]) -> list[str]:
    """Give those of some persons of whom something is still there."""
    query = (
        "SELECT q.person FROM unnest(%s::text[]) q (person)"
        " WHERE EXISTS (SELECT FROM subject_keys k WHERE k.person = q.person)"
        " OR EXISTS (SELECT FROM sealed_values v WHERE v.person = q.person)"
        " OR EXISTS (SELECT FROM blind_index b WHERE b.person = q.person)"
    )
    return [person for (person,) in rows(connection, query, (sorted(persons),))]


def erased_persons(connection: psycopg.Connection) -> list[str]:
    """Give the persons whose erasure stands in the log while something of theirs is still there.

    Their subjects lie together in the index. Of a person the key goes first and the values last, so that an erasing
    which was cut short leaves him here: whoever has request bytes or places has values.
    """
    query = (
        "SELECT subject FROM events WHERE subject >= 'person:' AND subject < 'person;' AND type = 'person.Erased'"
        " AND (EXISTS (SELECT FROM subject_keys WHERE person = subject)"
        " OR EXISTS (SELECT FROM sealed_values WHERE person = subject)"
        " OR EXISTS (SELECT FROM blind_index WHERE person = subject))"
    )
    return [subject for (subject,) in rows(connection, query, ())]
