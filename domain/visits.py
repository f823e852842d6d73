"""What is said of a maintenance visit (维保记录): shapes of its opening, nodes, item results, end and signatures.

A whole visit may come in one body or node by node, in any order, from a phone that was offline. Results are grouped
by verdict, so that the usual case, everything in order, is a plain list of codes of TSG T5002-2017.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from annotated_types import Ge, Le, Len
from typing_extensions import TypedDict

from domain.shapes import (
    AgentName,
    CivilDate,
    Code,
    ContractName,
    Count,
    Digest,
    Instant,
    LiftName,
    Line,
    Pattern,
    Personal,
    PersonName,
    Prose,
    Source,
    VisitName,
    strict,
)
from domain.time import YEAR_MAX, YEAR_MIN

WORKERS_MAX = 4
"""Workers that one record names; with them a whole visit is eight events at the most."""
NODES_PER_WRITE_MAX = 100
NODES_PER_VISIT_MAX = 1_000
ITEMS_MAX = 300
PHOTOS_MAX = 100

Level = Literal["HM", "TM", "SM", "OY", "FM"]
"""Half-month, quarter, half-year, year (TSG T5002-2017 art. 6), and maintenance on demand (按需维保)."""

NodeKind = Literal[
    "check_in", "second_check_in", "photo", "position", "item", "part", "fault", "signature", "check_out"
]
"""签到, 第二人签到, 照片, 位置, 项目, 换件, 故障, 作业人员签字, 签退."""

ItemCode = Annotated[str, Pattern("^[A-D]-[1-4]-[0-9]{2}$")]
NodeId = Annotated[str, Pattern("^[A-Za-z0-9_.:-]{1,64}$")]
Year = Annotated[int, Ge(YEAR_MIN), Le(YEAR_MAX)]
DegreesE7 = Annotated[int, Ge(-1_800_000_000), Le(1_800_000_000)]


@strict
class Position(TypedDict):
    """Where a phone was, in 10⁻⁷ degrees of the stated reference system; personal data of its holder."""

    lat_e7: DegreesE7
    lon_e7: DegreesE7
    accuracy_m: NotRequired[Count]
    crs: Literal["WGS84", "GCJ02", "BD09"]


@strict
class Node(TypedDict):
    """One node of a visit as the phone noted it: `id` is the author's own, unique in the visit.

    `distance_m` is how far from the lift the phone was; `position` itself is sealed under `person`, the holder.
    """

    id: NodeId
    kind: NodeKind
    device_time: Instant
    seq: NotRequired[Count]
    worker: NotRequired[AgentName]
    item: NotRequired[ItemCode]
    photo: NotRequired[Digest]
    distance_m: NotRequired[Count]
    person: NotRequired[PersonName]
    position: NotRequired[Annotated[Position, Personal(of="person")]]


Nodes = Annotated[list[Node], Len(1, NODES_PER_WRITE_MAX)]


@strict
class AbnormalItem(TypedDict):
    """An item not in order (异常): what was seen is free text, so personal."""

    item: ItemCode
    note: Annotated[Line, Personal()]
    photo: NotRequired[Digest]


@strict
class AbsentItem(TypedDict):
    """An item that this lift does not have (不涉及), and why (T5002 annexes, note 1)."""

    item: ItemCode
    reason: Code


@strict
class ItemLater(TypedDict):
    """An item not yet due (未到期), and when it is."""

    item: ItemCode
    next_on: CivilDate


@strict
class ItemResults(TypedDict):
    """Results of a visit's items by verdict; an item stands in one of the lists."""

    normal: NotRequired[Annotated[list[ItemCode], Len(0, ITEMS_MAX)]]
    abnormal: NotRequired[Annotated[list[AbnormalItem], Len(0, ITEMS_MAX)]]
    not_applicable: NotRequired[Annotated[list[AbsentItem], Len(0, ITEMS_MAX)]]
    not_due: NotRequired[Annotated[list[ItemLater], Len(0, ITEMS_MAX)]]


@strict
class VisitOpening(TypedDict):
    """A visit begins: which lift, which kind of visit, who is there; the ids of workers are of agents."""

    id: VisitName
    lift: LiftName
    level: Level
    workers: Annotated[list[AgentName], Len(1, WORKERS_MAX)]
    opened_at: Instant
    contract: NotRequired[ContractName]
    offline: NotRequired[bool]
    source: NotRequired[Source]


@strict
class VisitNodes(TypedDict):
    """Nodes of a visit; `year` is that of the visit's first civil day in Asia/Shanghai, it names the stream."""

    lift: LiftName
    year: Year
    visit: VisitName
    nodes: Nodes
    offline: NotRequired[bool]


@strict
class VisitItems(TypedDict):
    """Item results of a visit, written once."""

    lift: LiftName
    year: Year
    visit: VisitName
    results: ItemResults


@strict
class VisitFinish(TypedDict):
    """The visit ends; from here on the record is what the use unit countersigns."""

    lift: LiftName
    year: Year
    visit: VisitName
    finished_at: Instant
    photos: NotRequired[Annotated[list[Digest], Len(0, PHOTOS_MAX)]]


@strict
class NodesPart(TypedDict):
    """The nodes of a visit written whole."""

    nodes: Nodes


@strict
class ItemsPart(TypedDict):
    """The item results of a visit written whole."""

    results: ItemResults


@strict
class FinishPart(TypedDict):
    """The end of a visit written whole."""

    finished_at: Instant
    photos: NotRequired[Annotated[list[Digest], Len(0, PHOTOS_MAX)]]


@strict
class VisitSubmission(TypedDict):
    """A whole visit in one body; each part becomes an event of its own."""

    opened: VisitOpening
    record: NotRequired[NodesPart]
    items: NotRequired[ItemsPart]
    finished: FinishPart


@strict
class CorrectedRecord(TypedDict):
    """Which record is corrected and why; the old one stays as it is (T5002 art. 10)."""

    lift: LiftName
    year: Year
    visit: VisitName
    why: Code
    approver: NotRequired[AgentName]
    note: NotRequired[Annotated[Prose, Personal()]]


@strict
class VisitCorrection(TypedDict):
    """A new whole record that names the old one."""

    corrects: CorrectedRecord
    opened: VisitOpening
    record: NotRequired[NodesPart]
    items: NotRequired[ItemsPart]
    finished: FinishPart


@strict
class Countersigning(TypedDict):
    """The use unit's safety administrator (电梯安全管理员) signs what was recorded (T5002 art. 7).

    `digest` is the one that the visit's end answered (`found.digest` of `visit.Finished`); `signed_at` is the
    signer's device time.
    """

    lift: LiftName
    year: Year
    visit: VisitName
    digest: Digest
    signed_at: Instant


@strict
class VisitDispute(TypedDict):
    """Somebody concerned says that the record is not true."""

    lift: LiftName
    year: Year
    visit: VisitName
    reason: Code
    statement: NotRequired[Annotated[Prose, Personal()]]
