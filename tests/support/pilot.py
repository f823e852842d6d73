"""A district on a scripted clock behind real HTTP: the demonstration's cast and scenes, as far as a test wants them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from api import bootstrap
from api.client import Client
from api.demo import opening
from api.demo.actors import Cast, assemble
from api.demo.command import CLOCK_PAUSE_S
from api.demo.district import TOWNS, LiftPlan
from api.demo.stage import BEGIN, Clockwork, LiftNote, Stage, events_of
from tests.support.postgres import fresh_database
from tests.support.service import SCRIPTED, Service, serve


@contextmanager
def pilot(postgres: str, folder: Path, begin: date = BEGIN) -> Iterator[tuple[Service, Stage]]:
    """Serve a fresh ledger for the block, with its parties registered, rules adopted and products on sale."""
    with fresh_database(postgres) as url, serve(url, folder, origin=SCRIPTED) as service:
        stage = staged(service)
        stage.clock.move(begin)
        assemble(stage.cast)
        opening.adopt_rules(stage)
        opening.file_products(stage)
        yield service, stage


def staged(service: Service) -> Stage:
    """Give the stage over a service: nobody acts yet."""
    setter = bootstrap.clock_setter(service.settings, service.origin)

    def move(now: str) -> None:
        setter(now)
        time.sleep(CLOCK_PAUSE_S)

    clock = Clockwork(move)
    held = service.administrator.credentials
    administrator = Client.open(service.url, service.origin, held, clock.unix)
    cast = Cast(service.url, service.origin, administrator, clock.unix)
    service.clients += [administrator, cast.client(held)]  # the second closes the connections that the cast shares
    return Stage(cast, clock)


def lift_plans(count: int, site: str = "锦绣花园", a_building: int = 10) -> list[LiftPlan]:
    """Plan so many lifts of one estate's dwellings, past their warranty."""
    return [
        LiftPlan(
            number, f"3110370199{number:010}", f"F{number}", "3110", "residence_commercial_estate", "residential",
            TOWNS[0][0], site, f"{number // a_building}号楼", f"{number % a_building}单元", "2015-06-01", "in_use",
        )
        for number in range(1, count + 1)
    ]  # fmt: skip


def take_over(stage: Stage, plans: Sequence[LiftPlan]) -> list[LiftNote]:
    """Register planned lifts by lines of an import; gives them in their order."""
    rows = [opening.row_of(plan, "commercial", stage) for plan in plans]
    names = {}
    for answer in stage.lines(stage.cast.parties["market"].client, "/lifts/import", rows):
        for event in events_of(answer, "lift.Registered"):
            names[event["stream"]] = event["found"]
    stage.lifts = [
        LiftNote(plan, name, found["building"], found["estate"])
        for plan, (name, found) in zip(plans, names.items(), strict=True)
    ]
    return stage.lifts


def live(stage: Stage, days: int) -> None:
    """Let so many days go by, each with the scenes that are planned for it."""
    for _ in range(days):
        stage.clock.move(stage.clock.today + timedelta(days=1))
        for _, scene in stage.schedule.pop(stage.clock.today, ()):
            scene(stage)
