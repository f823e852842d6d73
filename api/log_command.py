"""The command `liftledger log export`: the log as static files that others' tools read (C2SP tlog-tiles)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from api import bootstrap
from api.terminal import console

app = typer.Typer(help="The log as others' tools read it · 日志导出", no_args_is_help=True)
out = console()


@app.callback()
def log() -> None:
    """Publish the log."""


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write; an earlier export there goes on.")],
) -> None:
    """Write checkpoint, hash tiles and entry bundles; serve the folder, or verify it.

    python -m audit export FOLDER --policy POLICY
    """
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings), Progress(console=out, transient=True) as bar:
        task = bar.add_task("tiles", total=None)
        done = bootstrap.export_log(settings, folder, lambda number, of: bar.update(task, completed=number, total=of))
    if done.size == done.old_size:
        out.print(f"nothing is new: {folder} holds all {done.size} positions under the published checkpoint")
    else:
        out.print(f"{done.files} files for positions {done.old_size + 1} to {done.size} in {folder}")
