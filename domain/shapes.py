"""The vocabulary that shapes of commands and events are written in, understood by pydantic without importing it.

A shape is a `typing_extensions.TypedDict` (the one pydantic takes before Python 3.12) under `@strict`, its
members written with the aliases below. `Pattern`, `Checked` and `Text` speak pydantic's protocol by returning
core schemas, which are plain dicts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from annotated_types import Ge, Le
from typing_extensions import TypedDict

from domain.errors import DomainError, Invalid
from domain.money import BASIS_POINTS, FEN_MAX
from domain.time import parse_date, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable

CoreSchema = dict[str, Any]
"""A pydantic core schema or JSON schema: plain data, whose values pydantic owns."""

AREA_MAX_HUNDREDTHS: Final = 10**12
"""100 km² in 0.01 m², more than any estate has."""

T = TypeVar("T", bound=type)


def strict(shape: T) -> T:
    """Make a TypedDict refuse unknown members and conversions (a string is no number) when validated.

    The setting binds this shape alone: each nested one is decorated itself.
    """
    setattr(shape, "__pydantic_config__", {"extra": "forbid", "strict": True})  # noqa: B010 - no such member in type
    return shape


@dataclass(frozen=True, slots=True)
class Pattern:
    r"""Text that matches a regular expression in whole.

    The expression is anchored and written for both Rust's and Python's engines: `[0-9]`, never `\\d`, which
    takes the digits of every script.
    """

    pattern: str

    def __get_pydantic_core_schema__(self, source: object, handler: Callable[[object], CoreSchema]) -> CoreSchema:
        """Add the expression to the schema of the text."""
        return {**handler(source), "pattern": self.pattern}

    def check(self, text: str) -> str:
        """Return the text if it matches; raises Invalid `pattern_mismatch` otherwise."""
        if not re.fullmatch(self.pattern, text) or text.endswith("\n"):
            raise Invalid("text is not of the form asked for", code="pattern_mismatch", pattern=self.pattern)
        return text


@dataclass(frozen=True, slots=True)
class Checked:
    """A value that a function of this domain accepts; its refusal becomes a validation error."""

    accept: Callable[[str], object]

    def __get_pydantic_core_schema__(self, source: object, handler: Callable[[object], CoreSchema]) -> CoreSchema:
        """Run the function after the value's own schema."""
        function = {"type": "no-info", "function": self._after}
        return {"type": "function-after", "function": function, "schema": handler(source)}

    def _after(self, value: str) -> str:
        try:
            self.accept(value)
        except DomainError as error:
            # the only way to tell pydantic that a value is refused, without importing it
            raise ValueError(error.message) from error
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """Text of 1…`length_max` characters, not blank, with no control characters but line feed and tab."""

    length_max: int

    def __get_pydantic_core_schema__(self, source: object, handler: Callable[[object], CoreSchema]) -> CoreSchema:
        """Add the bounds and the check of the characters."""
        bounded = {**handler(source), "min_length": 1, "max_length": self.length_max}
        return Checked(check_text).__get_pydantic_core_schema__(source, lambda _: bounded)


# C0 and C1 controls, lone surrogates, and marks that turn the order of reading and so make a text look like another
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def check_text(text: str) -> str:
    """Return the text if it can be kept and shown; raises Invalid `text_unprintable`."""
    if not text.strip() or _CONTROLS.search(text):
        raise Invalid("text is blank or has control characters", code="text_unprintable")
    return text


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a member as personal data (个人信息): sealed before it is stored, its digest standing in its place.

    `of` names the sibling member that holds the `person:` the value is about, when there is one. `index` is the kind of
    value (`domain.lookups`) by which the person can be found again.
    """

    of: str | None = None
    index: str | None = None

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: Callable[[CoreSchema], CoreSchema]
    ) -> CoreSchema:
        """Show the mark to readers of the published schema."""
        return {**handler(core_schema), "x-personal": True}


@dataclass(frozen=True, slots=True)
class Public:
    """Says why a member of free text is not personal: such text is sealed unless its shape says why not."""

    why: str


_USCC_DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


def check_uscc(code: str) -> str:
    """Return a unified social credit code (统一社会信用代码) if its check character is right.

    GB 32100-2015: 18 characters of 31, weights 3^i mod 31. Raises Invalid `uscc_malformed` or `uscc_check_digit`.
    """
    if len(code) != len(_USCC_WEIGHTS) + 1 or any(character not in _USCC_DIGITS for character in code):
        raise Invalid("a credit code has 18 characters of GB 32100", code="uscc_malformed")
    total = sum(weight * _USCC_DIGITS.index(digit) for weight, digit in zip(_USCC_WEIGHTS, code, strict=False))
    if code[-1] != _USCC_DIGITS[-total % 31]:
        raise Invalid("the credit code's check character is wrong", code="uscc_check_digit")
    return code


def name_pattern(kind: str, version: int) -> str:
    """Give the expression that names `<kind>:<UUID>` match."""
    return f"^{kind}:[0-9a-f]{{8}}-[0-9a-f]{{4}}-{version}[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}$"


def _name(kind: str, version: int) -> Pattern:
    return Pattern(name_pattern(kind, version))


RANDOM_KINDS: Final = frozenset(
    {"party", "agent", "key", "person", "house", "claim", "incident", "occurrence", "dispute"}
)
"""Kinds whose id is a UUID of version 4, so that it discloses no time (event-format §1); the rest are version 7."""

Fen = Annotated[int, Ge(0), Le(FEN_MAX)]
SignedFen = Annotated[int, Ge(-FEN_MAX), Le(FEN_MAX)]
BasisPoints = Annotated[int, Ge(0), Le(BASIS_POINTS)]
AreaHundredths = Annotated[int, Ge(1), Le(AREA_MAX_HUNDREDTHS)]
Count = Annotated[int, Ge(0), Le(10**9)]
Seconds = Annotated[int, Ge(0), Le(10**10)]

CivilDate = Annotated[str, Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), Checked(parse_date)]
Instant = Annotated[
    str,
    Pattern(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"),
    Checked(parse_instant),
]
Label = Annotated[str, Text(120)]
Line = Annotated[str, Text(500)]
Prose = Annotated[str, Text(4_000)]
Code = Annotated[str, Pattern("^[a-z][a-z0-9_.@-]{0,63}$")]
AreaCode = Annotated[str, Pattern("^[0-9]{6}([0-9]{3}){0,2}$")]
Uscc = Annotated[str, Pattern("^[0-9A-HJ-NPQRTUWXY]{18}$"), Checked(check_uscc)]
Digest = Annotated[str, Pattern("^[0-9a-f]{64}$")]
Salt = Annotated[str, Pattern("^([0-9a-f]{2}){16,64}$")]

PartyName = Annotated[str, _name("party", 4)]
AgentName = Annotated[str, _name("agent", 4)]
KeyName = Annotated[str, _name("key", 4)]
PersonName = Annotated[str, _name("person", 4)]
HouseName = Annotated[str, _name("house", 4)]
ClaimName = Annotated[str, _name("claim", 4)]
IncidentName = Annotated[str, _name("incident", 4)]
OccurrenceName = Annotated[str, _name("occurrence", 4)]
DisputeName = Annotated[str, _name("dispute", 4)]

LiftName = Annotated[str, _name("lift", 7)]
BuildingName = Annotated[str, _name("building", 7)]
EstateName = Annotated[str, _name("estate", 7)]
ContractName = Annotated[str, _name("contract", 7)]
ProductName = Annotated[str, _name("product", 7)]
PackName = Annotated[str, _name("pack", 7)]
PolicyName = Annotated[str, _name("policy", 7)]
CertificateName = Annotated[str, _name("certificate", 7)]
MandateName = Annotated[str, _name("mandate", 7)]
FundName = Annotated[str, _name("fund", 7)]
PlanName = Annotated[str, _name("plan", 7)]
VoteName = Annotated[str, _name("vote", 7)]
ApplicationName = Annotated[str, _name("application", 7)]
PaymentName = Annotated[str, _name("payment", 7)]
BankLineName = Annotated[str, _name("bankline", 7)]
SubsidyName = Annotated[str, _name("subsidy", 7)]
VisitName = Annotated[str, _name("visit", 7)]
HazardName = Annotated[str, _name("hazard", 7)]
CostName = Annotated[str, _name("cost", 7)]
ServiceName = Annotated[str, _name("service", 7)]
ReportName = Annotated[str, _name("report", 7)]
MatterName = Annotated[str, _name("matter", 7)]
ListName = Annotated[str, _name("list", 7)]

IdentifierName = Annotated[str, Pattern("^identifier:[0-9a-f]{64}$")]
SchemeName = Annotated[str, Pattern("^scheme:[0-9]{6}([0-9]{3}){0,2}$")]


@strict
class Source(TypedDict):
    """The author's own number of a record: unique by (party, system, kind of aggregate, id) (event-format §2)."""

    system: Annotated[str, Pattern("^[a-z][a-z0-9_-]{0,31}$")]
    id: Annotated[str, Text(100), Public("a record's number in its author's own system")]
