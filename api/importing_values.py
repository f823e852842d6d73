"""How the text of a column is read: what a field of a mapping says of it, checked once and made a function."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from api.importing_reasons import RejectCode
from audit.canonical import INTEGER_MAX
from domain.errors import Invalid

_KIND_KEYS = {"text": {"suffix"}, "date": {"format"}, "integer": {"multiply", "divide", "least", "most"}}
_DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")
_DATE_PARTS = re.compile("YYYY|MM|DD")
_DATE_GROUPS = {"YYYY": "(?P<y>[0-9]{4})", "MM": "(?P<m>[0-9]{2})", "DD": "(?P<d>[0-9]{2})"}


class Unreadable(Exception):
    """A text cannot be read as its field wants; `reason` is the code."""

    def __init__(self, reason: RejectCode) -> None:
        super().__init__(reason)
        self.reason: RejectCode = reason


def malformed(message: str, **details: object) -> Invalid:
    """Give the refusal of a mapping; its sentence says where, for whoever sees nothing else."""
    where = ", ".join(f"{name} {value}" for name, value in details.items())
    return Invalid(f"{message} ({where})" if where else message, code="mapping_malformed", **details)


def text_of(value: object, member: str) -> str:
    """Give a text; raises Invalid `mapping_malformed`, as all here do."""
    if not isinstance(value, str):
        raise malformed("this is a text", member=member)
    return value


def one_of(said: Mapping[str, Any], name: str, known: tuple[str, ...], member: str = "") -> str:
    """Give a word of a list, the first where nothing is said."""
    value = said.get(name, known[0])
    if value not in known:
        raise malformed(f"this is one of {', '.join(known)}", member=f"{member}.{name}" if member else name)
    return str(value)


def constant(member: str, value: object) -> str | int:
    """Give what a member may be by itself."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise malformed("a constant is text or an integer", member=member)
    return value


def reader(member: str, said: Mapping[str, Any]) -> Callable[[str], Any]:
    """Give what reads a text as a field says; it raises Unreadable."""
    kind = one_of(said, "kind", tuple(_KIND_KEYS), member)
    for other in _KIND_KEYS.keys() - {kind}:
        if surplus := said.keys() & _KIND_KEYS[other]:
            raise malformed(f'{", ".join(sorted(surplus))} belongs to kind = "{other}"', member=member)
    steps: list[Callable[[Any], Any]] = []
    if "pattern" in said:
        steps.append(_matched(_compiled(member, said["pattern"])))
    if "values" in said:
        steps.append(_looked_up(member, said["values"]))
    if "suffix" in said:
        steps.append(_followed(text_of(said["suffix"], f"{member}.suffix")))
    if kind == "date":
        steps.append(_dated(member, said.get("format", "YYYY-MM-DD")))
    elif kind == "integer":
        bounds = (said.get("least", 0), said.get("most", INTEGER_MAX))
        steps.append(_counted(member, said.get("multiply", 1), said.get("divide", 1), bounds))
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


def _compiled(member: str, pattern: object) -> re.Pattern[str]:
    try:
        return re.compile(text_of(pattern, f"{member}.pattern"))
    except (re.error, OverflowError, RecursionError) as error:
        raise malformed(f"the pattern is no regular expression: {error}", member=member) from error


def _matched(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        found = pattern.fullmatch(text)
        if found is None:
            raise Unreadable("pattern_mismatch")
        return (found.group(1) or "") if pattern.groups else text

    return read


def _looked_up(member: str, values: object) -> Callable[[str], Any]:
    if not isinstance(values, dict) or not values:
        raise malformed("values are a table of texts and what each becomes", member=member)
    for value in values.values():
        constant(f"{member}.values", value)
    other = values.get("*")

    def read(text: str) -> Any:  # noqa: ANN401 - text or integer, as the mapping says
        value = values.get(text, other)
        if value is None:
            raise Unreadable("value_unknown")
        return value

    return read


def _followed(suffix: str) -> Callable[[Any], str]:
    def read(value: object) -> str:
        return f"{value}{suffix}" if value != "" else ""  # what is no value stays none

    return read


def _dated(member: str, said: object) -> Callable[[str], str]:
    form = text_of(said, f"{member}.format")
    parts = _DATE_PARTS.split(form)
    if sorted(_DATE_PARTS.findall(form)) != ["DD", "MM", "YYYY"]:
        raise malformed("a date's format has YYYY, MM and DD", member=member)
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


def _counted(member: str, multiply: int, divide: int, bounds: tuple[int, int]) -> Callable[[str], int]:
    if any(type(n) is not int for n in (multiply, divide, *bounds)) or multiply < 1 or divide < 1:
        raise malformed("a factor is two positive integers, bounds are integers", member=member)

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
