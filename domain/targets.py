"""Coverage of lifts in use held against the plan's targets (覆盖率目标), from counts alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from domain.errors import Invalid
from domain.findings import Finding, finding
from domain.money import BASIS_POINTS
from domain.packs import OWN, Pack, Rule, load_pack, own_rule

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from domain.schemes import Target

Kind = Literal["liability", "insurance_service"]
KINDS: Final[tuple[Kind, ...]] = ("liability", "insurance_service")

ALL: Final = "all"
"""The group that every lift in use belongs to."""
IN_USE: Final = "targets.in_use"
GROUPS: Final = "premises.target_group"
"""The rule of which target group each venue belongs to."""
ROWS: Final = "targets.rows"
SERVICE: Final = "targets.insurance_service"
SERVED: Final = frozenset({"liability_cover_in_force", "service_plan_in_force"})
"""The conditions of "insurance + service" that can be counted: on the day, the cover and the plan promised with it."""
AREA_RULE: Final = "targets.area"
"""The rule of an area's own target: set by an event of its scheme, not by a pack."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of so many lifts in use, so many are covered; a lift counts once, however many covers it has.

    Raises Invalid `counts_impossible`.
    """

    in_use: int
    covered: int

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        if not 0 <= self.covered <= self.in_use:
            raise Invalid("more lifts covered than in use", code="counts_impossible")

    @property
    def share_bp(self) -> int | None:
        """The share in whole basis points, cut off, never rounded up; null where no lift is in use."""
        return self.covered * BASIS_POINTS // self.in_use if self.in_use else None

    def reaches(self, share_bp: int) -> bool:
        """Say whether the share is at least (不低于) so many basis points, compared without rounding."""
        return self.covered * BASIS_POINTS >= share_bp * self.in_use

    def missing(self, share_bp: int) -> int:
        """Count the further lifts that must be covered to reach the share."""
        return max(0, -(-share_bp * self.in_use // BASIS_POINTS) - self.covered)


@dataclass(frozen=True, slots=True)
class TargetResult:
    """A target row and how far it is reached; `share_bp` is null where the plan gives no number.

    `source` says whose row it is: the pack's, or the area's own beside it.
    """

    group: str
    kind: str
    by: str
    share_bp: int | None
    coverage: Coverage
    missing: int
    finding: Finding
    source: Literal["pack", "area"] = "pack"


@dataclass(frozen=True, slots=True)
class Aims:
    """How a district counts on a day, and what it aims at, as its pack says; what the pack does not fix is left out.

    `statuses` count as in use; `groups` gives a venue's target group, and whether a person has to decide on it;
    `kinds` are the kinds of target that can be counted as the pack means them; `rows` is the rule of its targets.
    """

    statuses: tuple[str, ...]
    groups: Mapping[str, tuple[str, bool]]
    kinds: tuple[Kind, ...]
    rows: Rule | None

    def group(self, venue: str | None) -> tuple[str | None, bool]:
        """Give the target group of a venue and whether a person has to decide; of an unknown venue he has to."""
        return (None, True) if venue is None else self.groups.get(venue, (None, True))

    @property
    def venues(self) -> dict[str, frozenset[str]]:
        """The target groups, each with its venues; `all` is every lift."""
        found: dict[str, frozenset[str]] = {ALL: frozenset()}
        for venue, (group, _) in self.groups.items():
            found[group] = found.get(group, frozenset()) | {venue}
        return found


def aims(pack: Pack | None, on: str) -> Aims:
    """Give what a district's pack says of counting on a civil date.

    A district without a pack has no targets, since nobody but itself sets them; it is counted by the program's own
    rules. So is one whose pack does not fix which lifts are in use: the share of a wider area needs all its districts.
    """
    counting = pack or load_pack(OWN)
    groups, service = counting.fixed(GROUPS, on), counting.fixed(SERVICE, on)
    rows = () if groups is None else groups.rows()
    served = service is not None and frozenset(service.texts()) == SERVED
    return Aims(
        (counting.fixed(IN_USE, on) or own_rule(IN_USE)).texts(),
        {str(row["venue"]): (str(row["group"]), row["review"] is True) for row in rows},
        KINDS if served else ("liability",),
        None if pack is None else pack.fixed(ROWS, on),
    )


def class_of(pack: Pack, venue: str, on: str) -> tuple[str, bool]:
    """Return the premises class of a venue, and whether a person has to decide; raises Invalid `venue_unknown`."""
    rule = pack.rule("premises.venue_class", on)
    for row in rule.rows():
        if row["venue"] == venue:
            return str(row["premises_class"]), row["review"] is True
    raise Invalid("the pack does not know this venue", code="venue_unknown", venue=venue, rule=rule.id)


def hold_against_targets(
    rows: Rule | None, on: str, coverage: Mapping[tuple[str, str], Coverage], own: Sequence[Target] = (),
    partial: Container[str] = (),
) -> list[TargetResult]:  # fmt: skip
    """Hold coverage by (group, kind) on a civil date against every row of the pack's targets, then the area's own.

    `rows` is the pack's rule `targets.rows`; None where it has none in force, or has not fixed it. Group `all` is every
    lift in use. A pair that is not given was not counted: `needs_supplement`, never a violation. Of the groups
    `partial` only a part of the area was counted: a target is set for the whole (全区), so the part's share is told and
    neither reaches nor misses it. Findings: `target_reached`, `target_missed` (rule's verdict once the date is past,
    before it `information` as `target_open`), `target_not_fixed`, `target_not_counted`, `target_part_counted`,
    `target_no_lifts`. A row of the area's own stands beside the pack's and takes nothing from it; its finding names the
    area's document.
    """
    results: list[TargetResult] = []
    rule = rows or own_rule(ROWS)
    for row in () if rows is None else rows.rows():
        group, kind, by = str(row["group"]), str(row["kind"]), str(row["by"])
        share = row.get("share_bp")
        share_bp = share if type(share) is int else BASIS_POINTS if row.get("share") == "all" else None
        results.append(_held(rule, on, (group, kind, by), share_bp, coverage, partial))
    for target in sorted(own, key=lambda target: (target.by, target.group, target.kind)):
        theirs = replace(
            rule, id=AREA_RULE, value=BASIS_POINTS if target.share_bp is None else target.share_bp,
            basis=target.document, grade="government", reading=None,
        )  # fmt: skip
        share_bp = BASIS_POINTS if target.share_bp is None else target.share_bp
        result = _held(theirs, on, (target.group, target.kind, target.by), share_bp, coverage, partial)
        results.append(replace(result, source="area"))
    return results


def _held(
    rule: Rule, on: str, row: tuple[str, str, str], share_bp: int | None,
    coverage: Mapping[tuple[str, str], Coverage], partial: Container[str],
) -> TargetResult:  # fmt: skip
    group, kind, by = row
    counted = coverage.get((group, kind))
    held = counted or Coverage(0, 0)
    missing = held.missing(share_bp) if share_bp is not None and group not in partial else 0
    if share_bp is None:
        written = finding(rule, "target_not_fixed", "information")
    elif counted is None:
        written = finding(rule, "target_not_counted", "needs_supplement")
    elif group in partial:
        written = finding(rule, "target_part_counted", "information")
    elif not counted.in_use:
        written = finding(rule, "target_no_lifts", "information")
    elif counted.reaches(share_bp):
        written = finding(rule, "target_reached", "compliant")
    elif on <= by:
        written = finding(rule, "target_open", "information", missing=missing)
    else:
        written = finding(rule, "target_missed", missing=missing)
    return TargetResult(group, kind, by, share_bp, held, missing, written)
