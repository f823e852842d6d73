"""Lists of funds, applications, payments and bank lines: each reader's own, as of a day, against a naive telling."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import pytest

from application.reading import applications, funds, payments, subsidies
from application.reading.asking import Asking, Reads
from application.work import Author
from domain.errors import Forbidden
from domain.time import civil_midnight
from infrastructure.connection import connect_plain
from tests.support.history import PARTIES, Told, history, name, paying
from tests.support.projecting import store
from tests.support.reading import OPERATOR, reading
from tests.support.saving import TestLedger

DAYS: Final = ("2025-01-01", "2025-04-01", "2025-08-01", "2026-02-01", "2098-01-01")
ASKED_ON: Final = ("2024-12-31", "2025-03-01", "2025-06-15", "2025-12-31", "2026-06-01")
AREAS: Final = ("370102", "370103001")
BANKS, MANAGERS, COMMITTEES, BUREAUS = (
    tuple(f"party:{kind}0000000-0000-4000-8000-00000000000{n}" for n in (1, 2)) for kind in (1, 2, 3, 4)
)
OFFICES: Final = {"bank": BANKS, "manager": MANAGERS, "committee": COMMITTEES}
READERS: Final = [
    OPERATOR,
    *(Author(bank, "bank") for bank in BANKS),
    *(Author(unit, "use_unit") for unit in MANAGERS),
    *(Author(people, "owners_committee") for people in COMMITTEES),
    Author(BUREAUS[0], "housing_bureau", areas=("370102",)),
    Author(BUREAUS[1], "housing_bureau"),
    Author(PARTIES[2], "housing_bureau", areas=("370103",)),
    Author(name(Random(1), "party", 4), "finance_bureau", areas=("370100",)),
    Author(BANKS[0], "insurer"),
    Author(PARTIES[0], "insurer"),
    Author(PARTIES[3], "bank"),
]
RELATIONS: Final = {
    "bank": {"bank"}, "use_unit": {"manager"}, "owners_committee": {"committee"},
    "housing_bureau": {"bureau", "supervises"}, "finance_bureau": {"supervises"},
}  # fmt: skip


@dataclass
class Kept:
    """A fund as it was told: who held its offices from each instant on, and its events."""

    fund: str
    track: dict[str, dict[str, str]]
    told: list[Told]
    orders: list[list[Told]] = field(default_factory=list)
    moneys: list[list[Told]] = field(default_factory=list)
    lines: list[list[Told]] = field(default_factory=list)

    def at(self, instant: str) -> dict[str, str]:
        """Give who held which office."""
        return next((self.track[since] for since in sorted(self.track, reverse=True) if since <= instant), {})

    def stands(self, reader: Author, held: dict[str, str]) -> bool:
        """Say whether a reader stands to these offices so that he reads the fund."""
        wanted = RELATIONS.get(reader.kind, set())
        near = any(held.get("area", "").startswith(area.rstrip("0")) for area in reader.areas)
        return ("supervises" in wanted and near) or any(held.get(of) == reader.party for of in wanted)

    def readable(self, reader: Author, instant: str, now: str) -> bool:
        """Say whether he reads what was so then: for what he is now or will be at last, or was then."""
        if reader.kind == "operator":
            return True
        then = RELATIONS.get(reader.kind, set()) - {"supervises"}
        last = self.track[max(self.track)]
        past = any(self.at(instant).get(of) == reader.party for of in then)
        return past or self.stands(reader, self.at(now)) or self.stands(reader, last)


def kept(rng: Random) -> Kept:
    """Tell a fund whose offices pass on days in no order, with three applications."""
    fund = name(rng, "fund")
    held = {"area": rng.choice(AREAS), "bureau": rng.choice(BUREAUS), "estate": name(rng, "estate")}
    held |= {of: rng.choice(who) for of, who in OFFICES.items()}
    told = [Told(fund, "fund.Opened", {"id": fund, **held, "kind": "commodity_housing"}, {}, civil_midnight(DAYS[0]))]
    track = {civil_midnight(DAYS[0]): held}
    for _ in range(3):
        of, at = rng.choice(sorted(OFFICES)), civil_midnight(rng.choice(DAYS))
        held = {**held, of: rng.choice(OFFICES[of])}
        track[at] = held
        told.append(Told(fund, "fund.Changed", {of: held[of]}, {}, at))
    found = Kept(fund, track, told)
    for number in range(3):
        orders, moneys, lines = paying(rng, fund, name(rng, "policy"), number)
        found.orders.append(orders)
        found.moneys.append(moneys)
        found.lines.append(lines)
    return found


def stood(events: list[Told], instant: str) -> list[Told]:
    """Give the events of a stream that were so by an instant: none is before what it follows."""
    return events[: max((n + 1 for n, _ in enumerate(events) if _since(events, n) <= instant), default=0)]


def _since(events: list[Told], number: int) -> str:
    return max(event.effective_at or "" for event in events[: number + 1])


STATES: Final = {
    "application.Filed": "filed", "application.Approved": "approved", "application.Refused": "refused",
    "application.PaymentOrdered": "ordered", "application.Paid": "paid", "payment.Requested": "requested",
    "payment.Instructed": "instructed", "payment.Confirmed": "confirmed", "payment.ReturnDue": "return_due",
    "bankline.Seen": "unused", "bankline.Used": "used",
}  # fmt: skip


def state_of(events: list[Told]) -> str:
    """Give the state that the last of some events left."""
    return [STATES[event.type] for event in events if event.type in STATES][-1]


def verdict_of(events: list[Told]) -> str:
    """Give what the last checks came to."""
    checked = [event.found["findings"] for event in events if "findings" in event.found]
    return checked[-1][0]["verdict"] if checked[-1] else "compliant"


def pages(answer: Any, reads: Reads, reader: Author, member: str, **query: str) -> list[Any]:  # noqa: ANN401 - JSON
    """Give the rows of a list, five a page."""
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = answer(Asking(reads, reader, {}, {"limit": "5", **query, **cursor}))
        found += page[member]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


@pytest.mark.parametrize("seed", [1, 2])
def test_lists_tell_each_reader_his_own_as_it_stood(ledger: TestLedger, seed: int) -> None:
    """Every kind of reader, on five days, sees what he has to do with or had then, and how it stood."""
    rng = Random(seed)
    world = [kept(rng) for _ in range(4)]
    streams = [each for fund in world for each in (fund.told, *fund.orders, *fund.moneys, *fund.lines)]
    store(ledger, [event for stream in streams for event in stream])
    shown = 0
    with reading(ledger) as reads:
        now = reads.clock.now()
        for reader in READERS:
            for day in ASKED_ON:
                shown += check(reads, world, reader, day, now)
    assert shown > 300


def check(reads: Reads, world: list[Kept], reader: Author, day: str, now: str) -> int:
    """Hold all four lists of a reader on a day against the naive telling; give how many rows there were."""
    at = civil_midnight(day)
    mine = [fund for fund in world if fund.readable(reader, at, now)]
    may = reader.kind in RELATIONS or reader.kind == "operator"
    rows: list[Any] = []
    if may:
        rows = pages(funds.listed, reads, reader, "funds", effective_at=day)
        assert {row["fund"]: row["bank"] for row in rows} == {f.fund: f.at(at)["bank"] for f in mine if f.at(at)}
        rows = pages(applications.listed, reads, reader, "applications", effective_at=day)
        assert {row["application"]: (row["state"], row["verdict"]) for row in rows} == {
            events[0].stream.partition("/")[2]: (state_of(by_then), verdict_of(by_then))
            for fund in mine for events in fund.orders if (by_then := stood(events, at))
        }  # fmt: skip
        for area in AREAS if reader is OPERATOR else ():
            there = pages(applications.listed, reads, reader, "applications", effective_at=day, area=area)
            within = {fund.fund for fund in mine if fund.track[min(fund.track)]["area"].startswith(area)}
            assert there == [row for row in rows if row["fund"] in within]
    else:
        for refused in (funds.listed, applications.listed):
            with pytest.raises(Forbidden):
                refused(Asking(reads, reader, {}, {}))
    paid = pages(payments.listed, reads, reader, "payments", effective_at=day)
    named = {PARTIES[0], PARTIES[2]}
    assert {row["payment"]: (row["state"], row["requested_at"]) for row in paid} == {
        events[0].stream: (state_of(by_then), events[0].effective_at)
        for fund in world if fund in mine or reader.party in named
        for events in fund.moneys if (by_then := stood(events, at))
    }  # fmt: skip
    lines = pages(payments.lines, reads, reader, "lines", effective_at=day)
    assert {row["line"]: row["state"] for row in lines} == {
        events[0].stream: state_of(by_then)
        for fund in world if reader.party == PARTIES[3] or reader.kind == "operator"
        for events in fund.lines if (by_then := stood(events, at))
    }  # fmt: skip
    return len(rows) + len(paid) + len(lines)


def test_subsidies_are_the_treasurys_and_the_claimants(ledger: TestLedger) -> None:
    """Each as it stood; a bureau of another place, or one for other matters there, sees none but its own."""
    told = [event for seed in (1, 2, 3, 4) for event in history(seed, lifts=1)]
    store(ledger, told)
    streams: dict[str, list[Told]] = {}
    for event in told:
        if event.stream.startswith("subsidy:"):
            streams.setdefault(event.stream, []).append(event)
    readers = [OPERATOR, *(Author(party, "use_unit") for party in PARTIES[:2]), Author(PARTIES[0], "insurer")]
    readers += [Author(PARTIES[3], "finance_bureau", areas=(area,)) for area in ("370102", "370103001", "370100")]
    readers.append(Author(PARTIES[3], "housing_bureau", areas=("370102",)))
    with reading(ledger) as reads:
        for reader in readers:
            areas = [area.rstrip("0") for area in reader.areas] if reader.kind == "finance_bureau" else []
            for day in ASKED_ON:
                rows = pages(subsidies.listed, reads, reader, "subsidies", effective_at=day)
                assert {row["subsidy"]: (row["granted_fen"], row["paid_fen"], row["settled_fen"]) for row in rows} == {
                    stream: money_of(by_then) for stream, events in streams.items()
                    if (by_then := stood(events, civil_midnight(day))) and (
                        reader is OPERATOR or events[0].party == reader.party
                        or any((events[0].said or {})["area"].startswith(area) for area in areas)
                    )
                }  # fmt: skip


def money_of(events: list[Told]) -> tuple[int, int, int]:
    """Give what of a subsidy was granted, is paid, and came back of what was asked back, as the history has it."""
    types = {event.type for event in events}
    back = "subsidy.Returned" in types
    return (
        900 if "subsidy.Granted" in types else 0, (900 - 200 * back) if "subsidy.Paid" in types else 0, 200 * back
    )  # fmt: skip


def test_an_application_to_a_fund_that_is_parked_is_left_out(ledger: TestLedger) -> None:
    """What a list says of the fund is not known then, and the answer tells that a stream is parked."""
    fund = kept(Random(1))
    store(ledger, [event for events in fund.orders for event in events])
    with reading(ledger) as reads, connect_plain(ledger.database, "test") as connection:
        connection.execute("INSERT INTO parked_events VALUES ('funds', %s, 1, 'KeyError')", (fund.fund,))
        answer = applications.listed(Asking(reads, OPERATOR, {}, {}))
    assert (answer["applications"], answer["parked_streams"]) == ([], 1)
