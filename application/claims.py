"""Use cases of claims but for money: notice of loss, papers, assessment, agreement, and a claim's ends.

Facts (notice, papers) are recorded with findings; the acts on money are in `application.claim_decisions`.
"""

from __future__ import annotations

from typing import Any

from application.actions import Action, Writes
from application.claim_covers import Path, claim_of, covers_at, end_claim, insurers_of, insures, ruling_of
from application.limits import RELEASING
from application.ruling import ruling
from application.work import Work
from domain.aggregate import Statement
from domain.claim_checks import ASKED_ONCE, COVERED, DUPLICATE, check_day, check_entrapment, clock, require_sum
from domain.claim_shapes import (
    Agreement,
    Assessment,
    ClaimEnding,
    ClaimNotice,
    OccurrenceOpening,
    PapersFiled,
    SupplementRequest,
)
from domain.claims import OPEN, Claim, claim_stream, persons_of
from domain.errors import Conflict
from domain.findings import Finding, finding
from domain.lifts import Lift
from domain.occurrences import Occurrence
from domain.packs import rule_or_own
from domain.time import civil_date, days_between, elapsed_seconds, require_not_later, require_past

NOTICES_PER_SAVE = 100


def open_occurrence(work: Work, statement: Statement, _path: Path) -> None:
    """Describe an event that several claims may come from."""
    said = statement.said
    work.allow("occurrence.open")
    occurrence = work.open(Occurrence, said["id"])
    if occurrence.opened:
        raise Conflict(f"{said['id']} exists already", code="exists", stream=said["id"])
    work.source(said, "occurrence", occurrence.id)
    require_past(said["at"], work.now)
    occurrence.record(Occurrence.Opened, statement)


def notify(work: Work, statement: Statement, _path: Path) -> None:
    """Record notice of a loss; whatever is odd about it is a finding.

    Of several covers it is for that of the insurer who is given notice, also as one of several under a policy.
    """
    said = statement.said
    work.allow("claim.notify")
    lift = work.read(Lift, said["lift"])
    claim = work.new(Claim, claim_stream(lift.id, said["id"]))
    work.source(said, "claim", claim.id)
    on = civil_date(said["loss_at"])
    pack, ruled = ruling(work, lift.area_on(on), on)
    covers = covers_at(work, lift.id, said["part"], said["interest"], on)
    covers.sort(key=lambda covered: not covered.insured_by(said.get("insurer")))
    rule = rule_or_own(pack, COVERED, on)
    findings: list[Finding] = [] if covers else [finding(rule, "no_cover_in_force", loss_on=on)]
    if len(covers) > 1:
        findings.append(finding(rule, "several_covers", covers=len(covers)))
    trapped = said.get("entrapment", {})
    told = (said["loss_at"], said.get("known_at"), trapped.get("alarm_at"), trapped.get("released_at"))
    if any(at is not None and at > work.now for at in told):
        findings.append(finding(rule, "loss_in_future", loss_on=on))
    found: dict[str, Any] = {"cover": covers[0].as_json() if covers else None, **ruled}
    if trapped:
        seconds = elapsed_seconds(trapped["alarm_at"], trapped["released_at"])
        found["entrapment"], more = check_entrapment(seconds, pack, on)
        findings += more
    named = said.get("occurrence")
    persons = persons_of(said)
    occurrence = work.open(Occurrence, named) if named else None
    if occurrence is not None:
        once = rule_or_own(pack, DUPLICATE, on)
        findings += [finding(once, "duplicate_claim", claim=other) for other in occurrence.same(said["part"], persons)]
    because = claim.record(Claim.Notified, statement, {**found, "findings": findings})
    if occurrence is not None:
        facts = {"claim": said["id"], "lift": lift.id, "part": said["part"], "persons": list(persons)}
        occurrence.record(Occurrence.Claimed, because, facts)


def file(work: Work, statement: Statement, path: Path) -> None:
    """Record papers received; the first start the clocks of 30 and 60 days, those asked for end the pause."""
    claim = claim_of(work, path)
    work.allow("claim.file", {"notified": claim.notifier}, insures=insures(work, claim))
    said = statement.said
    on = said["received_on"]
    require_not_later(on, work.today)
    pack, ruled = ruling_of(work, claim, on)
    due: list[dict[str, Any]] = []
    if claim.papers_on is None:
        due = [*clock(pack, "K3", on, on), *clock(pack, "K6", on, on)]
    elif said.get("supplement") and claim.asked_on is not None and claim.supplied_on is None:
        paused_days = max(0, days_between(claim.asked_on, on))
        due = clock(pack, "K3", claim.papers_on, claim.papers_on, paused_days)
    claim.record(Claim.Filed, statement, {"due": due, "findings": check_day(pack, claim.loss_on, on), **ruled})


def ask_supplement(work: Work, statement: Statement, path: Path) -> None:
    """Record that the insurer asked for more papers; a second request is recorded, flagged, and pauses nothing."""
    claim = claim_of(work, path)
    work.allow("claim.ask_supplement", insures=insures(work, claim))
    on = statement.said["delivered_on"]
    require_not_later(on, work.today)
    pack, ruled = ruling_of(work, claim, on)
    findings = check_day(pack, claim.loss_on, on)
    if claim.asked_on is not None:
        findings.append(finding(rule_or_own(pack, ASKED_ONCE, on), "asked_again", first_on=claim.asked_on))
        claim.record(Claim.SupplementAsked, statement, {"due": [], "findings": findings, **ruled})
        return
    due = clock(pack, "K3", claim.papers_on, claim.papers_on, None) if claim.papers_on else []
    claim.record(Claim.SupplementAsked, statement, {"due": due, "findings": findings, **ruled})


def assess(work: Work, statement: Statement, path: Path) -> None:
    """Record the loss as assessed, by its insurer or the assessor it appointed; refuses `heads_sum`, `claim_state`.

    An assessor (公估机构) is appointed by the insurer's mandate for `claim.assess`, in general or for one case's days.
    """
    claim = claim_of(work, path)
    insurers = insurers_of(work, claim)
    appointed = any(work.mandated("claim.assess", "insures", insurer) for insurer in sorted(insurers))
    work.allow("claim.assess", insures=work.author.party in insurers, appointed=appointed)
    claim.require(*OPEN)
    require_sum(statement.said["heads"], statement.said["total_fen"])
    claim.record(Claim.Assessed, statement, {"findings": []})


def agree(work: Work, statement: Statement, path: Path) -> None:
    """Record that insurer and claimant agreed; ten days to pay begin (K4)."""
    claim = claim_of(work, path)
    work.allow("claim.agree", {"notified": claim.notifier}, insures=insures(work, claim))
    claim.require("approved")
    on = statement.said["agreed_on"]
    require_not_later(on, work.today)
    pack, ruled = ruling_of(work, claim, on)
    due = clock(pack, "K4", on, on) if claim.awaits_agreement else []
    claim.record(Claim.Agreed, statement, {"due": due, "findings": check_day(pack, claim.loss_on, on), **ruled})


def withdraw(work: Work, statement: Statement, path: Path) -> None:
    """Withdraw a claim on which nothing was decided or paid."""
    claim = claim_of(work, path)
    work.allow("claim.withdraw", {"notified": claim.notifier})
    claim.require("notified", "assessed")
    if claim.paid_fen:
        raise Conflict("money was paid on it already", code="paid_already", paid_fen=claim.paid_fen)
    end_claim(work, claim, Claim.Withdrawn, statement, {"findings": []})


def close(work: Work, statement: Statement, path: Path) -> None:
    """Close a claim that was paid whole, refused or withdrawn; nothing closes a claim by itself."""
    claim = claim_of(work, path)
    work.allow("claim.close", insures=insures(work, claim))
    claim.require("approved", "refused", "withdrawn")
    unpaid_fen = claim.approved_fen - claim.paid_fen
    if unpaid_fen > 0:
        raise Conflict("what was approved is not paid yet", code="unpaid", unpaid_fen=unpaid_fen)
    end_claim(work, claim, Claim.Closed, statement, {"findings": []})


def reopen(work: Work, statement: Statement, path: Path) -> None:
    """Look again at a claim that was closed, refused or withdrawn."""
    claim = claim_of(work, path)
    work.allow("claim.reopen", notified=claim.notifier == work.author.party, insures=insures(work, claim))
    claim.require("closed", "refused", "withdrawn")
    claim.record(Claim.Reopened, statement, {"findings": []})


_CLAIM = "{lift}/{claim}"
_AT = "/lifts/{lift}/claims/{claim}"

ACTIONS = (
    Action(
        "occurrence.open", "POST", "/occurrences", OccurrenceOpening, open_occurrence,
        (Writes("occurrence.Opened", "{id}", "", "/at"),), "Describe an occurrence", "登记事故", group_lines=100,
    ),
    Action(
        "claim.notify", "POST", "/claims", ClaimNotice, notify,
        (Writes("claim.Notified", "{lift}/{id}"), Writes("occurrence.Claimed", "occurrence:", derived=True)),
        "Give notice of a loss", "报案", group_lines=NOTICES_PER_SAVE, appends=True,
    ),
    Action(
        "claim.file", "POST", f"{_AT}/papers", PapersFiled, file, (Writes("claim.Filed", _CLAIM),),
        "File papers of a claim", "提交索赔材料", appends=True,
    ),
    Action(
        "claim.ask_supplement", "POST", f"{_AT}/supplements", SupplementRequest, ask_supplement,
        (Writes("claim.SupplementAsked", _CLAIM),), "Ask for missing papers", "一次性通知补充材料",
    ),
    Action(
        "claim.assess", "POST", f"{_AT}/assess", Assessment, assess, (Writes("claim.Assessed", _CLAIM),),
        "Assess the loss", "定损",
    ),
    Action(
        "claim.agree", "POST", f"{_AT}/agree", Agreement, agree, (Writes("claim.Agreed", _CLAIM, "", "/agreed_on"),),
        "Record the agreement on the amount", "达成赔偿协议",
    ),
    Action(
        "claim.withdraw", "POST", f"{_AT}/withdraw", ClaimEnding, withdraw,
        (Writes("claim.Withdrawn", _CLAIM), *RELEASING), "Withdraw a claim", "撤案",
    ),
    Action(
        "claim.close", "POST", f"{_AT}/close", ClaimEnding, close,
        (Writes("claim.Closed", _CLAIM), *RELEASING), "Close a claim", "结案",
    ),
    Action(
        "claim.reopen", "POST", f"{_AT}/reopen", ClaimEnding, reopen, (Writes("claim.Reopened", _CLAIM),),
        "Reopen a claim", "重开",
    ),
)  # fmt: skip
