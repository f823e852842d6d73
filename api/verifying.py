"""Shows a verification: the progress bar, the verdicts a line each, and what they come to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from api import bootstrap
from api.collector import calm_collector
from api.terminal import console
from audit.errors import StateRefused
from audit.states import State
from audit.whole import Report

OUTCOMES: Final[Mapping[bool, tuple[str, str]]] = {
    True: ("verified · 验证通过", "green"),
    False: ("BROKEN · 验证不通过", "red"),
}
NOT_STRICT: Final = ("not accepted under --strict · 严格模式未通过", "red")
STRUCTURE: Final = ("structure holds, signatures not checked · 结构完好，签名未验", "yellow")


def verify(
    settings: bootstrap.Settings, out: Console, *, database: str | None = None, signatures: bool = True,
    policy: Path | None = None, stamp_roots: Path | None = None, log_only: bool = False, resume: Path | None = None,
    keep: Path | None = None,
) -> Report:  # fmt: skip
    """Verify the settings' ledger (or a copy of it in another `database` of the same server) behind a bar.

    The read models made of it are held against it too, unless the log only is asked for. With `resume` the verification
    goes on from what was kept in that file; `keep` is the file that another one may go on from, written when the log
    is sound. Raises StateRefused.
    """
    if keep is not None:
        _check_writable(keep)
    resumed = None if resume is None else _read(resume)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # A bar that moves by itself is a thread, beside which no helper can be forked; this one moves with each page.
    with Progress(*columns, console=out, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("verifying · 验证", total=None)
        again = bar.add_task("replaying · 重放", total=None, visible=False)
        return bootstrap.verify(
            settings, database=database, signatures=signatures, policy=policy, stamp_roots=stamp_roots,
            log_only=log_only, resumed=resumed, keep=None if keep is None else partial(_write, keep),
            progress=lambda done, size: bar.update(task, completed=done, total=size, refresh=True),
            replaying=lambda done, size: bar.update(again, completed=done, total=size, visible=True, refresh=True),
        )  # fmt: skip


def _read(file: Path) -> State:
    try:
        with file.open("rb") as stored:
            return State.load(stored)
    except OSError as refused:
        message = f"{file} cannot be read: {refused.strerror}"
        raise StateRefused(message, code="state_unreadable") from refused


def _check_writable(file: Path) -> None:
    """Refuse a place where nothing can be kept before the work is done, and not after it."""
    if file.is_dir() or not os.access(file.parent, os.W_OK | os.X_OK):
        raise StateRefused(f"{file} cannot be written", code="state_unwritable")


def _write(file: Path, state: State) -> None:
    """Replace a file as a whole, readable for its owner alone."""
    fresh = file.with_name(f"{file.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stored:  # noqa: PTH123 - a mode
        state.dump(stored)
        stored.flush()
        os.fsync(stored.fileno())
    fresh.replace(file)


def show(report: Report, seconds: float, out: Console, *, strict: bool) -> bool:
    """Print the verdicts and the pace; True when the command ends well."""
    for line in report.lines():
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    good = not report.failed(strict=strict)
    rate = report.size / seconds if seconds else 0
    outcome = STRUCTURE if good and not report.signatures else OUTCOMES[good]
    if not good and not report.failed():
        outcome = NOT_STRICT
    told = f": {report.size:,} events in {seconds:.1f} s, {rate:,.0f} events/s"
    out.print(Text.assemble(outcome, told), soft_wrap=True)
    return good


def command(
    settings: bootstrap.Settings, out: Console, *, strict: bool, signatures: bool = True, policy: Path | None = None,
    stamp_roots: Path | None = None, as_json: bool = False, log_only: bool = False, resume: Path | None = None,
    keep: Path | None = None,
) -> bool:  # fmt: skip
    """Verify and print, for people or as JSON; True when the command ends well."""
    begun = time.monotonic()
    calm_collector()
    bar = console(stderr=True) if as_json else out
    report = verify(
        settings, bar, signatures=signatures, policy=policy, stamp_roots=stamp_roots, log_only=log_only, resume=resume,
        keep=keep,
    )  # fmt: skip
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))  # noqa: T201 - what the command is for
        return not report.failed(strict=strict)
    return show(report, time.monotonic() - begun, out, strict=strict)
