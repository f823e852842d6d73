"""Shapes: what pydantic makes of the vocabulary that does not import it."""

from __future__ import annotations

from typing import Annotated, NotRequired

import pytest
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from domain.errors import Invalid
from domain.shapes import (
    AreaCode,
    CivilDate,
    Fen,
    Instant,
    Label,
    LiftName,
    PartyName,
    Pattern,
    Personal,
    Source,
    Text,
    Uscc,
    check_uscc,
    strict,
)

PARTY = "party:0f8fad5b-d9cb-469f-a165-70867728950e"
LIFT = "lift:018f3a5b-d9cb-769f-a165-70867728950e"


@strict
class Line(TypedDict):
    """A nested shape of the test."""

    lift: LiftName
    premium_fen: Fen


@strict
class Command(TypedDict):
    """A shape of the test."""

    party: PartyName
    day: CivilDate
    at: Instant
    lines: list[Line]
    phone: NotRequired[Annotated[str, Text(20), Personal(of="party")]]
    source: NotRequired[Source]


def command(**changes: object) -> dict[str, object]:
    """Return a good command with changes."""
    good: dict[str, object] = {
        "party": PARTY,
        "day": "2026-03-01",
        "at": "2026-03-01T00:00:00.000000Z",
        "lines": [{"lift": LIFT, "premium_fen": 8_500}],
    }
    return {**good, **changes}


def test_a_good_command_passes_unchanged() -> None:
    """What fits comes back as it came."""
    good = command(phone="13800000000", source={"system": "core", "id": "P-1"})
    assert TypeAdapter(Command).validate_python(good) == good


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"party": PARTY.upper()},
        {"party": LIFT},
        {"party": PARTY.replace("-469f", "-769f")},
        {"party": PARTY + "\n"},
        {"day": "2026-02-30"},
        {"day": "2026-03-01T00:00:00"},
        {"day": "1989-01-01"},
        {"at": "2026-03-01T25:00:00.000000Z"},
        {"at": "2026-03-01T00:00:00Z"},
        {"lines": [{"lift": LIFT, "premium_fen": "8500"}]},
        {"lines": [{"lift": LIFT, "premium_fen": 8500.0}]},
        {"lines": [{"lift": LIFT, "premium_fen": True}]},
        {"lines": [{"lift": LIFT, "premium_fen": -1}]},
        {"lines": [{"lift": LIFT, "premium_fen": 10**14 + 1}]},
        {"lines": [{"lift": LIFT, "premium_fen": 1, "extra": 1}]},
        {"lines": [{"lift": LIFT}]},
        {"phone": " "},
        {"phone": "1\x00"},
        {"phone": "1" * 21},
        {"source": {"system": "Core", "id": "1"}},
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object]) -> None:
    """Unknown members, wrong names, unreal dates, converted numbers and bad text are refused, nested too."""
    with pytest.raises(ValidationError):
        TypeAdapter(Command).validate_python(command(**changes))


def test_schema_for_readers_can_be_made() -> None:
    """The JSON schema carries patterns, bounds and the mark of personal data."""
    schema = TypeAdapter(Command).json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["party", "day", "at", "lines"]
    assert schema["properties"]["day"]["pattern"] == "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
    assert schema["properties"]["phone"]["x-personal"] is True
    assert schema["properties"]["phone"]["maxLength"] == 20
    assert schema["$defs"]["Line"]["properties"]["premium_fen"]["maximum"] == 10**14


@pytest.mark.parametrize(
    "code, good",
    [
        ("370102", True),
        ("370102001", True),
        ("370102001002", True),
        ("37010", False),
        ("3701020", False),
        ("３７０１０２", False),
    ],
)
def test_area_codes_have_six_nine_or_twelve_digits(code: str, good: bool) -> None:
    """County, sub-district and community codes, in ASCII digits."""
    if good:
        assert TypeAdapter(AreaCode).validate_python(code) == code
    else:
        with pytest.raises(ValidationError):
            TypeAdapter(AreaCode).validate_python(code)


def test_credit_codes_are_checked() -> None:
    """A right check character passes, any other is refused by its own code."""
    good = "91350100M000100Y43"
    assert check_uscc(good) == good
    assert TypeAdapter(Uscc).validate_python(good) == good
    with pytest.raises(Invalid) as refusal:
        check_uscc(good[:-1] + "4")
    assert refusal.value.code == "uscc_check_digit"
    with pytest.raises(Invalid) as refusal:
        check_uscc("91350100I000100Y43")
    assert refusal.value.code == "uscc_malformed"
    with pytest.raises(ValidationError):
        TypeAdapter(Uscc).validate_python(good[:-1] + "4")


def test_text_may_be_chinese_and_of_several_lines() -> None:
    """Characters count, not bytes."""
    assert TypeAdapter(Label).validate_python("曳引\n电梯" * 24) == "曳引\n电梯" * 24


def test_patterns_check_alone() -> None:
    """A pattern can be asked without pydantic."""
    digits = Pattern("^[0-9]+$")
    assert digits.check("12") == "12"
    for text in ("", "a", "1\n"):
        with pytest.raises(Invalid):
            digits.check(text)
