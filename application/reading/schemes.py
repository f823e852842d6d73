"""Districts' schemes and packs as they were known at a position, for answers that hold facts against rules of law.

And for whoever asks which rules are in force where he deals (适用规则).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from typing_extensions import TypedDict

from application.reading.asking import AREA, TIMES, Answer, Asking, Question, Reads
from application.reading.rows import shown
from application.reading.scope import reach
from application.reading.shapes import Cited
from domain.aggregate import Aggregate
from domain.errors import Invalid
from domain.findings import Verdict
from domain.packs import Grade, Pack, pack_as_json
from domain.schemes import Adoption, DocumentNumber, PublishedPack, Scheme, parsed, scheme_stream
from domain.shapes import AreaCode, BasisPoints, CivilDate, Code, Digest, PackName

A = TypeVar("A", bound=Aggregate)


def known(reads: Reads, aggregate: A, position: int) -> A:
    """Fold into an empty aggregate what was known of its stream at a position."""
    for event in reads.streams.events(aggregate.id):
        if event.position is not None and event.position <= position:
            event.mutate(aggregate)
    return aggregate


@dataclass(slots=True)
class Rules:
    """The packs of a district, each read once."""

    reads: Reads
    position: int
    scheme: Scheme
    _packs: dict[str, Pack | None] = field(default_factory=dict)

    @classmethod
    def of(cls, reads: Reads, area: str, position: int) -> Rules:
        """Give the rules of the district that an area code of six digits or more belongs to."""
        return cls(reads, position, known(reads, Scheme(scheme_stream(area)), position))

    def pack(self, on: str) -> Pack | None:
        """Give the pack that was in force on a civil date by what was known; None where none was adopted."""
        adoption = self.scheme.adopted(on)
        if adoption is None:
            return None
        if adoption.pack not in self._packs:
            published = self.published(adoption).published
            self._packs[adoption.pack] = None if published is None else parsed(published)
        return self._packs[adoption.pack]

    def published(self, adoption: Adoption) -> PublishedPack:
        """Give the pack of an adoption as it was published."""
        return known(self.reads, PublishedPack(adoption.pack), self.position)


class AdoptedPack(TypedDict):
    """The pack in force: its stream, name and digest as events cite it, and from when on the district adopted it."""

    pack: PackName
    name: str
    title: str
    area: AreaCode
    digest: Digest
    adopted_from: CivilDate
    demonstration: bool


class RuleInForce(TypedDict):
    """A rule in force on the day: what it asks, by which text, how sure that is, and what a breach of it comes to.

    `value` is in `unit`: a whole number, a code, a truth value, a list or a table; `not_fixed` where the authority has
    left it open. `reading` says how the ledger reads a text that can be read in several ways.
    """

    id: str
    title: str
    value: Any
    unit: str
    basis: str
    grade: Grade
    breach: Verdict
    from_date: CivilDate
    to_date: CivilDate | None
    reading: str | None


class OwnTarget(TypedDict):
    """A target of the district's own, beside those of its pack (`targets.…`); `share_bp` null is every lift."""

    group: Code
    kind: str
    by: CivilDate
    share_bp: BasisPoints | None
    document: DocumentNumber


class SchemeAnswer(Cited):
    """The rules in force in a district on a day; none where it had adopted no pack then."""

    area: AreaCode
    on: CivilDate
    pack: AdoptedPack | None
    rules: list[RuleInForce]
    targets: list[OwnTarget]


def in_force(asking: Asking) -> Answer:
    """Answer GET /schemes/{area}: the district's pack with the rules in force on the day, and its own targets.

    Of a town or village those of its district.
    """
    area, on = asking.path["area"], asking.on
    if not AREA.takes(area):
        raise Invalid("an area code has 6, 9 or 12 digits", code="area_malformed", **AREA.form)
    reach(asking, "scheme.read")
    rules = Rules.of(asking.reads, area, asking.known.position)
    adoption, pack = rules.scheme.adopted(on), rules.pack(on)
    targets = [
        {"group": t.group, "kind": t.kind, "by": t.by, "share_bp": t.share_bp, "document": t.document}
        for _, t in sorted(rules.scheme.targets.items())
    ]
    told = None if adoption is None or pack is None else _adopted(adoption, rules.published(adoption), pack)
    return asking.cited(
        area=scheme_stream(area).partition(":")[2], on=on, pack=told, rules=[] if pack is None else _rules(pack, on),
        targets=targets,
    )  # fmt: skip


def _adopted(adoption: Adoption, published: PublishedPack, pack: Pack) -> Answer:
    digest = "" if published.published is None else published.published.digest
    return {
        "pack": adoption.pack, "name": pack.name, "title": pack.title, "area": pack.area, "digest": digest,
        "adopted_from": adoption.from_date, "demonstration": pack.demonstration,
    }  # fmt: skip


def _rules(pack: Pack, on: str) -> list[Answer]:
    """Give the rules in force, as the pack's document has them."""
    rows: Any = pack_as_json(pack)["rules"]
    names = ("id", "title", "value", "unit", "basis", "grade", "breach", "reading")
    return [
        {**shown(row, names), "from_date": row["from"], "to_date": row["to"]}
        for rule, row in zip(pack.rules, rows, strict=True) if rule.in_force(on)
    ]  # fmt: skip


QUESTIONS = (
    Question(
        "scheme.read", "/schemes/{area}", in_force, SchemeAnswer, TIMES,
        "The rules in force in an area", "地区适用规则",
    ),
)  # fmt: skip
