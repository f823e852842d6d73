"""The demonstration's invented district: its size, its mix, the same in every run, and smaller on request."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from api.demo.district import Site, sites

ROOT = Path(__file__).parents[2]
LIFTS = 3_034
CLASSES = ("residential", "non_residential", "public_gathering")


def _classes(district: list[Site]) -> Counter[str]:
    return Counter(lift.premises_class for site in district for lift in site.lifts)


def test_the_district_has_about_three_thousand_lifts() -> None:
    """All lifts have numbers of their own, and every class has hundreds."""
    lifts = [lift for site in sites() for lift in site.lifts]
    assert len(lifts) == LIFTS
    assert len({lift.registration_code for lift in lifts}) == len({lift.factory_number for lift in lifts}) == LIFTS
    assert {code: count // 100 for code, count in _classes(sites()).items()} == dict(
        zip(CLASSES, (21, 4, 4), strict=True)
    )


def test_every_site_has_a_name_of_its_own() -> None:
    """The register names buildings by site: two sites of one name would become one, in two towns."""
    names = [site.name for site in sites()]
    assert len(set(names)) == len(names)
    places = [(lift.site, lift.building, lift.label) for site in sites() for lift in site.lifts]
    assert len(set(places)) == len(places)


def test_the_district_is_the_same_in_every_run() -> None:
    """Neither a second call nor another process, with another seed of its hashes, gives another district."""
    assert sites() == sites()
    told = "from api.demo.district import sites; print(sites())"
    runs = {
        subprocess.run(
            [sys.executable, "-c", told], cwd=ROOT, env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}, text=True,
            capture_output=True, check=True, encoding="utf-8",
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert runs == {f"{sites()}\n"}


@pytest.mark.parametrize("size", [1, 40, 60, 1_000, LIFTS - 1])
def test_a_smaller_district_is_spread_evenly(size: int) -> None:
    """It has so many of the same lifts, each class in its share to one lift, and no site or building without any."""
    whole = {lift for site in sites() for lift in site.lifts}
    small = sites(size)
    lifts = [lift for site in small for lift in site.lifts]
    assert len(lifts) == size
    assert set(lifts) <= whole
    for code, count in _classes(sites()).items():
        assert abs(_classes(small)[code] - count * size / LIFTS) <= 1
    for site in small:
        assert site.buildings == tuple(dict.fromkeys(lift.building for lift in site.lifts))


@pytest.mark.parametrize("size", [LIFTS, LIFTS + 1, 10_000])
def test_no_district_is_larger_than_the_whole(size: int) -> None:
    """Who asks for more lifts than there are gets all."""
    assert [site.lifts for site in sites(size)] == [site.lifts for site in sites()]
