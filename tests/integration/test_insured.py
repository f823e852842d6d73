"""Lifts by how they are insured: the list has in its rows what coverage counts, for whoever may know it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from application.reading import coverage, lifts
from application.reading.asking import Reads
from application.work import Author
from domain.errors import Forbidden
from tests.support.history import PARTIES, Told, history, name
from tests.support.projecting import store
from tests.support.reading import OPERATOR, adopted, ask, reading
from tests.support.saving import TestLedger

DAYS = ("2025-02-01", "2025-05-01", "2025-08-01", "2025-11-01", "2026-03-01")


def listed(reads: Reads, insured: str, reader: Author = OPERATOR, **query: str) -> list[str]:
    """Give the lifts, page by page."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        asked = ask(reads, reader, {}, **{"insured": insured, "limit": "3", **query, **cursor})
        page: Any = lifts.listed(asked)
        found += [row["lift"] for row in page["lifts"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


@pytest.mark.parametrize("seed", [41, 42])
def test_the_rows_are_what_coverage_counts(ledger: TestLedger, seed: int) -> None:
    """On each day, at each knowledge; with services promised or not; a lift by two records once."""
    told = history(seed, lifts=12)
    registered = [each for each in told if each.type == "lift.Registered"]
    pairs = [(registered[at].stream, registered[at + 1].stream) for at in (0, 2)]
    merged = [Told(old, "lift.MergedInto", {"into": new}, {"on": "2025-06-01"}, None) for old, new in pairs]
    middle = store(ledger, [*adopted("370102"), *adopted("370103", number=2), *told])
    last = store(ledger, merged)
    seen = set()
    with reading(ledger) as reads:
        for position in (middle // 2, middle, last):
            for day in DAYS:
                query = {"effective_at": day, "known_at": str(position)}
                counts = coverage.coverage(ask(reads, OPERATOR, {}, **query))["total"]
                none, liability, alone = (
                    listed(reads, kind, OPERATOR, status="in_use", **query)
                    for kind in ("none", "liability", "liability_only")
                )
                assert not {*none} & {*liability}
                assert len(none) + len(liability) == counts["in_use"]
                assert len(liability) == counts["liability"]["covered"]
                assert len(liability) - len(alone) == counts["insurance_service"]["covered"]
                assert {*alone} <= {*liability}
                assert all(len({*each}) == len(each) for each in (none, liability, alone))
                if position == last:
                    assert not {old for old, _ in pairs} & {*none, *liability}
                seen |= {bool(none), bool(liability) and "insured", bool(alone) and "unserved"}
    assert {"insured", True} <= seen


def test_it_is_told_to_whoever_reads_all_certificates_of_a_lift(ledger: TestLedger) -> None:
    """A bureau of its area and the use unit; an insurer and a maintainer know their own business alone."""
    made = random.Random(5)
    here, there = name(made, "lift"), name(made, "lift")
    said = {"identifiers": [], "variety": "3110", "status": "in_use", "use_unit": PARTIES[0], "maintainer": PARTIES[1]}
    rows = [
        Told(lift, "lift.Registered", {**said, "id": lift, "area": area}, {"on": "2025-01-01"}, None, PARTIES[2])
        for lift, area in ((here, "370102001"), (there, "370202001"))
    ]
    left = Told(there, "lift.UseUnitNamed", {"use_unit": PARTIES[3]}, {"on": "2025-06-01"}, None)
    store(ledger, [*rows, left])
    bureau = Author(PARTIES[4], "market_regulator", areas=("370102",))
    with reading(ledger) as reads:
        assert {*listed(reads, "none", effective_at="2025-08-01")} == {here, there}
        assert listed(reads, "none", bureau, effective_at="2025-08-01") == [here]
        assert listed(reads, "liability", bureau, effective_at="2025-08-01") == []
        unit = Author(PARTIES[0], "use_unit")
        assert listed(reads, "none", unit, effective_at="2025-08-01") == [here]
        assert {*listed(reads, "none", unit, effective_at="2025-03-01")} == {here, there}
        for party, kind in ((PARTIES[1], "maintainer"), (PARTIES[2], "insurer"), (PARTIES[2], "maintainer")):
            with pytest.raises(Forbidden) as refused:
                listed(reads, "none", Author(party, kind))
            assert refused.value.code == "right_missing"


def test_lifts_count_before_the_records_that_go_on_say_anything(ledger: TestLedger) -> None:
    """Two lifts at once: each by the record that went up in one of a later day."""
    made = random.Random(6)
    said = {"identifiers": [], "variety": "3110", "status": "in_use", "area": "370102001"}
    told = []
    for _ in range(2):
        old, new = sorted(name(made, "lift") for _ in range(2))
        for lift, on in ((old, "2025-01-01"), (new, "2025-06-01")):
            told.append(Told(lift, "lift.Registered", {**said, "id": lift}, {"on": on}, f"{on}T00:00:00.000000Z"))
        told.append(Told(old, "lift.MergedInto", {"into": new}, {"on": "2025-07-01"}, None))
    store(ledger, told)
    with reading(ledger) as reads:
        for day in ("2025-03-01", "2025-08-01"):
            assert coverage.coverage(ask(reads, OPERATOR, effective_at=day))["total"]["in_use"] == 2
            assert len(listed(reads, "none", effective_at=day)) == 2
