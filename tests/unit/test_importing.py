"""Importing a register: rejects, lanes, what is sent again, how it ends, and what is told of it all."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from api.client import Refused
from api.import_command import show
from api.importing import MOVED, MOVED_REPEATS_MAX, Failure, import_lifts
from api.importing_rows import load_mapping, read_mapping
from audit.ndjson import BodyRefused
from domain.errors import Invalid
from tests.support.importing import SMALL, Ledger, good, run, table


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
    """Refusals come back by line of the request; the reject file names the file's line and each column at fault."""
    ledger = Ledger({"L1": "variety_unknown", "L3": "shape_invalid", "L4": "lift_unknown"})
    report, rejects = run(tmp_path, table("bad\n", *good(5)), ledger)
    assert rejects == [
        ["2", "", "columns_too_few"], ["4", "type", "variety_unknown"], ["6", "status", "shape_invalid"],
        ["6", "area", "shape_invalid"], ["7", "status", "lift_unknown"],
    ]  # fmt: skip
    assert (report.sent, report.refused, report.events, report.written) == (5, 3, 2, {"lift.Registered": 2})


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
