"""An estate pays part of its premium from the maintenance fund: houses, plan, vote, application, approval, payment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from api.demo.actors import name_of
from api.demo.district import HOUSES_PER_LIFT, house_areas, person
from api.demo.insurance import Deal, bank_line, issue, pay, propose, quote
from api.demo.opening import CAPS, PARTS_FEN, WARRANTY_YEARS, manager_of
from api.demo.stage import BEGIN, LiftNote, Stage, day, events_of

DEPOSIT_FEN_PER_M2: Final = 8_000
"""The first deposit: 80 yuan a square metre."""
AGREE_OF_TEN: Final = 8
VOTE_OF_TEN: Final = 9


@dataclass(slots=True)
class EstateCase:
    """An estate on its way to a policy paid from its fund and from its common income."""

    lifts: list[LiftNote]
    insurer: str
    manager: str = ""
    fund: str = field(default_factory=lambda: name_of("fund"))
    plan: str = field(default_factory=lambda: name_of("plan"))
    vote: str = field(default_factory=lambda: name_of("vote"))
    application: str = field(default_factory=lambda: name_of("application"))
    houses: list[str] = field(default_factory=list)
    deal: Deal | None = None

    @property
    def bargain(self) -> Deal:
        """The policy on its way; quoted before anybody asks."""
        if self.deal is None:
            message = "the policy is quoted first"
            raise RuntimeError(message)
        return self.deal


def begin(stage: Stage, case: EstateCase) -> None:
    """Open the fund with a sub-account for every house, and plan what follows."""
    case.manager = manager_of(case.lifts[0].plan)
    housing = stage.cast.parties["housing"]
    stage.funds.append(case.fund)
    body = {
        "id": case.fund, "estate": case.lifts[0].estate, "area": case.lifts[0].area, "kind": "commodity_housing",
        "area_basis": "building_area", "bank": stage.cast.parties["bank"].name, "bureau": housing.name,
        "manager": stage.cast.parties[case.manager].name, "premium_account": "5001",
    }  # fmt: skip
    stage.post(housing.client, "/funds", body)
    stage.lines(housing.client, "/houses", _houses(stage, case))
    stage.after(2, "quote and plan", lambda s: _quote(s, case))
    stage.after(10, "owners vote", lambda s: _vote(s, case))
    stage.after(20, "count and propose", lambda s: _close(s, case))
    stage.after(22, "apply", lambda s: _apply(s, case))
    stage.after(24, "approve", lambda s: _approve(s, case))
    stage.after(30, "pay and issue", lambda s: _pay(s, case))


def _houses(stage: Stage, case: EstateCase) -> list[dict[str, Any]]:
    lines = []
    for note in case.lifts:
        for area in house_areas(stage.cast.chance, HOUSES_PER_LIFT):
            house = name_of("house", 4)
            case.houses.append(house)
            line = {
                "id": house, "fund": case.fund, "area_m2_hundredths": area, "delivered": True,
                "owner_name": person(stage.cast.chance), "first_deposit_fen": area * DEPOSIT_FEN_PER_M2 // 100,
            }  # fmt: skip
            if note.building is not None:
                line["building"] = note.building
            lines.append(line)
    return lines


def _quote(stage: Stage, case: EstateCase) -> None:
    liability = sum(CAPS[note.plan.premises_class] for note in case.lifts)
    parts = PARTS_FEN * len(case.lifts)
    start = stage.clock.today + timedelta(days=30)
    sources = {"fund_principal": parts, "common_income": liability}
    case.deal = Deal(case.insurer, case.manager, case.lifts, start, sources, comprehensive=True)
    quote(stage, case.deal)
    body = {
        "id": case.plan, "lifts": [note.name for note in case.lifts], "amount_fen": parts,
        "policy": case.deal.policy, "document": hashlib.sha256(case.plan.encode()).hexdigest(),
        "published_on": day(stage.clock.today),
    }  # fmt: skip
    stage.post(stage.cast.parties[case.manager].client, f"/funds/{case.fund}/plans", body)


def _vote(stage: Stage, case: EstateCase) -> None:
    manager = stage.cast.parties[case.manager].client
    body = {"id": case.vote, "plan": case.plan, "opened_on": day(stage.clock.today)}
    stage.post(manager, f"/funds/{case.fund}/votes", body)
    chance = stage.cast.chance
    ballots = [
        {"house": house, "choice": "agree" if chance.randint(1, 10) <= AGREE_OF_TEN else "disagree"}
        for house in case.houses
        if chance.randint(1, 10) <= VOTE_OF_TEN
    ]
    stage.lines(manager, f"/funds/{case.fund}/votes/{case.vote}/ballots", ballots)


def _close(stage: Stage, case: EstateCase) -> None:
    manager = stage.cast.parties[case.manager].client
    path = f"/funds/{case.fund}/votes/{case.vote}"
    stage.post(manager, f"{path}/close", {"closed_on": day(stage.clock.today)})
    stage.post(manager, f"{path}/publish", {"published_on": day(stage.clock.today)})
    propose(stage, case.bargain)


def _apply(stage: Stage, case: EstateCase) -> None:
    body = {
        "id": case.application, "policy": case.bargain.policy, "plan": case.plan, "vote": case.vote,
        "pays_from": "fund_principal", "amount_fen": case.bargain.sources["fund_principal"],
        "papers": [{"kind": "plan", "digest": hashlib.sha256(case.plan.encode()).hexdigest()}],
    }  # fmt: skip
    stage.post(stage.cast.parties[case.manager].client, f"/funds/{case.fund}/applications", body)


def _approve(stage: Stage, case: EstateCase) -> None:
    officer = stage.cast.parties["housing"].agent("officer")
    path = f"/funds/{case.fund}/applications/{case.application}"
    approved = stage.post(officer, f"{path}/approve", {"fund_share_fen": case.bargain.sources["fund_principal"]})
    groups = events_of(approved, "application.Approved")[0]["found"]["groups"]
    for group in range(1, groups + 1):
        stage.post(stage.cast.parties["housing"].client, f"{path}/charges", {"group": group})


def _pay(stage: Stage, case: EstateCase) -> None:
    deal = case.bargain
    amount_fen = deal.sources["fund_principal"]
    body = {
        "payment": name_of("payment"), "payee": stage.cast.parties[deal.insurer].name, "amount_fen": amount_fen,
        "line": bank_line(stage, amount_fen, "out"),
    }  # fmt: skip
    housing = stage.cast.parties["housing"].client
    stage.post(housing, f"/funds/{case.fund}/applications/{case.application}/pay", body)
    pay(stage, deal, "common_income")
    issue(stage, deal)


def estates_for(stage: Stage, count: int) -> list[list[LiftNote]]:
    """Give, for some estates in a fixed order, their lifts that are in use and past the warranty."""
    by_estate: dict[str, list[LiftNote]] = {}
    for note in stage.lifts:
        if note.estate is not None:
            by_estate.setdefault(note.estate, []).append(note)
    ready = [[note for note in held if _ready(note)] for held in by_estate.values()]
    return [held for held in ready if held][:count]


def _ready(note: LiftNote) -> bool:
    # Two years of warranty end before the demonstration's year begins.
    return note.plan.status == "in_use" and date.fromisoformat(note.plan.installed).year < BEGIN.year - WARRANTY_YEARS
