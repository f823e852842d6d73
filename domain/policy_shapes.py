"""What is said of policies (保险单): quotation, lines of its schedule, proposal, issue, endorsement, cancellation."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from annotated_types import Ge, Le, Len
from typing_extensions import TypedDict

from domain.money import BASIS_POINTS
from domain.shapes import (
    AreaCode,
    CertificateName,
    CivilDate,
    Code,
    Count,
    Digest,
    Fen,
    Label,
    LiftName,
    PartyName,
    PolicyName,
    ProductName,
    Public,
    SignedFen,
    Source,
    SubsidyName,
    strict,
)

PARTS_MAX = 14
INSURERS_MAX = 20
SOURCES_MAX = 9
INSTALMENTS_MAX = 12
SERVICES_MAX = 13
SUBSIDIES_MAX = 20
ENDORSED_LIFTS_MAX = 100
"""Lifts that one endorsement adds, changes and removes together; more of them take several endorsements."""

InsurersNumber = Annotated[Label, Public("the insurer's own number of a policy, certificate or endorsement")]

Interest = Literal["owner", "use_right", "maintainer", "installer", "inspection_body", "other"]
"""Whose interest is insured (保险利益): owner, holder of the right of use, maintainer, installer, inspection body."""

Part = Literal[
    "third_party_injury", "third_party_medical", "third_party_property", "legal_costs", "entrapment", "missed_exam",
    "missed_travel", "no_fault_rescue", "employee", "equipment", "parts_repair", "overhaul_replacement",
    "maintenance_fee", "inspection_fee",
]  # fmt: skip
"""Coverage parts (保障项目), as in `domain.catalogue.coverage_parts`."""

SourceKind = Literal[
    "fund_principal", "fund_income", "emergency_fund", "common_income", "property_fee", "owner_topup",
    "fiscal_subsidy", "fiscal_budget", "other",
]  # fmt: skip
"""Sources of premium money (保费资金来源), as in `domain.catalogue.funding_sources`."""

FUND_SOURCES: frozenset[str] = frozenset({"fund_principal", "fund_income", "emergency_fund"})
"""Money of the owners' fund: paid by an approved application only, and its cover is held to the stricter reading."""

Ground = Literal["public_budget_sealed_proposal", "public_budget_agreement"]
"""Why a policy may be issued before its premium (统保): rule `PB01.exceptions`."""

ServiceCode = Literal[
    "SV01", "SV02", "SV03", "SV04", "SV05", "SV06", "SV07", "SV08", "SV09", "SV10", "SV11", "SV12", "SV13",
]  # fmt: skip
"""Services that come with the insurance (保险+服务), as in `domain.catalogue.services`."""

PremisesClass = Literal["residential", "non_residential", "public_gathering"]
ShareBp = Annotated[int, Ge(1), Le(BASIS_POINTS)]


@strict
class PartTerms(TypedDict):
    """A coverage part: its premium in the whole policy, its limits (责任限额) by person, accident, lift and year."""

    part: Part
    premium_fen: Fen
    per_person_fen: NotRequired[Fen]
    per_accident_fen: NotRequired[Fen]
    per_lift_year_fen: NotRequired[Fen]
    deductible_fen: NotRequired[Fen]


@strict
class PolicyLimits(TypedDict):
    """Limits over all parts: for one lift in a policy year, and for the whole policy in a policy year."""

    per_lift_year_fen: Fen
    policy_year_fen: NotRequired[Fen]


@strict
class InsurerShare(TypedDict):
    """A co-insurer's share (共保份额); the first of the list leads."""

    party: PartyName
    share_bp: ShareBp


@strict
class SourceAmount(TypedDict):
    """Premium expected from one source of money."""

    kind: SourceKind
    amount_fen: Fen


@strict
class Instalment(TypedDict):
    """An instalment of the premium (分期保费)."""

    due_on: CivilDate
    amount_fen: Fen


@strict
class PolicyDraft(TypedDict):
    """The head of a quotation; its lines follow as ScheduleLines, and `policy.quote` closes it.

    The term is [`from_date` 00:00, `to_date` 00:00) of Asia/Shanghai. `insurers` left out: the author alone.
    `agreement` is the digest of the agreement that `ground` public_budget_agreement rests on. `services` are those of
    the product's that this policy promises (服务承诺); left out: none.
    """

    id: PolicyName
    product: ProductName
    area: AreaCode
    holder: PartyName
    interest: Interest
    insurers: NotRequired[list[InsurerShare]]
    parts: list[PartTerms]
    limits: PolicyLimits
    from_date: CivilDate
    to_date: CivilDate
    premium_fen: Fen
    sources: list[SourceAmount]
    instalments: NotRequired[list[Instalment]]
    valid_until: CivilDate
    ground: NotRequired[Ground]
    agreement: NotRequired[Digest]
    services: NotRequired[list[ServiceCode]]
    source: NotRequired[Source]


@strict
class PartPremium(TypedDict):
    """A certificate's premium for one coverage part, gross of tax."""

    part: Part
    premium_fen: Fen


@strict
class ScheduleLine(TypedDict):
    """One lift's certificate (保险凭证) under a policy; its parts are among the policy's."""

    policy: PolicyName
    lift: LiftName
    certificate: CertificateName
    number: NotRequired[InsurersNumber]
    parts: list[PartPremium]
    from_date: CivilDate
    to_date: CivilDate
    source: NotRequired[Source]


@strict
class ScheduleClosing(TypedDict):
    """The schedule is whole: so many lines, in all so much premium."""

    count: Count
    premium_fen: Fen


@strict
class Proposal(TypedDict):
    """The holder proposes the quoted policy (投保); `document` is the digest of the sealed proposal form."""

    number: NotRequired[InsurersNumber]
    document: NotRequired[Digest]
    source: NotRequired[Source]


@strict
class PolicyIssue(TypedDict):
    """The insurer issues the policy under its own number (保单号).

    `subsidies` are the grants that stand behind the part of the premium which need not be received first.
    """

    number: InsurersNumber
    subsidies: NotRequired[Annotated[list[SubsidyName], Len(1, SUBSIDIES_MAX)]]
    source: NotRequired[Source]


@strict
class PartDelta(TypedDict):
    """A change of a certificate's premium for one part: more is positive."""

    part: Part
    delta_fen: SignedFen


@strict
class CoverChange(TypedDict):
    """A certificate is otherwise from a day on; `effective_on` is that of the endorsement."""

    lift: LiftName
    certificate: CertificateName
    effective_on: CivilDate
    premises_class: NotRequired[PremisesClass]
    per_lift_year_fen: NotRequired[Fen]
    parts: NotRequired[list[PartDelta]]


@strict
class CoverRemoval(TypedDict):
    """A certificate ends on a day, which is no longer insured; `effective_on` is that of the endorsement."""

    lift: LiftName
    certificate: CertificateName
    effective_on: CivilDate
    refunds: list[PartPremium]
    reason: Code


@strict
class Endorsement(TypedDict):
    """An endorsement (批单) under the insurer's own number; `effective_on` may lie in the past.

    `delta_fen` is what the premium changes by in all, and `sources` are those that bear the change: their amounts come
    to it, or to its opposite when premium goes back. What the owners' fund bears more is due, and paid by a further
    application for it. Left out, those that bear the premium do, in proportion; more premium then falls neither on the
    owners' fund nor on a subsidy. `limits` replaces the policy's own limits from that day on.
    """

    number: InsurersNumber
    effective_on: CivilDate
    delta_fen: SignedFen
    reason: Code
    adds: NotRequired[list[ScheduleLine]]
    changes: NotRequired[list[CoverChange]]
    removes: NotRequired[list[CoverRemoval]]
    limits: NotRequired[PolicyLimits]
    sources: NotRequired[list[SourceAmount]]
    source: NotRequired[Source]


@strict
class Cancellation(TypedDict):
    """The policy ends on a day (退保, 解除), which is no longer insured; `refund_fen` goes back by source.

    Said again of a cancelled policy and its day, so much goes back besides: the first refund was too little.
    """

    effective_on: CivilDate
    refund_fen: Fen
    reason: Code


@strict
class PolicyEnding(TypedDict):
    """Why a policy lapses (失效) or a quotation is void (作废)."""

    reason: Code
