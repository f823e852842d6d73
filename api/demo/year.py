"""The year itself: what happens when, and the loop that lives through it in steps of two days."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from api.demo import erasure, fund, losses, opening, real, upkeep
from api.demo.actors import assemble, name_of
from api.demo.insurance import Deal, deal_for, insure, insurer_for
from api.demo.opening import manager_of
from api.demo.stage import BEGIN, END, LiftNote, Stage, day

WATCHED_LIFTS: Final = 160
"""Enough for a log of more than 50,000 events."""
FUND_ESTATES: Final = 3
FUND_BEGINS: Final = (19, 61, 121)
SITES_A_WEEK: Final = 3
WEEKS: Final = 36
"""How long the sites of a smaller district take to be insured; the whole has three a week for as long."""
INSURED_SHARE: Final = 0.82
THREADS: Final = 3
RULE_CHANGE: Final = date(2026, 7, 1)
ENDORSED_ON: Final = date(2026, 4, 15)
ENDORSED_SINCE: Final = date(2026, 2, 1)
DISPUTED_FEN: Final = 2_600_000
LOSS_BEFORE: Final = date(2026, 3, 4)
CORRECTED_ON: Final = date(2026, 3, 14)
ERASED_ON: Final = date(2026, 9, 2)

Tick = Callable[[str, date], None]


def live(stage: Stage, tick: Tick) -> None:
    """Live through the year; `tick` is told of each step for the progress bar."""
    stage.clock.move(BEGIN)
    for title, scene in (
        ("parties", lambda s: assemble(s.cast)), ("rules", opening.adopt_rules), ("register", register),
        ("products", opening.file_products),
    ):  # fmt: skip
        tick(title, BEGIN)
        scene(stage)
    watched = [note for note in stage.lifts if note.plan.status == "in_use"][
        :: max(1, len(stage.lifts) // WATCHED_LIFTS)
    ]
    if stage.register is not None:
        real.name_use_units(stage, watched)
    opening.begin_contracts(stage, watched)
    plan(stage, watched)
    with ThreadPoolExecutor(THREADS) as pool:
        today = BEGIN
        while today <= END:
            stage.clock.move(today)
            for title, scene in _due(stage, today):
                tick(title, today)
                scene(stage)
            upkeep.visit_day(stage, watched, pool)
            tick("", today)
            today += timedelta(days=upkeep.STEP_DAYS)
        stage.clock.move(END)


def register(stage: Stage) -> None:
    """Take over the built-in district's register, or a real one."""
    if stage.register is None:
        opening.import_register(stage)
    else:
        real.import_register(stage, stage.register)


def _due(stage: Stage, today: date) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    while days := sorted(known for known in stage.schedule if known <= today):
        found.extend(stage.schedule.pop(days[0]))
    return found


def plan(stage: Stage, watched: list[LiftNote]) -> None:
    """Put the year's scenes into the calendar."""
    deals: list[Deal] = []
    estates = fund.estates_for(stage, FUND_ESTATES)
    for number, (lifts, offset) in enumerate(zip(estates, FUND_BEGINS, strict=False)):
        case = fund.EstateCase(lifts, insurer_for(number))
        stage.at(BEGIN + timedelta(days=offset), "maintenance fund", partial(_open_fund, case))
    taken = {note.name for lifts in estates for note in lifts}
    _government(stage, deals)
    _losses(stage, deals, market(stage, deals, taken))
    stage.at(RULE_CHANGE, "rule change", _change_rules)
    stage.at(CORRECTED_ON, "correction", lambda s: upkeep.correct(s, watched))


def _open_fund(case: fund.EstateCase, stage: Stage) -> None:
    fund.begin(stage, case)


def _government(stage: Stage, deals: list[Deal]) -> None:
    """Government offices: one bulk policy paid from the budget (统保)."""
    lifts = [note for note in stage.lifts if note.plan.venue == "office_government" and note.plan.status == "in_use"]

    def scene(s: Stage) -> None:
        deal = deal_for(lifts, "organs", insurer_for(0), s.clock.today + timedelta(days=2), "fiscal_budget")
        deal.ground, deal.serviced = "public_budget_agreement", True
        insure(s, deal)
        deals.append(deal)

    if lifts:
        stage.at(BEGIN + timedelta(days=4), "bulk policy", scene)


def market(stage: Stage, deals: list[Deal], taken: set[str]) -> set[str]:
    """Insure estates and public places, some each week, public gathering first; gives the lifts of the rest."""
    sites: dict[str, list[LiftNote]] = {}
    for note in stage.lifts:
        if note.name not in taken and note.plan.venue != "office_government" and note.plan.status == "in_use":
            sites.setdefault(note.plan.site if stage.register is None else real.portfolio(note), []).append(note)
    order = sorted(sites.items(), key=lambda item: (item[1][0].plan.premises_class != "public_gathering", item[0]))
    chosen = order[: int(len(order) * INSURED_SHARE)]
    a_week = SITES_A_WEEK if stage.size is None else max(1, len(chosen) // WEEKS)
    for number, (_, lifts) in enumerate(chosen):
        source = "common_income" if lifts[0].plan.premises_class == "residential" else "property_fee"

        def scene(s: Stage, held: list[LiftNote] = lifts, turn: int = number, pays: str = source) -> None:
            start = s.clock.today + timedelta(days=1)
            deal = deal_for(held, manager_of(held[0].plan), insurer_for(turn), start, pays)
            deal.serviced = turn % 2 == 1
            insure(s, deal)
            deals.append(deal)

        stage.at(BEGIN + timedelta(days=6 + 7 * (number // a_week)), "policy", scene)
    return {note.name for _, lifts in order[len(chosen) :] for note in lifts}


def _losses(stage: Stage, deals: list[Deal], uninsured: set[str]) -> None:
    chance = stage.cast.chance

    def running(s: Stage) -> Deal:
        return chance.choice([deal for deal in deals if deal.start < s.clock.today])

    def trapped(s: Stage) -> None:
        deal = running(s)
        losses.entrapment(s, deal, chance.choice(deal.lifts), chance.choice((31, 45, 58, 75, 95, 130)))

    def hurt(s: Stage) -> None:
        deal = running(s)
        losses.injury(s, deal, chance.choice(deal.lifts), chance.randint(3_000, 60_000) * 100)

    for week in range(4, 52, 2):
        stage.at(BEGIN + timedelta(days=7 * week), "entrapment", trapped)
    for week in range(9, 52, 6):
        stage.at(BEGIN + timedelta(days=7 * week), "injury", hurt)
    stage.at(LOSS_BEFORE, "disputed loss", lambda s: _disputed(s, deals, uninsured))
    stage.at(date(2026, 5, 20), "refusal", lambda s: losses.refuse(s, deals[1], deals[1].lifts[0]))
    stage.at(ERASED_ON, "erasure", erasure.erase)


def _disputed(stage: Stage, deals: list[Deal], uninsured: set[str]) -> None:
    """A loss at a lift that nobody has insured, as far as is known on the day.

    Nor will anybody else insure it later in the year: two insurers of one lift would have to share its losses.
    """
    note = next(n for n in reversed(stage.lifts) if n.name in uninsured)
    claim = losses.notify_uncovered(stage, deals[0], note, DISPUTED_FEN)
    stage.notes["disputed"] = (note.name, claim, stage.clock.seconds)
    stage.at(ENDORSED_ON, "late endorsement", partial(_endorsed, deals[0], note, claim))


def _endorsed(deal: Deal, note: LiftNote, claim: str, stage: Stage) -> None:
    """The insurer finds that it had agreed to insure the lift from an earlier day, and pays."""
    losses.endorse_late(stage, deal, note, ENDORSED_SINCE)
    losses.approve(stage, deal, note, claim, DISPUTED_FEN)
    stage.after(4, "pay a claim", lambda s: losses.settle_payment(s, deal, note, claim, DISPUTED_FEN, "third_party"))


def _change_rules(stage: Stage) -> None:
    """The district adopts the next version of the rules from this day on."""
    market = stage.cast.parties["market"].client
    pack = name_of("pack")
    stage.post(market, "/packs", {"id": pack, "program_pack": "shandong@2"})
    for area in stage.cast.areas:
        document = "示范区规则调整(演示)"
        adoption = {"area": area, "pack": pack, "version": 2, "from_date": day(RULE_CHANGE), "document": document}
        stage.post(market, "/schemes/packs", adoption)
