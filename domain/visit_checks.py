"""Checks of a maintenance visit: facts are recorded with findings, never refused for what they show.

Each function is pure: a pack's rule and the facts in, findings out. Where no pack is in force the nationwide rules are
the program's own (`domain.packs.rule_or_own`), so that every finding names one; local numbers are then not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from domain.catalogue import CYCLES, items_due, maintenance_items, varieties
from domain.errors import Invalid, NotFound
from domain.findings import Finding, finding
from domain.maintenance import Visit
from domain.packs import Pack, Rule, rule_or_own
from domain.time import civil_date, days_between, elapsed_seconds

CODES_SHOWN_MAX = 10

BY_MAINTAINER: Final = "maintenance.by_maintainer"
WORKERS: Final = "maintenance.workers"
ITEMS: Final = "maintenance.items"
TIMES: Final = "maintenance.times"
BACK_DATED: Final = "maintenance.back_dated_hours_max"
SIGNED_BY_PERSON: Final = "maintenance.signed_by_person"


def rule_of(pack: Pack | None, rule_id: str, on: str) -> Rule | None:
    """Give the pack's rule in force on a civil date, or None: facts are recorded also where no rule is."""
    if pack is None:
        return None
    try:
        return pack.rule(rule_id, on)
    except NotFound:
        return None


def check_time(device_time: str, now: str, pack: Pack | None = None) -> list[Finding]:
    """Compare a device's instant with the ledger's: `in_future`, or `back_dated` past the pack's or our own limit."""
    late, on = elapsed_seconds(device_time, now), civil_date(device_time)
    if late < 0:
        return [finding(rule_or_own(pack, TIMES, on), "in_future", seconds=-late)]
    rule = rule_or_own(pack, BACK_DATED, on)
    return [finding(rule, "back_dated", seconds=late)] if rule.fixed and late > rule.integer() * 3600 else []


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
    rule = rule_of(pack, "maintenance.workers_min", on)
    distinct = len(set(workers))
    if rule is not None and rule.fixed and distinct < rule.integer():
        found.append(finding(rule, "one_worker" if distinct == 1 else "too_few_workers", workers=distinct))
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
    """Check that the author maintained the lift that day (`not_the_maintainer`), and that it stood in use."""
    found: list[Finding] = []
    rule = rule_or_own(pack, BY_MAINTAINER, on)
    if maintainer not in engaged:
        found.append(finding(rule, "not_the_maintainer", engaged=engaged[0] if engaged else "none"))
    if status not in {"in_use", "stopped"}:
        found.append(finding(rule, "lift_not_in_use", "information", status=status or "unknown"))
    return found


def check_interval(last_on: str | None, on: str, level: str, pack: Pack | None) -> list[Finding]:
    """Check the days since the last visit (`interval_over_15_days`, named by the rule's days); none on demand."""
    rule = rule_of(pack, "maintenance.interval_days_max", on)
    if last_on is None or rule is None or level not in CYCLES:
        return []
    days = days_between(last_on, on)
    limit = rule.integer()
    return [finding(rule, f"interval_over_{limit}_days", days=days, last_on=last_on)] if days > limit else []


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
    rule = rule_of(pack, "maintenance.visit_minutes_min", visit.on)
    least = rule.table().get(visit.level) if rule is not None else None
    if rule is None or type(least) is not int or seconds >= least * 60:
        return []
    return [finding(rule, "too_short", seconds=seconds, minutes_min=least)]


def check_nodes(nodes: Sequence[Mapping[str, Any]], duplicates: Sequence[str], pack: Pack | None) -> list[Finding]:
    """Check nodes: `node_duplicate` for ids known before, `far_from_lift` past the pack's distance when a pack is."""
    found: list[Finding] = []
    on = civil_date(nodes[0]["device_time"])
    if duplicates:
        rule = rule_or_own(pack, TIMES, on)
        found.append(finding(rule, "node_duplicate", "information", count=len(duplicates)))
    far = max((node.get("distance_m", 0) for node in nodes), default=0)
    if far and pack is not None:
        fence = rule_of(pack, "maintenance.geofence_m_max", on)
        if fence is not None and far > fence.integer():
            found.append(finding(fence, "far_from_lift", metres=far))
    return found


def check_signature(visit: Visit, signed_at: str, *, personal: bool, pack: Pack | None) -> list[Finding]:
    """Check a countersignature: `on_behalf` without the signer's own key, `signed_before_end`, `signed_late`."""
    found: list[Finding] = []
    if not personal:
        found.append(finding(rule_or_own(pack, SIGNED_BY_PERSON, visit.on), "on_behalf"))
    if visit.finished_at is not None:
        late = elapsed_seconds(visit.finished_at, signed_at)
        rule = rule_of(pack, "maintenance.countersign_hours_max", visit.on)
        if late < 0:
            found.append(finding(rule_or_own(pack, TIMES, visit.on), "signed_before_end", seconds=-late))
        elif rule is not None and late > rule.integer() * 3600:
            found.append(finding(rule, "signed_late", seconds=late))
    return found


def uncountersigned(visit: Visit, now: str, pack: Pack | None) -> list[Finding]:
    """Compute at reading what is missing once the time for the use unit's signature is over (T5002 art. 7).

    `uncountersigned`, or `signed_on_behalf_only` where a company's key has signed and no natural person yet.
    """
    if visit.finished_at is None or visit.signed_at is not None or visit.corrected_by is not None:
        return []
    rule = rule_of(pack, "maintenance.countersign_hours_max", visit.on)
    waited = elapsed_seconds(visit.finished_at, now)
    if rule is None or waited <= rule.integer() * 3600:
        return []
    if visit.behalf_at is not None:
        return [finding(rule_or_own(pack, SIGNED_BY_PERSON, visit.on), "signed_on_behalf_only", seconds=waited)]
    return [finding(rule, "uncountersigned", seconds=waited)]
