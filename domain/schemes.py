"""Schemes (工作方案): which published rule pack an area has adopted since when, and the area's own targets.

A published pack never changes; a new reading is a new pack. One pack is in force in an area on a day: of the adoptions
that hold since then or earlier the latest, and of those of one day the one recorded last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge, Le
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.packs import Pack, pack_from_json
from domain.rule_forms import readable
from domain.shapes import AreaCode, BasisPoints, CivilDate, Code, Digest, Line, PackName, Pattern, Public, Text, strict

DISTRICT_DIGITS = 6
"""Schemes are adopted by districts (县级区划): a longer area code belongs to that of its first six digits."""
UNDIVIDED_CITIES = frozenset({"441900", "442000", "460400", "620200"})
"""Cities that have towns and no districts (不设区的地级市): Dongguan, Zhongshan, Danzhou, Jiayuguan."""
WIDER = {12: 9, 9: 6, 6: 4, 4: 2}
"""How many digits of a code name the level above: village, town, district, city, province."""
PACK_TOML_CHARS_MAX = 40_000
PACK_JSON_BYTES_MAX = 120 * 1024
ADOPTIONS_MAX = 200
TARGETS_MAX = 200

DocumentNumber = Annotated[Line, Public("the title and number of a published document (文号)")]
ProgramPack = Annotated[str, Pattern("^[a-z][a-z0-9_-]{0,31}@[0-9]{1,4}$")]
PackVersion = Annotated[int, Ge(1), Le(9_999)]


@strict
class PackPublication(TypedDict):
    """A rule pack: one that comes with the program, by `<id>@<version>`, or one's own as TOML; exactly one of both.

    The text is a public rule of an authority, so it is not personal.
    """

    id: PackName
    program_pack: NotRequired[ProgramPack]
    toml: NotRequired[Annotated[str, Text(PACK_TOML_CHARS_MAX), Public("rules of law and their sources")]]


@strict
class PackAdoption(TypedDict):
    """An area adopts a pack from a day on, by a document of its authority."""

    area: AreaCode
    pack: PackName
    version: PackVersion
    from_date: CivilDate
    document: DocumentNumber
    document_digest: NotRequired[Digest]


@strict
class TargetSetting(TypedDict):
    """A target of an area beside its pack's: `share_bp` left out means all lifts (全覆盖)."""

    area: AreaCode
    group: Code
    kind: Literal["liability", "insurance_service"]
    by: CivilDate
    share_bp: NotRequired[BasisPoints]
    document: DocumentNumber


@strict
class TargetWithdrawal(TypedDict):
    """A target of the area's own that holds no longer, named by what it was set for, and the document that says so."""

    area: AreaCode
    group: Code
    kind: Literal["liability", "insurance_service"]
    by: CivilDate
    document: DocumentNumber


@dataclass(frozen=True, slots=True)
class PackDocument:
    """A published pack as data; equal by digest, so that it is parsed once in a process."""

    digest: str
    document: Mapping[str, Any] = field(compare=False, repr=False)


@lru_cache(maxsize=32)
def parsed(document: PackDocument) -> Pack:
    """Give the pack of a document; rules that are of no form the program reads, as once were let in, left out."""
    return readable(pack_from_json(document.document))


@dataclass
class PublishedPack(Aggregate):
    """A pack as published, whole."""

    pack_version: int = 0
    published: PackDocument | None = None

    class Published(Event):
        """The pack is published; `found` {version, digest, pack}, the digest over the canonical JSON of `pack`."""

        TOPIC = "pack.Published"

        def apply(self, aggregate: PublishedPack) -> None:
            """Take it over."""
            aggregate.pack_version = self.found["version"]
            aggregate.published = PackDocument(self.found["digest"], self.found["pack"])


@dataclass(frozen=True, slots=True)
class Adoption:
    """A pack adopted from a day on."""

    from_date: str
    pack: str
    version: int


@dataclass(frozen=True, slots=True)
class Target:
    """A target of the area's own, by a document of its authority; `share_bp` None is all."""

    group: str
    kind: str
    by: str
    share_bp: int | None
    document: str


@dataclass
class Scheme(Aggregate):
    """An area's scheme: its adoptions in the order of recording, and its own targets, the last said for each row."""

    adoptions: tuple[Adoption, ...] = ()
    targets: dict[tuple[str, str, str], Target] = field(default_factory=dict)

    class PackAdopted(Event):
        """The area adopted a pack; `said` is a PackAdoption, `found.name` the pack's id and version."""

        TOPIC = "scheme.PackAdopted"

        def apply(self, aggregate: Scheme) -> None:
            """Add the adoption."""
            said: Mapping[str, Any] = self.said or {}
            adoption = Adoption(said["from_date"], said["pack"], said["version"])
            aggregate.adoptions = (*aggregate.adoptions, adoption)

    class TargetSet(Event):
        """The area set a target of its own; `said` is a TargetSetting."""

        TOPIC = "scheme.TargetSet"

        def apply(self, aggregate: Scheme) -> None:
            """Set the row."""
            said: Mapping[str, Any] = self.said or {}
            target = Target(said["group"], said["kind"], said["by"], said.get("share_bp"), said["document"])
            aggregate.targets[target.group, target.kind, target.by] = target

    class TargetWithdrawn(Event):
        """A target of the area's own holds no longer; `said` is a TargetWithdrawal."""

        TOPIC = "scheme.TargetWithdrawn"

        def apply(self, aggregate: Scheme) -> None:
            """Take the row away."""
            said: Mapping[str, Any] = self.said or {}
            row = (said["group"], said["kind"], said["by"])
            aggregate.targets = {key: target for key, target in aggregate.targets.items() if key != row}

    @staticmethod
    def entry_of(event: Event) -> str:
        """Each word by itself: an adoption may be recorded after one that holds from a later day."""
        return str(event.originator_version)

    def adopted(self, on: str) -> Adoption | None:
        """Give the adoption in force on a civil date; None before the first."""
        held = [(a.from_date, number, a) for number, a in enumerate(self.adoptions) if a.from_date <= on]
        return max(held)[2] if held else None


def scheme_stream(area: str) -> str:
    """Name the scheme that an area code of six digits or more belongs to."""
    return f"scheme:{area[:DISTRICT_DIGITS]}"


def stem(area: str) -> str:
    """Give the beginning that the codes of all areas within this one share: 3701 for the city 370100.

    A code names province, city and district by two digits each (GB/T 2260), then town and village by three
    (统计用区划代码). Only zeros that fill a whole level at the end say "all of it": the town (镇) 370102100 is itself.
    """
    while (wider := WIDER.get(len(area))) is not None and not area[wider:].strip("0"):
        area = area[:wider]
    return area


def is_district(area: str) -> bool:
    """Say whether a code is a district's (县级区划): six digits that name no whole city or province.

    A city without districts stands for the one it would have: its towns' codes begin with its own.
    """
    return len(area) == DISTRICT_DIGITS and (stem(area) == area or area in UNDIVIDED_CITIES)


def within(area: str, wider: str) -> bool:
    """Say whether an area lies in a wider one: 370102 in 370100 (its city) and in 370000 (its province)."""
    return area.startswith(stem(wider))


def around(area: str) -> list[str]:
    """Give all codes of the areas that one lies in, itself among them, in each of the lengths that codes have."""
    own = stem(area)
    stems = [own[:digits] for digits in (*WIDER.values(), len(own)) if digits <= len(own)]
    return sorted({begin.ljust(digits, "0") for begin in stems for digits in (6, 9, 12) if digits >= len(begin)})
