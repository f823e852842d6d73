"""The published table of actions, and whether an event keeps to it (event-format §3).

Without it, nobody could tell a signed “approve” of one claim from the same words booked on another. The table maps
method and path template to the event types the request may write, their streams, and where their time comes from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote

from audit import canonical
from audit.canonical import JsonValue
from audit.errors import ActionMismatch, CanonicalError, InstantInvalid
from audit.instants import civil_midnight

__all__ = ["FORMAT", "Draft", "Placed", "Row", "Table", "Writes", "shape_of"]

FORMAT: Final = 1
FOUND_KEPT_MAX: Final = 1024
_VARIABLE = re.compile(r"{(\w+)}")
_ID = re.compile(r":[^/]+")


class Placed(Protocol):
    """What a row looks at of an event's header; an `audit.events.Header` is one, so is a Draft."""

    @property
    def type(self) -> str:
        """The event's type."""

    @property
    def stream(self) -> str:
        """Where it stands."""

    @property
    def effective_at(self) -> str:
        """Since when it is so."""

    @property
    def recorded_at(self) -> str:
        """When it was recorded."""


class Draft(NamedTuple):
    """The place of an event that is not recorded yet: an empty `effective_at` is the `recorded_at` it will have."""

    type: str
    stream: str
    effective_at: str = ""
    recorded_at: str = ""


@dataclass(frozen=True, slots=True)
class Writes:
    """One event type of an action; see the table's format in `docs/architecture.md`."""

    type: str
    stream: str
    at: re.Pattern[str]
    effective_at: str | None
    derived: bool
    variables: tuple[str, ...]

    def stream_of(self, variables: Mapping[str, str], said: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
        """Return the stream the template names: variables of the path, else members of `said`, else of `found`."""
        if not self.variables:
            return self.stream
        values: dict[str, object] = {}
        for name in self.variables:
            value = variables.get(name)
            if value is None:
                value = said.get(name)
            if value is None:
                value = found.get(name)
            if type(value) not in {str, int}:  # a bool is no part of a name
                return None
            values[name] = value
        return self.stream.format_map(values)


@dataclass(frozen=True, slots=True)
class Row:
    """One action: how its path is read and what it may write, by event type."""

    id: str
    method: str
    first: str
    """The path's first segment, empty if it is a variable."""
    segments: int
    path: re.Pattern[str]
    group_lines: int | None
    writes: Mapping[str, Sequence[Writes]]

    def check_stated(self, path: Mapping[str, str], header: Placed, body: Mapping[str, Any]) -> None:
        """Hold an event that its author stated against the row; raises ActionMismatch with what differs."""
        said, found = body["said"], body["found"]
        at = body["from"]["at"]
        mismatch = "type"
        for writes in self.writes.get(header.type, ()):
            if writes.derived:
                continue
            mismatch = "from"
            if not writes.at.fullmatch(at):
                continue
            if writes.stream_of(path, said, found) != header.stream:
                mismatch = "stream"
                continue
            if header.effective_at != _stated_instant(writes.effective_at, said, header.recorded_at):
                mismatch = "effective_at"
                continue
            return
        raise ActionMismatch("The event is not one its request may write.", action=self.id, member=mismatch)

    def check_derived(self, header: Placed, body: Mapping[str, Any], causes: Sequence[str]) -> None:
        """Hold a derived event against the row; `causes` are the instants its cause is effective at.

        Raises ActionMismatch with what differs.
        """
        found = body["found"]
        mismatch = "type"
        for writes in self.writes.get(header.type, ()):
            if not writes.derived:
                continue
            if shape_of(header.stream) != writes.stream:
                mismatch = "stream"
                continue
            times = causes if writes.effective_at is None else [
                _stated_instant(writes.effective_at, found, header.recorded_at)
            ]  # fmt: skip
            if header.effective_at not in times:
                mismatch = "effective_at"
                continue
            return
        raise ActionMismatch("The derived event is not one its request may cause.", action=self.id, member=mismatch)


class Table:
    """A version of the published table; `digest` is the SHA-256 of its canonical JSON in hex."""

    def __init__(self, digest: str, rows: Iterable[Row]) -> None:
        self.digest = digest
        self.rows = tuple(rows)
        # By method, first segment and their number: a request is held against a handful of rows, not against all.
        self._rows: dict[tuple[str, str, int], list[Row]] = {}
        self._found: dict[tuple[str, str], tuple[Row, dict[str, str]] | None] = {}
        for row in sorted(self.rows, key=lambda row: row.path.groups):
            self._rows.setdefault((row.method, row.first, row.segments), []).append(row)

    @classmethod
    def from_json(cls, value: JsonValue) -> Table:
        """Read a published table; raises ActionMismatch `actions_invalid` when it is not of the format."""
        try:
            if not isinstance(value, dict) or value.get("format") != FORMAT:
                raise ActionMismatch("This is no table of actions.", code="actions_invalid")
            return cls(hashlib.sha256(canonical.encode(value)).hexdigest(), map(_row, value["actions"]))
        except (KeyError, TypeError, IndexError, AttributeError, re.error, CanonicalError) as error:
            raise ActionMismatch("This is no table of actions.", code="actions_invalid") from error

    def find(self, method: str, uri: str) -> tuple[Row, dict[str, str]] | None:
        """Return the row of a request and the variables of its path; the query is not part of it.

        Of several that fit, the one with the fewest variables.
        """
        try:
            return self._found[method, uri]
        except KeyError:
            if len(self._found) > FOUND_KEPT_MAX:
                self._found.clear()
        found = self._found[method, uri] = self._find(method, uri)
        return found

    def _find(self, method: str, uri: str) -> tuple[Row, dict[str, str]] | None:
        path = uri.partition("?")[0]
        if "%" in path:  # routes are found, and variables taken, after decoding
            path = unquote(path)
        segments = path.split("/")
        count = len(segments)
        for first in (segments[1] if count > 1 else "", ""):
            for row in self._rows.get((method, first, count), ()):
                if match := row.path.fullmatch(path):
                    return row, match.groupdict()
        return None


def shape_of(stream: str) -> str:
    """Return a stream's shape: every id left out (`policy:/limit:`)."""
    return "/".join(_ID.sub(":", part) for part in stream.split("/"))


def _stated_instant(pointer: str | None, holder: Mapping[str, Any], recorded_at: str) -> str | None:
    """Give the instant that is stated, None where what stands there is no date: no event can be effective then."""
    value = None if pointer is None else holder.get(pointer.removeprefix("/"))
    if not isinstance(value, str):
        return recorded_at
    if "T" in value:
        return value
    try:
        return civil_midnight(value)
    except InstantInvalid:
        return None


def _row(entry: Any) -> Row:  # noqa: ANN401 - JSON, refused by its errors
    by_type: dict[str, list[Writes]] = {}
    for writes in entry["writes"]:
        if not isinstance(writes["effective_at"], str | None) or type(writes["derived"]) is not bool:
            raise TypeError("effective_at is a pointer or null, derived true or false")
        # Whole steps only: several stars beside each other would let a table make its reader try for ever.
        steps = ("[0-9]+" if step == "*" else re.escape(step) for step in writes["at"].split("/"))
        variables = tuple(_VARIABLE.findall(writes["stream"]))
        at = re.compile("/".join(steps))
        by_type.setdefault(writes["type"], []).append(
            Writes(writes["type"], writes["stream"], at, writes["effective_at"], writes["derived"], variables)
        )
    template = "".join(
        f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
        for part in re.split(r"({\w+})", entry["path"])
    )
    segments = entry["path"].split("/")
    first = "" if len(segments) < 2 or "{" in segments[1] else segments[1]  # noqa: PLR2004 - before and after the slash
    return Row(
        entry["id"], entry["method"], first, len(segments), re.compile(template), entry["group_lines"], by_type
    )  # fmt: skip
