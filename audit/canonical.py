"""Canonical JSON: RFC 8785 in the restricted profile of event-format §1, and the one strict parser.

The profile: objects, arrays, strings, booleans, null and integers with |n| < 2^53; ASCII member names; no U+0000 and
no lone surrogate; at most `DEPTH_MAX` containers in each other. In it, sorting by code point equals the UTF-16 order
of RFC 8785 §3.2.3, and the standard library's escapes equal those of §3.2.2.2: its C encoder writes canonical bytes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, TypeAlias

from audit.errors import CanonicalError, PointerUnresolved

__all__ = [
    "DEPTH_MAX",
    "INTEGER_MAX",
    "CanonicalError",
    "JsonObject",
    "JsonValue",
    "PointerUnresolved",
    "decode",
    "encode",
    "pointer_get",
]

# Covariant on purpose: a dict[str, int] is a JsonValue. At run time arrays are list or tuple, objects are dict.
JsonValue: TypeAlias = "bool | int | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = "dict[str, JsonValue]"

DEPTH_MAX = 64
INTEGER_MAX = 2**53 - 1

_INTEGER_CHARS_MAX = len(str(-INTEGER_MAX))
_MEMBER_SHOWN_CHARS = 64
_FORBIDDEN_CHARACTER = re.compile("[\x00\ud800-\udfff]")
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_ESCAPE_WRONG = re.compile(r"~(?![01])")
_NULL_TYPE = type(None)

# check_circular is off because the depth limit ends every cycle before the encoder sees it.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def encode(value: JsonValue) -> bytes:
    """Return the canonical bytes of a value (RFC 8785 §3.2, UTF-8); event-format §1.

    Raises CanonicalError with code `json_float`, `json_number_range`, `json_string`, `json_member_name`, `json_depth`
    or `json_type` and the place as `at`. Subclasses of the JSON types are refused: they may print otherwise than they
    compare.
    """
    if not _is_plain((value,), DEPTH_MAX + 1):
        _check(value, "", DEPTH_MAX)
    try:
        data = _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        _check(value, "", DEPTH_MAX)
        raise  # pragma: no cover  # the check has refused the lone surrogate that cannot be encoded
    if b"\\" in data and b"\\u0000" in data:  # U+0000, or an honest backslash before "u0000"
        _check(value, "", DEPTH_MAX)
    return data


def decode(data: bytes, *, limit: int | None = None) -> JsonValue:
    """Parse JSON text strictly into the profile; `limit` is the greatest number of bytes taken.

    Unlike RFC 8259 parsers in general it refuses duplicate members, floats, exponents, NaN, a byte order mark, and
    whatever `encode` refuses, so that two readers cannot see two values. Whitespace and member order are free.
    Raises CanonicalError with code `json_invalid`, `json_duplicate_member`, `json_float`, `json_number_range`,
    `json_string`, `json_member_name`, `json_depth`, `json_bom`, `json_encoding` or `json_too_large`.
    """
    if limit is not None and len(data) > limit:
        raise CanonicalError("The JSON text is too large.", code="json_too_large", bytes=len(data), bytes_max=limit)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CanonicalError("The JSON text is not UTF-8.", code="json_encoding", byte=error.start) from None
    if text.startswith("\ufeff"):
        raise CanonicalError("The JSON text begins with a byte order mark.", code="json_bom")
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise CanonicalError("The text is not JSON.", character=error.pos) from None
    except RecursionError:
        raise CanonicalError("The value is nested too deeply.", code="json_depth", depth_max=DEPTH_MAX) from None
    may_be_deep = data.count(b"[") + data.count(b"{") > DEPTH_MAX
    may_be_escaped = b"\\" in data and _SUSPECT_ESCAPE.search(data)
    if may_be_escaped or (may_be_deep and not _is_plain((value,), DEPTH_MAX + 1)):
        _check(value, "", DEPTH_MAX)
    return value


def pointer_get(value: JsonValue, pointer: str) -> JsonValue:
    """Return the value that a JSON Pointer names (RFC 6901 §4); the empty pointer is the whole value.

    Raises PointerUnresolved if the pointer is malformed or names nothing.
    """
    if pointer and not pointer.startswith("/"):
        raise PointerUnresolved("A JSON Pointer is empty or begins with a slash.", pointer=pointer)
    if _ESCAPE_WRONG.search(pointer):
        raise PointerUnresolved("In a JSON Pointer a tilde is written ~0 and a slash ~1.", pointer=pointer)
    for part in pointer.split("/")[1:]:
        token = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and token in value:
            value = value[token]
        elif isinstance(value, (list, tuple)) and _ARRAY_INDEX.fullmatch(token) and int(token) < len(value):
            value = value[int(token)]
        else:
            raise PointerUnresolved("The JSON Pointer names nothing in the value.", pointer=pointer)
    return value


def _is_plain(container: dict[object, object] | list[object] | tuple[object, ...], depth: int) -> bool:
    """Say quickly that a container is in the profile but for characters in strings; False means: look closely."""
    if not depth:
        return False
    items: Iterable[object] = container
    if isinstance(container, dict):
        items = container.values()
        try:
            if not "".join(container).isascii():  # type: ignore[arg-type]  # the join itself asks whether names are text
                return False
        except TypeError:
            return False
    for item in items:
        kind = type(item)
        if kind is str or kind is _NULL_TYPE or kind is bool:
            continue
        if kind is int:
            if not -INTEGER_MAX <= item <= INTEGER_MAX:  # type: ignore[operator]  # an int, as the line above asked
                return False
        elif not ((kind is dict or kind is list or kind is tuple) and _is_plain(item, depth - 1)):  # type: ignore[arg-type]  # a container, as asked
            return False
    return True


def _check(value: object, at: str, depth: int) -> None:
    """Refuse, with its place, the first thing outside the profile: the profile's full and slow definition."""
    kind = type(value)
    if isinstance(value, str) and kind is str:
        _check_string(value, at)
    elif isinstance(value, int) and kind is int:
        if abs(value) > INTEGER_MAX:
            raise CanonicalError("An integer lies outside ±(2^53 - 1).", code="json_number_range", at=at)
    elif isinstance(value, dict) and kind is dict:
        _check_depth(at, depth)
        for name, item in value.items():
            _check_name(name, at)
            _check(item, _member_of(at, name), depth - 1)
    elif isinstance(value, (list, tuple)) and kind in (list, tuple):
        _check_depth(at, depth)
        for index, item in enumerate(value):
            _check(item, f"{at}/{index}", depth - 1)
    elif isinstance(value, float):
        raise CanonicalError("Numbers are integers.", code="json_float", at=at)
    elif not (value is None or kind is bool):
        raise CanonicalError("The type has no place in JSON.", code="json_type", at=at, type=kind.__name__)


def _check_string(text: str, at: str) -> None:
    if _FORBIDDEN_CHARACTER.search(text):
        raise CanonicalError("A string holds U+0000 or a lone surrogate.", code="json_string", at=at)


def _check_name(name: object, at: str) -> None:
    if not isinstance(name, str) or not name.isascii():
        raise CanonicalError("Member names are ASCII text.", code="json_member_name", at=at)
    _check_string(name, at)


def _check_depth(at: str, depth: int) -> None:
    if not depth:
        raise CanonicalError("The value is nested too deeply.", code="json_depth", at=at, depth_max=DEPTH_MAX)


def _member_of(at: str, name: str) -> str:
    """Extend a pointer by a member's name (RFC 6901 §3)."""
    return f"{at}/{name.replace('~', '~0').replace('/', '~1')}"


def _take_object(members: list[tuple[str, JsonValue]]) -> JsonObject:
    value = dict(members)
    if len(value) != len(members):
        twice = next(name for name, times in Counter(name for name, _ in members).items() if times > 1)
        raise CanonicalError(
            "An object holds a member twice.", code="json_duplicate_member", member=twice[:_MEMBER_SHOWN_CHARS]
        )
    if not "".join(value).isascii():
        raise CanonicalError("Member names are ASCII text.", code="json_member_name")
    return value


def _take_integer(digits: str) -> int:
    # The length is asked first: converting millions of digits would take quadratic time.
    if len(digits) <= _INTEGER_CHARS_MAX and -INTEGER_MAX <= (number := int(digits)) <= INTEGER_MAX:
        return number
    raise CanonicalError("An integer lies outside ±(2^53 - 1).", code="json_number_range")


def _refuse_float(_: str) -> NoReturn:
    raise CanonicalError("Numbers are integers, without fraction or exponent.", code="json_float")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_take_object,
    parse_int=_take_integer,
    parse_float=_refuse_float,
    parse_constant=_refuse_float,
    strict=True,
)
