"""Importing a register over HTTP: the real one where its file is given, else an invented one of the same size.

At least three events a lift (lift, identifier, building). Client, server, PostgreSQL and followers share the cores.
"""

from __future__ import annotations

import csv
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import psycopg

from api.client import Client, Credentials
from api.import_command import IN_FLIGHT
from api.importing import ImportReport, Post, import_lifts
from api.importing_rows import load_mapping
from application.saves import EVENTS_PER_SAVE_MAX
from bench.http import ORIGIN, checks_a_second, ledger
from bench.recorder import BODY, Plain

ROWS: Final = 76_088
BUILDINGS: Final = 34_912
SLICES: Final = 5
PLAIN_WRITERS: Final = 4
SECONDS_MAX: Final = 60
EVENTS_A_ROW_MIN: Final = 3
"""Asked: the whole real register imported within so many seconds, each row told by so many events."""
REGISTER: Final = "LIFTLEDGER_BENCH_REGISTER"
"""Names the real register's file (NYC DOB 2015, .csv.gz)."""


def invented(path: Path, rows: int = ROWS) -> None:
    """Write a register like the real one: a building for every two or three rows."""
    columns = ("DV_DEVICE_NUMBER", "DV_DEVICE_STATUS_DESCRIPTION", "BIN", "HOUSE_NUMBER", "STREET_NAME", "Borough",
               "Device Type", "DV_STATUS_DATE", "DV_APPROVAL_DATE", "DV_SPEED_FPM", "DV_CAPACITY_LBS")  # fmt: skip
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for number in range(rows):
            writer.writerow(
                (f"1P{number}", "ACTIVE", f"{1_000_000 + number * BUILDINGS // ROWS}", "1", "BROADWAY", "Manhattan",
                 "Passenger Elevator (P)", "20150101", "20000101", "200", "2500")
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slice:
    """One import into a fresh ledger, and what stands beside it in the same minute on the same server."""

    first_s: float
    again_s: float
    events: int
    plain_events_per_s: float
    copied_rows_per_s: float


def one_slice(file: Path, folder: Path, workers: int) -> Slice:
    """Import a register into a fresh ledger, then the same file again; then let the plain recorder write as much."""
    with ledger(workers, kind="market_regulator") as (url, _, who, server):
        first_s, report = _import(url, who, file, folder)
        again_s, again = _import(url, who, file, folder)
        if again.events or report.events < EVENTS_A_ROW_MIN * report.rows:
            sys.exit(f"{report.events} events of {report.rows} rows, and {again.events} more of the same file")
        return Slice(first_s, again_s, report.events, _plain(server, report.events), _copied(server, report.events))


def _import(url: str, who: Credentials, file: Path, folder: Path) -> tuple[float, ImportReport]:
    with ExitStack() as stack:
        posts: list[Post] = []
        for _ in range(IN_FLIGHT):
            client = Client.open(url, ORIGIN, who, timeout_s=120)
            stack.callback(client.close)
            posts.append(client.post_lines)
        begun = time.monotonic()
        report = import_lifts(file, load_mapping("nyc_dob"), posts, folder / "rejects.csv")
        seconds = time.monotonic() - begun
    if report.failure is not None:
        sys.exit(f"the import failed: {report.failure.message}")
    return seconds, report


def _plain(server: str, events: int) -> float:
    """Let the library's own recorder store as many events, 250 a save by 4 threads; gives events a second."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA plain")
    plain = Plain(server, "plain")
    saves = -(-events // EVENTS_PER_SAVE_MAX)
    begun = time.monotonic()
    with ThreadPoolExecutor(PLAIN_WRITERS) as pool:
        list(pool.map(plain.write, [EVENTS_PER_SAVE_MAX] * saves))
    seconds = time.monotonic() - begun
    plain.datastore.close()
    return saves * EVENTS_PER_SAVE_MAX / seconds


def _copied(server: str, rows: int) -> float:
    """Copy as many rows into one table by one statement: what the server takes of them at the most, rows a second."""
    with psycopg.connect(server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE copied (data bytea)")
        begun = time.monotonic()
        with cursor.copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["bytea"])
            for _ in range(rows):
                copy.write_row((BODY,))
        return rows / (time.monotonic() - begun)


def run(workers: int = 2, slices: int = SLICES, rows: int = ROWS) -> dict[str, Any]:
    """Import in slices, each into a fresh ledger, the plain recorder in turn; medians (least–most).

    The register is the real one where its file is named, else an invented one of so many `rows`.
    """
    given = os.environ.get(REGISTER)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = Path(given) if given else folder / "register.csv"
        if not given:
            invented(file, rows)
        done = [one_slice(file, folder, workers) for _ in range(slices)]
    return {
        **{each.name: _spread([getattr(one, each.name) for one in done]) for each in fields(Slice)},
        "register": "real" if given else "invented", "workers": workers, "slices": slices, "events": done[0].events,
        "checks_per_s_one_core": round(checks_a_second()),
    }  # fmt: skip


def _spread(figures: Sequence[float]) -> list[float]:
    """Give median, least and most."""
    return [round(figure, 1) for figure in (statistics.median(figures), min(figures), max(figures))]


def table(result: dict[str, Any]) -> str:
    """Give the figures as lines, with what is asked and the limits beside them."""
    first, plain, copied = result["first_s"], result["plain_events_per_s"], result["copied_rows_per_s"]
    again, rate = result["again_s"], result["events"] / first[0]
    lines = [
        f"{result['register']} register, {result['events']:,} events, {result['slices']} slices, median (least–most)",
        f"imported: {first[0]} s ({first[1]}–{first[2]}), asked {SECONDS_MAX} s; {rate:,.0f} events/s",
        f"the same file again: {again[0]} s ({again[1]}–{again[2]}), no event",
        f"plain recorder, no HTTP, 4 × 250: {plain[0]:,.0f} events/s ({plain[1]:,.0f}–{plain[2]:,.0f})",
        f"limits: {copied[0]:,.0f} rows/s in one COPY; {result['checks_per_s_one_core']:,} Ed25519 checks/s a core",
    ]
    return "\n".join([*lines, json.dumps(result)])


def main() -> None:
    """Measure and print."""
    print(table(run()))


if __name__ == "__main__":
    main()
