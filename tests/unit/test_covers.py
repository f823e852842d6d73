"""Covers: staging lines, ceilings by class, terms, overlaps, what a schedule comes to."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from application.covers import ACTIONS, schedule_leaf, stage, sum_up
from application.ids import new_name
from application.policies import cover_in_force, covers_in_force
from application.work import AggregateCache, Work
from audit import merkle
from domain.aggregate import Event, Statement
from domain.catalogue import coverage_parts, funding_sources, premises_classes
from domain.covers import Cover
from domain.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, RuleBroken
from domain.fund_shapes import FundSource
from domain.lifts import Lift
from domain.money import FEN_MAX
from domain.policies import Policy
from domain.policy_shapes import FUND_SOURCES, Part, PremisesClass, SourceKind
from tests.support.book import ORIGIN, Book
from tests.support.insuring import (
    BARE,
    HOLDER,
    HOMES,
    HOSPITAL,
    INSURER,
    OFFICE,
    OPERATOR,
    RIVAL,
    RIVAL_PRODUCT,
    SCRAPPED,
    drafted,
    head,
    issued,
    line,
    office,
    pay,
    proposed,
    reading,
)
from tests.support.seeding import seed

LEAP = {"from_date": "2027-04-01", "to_date": "2028-04-01"}


def staged(book: Book, item: dict[str, Any], **changes: Any) -> Event:  # noqa: ANN401 - members of any type
    """Draft for one line and stage it; gives its cover."""
    policy = new_name("policy")
    item = item | {"policy": policy}
    book.act(INSURER, "policy.draft", head(policy, [item], **changes))
    return book.act(INSURER, "policy.stage", item)[0]


def test_the_lists_of_the_shapes_are_those_of_the_catalogue() -> None:
    """Parts, sources and classes are written out for types, and equal the published code lists."""
    assert set(get_args(Part)) == set(coverage_parts())
    assert set(get_args(SourceKind)) == set(funding_sources())
    assert set(get_args(PremisesClass)) == set(premises_classes())
    assert set(funding_sources()) >= set(get_args(FundSource)) == FUND_SOURCES


@pytest.mark.parametrize(
    "lift, cap_fen",
    [(HOMES, 8_500), (OFFICE, 10_500), (HOSPITAL, 13_500)],
    ids=["homes", "office", "hospital"],  # names are made anew in every process
)
def test_the_ceiling_binds_the_liability_part_by_class(lift: str, cap_fen: int) -> None:
    """At the cap it is taken, one fen over refused with the rule; other parts have no ceiling (L3 a)."""
    dear = {"part": "parts_repair", "premium_fen": 350_000}
    item = line("", lift, cap_fen)
    event = staged(office(), item | {"parts": [*item["parts"], dear]})
    assert event.found["working"] == {"liability_fen": cap_fen, "ceiling_fen": cap_fen}
    with pytest.raises(RuleBroken) as refusal:
        staged(office(), line("", lift, cap_fen + 1))
    assert refusal.value.details["rule"] == "premium.cap"
    assert refusal.value.details["finding"] == "premium_over_ceiling"
    assert refusal.value.details["facts"] == {"premium_fen": cap_fen + 1, "ceiling_fen": cap_fen}


def test_a_leap_year_costs_no_more() -> None:
    """A plain year that holds 29 February has the year's cap."""
    assert staged(office(), line("", HOMES, 8_500, **LEAP), **LEAP).found["findings"] == []
    with pytest.raises(RuleBroken):
        staged(office(), line("", HOMES, 8_501, **LEAP), **LEAP)


def test_a_lift_of_unknown_class_is_asked_for_not_refused() -> None:
    """Missing data is never a violation."""
    event = staged(office(), line("", BARE, 99_999))
    assert event.found["premises_class"] is None
    assert [(f["code"], f["verdict"]) for f in event.found["findings"]] == [
        ("premises_class_unknown", "needs_supplement")
    ]
    assert event.found["working"] == {"liability_fen": 99_999}


@pytest.mark.parametrize(
    "kind, premises_class, codes",
    [
        ({"venue": "hotel"}, "public_gathering", ["class_by_open_list"]),
        ({"venue": "office", "premises_class": "residential"}, "residential", ["class_differs_from_venue"]),
        ({"venue": "office", "premises_class": "non_residential"}, "non_residential", []),
    ],
)
def test_the_class_by_venue_is_marked_where_the_list_is_open(
    kind: dict[str, str], premises_class: str, codes: list[str]
) -> None:
    """The lift's own class counts; without one that of its venue, marked where a person has to decide (L4)."""
    book, lift = office(), new_name("lift")
    said = {"id": lift, "variety": "3110", "area": "370102", "status": "in_use", "identifiers": [], **kind}
    seed(book, Lift, lift, OPERATOR.party, Lift.Registered, said, {"on": "2020-01-01"})
    event = staged(book, line("", lift))
    assert event.found["premises_class"] == premises_class
    assert [f["code"] for f in event.found["findings"]] == codes


def test_unknown_scrapped_and_merged_lifts_are_refused() -> None:
    """Each by its own code."""
    book = office()
    with pytest.raises(NotFound) as unknown:
        staged(book, line("", new_name("lift")))
    assert unknown.value.code == "lift_unknown"
    with pytest.raises(Conflict) as scrapped:
        staged(book, line("", SCRAPPED))
    assert scrapped.value.code == "lift_scrapped"
    seed(book, Lift, HOMES, OPERATOR.party, Lift.MergedInto, {"into": OFFICE})
    with pytest.raises(Conflict) as merged:
        staged(book, line("", HOMES))
    assert merged.value.code == "lift_merged"


@pytest.mark.parametrize(
    "changes, kind, code",
    [
        ({"parts": [{"part": "equipment", "premium_fen": 8_000}]}, Invalid, "part_not_in_policy"),
        ({"parts": []}, Invalid, "part_twice"),
        ({"parts": [{"part": "entrapment", "premium_fen": 1}] * 2}, Invalid, "part_twice"),
        ({"from_date": "2027-04-01"}, Invalid, "period_empty"),
        ({"from_date": "2026-03-31"}, RuleBroken, "certificate_outside_policy"),
        ({"to_date": "2027-03-31"}, RuleBroken, "certificate_not_coterminous"),
    ],
)
def test_lines_that_do_not_fit_their_policy_are_refused(
    changes: dict[str, Any], kind: type[DomainError], code: str
) -> None:
    """Parts are the policy's, days lie in it, and a certificate under a year ends with it (L3 c)."""
    book = office()
    policy = drafted(book, line(""))
    with pytest.raises(kind) as refusal:
        book.act(INSURER, "policy.stage", line(policy, OFFICE) | changes)
    assert code in {refusal.value.code, refusal.value.details.get("finding")}


def test_a_certificate_that_begins_later_may_end_with_its_policy() -> None:
    """Under a year, co-terminous: its ceiling is the part of the year."""
    book = office()
    policy = new_name("policy")
    late = line(policy, OFFICE, 5_264, from_date="2026-09-30")
    book.act(INSURER, "policy.draft", head(policy, [late]))
    event, _ = book.act(INSURER, "policy.stage", late)
    assert event.found["working"]["ceiling_fen"] == 10_500 * 183 // 365 == 5_264
    assert event.found["findings"] == []


def test_lines_are_staged_by_the_leader_while_drafted() -> None:
    """Not by another insurer, not for a closed schedule, not twice for a lift or a certificate."""
    book = office()
    policy = drafted(book, first := line(""))
    with pytest.raises(Forbidden):
        book.act(RIVAL, "policy.stage", line(policy, OFFICE))
    with pytest.raises(Conflict) as twice:
        book.act(INSURER, "policy.stage", first | {"policy": policy})
    assert twice.value.code == "certificate_taken"
    with pytest.raises(Conflict) as again:
        book.act(INSURER, "policy.stage", line(policy))
    assert again.value.code == "lift_covered_already"
    book.act(INSURER, "policy.quote", {"count": 1, "premium_fen": 8_000}, policy=policy)
    with pytest.raises(Conflict) as closed:
        book.act(INSURER, "policy.stage", line(policy, OFFICE))
    assert closed.value.code == "policy_state"


def rival(book: Book, item: dict[str, Any], **changes: Any) -> str:  # noqa: ANN401 - members of any type
    """Have the rival draft a policy for a line."""
    return drafted(book, item, author=RIVAL, product=RIVAL_PRODUCT, **changes)


FUND = {"sources": [{"kind": "fund_principal", "amount_fen": 8_000}]}


def test_an_overlap_is_refused_to_the_fund_and_flagged_to_others() -> None:
    """Same lift, part and interest on shared days: the loser hears the days, not insurer or premium (C1)."""
    book = office()
    issued(book, line(""))
    policy = rival(book, line("", HOMES, from_date="2026-10-01", to_date="2027-10-01"),
                   from_date="2026-10-01", to_date="2027-10-01")  # fmt: skip
    (found,) = book.events(f"{HOMES}/cover")[-1].found["findings"]
    facts = {"parts": "third_party_injury,entrapment", "from_date": "2026-10-01", "to_date": "2027-04-01"}
    assert (found["code"], found["verdict"], found["facts"]) == ("cover_overlaps", "manual_review", facts)
    book.act(RIVAL, "policy.void", {"reason": "withdrawn"}, policy=policy)
    with pytest.raises(RuleBroken) as refusal:
        rival(book, line(""), **FUND)
    assert (refusal.value.details["rule"], refusal.value.details["finding"]) == ("cover.overlap", "cover_overlaps")
    assert refusal.value.details["facts"] == {"from_date": "2026-04-01", "to_date": "2027-04-01"}


@pytest.mark.parametrize(
    "changes, line_changes",
    [
        ({"interest": "maintainer"}, {}),
        ({}, {"parts": [{"part": "parts_repair", "premium_fen": 8_000}]}),
        ({"from_date": "2027-04-01", "to_date": "2028-04-01"}, {"from_date": "2027-04-01", "to_date": "2028-04-01"}),
    ],
)
def test_another_interest_part_or_term_does_not_overlap(changes: dict[str, Any], line_changes: dict[str, Any]) -> None:
    """Each interest insures its own; touching terms share no day (L2)."""
    book = office()
    issued(book, line(""))
    rival(book, line("") | line_changes, **(FUND | changes))
    assert book.events(f"{HOMES}/cover")[-1].found["findings"] == []


def test_a_pending_cover_holds_until_its_quote_expires() -> None:
    """Computed when asked: past the validity nobody is held off, unless the premium was received in time."""
    book = office()
    proposed(book, line(""))
    paid = proposed(book, line("", OFFICE))
    pay(book, paid)
    with pytest.raises(RuleBroken):
        rival(book, line(""), **FUND)
    book.now = "2026-07-01T02:00:00.000000Z"
    rival(book, line(""), valid_until="2026-08-01", **FUND)
    with pytest.raises(RuleBroken):
        rival(book, line("", OFFICE), valid_until="2026-08-01", **FUND)


def test_a_cancelled_policy_frees_the_days_after() -> None:
    """What it insured before stays held."""
    book = office()
    policy = issued(book, line(""))
    said = {"effective_on": "2026-10-01", "refund_fen": 3_989, "reason": "sold"}
    book.act(INSURER, "policy.cancel", said, policy=policy)
    days = {"from_date": "2026-10-01", "to_date": "2027-10-01"}
    rival(book, line("") | days, **(FUND | days))
    with pytest.raises(RuleBroken):
        rival(book, line("") | {"from_date": "2026-09-30", "to_date": "2027-09-30"},
              **(FUND | {"from_date": "2026-09-30", "to_date": "2027-09-30"}))  # fmt: skip


def test_an_overlap_with_a_policy_that_ends_early_is_told_until_its_end() -> None:
    """Days on which nothing else insures are no double insurance (重复投保)."""
    book = office()
    policy = issued(book, line(""))
    said = {"effective_on": "2026-10-01", "refund_fen": 3_989, "reason": "sold"}
    book.act(INSURER, "policy.cancel", said, policy=policy)
    rival(book, line("", from_date="2026-09-01", to_date="2027-09-01"), from_date="2026-09-01", to_date="2027-09-01")
    (found,) = book.events(f"{HOMES}/cover")[-1].found["findings"]
    assert (found["facts"]["from_date"], found["facts"]["to_date"]) == ("2026-09-01", "2026-10-01")


def test_two_covers_in_force_are_both_found() -> None:
    """A flagged overlap leaves both; the one attached first is the one given."""
    book = office()
    first = issued(book, line(""))
    second = issued(book, line(""), author=RIVAL, product=RIVAL_PRODUCT)
    found = covers_in_force(reading(book), HOMES, "entrapment", "owner", "2026-05-01")
    assert [entry.policy for entry, _ in found] == [first, second]
    one = cover_in_force(reading(book), HOMES, None, None, "2026-05-01")
    assert one is not None
    assert one[1].id == first


def test_a_schedule_knows_count_sums_and_root() -> None:
    """After each save the policy knows what all lines come to; the root proves each line's words."""
    book = office()
    lines = [line("", lift) for lift in (HOMES, OFFICE, HOSPITAL)]
    policy = drafted(book, *lines)
    last = book.events(policy)[-1]
    leaves = [schedule_leaf(item | {"policy": policy}) for item in lines]
    assert last.TOPIC == "policy.LinesStaged"
    assert last.said is None
    assert last.found["because"] == {"stream": f"{HOSPITAL}/cover", "version": 1}
    assert {key: last.found[key] for key in ("lines", "count", "premium_fen", "parts", "root")} == {
        "lines": 1, "count": 3, "premium_fen": 24_000, "root": merkle.root(leaves).hex(),
        "parts": {"third_party_injury": 21_600, "entrapment": 2_400},
    }  # fmt: skip
    (quoted,) = book.act(INSURER, "policy.quote", {"count": 3, "premium_fen": 24_000}, policy=policy)
    assert quoted.found["root"] == merkle.root(leaves).hex()


def test_lines_of_one_save_are_summed_up_once() -> None:
    """A group of lines, also of two policies, makes one event a policy; the same sums as line by line."""
    book = office()
    names = [new_name("policy") for _ in range(2)]
    lines = [line(names[0], HOMES), line(names[1], OFFICE), line(names[0], HOSPITAL)]
    for name in names:
        book.act(INSURER, "policy.draft", head(name, [item for item in lines if item["policy"] == name]))
    cache = AggregateCache()
    work = Work(ORIGIN, INSURER, book.now, book, cache, keep=cache)
    for number, item in enumerate(lines, 1):
        work.begin_line()
        stage(work, Statement(item, "", number), {})
        work.end_line()
    sum_up(work)
    sums = [event for event in work.journal.events if event.TOPIC == "policy.LinesStaged"]
    assert [(event.originator_id, event.found["count"]) for event in sums] == [(names[0], 2), (names[1], 1)]
    leaves = [schedule_leaf(lines[0]), schedule_leaf(lines[2])]
    assert sums[0].found["root"] == merkle.root(leaves).hex()
    assert "reads" not in sums[0].found
    assert names[0] in work.journal.events[0].found["reads"]


def test_lines_that_come_to_more_than_any_amount_are_refused() -> None:
    """With a code of its own, before any number is too large to be written."""
    book = office()
    name = new_name("policy")
    parts = [{"part": "parts_repair", "premium_fen": FEN_MAX}]
    lines = [line(name, lift, parts=parts) for lift in (HOMES, OFFICE)]
    book.act(INSURER, "policy.draft", head(name, lines[:1]))
    book.act(INSURER, "policy.stage", lines[0])
    with pytest.raises(Invalid) as refusal:
        book.act(INSURER, "policy.stage", lines[1])
    assert (refusal.value.code, book.state(Policy, name).staged.premium_fen) == ("amount_out_of_range", FEN_MAX)


def test_a_group_loads_its_streams_at_once() -> None:
    """What the lines name is loaded before they are decided; what is no name is left to the shape's check."""
    book = office()
    policy = drafted(book, line(""))
    work = reading(book)
    prefetch = ACTIONS[0].prefetch
    assert prefetch is not None
    prefetch(work, [line(policy, OFFICE), {"lift": 7}])
    book.streams.clear()
    assert work.read(Policy, policy).state == "drafted"
    assert work.read(Lift, OFFICE).premises_class == "non_residential"


def test_a_certificate_of_another_lift_is_unknown() -> None:
    """Certificates are asked for on their own lift."""
    book = office()
    policy = drafted(book, line(""))
    cover = book.state(Cover, f"{HOMES}/cover")
    assert [entry.policy for entry in cover.of_policy(policy)] == [policy]
    assert book.state(Policy, policy).holder == HOLDER.party
    with pytest.raises(NotFound) as refusal:
        cover.entry(new_name("certificate"))
    assert refusal.value.code == "certificate_unknown"
