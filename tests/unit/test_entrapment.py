"""Entrapment benefits: floors, edges and products."""

from __future__ import annotations

import pytest

from domain.entrapment import (
    Step,
    benefit_fen,
    benefit_floor_fen,
    check_product_steps,
    check_steps,
    floor_steps,
    is_accident_candidate,
)
from domain.errors import Invalid
from domain.packs import load_pack, parse_pack

PACK = load_pack("shandong@1")
ON = "2026-03-01"


@pytest.mark.parametrize(
    "seconds, floor",
    [
        (0, 0),
        (1_799, 0),
        (1_800, 20_000),
        (3_600, 20_000),
        (3_601, 30_000),
        (5_400, 30_000),
        (5_401, 40_000),
        (7_200, 40_000),
        (7_201, 50_000),
        (10**7, 50_000),
    ],
)
def test_floor_at_its_edges(seconds: int, floor: int) -> None:
    """Thirty minutes are in the first step; sixty, ninety and a hundred and twenty belong to the step before."""
    assert benefit_floor_fen(seconds, PACK, ON) == floor


def test_two_hours_exactly_pay_the_third_step_and_open_a_candidate() -> None:
    """The same duration is read apart by the tariff and by the ordinance."""
    assert benefit_floor_fen(7_200, PACK, ON) == 40_000
    assert is_accident_candidate(7_200, PACK, ON)
    assert not is_accident_candidate(7_199, PACK, ON)


@pytest.mark.parametrize("seconds", [-1, 1.5, True])
def test_durations_are_whole_seconds(seconds: object) -> None:
    """Negative and fractional durations are refused."""
    with pytest.raises(Invalid) as refusal:
        benefit_fen(seconds, floor_steps(PACK, ON))  # type: ignore[arg-type]  # the wrong types are the point
    assert refusal.value.code == "duration_out_of_range"


def test_products_at_or_above_the_floor_pass() -> None:
    """The floor itself, a flat high benefit and one that starts earlier all pass."""
    for steps in (
        floor_steps(PACK, ON),
        (Step(1_800, "closed", 50_000),),
        (Step(600, "closed", 30_000), Step(5_400, "closed", 60_000)),
    ):
        assert check_product_steps(steps, PACK, ON) == []


@pytest.mark.parametrize(
    "steps, below",
    [
        ((), [1_800, 3_601, 5_401, 7_201]),
        ((Step(1_800, "open", 50_000),), [1_800]),  # a second late
        ((Step(1_800, "closed", 20_000), Step(3_700, "closed", 50_000)), [3_601]),
        ((Step(1_800, "closed", 50_000), Step(10_800, "closed", 100)), [10_800]),  # falls after three hours
        ((Step(2_400, "closed", 20_000), Step(5_400, "open", 40_000)), [1_800, 3_601, 7_201]),  # from 40 minutes
    ],
)
def test_products_below_the_floor_anywhere_are_found(steps: tuple[Step, ...], below: list[int]) -> None:
    """Every duration from which a product pays too little is found, also between and after the steps."""
    found = check_product_steps(steps, PACK, ON)
    assert [item["facts"]["seconds"] for item in found] == below
    assert {item["code"] for item in found} == {"benefit_below_floor"}
    assert {item["verdict"] for item in found} == {"violates"}


def test_a_floor_not_fixed_is_information() -> None:
    """Where the authority left the floor open, any product passes with a note."""
    pack = parse_pack(
        b"""
        [pack]
        id = "open"
        version = 1
        title = "t"
        area = "000000"
        demonstration = true
        [[rule]]
        id = "entrapment.floor"
        title = "t"
        value = "not_fixed"
        unit = "fen_per_person"
        basis = "b"
        grade = "unverified"
        breach = "violates"
        from = "2020-01-01"
        """
    )
    assert floor_steps(pack, ON) == ()
    assert benefit_floor_fen(9_000, pack, ON) == 0
    assert [item["verdict"] for item in check_product_steps((), pack, ON)] == ["information"]


def test_steps_are_in_order_and_whole() -> None:
    """Steps that start together or backwards are refused, and so are bounds and seconds that are none."""
    with pytest.raises(Invalid) as refusal:
        check_steps([Step(60, "open", 1), Step(61, "closed", 2)])
    assert refusal.value.code == "steps_disordered"
    for start, bound in ((-1, "closed"), (1.5, "closed"), (60, "ajar")):
        with pytest.raises(Invalid) as refusal:
            Step(start, bound, 1)  # type: ignore[arg-type]  # the wrong values are the point
        assert refusal.value.code == "step_malformed"


def test_a_pack_with_a_malformed_floor_is_refused() -> None:
    """A row that is no step is not guessed at."""
    pack = parse_pack(
        b"""
        [pack]
        id = "bad"
        version = 1
        title = "t"
        area = "000000"
        demonstration = true
        [[rule]]
        id = "entrapment.floor"
        title = "t"
        value = [{ start_seconds = 1, bound = "ajar", benefit_fen = 1 }]
        unit = "fen_per_person"
        basis = "b"
        grade = "unverified"
        breach = "violates"
        from = "2020-01-01"
        """
    )
    with pytest.raises(Invalid) as refusal:
        floor_steps(pack, ON)
    assert refusal.value.code == "step_malformed"
