"""From a row of a table to the JSON of a lift: mappings as TOML, applied without touching the outside.

A mapping names the columns of a file and says which member each becomes. A field is a table, or a list of tables of
which the first that gives a value counts:

    column / join       the column, or several joined by single spaces
    pattern             a regular expression the text must match in whole; its first group is the value, if it has one
    values              what each text becomes, `*` standing for any other and "" for no value; a text that is not
                        among them is unreadable (`value_unknown`)
    suffix              what is put behind the text of a value, such as the zeros of a city's code
    kind                text (default), date (with `format`, YYYY MM DD in any order), integer
    multiply / divide   factor of an integer as two integers; decimals are read exactly and rounded half up
    least / most        bounds of an integer; what lies outside is unreadable (`number_out_of_range`)
    required            an empty value is a reason to reject the row (`value_missing`)
    unreadable          reject (default), or omit: then the member is left out and counted

A mapping may have a `title`, and `constants`: members that are the same in every row (inside an object, in every row
that gives it something). `delimiter` is the one character that parts columns, a comma unless it says otherwise;
`encoding` is what the table is written in: `utf-8` (default) or `gb18030`, which holds GBK and GB2312.

With `absent_columns = "allowed"` a file may lack columns that are not required; it may have no others then, so that
a misspelt one is not passed over.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from api.importing_files import ENCODINGS
from api.importing_reasons import RejectCode
from api.importing_values import Unreadable, constant, malformed, one_of, reader, text_of
from domain.errors import Invalid

Reason = tuple[str, RejectCode]
"""(column, stable code): why a row cannot be taken. Never the value, which may be personal."""

PATH_PLAIN: Final = "/lifts/import/plain"
PATH_FULL: Final = "/lifts/import"

_FIELD_KEYS = {
    "column", "join", "pattern", "values", "suffix", "kind", "format", "multiply", "divide", "least", "most",
    "required", "unreadable",
}  # fmt: skip
_MAPPING_KEYS = {"title", "encoding", "delimiter", "absent_columns", "fields", "constants"}
_PLACED = r"source\.[a-z_]+|(?!source)[a-z_]+"
_INSIDE = {
    "source": "[a-z_]+", "building": _PLACED, "estate": _PLACED, "identifiers": r"[0-9]\.[a-z_]+",
    "parameters": "[a-z_]+",
}  # fmt: skip
"""Members that are objects of the row's shape, and what can stand in them."""


@dataclass(frozen=True, slots=True)
class Source:
    """One way to a member's value: the columns it is taken from, and how their text is read."""

    columns: tuple[str, ...]
    read: Callable[[str], Any]
    required: bool
    omit: bool


@dataclass(frozen=True, slots=True)
class RowMapping:
    """A mapping: members by path (`building.source.id`) with their sources, constants, and the route that takes it."""

    name: str
    fields: tuple[tuple[tuple[str, ...], tuple[Source, ...]], ...]
    constants: tuple[tuple[tuple[str, ...], Any], ...]
    path: str
    delimiter: str = ","
    absent_allowed: bool = False
    title: str = ""
    encoding: str = ENCODINGS[0]

    def columns(self, *, required: bool = False) -> list[str]:
        """Give all columns that are read, or those that no row can do without."""
        ways = (way for _, ways in self.fields for way in ways if way.required or not required)
        return list(dict.fromkeys(c for way in ways for c in way.columns))


@dataclass(slots=True)
class Rows:
    """A mapping bound to the header of a file; counts what it left out as unreadable, by column."""

    mapping: RowMapping
    header: Sequence[str]
    omitted: dict[str, int] = field(default_factory=dict)
    _plan: list[tuple[tuple[str, ...], list[tuple[tuple[int, ...], Source]]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Find the columns; raises Invalid `columns_missing`, `columns_unknown` or `column_repeated`."""
        lenient, known = self.mapping.absent_allowed, self.mapping.columns()
        missing = [name for name in self.mapping.columns(required=lenient) if name not in self.header]
        if missing:
            raise Invalid("the file lacks columns that the mapping reads", code="columns_missing", columns=missing)
        unknown = [name for name in self.header if lenient and name not in known]
        if unknown:
            raise Invalid("the file has columns the mapping does not know", code="columns_unknown", columns=unknown)
        repeated = [name for name in known if list(self.header).count(name) > 1]
        if repeated:
            raise Invalid("the file has a column twice", code="column_repeated", columns=repeated)
        at = {name: index for index, name in enumerate(self.header)}
        for path, ways in self.mapping.fields:
            present = [(tuple(at[c] for c in way.columns), way) for way in ways if all(c in at for c in way.columns)]
            if present:
                self._plan.append((path, present))

    def body(self, row: Sequence[str]) -> dict[str, Any] | list[Reason]:
        """Give the JSON of a row, or every reason why it cannot be taken."""
        if len(row) != len(self.header):
            return [("", "columns_too_few" if len(row) < len(self.header) else "columns_too_many")]
        body: dict[str, Any] = {}
        reasons: list[Reason] = []
        for path, ways in self._plan:
            value = self._value(row, ways, reasons)
            if value is not None:
                _put(body, path, value)
        for path, value in self.mapping.constants:
            _put_beside(body, path, value)
        reasons.extend(_without_number(body))
        return reasons or _listed(body)

    def _value(self, row: Sequence[str], ways: list[tuple[tuple[int, ...], Source]], reasons: list[Reason]) -> Any:  # noqa: ANN401 - text, integer or what `values` hold
        for places, way in ways:
            text = row[places[0]].strip() if len(places) == 1 else " ".join(" ".join(row[p] for p in places).split())
            if not text:
                continue
            try:
                value = way.read(text)
                if value != "":  # what `values` take for none
                    return value
                continue
            except Unreadable as error:
                column = "+".join(way.columns)
                if way.omit:
                    self.omitted[column] = self.omitted.get(column, 0) + 1
                    continue
                reasons.append((column, error.reason))
                return None
        if ways[-1][1].required:
            reasons.append(("+".join(ways[-1][1].columns), "value_missing"))
        return None


def _put(body: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for step in path[:-1]:
        body = body.setdefault(step, {})
    body[path[-1]] = value


def _put_beside(body: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Put a constant; inside an object only where a column gave it something, so that none is made of constants."""
    for step in path[:-1]:
        if step not in body:
            return
        body = body[step]
    body.setdefault(path[-1], value)


def _without_number(body: dict[str, Any]) -> list[Reason]:
    """Take out a building or estate that has no number; it is a reason if the row says anything else of it."""
    reasons: list[Reason] = []
    for place in ("building", "estate"):
        said = body.get(place)
        if said is not None and "id" not in said.get("source", {}):
            del body[place]
            if said.keys() - {"source"}:
                reasons.append((f"{place}.source.id", "value_missing"))
    return reasons


def _listed(body: dict[str, Any]) -> dict[str, Any]:
    """Turn `identifiers {0: …, 1: …}` into the list of those that have a value."""
    numbered = body.get("identifiers")
    if isinstance(numbered, dict):
        body["identifiers"] = [numbered[n] for n in sorted(numbered, key=int) if "value" in numbered[n]]
    return body


# ------------------------------------------------------------------------------------------------ reading a mapping


def load_mapping(name: str) -> RowMapping:
    """Load a mapping that comes with the program by its name, or any by the path of its TOML file.

    Raises Invalid `mapping_unknown` or `mapping_malformed`.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise Invalid(f"no such mapping file: {name}", code="mapping_unknown")
        return _decoded(path.read_bytes(), path.stem)
    known = known_mappings()
    if name not in known:
        raise Invalid(f"no such mapping; those known are {', '.join(known)}", code="mapping_unknown", known=known)
    return _decoded(files("api").joinpath("mappings", f"{name}.toml").read_bytes(), name)


def known_mappings() -> list[str]:
    """Give the names of the mappings that come with the program."""
    folder = files("api").joinpath("mappings")
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))


def _decoded(data: bytes, name: str) -> RowMapping:
    try:
        return read_mapping(data.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        raise malformed("a mapping is written in UTF-8, whatever the table is in") from error


def read_mapping(text: str, name: str) -> RowMapping:
    """Read a mapping's TOML; raises Invalid `mapping_malformed` with the place."""
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise malformed(f"the mapping is no TOML: {error}") from error
    unknown = written.keys() - _MAPPING_KEYS
    if unknown:
        raise malformed("a mapping has no such member", unknown=", ".join(sorted(unknown)))
    fields = tuple((_steps(member), _ways(member, said)) for member, said in _table(written, "fields").items())
    constants = tuple((_steps(m), constant(m, value)) for m, value in _table(written, "constants").items())
    members = {path for path, _ in (*fields, *constants)}
    _require_places(members)
    identifiers = {path[1] for path in members if path[0] == "identifiers"}
    estate = any(path[0] == "estate" for path in members)
    return RowMapping(
        name, fields, constants, PATH_PLAIN if len(identifiers) == 1 and not estate else PATH_FULL,
        delimiter=_delimiter(written.get("delimiter", ",")),
        absent_allowed=one_of(written, "absent_columns", ("refused", "allowed")) == "allowed",
        title=text_of(written.get("title", ""), "title"), encoding=one_of(written, "encoding", ENCODINGS),
    )  # fmt: skip


def _table(written: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = written.get(name, {})
    if not isinstance(value, dict) or (name == "fields" and not value):
        raise malformed("a mapping has a table of fields, and may have one of constants", member=name)
    return value


def _delimiter(value: object) -> str:
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n':
        raise malformed("columns are parted by one character, which is no quote and no end of line", member="delimiter")
    return value


def _steps(member: str) -> tuple[str, ...]:
    if not re.fullmatch(r"[a-z_]+(\.([a-z_]+|[0-9]))*", member):
        raise malformed("a member is written a.b.c", member=member)
    return tuple(member.split("."))


def _require_places(members: set[tuple[str, ...]]) -> None:
    """Refuse members that cannot stand beside each other, and a mapping without the lift's own number."""
    for path in sorted(members):
        inside = _INSIDE.get(path[0])
        if any(path[:length] in members for length in range(1, len(path))):
            raise malformed("a member is a value or has members, not both", member=".".join(path))
        if inside is not None and not re.fullmatch(inside, ".".join(path[1:])):
            raise malformed(f"{path[0]} has members of its own", member=".".join(path))
    if ("source", "id") not in members or ("source", "system") not in members:
        raise malformed("a mapping gives source.system and source.id")


def _ways(member: str, said: object) -> tuple[Source, ...]:
    ways = said if isinstance(said, list) else [said]
    if not ways:
        raise malformed("a field names a column", member=member)
    return tuple(_way(member, way) for way in ways)


def _way(member: str, said: object) -> Source:
    if not isinstance(said, dict) or said.keys() - _FIELD_KEYS or ("column" in said) == ("join" in said):
        raise malformed("a field names a column, or columns to join, and how to read them", member=member)
    columns = said["join"] if "join" in said else [said["column"]]
    if not isinstance(columns, list) or not columns or not all(isinstance(c, str) and c for c in columns):
        raise malformed("columns are named by text", member=member)
    required = said.get("required", False)
    if not isinstance(required, bool):
        raise malformed("required is true or false", member=member)
    omit = one_of(said, "unreadable", ("reject", "omit"), member) == "omit"
    return Source(tuple(columns), reader(member, said), required, omit)
