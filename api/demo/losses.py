"""Claims through the year; one that a late endorsement bears on."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Any, Final

from api.client import Refused
from api.demo.actors import name_of
from api.demo.district import person
from api.demo.insurance import Deal, parts_of
from api.demo.stage import LiftNote, Stage, day, instant, year_from

TIERS: Final = ((30, 20_000), (60, 30_000), (90, 40_000), (120, 50_000))
"""Minutes from which a benefit is due to each person, as the products are filed (the bound belongs to the lower)."""


def entrapment(stage: Stage, deal: Deal, note: LiftNote, minutes: int) -> None:
    """Somebody is trapped: notice by the rescue centre, assessment, approval and payment by the insurer."""
    loss = stage.clock.today
    claim = name_of("claim", 4)
    benefit = next(
        fen for least, fen in reversed(TIERS) if minutes > least or (least == TIERS[0][0] and minutes == least)
    )
    alarm, released = instant(loss, 8, 10), instant(loss, 8 + (10 + minutes) // 60, (10 + minutes) % 60)
    notice = {
        "id": claim, "lift": note.name, "loss_at": alarm, "known_at": released, "part": "entrapment",
        "interest": "owner", "kind": "entrapment",
        "claimants": [{"role": "trapped", "name": person(stage.cast.chance), "contact": "13800000000"}],
        "entrapment": {"alarm_at": alarm, "released_at": released, "persons": 1},
        "description": "乘客被困,电梯停在两层之间",
    }  # fmt: skip
    stage.post(stage.cast.parties["rescue"].client, "/claims", notice)
    settle(stage, deal, note, claim, [{"head": "entrapment", "amount_fen": benefit}], "passenger")


def injury(stage: Stage, deal: Deal, note: LiftNote, amount_fen: int, loss: date | None = None) -> str:
    """Somebody is hurt; returns the claim's name."""
    when = loss or stage.clock.today
    claim = name_of("claim", 4)
    notice = {
        "id": claim, "lift": note.name, "loss_at": instant(when, 7, 30), "known_at": instant(when, 9, 0),
        "part": "third_party_injury", "interest": "owner", "kind": "injury",
        "claimants": [
            {"role": "injured", "name": person(stage.cast.chance), "contact": "13900000000", "injury": "右踝骨折"}
        ],
        "description": "轿厢平层不准,乘客跌倒",
    }  # fmt: skip
    stage.post(stage.cast.parties[deal.holder].client, "/claims", notice)
    if loss is None:
        settle(stage, deal, note, claim, [{"head": "medical", "amount_fen": amount_fen}], "third_party")
    return claim


def settle(stage: Stage, deal: Deal, note: LiftNote, claim: str, heads: list[dict[str, Any]], payee: str) -> None:
    """Papers and assessment today, approval and payment in the days after."""
    total = sum(head["amount_fen"] for head in heads)
    path = f"/lifts/{note.name}/claims/{claim}"
    insurer = stage.cast.parties[deal.insurer]
    adjuster = insurer.agent("adjuster")
    papers = {
        "papers": [{"kind": "notice", "digest": hashlib.sha256(claim.encode()).hexdigest()}],
        "received_on": day(stage.clock.today),
    }
    stage.post(insurer.client, f"{path}/papers", papers)
    stage.post(adjuster, f"{path}/assess", {"heads": heads, "total_fen": total})
    stage.after(4, "approve a claim", lambda s: approve(s, deal, note, claim, total))
    stage.after(8, "pay a claim", lambda s: settle_payment(s, deal, note, claim, total, payee))


def approve(stage: Stage, deal: Deal, note: LiftNote, claim: str, total: int) -> None:
    """The insurer approves."""
    adjuster = stage.cast.parties[deal.insurer].agent("adjuster")
    path = f"/lifts/{note.name}/claims/{claim}/approve"
    stage.post(adjuster, path, {"amount_fen": total, "currency": "CNY", "effective_on": day(stage.clock.today)})


def settle_payment(stage: Stage, deal: Deal, note: LiftNote, claim: str, total: int, payee: str) -> None:
    """The insurer pays and closes the claim."""
    client = stage.cast.parties[deal.insurer].client
    path = f"/lifts/{note.name}/claims/{claim}"
    body = {
        "amount_fen": total, "currency": "CNY",
        "payee": {"kind": payee, "name": person(stage.cast.chance), "account": "6222000000000000"},
        "paid_at": instant(stage.clock.today, 15),
    }  # fmt: skip
    stage.post(client, f"{path}/pay", body)
    stage.post(client, f"{path}/close", {"reason": "paid"})


def refuse(stage: Stage, deal: Deal, note: LiftNote) -> None:
    """A claim is refused with its reason though a cover is in force: the loss was caused on purpose."""
    claim = injury(stage, deal, note, 0, stage.clock.today - timedelta(days=2))
    body = {"reasons": ["intentional_act"], "decided_on": day(stage.clock.today), "notice_on": day(stage.clock.today)}
    stage.post(stage.cast.parties[deal.insurer].agent("adjuster"), f"/lifts/{note.name}/claims/{claim}/refuse", body)


def notify_uncovered(stage: Stage, deal: Deal, note: LiftNote, amount_fen: int) -> str:
    """Somebody is hurt at a lift that no policy is known to cover; the insurer cannot approve. Gives the claim."""
    claim = name_of("claim", 4)
    today = stage.clock.today
    insurer = stage.cast.parties[deal.insurer]
    notice = {
        "id": claim, "lift": note.name, "loss_at": instant(today, 7, 30), "known_at": instant(today, 9, 0),
        "part": "third_party_injury", "interest": "owner", "kind": "injury", "insurer": insurer.name,
        "claimants": [
            {"role": "injured", "name": person(stage.cast.chance), "contact": "13900000000", "injury": "右踝骨折"}
        ],
        "description": "轿厢平层不准,乘客跌倒",
    }  # fmt: skip
    stage.post(stage.cast.parties["rescue"].client, "/claims", notice)
    path = f"/lifts/{note.name}/claims/{claim}"
    assessed = {"heads": [{"head": "medical", "amount_fen": amount_fen}], "total_fen": amount_fen}
    stage.post(insurer.agent("adjuster"), f"{path}/assess", assessed)
    try:
        approve(stage, deal, note, claim, amount_fen)
    except Refused as refused:
        stage.notes["refused_then"] = refused.code
    return claim


def endorse_late(stage: Stage, deal: Deal, note: LiftNote, since: date) -> None:
    """The insurer books, late, that the lift has been insured since a day that has long passed."""
    until = date.fromisoformat(year_from(deal.start))
    days = (until - since).days
    parts = [{**part, "premium_fen": part["premium_fen"] * days // 365} for part in parts_of(note, comprehensive=False)]
    line = {
        "policy": deal.policy, "lift": note.name, "certificate": name_of("certificate"), "number": "E0001",
        "parts": parts, "from_date": day(since), "to_date": day(until),
    }  # fmt: skip
    body = {
        "number": "E2026-001", "effective_on": day(since), "reason": "late_booking",
        "delta_fen": sum(part["premium_fen"] for part in parts), "adds": [line],
    }  # fmt: skip
    stage.post(stage.cast.parties[deal.insurer].client, f"/policies/{deal.policy}/endorse", body)
