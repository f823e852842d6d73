"""Insuring: quotation, schedule, proposal, premium by source, issue, endorsement."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from api.demo.actors import INSURERS, name_of
from api.demo.opening import CAPS, PARTS_FEN, SERVICES
from api.demo.stage import LiftNote, Stage, day, year_from

LIMITS: Final = {"per_lift_year_fen": 300_000_000, "policy_year_fen": 3_000_000_000}
VALID_DAYS: Final = 120
LIABILITY_SHARE: Final = 9
"""Of ten parts of the liability premium, nine are for injury and one for entrapment."""


@dataclass(slots=True)
class Deal:
    """One policy on its way: insurer, holder, lifts, what pays; and what has been made of it."""

    insurer: str
    holder: str
    lifts: list[LiftNote]
    start: date
    sources: dict[str, int]
    comprehensive: bool = False
    ground: str | None = None
    serviced: bool = False
    policy: str = field(default_factory=lambda: name_of("policy"))

    @property
    def premium_fen(self) -> int:
        """The premium in all."""
        return sum(part["premium_fen"] for note in self.lifts for part in parts_of(note, self.comprehensive))


def parts_of(note: LiftNote, comprehensive: bool) -> list[dict[str, Any]]:  # noqa: FBT001 - what is covered
    """Give a certificate's premiums by part."""
    liability = CAPS[note.plan.premises_class]
    injury = liability * LIABILITY_SHARE // 10
    parts = [
        {"part": "third_party_injury", "premium_fen": injury},
        {"part": "entrapment", "premium_fen": liability - injury},
    ]
    if comprehensive:
        parts.append({"part": "parts_repair", "premium_fen": PARTS_FEN})
    return parts


def quote(stage: Stage, deal: Deal) -> None:
    """Draft, stage every lift's line, close the schedule."""
    insurer = stage.cast.parties[deal.insurer]
    totals: dict[str, int] = {}
    for note in deal.lifts:
        for part in parts_of(note, deal.comprehensive):
            totals[part["part"]] = totals.get(part["part"], 0) + part["premium_fen"]
    stage.post(insurer.client, "/policies", _draft(stage, deal, totals))
    lines = []
    for number, note in enumerate(deal.lifts, 1):
        lines.append(
            {
                "policy": deal.policy, "lift": note.name, "certificate": name_of("certificate"),
                "number": f"{number:05d}", "parts": parts_of(note, deal.comprehensive),
                "from_date": day(deal.start), "to_date": year_from(deal.start),
            }
        )  # fmt: skip
    stage.lines(insurer.client, "/policies/lines", lines)
    closing = {"count": len(deal.lifts), "premium_fen": deal.premium_fen}
    stage.post(insurer.client, f"/policies/{deal.policy}/quote", closing)


def _draft(stage: Stage, deal: Deal, totals: dict[str, int]) -> dict[str, Any]:
    kind = "comprehensive" if deal.comprehensive else "liability"
    limits = {
        "third_party_injury": {
            "per_person_fen": 50_000_000, "per_accident_fen": 200_000_000, "per_lift_year_fen": 300_000_000,
        },
        "entrapment": {"per_person_fen": 50_000, "per_lift_year_fen": 1_000_000},
        "parts_repair": {"per_accident_fen": 5_000_000, "per_lift_year_fen": 15_000_000},
    }  # fmt: skip
    draft = {
        "id": deal.policy, "product": stage.products[f"{deal.insurer}/{kind}"], "area": deal.lifts[0].area,
        "holder": stage.cast.parties[deal.holder].name, "interest": "owner",
        "parts": [{"part": part, "premium_fen": fen, **limits[part]} for part, fen in sorted(totals.items())],
        "limits": LIMITS, "from_date": day(deal.start), "to_date": year_from(deal.start),
        "premium_fen": deal.premium_fen,
        "sources": [{"kind": source, "amount_fen": fen} for source, fen in sorted(deal.sources.items())],
        "valid_until": day(stage.clock.today + timedelta(days=VALID_DAYS)),
    }  # fmt: skip
    if deal.serviced or deal.comprehensive:
        draft["services"] = SERVICES
    if deal.ground is not None:
        draft |= {"ground": deal.ground, "agreement": hashlib.sha256(deal.policy.encode()).hexdigest()}
    return draft


def propose(stage: Stage, deal: Deal) -> None:
    """The holder proposes the policy."""
    stage.post(stage.cast.parties[deal.holder].client, f"/policies/{deal.policy}/propose", {})


def pay(stage: Stage, deal: Deal, source: str) -> None:
    """One source pays: requested by the holder, seen by the insurer's bank, confirmed."""
    insurer, holder = stage.cast.parties[deal.insurer], stage.cast.parties[deal.holder]
    payment = name_of("payment")
    body = {
        "id": payment, "policy": deal.policy, "payee": insurer.name, "amount_fen": deal.sources[source],
        "source_kind": source,
    }  # fmt: skip
    stage.post(holder.client, "/payments", body)
    line = bank_line(stage, deal.sources[source])
    stage.post(insurer.client, f"/payments/{payment}/confirm", {"line": line})


def bank_line(stage: Stage, amount_fen: int, direction: str = "in") -> str:
    """The bank shows a line of an account: `in` of the insurer's, `out` of the fund's."""
    line = name_of("bankline")
    body = {
        "id": line, "digest": hashlib.sha256(line.encode()).hexdigest(), "amount_fen": amount_fen,
        "direction": direction, "on": day(stage.clock.today),
    }  # fmt: skip
    stage.post(stage.cast.parties["bank"].client, "/banklines", body)
    return line


def issue(stage: Stage, deal: Deal) -> None:
    """The insurer issues the policy under its own number; all its certificates count from here."""
    number = f"PD{stage.clock.today:%Y%m}{deal.policy[-8:].upper()}"
    stage.post(stage.cast.parties[deal.insurer].client, f"/policies/{deal.policy}/issue", {"number": number})


def insure(stage: Stage, deal: Deal) -> None:
    """Take a policy from quotation to issue in one day, paid by sources other than the fund."""
    quote(stage, deal)
    propose(stage, deal)
    if deal.ground is None:
        for source in sorted(deal.sources):
            pay(stage, deal, source)
    issue(stage, deal)


def insurer_for(number: int) -> str:
    """Give the short name of the insurer whose turn it is."""
    return INSURERS[number % len(INSURERS)][0]


def deal_for(lifts: Sequence[LiftNote], holder: str, insurer: str, start: date, source: str) -> Deal:
    """Give a liability deal paid by one source."""
    deal = Deal(insurer, holder, list(lifts), start, {})
    deal.sources = {source: deal.premium_fen}
    return deal
