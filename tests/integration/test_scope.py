"""Who reads what: lists, single things and events of a lift that changed hands, against a table of who stood where."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from application.reading import claims, funds, lifts, policies, subjects
from application.reading.asking import Answer, Asking
from application.rights import KINDS, granted
from application.work import Author
from audit.names import SUBJECTS
from domain.errors import Forbidden, NotFound
from tests.support.district import (
    ASSESSOR,
    AUDITOR,
    BANK,
    BROKER,
    CO_OWNER,
    COMMITTEE,
    ELSEWHERE,
    FIRST_INSURER,
    FIRST_SHOP,
    FIRST_USER,
    HANDED,
    INSPECTOR,
    NEW_DISTRICT,
    NEXT_COMMITTEE,
    NEXT_OWNER,
    NOTIFIER,
    OLD_DISTRICT,
    OTHER_BANK,
    OWNER,
    PARTNER,
    SECOND_INSURER,
    SECOND_SHOP,
    SECOND_USER,
    WITNESS,
    District,
    cover_of,
)
from tests.support.history import Told, name

NONE, ONE, TWO, BOTH = "", "1", "2", "12"
"""Of two things: those of the first time, of the second."""

WHO_READS: Final[dict[str, tuple[Author, str, str]]] = {
    # who: claims, policies
    "the first use unit": (FIRST_USER, ONE, ONE),
    "the use unit of now": (SECOND_USER, TWO, TWO),
    "the first insurer": (FIRST_INSURER, ONE, ONE),
    "its co-insurer": (PARTNER, ONE, ONE),
    "the insurer of now": (SECOND_INSURER, TWO, TWO),
    "the first maintainer": (FIRST_SHOP, NONE, NONE),
    "the maintainer of now": (SECOND_SHOP, NONE, NONE),
    "the regulator of then": (OLD_DISTRICT, ONE, BOTH),
    "the regulator of now": (NEW_DISTRICT, BOTH, NONE),
    "a regulator elsewhere": (ELSEWHERE, NONE, NONE),
    "the notifier": (NOTIFIER, BOTH, NONE),
    "the auditor": (AUDITOR, BOTH, BOTH),
    "an assessor without mandate": (ASSESSOR, NONE, NONE),
    "a broker without mandate": (BROKER, NONE, NONE), "an inspection body": (INSPECTOR, NONE, NONE),
}  # fmt: skip


def test_claims_and_policies_are_read_by_those_they_concern(district: District) -> None:
    """The register, the list, the single policy and the events themselves show everybody the same things."""
    for who, (author, of_claims, of_policies) in WHO_READS.items():
        wanted = {claim for mark, claim in zip(BOTH, district.claims, strict=True) if mark in of_claims}
        assert _register(district, author) == _register(district, author, lift=district.lift) == wanted, who
        bodies = district.bodies(author)
        told = {head: types for head, types in bodies.items() if head.startswith("claim:")}
        assert told == {claim: ["claim.Notified", "claim.Assessed"] for claim in wanted}, who
        own = {policy for mark, policy in zip(BOTH, district.policies, strict=True) if mark in of_policies}
        assert {row["policy"] for row in policies.listed(district.ask(author))["policies"]} == own, who
        for policy in district.policies:
            asking = district.ask(author, {"policy": policy})
            if policy in own:
                assert policies.one(asking)["terms"], who
            else:
                with pytest.raises(Forbidden):
                    policies.one(asking)
            assert bool(district.bodies(author, policy)) == (policy in own or author == NOTIFIER), who


def _register(district: District, author: Author, **query: str) -> set[str]:
    """Give the claims in an author's register; none where his kind has no right to any."""
    if not granted("claim.read", author.kind):
        with pytest.raises(Forbidden):
            claims.register(Asking(district.reads, author, {}, query))
        return set()
    return {row["claim"] for row in claims.register(Asking(district.reads, author, {}, query))["claims"]}


READ_ON: Final = (
    (FIRST_USER, "2025-03-01", True), (FIRST_USER, "2026-02-01", False), (SECOND_USER, "2026-02-01", True),
    (SECOND_USER, "2025-03-01", True), (FIRST_SHOP, "2025-03-01", True), (FIRST_SHOP, "2026-02-01", False),
    (SECOND_SHOP, "2026-02-01", True), (FIRST_INSURER, "2025-03-01", True), (FIRST_INSURER, "2026-02-01", False),
    (PARTNER, "2025-03-01", True), (SECOND_INSURER, "2026-02-01", True), (OLD_DISTRICT, "2025-03-01", True),
    (OLD_DISTRICT, "2026-02-01", False), (NEW_DISTRICT, "2026-02-01", True), (ELSEWHERE, "2025-03-01", False),
    (AUDITOR, "2025-03-01", True), (INSPECTOR, "2025-03-01", True),
)  # fmt: skip


def test_a_unit_that_is_named_reads_no_claim_of_before(district: District) -> None:
    """Where nobody was known to use a lift a unit names itself, and by that reads nothing of what others settled."""
    unit = Author(name(random.Random(23), "party", 4), "use_unit")
    on = "2026-01-15"
    district.store(
        Told(district.lift, "lift.UseUnitNamed", {"use_unit": unit.party}, {"on": on}, f"{on}T00:00:00.000000Z")
    )
    assert _register(district, unit) == {district.claims[1]}
    told = {head for head in district.bodies(unit) if head.startswith("claim:")}
    assert told == {district.claims[1]}


def test_a_list_of_lifts_holds_what_can_be_read_one_by_one(district: District) -> None:
    """Whoever is let read a lift as it was on a day finds it in the list of that day, and nobody else does."""
    for author, at, listed in READ_ON:
        rows = lifts.listed(district.ask(author, effective_at=at))["lifts"]
        assert (district.lift in {row["lift"] for row in rows}) == listed, (author, at)
        asking = district.ask(author, {"lift": district.lift}, effective_at=at)
        if listed:
            assert lifts.one(asking)["state"]["area"] == ("370102001" if at < "2025-09-01" else "370103001")
        else:
            with pytest.raises(Forbidden):
                lifts.one(asking)
        narrowed = lifts.listed(district.ask(author, effective_at=at, area="370104"))["lifts"]
        assert all(row["area"].startswith("370104") for row in narrowed)


BUREAU_AREAS: Final = ("370102", "370103")


@pytest.mark.parametrize(
    "sectors, told", [((), False), (("kindergarten", "school"), True), (("station",), False)], ids=str
)  # fmt: skip
def test_a_sectors_bureau_sees_the_lifts_of_its_venues_alone(
    district: District, sectors: tuple[str, ...], told: bool
) -> None:
    """As coverage is counted for it: in list, thing, chain, claims and policies alike; nothing without any."""
    since = {"on": "2024-01-01"}
    district.store(Told(district.lift, "lift.Reclassified", {"venue": "school"}, since, "2023-12-31T16:00:00.000000Z"))
    bureau = Author(name(random.Random(31), "party", 4), "transport_bureau", areas=BUREAU_AREAS, sectors=sectors)
    listed = [row["lift"] for row in lifts.listed(district.ask(bureau))["lifts"]]
    assert listed == ([district.lift] if told else [])
    of_claims, of_policies = (set(district.claims), set(district.policies)) if told else (set(), set())
    assert _register(district, bureau) == of_claims
    assert {row["policy"] for row in policies.listed(district.ask(bureau))["policies"]} == of_policies
    assert bool(district.bodies(bureau)) == told
    one = district.ask(bureau, {"lift": district.lift}), district.ask(bureau, {"policy": district.policies[0]})
    if told:
        assert lifts.one(one[0])["state"]["venue"] == "school"
        assert policies.one(one[1])["terms"]
    else:
        for ask, asking in zip((lifts.one, policies.one), one, strict=True):
            with pytest.raises(Forbidden):
                ask(asking)


def test_a_sectors_bureau_keeps_the_time_in_which_the_venue_was_its_own(district: District) -> None:
    """Like an authority whose area the lift left: what was so then, and the claims for losses then."""
    for venue, on in (("school", "2024-01-01"), ("station", "2025-10-01")):
        district.store(Told(district.lift, "lift.Reclassified", {"venue": venue}, {"on": on}, f"{on}T00:00:00.000000Z"))
    bureau = Author(
        name(random.Random(31), "party", 4), "transport_bureau", areas=BUREAU_AREAS, sectors=("school",)
    )  # fmt: skip
    for at, listed in (("2025-03-01", True), ("2026-02-01", False)):
        rows = lifts.listed(district.ask(bureau, effective_at=at))["lifts"]
        assert bool(rows) == listed
    assert _register(district, bureau) == {district.claims[0]}


def test_a_manufacturer_that_maintains_reads_what_a_maintainer_reads(district: District) -> None:
    """制造单位 maintain what they made: the row of rights is the relation's, whatever the kind."""
    for shop, at, listed in ((FIRST_SHOP, "2025-03-01", True), (FIRST_SHOP, "2026-02-01", False),
                             (SECOND_SHOP, "2026-02-01", True)):  # fmt: skip
        maker = Author(shop.party, "manufacturer")
        rows = lifts.listed(district.ask(maker, effective_at=at))["lifts"]
        assert bool(rows) == listed


def test_an_insurer_lists_the_lifts_it_insures(district: District) -> None:
    """By its policies in force, from what the relations of its row say; who has no row is refused."""
    rows = lifts.listed(district.ask(SECOND_INSURER))["lifts"]
    assert [row["lift"] for row in rows] == [district.lift]
    for kind in KINDS:
        asking = district.ask(Author(WITNESS.party, kind))
        if granted("lift.read", kind):
            lifts.listed(asking)
        else:
            with pytest.raises(Forbidden):
                lifts.listed(asking)


def test_certificates_are_seen_by_their_own_insurers_and_by_the_user(district: District) -> None:
    """In the chain and in the timeline an insurer sees its own certificate's facts, not those of its successor."""
    for author, positions in ((FIRST_INSURER, [0]), (PARTNER, [0]), (SECOND_INSURER, [1]), (SECOND_USER, [0, 1]),
                              (FIRST_USER, [0]), (FIRST_SHOP, []), (SECOND_SHOP, []), (INSPECTOR, [])):  # fmt: skip
        assert len(district.bodies(author).get("cover", [])) == len(positions)
        line = lifts.timeline(district.ask(author, {"lift": district.lift}))["entries"]
        covers = [entry for entry in line if entry["type"] == "cover.Attached"]
        told = [entry["facts"]["policy"] for entry in covers if entry["facts"] is not None]
        assert told == [district.policies[each] for each in positions]


def test_a_past_user_sees_the_certificates_of_its_time_whoever_holds_the_policy(district: District) -> None:
    """As the one who answered for the lift then; those who never used it see their own policies' alone."""
    certificate = name(random.Random(41), "certificate")
    district.store(cover_of(district.lift, district.policies[1], certificate, "2025"))
    for author, count in ((FIRST_USER, 2), (SECOND_USER, 3), (FIRST_INSURER, 1), (SECOND_INSURER, 2), (FIRST_SHOP, 0)):
        assert len(district.bodies(author).get("cover", [])) == count, author


def test_an_insurer_follows_the_claim_it_decides(district: District) -> None:
    """It sees the notice and all that follows in the timeline, and replays the claim, without the others' dealings."""
    first, second = district.claims
    for author, claim, other in ((FIRST_INSURER, first, second), (SECOND_INSURER, second, first)):
        line = lifts.timeline(district.ask(author, {"lift": district.lift}))["entries"]
        told = {entry["stream"].partition("/")[2] for entry in line if entry["facts"] is not None}
        assert claim in told
        assert other not in told
        stream = f"{district.lift}/{claim}"
        path = {"subject": district.lift}
        one = subjects.replayed(district.ask(author, path, stream=stream))
        assert one["states"][stream]["state"] == "assessed"
        assert [event["type"] for event in one["events"]] == ["claim.Notified", "claim.Assessed"]
        whole = subjects.replayed(district.ask(author, path))
        assert stream in whole["states"]
        assert f"{district.lift}/{other}" in whole["withheld"]
        with pytest.raises(Forbidden):
            subjects.replayed(district.ask(author, path, stream=f"{district.lift}/{other}"))


def test_a_stream_is_replayed_by_its_subject_alone(district: District) -> None:
    """A stream of another subject, or one that nothing is known of, is not there."""
    path = {"subject": district.lift}
    for stream in (district.policies[0], f"{district.lift}/claim:none", f"{district.lift}x/cover"):
        with pytest.raises(NotFound):
            subjects.replayed(district.ask(AUDITOR, path, stream=stream))
    found = subjects.replayed(district.ask(AUDITOR, path, stream=f"{district.lift}/cover"))
    assert list(found["states"]) == [f"{district.lift}/cover"]


def test_a_past_user_keeps_its_own_time(district: District) -> None:
    """The events effective in its term, and the claims for losses in it whenever they were written."""
    bodies = district.bodies(FIRST_USER)
    assert bodies[""] == ["lift.Registered"]
    line = lifts.timeline(district.ask(FIRST_USER, {"lift": district.lift}))
    assert line["limited"]
    types = [entry["type"] for entry in line["entries"]]
    assert types == ["lift.Registered", "cover.Attached", "claim.Notified", "claim.Assessed"]
    assert all(entry["facts"] is not None for entry in line["entries"])


def test_mandates_reach_into_lists(district: District) -> None:
    """A broker lists the policies whose holder lets it read; an assessor the claims it may assess."""
    rng = random.Random(13)
    told = [
        Told(who.party, "party.Registered", {"id": who.party, "kind": who.kind}, {}, None)
        for who in (FIRST_USER, FIRST_INSURER, BROKER, ASSESSOR)
    ]
    for giver, to, act in ((FIRST_USER, BROKER, "policy.read"), (FIRST_INSURER, ASSESSOR, "claim.assess")):
        found = {
            "mandate": f"{giver.party}/{name(rng, 'mandate')}", "giver": giver.party, "acts": [act],
            "from_date": "2020-01-01", "to_date": "2199-01-01",
        }  # fmt: skip
        told.append(Told(to.party, "party.MandateReceived", None, found, None))
    district.store(*told)
    assert [row["policy"] for row in policies.listed(district.ask(BROKER))["policies"]] == [district.policies[0]]
    assert [row["claim"] for row in claims.register(district.ask(ASSESSOR))["claims"]] == [district.claims[0]]
    assert list(district.bodies(ASSESSOR)) == [district.claims[0]]
    district.store(Told(FIRST_INSURER.party, "party.Suspended", {"reason": "left"}, {}, None))
    assert claims.register(district.ask(ASSESSOR))["claims"] == []


def test_what_is_known_now_decides_who_reads(district: District) -> None:
    """A relation that was corrected away does not come back by asking for an earlier knowledge."""
    known = str(district.reads.views.tracked().position)
    mistaken = Told(district.lift, "lift.UseUnitNamed", {"use_unit": SECOND_USER.party}, {"on": "2024-01-01"}, None)
    district.store(mistaken)
    asking = district.ask(FIRST_USER, effective_at="2025-03-01", known_at=known)
    assert district.lift not in {row["lift"] for row in lifts.listed(asking)["lifts"]}
    with pytest.raises(Forbidden):
        lifts.one(district.ask(FIRST_USER, {"lift": district.lift}, effective_at="2025-03-01", known_at=known))
    assert [row["claim"] for row in claims.register(district.ask(FIRST_USER, known_at=known))["claims"]] == []


# ------------------------------------------------------------------------------------------------ funds and houses


def _fund(fund: str, house: str, people: Mapping[str, str]) -> Iterator[Told]:
    opened = {
        "id": fund, "estate": name(random.Random(3), "estate"), "area": "370102", "kind": "commodity",
        "bank": BANK.party, "bureau": ELSEWHERE.party, "committee": COMMITTEE.party, "manager": FIRST_USER.party,
    }  # fmt: skip
    yield Told(fund, "fund.Opened", opened, {}, "2025-01-01T00:00:00.000000Z")
    said = {"id": house, "fund": fund, "area_m2_hundredths": 9_000, "delivered": True, "first_deposit_fen": 50_000}
    said["owner_person"] = people["first"]
    yield Told(house, "house.Opened", said, {"head": "h"}, "2025-01-02T00:00:00.000000Z")
    yield Told(house, "house.Deposited", {"house": house, "amount_fen": 700}, {}, "2025-02-01T00:00:00.000000Z")
    rows = [{"house": house, "amount_fen": 50_700}]
    posted = {"kind": "deposit", "amount_fen": 50_700, "houses": rows}
    yield Told(fund, "fund.Posted", None, posted, "2025-02-01T00:00:00.000000Z")
    changed = {"bank": OTHER_BANK.party, "committee": NEXT_COMMITTEE.party, "manager": SECOND_USER.party}
    yield Told(fund, "fund.Changed", changed, {}, f"{HANDED}T00:00:00.000000Z")
    sold = {"owner_person": people["next"], "co_owner_persons": [people["beside"]], "delivered": True}
    yield Told(house, "house.Transferred", sold, {"head": "g"}, f"{HANDED}T00:00:00.000000Z")
    yield Told(house, "house.Deposited", {"house": house, "amount_fen": 900}, {}, "2025-08-01T00:00:00.000000Z")
    rows = [{"house": house, "amount_fen": 900}]
    yield Told(
        fund, "fund.Posted", None, {"kind": "deposit", "amount_fen": 900, "houses": rows}, "2025-08-01T00:00:00.000000Z"
    )
    # Written afterwards, about the first owner's time.
    yield Told(house, "house.Deposited", {"house": house, "amount_fen": 40}, {}, "2025-03-01T00:00:00.000000Z")


def test_owners_and_officers_keep_their_own_time(district: District) -> None:
    """Former owner, bank, committee and manager read what was effective in their time, and no balance of later."""
    rng = random.Random(17)
    fund, house = name(rng, "fund"), name(rng, "house", 4)
    people = {called: name(rng, "person", 4) for called in ("first", "next", "beside")}
    owners = [
        Told(who.party, "party.Registered", {"id": who.party, "kind": "owner", "person_name": {"of": person}}, {}, None)
        for who, person in ((OWNER, people["first"]), (NEXT_OWNER, people["next"]), (CO_OWNER, people["beside"]))
    ]
    district.store(*_fund(fund, house, people), *owners)

    def amounts(answer: Answer) -> list[tuple[int, int]]:
        return [(entry["amount_fen"], entry["balance_fen"]) for entry in answer["entries"]]

    def of_house(who: Author) -> Answer:
        return funds.house_statement(district.ask(who, {"house": house}))

    then = [(50_000, 50_000), (700, 50_700), (40, 50_740)]
    for who in (OWNER, BANK, COMMITTEE, FIRST_USER):
        answer = of_house(who)
        assert (answer["limited"], amounts(answer)) == (True, then)
        assert "house.Transferred" not in district.bodies(who, house).get("", [])
        assert "house.Opened" in district.bodies(who, house)[""]
    for who in (NEXT_OWNER, CO_OWNER, OTHER_BANK, NEXT_COMMITTEE, SECOND_USER, AUDITOR):
        answer = of_house(who)
        assert amounts(answer)[-1] == (40, 51_640)
        assert (answer["limited"], len(answer["entries"])) == (False, 4)
    for who in (BANK, COMMITTEE, FIRST_USER):
        path = {"fund": fund}
        assert amounts(funds.fund_statement(district.ask(who, path))) == [(50_700, 50_700)]
        with pytest.raises(Forbidden):
            funds.one(district.ask(who, path))
        was = funds.one(district.ask(who, path, effective_at="2025-06-01"))
        assert (was["balance_fen"], was["bank"], was["manager"]) == (50_700, BANK.party, FIRST_USER.party)
    stranger = Author(name(rng, "party", 4), "bank")
    with pytest.raises(Forbidden):
        of_house(stranger)


def test_every_subject_has_a_row_in_the_table() -> None:
    """Whoever may read bodies of a kind of subject is said in the table of rights, not in code."""
    for subject in SUBJECTS:
        action = f"{subject.rstrip(':')}.read"
        assert any(granted(action, kind) for kind in KINDS), action


# ---------------------------------------------------------------------------------------------------- visits
