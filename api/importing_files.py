"""Reading a table row by row, however broken: CSV, plain or packed by gzip, UTF-8 with or without a byte order mark.

A row that cannot be read is given as the reason why, and reading goes on with the next line. Only what ends the file
ends the reading: `FileBroken` with a stable code and the line at which it happened.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TextIO, cast

from audit.ndjson import LINE_BYTES_MAX

ROW_LINES_MAX = 20
"""A row that runs over more lines is taken for an unclosed quote: its first line is rejected, the rest read anew."""
ROW_BYTES_MAX = LINE_BYTES_MAX
"""So does one that is longer than the ledger takes; one whose first line is so long already is `row_too_large`."""

_UNDECODED = re.compile("[\udc80-\udcff]")
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MARK = "\ufeff"
_GZIP_MAGIC = b"\x1f\x8b"


class FileBroken(Exception):
    """Reading ended before the file did: a stable `code`, `line` where (None: at the very start), `details`."""

    def __init__(
        self, code: str, message: str, line: int | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.details = details or {}


@dataclass(frozen=True, slots=True)
class Row:
    """A row and the line it begins at (from 1); `wrong` is the code of why its values cannot be taken, or None."""

    line: int
    values: list[str]
    wrong: str | None = None
    column: int | None = None


@dataclass(slots=True)
class _Lines:
    """Lines of text that can be given back; remembers those of the row being read."""

    text: Iterator[str]
    number: int = 0
    taken: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    ended: bool = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= ROW_LINES_MAX or sum(map(_size, self.taken)) > ROW_BYTES_MAX:
            raise csv.Error("row too long")
        try:
            line = self.waiting.pop() if self.waiting else next(self.text)
        except StopIteration:
            self.ended = True
            raise
        self.taken.append(line)
        self.number += 1
        return line

    def give_back(self) -> None:
        """Keep only the first line of the row taken; the others are read again."""
        again = self.taken[1:]
        self.number -= len(again)
        self.waiting.extend(reversed(again))


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a table; undecodable bytes become surrogates, so that they spoil their own row only. Raises FileBroken.

    A file that begins as gzip does is unpacked, whatever its name.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise FileBroken("file_missing", f"the file cannot be opened: {error.strerror}") from error
    with raw:
        packed = raw.peek(2)[:2] == _GZIP_MAGIC
        data = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
        with io.TextIOWrapper(data, encoding="utf-8", errors="surrogateescape", newline="") as text:
            yield text


def read_rows(text: TextIO, delimiter: str) -> Iterator[Row]:
    """Give the header and then each row with its line; raises FileBroken when the file ends before its time."""
    lines = _Lines(iter(text))
    width: int | None = None
    while True:
        lines.taken, lines.ended = [], False
        began = lines.number + 1
        try:
            values = next(csv.reader(lines, delimiter=delimiter, strict=True))
        except StopIteration:
            if width is None:
                raise FileBroken("file_empty", "the file is empty") from None
            return
        except csv.Error as error:
            if lines.ended and len(lines.taken) == 1 and not lines.taken[0].endswith(("\n", "\r")):
                raise FileBroken("file_truncated", "the file ends inside a quoted value", began) from error
            if width is None:
                raise FileBroken("header_malformed", f"the header cannot be read: {error}", began) from error
            lines.give_back()
            yield Row(began, [], "row_too_large" if _size(lines.taken[0]) > ROW_BYTES_MAX else "row_malformed")
            continue
        except EOFError as error:
            raise FileBroken("file_truncated", "the compressed file is cut off", began) from error
        except (OSError, zlib.error) as error:
            raise FileBroken("file_corrupt", "the compressed file is damaged", began) from error
        if not values:
            continue
        row = _checked(began, values)
        if width is None:
            row = _header(row)
            width = len(row.values)
        elif len(values) < width and not lines.taken[-1].endswith(("\n", "\r")):
            raise FileBroken("file_truncated", "the file ends inside a row", began)
        yield row


def _checked(line: int, values: list[str]) -> Row:
    joined = "".join(values)
    if not joined.isascii():
        for code, wrong in (("encoding_invalid", _UNDECODED.search), ("byte_order_mark", _marked)):
            if wrong(joined):
                return Row(line, values, code, next(i for i, value in enumerate(values) if wrong(value)))
    return Row(line, values)


def _marked(text: str) -> bool:
    return _MARK in text


def _header(row: Row) -> Row:
    values = [row.values[0].removeprefix(_MARK), *row.values[1:]]
    raw = "".join(values).encode("utf-8", "surrogateescape")
    if raw.startswith(_WIDE_MARKS) or b"\x00" in raw:
        raise FileBroken("file_encoding", "the file is UTF-16 or UTF-32, not UTF-8", 1)
    checked = _checked(row.line, values)
    if checked.wrong is not None:
        raise FileBroken("file_encoding", "the header is not UTF-8", 1)
    if not any(value.strip() for value in values):
        raise FileBroken("file_empty", "the file is empty")
    return checked
