"""After a maintenance visit: the use unit's countersignature, and disputes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.actions import Action, Writes
from application.maintenance import prefetch, recorded_at, to_record
from application.relations import to_lift, users_on
from application.ruling import ruling
from application.work import Work
from domain.aggregate import Statement
from domain.errors import Conflict, Forbidden
from domain.findings import Finding
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear, Visit, maintenance_stream
from domain.packs import Pack
from domain.parties import Agent
from domain.visit_checks import check_signature, check_time
from domain.visits import Countersigning, VisitDispute

Path = Mapping[str, str]

SIGNATURES_PER_SAVE = 125
"""A countersignature is an event of the lift and one of the signer, a save 250."""


def _concerned(work: Work, said: Mapping[str, Any]) -> tuple[MaintenanceYear, Visit, Lift]:
    year = work.change(MaintenanceYear, maintenance_stream(said["lift"], said["year"]))
    return year, year.visit(said["visit"]), work.read(Lift, said["lift"])


def countersign(work: Work, statement: Statement, _path: Path) -> None:
    """Record the countersignature of the use unit's safety administrator (电梯安全管理员签字, T5002 art. 7).

    Refuses `role_missing`, `signer_is_worker`, `countersigned_already`, `visit_unfinished`, `visit_corrected`,
    `digest_differs`; a company's key is recorded with the finding `on_behalf`, and a natural person may still sign.
    """
    said = statement.said
    author = work.author
    year, visit, lift = _concerned(work, said)
    work.allow("visit.countersign", uses=author.party in users_on(work, lift, visit.on))
    if author.agent is not None and "safety_administrator" not in author.roles:
        raise Forbidden("the safety administrator countersigns", code="role_missing", role="safety_administrator")
    if author.agent in visit.workers:
        raise Conflict("who worked does not countersign", code="signer_is_worker", visit=said["visit"])
    year.require_unsigned(said["visit"], personal=author.personal)
    if visit.finished_at is None:
        raise Conflict("the visit is not finished", code="visit_unfinished", visit=said["visit"])
    if visit.corrected_by is not None:
        raise Conflict(
            "a new record stands in its place", code="visit_corrected", visit=said["visit"], new=visit.corrected_by
        )
    if said["digest"] != visit.digest:
        # What it is stays untold: a signer who is given it here would sign what he has not read.
        raise Conflict("this is not what was recorded", code="digest_differs", visit=said["visit"])
    pack, ruled = ruling(work, lift.area_on(visit.on), visit.on)
    findings = _findings(work, year, visit, statement, pack) + check_time(said["signed_at"], work.now, pack)
    because = year.record(MaintenanceYear.Countersigned, statement, {"findings": findings, **ruled})
    for signer in to_record(work, [] if author.agent is None else [author.agent]).values():
        if signer is not None:
            signer.record(Agent.SignedOn, because, {"lift": lift.id, "visit": said["visit"]})


def _findings(
    work: Work, year: MaintenanceYear, visit: Visit, statement: Statement, pack: Pack | None
) -> list[Finding]:
    """Check the signature; when the record came in is looked up where the end that it states does not settle it."""
    name, signed_at, personal = statement.said["visit"], statement.said["signed_at"], work.author.personal
    ended_at = visit.finished_at or signed_at
    findings = check_signature(visit, signed_at, ended_at, personal=personal, pack=pack)
    if all(found["code"] == "on_behalf" for found in findings):
        return findings
    came_at = recorded_at(work, year.id, MaintenanceYear.Finished, name)
    return check_signature(visit, signed_at, came_at, personal=personal, pack=pack)


def dispute(work: Work, statement: Statement, _path: Path) -> None:
    """Record that somebody concerned says the record is not true; the record stays.

    Of authorities those are concerned who had the lift in their areas on the day of the visit.
    """
    year, visit, lift = _concerned(work, statement.said)
    party = work.author.party
    work.allow(
        "visit.dispute", uses=party in users_on(work, lift, visit.on), self=visit.maintainer == party,
        supervises=to_lift(work, lift, visit.on, visit.on)["supervises"],
    )  # fmt: skip
    year.record(MaintenanceYear.Disputed, statement, {"findings": []})


_YEAR = "{lift}/maintenance:{year}"

ACTIONS = (
    Action(
        "visit.countersign", "POST", "/visits/countersign", Countersigning, countersign,
        (Writes("visit.Countersigned", _YEAR, "", "/signed_at"), Writes("agent.SignedOn", "agent:", derived=True)),
        "Countersign a visit for the use unit", "使用单位安全管理员签字确认",
        group_lines=SIGNATURES_PER_SAVE, prefetch=prefetch, appends=True,
    ),
    Action(
        "visit.dispute", "POST", "/visits/dispute", VisitDispute, dispute,
        (Writes("visit.Disputed", _YEAR),), "Dispute a visit's record", "对维保记录提出异议",
    ),
)  # fmt: skip
