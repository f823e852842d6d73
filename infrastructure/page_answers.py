"""Reads what a page of events points to: evidence, commands, requests and sealed values, each in a statement or two."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

from audit.pages import Answers, CommandRow, LineRow, Questions, SealedRow
from infrastructure.nearby import read_nearby
from infrastructure.vault import SealBroken, open_request, open_value, unwrap_key

_HASH = re.compile("[0-9a-f]{64}")
# Questions go as one text each, parted by blanks: names hold none, and arrays would be written element by element.
_EVIDENCE = (
    "SELECT e.digest, e.kind, e.data FROM unnest(string_to_array(%s, ' ')) q (digest) CROSS JOIN LATERAL"
    " (SELECT * FROM evidence e WHERE e.digest = decode(q.digest, 'hex')) e"
)
# Requests of one save come with their bytes; lines of groups are read by ranges.
_COMMANDS = (
    "SELECT q.first::bigint, c.grp, c.request, c.groups, c.first_line, c.last_line, c.count, c.recorded_at, c.outcome,"
    " c.grp <= 1 OR NOT EXISTS (SELECT FROM commands x WHERE x.party = c.party AND x.command = c.command"
    " AND x.grp < c.grp AND x.first IS NOT NULL),"
    " l.digest, b.data, array_to_string(nullif(b.persons, '{}'), ' ')"
    " FROM unnest(string_to_array(%s, ' '), string_to_array(%s, ' '), string_to_array(%s, ' '))"
    " q (first, party, command) CROSS JOIN LATERAL"
    " (SELECT * FROM commands c WHERE c.party = q.party AND c.command = q.command AND c.first = q.first::bigint) c"
    " LEFT JOIN LATERAL (SELECT l.digest FROM request_lines l WHERE l.party = q.party AND l.command = q.command"
    " AND l.line = 0 AND c.grp = 0) l ON true"
    " LEFT JOIN LATERAL (SELECT b.data, b.persons FROM request_bytes b WHERE b.party = q.party"
    " AND b.command = q.command AND b.line = 0 AND c.grp = 0) b ON true"
)
_LINES = (
    "SELECT q.first, l.line, l.digest, b.data, array_to_string(nullif(b.persons, '{}'), ' ')"
    " FROM unnest(string_to_array(%s, ' ')::bigint[], string_to_array(%s, ' '), string_to_array(%s, ' '),"
    " string_to_array(%s, ' ')::int[], string_to_array(%s, ' ')::int[]) q (first, party, command, low, high)"
    " CROSS JOIN LATERAL (SELECT * FROM request_lines l WHERE l.party = q.party AND l.command = q.command"
    " AND l.line BETWEEN q.low AND q.high) l"
    " LEFT JOIN LATERAL (SELECT * FROM request_bytes b WHERE b.party = q.party AND b.command = q.command"
    " AND b.line = l.line) b ON true ORDER BY q.first, l.line"
)
_HASHES = (
    "SELECT q.first, CASE WHEN q.low = 0 THEN h.digests"
    " ELSE substring(h.digests FROM (q.low - 1) * 32 + 1 FOR greatest(q.high - q.low + 1, 0) * 32) END"
    " FROM unnest(string_to_array(%s, ' ')::bigint[], string_to_array(%s, ' '), string_to_array(%s, ' '),"
    " string_to_array(%s, ' ')::int[], string_to_array(%s, ' ')::int[]) q (first, party, command, low, high)"
    " CROSS JOIN LATERAL (SELECT * FROM request_hashes h WHERE h.party = q.party AND h.command = q.command) h"
)
_SEALED = (
    "SELECT v.digest, v.person, v.ciphertext FROM unnest(string_to_array(%s, ' ')) q (digest) CROSS JOIN LATERAL"
    " (SELECT * FROM sealed_values v WHERE v.digest = decode(q.digest, 'hex')) v"
)
_KEYS = (
    "SELECT k.person, k.wrapped FROM unnest(string_to_array(%s, ' ')) q (person) CROSS JOIN LATERAL"
    " (SELECT * FROM subject_keys k WHERE k.person = q.person) k"
)

_RESTRICTED = (
    "SELECT DISTINCT e.stream FROM unnest(string_to_array(%s, ' ')) q (person) JOIN events e ON e.stream = q.person"
    " WHERE e.type = 'person.Restricted'"
)


class PageAnswers:
    """Answers a verifier's questions; opens what is sealed if it has the master key.

    What belongs to restricted persons may be kept and nothing else (PIPL 47): with `handing_out` it stays sealed.
    """

    def __init__(self, connection: psycopg.Connection, master_key: bytes | None, *, handing_out: bool = False) -> None:
        self._connection = connection
        self._master = master_key
        self._handing_out = handing_out

    def ask(self, questions: Questions) -> Answers:
        """Read everything that was asked for: what lies nearby, and then whatever is left."""
        digests = [digest for digest in dict.fromkeys(questions.evidence) if _HASH.fullmatch(digest)]
        evidence, commands, single = read_nearby(self._connection, questions, digests)
        lines: list[tuple[Any, ...]] = [*single]
        left = [digest for digest in digests if digest not in evidence]
        for digest, kind, data in self._rows(_EVIDENCE, [" ".join(left)], left):
            evidence[digest.hex()] = (kind, data)
        asked = [question for question in questions.commands if question[0] not in commands]
        for found in self._rows(_COMMANDS, _columns(asked, 3), asked):
            first = found[0]
            commands[first] = CommandRow._make(found[1:10])
            if found[10] is not None:
                lines.append((first, 0, *found[10:]))
        ranges = [
            (first, party, command, row.first_line, row.last_line)
            for first, party, command in asked
            if (row := commands.get(first)) is not None and row.group
        ]
        lines += self._rows(_LINES, _columns(ranges, 5), ranges)
        sealed = self._rows(_SEALED, [_digests(questions.sealed)], questions.sealed)
        persons = {row[1] for row in sealed} | {name for row in lines if row[4] for name in row[4].split(" ")}
        keys, restricted = self._keys(persons), self._restricted(persons)
        by_first: dict[int, list[LineRow]] = {}
        for first, line, digest, data, of in lines:
            by_first.setdefault(first, []).append(_line(line, digest, data, of, keys, restricted))
        values = {digest.hex(): _value(digest, person, data, keys, restricted) for digest, person, data in sealed}
        # Of the opening group all hashes are wanted, of any other those of its own lines.
        wanted = [
            (first, party, command, 0 if commands[first].opening else max(low or 1, 1), high or 0)
            for first, party, command, low, high in ranges
        ]
        hashes = dict(self._rows(_HASHES, _columns(wanted, 5), wanted))
        return Answers(evidence, commands, by_first, hashes, values)

    def _keys(self, persons: Iterable[str]) -> dict[str, bytes] | None:
        """Give the persons' keys, unwrapped; None without a master key. A key that does not unwrap opens nothing."""
        if self._master is None:
            return None
        names = sorted(persons)
        keys = {}
        for person, wrapped in self._rows(_KEYS, [" ".join(names)], names):
            try:
                keys[person] = unwrap_key(self._master, wrapped)
            except SealBroken:
                keys[person] = b""
        return keys

    def _restricted(self, persons: Iterable[str]) -> frozenset[str]:
        names = sorted(persons) if self._handing_out else []
        return frozenset(name for (name,) in self._rows(_RESTRICTED, [" ".join(names)], names))

    def _rows(self, query: str, parameters: Sequence[Any], wanted: Sequence[Any]) -> list[tuple[Any, ...]]:
        if not wanted:
            return []
        return self._connection.cursor(binary=True).execute(query, parameters, prepare=True).fetchall()


def _digests(texts: Sequence[str]) -> str:
    return " ".join(text for text in dict.fromkeys(texts) if _HASH.fullmatch(text))


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[str]:
    return [" ".join([str(row[index]) for row in rows]) for index in range(width)]


def _line(
    line: int, digest: bytes, data: bytes | None, persons: str | None, keys: Mapping[str, bytes] | None,
    restricted: frozenset[str],
) -> LineRow:  # fmt: skip
    names = tuple(sorted(persons.split(" "))) if persons else ()
    if data is None:
        return LineRow(line, digest, None, "gone", names)
    if not names:
        return LineRow(line, digest, data, "plain")
    if keys is None or not restricted.isdisjoint(names):
        return LineRow(line, digest, None, "sealed", names)
    if any(name not in keys for name in names):
        return LineRow(line, digest, None, "gone", names)
    try:
        return LineRow(line, digest, open_request(data, [keys[name] for name in names]), "plain", names)
    except (SealBroken, ValueError):
        return LineRow(line, digest, None, "broken", names)


def _value(
    digest: bytes, person: str, data: bytes, keys: Mapping[str, bytes] | None, restricted: frozenset[str]
) -> SealedRow:
    if keys is None or person in restricted:
        return SealedRow(person, None, "sealed")
    if person not in keys:
        return SealedRow(person, None, "gone")
    try:
        return SealedRow(person, open_value(keys[person], digest.hex(), data), "plain")
    except (SealBroken, ValueError):
        return SealedRow(person, None, "broken")
