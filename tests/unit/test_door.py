"""The door, with two workers' caches on one ledger: what one of them has not heard of must not decide for good."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from api.client import Credentials, salted
from application.actions import Actions
from application.catalogue import ACTIONS
from application.door import Door, Request
from application.errors import DatabaseAway, TableBroken, Unauthenticated
from application.genesis import actions_digest
from application.holding import Held
from application.ports import Streams
from application.saves import Save, Saved
from application.sealing import Sealer
from application.work import AggregateCache, Work
from audit import canonical, tokens
from domain.aggregate import Because, Event, Statement
from domain.errors import Conflict, NotFound
from domain.ledgers import STREAM
from domain.policies import Policy
from domain.schemes import Scheme, scheme_stream
from infrastructure import vault
from tests.support.rehearsal import ORIGIN, Rehearsal, name, private_key

AREA = "370102"
ESTATE = name("estate", "one")


@dataclass
class Town:
    """A ledger, its administrator, and two doors on it with a cache each."""

    ledger: Rehearsal
    administrator: Credentials
    doors: tuple[Door, Door]

    def through(self, number: int) -> Rehearsal:
        """Give the ledger as one of the workers serves it."""
        self.ledger.door = self.doors[number]
        return self.ledger

    def party(self, kind: str, label: str, area: str = AREA) -> Credentials:
        """Register a party with a key."""
        who = Credentials(name("party", label), name("key", label), private_key(label))
        said = {"id": who.party, "kind": kind, "name": label, "key": self.ledger.registration(who.party, label)}
        more = {} if kind == "insurer" else {"areas": [area]}
        self.through(0).act(self.administrator, "party.register", {"parties": [{**said, **more}]})
        return who


def town(actions: Actions = ACTIONS) -> Town:
    """Make a ledger that two workers serve."""
    ledger = Rehearsal()
    administrator = ledger.begin(actions)
    return Town(ledger, administrator, (ledger.door, replace(ledger.door, cache=AggregateCache())))


def _enrolment(who: Credentials, **more: str) -> dict[str, Any]:
    return {"id": f"agent:{uuid.uuid4()}", "party": who.party, "role": "worker", **more}


def _last(ledger: Rehearsal) -> tuple[Save, Saved]:
    return ledger.performed[-1].save, ledger.performed[-1].saved


def test_a_line_is_not_refused_on_what_another_worker_has_changed() -> None:
    """A refusal that rests on a stale cache is decided again on what is stored, for lines as for single requests."""
    place = town()
    market = place.party("market_regulator", "market")
    first, second = (place.party("housing_bureau", label, "370103") for label in ("first", "second"))
    estate = {"id": ESTATE, "area": AREA, "name": "Spring Garden", "type": "commodity"}
    place.through(0).act(market, "estate.describe", {**estate, "housing_bureau": first.party})
    place.through(1).act(first, "estate.describe", estate)
    place.through(0).act(market, "estate.describe", {**estate, "housing_bureau": second.party})

    events = place.through(1).lines(second, "estate.describe", [{**estate, "name": "Summer Garden"}])

    assert [event.TOPIC for event in events] == ["estate.Described"]


def test_lines_are_taken_once_another_worker_has_published_the_table() -> None:
    """A worker that refused writes under an old table takes them as soon as the new one is in force, also lines."""
    place = town(Actions())
    line = _enrolment(place.administrator)
    with pytest.raises(Conflict, match="table of actions"):
        place.through(1).lines(place.administrator, "agent.enrol", [line])
    place.through(0).act(place.administrator, "ledger.publish_actions", {"digest": actions_digest(ACTIONS)})

    assert place.through(1).lines(place.administrator, "agent.enrol", [line])


def test_the_operator_publishes_the_table_of_the_software_that_runs_and_once() -> None:
    """No other digest is put in force, and the same one not again."""
    place = town(Actions())
    ledger, who, running = place.through(0), place.administrator, actions_digest(ACTIONS)
    with pytest.raises(Conflict) as other:
        ledger.act(who, "ledger.publish_actions", {"digest": actions_digest(Actions())})
    assert other.value.code == "actions_differ"
    (published,) = ledger.act(who, "ledger.publish_actions", {"digest": running})
    assert published.TOPIC == "ledger.ActionsPublished"
    with pytest.raises(Conflict) as again:
        ledger.act(who, "ledger.publish_actions", {"digest": running})
    assert again.value.code == "actions_same"


@dataclass(frozen=True, slots=True)
class Away:
    """Streams of a database that goes away when one of them is asked for."""

    held: Streams
    without: str

    def events(self, stream: str) -> Sequence[Event]:
        """Give a stream's events, or fail."""
        if stream == self.without:
            raise DatabaseAway("the database is away", retry_after_s=5)
        return self.held.events(stream)

    def many(self, _streams: Sequence[str]) -> dict[str, Sequence[Event]]:
        """Give none."""
        return {}

    sources = None


TARGET = {"area": "370102001", "group": "all", "kind": "liability", "by": "2026-12-31", "document": "D"}


def _elsewhere(work: Work, statement: Statement, _path: Mapping[str, str]) -> None:
    """Book a target on the district's scheme, whatever longer area was said."""
    work.open(Scheme, scheme_stream(statement.said["area"])).record(Scheme.TargetSet, statement)


def _tomorrow(work: Work, statement: Statement, _path: Mapping[str, str]) -> None:
    """Date a target otherwise than its row does."""
    later = replace(statement, effective_at="2027-01-01T00:00:00.000000Z")
    work.open(Scheme, f"scheme:{statement.said['area']}").record(Scheme.TargetSet, later)


def _uncaused(work: Work, statement: Statement, _path: Mapping[str, str]) -> None:
    """Derive an event from one that is not of the save."""
    work.open(Scheme, f"scheme:{statement.said['area']}").record(Scheme.TargetSet, statement)
    work.open(Policy, name("policy", "x")).record(Policy.Lapsed, Because(STREAM, 1), {"on": "2026-01-01"})


def _underived(work: Work, statement: Statement, _path: Mapping[str, str]) -> None:
    """Derive an event that the row does not know."""
    cause = work.open(Scheme, f"scheme:{statement.said['area']}").record(Scheme.TargetSet, statement)
    work.open(Policy, name("policy", "x")).record(Policy.Lapsed, cause, {"on": "2026-01-01"})


def _reworded(work: Work, statement: Statement, _path: Mapping[str, str]) -> None:
    """Say more than the author did."""
    more = replace(statement, said={**statement.said, "share_bp": 1})
    work.open(Scheme, f"scheme:{statement.said['area']}").record(Scheme.TargetSet, more)


@pytest.mark.parametrize(
    "handle, member",
    [
        (_reworded, "said"), (_elsewhere, "stream"), (_tomorrow, "effective_at"), (_uncaused, "because"),
        (_underived, "type"),
    ],
)  # fmt: skip
def test_nothing_is_stored_that_its_row_does_not_let_it_write(
    monkeypatch: pytest.MonkeyPatch, handle: Callable[[Work, Statement, Mapping[str, str]], None], member: str
) -> None:
    """A defect of a use case costs its request an error, never the ledger its verdict."""
    place = town()
    market = place.party("market_regulator", "market")
    broken = replace(ACTIONS.by_id["scheme.set_target"], handle=handle)
    before = len(place.ledger.performed)

    monkeypatch.setitem(ACTIONS.by_id, broken.id, broken)
    with pytest.raises(TableBroken) as refusal:
        place.through(0).act(market, broken.id, TARGET)

    assert (refusal.value.code, refusal.value.details) == ("action_mismatch", {"action": broken.id, "member": member})
    assert len(place.ledger.performed) == before


def test_a_line_that_its_row_does_not_let_it_write_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines beside it are stored, and what was summed up at the end of the save is held against the row as well."""
    place = town()
    insurer = place.party("insurer", "insurer")
    enrol = ACTIONS.by_id["agent.enrol"]
    bad = _enrolment(insurer)

    def handle(work: Work, statement: Statement, path: Mapping[str, str]) -> None:
        moved = {**statement.said, "id": f"agent:{uuid.uuid4()}"} if statement.said["id"] == bad["id"] else None
        enrol.handle(work, statement if moved is None else replace(statement, said=moved, at="/elsewhere"), path)

    def finish(work: Work) -> None:
        work.open(Policy, name("policy", "x")).record(Policy.Lapsed, Because(STREAM, 1), {"on": "2026-01-01"})

    monkeypatch.setitem(ACTIONS.by_id, enrol.id, replace(enrol, handle=handle))
    with pytest.raises(AssertionError, match="action_mismatch"):
        place.through(0).lines(insurer, enrol.id, [bad, _enrolment(insurer)])
    save, saved = _last(place.ledger)
    assert len(save.events) == 1
    assert cast("dict[str, Any]", canonical.decode(saved.outcome))["refused"][0]["line"] == 1

    before = len(place.ledger.performed)
    monkeypatch.setitem(ACTIONS.by_id, enrol.id, replace(enrol, finish=finish))
    with pytest.raises(TableBroken):
        place.through(0).lines(insurer, enrol.id, [_enrolment(insurer)])
    assert len(place.ledger.performed) == before


def test_a_request_is_held_against_the_row_of_what_was_signed() -> None:
    """A request that came by another route than its signed address names writes nothing."""
    place = town()
    action = ACTIONS.by_id["agent.leave"]
    for uri, path in ((f"/agents/{ESTATE}/leave", {"agent": "agent:x"}), ("/agents", {}), ("/nowhere", {})):
        with pytest.raises(NotFound) as refusal:
            Held.of(place.doors[0].table, action.id, "POST", uri, path)
        assert refusal.value.code == "action_unknown"


def test_a_database_that_is_away_refuses_no_line() -> None:
    """Trouble that passes is the answer to the request; it is not remembered as the refusal of a line."""
    place = town()
    market = place.party("market_regulator", "market")
    estate = {"id": ESTATE, "area": AREA, "name": "Spring Garden", "type": "commodity"}
    place.doors = (replace(place.doors[0], streams=cast("Streams", Away(place.ledger, ESTATE))), place.doors[1])
    before = len(place.ledger.performed)

    with pytest.raises(DatabaseAway):
        place.through(0).lines(market, "estate.describe", [estate])
    assert len(place.ledger.performed) == before


@dataclass
class Forgetting:
    """A vault that gives each person's key once: the person is erased right after."""

    given: bool = False

    def new_key(self) -> tuple[bytes, bytes]:
        """Make a key."""
        return bytes(32), bytes(32)

    def key(self, _person: str) -> bytes | None:
        """Give the key, the first time."""
        given, self.given = self.given, True
        return None if given else bytes(32)


def test_a_line_whose_person_is_erased_meanwhile_leaves_no_event() -> None:
    """A line that cannot be sealed is refused whole: no event stands on bytes that were not kept."""
    place = town()
    insurer = place.party("insurer", "insurer")
    place.doors = (replace(place.doors[0], sealer=Sealer(Forgetting(), vault.encrypt)), place.doors[1])
    erased = _enrolment(insurer, person=name("person", "erased"), name="Somebody")

    with pytest.raises(AssertionError, match="person_erased"):
        place.through(0).lines(insurer, "agent.enrol", [erased, _enrolment(insurer)])

    save, saved = _last(place.ledger)
    assert [event.originator_version for event in save.events] == [1]
    assert erased["id"] not in {str(event.originator_id) for event in save.events}
    assert erased["id"] not in save.reads
    assert cast("dict[str, Any]", canonical.decode(saved.outcome))["refused"][0]["line"] == 1
    assert not save.sealed


def test_an_algorithm_that_does_not_fit_the_key_is_named() -> None:
    """A P-256 client that signs with the name of an Ed25519 key learns that, and not that its key is unknown."""
    place = town()
    ledger, who = place.through(0), place.party("insurer", "one")
    body = salted(_enrolment(who))
    claims = tokens.Claims(
        iss=who.party, aud=ORIGIN, iat=ledger.seconds, exp=ledger.seconds + 60, jti=str(uuid.uuid4()), htm="POST",
        uri="/agents", bh=hashlib.sha256(body).hexdigest(),
    )  # fmt: skip
    token = tokens.make_token(generate_private_key(SECP256R1()), who.key, claims)
    action = ACTIONS.by_id["agent.enrol"]
    with pytest.raises(Unauthenticated) as refused:
        asyncio.run(ledger.door.write(Request(action, action.path, {}, token, body)))
    assert (refused.value.code, refused.value.message) == ("token_algorithm", "The algorithm does not fit the key.")


def test_an_unknown_key_costs_one_look() -> None:
    """Who is nobody is refused by the first look at the log: a stranger cannot make the door read it again."""
    place = town()
    asked: list[str] = []

    class Counting(Away):
        def events(self, stream: str) -> Sequence[Event]:
            asked.append(stream)
            return self.held.events(stream)

    place.doors = (replace(place.doors[0], streams=cast("Streams", Counting(place.ledger, ""))), place.doors[1])
    stranger = Credentials(name("party", "x"), name("key", "x"), private_key("x"))

    with pytest.raises(Unauthenticated):
        place.through(0).act(stranger, "agent.enrol", _enrolment(stranger))
    assert asked == [stranger.key]


def test_what_a_refused_line_leaves_is_short_and_names_members_only() -> None:
    """A refusal is kept for ever: it repeats neither a member's name that may be anything, nor names without end."""
    place = town()
    insurer = place.party("insurer", "insurer")
    lines = [
        salted(_enrolment(insurer, **{"Zhang San 13800001111": "x", "A" * 50_000: "x"})),
        b'{"%s":"\\u0000"}' % (b"B" * 50_000),
        salted(_enrolment(insurer)),
    ]
    with pytest.raises(AssertionError, match="shape_invalid"):
        place.through(0).raw(insurer, "agent.enrol", b"\n".join(lines))

    outcome = _last(place.ledger)[1].outcome
    refused = cast("dict[str, Any]", canonical.decode(outcome))["refused"]
    assert [entry["line"] for entry in refused] == [1, 2]
    assert b"Zhang" not in outcome
    assert len(outcome) < 1_000
