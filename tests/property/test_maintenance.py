"""Laws of maintenance: whatever was told of lifts, contracts and visits is judged as the law has it.

The model (`tests.support.naiveupkeep`) goes day by day through all that was known; the product has to say the same of
who maintains a lift, of each visit when it is recorded, and of what is missing at any time by any knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.projections.batch import Held, Place, Plan, apply
from application.projections.folding import begins
from application.projections.lifts import LIFTS
from domain.aggregate import Event
from domain.maintenance import MaintenanceYear
from tests.support.history import Told, logged
from tests.support.naiveupkeep import Naive, Visited, ordinal, text
from tests.support.upkeeping import MAINTAINERS, MINUTES, RECORDS, WORKERS, World

who = st.sampled_from([0, 0, 0, 1, 1, 2])
record = st.sampled_from([RECORDS[0], RECORDS[0], RECORDS[0], RECORDS[1]])
level = st.sampled_from(["full", "full", "labour", "on_demand"])
cycle = st.sampled_from(["HM", "HM", "HM", "HM", "TM", "SM", "OY", "FM"])
hours = st.sampled_from([(2, 0), (2, 0), (15, 59), (16, 0), (23, 30)])
back = st.sampled_from([0, 0, 0, 0, 1, 3, 4, 10, 25, -1])
which = st.integers(0, 5)

VISIT = st.tuples(st.just("visit"), st.integers(0, 20), who, record, back, hours, cycle, who, st.booleans())
IN_ORDER = st.tuples(
    st.just("visit"), st.integers(13, 17), st.sampled_from([0, 0, 0, 1]), st.just(RECORDS[0]), st.just(0),
    st.just((2, 0)), cycle, st.just(0), st.just(True),
)  # fmt: skip
BEGIN_ = st.tuples(
    st.just("begin"), who, st.booleans(), st.sampled_from([RECORDS[:1], RECORDS[:1], RECORDS[1:], RECORDS]),
    st.integers(-40, 20), st.one_of(st.none(), st.integers(1, 60)), level,
)  # fmt: skip
CHANGE = st.tuples(
    st.just("change"), which, st.booleans(), st.sampled_from(["joined", "left", "left", "until", "level", "end"]),
    record, st.integers(-30, 30), level,
)  # fmt: skip
RARE = st.one_of(
    st.tuples(st.just("adopt"), st.integers(0, 1), st.integers(-60, 20)),
    st.tuples(st.just("merge"), st.sampled_from([0, 1])),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 15, 16, 40, 100, 200]), st.sampled_from([2, 15, 16])),
    st.tuples(st.just("finish"), which, st.sampled_from([0, 20, 45])),
    st.tuples(st.just("series"), st.integers(3, 8)),
)  # fmt: skip
STATUS = st.tuples(
    st.just("status"), record, st.integers(-20, 3),
    st.sampled_from(["in_use", "in_use", "in_use", "stopped", "stopped", "scrapped"]),
)  # fmt: skip
CORRECT = st.tuples(st.just("correct"), which, st.integers(0, 20), record, back, hours, cycle)
SIGN = st.tuples(st.just("sign"), which, st.sampled_from([0, 1, 30, 80]), st.booleans())
STEPS = st.one_of(VISIT, IN_ORDER, IN_ORDER, IN_ORDER, BEGIN_, CHANGE, CHANGE, STATUS, CORRECT, SIGN, RARE)
ACTS = st.lists(STEPS, min_size=1, max_size=3)
BEGUN = st.tuples(
    st.just("begin"), who, st.booleans(), st.just(RECORDS), st.integers(-40, 0), st.none(), level
)  # fmt: skip
WOUND_UP = st.tuples(
    BEGUN,
    st.tuples(st.just("change"), st.just(0), st.booleans(), st.just("left"), record, st.integers(-9, 30), level),
    st.tuples(
        st.just("change"), st.just(0), st.booleans(), st.sampled_from(["end", "until", "joined"]), record,
        st.integers(-20, 20), level,
    ),
    CHANGE,
).map(list)  # fmt: skip
"""A contract that lifts leave, perhaps on a day to come, and that ends, is shortened, or is joined again."""
MADE_ONE = st.tuples(
    BEGIN_, st.tuples(st.just("merge"), st.sampled_from([0, 1])), IN_ORDER, VISIT, BEGIN_, IN_ORDER
).map(list)  # fmt: skip
"""Two records of one lift, in somebody's care by one of them, or by both, before and after that was found."""
SEASON = st.tuples(BEGUN, st.tuples(st.just("series"), st.integers(3, 8)), CHANGE, STATUS, IN_ORDER).map(list)
"""Visits by the half-month alone, on whatever terms."""
HISTORIES = st.lists(
    st.one_of(ACTS, ACTS, ACTS, WOUND_UP, MADE_ONE, SEASON), min_size=2, max_size=7
).map(lambda acts: [("adopt", 0, -60), *(step for act in acts for step in act)])  # fmt: skip

REFUSED = {
    "contract.change contract_ended", "contract.end contract_ended", "contract.change lifts_of_contract",
    "contract.change period_empty", "contract.change before_contract", "contract.change outside_contract",
    "contract.end outside_contract", "contract.change right_missing", "contract.end right_missing",
    "contract.begin lift_merged", "contract.change lift_merged",
    "lift.change_status lift_merged", "lift.change_status scrapped_final", "lift.change_status scrapped_returns",
    "lift.merge lift_merged", "lift.merge merged_into_scrapped", "visit.correct corrected_already",
    "visit.finish visit_finished", "visit.finish visit_corrected", "visit.countersign countersigned_already",
    "visit.countersign visit_unfinished", "visit.countersign visit_corrected",
}  # fmt: skip
"""What may be refused: a command that makes no sense, never a fact for what it shows."""


def play(world: World, step: Sequence[Any]) -> None:
    """Take one step, and hold what is found of a visit against the model."""
    kind, *rest = step
    names = sorted(world.naive().visits)
    if kind == "wait":
        world.wait(*rest)
    elif kind == "series":
        for _ in range(rest[0]):
            _visit(world, "visit", [14, 0, RECORDS[0], 0, (2, 0), "HM", 0, True], names)
    elif kind in {"visit", "correct"}:
        _visit(world, kind, rest, names)
    elif kind == "finish" and names:
        name, minutes = names[rest[0] % len(names)], rest[1]
        events = world.finish(name, minutes)
        if events is not None:
            _held_against(world, name, events)
    elif kind == "sign" and names:
        world.countersign(names[rest[0] % len(names)], rest[1], personal=rest[2])
    elif kind in {"status", "adopt", "begin", "change", "merge"}:
        getattr(world, kind)(*rest)


def _visit(world: World, kind: str, rest: Sequence[Any], names: Sequence[str]) -> None:
    old, waits, *_ = (None, *rest[:1]) if kind == "visit" else (rest[0], rest[1])
    world.wait(waits, 4)
    if kind == "visit":
        _, author, of, days, (hour, minute), deep, crew, whole = rest
        corrects = None
    elif names:
        _, _, of, days, (hour, minute), deep = rest
        corrects, whole = names[(old or 0) % len(names)], True
        author = [m.party for m in MAINTAINERS].index(world.naive().visits[corrects].party)
        crew = author
    else:
        return
    at = (world.now - timedelta(days=days)).replace(hour=hour, minute=minute)
    workers = WORKERS[crew][: 1 if minute else 2]
    events = world.visit(author, of, at, 45 if hour != 23 else 20, deep, workers, corrects, whole=whole)
    if events is not None:
        _held_against(world, world.naive().facts_of_last(), events)


def _held_against(world: World, name: str, events: Sequence[Event]) -> None:
    """Check all that the product found when a record came in."""
    naive = world.naive()
    visit = naive.visits[name]
    found = {
        kind: sorted(f["code"] for e in events if isinstance(e, kind) for f in e.found["findings"])
        for kind in (MaintenanceYear.Opened, MaintenanceYear.Finished)
    }
    if any(isinstance(e, MaintenanceYear.Opened) for e in events):
        assert found[MaintenanceYear.Opened] == sorted(_of_opening(naive, visit))
    if visit.finished is not None:
        whole = any(isinstance(e, MaintenanceYear.Opened) for e in events)
        assert found[MaintenanceYear.Finished] == sorted(_of_end(naive, visit, whole=whole))


def _of_opening(naive: Naive, visit: Visited) -> list[str]:
    pack = naive.pack(visit.day)
    own = WORKERS[[m.party for m in MAINTAINERS].index(visit.party)]
    found = [*naive.amiss(visit), *("worker_not_of_maintainer" for w in visit.workers if w not in own)]
    if pack is not None and len(visit.workers) < pack.workers_min:
        found.append("one_worker")
    return [*found, *_of_time(visit.opened, naive.first_came(visit))]


def _of_time(at: datetime, came: datetime) -> list[str]:
    if at - came > timedelta(seconds=5):
        return ["in_future"]
    return ["back_dated"] if came - at >= timedelta(hours=72, seconds=1) else []


def _of_end(naive: Naive, visit: Visited, *, whole: bool) -> list[str]:
    assert visit.finished is not None
    assert visit.finish_came is not None
    found = [] if visit.level == "FM" else ["items_missing"]
    length = visit.finished - visit.opened
    if length <= timedelta(0):
        found.append("finished_before_opened")
    elif naive.pack(visit.day) is not None and length < timedelta(minutes=MINUTES[visit.level]):
        found.append("too_short")
    timing = _of_time(visit.finished, visit.finish_came)
    return found + [code for code in timing if code == "in_future" or not whole]


def _expected(naive: Naive, visit: Visited, at: datetime) -> list[tuple[str, str, int]]:
    found = [(code, "manual_review" if "behalf" in code else "information", 0) for code in naive.unsigned(visit, at)]
    found += [("end_missing", "needs_supplement", 0)] * naive.unended(visit, at)
    if visit.finished is None or visit.finish_came is None or min(visit.finished, visit.finish_came) > at:
        return found
    found += [("signed_before_record", "information", 0)] * naive.signed_early(visit, at)
    now = naive.amiss(visit)
    checked = {"not_the_maintainer", "lift_not_in_use"}
    found += [(c, "manual_review" if c[0] == "n" else "information", 0) for c in now if c not in visit.flagged]
    found += [("explained_since", "information", 0) for c in visit.flagged if c in checked and c not in now]
    return sorted(found + naive.gaps(visit))


def _read(world: World, known: int, at: datetime) -> None:
    """Hold everything that is computed at reading against the model."""
    naive, missing = world.naive(known), world.missing(known, at)
    expected = {name: _expected(naive, visit, at) for name, visit in naive.visits.items()}
    assert missing == {name: found for name, found in expected.items() if found}
    uncared = world.uncared(known, at)
    assert uncared == {record: naive.care(record, at) if record in naive.lifts else [] for record in RECORDS}


def _days(world: World) -> None:
    """Hold who maintains each record on each day, in the aggregate and in the view of lifts, against the model."""
    naive = world.naive()
    told = [
        Told(e.originator_id, e.TOPIC, e.said, e.found, e.effective_at, e.author.party)
        for e in world.book.log if e.originator_id in RECORDS
    ]  # fmt: skip
    held: dict[Place, Held] = {}
    assert not apply(Plan.of((LIFTS,)), logged(told), held, set()).parked
    columns = [column.name for column in LIFTS.columns]
    for name in RECORDS:
        lift, rows = world.lift(name), held[LIFTS.name, name].rows
        for day in range(ordinal(world.now) - 150, ordinal(world.now) + 60, 3):
            on = text(day)
            maintainers = naive.maintainers(name, day)
            assert set(lift.maintainers_on(on)) == maintainers
            assert lift.status_on(on) == naive.status(name, day)
            for row in (r for r in rows if r.effective_from <= begins(on) < (r.effective_to or "9")):
                told_of = dict(zip(columns, row.values, strict=True))
                others: Any = told_of["co_maintainers"] or ()
                assert {told_of["maintainer"], *others} - {None} == maintainers
                assert told_of["status"] == naive.status(name, day)


@settings(max_examples=15)
@given(steps=HISTORIES, data=st.data())
def test_maintenance_is_judged_as_the_law_has_it(steps: list[Sequence[Any]], data: st.DataObject) -> None:
    """Of every visit when it comes in; of every day; of what is missing, at every knowledge and at any instant."""
    world = World()
    for step in steps:
        play(world, step)
    assert set(world.refused) <= REFUSED
    _days(world)
    for fact in world.facts[2:]:
        at = world.now - timedelta(hours=data.draw(st.sampled_from([0, 0, 20, 24 * 15, 24 * 40])))
        _read(world, fact.position, at)
