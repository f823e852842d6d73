"""Code lists (代码表) that do not differ by place: varieties, maintenance items, parts, venues and the like.

They are read from `domain/codes/*.json`. The maintenance items are the facts of TSG T5002-2017, annexes A–D
(257 rows), transcribed; no row was compared with the official print.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

from domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

Cycle = Literal["HM", "TM", "SM", "OY"]
WorkType = Literal["HM", "TM", "SM", "OY", "FM"]

CYCLES: Final[tuple[Cycle, ...]] = get_args(Cycle)
"""Half-month, quarter, half-year, year; each deeper visit includes the shallower ones (T5002 art. 6)."""

Judge = Literal["qualitative", "manufacturer", "standard", "numeric"]


@dataclass(frozen=True, slots=True)
class Code:
    """An entry of a plain list."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class MaintenanceItem:
    """An item of TSG T5002-2017: what is looked at, what is required of it, and how that is judged.

    `condition` names a time of its own (calibration, rainy season, winter) where the item has one.
    """

    code: str
    annex: str
    cycle: Cycle
    zh: str
    en: str
    requirement: str
    judge: Judge
    test: bool
    condition: str | None


@dataclass(frozen=True, slots=True)
class Variety:
    """A lift variety of the special-equipment catalogue (特种设备目录 2014), with its annex of T5002.

    `annex` is null for explosion-proof and firefighters' lifts: the manufacturer's own list binds (art. 2).
    """

    code: str
    zh: str
    en: str
    annex: str | None
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoveragePart:
    """A part of cover (保障项目): its group, and to whom a payment under it goes.

    Groups: liability, property, main_parts, extension, upkeep. Liability money goes to the third party (保险法 65),
    an entrapment benefit to the passenger, property and parts to the insured or the repairer.
    """

    code: str
    zh: str
    en: str
    group: str
    payee: str


@dataclass(frozen=True, slots=True)
class KindOfWork:
    """A type of work on a lift; `uploaded` says whether a regulator's interface takes it."""

    code: str
    zh: str
    en: str
    uploaded: bool


@dataclass(frozen=True, slots=True)
class HazardCode:
    """A hazard of the upload interface (S0–S7), with its article of Order 57 art. 25."""

    code: str
    zh: str
    en: str
    order57: str
    severe: bool


@dataclass(frozen=True, slots=True)
class Venue:
    """A kind of place; `platform_type` is its type (1–9) on monitoring platforms and in 96333 bulletins."""

    code: str
    zh: str
    en: str
    platform_type: int


@dataclass(frozen=True, slots=True)
class LegalHoliday:
    """A holiday as the State Council arranged it: days off from `from_date` up to, not including, `to_date`.

    `makeup_workdays` are days of a weekend on which work was done for it. `year` is that of the notice, `basis` its
    number; taken from a table of others (chinesecalendar 1.11), and not compared with the official print.
    """

    code: str
    zh: str
    en: str
    year: int
    from_date: str
    to_date: str
    makeup_workdays: tuple[str, ...]
    basis: str


@dataclass(frozen=True, slots=True)
class FindingCode:
    """What a check may find; `rules` are the rules under which it does (`domain.findings`).

    A part `<n>` of a code is a number of the rule's.
    """

    code: str
    zh: str
    en: str
    rules: tuple[str, ...]


_Row = TypeVar(
    "_Row", Code, MaintenanceItem, Variety, CoveragePart, KindOfWork, HazardCode, Venue, FindingCode, LegalHoliday
)


def _read(name: str, shape: type[_Row]) -> Mapping[str, _Row]:
    rows = json.loads(files("domain").joinpath("codes", f"{name}.json").read_text(encoding="utf-8"))
    members = [field.name for field in fields(shape)]
    entries = (shape(**{member: _frozen(row[member]) for member in members}) for row in rows)
    return MappingProxyType({entry.code: entry for entry in entries})


def _frozen(value: Any) -> Any:  # noqa: ANN401 - JSON's types are checked by the tests over the lists
    return tuple(value) if isinstance(value, list) else value


@cache
def maintenance_items() -> Mapping[str, MaintenanceItem]:
    """Return the 257 items of T5002 by code, such as `A-1-05`, in the order of the annexes."""
    return _read("maintenance_items", MaintenanceItem)


@cache
def varieties() -> Mapping[str, Variety]:
    """Return the lift varieties by code, such as `3110`."""
    return _read("lift_varieties", Variety)


@cache
def coverage_parts() -> Mapping[str, CoveragePart]:
    """Return the parts of cover by code."""
    return _read("coverage_parts", CoveragePart)


@cache
def funding_sources() -> Mapping[str, Code]:
    """Return the sources of premium money by code."""
    return _read("funding_sources", Code)


@cache
def work_types() -> Mapping[str, KindOfWork]:
    """Return the types of work by code."""
    return _read("work_types", KindOfWork)


@cache
def item_results() -> Mapping[str, Code]:
    """Return the results that an item may have, by code."""
    return _read("item_results", Code)


@cache
def hazard_codes() -> Mapping[str, HazardCode]:
    """Return the hazard codes S0–S7."""
    return _read("hazards", HazardCode)


@cache
def venues() -> Mapping[str, Venue]:
    """Return the kinds of place by code."""
    return _read("venues", Venue)


@cache
def services() -> Mapping[str, Code]:
    """Return the services that come with the insurance (保险+服务) by code."""
    return _read("services", Code)


@cache
def finding_codes() -> Mapping[str, FindingCode]:
    """Return the codes of findings (检查结论)."""
    return _read("findings", FindingCode)


@cache
def legal_holidays() -> Mapping[str, LegalHoliday]:
    """Return the legal holidays (法定节假日) of the years whose notice the ledger knows, by code and in order."""
    return _read("legal_holidays", LegalHoliday)


@cache
def premises_classes() -> Mapping[str, Code]:
    """Return the premises classes (场所类别) by code."""
    return _read("premises_classes", Code)


def _variety(code: str) -> Variety:
    found = varieties().get(code)
    if found is None:
        raise Invalid("no such lift variety", code="variety_unknown", variety=code, known=list(varieties()))
    return found


def annex_of(variety: str) -> str | None:
    """Return the annex of T5002 for a variety, null where the manufacturer's list binds.

    Raises Invalid `variety_unknown`.
    """
    return _variety(variety).annex


@cache
def items_due(variety: str, work_type: str) -> tuple[MaintenanceItem, ...]:
    """Return the items of a visit: those of its cycle and of every shallower one (T5002 art. 6).

    Empty where no annex binds: for varieties with the manufacturer's own list, and for maintenance on demand
    (FM), whose items are in the contract. Raises Invalid `variety_unknown`, or `work_type_unknown` for anything
    that is no maintenance visit.
    """
    annex = annex_of(variety)
    if work_type not in get_args(WorkType):
        raise Invalid("no such type of maintenance visit", code="work_type_unknown", known=list(get_args(WorkType)))
    cycles = CYCLES[: CYCLES.index(work_type) + 1] if work_type in CYCLES else ()
    return tuple(item for item in maintenance_items().values() if item.annex == annex and item.cycle in cycles)


def variety_of(label: str) -> str | None:
    """Return the variety code for a code or name as others write it; null if it is not surely one variety.

    Public lists contradict each other in their numbers, so only the catalogue's own codes count as numbers.
    """
    return _variety_labels().get(label.strip().casefold())


@cache
def _variety_labels() -> Mapping[str, str]:
    labels: dict[str, str] = {}
    for variety in varieties().values():
        for label in (variety.code, variety.zh, variety.en, *variety.aliases):
            labels[label.casefold()] = variety.code
    return MappingProxyType(labels)
