"""What a member of a body or an answer means by its name: units stand in names, codes stand in lists.

A name mostly means the same wherever it stands, so this is said once. Where it means several things, what it means in
one schema is said under `Schema.member`, the schema as its shape is called; what a shape says of a member itself goes
before both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

CODES: Final = "docs/codes.md"

LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "venues": ("venue",),
    "lift_varieties": ("variety",),
    "premises_classes": ("premises_class", "class"),
    "coverage_parts": ("part", "parts"),
    "services": ("services",),
    "funding_sources": ("source_kind",),
    "maintenance_items": ("item",),
    "item_results": ("results", "normal", "abnormal", "not_applicable", "not_due"),
    "findings": ("finding", "findings"),
}
"""The members that hold a code of a list, by the list's section in the page of codes."""

SEVERAL: Final = frozenset({"services"})
"""Members that hold codes of a list, several at once."""

_UNITS: Final[tuple[tuple[str, str], ...]] = (
    ("_fen", "Money in fen (分), 0.01 CNY, a whole number."),
    ("_m2_hundredths", "Area in 0.01 m², a whole number."),
    ("_bp", "Basis points: 10,000 is the whole."),
    ("_mm_s", "Speed in millimetres a second."),
    ("_mm", "Length in millimetres."),
    ("_kg", "Mass in kilograms."),
    ("_m", "Length in metres."),
    ("_e7", "Degrees times 10,000,000, in the reference system `crs`."),
    ("_seconds", "Whole seconds."),
    ("_s", "Whole seconds."),
    ("_at", "An instant: UTC with six digits of the second, `2025-11-01T00:00:00.000000Z`."),
    ("_on", "A civil date of Asia/Shanghai."),
    ("_date", "A civil date of Asia/Shanghai; a period runs from `from_date` up to, not including, `to_date`."),
    ("_digest", "SHA-256 in hex."),
)


BODY: Final = "Body"
"""The end of the name of a signed body's schema: its shape's name, and this."""


@cache
def _named() -> Mapping[str, str]:
    """Give what names mean that neither are a unit's nor hold a code."""
    return _read("meanings.json")


@cache
def _in_place() -> Mapping[str, str]:
    """Give what names mean in one schema, by `Schema.member`."""
    return _read("meanings_in_place.json")


def _read(name: str) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads(files("api").joinpath(name).read_text(encoding="utf-8"))
    return found


def meaning_in(schema: str, name: str) -> str | None:
    """Give what a member means in a schema; None where its name means the same as anywhere."""
    return _in_place().get(f"{schema.removesuffix(BODY)}.{name}")


def meaning_of(name: str) -> str | None:
    """Give what a member means by its name; None where the name says nothing beyond itself."""
    listed = next((part for part, names in LISTS.items() if name in names), None)
    if name in _named():
        return _named()[name]
    if listed is not None:
        return f"{'Codes' if name in SEVERAL else 'A code'} of {CODES}#{listed}."
    return next((text for ending, text in _UNITS if name.endswith(ending)), None)


def explain(schemas: Mapping[str, Any]) -> None:
    """Give each member of named schemas, however deep, what it means there, else the meaning of its name."""
    for name, schema in schemas.items():
        _explain(name, schema)


def _explain(within: str, schema: Any) -> None:  # noqa: ANN401 - any part of a JSON Schema
    if isinstance(schema, list):
        for part in schema:
            _explain(within, part)
    elif isinstance(schema, dict):
        members = schema.get("properties")
        if isinstance(members, dict):
            for name, member in members.items():
                meaning = meaning_in(within, name) or meaning_of(name)
                if meaning is not None:
                    member.setdefault("description", meaning)
        for part in schema.values():
            _explain(within, part)


def values_of(text: str) -> frozenset[str]:
    """Give the sections of the page of codes that a description points at."""
    return frozenset(re.findall(rf"{re.escape(CODES)}#(\w+)", text))
