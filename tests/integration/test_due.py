"""What time brings about, as the read models tell it."""

from __future__ import annotations

import random

from application.timers import DUE_PER_ROUND_MAX, Due
from domain.funds import EXPIRY_RULE
from domain.persons import RETENTION_RULE
from infrastructure.projector import Projector
from infrastructure.views import SqlViews
from tests.support.history import Told, history, name
from tests.support.projecting import store
from tests.support.saving import ORIGIN, TestLedger

UNTIL, FAR = "2024-01-01T00:00:00.000000Z", "2024-06-01T00:00:00.000000Z"


def due(
    ledger: TestLedger, now: str, *told: Told, limit: int = DUE_PER_ROUND_MAX, after: Due | None = None
) -> list[Due]:  # fmt: skip
    """Store and project what is told, then give what is due."""
    store(ledger, told)
    projector, views = Projector(ledger.database), SqlViews(ledger.database, ORIGIN)
    try:
        projector.catch_up()
        return list(views.due(now, limit, after))
    finally:
        views.close()
        projector.close()


def test_restricted_persons_are_due_when_nothing_keeps_them(ledger: TestLedger) -> None:
    """From the end of the restriction on, earliest first; one under a hold, or erased already, is not."""
    rng = random.Random(9)
    free, held, erased, later = (name(rng, "person", 4) for _ in range(4))
    told = [Told(each, "person.Restricted", {"basis": "request"}, {"until": UNTIL}, None) for each in (free, held)]
    found = due(
        ledger, "2024-03-01T00:00:00.000000Z", *told,
        Told(erased, "person.Restricted", {"basis": "request"}, {"until": UNTIL}, None),
        Told(later, "person.Restricted", {"basis": "request"}, {"until": FAR}, None),
        Told(held, "person.HoldSet", None, {"dispute": "d"}, None),
        Told(erased, "person.Erased", None, {"basis": "request", "due": UNTIL}, UNTIL),
    )  # fmt: skip
    assert found == [Due("person.Erased", free, UNTIL, RETENTION_RULE)]
    found = due(ledger, FAR, Told(held, "person.HoldLifted", None, {"dispute": "d"}, None))
    assert [each.stream for each in found] == [*sorted((free, held)), later]


def reserved(rng: random.Random, fund: str, expires: str) -> Told:
    """Hold money of a fund until an instant."""
    held = {
        "application": name(rng, "application"), "policy": name(rng, "policy"), "source": "fund_principal",
        "amount_fen": 3_000, "expires": expires,
    }  # fmt: skip
    return Told(fund, "fund.Reserved", None, held, "2023-11-01T00:00:00.000000Z")


def test_reservations_are_due_when_they_expire(ledger: TestLedger) -> None:
    """From their instant on, once for a fund and an instant, earliest first, until that is written."""
    rng = random.Random(10)
    one, other = sorted(name(rng, "fund") for _ in range(2))
    held = [reserved(rng, one, at) for at in (FAR, UNTIL, UNTIL)]
    early = reserved(rng, other, "2023-12-31T23:59:59.999999Z")
    first = Due("fund.ReservationVoided", other, early.found["expires"], EXPIRY_RULE)
    second, third = (Due("fund.ReservationVoided", one, at, EXPIRY_RULE) for at in (UNTIL, FAR))
    assert due(ledger, "2023-12-31T23:59:59.999998Z", *held, early) == []
    assert due(ledger, "2023-12-31T23:59:59.999999Z") == [first]
    assert due(ledger, UNTIL) == [first, second]
    assert due(ledger, FAR) == [first, second, third]
    assert due(ledger, FAR, limit=1) == [first]
    voided = Told(one, "fund.ReservationVoided", None, {"due": UNTIL, "rule": EXPIRY_RULE}, UNTIL)
    assert due(ledger, FAR, voided) == [first, third]


def test_what_is_paid_or_given_up_is_not_due(ledger: TestLedger) -> None:
    """A fund of which nothing else is held has nothing due."""
    rng = random.Random(11)
    paid, given_up = (reserved(rng, name(rng, "fund"), UNTIL) for _ in range(2))
    posting = {"kind": "premium", "amount_fen": 3_000, "payment": name(rng, "payment")}
    told = [
        paid, given_up,
        Told(paid.stream, "fund.Posted", None, {**posting, "application": paid.found["application"]}, None),
        Told(given_up.stream, "fund.ReservationVoided", None, {"application": given_up.found["application"]}, None),
    ]  # fmt: skip
    assert due(ledger, FAR, *told) == []


def test_the_earliest_comes_first_whatever_it_is(ledger: TestLedger) -> None:
    """Reservations and persons stand in one list by their instants; each kind is cut by itself."""
    rng = random.Random(12)
    person, fund, fund_later = name(rng, "person", 4), name(rng, "fund"), name(rng, "fund")
    told = [
        reserved(rng, fund_later, FAR), reserved(rng, fund, UNTIL),
        Told(person, "person.Restricted", {"basis": "request"}, {"until": "2024-03-01T00:00:00.000000Z"}, None),
    ]  # fmt: skip
    assert [found.stream for found in due(ledger, FAR, *told)] == [fund, person, fund_later]
    assert [found.stream for found in due(ledger, FAR, limit=1)] == [fund, person]


def test_persons_are_gone_through_by_pages(ledger: TestLedger) -> None:
    """Each page begins behind the last person of the one before; reservations stand on every page."""
    rng = random.Random(13)
    fund, *persons = name(rng, "fund"), *sorted(name(rng, "person", 4) for _ in range(3))
    times = (UNTIL, UNTIL, "2024-02-01T00:00:00.000000Z")
    told = [
        Told(person, "person.Restricted", {"basis": "request"}, {"until": until}, None)
        for person, until in zip(persons, times, strict=True)
    ]
    assert [each.stream for each in due(ledger, FAR, reserved(rng, fund, FAR), *told, limit=1)] == [persons[0], fund]
    for before, person in zip(persons, [*persons[1:], None], strict=True):
        last = Due("person.Erased", before, times[persons.index(before)], RETENTION_RULE)
        found = [each.stream for each in due(ledger, FAR, limit=1, after=last)]
        assert found == ([fund] if person is None else [person, fund])


def test_whole_histories_leave_due_what_a_plain_look_leaves_open(ledger: TestLedger) -> None:
    """Of many funds' reservations, paid, voided and open ones, exactly the open ones are due."""
    told = [event for seed in range(8) for event in history(seed, lifts=1)]
    held = {event.found["application"]: event for event in told if event.type == "fund.Reserved"}
    paid = {event.found.get("application") for event in told if event.type == "fund.Posted"}
    voided = {(event.stream, event.found["due"]) for event in told if event.type == "fund.ReservationVoided"}
    left = {
        (each.found["expires"], each.stream) for name, each in held.items()
        if name not in paid and (each.stream, each.found["expires"]) not in voided
    }  # fmt: skip
    assert len(left) > 2
    assert paid & held.keys()
    assert voided
    found = [each for each in due(ledger, "2025-12-01T00:00:00.000000Z", *told) if each.stream.startswith("fund:")]
    assert found == [Due("fund.ReservationVoided", fund, at, EXPIRY_RULE) for at, fund in sorted(left)]
