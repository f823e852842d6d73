"""An invented pilot district: deterministic, with Chinese names and codes, about 3,000 lifts.

The area code 370199 belongs to no real district; names of estates, companies and people are put together by chance.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

AREA: Final = "370199"
SEED: Final = 20251101
TOWNS: Final = tuple((f"{AREA}{n:03d}", name) for n, name in enumerate(
    ("泉城街道", "文汇街道", "东湖街道", "柳林街道", "石桥街道", "云山街道", "新港镇", "白河镇"), 1
))  # fmt: skip

_ESTATE_FIRST = [
    "锦绣",
    "阳光",
    "翠湖",
    "金桂",
    "书香",
    "和谐",
    "滨河",
    "丽景",
    "盛世",
    "春江",
    "明珠",
    "御景",
    "东方",
    "幸福",
    "绿城",
    "恒泰",
]
_ESTATE_LAST = ["花园", "家园", "雅苑", "新城", "名邸", "华庭", "小区", "公馆"]
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国志文雪梅"

ESTATES: Final = 56
HOUSES_PER_LIFT: Final = 24


@dataclass(frozen=True, slots=True)
class LiftPlan:
    """A lift to be: its numbers, variety, venue, whose estate or venue, year of installation, status."""

    number: int
    registration_code: str
    factory_number: str
    variety: str
    venue: str
    premises_class: str
    town: str
    site: str
    building: str
    label: str
    installed: str
    status: str


@dataclass(frozen=True, slots=True)
class Site:
    """An estate or a venue: town, name, venue code, premises class, estate type, its buildings with their lifts."""

    name: str
    town: str
    venue: str
    premises_class: str
    estate_type: str | None
    buildings: tuple[str, ...]
    lifts: tuple[LiftPlan, ...]


_VENUES = (
    # (venue, class, sites, lifts a site, name's ending)
    ("school", "public_gathering", 14, 4, "中学"),
    ("kindergarten", "public_gathering", 6, 1, "幼儿园"),
    ("hospital", "public_gathering", 6, 16, "医院"),
    ("station", "public_gathering", 2, 24, "客运站"),
    ("mall", "public_gathering", 8, 22, "购物中心"),
    ("stadium", "public_gathering", 2, 8, "体育馆"),
    ("exhibition_hall", "public_gathering", 1, 14, "会展中心"),
    ("park", "public_gathering", 2, 3, "公园"),
    ("hotel", "public_gathering", 10, 6, "大酒店"),
    ("office_government", "non_residential", 24, 5, "办公楼"),
    ("office", "non_residential", 30, 9, "大厦"),
)


def sites(size: int | None = None) -> list[Site]:
    """Give all estates and venues, the same in every run; with `size` so many of their lifts, spread evenly."""
    chance = random.Random(SEED)  # noqa: S311 - a demonstration repeats itself
    numbers = iter(range(1, 10_000))
    found = [_estate(chance, numbers, index) for index in range(ESTATES)]
    names = {site.name for site in found}
    for venue, premises_class, count, lifts, ending in _VENUES:
        for _ in range(count):
            name = _name(chance, ending, names)
            names.add(name)
            found.append(_venue(chance, numbers, name, (venue, premises_class), lifts))
    return found if size is None else _thinned(found, size)


def _thinned(whole: list[Site], size: int) -> list[Site]:
    """Give the sites with `size` of their lifts, or all; what keeps no lift falls away."""
    every = [lift.number for site in whole for lift in site.lifts]
    kept = {number for rank, number in enumerate(every) if (rank + 1) * size // len(every) > rank * size // len(every)}
    found = []
    for site in whole:
        lifts = tuple(lift for lift in site.lifts if lift.number in kept)
        standing = {lift.building for lift in lifts}
        buildings = tuple(building for building in site.buildings if building in standing)
        if lifts:
            found.append(replace(site, buildings=buildings, lifts=lifts))
    return found


def _name(chance: random.Random, ending: str, taken: Collection[str]) -> str:
    """Draw a name until it is new: the register knows a site by it, whatever its town."""
    while True:
        name = chance.choice(_ESTATE_FIRST) + chance.choice("一二三东西南北中新") + ending
        if name not in taken:
            return name


def _estate(chance: random.Random, numbers: Iterator[int], index: int) -> Site:
    kind = ("commercial", "commercial", "civil_servant", "resettlement")[index % 4]
    venue = {
        "commercial": "residence_commercial_estate",
        "civil_servant": "residence_civil_servant",
        "resettlement": "residence_resettlement",
    }[kind]
    name = f"{_ESTATE_FIRST[index % 16]}{_ESTATE_LAST[index // 8]}{'' if index < 48 else '二期'}"  # noqa: PLR2004 - all named by then
    town = TOWNS[index % len(TOWNS)][0]
    buildings = tuple(f"{n}号楼" for n in range(1, chance.randint(10, 17)))
    planned = [
        _lift(chance, numbers, (venue, "residential"), (town, name, building, f"{unit}单元"))
        for building in buildings
        for unit in range(1, chance.randint(3, 5))
    ]
    return Site(name, town, venue, "residential", kind, buildings, tuple(planned))


def _venue(chance: random.Random, numbers: Iterator[int], name: str, kind: tuple[str, str], size: int) -> Site:
    town = chance.choice(TOWNS)[0]
    count = max(1, size + chance.randint(-1, 2))
    planned = [_lift(chance, numbers, kind, (town, name, "主楼", f"{n}号梯")) for n in range(1, count + 1)]
    return Site(name, town, kind[0], kind[1], None, ("主楼",), tuple(planned))


def _lift(
    chance: random.Random, numbers: Iterator[int], kind: tuple[str, str], place: tuple[str, str, str, str]
) -> LiftPlan:
    venue, premises_class = kind
    town, site, building, label = place
    number = next(numbers)
    variety = "3110"
    if venue in {"mall", "station", "exhibition_hall"}:
        variety = chance.choice(("3110", "3310", "3310", "3320"))
    elif venue == "hospital":
        variety = chance.choice(("3110", "3110", "3120"))
    year = chance.randint(2004, 2024)
    month = chance.randint(1, 12)
    # Installing lifts may be insured but do not count; a few stand still.
    status = chance.choices(("in_use", "stopped", "installing"), (96, 3, 1))[0]
    return LiftPlan(
        number=number,
        registration_code=f"{variety}{AREA}{year}{month:02d}{number % 10_000:04d}",
        factory_number=f"SD{year % 100:02d}-{number:05d}",
        variety=variety, venue=venue, premises_class=premises_class, town=town, site=site, building=building,
        label=label, installed=f"{year}-{month:02d}-{chance.randint(1, 28):02d}", status=status,
    )  # fmt: skip


def person(chance: random.Random) -> str:
    """Give a person's name."""
    return chance.choice(_SURNAMES) + "".join(chance.choices(_GIVEN, k=chance.randint(1, 2)))


def house_areas(chance: random.Random, count: int) -> list[int]:
    """Give floor areas of houses in 0.01 m²."""
    return [chance.randint(6_000, 16_500) for _ in range(count)]
