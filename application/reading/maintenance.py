"""Lifts of which maintenance is missing on a day (维保缺失): nobody maintains them, or who does stays away too long.

The read models say which lifts may be among them, and each of these is judged as its timeline judges it: who comes
first to the list and then to the lift finds the same.
"""

from __future__ import annotations

from typing import Final

from typing_extensions import TypedDict

from application.reading.asking import AREA, JUDGED_MAX, PAGES, TIMES, Answer, Asking, Parameter, Question
from application.reading.filters import only
from application.reading.overdue import Missing
from application.reading.ports import Found
from application.reading.schemes import Rules
from application.reading.scope import filtered, reach_at_present
from application.reading.shapes import Page
from domain.catalogue import CYCLES
from domain.findings import Finding
from domain.shapes import AreaCode, EstateName, Instant, LiftName, PartyName
from domain.time import add_days, civil_date, civil_midnight
from domain.visit_checks import limit_of
from domain.visit_gaps import INTERVAL, WITHOUT

FILTERS: Final = ("maintainer", "use_unit", "estate")
MAINTAINER: Final = "maintainer"


class NeglectedLift(TypedDict):
    """A lift in use of which something is missing, and who is to see to it."""

    lift: LiftName
    area: AreaCode
    estate: EstateName | None
    use_unit: PartyName | None
    maintainer: PartyName | None
    missing: list[Finding]


class NeglectedLifts(Page):
    """A page of them; also before the last one it may hold fewer than `limit`, even none."""

    judged_at: Instant
    lifts: list[NeglectedLift]


def neglected(asking: Asking) -> Answer:
    """Answer GET /maintenance/missing: of the lifts whose present the reader may see, those that miss something."""
    position, judged_at, after = asking.known.position, asking.judged_at, asking.cursor(str)
    limit = min(asking.limit, JUDGED_MAX)
    rows = asking.reads.views.unvisited(
        position, judged_at, since=civil_midnight(_since(asking, judged_at)), levels=CYCLES,
        where={name: asking.query[name] for name in FILTERS if name in asking.query}, areas=filtered(asking),
        reach=reach_at_present(asking, "lift.read"), after=None if after is None else after[0], limit=limit + 1,
    )  # fmt: skip
    page, following = asking.paged(rows, lambda row: [row["key"]], limit)
    judged = Missing(asking.reads, position, judged_at)
    judged.fetch(row["key"] for row in page)
    told = ((row, _asked(asking, judged.of_lift(row["key"]))) for row in page)
    return asking.cited(
        judged_at=judged_at, lifts=[_entry(row, missing) for row, missing in told if missing], next=following
    )  # fmt: skip


def _asked(asking: Asking, missing: list[Finding]) -> list[Finding]:
    """Give those of the findings that are of the kind that was asked for: nobody is engaged, or nobody comes."""
    kind = asking.query.get("missing")
    return [each for each in missing if kind in {None, MAINTAINER if each["code"] == WITHOUT else "visit"}]


def _entry(row: Found, missing: list[Finding]) -> Answer:
    shown = {name: row[name] for name in ("area", "estate", "use_unit", "maintainer")}
    return {"lift": row["key"], **shown, "missing": missing}


def _since(asking: Asking, judged_at: str) -> str:
    """Give the first day of which a visit is soon enough wherever the question reaches, by the strictest pack there."""
    today, position = civil_date(judged_at), asking.known.position
    districts = asking.reads.views.districts(position, judged_at, filtered(asking))
    packs = (Rules.of(asking.reads, district, position).pack(today) for district in districts)
    limits = (limit_of(pack, INTERVAL, today) for pack in packs)
    return add_days(today, -min((limit.value for limit in limits if limit is not None), default=0))


QUESTIONS = (
    Question(
        "lift.missing", "/maintenance/missing", neglected, NeglectedLifts,
        (*only(NeglectedLift, *FILTERS), AREA,
         Parameter(
             "missing", "`maintainer`: only those that nobody maintains; `visit`: that nobody came to for too long.",
             values=(MAINTAINER, "visit"),
         ),
         *TIMES, *PAGES),
        "Lifts of which maintenance is missing", "维保缺失清单",
    ),
)  # fmt: skip
