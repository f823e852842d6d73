"""Maintenance in the story: visits whole and by parts, signed, corrected, disputed."""

from __future__ import annotations

from typing import Any, Final

from domain.catalogue import items_due
from domain.maintenance import MaintenanceYear
from tests.support.rehearsal import name
from tests.support.story.cast import Story, digest
from tests.support.story.places import HOME, SECOND

DUE: Final = [item.code for item in items_due("3110", "HM") if item.condition is None]
YEAR: Final = 2026


def opening(story: Story, label: str, lift: str, at: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give the opening of a visit by two workers."""
    workers = [story.agent("worker one"), story.agent("worker two")]
    return {"id": name("visit", label), "lift": lift, "level": "HM", "workers": workers, "opened_at": at} | more


def node(label: str, kind: str, at: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a node of a visit."""
    return {"id": label, "kind": kind, "device_time": at} | more


def whole(story: Story, label: str, lift: str, day: str) -> dict[str, Any]:
    """Give a whole visit from ten to a quarter to eleven."""
    begun = f"{day}T02:00:00.000000Z"
    position = {"lat_e7": 366_500_000, "lon_e7": 1_170_000_000, "crs": "GCJ02"}
    note = {"item": DUE[0], "note": "门锁损坏,已更换", "photo": digest("photo")}
    return {
        "opened": opening(story, label, lift, begun),
        "record": {"nodes": [node("in", "check_in", begun, distance_m=5, position=position)]},
        "items": {"results": {"normal": DUE[1:], "abnormal": [note]}},
        "finished": {"finished_at": f"{day}T02:45:00.000000Z", "photos": [digest("end")]},
    }


def visit(story: Story) -> None:
    """A visit in one body, another by parts, both signed; the first is corrected, then disputed."""
    first = whole(story, "first", HOME, "2026-03-02")
    story.act("worker one", "visit.submit", first)
    story.lines("worker one", "visit.submit", whole(story, "other", SECOND, "2026-03-02"))
    sign(story, "first", HOME)
    corrects = {
        "lift": HOME, "year": YEAR, "visit": name("visit", "first"), "why": "item_result_wrong", "note": "张冠李戴",
    }  # fmt: skip
    story.act("worker one", "visit.correct", {"corrects": corrects, **whole(story, "corrected", HOME, "2026-03-02")})
    disputed = {"lift": HOME, "year": YEAR, "visit": name("visit", "corrected"), "reason": "nobody_came"}
    story.act("manager", "visit.dispute", {**disputed, "statement": "当日无人到场"})
    parts(story)


def parts(story: Story) -> None:
    """Nodes come before the visit is known, then its opening, results and end."""
    at = "2026-03-02T06:00:00.000000Z"
    named = {"lift": SECOND, "year": YEAR, "visit": name("visit", "parts")}
    arrived = node("a", "check_in", at, distance_m=400, worker=story.agent("worker one"))
    story.lines("worker one", "visit.nodes", {**named, "nodes": [arrived], "offline": True})
    story.lines("worker one", "visit.open", opening(story, "parts", SECOND, at, level="TM"))
    again = [node("a", "check_in", at), node("b", "second_check_in", at), node("c", "photo", at, photo=digest("c"))]
    story.act("worker one", "visit.nodes", {**named, "nodes": again})
    absent = [{"item": DUE[0], "reason": "no_such_part"}]
    later = [{"item": DUE[1], "next_on": "2026-06-01"}]
    results = {"normal": DUE[2:], "not_applicable": absent, "not_due": later}
    story.lines("worker one", "visit.items", {**named, "results": results})
    story.lines("worker one", "visit.finish", {**named, "finished_at": "2026-03-02T07:00:00.000000Z"})
    sign(story, "parts", SECOND)


def sign(story: Story, label: str, lift: str) -> None:
    """The use unit's safety administrator signs with his own key."""
    recorded = story.ledger.state(MaintenanceYear, f"{lift}/maintenance:{YEAR}").visit(name("visit", label))
    said = {
        "lift": lift, "year": YEAR, "visit": name("visit", label), "digest": recorded.digest,
        "signed_at": "2026-03-02T08:00:00.000000Z",
    }  # fmt: skip
    story.lines("officer", "visit.countersign", said)
