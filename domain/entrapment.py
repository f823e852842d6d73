"""Benefits for being trapped (困人): steps over whole seconds, and the floor that the pack sets under them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from domain.errors import Invalid
from domain.findings import Finding, finding
from domain.money import check_fen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from domain.packs import Pack, RuleValue

SECONDS_MAX = 10**7


@dataclass(frozen=True, slots=True)
class Step:
    """From this duration on, per person, this benefit, until the next step.

    `bound` is closed if the duration `start_seconds` itself is in the step (以上), open if only longer ones are
    (超过). Raises Invalid `step_malformed`.
    """

    start_seconds: int
    bound: Literal["closed", "open"]
    benefit_fen: int

    def __post_init__(self) -> None:
        """Refuse what is no step."""
        if type(self.start_seconds) is not int or not 0 <= self.start_seconds <= SECONDS_MAX:
            raise Invalid("a step starts after a whole number of seconds", code="step_malformed")
        if self.bound not in {"closed", "open"}:
            raise Invalid("a step's bound is closed or open", code="step_malformed")
        check_fen(self.benefit_fen)

    @property
    def first_second(self) -> int:
        """The shortest duration in the step, in whole seconds."""
        return self.start_seconds + (self.bound == "open")


def check_steps(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps if each starts later than the one before; raises Invalid `steps_disordered`."""
    starts = [step.first_second for step in steps]
    if any(later <= earlier for earlier, later in itertools.pairwise(starts)):
        raise Invalid("steps are not in ascending order of duration", code="steps_disordered")
    return tuple(steps)


def benefit_fen(seconds: int, steps: Sequence[Step]) -> int:
    """Return the benefit for a duration in whole seconds; 0 before the first step.

    Raises Invalid `duration_out_of_range` for a negative or fractional one.
    """
    if type(seconds) is not int or seconds < 0:
        raise Invalid("a duration is a whole number of seconds", code="duration_out_of_range")
    reached = [step.benefit_fen for step in check_steps(steps) if step.first_second <= seconds]
    return reached[-1] if reached else 0


def floor_steps(pack: Pack, on: str) -> tuple[Step, ...]:
    """Return the floor (最低标准) in force on a civil date; none if the authority has not fixed it."""
    rule = pack.rule("entrapment.floor", on)
    return steps_of(rule.rows()) if rule.fixed else ()


def steps_of(rows: Iterable[Mapping[str, RuleValue]]) -> tuple[Step, ...]:
    """Read a pack's rows as steps; raises Invalid `step_malformed`, `steps_disordered`."""
    return check_steps([_step(row) for row in rows])


def _step(row: Mapping[str, RuleValue]) -> Step:
    start, bound, benefit = row.get("start_seconds"), row.get("bound"), row.get("benefit_fen")
    if type(start) is not int or type(benefit) is not int or (bound not in {"closed", "open"}):
        raise Invalid("the pack's floor has a row that is no step", code="step_malformed")
    return Step(start, "closed" if bound == "closed" else "open", benefit)


def benefit_floor_fen(seconds: int, pack: Pack, on: str) -> int:
    """Return the least benefit per person that the pack sets for a duration, on a civil date."""
    return benefit_fen(seconds, floor_steps(pack, on))


def check_product_steps(steps: Sequence[Step], pack: Pack, on: str) -> list[Finding]:
    """Hold a product's steps against the floor, f(t) ≥ floor(t) for every t (不低于).

    Both are constant between their starts, so the starts of both are all that must be compared. One finding
    `benefit_below_floor` for each duration at which the product falls below, with facts `seconds`,
    `benefit_fen` and `floor_fen`.
    """
    rule = pack.rule("entrapment.floor", on)
    if not rule.fixed:
        return [finding(rule, "floor_not_fixed", "information")]
    floor = floor_steps(pack, on)
    starts = sorted({step.first_second for step in (*check_steps(steps), *floor)})
    return [
        finding(rule, "benefit_below_floor", seconds=start, benefit_fen=given, floor_fen=least)
        for start in starts
        if (given := benefit_fen(start, steps)) < (least := benefit_fen(start, floor))
    ]


def is_accident_candidate(seconds: int, pack: Pack, on: str) -> bool:
    """Say whether a duration may make the entrapment a general accident (一般事故): at or above the limit.

    监察条例 64(三) counts the limit in. A candidate only: SAMR Order 50 asks for the equipment's defect or a breach.
    """
    return seconds >= pack.rule("accident.candidate_seconds", on).integer()
