"""Use cases of maintenance visits: whole or node by node, corrected by new records; signing: `countersigning`.

Facts are recorded with findings and never refused for what they show (one worker, too short, late, by somebody who
is not the lift's maintainer); commands that would change a record are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.actions import Action, Writes
from application.ruling import ruling
from application.work import Work
from audit import canonical
from domain.aggregate import Aggregate, Event, Statement
from domain.care import Care, records_of
from domain.errors import Conflict
from domain.findings import Finding, finding
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear, Visit, maintenance_stream, visit_named
from domain.packs import Pack, rule_or_own
from domain.parties import Agent
from domain.time import civil_date
from domain.visit_checks import (
    BY_MAINTAINER,
    Worker,
    check_duration,
    check_future,
    check_items,
    check_maintainer,
    check_nodes,
    check_time,
    check_workers,
)
from domain.visits import (
    VisitCorrection,
    VisitFinish,
    VisitItems,
    VisitNodes,
    VisitOpening,
    VisitSubmission,
)

Path = Mapping[str, str]

CATALOGUE = "TSG T5002-2017"
SUBMISSIONS_PER_SAVE = 30
"""A whole visit is eight events at the most, a save 250."""
FINISHES_PER_SAVE = 50
LINES_PER_SAVE = 250


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visit is written: its stream, its lift, the pack of the lift's area on that day.

    `ruled` names the pack and `where` the visit, both for `found`.
    """

    year: MaintenanceYear
    lift: Lift
    pack: Pack | None
    ruled: dict[str, Any]
    where: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Corrected:
    """The record that a new one corrects, who was a worker of it, and when the first record of the visit came in."""

    visit: str
    workers: tuple[str, ...]
    came_at: str


def to_record(work: Work, agents: Sequence[str]) -> dict[str, Agent | None]:
    """Load agents once each to record on; a name that nobody enrolled gives None."""
    found = {name: work.open(Agent, name) for name in agents}
    return {name: agent if agent.version else None for name, agent in found.items()}


def recorded_at(work: Work, stream: str, kind: type[Event], visit: str) -> str:
    """Give when an event of a visit was recorded, which no aggregate keeps; now where that is the same request."""
    stored = work.streams.events(stream)
    return next((e.recorded_at for e in stored if isinstance(e, kind) and visit_named(e) == visit), None) or work.now


def _came_at(work: Work, year: MaintenanceYear, visit: str) -> str:
    """Give when the first record of a visit came in, as far as its corrections lead back in one stream.

    One that never ended was no record of what was done.
    """
    first, seen = visit, {visit}
    while (before := year.visits[first].corrects) in year.visits and before not in seen:
        if year.visits[before].finished_at is None:
            break
        first = before
        seen.add(before)
    return recorded_at(work, year.id, MaintenanceYear.Opened, first)


def _worker(work: Work, agent: Agent | None, on: str) -> Worker | None:
    """Give what the checks need of a worker on a civil date; None for nobody, and for who had left before that day."""
    if agent is None or (agent.left and _left_on(work, agent) < on):
        return None
    return Worker(agent.party, agent.role, agent.certified)


def _left_on(work: Work, agent: Agent) -> str:
    # The aggregate keeps no day, since nobody states one: the log says when the leaving was recorded.
    stored = work.streams.events(agent.id)
    return max(civil_date(e.effective_at or e.recorded_at or work.now) for e in stored if isinstance(e, Agent.Left))


def _begin(
    work: Work, opening: Statement, agents: Mapping[str, Agent | None], corrects: Corrected | None = None
) -> tuple[Place, Visit]:
    """Record `visit.Opened` with what is found of who and when."""
    said = opening.said
    on = civil_date(said["opened_at"])
    lift = work.read(Lift, said["lift"])
    year = work.open(MaintenanceYear, maintenance_stream(lift.id, on))
    year.require_new(said["id"], work.author.party)
    work.source(said, "visit", year.id)
    pack, ruled = ruling(work, lift.area_on(on), on)
    care = Care(records_of(lift, lambda name: work.find(Lift, name)))
    maintainer = work.author.party
    known = {name: _worker(work, agent, on) for name, agent in agents.items()}
    findings = [
        *check_maintainer(maintainer, care.engaged_on(on), lift.status_on(on), pack, on),
        *check_workers(said["workers"], known, maintainer, pack, on),
        *check_time(said["opened_at"], work.now, pack, None if corrects is None else corrects.came_at),
    ]
    found: dict[str, Any] = {"year": int(on[:4]), "findings": findings, **ruled}
    if corrects is not None:
        found["corrects"] = corrects.visit
    year.record(MaintenanceYear.Opened, opening, found)
    where = {"lift": lift.id, "visit": said["id"], "year": found["year"]}
    return Place(year, lift, pack, ruled, where), year.visit(said["id"])


def _record_items(place: Place, visit: Visit, statement: Statement) -> None:
    findings = check_items(place.lift.variety, visit.level, statement.said["results"], place.pack, visit.on)
    found = {**place.where, "catalogue": CATALOGUE, "findings": findings, **(place.ruled if findings else {})}
    place.year.record(MaintenanceYear.ItemsRecorded, statement, found)


def _end(
    place: Place, statement: Statement, agents: Mapping[str, Agent | None], events: Sequence[Event],
    timing: Sequence[Finding], corrects: Corrected | None = None,
) -> None:  # fmt: skip
    """Record `visit.Finished` with the digest that is countersigned, and the visit on each worker's own stream.

    Whoever was a worker of the record that this one corrects is told so, and counts the visit once. `timing` is what
    was found of the end's instant.
    """
    said = statement.said
    name = place.where.get("visit") or said["visit"]
    visit = place.year.visit(name)
    findings = [*check_duration(visit, said["finished_at"], place.pack), *timing]
    if visit.counted is None:
        findings += check_items(place.lift.variety, visit.level, None, place.pack, visit.on)
    digest = visit_digest(name, visit.maintainer, events, said)
    found = {**place.where, "digest": digest, "findings": findings, **place.ruled}
    because = place.year.record(MaintenanceYear.Finished, statement, found)
    worked = {"lift": place.lift.id, "visit": name}
    for agent in agents.values():
        if agent is not None:
            again = corrects is not None and agent.id in corrects.workers
            agent.record(Agent.WorkedOn, because, {**worked, "corrects": visit.corrects} if again else worked)


def visit_digest(name: str, party: str, events: Sequence[Event], finish: Mapping[str, Any]) -> str:
    """Digest what is countersigned: SHA-256 over canonical `[[type, said], …]` of the visit's events up to its end.

    `events` are those of the stream before the end, in order, of which those by the visit's own party count; `finish`
    is the end's `said`. (Before nodes of others were refused, they were in the digest too.)
    """
    own = (event for event in events if event.author.party == party and visit_named(event) == name)
    parts: list[list[Any]] = [[event.TOPIC, event.said] for event in own]
    parts.append([MaintenanceYear.Finished.TOPIC, finish])
    return hashlib.sha256(canonical.encode(parts)).hexdigest()


# ---------------------------------------------------------------------------------------------- a visit in one body


def _whole(work: Work, statement: Statement, corrects: Corrected | None = None) -> None:
    said = statement.said
    opened = said["opened"]
    before = len(work.journal.events)
    agents = to_record(work, opened["workers"])
    opening = statement.part("/opened", opened, opened["opened_at"])
    place, visit = _begin(work, opening, agents, corrects)
    if "record" in said:
        nodes = said["record"]["nodes"]
        duplicates = place.year.duplicates(opened["id"], work.author.party, [node["id"] for node in nodes])
        findings = check_nodes(nodes, duplicates, place.pack)
        findings += check_future(max(node["device_time"] for node in nodes), work.now, place.pack)
        found = {**place.where, "findings": findings, **(place.ruled if findings else {})}
        if duplicates:
            found["duplicates"] = duplicates
        place.year.record(MaintenanceYear.NodesReceived, statement.part("/record", said["record"]), found)
    if "items" in said:
        _record_items(place, visit, statement.part("/items", said["items"]))
    finish = statement.part("/finished", said["finished"], said["finished"]["finished_at"])
    # Nodes that came in earlier under the name of a visit not yet known are not part of what is signed.
    events = [e for e in work.journal.events[before:] if e.originator_id == place.year.id]
    timing = check_future(finish.said["finished_at"], work.now, place.pack)
    _end(place, finish, agents, events, timing, corrects)


def submit(work: Work, statement: Statement, _path: Path) -> None:
    """Record a whole visit; nothing in it is refused but a name in use."""
    work.allow("visit.submit")
    _whole(work, statement)


def correct(work: Work, statement: Statement, _path: Path) -> None:
    """Record a new whole visit that names an old one; both stay. Refuses `corrected_already`.

    The new one may be of another day or lift: also that may have been wrong. It has a name of its own. One that never
    ended is corrected too; nobody has counted it yet, and its opening does not excuse that the record comes late.
    """
    said = statement.said["corrects"]
    year = work.change(MaintenanceYear, maintenance_stream(said["lift"], said["year"]))
    old = year.visit(said["visit"])
    work.allow("visit.correct", self=old.maintainer == work.author.party)
    if old.corrected_by is not None:
        raise Conflict(
            "the record was corrected already; correct the new one",
            code="corrected_already", visit=said["visit"], corrected_by=old.corrected_by,
        )  # fmt: skip
    new = statement.said["opened"]["id"]
    if new == said["visit"]:
        raise Conflict(f"{new} exists already", code="visit_exists", visit=new)
    findings: list[Finding] = []
    ruled: dict[str, Any] = {}
    if old.signed_at is not None or old.behalf_at is not None:
        pack, ruled = ruling(work, work.read(Lift, said["lift"]).area_on(old.on), old.on)
        findings = [finding(rule_or_own(pack, BY_MAINTAINER, old.on), "corrected_after_signature")]
    found = {"corrected_by": new, "findings": findings, **ruled}
    year.record(MaintenanceYear.Corrected, statement.part("/corrects", said), found)
    if old.finished_at is None:
        corrected = Corrected(said["visit"], (), work.now)
    else:
        corrected = Corrected(said["visit"], old.workers, _came_at(work, year, said["visit"]))
    _whole(work, statement, corrected)


def prefetch(work: Work, lines: Sequence[Mapping[str, Any]]) -> None:
    """Load the lifts, years and workers of a group's lines at once; lines are not validated yet."""
    kinds: dict[str, type[Aggregate]] = {}
    for line in lines:
        said = line.get("opened", line)
        if not isinstance(said, dict) or not isinstance(said.get("lift"), str):
            continue
        kinds[said["lift"]] = Lift
        year = said.get("year") or str(said.get("opened_at"))[:4]
        kinds[maintenance_stream(said["lift"], year)] = MaintenanceYear
        workers = said.get("workers")
        kinds.update({w: Agent for w in workers if isinstance(w, str)} if isinstance(workers, list) else {})
    work.prefetch(kinds)


# ------------------------------------------------------------------------------------------------ a visit by parts


def opening(work: Work, statement: Statement, _path: Path) -> None:
    """Record that a visit began."""
    work.allow("visit.open")
    _begin(work, statement, {name: work.find(Agent, name) for name in statement.said["workers"]})


def nodes(work: Work, statement: Statement, _path: Path) -> None:
    """Record nodes of a visit of one's own, known or not yet, ended or not: exactly one event, whatever their order.

    Those that came under the name of a visit before somebody else began it are no part of it.
    """
    said, party = statement.said, work.author.party
    year = work.open(MaintenanceYear, maintenance_stream(said["lift"], said["year"]))
    visit = year.visits.get(said["visit"])
    work.allow("visit.nodes", self=visit is None or visit.maintainer == party)
    came = said["nodes"]
    times = [node["device_time"] for node in came]
    on = civil_date(times[0])
    pack, ruled = ruling(work, work.read(Lift, said["lift"]).area_on(on), on)
    duplicates = year.duplicates(said["visit"], party, [node["id"] for node in came])
    findings = check_nodes(came, duplicates, pack)
    findings += check_future(max(times), work.now, pack) or check_time(min(times), work.now, pack)
    if visit is not None and visit.finished_at is not None:
        findings.append(finding(rule_or_own(pack, BY_MAINTAINER, visit.on), "after_the_end", "information"))
    found: dict[str, Any] = {"findings": findings, **ruled}
    if duplicates:
        found["duplicates"] = duplicates
    year.record(MaintenanceYear.NodesReceived, statement, found)


def _own_visit(work: Work, said: Mapping[str, Any], action: str) -> tuple[Place, Visit]:
    year = work.change(MaintenanceYear, maintenance_stream(said["lift"], said["year"]))
    visit = year.visit(said["visit"])
    work.allow(action, self=visit.maintainer == work.author.party)
    year.unfinished(said["visit"])
    lift = work.read(Lift, said["lift"])
    return Place(year, lift, *ruling(work, lift.area_on(visit.on), visit.on), {}), visit


def items(work: Work, statement: Statement, _path: Path) -> None:
    """Record the item results of an open visit, once; refuses `items_recorded` and `visit_finished`."""
    place, visit = _own_visit(work, statement.said, "visit.items")
    if visit.counted is not None:
        raise Conflict("results were recorded; correct the visit", code="items_recorded", visit=statement.said["visit"])
    _record_items(place, visit, statement)


def finish(work: Work, statement: Statement, _path: Path) -> None:
    """Record the end of an open visit; what was recorded until now is what the use unit will sign."""
    said = statement.said
    place, visit = _own_visit(work, said, "visit.finish")
    agents = to_record(work, visit.workers)
    # The aggregate keeps no contents, so the events are read again; the version it had is asserted with the save.
    stored = [e for e in work.streams.events(place.year.id) if e.originator_version <= place.year.version]
    seen = {e.originator_version for e in stored}
    pending = [e for e in work.journal.events if e.originator_id == place.year.id and e.originator_version not in seen]
    if len(stored) + len(pending) != place.year.version:
        raise Conflict("the visit moved while it was read; try again", code="visit_moved", visit=said["visit"])
    timing = check_time(said["finished_at"], work.now, place.pack)
    _end(place, statement, agents, [*stored, *pending], timing)


_YEAR = "{lift}/maintenance:{year}"
_OPENED = Writes("visit.Opened", _YEAR, "/opened", "/opened_at")
_PARTS = (
    _OPENED,
    Writes("visit.NodesReceived", _YEAR, "/record"),
    Writes("visit.ItemsRecorded", _YEAR, "/items"),
    Writes("visit.Finished", _YEAR, "/finished", "/finished_at"),
)
_WORKED = Writes("agent.WorkedOn", "agent:", derived=True)

ACTIONS = (
    Action(
        "visit.submit", "POST", "/visits", VisitSubmission, submit, (*_PARTS, _WORKED),
        "Record a whole maintenance visit", "登记完整维保记录",
        group_lines=SUBMISSIONS_PER_SAVE, prefetch=prefetch, appends=True,
    ),
    Action(
        "visit.open", "POST", "/visits/open", VisitOpening, opening,
        (Writes("visit.Opened", _YEAR, "", "/opened_at"),), "Begin a maintenance visit", "维保签到开始",
        group_lines=LINES_PER_SAVE, prefetch=prefetch, appends=True,
    ),
    Action(
        "visit.nodes", "POST", "/visits/nodes", VisitNodes, nodes,
        (Writes("visit.NodesReceived", _YEAR),), "Upload nodes of a visit in any order", "上传维保节点(不计顺序)",
        group_lines=LINES_PER_SAVE, prefetch=prefetch, appends=True,
    ),
    Action(
        "visit.items", "POST", "/visits/items", VisitItems, items,
        (Writes("visit.ItemsRecorded", _YEAR),), "Record the item results of a visit", "登记维保项目结果",
        group_lines=LINES_PER_SAVE, prefetch=prefetch, appends=True,
    ),
    Action(
        "visit.finish", "POST", "/visits/finish", VisitFinish, finish,
        (Writes("visit.Finished", _YEAR, "", "/finished_at"), _WORKED), "End a visit", "结束维保",
        group_lines=FINISHES_PER_SAVE, prefetch=prefetch, appends=True,
    ),
    Action(
        "visit.correct", "POST", "/visits/correct", VisitCorrection, correct,
        (Writes("visit.Corrected", _YEAR, "/corrects"), *_PARTS, _WORKED),
        "Correct a visit by a new record; the old one stays", "以新记录更正维保记录(原记录保留)",
    ),
)  # fmt: skip
