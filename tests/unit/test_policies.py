"""Policies from quotation to end: heads, proposal, premium first, issue, cancellation, lapse, voiding."""

from __future__ import annotations

from typing import Any

import pytest

from application.ids import new_name
from application.policies import cover_in_force
from domain.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, RuleBroken
from domain.findings import gravest
from domain.policies import Policy
from tests.support.book import Book
from tests.support.insuring import (
    HOLDER,
    HOMES,
    INSURER,
    OFFICE,
    PRODUCT,
    RIVAL,
    drafted,
    filing,
    head,
    issued,
    line,
    office,
    pay,
    proposed,
    reading,
)

LATER = "2026-07-01T02:00:00.000000Z"


def draft(book: Book, **changes: Any) -> None:  # noqa: ANN401 - members of any type
    """Draft a policy of one line with changes to its head."""
    policy = new_name("policy")
    book.act(INSURER, "policy.draft", head(policy, [line(policy)], **changes))


def test_services_are_promised_with_the_policy() -> None:
    """A policy promises those of its product's services that its draft names, and none otherwise."""
    book = office()
    served, plain = issued(book, line(""), services=["SV06"]), issued(book, line("", OFFICE))
    assert book.state(Policy, served).services == ("SV06",)
    assert book.state(Policy, plain).services == ()


def test_one_event_puts_all_staged_covers_in_force() -> None:
    """Before issue nothing is in force; issuing touches the policy's stream alone, and both lifts are covered."""
    book = office()
    policy = proposed(book, line(""), line("", OFFICE))
    assert cover_in_force(reading(book), HOMES, "entrapment", "owner", "2026-04-01") is None
    pay(book, policy)
    events = book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert [event.originator_id for event in events] == [policy]
    assert (events[0].found["count"], events[0].found["received_fen"]) == (2, 16_000)
    for lift in (HOMES, OFFICE):
        found = cover_in_force(reading(book), lift, "entrapment", "owner", "2027-03-31")
        assert found is not None
        assert (found[0].policy, found[1].number) == (policy, "PZ-1")
    assert cover_in_force(reading(book), HOMES, "entrapment", "owner", "2027-04-01") is None
    assert cover_in_force(reading(book), HOMES, "entrapment", "maintainer", "2026-04-01") is None
    assert cover_in_force(reading(book), HOMES, "equipment", "owner", "2026-04-01") is None
    assert cover_in_force(reading(book), new_name("lift"), None, None, "2026-04-01") is None


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"premium_fen": 8_001}, "parts_not_premium"),
        ({"sources": [{"kind": "other", "amount_fen": 1}]}, "sources_not_premium"),
        ({"sources": [{"kind": "other", "amount_fen": 4_000}] * 2}, "source_twice"),
        ({"sources": [{"kind": "other", "amount_fen": 800}] * 10}, "too_many"),
        ({"parts": [{"part": "equipment", "premium_fen": 8_000}]}, "part_not_in_product"),
        ({"services": ["SV01", "SV02"]}, "service_not_in_product"),
        ({"services": ["SV01", "SV01"]}, "service_twice"),
        ({"instalments": [{"due_on": "2026-04-01", "amount_fen": 1}]}, "instalments_not_premium"),
        ({"instalments": [{"due_on": f"2026-0{m}-01", "amount_fen": 4_000} for m in (5, 4)]}, "instalments_disordered"),
        ({"valid_until": "2026-03-14"}, "validity_past"),
        ({"to_date": "2026-04-01"}, "period_empty"),
        ({"insurers": [{"party": INSURER.party, "share_bp": 9_999}]}, "shares_not_whole"),
        ({"insurers": [{"party": INSURER.party, "share_bp": 5_000}] * 2}, "insurer_twice"),
        ({"insurers": []}, "too_many"),
        ({"insurers": [{"party": RIVAL.party, "share_bp": 10_000}]}, "leader_not_first"),
        ({"insurers": [{"party": INSURER.party, "share_bp": 1}, {"party": HOLDER.party, "share_bp": 9_999}]},
         "not_insurer"),
        ({"holder": new_name("party")}, "party_unknown"), ({"holder": INSURER.party}, "holder_insures"),
        ({"area": "370103"}, "pack_not_adopted"),
    ],
)  # fmt: skip
def test_a_head_that_does_not_hold_together_is_refused(changes: dict[str, Any], code: str) -> None:
    """Amounts sum to the premium, shares to the whole, parts are the product's, days in order."""
    with pytest.raises((Invalid, NotFound)) as refusal:
        draft(office(), **changes)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "changes, rule, found",
    [
        ({"to_date": "2027-03-31"}, "policy.term_years_min", "policy_term_too_short"),
        ({"valid_until": "2026-12-31"}, "policy.quote_validity_days_max", "quote_validity_too_long"),
        ({"instalments": [{"due_on": f"2026-0{m}-01", "amount_fen": m * 1_000} for m in (3, 5)]},
         "policy.instalments", "instalments_rise"),
    ],
)  # fmt: skip
def test_a_head_against_the_pack_is_refused_with_the_rule(changes: dict[str, Any], rule: str, found: str) -> None:
    """A policy shorter than a year, a quote open too long, instalments that rise: code, rule and finding."""
    with pytest.raises(RuleBroken) as refusal:
        draft(office(), **changes)
    details = refusal.value.details
    assert (refusal.value.code, details["rule"], details["finding"]) == ("rule_broken", rule, found)


def test_instalments_are_free_before_the_notice() -> None:
    """The order of instalments binds from its day on."""
    rising = [{"due_on": "2025-04-01", "amount_fen": 1}, {"due_on": "2025-09-01", "amount_fen": 7_999}]
    book = office("2025-03-01T00:00:00.000000Z")
    draft(book, from_date="2025-04-01", to_date="2026-04-01", instalments=rising, valid_until="2025-04-01")


def test_products_are_quoted_by_their_insurer_while_on_sale() -> None:
    """Another insurer may not, and none after the withdrawal."""
    book = office()
    policy = new_name("policy")
    with pytest.raises(Forbidden):
        book.act(RIVAL, "policy.draft", head(policy, [line(policy)]))
    book.act(INSURER, "product.withdraw", {"from_date": "2026-03-01"}, product=PRODUCT)
    with pytest.raises(Conflict) as refusal:
        draft(book)
    assert refusal.value.code == "product_not_on_sale"


@pytest.mark.parametrize("closing", [(1, 16_000), (2, 8_000), (3, 24_000)])
def test_a_schedule_that_does_not_sum_is_not_quoted(closing: tuple[int, int]) -> None:
    """Count and premium said, staged and drafted must be one."""
    book = office()
    policy = drafted(book, line(""), line("", OFFICE))
    said = {"count": closing[0], "premium_fen": closing[1]}
    with pytest.raises(Conflict) as refusal:
        book.act(INSURER, "policy.quote", said, policy=policy)
    assert refusal.value.code == "schedule_mismatch"
    assert refusal.value.details["count"] == 2


def test_a_schedule_of_other_parts_is_not_quoted() -> None:
    """Sums must agree part by part; a draft without lines quotes nothing."""
    book = office()
    policy = new_name("policy")
    item = line(policy)
    shifted = [{"part": "third_party_injury", "premium_fen": 7_000}, {"part": "entrapment", "premium_fen": 1_000}]
    book.act(INSURER, "policy.draft", head(policy, [item], parts=shifted))
    book.act(INSURER, "policy.stage", item)
    with pytest.raises(Conflict) as refusal:
        book.act(INSURER, "policy.quote", {"count": 1, "premium_fen": 8_000}, policy=policy)
    assert refusal.value.details["parts"] == ["entrapment", "third_party_injury"]
    free = drafted(book, premium_fen=0, parts=[{"part": "entrapment", "premium_fen": 0}], sources=[])
    with pytest.raises(Conflict) as empty:
        book.act(INSURER, "policy.quote", {"count": 0, "premium_fen": 0}, policy=free)
    assert empty.value.code == "schedule_mismatch"


def test_only_the_holder_proposes_and_only_once() -> None:
    """投保 is the policyholder's act."""
    book = office()
    policy = proposed(book, line(""))
    assert book.state(Policy, policy).proposal == "2026-03-15"
    with pytest.raises(Forbidden):
        book.act(INSURER, "policy.propose", {}, policy=policy)
    with pytest.raises(Conflict) as twice:
        book.act(HOLDER, "policy.propose", {}, policy=policy)
    assert twice.value.code == "policy_state"


@pytest.mark.parametrize("paid_fen", [0, 7_999])
def test_no_policy_before_its_premium(paid_fen: int) -> None:
    """见费出单: less than the whole premium does not issue it; the refusal names PB01."""
    book = office()
    policy = proposed(book, line(""))
    if paid_fen:
        assert pay(book, policy, paid_fen).found["complete"] is False
    with pytest.raises(RuleBroken) as refusal:
        book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert (refusal.value.details["rule"], refusal.value.details["finding"]) == ("PB01", "issued_before_premium")
    assert refusal.value.details["facts"] == {"needed_fen": 8_000, "received_fen": paid_fen}


def test_the_first_instalment_suffices_and_a_subsidy_does_not_count() -> None:
    """PB01.receipts: needed is the first instalment without the subsidy's part of it; subsidy money fills no gap."""
    book = office()
    sources = [{"kind": "fiscal_subsidy", "amount_fen": 1_000}, {"kind": "property_fee", "amount_fen": 7_000}]
    instalments = [{"due_on": "2026-04-01", "amount_fen": 5_000}, {"due_on": "2026-10-01", "amount_fen": 3_000}]
    policy = proposed(book, line(""), sources=sources, instalments=instalments)
    assert pay(book, policy, 1_000, "fiscal_subsidy").found["complete"] is False
    assert pay(book, policy, 4_374).found["complete"] is False
    assert pay(book, policy, 1).found["complete"] is True
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    state = book.state(Policy, policy)
    assert (state.due_fen("property_fee"), state.due_fen("fiscal_subsidy"), state.due_fen("other")) == (2_625, 0, 0)


@pytest.mark.parametrize(
    "changes, sealed, good",
    [
        ({"ground": "public_budget_sealed_proposal"}, True, True),
        ({"ground": "public_budget_sealed_proposal"}, False, False),
        ({"ground": "public_budget_agreement", "agreement": "1" * 64}, False, True),
        ({"ground": "public_budget_agreement"}, True, False),
        ({"ground": "public_budget_agreement", "agreement": "1" * 64,
          "sources": [{"kind": "property_fee", "amount_fen": 8_000}]}, False, False),
    ],
)  # fmt: skip
def test_bulk_cover_from_the_budget_may_come_first(changes: dict[str, Any], sealed: bool, good: bool) -> None:
    """统保: on a sealed proposal or an agreement, and budget money only; the issue says on which ground."""
    book = office()
    sources = {"sources": [{"kind": "fiscal_budget", "amount_fen": 8_000}]}
    policy = proposed(book, line(""), sealed=sealed, **(sources | changes))
    if not good:
        with pytest.raises(RuleBroken):
            book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
        return
    (event,) = book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert event.found["ground"] == changes["ground"]
    assert gravest(event.found["findings"]) == "information"
    assert pay(book, policy, source="fiscal_budget").found["over_fen"] == 0


def test_before_the_notice_a_policy_might_come_first() -> None:
    """Until 2025-11 premium first was not fixed: issued with an information finding, and lapsing stays possible."""
    book = office("2025-03-01T00:00:00.000000Z")
    days: dict[str, Any] = {"from_date": "2025-04-01", "to_date": "2026-04-01"}
    policy = proposed(book, line("", **days), valid_until="2025-06-01", **days)
    (event,) = book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert [found["code"] for found in event.found["findings"]] == ["issued_before_premium"]
    book.now = "2025-06-01T00:00:00.000000Z"
    book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)
    state = book.state(Policy, policy)
    assert state.in_force_on("2025-06-01")
    assert not state.in_force_on("2025-06-02")


def test_a_quote_past_its_validity_goes_no_further() -> None:
    """Neither line, closing, proposal, premium nor issue is taken; it lapses."""
    book = office()
    open_draft, unpaid = drafted(book, line("")), proposed(book, line("", OFFICE))
    book.now = LATER
    acts = (
        lambda: book.act(INSURER, "policy.stage", line(open_draft)),
        lambda: book.act(INSURER, "policy.quote", {"count": 1, "premium_fen": 8_000}, policy=open_draft),
        lambda: pay(book, unpaid),
        lambda: book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=unpaid),
    )
    for act in acts:
        with pytest.raises(Conflict) as refusal:
            act()
        assert refusal.value.code == "quote_expired"
    book.act(INSURER, "policy.lapse", {"reason": "expired"}, policy=unpaid)
    assert book.state(Policy, unpaid).state == "lapsed"


def test_premium_received_in_time_keeps_the_quote() -> None:
    """Money received within the validity: the policy may be issued after it, and does not lapse."""
    book = office()
    policy = proposed(book, line(""))
    with pytest.raises(Conflict) as early:
        book.act(INSURER, "policy.lapse", {"reason": "expired"}, policy=policy)
    assert early.value.code == "quote_valid"
    pay(book, policy)
    book.now = LATER
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    with pytest.raises(Conflict) as late:
        book.act(INSURER, "policy.lapse", {"reason": "expired"}, policy=policy)
    assert late.value.code == "premium_not_overdue"


def test_an_overdue_instalment_lets_an_issued_policy_lapse() -> None:
    """Only what is due by then counts; it insures to the end of the day, whose losses may have happened already."""
    book = office()
    instalments = [{"due_on": "2026-04-01", "amount_fen": 5_000}, {"due_on": "2026-06-30", "amount_fen": 3_000}]
    policy = proposed(book, line(""), instalments=instalments)
    pay(book, policy, 5_000)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    with pytest.raises(Conflict):
        book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)
    book.now = LATER
    book.act(INSURER, "policy.lapse", {"reason": "unpaid"}, policy=policy)
    assert cover_in_force(reading(book), HOMES, None, None, "2026-07-01") is not None
    assert cover_in_force(reading(book), HOMES, None, None, "2026-07-02") is None


def test_premium_over_what_is_due_is_told() -> None:
    """Two payers at once: the second is booked, and told as over (C4); before the proposal none is taken."""
    book = office()
    early = drafted(book, line("", OFFICE))
    for policy, amount_fen in ((early, 1), (proposed(book, line("")), 0)):
        with pytest.raises(DomainError) as refusal:
            pay(book, policy, amount_fen)
        assert refusal.value.code in {"policy_state", "amount_not_positive"}
    book.act(INSURER, "policy.void", {"reason": "withdrawn"}, policy=early)
    policy = issued(book, line("", OFFICE))
    assert pay(book, policy, 300).found["over_fen"] == 300


def test_a_voided_quotation_never_counted() -> None:
    """Money received for it is to be returned; nothing of it goes on."""
    book = office()
    policy = proposed(book, line(""))
    pay(book, policy, 100)
    event, _ = book.act(INSURER, "policy.void", {"reason": "withdrawn"}, policy=policy)
    assert event.found["return_due_fen"] == 100
    with pytest.raises(Conflict) as refusal:
        book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    assert refusal.value.code == "policy_state"


def test_a_cancelled_policy_insured_until_its_day() -> None:
    """Refunded by days to the sources that paid; the days before stay insured, also when told late."""
    book = office()
    sources = [{"kind": "fund_principal", "amount_fen": 3_000}, {"kind": "property_fee", "amount_fen": 5_000}]
    policy = proposed(book, line(""), sources=sources)
    pay(book, policy, 3_000, "fund_principal")
    pay(book, policy, 5_000)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    book.now = LATER
    refund_fen = 8_000 * 293 // 365
    said = {"effective_on": "2026-06-12", "refund_fen": refund_fen, "reason": "demolished"}
    event = book.act(INSURER, "policy.cancel", said, policy=policy)[0]
    assert event.effective_at == "2026-06-11T16:00:00.000000Z"
    assert event.found["late"] is True
    assert event.found["findings"] == []
    assert sum(event.found["refunds"].values()) == refund_fen
    state = book.state(Policy, policy)
    assert (state.in_force_on("2026-06-11"), state.in_force_on("2026-06-12")) == (True, False)
    assert (state.premium_fen, state.lifts) == (8_000 - refund_fen, 0)


@pytest.mark.parametrize(
    "refund, short_rate_bp, on, refund_fen, codes",
    [
        ("pro_rata_days", 0, "2026-04-01", 7_999, ["refund_differs"]), ("pro_rata_days", 0, "2026-10-01", 3_989, []),
        ("none", 0, "2026-04-02", 0, []), ("none", 0, "2026-04-01", 0, ["refund_differs"]),
        ("none", 0, "2026-04-01", 8_000, []),
        ("short_rate", 2_000, "2026-04-01", 6_400, []), ("short_rate", 2_000, "2026-10-01", 3_191, []),
    ],
)  # fmt: skip
def test_refunds_follow_the_filed_method(
    refund: str, short_rate_bp: int, on: str, refund_fen: int, codes: list[str]
) -> None:
    """A refund that the filed clauses do not give is flagged; before the first day all goes back (保险法 54)."""
    book = office()
    product = new_name("product")
    book.act(INSURER, "product.file", filing(id=product, refund=refund, short_rate_bp=short_rate_bp))
    book.act(INSURER, "product.offer", {"from_date": "2026-01-01"}, product=product)
    policy = issued(book, line(""), product=product)
    said = {"effective_on": on, "refund_fen": refund_fen, "reason": "sold"}
    event = book.act(INSURER, "policy.cancel", said, policy=policy)[0]
    assert [found["code"] for found in event.found["findings"]] == codes


@pytest.mark.parametrize("refund_fen, codes", [(989, []), (3_989, ["refund_differs"])])
def test_what_is_owed_of_the_premium_is_set_off_from_its_refund(refund_fen: int, codes: list[str]) -> None:
    """Of 8,000 of premium 5,000 were paid, and half of the term is over: what was earned is kept of what was paid."""
    book = office()
    instalments = [{"due_on": "2026-04-01", "amount_fen": 5_000}, {"due_on": "2026-10-01", "amount_fen": 3_000}]
    policy = proposed(book, line(""), instalments=instalments)
    pay(book, policy, 5_000)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    said = {"effective_on": "2026-10-01", "refund_fen": refund_fen, "reason": "sold"}
    event = book.act(INSURER, "policy.cancel", said, policy=policy)[0]
    assert [found["code"] for found in event.found["findings"]] == codes


@pytest.mark.parametrize(
    "effective_on, refund_fen, code",
    [("2027-04-01", 0, "outside_policy"), ("2026-05-01", 8_001, "refund_over_received")],
)
def test_cancellations_that_cannot_be_are_refused(effective_on: str, refund_fen: int, code: str) -> None:
    """Not after the term, and no more back than came in."""
    book = office()
    policy = issued(book, line(""))
    said = {"effective_on": effective_on, "refund_fen": refund_fen, "reason": "sold"}
    with pytest.raises(DomainError) as refusal:
        book.act(INSURER, "policy.cancel", said, policy=policy)
    assert refusal.value.code == code


@pytest.mark.parametrize("action", ["quote", "issue", "cancel", "lapse", "void"])
def test_another_insurer_touches_nothing(action: str) -> None:
    """Only the leading insurer acts on its policy."""
    book = office()
    policy = issued(book, line(""))
    bodies: dict[str, dict[str, Any]] = {
        "quote": {"count": 1, "premium_fen": 1}, "issue": {"number": "X"},
        "cancel": {"effective_on": "2026-05-01", "refund_fen": 0, "reason": "x"},
    }  # fmt: skip
    with pytest.raises(Forbidden):
        book.act(RIVAL, f"policy.{action}", bodies.get(action, {"reason": "x"}), policy=policy)
