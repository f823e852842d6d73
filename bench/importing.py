"""Importing a register over HTTP: the real one where its file is given, else an invented one of the same size.

At least three events a lift (lift, identifier, building). Client, server, PostgreSQL and followers share the cores.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from api.client import Client
from api.import_command import IN_FLIGHT
from api.importing import Post, import_lifts
from api.importing_rows import load_mapping
from bench.http import ORIGIN, ledger

ROWS: Final = 76_088
REGISTER: Final = "LIFTLEDGER_BENCH_REGISTER"
"""Names the real register's file (NYC DOB 2015, .csv.gz)."""


def invented(path: Path) -> None:
    """Write a register like the real one: as many rows, a building for every two or three."""
    columns = ("DV_DEVICE_NUMBER", "DV_DEVICE_STATUS_DESCRIPTION", "BIN", "HOUSE_NUMBER", "STREET_NAME", "Borough",
               "Device Type", "DV_STATUS_DATE", "DV_APPROVAL_DATE", "DV_SPEED_FPM", "DV_CAPACITY_LBS")  # fmt: skip
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for number in range(ROWS):
            writer.writerow(
                (f"1P{number}", "ACTIVE", f"{1_000_000 + number * 34_912 // ROWS}", "1", "BROADWAY", "Manhattan",
                 "Passenger Elevator (P)", "20150101", "20000101", "200", "2500")
            )  # fmt: skip


def run(workers: int = 2) -> dict[str, Any]:
    """Import once into a fresh ledger, then the same file again; returns seconds and events."""
    given = os.environ.get(REGISTER)
    with tempfile.TemporaryDirectory() as folder, ledger(workers, kind="market_regulator") as (url, _, who, _):
        file = Path(given) if given else Path(folder) / "register.csv"
        if not given:
            invented(file)
        figures: dict[str, Any] = {"register": "real" if given else "invented", "workers": workers}
        for label in ("first", "again"):
            with ExitStack() as stack:
                posts: list[Post] = []
                for _ in range(IN_FLIGHT):
                    client = Client.open(url, ORIGIN, who, timeout_s=120)
                    stack.callback(client.close)
                    posts.append(client.post_lines)
                begun = time.monotonic()
                report = import_lifts(file, load_mapping("nyc_dob"), posts, Path(folder) / "rejects.csv")
                seconds = time.monotonic() - begun
            if report.failure is not None:
                sys.exit(f"the import failed: {report.failure.message}")
            figures[label] = {
                "rows": report.rows, "events": report.events, "seconds": round(seconds, 1),
                "rejected": report.rejected, "refused": report.refused,
            }  # fmt: skip
        return figures


def main() -> None:
    """Print the figures."""
    print(json.dumps(run(), indent=1))


if __name__ == "__main__":
    main()
