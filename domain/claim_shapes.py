"""What is said of claims (理赔): notice of loss, papers, assessment, reserve, decision, payment, and their ends."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from annotated_types import Ge, Le, Len
from typing_extensions import TypedDict

from domain.policy_shapes import Interest, Part
from domain.shapes import (
    CivilDate,
    Code,
    Digest,
    Fen,
    IncidentName,
    Instant,
    Label,
    LiftName,
    OccurrenceName,
    PartyName,
    PaymentName,
    Personal,
    PersonName,
    PolicyName,
    Prose,
    Source,
    strict,
)
from domain.shapes import ClaimName as ClaimId

CLAIMANTS_MAX = 50
PAPERS_MAX = 100
HEADS_MAX = 50
REASONS_MAX = 20
PERSONS_MAX = 500
APPROVED_MAX_FEN = 10**12
"""Ten thousand million yuan, more than any lift's limit."""

LossKind = Literal[
    "entrapment", "injury", "death", "property_damage", "breakdown", "missed_exam", "missed_travel", "other"
]
"""困人, 人身伤害, 死亡, 财产损失, 故障损坏, 误考, 误机误车, 其他."""

ClaimantRole = Literal["injured", "trapped", "dependant", "employee", "owner", "insured", "repairer"]

PayeeKind = Literal["third_party", "passenger", "employee", "insured", "repairer", "hospital"]
"""Who receives the money: 第三者, 乘客, 雇员, 被保险人, 修理单位, 医疗机构."""

AdvanceKind = Literal["determinable_part", "emergency_medical", "quick_half", "advance_compensation", "repair"]
"""保险法 25 determinable part (先予支付), 抢救费用垫付, 快速预付 50%, 先行赔付, 维修垫付: five things (L10)."""

Amount = Annotated[int, Ge(1), Le(APPROVED_MAX_FEN)]


@strict
class Claimant(TypedDict):
    """Whoever was hurt, trapped or claims; name and contact are sealed under one person."""

    role: ClaimantRole
    person: NotRequired[PersonName]
    name: NotRequired[Annotated[Label, Personal(of="person")]]
    contact: NotRequired[Annotated[Label, Personal(of="person", index="phone")]]
    injury: NotRequired[Annotated[Prose, Personal(of="person")]]


@strict
class Entrapment(TypedDict):
    """From alarm to release (报警至解救), and how many were trapped."""

    alarm_at: Instant
    released_at: Instant
    persons: Annotated[int, Ge(1), Le(PERSONS_MAX)]


@strict
class ClaimNotice(TypedDict):
    """Notice of a loss (报案, 保险法 21): which lift, when, which part of cover and whose interest.

    `known_at` is when the author knew of it; `insurer` is who is given notice, where it is not the cover's.
    """

    id: ClaimId
    lift: LiftName
    occurrence: NotRequired[OccurrenceName]
    incident: NotRequired[IncidentName]
    loss_at: Instant
    known_at: NotRequired[Instant]
    part: Part
    interest: Interest
    kind: LossKind
    insurer: NotRequired[PartyName]
    claimants: NotRequired[Annotated[list[Claimant], Len(1, CLAIMANTS_MAX)]]
    entrapment: NotRequired[Entrapment]
    description: NotRequired[Annotated[Prose, Personal()]]
    source: NotRequired[Source]


@strict
class Paper(TypedDict):
    """A paper in proof of the claim (索赔材料) by kind and digest."""

    kind: Code
    digest: Digest


@strict
class PapersFiled(TypedDict):
    """The insurer received papers; `supplement` says that they answer its request (补充材料)."""

    papers: Annotated[list[Paper], Len(1, PAPERS_MAX)]
    received_on: CivilDate
    supplement: NotRequired[bool]


@strict
class SupplementRequest(TypedDict):
    """The insurer asks for what is missing, once and at once (保险法 22)."""

    missing: Annotated[list[Code], Len(1, PAPERS_MAX)]
    delivered_on: CivilDate


@strict
class Head(TypedDict):
    """A head of loss (损失项目) and its amount."""

    head: Code
    amount_fen: Fen


Heads = Annotated[list[Head], Len(1, HEADS_MAX)]


@strict
class Assessment(TypedDict):
    """The loss as assessed (定损); the heads sum to the total."""

    heads: Heads
    total_fen: Fen
    report: NotRequired[Digest]


@strict
class ReserveSetting(TypedDict):
    """What the claim holds of its limits (未决赔款准备), in place of what it held before; 0 frees it.

    `policy` is for a loss that several policies of the insurer cover: the one it comes out of, else the first found.
    """

    amount_fen: Annotated[int, Ge(0), Le(APPROVED_MAX_FEN)]
    policy: NotRequired[PolicyName]


@strict
class Approval(TypedDict):
    """The insurer will pay so much (核赔); `further` adds the difference to an earlier approval (保险法 25).

    `policy` as with a reserve.
    """

    amount_fen: Amount
    currency: Literal["CNY"]
    effective_on: NotRequired[CivilDate]
    heads: NotRequired[Heads]
    further: NotRequired[bool]
    policy: NotRequired[PolicyName]


@strict
class ApprovalReduction(TypedDict):
    """Less is owed on the claim than was approved (协商减少赔款), as its claimant agreed in `document`.

    `approved_fen` is what is approved in all from then on. What was agreed on is owed (保险法 23), so that nobody but
    who is owed it can let go of any of it.
    """

    approved_fen: Annotated[int, Ge(0), Le(APPROVED_MAX_FEN)]
    currency: Literal["CNY"]
    reason: Code
    agreed_on: CivilDate
    document: Digest


@strict
class Refusal(TypedDict):
    """The insurer will not pay (拒赔), with its reasons as codes; `notice_on` is when the notice went out."""

    reasons: Annotated[list[Code], Len(1, REASONS_MAX)]
    decided_on: CivilDate
    notice_on: NotRequired[CivilDate]
    statement: NotRequired[Annotated[Prose, Personal()]]


@strict
class Agreement(TypedDict):
    """Insurer and claimant agreed on the amount (达成赔偿协议, 保险法 23)."""

    agreed_on: CivilDate
    document: NotRequired[Digest]


@strict
class Payee(TypedDict):
    """Who is paid; a natural person is sealed."""

    kind: PayeeKind
    party: NotRequired[PartyName]
    person: NotRequired[PersonName]
    name: NotRequired[Annotated[Label, Personal(of="person")]]
    account: NotRequired[Annotated[Label, Personal(of="person")]]


@strict
class ClaimPayment(TypedDict):
    """Money paid on an approved claim (赔付).

    `compensated` is the digest of the proof that the insured has compensated the third party (保险法 65 款三).
    """

    amount_fen: Amount
    currency: Literal["CNY"]
    payee: Payee
    paid_at: Instant
    payment: NotRequired[PaymentName]
    compensated: NotRequired[Digest]
    source: NotRequired[Source]


@strict
class ClaimPaymentReturn(TypedDict):
    """A payment or an advance came back whole (退汇), or was recorded by mistake: nobody has the money.

    `paid_version` is the version of the claim at which it was recorded, `document` the bank's word of it.
    """

    paid_version: Annotated[int, Ge(1)]
    returned_at: Instant
    reason: Code
    document: Digest


@strict
class AdvancePayment(TypedDict):
    """Money paid before the claim is decided; it counts against the final amount. `policy` as with a reserve."""

    kind: AdvanceKind
    amount_fen: Amount
    currency: Literal["CNY"]
    payee: Payee
    paid_at: Instant
    payment: NotRequired[PaymentName]
    compensated: NotRequired[Digest]
    policy: NotRequired[PolicyName]
    source: NotRequired[Source]


@strict
class ClaimEnding(TypedDict):
    """Why a claim is withdrawn (撤案), closed (结案) or reopened (重开)."""

    reason: Code


@strict
class OccurrenceOpening(TypedDict):
    """One event that several lifts or persons may claim from (事故); each claim names it."""

    id: OccurrenceName
    at: Instant
    kind: LossKind
    lifts: NotRequired[Annotated[list[LiftName], Len(1, 50)]]
    policy: NotRequired[PolicyName]
    source: NotRequired[Source]
