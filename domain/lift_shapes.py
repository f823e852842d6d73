"""What is said of lifts (电梯): the shapes of their registration, import and changes.

Labels and reasons here are marks on equipment and codes, never of persons: they are kept in clear. Dates of the
equipment may be older than the ledger's civil range, since lifts of 1925 still run.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, NotRequired

from annotated_types import Ge, Le, Len
from typing_extensions import TypedDict

from domain.buildings import BuildingEntry, EstateEntry
from domain.errors import Invalid
from domain.identifiers import IDENTIFIERS_PER_STATEMENT_MAX, IdentifierClaim
from domain.shapes import (
    AgentName,
    AreaCode,
    BuildingName,
    Checked,
    CivilDate,
    Code,
    EstateName,
    Label,
    LiftName,
    PartyName,
    Pattern,
    Public,
    Source,
    strict,
)

HISTORIC_YEAR_MIN = 1850
HISTORIC_YEAR_MAX = 2199

PremisesClass = Literal["residential", "non_residential", "public_gathering"]
"""住宅, 非住宅, 公众聚集场所."""

UnitLabel = Annotated[Label, Public("which of a building's lifts it is, as painted beside its door")]

LiftStatus = Literal["installing", "in_use", "stopped", "scrapped"]
"""安装中, 在用, 停用, 报废."""

_HISTORIC = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check_historic_date(text: str) -> str:
    """Return a civil date of 1850…2199; raises Invalid `date_malformed` or `date_out_of_range`."""
    try:
        day = date.fromisoformat(text) if _HISTORIC.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise Invalid("a civil date is written YYYY-MM-DD", code="date_malformed")
    if not HISTORIC_YEAR_MIN <= day.year <= HISTORIC_YEAR_MAX:
        raise Invalid("date is out of range", code="date_out_of_range", year_min=HISTORIC_YEAR_MIN)
    return text


HistoricDate = Annotated[str, Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), Checked(check_historic_date)]
VarietyCode = Annotated[str, Pattern("^3[0-9]{3}$")]
Claims = Annotated[list[IdentifierClaim], Len(1, IDENTIFIERS_PER_STATEMENT_MAX)]


@strict
class LiftParameters(TypedDict):
    """Rated parameters (技术参数)."""

    load_kg: NotRequired[Annotated[int, Ge(1), Le(1_000_000)]]
    speed_mm_s: NotRequired[Annotated[int, Ge(1), Le(100_000)]]
    rise_mm: NotRequired[Annotated[int, Ge(1), Le(2_000_000)]]
    stops: NotRequired[Annotated[int, Ge(1), Le(300)]]


@strict
class LiftRegistration(TypedDict):
    """A lift with its identifiers; class and venue are left out while they are not known.

    `authority` is the competent market regulator (监管部门), `warranty_until` the first day after the warranty
    (质保期), `accepted_on` the day it passed supervision inspection (验收合格), `status_since` since when the status
    is so, `effective_on` since when all of it is (the day of recording if left out).
    """

    id: LiftName
    identifiers: Claims
    variety: VarietyCode
    premises_class: NotRequired[PremisesClass]
    venue: NotRequired[Code]
    area: AreaCode
    authority: NotRequired[PartyName]
    building: NotRequired[BuildingName]
    estate: NotRequired[EstateName]
    unit_label: NotRequired[UnitLabel]
    use_unit: NotRequired[PartyName]
    maintainer: NotRequired[PartyName]
    status: LiftStatus
    status_since: NotRequired[HistoricDate]
    made_on: NotRequired[HistoricDate]
    installed_on: NotRequired[HistoricDate]
    accepted_on: NotRequired[HistoricDate]
    warranty_until: NotRequired[HistoricDate]
    parameters: NotRequired[LiftParameters]
    effective_on: NotRequired[CivilDate]
    source: NotRequired[Source]


@strict
class LiftRow(TypedDict):
    """A lift as a register has it: found by `source`, its building and estate by theirs; else as LiftRegistration."""

    source: Source
    identifiers: Claims
    variety: VarietyCode
    premises_class: NotRequired[PremisesClass]
    venue: NotRequired[Code]
    area: AreaCode
    authority: NotRequired[PartyName]
    building: NotRequired[BuildingEntry]
    estate: NotRequired[EstateEntry]
    unit_label: NotRequired[UnitLabel]
    use_unit: NotRequired[PartyName]
    maintainer: NotRequired[PartyName]
    status: LiftStatus
    status_since: NotRequired[HistoricDate]
    made_on: NotRequired[HistoricDate]
    installed_on: NotRequired[HistoricDate]
    accepted_on: NotRequired[HistoricDate]
    warranty_until: NotRequired[HistoricDate]
    parameters: NotRequired[LiftParameters]
    effective_on: NotRequired[CivilDate]


@strict
class PlainLiftRow(TypedDict):
    """A LiftRow with one identifier and no estate, so that more lines fit in a save."""

    source: Source
    identifiers: Annotated[list[IdentifierClaim], Len(1, 1)]
    variety: VarietyCode
    premises_class: NotRequired[PremisesClass]
    venue: NotRequired[Code]
    area: AreaCode
    authority: NotRequired[PartyName]
    building: NotRequired[BuildingEntry]
    unit_label: NotRequired[UnitLabel]
    use_unit: NotRequired[PartyName]
    maintainer: NotRequired[PartyName]
    status: LiftStatus
    status_since: NotRequired[HistoricDate]
    made_on: NotRequired[HistoricDate]
    installed_on: NotRequired[HistoricDate]
    accepted_on: NotRequired[HistoricDate]
    warranty_until: NotRequired[HistoricDate]
    parameters: NotRequired[LiftParameters]
    effective_on: NotRequired[CivilDate]


@strict
class LiftIdentification(TypedDict):
    """Identifiers added to a lift, and such as were wrongly said to be its own."""

    identifiers: NotRequired[Claims]
    withdrawn: NotRequired[Claims]
    effective_on: NotRequired[CivilDate]


@strict
class LiftReclassification(TypedDict):
    """Another variety, premises class or venue; certificates keep the class they were issued under (C9)."""

    variety: NotRequired[VarietyCode]
    premises_class: NotRequired[PremisesClass]
    venue: NotRequired[Code]
    effective_on: NotRequired[CivilDate]
    reason: NotRequired[Code]


@strict
class LiftMove(TypedDict):
    """Where the lift stands: building, estate, area, competent authority, label; a member left out stays as it was."""

    building: NotRequired[BuildingName]
    estate: NotRequired[EstateName]
    area: NotRequired[AreaCode]
    authority: NotRequired[PartyName]
    unit_label: NotRequired[UnitLabel]
    effective_on: NotRequired[CivilDate]
    reason: NotRequired[Code]


@strict
class LiftStatusChange(TypedDict):
    """Another status; one that undoes scrapping needs `correction`, since scrapping is final."""

    status: LiftStatus
    effective_on: NotRequired[CivilDate]
    reason: NotRequired[Code]
    correction: NotRequired[bool]


@strict
class UseUnitNaming(TypedDict):
    """The use unit (使用单位) from a day on; null: there is none, which forbids use (Shandong, art. 27)."""

    use_unit: PartyName | None
    effective_on: NotRequired[CivilDate]


@strict
class SafetyOfficerNaming(TypedDict):
    """The lift's safety officer (电梯安全员): an agent of its use unit."""

    officer: AgentName
    effective_on: NotRequired[CivilDate]


@strict
class LiftMerger(TypedDict):
    """The lift is the same as another, which it goes up in (C11)."""

    into: LiftName
    reason: NotRequired[Code]
