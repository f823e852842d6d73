"""Parties: suspended ones sign no longer, in person or by a key of their own; mandates let others act for them."""

from __future__ import annotations

from typing import Any

import pytest

from api import credentials
from application import ledgers, mandates, parties
from application.cached import CacheOnly
from application.errors import Unauthenticated
from application.identity import identify, renew
from application.ids import new_name
from application.reading import personal
from application.work import AggregateCache, Author, Miss
from audit import note, tokens
from domain.errors import DomainError, Invalid
from domain.mandates import Mandate
from domain.parties import Agent, Key, Party
from domain.policies import Policy
from domain.time import parse_instant
from tests.support.book import ORIGIN, Book
from tests.support.insuring import HOLDER, INSURER, OPERATOR, TODAY, drafted, line, office
from tests.support.seeding import seed

BROKER = Author(new_name("party"), "broker")
OTHER = Author(new_name("party"), "broker")


@pytest.fixture
def book() -> Book:
    """The office of `tests.support.insuring` with two brokers."""
    book = office()
    for author in (BROKER, OTHER):
        seed(book, Party, author.party, OPERATOR.party, Party.Registered, {"id": author.party, "kind": author.kind})
    book.actions = {**book.actions, **{action.id: action for action in (*mandates.ACTIONS, *parties.ACTIONS)}}
    return book


def giving(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a mandate of the policyholder to the broker."""
    return {
        "id": new_name("mandate"), "giver": HOLDER.party, "to": BROKER.party, "acts": ["policy.propose"],
        "from_date": "2026-03-01", "to_date": "2026-07-01",
    } | changes  # fmt: skip


def quoted(book: Book) -> str:
    """Bring a quotation to where the holder proposes it."""
    policy = drafted(book, line(""))
    book.act(INSURER, "policy.quote", {"count": 1, "premium_fen": 8_000}, policy=policy)
    return policy


def refusal(book: Book, author: Author, action: str, said: dict[str, Any], **path: str) -> str:
    """Give the code that a request is refused with."""
    with pytest.raises(DomainError) as refused:
        book.act(author, action, said, **path)
    return refused.value.code


def test_a_mandated_party_acts_for_its_giver(book: Book) -> None:
    """The broker proposes for the holder; the event's author is the broker, and it tells under which mandate."""
    policy, said = quoted(book), giving()
    given = book.act(HOLDER, "mandate.give", said)
    assert [event.TOPIC for event in given] == ["mandate.Given", "party.MandateReceived"]
    assert given[1].originator_id == BROKER.party
    (proposed,) = book.act(BROKER, "policy.propose", {}, policy=policy)
    assert proposed.author.party == BROKER.party
    assert proposed.found["reads"][f"{HOLDER.party}/{said['id']}"] == 1
    assert book.state(Policy, policy).state == "proposed"


@pytest.mark.parametrize(
    "author, changes",
    [
        (BROKER, {"acts": ["claim.file"]}),
        (BROKER, {"from_date": "2026-03-16"}),
        (OTHER, {}),
        (BROKER, {"to": OTHER.party}),
    ],
)
def test_a_mandate_is_for_its_holder_its_acts_and_its_days(book: Book, author: Author, changes: dict[str, Any]) -> None:
    """Nobody else, nothing else, and not on another day."""
    policy = quoted(book)
    book.act(HOLDER, "mandate.give", giving(**changes))
    assert refusal(book, author, "policy.propose", {}, policy=policy) == "right_missing"


def test_a_mandate_is_over_on_its_last_day(book: Book) -> None:
    """`to_date` is the first day on which it lets nothing be done."""
    policy = quoted(book)
    book.act(HOLDER, "mandate.give", giving(to_date="2026-03-16"))
    book.now = "2026-03-15T16:00:00.000000Z"
    assert refusal(book, BROKER, "policy.propose", {}, policy=policy) == "right_missing"


@pytest.mark.parametrize("author", [HOLDER, BROKER])
def test_either_side_ends_a_mandate(book: Book, author: Author) -> None:
    """From then on it lets nothing be done; it is ended once, and by nobody else."""
    policy, said = quoted(book), giving()
    book.act(HOLDER, "mandate.give", said)
    path = {"party": HOLDER.party, "mandate": said["id"]}
    assert refusal(book, OTHER, "mandate.end", {"reason": "withdrawn"}, **path) == "right_missing"
    book.act(author, "mandate.end", {"reason": "withdrawn"}, **path)
    assert book.state(Mandate, f"{HOLDER.party}/{said['id']}").ended
    assert book.state(Party, BROKER.party).mandates == {}
    assert refusal(book, BROKER, "policy.propose", {}, policy=policy) == "right_missing"
    assert refusal(book, author, "mandate.end", {"reason": "withdrawn"}, **path) == "mandate_ended"


def test_a_mandate_is_never_more_than_its_givers_right(book: Book) -> None:
    """A mandate of somebody who is not the holder lets nobody propose, and a suspended giver has no rights to lend."""
    policy = quoted(book)
    book.act(OTHER, "mandate.give", giving(giver=OTHER.party))
    assert refusal(book, BROKER, "policy.propose", {}, policy=policy) == "right_missing"
    book.act(HOLDER, "mandate.give", giving())
    book.act(OPERATOR, "party.suspend", {"reason": "closed"}, party=HOLDER.party)
    assert refusal(book, BROKER, "policy.propose", {}, policy=policy) == "right_missing"


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"giver": OTHER.party}, "right_missing"),
        ({"to": HOLDER.party}, "mandate_to_self"),
        ({"to": new_name("party")}, "party_unknown"),
        ({"acts": ["policy.propose", "policy.propose"]}, "act_twice"),
        ({"from_date": "2026-01-01", "to_date": "2026-03-15"}, "mandate_past"),
        ({"to_date": "2026-03-01"}, "period_empty"),
    ],
)
def test_mandates_that_cannot_be_are_refused(book: Book, changes: dict[str, Any], code: str) -> None:
    """For oneself, of another, to nobody, over already."""
    assert refusal(book, HOLDER, "mandate.give", giving(**changes)) == code


def test_nobody_gives_a_right_he_has_not(book: Book) -> None:
    """An owners' bank that gives no notice of claims cannot let a broker file their papers."""
    bank = Author(new_name("party"), "bank")
    seed(book, Party, bank.party, OPERATOR.party, Party.Registered, {"id": bank.party, "kind": bank.kind})
    said = giving(giver=bank.party, acts=["claim.file"])
    assert refusal(book, bank, "mandate.give", said) == "act_not_givers"


def test_only_mandates_that_are_not_over_fill_their_holders_hands(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ran out counts no more, and no giver alone can leave no room for others."""
    monkeypatch.setattr("domain.parties.MANDATES_HELD_MAX", 2)
    monkeypatch.setattr("domain.parties.MANDATES_OF_ONE_MAX", 1)
    book.act(HOLDER, "mandate.give", giving(to_date="2026-04-01"))
    assert refusal(book, HOLDER, "mandate.give", giving()) == "too_many"
    book.act(OTHER, "mandate.give", giving(giver=OTHER.party))
    assert refusal(book, INSURER, "mandate.give", giving(giver=INSURER.party)) == "too_many"
    book.now = "2026-04-02T00:00:00.000000Z"
    book.act(INSURER, "mandate.give", giving(giver=INSURER.party))


def test_suspended_parties_hold_nothing_new(book: Book) -> None:
    """A suspended party receives no mandate and is suspended once."""
    book.act(OPERATOR, "party.suspend", {"reason": "closed"}, party=BROKER.party)
    assert refusal(book, HOLDER, "mandate.give", giving()) == "party_suspended"
    assert refusal(book, OPERATOR, "party.suspend", {"reason": "closed"}, party=BROKER.party) == "suspended_already"


def signed(book: Book, agent: str, holder: str, *, named: bool) -> bytes:
    """Enrol an agent of the policyholder, register a key of the holder's, and give a token that it signed."""
    seed(book, Agent, agent, HOLDER.party, Agent.Enrolled, {"id": agent, "party": HOLDER.party, "role": "member"})
    key, private = credentials.new_key()
    seconds = int(parse_instant(TODAY).timestamp())
    registered = credentials.registration(ORIGIN, holder, key, private, seconds)
    seed(book, Key, key, HOLDER.party, Key.Registered, registered, {"holder": holder})
    claims = tokens.Claims(
        iss=HOLDER.party, sub=agent if named else None, aud=ORIGIN, iat=seconds, exp=seconds + 30,
        jti="00000000-0000-4000-8000-000000000000", htm="POST", uri="/parties", bh="0" * 64,
    )  # fmt: skip
    return tokens.make_token(private, key, claims)


def test_a_suspended_party_is_reinstated_with_what_it_was(book: Book) -> None:
    """Its mandates let it act again; a party that is not suspended is not reinstated."""
    book.act(HOLDER, "mandate.give", giving())
    assert refusal(book, OPERATOR, "party.reinstate", {"reason": "mistaken"}, party=BROKER.party) == "not_suspended"
    for _ in range(2):
        book.act(OPERATOR, "party.suspend", {"reason": "mistaken"}, party=BROKER.party)
        assert book.state(Party, BROKER.party).suspended
        book.act(OPERATOR, "party.reinstate", {"reason": "mistaken"}, party=BROKER.party)
        assert not book.state(Party, BROKER.party).suspended
    book.act(BROKER, "policy.propose", {}, policy=quoted(book))


@pytest.mark.parametrize("whose", ["party", "agent"])
def test_keys_of_a_suspended_party_authenticate_nobody(book: Book, whose: str) -> None:
    """Neither its own key nor that of its agent signs while it is suspended; before and afterwards both do."""
    agent = new_name("agent")
    token = signed(book, agent, HOLDER.party if whose == "party" else agent, named=whose == "agent")
    assert identify(token, TODAY, AggregateCache(), book).author.party == HOLDER.party
    book.act(OPERATOR, "party.suspend", {"reason": "closed"}, party=HOLDER.party)
    cache = AggregateCache()
    for _ in range(2):
        with pytest.raises(Unauthenticated) as refused:
            identify(token, TODAY, cache, book)
        assert refused.value.code == "party_suspended"
    book.act(OPERATOR, "party.reinstate", {"reason": "mistaken"}, party=HOLDER.party)
    with pytest.raises(Miss):
        identify(token, TODAY, cache, CacheOnly())
    assert identify(token, TODAY, cache, book).author.party == HOLDER.party, "also where another worker did that"


@pytest.mark.parametrize("whose, named", [("agent", True), ("agent", False), ("party", True)])
def test_an_agent_who_left_authenticates_no_longer(book: Book, whose: str, *, named: bool) -> None:
    """By his own key, whether the token names him or not, and by the party's key on his behalf."""
    agent = new_name("agent")
    token = signed(book, agent, HOLDER.party if whose == "party" else agent, named=named)
    identity = identify(token, TODAY, AggregateCache(), book)
    assert identity.author.agent == agent
    book.act(HOLDER, "agent.leave", {}, agent=agent)
    with pytest.raises(Unauthenticated) as refused:
        identify(token, TODAY, AggregateCache(), book)
    with pytest.raises(Unauthenticated) as renewed:
        renew(identity, AggregateCache(), book)
    assert refused.value.code == renewed.value.code == "agent_left"
    assert refusal(book, HOLDER, "agent.leave", {}, agent=agent) == "left_already"


def test_the_ledger_keeps_its_operator_and_his_administrator(book: Book) -> None:
    """Nobody makes a second operator, suspends him, lets his administrator leave, or revokes the key that does it."""
    party, name = OPERATOR.party, new_name("agent")
    seed(book, Agent, name, party, Agent.Enrolled, {"id": name, "party": party, "role": "administrator"})
    key, private = credentials.new_key()
    registered = credentials.registration(ORIGIN, name, key, private, int(parse_instant(TODAY).timestamp()))
    seed(book, Key, key, party, Key.Registered, registered, {"holder": name})
    administrator = Author(party, "operator", name, frozenset({"administrator"}), key, personal=True)
    second = {"parties": [{"id": new_name("party"), "kind": "operator"}]}
    assert refusal(book, administrator, "party.register", second) == "kind_reserved"
    assert refusal(book, administrator, "party.suspend", {"reason": "closed"}, party=party) == "operator_needed"
    assert refusal(book, administrator, "agent.leave", {}, agent=name) == "administrator_needed"
    assert refusal(book, administrator, "key.revoke", {"reason": "lost"}, key=key) == "administrator_needed"
    assert book.act(OPERATOR, "key.revoke", {"reason": "lost"}, key=key), "another key of the operator's may"


def test_an_owners_name_is_sealed_unless_a_credit_code_says_that_it_is_an_organisations(book: Book) -> None:
    """The directory repeats clear names to everybody, and nothing erases them."""
    owner = {"id": new_name("party"), "kind": "owner", "name": "王某"}
    with pytest.raises(Invalid) as refused:
        book.act(OPERATOR, "party.register", {"parties": [{"id": new_name("party"), "kind": "owner"}, owner]})
    assert (refused.value.code, refused.value.details) == ("owner_name_in_clear", {"at": "/parties/1/name"})
    assert book.act(OPERATOR, "party.register", {"parties": [{**owner, "uscc": "91350100M000100Y43"}]})
    unit = {**owner, "id": new_name("party"), "kind": "use_unit"}
    assert book.act(OPERATOR, "party.register", {"parties": [unit]}), "of other kinds a name is an organisation's"


@pytest.mark.parametrize("kind", ["operator", "market_regulator"])
def test_what_is_sealed_and_the_ledgers_own_keys_are_the_operators_administrators(kind: str) -> None:
    """A worker of the operator finds and opens nobody, and hands no ledger key on; a regulator's officer searches."""
    worker = Author(OPERATOR.party, kind, new_name("agent"), frozenset({"worker"}), new_name("key"), personal=True)
    disclosing: Any = None  # who is refused is so before anything is looked at
    phone = {"kind": "phone", "value": "1", "purpose": "x"}
    for answer, said in ((personal.search, phone), (personal.opening, {"purpose": "x"})):
        with pytest.raises(DomainError) as refused:
            answer(disclosing, personal.Request(worker, b"", {"person": new_name("person")}, said))
        assert refused.value.code == ("role_missing" if kind == "operator" else "right_missing")
    vkey = note.vkey("x", bytes(range(32)))
    rotation = {"use": "receipt", "keys": [vkey], "signed": "\u2014 x AAAA"}
    book = Book({action.id: action for action in (ledgers.ROTATE, ledgers.actions_action(lambda: ("", {})))})
    for action in ("ledger.rotate_key", "ledger.publish_actions"):
        words: dict[str, Any] = rotation if "rotate" in action else {"digest": "0" * 64}
        assert refusal(book, worker, action, words) == ("role_missing" if kind == "operator" else "right_missing")


def test_a_worker_is_enrolled_with_the_number_of_his_certificate(book: Book) -> None:
    """Without it he is enrolled all the same, with the finding that it is to be supplied; others need none."""
    findings: dict[str, list[str]] = {}
    for label, more in (
        ("worker", {"role": "worker"}), ("adjuster", {"role": "adjuster"}),
        ("certified", {"role": "worker", "person": new_name("person"), "certificate": "T370100000000000000"}),
    ):  # fmt: skip
        said = {"id": new_name("agent"), "party": BROKER.party, **more}
        (enrolled,) = book.act(BROKER, "agent.enrol", said)
        findings[label] = [found["code"] for found in enrolled.found.get("findings", ())]
        assert book.state(Agent, said["id"]).certified is (label == "certified")
    assert findings == {"worker": ["certificate_missing"], "adjuster": [], "certified": []}


def test_a_worker_signs_for_his_work_and_not_for_the_company(book: Book) -> None:
    """A person's own key changes no keys, agents, mandates but its own keys; the administrator's and party's may."""
    party, at = BROKER.party, int(parse_instant(TODAY).timestamp())

    def person(role: str) -> Author:
        name, key = new_name("agent"), new_name("key")
        _, private = credentials.new_key()
        registered = credentials.registration(ORIGIN, name, key, private, at)
        book.act(BROKER, "agent.enrol", {"id": name, "party": party, "role": role, "key": registered})
        return Author(party, "broker", name, frozenset({role}), key, personal=True)

    def new_key(holder: str) -> dict[str, Any]:
        key, private = credentials.new_key()
        return credentials.registration(ORIGIN, holder, key, private, at)

    worker, colleague, administrator = person("worker"), person("worker"), person("administrator")
    assert worker.agent is not None
    colleagues = str(colleague.key)
    tried: tuple[tuple[str, dict[str, Any], dict[str, str]], ...] = (
        ("key.register", {**new_key(party), "holder": party}, {}),
        ("key.revoke", {"reason": "lost"}, {"key": colleagues}),
        ("key.rotate", {"key": new_key(str(colleague.agent))}, {"key": colleagues}),
        ("agent.enrol", {"id": new_name("agent"), "party": party, "role": "administrator"}, {}),
        ("agent.leave", {}, {"agent": str(colleague.agent)}),
    )
    for action, said, path in tried:
        assert refusal(book, worker, action, said, **path) == "role_missing", action
    mandate = {"id": new_name("mandate"), "giver": party, "to": new_name("party"), "acts": ["policy.read"]}
    said = {**mandate, "from_date": "2026-03-01", "to_date": "2026-04-01"}
    assert refusal(book, worker, "mandate.give", said) == "role_missing"

    assert book.act(worker, "key.rotate", {"key": new_key(worker.agent)}, key=str(worker.key))
    assert book.act(worker, "agent.leave", {}, agent=worker.agent)
    for action, said, path in tried:
        if action != "key.rotate":  # revoked by now
            assert book.act(administrator, action, said, **path), action


@pytest.mark.parametrize("member,values", [("areas", ["370102"]), ("sectors", ["school"])])
def test_a_party_has_at_most_fifty_areas_and_sectors(book: Book, member: str, values: list[str]) -> None:
    """Fifty of each: every question of what a bureau supervises goes through them."""
    for count, fits in ((50, True), (51, False)):
        said = {"parties": [{"id": new_name("party"), "kind": "transport_bureau", "name": "x", member: values * count}]}
        if fits:
            assert book.act(OPERATOR, "party.register", said)
        else:
            with pytest.raises(ValueError, match="too_long"):
                book.act(OPERATOR, "party.register", said)
