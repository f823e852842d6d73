"""Reading a table row by row, however broken: CSV, plain or packed by gzip, in UTF-8 or GB18030.

A row that cannot be read is given as the reason why, and reading goes on with the next line. Only what ends the file
ends the reading: `FileBroken` with a stable code and the line at which it happened.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, TextIO, cast

from api.importing_reasons import RejectCode
from audit.ndjson import LINE_BYTES_MAX

ENCODINGS: Final = ("utf-8", "gb18030")
"""What a table may be written in; GB18030 holds GBK and GB2312."""
ROW_LINES_MAX = 20
"""A row that runs over more lines is taken for an unclosed quote: its first line is rejected, the rest read anew."""
ROW_BYTES_MAX = LINE_BYTES_MAX
"""So does one that is longer than the ledger takes; one whose first line is so long already is `row_too_large`."""

_UNDECODED = re.compile("[\udc80-\udcff]")
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MARK = "\ufeff"
_UTF8_MARK = b"\xef\xbb\xbf"
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
    wrong: RejectCode | None = None
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
def open_text(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Open a table; undecodable bytes become surrogates, so that they spoil their own row only. Raises FileBroken.

    A file that begins as gzip does is unpacked, whatever its name; one with UTF-8's byte order mark is UTF-8, whatever
    `encoding` says.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise FileBroken("file_missing", f"the file cannot be opened: {error.strerror}") from error
    with raw:
        packed = raw.peek(2)[:2] == _GZIP_MAGIC
        data = gzip.GzipFile(fileobj=raw) if packed else raw
        used = "utf-8" if _marked_utf8(data) else encoding
        with io.TextIOWrapper(cast("IO[bytes]", data), encoding=used, errors="surrogateescape", newline="") as text:
            yield text


def _marked_utf8(data: gzip.GzipFile | io.BufferedReader) -> bool:
    try:
        return data.peek(len(_UTF8_MARK)).startswith(_UTF8_MARK)
    except (EOFError, OSError, zlib.error) as error:
        raise _unpackable(error, 1) from error


def _unpackable(error: Exception, line: int) -> FileBroken:
    if isinstance(error, EOFError):
        return FileBroken("file_truncated", "the compressed file is cut off", line)
    return FileBroken("file_corrupt", "the compressed file is damaged", line)


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
        except (EOFError, OSError, zlib.error) as error:
            raise _unpackable(error, began) from error
        if not values:
            continue
        row = _checked(began, values)
        if width is None:
            row = _header(row, text.encoding)
            width = len(row.values)
        elif len(values) < width and not lines.taken[-1].endswith(("\n", "\r")):
            raise FileBroken("file_truncated", "the file ends inside a row", began)
        yield row


def _checked(line: int, values: list[str]) -> Row:
    joined = "".join(values)
    if not joined.isascii():
        for code, wrong in _SPOILT:
            if wrong(joined):
                return Row(line, values, code, next(i for i, value in enumerate(values) if wrong(value)))
    return Row(line, values)


def _marked(text: str) -> bool:
    return _MARK in text


_SPOILT: Final[tuple[tuple[RejectCode, Callable[[str], object]], ...]] = (
    ("encoding_invalid", _UNDECODED.search),
    ("byte_order_mark", _marked),
)


def _header(row: Row, encoding: str) -> Row:
    values = [row.values[0].removeprefix(_MARK), *row.values[1:]]
    raw = "".join(values).encode("utf-8", "surrogateescape")
    if raw.startswith(_WIDE_MARKS) or b"\x00" in raw:
        raise FileBroken("file_encoding", "the file is UTF-16 or UTF-32", 1, {"encodings": list(ENCODINGS)})
    checked = _checked(row.line, values)
    if checked.wrong is not None:
        message = f"the header is not {encoding.upper()}; a mapping may say another encoding"
        raise FileBroken("file_encoding", message, 1, {"encodings": list(ENCODINGS)})
    if not any(value.strip() for value in values):
        raise FileBroken("file_empty", "the file is empty")
    return checked
