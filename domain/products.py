"""Insurance products as filed (备案条款和费率): parts and limits, benefits, rates; held against the pack's floors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge, Le
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.entrapment import SECONDS_MAX, Step, check_product_steps
from domain.errors import Conflict, Invalid
from domain.findings import Finding, finding
from domain.packs import Pack
from domain.policy_shapes import SERVICES_MAX, Part, PremisesClass, ServiceCode
from domain.shapes import (
    AreaCode,
    BasisPoints,
    CivilDate,
    Code,
    Count,
    Fen,
    Label,
    PartyName,
    ProductName,
    Public,
    Source,
    strict,
)

PARTS_MAX = 14
STEPS_MAX = 50
FACTORS_MAX = 50


@strict
class ProductPart(TypedDict):
    """A coverage part of the clauses with its limits (责任限额) and deductible (免赔额)."""

    part: Part
    per_person_fen: NotRequired[Fen]
    per_accident_fen: NotRequired[Fen]
    per_lift_year_fen: NotRequired[Fen]
    deductible_fen: NotRequired[Fen]


@strict
class BenefitStep(TypedDict):
    """From a duration on, this benefit per trapped person; `bound` closed counts the duration itself in."""

    start_seconds: Annotated[int, Ge(0), Le(SECONDS_MAX)]
    bound: Literal["closed", "open"]
    benefit_fen: Fen


@strict
class MissedExamBenefits(TypedDict):
    """Benefits per person for a missed examination: 高考, 中考, qualification."""

    college_entrance: Fen
    senior_school_entrance: Fen
    qualification: Fen


@strict
class Rate(TypedDict):
    """The filed premium of the liability parts for a lift and year, by premises class."""

    premises_class: PremisesClass
    liability_fen: Fen


@strict
class Factor(TypedDict):
    """A filed rating factor with its bounds, in basis points of the premium (10,000 changes nothing)."""

    code: Code
    least_bp: Annotated[int, Ge(0), Le(100_000)]
    most_bp: Annotated[int, Ge(0), Le(100_000)]


@strict
class ProductFiling(TypedDict):
    """A product as filed for an area.

    `clause_no` is the filing number (备案编号), `code` the insurer's own, `canonical` the kind that makes products of
    different insurers comparable; `missed_travel_times` is how many times the loss is paid. `short_rate_bp` is what
    the insurer keeps of the unearned premium under refund method short_rate. `services` are the services that a policy
    under it may promise (保险+服务).
    """

    id: ProductName
    insurer: PartyName
    area: AreaCode
    clause_no: Annotated[Label, Public("the number of a public filing (备案编号)")]
    code: Annotated[Label, Public("the insurer's code of a product on sale to all")]
    name: Annotated[Label, Public("the name of a product on sale to all")]
    canonical: Literal["liability", "comprehensive", "pension", "other"]
    parts: list[ProductPart]
    entrapment: NotRequired[list[BenefitStep]]
    missed_exam: NotRequired[MissedExamBenefits]
    missed_travel_times: NotRequired[Count]
    rates: NotRequired[list[Rate]]
    factors: NotRequired[list[Factor]]
    rounding: NotRequired[Literal["down", "half_up"]]
    refund: Literal["pro_rata_days", "short_rate", "none"]
    short_rate_bp: NotRequired[BasisPoints]
    co_insurers_pay: NotRequired[Literal["leader", "each"]]
    services: NotRequired[list[ServiceCode]]
    source: NotRequired[Source]


@strict
class ProductChange(TypedDict):
    """From which day a product is on sale, or no longer."""

    from_date: CivilDate


@dataclass
class Product(Aggregate):
    """A filed product: what it insures, what it pays, how it refunds, and when it may be sold."""

    insurer: str = ""
    area: str = ""
    canonical: str = ""
    parts: tuple[Mapping[str, Any], ...] = ()
    entrapment: tuple[Mapping[str, Any], ...] = ()
    missed_exam: Mapping[str, int] | None = None
    missed_travel_times: int | None = None
    rates: tuple[Mapping[str, Any], ...] = ()
    factors: tuple[Mapping[str, Any], ...] = ()
    rounding: str | None = None
    refund: str = ""
    short_rate_bp: int = 0
    co_insurers_pay: str = "leader"
    services: tuple[str, ...] = ()
    on_sale_from: str | None = None
    withdrawn_from: str | None = None

    class Filed(Event):
        """The product was filed; `said` is a ProductFiling, `found` {findings, pack}."""

        TOPIC = "product.Filed"

        def apply(self, aggregate: Product) -> None:
            """Take over the filing."""
            said: Mapping[str, Any] = self.said or {}
            for name in ("insurer", "area", "canonical", "refund"):
                setattr(aggregate, name, said[name])
            aggregate.parts = tuple(said["parts"])
            aggregate.entrapment = tuple(said.get("entrapment", ()))
            aggregate.missed_exam = said.get("missed_exam")
            aggregate.missed_travel_times = said.get("missed_travel_times")
            aggregate.rates = tuple(said.get("rates", ()))
            aggregate.factors = tuple(said.get("factors", ()))
            aggregate.rounding = said.get("rounding")
            aggregate.short_rate_bp = said.get("short_rate_bp", 0)
            aggregate.co_insurers_pay = said.get("co_insurers_pay", "leader")
            aggregate.services = tuple(said.get("services", ()))

    class OnSale(Event):
        """The product is sold from `said.from_date` on."""

        TOPIC = "product.OnSale"

        def apply(self, aggregate: Product) -> None:
            """Remember the day."""
            aggregate.on_sale_from = (self.said or {})["from_date"]
            aggregate.withdrawn_from = None

    class Withdrawn(Event):
        """The product is sold no longer from `said.from_date` on; policies issued under it stay."""

        TOPIC = "product.Withdrawn"

        def apply(self, aggregate: Product) -> None:
            """Remember the day."""
            aggregate.withdrawn_from = (self.said or {})["from_date"]

    @property
    def part_codes(self) -> frozenset[str]:
        """The coverage parts of its clauses."""
        return frozenset(part["part"] for part in self.parts)

    def steps(self) -> tuple[Step, ...]:
        """Give its entrapment benefits as steps."""
        return benefit_steps(self.entrapment)

    def require_on_sale(self, on: str) -> None:
        """Raise Conflict `product_not_on_sale` unless it may be sold on a day."""
        begun = self.on_sale_from is not None and self.on_sale_from <= on
        if not begun or (self.withdrawn_from is not None and self.withdrawn_from <= on):
            raise Conflict(f"{self.id} is not on sale on {on}", code="product_not_on_sale", product=self.id, on=on)


def benefit_steps(rows: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Read BenefitSteps."""
    return tuple(Step(row["start_seconds"], row["bound"], row["benefit_fen"]) for row in rows)


def check_parts(parts: Sequence[Mapping[str, Any]], per_lift_year_fen: int | None = None) -> None:
    """Refuse parts that contradict themselves: Invalid `parts_count`, `part_twice`, `aggregate_below_person`.

    The aggregate of a lift's year is not below what one person or one accident may get of it. `per_lift_year_fen` is
    the aggregate over all parts, where there is one.
    """
    if not 1 <= len(parts) <= PARTS_MAX:
        raise Invalid("one coverage part at least", code="parts_count", maximum=PARTS_MAX)
    codes = [part["part"] for part in parts]
    if len(set(codes)) != len(codes):
        raise Invalid("a coverage part stands twice", code="part_twice")
    for part in parts:
        single = max(part.get("per_person_fen", 0), part.get("per_accident_fen", 0))
        aggregates = [fen for fen in (part.get("per_lift_year_fen"), per_lift_year_fen) if fen is not None]
        if any(aggregate < single for aggregate in aggregates):
            raise Invalid(
                "a lift's aggregate limit is not below that of a person or an accident",
                code="aggregate_below_person", part=part["part"],
            )  # fmt: skip


def check_services(services: Sequence[str], offered: Sequence[str] | None = None) -> None:
    """Refuse services named twice (Invalid `service_twice`), or not among the product's (`service_not_in_product`)."""
    if len(services) > SERVICES_MAX or len(set(services)) != len(services):
        raise Invalid("a service stands twice", code="service_twice", maximum=SERVICES_MAX)
    strange = set(services).difference(services if offered is None else offered)
    if strange:
        raise Invalid("the product has no such service", code="service_not_in_product", services=sorted(strange))


def check_product(pack: Pack, filing: Mapping[str, Any], on: str) -> list[Finding]:
    """Hold a ProductFiling against the pack in force on a day.

    Findings: those of `check_product_steps`; `missed_exam_below_floor`, `missed_exam_not_stated`,
    `missed_travel_below_floor`, `missed_travel_not_stated`; those of `check_sums`;
    `guiding_rate_not_fixed`; `rate_over_cap`.
    """
    found = check_benefits(
        pack, {part["part"] for part in filing["parts"]}, filing.get("entrapment", ()), filing.get("missed_exam"),
        filing.get("missed_travel_times"), on,
    )  # fmt: skip
    found += check_sums(pack, filing["parts"], on)
    guiding = pack.rule("policy.guiding_rate", on)
    if not guiding.fixed:
        found.append(finding(guiding, "guiding_rate_not_fixed", "information"))
    return found + _check_rates(pack, filing.get("rates", ()), on)


def check_benefits(
    pack: Pack, parts: Collection[str], entrapment: Sequence[Mapping[str, Any]], missed_exam: Mapping[str, int] | None,
    missed_travel_times: int | None, on: str,
) -> list[Finding]:  # fmt: skip
    """Hold the benefits of these coverage parts against the floors in force on a day, as `check_product` says."""
    found: list[Finding] = []
    if "entrapment" in parts:
        found += check_product_steps(benefit_steps(entrapment), pack, on)
    if "missed_exam" in parts:
        found += _check_exam(pack, missed_exam, on)
    if "missed_travel" in parts:
        found += _check_travel(pack, missed_travel_times, on)
    return found


def check_sums(
    pack: Pack, parts: Iterable[Mapping[str, Any]], on: str, per_lift_year_fen: int | None = None
) -> list[Finding]:
    """Hold the sums insured by part against the pack's minimums: rule `policy.sum_insured_min`, a table by part.

    `parts` as they bind; `per_lift_year_fen` is the limit over all parts, where there is one, which each of them is
    within. Findings: `sum_insured_not_fixed`, `sum_insured_below_minimum`, and `sum_insured_not_stated` where nothing
    says a sum, since missing data is no violation.
    """
    rule = pack.rule("policy.sum_insured_min", on)
    if not rule.fixed:
        return [finding(rule, "sum_insured_not_fixed", "information")]
    found: list[Finding] = []
    for part in parts:
        name, minimum = part["part"], rule.table().get(part["part"])
        stated = [fen for fen in (part.get("per_lift_year_fen"), per_lift_year_fen) if fen is not None]
        if not isinstance(minimum, int):
            continue
        if not stated:
            found.append(finding(rule, "sum_insured_not_stated", "needs_supplement", part=name, minimum_fen=minimum))
        elif (least := min(stated)) < minimum:
            found.append(finding(rule, "sum_insured_below_minimum", part=name, sum_fen=least, minimum_fen=minimum))
    return found


def _check_exam(pack: Pack, benefits: Mapping[str, int] | None, on: str) -> list[Finding]:
    rule = pack.rule("entrapment.missed_exam_floor", on)
    if not rule.fixed:
        return [finding(rule, "floor_not_fixed", "information")]
    if benefits is None:
        return [finding(rule, "missed_exam_not_stated", "needs_supplement")]
    return [
        finding(rule, "missed_exam_below_floor", exam=exam, benefit_fen=benefits.get(exam, 0), floor_fen=floor)
        for exam, floor in rule.table().items()
        if isinstance(floor, int) and benefits.get(exam, 0) < floor
    ]


def _check_travel(pack: Pack, times: int | None, on: str) -> list[Finding]:
    rule = pack.rule("entrapment.missed_travel_multiple", on)
    if not rule.fixed:
        return [finding(rule, "floor_not_fixed", "information")]
    if times is None:
        return [finding(rule, "missed_travel_not_stated", "needs_supplement")]
    return [finding(rule, "missed_travel_below_floor", times=times)] if times < rule.integer() else []


def _check_rates(pack: Pack, rates: Sequence[Mapping[str, Any]], on: str) -> list[Finding]:
    rule = pack.rule("premium.cap", on)
    if not rule.fixed:
        return []
    caps = rule.table()
    return [
        finding(
            rule, "rate_over_cap", premises_class=rate["premises_class"], rate_fen=rate["liability_fen"], cap_fen=cap
        )
        for rate in rates
        if isinstance(cap := caps.get(rate["premises_class"]), int) and rate["liability_fen"] > cap
    ]
