"""Maintenance visits of many lifts (维保记录清单、汇总): what came of each, what was found of it, who signed it.

What was found is what stood with the events of a visit when they came in, and who of its workers was at another lift at
the same time. What time alone makes amiss, or a later word explains, is judged by the lift's timeline.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired

from typing_extensions import TypedDict

from application.reading.asking import AREA, KNOWN_AT, PAGES, WAIT_FOR, Answer, Asking, Parameter, Question
from application.reading.filters import grouping, only
from application.reading.ports import Found, VisitsAsked
from application.reading.rows import shown
from application.reading.scope import filtered, reach
from application.reading.shapes import Cited, Page, Row
from application.reading.sums import GROUPS_MAX, Quarter
from domain.errors import Invalid
from domain.shapes import AgentName, Code, Count, Instant, LiftName, PartyName, VisitName, name_pattern
from domain.time import civil_midnight
from domain.visits import Level, Year

FILTERS: Final = ("lift", "maintainer", "level", "state")
DATE: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
BY: Final = ("maintainer", "level", "state", "quarter", "finding")
SHOWN: Final = (
    "visit", "lift", "year", "maintainer", "level", "opened_at", "ended_at", "state", "signed_at", "signer",
    "signed_on_behalf_at", "corrects", "corrected_by", "disputes", "findings", "elsewhere",
)  # fmt: skip
SUMS: Final = ("visits", "ended", "countersigned", "signed_on_behalf", "disputed", "with_findings", "corrected")

VisitState = Literal["open", "ended", "signed_on_behalf", "signed", "corrected"]
"""已签到, 已结束(待签字确认), 仅由单位密钥代签, 已签字确认, 已被更正."""


class RegisteredVisit(Row):
    """A visit's record as far as it came in.

    `signer` is the safety administrator who signed with his own key. `findings` are the codes found of its events;
    `elsewhere` are those of its workers who by another record, neither of them corrected, were at another lift at the
    same time. `corrects` and `corrected_by` name the records before and after it.
    """

    visit: VisitName
    lift: LiftName
    year: Year
    maintainer: PartyName
    level: Level
    workers: list[AgentName]
    opened_at: Instant
    ended_at: Instant | None
    state: VisitState
    signed_at: Instant | None
    signer: AgentName | None
    signed_on_behalf_at: Instant | None
    corrects: VisitName | None
    corrected_by: VisitName | None
    disputes: Count
    findings: list[Code]
    elsewhere: list[AgentName]


class VisitList(Page):
    """A page of visits, in the order in which they began."""

    visits: list[RegisteredVisit]


class VisitSums(TypedDict):
    """How many visits there were, and of how many of them that is so; of corrected records only how many they are."""

    visits: Count
    ended: Count
    countersigned: Count
    signed_on_behalf: Count
    disputed: Count
    with_findings: Count
    corrected: Count


class VisitGroup(VisitSums):
    """The sums of a group; it has the members that it was grouped by; `finding` is null of visits without any.

    A visit stands under each of its findings, so that groups of findings come to more than the total.
    """

    maintainer: NotRequired[PartyName]
    level: NotRequired[Level]
    state: NotRequired[VisitState]
    quarter: NotRequired[Quarter]
    finding: NotRequired[Code | None]


class VisitSumsAnswer(Cited):
    """Visits in sums."""

    by: list[Literal["maintainer", "level", "state", "quarter", "finding"]]
    total: VisitSums
    rows: list[VisitGroup]


def listed(asking: Asking) -> Answer:
    """Answer GET /visits: one's own, and those of lifts that one reads, of a past relation those of its time."""
    after = asking.cursor(str, int)
    rows = asking.reads.views.visits(
        _asked(asking), after=None if after is None else (after[0], after[1]), limit=asking.limit + 1
    )
    page, following = asking.paged(rows, lambda row: [row["opened_at"], row["position"]])
    return asking.cited(visits=[_told(row) for row in page], next=following)


def summed(asking: Asking) -> Answer:
    """Answer GET /sums/visits: over the visits that the reader may list. Raises Invalid `groups_too_many`."""
    by, asked, views = grouping(asking, BY, "maintainer"), _asked(asking), asking.reads.views
    rows = views.visit_sums(asked, by=by, limit=GROUPS_MAX + 1)
    if len(rows) > GROUPS_MAX:
        raise Invalid("these are too many groups", code="groups_too_many", maximum=GROUPS_MAX)
    (total,) = views.visit_sums(asked, by=(), limit=1)
    return asking.cited(by=list(by), total=shown(total, SUMS), rows=[shown(row, (*by, *SUMS)) for row in rows])


def _asked(asking: Asking) -> VisitsAsked:
    query = asking.query
    since, until = (civil_midnight(query[name]) if name in query else None for name in ("since", "until"))
    return VisitsAsked(
        asking.known.position, {name: query[name] for name in FILTERS if name in query}, since, until,
        query.get("worker"), query.get("finding"), "elsewhere" in query, filtered(asking), reach(asking, "visit.read"),
    )  # fmt: skip


def _told(row: Found) -> dict[str, Any]:
    return {**shown(row, SHOWN), "workers": row["workers"] or [], "position": row["last"]}


_ASKED: Final = (
    *only(RegisteredVisit, *FILTERS),
    Parameter("worker", "Only those at which this agent worked.", name_pattern("agent", 4)),
    Parameter("finding", "Only those of which this was found.", "^[a-z][a-z0-9_.@-]{0,63}$"),
    Parameter("elsewhere", "`true`: only those of which a worker was at another lift at that time.", "^true$"),
    Parameter("since", "Only those that began on this civil date of Asia/Shanghai or later.", DATE),
    Parameter("until", "Only those that began before this civil date of Asia/Shanghai.", DATE),
    AREA, KNOWN_AT, WAIT_FOR,
)  # fmt: skip

QUESTIONS: Final = (
    Question("visit.list", "/visits", listed, VisitList, (*_ASKED, *PAGES), "Maintenance visits", "维保记录清单"),
    Question(
        "visit.sums", "/sums/visits", summed, VisitSumsAnswer,
        (Parameter("by", f"How rows are grouped: {', '.join(BY)}; several with commas, `maintainer` if not said."),
         *_ASKED),
        "Maintenance visits in sums", "维保记录汇总",
    ),
)  # fmt: skip
