"""Changing lifts: identifiers, class, place, status, use unit, safety officer, and merging two records of one lift.

Each change is dated by `effective_on` and may be back-dated: histories keep what was so on which day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from application.actions import Action, Writes
from application.buildings import PLACING, check_venue, leave
from application.covers import clashes_between
from application.identifiers import claim, live_owner, lost, named, opened, release, require_room, weigh
from application.lifts import CLAIMING, RELEASING, keys_of, live_now, move
from application.relations import day_of, to_lift
from application.ruling import ruling
from application.work import Work
from domain.aggregate import Statement
from domain.buildings import Building, Estate
from domain.catalogue import annex_of
from domain.errors import Conflict, Invalid
from domain.identifiers import Identifier
from domain.lift_days import SCRAPPED
from domain.lift_shapes import (
    LiftIdentification,
    LiftMerger,
    LiftMove,
    LiftReclassification,
    LiftStatusChange,
    SafetyOfficerNaming,
    UseUnitNaming,
)
from domain.lifts import Lift
from domain.parties import Agent, Party
from domain.policy_checks import check_merged

Path = Mapping[str, str]


def _open(
    work: Work, statement: Statement, path: Path, action: str, members: Iterable[str] = (), *,
    without: Iterable[str] = (),
) -> Lift:  # fmt: skip
    """Give the lift to be changed, once the author may change these members from that day and its record is open.

    Relations `without` are not enough for what is said.
    """
    lift, on = work.change(Lift, path["lift"]), day_of(work, statement)
    held = to_lift(work, lift, on, lift.last_day(members, on, work.today))
    work.allow(action, **held | dict.fromkeys(without, False))
    lift.require_open()
    return lift


def _dated(work: Work, statement: Statement) -> dict[str, Any]:
    return {"on": work.today} if statement.effective_at is None else {}


def identify(work: Work, statement: Statement, path: Path) -> None:
    """Add identifiers to a lift and withdraw wrong ones; a held claim is claimed again here once its way is free.

    Who maintains it adds what stands on it, and takes nothing away: anybody may say that he maintains a lift.
    """
    said = statement.said
    lift = _open(work, statement, path, "lift.identify", without=("maintains",) if said.get("withdrawn") else ())
    added, withdrawn = keys_of(said.get("identifiers", ())), keys_of(said.get("withdrawn", ()))
    if not added and not withdrawn:
        raise Invalid("nothing is added and nothing withdrawn", code="nothing_said")
    foreign = [index for index, key in enumerate(withdrawn) if key not in lift.identifiers]
    if foreign:
        raise Conflict("the lift has no such identifier", code="identifier_not_its_own", at=f"/withdrawn/{foreign[0]}")
    require_room(lift, added)
    live = lift.live_on(work.today)
    weighed = weigh(work, lift.id, added, live=live)
    found = _dated(work, statement)
    if weighed.held:
        found["findings"] = weighed.findings
    gone = lost(withdrawn, (*(key for key in lift.identifiers if key not in withdrawn), *added))
    settled = [stream for stream in lift.contested if stream in {*weighed.settled, *(named(key)[0] for key in gone)}]
    if settled:
        found["settled"] = settled
    because = lift.record(Lift.Identified, statement, found)
    release(work, lift.id, gone, because, "withdrawn")
    claim(weighed, lift.id, because, live=live)


def reclassify(work: Work, statement: Statement, path: Path) -> None:
    """Change variety, premises class or venue from a day on."""
    said = statement.said
    members = {"variety", "premises_class", "venue"} & said.keys()
    lift = _open(work, statement, path, "lift.reclassify", members)
    if not members:
        raise Invalid("nothing is reclassified", code="nothing_said")
    if "variety" in said:
        annex_of(said["variety"])
    check_venue(said)
    lift.record(Lift.Reclassified, statement, _dated(work, statement))


def relocate(work: Work, statement: Statement, path: Path) -> None:
    """Change where a lift stands, or the area and authority it belongs to (C9)."""
    said = statement.said
    members = {"building", "estate", "area", "authority", "unit_label"} & said.keys()
    lift = _open(work, statement, path, "lift.move", members)
    if not members:
        raise Invalid("nothing is moved", code="nothing_said")
    if "authority" in said:
        work.read(Party, said["authority"])
    found = _dated(work, statement)
    if "building" in said:
        building = work.read(Building, said["building"])
        if "estate" not in said and building.estate is not None:
            found["estate"] = building.estate
    if "estate" in said:
        work.read(Estate, said["estate"])
        if "building" not in said and lift.building is not None:
            # It stands where it stood, unless that building is known to be another estate's.
            known = work.read(Building, lift.building).estate
            found |= {"building": lift.building} if known in {None, said["estate"]} else {}
    before = (lift.building, lift.estate)
    because = lift.record(Lift.Moved, statement, found)
    if before != (lift.building, lift.estate):
        move(work, lift, before, because)


def change_status(work: Work, statement: Statement, path: Path) -> None:
    """Change the status from a day on; scrapping is final, save correction, which is so today already.

    Identifiers are freed and claimed again by what the lift is today: not by what was so before something else was, nor
    by what is to come (who claims them then is told by `weigh` that they are free).
    """
    said = statement.said
    lift, on = work.read(Lift, path["lift"]), day_of(work, statement)
    # To scrap a lift, or to take that back, is a matter of its identifiers too, whatever is known of later days.
    scraps = SCRAPPED in {said["status"], lift.status, lift.status_on(work.today)}
    lift = _open(work, statement, path, "lift.change_status", ["identifiers" if scraps else "status"])
    if said["status"] != SCRAPPED and not lift.live_on(on) and not said.get("correction", False):
        raise Conflict("a scrapped lift stays so unless that was wrong", code="scrapped_final", lift=lift.id)
    was_live, live = lift.live_on(work.today), live_now(work, lift, statement)
    weighed = weigh(work, lift.id, lift.identifiers if live and not was_live else ())
    found = _dated(work, statement)
    if weighed.held:
        found["findings"] = weighed.findings
    settled = [stream for stream in lift.contested if not live or stream in weighed.settled]
    if settled:
        found["settled"] = settled
    because = lift.record(Lift.StatusChanged, statement, found)
    claim(weighed, lift.id, because)
    if not live:
        release(work, lift.id, lift.identifiers, because, SCRAPPED)


def name_use_unit(work: Work, statement: Statement, path: Path) -> None:
    """Name the use unit from a day on, or say that there is none; where none is from then on, a unit names itself.

    It does so from today on at the earliest: what was before is for the lift's holder or supervisor to say.
    """
    named, on = statement.said["use_unit"], day_of(work, statement)
    lift = work.change(Lift, path["lift"])
    itself = named == work.author.party and on >= work.today and lift.vacant_from(on)
    until = lift.last_day(["use_unit"], on, work.today)
    work.allow("lift.name_use_unit", self=itself, **to_lift(work, lift, on, until))
    lift.require_open()
    if named is not None:
        work.read(Party, named)
    lift.record(Lift.UseUnitNamed, statement, _dated(work, statement))


def name_safety_officer(work: Work, statement: Statement, path: Path) -> None:
    """Name the agent of the use unit who answers for the lift's safety."""
    lift = _open(work, statement, path, "lift.name_safety_officer")
    officer = work.read(Agent, statement.said["officer"])
    if officer.party != lift.use_unit_on(day_of(work, statement)):
        raise Conflict("the safety officer acts for the lift's use unit", code="officer_of_other_unit")
    if officer.left:
        raise Conflict("the agent has left", code="agent_left", agent=officer.id)
    lift.record(Lift.SafetyOfficerNamed, statement, _dated(work, statement))


def merge(work: Work, statement: Statement, path: Path) -> None:
    """Let a lift's record go up in another's, which it duplicates: its identifiers pass to it, and so do its claims.

    A claim between the two is settled; one to what a third lift owns is the other's from now on, and held as it was.
    What a scrapped record set free is the other's again; none that is live goes up in a scrapped one. That an interest
    proves insured twice is found.
    """
    said = statement.said
    lift, other = work.change(Lift, path["lift"]), work.change(Lift, said["into"])
    if lift.id == other.id:
        raise Conflict("a lift cannot go up in itself", code="merged_with_itself")
    own, others = (to_lift(work, each, work.today, work.today) for each in (lift, other))
    work.allow("lift.merge", **{relation: holds and others[relation] for relation, holds in own.items()})
    lift.require_open()
    other.require_open()
    live = other.live_on(work.today)
    if not live and lift.live_on(work.today):
        raise Conflict(
            "a lift that is not scrapped cannot go up in one that is", code="merged_into_scrapped", into=other.id
        )
    identifiers = opened(work, lift.identifiers)
    owners = {i.id: live_owner(work, i) for i in identifiers if lift.id in i.contenders}
    passing = [i for i in identifiers if live and (i.owner == lift.id or owners.get(i.id, other.id) is None)]
    had = {i.id for i in identifiers if i.owner != lift.id and i.id not in owners}
    weighed = weigh(work, other.id, (key for key in lift.identifiers if live and named(key)[0] in had))
    for i in identifiers if live else ():
        owner = owners.get(i.id)
        if owner is not None and other.id not in {owner, *i.contenders}:
            weighed.held.append((i, owner))
    pack, ruled = ruling(work, other.area_on(work.today), work.today)
    twice = check_merged(pack, clashes_between(work, lift.id, other.id), work.today)
    because = lift.record(Lift.MergedInto, statement, {"on": work.today})
    settled = [stream for stream in (*(i.id for i in passing), *weighed.settled) if stream in other.contested]
    absorbed: dict[str, Any] = {
        "lift": lift.id, "identifiers": [list(key) for key in lift.identifiers], "settled": settled,
    }  # fmt: skip
    findings = [*weighed.findings, *twice]
    if findings:
        absorbed |= {"findings": findings} | (ruled if twice else {})
    other.record(Lift.Absorbed, because, absorbed)
    for identifier in identifiers:
        if identifier in passing:
            identifier.record(Identifier.Passed, because, {"lift": lift.id, "to": other.id})
        elif identifier.owner == lift.id or identifier.id in owners:
            identifier.record(Identifier.Released, because, {"lift": lift.id, "why": "merged"})
    claim(weighed, other.id, because)
    leave(work, lift.id, lift.building, lift.estate, because)


_ON = "/effective_on"

ACTIONS = (
    Action(
        "lift.identify", "POST", "/lifts/{lift}/identifiers", LiftIdentification, identify,
        (Writes("lift.Identified", "{lift}", "", _ON), *CLAIMING, RELEASING),
        "Add or withdraw identifiers of a lift", "增补或撤回电梯标识",
    ),
    Action(
        "lift.reclassify", "POST", "/lifts/{lift}/class", LiftReclassification, reclassify,
        (Writes("lift.Reclassified", "{lift}", "", _ON),), "Change variety, premises class or venue", "变更电梯类别",
    ),
    Action(
        "lift.move", "POST", "/lifts/{lift}/place", LiftMove, relocate,
        (Writes("lift.Moved", "{lift}", "", _ON), *PLACING), "Change where a lift stands", "变更电梯所在",
    ),
    Action(
        "lift.change_status", "POST", "/lifts/{lift}/status", LiftStatusChange, change_status,
        (Writes("lift.StatusChanged", "{lift}", "", _ON), *CLAIMING, RELEASING),
        "Change a lift's status", "变更电梯状态",
    ),
    Action(
        "lift.name_use_unit", "POST", "/lifts/{lift}/use-unit", UseUnitNaming, name_use_unit,
        (Writes("lift.UseUnitNamed", "{lift}", "", _ON),), "Name the use unit of a lift", "变更使用单位",
    ),
    Action(
        "lift.name_safety_officer", "POST", "/lifts/{lift}/safety-officer", SafetyOfficerNaming, name_safety_officer,
        (Writes("lift.SafetyOfficerNamed", "{lift}", "", _ON),), "Name the safety officer of a lift", "指定电梯安全员",
    ),
    Action(
        "lift.merge", "POST", "/lifts/{lift}/merge", LiftMerger, merge,
        (
            Writes("lift.MergedInto", "{lift}"),
            Writes("lift.Absorbed", "lift:", derived=True),
            Writes("identifier.Passed", "identifier:", derived=True),
            *CLAIMING, RELEASING, PLACING[1], PLACING[3],
        ),
        "Merge two records of one lift", "合并重复电梯",
    ),
)  # fmt: skip
