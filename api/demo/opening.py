"""The opening scenes: rules adopted, the register taken over, products filed, contracts of maintenance begun."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from api.demo.actors import INSURERS, MAINTAINERS, MANAGERS, name_of
from api.demo.district import LiftPlan, sites
from api.demo.stage import BEGIN, LiftNote, Stage, day, events_of

CAPS: Final = {"residential": 8_000, "non_residential": 9_800, "public_gathering": 12_800}
"""The insurers' filed liability premium a lift and year, below the caps of 8,500, 10,500 and 13,500 fen."""
PARTS_FEN: Final = 60_000
SERVICES: Final = ("SV01", "SV02", "SV06", "SV07")
"""Patrols, supervision of maintenance, notice of severe hazards, training: what every product may promise."""
ESTATE_TYPES: Final = {"commercial": "commodity", "civil_servant": "civil_servant", "resettlement": "resettlement"}
WARRANTY_YEARS: Final = 2
CONTRACT_LIFTS_MAX: Final = 200


def adopt_rules(stage: Stage) -> None:
    """Publish Shandong's pack and adopt it for the district."""
    market = stage.cast.parties["market"].client
    pack = name_of("pack")
    stage.post(market, "/packs", {"id": pack, "program_pack": "shandong@1"})
    for area in stage.cast.areas:
        document = "示范区电梯保险+服务工作方案"
        adoption = {"area": area, "pack": pack, "version": 1, "from_date": day(BEGIN), "document": document}
        stage.post(market, "/schemes/packs", adoption)


def row_of(plan: LiftPlan, estate_type: str | None, stage: Stage) -> dict[str, Any]:
    """Give a lift's line of the register as the market regulator imports it."""
    installed = date.fromisoformat(plan.installed)
    row: dict[str, Any] = {
        "source": {"system": "register", "id": plan.registration_code},
        "identifiers": [{"scheme": "registration_code", "value": plan.registration_code}],
        "variety": plan.variety,
        "premises_class": plan.premises_class,
        "venue": plan.venue,
        "area": plan.town,
        "authority": stage.cast.parties["market"].name,
        "building": {
            "source": {"system": "register", "id": f"{plan.site}/{plan.building}"},
            "name": f"{plan.site}{plan.building}",
        },
        "unit_label": plan.label,
        "use_unit": stage.cast.parties[manager_of(plan)].name,
        "status": plan.status,
        "installed_on": plan.installed,
        "warranty_until": day(installed.replace(year=installed.year + WARRANTY_YEARS)),
    }
    if estate_type is not None:
        row["estate"] = {
            "source": {"system": "register", "id": plan.site}, "name": plan.site, "type": ESTATE_TYPES[estate_type],
            "area_basis": "building_area",
        }  # fmt: skip
    return row


def manager_of(plan: LiftPlan) -> str:
    """Give the short name of the use unit of a lift."""
    return MANAGERS[sum(plan.site.encode()) % len(MANAGERS)][0]


def import_register(stage: Stage) -> None:
    """Take over the register: lift, identifier, building and estate of each line."""
    district = sites(stage.size)
    types = {site.name: site.estate_type for site in district}
    plans = [lift for site in district for lift in site.lifts]
    rows = [row_of(plan, types[plan.site], stage) for plan in plans]
    names: dict[str, dict[str, Any]] = {}
    for answer in stage.lines(stage.cast.parties["market"].client, "/lifts/import", rows):
        for event in events_of(answer, "lift.Registered"):
            names[event["stream"]] = event["found"]
    in_order = list(names.items())
    # Answers come in the order of the lines; a refused line would have no event.
    if len(in_order) != len(plans):
        message = f"{len(plans) - len(in_order)} lines of the register were refused: {stage.refused[:3]}"
        raise RuntimeError(message)
    stage.lifts = [
        LiftNote(plan, name, found.get("building"), found.get("estate"))
        for plan, (name, found) in zip(plans, in_order, strict=True)
    ]


def file_products(stage: Stage) -> None:
    """Each insurer files a liability product and a comprehensive one, and puts them on sale."""
    for number, (short, title) in enumerate(INSURERS, 1):
        insurer = stage.cast.parties[short]
        for canonical in ("liability", "comprehensive"):
            product = name_of("product")
            stage.products[f"{short}/{canonical}"] = product
            stage.post(
                insurer.client,
                "/products",
                _filing(insurer.name, product, canonical, number, title, stage.cast.areas[0]),
            )
            stage.post(insurer.client, f"/products/{product}/offer", {"from_date": day(stage.clock.today)})


def _filing(insurer: str, product: str, canonical: str, number: int, title: str, area: str) -> dict[str, Any]:
    parts = [
        {
            "part": "third_party_injury", "per_person_fen": 50_000_000, "per_accident_fen": 200_000_000,
            "per_lift_year_fen": 300_000_000,
        },
        {"part": "entrapment", "per_person_fen": 50_000, "per_lift_year_fen": 1_000_000},
    ]  # fmt: skip
    if canonical == "comprehensive":
        parts.append({"part": "parts_repair", "per_accident_fen": 5_000_000, "per_lift_year_fen": 15_000_000})
    return {
        "id": product, "insurer": insurer, "area": area,
        "clause_no": f"{title[:2]}(备案)[2025]主{number}{'1' if canonical == 'liability' else '2'}号",
        "code": f"DT{number:02d}{canonical[:1].upper()}",
        "name": f"{title}电梯{'责任' if canonical == 'liability' else '综合'}保险",
        "canonical": canonical, "parts": parts,
        "entrapment": [
            {"start_seconds": 1_800, "bound": "closed", "benefit_fen": 20_000},
            {"start_seconds": 3_600, "bound": "open", "benefit_fen": 30_000},
            {"start_seconds": 5_400, "bound": "open", "benefit_fen": 40_000},
            {"start_seconds": 7_200, "bound": "open", "benefit_fen": 50_000},
        ],
        "missed_exam": {"college_entrance": 3_000_000, "senior_school_entrance": 1_000_000, "qualification": 300_000},
        "missed_travel_times": 2,
        "rates": [{"premises_class": kind, "liability_fen": fen} for kind, fen in CAPS.items()],
        "refund": "pro_rata_days", "services": SERVICES,
    }  # fmt: skip


def begin_contracts(stage: Stage, lifts: list[LiftNote]) -> None:
    """The maintainers begin contracts for their lifts, by use unit, and these confirm them."""
    groups: dict[tuple[str, str], list[LiftNote]] = {}
    for note in lifts:
        groups.setdefault((maintainer_of(note), manager_of(note.plan)), []).append(note)
    for (maintainer, manager), held in sorted(groups.items()):
        for start in range(0, len(held), CONTRACT_LIFTS_MAX):
            body = {
                "id": name_of("contract"), "maintainer": stage.cast.parties[maintainer].name,
                "use_unit": stage.cast.parties[manager].name,
                "lifts": [note.name for note in held[start : start + CONTRACT_LIFTS_MAX]],
                "from_date": day(BEGIN), "to_date": day(BEGIN + timedelta(days=730)), "level": "full",
            }  # fmt: skip
            stage.post(stage.cast.parties[maintainer].client, "/contracts", body)
            confirmed = {"effective_on": body["from_date"], "lifts": body["lifts"]}
            stage.post(stage.cast.parties[manager].client, f"/contracts/{body['id']}/confirm", confirmed)


def maintainer_of(note: LiftNote) -> str:
    """Give the short name of the maintainer of a lift: one for a site."""
    return MAINTAINERS[sum(note.plan.site.encode()) // 7 % len(MAINTAINERS)][0]
