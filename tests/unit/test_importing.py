"""Importing a register: rows, rejects, broken files, lanes, and what is told of it all."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from rich.console import Console

from api.client import Refused
from api.import_command import show
from api.importing import MOVED, MOVED_REPEATS_MAX, Failure, ImportReport, Post, import_lifts
from api.importing_rows import Rows, load_mapping, read_mapping
from audit.ndjson import BodyRefused
from domain.errors import Invalid
from domain.lift_shapes import LiftRow, PlainLiftRow

SMALL = """
[constants]
"source.system" = "register"
"identifiers.0.scheme" = "platform_code"
"identifiers.0.issuer" = "register"
"building.source.system" = "register"
[fields]
"source.id" = { column = "no", required = true }
"identifiers.0.value" = { column = "no" }
variety = { column = "type", values = { P = "3110" }, required = true }
area = { column = "area", required = true }
status = { column = "status", required = true }
accepted_on = { column = "date", kind = "date", format = "DD/MM/YYYY" }
"parameters.load_kg" = { column = "lbs", kind = "integer", multiply = 45359, divide = 100000, unreadable = "omit" }
"building.source.id" = { column = "house" }
"building.name" = { column = "name" }
"""
HEADER = "no,type,area,status,date,lbs,house,name\n"
GOOD = "{n},P,370102,in_use,05/03/1925,2000.0,{h},Hall\n"


class Ledger:
    """Answers as the ledger does; remembers what it was posted, and refuses lines by number."""

    def __init__(
        self, refuse: Mapping[str, str] | None = None, fail_after: int | None = None, moved: Sequence[str] = ()
    ) -> None:
        self.requests: list[tuple[str, list[dict[str, Any]]]] = []
        self.refuse = dict(refuse or {})
        self.fail_after = fail_after
        self.moved = list(moved)
        self.commands: list[str] = []

    def __call__(self, path: str, lines: Sequence[bytes], *, command: str) -> dict[str, Any]:
        """Take a request."""
        if self.fail_after is not None and len(self.requests) >= self.fail_after:
            raise httpx.ConnectError("gone")
        bodies = [json.loads(line) for line in lines]
        self.commands.append(command)
        if self.moved:
            raise Refused(409, {"code": self.moved.pop()})
        self.requests.append((path, bodies))
        refused, events = [], []
        for number, body in enumerate(bodies, 1):
            code = self.refuse.get(body["source"]["id"])
            if code is None:
                events.append({"type": "lift.Registered", "line": number, "found": {}})
                continue
            if code == "group_full":
                del self.refuse[body["source"]["id"]]
            refused.append({"line": number, "code": code, "message": "", "details": {"at": "/status"}})
        return {"refused": refused, "groups": [{"count": len(events), "events": events}]}

    @property
    def sent(self) -> list[str]:
        """The numbers of the rows posted, in order."""
        return [body["source"]["id"] for _, bodies in self.requests for body in bodies]


def run(
    tmp_path: Path, data: bytes, *posts: Post, name: str = "in.csv", mapping: str = SMALL
) -> tuple[ImportReport, list[list[str]]]:
    """Import bytes; give the report and the rows of the reject file."""
    file, rejects = tmp_path / name, tmp_path / "rejects.csv"
    file.write_bytes(data)
    report = import_lifts(file, read_mapping(mapping, "small"), posts, rejects)
    with rejects.open(encoding="utf-8", newline="") as told:
        return report, list(csv.reader(told))[1:]


def table(*rows: str) -> bytes:
    """Give a file with the header and these rows."""
    return (HEADER + "".join(rows)).encode()


def good(count: int) -> list[str]:
    """Give good rows, two to a building."""
    return [GOOD.format(n=f"L{n}", h=n // 2) for n in range(count)]


def test_a_row_becomes_the_json_of_a_lift() -> None:
    """Columns become members: values looked up, dates turned round, units by exact integer factors."""
    rows = Rows(read_mapping(SMALL, "small"), HEADER.strip().split(","))
    body = rows.body(GOOD.strip().format(n="L1", h="7").split(","))
    assert body == {
        "source": {"system": "register", "id": "L1"},
        "identifiers": [{"scheme": "platform_code", "issuer": "register", "value": "L1"}],
        "variety": "3110", "area": "370102", "status": "in_use", "accepted_on": "1925-03-05",
        "parameters": {"load_kg": 907}, "building": {"source": {"system": "register", "id": "7"}, "name": "Hall"},
    }  # fmt: skip
    TypeAdapter(PlainLiftRow).validate_python(body, strict=True)


def test_bad_rows_are_rejected_and_stop_nothing(tmp_path: Path) -> None:
    """Each bad row stands in the reject file with line, column and reason; all others are sent."""
    ledger = Ledger()
    rows = [
        *good(2),
        "L2,X,370102,in_use,,,1,Hall\n",
        "L3,P,,in_use,31/02/2001,,1,Hall\n",
        "L4,P,370102,in_use\n",
        "L0,P,370102,in_use,,,1,Hall\n",
        'L5,P,"37"0102,in_use,,,1,Hall\n',
        "L6,P,370102,in_use,,16'4\",,\n",
        "L7,P,370102,in_use,,,,Hall\n",
        "L8,P,370102,in_use,,,1,Hall,more\n",
    ]
    report, rejects = run(tmp_path, table(*rows), ledger)
    assert ledger.sent == ["L0", "L1", "L6"]
    assert rejects == [
        ["4", "type", "value_unknown"],
        ["5", "area", "value_missing"],
        ["5", "date", "date_malformed"],
        ["6", "", "columns_too_few"],
        ["7", "no", "source_repeated"],
        ["8", "", "row_malformed"],
        ["10", "building.source.id", "value_missing"],
        ["11", "", "columns_too_many"],
    ]
    assert (report.rows, report.rejected, report.sent, report.failure) == (10, 7, 3, None)
    assert report.omitted == {"lbs": 1}


@pytest.mark.parametrize(
    "name, column",
    [
        ("x" * 90_000, "name"),  # longer than a line of a request may be
        ("大" * 22_000, "name"),  # fewer characters than that, but more bytes
        ("x" * 200_000, ""),  # longer than the reader takes a value
        ('"' + "大" * 22_000 + '"', "name"),
    ],
)
def test_a_row_that_is_too_large_is_rejected_alone(tmp_path: Path, name: str, column: str) -> None:
    """A row that no request could carry is named with the column that is too long; the others are sent."""
    ledger = Ledger()
    report, rejects = run(tmp_path, table(*good(2), f"L8,P,370102,in_use,,,1,{name}\n", *good(4)[2:]), ledger)
    assert rejects == [["4", column, "row_too_large"]]
    assert (ledger.sent, report.failure) == (["L0", "L1", "L2", "L3"], None)


def test_a_quoted_row_of_many_bytes_stops_nothing(tmp_path: Path) -> None:
    """A row over several lines that is too long in bytes, though not in characters, is read like an unclosed quote."""
    ledger = Ledger()
    wide = '"' + ("大" * 9_000 + "\n") * 3 + '"'
    report, rejects = run(tmp_path, table(f"L8,P,370102,in_use,,,1,{wide}\n", *good(2)), ledger)
    assert rejects[0] == ["2", "", "row_malformed"]
    assert (ledger.sent, report.failure) == (["L0", "L1"], None)


def test_a_line_the_ledger_refuses_is_named_by_its_line_in_the_file(tmp_path: Path) -> None:
    """Refusals come back by line of the request; the reject file names the file's line and column."""
    ledger = Ledger({"L3": "shape_invalid"})
    report, rejects = run(tmp_path, table("bad\n", *good(5)), ledger)
    assert rejects == [["2", "", "columns_too_few"], ["6", "status", "shape_invalid"]]
    assert (report.sent, report.refused, report.events, report.written) == (5, 1, 4, {"lift.Registered": 4})


def test_a_line_without_room_is_sent_again(tmp_path: Path) -> None:
    """`group_full` is no refusal of the row: it goes with the next request."""
    ledger = Ledger({"L1": "group_full"})
    report, rejects = run(tmp_path, table(*good(3)), ledger)
    assert (ledger.sent, rejects, report.refused, report.sent) == (["L0", "L1", "L2", "L1"], [], 0, 3)


def test_an_identifier_held_for_review_is_told_with_its_owner(tmp_path: Path) -> None:
    """A conflict does not refuse the row; the reject file names the other lift (C10)."""
    finding = {"code": "identifier_conflict", "facts": {"lift": "lift:other"}}

    def post(path: str, lines: Sequence[bytes], *, command: str) -> dict[str, Any]:
        event = {"type": "lift.Registered", "line": 1, "found": {"findings": [finding]}}
        return {"refused": [], "groups": [{"count": 1, "events": [event]}]}

    report, rejects = run(tmp_path, table(*good(1)), post)
    assert (report.held, report.refused, rejects) == (1, 0, [["2", "", "identifier_conflict lift:other"]])


def test_rows_of_one_building_go_the_same_way(tmp_path: Path) -> None:
    """Lanes never share a building, so requests in flight do not meet on one."""
    lanes = [Ledger() for _ in range(4)]
    report, _ = run(tmp_path, table(*good(9_000)), *lanes)
    houses = [{b["building"]["source"]["id"] for _, bodies in lane.requests for b in bodies} for lane in lanes]
    assert all(not first & second for i, first in enumerate(houses) for second in houses[:i])
    assert sum(map(len, houses)) == 4_500
    assert report.sent == 9_000
    assert max(len(bodies) for lane in lanes for _, bodies in lane.requests) <= 2_000
    assert {path for lane in lanes for path, _ in lane.requests} == {"/lifts/import/plain"}


STANDARD = "source_system,source_id,registration_code,variety,area,status,building_id,estate_id\n"


def test_rows_of_one_estate_go_the_same_way(tmp_path: Path) -> None:
    """Buildings of one estate share a lane, whatever others stand alone: all are written on the estate's stream."""
    file = tmp_path / "in.csv"
    rows = [f"r,{n},{n:020},3110,370102001,in_use,B{n},{f'E{n % 7}' if n % 9 else ''}\n" for n in range(900)]
    file.write_text(STANDARD + "".join(rows), encoding="utf-8")
    lanes = [Ledger() for _ in range(4)]
    report = import_lifts(file, load_mapping("standard"), lanes, tmp_path / "rejects.csv")
    bodies = [[body for _, sent in lane.requests for body in sent] for lane in lanes]
    estates = [{body["estate"]["source"]["id"] for body in sent if "estate" in body} for sent in bodies]
    assert all(not first & second for i, first in enumerate(estates) for second in estates[:i])
    assert sum(map(len, estates)) == 7
    # What stands alone is spread over all of them.
    assert all(any("estate" not in body for body in sent) for sent in bodies)
    assert (report.sent, report.failure) == (900, None)


@pytest.mark.parametrize("code", sorted(MOVED))
def test_a_request_that_met_another_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """It keeps its command id, so that groups stored stay stored; after so many times it ends the import."""
    monkeypatch.setattr("api.importing.MOVED_PAUSE_MS", 1)
    ledger = Ledger(moved=[code] * MOVED_REPEATS_MAX)
    report, rejects = run(tmp_path, table(*good(3)), ledger)
    assert (report.sent, rejects, report.failure) == (3, [], None)
    assert len(ledger.commands) == MOVED_REPEATS_MAX + 1
    assert len(set(ledger.commands)) == 1
    report, _ = run(tmp_path, table(*good(3)), Ledger(moved=[code] * (MOVED_REPEATS_MAX + 1)))
    assert report.failure is not None
    assert (report.failure.code, report.sent) == (code, 0)


def test_any_other_refusal_ends_the_import_at_once(tmp_path: Path) -> None:
    """What a repetition cannot change is not repeated."""
    ledger = Ledger(moved=["forbidden"])
    report, _ = run(tmp_path, table(*good(3)), ledger)
    assert report.failure is not None
    assert (report.failure.code, len(ledger.commands)) == ("forbidden", 1)


@pytest.mark.parametrize(
    "data, name, code, line, sent",
    [
        (b"", "in.csv", "file_empty", None, 0),
        (b"\xef\xbb\xbf", "in.csv", "file_empty", None, 0),
        (b"", "in.csv.gz", "file_empty", None, 0),
        (gzip.compress(b""), "in.csv", "file_empty", None, 0),
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


def test_a_connection_that_fails_ends_the_import_with_its_account(tmp_path: Path) -> None:
    """When posting fails, what was accepted before is reported with the failure, and no line is to blame."""
    report, _ = run(tmp_path, table(*good(5_000)), Ledger(fail_after=1))
    assert report.failure is not None
    assert (report.failure.code, report.failure.line, report.sent) == ("post_failed", None, 2_000)
    assert report.failure.message == "the ledger could not be reached: gone"


def test_a_refusal_of_a_request_keeps_its_details(tmp_path: Path) -> None:
    """The ledger's code, sentence and details are told as they are; no line is to blame."""

    def post(path: str, lines: Sequence[bytes], *, command: str) -> dict[str, Any]:
        raise Refused(403, {"code": "right_missing", "detail": "not yours", "details": {"verb": "lift.import"}})

    report, _ = run(tmp_path, table(*good(1)), post)
    told = {"status": 403, "verb": "lift.import"}
    assert report.failure == Failure("right_missing", "not yours", None, told)


def test_evidence_that_cannot_be_made_is_told_with_its_code(tmp_path: Path) -> None:
    """A request that the client itself cannot sign ends the import like a refusal."""

    def post(path: str, lines: Sequence[bytes], *, command: str) -> dict[str, Any]:
        raise BodyRefused("The body is too large.", code="ndjson_too_large", bytes=17)

    report, _ = run(tmp_path, table(*good(1)), post)
    assert report.failure == Failure("ndjson_too_large", "The body is too large.", None, {"bytes": 17})


@pytest.mark.parametrize("rows", [1, 5_000])
def test_a_defect_is_no_trouble_of_the_network(tmp_path: Path, rows: int) -> None:
    """What nobody foresaw is raised as it is, not told as a failure to post, even where the file is broken too."""

    def post(path: str, lines: Sequence[bytes], *, command: str) -> dict[str, Any]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(tmp_path, table(*good(rows)), post)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, table(*good(rows), "cut"), post)


def test_a_header_that_does_not_fit_names_the_columns(tmp_path: Path) -> None:
    """What is missing, unknown or there twice stands in the failure, and is printed."""
    report, _ = run(tmp_path, b"no,type,area,status,date\n", Ledger())
    assert report.failure is not None
    assert report.failure.details == {"columns": ["lbs", "house", "name"]}
    out = Console(file=io.StringIO(), width=200)
    show(report, 1.0, tmp_path / "rejects.csv", out)
    assert isinstance(out.file, io.StringIO)
    told = out.file.getvalue().splitlines()[-2:]
    assert told == [
        "ended early at line 1: the file lacks columns that the mapping reads (columns_missing)",
        "  columns: lbs, house, name",
    ]


@pytest.mark.parametrize("name", ["in.csv.gz", "in.csv.GZ", "in.csv"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_packed_file_is_known_by_its_first_bytes(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    """Whatever the file is called."""
    report, _ = run(tmp_path, pack(table(*good(3))), Ledger(), name=name)
    assert (report.sent, report.failure) == (3, None)


def test_the_reject_file_is_another_file(tmp_path: Path) -> None:
    """Rejects never overwrite what is imported; a file that does not exist is told as such."""
    file = tmp_path / "in.csv"
    file.write_bytes(table())
    with pytest.raises(Invalid) as refused:
        import_lifts(file, read_mapping(SMALL, "small"), [Ledger()], file)
    assert refused.value.code == "rejects_path"
    report = import_lifts(tmp_path / "none.csv", read_mapping(SMALL, "small"), [Ledger()], tmp_path / "rejects.csv")
    assert report.failure is not None
    assert report.failure.code == "file_missing"


def test_the_standard_mapping_takes_the_columns_there_are() -> None:
    """The standard mapping needs few columns, knows many, and passes over none that it does not know."""
    header = ["source_system", "source_id", "registration_code", "variety", "area", "status", "building_id"]
    rows = Rows(load_mapping("standard"), header)
    body = rows.body(["mine", "1", "21603101012006010101", "3110", "370102", "in_use", ""])
    assert isinstance(body, dict)
    assert "building" not in body
    TypeAdapter(LiftRow).validate_python(body, strict=True)
    with pytest.raises(Invalid) as refused:
        Rows(load_mapping("standard"), [*header, "warrenty_until"])
    assert refused.value.code == "columns_unknown"


def test_the_register_of_new_york_maps() -> None:
    """A row of the register becomes a lift with a building; a record without building number has one of its own."""
    mapping = load_mapping("nyc_dob")
    rows = Rows(mapping, mapping.columns())
    told = {
        "DV_DEVICE_NUMBER": "1P1", "Borough": "", "Device Type": "Passenger Elevator (P)", "BIN": "",
        "DV_DEVICE_STATUS_DESCRIPTION": "NYCHA", "DV_STATUS_DATE": "19880819", "DV_APPROVAL_DATE": "********",
        "DV_CAPACITY_LBS": "2000.0", "DV_SPEED_FPM": "350", "HOUSE_NUMBER": "1", "STREET_NAME": "EAST   68 STREET",
    }  # fmt: skip
    body = rows.body([told[name] for name in rows.header])
    assert isinstance(body, dict)
    assert body["building"] == {"source": {"system": "nyc_dob", "id": "1P1"}, "address": "1 EAST 68 STREET"}
    assert (body["area"], body["status"], body["status_since"]) == ("036061", "in_use", "1988-08-19")
    assert (body["premises_class"], body["parameters"]) == ("residential", {"load_kg": 907, "speed_mm_s": 1778})
    assert rows.omitted == {"DV_APPROVAL_DATE": 1}
    TypeAdapter(PlainLiftRow).validate_python(body, strict=True)
    assert mapping.path == "/lifts/import/plain"


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        "[fields]\n",
        'surplus = 1\n[fields]\n"source.id" = { column = "a" }\n',
        SMALL + 'venue = { column = "a", join = ["b"] }\n',
        SMALL + 'venue = { column = "a", kind = "float" }\n',
        SMALL + 'venue = { column = "a", kind = "date", format = "YY" }\n',
        SMALL + 'venue = { column = "a", kind = "integer", divide = 0 }\n',
        SMALL + "venue = []\n",
        SMALL + '"Venue!" = { column = "a" }\n',
        SMALL + 'venue = { column = "a", pattern = "(" }\n',
        SMALL + 'venue = { column = "a", pattern = 1 }\n',
        SMALL + 'venue = { column = "a", values = "x" }\n',
        SMALL + 'venue = { column = "a", values = { x = [1] } }\n',
        SMALL + 'venue = { column = "a", values = { x = 1.5 } }\n',
        SMALL + 'venue = { column = "a", kind = "date", format = 1 }\n',
        SMALL + 'venue = { column = "a", format = "YYYYMMDD" }\n',
        SMALL + 'venue = { column = "a", kind = "integer", least = true }\n',
        SMALL + 'venue = { column = "a", kind = "integer", most = "9" }\n',
        SMALL + 'venue = { column = "a", kind = 1 }\n',
        SMALL + 'venue = { column = "a", required = "yes" }\n',
        SMALL + 'venue = { column = "a", unreadable = "ignore" }\n',
        SMALL + "venue = { column = 1 }\n",
        SMALL + 'venue = { join = "ab" }\n',
        SMALL + "venue = { join = [] }\n",
        SMALL + 'venue = "a"\n',
        SMALL + 'building = { column = "a" }\n',
        SMALL + '"building.source" = { column = "a" }\n',
        SMALL + '"estate.source" = { column = "a" }\n',
        SMALL + 'identifiers = { column = "a" }\n',
        SMALL + '"identifiers.first.value" = { column = "a" }\n',
        "constants = 1\n" + SMALL.replace("[constants]", "[surplus]"),
        'constants = "x"\n' + SMALL.partition("[fields]")[2].join(("[fields]", "")),
        "fields = 1\n",
        SMALL.replace("[fields]", "venue = [1]\n[fields]"),
        SMALL.replace("[fields]", "venue = 1.5\n[fields]"),
        'delimiter = ";;"\n' + SMALL,
        'delimiter = ""\n' + SMALL,
        "delimiter = '\"'\n" + SMALL,
        "delimiter = 1\n" + SMALL,
        "title = 1\n" + SMALL,
        'encoding = "latin-1"\n' + SMALL,
        "encoding = 1\n" + SMALL,
        'absent_columns = "yes"\n' + SMALL,
        "absent_columns = [1]\n" + SMALL,
    ],
)
def test_a_malformed_mapping_is_refused(text: str) -> None:
    """A mapping that cannot mean anything is refused before a row is read."""
    with pytest.raises(Invalid) as refused:
        read_mapping(text, "bad")
    assert refused.value.code == "mapping_malformed"


def test_a_malformed_mapping_names_the_member() -> None:
    """The sentence says where, for whoever sees nothing else."""
    with pytest.raises(Invalid) as refused:
        read_mapping(SMALL + 'venue = { column = "a", pattern = "(" }\n', "bad")
    assert refused.value.details == {"member": "venue"}
    assert refused.value.message.endswith("(member venue)")


def test_a_mapping_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """A mapping is UTF-8, with or without a byte order mark; another encoding is told, not a traceback."""
    own = tmp_path / "own.toml"
    text = 'title = "电梯台账"\n' + SMALL
    own.write_bytes(text.encode("gbk"))
    with pytest.raises(Invalid) as refused:
        load_mapping(str(own))
    assert refused.value.code == "mapping_malformed"
    own.write_bytes(text.encode("utf-8-sig"))
    assert load_mapping(str(own)).title == "电梯台账"


def test_a_group_that_matched_nothing_is_no_value() -> None:
    """A pattern whose group took no part gives no value, which a required field does not pass over."""
    text = SMALL + 'venue = { column = "house", pattern = "(?:([a-z]+)|[0-9]+)", required = true }\n'
    rows = Rows(read_mapping(text, "small"), HEADER.strip().split(","))
    assert rows.body(GOOD.strip().format(n="L1", h="7").split(",")) == [("house", "value_missing")]


def test_an_unknown_mapping_is_refused(tmp_path: Path) -> None:
    """A name that is no mapping tells which there are; a path to a TOML file is read."""
    with pytest.raises(Invalid) as refused:
        load_mapping("nothing")
    assert refused.value.details["known"] == ["nyc_dob", "standard"]
    assert "nyc_dob, standard" in refused.value.message
    with pytest.raises(Invalid) as missing:
        load_mapping(str(tmp_path / "none.toml"))
    assert missing.value.code == "mapping_unknown"
    own = tmp_path / "own.toml"
    own.write_text(SMALL, encoding="utf-8")
    assert load_mapping(str(own)).name == "own"
