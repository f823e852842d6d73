"""What is read at once is what is read one by one: shapes of bodies, headers, streams, instants."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import canonical
from audit import events as stored_events
from audit.errors import AuditError, CanonicalError, InstantInvalid, NameInvalid
from audit.instants import parse_instant
from audit.lens import Lens
from audit.names import are_streams, check_stream
from audit.pages import Context
from audit.shapes import is_known, shape_of
from tests.property.test_canonical import VALUES
from tests.property.test_shortcuts import SEEDS, story
from tests.support.mutants import flipped

# --------------------------------------------------------------------------------------------------------- shapes


@settings(max_examples=300)
@given(VALUES, SEEDS)
def test_whatever_is_near_a_known_shape_is_read_strictly(value: canonical.JsonValue, seed: int) -> None:
    """After a text is known, changed ones are still taken exactly if the encoder would have written them."""
    rnd = random.Random(seed)
    data = canonical.encode({"a": value, "b": "text", "c": ["x", 1]})
    stored_events.read_canonical(data)
    for _ in range(8):
        other = _changed(data, rnd)
        try:
            wanted: Any = canonical.decode(other)
            is_canonical = canonical.encode(wanted) == other
        except CanonicalError:
            is_canonical = False
        try:
            read = stored_events.read_canonical(other)
        except AuditError:
            assert not is_canonical
        else:
            assert is_canonical
            assert canonical.encode(read) == other


def _changed(data: bytes, rnd: random.Random) -> bytes:
    at, end = sorted(rnd.randrange(len(data) + 1) for _ in range(2))
    what = rnd.choice([
        b'"', b"\\", b'"x', b" ", b"0", b"9", b"-", b".5", b"e1", b"1234567", b"\x7f", b"\x00", "é".encode(), b"a",
        b',"a":1', data,
    ])  # fmt: skip
    return rnd.choice([data[:at] + what + data[at:], data[:at] + data[end:], data + what, flipped(data, rnd)])


INTEGERS = st.one_of(
    st.integers(-canonical.INTEGER_MAX, canonical.INTEGER_MAX),
    st.sampled_from([canonical.INTEGER_MAX, -canonical.INTEGER_MAX, 10**15, 9 * 10**15, 10**14, 0, 1, 11, 100]),
)


@given(
    st.lists(INTEGERS, min_size=1, max_size=4), st.text("0123456789-.eE+ ,", max_size=20),
    st.integers(0, 3), st.integers(10**14, 10**18),
)  # fmt: skip
def test_numbers_like_known_ones_are_read_strictly(known: list[int], other: str, at: int, long: int) -> None:
    """After integers of every length are known, only integers of the profile, as they are written, are taken."""
    texts = list(map(str, known))
    stored_events.read_canonical(canonical.encode({"a": known, "n": known[0]}))
    for odd in (other, str(long), str(-long), f"0{texts[0]}", f"{texts[0]}.0", f"{texts[0]}0", f"{texts[0]}e0"):
        changed = [*texts[:at], odd, *texts[at + 1 :]]
        data = f'{{"a":[{",".join(changed)}],"n":{texts[0]}}}'.encode()
        try:
            wanted: Any = canonical.decode(data)
        except CanonicalError:
            wanted = None
        if wanted is not None and canonical.encode(wanted) == data:
            assert stored_events.read_canonical(data) == wanted
        else:
            with pytest.raises(CanonicalError):
                stored_events.read_canonical(data)


def test_a_shape_is_everything_but_plain_strings_and_integers() -> None:
    """Two texts have one shape if they differ in values that are plain strings or integers, and in nothing else."""
    shape = shape_of('{"a":"x","b":[1,"y"]}')
    assert shape == shape_of('{"a":"","b":[120,"another: {1}"]}') == shape_of('{"a":"电梯","b":[9,"é"]}')
    others = (
        '{"a":"x","c":[1,"y"]}', '{"a":"x","b":[0,"y"]}', '{"a":"x","b":[1,"y"]} ', '{"b":"x","a":[1,"y"]}',
        '{"a":1,"b":[1,"y"]}', '{"a":"x","b":["y",1]}', '{"a":"x","b":[-1,"y"]}', '{"a":"x","b":[01,"y"]}',
        '{"a":"x","b":[1.0,"y"]}', '{"a":"x","b":[1e1,"y"]}', '{"a":"x","b":[1234567890123456,"y"]}',
    )  # fmt: skip
    assert all(shape_of(text) != shape for text in others)
    for odd in ('{"a":"x","b":[1,"y"]}"z', '{"a":"\\n"}', '{"a":"\x7f"}', '{"a":"' + "x" * 5000 + '"}'):
        assert shape_of(odd) is None
    assert shape is not None
    assert not is_known(("no such shape", ()))


# -------------------------------------------------------------------------------------------------------- headers


@settings(max_examples=200)
@given(seed=SEEDS)
def test_headers_are_read_at_once_as_one_by_one(seed: int) -> None:
    """A page's headers are read at once if and only if each of them is one, and come to the same."""
    rnd = random.Random(seed)
    data = [row.header for row in rnd.sample(story().events, rnd.randrange(1, 9))]
    for _ in range(rnd.randrange(3)):
        at = rnd.randrange(len(data))
        data[at] = rnd.choice(
            [flipped(data[at] or b"-", rnd), data[at] + b"\n", b"\n".join([data[at], data[0]]), b"", data[at]]
        )
    try:
        wanted = [stored_events.read_header(each) for each in data]
    except AuditError:
        assert stored_events.read_headers(data) is None
    else:
        assert stored_events.read_headers(data) == wanted


@given(
    st.lists(
        st.sampled_from(["map", "ledger", "scheme:310000", "lift:1", "", "map\nledger", "MAP", "map "]), min_size=1
    )
)
def test_streams_are_checked_at_once_as_one_by_one(texts: list[str]) -> None:
    """A list of streams is taken if and only if each of them is."""
    try:
        each = [check_stream(text) for text in texts] == texts
    except NameInvalid:
        each = False
    assert are_streams(texts) is each


SECONDS = st.sampled_from([
    "2026-11-26T16:41:10.788758Z", "2026-11-26T16:41:10.000000Z", "2026-11-26T16:41:10.00000Z", "2026-11-26T16:41:10.Z",
    "2026-11-26T16:41:10.0000000Z", "2026-11-26T16:41:10.000000", "2026-11-26T16:41:10.000000z",
    "2026-02-30T16:41:10.000000Z",
    "2026-11-26T24:41:10.000000Z", "2026-11-26T16:41:10.00000\u0665Z", "2026-11-26T16:41:10.+00001Z",
    "1969-12-31T23:59:59.999999Z",
    "1969-12-31T23:59:59.000001Z", "2026-11-26T16:41:10,788758Z", "",
])  # fmt: skip


@given(st.lists(SECONDS, min_size=1, max_size=8))
def test_instants_are_read_by_the_second_as_one_by_one(texts: list[str]) -> None:
    """An instant in a second that was met before comes to the same as any other, and what is none stays none."""
    lens = Lens(Context("o", (), "", {}, frozenset(), ()))
    for text in texts:
        try:
            wanted: float | None = parse_instant(text).timestamp()
        except InstantInvalid:
            wanted = None
        assert lens.seconds(text) == wanted
