"""The maintenance fund: entries of fund and house accounts, houses, and money reserved until an instant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from application.projections.base import (
    Bitemporal,
    Column,
    Evolve,
    Listing,
    LoggedEvent,
    Row,
    State,
    Value,
    put,
    track_rows,
)
from domain.houses import owners_of

SIGNS: Final[Mapping[str, int]] = {
    "deposit": 1, "income": 1, "premium": -1, "return_due": -1, "returned": 1, "refund": 1,
}  # fmt: skip
"""What an entry of the fund's general ledger does to its balance, by the kind of posting."""


def _entry(
    event: LoggedEvent, kind: str, amount_fen: int, facts: Mapping[str, Any], awaits: str | None = None
) -> tuple[str, tuple[Value, ...]]:
    """Give a row; `awaits` names the fund that has yet to post what the entry is a house's part of."""
    return event.stream, (
        kind, amount_fen, awaits, facts.get("application"), facts.get("payment"), facts.get("line"),
        event.effective_at, event.recorded_at, event.party, event.type,
    )  # fmt: skip


def _entries(event: LoggedEvent) -> Iterator[tuple[str, tuple[Value, ...]]]:
    facts = event.facts
    match event.type:
        case "fund.Posted":
            kind = event.found["kind"]
            yield _entry(event, kind, SIGNS[kind] * event.found["amount_fen"], event.found)
        case "house.Opened":
            if facts.get("first_deposit_fen"):
                yield _entry(event, "first_deposit", facts["first_deposit_fen"], facts)
        case "house.Deposited":
            yield _entry(event, "deposit", facts["amount_fen"], facts)
        case "house.Charged":
            # Staged: it counts once the house's own fund has posted the application's premium, or the refund below.
            yield _entry(event, "charge", -facts["amount_fen"], facts, awaits=facts["fund"])
        case "house.ShareOwed":
            yield _entry(event, "share_owed", 0, facts, awaits=facts["fund"])
        case _:
            yield _entry(event, "refund", facts["amount_fen"], facts, awaits=facts["fund"])


ENTRIES = Listing(
    name="entries",
    version=2,
    columns=(
        Column("kind"), Column("amount_fen", "integer"), Column("awaits"), Column("application"), Column("payment"),
        Column("line"), Column("effective_at"), Column("recorded_at"), Column("party"), Column("type"),
    ),
    entries=_entries,
    types=frozenset(
        {"fund.Posted", "house.Opened", "house.Deposited", "house.Charged", "house.ShareOwed", "house.Refunded"}
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------------------ reservations


def _reserved(state: State, event: LoggedEvent) -> State:
    found = event.found
    return {
        **state,
        found["application"]: {
            "policy": found["policy"], "source": found["source"], "amount_fen": found["amount_fen"],
            "expires": found["expires"], "track": put((), event.effective_at, "open"),
        },
    }  # fmt: skip


def _ended(state: State, name: str, event: LoggedEvent, how: str) -> State:
    held = state[name]
    return {**state, name: {**held, "track": put(held["track"], event.effective_at, how)}}


def _voided(state: State, event: LoggedEvent) -> State:
    for name, held in state.items():
        still = held["track"][-1][1] == "open"
        if still and (name == event.found.get("application") or held["expires"] == event.found.get("due")):
            state = _ended(state, name, event, "voided")
    return state


def _paid(state: State, event: LoggedEvent) -> State:
    if event.found["kind"] != "premium":
        return state
    return _ended(state, event.found["application"], event, "paid")


def _reservations(stream: str, state: State) -> Iterator[Row]:
    for name, held in state.items():
        track = held["track"]
        for number, (since, how) in enumerate(track):
            until = track[number + 1][0] if number + 1 < len(track) else None
            yield Row(
                name, since, until,
                (stream, held["policy"], held["source"], held["amount_fen"], held["expires"], how),
            )  # fmt: skip


_RESERVATIONS: Mapping[str, Evolve] = {
    "fund.Reserved": _reserved, "fund.ReservationVoided": _voided, "fund.Posted": _paid,
}  # fmt: skip

RESERVATIONS = Bitemporal(
    name="reservations",
    version=1,
    columns=(
        Column("fund"), Column("policy"), Column("source"), Column("amount_fen", "integer"), Column("expires"),
        Column("state"),
    ),
    evolve=_RESERVATIONS,
    rows=_reservations,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------ funds and houses


def _fund(state: State, event: LoggedEvent) -> State:
    named = ("estate", "area", "kind", "bank", "bureau", "committee", "manager")
    said = event.said or {}
    last = {**state.get("last", {}), **{n: said[n] for n in named if n in said}}
    return {"last": last, "track": put(state.get("track", ()), event.effective_at, last)}


_FUND = ("estate", "area", "kind", "bank", "bureau", "committee", "manager")
FUNDS = Bitemporal(
    name="funds",
    version=1,
    columns=tuple(map(Column, _FUND)),
    evolve={"fund.Opened": _fund, "fund.Changed": _fund},
    rows=lambda _stream, state: track_rows(_FUND, state["track"]),
)


def _house(state: State, event: LoggedEvent) -> State:
    said = event.said or {}
    last = {**state.get("last", {}), "owners": tuple(owners_of(said))}
    last |= {n: said[n] for n in ("fund", "building", "area_m2_hundredths") if n in said}
    if "opened" not in state:
        return {"last": last, "opened": (event.effective_at, last), "track": ((event.effective_at, last),)}
    sold = put(state.get("sold", ()), event.effective_at, last)
    # A sale of the day of the opening, or of one before it, stands in place of who owned the house when it was opened.
    begun = () if sold[0][0] <= state["opened"][0] else (state["opened"],)
    return {**state, "last": last, "sold": sold, "track": (*begun, *sold)}


_HOUSE = ("fund", "building", "area_m2_hundredths", "owners")
HOUSES = Bitemporal(
    name="houses",
    version=3,
    columns=(Column("fund"), Column("building"), Column("area_m2_hundredths", "integer"), Column("owners", "texts")),
    evolve={"house.Opened": _house, "house.Transferred": _house},
    rows=lambda _stream, state: track_rows(_HOUSE, state["track"]),
)
