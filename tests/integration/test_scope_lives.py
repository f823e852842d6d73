"""Who reads what of lifts that changed hands at random, against a naive telling of who stood where on which day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

import pytest

from application.projections.folding import domain_event, fold_events
from application.reading import lifts, subjects, visits
from application.reading.asking import Reads
from application.work import Author
from domain.lifts import Lift
from domain.time import civil_midnight
from tests.support.history import Told, logged, name
from tests.support.naivelifts import Care, Hoist, held_on
from tests.support.naiveparties import day
from tests.support.projecting import store
from tests.support.reading import ask, reading
from tests.support.saving import PARTY, TestLedger

BEGUN, LAST = "2025-01-01", "9999-12-31"
DAYS: Final = ("2025-02-01", "2025-05-01", "2025-09-01", "2026-01-01", "2026-06-01", "2098-01-01", "2099-01-01")
VISITED: Final = (BEGUN, *DAYS[1:5])
AREAS: Final = ("370102001", "370102002", "370103001")
UNITS, SHOPS = (tuple(f"party:{kind}0000000-0000-4000-8000-00000000000{n}" for n in (1, 2)) for kind in (1, 2))
READERS: Final = [
    *(Author(unit, "use_unit") for unit in UNITS),
    Author(UNITS[0], "owner"),
    *(Author(shop, kind) for shop in SHOPS for kind in ("maintainer", "manufacturer")),
    *(Author(name(Random(n), "party", 4), "market_regulator", areas=("370102", "370103")[n : n + 1]) for n in (0, 1)),
    Author(name(Random(2), "party", 4), "town", areas=("370102001",)),
    Author(name(Random(3), "party", 4), "rescue_centre", areas=("370102",)),
    Author(name(Random(4), "party", 4), "insurer", areas=("370102",)),
    Author(name(Random(5), "party", 4), "broker"),
]
"""Two of each kind that may have to do with a lift, and those who have not for all that they might say."""


def told_of(rnd: Random, lift: str, term: Care, until: str | None, ends: Sequence[str]) -> Told:
    """Say of a contract until when it runs, and from when on by more than its maintainer's word."""
    sure = rnd.choice([None, None, *(each for each in DAYS if each >= term.from_date)])
    term.say(until, sure)
    found = {
        "contract": term.contract, "maintainer": term.holder, "from_date": term.from_date, "to_date": until,
        "ends_stated": ends, "confirmed_from": sure,
    }  # fmt: skip
    return Told(lift, "lift.MaintainerChanged", None, found, civil_midnight(term.from_date))


def lived(rnd: Random, begun: str = BEGUN) -> tuple[str, Hoist, list[tuple[Told, str]]]:
    """Tell a lift's life: what is known of it, and its events, each with the day from which it is so."""
    lift = name(rnd, "lift")
    known = Hoist(PARTY, [(begun, UNITS[0])], [(begun, AREAS[0])], [Care(SHOPS[0], begun, None)])
    said: dict[str, Any] = {
        "id": lift, "identifiers": [{"scheme": "s", "value": lift}], "variety": "3110", "area": AREAS[0],
        "status": "in_use", "use_unit": UNITS[0], "maintainer": SHOPS[0],
    }  # fmt: skip
    told = [(Told(lift, "lift.Registered", said, {}, civil_midnight(begun)), begun)]
    for _ in range(9):
        on = rnd.choice([each for each in DAYS if each > begun])
        at = civil_midnight(on)
        match rnd.choice(["unit", "area", "shop", "shop", "again", "again", "class"]):
            case "unit":
                unit = rnd.choice([None, *UNITS])
                known.users.append((on, unit))
                event = Told(lift, "lift.UseUnitNamed", {"use_unit": unit}, {}, at)
            case "area":
                known.areas.append((on, area := rnd.choice(AREAS)))
                event = Told(lift, "lift.Moved", {"area": area}, {}, at)
            case "shop":
                ends = [care.from_date for care in known.care if care.contract is None and care.to_date is None]
                ends = rnd.choice([ends, []])
                for care in known.care if ends else ():
                    care.to_date = on if care.contract is None and care.to_date is None else care.to_date
                until = rnd.choice([None, *(later for later in DAYS if later > on)])
                term = Care(rnd.choice(SHOPS), on, until, name(rnd, "contract"))
                known.care.append(term)
                event = told_of(rnd, lift, term, until, ends)
            case "again" if under := [care for care in known.care if care.contract is not None]:
                term = rnd.choice(under)
                until = rnd.choice([None, *(later for later in DAYS if later >= term.from_date)])
                event = told_of(rnd, lift, term, until, [])._replace(effective_at=at)
            case _:
                event = Told(lift, "lift.Reclassified", {"premises_class": "residential"}, {}, at)
        told.append((event, on))
    return lift, known, told


def visited(lift: str, on: str) -> Told:
    """Tell that a visit began on a day, by somebody who is no reader."""
    at = civil_midnight(on)
    said = {"id": f"{lift} {on}", "lift": lift, "level": "HM", "workers": [], "opened_at": at}
    return Told(f"{lift}/maintenance:{on[:4]}", "visit.Opened", said, {"findings": []}, at)


def stands(reader: Author, lift: Hoist, on: str) -> bool:
    """Say whether a reader used, maintained or supervised a lift on a day, by his kind."""
    match reader.kind:
        case "use_unit" | "owner":
            return held_on(lift.users, on) == reader.party
        case "maintainer" | "manufacturer":
            return any(care.holder == reader.party and care.trusted(on) for care in lift.care)
        case "market_regulator" | "town" | "rescue_centre":
            return any(lift.area_on(on).startswith(area) for area in reader.areas)
    return False


def has(reader: Author, lift: Hoist, today: str) -> bool:
    """Say whether he has to do with it now; whose area it will come to lie in supervises it already."""
    authority = reader.kind in {"market_regulator", "town", "rescue_centre"}
    return stands(reader, lift, today) or (authority and stands(reader, lift, LAST))


@pytest.fixture
def lives(ledger: TestLedger) -> Iterator[tuple[Reads, list[tuple[str, Hoist, list[str]]]]]:
    """Store sixteen lifts' lives, with visits on some days; give each with the days of its events."""
    made = [lived(Random(seed)) for seed in range(16)]
    for lift, _, told in made:
        told += [(visited(lift, on), on) for on in VISITED]
    store(ledger, [event for _, _, told in made for event, _ in told])
    with reading(ledger) as reads:
        yield reads, [(lift, known, [on for _, on in told]) for lift, known, told in made]


def test_whoever_writes_is_held_to_the_same_days() -> None:
    """The lift's own record, by which acts are judged, says of each day what the naive telling does."""
    for seed in range(200):
        lift, known, told = lived(Random(seed))
        record = fold_events(Lift, lift, map(domain_event, logged([event for event, _ in told])))
        for on in (BEGUN, *DAYS, LAST):
            running = {care.holder for care in known.care if care.on(on)}
            trusted = {care.holder for care in known.care if care.trusted(on)}
            assert set(record.maintainers_on(on)) == running, (seed, on)
            assert set(record.entrusted_on(on)) == trusted, (seed, on)
            assert set(record.unconfirmed_on(on)) == running - trusted, (seed, on)


def test_everybody_reads_what_is_his_and_what_was(
    lives: tuple[Reads, list[tuple[str, Hoist, list[str]]]],
) -> None:
    """Who has to do with a lift now sees all, who had what was so in his time, in its chain and in lists of any day."""
    reads, told = lives
    today = day(reads.clock.now())
    for reader in READERS:
        for lift, known, days in told:
            events = subjects.everything(ask(reads, reader, {"subject": lift}))["events"]
            whole = has(reader, known, today)
            wanted = [whole or stands(reader, known, on) for on in days]
            assert [not event["withheld"] for event in events] == wanted, (reader, known)
        if reader.kind in {"insurer", "broker"}:
            continue
        came = {row["visit"] for row in visits.listed(ask(reads, reader, limit="100"))["visits"]}
        for on in (BEGUN, *DAYS):
            listed = {row["lift"] for row in lifts.listed(ask(reads, reader, effective_at=on, limit="100"))["lifts"]}
            his = {lift for lift, known, _ in told if has(reader, known, today) or stands(reader, known, on)}
            assert listed == his, (reader, on)
            assert on not in VISITED or {lift for lift, _, _ in told if f"{lift} {on}" in came} == his, (reader, on)
