"""`liftledger import lifts`: the importer with connections, a progress bar and a report."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api import credentials
from api.connecting import connected
from api.importing import ImportReport, Post, import_lifts
from api.importing_rows import load_mapping

IN_FLIGHT: Final = 4
TIMEOUT_S: Final = 120.0
PATIENCE_S: Final = 60.0
"""How long an import waits for a ledger that is busy, starts anew or cannot be reached, before it ends early."""


def clients(url: str, party: Path, stack: ExitStack) -> list[Post]:
    """Give one post for each request in flight, each over a connection of its own."""
    held = credentials.load(party)
    return [
        stack.enter_context(connected(held, url, timeout_s=TIMEOUT_S, patience_s=PATIENCE_S)).post_lines
        for _ in range(IN_FLIGHT)
    ]


def run(file: Path, mapping: str, party: Path, url: str, rejects: Path, out: Console) -> bool:
    """Import a file and print what became of it; True when all of the file was read."""
    begun = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with ExitStack() as stack:
        posts = clients(url, party, stack)
        bar = stack.enter_context(Progress(*columns, console=out, transient=True))
        task = bar.add_task(file.name)
        report = import_lifts(
            file, load_mapping(mapping), posts, rejects,
            lambda r: bar.update(task, description=f"{file.name}: {r.rows:,} rows, {r.events:,} events"),
        )  # fmt: skip
    show(report, time.monotonic() - begun, rejects, out)
    return report.failure is None


def show(report: ImportReport, seconds: float, rejects: Path, out: Console) -> None:
    """Print the report."""
    out.print(
        f"{report.rows:,} rows in {seconds:.1f} s: {report.events:,} events; {report.rejected:,} rejected, "
        f"{report.refused:,} refused, {report.held:,} with an identifier held for review"
    )
    if report.rejected or report.refused or report.held:
        out.print(f"bad rows: {rejects}")
    for column, count in sorted(report.omitted.items()):
        out.print(f"  {column}: {count:,} values unreadable and left out")
    if report.failure is not None:
        where = "" if report.failure.line is None else f" at line {report.failure.line}"
        out.print(f"ended early{where}: {report.failure.message} ({report.failure.code})", style="red")
        for name, value in report.failure.details.items():
            out.print(f"  {name}: {', '.join(map(str, value)) if isinstance(value, list | tuple) else value}")
