"""Laws of canonical JSON, with an independent implementation of RFC 8785 as oracle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import INTEGER_MAX, decode, encode
from audit.errors import CanonicalError

if TYPE_CHECKING:
    from audit.canonical import JsonValue

NAMES = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=8)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | TEXTS
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=20
)


@given(VALUES)
def test_encode_equals_an_independent_rfc_8785(value: JsonValue) -> None:
    """Inside the profile the fast encoder and the oracle write the same bytes."""
    assert encode(value) == rfc8785.dumps(value)


@given(VALUES)
def test_decode_undoes_encode(value: JsonValue) -> None:
    """What was written reads back as it was, and is a fixed point."""
    assert decode(encode(value)) == value
    assert encode(decode(encode(value))) == encode(value)


@given(VALUES)
def test_decode_takes_every_spelling(value: JsonValue) -> None:
    """Indented, escaped or unsorted, the value is the same."""
    assert decode(json.dumps(value, indent=2).encode()) == value
    assert decode(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=40) | st.text('{}[]",:\\u0d8 1-.eE\x00', max_size=40).map(str.encode))
def test_decode_of_anything_is_canonical_or_refused(data: bytes) -> None:
    """Whatever comes, the answer is a value that encodes, or the one typed error."""
    try:
        value = decode(data)
    except CanonicalError:
        return
    assert decode(encode(value)) == value
