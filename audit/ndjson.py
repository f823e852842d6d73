"""Bodies of lines (NDJSON), cut in the one way that the signed root is made over (event-format §3)."""

from __future__ import annotations

from collections.abc import Sequence

from audit.errors import BodyRefused
from audit.merkle import leaf_hash, root

__all__ = ["LINES_MAX", "LINE_BYTES_MAX", "NDJSON_BYTES_MAX", "BodyRefused", "line_hashes", "lines_root", "split_lines"]

NDJSON_BYTES_MAX = 16 * 1024 * 1024
LINE_BYTES_MAX = 64 * 1024
LINES_MAX = 500_000  # more fit into the bytes only if lines lack the salt that each of them must have

_BOM = b"\xef\xbb\xbf"


def split_lines(body: bytes) -> list[bytes]:
    """Return the lines of a body, as received after content decoding: the bytes before each LF; the last may lack it.

    Raises BodyRefused with code `ndjson_too_large`, `ndjson_line_too_large`, `ndjson_too_many_lines`, `ndjson_empty`,
    `ndjson_empty_line`, `ndjson_carriage_return` or `ndjson_bom`.
    """
    if len(body) > NDJSON_BYTES_MAX:
        raise BodyRefused(
            "The body is too large.", code="ndjson_too_large", bytes=len(body), bytes_max=NDJSON_BYTES_MAX
        )
    if not body:
        raise BodyRefused("The body has no line.", code="ndjson_empty")
    if body.count(b"\n") > LINES_MAX:
        raise BodyRefused("The body has too many lines.", code="ndjson_too_many_lines", lines_max=LINES_MAX)
    if b"\r" in body:
        raise BodyRefused(
            "Lines end in LF alone.", code="ndjson_carriage_return", line=_line_at(body, body.index(b"\r"))
        )
    lines = body.removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line:
            raise BodyRefused("A line is empty.", code="ndjson_empty_line", line=number)
        if len(line) > LINE_BYTES_MAX:
            raise BodyRefused(
                "A line is too large.", code="ndjson_line_too_large", line=number, bytes_max=LINE_BYTES_MAX
            )
        if line.startswith(_BOM):
            raise BodyRefused("A line begins with a byte order mark.", code="ndjson_bom", line=number)
    return lines


def line_hashes(lines: Sequence[bytes]) -> list[bytes]:
    """Return SHA-256(0x00 ‖ line) of each line, the leaves of the signed root."""
    return [leaf_hash(line) for line in lines]


def lines_root(lines: Sequence[bytes]) -> str:
    """Return the RFC 6962 root over the lines in lowercase hex, as the claim `br` states it."""
    return root(line_hashes(lines)).hex()


def _line_at(body: bytes, offset: int) -> int:
    return body.count(b"\n", 0, offset) + 1
