"""The form that the value of each rule known to the program has, by rule id.

A pack is held against it when it is published, so that whoever writes one is told what is wrong and where, and not
whoever asks for a city's coverage years later. What was published before is not refused any more: of such a pack a
rule of another form counts as not there (`readable`). Rules that the program does not know, and rules of which it
reads no more than that they are fixed, are texts to read: any value is good. `not_fixed` (未定) always is.

The core knows no pydantic, and rows that are read here are rows of a rule pack (frozen tables and tuples), so forms
are functions of their own: each yields what is wrong, as `place: what is wanted`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias, get_args

from domain.catalogue import CYCLES, WorkType, coverage_parts, funding_sources, venues
from domain.entrapment import steps_of
from domain.errors import DomainError, Invalid
from domain.findings import VERDICTS
from domain.lift_shapes import LiftStatus, PremisesClass
from domain.money import BASIS_POINTS, FEN_MAX
from domain.packs import NOT_FIXED, Pack, Rule, RuleValue
from domain.policy_shapes import Ground
from domain.shapes import Pattern
from domain.time import parse_date

Form: TypeAlias = Callable[[RuleValue, str], Iterator[str]]
"""Yields what is wrong with a value that stands at a place (`/3/review`); nothing when it is of the form."""

FAULTS_SHOWN_MAX: Final = 5
YEARS_MAX: Final = 100
DAYS_MAX: Final = 36_525
SECONDS_MAX: Final = 10**7
_CODE: Final = Pattern("[a-z][a-z0-9_.@-]{0,63}")


def _fault(at: str, wanted: str) -> str:
    return f"{at or '/'}: {wanted}"


def whole(least: int, most: int) -> Form:
    """Take a whole number from `least` to `most`."""

    def check(value: RuleValue, at: str) -> Iterator[str]:
        if type(value) is not int or not least <= value <= most:
            yield _fault(at, f"a whole number from {least} to {most}")

    return check


def flag(value: RuleValue, at: str) -> Iterator[str]:
    """Take a truth value."""
    if not isinstance(value, bool):
        yield _fault(at, "true or false")


def text(value: RuleValue, at: str) -> Iterator[str]:
    """Take a text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        yield _fault(at, "a text")


def code(value: RuleValue, at: str) -> Iterator[str]:
    """Take a code of small letters, digits and marks."""
    try:
        _CODE.check(value if isinstance(value, str) else "")
    except DomainError:
        yield _fault(at, "a code")


def day(value: RuleValue, at: str) -> Iterator[str]:
    """Take a civil date."""
    try:
        parse_date(value if isinstance(value, str) else "")
    except DomainError:
        yield _fault(at, "a civil date")


def one_of(allowed: Collection[str]) -> Form:
    """Take one of some codes."""

    def check(value: RuleValue, at: str) -> Iterator[str]:
        if not isinstance(value, str) or value not in allowed:
            yield _fault(at, f"one of {', '.join(allowed)}")

    return check


def listed(form: Form, key: str | None = None) -> Form:
    """Take a list, each entry of a form; with `key`, no two of its tables have the same there."""

    def check(value: RuleValue, at: str) -> Iterator[str]:
        if not isinstance(value, tuple):
            yield _fault(at, "a list")
            return
        seen: set[RuleValue] = set()
        for number, entry in enumerate(value):
            faults = list(form(entry, f"{at}/{number}"))
            yield from faults
            if key is not None and not faults and isinstance(entry, Mapping):
                if entry[key] in seen:
                    yield _fault(f"{at}/{number}/{key}", "no other row with the same")
                seen.add(entry[key])

    return check


def table(members: Mapping[str, Form], optional: Mapping[str, Form] = MappingProxyType({})) -> Form:
    """Take a table of these members and no others, of which the optional ones may be left out."""
    known = {**members, **optional}

    def check(value: RuleValue, at: str) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield _fault(at, "a table")
            return
        for name in sorted({*members, *value}):
            if name not in value:
                yield _fault(f"{at}/{name}", "wanted")
            elif name not in known:
                yield _fault(f"{at}/{name}", f"no member; known are {', '.join(sorted(known))}")
            else:
                yield from known[name](value[name], f"{at}/{name}")

    return check


def by_code(keys: Collection[str] | None, form: Form) -> Form:
    """Take a table whose members are some of these codes, or any, each of one form; not an empty one."""

    def check(value: RuleValue, at: str) -> Iterator[str]:
        if not isinstance(value, Mapping) or not value:
            yield _fault(at, "a table with a member")
            return
        for name in sorted(value):
            if keys is not None and name not in keys:
                yield _fault(f"{at}/{name}", f"no member; known are {', '.join(keys)}")
            else:
                yield from form(value[name], f"{at}/{name}")

    return check


def _target(value: RuleValue, at: str) -> Iterator[str]:
    """Take a target: a share in basis points, or `share` in words, all or not_fixed; one of both."""
    in_words = isinstance(value, Mapping) and "share" in value
    share = {"share": one_of(("all", NOT_FIXED))} if in_words else {"share_bp": whole(0, BASIS_POINTS)}
    yield from table({"group": code, "kind": one_of(("liability", "insurance_service")), "by": day, **share})(value, at)


def _steps(value: RuleValue, at: str) -> Iterator[str]:
    """Take the steps of a benefit, each later than the one before."""
    faults = list(_STEPS(value, at))
    yield from faults
    if not faults and isinstance(value, tuple):
        try:
            steps_of([row for row in value if isinstance(row, Mapping)])
        except DomainError as refused:
            yield _fault(at, refused.message)


def _threshold(value: RuleValue, at: str) -> Iterator[str]:
    """Take a share of area and heads, at most the whole."""
    faults = list(_FRACTION(value, at))
    yield from faults
    if not faults and isinstance(value, Mapping):
        numerator, denominator = value["numerator"], value["denominator"]
        if isinstance(numerator, int) and isinstance(denominator, int) and numerator > denominator:
            yield _fault(at, "a numerator no greater than the denominator")


_ANY_OF_WORK: Final = get_args(WorkType)
_fen: Final = whole(0, FEN_MAX)
_days: Final = whole(1, DAYS_MAX)
_hours: Final = whole(1, DAYS_MAX * 24)
_seconds: Final = whole(1, SECONDS_MAX)
_years: Final = whole(1, YEARS_MAX)
_STEPS: Final = listed(
    table(
        {"start_seconds": whole(0, SECONDS_MAX), "bound": one_of(("closed", "open")), "benefit_fen": _fen},
        {"strength": code},
    )
)
_FRACTION: Final = table(
    {
        "of": one_of(("scope", "participating")), "numerator": whole(1, BASIS_POINTS),
        "denominator": whole(1, BASIS_POINTS), "bound": one_of(("closed", "open")),
    }
)  # fmt: skip
_VOTE: Final = table({"approval": _threshold}, {"participation": _threshold})
_PARTS: Final = tuple(coverage_parts())

FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "premium.cap": by_code(get_args(PremisesClass), _fen),
        "premium.liability_parts": listed(one_of(_PARTS)),
        "policy.term_years_min": _years,
        "policy.coterminous_additions": flag,
        "policy.sum_insured_min": by_code(_PARTS, _fen),
        "policy.quote_validity_days_max": _days,
        "policy.instalments": one_of(("equal_or_falling",)),
        "PB01": one_of(("premium_first",)),
        "PB01.exceptions": listed(one_of(get_args(Ground))),
        "PB01.receipts": table(
            {"subsidy_part": one_of(("counted", "not_counted"))},
            {"co_insurance": code, "intermediary": code, "instalments": code},
        ),
        "cover.overlap": table(
            {"fund_paid": one_of(("refuse", "flag_pro_rata")), "otherwise": one_of(("refuse", "flag_pro_rata"))},
            {"key": listed(code)},
        ),
        "entrapment.floor": _steps,
        "entrapment.missed_exam_floor": by_code(None, _fen),
        "entrapment.missed_travel_multiple": whole(1, BASIS_POINTS),
        "accident.candidate_seconds": _seconds,
        "maintenance.interval_days_max": _days,
        "maintenance.cycle_days_max": by_code(CYCLES, _days),
        "maintenance.workers_min": whole(1, 100),
        "maintenance.second_worker_seconds_max": _seconds,
        "maintenance.visit_minutes_min": by_code(_ANY_OF_WORK, whole(0, 24 * 60)),
        "maintenance.countersign_hours_max": _hours,
        "maintenance.geofence_m_max": whole(1, 1_000_000),
        "maintenance.back_dated_hours_max": _hours,
        "maintenance.record_years_min": _years,
        "fund.permitted_parts": listed(
            table(
                {
                    "source": one_of(tuple(funding_sources())), "permitted": listed(one_of(_PARTS)),
                    "refused": listed(one_of(_PARTS)), "otherwise": one_of(VERDICTS),
                }
            ),
            "source",
        ),
        "fund.reservation_days_max": _days,
        "fund.publicity_days_min": table({"plan": whole(0, DAYS_MAX), "result": whole(0, DAYS_MAX)}),
        "vote.use_fund": _VOTE,
        "vote.raise_fund": _VOTE,
        "claims.clocks": listed(
            table(
                {"clock": text, "start": code, "length": whole(1, DAYS_MAX), "unit": code, "pause": code, "basis": text}
            )
        ),
        "claims.last_day_rolls": table(
            {"weekends": flag, "holidays": flag}, {"makeup_workdays": flag, "hours": flag}
        ),
        "premises.venue_class": listed(
            table(
                {"venue": one_of(tuple(venues())), "premises_class": one_of(get_args(PremisesClass)), "review": flag}
            ),
            "venue",
        ),
        "premises.target_group": listed(
            table({"venue": one_of(tuple(venues())), "group": code, "review": flag}), "venue"
        ),
        "targets.rows": listed(_target),
        "targets.in_use": listed(one_of(get_args(LiftStatus))),
        "targets.insurance_service": listed(code),
    }
)  # fmt: skip
"""By rule id; a unit that a rule's name ends in is the unit of its number."""


def faults_of(rule: Rule) -> list[str]:
    """Give what is wrong with a rule's value; nothing where it is not fixed or no rule that the program knows."""
    form = FORMS.get(rule.id)
    return [] if form is None or not rule.fixed else list(form(rule.value, ""))


def require_forms(pack: Pack) -> None:
    """Raise Invalid `rule_value` with the first rule of another form than the program reads, and what is wrong."""
    for rule in pack.rules:
        if faults := faults_of(rule):
            raise Invalid(
                f"rule {rule.id} has another form than the program reads: {faults[0]}",
                code="rule_value", rule=rule.id, wrong=faults[:FAULTS_SHOWN_MAX], count=len(faults),
            )  # fmt: skip


def readable(pack: Pack) -> Pack:
    """Give a pack without the rules that are of another form than the program reads, as if they were not there."""
    rules = tuple(rule for rule in pack.rules if not faults_of(rule))
    return pack if len(rules) == len(pack.rules) else replace(pack, rules=rules)
