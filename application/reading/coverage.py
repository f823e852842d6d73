"""Coverage (覆盖率): of the lifts in use, how many are insured, by area, class, venue or target group, against targets.

A lift counts once, however many certificates it has; one that went up in another counts as that other. Liability is a
certificate with third-party injury under a policy in force; "insurance + service" (保险+服务) is such a certificate
whose policy promises services, as rule `targets.insurance_service` has it. Where the pack has it otherwise it is not
counted and says so; it is never taken for zero.

A scheme is a district's: of a wider area each district is counted as its own pack means it, and held against its pack's
targets and its own; one that has adopted no pack is held against none of a pack's. What a pack leaves out or open is
counted as by the program's own (`domain.targets.aims`), so that no district's pack stops the count of a whole city.
Targets are set for the district as a whole (全区): of a town, or of a bureau's own sector, the share is told, and that
it is of a part (`cut`), but no target is said to be reached or missed by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NotRequired

from typing_extensions import TypedDict

from application.reading.asking import EFFECTIVE_AT, KNOWN_AT, WAIT_FOR, Answer, Asking, Parameter, Question
from application.reading.filters import grouping
from application.reading.ports import Found
from application.reading.schemes import Rules
from application.reading.scope import area_stems, merged_lifts, sector
from application.reading.shapes import Cited
from domain.findings import Finding
from domain.lift_shapes import PremisesClass
from domain.packs import OWN
from domain.schemes import DISTRICT_DIGITS, Target
from domain.shapes import AreaCode, BasisPoints, CivilDate, Code, Count, Instant
from domain.targets import ALL, KINDS, Aims, Coverage, Kind, aims, hold_against_targets
from domain.time import civil_date

CORE_PART: Final = "third_party_injury"
"""What makes a certificate liability insurance: the scheme's first purpose (第三者人身伤亡)."""
DIMENSIONS: Final = ("area", "class", "venue", "group")
Counted = dict[Kind, Coverage]


class Share(TypedDict):
    """Of the lifts in use so many are covered; the share is cut off to basis points, null where none is in use."""

    covered: Count
    share_bp: BasisPoints | None


class Counts(TypedDict):
    """Lifts in use and insured; null is what the pack leaves open, so that it was not counted: never zero."""

    in_use: Count
    liability: Share
    insurance_service: Share | None


_Class = TypedDict("_Class", {"class": NotRequired[PremisesClass | None]})


class CoverageRow(Counts, _Class):
    """One group of lifts, by the members that `by` names."""

    area: NotRequired[AreaCode]
    venue: NotRequired[str | None]
    group: NotRequired[str | None]


class CountedPack(TypedDict):
    """The rule pack by which was counted, and whether the district adopted it or the program's own stands in."""

    name: str
    adopted: bool


class CutDistrict(TypedDict):
    """What of a district was counted: of these areas, of these venues; all of it in what is left out."""

    areas: NotRequired[list[AreaCode]]
    venues: NotRequired[list[Code]]


class CountedDistrict(Counts):
    """A district (区县), counted as its own pack means it; `cut` where not the whole was counted."""

    area: AreaCode | None
    pack: CountedPack
    cut: NotRequired[CutDistrict]


class TargetRow(TypedDict):
    """A target (目标) of a district and how far it is reached; `target_bp` is null where the plan gives no number.

    With `cut`, the counts are of that part of the district alone, and the finding says so.
    """

    area: AreaCode | None
    group: str
    kind: Kind
    by: CivilDate
    source: Literal["pack", "area"]
    target_bp: BasisPoints | None
    in_use: Count
    covered: Count
    share_bp: BasisPoints | None
    missing: Count
    finding: Finding
    cut: NotRequired[CutDistrict]


class EffectiveDay(TypedDict):
    """When the answer is so: the instant, and its civil date of Asia/Shanghai, by which rules are chosen."""

    instant: Instant
    date: CivilDate


class CoverageAnswer(Cited):
    """Lifts in use and insured: in all, by row, by district, and held against the targets."""

    effective_at: EffectiveDay
    area: AreaCode | None
    by: list[Literal["area", "class", "venue", "group"]]
    pack: CountedPack | None
    total: Counts
    rows: list[CoverageRow]
    districts: list[CountedDistrict]
    undecided_lifts: Count
    targets: list[TargetRow]


@dataclass(frozen=True, slots=True)
class District:
    """A district counted: its pack in force and whether it adopted it, how that counts, its own targets, its lifts.

    `area` is None where there is no lift in any, and so no district to speak of. `parts` are the areas in it that alone
    are counted for this reader, empty where all are; `venues` the kinds of place, None where all are.
    """

    area: str | None
    pack: str
    adopted: bool
    aims: Aims
    targets: tuple[Target, ...] = ()
    parts: tuple[str, ...] = ()
    venues: tuple[str, ...] | None = None
    rows: list[Found] = field(default_factory=list)

    def partial(self) -> frozenset[str]:
        """Give the groups of which not the whole district was counted: a sector (行业) may hold a group entire."""
        seen = None if self.venues is None else frozenset(self.venues)
        return frozenset(
            group for group, venues in self.aims.venues.items()
            if self.parts or (seen is not None and (group == ALL or not venues <= seen))
        )  # fmt: skip

    @property
    def cut(self) -> dict[str, list[str]]:
        """What of it was counted, empty if all; as CutDistrict."""
        areas = {"areas": list(self.parts)} if self.parts else {}
        return areas if self.venues is None else {**areas, "venues": list(self.venues)}


def _district(asking: Asking, area: str | None, on: str, areas: list[str] | None = None) -> District:
    """Give a district as known then; where it adopted no pack, it is counted by the program's own."""
    venues = sector(asking)
    if area is None:
        return District(None, OWN, adopted=False, aims=aims(None, on), venues=venues)
    rules = Rules.of(asking.reads, area, asking.known.position)
    pack = rules.pack(on)
    whole = areas is None or any(area.startswith(wider) for wider in areas)
    return District(
        area, OWN if pack is None else pack.name, pack is not None, aims(pack, on),
        targets=tuple(rules.scheme.targets.values()),
        parts=() if whole else tuple(sorted(part for part in areas or () if part.startswith(area))), venues=venues,
    )  # fmt: skip


def _codes(asking: Asking, areas: list[str] | None, effective: str) -> list[str]:
    """Give the districts that areas lie in; of wider ones those that have lifts."""
    if areas is not None and all(len(area) >= DISTRICT_DIGITS for area in areas):
        return sorted({area[:DISTRICT_DIGITS] for area in areas})
    return asking.reads.views.districts(asking.known.position, effective, areas)


def _counted(asking: Asking, areas: list[str] | None, effective: str) -> list[District]:
    """Count the lifts in use of each district as its own pack means it; districts that mean the same together."""
    on, known = civil_date(effective), asking.known.position
    districts = [_district(asking, code, on, areas) for code in _codes(asking, areas, effective)]
    alike: dict[tuple[str, ...], list[District]] = {}
    for district in districts:
        alike.setdefault(district.aims.statuses, []).append(district)
    by_area = {district.area: district for district in districts}
    merged = merged_lifts(asking, known, effective)
    for statuses, same in alike.items():
        rows = asking.reads.views.coverage(
            known, effective, statuses=statuses, part=CORE_PART,
            areas=[area for district in same for area in district.parts or (district.area or "",)],
            venues=None if same[0].venues is None else list(same[0].venues), merged=merged,
        )  # fmt: skip
        for row in rows:
            by_area[row["area"][:DISTRICT_DIGITS]].rows.append(row)
    return districts or [_district(asking, None, on)]


def coverage(asking: Asking) -> Answer:
    """Answer GET /coverage: of the lifts in use how many are insured, in groups, held against the targets."""
    asked = asking.query.get("area")
    by = grouping(asking, DIMENSIONS, "group")
    areas = area_stems(asking, "coverage.read", asked)
    effective = asking.effective
    on = civil_date(effective)
    districts = _counted(asking, areas, effective)
    packs = [{"name": district.pack, "adopted": district.adopted} for district in districts]
    rows = [row for district in districts for row in district.rows]
    by_area = {district.area: district.aims for district in districts}

    def group(row: Found) -> tuple[str | None, bool]:
        return by_area[row["area"][:DISTRICT_DIGITS]].group(row["venue"])

    kinds = tuple(kind for kind in KINDS if all(kind in district.aims.kinds for district in districts))
    return asking.cited(
        effective_at={"instant": effective, "date": on},
        area=asked, by=list(by), pack=packs[0] if all(pack == packs[0] for pack in packs) else None,
        total=_shown(_total(rows), kinds),
        rows=[
            {**dict(zip(by, key, strict=True)), **_shown(sums, kinds)}
            for key, sums in sorted(_by(rows, by, group).items(), key=lambda item: [str(k) for k in item[0]])
        ],
        districts=[
            {
                "area": district.area, "pack": pack, **_shown(_total(district.rows), district.aims.kinds),
                **({"cut": district.cut} if district.cut else {}),
            }
            for district, pack in zip(districts, packs, strict=True)
        ],
        undecided_lifts=sum(row["in_use"] for row in rows if group(row)[1]),
        targets=[row for district in districts for row in _targets(district, on)],
    )  # fmt: skip


def _by(
    rows: list[Found], by: tuple[str, ...], group: Callable[[Found], tuple[str | None, bool]]
) -> dict[tuple[Any, ...], Counted]:
    def key(row: Found) -> tuple[Any, ...]:
        told = {"area": row["area"], "class": row["premises_class"], "venue": row["venue"], "group": group(row)[0]}
        return tuple(told[name] for name in by)

    return _summed(rows, key)


def _summed(rows: list[Found], key: Any) -> dict[Any, Counted]:  # noqa: ANN401 - any key of a row
    parts: dict[Any, list[Found]] = {}
    for row in rows:
        parts.setdefault(key(row), []).append(row)
    return {name: _total(part) for name, part in parts.items()}


def _total(rows: list[Found]) -> Counted:
    in_use = sum(row["in_use"] for row in rows)
    return {kind: Coverage(in_use, sum(row[kind] for row in rows)) for kind in KINDS}


def _shown(sums: Counted, kinds: tuple[Kind, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {"in_use": sums["liability"].in_use} | dict.fromkeys(KINDS)
    return told | {kind: {"covered": sums[kind].covered, "share_bp": sums[kind].share_bp} for kind in kinds}


def _targets(district: District, on: str) -> list[dict[str, Any]]:
    """Hold a district's counts against its pack's targets, then its own; a group without a lift is counted as none."""
    held = _summed(district.rows, lambda row: district.aims.group(row["venue"])[0]) | {ALL: _total(district.rows)}
    counted: dict[tuple[str, str], Coverage] = {
        (group, kind): held[group][kind] if group in held else Coverage(0, 0)
        for group in district.aims.venues
        for kind in district.aims.kinds
    }
    partial = district.partial()
    return [
        {
            "area": district.area, "group": result.group, "kind": result.kind, "by": result.by,
            "source": result.source, "target_bp": result.share_bp, "in_use": result.coverage.in_use,
            "covered": result.coverage.covered, "share_bp": result.coverage.share_bp, "missing": result.missing,
            "finding": result.finding, **({"cut": district.cut} if result.group in partial else {}),
        }
        for result in hold_against_targets(district.aims.rows, on, counted, district.targets, partial)
    ]  # fmt: skip


QUESTIONS = (
    Question(
        "coverage.read", "/coverage", coverage, CoverageAnswer,
        (
            Parameter("area", "An area code; its parts are counted in.", "^[0-9]{6}([0-9]{3}){0,2}$"),
            Parameter("by", "How lifts are grouped: area, class, venue, group; several with commas."),
            KNOWN_AT, EFFECTIVE_AT, WAIT_FOR,
        ),
        "Share of lifts insured, held against the targets", "电梯保险覆盖率与目标",
    ),
)  # fmt: skip
