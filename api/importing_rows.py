"""From a row of a table to the JSON of a lift: mappings as TOML, applied without touching the outside.

A mapping names the columns of a file and says which member each becomes. A field is a table, or a list of tables of
which the first that gives a value counts:

    column / join       the column, or several joined by single spaces
    pattern             a regular expression the text must match in whole; its first group is the value, if it has one
    values              what each text becomes, `*` standing for any other and "" for no value; a text that is not
                        among them is unreadable (`value_unknown`)
    kind                text (default), date (with `format`, YYYY MM DD in any order), integer
    multiply / divide   factor of an integer as two integers; decimals are read exactly and rounded half up
    least / most        bounds of an integer; what lies outside is unreadable (`number_out_of_range`)
    required            an empty value is a reason to reject the row (`value_missing`)
    unreadable          reject (default), or omit: then the member is left out and counted

With `absent_columns = "allowed"` a file may lack columns that are not required; it may have no others then, so that
a misspelt one is not passed over.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from audit.canonical import INTEGER_MAX
from domain.errors import Invalid

Reason = tuple[str, str]
"""(column, stable code): why a row cannot be taken. Never the value, which may be personal."""

PATH_PLAIN: Final = "/lifts/import/plain"
PATH_FULL: Final = "/lifts/import"

_FIELD_KEYS = {
    "column", "join", "pattern", "values", "kind", "format", "multiply", "divide", "least", "most", "required",
    "unreadable",
}  # fmt: skip
_DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")
_DATE_PARTS = re.compile("YYYY|MM|DD")
_DATE_GROUPS = {"YYYY": "(?P<y>[0-9]{4})", "MM": "(?P<m>[0-9]{2})", "DD": "(?P<d>[0-9]{2})"}


class Unreadable(Exception):
    """A text cannot be read as its field wants; `reason` is the code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
        return read_mapping(path.read_text(encoding="utf-8"), path.stem)
    folder = files("api").joinpath("mappings")
    known = sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))
    if name not in known:
        raise Invalid(f"no such mapping; those known are {', '.join(known)}", code="mapping_unknown", known=known)
    return read_mapping(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"), name)


def read_mapping(text: str, name: str) -> RowMapping:
    """Read a mapping's TOML; raises Invalid `mapping_malformed` with the place."""
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"the mapping is no TOML: {error}", code="mapping_malformed") from error
    unknown = written.keys() - {"title", "delimiter", "absent_columns", "fields", "constants"}
    if unknown or not isinstance(written.get("fields"), dict):
        raise _malformed("a mapping has fields and constants", unknown=sorted(unknown))
    fields = tuple((_steps(member), _ways(member, said)) for member, said in written["fields"].items())
    constants = tuple((_steps(member), value) for member, value in written.get("constants", {}).items())
    members = {path for path, _ in (*fields, *constants)}
    if ("source", "id") not in members or ("source", "system") not in members:
        raise _malformed("a mapping gives source.system and source.id")
    identifiers = {path[1] for path in members if path[0] == "identifiers"}
    estate = any(path[0] == "estate" for path in members)
    path = PATH_PLAIN if len(identifiers) == 1 and not estate else PATH_FULL
    allowed = written.get("absent_columns") == "allowed"
    return RowMapping(name, fields, constants, path, written.get("delimiter", ","), allowed)


def _malformed(message: str, **details: object) -> Invalid:
    return Invalid(message, code="mapping_malformed", **details)


def _steps(member: str) -> tuple[str, ...]:
    if not re.fullmatch(r"[a-z_]+(\.([a-z_]+|[0-9]))*", member):
        raise _malformed("a member is written a.b.c", member=member)
    return tuple(member.split("."))


def _ways(member: str, said: object) -> tuple[Source, ...]:
    ways = said if isinstance(said, list) else [said]
    if not ways:
        raise _malformed("a field names a column", member=member)
    return tuple(_way(member, way) for way in ways)


def _way(member: str, said: object) -> Source:
    if not isinstance(said, dict) or said.keys() - _FIELD_KEYS or ("column" in said) == ("join" in said):
        raise _malformed("a field names a column, or columns to join, and how to read them", member=member)
    columns = tuple(said["join"]) if "join" in said else (said["column"],)
    return Source(columns, _reader(member, said), bool(said.get("required")), said.get("unreadable") == "omit")


def _reader(member: str, said: Mapping[str, Any]) -> Callable[[str], Any]:
    steps: list[Callable[[Any], Any]] = []
    if "pattern" in said:
        steps.append(_matched(re.compile(said["pattern"])))
    if "values" in said:
        steps.append(_looked_up(said["values"]))
    kind = said.get("kind", "text")
    if kind == "date":
        steps.append(_dated(said.get("format", "YYYY-MM-DD")))
    elif kind == "integer":
        bounds = (said.get("least", 0), said.get("most", INTEGER_MAX))
        steps.append(_counted(said.get("multiply", 1), said.get("divide", 1), bounds))
    elif kind != "text":
        raise _malformed("a field is text, date or integer", member=member)
    if not steps:
        return str
    if len(steps) == 1:
        return steps[0]

    def read(text: str) -> Any:  # noqa: ANN401 - what the last step gives
        value: Any = text
        for step in steps:
            value = step(value)
        return value

    return read


def _matched(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        found = pattern.fullmatch(text)
        if found is None:
            raise Unreadable("pattern_mismatch")
        return found.group(1) if pattern.groups else text

    return read


def _looked_up(values: Mapping[str, Any]) -> Callable[[str], Any]:
    other = values.get("*")

    def read(text: str) -> Any:  # noqa: ANN401 - text or integer, as the mapping says
        value = values.get(text, other)
        if value is None:
            raise Unreadable("value_unknown")
        return value

    return read


def _dated(form: str) -> Callable[[str], str]:
    parts = _DATE_PARTS.split(form)
    if sorted(_DATE_PARTS.findall(form)) != ["DD", "MM", "YYYY"]:
        raise _malformed("a date's format has YYYY, MM and DD", format=form)
    pattern = re.escape(parts[0])
    for name, after in zip(_DATE_PARTS.findall(form), parts[1:], strict=True):
        pattern += _DATE_GROUPS[name] + re.escape(after)
    compiled = re.compile(pattern)

    def read(text: str) -> str:
        found = compiled.fullmatch(text)
        if found is None:
            raise Unreadable("date_malformed")
        try:
            return date(int(found["y"]), int(found["m"]), int(found["d"])).isoformat()
        except ValueError as error:
            raise Unreadable("date_malformed") from error

    return read


def _counted(multiply: int, divide: int, bounds: tuple[int, int]) -> Callable[[str], int]:
    if not all(isinstance(n, int) for n in (multiply, divide, *bounds)) or multiply < 1 or divide < 1:
        raise _malformed("a factor is two positive integers, bounds are integers")

    def read(text: str) -> int:
        found = _DECIMAL.fullmatch(text)
        if found is None:
            raise Unreadable("number_malformed")
        whole, decimals = found.group(1), found.group(2) or ""
        below = divide * 10 ** len(decimals)
        number: int = (2 * int(whole + decimals) * multiply + below) // (2 * below)
        if not bounds[0] <= number <= bounds[1]:
            raise Unreadable("number_out_of_range")
        return number

    return read
