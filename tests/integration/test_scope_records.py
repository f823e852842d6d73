"""Who reads a lift that has two records, and what each of several insurers is answered of their policy."""

from __future__ import annotations

import random
from contextlib import suppress

from application.reading import claims, lifts, policies
from domain.errors import Forbidden
from tests.support.district import (
    FIRST_INSURER,
    LATER,
    PARTNER,
    SECOND_INSURER,
    SECOND_SHOP,
    SECOND_USER,
    THEN,
    District,
    an_author,
)
from tests.support.history import Told, name


def test_several_insurers_read_what_each_of_them_bears(district: District) -> None:
    """The parts sum to the premium and to what came of it, by the largest remainder (C14); one insurer bears all."""
    for author in (FIRST_INSURER, PARTNER):
        (*_, term) = policies.one(district.ask(author, {"policy": district.policies[0]}))["terms"]
        assert term["insurers"] == [FIRST_INSURER.party, PARTNER.party]
        assert term["shares"] == [
            {"party": each.party, "share_bp": 5_000, "premium_fen": term["premium_fen"] // 2, "received_fen": 0}
            for each in (FIRST_INSURER, PARTNER)
        ]
        assert sum(each["premium_fen"] for each in term["shares"]) == term["premium_fen"]
    (*_, term) = policies.one(district.ask(SECOND_INSURER, {"policy": district.policies[1]}))["terms"]
    assert [(each["share_bp"], each["premium_fen"]) for each in term["shares"]] == [(10_000, term["premium_fen"])]


def test_two_records_of_one_lift_are_read_by_who_has_to_do_with_the_lift(district: District) -> None:
    """Once one goes up in the other its insurers read the other, and the other's use unit reads it; nobody else."""
    other, unit = name(random.Random(71), "lift"), an_author(72, "use_unit")
    said = {
        "id": other, "identifiers": [], "variety": "3110", "area": "370102001", "status": "in_use",
        "use_unit": unit.party, "status_since": "2020-01-01",
    }  # fmt: skip
    district.store(Told(other, "lift.Registered", said, {"on": "2024-01-01"}, "2023-12-31T16:00:00.000000Z"))

    authors = {
        "insurer": SECOND_INSURER, "partner": PARTNER, "unit": unit, "user": SECOND_USER, "maintainer": SECOND_SHOP,
    }  # fmt: skip

    def readers(lift: str) -> list[str]:
        found = []
        for who, author in authors.items():
            with suppress(Forbidden):
                lifts.timeline(district.ask(author, {"lift": lift}))
                found.append(who)
        return found

    assert (readers(other), readers(district.lift)) == (["unit"], ["insurer", "partner", "user", "maintainer"])
    absorbed = {"lift": district.lift, "identifiers": [], "settled": []}
    merger = Told(district.lift, "lift.MergedInto", {"into": other}, {"on": "2025-11-01"}, None)
    district.store(merger, Told(other, "lift.Absorbed", None, absorbed, None))
    assert readers(other) == ["insurer", "partner", "unit"]
    assert readers(district.lift) == [*authors]
    line = lifts.timeline(district.ask(SECOND_USER, {"lift": district.lift}))
    assert (line["limited"], "lift.MergedInto" in {entry["type"] for entry in line["entries"]}) == (True, False)
    assert not lifts.timeline(district.ask(unit, {"lift": district.lift}))["limited"]


def test_lists_go_through_all_records_of_a_lift(district: District) -> None:
    """Who has the lift by the record that goes on lists both, and the claims of his time; the other's unit no longer.

    Nobody could change what the closed record says of today; whoever insured a loss by it reads it by either name.
    """
    other, unit = name(random.Random(71), "lift"), an_author(72, "use_unit")
    said = {
        "id": other, "identifiers": [], "variety": "3110", "area": "370102001", "status": "in_use",
        "use_unit": unit.party,
    }  # fmt: skip
    registered = Told(other, "lift.Registered", said, {"on": "2026-01-01"}, "2025-12-31T16:00:00.000000Z")
    merger = Told(district.lift, "lift.MergedInto", {"into": other}, {"on": "2026-01-15"}, None)
    absorbed = {"lift": district.lift, "identifiers": [], "settled": []}
    loss = name(random.Random(74), "claim", 4)
    notice = {"lift": other, "loss_at": LATER, "part": "entrapment", "interest": "owner", "kind": "entrapment"}
    notified = Told(f"{other}/{loss}", "claim.Notified", notice, {"cover": None, "entrapment": None}, LATER)
    district.store(registered, merger, Told(other, "lift.Absorbed", None, absorbed, None), notified)
    for author, records, told in (
        (unit, {other, district.lift}, {district.claims[1], loss}), (SECOND_USER, set(), set()),
        (SECOND_INSURER, {other, district.lift}, {district.claims[1], loss}),
    ):  # fmt: skip
        listed = lifts.listed(district.ask(author, effective_at="2026-10-01"))["lifts"]
        assert {row["lift"] for row in listed} == records
        assert {row["claim"] for row in claims.register(district.ask(author))["claims"]} == told
    listed = lifts.listed(district.ask(SECOND_USER, effective_at="2025-10-01"))["lifts"]
    assert [row["lift"] for row in listed] == [district.lift]


def test_who_leads_the_insurers_reads_what_one_of_them_was_told(district: District) -> None:
    """Nobody knew of the cover when notice was given; who leads has to decide on the claim all the same (共保)."""
    stream = f"{district.lift}/{name(random.Random(73), 'claim', 4)}"
    notice = {"lift": district.lift, "loss_at": THEN, "part": "entrapment", "interest": "owner", "kind": "entrapment"}
    told = {**notice, "insurer": PARTNER.party}
    district.store(Told(stream, "claim.Notified", told, {"cover": None, "entrapment": {"seconds": 1_800}}, THEN))
    for author, reads in ((FIRST_INSURER, True), (PARTNER, True), (SECOND_INSURER, False)):
        rows = claims.register(district.ask(author))["claims"]
        assert (stream.partition("/")[2] in {row["claim"] for row in rows}) is reads
