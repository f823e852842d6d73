"""Laws of area codes: a part of an area begins as the area does, level by level, and no town is another's part."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.schemes import stem, within

pairs = st.sampled_from([0, 1, 2, 10, 37, 90, 99])
triples = st.sampled_from([0, 1, 10, 100, 101, 105, 110, 199, 200, 900])
Area = tuple[int, ...]
"""The numbers of province, city, district, town and village; 0 is none of them."""
areas = st.tuples(st.sampled_from([11, 37, 50, 90]), pairs, pairs, triples, triples)


def spelled(area: Area, digits: int) -> str:
    """Write an area as a code of so many digits, which must be enough for it."""
    return "{:02}{:02}{:02}{:03}{:03}".format(*area)[:digits]


def lengths(area: Area) -> list[int]:
    """Give how long a code of the area may be: what is cut off must say nothing."""
    return [digits for digits, rest in ((6, area[3:]), (9, area[4:]), (12, ())) if not any(rest)]


def part_of(area: Area, wider: Area) -> bool:
    """Say plainly whether an area is part of another: it is the same down to the last level that the other has."""
    told = max((level for level, number in enumerate(wider) if number), default=0)
    return area[: told + 1] == wider[: told + 1]


@given(area=areas, wider=areas, near=st.integers(0, 5), data=st.data())
def test_within_is_part_of_however_both_are_written(area: Area, wider: Area, near: int, data: st.DataObject) -> None:
    """For all lengths, and for areas that have any number of levels in common."""
    area = (*wider[:near], *area[near:])
    for told, other in ((area, wider), (wider, area)):
        code = spelled(told, data.draw(st.sampled_from(lengths(told))))
        assert within(code, spelled(other, data.draw(st.sampled_from(lengths(other))))) == part_of(told, other)


@given(area=areas)
def test_all_spellings_of_an_area_have_one_beginning(area: Area) -> None:
    """The beginning is what lists are cut by, so it is the same for the area with and without zeros at the end."""
    (begins,) = {stem(spelled(area, digits)) for digits in lengths(area)}
    assert len(begins) in {2, 4, 6, 9, 12}
