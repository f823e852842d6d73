"""Files of every kind and in every state: broken, cut, packed, and in the encodings that registers come in."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.importing import GOOD, HEADER, SMALL, Ledger, good, run, table


@pytest.mark.parametrize(
    "data, name, code, line, sent",
    [
        (b"", "in.csv", "file_empty", None, 0),
        (b"\xef\xbb\xbf", "in.csv", "file_empty", None, 0),
        (b"", "in.csv.gz", "file_empty", None, 0),
        (gzip.compress(b"", mtime=0), "in.csv", "file_empty", None, 0),
        (b'no,"type"x\n', "in.csv", "header_malformed", 1, 0),
        (b'\n"no\n' + b"x\n" * 40, "in.csv", "header_malformed", 2, 0),
        (table(*good(3))[:-30], "in.csv", "file_truncated", 4, 2),
        (table(*good(3), 'L9,P,"3701'), "in.csv", "file_truncated", 5, 3),
        (HEADER.encode("utf-16"), "in.csv", "file_encoding", 1, 0),
        (HEADER.replace("name", "名").encode("gb18030"), "in.csv", "file_encoding", 1, 0),
        (b"\x1f\x8bnonsense", "in.csv.gz", "file_corrupt", 1, 0),
        (b"no,type\n1,P\n", "in.csv", "columns_missing", 1, 0),
        (table().replace(b"name", b"no"), "in.csv", "columns_missing", 1, 0),
        (table().replace(b"name", b"name,no"), "in.csv", "column_repeated", 1, 0),
    ],
)
def test_a_broken_file_ends_with_a_stable_code(
    tmp_path: Path, data: bytes, name: str, code: str, line: int | None, sent: int
) -> None:
    """What ends the file early is told by code and line; the rows before it are sent and counted."""
    report, _ = run(tmp_path, data, Ledger(), name=name)
    assert report.failure is not None
    assert (report.failure.code, report.failure.line, report.sent) == (code, line, sent)


def test_a_cut_compressed_file_keeps_the_rows_before_the_cut(tmp_path: Path) -> None:
    """A gzip file cut in the middle: the rows that could be unpacked are accepted, the cut has its line."""
    ledger = Ledger()
    whole = gzip.compress(table(*good(20_000)), compresslevel=1)
    report, _ = run(tmp_path, whole[: len(whole) // 2], ledger, name="in.csv.gz")
    assert report.failure is not None
    assert report.failure.code == "file_truncated"
    assert 0 < report.sent == len(ledger.sent) < 20_000
    assert report.failure.line == report.sent + 2


def test_a_byte_that_is_not_utf8_spoils_its_own_row_only(tmp_path: Path) -> None:
    """A row in another encoding is rejected with its column; a byte order mark is taken at the start alone."""
    ledger = Ledger()
    foreign = "L8,P,370102,in_use,,,1,大厅\n".encode("gb18030")
    marked = "\ufeffL9,P,370102,in_use,,,1,Hall\n".encode()
    data = b"\xef\xbb\xbf" + table(*good(1)) + foreign + marked + "L7,P,370102,in_use,,,1,大厅\n".encode()
    report, rejects = run(tmp_path, data, ledger)
    assert rejects == [["3", "name", "encoding_invalid"], ["4", "no", "byte_order_mark"]]
    assert (ledger.sent, report.failure) == (["L0", "L7"], None)


GBK = 'encoding = "gb18030"\n' + SMALL


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "gb2312", "utf-8-sig"])
def test_a_chinese_register_is_read_in_its_own_encoding(
    tmp_path: Path, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    """A mapping may say GB18030; a file with UTF-8's byte order mark is UTF-8 all the same."""
    ledger = Ledger()
    text = (HEADER + GOOD.format(n="L0", h=1)).replace("name", "名称").replace("Hall", "大厅")
    report, rejects = run(tmp_path, pack(text.encode(encoding)), ledger, mapping=GBK.replace('"name"', '"名称"'))
    assert (rejects, report.failure) == ([], None)
    assert ledger.requests[0][1][0]["building"]["name"] == "大厅"


def test_characters_beyond_gbk_are_read(tmp_path: Path) -> None:
    """GB18030 has all of Unicode: names of persons and places need characters that GBK lacks."""
    ledger = Ledger()
    text = HEADER + GOOD.format(n="L0", h=1).replace("Hall", "𠮷㑇大厅")
    run(tmp_path, text.encode("gb18030"), ledger, mapping=GBK)
    assert ledger.requests[0][1][0]["building"]["name"] == "𠮷㑇大厅"


@pytest.mark.parametrize("bad", [b"\xff", b"\x80", b"\x81", b"\x81\x30", b"\x81\x30\x81", b"\xb4\xf3\xff\xcc"])
def test_bytes_that_are_not_gb18030_spoil_their_own_row_only(tmp_path: Path, bad: bytes) -> None:
    """Also where they are cut in the middle of a character before the end of the line."""
    ledger = Ledger()
    data = HEADER.encode() + b"L0,P,370102,in_use,,,1," + bad + b"\n" + "L1,P,370102,in_use,,,1,大厅\n".encode("gbk")
    report, rejects = run(tmp_path, data, ledger, mapping=GBK)
    assert rejects == [["2", "name", "encoding_invalid"]]
    assert (ledger.sent, report.failure) == (["L1"], None)


@pytest.mark.parametrize(
    "mapping, data",
    [
        (SMALL, HEADER.replace("name", "名").encode("gbk")),
        (GBK, HEADER.replace("name", "n\xff").encode("latin-1")),
        (GBK, HEADER.encode("utf-16")),
        (GBK, HEADER.encode("utf-32-be")),
    ],
)
def test_a_header_in_another_encoding_tells_which_there_are(tmp_path: Path, mapping: str, data: bytes) -> None:
    """The failure names the encodings that a mapping may say."""
    report, _ = run(tmp_path, data, Ledger(), mapping=mapping)
    assert report.failure is not None
    assert (report.failure.code, report.failure.line) == ("file_encoding", 1)
    assert report.failure.details == {"encodings": ["utf-8", "gb18030"]}


def test_an_unclosed_quote_costs_one_row(tmp_path: Path) -> None:
    """A quote that is never closed would swallow the file: its line is rejected, the rest is read anew."""
    ledger = Ledger()
    rows = good(60)
    rows[10] = 'L10,P,370102,in_use,,,1,"Hall\n'
    rows[55] = 'L55,P,370102,in_use,,,1,"Hall\n'
    report, rejects = run(tmp_path, table(*rows), ledger)
    assert rejects == [["12", "", "row_malformed"], ["57", "", "row_malformed"]]
    assert (report.sent, report.failure) == (58, None)


def test_a_quoted_line_feed_keeps_line_numbers_right(tmp_path: Path) -> None:
    """A row may run over lines; rows after it are still named by the line they begin at."""
    report, rejects = run(tmp_path, table('L1,P,370102,in_use,,,1,"Hall\nEast"\n', "bad\n"), Ledger())
    assert (report.sent, rejects) == (1, [["4", "", "columns_too_few"]])


@pytest.mark.parametrize("name", ["in.csv.gz", "in.csv.GZ", "in.csv"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_packed_file_is_known_by_its_first_bytes(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    """Whatever the file is called."""
    report, _ = run(tmp_path, pack(table(*good(3))), Ledger(), name=name)
    assert (report.sent, report.failure) == (3, None)
