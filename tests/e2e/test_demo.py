"""The demonstration, as a user starts it: a year is lived, shown, verified, and a flipped bit is found.

Afterwards the ledger that it left is served.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
import uuid
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from api import bootstrap, credentials, running
from api.client import Client, clock_of
from api.demo.command import ORIGIN
from api.demo.stage import END
from infrastructure.connection import connect_reader
from tests.support.service import free_port

BOROUGHS = ("Manhattan", "Bronx", "Brooklyn", "Queens", "Staten Island")
LIFTS = 20
COLUMNS = (
    "DV_DEVICE_NUMBER", "DV_DEVICE_STATUS_DESCRIPTION", "BIN", "HOUSE_NUMBER", "STREET_NAME", "Borough", "Device Type",
    "DV_APPROVAL_DATE", "DV_SPEED_FPM", "DV_CAPACITY_LBS", "DV_STATUS_DATE",
)  # fmt: skip
SMALL = 40
QUARTERS = ["2025-12-31", "2026-03-31", "2026-06-30", "2026-09-30", "2026-10-31"]
EVENTS_MIN = 50_000
SECONDS_MAX = 120
RULE = "maintenance.countersign_hours_max"
ALL = "all · 合计"
FINDINGS = {"one_worker", "signed_late"}
"""What is found of the visits that are meant to be faulty."""

Row = tuple[str, ...]


def _register(file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for number in range(LIFTS):
            writer.writerow((
                f"1P{number}", "NYCHA" if number % 5 == 0 else "ACTIVE", 1_000_000 + number // 2, number,
                "WEST BROADWAY", BOROUGHS[number % 2 * (number % 5)], "Passenger Elevator (P)", "19960524", "150",
                "2000", "20140113",
            ))  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    """Give the environment of a ledger in a folder, on a port of its own."""
    settings = {"LIFTLEDGER_VAR": str(folder / "var"), "LIFTLEDGER_PORT": str(free_port()), "COLUMNS": "200"}
    return {name: value for name, value in os.environ.items() if not name.startswith("LIFTLEDGER_")} | settings


def _demo(folder: Path, *options: str) -> str:
    """Run `liftledger demo` with an embedded server of its own; gives what it printed. It must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "demo", *options],
        env=_environment(folder), cwd=folder, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _table(told: str, title: str) -> list[Row]:
    """Give the rows of the table under a title, its head first; lines of one row are joined by spaces."""
    rows: list[Row] = []
    begun = True
    for line in told[told.index(title) :].splitlines()[1:]:
        if not line.startswith(("│", "┃", "┏", "┡", "├", "└")):
            break
        if line[0] not in "│┃":
            begun = True
            continue
        cells = tuple(cell.strip() for cell in re.split("[│┃]", line)[1:-1])
        if begun or title not in LINED:
            rows.append(cells)
        else:
            rows[-1] = tuple(f"{old} {new}".strip() for old, new in zip(rows[-1], cells, strict=True))
        begun = False
    return rows


LINED = ("Targets by quarter",)
"""Tables with a line between rows; a row of theirs takes several."""


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _assert_proven(told: str) -> None:
    """Everything verified, every request wrote, the copy's flipped bit is found and named."""
    size = re.search(r"verified · 验证通过: ([\d,]+) events", told)
    rate = re.search(r"([\d,]+) events in ([\d,]+) signed requests, [\d.]+ s, ([\d,]+) events/s over HTTP", told)
    assert size is not None
    assert rate is not None
    events, requests, pace = map(_number, rate.groups())
    # The rest of the log is what the ledger itself writes: its opening, timers, roots of the map.
    assert 0 < requests < events < _number(size[1])
    assert pace > 0
    # Evidence that no event cites belongs to requests that wrote nothing: a scene that failed in silence.
    assert "evidence_stray" not in told
    position = re.search(r"one bit flipped in a copy, in the body of the event at position ([\d,]+):", told)
    assert position is not None
    assert f"body_digest at {position[1].replace(',', '')}" in told


def _assert_true_figures(told: str, folder: Path) -> None:
    """Events and requests are as many as the ledger has stored: parties, agents, imports and all."""
    rate = re.search(r"([\d,]+) events in ([\d,]+) signed requests", told)
    assert rate is not None
    settings = bootstrap.Settings(var=folder / "var", database_url=None)
    query = "SELECT sum(count)::int, count(DISTINCT (party, command)) FROM commands WHERE request LIKE 'POST %'"
    with bootstrap.database_running(settings), connect_reader(bootstrap.place(settings).owner) as connection:
        stored = connection.execute(query).fetchone()
    assert (_number(rate[1]), _number(rate[2])) == stored


def _assert_dispute(told: str) -> None:
    """What the late endorsement changed: not covered then, covered now."""
    assert "on the day the insurer's approval was refused: no_cover_in_force" in told
    _, cover, claim, *_ = _table(told, "replayed as effective 2026-03-05")
    assert cover[:2] == ("cover at the loss", "none")
    assert cover[2].startswith("2026-02-01 – ")
    assert claim == ("claim", "assessed", "assessed")
    assert "without a day in question the claim is now: closed" in told


def _assert_erased(told: str) -> None:
    """One person is under seal for the five years of insurance papers, one is destroyed, and verify says so."""
    _, persons, duties, states, opened = _table(told, "Persons erased")
    assert persons[1] != persons[2]
    assert re.fullmatch(r"retention\.insurance_short until 203\d-\d\d-\d\d", duties[1])
    assert re.fullmatch(r"under seal until 203\d-\d\d-\d\d · 封存", states[1])
    assert duties[2] == "nothing · 无"
    assert re.fullmatch(r"destroyed 2026-(09|10)-\d\d · 已销毁", states[2])
    assert opened[1:] == ("person_restricted", "person_erased")
    gone = re.search(r"^note: erased: (\d+) ", told, re.MULTILINE)
    assert gone is not None
    # His name, his certificate's number, and the line of the request that said them.
    assert gone[1] == "3"
    assert f"erased: 3 values and requests of {persons[2]} are gone; the ledger still holds · 账本完好" in told


def _assert_rule_change(told: str) -> None:
    """The same delay is no finding under the first pack and a finding under the second."""
    _, *rows = _table(told, f"One rule changes · 规则变更前后: {RULE}")
    assert {(day, allowed, finding) for day, _, allowed, finding in rows} == {
        ("2026-06-17", "shandong@1: 24 h", "none · 无"), ("2026-07-15", "shandong@2: 12 h", "signed_late"),
        ("", "", RULE),
    }  # fmt: skip
    waited = [float(row[1].split()[1]) for row in rows if row[0]]
    assert len(waited) == 6
    assert all(12 < hours < 24 for hours in waited)
    assert waited[:3] == waited[3:]


def _assert_visits(told: str) -> None:
    """Every level of work is there, and only what is meant to be faulty has findings."""
    found = re.search(r"maintenance visits · 维保: ([\d,]+) \((.*?)\); findings · 结论: (.*)", told)
    assert found is not None
    levels = {level: _number(count) for count, level in re.findall(r"([\d,]+) ([A-Z]{2})", found[2])}
    assert sum(levels.values()) == _number(found[1])
    assert levels["HM"] > levels["TM"] > levels["SM"] > 0 < levels["OY"]
    assert set(re.findall("[a-z_]+", found[3])) <= FINDINGS
    assert "3 signed_late" in found[3]


def _assert_corrected(told: str) -> None:
    """A later record stands in the place of the one that it names, and both are in the log."""
    found = re.search(
        r"a record corrected · 更正: (visit:\S+) at position ([\d,]+) \(item_result_wrong\)"
        r" by (visit:\S+) at position ([\d,]+), which names (visit:\S+); both stay",
        told,
    )
    assert found is not None
    old, before, new, after, named = found.groups()
    assert old == named != new
    assert _number(before) < _number(after)


def _assert_counted(told: str, lifts: int) -> None:
    """Each quarter's shares are of that quarter's counts, add up, grow, and are held against every target."""
    _, *rows = _table(told, "Coverage of lifts in use")
    assert list(dict.fromkeys(row[0] for row in rows)) == QUARTERS
    totals = {row[0]: row for row in rows if row[1] == ALL}
    for quarter in QUARTERS:
        classes = [row for row in rows if row[0] == quarter and row[1] != ALL]
        assert [row[1] for row in classes] == ["住宅", "非住宅", "公众聚集场所"]
        assert sum(_number(row[2]) for row in classes) == _number(totals[quarter][2]) <= lifts
        for column in (3, 4):
            assert sum(_covered(row[column]) for row in classes) == _covered(totals[quarter][column])
        for row in (*classes, totals[quarter]):
            for shown in row[3:]:
                assert _share_bp(shown.partition("(")[2]) == _covered(shown) * 10_000 // _number(row[2])
    assert _covered(totals[QUARTERS[0]][3]) < _covered(totals[QUARTERS[-1]][3])
    head, *targets = _table(told, "Targets by quarter")
    assert [column.replace(" ", "-") for column in head[1:]] == QUARTERS
    assert len(targets) == 8
    of_all = [row for row in targets if row[0].startswith("370199 all liability")]
    assert len(of_all) == 3
    for row in targets:
        wanted = re.search(r"≥ (\d+) % by", row[0])
        for cell in row[1:]:
            share = _share_bp(cell)
            assert cell.split(" % ")[1] == (
                "unfixed" if wanted is None else "reached" if share >= int(wanted[1]) * 100 else "missed"
            )
    for row in of_all:
        assert [_share_bp(cell) for cell in row[1:]] == [
            _share_bp(totals[quarter][3].partition("(")[2]) for quarter in QUARTERS
        ]
    # The district gets there in the course of the year.
    assert any(row[1].endswith("missed") and row[-1].endswith("reached") for row in of_all)
    assert "missed 未达标: manual_review" in told


def _covered(shown: str) -> int:
    return _number(shown.partition(" ")[0])


def _share_bp(text: str) -> int:
    return int(Decimal(text.partition(" %")[0]) * 100)


def _assert_accounts(told: str) -> None:
    """The fund's balance is the sum of its entries; every claim has come to an end but the one of the last days."""
    _, *entries = _table(told, "Statement of a maintenance fund")
    amounts = [Decimal(row[2].replace(",", "")) for row in entries]
    assert [row[1] for row in entries] == ["deposit (fund.Posted)", "premium (fund.Posted)"]
    assert amounts[0] > 0 > amounts[1]
    assert Decimal(entries[-1][3].replace(",", "")) == sum(amounts)
    states = re.search(r"Claims · 理赔台账 \(34: (.*?)\)", " ".join(told.split()))
    assert states is not None
    assert sum(map(int, re.findall(r"\d+", states[1]))) == 34
    assert "1 refused" in states[1]
    _, *claims = _table(told, "Claims · 理赔台账")
    assert {row[1] for row in claims} == {"entrapment", "injury"}
    assert all(row[2] == "closed" and row[3] == row[4] != "0.00" for row in claims)


@pytest.mark.slow
def test_a_small_registers_year_is_lived_and_proven(tmp_path: Path) -> None:
    """A register of twenty lifts is taken over, lived with and proven like the invented district."""
    file = tmp_path / "register.csv"
    _register(file)
    told = _demo(tmp_path, "--register", str(file))
    _assert_proven(told)
    _assert_true_figures(told, tmp_path)
    _assert_dispute(told)
    _assert_erased(told)
    _assert_rule_change(told)
    _assert_corrected(told)
    _assert_visits(told)
    # The register does not tell every lift's class; the table adds up all the same.
    _, *rows = _table(told, "Coverage of lifts in use")
    last = {row[1]: _number(row[2]) for row in rows if row[0] == QUARTERS[-1]}
    assert last["unknown · 未定"] > 0
    assert sum(last.values()) == 2 * last[ALL]
    _served(_environment(tmp_path), tmp_path)


@pytest.mark.slow
def test_the_invented_districts_year_is_shown_and_proven(tmp_path: Path) -> None:
    """What `make demo` does, with fewer lifts: every table is printed, and says what it must."""
    told = _demo(tmp_path, "--lifts", str(SMALL))
    _assert_proven(told)
    _assert_true_figures(told, tmp_path)
    _assert_counted(told, SMALL)
    _assert_accounts(told)
    _assert_dispute(told)
    _assert_erased(told)
    _assert_rule_change(told)
    _assert_corrected(told)
    _assert_visits(told)


@pytest.mark.performance
def test_the_whole_district_has_fifty_thousand_events_in_two_minutes(tmp_path: Path) -> None:
    """`make demo` itself, on a quiet machine."""
    begun = time.monotonic()
    told = _demo(tmp_path)
    assert time.monotonic() - begun < SECONDS_MAX
    _assert_proven(told)
    events = re.search(r"([\d,]+) events in [\d,]+ signed requests", told)
    assert events is not None
    assert _number(events[1]) >= EVENTS_MIN


def test_a_register_has_its_own_lifts(tmp_path: Path) -> None:
    """A register and a number of invented lifts together are refused before anything is made."""
    file = tmp_path / "register.csv"
    _register(file)
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "demo", "--register", str(file), "--lifts", str(SMALL)],
        env={**os.environ, "LIFTLEDGER_VAR": str(tmp_path / "var")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "a register has its own lifts" in done.stderr
    assert not (tmp_path / "var").exists()


def _served(environment: dict[str, str], folder: Path) -> None:
    """`liftledger run` afterwards serves what is there: the year's last day, its answers, and what is written on it."""
    url = f"http://127.0.0.1:{environment['LIFTLEDGER_PORT']}"
    run = subprocess.Popen([sys.executable, "-m", "api.cli", "run"], env=environment, cwd=folder)
    try:
        running.wait_ready(run, url, ORIGIN)
        held = credentials.load(folder / "var" / "keys" / bootstrap.ADMINISTRATOR)
        with httpx.Client(base_url=url, timeout=60) as http:
            health = http.get("/health").json()
            assert (health["origin"], health["ledger_time"][:10]) == (ORIGIN, END.isoformat())
            client = Client(http, ORIGIN, held.credentials, clock_of(http, ORIGIN))
            assert len(client.get("/lifts", limit=1000)["lifts"]) == LIFTS
            agent = {"id": f"agent:{uuid.uuid4()}", "party": held.credentials.party, "role": "officer"}
            (group,) = client.post("/agents", agent)["groups"]
            assert group["recorded_at"][:10] == END.isoformat()
            assert client.get(f"/subjects/{agent['id']}/events", wait_for=client.position)["events"]
    finally:
        running.stop(run)
    assert run.returncode == 0
