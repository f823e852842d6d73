"""The demonstration on a real register: imported by the importer like any other client's, then lived with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from api.client import Client
from api.demo.account import Account
from api.demo.actors import name_of
from api.demo.district import LiftPlan
from api.demo.opening import manager_of
from api.demo.stage import BEGIN, LiftNote, Stage, day
from api.importing import Post, import_lifts
from api.importing_files import FileBroken, open_text, read_rows
from api.importing_rows import Rows, load_mapping
from domain.errors import Invalid

MAPPING: Final = "nyc_dob"
AREAS: Final = ("036061", "036005", "036047", "036081", "036085")
"""The five boroughs as the mapping codes them (state and county), each a district with the pack adopted."""
IN_FLIGHT: Final = 4
PILOT_ESTATE_LIFTS: Final = 20
PORTFOLIOS: Final = 12
"""Large policies that the lifts are insured under: some thousand certificates each, activated by one event."""


def check_register(file: Path) -> None:
    """Read the head of a register before anything is made for it. Raises Invalid with the importer's codes."""
    mapping = load_mapping(MAPPING)
    try:
        with open_text(file) as text:
            Rows(mapping, next(read_rows(text, mapping.delimiter)).values)
    except FileBroken as broken:
        raise Invalid(f"{file}: {broken.message}", code=broken.code) from broken


def import_register(stage: Stage, file: Path) -> None:
    """Import the file as the market regulator, and note every lift that was registered."""
    who = stage.cast.parties["market"].client
    notes: list[LiftNote] = []
    clients = [
        Client(httpx.Client(base_url=stage.cast.url, timeout=120), stage.cast.origin, who.credentials, stage.clock.unix)
        for _ in range(IN_FLIGHT)
    ]
    posts = [_noting(client, notes, stage.cast.account) for client in clients]
    report = import_lifts(file, load_mapping(MAPPING), posts, stage.rejects / f"{file.name}.rejects.csv")
    for client in clients:
        client.close()
    if report.failure is not None:
        raise Invalid(f"the register could not be read: {report.failure.message}", code=report.failure.code)
    stage.lifts = sorted(notes, key=lambda note: note.plan.registration_code)
    _pilot_estate(stage)


def _noting(client: Client, notes: list[LiftNote], account: Account) -> Post:
    def post(path: str, lines: Sequence[bytes], *, command: str) -> Mapping[str, Any]:
        answer = account.count(client.post_lines(path, lines, command=command))
        for group in answer["groups"]:
            for event in group["events"]:
                if event["type"] == "lift.Registered":
                    row = orjson.loads(lines[event["line"] - 1])
                    notes.append(_note(row, event["stream"], event["found"]))
        return answer

    return post


def _note(row: Mapping[str, Any], name: str, found: Mapping[str, Any]) -> LiftNote:
    plan = LiftPlan(
        number=0, registration_code=row["source"]["id"], factory_number="", variety=row["variety"],
        venue=row.get("venue", "other"), premises_class=row.get("premises_class", "non_residential"),
        town=row["area"], site=row["building"]["source"]["id"], building="", label="",
        installed=row.get("accepted_on", "2000-01-01"), status=row["status"],
    )  # fmt: skip
    return LiftNote(plan, name, found.get("building"), found.get("estate"))


def name_use_units(stage: Stage, lifts: Sequence[LiftNote]) -> None:
    """The register says nothing of use units: the regulator names those of the lifts that the year follows."""
    market = stage.cast.parties["market"].client
    for note in lifts:
        manager = stage.cast.parties[manager_of(note.plan)].name
        stage.post(market, f"/lifts/{note.name}/use-unit", {"use_unit": manager, "effective_on": day(BEGIN)})


def portfolio(note: LiftNote) -> str:
    """Give which large policy a lift belongs to: by district, and some by building within it."""
    return f"{note.area}/{sum(note.plan.site.encode()) % PORTFOLIOS:02d}"


def _pilot_estate(stage: Stage) -> None:
    """The register knows no estates: one is described, and some lifts of one district are said to stand in it."""
    area = AREAS[0]
    market = stage.cast.parties["market"].client
    estate = name_of("estate")
    body = {"id": estate, "area": area, "name": "Pilot estate", "type": "other", "area_basis": "building_area"}
    stage.post(market, "/estates", body)
    moved: dict[str, LiftNote] = {}
    for note in stage.lifts:
        if len(moved) == PILOT_ESTATE_LIFTS:
            break
        if note.area == area and note.plan.status == "in_use" and note.plan.variety == "3110":
            stage.post(market, f"/lifts/{note.name}/place", {"estate": estate, "reason": "pilot_estate"})
            moved[note.name] = LiftNote(note.plan, note.name, note.building, estate)
    stage.lifts = [moved.get(note.name, note) for note in stage.lifts]
