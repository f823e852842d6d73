"""The demonstration's report: the table of the targets, for whatever the ledger finds of them."""

from __future__ import annotations

import io
from collections.abc import Container, Mapping
from typing import Any, cast

from rich.console import Console

from api.client import Client
from api.demo.actors import Cast, Party
from api.demo.report import WORDS, show, targets
from api.demo.stage import Clockwork, Stage
from domain.packs import load_pack
from domain.targets import Coverage, hold_against_targets

ROWS = load_pack("shandong@1").rule("targets.rows", "2026-01-01")
ENOUGH, SHORT, NONE = Coverage(10, 10), Coverage(10, 1), Coverage(0, 0)


def _rows(on: str, coverage: Mapping[tuple[str, str], Coverage], partial: Container[str] = ()) -> list[dict[str, Any]]:
    """Give the targets as GET /coverage does."""
    return [
        {
            "area": "370199", "group": held.group, "kind": held.kind, "by": held.by, "target_bp": held.share_bp,
            "share_bp": held.coverage.share_bp, "finding": held.finding,
        }
        for held in hold_against_targets(ROWS, on, coverage, (), partial)
    ]  # fmt: skip


def _printed(quarters: Mapping[str, list[dict[str, Any]]]) -> str:
    out = Console(file=io.StringIO(), width=200)
    out.print(targets(quarters))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_every_finding_of_a_target_has_a_word() -> None:
    """Whatever is found of a target, before its day and after it, is one of the table's words."""
    counts = [{}, *({("all", "liability"): each} for each in (ENOUGH, SHORT, NONE))]
    codes = {row["finding"]["code"] for on in ("2019-09-01", "2026-01-01") for c in counts for row in _rows(on, c)}
    codes |= {row["finding"]["code"] for row in _rows("2026-01-01", {("all", "liability"): SHORT}, {"all"})}
    assert codes == set(WORDS)


def test_each_quarter_has_its_own_verdict() -> None:
    """One target, missed in one quarter and reached in the next, says both, and what the words mean."""
    told = _printed(
        {
            "2026-03-31": _rows("2026-03-31", {("all", "liability"): SHORT}),
            "2026-06-30": _rows("2026-06-30", {("all", "liability"): ENOUGH}),
        }
    )
    assert told.count("10.00 %  │ 100.00 %") == told.count("missed   │ reached") == 3
    assert "missed 未达标: manual_review" in told
    assert "reached 达标: compliant" in told


def test_a_target_of_one_quarter_alone() -> None:
    """A target that a quarter did not have is left open there, not taken for another."""
    later = _rows("2026-06-30", {("all", "liability"): ENOUGH})
    told = _printed({"2026-03-31": later[1:], "2026-06-30": later})
    (line,) = [line for line in told.splitlines() if "100.00 %" in line and "–  " in line.split("│")[2]]
    assert line.split("│")[3].strip() == "100.00 %"


class _Reads:
    """A party's client that notes what it is asked, and answers with nothing in it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.position = 3

    def get(self, path: str, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - a query
        """Answer."""
        self.asked.append((path, query))
        total = {"in_use": 0, "liability": None, "insurance_service": None}
        return {"rows": [], "total": total, "targets": [], "entries": [], "claims": [], "next": None}


def test_every_table_waits_for_the_last_write_of_all() -> None:
    """Whoever wrote last, an agent perhaps: what is read of the read models waits for it."""
    client = _Reads()
    agent = cast("Client", _Reads())
    party = Party("party:1", cast("Client", client), {"worker": [agent]})
    cast_ = Cast("http://ledger", "scripted.test.example/pilot", cast("Client", client), lambda: 0.0)
    cast_.parties = dict.fromkeys(("market", "housing", "finance-office"), party)
    cast_.account.count({"refused": [], "groups": [{"first": 70, "count": 8, "events": []}]})
    stage = Stage(cast_, Clockwork(lambda _: None), funds=["fund:1"])
    show(stage, Console(file=io.StringIO(), width=200))
    read = {path for path, query in client.asked if query["wait_for"] == 77}
    assert read == {"/coverage", "/funds/fund:1/statement", "/claims"}
    assert all(query["wait_for"] == 77 for _, query in client.asked)
