"""Which events of a lift somebody sees, told from what is known of him alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.reading.ports import Cut
from application.reading.scope import Standing
from application.reading.sight import Seen, Sight

HIM, OTHER, LIFT = "party:him", "party:other", "lift:1"
HIS, LATER = "2025-03-01T00:00:00.000000Z", "2025-09-01T00:00:00.000000Z"
TIME = (("2025-01-01T00:00:00.000000Z", "2025-07-01T00:00:00.000000Z"),)

ALL = Sight(HIM, Standing(frozenset(), ()), None, frozenset(), None, None, ())
"""Somebody to whom all is open."""
OPEN = replace(ALL, claims=frozenset(), covers=frozenset())
"""Who sees all of the lift, and no dealing on it."""
PAST = replace(OPEN, cut=Cut(HIM, TIME), visits=frozenset({5}))
"""Who sees what was so in his time, and a visit."""
USER = replace(OPEN, cover_periods=TIME)
"""Who sees the certificates of his time."""
PARTY = replace(PAST, claims=frozenset({f"{LIFT}/claim:1"}), covers=frozenset({7}))
"""Who is party to a claim and a certificate besides."""


@pytest.mark.parametrize(
    "stream,position,at,seen",
    [
        ("", 1, HIS, (ALL, OPEN, PAST, USER, PARTY)), ("", 1, LATER, (ALL, OPEN, USER)),
        ("/maintenance:2025", 5, LATER, (ALL, OPEN, PAST, USER, PARTY)),
        ("/maintenance:2025", 6, HIS, (ALL, OPEN, USER)),
        ("/cover", 7, LATER, (ALL, PARTY)), ("/cover", 8, HIS, (ALL, USER)), ("/cover", 8, LATER, (ALL,)),
        ("/claim:1", 9, HIS, (ALL, PARTY)), ("/claim:2", 9, HIS, (ALL,)), ("/claim:1/more", 9, HIS, (ALL,)),
        ("/cost:1", 9, HIS, (ALL,)),
    ],
)  # fmt: skip
def test_an_event_is_seen_by_whom_it_concerns(stream: str, position: int, at: str, seen: tuple[Sight, ...]) -> None:
    """The lift's own by its time, a visit by its position, a dealing by those who are party to it; one's own always."""
    event = Seen(f"{LIFT}{stream}", position, OTHER, at)
    assert [who.sees(event) for who in (ALL, OPEN, PAST, USER, PARTY)] == [
        who in seen for who in (ALL, OPEN, PAST, USER, PARTY)
    ]
    own = event._replace(party=HIM)
    assert all(who.sees(own) for who in (ALL, OPEN, PAST, USER, PARTY))


def test_costs_are_seen_by_who_sees_all_claims_or_all_certificates() -> None:
    """Either of the two, of all and not of one's own alone."""
    cost = Seen(f"{LIFT}/cost:1", 9, OTHER, HIS)
    assert replace(OPEN, claims=None).sees(cost)
    assert replace(OPEN, covers=None).sees(cost)
    assert not OPEN.sees(cost)


def test_a_timeline_has_the_entries_that_are_seen() -> None:
    """Without a cut all of them; else those of one's time, the claims that are one's own, visits and certificates."""
    assert ALL.entries() is OPEN.entries() is None
    assert PAST.entries() == Cut(HIM, TIME, (), (5,))
    claims = frozenset({f"{LIFT}/claim:2", f"{LIFT}/claim:1"})
    many = replace(PARTY, visits=frozenset({16, 5}), covers=frozenset({7, 1024}), claims=claims)
    assert many.entries() == Cut(HIM, TIME, (f"{LIFT}/claim:1", f"{LIFT}/claim:2"), (5, 7, 16, 1024))
    assert replace(PAST, claims=None, covers=None).entries() == Cut(HIM, TIME, (), (5,))
