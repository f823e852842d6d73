"""What a member of a body or an answer means by its name: units stand in names, codes stand in lists.

A name means the same wherever it stands, so this is said once; what a shape says of a member itself goes before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

CODES: Final = "docs/codes.md"

LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "venues": ("venue",),
    "lift_varieties": ("variety",),
    "premises_classes": ("premises_class", "class"),
    "coverage_parts": ("part", "parts", "removes"),
    "services": ("services",),
    "funding_sources": ("source_kind",),
    "maintenance_items": ("item",),
    "item_results": ("results", "normal", "abnormal", "not_applicable", "not_due"),
    "findings": ("finding", "findings"),
}
"""The members that hold a code of a list, by the list's section in the page of codes."""

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
_NAMED: Final[Mapping[str, str]] = {
    "account": "Whose account: a fund's or house's statement; in a timeline the lift.",
    "action": "The row of the table of rights.",
    "agent": "The natural person (经办人员) who acted; null where a party's own key did.",
    "area": "An area code (行政区划代码): 6 digits are a district, 9 a street, 12 a community.",
    "areas": "Area codes of 6, 9 or 12 digits.",
    "authority": "The market regulator that keeps it.",
    "basis": "The legal source.",
    "by": "How rows are grouped; of a target the day by which it is to be reached.",
    "code": "Stable, for machines.",
    "command": "The command: the `jti` of the request's token.",
    "count": "How many events were written.",
    "cursor": "`next` of the page before.",
    "details": "For machines; never personal.",
    "device_time": "When, by the device's clock.",
    "digest": "SHA-256 in hex.",
    "due": "When it comes due.",
    "effective_from": "Since when it is so; year 1 where no beginning is known.",
    "effective_to": "Up to when it is so, not including; null without end.",
    "ends_on": "The first day that is not insured any more, a civil date of Asia/Shanghai.",
    "expires": "Until when it holds, an instant.",
    "facts": "Numbers, codes and truths it rests on; never personal.",
    "findings": f"What checks found, never a bare yes or no; codes in {CODES}#findings.",
    "found": "What the ledger worked out: findings, amounts, names it made (docs/events.md).",
    "group": "The group: of lifts a target group, of lines which group of the request, from 1.",
    "held": "Held for review: the number is another lift's.",
    "holder": "Who holds the policy (投保人); of a lift, who registered it.",
    "id": "Your own choice of name, `<kind>:<UUID>`; a new one for each thing.",
    "in_force": "Whether it insures then.",
    "issuer": "Who gave the number, where the scheme asks for it.",
    "judged_at": "As of when was judged what time alone brings about.",
    "key": "The signing key.",
    "known_at": "What the answer rests on.",
    "leaf": "The header's hash: the leaf of the RFC 6962 tree, in hex.",
    "limited": "The reader sees only the time that was his.",
    "missing": "How many more are missing; of a replay, findings that time alone brought.",
    "next": "The `cursor` of the next page; null on the last one.",
    "parked_streams": "Streams that the read models could not go on with; absent when there are none.",
    "position": "A place in the log, from 1.",
    "receipt": "A signed note (C2SP) by the receipt key over the RFC 6962 root of the save's headers.",
    "recorded_at": "When the ledger recorded it, an instant of the ledger's time.",
    "rule": "The id of the rule in the pack.",
    "seq": "A number in order, from 1.",
    "source": "The author's own number of it `{system, id}`; of money where it comes from; of a target whose it is.",
    "state": "Where it stands.",
    "status": "Whether it is in use.",
    "stream": "The stream: what conflicts are settled on; it begins with its subject's name.",
    "supplement": "What was asked for is given later.",
    "version": "The number in its stream, from 1; of a pack, its version.",
    "withheld": "What the reader may not see: of an event whether its body is, of a replay which streams are.",
}


def meaning_of(name: str) -> str | None:
    """Give what a member means by its name; None where the name says nothing beyond itself."""
    listed = next((part for part, names in LISTS.items() if name in names), None)
    if name in _NAMED:
        return _NAMED[name]
    if listed is not None:
        return f"A code of {CODES}#{listed}."
    return next((text for ending, text in _UNITS if name.endswith(ending)), None)


def explain(schema: Any) -> None:  # noqa: ANN401 - any part of a JSON Schema
    """Give each member of a schema, however deep, the meaning of its name, and take off titles that repeat it."""
    if isinstance(schema, list):
        for part in schema:
            explain(part)
    elif isinstance(schema, dict):
        members = schema.get("properties")
        if isinstance(members, dict):
            for name, member in members.items():
                meaning = meaning_of(name)
                if meaning is not None:
                    member.setdefault("description", meaning)
        for part in schema.values():
            explain(part)


def values_of(text: str) -> frozenset[str]:
    """Give the sections of the page of codes that a description points at."""
    return frozenset(re.findall(rf"{re.escape(CODES)}#(\w+)", text))
