"""Canonical JSON: what it writes, what it reads, and everything it refuses."""

from __future__ import annotations

import enum
import json
import time
from pathlib import Path
from typing import cast

import pytest

from audit.canonical import DEPTH_MAX, INTEGER_MAX, JsonValue, decode, encode, pointer_get
from audit.errors import CanonicalError, PointerUnresolved

VECTORS = Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json"


class _Colour(enum.StrEnum):
    RED = "red"


class _Number(enum.IntEnum):
    ONE = 1


def _nested(depth: int) -> JsonValue:
    value: JsonValue = []
    for _ in range(depth - 1):
        value = [value]
    return value


def _refusal_of_encoding(value: object) -> CanonicalError:
    with pytest.raises(CanonicalError) as caught:
        encode(cast("JsonValue", value))
    return caught.value


def _refusal_of_decoding(data: bytes, limit: int | None = None) -> CanonicalError:
    with pytest.raises(CanonicalError) as caught:
        decode(data, limit=limit)
    return caught.value


@pytest.mark.parametrize(
    "value,data",
    [
        ({"b": 1, "a": [True, False, None]}, b'{"a":[true,false,null],"b":1}'),
        ({"B": 1, "a": 2, "_": 3, "10": 4, "9": 5}, b'{"10":4,"9":5,"B":1,"_":3,"a":2}'),
        ({}, b"{}"),
        ((1, (2,)), b"[1,[2]]"),
        ("电梯\U0001f6d7", '"电梯\U0001f6d7"'.encode()),
        ('"\\/\b\f\n\r\t\x01\x1f\x7f\u2028', b'"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xe2\x80\xa8"'),
        ("\\u0000", b'"\\\\u0000"'),
        ("e\u0301", b'"e\xcc\x81"'),
        (INTEGER_MAX, b"9007199254740991"),
        (-INTEGER_MAX, b"-9007199254740991"),
        (None, b"null"),
    ],
)
def test_encode_writes_the_canonical_bytes(value: JsonValue, data: bytes) -> None:
    """Members are sorted, nothing is escaped without need, strings are kept as they came."""
    assert encode(value) == data


@pytest.mark.parametrize(
    "value,code,at",
    [
        (1.0, "json_float", ""),
        ({"a": [0, 1.5]}, "json_float", "/a/1"),
        ({"a": float("nan")}, "json_float", "/a"),
        (INTEGER_MAX + 1, "json_number_range", ""),
        ({"a/b": {"c~d": -INTEGER_MAX - 1}}, "json_number_range", "/a~1b/c~0d"),
        ({"电": 1}, "json_member_name", ""),
        ({"a": {1: 2}}, "json_member_name", "/a"),
        ({None: 2}, "json_member_name", ""),
        ({"a\x00": 2}, "json_string", ""),
        ({"a": "x\x00"}, "json_string", "/a"),
        ({"a": "\ud800"}, "json_string", "/a"),
        ({"a": ["电", "\udfff"]}, "json_string", "/a/1"),
        (b"bytes", "json_type", ""),
        ({"a": {1, 2}}, "json_type", "/a"),
        ([_Colour.RED], "json_type", "/0"),
        ([_Number.ONE], "json_type", "/0"),
    ],
)
def test_encode_refuses_what_is_outside_the_profile(value: object, code: str, at: str) -> None:
    """Each refusal has its code and names the place."""
    refusal = _refusal_of_encoding(value)
    assert (refusal.code, refusal.details["at"]) == (code, at)


def test_depth_is_limited_in_both_directions() -> None:
    """Sixty-four containers in each other pass, one more does not, whatever their kind."""
    deepest = _nested(DEPTH_MAX)
    assert decode(encode(deepest)) == deepest
    assert _refusal_of_encoding([deepest]).code == "json_depth"
    assert _refusal_of_encoding({"a": deepest}).code == "json_depth"
    assert _refusal_of_encoding((deepest,)).code == "json_depth"
    assert _refusal_of_decoding(b"[" * 65 + b"]" * 65).code == "json_depth"
    assert _refusal_of_decoding(b'{"a":' * 65 + b"1" + b"}" * 65).code == "json_depth"


def test_a_cycle_is_refused_as_too_deep() -> None:
    """A value that contains itself ends at the depth limit, not in a RecursionError."""
    cycle: list[JsonValue] = []
    cycle.append(cycle)
    assert _refusal_of_encoding(cycle).code == "json_depth"


@pytest.mark.parametrize(
    "data,code",
    [
        (b"", "json_invalid"),
        (b"{", "json_invalid"),
        (b"{'a':1}", "json_invalid"),
        (b'{"a":1,}', "json_invalid"),
        (b"[1] []", "json_invalid"),
        (b"01", "json_invalid"),
        (b"+1", "json_invalid"),
        (b"\x0b1", "json_invalid"),
        (b'"\n"', "json_invalid"),
        (b'"\\x41"', "json_invalid"),
        (b"truE", "json_invalid"),
        (b'{"a":1,"a":1}', "json_duplicate_member"),
        (b'{"a":{"b":1,"\\u0062":2}}', "json_duplicate_member"),
        (b"1.0", "json_float"),
        (b"1e2", "json_float"),
        (b"-0.0", "json_float"),
        (b"NaN", "json_float"),
        (b"[-Infinity]", "json_float"),
        (b"Infinity", "json_float"),
        (b"9007199254740992", "json_number_range"),
        (b"-9007199254740992", "json_number_range"),
        (b"123456789012345678901234567890", "json_number_range"),
        (b'"\\u0000"', "json_string"),
        (b'{"a\\u0000":1}', "json_string"),
        (b'["\\ud800"]', "json_string"),
        (b'["\\uDC00\\uD800"]', "json_string"),
        ('{"电":1}'.encode(), "json_member_name"),
        (b'{"\\u7535":1}', "json_member_name"),
        (b"\xef\xbb\xbf{}", "json_bom"),
        (b'"\xff"', "json_encoding"),
        (b'"\xed\xa0\x80"', "json_encoding"),
        (b'"\xc0\x80"', "json_encoding"),
        (b"\xff\xfe1\x00", "json_encoding"),
        (b"[" * 100_000, "json_depth"),
        (b'{"a":' * 100_000, "json_depth"),
    ],
)
def test_decode_refuses_what_two_readers_might_read_differently(data: bytes, code: str) -> None:
    """Every way to be ambiguous or outside the profile has its code."""
    assert _refusal_of_decoding(data).code == code


@pytest.mark.parametrize(
    "data,value",
    [
        (b' {"b" : [ ] ,\r\n\t"a":-0}\n', {"b": [], "a": 0}),
        (b'"\\ud83d\\uDED7\\u4e2d\\/"', "\U0001f6d7中/"),
        (b'"\\\\u0000\\\\ud800"', "\\u0000\\ud800"),
        (b"[" + b"[]," * 200 + b"[]]", [[]] * 201),
    ],
)
def test_decode_takes_any_spelling_of_a_value(data: bytes, value: JsonValue) -> None:
    """Whitespace, member order and escapes are free, as clients' libraries write them."""
    assert decode(data) == value


def test_decode_takes_no_more_than_its_limit() -> None:
    """The limit counts bytes and is inclusive."""
    assert decode(b"[1]", limit=3) == [1]
    refusal = _refusal_of_decoding(b"[1] ", limit=3)
    assert (refusal.code, refusal.details["bytes_max"]) == ("json_too_large", 3)


def test_ten_megabytes_of_digits_are_refused_at_once() -> None:
    """A giant integer costs no quadratic time."""
    started = time.perf_counter()
    assert _refusal_of_decoding(b"[" + b"9" * 10_000_000 + b"]").code == "json_number_range"
    assert time.perf_counter() - started < 5


def test_the_golden_events_are_canonical() -> None:
    """Headers and bodies of the frozen example ledger decode and encode to the same bytes."""
    saves = json.loads(VECTORS.read_text())["saves"]
    texts = [event[part].encode() for save in saves for event in save["events"] for part in ("header", "body")]
    assert len(texts) == 30
    assert [encode(decode(text)) for text in texts] == texts


@pytest.mark.parametrize(
    "pointer,value",
    [
        ("", {"a": [10, {"b/c": 1, "~": 2, "": 3}]}),
        ("/a/0", 10),
        ("/a/1/b~1c", 1),
        ("/a/1/~0", 2),
        ("/a/1/", 3),
    ],
)
def test_pointer_get_follows_rfc_6901(pointer: str, value: JsonValue) -> None:
    """A pointer walks members and indices, with ~0 and ~1 undone."""
    assert pointer_get({"a": [10, {"b/c": 1, "~": 2, "": 3}]}, pointer) == value


@pytest.mark.parametrize("pointer", ["a", "/b", "/a/2", "/a/-", "/a/01", "/a/-1", "/a/1/~2", "/a/0/x", "/s/0", "/a/٠"])
def test_pointer_get_refuses_what_names_nothing(pointer: str) -> None:
    """Malformed and dangling pointers are one typed error."""
    with pytest.raises(PointerUnresolved) as caught:
        pointer_get({"a": [10, {}], "s": "text"}, pointer)
    assert caught.value.code == "pointer_unresolved"
