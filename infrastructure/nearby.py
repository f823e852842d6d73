"""Reads what was written together from where it lies together: the rows of a page's requests, by ranges of blocks.

A save's evidence, command and request are inserted with its events, so those of a page of events lie in a few blocks
running; reading these blocks costs a tenth of looking up every row by its key. It is a guess at the place only: each
row is known by its own key, and whatever is not found nearby, for any reason, is looked up (`page_answers`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import psycopg

from audit.pages import CommandRow, Questions

__all__ = ["BLOCKS_MAX", "QUESTIONS_MIN", "Nearby", "read_nearby"]

BLOCKS_MAX: Final = 512
"""Blocks of one table that a page may reach over before its rows are looked up one by one."""
QUESTIONS_MIN: Final = 32
"""Saves of a page below which looking up is as quick."""
_BESIDE: Final = 2
"""Blocks beyond the first and the last save's rows: saves of one commit are not written in order."""
_ENDS: Final = 4
"""Saves looked up at either end of a page: not each of them has a request of its own."""
_RANGES_SINCE: Final = 140_000
"""The server's version since which a range of blocks is read without reading the table."""

_PLACES = (
    "SELECT (SELECT ctid FROM evidence e WHERE e.digest = decode(q.digest, 'hex'))::text,"
    " (SELECT ctid FROM commands c WHERE c.party = q.party AND c.command = q.command AND c.grp = 0)::text,"
    " (SELECT ctid FROM request_lines l WHERE l.party = q.party AND l.command = q.command AND l.line = 0)::text,"
    " (SELECT ctid FROM request_bytes b WHERE b.party = q.party AND b.command = q.command AND b.line = 0)::text"
    " FROM unnest(string_to_array(%s, ' '), string_to_array(%s, ' '), string_to_array(%s, ' '))"
    " q (digest, party, command)"
)
_BLOCKS = " WHERE ctid >= %s::tid AND ctid < %s::tid"
_EVIDENCE = f"SELECT digest, kind, data FROM evidence{_BLOCKS}"  # noqa: S608 - constants of this module
_COMMANDS = (
    "SELECT party, command, first, grp, request, groups, first_line, last_line, count, recorded_at, outcome, true"  # noqa: S608 - as above
    f" FROM commands{_BLOCKS} AND grp = 0 AND first IS NOT NULL"
)
_LINES = f"SELECT party, command, digest FROM request_lines{_BLOCKS} AND line = 0"  # noqa: S608 - as above
_BYTES = (
    "SELECT party, command, data, array_to_string(nullif(persons, '{}'), ' ')"  # noqa: S608 - as above
    f" FROM request_bytes{_BLOCKS} AND line = 0"
)


class Nearby(NamedTuple):
    """What was found: evidence by digest, and by first position commands of one request and that request, whole."""

    evidence: dict[str, tuple[str, bytes]]
    commands: dict[int, CommandRow]
    requests: list[tuple[int, int, bytes, bytes, str | None]]
    """First position, line 0, digest, bytes, and names of the persons it is sealed for."""


def read_nearby(connection: psycopg.Connection, questions: Questions, digests: Sequence[str]) -> Nearby:
    """Read what of a page's evidence and single requests lies between that of its first and of its last save."""
    found = Nearby({}, {}, [])
    asked = questions.commands
    if len(asked) < QUESTIONS_MIN or not digests or connection.info.server_version < _RANGES_SINCE:
        return found
    cursor = connection.cursor(binary=True)
    ends = (*asked[:_ENDS], *asked[-_ENDS:])
    columns = ((*digests[:_ENDS], *digests[-_ENDS:]), (party for _, party, _ in ends), (name for _, _, name in ends))
    places = cursor.execute(_PLACES, [" ".join(column) for column in columns], prepare=True).fetchall()
    evidence, commands, lines, data = (
        _rows(cursor, query, between) for query, between in zip(_QUERIES, zip(*places, strict=True), strict=True)
    )
    wanted = set(digests)
    for digest, kind, piece in evidence:
        name = digest.hex()
        if name in wanted:
            found.evidence[name] = (kind, piece)
    rows = {row[:2]: row[2:] for row in commands}
    hashes = {row[:2]: row[2] for row in lines}
    stored = {row[:2]: row[2:] for row in data}
    for first, *name in asked:
        key = (name[0], name[1])
        row, digest, request = rows.get(key), hashes.get(key), stored.get(key)
        if row is not None and row[0] == first and digest is not None and request is not None:
            found.commands[first] = CommandRow._make(row[1:])
            found.requests.append((first, 0, digest, *request))
    return found


_QUERIES: Final = (_EVIDENCE, _COMMANDS, _LINES, _BYTES)


def _rows(cursor: psycopg.Cursor, query: str, places: Sequence[str | None]) -> list[tuple[Any, ...]]:
    """Read the blocks from the first to the last of some places, `(block,row)`; nothing if they are far apart."""
    blocks = [int(place[1:].partition(",")[0]) for place in places if place is not None]
    if not blocks or max(blocks) - min(blocks) > BLOCKS_MAX:
        return []
    between = (f"({max(0, min(blocks) - _BESIDE)},0)", f"({max(blocks) + _BESIDE + 1},0)")
    return cursor.execute(query, between, prepare=True).fetchall()
