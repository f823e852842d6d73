"""Who reads what of maintenance visits, where the lift changed hands: each his own, whenever it was written."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import pytest

from application.reading import claims, lifts, subjects, visits
from application.work import Author
from domain.errors import Forbidden
from tests.support.district import (
    AUDITOR,
    ELSEWHERE,
    FIRST_INSURER,
    FIRST_SHOP,
    FIRST_USER,
    INSPECTOR,
    NOTIFIER,
    OLD_DISTRICT,
    PARTNER,
    SECOND_INSURER,
    SECOND_SHOP,
    SECOND_USER,
    THEN,
    District,
    an_author,
    claim_of,
    cover_of,
)
from tests.support.history import Told, name


def _visit(lift: str, label: str, at: str, by: Author, signed_at: str) -> Iterator[Told]:
    """Tell a visit that was signed, corrected and disputed, by whom and when."""
    stream, day = f"{lift}/maintenance:{at[:4]}", at[:10]
    named = {"lift": lift, "year": int(at[:4]), "visit": label}
    opening = {"id": label, "lift": lift, "level": "HM", "workers": [], "opened_at": at}
    yield Told(stream, "visit.NodesReceived", {**named, "nodes": [{"id": "a"}]}, {}, at, by.party)
    yield Told(stream, "visit.Opened", opening, {"findings": []}, at, by.party)
    end = f"{day}T03:00:00.000000Z"
    yield Told(stream, "visit.Finished", {**named, "finished_at": end}, {"digest": "d"}, end, by.party)
    signature = {**named, "digest": "d", "signed_at": signed_at}
    yield Told(stream, "visit.Countersigned", signature, {"findings": []}, signed_at, SECOND_USER.party)
    yield Told(stream, "visit.Disputed", {**named, "reason": "nobody_came"}, {"findings": []}, None, SECOND_USER.party)
    yield Told(stream, "visit.Corrected", {**named, "why": "typo"}, {"corrected_by": "n"}, None, NOTIFIER.party)


def _listed(district: District, who: Author) -> set[str]:
    return {row["visit"] for row in visits.listed(district.ask(who))["visits"]}


def test_a_past_maintainer_follows_his_own_visits_and_no_others(district: District) -> None:
    """How they were signed, disputed and corrected, whenever that was written; of the successor's nothing."""
    lift, after = district.lift, "2025-07-01T02:00:00.000000Z"
    district.store(
        *_visit(lift, "visit:his", "2025-06-29T02:00:00.000000Z", FIRST_SHOP, after),
        *_visit(lift, "visit:late", "2025-07-05T02:00:00.000000Z", FIRST_SHOP, after),
        *_visit(lift, "visit:next", "2025-07-10T02:00:00.000000Z", SECOND_SHOP, "2025-06-29T05:00:00.000000Z"),
    )
    alone = {"visit.Opened", "visit.Finished", "visit.Countersigned", "visit.Disputed", "visit.Corrected"}
    his, late, following = "visit:his", "visit:late", "visit:next"
    for who, wanted in ((FIRST_SHOP, {his, late}), (FIRST_USER, {his}), (SECOND_SHOP, {his, late, following})):
        read = {"subject": lift, "lift": lift}
        line = lifts.timeline(district.ask(who, read))["entries"]
        told = {(_label(e["facts"]), e["type"]) for e in line if e["type"].startswith("visit.")}
        assert told == {(label, each) for label in wanted for each in alone}, who
        events = subjects.everything(district.ask(who, read))["events"]
        bodies = {
            (_label(e["body"]["said"]), e["header"]["type"])
            for e in events
            if e["body"] is not None and e["header"]["type"].startswith("visit.")
        }
        assert bodies == {(label, each) for label in wanted for each in {*alone, "visit.NodesReceived"}}, who
        assert _listed(district, who) == wanted, who


def test_a_maintainer_reads_his_own_visits_from_before_his_time(district: District) -> None:
    """Also of years in which the lift was not entrusted to him yet: what was told to them since is his to know."""
    shop, lift, at = an_author(37, "maintainer"), district.lift, "2025-07-20T02:00:00.000000Z"
    found: dict[str, object] = {
        "contract": "contract:old", "maintainer": shop.party, "from_date": "2024-11-01", "to_date": "2025-07-10",
        "ends_stated": [], "confirmed_from": "2025-07-05",
    }  # fmt: skip
    district.store(
        Told(lift, "lift.MaintainerChanged", None, found, "2024-10-31T16:00:00.000000Z", shop.party),
        *_visit(lift, "visit:old", "2024-11-20T02:00:00.000000Z", shop, at),
    )
    events = subjects.everything(district.ask(shop, {"subject": lift}))["events"]
    seen = [e["header"]["type"] for e in events if e["body"] is not None and "visit:old" in str(e["body"]["said"])]
    assert {"visit.Opened", "visit.Countersigned", "visit.Disputed", "visit.Corrected"} <= {*seen}


def test_who_maintains_by_his_own_word_alone_reads_his_own_visits(district: District) -> None:
    """And how they were signed, disputed and corrected; nothing else of the lift, and no timeline of it."""
    shop, lift, at = an_author(36, "maintainer"), district.lift, "2025-07-20T02:00:00.000000Z"
    found: dict[str, object] = {
        "contract": "contract:own", "maintainer": shop.party, "from_date": "2025-07-02", "to_date": None,
        "ends_stated": [], "confirmed_from": None,
    }  # fmt: skip
    district.store(
        Told(lift, "lift.MaintainerChanged", None, found, "2025-07-02T00:00:00.000000Z", shop.party),
        *_visit(lift, "visit:next", "2025-07-10T02:00:00.000000Z", SECOND_SHOP, at),
        *_visit(lift, "visit:own", at, shop, at),
    )
    events = subjects.everything(district.ask(shop, {"subject": lift}))["events"]
    bodies = [(e["header"]["type"], e["body"]["said"]) for e in events if e["body"] is not None]
    (contract,), bodies_of_visits = bodies[:1], bodies[1:]
    assert contract == ("lift.MaintainerChanged", None)
    assert [_label(said) for _, said in bodies_of_visits] == ["visit:own"] * 6
    assert _listed(district, shop) == {"visit:own"}
    with pytest.raises(Forbidden):
        lifts.timeline(district.ask(shop, {"lift": lift}))


def test_in_whose_area_a_lift_lay_twice_reads_the_visits_of_both_times(district: District) -> None:
    """In whichever years they were; none of the time between, and none of since."""
    lift, at = district.lift, "2026-04-01T02:00:00.000000Z"
    district.store(
        *(
            Told(lift, "lift.Moved", {"area": area}, {"on": on}, f"{on}T00:00:00.000000Z")
            for area, on in (("370102001", "2026-02-01"), ("370103001", "2026-03-01"))
        ),
        *_visit(lift, "visit:first", "2025-06-29T02:00:00.000000Z", FIRST_SHOP, at),
        *_visit(lift, "visit:between", "2025-10-01T02:00:00.000000Z", SECOND_SHOP, at),
        *_visit(lift, "visit:again", "2026-02-15T02:00:00.000000Z", SECOND_SHOP, at),
        *_visit(lift, "visit:since", at, SECOND_SHOP, at),
    )
    line = lifts.timeline(district.ask(OLD_DISTRICT, {"lift": lift}))["entries"]
    told = {_label(e["facts"]) for e in line if e["type"].startswith("visit.") and e["facts"] is not None}
    assert told == _listed(district, OLD_DISTRICT) == {"visit:first", "visit:again"}
    inside = {row["visit"] for row in visits.listed(district.ask(AUDITOR, area="370102"))["visits"]}
    assert inside == {"visit:first", "visit:again"}, "where the lift lay on the day of the visit"


def test_insurers_list_the_visits_that_the_timeline_shows_them(district: District) -> None:
    """All while they insure the lift; once they do no longer, those of their time."""
    years = ("2024", "2025", "2026", "2027")
    for year in years:
        district.store(*_visit(district.lift, f"visit:{year}", f"{year}-04-01T02:00:00.000000Z", SECOND_SHOP, THEN))
    found = []
    for who in (FIRST_INSURER, PARTNER, SECOND_INSURER):
        line = lifts.timeline(district.ask(who, {"lift": district.lift}))["entries"]
        told = {_label(e["facts"]) for e in line if e["type"] == "visit.Opened" and e["facts"] is not None}
        assert _listed(district, who) == told
        found.append(told)
    assert {"visit:2025"} <= found[0] == found[1]
    assert {"visit:2026"} <= found[2]


def test_before_all_that_is_told_of_a_lift_it_lay_where_it_first_did(district: District) -> None:
    """Visits and claims of that time are found by this area, as its own record rules them by it, and by no other."""
    lift, at, loss = district.lift, "2023-06-01T02:00:00.000000Z", name(random.Random(31), "claim", 4)
    district.store(
        *_visit(lift, "visit:before", at, FIRST_SHOP, at),
        *claim_of(f"{lift}/{loss}", lift, at, district.policies[0], FIRST_INSURER),
    )
    for area, found in (("370102001", True), ("370103", False)):
        ask = district.ask(AUDITOR, area=area)
        assert ("visit:before" in {row["visit"] for row in visits.listed(ask)["visits"]}) is found
        assert visits.summed(ask)["total"]["corrected"] == found
        register = claims.register(district.ask(AUDITOR, area=area, effective_at="2023-07-01"))
        assert [row["claim"] for row in register["claims"]] == [loss] * found


def test_what_was_told_under_another_record_of_the_lift_is_read_with_it(district: District) -> None:
    """Each reads his own of it too: the insurer certificate and claim, the maintainer of then his visits."""
    rng = random.Random(29)
    twin, claim, at = name(rng, "lift"), name(rng, "claim", 4), "2025-03-02T02:00:00.000000Z"
    said = {
        "id": twin, "identifiers": [{"scheme": "s", "value": "2"}], "variety": "3110", "area": "370102001",
        "status": "in_use", "use_unit": FIRST_USER.party, "maintainer": FIRST_SHOP.party,
    }  # fmt: skip
    district.store(
        Told(twin, "lift.Registered", said, {"on": "2024-01-01"}, "2023-12-31T16:00:00.000000Z"),
        cover_of(twin, district.policies[0], name(rng, "certificate"), "2025"),
        *claim_of(f"{twin}/{claim}", twin, THEN, district.policies[0], FIRST_INSURER),
        *_visit(twin, "visit:twin", at, FIRST_SHOP, "2025-07-20T02:00:00.000000Z"),
        Told(twin, "lift.MergedInto", {"into": district.lift}, {"on": "2026-01-10"}, None),
        Told(district.lift, "lift.Absorbed", None, {"lift": twin, "identifiers": [], "settled": []}, None),
    )

    def seen(who: Author) -> set[str]:
        line = lifts.timeline(district.ask(who, {"lift": district.lift}))["entries"]
        return {e["type"] for e in line if e["stream"].startswith(twin) and e["facts"] is not None}

    assert {"cover.Attached", "claim.Notified", "claim.Assessed"} <= seen(FIRST_INSURER)
    assert not {"cover.Attached", "claim.Notified"} & seen(SECOND_INSURER)
    assert {"visit.Opened", "visit.Countersigned", "visit.Disputed", "visit.Corrected"} <= seen(FIRST_SHOP)
    for who in (FIRST_SHOP, SECOND_SHOP, FIRST_USER, SECOND_USER, FIRST_INSURER, SECOND_INSURER, OLD_DISTRICT):
        assert _listed(district, who) == ({"visit:twin"} if "visit.Opened" in seen(who) else set()), who
    assert _listed(district, INSPECTOR) == {"visit:twin"}
    assert _listed(district, ELSEWHERE) == set()


def _label(words: Mapping[str, str]) -> str:
    return words.get("visit") or words["id"]
