"""`liftledger demo`: makes a ledger on a scripted clock, lives through the year, and shows what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api import bootstrap, credentials, running, verifying
from api.client import Client
from api.connecting import address
from api.demo import erasure, real, report, tampering, year
from api.demo.actors import Cast
from api.demo.clearing import clear
from api.demo.stage import BEGIN, END, Clockwork, Stage
from api.terminal import console

ORIGIN: Final = "scripted.demo.example/pilot"
CLOCK_PAUSE_S: Final = 0.01
"""Longer than workers keep a reading of the scripted clock: a token made sooner could be from their future."""

out = console(markup=True)


def demo(settings: bootstrap.Settings, register: Path | None, size: int | None = None) -> bool:
    """Run the demonstration in `settings.var`; True when all of it verified.

    An older demonstration there makes way, another ledger does not. `size` is the number of the invented district's
    lifts.
    """
    begun = time.monotonic()
    if register is not None:
        real.check_register(register)
    clear(settings, ORIGIN)
    url = address(settings)
    with bootstrap.database_running(settings):
        made = bootstrap.make_ledger(settings, ORIGIN, clock="scripted")
    out.print(f"[bold]LiftLedger[/] · 电梯“保险+服务”账本 · {ORIGIN}", highlight=False)
    with running.running({}, url, ORIGIN):
        stage = _stage(settings, url, made.administrator, register)
        stage.size = size
        lived = _live(stage)
        out.print(
            f"{stage.events:,} events in {stage.requests:,} signed requests, {lived:.1f} s, "
            f"{stage.events / lived:,.0f} events/s over HTTP", highlight=False,
        )  # fmt: skip
        report.show(stage, out)
        erasure.show(stage, settings, out)
    begun_verifying = time.monotonic()
    with bootstrap.database_running(settings):
        found = verifying.verify(settings, out)
        good = verifying.show(found, time.monotonic() - begun_verifying, out, strict=False)
        destroyed = erasure.show_verified(stage, found, out)
        tampering_found = tampering.show(settings, out)
    out.print(f"demonstration: {time.monotonic() - begun:.1f} s; make run serves this ledger", highlight=False)
    return good and destroyed and tampering_found


def _stage(settings: bootstrap.Settings, url: str, administrator: Path, register: Path | None) -> Stage:
    held = credentials.load(administrator)
    setter = bootstrap.clock_setter(settings, ORIGIN)

    def move(now: str) -> None:
        setter(now)
        time.sleep(CLOCK_PAUSE_S)

    clock = Clockwork(move)
    cast = Cast(url, ORIGIN, Client.open(url, ORIGIN, held.credentials, clock.unix), clock.unix)
    if register is not None:
        cast.areas = real.AREAS
    return Stage(cast, clock, register, settings.var)


def _live(stage: Stage) -> float:
    begun = time.monotonic()
    with _bar() as bar:
        task = bar.add_task("2025-11-01", total=(END - BEGIN).days // 2 + 1)

        def tick(title: str, today: object) -> None:
            bar.update(task, description=f"{today} {title or 'maintenance visits':<20}")
            if not title:
                bar.advance(task)

        year.live(stage, tick)
    return time.monotonic() - begun


@contextmanager
def _bar() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as bar:
        yield bar
