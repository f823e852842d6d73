"""What a record lacks, found when it is read: the second sign-in, the end, a signature that could not be yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.findings import Finding
from domain.maintenance import Visit
from domain.packs import Pack, load_pack
from domain.visit_records import check_second, signed_before, unended

PACK = load_pack("shandong@1")
ONE, TWO, OTHER = "agent:1", "agent:2", "agent:3"
OPENED, ENDED = "2026-03-02T02:00:00.000000Z", "2026-03-02T02:45:00.000000Z"
VISIT = Visit("party:m", "HM", (ONE, TWO), OPENED, "2026-03-02", ENDED)
IN_TIME, LATE = "2026-03-02T02:30:00.999999Z", "2026-03-02T02:30:01.000000Z"
"""Half an hour after the first, and a second more: the pack gives 1,800 seconds."""


def node(kind: str, at: str = OPENED, worker: str | None = None) -> dict[str, Any]:
    """Give a node of a visit."""
    return {
        "id": f"{kind}{at}{worker}",
        "kind": kind,
        "device_time": at,
        **({} if worker is None else {"worker": worker}),
    }


def left_open(rule_id: str) -> Pack:
    """Give the pack with one rule that nobody has fixed."""
    rules = tuple(replace(rule, value="not_fixed") if rule.id == rule_id else rule for rule in PACK.rules)
    return replace(PACK, rules=rules)


def told(findings: list[Finding]) -> list[tuple[str, str, object]]:
    """Give code, verdict and facts."""
    return [(each["code"], each["verdict"], each.get("facts")) for each in findings]


@pytest.mark.parametrize("second", [
    node("second_check_in", IN_TIME), node("check_in", IN_TIME, TWO), node("second_check_in", IN_TIME, TWO),
])  # fmt: skip
@pytest.mark.parametrize("first", [node("check_in"), node("check_in", worker=ONE)])
def test_two_who_came_within_the_time_are_two(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Whether the nodes name them or only say who is the second, and in whatever order they came in."""
    assert check_second(VISIT, [first, second], PACK) == []
    assert check_second(VISIT, [second, node("photo", LATE), first], PACK) == []


@pytest.mark.parametrize("nodes", [
    [node("check_in")], [node("check_in"), node("check_in", LATE)], [node("second_check_in", LATE)],
    [node("check_in", worker=ONE), node("second_check_in", worker=ONE)],
    [node("check_in", worker=ONE), node("check_in", worker=OTHER)],
    [node("check_in", worker=ONE), node("signature", worker=TWO), node("photo", worker=TWO)],
])  # fmt: skip
def test_two_names_and_one_who_came_are_found(nodes: list[dict[str, Any]]) -> None:
    """One man sent and two names signed (佛山案): to be supplied, since the other's phone may still bring his."""
    assert told(check_second(VISIT, nodes, PACK)) == [
        ("second_check_in_missing", "needs_supplement", {"workers": 2})
    ]  # fmt: skip


def test_a_second_who_came_too_late_is_found() -> None:
    """Counted between the first sign-ins of both; that one signed in again later says nothing."""
    nodes = [node("check_in", worker=ONE), node("check_in", LATE, TWO)]
    assert told(check_second(VISIT, nodes, PACK)) == [("second_check_in_late", "information", {"seconds": 1801})]
    assert check_second(VISIT, [*nodes, node("second_check_in", IN_TIME, TWO)], PACK) == []
    assert check_second(VISIT, [node("check_in"), node("second_check_in"), node("check_in", LATE)], PACK) == []


def test_what_says_nothing_of_who_came_is_not_judged() -> None:
    """Neither a record without a sign-in, one that names one worker, one that was corrected, nor where no rule is."""
    one = [node("check_in")]
    assert check_second(VISIT, [node("photo")], PACK) == []
    assert check_second(replace(VISIT, workers=(ONE,)), one, PACK) == []
    assert check_second(replace(VISIT, workers=(ONE, ONE)), one, PACK) == [], "`worker_named_twice` is found of it"
    assert check_second(replace(VISIT, corrected_by="visit:b"), one, PACK) == []
    assert check_second(VISIT, one, None) == []
    assert check_second(VISIT, one, left_open("maintenance.second_worker_seconds_max")) == []
    assert (
        check_second(replace(VISIT, workers=(ONE, TWO, OTHER)), [node("check_in"), node("second_check_in")], PACK) == []
    )


def test_an_end_that_never_came_is_found_when_a_record_would_be_late() -> None:
    """72 hours from the beginning, or from when that was told; then it is to be supplied, also where no pack is."""
    begun, over = replace(VISIT, finished_at=None), "2026-03-05T02:00:01.000000Z"
    for pack in (PACK, None):
        assert unended(begun, OPENED, "2026-03-05T02:00:00.000000Z", pack) == []
        assert told(unended(begun, OPENED, over, pack)) == [("end_missing", "needs_supplement", {"seconds": 259_201})]
    assert unended(begun, ENDED, over, PACK) == [], "its opening came in later than it began"
    told_ahead = "2026-03-01T02:00:00.000000Z"
    assert unended(begun, told_ahead, "2026-03-05T02:00:00.000000Z", PACK) == []
    assert unended(begun, told_ahead, over, PACK) != []
    assert unended(VISIT, OPENED, over, PACK) == []
    assert unended(replace(begun, corrected_by="visit:b"), OPENED, over, PACK) == []
    assert unended(begun, OPENED, over, left_open("maintenance.back_dated_hours_max")) == []


def test_a_signature_of_before_the_record_came_is_told() -> None:
    """For information; clocks may differ by five seconds, and the signature of whoever signed first is asked."""
    came, early, same = "2026-03-02T03:00:06.000000Z", "2026-03-02T03:00:00.000000Z", "2026-03-02T03:00:01.000000Z"
    found = [("signed_before_record", "information", {"seconds": 6})]
    assert told(signed_before(replace(VISIT, signed_at=early), came, PACK)) == found
    assert told(signed_before(replace(VISIT, signed_at=came, behalf_at=early), came, PACK)) == found
    assert signed_before(replace(VISIT, signed_at=same), came, PACK) == []
    assert signed_before(VISIT, came, PACK) == []
    assert signed_before(replace(VISIT, signed_at=early, corrected_by="visit:b"), came, PACK) == []
