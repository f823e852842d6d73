"""Lines of a register (台账): what a line that differs from the last one says of other days than that did."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from domain.lift_days import DATED
from domain.lifts import PLACE, PLACES, Lift

SHIFTING = (*DATED, "maintainer", PLACE)
"""Members whose words keep their days."""


def differing(said: Mapping[str, Any], last: Mapping[str, Any]) -> list[str]:
    """Give the members in which a line differs from the last one.

    Since when the status is so is no difference where it is said no longer: nobody says that it was wrong.
    """
    changed = {member for member in {*said, *last} if said.get(member) != last.get(member)}
    if "status" not in changed and "status_since" not in said:
        changed.discard("status_since")
    return sorted(changed)


def moved(lift: Lift, said: Mapping[str, Any], changed: Collection[str], on: str) -> dict[str, list[str]]:
    """Give, by member, the days of which earlier lines said it and the new line, effective on a day, takes that back.

    A line says what a lift is now and since when. So its word on a member takes the place of all that lines said of
    later days. Where only the day differs (`status_since`; `effective_on`, if nothing else that keeps its days does),
    the last line's word moves to it, later as well. Of what other acts said nothing is taken back.
    """
    dated = {"effective_on"} & set(changed) & said.keys()
    alone = not {*SHIFTING, *PLACES} & set(changed)
    found: dict[str, list[str]] = {}
    for member in SHIFTING:
        days = lift.row_days.get(member, ())
        since, later = on, False
        if member == "status" and "status_since" in said:
            since = said["status_since"]
            if {"status", "status_since"}.isdisjoint(changed):
                continue
            later = "status" not in changed
        elif (PLACES if member == PLACE else {member}).isdisjoint(changed):
            if not dated or lift.row_on not in days[-1:]:
                continue
            later = alone
        gone = [day for day in days if day > since]
        if later and days and days[-1] < since and (member != "status" or lift.status_on(days[-1]) == said["status"]):
            gone.append(days[-1])
        if gone:
            found[member] = gone
    return found
