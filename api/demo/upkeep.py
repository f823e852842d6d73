"""Maintenance: every lift under watch is visited each 14 days, countersigned the same day; one record is corrected.

On one day before the rules change and one after it, a few records are countersigned only on the next morning.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any, Final

from api.demo.actors import name_of
from api.demo.opening import maintainer_of, manager_of
from api.demo.stage import BEGIN, LiftNote, Stage, events_of, instant
from domain.catalogue import items_due

CYCLE_DAYS: Final = 14
STEP_DAYS: Final = 2
VISIT_MINUTES: Final = {"HM": 45, "TM": 45, "SM": 60, "OY": 75}
"""How long each level of work takes; the rules have a least time for each."""
BEGUN_FROM: Final = 9
ROUNDS: Final = 5
ROUND_MINUTES: Final = 90
"""Each two workers make their visits of a day one after another from nine o'clock on, and have ended all of them when
the use units sign."""
SIGNED_AT: Final = (17, 0)
"""When the records come in: whoever signs a record before the ledger has it is told to have done so."""
DEEPER: Final = ((24, "OY"), (12, "SM"), (6, "TM"))
"""Every how many visits of a lift one goes deeper: each 12 weeks a quarterly, of which each second is a half-yearly,
and each fourth a yearly one.
"""
ALONE_EACH: Final = 97
"""Every how many visits one is made by one worker alone, which is found."""
SIGNED_NEXT_MORNING: Final = (date(2026, 6, 17), date(2026, 7, 15))
"""Two weeks before the rules change and two weeks after, so that the same lifts are visited on both days."""
NEXT_MORNING_VISITS: Final = 3
AFTERNOON: Final = 14
"""The hour of those days' first visits; they end about 18 hours before the morning's signature."""
MORNING_UTC: Final = 1
"""The hour at which the use units sign then: 9:00 in Shanghai."""


def cohorts(watched: list[LiftNote]) -> list[list[LiftNote]]:
    """Cut the watched lifts into as many cohorts as a cycle has steps."""
    count = CYCLE_DAYS // STEP_DAYS
    return [watched[number::count] for number in range(count)]


def visit_day(stage: Stage, watched: list[LiftNote], pool: ThreadPoolExecutor) -> None:
    """Visit the cohort whose turn it is; each maintainer uploads its visits in one request, use units countersign."""
    step = (stage.clock.today - BEGIN).days // STEP_DAYS
    cohort = cohorts(watched)[step % (CYCLE_DAYS // STEP_DAYS)]
    by_maintainer: dict[str, list[LiftNote]] = {}
    for note in cohort:
        by_maintainer.setdefault(maintainer_of(note), []).append(note)
    uploaded = list(pool.map(lambda item: _upload(stage, item[0], item[1], step), sorted(by_maintainer.items())))
    stage.visits[level_of(step)] += len(cohort)
    done = [pair for notes, finished in uploaded for pair in zip(notes, finished, strict=True)]
    waiting = NEXT_MORNING_VISITS if stage.clock.today in SIGNED_NEXT_MORNING else 0
    _sign(stage, done[waiting:], pool, instant(stage.clock.today, *SIGNED_AT))
    if waiting:
        stage.clock.move(stage.clock.today + timedelta(days=1), MORNING_UTC)
        _sign(stage, done[:waiting], pool, instant(stage.clock.today, 9))
        stage.late.extend((note.name, event["found"]["visit"]) for note, event in done[:waiting])


def _sign(stage: Stage, done: list[tuple[LiftNote, dict[str, Any]]], pool: ThreadPoolExecutor, at: str) -> None:
    to_sign: dict[str, list[dict[str, Any]]] = {}
    for note, event in done:
        to_sign.setdefault(manager_of(note.plan), []).append(_signature(note, event, at))
    list(pool.map(lambda item: _countersign(stage, *item), sorted(to_sign.items())))


def _upload(
    stage: Stage, maintainer: str, notes: list[LiftNote], step: int
) -> tuple[list[LiftNote], list[dict[str, Any]]]:
    party = stage.cast.parties[maintainer]
    lines = [visit_of(stage, maintainer, note, step, number) for number, note in enumerate(notes)]
    found: list[dict[str, Any]] = []
    for answer in stage.lines(party.agent("worker"), "/visits", lines):
        found.extend(events_of(answer, "visit.Finished"))
    if len(found) != len(lines):
        message = f"visits were refused: {stage.refused[-1:]}"
        raise RuntimeError(message)
    return notes, found


def level_of(step: int) -> str:
    """Give the type of a step's visits: half-monthly, or in its turn quarterly, half-yearly or yearly."""
    visit = step // (CYCLE_DAYS // STEP_DAYS)
    return next((level for each, level in DEEPER if visit and visit % each == 0), "HM")


def codes_due(variety: str, level: str) -> list[str]:
    """Give the codes of all items that a visit must look at."""
    return [item.code for item in items_due(variety, level)]


def visit_of(stage: Stage, maintainer: str, note: LiftNote, step: int, number: int) -> dict[str, Any]:
    """Give the whole record of a visit of today: the `number`th of its maintainer in a step of the year."""
    today = stage.clock.today
    workers = [c.credentials.agent for c in stage.cast.parties[maintainer].agents["worker"]]
    pairs = list(zip(workers[::2], workers[1::2], strict=True))
    pair = list(pairs[number % len(pairs)])
    hour, minute = _begun(number // len(pairs) % ROUNDS, number * 7 % 15, late=today in SIGNED_NEXT_MORNING)
    alone = (step + number) % ALONE_EACH == 0
    begun = instant(today, hour, minute)
    visit = name_of("visit")
    level = level_of(step)
    end = _end(today, hour, minute, level)
    return {
        "opened": {
            "id": visit, "lift": note.name, "level": level, "workers": pair[:1] if alone else pair, "opened_at": begun,
        },
        "record": {
            "nodes": [
                {"id": "in", "kind": "check_in", "device_time": begun, "distance_m": 12},
                *([] if alone else [{"id": "second", "kind": "second_check_in", "device_time": begun}]),
                {"id": "photo", "kind": "photo", "device_time": begun, "photo": _digest(visit, "p")},
                {"id": "out", "kind": "check_out", "device_time": end},
            ]
        },
        "items": {"results": {"normal": codes_due(note.plan.variety, level)}},
        "finished": {"finished_at": end, "photos": [_digest(visit, "end")]},
    }  # fmt: skip


def _begun(turn: int, minute: int, *, late: bool) -> tuple[int, int]:
    """Give hour and minute of a pair's visit; its first is late where some are signed next morning."""
    if late and turn == 0:
        return AFTERNOON, minute
    return divmod(BEGUN_FROM * 60 + (turn - late) * ROUND_MINUTES + minute, 60)


def _end(day: date, hour: int, minute: int, level: str) -> str:
    whole = hour * 60 + minute + VISIT_MINUTES[level]
    return instant(day, whole // 60, whole % 60)


def _digest(visit: str, what: str) -> str:
    return hashlib.sha256(f"{visit}{what}".encode()).hexdigest()


def _signature(note: LiftNote, finished: dict[str, Any], at: str) -> dict[str, Any]:
    found = finished["found"]
    return {
        "lift": note.name, "year": found["year"], "visit": found["visit"], "digest": found["digest"],
        "signed_at": at,
    }  # fmt: skip


def _countersign(stage: Stage, manager: str, lines: list[dict[str, Any]]) -> None:
    for answer in stage.lines(stage.cast.parties[manager].agent("safety_administrator"), "/visits/countersign", lines):
        if answer["refused"]:
            message = f"countersignatures were refused: {answer['refused'][:1]}"
            raise RuntimeError(message)


def correct(stage: Stage, watched: list[LiftNote]) -> None:
    """A maintainer corrects a record by a new one that names the old; both stay."""
    note = watched[0]
    maintainer = maintainer_of(note)
    party = stage.cast.parties[maintainer]
    old = visit_of(stage, maintainer, note, 3, 5)
    first = events_of(stage.lines(party.agent("worker"), "/visits", [old])[0], "visit.Finished")[0]["found"]
    new = visit_of(stage, maintainer, note, 3, 5)
    first_item, *others = codes_due(note.plan.variety, new["opened"]["level"])
    abnormal = [{"item": first_item, "note": "机房门锁损坏,已更换"}]
    new["items"] = {"results": {"normal": others, "abnormal": abnormal}}
    stage.visits[new["opened"]["level"]] += 2
    corrected = {
        "corrects": {"lift": note.name, "year": first["year"], "visit": first["visit"], "why": "item_result_wrong"},
        **new,
    }
    stage.post(party.agent("worker"), "/visits/correct", corrected)
    stage.notes["correction"] = (note.name, first["visit"])
