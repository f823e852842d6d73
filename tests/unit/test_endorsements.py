"""Endorsements: added, changed and ended covers, late ones, limits lowered after claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from application import limits
from application.ids import new_name
from application.policies import cover_in_force
from application.work import Work
from domain.aggregate import Because, Event, Statement
from domain.covers import Cover, CoverEntry
from domain.errors import Conflict, DomainError, Forbidden, Invalid, RuleBroken
from domain.lifts import Lift
from domain.limits import Limit, limit_stream
from domain.packs import parse_pack
from domain.policies import Policy
from domain.policy_amounts import course_of
from domain.policy_checks import check_entry
from domain.time import Period
from tests.support.book import Book
from tests.support.insuring import BARE, HOMES, HOSPITAL, INSURER, OFFICE, RIVAL, derive, issued, line, office, reading
from tests.support.seeding import seed

NOW = "2026-09-01T02:00:00.000000Z"
INJURY = "third_party_injury"
UNCAPPED = parse_pack(
    b"""
[pack]
id = "uncapped"
version = 1
title = "t"
area = "370102"
demonstration = true
based_on = "shandong@1"
[[rule]]
id = "premium.cap"
title = "t"
value = "not_fixed"
unit = "fen_per_lift_year"
basis = "b"
grade = "unverified"
breach = "violates"
from = "2020-01-01"
"""
)


def insured(liability_fen: int = 8_000, **changes: Any) -> tuple[Book, str, str]:  # noqa: ANN401 - members of any type
    """Give a book with a policy of one lift in September, and its certificate."""
    book = office()
    item = line("", HOMES, liability_fen)
    policy = issued(book, item, **changes)
    book.now = NOW
    return book, policy, item["certificate"]


def endorse(book: Book, policy: str, effective_on: str, delta_fen: int, **members: Any) -> list[Event]:  # noqa: ANN401 - as above
    """Endorse under a number of its own."""
    said = {
        "number": f"E-{effective_on}", "effective_on": effective_on, "delta_fen": delta_fen, "reason": "request",
        **members,
    }  # fmt: skip
    return book.act(INSURER, "policy.endorse", said, policy=policy)


def change(certificate: str, effective_on: str, delta_fen: int = 0, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Give a change of the certificate on HOMES."""
    parts = {"parts": [{"part": INJURY, "delta_fen": delta_fen}]} if delta_fen else {}
    return {"lift": HOMES, "certificate": certificate, "effective_on": effective_on, **parts, **more}


def removal(certificate: str, effective_on: str, refund_fen: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Give a removal of the certificate on HOMES."""
    refunds = [{"part": INJURY, "premium_fen": refund_fen}]
    item = {"lift": HOMES, "certificate": certificate, "effective_on": effective_on, "refunds": refunds}
    return item | {"reason": "scrapped"} | more


def entry(book: Book, certificate: str, lift: str = HOMES) -> CoverEntry:
    """Give a certificate's entry."""
    return book.state(Cover, f"{lift}/cover").entry(certificate)


def test_a_late_endorsement_holds_from_its_own_day() -> None:
    """Recorded in September, effective in June: not insured when asked in August, insured in July when asked now."""
    book, policy, _ = insured()
    assert cover_in_force(reading(book), OFFICE, None, None, "2026-07-01") is None
    added = line(policy, OFFICE, 8_745, from_date="2026-06-01")
    policy_event, cover_event = endorse(book, policy, "2026-06-01", 8_745, adds=[added])
    assert (policy_event.found["late"], policy_event.found["lifts"]) == (True, 1)
    assert policy_event.effective_at == cover_event.effective_at == "2026-05-31T16:00:00.000000Z"
    assert (cover_event.at, cover_event.found["pending"], cover_event.found["transaction"]) == ("/adds/0", False, 2)
    assert cover_event.found["working"]["ceiling_fen"] == 10_500 * 304 // 365 == 8_745
    assert cover_in_force(reading(book), OFFICE, None, None, "2026-05-31") is None
    assert cover_in_force(reading(book), OFFICE, None, None, "2026-07-01") is not None
    state = book.state(Policy, policy)
    assert (state.premium_fen, state.lifts) == (16_745, 2)
    assert course_of(state) == [
        (Period("2026-04-01", "2026-06-01"), 8_000, 1), (Period("2026-06-01", "2027-04-01"), 16_745, 2),
    ]  # fmt: skip


def test_an_addition_over_its_part_of_the_year_is_refused() -> None:
    """The ceiling of an addition is by days of the policy's year."""
    book, policy, _ = insured()
    with pytest.raises(RuleBroken) as refusal:
        endorse(book, policy, "2026-06-01", 8_746, adds=[line(policy, OFFICE, 8_746, from_date="2026-06-01")])
    assert refusal.value.details["finding"] == "premium_over_ceiling"


def test_a_class_changed_in_mid_term_has_a_ceiling_of_two_parts() -> None:
    """Class by class over its days (L3 d): to the fen it is taken, one more is refused."""
    book, policy, certificate = insured(8_500)
    to_shop = change(certificate, "2026-10-01", 2_493, premises_class="public_gathering")
    before, after = 8_500 * 183 // 365, 13_500 * 182 // 365
    assert before + after == 8_500 + 2_492
    with pytest.raises(RuleBroken) as refusal:
        endorse(book, policy, "2026-10-01", 2_493, changes=[to_shop])
    assert refusal.value.details["rule"] == "premium.cap"
    to_shop["parts"][0]["delta_fen"] = 2_492
    _, event = endorse(book, policy, "2026-10-01", 2_492, changes=[to_shop])
    assert event.found["premium_fen"] == 10_992
    assert [row["ceiling_fen"] for row in event.found["working"]["classes"]] == [before, after]
    changed = entry(book, certificate)
    assert changed.terms_on("2026-09-30").premises_class == "residential"
    assert changed.terms_on("2026-10-01").premises_class == "public_gathering"


def test_changes_out_of_their_days_order_come_to_what_their_days_say() -> None:
    """A later-recorded change of an earlier day goes below: what held later holds on, and is named as reapplied."""
    book, policy, certificate = insured()
    endorse(book, policy, "2026-08-01", 0, changes=[change(certificate, "2026-08-01", per_lift_year_fen=7)])
    (event, _) = endorse(
        book, policy, "2026-06-01", 0, changes=[change(certificate, "2026-06-01", per_lift_year_fen=5)]
    )
    assert event.found["reapplied"] == [2]
    terms = entry(book, certificate)
    days = ("2026-05-31", "2026-06-01", "2026-07-31", "2026-08-01")
    assert [terms.terms_on(day).per_lift_year_fen for day in days] == [None, 5, 5, 7]
    before = terms.known(2)
    assert before is not None
    assert [before.terms_on(day).per_lift_year_fen for day in days] == [None, None, None, 7]
    assert terms.known(0) is None


def test_a_removed_lift_is_insured_until_its_day() -> None:
    """The premium kept is what was charged without the refund; from its day on the certificate changes no more."""
    book, policy, certificate = insured()
    _, event, _ = endorse(book, policy, "2026-08-01", -5_326, removes=[removal(certificate, "2026-08-01", 5_326)])
    assert (event.found["premium_fen"], event.found["findings"]) == (2_674, [])
    assert cover_in_force(reading(book), HOMES, None, None, "2026-07-31") is not None
    assert cover_in_force(reading(book), HOMES, None, None, "2026-08-01") is None
    assert book.state(Policy, policy).lifts == 0
    with pytest.raises(Conflict) as refusal:
        endorse(book, policy, "2026-08-01", 0, changes=[change(certificate, "2026-08-01")])
    assert refusal.value.code == "cover_ended_already"


def test_too_small_a_refund_goes_to_a_person() -> None:
    """What is kept over the ceiling of the days insured is flagged; taken back from its first day nothing is held."""
    book, policy, certificate = insured()
    _, event, _ = endorse(book, policy, "2026-08-01", -1, removes=[removal(certificate, "2026-08-01", 1)])
    found = event.found["findings"]
    assert [(f["code"], f["verdict"]) for f in found] == [
        ("premium_over_ceiling", "manual_review"), ("refund_differs", "manual_review"),
    ]  # fmt: skip
    book, policy, certificate = insured()
    whole = [{"part": INJURY, "premium_fen": 7_200}, {"part": "entrapment", "premium_fen": 800}]
    back = removal(certificate, "2026-04-01", 0, refunds=whole)
    _, event, _ = endorse(book, policy, "2026-04-01", -8_000, removes=[back])
    assert event.found["findings"] == []
    assert entry(book, certificate).period is None


@pytest.mark.parametrize(
    "refund_fen, differs", [(3_988, False), (3_989, False), (3_987, True), (3_990, True), (0, True)]
)
def test_a_removals_refund_follows_the_filed_method(refund_fen: int, differs: bool) -> None:
    """Half a year of 7,200 and 800 is 3,590.1 and 398.9: rounded down together or each by itself, it is not flagged."""
    book, policy, certificate = insured()
    back = removal(certificate, "2026-10-01", refund_fen)
    _, event, *_ = endorse(book, policy, "2026-10-01", -refund_fen, removes=[back])
    found = [f for f in event.found["findings"] if f["code"] == "refund_differs"]
    assert [f["facts"] for f in found] == ([{"computed_fen": 3_989, "refund_fen": refund_fen}] if differs else [])


def test_a_certificate_takes_the_place_of_another() -> None:
    """Removed and added anew in one endorsement, as from one insured interest or premium to another."""
    book, policy, certificate = insured()
    back, anew = removal(certificate, "2026-10-01", 3_989), line(policy, HOMES, 4_000, from_date="2026-10-01")
    events = endorse(book, policy, "2026-10-01", 11, removes=[back], adds=[anew])
    assert [e.TOPIC for e in events][:3] == ["policy.Endorsed", "cover.Ended", "cover.Attached"]
    assert course_of(book.state(Policy, policy)) == [
        (Period("2026-04-01", "2026-10-01"), 8_000, 1), (Period("2026-10-01", "2027-04-01"), 8_011, 1),
    ]  # fmt: skip


def test_no_day_costs_less_than_nothing() -> None:
    """What a later day adds does not make room for giving more back on an earlier one."""
    book, policy, certificate = insured()
    endorse(book, policy, "2026-12-01", 100, changes=[change(certificate, "2026-12-01", 100)])
    with pytest.raises(Invalid) as refusal:
        endorse(book, policy, "2026-06-01", -7_201, changes=[change(certificate, "2026-06-01", -7_201)])
    assert (refusal.value.code, refusal.value.details["parts"]) == ("premium_negative", [INJURY])
    endorse(book, policy, "2026-06-01", -7_200, changes=[change(certificate, "2026-06-01", -7_200)])


@pytest.mark.parametrize("whole", [True, False])
def test_no_endorsement_contradicts_a_limit_that_a_draft_may_not(whole: bool) -> None:
    """A lift's aggregate below what one person may get of a part, for the policy or for one certificate."""
    parts = [{"part": INJURY, "premium_fen": 7_200, "per_person_fen": 900}, {"part": "entrapment", "premium_fen": 800}]
    book, policy, certificate = insured(parts=parts)
    for fen, fits in ((900, True), (899, False)):
        limit = {"per_lift_year_fen": fen}
        said: dict[str, Any] = (
            {"limits": limit} if whole else {"changes": [change(certificate, "2026-06-01", 0, **limit)]}
        )
        if fits:
            endorse(book, policy, "2026-06-01", 0, **said)
            continue
        with pytest.raises(Invalid) as refusal:
            endorse(book, policy, "2026-06-01", 0, **said)
        assert refusal.value.code == "aggregate_below_person"


def test_limits_changed_late_count_on_the_day_of_loss() -> None:
    """The policy's limits of a day are those of the last change by day; before it the first ones."""
    book, policy, _ = insured()
    (event,) = endorse(book, policy, "2026-06-01", 0, limits={"per_lift_year_fen": 1, "policy_year_fen": 2})
    assert event.TOPIC == "policy.Endorsed"
    state = book.state(Policy, policy)
    assert state.limits_on("2026-05-31") == {"per_lift_year_fen": 100_000_000}
    assert state.limits_on("2026-06-01") == {"per_lift_year_fen": 1, "policy_year_fen": 2}
    assert state.limits_on("2026-01-01") == {"per_lift_year_fen": 100_000_000}


@pytest.mark.parametrize("whole", [False, True])
def test_a_limit_lowered_under_what_is_taken_is_a_finding(whole: bool) -> None:
    """Consumed above the new limit: flagged, never negative, and nothing more may be taken (C7)."""
    limits_said = {"per_lift_year_fen": 100_000, "policy_year_fen": 100_000}
    book, policy, certificate = insured(limits=limits_said)
    claim = new_name("claim")
    cause = Because(f"{HOMES}/{claim}", 1)

    def consume(work: Work, _statement: Statement, _path: Mapping[str, str]) -> None:
        limits.consume(
            work, cause, policy=policy, lift=HOMES, part=INJURY, loss_on="2026-07-01", claim=claim, amount_fen=60_000
        )

    derive(book, consume)
    if whole:
        lowered: dict[str, Any] = {"limits": limits_said | {"policy_year_fen": 50_000}}
    else:
        lowered = {"changes": [change(certificate, "2026-06-01", per_lift_year_fen=50_000)]}
    events = endorse(book, policy, "2026-06-01", 0, **lowered)
    assert events[-1].TOPIC == "limit.Set"
    assert events[-1].found["findings"][0]["code"] == "consumed_over_limit"
    assert events[-1].found["findings"][0]["facts"] == {"taken_fen": 60_000, "limit_fen": 50_000}
    limit = book.state(Limit, limit_stream(policy, None if whole else HOMES, Period("2026-04-01", "2027-04-01")))
    assert limit.free_fen(INJURY, limit.terms) == 0
    with pytest.raises(Conflict):
        derive(book, consume)


def test_a_limit_is_set_anew_under_whichever_record_of_the_lift_it_is_kept() -> None:
    """Two records of one lift are one lift (C11): what was taken under either is held against the new limit."""
    book = office()
    homes, offices = line("", HOMES, 8_000), line("", OFFICE, 8_000)
    policy = issued(book, homes, offices, limits={"per_lift_year_fen": 100_000, "policy_year_fen": 200_000})
    seed(book, Lift, OFFICE, INSURER.party, Lift.MergedInto, {"into": HOMES, "reason": "duplicate"})
    seed(book, Lift, HOMES, INSURER.party, Lift.Absorbed, {}, {"lift": OFFICE, "identifiers": [], "settled": []})
    claim = new_name("claim")

    def consume(work: Work, _statement: Statement, _path: Mapping[str, str]) -> None:
        cause = Because(f"{HOMES}/{claim}", 1)
        of = {"policy": policy, "part": INJURY, "loss_on": "2026-07-01", "claim": claim}
        limits.consume(work, cause, lift=HOMES, **of, amount_fen=90_000)

    derive(book, consume)
    lowered = [
        change(homes["certificate"], "2026-06-01", per_lift_year_fen=50_000),
        change(offices["certificate"], "2026-06-01", per_lift_year_fen=80_000) | {"lift": OFFICE},
    ]
    *_, last = endorse(book, policy, "2026-06-01", 0, changes=lowered)
    assert (last.TOPIC, last.originator_id.split("/limit:")[1]) == ("limit.Set", f"{HOMES.removeprefix('lift:')}:2026")
    assert last.found["findings"][0]["facts"] == {"taken_fen": 90_000, "limit_fen": 80_000}


def test_a_limit_nobody_has_begun_is_left_to_the_first_claim() -> None:
    """Over two policy years: nothing is set before a claim needs it."""
    days = {"from_date": "2026-04-01", "to_date": "2028-04-01"}
    book = office()
    item = line("", HOMES, 8_000) | days
    policy = issued(book, item, **days)
    events = endorse(book, policy, "2026-06-01", 0, changes=[
        change(item["certificate"], "2026-06-01", per_lift_year_fen=5)
    ])  # fmt: skip
    assert [event.TOPIC for event in events] == ["policy.Endorsed", "cover.Amended"]


@pytest.mark.parametrize(
    "delta_fen, members, code",
    [
        (0, {}, "too_many"),
        (1, {"changes": [change("CERT", "2026-06-01")]}, "endorsement_delta"),
        (0, {"changes": [change("CERT", "2026-06-02")]}, "effective_on_differs"),
        (0, {"changes": [change(new_name("certificate"), "2026-06-01")]}, "certificate_unknown"),
        (0, {"changes": [change("CERT", "2026-06-01") | {"lift": OFFICE}]}, "cover_unknown"),
        (1, {"changes": [change("CERT", "2026-06-01") | {"parts": [{"part": "equipment", "delta_fen": 1}]}]},
         "part_not_in_certificate"),
        (-8_000, {"changes": [change("CERT", "2026-06-01", -8_000)]}, "premium_negative"),
        (8_000, {"adds": [line(new_name("policy"), OFFICE, from_date="2026-06-01")]}, "policy_differs"),
        (8_000, {"adds": [line("POLICY", HOMES, from_date="2026-06-01")]}, "rule_broken"),
        (700, {"adds": [line("POLICY", HOMES, 700, from_date="2026-06-01")]}, "lift_covered_already"),
        (0, {"adds": [line("POLICY", HOSPITAL, 0, from_date="2026-06-01", to_date="2026-12-01")]}, "rule_broken"),
    ],
)  # fmt: skip
def test_endorsements_that_do_not_hold_together_are_refused(delta_fen: int, members: dict[str, Any], code: str) -> None:
    """Members sum to the delta, hold from its day, and name certificates and parts of this policy."""
    book, policy, certificate = insured()
    for items in members.values():
        for item in items:
            if item.get("certificate") == "CERT":
                item["certificate"] = certificate
            if item.get("policy") == "POLICY":
                item["policy"] = policy
    with pytest.raises(DomainError) as refusal:
        endorse(book, policy, "2026-06-01", delta_fen, **members)
    assert refusal.value.code == code
    told = {"effective_on_differs": {"on": "2026-06-01", "others": ["2026-06-02"]},
            "endorsement_delta": {"sum_fen": 0, "delta_fen": 1}}  # fmt: skip
    assert code not in told or refusal.value.details == told[code]


def test_endorsements_are_the_insurers_within_the_term() -> None:
    """Not another's, not outside the days, not of another policy's certificate, not once it is cancelled."""
    book, policy, certificate = insured()
    said = {
        "number": "E",
        "effective_on": "2026-06-01",
        "delta_fen": 0,
        "reason": "x",
        "limits": {"per_lift_year_fen": 1},
    }
    with pytest.raises(Forbidden):
        book.act(RIVAL, "policy.endorse", said, policy=policy)
    with pytest.raises(Conflict) as outside:
        endorse(book, policy, "2027-04-01", 0, limits={"per_lift_year_fen": 1})
    assert outside.value.code == "outside_policy"
    days = {"from_date": "2026-09-01", "to_date": "2027-09-01"}
    other = issued(book, line("", OFFICE) | days, valid_until="2026-12-01", **days)
    with pytest.raises(Conflict) as strange:
        endorse(book, other, "2026-10-01", 0, changes=[change(certificate, "2026-10-01")])
    assert strange.value.code == "certificate_of_other_policy"
    book.act(INSURER, "policy.cancel", {"effective_on": "2026-10-01", "refund_fen": 0, "reason": "x"}, policy=policy)
    with pytest.raises(Conflict) as over:
        endorse(book, policy, "2026-06-01", 0, limits={"per_lift_year_fen": 1})
    assert over.value.code == "policy_state"


def test_a_change_before_the_certificate_began_is_refused() -> None:
    """A lift added in June has no May."""
    book, policy, _ = insured()
    added = line(policy, OFFICE, 8_000, from_date="2026-06-01")
    endorse(book, policy, "2026-06-01", 8_000, adds=[added])
    early = change(added["certificate"], "2026-05-01") | {"lift": OFFICE}
    with pytest.raises(Conflict) as refusal:
        endorse(book, policy, "2026-05-01", 0, changes=[early])
    assert refusal.value.code == "outside_certificate"


def test_more_than_a_hundred_lifts_take_several_endorsements() -> None:
    """So that one save holds them."""
    book, policy, certificate = insured()
    with pytest.raises(Invalid) as refusal:
        endorse(book, policy, "2026-06-01", 0, changes=[change(certificate, "2026-06-01")] * 101)
    assert refusal.value.code == "too_many"


def test_a_change_of_a_lift_of_unknown_class_is_asked_for() -> None:
    """Missing data is no violation here either; with the class told, the days before stay unknown."""
    book = office()
    item = line("", BARE, 99_999)
    policy = issued(book, item)
    told = change(item["certificate"], "2026-06-01", premises_class="residential") | {"lift": BARE}
    _, event = endorse(book, policy, "2026-06-01", 0, changes=[told])
    assert [found["code"] for found in event.found["findings"]] == ["premises_class_unknown"]


def test_without_a_fixed_cap_a_change_is_not_held_against_one() -> None:
    """What the authority has left open is told as information."""
    book, policy, certificate = insured()
    found = check_entry(UNCAPPED, book.state(Policy, policy), entry(book, certificate))
    assert [(f["code"], f["verdict"]) for f in found.findings] == [("cap_not_fixed", "information")]
