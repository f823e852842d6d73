"""Cleaning of lift identifiers (设备标识), so that one value written two ways is one key.

The rules below are version 1 and never change: an identifier's stream is named by the hash of its cleaned key
(event-format §1). A better rule is a new version under which keys are made anew. The version in force at a position is
published with the table of actions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

CLEANING_VERSION: Final = 1
"""Published as `identifier_cleaning` among the rules of the table of actions."""

NATIONAL = "cn"
"""The issuer of numbers that are unique in the country."""

_ISSUER_CHARS_MAX: Final = 100

IssuerKind = Literal["national", "manufacturer", "registry", "area", "platform", "use_unit", "city"]


@dataclass(frozen=True, slots=True)
class Scheme:
    """A kind of identifier: the form of its cleaned value, and who must make it unique (L17)."""

    code: str
    zh: str
    form: re.Pattern[str]
    issuer: IssuerKind
    separators: str


_LOOSE = " \t\r\n"
_GROUPED = _LOOSE + "-_./·:"
_FREE = re.compile(r"[^\x00-\x20\x7f]{1,40}")

SCHEMES: Final[Mapping[str, Scheme]] = MappingProxyType(
    {
        scheme.code: scheme
        for scheme in (
            # 4 class + 6 division + 6 yyyymm + 4 sequence
            Scheme("registration_code", "注册代码", re.compile(r"[0-9]{20}"), "national", _GROUPED),
            # 4 variety + 5 manufacturer + 4 year + 5 sequence; letters once it overflows; older issues have 4
            Scheme("equipment_code", "设备代码", re.compile(r"[0-9]{13}[0-9A-Z]{4,5}"), "national", _GROUPED),
            Scheme("factory_number", "出厂编号", _FREE, "manufacturer", _LOOSE),
            Scheme("use_registration_number", "使用登记证编号", _FREE, "registry", _LOOSE),
            Scheme("rescue_code", "电梯应急救援识别码(96333)", re.compile(r"[0-9A-Z]{4,12}"), "area", _GROUPED),
            Scheme("platform_code", "平台电梯编码", _FREE, "platform", _LOOSE),
            Scheme("unit_internal_number", "单位内编号", _FREE, "use_unit", _LOOSE),
            # borough, device letter, number
            Scheme("nyc_device", "纽约市设备号", re.compile(r"[0-9][A-Z][0-9]{1,6}"), "city", _GROUPED),
        )
    }
)

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SPACES = dict.fromkeys((0x00A0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " ")
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
_UPPER = {ord(letter): letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"}
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF), "")
_FOLDING = {code: chr(folded) for code, folded in _FULL_WIDTH.items()} | _SPACES | _DASHES | _INVISIBLE


def _fold(text: str) -> str:
    # tables of our own, since those of Unicode grow with the interpreter and would move keys
    return text.translate(_FOLDING).translate(_UPPER)


def scheme_of(code: str) -> Scheme:
    """Return a scheme by its code; raises Invalid `identifier_scheme_unknown`."""
    scheme = SCHEMES.get(code)
    if scheme is None:
        raise Invalid("no such identifier scheme", code="identifier_scheme_unknown", known=sorted(SCHEMES))
    return scheme


def clean_value(scheme_code: str, value: str) -> str:
    """Return a value as it is compared: half-width, ASCII letters in capitals, without spaces or separators.

    Only schemes of fixed form lose their hyphens and dots; in a factory number they are part of it. Raises Invalid
    `identifier_malformed` with the scheme, never the value.
    """
    scheme = scheme_of(scheme_code)
    cleaned = _fold(value).translate(dict.fromkeys(map(ord, scheme.separators)))
    if not scheme.form.fullmatch(cleaned) or _has_surrogate(cleaned):
        raise Invalid("the identifier is not of its scheme's form", code="identifier_malformed", scheme=scheme.code)
    return cleaned


def clean_issuer(scheme_code: str, issuer: str | None) -> str:
    """Return who made the value unique: `cn` for national numbers, otherwise as given, folded like a value.

    A manufacturer or use unit is best named by its credit code, a rescue centre by its area code. Raises Invalid
    `identifier_issuer_missing`.
    """
    if scheme_of(scheme_code).issuer == "national":
        return NATIONAL
    cleaned = " ".join(_fold(issuer or "").split())
    if not cleaned or len(cleaned) > _ISSUER_CHARS_MAX or _has_surrogate(cleaned):
        raise Invalid("this identifier needs its issuer", code="identifier_issuer_missing", scheme=scheme_code)
    return cleaned


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def identifier_key(scheme_code: str, issuer: str | None, value: str) -> list[str]:
    """Return `[scheme, issuer, value]`, cleaned: hashed canonically by the caller it names `identifier:<hash>`."""
    return [scheme_code, clean_issuer(scheme_code, issuer), clean_value(scheme_code, value)]


@dataclass(frozen=True, slots=True)
class RegistrationCode:
    """What a registration code (注册代码) says: class of equipment, division of the registry, month, sequence."""

    equipment_class: str
    area: str
    registered_in: str
    sequence: str


def parse_registration_code(value: str) -> RegistrationCode | None:
    """Take a registration code apart; null where the month in it is none, as happens in old data."""
    code = clean_value("registration_code", value)
    year, month = int(code[10:14]), int(code[14:16])
    if not 1 <= month <= 12 or not 1980 <= year <= 2199:  # noqa: PLR2004 - months of a year, years of lifts
        return None
    return RegistrationCode(code[:4], code[4:10], f"{code[10:14]}-{code[14:16]}", code[16:])
