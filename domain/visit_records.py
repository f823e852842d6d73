"""What is found of a visit's record when it is read (维保记录的缺漏): sign-ins, end, signature; never written.

Nodes, ends and signatures may come in late and out of order, so that each reading judges by what was known. What has
not come may still come: it is to be supplied, or a matter for a person, never a violation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from domain.findings import Finding, at_most, finding
from domain.maintenance import Visit
from domain.packs import Pack, rule_or_own
from domain.time import SKEW_S_MAX, elapsed_seconds
from domain.visit_checks import BACK_DATED, TIMES, limit_of, limit_or_own

SECOND_WORKER: Final = "maintenance.second_worker_seconds_max"
SIGN_INS: Final = ("check_in", "second_check_in")


def signed_in(visit: Visit, nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Give when each of a visit's workers first signed in (签到), in the order of time, by the record's nodes.

    A node that names no worker is the first's or the second's by its kind; one of a worker whom the record does not
    name says nothing of those whom it names.
    """
    first: dict[str, str] = {}
    for node in nodes:
        who, at = node.get("worker", node["kind"]), node["device_time"]
        if node["kind"] in SIGN_INS and who in {*visit.workers, *SIGN_INS}:
            first[who] = min(first.get(who, at), at)
    return sorted(first.values())


def check_second(visit: Visit, nodes: Iterable[Mapping[str, Any]], pack: Pack | None) -> list[Finding]:
    """Check that of two workers who are named two signed in: `second_check_in_missing`, `second_check_in_late`.

    `nodes` are those of the visit's own maintainer. A record without any sign-in says of neither when he came.
    """
    limit, workers = limit_of(pack, SECOND_WORKER, visit.on), len(set(visit.workers))
    if limit is None or workers <= 1 or visit.corrected_by is not None:
        return []
    came = signed_in(visit, nodes)
    if len(came) == 1:
        return [finding(limit.rule, "second_check_in_missing", "needs_supplement", workers=workers)]
    apart = elapsed_seconds(came[0], came[1]) if came else 0
    return [finding(limit.rule, "second_check_in_late", at_most(limit.rule), seconds=apart)] * (apart > limit.value)


def unended(visit: Visit, came_at: str, now: str, pack: Pack | None) -> list[Finding]:
    """Check that a visit's end came in: `end_missing` once the time in which a record comes in is over.

    It runs from the visit's beginning, or from when that came in (`came_at`) if later.
    """
    if visit.finished_at is not None or visit.corrected_by is not None:
        return []
    limit, waited = limit_or_own(pack, BACK_DATED, visit.on), elapsed_seconds(max(visit.opened_at, came_at), now)
    if limit is None or waited <= limit.value * 3600:
        return []
    return [finding(limit.rule, "end_missing", "needs_supplement", seconds=waited)]


def signed_before(visit: Visit, came_at: str, pack: Pack | None) -> list[Finding]:
    """Check that a signature is not dated before the record came in (`came_at`): `signed_before_record`.

    For information: the signer's phone may have worked out the digest itself, from a record that was still offline.
    """
    signed = [at for at in (visit.signed_at, visit.behalf_at) if at is not None]
    early = elapsed_seconds(min(signed), came_at) if signed and visit.corrected_by is None else 0
    if early <= SKEW_S_MAX:
        return []
    return [finding(rule_or_own(pack, TIMES, visit.on), "signed_before_record", "information", seconds=early)]
