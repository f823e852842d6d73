"""Timers: acts that time brings about, under deterministic command ids; the reservation's expiry is the first."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from application.saves import NewEvent, Save
from application.timers import Due, fire_due, timer_act
from audit import canonical
from domain.aggregate import Event
from domain.errors import Conflict, NotFound, RuleBroken
from domain.funds import EXPIRY_RULE, Fund
from domain.policies import Policy
from tests.support.book import ORIGIN, Book
from tests.support.funding import (
    BANK,
    FUND,
    HOUSING,
    PREMIUM_FEN,
    approve,
    balances,
    filed,
    fund,
    funded,
    on,
    pay,
    quoted,
    quoted_again,
    ready,
    seen,
    stage,
    voted,
)
from tests.support.insuring import OPERATOR

EXPIRES = "2026-05-14T16:00:00.000000Z"
VOIDING = Due("fund.ReservationVoided", FUND, EXPIRES, EXPIRY_RULE)
VECTORS = Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json"


def stored(event: Event) -> NewEvent:
    """Give an event with its body but for the salt."""
    body = canonical.encode({"found": dict(event.found), "from": event.at, "said": event.said})
    return NewEvent(
        event.originator_id, event.originator_version, event.TOPIC, body, event.SCHEMA, event.effective_at
    )  # fmt: skip


def fire(book: Book, due: Due = VOIDING, now: str = EXPIRES) -> Save | None:
    """Fire a timer on the book; nothing is stored."""
    return fire_due(ORIGIN, OPERATOR.party, due, now=now, streams=book, stored=stored)


def void(book: Book) -> None:
    """Store what the timer wrote."""
    state = fund(book)
    book.given(
        Fund.ReservationVoided(
            originator_id=FUND, originator_version=state.version + 1, said=None,
            found={"due": EXPIRES, "rule": EXPIRY_RULE}, at=None, line=None, effective_at=EXPIRES,
            author=OPERATOR.authorship(),
        )
    )  # fmt: skip


def test_the_act_equals_the_vectors() -> None:
    """Statement, digest, command id, author and found are those of the format's worked example."""
    vectors = json.loads(VECTORS.read_text())
    save = next(s for s in vectors["saves"] if s["kind"] == "timer")
    evidence = save["evidence"][0]["bytes"]
    said = json.loads(evidence)
    header = json.loads(save["events"][0]["header"])
    due = Due(said["type"], said["stream"], said["due"], said["rule"])
    act = timer_act(vectors["origin"], header["author"]["party"], due)
    assert act.evidence[0].data == evidence.encode()
    assert act.evidence[0].digest == header["author"]["evidence"][0]["digest"]
    assert act.command is not None
    assert act.command.id == header["command"]
    assert (act.agent, act.key, act.issued_at) == (None, None, None)
    assert (due.type, due.rule) == (VOIDING.type, VOIDING.rule)


def test_a_reservation_is_voided_at_its_expiry() -> None:
    """One event, said by nobody, effective when it was due, found exactly {due, rule}; it relied on the fund alone."""
    book = funded()
    ready(book)
    version = fund(book).version
    save = fire(book, now="2026-05-20T00:00:00.000000Z")
    assert save is not None
    (event,) = save.events
    body: Any = json.loads(event.state)
    assert body == {"found": {"due": EXPIRES, "rule": EXPIRY_RULE}, "from": None, "said": None}
    assert (event.originator_id, event.effective_at) == (FUND, EXPIRES)
    assert (event.topic, event.originator_version) == ("fund.ReservationVoided", version + 1)
    assert save.reads == {FUND: version}
    assert save.act.party == OPERATOR.party
    assert save.act.evidence[0].digest == hashlib.sha256(VOIDING.statement()).hexdigest()


def test_what_expired_frees_the_money_and_is_not_paid() -> None:
    """The application must be filed again."""
    book = funded()
    _, application = ready(book)
    void(book)
    assert fund(book).reserved_fen == 0
    with pytest.raises(Conflict) as refusal:
        pay(book, application)
    assert refusal.value.code == "not_reserved"
    with pytest.raises(Conflict):
        stage(book, application)


@pytest.mark.parametrize("fired", [True, False])
@pytest.mark.parametrize("day, state", [("2026-05-14", "paid"), ("2026-05-15", "return_due")])
def test_money_under_way_at_the_expiry_counts_by_the_day_it_left(day: str, state: str, *, fired: bool) -> None:
    """What left in time is premium, whenever timer and statement are read; what left later is due back (C3)."""
    book = funded()
    policy, application = ready(book)
    pay(book, application)
    book.now = "2026-05-16T02:00:00.000000Z"
    if fired:
        void(book)
    payment = on(book, application).payment or ""
    book.act(BANK, "payment.confirm", {"line": seen(book, day=day)}, payment=payment)
    known = fund(book)
    assert (on(book, application).state, known.reservations, known.bank_fen) == (state, {}, 300_000 - PREMIUM_FEN)
    assert known.balance_fen == (known.bank_fen if state == "paid" else 300_000)
    assert book.state(Policy, policy).held == ({"fund_principal": PREMIUM_FEN} if state == "paid" else {})
    assert balances(book, [*known.paid]) == {name: account.balance_fen for name, account in known.houses.items()}


def test_what_expired_under_way_is_applied_for_again_once_the_bank_could_not_pay() -> None:
    """Until then the plan has no money left for it, nor does the policy need any: it may have been paid in time."""
    book = funded()
    plan, vote = voted(book, amount_fen=PREMIUM_FEN)
    policy = quoted(book)
    application = filed(book, policy, plan, vote)
    other = filed(book, quoted_again(book), plan, vote)
    approve(book, application)
    stage(book, application)
    pay(book, application)
    void(book)
    with pytest.raises(Conflict) as held:
        filed(book, policy, plan, vote)
    assert (held.value.code, held.value.details["by"]) == ("policy_applied_already", application)
    with pytest.raises(RuleBroken) as spent:
        approve(book, other)
    assert spent.value.details["finding"] == "above_plan"
    payment = on(book, application).payment or ""
    book.act(BANK, "payment.fail", {"reason": "account_unknown"}, payment=payment)
    approve(book, filed(book, policy, plan, vote))


@pytest.mark.parametrize("moved", ["early", "paid", "voided", "fired", "another_instant"])
def test_a_timer_whose_time_has_not_come_or_has_gone_writes_nothing(moved: str) -> None:
    """The list of what is due may be late: the stored state decides."""
    book = funded()
    _, application = ready(book)
    due, now = VOIDING, EXPIRES
    if moved == "early":
        now = "2026-05-14T15:59:59.999999Z"
    elif moved == "paid":
        pay(book, application, line=seen(book))
    elif moved == "voided":
        book.act(HOUSING, "application.void", {"reason": "withdrawn"}, fund=FUND, application=application)
    elif moved == "fired":
        void(book)
    else:
        due = Due(due.type, due.stream, "2026-05-13T16:00:00.000000Z", due.rule)
    assert fire(book, due, now) is None


def test_the_fund_tells_what_is_due() -> None:
    """From its expiry on."""
    book = funded()
    approve(book, filed(book, quoted(book), *voted(book)))
    assert fund(book).due("2026-05-14T15:59:59.999999Z") == []
    assert fund(book).due(EXPIRES) == [EXPIRES]


def test_unknown_timers_are_refused() -> None:
    """By type or by rule."""
    with pytest.raises(NotFound) as refusal:
        fire(funded(), Due("fund.Posted", FUND, EXPIRES, EXPIRY_RULE))
    assert refusal.value.code == "timer_unknown"
