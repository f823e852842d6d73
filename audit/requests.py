"""Whether an event's words are those that its author signed: requests, lines, sealed values (event-format §3).

A request may have been erased with its person; then its hash, the token and the position still stand, and the words
cannot be compared any more. Whatever else is missing is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

from audit import canonical
from audit.claims import ReadToken
from audit.errors import CanonicalError, PointerUnresolved, ProofError
from audit.events import read_canonical, without_salt
from audit.lens import Lens, Seen
from audit.merkle import HASH_BYTES, leaf_hash, root, verify_inclusion
from audit.pages import Answers, CommandRow, LineRow, PageReport, SealedRow

__all__ = [
    "Carried",
    "Group",
    "check_carried",
    "check_command",
    "check_group",
    "check_said",
    "is_salted",
    "sealed_fields",
]

SALT_HEX_MIN: Final = 32
_SALT: Final = b'"salt":"'
_BODY_TAIL: Final = len(',"salt":""}') + 32
"""What stands behind `said` in a body: its own salt of 32 hex digits, and the end."""


class Stored:
    """A stored request or line: bytes that are the signed ones, and their JSON once it is asked for."""

    __slots__ = ("_json", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._json: Any = None

    def json(self) -> dict[str, Any]:
        """Give the JSON object, strictly read, with a salt. Raises CanonicalError."""
        if self._json is None:
            try:
                found = read_canonical(self.data)
            except CanonicalError as error:
                if error.code != "not_canonical":
                    raise
                found = canonical.decode(self.data)
            if not isinstance(found, dict) or not isinstance(found.get("salt"), str):
                raise CanonicalError("A write is an object with a salt.", code="salt_missing")
            if len(found["salt"]) < SALT_HEX_MIN:
                raise CanonicalError("The salt is too short.", code="salt_missing")
            self._json = found
        found_json: dict[str, Any] = self._json
        return found_json


@dataclass(slots=True)
class Group:
    """The request of a save, or the group of its lines, by line number; None where it cannot be compared."""

    command: CommandRow | None
    requests: dict[int, Stored | None] = field(default_factory=dict)


def check_command(
    report: PageReport, first: int, events: Sequence[Seen], token: ReadToken, command: CommandRow,
    group_lines: int | None,
) -> None:  # fmt: skip
    """Hold the stored command against token and save: request, place in the groups, number of events."""
    header = events[0].header
    digest = token.bh if token.bh is not None else token.br
    if command.request != f"{token.htm} {token.uri} {digest}":
        report.find("command", first, "request")
    if command.events != len(events) or command.recorded_at != header.recorded_at:
        report.find("command", first, "events or time")
    if token.bn is None:
        if (command.group, command.groups, command.first_line, command.last_line) != (0, 1, None, None):
            report.find("command", first, "groups of a single request")
        return
    size = group_lines or 0
    if not size:
        report.find("action", first, "takes no lines")
        return
    places = ((command.group - 1) * size + 1, min(command.group * size, token.bn))
    if (command.groups, (command.first_line, command.last_line)) != (-(-token.bn // size), places):
        report.find("command", first, "lines of the group")
    if not 1 <= command.group <= command.groups:
        report.find("command", first, "number of the group")


def check_group(
    lens: Lens, report: PageReport, first: int, events: Sequence[Seen], token: ReadToken, answers: Answers
) -> Group:
    """Check what is stored of a request against its token; give its JSON, line by line."""
    command = answers.commands.get(first)
    group = Group(command)
    rows = answers.lines.get(first, ())
    report.tallies["lines"] += len(rows)
    if token.bh is not None:
        if len(rows) != 1 or rows[0].line != 0:
            report.find("request_missing", first, "no hash of the request")
            return group
        if rows[0].digest.hex() != token.bh:
            report.find("request_digest", first, "hash of the request")
        group.requests[0] = _request(lens, report, first, events, rows[0])
        return group
    _check_lines(report, first, token, command, rows, answers)
    refused = _refused(report, first, command)
    if command is not None and refused:
        span = range(command.first_line or 1, (command.last_line or 0) + 1)
        if not refused.issubset(span) or not refused.isdisjoint(map(_line_of, events)):
            report.find("command", first, "a refused line that is not of the group, or was stored")
    for row in rows:
        if row.state == "gone" and row.line in refused and not any(_line_of(seen) == row.line for seen in events):
            continue
        group.requests[row.line] = _request(lens, report, first, events, row)
    return group


class Carried(NamedTuple):
    """What a bundle carries of a save's request: bytes by line (0 for a request of one save), and audit paths of lines.

    `closed` are the lines that the receiver may not see.
    """

    requests: Mapping[int, bytes]
    paths: Mapping[int, Sequence[bytes]]
    closed: Collection[int]


def check_carried(
    lens: Lens, report: PageReport, first: int, events: Sequence[Seen], token: ReadToken, carried: Carried
) -> Group:
    """Check what a bundle carries of a request against its token; give its JSON as `check_group` does.

    A line is bound by its audit path to the root that was signed.
    """
    group = Group(None)
    requests, paths, closed = carried
    for line in sorted({_line_of(seen) or 0 for seen in events if seen.body["said"] is not None}):
        data = requests.get(line)
        if line in closed and data is None:
            report.find("withheld", first, f"line {line}")
            group.requests[line] = None
        elif (line == 0) is (token.bh is None):
            report.find("said", first, "a line where the request has none, or none where it has")
        elif data is None:
            gone = LineRow(line, b"", None, "gone")
            group.requests[line] = _request(lens, report, first, events, gone)
        else:
            group.requests[line] = _bound(report, first, token, line, data, paths.get(line, ()))
    return group


def _bound(
    report: PageReport, first: int, token: ReadToken, line: int, data: bytes, path: Sequence[bytes]
) -> Stored | None:  # fmt: skip
    """Give a request or line whose bytes are those that the token is for; else None, and a finding."""
    if token.bh is not None:
        if sha256(data).hexdigest() == token.bh:
            return Stored(data)
    else:
        try:
            verify_inclusion(leaf_hash(data), line - 1, token.bn or 0, path, bytes.fromhex(token.br or ""))
            return Stored(data)
        except ProofError:
            pass
    report.find("request_digest", first, f"line {line}")
    return None


def _check_lines(
    report: PageReport, first: int, token: ReadToken, command: CommandRow | None, rows: Sequence[LineRow],
    answers: Answers,
) -> None:  # fmt: skip
    if command is None:
        return
    if command.first_line is not None and command.last_line is not None:
        wanted = list(range(command.first_line, command.last_line + 1))
        if [row.line for row in rows] != wanted:
            report.find("request_missing", first, "hashes of lines")
    hashes = answers.hashes.get(first, b"")
    low, high = (command.first_line or 1) - 1, command.last_line or 0
    if command.opening:
        _check_root(report, first, token, hashes)
        hashes = hashes[low * HASH_BYTES : high * HASH_BYTES]
    if len(hashes) != (high - low) * HASH_BYTES:
        report.find("request_missing", first, "signed hashes of the lines")
    elif b"".join([row.digest for row in rows]) != hashes:
        report.find("request_digest", first, "hashes of lines")


def _check_root(report: PageReport, first: int, token: ReadToken, hashes: bytes) -> None:
    """Hold the hashes of all lines, stored with the first group, against the root that the author signed."""
    if len(hashes) != HASH_BYTES * (token.bn or 0):
        report.find("request_missing", first, "hashes of all lines")
    elif root([hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]).hex() != token.br:
        report.find("request_digest", first, "root over the lines")


def _refused(report: PageReport, first: int, command: CommandRow | None) -> set[int]:
    """Give the lines that the stored outcome says were refused."""
    if command is None:
        return set()
    try:
        outcome = read_canonical(command.outcome)
        lines = {entry["line"] for entry in outcome.get("refused", ())}
    except (CanonicalError, AttributeError, KeyError, TypeError):
        report.find("command", first, "outcome")
        return set()
    return lines


def _line_of(seen: Seen) -> int | None:
    place = seen.body["from"]
    return None if place is None else place["line"] or 0


def _request(lens: Lens, report: PageReport, first: int, events: Sequence[Seen], row: LineRow) -> Stored | None:
    """Give a stored request whose bytes are the signed ones; None, and a finding, when it is not there."""
    data = row.data
    if row.state == "plain" and data is not None:
        found = leaf_hash(data) if row.line else sha256(data).digest()
        if found == row.digest:
            return Stored(data)
        report.find("request_digest", first, f"line {row.line}")
    elif row.state == "sealed":
        report.find("sealed", first, f"line {row.line}")
    elif row.state == "gone":
        # Whose keys the bytes were sealed under is nowhere signed: only what the events quote of them explains it.
        quoting = [seen.body["said"] for seen in events if _line_of(seen) == row.line]
        persons = set().union(*map(_persons, quoting)) if quoting else lens.context.erased
        erased = not persons.isdisjoint(lens.context.erased)
        report.find("erased" if erased else "request_missing", first, f"line {row.line}")
    else:
        report.find("request_digest", first, f"line {row.line} does not open")
    return None


def _persons(value: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Give the persons whose sealed fields stand in a value."""
    if isinstance(value, dict):
        if value.keys() == {"of", "sealed"} and isinstance(value["of"], str):
            return {value["of"]}
        return set().union(*map(_persons, value.values()))
    return set().union(*map(_persons, value)) if isinstance(value, list) else set()


# ------------------------------------------------------------------------------------------------------------- said


def check_said(lens: Lens, report: PageReport, seen: Seen, group: Group, sealed: Mapping[str, SealedRow]) -> None:
    """Hold an event's `said` against the signed request at `from`."""
    position, body = seen.row.position, seen.body
    at, line = body["from"]["at"], body["from"]["line"]
    has_sealed = b'"sealed":"' in seen.row.body
    if has_sealed:
        _check_stored(lens, report, position, body["said"], sealed)
    stored = group.requests.get(line or 0)
    if stored is None:
        if (line or 0) not in group.requests:
            report.find("said", position, "no such line in the request")
        return
    if not has_sealed and not at and is_salted(seen.row.body, line, stored.data):
        return
    try:
        request: Any = stored.json()
        request = canonical.pointer_get(request, at) if at else without_salt(request)
    except CanonicalError as error:
        report.find("request_invalid", position, error.code)
        return
    except PointerUnresolved:
        report.find("said", position, "from names nothing in the request")
        return
    if has_sealed:
        wrong = _differs(body["said"], request, at, sealed)
        if wrong is not None:
            report.find("sealed_value" if wrong.startswith("sealed") else "said", position, wrong)
    elif not _same(body["said"], request, seen.row.body, stored.data):
        report.find("said", position)


def is_salted(body: bytes, line: int | None, request: bytes) -> bool:
    """Say quickly that a request is what a canonical body says, with a salt put in as a member of the root.

    False means: look closely. The bytes of `said` are canonical; if the request is the same bytes but for one member
    `salt` of the root, it is the same JSON, and as strict.
    """
    mark = b'"from":{"at":"","line":%s},"said":' % (b"null" if line is None else b"%d" % line)
    start = body.find(mark)
    if start < 0 or body.find(mark, start + 1) >= 0:
        return False
    salt = request.find(_SALT)
    if salt < 0 or request.find(_SALT, salt + 1) >= 0 or request.count(b"{", 0, salt) != 1 or b"[" in request[:salt]:
        return False
    end = request.find(b'"', salt + len(_SALT))
    value = request[salt + len(_SALT) : end]
    if len(value) < SALT_HEX_MIN or not value.isalnum():
        return False
    said = body[start + len(mark) : -_BODY_TAIL]
    if request[end + 1 : end + 2] == b",":
        return request[:salt] + request[end + 2 :] == said
    return request[salt - 1 : salt] == b"," and request[: salt - 1] + request[end + 1 :] == said


def _same(said: Any, request: Any, body: bytes, data: bytes) -> bool:  # noqa: ANN401 - JSON
    """Say whether two values are one JSON value; to Python, true is 1 as well."""
    if said != request:
        return False
    if b"true" in body or b"false" in body or b"true" in data or b"false" in data:
        return canonical.encode(said) == canonical.encode(request)
    return True


def _check_stored(
    lens: Lens, report: PageReport, position: int, said: Any, sealed: Mapping[str, SealedRow]  # noqa: ANN401 - JSON
) -> None:  # fmt: skip
    """Check that every sealed value of `said` is stored for its person, unless the person was erased."""
    for digest, person in sealed_fields(said):
        row = sealed.get(digest)
        if row is not None and row.person != person:
            report.find("sealed_value", position, "person")
        elif row is None or row.state == "gone":
            report.find("erased" if person in lens.context.erased else "sealed_missing", position, "sealed value")
        elif row.state == "sealed":
            report.find("sealed", position, "value")
        elif row.plain is None or leaf_hash(row.plain).hex() != digest:
            report.find("sealed_value", position, "does not open to its digest")


def sealed_fields(value: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Give (digest, person) of each sealed field in a value."""
    if isinstance(value, dict):
        if value.keys() == {"of", "sealed"}:
            of, digest = value["of"], value["sealed"]
            return [(digest, of)] if isinstance(digest, str) and isinstance(of, str) else []
        return [found for item in value.values() for found in sealed_fields(item)]
    return [found for item in value for found in sealed_fields(item)] if isinstance(value, list) else []


def _differs(said: Any, request: Any, at: str, sealed: Mapping[str, SealedRow]) -> str | None:  # noqa: ANN401 - JSON
    """Compare what was said with the request, sealed members by what they open to; give the first difference."""
    if isinstance(said, dict):
        if said.keys() == {"of", "sealed"} and not (isinstance(request, dict) and request.keys() == said.keys()):
            return _opened(said, request, at, sealed)
        if not isinstance(request, dict) or said.keys() != request.keys():
            return f"members at {at}"
        pairs = [(name.replace("~", "~0").replace("/", "~1"), said[name], request[name]) for name in said]
    elif isinstance(said, list):
        if not isinstance(request, list) or len(said) != len(request):
            return f"items at {at}"
        pairs = [(str(index), *pair) for index, pair in enumerate(zip(said, request, strict=True))]
    else:
        return None if type(said) is type(request) and said == request else f"value at {at}"
    for step, one, other in pairs:
        found = _differs(one, other, f"{at}/{step}", sealed)
        if found is not None:
            return found
    return None


def _opened(said: Any, request: Any, at: str, sealed: Mapping[str, SealedRow]) -> str | None:  # noqa: ANN401 - JSON
    row = sealed.get(said["sealed"]) if isinstance(said["sealed"], str) else None
    if row is None or row.plain is None:
        return None  # that it is missing, or not opened, is a finding of its own
    try:
        value = canonical.decode(row.plain)
        if isinstance(value, list) and len(value) == 3 and value[1] == at:  # noqa: PLR2004 - salt, pointer, value
            return None if canonical.encode(value[2]) == canonical.encode(request) else f"sealed value at {at}"
    except CanonicalError:
        pass
    return f"sealed value at {at}"
