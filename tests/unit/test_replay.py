"""What of a stream is effective at an instant: nothing is before it began, and each of several things by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from application.replay import effective, state_of
from domain.aggregate import Aggregate, Authorship, Event, Journal, Statement
from domain.covers import Cover
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear
from domain.payments import Payment
from domain.schemes import Scheme
from domain.time import civil_midnight

Told = list[tuple[type[Event], dict[str, Any], dict[str, Any], str]]


def recorded(aggregate: Aggregate, told: Told) -> list[Event]:
    """Record events in this order, each effective from a day."""
    aggregate.journal = Journal(Authorship("party:x", None, None, ()))
    for event, said, found, day in told:
        aggregate.record(event, Statement(said, "", None, civil_midnight(day)), found)
    return aggregate.journal.events


def line(certificate: str, from_date: str, to_date: str) -> dict[str, Any]:
    """Give a line of a schedule."""
    parts = [{"part": "entrapment", "premium_fen": 100}]
    return {"policy": "p", "certificate": certificate, "from_date": from_date, "to_date": to_date, "parts": parts}


TERMS = {"interest": "owner", "premises_class": None}
VISIT = {"level": "HM", "workers": ["w"]}


@pytest.mark.parametrize(
    "kind, stream, told, entries",
    [
        (
            Cover, "lift:a/cover",
            [
                (Cover.Attached, line("c-2027", "2027-01-01", "2028-01-01"), TERMS, "2027-01-01"),
                (Cover.Attached, line("c-2026", "2026-01-01", "2027-01-01"), TERMS, "2026-01-01"),
            ],
            "entries",
        ),
        (
            MaintenanceYear, "lift:a/maintenance:2026",
            [
                (MaintenanceYear.Opened, {"id": "late", "opened_at": "2026-11-01T00:00:00.000000Z", **VISIT}, {},
                 "2026-11-01"),
                (MaintenanceYear.Opened, {"id": "early", "opened_at": "2026-05-01T00:00:00.000000Z", **VISIT}, {},
                 "2026-05-01"),
            ],
            "visits",
        ),
        (
            Scheme, "scheme:370102",
            [
                (Scheme.PackAdopted, {"from_date": "2026-11-01", "pack": "p", "version": 2}, {}, "2026-11-01"),
                (Scheme.PackAdopted, {"from_date": "2026-05-01", "pack": "p", "version": 1}, {}, "2026-05-01"),
            ],
            "adoptions",
        ),
    ],
)  # fmt: skip
def test_what_was_recorded_first_keeps_nothing_from_beginning_before_it(
    kind: type[Aggregate], stream: str, told: Told, entries: str
) -> None:
    """A renewal quoted ahead hides no cover of the year before it, nor a visit's record one that came in late."""
    events = recorded(kind(stream), told)
    assert effective(events, civil_midnight("2026-06-01")) == {2}
    state = state_of(events, {2})
    assert state is not None
    assert len(state[entries]) == 1
    assert effective(events, None) == effective(events, civil_midnight("2027-06-01")) == {1, 2}


def test_nothing_of_a_visit_is_before_it_began() -> None:
    """A signature said to be of a day before the visit waits for it, whatever other visits there were."""
    opened = {"opened_at": "2026-05-01T00:00:00.000000Z", **VISIT}
    signed = {"visit": "v", "signed_at": "2026-03-01T00:00:00.000000Z"}
    events = recorded(
        MaintenanceYear("lift:a/maintenance:2026"),
        [
            (MaintenanceYear.Opened, {"id": "other", **opened}, {}, "2026-02-01"),
            (MaintenanceYear.Opened, {"id": "v", **opened}, {}, "2026-05-01"),
            (MaintenanceYear.Countersigned, signed, {"findings": []}, "2026-03-01"),
        ],
    )
    assert effective(events, civil_midnight("2026-04-01")) == {1}
    assert effective(events, civil_midnight("2026-05-01")) == {1, 2, 3}


def test_nothing_of_a_lift_is_before_its_registration() -> None:
    """Most streams are one thing."""
    said = {"id": "lift:a", "variety": "3110", "area": "370102", "status": "in_use", "identifiers": []}
    events = recorded(
        Lift("lift:a"),
        [
            (Lift.Registered, said, {"on": "2026-05-01"}, "2026-05-01"),
            (Lift.Reclassified, {"premises_class": "residential"}, {"on": "2026-01-01"}, "2026-01-01"),
        ],
    )
    assert effective(events, civil_midnight("2026-04-01")) == set()


@pytest.mark.parametrize("day, state, due_fen", [("2026-04-10", "requested", 0), ("2026-04-20", "returned", 300)])
def test_of_money_nothing_is_so_before_what_it_follows(day: str, state: str, due_fen: int) -> None:
    """A cancellation told late lets go of money from its own day, but of none that had not come (adr/0030)."""
    request = {"policy": "p", "payee": "i", "amount_fen": 300, "source_kind": "property_fee"}
    events = recorded(
        Payment("payment:a"),
        [
            (Payment.Requested, request, {}, "2026-04-01"),
            (Payment.Confirmed, {"line": "l"}, {"on": "2026-04-15", "findings": []}, "2026-04-15"),
            (Payment.ReturnDue, {}, {"amount_fen": 300, "why": "policy_cancelled"}, "2026-04-05"),
            (Payment.Returned, {"line": "m"}, {"amount_fen": 300}, "2026-04-16"),
        ],
    )
    told = state_of(events, effective(events, civil_midnight(day)))
    assert told is not None
    assert (told["state"], told["return_due_fen"], told["returned_fen"]) == (state, due_fen, due_fen)


def test_money_is_due_back_from_when_that_is_known() -> None:
    """A cancellation told ahead lets go at once: what came back before its day had been due."""
    request = {"policy": "p", "payee": "i", "amount_fen": 300, "source_kind": "property_fee"}
    told = recorded(
        Payment("payment:a"),
        [
            (Payment.Requested, request, {}, "2026-04-01"),
            (Payment.Confirmed, {"line": "l"}, {"on": "2026-04-01", "findings": []}, "2026-04-01"),
            (Payment.ReturnDue, {}, {"amount_fen": 300, "why": "policy_cancelled"}, "2026-12-01"),
        ],
    )
    events = [replace(event, recorded_at=civil_midnight("2026-04-15")) for event in told]
    for day, due_fen in (("2026-04-14", 0), ("2026-04-15", 300)):
        state = state_of(events, effective(events, civil_midnight(day)))
        assert state is not None
        assert state["return_due_fen"] == due_fen
