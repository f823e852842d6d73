"""Checks of a maintenance visit: facts are recorded with findings, never refused for what they show.

Each function is pure: a pack's rule and the facts in, findings out. Where no pack is in force the nationwide rules are
the program's own (`domain.packs.rule_or_own`), so that every finding names one; local numbers are then not checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from domain.catalogue import items_due, maintenance_items, varieties
from domain.errors import Invalid
from domain.findings import Finding, finding
from domain.maintenance import Visit
from domain.packs import NOT_FIXED, Pack, Rule, rule_or_own
from domain.time import SKEW_S_MAX, civil_date, elapsed_seconds

CODES_SHOWN_MAX = 10

BY_MAINTAINER: Final = "maintenance.by_maintainer"
WORKERS: Final = "maintenance.workers"
ITEMS: Final = "maintenance.items"
TIMES: Final = "maintenance.times"
BACK_DATED: Final = "maintenance.back_dated_hours_max"
KNOWN_LATER: Final = ("not_the_maintainer", "lift_not_in_use")
"""What may be known better after a visit came in."""
SIGNED_BY_PERSON: Final = "maintenance.signed_by_person"
COUNTERSIGN: Final = "maintenance.countersign_hours_max"


class Limit(NamedTuple):
    """A rule, and the whole number it sets."""

    rule: Rule
    value: int


def limit_of(pack: Pack | None, rule_id: str, on: str, member: str | None = None) -> Limit | None:
    """Give what the pack's rule in force on a civil date sets, or a member of its table.

    None where there is no pack, no rule, or no number: what is `not_fixed` binds nobody (`domain.packs.NOT_FIXED`),
    and a fact is recorded whatever a pack holds.
    """
    rows = () if pack is None else pack.rules
    rule = next((rule for rule in rows if rule.id == rule_id and rule.in_force(on)), None)
    return None if rule is None else _limit(rule, member)


def _limit(rule: Rule, member: str | None = None) -> Limit | None:
    held = rule.value
    if member is not None:
        held = held.get(member, NOT_FIXED) if isinstance(held, Mapping) else NOT_FIXED
    return Limit(rule, held) if isinstance(held, int) and not isinstance(held, bool) else None


def limit_or_own(pack: Pack | None, rule_id: str, on: str) -> Limit | None:
    """Give what the rule in force sets, else the program's own; None where the pack leaves it open."""
    return _limit(rule_or_own(pack, rule_id, on))


def check_time(device_time: str, now: str, pack: Pack | None, came_at: str | None = None) -> list[Finding]:
    """Compare a device's instant with the ledger's: `in_future`, or `back_dated` past the pack's or our own limit.

    A record that stands in the place of another came when that one came; not if that was before what it tells of.
    """
    if found := check_future(device_time, now, pack):
        return found
    limit = limit_or_own(pack, BACK_DATED, civil_date(device_time))
    came = came_at if came_at is not None and elapsed_seconds(came_at, device_time) <= SKEW_S_MAX else now
    late = elapsed_seconds(device_time, came)
    return [finding(limit.rule, "back_dated", seconds=late)] if limit is not None and late > limit.value * 3600 else []


def check_future(device_time: str, now: str, pack: Pack | None) -> list[Finding]:
    """Check that a device's instant is not after the ledger's, beyond what clocks differ by: `in_future`."""
    early = -elapsed_seconds(device_time, now)
    if early <= SKEW_S_MAX:
        return []
    return [finding(rule_or_own(pack, TIMES, civil_date(device_time)), "in_future", seconds=early)]


class Worker(NamedTuple):
    """What a check needs of an enrolled agent; `certified` says that a certificate number (作业人员证) was stated."""

    party: str
    role: str
    certified: bool


def check_certificate(role: str, *, certified: bool, pack: Pack | None, on: str) -> list[Finding]:
    """Check that a worker's certificate number is stated (T5002 5(八)): `certificate_missing`, to be supplied."""
    if role != "worker" or certified:
        return []
    return [finding(rule_or_own(pack, WORKERS, on), "certificate_missing", "needs_supplement")]


def check_workers(
    workers: Sequence[str], agents: Mapping[str, Worker | None], maintainer: str, pack: Pack | None, on: str
) -> list[Finding]:
    """Check who was there; `agents` gives what is known of each worker, None when unknown or gone by then.

    Codes `one_worker`, `too_few_workers`, `worker_named_twice`, `worker_unknown`, `worker_not_of_maintainer`,
    `worker_of_other_role`, `worker_without_certificate`.
    """
    found: list[Finding] = []
    least = limit_of(pack, "maintenance.workers_min", on)
    distinct = len(set(workers))
    if least is not None and distinct < least.value:
        found.append(finding(least.rule, "one_worker" if distinct == 1 else "too_few_workers", workers=distinct))
    who = rule_or_own(pack, WORKERS, on)
    if distinct < len(workers):
        found.append(finding(who, "worker_named_twice", workers=distinct))
    for worker in dict.fromkeys(workers):
        agent = agents[worker]
        if agent is None:
            found.append(finding(who, "worker_unknown", worker=worker))
        elif agent.party != maintainer:
            found.append(finding(who, "worker_not_of_maintainer", worker=worker))
        elif agent.role != "worker":
            found.append(finding(who, "worker_of_other_role", worker=worker, role=agent.role))
        elif not agent.certified:
            found.append(finding(who, "worker_without_certificate", "needs_supplement", worker=worker))
    return found


def check_maintainer(
    maintainer: str, engaged: Sequence[str], status: str | None, pack: Pack | None, on: str
) -> list[Finding]:
    """Check that the author maintained the lift that day (`not_the_maintainer`), and that it stood in use.

    Of a day before its status was first said nothing is known (None).
    """
    found: list[Finding] = []
    rule = rule_or_own(pack, BY_MAINTAINER, on)
    if maintainer not in engaged:
        found.append(finding(rule, "not_the_maintainer", engaged=engaged[0] if engaged else "none"))
    if status not in {"in_use", "stopped", None}:
        found.append(finding(rule, "lift_not_in_use", "information", status=status))
    return found


def told_since(visit: Visit, found: Collection[str], now: Sequence[Finding], pack: Pack | None) -> list[Finding]:
    """Hold what `check_maintainer` found when a visit came in (`found`) against what it finds by what is known `now`.

    A contract that is told afterwards explains a visit (`explained_since`), or takes its ground away.
    """
    gone = {code for code in KNOWN_LATER if code in found} - {each["code"] for each in now}
    rule = rule_or_own(pack, BY_MAINTAINER, visit.on)
    explained = [finding(rule, "explained_since", "information", found=code) for code in sorted(gone)]
    return [*(each for each in now if each["code"] not in found), *explained]


@cache
def due_codes(variety: str, level: str) -> tuple[frozenset[str], frozenset[str]]:
    """Give the codes of a visit that must have a result, and those that have a time of their own."""
    try:
        due = items_due(variety, level)
    except Invalid:
        return frozenset(), frozenset()
    return frozenset(i.code for i in due if i.condition is None), frozenset(i.code for i in due if i.condition)


@cache
def annex_known(variety: str) -> str | None:
    """Give a variety's annex of T5002; None where none binds or the variety is not in the catalogue."""
    known = varieties().get(variety)
    return None if known is None else known.annex


def check_items(
    variety: str, level: str, results: Mapping[str, Any] | None, pack: Pack | None, on: str
) -> list[Finding]:
    """Check the codes given: `items_missing`, `item_unknown`, `item_of_other_annex`, `item_twice`.

    Items with a time of their own (calibration, rainy season) may be left out.
    """
    given = result_codes(results or {})
    codes = frozenset(given)
    must, _ = due_codes(variety, level)
    found: list[Finding] = []
    rule = rule_or_own(pack, ITEMS, on)
    if missing := must - codes:
        found.append(finding(rule, "items_missing", count=len(missing), items=_shown(missing)))
    known = maintenance_items()
    annex = annex_known(variety)
    if unknown := {code for code in codes if code not in known}:
        found.append(finding(rule, "item_unknown", count=len(unknown), items=_shown(unknown)))
    if annex is not None and (other := {c for c in codes - unknown if c[0] != annex}):
        found.append(finding(rule, "item_of_other_annex", count=len(other), items=_shown(other), annex=annex))
    if len(codes) < len(given):
        found.append(finding(rule, "item_twice", count=len(given) - len(codes)))
    return found


def result_codes(results: Mapping[str, Any]) -> list[str]:
    """Give all codes that have a result, as often as they have one."""
    codes = list(results.get("normal", ()))
    for verdict in ("abnormal", "not_applicable", "not_due"):
        codes.extend([row["item"] for row in results.get(verdict, ())])
    return codes


def _shown(codes: Iterable[str]) -> str:
    return ",".join(sorted(codes)[:CODES_SHOWN_MAX])


def check_duration(visit: Visit, finished_at: str, pack: Pack | None) -> list[Finding]:
    """Check the time on site: `too_short`, or `finished_before_opened`."""
    seconds = elapsed_seconds(visit.opened_at, finished_at)
    if seconds <= 0:
        return [finding(rule_or_own(pack, TIMES, visit.on), "finished_before_opened", seconds=seconds)]
    least = limit_of(pack, "maintenance.visit_minutes_min", visit.on, visit.level)
    if least is None or seconds >= least.value * 60:
        return []
    return [finding(least.rule, "too_short", seconds=seconds, minutes_min=least.value)]


def check_nodes(nodes: Sequence[Mapping[str, Any]], duplicates: Sequence[str], pack: Pack | None) -> list[Finding]:
    """Check nodes: `node_duplicate` for ids known before, `far_from_lift` past the pack's distance when a pack is."""
    found: list[Finding] = []
    on = civil_date(nodes[0]["device_time"])
    if duplicates:
        rule = rule_or_own(pack, TIMES, on)
        found.append(finding(rule, "node_duplicate", "information", count=len(duplicates)))
    far = max((node.get("distance_m", 0) for node in nodes), default=0)
    fence = limit_of(pack, "maintenance.geofence_m_max", on)
    if fence is not None and far > fence.value:
        found.append(finding(fence.rule, "far_from_lift", metres=far))
    return found


def check_signature(visit: Visit, signed_at: str, came_at: str, *, personal: bool, pack: Pack | None) -> list[Finding]:
    """Check a countersignature: `on_behalf` without the signer's own key, `signed_before_end`, `signed_late`.

    The time for it runs from when the record came in (`came_at`): before, nobody could sign.
    """
    found: list[Finding] = []
    if not personal:
        found.append(finding(rule_or_own(pack, SIGNED_BY_PERSON, visit.on), "on_behalf"))
    limit, late = limit_of(pack, COUNTERSIGN, visit.on), elapsed_seconds(came_at, signed_at)
    early = 0 if visit.finished_at is None else -elapsed_seconds(visit.finished_at, signed_at)
    if early > 0:
        found.append(finding(rule_or_own(pack, TIMES, visit.on), "signed_before_end", seconds=early))
    if limit is not None and late > limit.value * 3600:
        found.append(finding(limit.rule, "signed_late", seconds=late))
    return found


def uncountersigned(visit: Visit, came_at: str, now: str, pack: Pack | None) -> list[Finding]:
    """Compute at reading what is missing once the time for the use unit's signature is over (T5002 art. 7).

    `uncountersigned`, or `signed_on_behalf_only` where a company's key has signed and no natural person yet. The time
    runs from when the record came in (`came_at`), whatever end it states.
    """
    if visit.finished_at is None or visit.signed_at is not None or visit.corrected_by is not None:
        return []
    limit, waited = limit_of(pack, COUNTERSIGN, visit.on), elapsed_seconds(came_at, now)
    if limit is None or waited <= limit.value * 3600:
        return []
    if visit.behalf_at is not None:
        return [finding(rule_or_own(pack, SIGNED_BY_PERSON, visit.on), "signed_on_behalf_only", seconds=waited)]
    return [finding(limit.rule, "uncountersigned", seconds=waited)]
