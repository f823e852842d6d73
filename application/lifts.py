"""Registering lifts, one by one or as lines of a register that is imported again and again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from application.actions import Action, Writes
from application.buildings import JOINING, PLACING, building_of, check_venue, estate_of, leave, place
from application.identifiers import claim, lost, named, release, require_room, stream_of, weigh
from application.ids import new_name
from application.relations import day_of
from application.saves import EVENTS_PER_SAVE_MAX
from application.work import Work
from domain.aggregate import Aggregate, Because, Statement
from domain.buildings import Building, Estate
from domain.catalogue import annex_of
from domain.contracts import new_seams
from domain.errors import Conflict, DomainError
from domain.histories import restated
from domain.identifiers import Identifier
from domain.lift_days import SCRAPPED
from domain.lift_shapes import LiftRegistration, LiftRow, PlainLiftRow
from domain.lifts import PLACES, Key, Lift, claim_key
from domain.lines import differing, moved
from domain.parties import Party

Path = Mapping[str, str]

REGISTRATION_LINES_MAX = 25
"""Of 10 events at the most: the lift, 8 identifiers, the building."""
ROW_LINES_MAX = 17
"""Of 14 events at the most: lift, 8 identifiers, building, estate twice, the place left and the new one.

A line that corrects identifiers releases the wrong ones besides; what then finds no room is refused `group_full`.
"""
PLAIN_ROW_LINES_MAX = 50
"""Of 5 events at the most, if it corrects no identifier: lift, identifier, building, the place left and the new one."""

PARTIES_NAMED = ("authority", "use_unit", "maintainer")


def check_row(work: Work, said: Mapping[str, Any]) -> None:
    """Check codes and parties named; raises Invalid `variety_unknown`, `venue_unknown`, NotFound `party_unknown`."""
    annex_of(said["variety"])
    check_venue(said)
    for member in PARTIES_NAMED:
        if member in said:
            work.read(Party, said[member])


def _dated(work: Work, statement: Statement) -> dict[str, Any]:
    """State the day where the author said none: aggregates must not ask when they were recorded."""
    return {"on": work.today} if statement.effective_at is None else {}


def live_now(work: Work, lift: Lift, statement: Statement, gone: Collection[str] = ()) -> bool:
    """Say whether a lift is not scrapped today once its status was stated, and of some days no more.

    Identifiers are free of no other day. Raises Conflict `scrapped_returns`.
    """
    status, since = statement.said["status"], statement.said.get("status_since") or day_of(work, statement)
    lift.require_no_return(status, since, work.today, gone)
    return lift.live_once(status, since, work.today, gone)


def _register(work: Work, statement: Statement, lift: Lift, found: dict[str, Any]) -> None:
    said = statement.said
    live = live_now(work, lift, statement)
    weighed = weigh(work, lift.id, (claim_key(c) for c in said["identifiers"]), live=live)
    if weighed.held:
        found["findings"] = weighed.findings
    because = lift.record(Lift.Registered, statement, found)
    claim(weighed, lift.id, because, live=live)
    place(work, lift.id, lift.building, lift.estate, because)


def register(work: Work, statement: Statement, _path: Path) -> None:
    """Register a lift under the id that its author made; building and estate are known ones."""
    said = statement.said
    work.allow("lift.register")
    check_row(work, said)
    found = _dated(work, statement)
    if "building" in said:
        building = work.read(Building, said["building"])
        if "estate" not in said and building.estate is not None:
            found["estate"] = building.estate
    if "estate" in said:
        work.read(Estate, said["estate"])
    lift = work.new(Lift, said["id"])
    work.source(said, "lift", lift.id)
    _register(work, statement, lift, found)


# ------------------------------------------------------------------------------------------------ imported lines


def take_row(work: Work, statement: Statement, _path: Path) -> None:
    """Take over a line of a register: unknown by its source it registers a lift, changed it corrects it, else nothing.

    Raises Conflict `group_full` when the save has no room for the line: it is to be sent again in another request.
    """
    said = statement.said
    work.allow("lift.import")
    known = work.known_source(said["source"], "lift")
    if known is None:
        _new_row(work, statement)
    elif work.read(Lift, known).row != said:
        _changed_row(work, statement, work.change(Lift, known))
    if len(work.journal.events) > EVENTS_PER_SAVE_MAX:
        raise Conflict("the save has no room for this line: send it again", code="group_full")


def _new_row(work: Work, statement: Statement) -> None:
    said = statement.said
    check_row(work, said)
    lift = work.new(Lift, new_name("lift"))
    work.source(said, "lift", lift.id)
    found = {"lift": lift.id, **_dated(work, statement), **_places(work, statement, None)}
    _register(work, statement, lift, found)


def _places(work: Work, statement: Statement, last: Mapping[str, Any] | None) -> dict[str, Any]:
    """Find or begin building and estate of a line; a building's known estate is the lift's too."""
    row = last or {}
    estate = estate_of(work, statement, row.get("estate"))
    building = building_of(work, statement, row.get("building"), estate)
    if building is not None and estate is None:
        estate = work.read(Building, building).estate
    places = {"building": building, "estate": estate}
    return {member: name for member, name in places.items() if name is not None}


def _changed_row(work: Work, statement: Statement, lift: Lift) -> None:
    said, last = statement.said, lift.row or {}
    lift.require_open()
    check_row(work, said)
    on, changed = day_of(work, statement), differing(said, last)
    shifted = moved(lift, said, changed, on)
    found: dict[str, Any] = {"lift": lift.id, "changed": changed, "moved": shifted, **_dated(work, statement)}
    elsewhere = not PLACES.isdisjoint(changed)
    if elsewhere:
        found |= _places(work, statement, last)
    was_live, live = lift.live_on(work.today), lift.live_on(work.today)
    if not {"status", "status_since"}.isdisjoint({*changed, *shifted}):
        live = live_now(work, lift, statement, shifted.get("status", ()))
    told = [claim_key(c) for c in said["identifiers"]] if "identifiers" in changed else []
    gone = _withdrawn(lift, last, told) if told else []
    found["withdrawn"] = [list(key) for key in gone]
    require_room(lift, told, gone)
    if live and not was_live:
        told = [*(key for key in lift.identifiers if key not in gone), *told]
    weighed = weigh(work, lift.id, told, live=live)
    findings = weighed.findings
    if "maintainer" in {*changed, *shifted}:
        after = restated(lift.maintenance, shifted.get("maintainer", ()), on, said.get("maintainer"))
        findings += new_seams(lift.id, lift.maintenance, after, "")
    if findings:
        found["findings"] = findings
    if lift.contested:
        over = {*weighed.settled, *(named(key)[0] for key in gone)}
        found["settled"] = [s for s in lift.contested if not live or s in over]
    before, owned = (lift.building, lift.estate), lift.identifiers
    because = lift.record(Lift.Corrected, statement, found)
    claim(weighed, lift.id, because, live=live)
    release(work, lift.id, gone, because, "withdrawn")
    if not live:
        release(work, lift.id, owned, because, SCRAPPED)
    if elsewhere and before != (lift.building, lift.estate):
        move(work, lift, before, because)


def _withdrawn(lift: Lift, last: Mapping[str, Any], told: Iterable[Key]) -> list[Key]:
    """Give the lift's identifiers that its last line had and the new one has not, however they were written.

    What other acts said of its identifiers stays.
    """
    gone = {named(key)[0] for key in lost((claim_key(said) for said in last.get("identifiers", ())), told)}
    return [key for key in lift.identifiers if named(key)[0] in gone]


def move(work: Work, lift: Lift, before: tuple[str | None, str | None], because: Because) -> None:
    """Record on the places left and entered that the lift moved."""
    old, new = before, (lift.building, lift.estate)
    if old[0] is not None and old[0] == new[0]:
        return
    leave(work, lift.id, *old, because)
    place(work, lift.id, *new, because)


# ------------------------------------------------------------------------------------------------ loading at once


def prefetch(work: Work, lines: Sequence[Mapping[str, Any]]) -> None:
    """Load what the lines of a group will ask for: numbers, then lifts, then what new and changed lines touch."""
    rows = [row for row in lines if _number(row, "lift")]
    work.known_sources(n for row in rows for kind in _KINDS if (n := _number(row, kind)) is not None)
    lifts = [work.known_source(row["source"], "lift") for row in rows]
    work.prefetch({name: Lift for name in lifts if name is not None})
    wanted: dict[str, type[Aggregate]] = {}
    for row, name in zip(rows, lifts, strict=True):
        if name is None or work.read(Lift, name).row != {m: v for m, v in row.items() if m != "salt"}:
            wanted.update(_touched(work, row))
    work.prefetch(wanted)


def prefetch_registrations(work: Work, lines: Sequence[Mapping[str, Any]]) -> None:
    """Load what the registrations of a group will ask for."""
    work.prefetch({name: kind for row in lines for name, kind in _touched(work, row)})


_KINDS: Mapping[str, type[Aggregate]] = {"lift": Lift, "building": Building, "estate": Estate}


def _number(row: Mapping[str, Any], kind: str) -> tuple[str, str, str] | None:
    """Give the author's number in a line that was not checked yet; None where it has none that can be read."""
    holder = row if kind == "lift" else row.get(kind)
    source = holder.get("source") if isinstance(holder, dict) else None
    if not isinstance(source, dict):
        return None
    system, number = source.get("system"), source.get("id")
    return (system, kind, number) if isinstance(system, str) and isinstance(number, str) else None


def _touched(work: Work, row: Mapping[str, Any]) -> Iterable[tuple[str, type[Aggregate]]]:
    for kind in ("building", "estate"):
        if isinstance(row.get(kind), str):
            yield row[kind], _KINDS[kind]
        elif _number(row, kind) is not None:
            name = work.known_source(row[kind]["source"], kind)
            if name is not None:
                yield name, _KINDS[kind]
    for member in PARTIES_NAMED:
        if isinstance(row.get(member), str):
            yield row[member], Party
    identifiers = row.get("identifiers")
    for said in identifiers if isinstance(identifiers, list) else ():
        try:
            yield stream_of(said), Identifier
        except (DomainError, KeyError, TypeError, AttributeError):
            continue  # the line will be refused when it is checked


def keys_of(claims: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Give identifier claims as keys; raises what `named` raises for the first that is malformed."""
    keys = [claim_key(c) for c in claims]
    for key in keys:
        named(key)
    return keys


CLAIMING = (
    Writes("identifier.Claimed", "identifier:", derived=True),
    Writes("identifier.Contested", "identifier:", derived=True),
)
RELEASING = Writes("identifier.Released", "identifier:", derived=True)

_ROW_WRITES = (
    Writes("lift.Registered", "{lift}", "", "/effective_on"),
    Writes("lift.Corrected", "{lift}", "", "/effective_on"),
    Writes("building.Described", "{building}", "/building"),
    *CLAIMING, RELEASING, *PLACING[:2],
)  # fmt: skip

ACTIONS = (
    Action(
        "lift.register", "POST", "/lifts", LiftRegistration, register,
        (Writes("lift.Registered", "{id}", "", "/effective_on"), *CLAIMING, PLACING[0], PLACING[2]),
        "Register a lift", "登记电梯", group_lines=REGISTRATION_LINES_MAX,
        prefetch=prefetch_registrations,
    ),
    Action(
        "lift.import", "POST", "/lifts/import", LiftRow, take_row,
        (*_ROW_WRITES, Writes("estate.Described", "{estate}", "/estate"), *PLACING[2:], *JOINING),
        "Take over lines of a register of lifts", "导入电梯台账", group_lines=ROW_LINES_MAX, prefetch=prefetch,
    ),
    Action(
        "lift.import_plain", "POST", "/lifts/import/plain", PlainLiftRow, take_row, (*_ROW_WRITES, PLACING[3]),
        "Take over lines of a register with one identifier and no estate", "导入电梯台账(单一标识)",
        group_lines=PLAIN_ROW_LINES_MAX, prefetch=prefetch,
    ),
)  # fmt: skip
