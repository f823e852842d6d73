"""PostgreSQL's binary format for one-dimensional arrays, both ways.

The driver's own adaptation inspects each value; the writer knows its types, and this is ten times as fast. The format
is that of array_send and array_recv: dimensions, null flag, element type, length, lower bound, then length and bytes
of each element, all integers in network order.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

BOOL, BYTEA, INT8, INT4, TEXT = 16, 17, 20, 23, 25
BYTEA_ARRAY, INT4_ARRAY, TEXT_ARRAY, INT8_ARRAY = 1001, 1007, 1009, 1016
_HEAD = Struct("!iiIii")
_LENGTH = Struct("!i")
_INT4 = Struct("!i")
_INT8 = Struct("!q")
_NULL = _LENGTH.pack(-1)
_length = _LENGTH.pack
_int4_item = Struct("!ii").pack
_int8_item = Struct("!iq").pack


def texts(values: Sequence[str | None]) -> bytes:
    """Write a text[]; None is NULL."""
    parts = [_HEAD.pack(1, 1, TEXT, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            data = value.encode()
            parts.append(_length(len(data)))
            parts.append(data)
    return b"".join(parts)


def blobs(values: Sequence[bytes | None]) -> bytes:
    """Write a bytea[]; None is NULL."""
    parts = [_HEAD.pack(1, 1, BYTEA, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts.append(_length(len(value)))
            parts.append(value)
    return b"".join(parts)


def int4s(values: Sequence[int | None]) -> bytes:
    """Write an integer[]; None is NULL. Raises struct.error outside 32 bits."""
    items = [_NULL if value is None else _int4_item(4, value) for value in values]
    return _HEAD.pack(1, 1, INT4, len(values), 1) + b"".join(items)


def int8s(values: Sequence[int | None]) -> bytes:
    """Write a bigint[]; None is NULL."""
    items = [_NULL if value is None else _int8_item(8, value) for value in values]
    return _HEAD.pack(1, 1, INT8, len(values), 1) + b"".join(items)


def read_blobs(data: bytes | None) -> list[bytes | None]:
    """Read a bytea[] or text[] as bytes; NULL and the empty array give an empty list."""
    if data is None:
        return []
    dimensions, _, _, *_ = _HEAD.unpack_from(data) if len(data) >= _HEAD.size else (0, 0, 0)
    if not dimensions:
        return []
    count = _LENGTH.unpack_from(data, 12)[0]
    values: list[bytes | None] = []
    offset = _HEAD.size
    unpack = _LENGTH.unpack_from
    for _ in range(count):
        length = unpack(data, offset)[0]
        offset += 4
        if length < 0:
            values.append(None)
        else:
            values.append(data[offset : offset + length])
            offset += length
    return values


def read_int4s(data: bytes | None) -> list[int]:
    """Read an integer[] without NULLs; NULL and the empty array give an empty list."""
    return [_INT4.unpack(value)[0] for value in read_blobs(data) if value is not None]


def read_int8(data: bytes | None) -> int | None:
    """Read a bigint."""
    return None if data is None else int(_INT8.unpack(data)[0])


def int8(value: int) -> bytes:
    """Write a bigint."""
    return _INT8.pack(value)
