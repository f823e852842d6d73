"""Where the story's lifts stand: estates, buildings, lifts registered and imported, what changes, who maintains."""

from __future__ import annotations

from typing import Any, Final

from tests.support.rehearsal import name
from tests.support.story.cast import AREA, TOWN_AREA, Story, digest

ESTATE, OTHER_ESTATE = name("estate", "one"), name("estate", "other")
BUILDING, OTHER_BUILDING, FREE_BUILDING = (name("building", label) for label in ("one", "other", "free"))
LIFTS: Final = {short: name("lift", short) for short in ("home", "second", "twin", "office", "wanderer", "ghost")}
HOME, SECOND = LIFTS["home"], LIFTS["second"]
"""Two lifts of one estate, past their warranty, that are insured."""


def _number(value: str) -> dict[str, str]:
    return {"scheme": "platform_code", "issuer": "story", "value": value}


def settle(story: Story) -> None:
    """Describe estates and buildings and register lifts."""
    estate = {"id": ESTATE, "area": AREA, "name": "Spring Garden", "type": "commodity", "area_basis": "building_area"}
    story.act("market", "estate.describe", {**estate, "housing_bureau": story.party("housing")})
    story.lines("market", "estate.describe", {"id": OTHER_ESTATE, "area": AREA, "name": "Autumn", "type": "other"})
    story.lines(
        "market", "building.describe", {"id": BUILDING, "area": TOWN_AREA, "name": "1", "estate": ESTATE},
        {"id": OTHER_BUILDING, "area": TOWN_AREA, "name": "2", "estate": ESTATE, "address": "2 Spring Road"},
        {"id": FREE_BUILDING, "area": TOWN_AREA, "name": "3", "source": {"system": "story", "id": "b3"}},
    )  # fmt: skip
    story.act("market", "building.describe", {"id": OTHER_BUILDING, "area": TOWN_AREA, "estate": OTHER_ESTATE})
    base: dict[str, Any] = {
        "variety": "3110", "premises_class": "residential", "area": TOWN_AREA, "authority": story.party("market"),
        "status": "in_use", "warranty_until": "2020-01-01", "use_unit": story.party("manager"),
    }  # fmt: skip
    story.act(
        "market", "lift.register",
        {
            **base, "id": HOME, "building": BUILDING, "unit_label": "1-1", "effective_on": "2018-01-01",
            "identifiers": [_number("H1"), {"scheme": "registration_code", "value": "3110 370102 201801 0001"}],
            "parameters": {"load_kg": 1_000, "speed_mm_s": 1_750, "stops": 18},
            "maintainer": story.party("maintainer"), "source": {"system": "story", "id": "l1"},
        },
    )  # fmt: skip
    story.lines(
        "market", "lift.register", {**base, "id": SECOND, "building": BUILDING, "identifiers": [_number("S1")]},
        {**base, "id": LIFTS["twin"], "building": BUILDING, "identifiers": [_number("S1"), _number("S2")]},
        {
            **base, "id": LIFTS["office"], "premises_class": "non_residential", "identifiers": [_number("O1")],
            "estate": OTHER_ESTATE,
        },
        {**base, "id": LIFTS["ghost"], "identifiers": [_number("G1"), _number("H1")], "estate": ESTATE},
        {**base, "id": LIFTS["wanderer"], "identifiers": [_number("W1")], "estate": ESTATE},
    )  # fmt: skip


def change(story: Story) -> None:
    """Lifts are identified, reclassified, moved, stopped, merged; their use unit and officer are named."""
    office, wanderer, twin = (LIFTS[short] for short in ("office", "wanderer", "twin"))
    story.act("market", "lift.identify", {"identifiers": [_number("H2"), _number("O1")]}, lift=HOME)
    story.act("market", "lift.identify", {"withdrawn": [_number("H2")], "effective_on": "2025-10-01"}, lift=HOME)
    story.act("market", "lift.reclassify", {"premises_class": "non_residential", "reason": "survey"}, lift=office)
    moved = {"building": FREE_BUILDING, "effective_on": "2025-10-15"}
    story.act("market", "lift.move", moved, lift=wanderer)
    story.act("market", "lift.move", {"building": OTHER_BUILDING, "unit_label": "2-9"}, lift=wanderer)
    story.act("market", "lift.move", {"estate": ESTATE}, lift=office)
    story.act("market", "lift.change_status", {"status": "scrapped"}, lift=office)
    # Meanwhile another lift takes the number, so the corrected one finds it held.
    story.act("market", "lift.identify", {"identifiers": [_number("O1")]}, lift=wanderer)
    again = {"status": "in_use", "correction": True, "reason": "mistaken", "effective_on": "2025-11-01"}
    story.act("market", "lift.change_status", again, lift=office)
    story.act("market", "lift.change_status", {"status": "scrapped"}, lift=wanderer)
    back = {"status": "stopped", "correction": True}
    story.act("market", "lift.change_status", back, lift=wanderer)
    named = {"use_unit": story.party("manager"), "effective_on": "2025-01-01"}
    story.act("market", "lift.name_use_unit", named, lift=HOME)
    story.act("manager", "lift.name_safety_officer", {"officer": story.agent("officer")}, lift=HOME)
    story.act("market", "lift.merge", {"into": SECOND, "reason": "duplicate"}, lift=twin)
    story.act("market", "lift.merge", {"into": HOME}, lift=wanderer)
    story.act("market", "lift.change_status", {"status": "scrapped", "reason": "duplicate"}, lift=LIFTS["ghost"])
    story.act("market", "lift.merge", {"into": SECOND}, lift=LIFTS["ghost"])


def _row(number: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    return {
        "source": {"system": "register", "id": number}, "identifiers": [_number(f"R{number}")], "variety": "3310",
        "area": TOWN_AREA, "status": "in_use", **more,
    }  # fmt: skip


def _place(kind: str, number: str, **more: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"source": {"system": "register", "id": f"{kind}{number}"}, **more}
    return entry | ({"name": f"Estate {number}", "type": "resettlement"} if kind == "e" else {})


def take_over(story: Story) -> None:
    """Import a register twice: the second time lines have changed, moved, been scrapped."""
    b1, b2, e1, e2 = _place("b", "1"), _place("b", "2"), _place("e", "1"), _place("e", "2")
    story.lines(
        "market", "lift.import", _row("1", building=b1, estate=e1, effective_on="2024-05-01"), _row("2", estate=e1),
        _row("3", identifiers=[_number("R1"), _number("R3")], building=b2, estate=e2), _row("4", building=b1),
    )  # fmt: skip
    story.lines(
        "market", "lift.import", _row("1", building=b2, estate=e1, effective_on="2025-06-01"), _row("2", estate=e2),
        _row("3", building=_place("b", "2", address="2 Autumn Road"), estate=e1, status="scrapped"),
        _row("4", building=b1, identifiers=[_number("R9")]), _row("5", building=_place("b", "5"), estate=e2),
    )  # fmt: skip
    story.act("market", "lift.import", _row("5", building=_place("b", "5", name="Five"), estate=e1))
    story.act("market", "lift.import_plain", _row("6", building=_place("b", "6"), identifiers=[_number("R1")]))
    story.lines(
        "market", "lift.import_plain", _row("6", building=_place("b", "7"), identifiers=[_number("R66")]),
        _row("7", status="scrapped"), _row("8", building=b1), _row("2", building=_place("b", "7"), status="scrapped"),
    )  # fmt: skip
    story.act("market", "lift.import_plain", _row("8"))


def contract(story: Story) -> None:
    """A contract is begun, changed and ended; another goes on, as the use unit confirms."""
    first, second = name("contract", "first"), name("contract", "second")
    terms = {
        "id": first, "maintainer": story.party("other maintainer"), "use_unit": story.party("manager"),
        "lifts": [HOME], "from_date": "2025-11-02", "to_date": "2026-11-02", "level": "labour", "fee_fen": 480_000,
        "paper": digest("contract"), "source": {"system": "story", "id": "c1"},
    }  # fmt: skip
    story.act("other maintainer", "contract.begin", terms)
    change = {"effective_on": "2025-11-03", "joining": [SECOND], "level": "full"}
    story.act("other maintainer", "contract.change", change, contract=first)
    story.act("manager", "contract.end", {"ended_on": "2025-12-01", "reason": "poor_service"}, contract=first)
    follows = {
        "id": second, "maintainer": story.party("maintainer"), "lifts": [HOME, SECOND], "from_date": "2025-12-01",
        "level": "full",
    }  # fmt: skip
    story.act("maintainer", "contract.begin", follows)
    confirmed = {"effective_on": "2025-12-01", "lifts": [HOME, SECOND]}
    story.act("manager", "contract.confirm", confirmed, contract=second)
