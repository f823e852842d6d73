"""Bodies of lines: one way to cut them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.errors import BodyRefused
from audit.merkle import leaf_hash, node_hash
from audit.ndjson import LINE_BYTES_MAX, LINES_MAX, NDJSON_BYTES_MAX, line_hashes, lines_root, split_lines

VECTORS = Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json"


@pytest.mark.parametrize(
    "body,lines",
    [
        (b"{}", [b"{}"]),
        (b"{}\n", [b"{}"]),
        (b"1\n2", [b"1", b"2"]),
        (b"1\n 2 \n", [b"1", b" 2 "]),
        (b"a" * LINE_BYTES_MAX, [b"a" * LINE_BYTES_MAX]),
    ],
)
def test_lines_are_the_bytes_before_each_newline(body: bytes, lines: list[bytes]) -> None:
    """The last newline may be left out; nothing is trimmed."""
    assert split_lines(body) == lines


@pytest.mark.parametrize(
    "body,code,line",
    [
        (b"", "ndjson_empty", None),
        (b"\n", "ndjson_empty_line", 1),
        (b"\n1", "ndjson_empty_line", 1),
        (b"1\n\n2", "ndjson_empty_line", 2),
        (b"1\n\n", "ndjson_empty_line", 2),
        (b"1\n2\r\n", "ndjson_carriage_return", 2),
        (b"1\r2", "ndjson_carriage_return", 1),
        (b"\xef\xbb\xbf1", "ndjson_bom", 1),
        (b"1\n\xef\xbb\xbf2", "ndjson_bom", 2),
        (b"1\n" + b"a" * (LINE_BYTES_MAX + 1), "ndjson_line_too_large", 2),
        (b"a\n" * (LINES_MAX + 1), "ndjson_too_many_lines", None),
        (b"a" * (NDJSON_BYTES_MAX + 1), "ndjson_too_large", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_could_be_cut_otherwise_is_refused(body: bytes, code: str, line: int | None) -> None:
    """Each ambiguity and limit has its code and, where there is one, the line."""
    with pytest.raises(BodyRefused) as caught:
        split_lines(body)
    assert (caught.value.code, caught.value.details.get("line")) == (code, line)


def test_the_root_is_that_of_rfc_6962_over_the_lines() -> None:
    """Two lines give the hash over two leaves, in hex."""
    assert lines_root([b"1", b"2"]) == node_hash(leaf_hash(b"1"), leaf_hash(b"2")).hex()


def test_the_golden_lines() -> None:
    """The lines of the frozen example have the hashes written beside them."""
    save = next(save for save in json.loads(VECTORS.read_text())["saves"] if save["kind"] == "ndjson")
    lines = split_lines(save["request"]["body"].encode())
    assert [line.hex() for line in line_hashes(lines)] == save["group"]["line_hashes"]
