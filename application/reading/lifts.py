"""Lifts: the list of those one may see, one lift at both times with its certificates, and its timeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge
from typing_extensions import TypedDict

from application.identifiers import named
from application.projections.folding import begins
from application.reading.asking import AREA, HISTORY, PAGES, TIMES, Answer, Asking, Parameter, Question
from application.reading.coverage import CORE_PART
from application.reading.filters import only
from application.reading.overdue import Missing
from application.reading.ports import Found, Insured
from application.reading.rows import row_name, shown, stood
from application.reading.scope import absorbed, filtered, lies_in, merged_lifts, reach, reach_of_dealings, to_lift
from application.reading.shapes import Cited, Page, Row
from application.reading.sight import Seen, Sight, readable, sight
from domain.errors import Invalid
from domain.findings import Finding
from domain.lift_shapes import HistoricDate, LiftParameters, LiftStatus, PremisesClass, VarietyCode
from domain.lifts import Key, Lift, day_of
from domain.maintenance import MaintenanceYear
from domain.policy_shapes import Interest, Part
from domain.shapes import (
    AgentName,
    AreaCode,
    BuildingName,
    CertificateName,
    CivilDate,
    Code,
    EstateName,
    Fen,
    IdentifierName,
    Instant,
    KeyName,
    LiftName,
    PartyName,
    PolicyName,
)

LIST_FILTERS = ("use_unit", "maintainer", "status", "premises_class", "venue", "estate", "building")
SHOWN = (
    "area", "authority", "venue", "building", "estate", "merged_into", "premises_class", "status", "use_unit",
    "maintainer", "holder", "variety", "held", "unconfirmed",
)  # fmt: skip
DETAILS = (
    "unit_label", "warranty_until", "made_on", "installed_on", "accepted_on", "parameters", "safety_officer",
)  # fmt: skip
"""What a lift's own events say beside what the read models hold."""
COVER = (
    "item", "policy", "number", "interest", "parts", "premises_class", "per_lift_year_fen", "premium_fen", "from_date",
    "ends_on",
)  # fmt: skip
END_MISSING = "end_missing"
"""What stands at a visit's beginning, since it has no end (`domain.visit_records.unended`)."""
ENDS_OF_A_VISIT = {MaintenanceYear.Opened.TOPIC: "id", MaintenanceYear.Finished.TOPIC: "visit"}
"""Where what is missing of a visit stands, and which fact names it there."""
POLICY = ("state", "in_force", "number", "insurer", "from_date", "to_date")


PolicyState = Literal["drafted", "quoted", "proposed", "issued", "cancelled", "lapsed", "voided"]
"""起草, 已报价, 已投保, 已出单, 已退保, 失效, 作废."""


class LiftRow(TypedDict):
    """What a lift is; `held` are its identifiers that another lift owns, waiting for review.

    `unconfirmed` are who maintain it by nobody's word but their own, until whoever answers for it confirms that.
    """

    area: AreaCode
    authority: PartyName | None
    venue: Code | None
    building: BuildingName | None
    estate: EstateName | None
    merged_into: LiftName | None
    premises_class: PremisesClass | None
    status: LiftStatus | None
    use_unit: PartyName | None
    maintainer: PartyName | None
    holder: PartyName
    variety: VarietyCode
    held: list[IdentifierName] | None
    unconfirmed: list[PartyName] | None


class ListedLift(LiftRow, Row):
    """A lift of the list."""

    lift: LiftName


class LiftList(Page):
    """A page of lifts."""

    effective_at: Instant
    lifts: list[ListedLift]


class LiftIdentifier(TypedDict):
    """A number of a lift; `held` while it is another lift's, `stream` is its own record, null where rules refuse it."""

    scheme: str
    issuer: str | None
    value: str
    stream: IdentifierName | None
    held: bool


class LiftState(LiftRow):
    """What a lift is, with what was said of it beside."""

    identifiers: list[LiftIdentifier]
    unit_label: str | None
    warranty_until: HistoricDate | None
    made_on: HistoricDate | None
    installed_on: HistoricDate | None
    accepted_on: HistoricDate | None
    parameters: LiftParameters | None
    safety_officer: AgentName | None


class Certificate(TypedDict):
    """A certificate on a lift and its term from, to; a premium that is another insurer's business is null."""

    certificate: CertificateName
    policy: PolicyName
    number: str | None
    interest: Interest
    parts: list[Part]
    premises_class: PremisesClass | None
    per_lift_year_fen: Fen | None
    premium_fen: Fen | None
    from_date: CivilDate
    ends_on: CivilDate


class PolicyOfCover(TypedDict):
    """The policy that a certificate stands under."""

    state: PolicyState
    in_force: bool
    number: str | None
    insurer: PartyName
    from_date: CivilDate
    to_date: CivilDate


class LiftCover(Certificate):
    """A certificate on the lift; `in_force` says whether it insures, which is its policy's matter as well.

    `lift` is the record on which it stands: the lift's own, or one that was found to be the same lift.
    """

    lift: LiftName
    in_force: bool
    under: PolicyOfCover | None


class LiftAnswer(Cited):
    """A lift and its certificates; `state` is null where nothing was so then by what was known."""

    effective_at: Instant
    lift: LiftName
    state: LiftState | None
    covers: list[LiftCover]


class TimelineEntry(TypedDict):
    """Something that happened: which event, when, by whom, its findings' codes and short facts.

    `facts` are the texts, numbers and truths that the event states; null for whoever may not see them.
    """

    account: LiftName
    position: Annotated[int, Ge(1)]
    number: Annotated[int, Ge(0)]
    stream: str
    seq: Annotated[int, Ge(1)]
    type: str
    effective_at: Instant
    recorded_at: Instant
    party: PartyName
    agent: AgentName | None
    key: KeyName | None
    findings: list[str]
    facts: dict[str, str | int | bool] | None


class Timeline(Page):
    """A page of a lift's timeline (电梯档案); `also` are the lifts that were found to be this one.

    `missing` is told to whoever sees all of its time: nobody maintains it, or who does has not come for too long.
    """

    effective_at: Instant | None
    judged_at: Instant
    lift: LiftName
    also: list[LiftName]
    limited: bool
    missing: list[Finding]
    entries: list[TimelineEntry]


def listed(asking: Asking) -> Answer:
    """Answer GET /lifts: the lifts that the reader may read of that time, with those he had to do with then.

    How a lift is insured is asked by whoever may read all certificates on it, and is as coverage counts it.
    """
    query = asking.query
    where: dict[str, object] = {name: query[name] for name in LIST_FILTERS if name in query}
    if "held" in query:
        where["held"] = True
    views, position, after = asking.reads.views, asking.known.position, asking.cursor(str, str, str)
    areas, more = filtered(asking), asking.limit + 1
    if "insured" in query:
        wanted: Any = query["insured"]
        rows = views.insured(
            position, asking.effective, wanted, part=CORE_PART,
            merged=merged_lifts(asking, position, asking.effective), where=where, areas=areas,
            reach=reach_of_dealings(asking, "cover.read"), after=after, limit=more,
        )  # fmt: skip
    else:
        rows = views.find(
            "lifts", position, effective=asking.effective, where=where, areas=areas,
            reach=reach(asking, "lift.read"), after=after, limit=more,
        )  # fmt: skip
    page, following = asking.paged(rows, row_name)
    return asking.cited(
        effective_at=asking.effective, lifts=[{"lift": row["key"], **stood(row, SHOWN)} for row in page], next=following
    )


def one(asking: Asking) -> Answer:
    """Answer GET /lifts/{lift}: what it is at both times, and the certificates on it with their policies.

    Those on records that went up in it insure it too (C11).
    """
    lift = asking.path["lift"]
    standing = to_lift(asking, lift)
    cut = standing.cut(asking, "lift.read")
    effective, position, views = asking.effective, asking.known.position, asking.reads.views
    if cut is not None and not lies_in(effective, cut.periods):
        raise asking.refused("lift.read")
    states = views.find("lifts", position, effective=effective, where={"key": lift})
    records = [lift, *absorbed(asking, lift, position)]
    covers = views.find("covers", position, effective=effective, where={"lift": records})
    names = sorted({row["policy"] for row in covers})
    policies = {row["key"]: row for row in views.find("policies", position, effective=effective, where={"key": names})}
    dealings = standing.of_dealings()
    user = asking.may("cover.read", dealings.relations) or lies_in(effective, dealings.periods(asking, "cover.read"))
    own = frozenset(names) if user else readable(asking, "cover.read", names)
    return asking.cited(
        effective_at=effective, lift=lift,
        state={**shown(states[0], SHOWN), **_details(asking, lift)} if states else None,
        covers=[
            {
                # Whoever loses a lift to another insurer learns the other's period, not its premium (domain-model C1).
                "lift": row["lift"], **shown(row, COVER),
                "premium_fen": row["premium_fen"] if row["policy"] in own else None,
                "in_force": bool(policies.get(row["policy"], {}).get("in_force")),
                "under": None if row["policy"] not in policies else shown(policies[row["policy"]], POLICY),
            }
            for row in covers
        ],
    )  # fmt: skip


def _details(asking: Asking, lift: str) -> Answer:
    """Give what the lift's events say at both times, from the beginning of their days, as the view does.

    What was first said of it is taken to have been so before.
    """
    position, effective = asking.known.position, asking.effective
    events = [e for e in asking.reads.streams.events(lift) if e.position is not None and e.position <= position]
    dated = sorted(((begins(day_of(e)), e) for e in events[1:]), key=lambda each: each[0])
    later = [event for since, event in dated if since <= effective]
    then, known = Lift(lift), Lift(lift)
    for event in (*events[:1], *later):
        event.apply(then)
    for event in events:
        event.apply(known)
    told = [{"scheme": scheme, "issuer": issuer or None, "value": value, "stream": _stream((scheme, issuer, value))}
            for scheme, issuer, value in then.identifiers]  # fmt: skip
    return {
        "identifiers": [{**each, "held": each["stream"] in known.contested} for each in told],
        **{name: getattr(then, name) for name in DETAILS},
    }


def _stream(key: Key) -> str | None:
    """Give the stream of an identifier; none of one that the rules of today would refuse."""
    try:
        return named(key)[0]
    except Invalid:
        return None


def timeline(asking: Asking) -> Answer:
    """Answer GET /lifts/{lift}/timeline: all that happened; of whoever has to do with it no longer, what was his.

    With `effective_at`, what was effective by then. Findings that time alone brings stand at the end of the visit they
    are of, or at its opening where no end came.
    """
    lift = asking.path["lift"]
    lifts = [lift, *absorbed(asking, lift, asking.known.position)]
    seen = sight(asking, lifts)
    seen.standing.cut(asking, "lift.read")
    after = asking.cursor(int, int)
    rows = asking.reads.views.timeline(
        lifts, asking.known.position, effective=asking.effective_given,
        after=None if after is None else (after[0], after[1]), limit=asking.limit + 1, cut=seen.entries(),
    )  # fmt: skip
    page, following = asking.paged(rows, lambda row: [row["position"], row["number"]])
    judged_at = asking.judged_at
    of_visits = {row["stream"] for row in page if row["type"] in ENDS_OF_A_VISIT}
    judged = Missing(asking.reads, asking.known.position, judged_at)
    missing = {stream: judged.of(stream) for stream in sorted(of_visits)}
    return asking.cited(
        effective_at=asking.effective_given, judged_at=judged_at, lift=lift, also=lifts[1:],
        limited=seen.cut is not None, missing=[] if seen.cut is not None else judged.of_lift(lift),
        entries=[_entry(row, seen, missing) for row in page], next=following,
    )  # fmt: skip


def _entry(row: Found, seen: Sight, missing: Mapping[str, Mapping[str, list[Finding]]]) -> Answer:
    """Give an entry with what is missing of a visit, its facts if the reader may see them."""
    entry = dict(row)
    if named_by := ENDS_OF_A_VISIT.get(row["type"]):
        codes = [finding["code"] for finding in missing[row["stream"]].get(row["facts"].get(named_by), [])]
        begun = row["type"] == MaintenanceYear.Opened.TOPIC
        entry["findings"] = [*row["findings"], *(code for code in codes if (code == END_MISSING) is begun)]
    if not seen.sees(Seen(row["stream"], row["position"], row["party"], row["effective_at"])):
        entry["facts"] = None
    return entry


QUESTIONS = (
    Question(
        "lift.list", "/lifts", listed, LiftList,
        (*only(LiftRow, *LIST_FILTERS),
         AREA,
         Parameter(
             "insured",
             "`none`: not insured against liability, as coverage counts it; `liability`: insured; `liability_only`: by"
             " no policy that promises services. Each lift once; for whoever reads all certificates on it.",
             values=get_args(Insured),
         ),
         Parameter("held", "`true`: only those with an identifier that is another's, held for review.", "^true$"),
         *TIMES, *PAGES),
        "Lifts one has to do with", "电梯清单",
    ),
    Question(
        "lift.read", "/lifts/{lift}", one, LiftAnswer, TIMES, "A lift and its certificates", "电梯及其承保情况"
    ),
    Question(
        "lift.timeline", "/lifts/{lift}/timeline", timeline, Timeline, (*HISTORY, *PAGES), "A lift's timeline",
        "电梯档案时间线",
    ),
)  # fmt: skip
