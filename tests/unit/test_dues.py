"""What sources owe: an amount spread over them, and what of it is overdue."""

from __future__ import annotations

import pytest

from domain.dues import at_most, overdue, spread


def test_an_amount_is_spread_over_what_each_can_take() -> None:
    """At most all of that, and nothing of less than nothing."""
    assert spread(90, {"property_fee": 100, "other": 50, "common_income": 0}) == {"property_fee": 60, "other": 30}
    assert spread(900, {"property_fee": 100, "other": 50}) == {"property_fee": 100, "other": 50}
    assert spread(-1, {"property_fee": 100}) == spread(1, {}) == {}
    assert spread(1, {"property_fee": 1}) == spread(1, {"property_fee": 1, "other": 0}) == {"property_fee": 1}
    assert spread(1, {"property_fee": 2, "other": 1}) == {"property_fee": 1}, "who bears nothing is not named"
    assert at_most({"property_fee": 100, "other": 50}, {"property_fee": 70}) == {"property_fee": 70, "other": 0}


@pytest.mark.parametrize(
    "due_fen, left, borne, held, open_fen",
    [
        (800, {"a": 800}, {"a": 800}, {"a": 500}, 300),
        (800, {"a": 770}, {"a": 770, "b": 30}, {"a": 770}, 0),
        (800, {"a": 800}, {"a": 800, "b": 30}, {"a": 500, "b": 30}, 300),
        (400, {"a": 400, "b": 400}, {"a": 400, "b": 400}, {"a": 400}, 0),
        (800, {"a": 500, "b": 300}, {"a": 500, "b": 300}, {"a": 800}, 0),
        (800, {"a": 800}, {"a": 800}, {}, 800),
    ],
)
def test_only_drafted_premium_is_overdue(
    due_fen: int, left: dict[str, int], borne: dict[str, int], held: dict[str, int], open_fen: int
) -> None:
    """What an endorsement added has no day, and its money pays nothing else; the last was booked in total."""
    assert overdue(due_fen, left, borne, held) == open_fen
