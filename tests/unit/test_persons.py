"""Erasing persons in two steps: what must be kept and until when, what a hold forbids, what time destroys."""

from __future__ import annotations

from typing import Any

import pytest

from application import persons
from application.timers import Due, fire_due
from audit.merkle import leaf_hash, root
from domain.aggregate import Event
from domain.disputes import Dispute
from domain.errors import Conflict, DomainError, Forbidden, Invalid
from domain.parties import Agent
from domain.persons import RETENTION_RULE, Person
from domain.retention import Kept, class_of, retentions
from domain.time import civil_date
from infrastructure.mapper import to_new_event
from tests.support.rehearsal import ORIGIN, Rehearsal, name
from tests.support.story import cast
from tests.support.story.whole import performed

BROKER = name("agent", "broker's")


def story() -> cast.Story:
    """Give a ledger with everybody in it."""
    told = cast.Story()
    cast.assemble(told)
    return told


def person_of(ledger: Rehearsal, stream: str) -> str:
    """Give the person behind an agent's sealed name."""
    return str((ledger.events(stream)[0].said or {})["name"]["of"])


def refused(told: cast.Story, short: str, action: str, said: dict[str, Any], **path: str) -> str:
    """Give the code with which a request is refused."""
    with pytest.raises(DomainError) as refusal:
        told.act(short, action, said, **path)
    return refusal.value.code


def erase(told: cast.Story, person: str, basis: str = "request") -> Event:
    """Restrict a person; gives the event."""
    (event,) = told.act("operator", "person.erase", {"basis": basis}, person=person)
    return event


def fire(ledger: Rehearsal, person: str, until: str) -> bool:
    """Let time erase a person; False when it wrote nothing."""
    due = Due(Person.Erased.TOPIC, person, until, RETENTION_RULE)
    save = fire_due(ORIGIN, name("party", "operator"), due, now=ledger.now, streams=ledger, stored=to_new_event)
    if save is not None:
        ledger.save(save, "TIMER")
    return save is not None


# ---------------------------------------------------------------------------------------------------- retention


@pytest.mark.parametrize(
    "event_type,kind",
    [
        ("visit.NodesReceived", "maintenance"), ("agent.Enrolled", "maintenance"), ("claim.Notified", "insurance"),
        ("house.Opened", "fund_books"), ("bankline.Seen", "fund_books"), ("party.Registered", None),
        ("dispute.Opened", None),
    ],
)  # fmt: skip
def test_records_are_of_a_class_by_what_wrote_them(event_type: str, kind: str | None) -> None:
    """By the noun of their event type; what no law wants kept is of none."""
    assert class_of(event_type) == kind


def test_each_rule_keeps_until_its_last_record_is_old_enough() -> None:
    """Four years, five or ten after the contract, thirty: the latest day by rule, and how many records it is for."""
    found = retentions(
        [
            Kept("maintenance", "2026-03-01"), Kept("maintenance", "2024-02-29"),
            Kept("insurance", "2026-03-01"), Kept("insurance", "2025-01-01", long_term=True),
            Kept("fund_books", "2026-01-01"),
        ]
    )  # fmt: skip
    assert [(each.rule.id, each.records, each.until) for each in found] == [
        ("retention.fund_books", 1, "2056-01-01"),
        ("retention.insurance_long", 1, "2035-01-01"),
        ("retention.insurance_short", 1, "2031-03-01"),
        ("retention.maintenance", 2, "2030-03-01"),
    ]
    assert {each.as_json()["grade"] for each in found} == {"statute", "unverified"}
    assert retentions([Kept("maintenance", "1999-01-01")])[0].until == "2003-01-01"
    assert retentions([]) == []


def test_who_stands_in_no_record_to_be_kept_goes_at_once() -> None:
    """Restricted until now; time writes the erasure next, with the basis and the same scope; twice is refused."""
    told = story()
    ledger, person = told.ledger, person_of(told.ledger, BROKER)
    event = erase(told, person, "withdrawn")
    assert event.found["until"] == ledger.now
    assert (event.found["periods"], event.found["pack"]) == ([], "retention@1")
    assert refused(told, "operator", "person.erase", {"basis": "request"}, person=person) == "restricted_already"
    assert fire(ledger, person, ledger.now)
    erased = ledger.events(person)[-1]
    assert erased.author.evidence == ("timer",)
    assert (erased.said, erased.found["basis"], erased.found["rule"]) == (None, "withdrawn", RETENTION_RULE)
    assert erased.found["scope"] == event.found["scope"]
    assert refused(told, "operator", "person.erase", {"basis": "request"}, person=person) == "erased_already"
    assert not fire(ledger, person, ledger.now)


def test_the_scope_counts_and_commits_to_what_goes() -> None:
    """Events, fields and requests, and RFC 6962 roots over their digests in order; no value and no name."""
    told = story()
    person = person_of(told.ledger, name("agent", "worker one"))
    held = told.ledger.records_of(person)
    digests = sorted(record.digest for record in held.records)
    assert len(digests) == 3
    assert erase(told, person).found["scope"] == {
        "events": 1, "streams": 1, "values": 3, "requests": 1,
        "values_root": root([leaf_hash(bytes.fromhex(digest)) for digest in digests]).hex(),
        "requests_root": root([leaf_hash(bytes.fromhex(held.requests[0]))]).hex(),
    }  # fmt: skip


def test_a_worker_is_kept_for_four_years_from_his_last_visit() -> None:
    """From the last visit that he took part in, by the pack; of whoever visited nothing there is no duty."""
    ledger = performed()
    agent = name("agent", "worker one")
    last = max(e.effective_at or "" for e in ledger.events(agent) if isinstance(e, Agent.WorkedOn))
    periods = retained(ledger, person_of(ledger, agent))
    assert [(period.rule.id, period.until) for period in periods][:1] == [
        ("retention.maintenance", f"{int(last[:4]) + 4}{last[4:10]}")
    ]
    assert retained(ledger, person_of(ledger, name("agent", "worker three"))) == []


def test_who_countersigned_is_kept_for_four_years_from_the_last_record() -> None:
    """Whose signature a record bears is known as long as the record is kept (T5002 5(6), 7, 10)."""
    ledger = performed()
    officer = name("agent", "officer")
    last = max(e.effective_at or "" for e in ledger.events(officer) if isinstance(e, Agent.SignedOn))
    (period,) = retained(ledger, person_of(ledger, officer))
    assert (period.rule.id, period.until) == ("retention.maintenance", f"{int(last[:4]) + 4}{last[4:10]}")


def retained(ledger: Rehearsal, person: str) -> list[Any]:
    """Give what a person must be kept for, as a use case finds it."""
    from application.work import AggregateCache, Author, Work  # noqa: PLC0415 - only here

    author = Author(name("party", "operator"), "operator")
    work = Work(ORIGIN, author, ledger.now, ledger, AggregateCache(), keep=AggregateCache())
    return persons.retained(work, ledger.records_of(person).records)


def test_a_claimant_is_kept_until_five_years_after_the_contract() -> None:
    """The contract's end counts, also where the claim was settled long before; a retention that runs is no basis."""
    ledger = performed()
    stream, person = next(
        (stream, claimant["name"]["of"])
        for stream in ledger.streams()
        if "/claim:" in stream
        for claimant in (ledger.events(stream)[0].said or {}).get("claimants", [])
        if "name" in claimant and ledger.events(stream)[0].found["cover"]
    )
    policy = ledger.events(ledger.events(stream)[0].found["cover"]["policy"])
    drafted = policy[0].said or {}
    cancelled = next((e.said["effective_on"] for e in policy if e.TOPIC == "policy.Cancelled" and e.said), None)
    end = cancelled or drafted["to_date"]
    own = [p for p in retained(ledger, person) if p.rule.id == "retention.insurance_short"]
    noticed = max((e.effective_at or "")[:10] for e in ledger.events(stream))
    assert own[0].until in {f"{int(day[:4]) + 5}{day[4:]}" for day in (end, noticed)}
    assert own[0].until >= f"{int(end[:4]) + 5}{end[4:]}"


# ---------------------------------------------------------------------------------------------------- restricted


def worked() -> tuple[cast.Story, str, str]:
    """Give a ledger in which a worker has worked; his person, and until when he must be kept."""
    told = story()
    agent = name("agent", "worker one")
    ledger = told.ledger
    author = ledger.events(agent)[0].author
    found = {"lift": name("lift", "one"), "visit": name("visit", "one"), "because": {"stream": agent, "version": 1}}
    ledger.save(_stray(ledger, Agent.WorkedOn(
        originator_id=agent, originator_version=2, said=None, found=found, at=None, line=None,
        effective_at="2025-10-01T02:00:00.000000Z", author=author,
    )))  # fmt: skip
    return told, person_of(ledger, agent), "2029-09-30T16:00:00.000000Z"


def _stray(ledger: Rehearsal, event: Event) -> Any:  # noqa: ANN401 - a Save
    from application.saves import Act, Evidence, Save  # noqa: PLC0415 - only here

    act = Act(name("party", "operator"), None, None, (Evidence("jwt", "00" * 32, b""),), None)
    return Save(act, (to_new_event(event),))


def test_while_a_duty_runs_the_data_stay_under_seal() -> None:
    """Nothing new is said of the person, time does not erase early, and erases when the day has come."""
    told, person, until = worked()
    ledger = told.ledger
    assert refused(told, "operator", "person.erase", {"basis": "retention_over"}, person=person) == "retention_runs"
    event = erase(told, person)
    assert event.found["until"] == until
    (period,) = event.found["periods"]
    assert period == {
        "rule": "retention.maintenance", "basis": "TSG T5002-2017 5(六)、10", "grade": "statute", "years": 4,
        "records": 1, "until": civil_date(until),
    }  # fmt: skip
    more = {"id": name("agent", "again"), "party": told.party("maintainer"), "role": "worker", "person": person}
    assert refused(told, "maintainer", "agent.enrol", {**more, "name": "张"}) == "person_restricted"
    assert not fire(ledger, person, until)
    ledger.now = until
    assert fire(ledger, person, until)
    assert ledger.state(Person, person).erased
    assert refused(told, "maintainer", "agent.enrol", {**more, "name": "张"}) == "person_erased"


def test_time_asks_again_before_it_destroys() -> None:
    """A record that came in beside the restriction is counted: while it must be kept, nothing is written."""
    told, person, until = worked()
    ledger, agent = told.ledger, name("agent", "worker one")
    erase(told, person)
    author = ledger.events(agent)[0].author
    ledger.save(_stray(ledger, Agent.WorkedOn(
        originator_id=agent, originator_version=3, said=None, found={"lift": "l", "visit": "v"}, at=None, line=None,
        effective_at="2025-10-20T02:00:00.000000Z", author=author,
    )))  # fmt: skip
    ledger.now = until
    assert not fire(ledger, person, until)
    ledger.now = "2029-10-19T16:00:00.000000Z"
    assert fire(ledger, person, until)


def test_only_the_operators_administrator_erases() -> None:
    """Nobody else, whatever he is to the person."""
    told = story()
    with pytest.raises(Forbidden):
        told.act("market", "person.erase", {"basis": "request"}, person=person_of(told.ledger, BROKER))


# ---------------------------------------------------------------------------------------------------- holds

DISPUTE = name("dispute", "one")


def open_dispute(told: cast.Story, *matters: str, ground: str = "accident") -> None:
    """Open a dispute by a regulator."""
    said = {"id": DISPUTE, "ground": ground, "matters": list(matters), "parties": []}
    told.act("market", "dispute.open", said)


def test_a_hold_forbids_both_steps() -> None:
    """An accident's hold refuses the restriction, and keeps what was restricted before from being destroyed."""
    told, person, until = worked()
    ledger = told.ledger
    open_dispute(told, name("agent", "worker one"))
    told.act("market", "dispute.set_hold", {"reason": "accident"}, dispute=DISPUTE)
    assert ledger.state(Person, person).holds == {DISPUTE: True}
    assert refused(told, "operator", "person.erase", {"basis": "request"}, person=person) == "person_held"
    told.act("market", "dispute.lift_hold", {"reason": "closed"}, dispute=DISPUTE)
    erase(told, person)
    told.act("market", "dispute.set_hold", {"reason": "accident"}, dispute=DISPUTE)
    ledger.now = until
    assert not fire(ledger, person, until)
    told.act("market", "dispute.lift_hold", {"reason": "closed"}, dispute=DISPUTE)
    assert fire(ledger, person, until)


def test_an_open_dispute_forbids_both_steps() -> None:
    """Its evidence is kept without an order, until it is settled, or an authority decides by lifting a hold."""
    told, person, until = worked()
    ledger = told.ledger
    open_dispute(told, name("agent", "worker one"), ground="dispute")
    assert refused(told, "operator", "person.erase", {"basis": "request"}, person=person) == "person_held"
    told.act("market", "dispute.settle", {"outcome": "agreed"}, dispute=DISPUTE)
    erase(told, person)
    other = name("dispute", "two")
    said = {"id": other, "ground": "litigation", "matters": [name("agent", "worker one")], "parties": []}
    told.act("market", "dispute.open", said)
    ledger.now = until
    assert not fire(ledger, person, until)
    told.act("market", "dispute.set_hold", {"reason": "inquiry"}, dispute=other)
    assert not fire(ledger, person, until)
    told.act("market", "dispute.lift_hold", {"reason": "closed"}, dispute=other)
    assert fire(ledger, person, until)


def test_a_hold_covers_who_is_named_later() -> None:
    """The matter itself is held: a person named there after the hold was set cannot be erased either."""
    told = story()
    agent = name("agent", "late")
    open_dispute(told, agent)
    told.act("market", "dispute.set_hold", {"reason": "accident"}, dispute=DISPUTE)
    told.act(
        "maintainer", "agent.enrol", {"id": agent, "party": told.party("maintainer"), "role": "worker", "name": "孙"}
    )
    person = person_of(told.ledger, agent)
    assert refused(told, "operator", "person.erase", {"basis": "request"}, person=person) == "person_held"
    held = told.act("market", "dispute.set_hold", {"reason": "accident"}, dispute=DISPUTE)
    assert [event.originator_id for event in held] == [DISPUTE, person]
    assert refused(told, "market", "dispute.set_hold", {"reason": "accident"}, dispute=DISPUTE) == "held_already"


def test_a_person_can_be_held_by_name() -> None:
    """A matter may be the person himself; one who is erased already is passed over."""
    told = story()
    person = person_of(told.ledger, BROKER)
    open_dispute(told, person)
    told.act("market", "dispute.set_hold", {"reason": "inquiry"}, dispute=DISPUTE)
    assert refused(told, "operator", "person.erase", {"basis": "request"}, person=person) == "person_held"
    told.act("market", "dispute.lift_hold", {"reason": "closed"}, dispute=DISPUTE)
    fire(told.ledger, person, erase(told, person).found["until"])
    (event,) = told.act("market", "dispute.set_hold", {"reason": "inquiry"}, dispute=DISPUTE)
    assert event.found["persons"] == []


def test_a_dispute_ends_without_its_hold() -> None:
    """It is settled once the hold is lifted; a hold that is not on cannot be lifted, nothing follows a settlement."""
    told = story()
    open_dispute(told, BROKER)
    assert refused(told, "market", "dispute.lift_hold", {"reason": "closed"}, dispute=DISPUTE) == "hold_not_set"
    told.act("market", "dispute.set_hold", {"reason": "accident"}, dispute=DISPUTE)
    assert refused(told, "market", "dispute.settle", {"outcome": "closed"}, dispute=DISPUTE) == "hold_on"
    told.act("market", "dispute.lift_hold", {"reason": "closed"}, dispute=DISPUTE)
    told.act("market", "dispute.settle", {"outcome": "closed"}, dispute=DISPUTE)
    assert told.ledger.state(Dispute, DISPUTE).settled
    for action in ("dispute.settle", "dispute.set_hold"):
        said = {"outcome": "closed"} if action == "dispute.settle" else {"reason": "again"}
        assert refused(told, "market", action, said, dispute=DISPUTE) == "dispute_settled"


def test_who_opens_and_who_holds() -> None:
    """A party opens a dispute of its own and settles it; holding is for authorities; a matter is a subject's name."""
    told = story()
    said = {"id": DISPUTE, "ground": "dispute", "matters": [BROKER], "parties": [told.party("broker")]}
    assert refused(told, "insurer", "dispute.open", said) == "right_missing"
    wrong = {**said, "matters": [f"lift:{DISPUTE.partition(':')[2]}"]}
    with pytest.raises(Invalid) as refusal:
        told.act("broker", "dispute.open", wrong)
    assert refusal.value.code == "matter_unknown"
    told.act("broker", "dispute.open", said)
    assert refused(told, "broker", "dispute.set_hold", {"reason": "mine"}, dispute=DISPUTE) == "right_missing"
    assert refused(told, "insurer", "dispute.settle", {"outcome": "closed"}, dispute=DISPUTE) == "right_missing"
    told.act("broker", "dispute.settle", {"outcome": "agreed"}, dispute=DISPUTE)


def test_a_hold_that_is_too_wide_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """More persons than one save takes are held by several disputes."""
    told = story()
    open_dispute(told, BROKER, name("agent", "worker one"))
    monkeypatch.setattr("application.disputes.HOLD_PERSONS_MAX", 1)
    assert refused(told, "market", "dispute.set_hold", {"reason": "accident"}, dispute=DISPUTE) == "hold_too_wide"


def test_an_old_erasure_is_read_as_one() -> None:
    """Schema 1 was said by the operator: its basis is found where the newer one has it."""
    state: dict[str, Any] = {"said": {"basis": "request"}, "found": {"reads": {}}}
    Person.Erased.upcast_v1_v2(state)
    assert state == {"said": {"basis": "request"}, "found": {"reads": {}, "basis": "request"}}


def test_a_conflict_names_the_person_and_the_day() -> None:
    """Machines learn until when the data are kept."""
    person = Person("person:x")
    person.restricted_until = "2030-01-01T00:00:00.000000Z"
    with pytest.raises(Conflict) as refusal:
        person.require_usable()
    assert refusal.value.details == {"person": "person:x", "until": person.restricted_until}
