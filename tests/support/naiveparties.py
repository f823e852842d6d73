"""Who may do what, told again in the plainest way: sets, lists and days, straight from the design and the law.

Written from the design's pages (architecture §4, domain-model §1 and P7, event-format §3) and adr/0011 and 0023, not
from the product: what it says is held against what the door decides and what verifiers find. It gives all reasons why
an act is refused; whoever refuses it may name any one of them, and an act without a reason must be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

UNKNOWN: Final = "unauthenticated"
NOTIFYING: Final = {"insurer", "broker", "use_unit", "owner", "maintainer"}
OF_EVERYBODY: Final = {"policy.propose", "policy.read", "subsidy.claim"}
"""Acts in which any kind of party may stand, so that it may let another do them."""
ASSESSING: Final = "claim.assess"


def day(instant: str) -> str:
    """Give the civil date in Asia/Shanghai, eight hours ahead of Greenwich, no summer time."""
    return (datetime.fromisoformat(instant) + timedelta(hours=8)).date().isoformat()


@dataclass(frozen=True, slots=True)
class Signer:
    """Who a request says it is from: party, the agent it speaks for, the key it names; `true` if that key signed it."""

    party: str
    key: str
    agent: str | None = None
    true: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: who signs, what it asks for, when; `proofs` say for whom each new key is truly proven ("" nobody)."""

    signer: Signer
    action: str
    said: Mapping[str, Any]
    path: Mapping[str, str]
    now: str
    proofs: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Firm:
    """A party."""

    kind: str
    areas: tuple[str, ...] = ()
    suspended: bool = False


@dataclass(slots=True)
class Person:
    """An agent of a party."""

    party: str
    role: str
    left: bool = False


@dataclass(slots=True)
class Hand:
    """A key: whose, by whose word, whether it ended, the earliest time since which others are said to have had it."""

    holder: str
    registrar: str
    ended: bool = False
    stolen_since: str | None = None


@dataclass(slots=True)
class Power:
    """A mandate."""

    giver: str
    to: str
    acts: tuple[str, ...]
    from_date: str
    to_date: str
    ended: bool = False


@dataclass(slots=True)
class Register:
    """The parties, people, keys and mandates that were accepted so far."""

    operator: str
    firms: dict[str, Firm] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    hands: dict[str, Hand] = field(default_factory=dict)
    powers: dict[str, Power] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------ who signs

    def speaks_for(self, signer: Signer) -> str | None:
        """Give the agent that an event of this signer names: the one he says, else the key's own."""
        hand = self.hands.get(signer.key)
        own = hand.holder if hand is not None and hand.holder.startswith("agent:") else None
        return signer.agent or own

    def personal(self, signer: Signer) -> bool:
        """Say whether the key is a natural person's own."""
        hand = self.hands.get(signer.key)
        return hand is not None and hand.holder.startswith("agent:")

    def nobody(self, signer: Signer) -> set[str]:
        """Give why somebody is not let in at all; of who is unknown, or did not sign, nothing is told."""
        hand, firm, agent = self.hands.get(signer.key), self.firms.get(signer.party), self.speaks_for(signer)
        if hand is None or not signer.true:
            return {UNKNOWN}
        why = {"key_ended"} if hand.ended else set()
        if firm is None:
            return why | {"token_issuer"}
        if firm.suspended:
            why.add("party_suspended")
        if agent is not None:
            person = self.people.get(agent)
            if person is None or person.party != signer.party:
                why.add("token_subject")
            elif person.left:
                why.add("agent_left")
        if hand.holder not in {signer.party, agent}:
            why.add("token_issuer")
        return why

    def found_of(self, signer: Signer) -> set[str]:
        """Give what a verifier of the whole log finds in a save that this signer writes now, if it is written.

        Whether it is contested is told by what is known of the key in the end (`stolen`).
        """
        hand, agent = self.hands.get(signer.key), self.speaks_for(signer)
        found = self.found_by_headers(signer)
        if hand is None:
            return found | {"key_unknown"}
        if hand.ended:
            found.add("key_ended")
        if hand.holder not in {signer.party, agent} or hand.registrar not in {signer.party, self.operator}:
            found.add("author")
        if agent is not None and hand.holder != agent and not self.personal(signer):
            found.add("on_behalf")
        return found

    def stolen(self, key: str, at: str) -> bool:
        """Say whether somebody else is said to have had a key at an instant."""
        hand = self.hands.get(key)
        return hand is not None and hand.stolen_since is not None and hand.stolen_since <= at

    def found_by_headers(self, signer: Signer) -> set[str]:
        """Give what of it the headers alone tell."""
        agent, firm = self.speaks_for(signer), self.firms.get(signer.party)
        person = None if agent is None else self.people.get(agent)
        found = {"author_ended"} if firm is not None and firm.suspended else set()
        if agent is not None and (person is None or person.party != signer.party):
            found.add("author")
        if person is not None and person.left:
            found.add("author_ended")
        return found

    # ------------------------------------------------------------------------------------------------ what he may

    def refusals(self, ask: Ask) -> set[str]:
        """Give all reasons against an act on parties, people, keys or mandates by somebody who was let in."""
        return set(_JUDGES[ask.action](self, ask))

    def kind(self, ask: Ask) -> str:
        """Give what kind of party asks."""
        return self.firms[ask.signer.party].kind

    def unmanaged(self, ask: Ask, holder: str | None = None) -> Iterator[str]:
        """A natural person changes his party's keys and people only as its administrator; his own key is his."""
        agent = self.speaks_for(ask.signer)
        if self.personal(ask.signer) and agent != holder and self.people[agent or ""].role != "administrator":
            yield "role_missing"

    def new_key(self, ask: Ask, said: Mapping[str, Any], holder: str) -> Iterator[str]:
        """A key's name is its own for ever, and whoever brings it shows that its holder has it."""
        if said["id"] in self.hands:
            yield "exists"
        if ask.proofs[said["id"]] != holder:
            yield "possession_invalid"

    def party_of(self, holder: str) -> str | None:
        """Give the party that a key's holder is or acts for."""
        if holder.startswith("party:"):
            return holder
        person = self.people.get(holder)
        return None if person is None else person.party

    def lets(self, party: str, giver: str, act: str, now: str) -> bool:
        """Say whether a giver who is not suspended lets a party do an act today."""
        return not self.firms[giver].suspended and any(
            (power.giver, power.to) == (giver, party) and act in power.acts and not power.ended
            and power.from_date <= day(now) < power.to_date
            for power in self.powers.values()
        )  # fmt: skip

    def take(self, ask: Ask) -> None:
        """Take over what was accepted."""
        said, path = ask.said, ask.path
        match ask.action:
            case "party.register":
                for member in said["parties"]:
                    self.firms[member["id"]] = Firm(member["kind"], tuple(member.get("areas", ())))
                    self.hands[member["key"]["id"]] = Hand(member["id"], ask.signer.party)
            case "party.suspend" | "party.reinstate":
                self.firms[path["party"]].suspended = ask.action == "party.suspend"
            case "agent.enrol":
                self.people[said["id"]] = Person(said["party"], said["role"])
                if "key" in said:
                    self.hands[said["key"]["id"]] = Hand(said["id"], ask.signer.party)
            case "agent.leave":
                self.people[path["agent"]].left = True
            case "key.register":
                self.hands[said["id"]] = Hand(said["holder"], ask.signer.party)
            case "key.rotate":
                old = self.hands[path["key"]]
                old.ended = True
                self.hands[said["key"]["id"]] = Hand(old.holder, ask.signer.party)
            case "key.revoke":
                hand, since = self.hands[path["key"]], said.get("compromised_since")
                hand.ended = True
                hand.stolen_since = min((each for each in (hand.stolen_since, since) if each), default=None)
            case "mandate.give":
                power = Power(said["giver"], said["to"], tuple(said["acts"]), said["from_date"], said["to_date"])
                self.powers[f"{said['giver']}/{said['id']}"] = power
            case "mandate.end":
                self.powers[f"{path['party']}/{path['mandate']}"].ended = True


# --------------------------------------------------------------------------------------------------------- parties


def _register_party(known: Register, ask: Ask) -> Iterator[str]:
    if known.kind(ask) != "operator":
        yield "right_missing"
    yield from known.unmanaged(ask)
    for member in ask.said["parties"]:
        if member["kind"] == "operator":
            yield "kind_reserved"
        if member["id"] in known.firms:
            yield "exists"
        yield from known.new_key(ask, member["key"], member["id"])


def _suspend(known: Register, ask: Ask) -> Iterator[str]:
    firm = known.firms.get(ask.path["party"])
    if known.kind(ask) != "operator":
        yield "right_missing"
    yield from known.unmanaged(ask)
    if firm is None:
        yield "party_unknown"
    elif firm.suspended:
        yield "suspended_already"
    elif firm.kind == "operator":
        yield "operator_needed"


def _reinstate(known: Register, ask: Ask) -> Iterator[str]:
    firm = known.firms.get(ask.path["party"])
    if known.kind(ask) != "operator":
        yield "right_missing"
    yield from known.unmanaged(ask)
    if firm is None:
        yield "party_unknown"
    elif not firm.suspended:
        yield "not_suspended"


def _enrol(known: Register, ask: Ask) -> Iterator[str]:
    said = ask.said
    if said["party"] != ask.signer.party:
        yield "right_missing"
    yield from known.unmanaged(ask)
    if said["party"] not in known.firms:
        yield "party_unknown"
    if said["id"] in known.people:
        yield "exists"
    if "key" in said:
        yield from known.new_key(ask, said["key"], said["id"])


def _leave(known: Register, ask: Ask) -> Iterator[str]:
    person = known.people.get(ask.path["agent"])
    if person is None:
        yield "agent_unknown"
        return
    if person.party != ask.signer.party:
        yield "right_missing"
    yield from known.unmanaged(ask, ask.path["agent"])
    if person.left:
        yield "left_already"
    if person.role == "administrator" and known.firms[person.party].kind == "operator":
        yield "administrator_needed"


# ------------------------------------------------------------------------------------------------------------ keys


def _add_key(known: Register, ask: Ask) -> Iterator[str]:
    holder = ask.said["holder"]
    if known.party_of(holder) not in known.firms:
        yield holder.partition(":")[0] + "_unknown"
        return
    if known.kind(ask) != "operator" and known.party_of(holder) != ask.signer.party:
        yield "right_missing"
    yield from known.unmanaged(ask, holder)
    yield from known.new_key(ask, ask.said, holder)


def _rotate(known: Register, ask: Ask) -> Iterator[str]:
    hand = known.hands.get(ask.path["key"])
    if hand is None:
        yield "key_unknown"
        return
    if known.party_of(hand.holder) != ask.signer.party:
        yield "right_missing"
    yield from known.unmanaged(ask, hand.holder)
    if hand.ended:
        yield "key_ended"
    yield from known.new_key(ask, ask.said["key"], hand.holder)


def _revoke(known: Register, ask: Ask) -> Iterator[str]:
    hand, since = known.hands.get(ask.path["key"]), ask.said.get("compromised_since")
    if hand is None:
        yield "key_unknown"
        return
    if known.kind(ask) != "operator" and known.party_of(hand.holder) != ask.signer.party:
        yield "right_missing"
    yield from known.unmanaged(ask, hand.holder)
    if since is not None and since > ask.now:
        yield "date_in_future"
    if hand.ended and (since is None or (hand.stolen_since is not None and hand.stolen_since <= since)):
        yield "key_ended"
    if ask.path["key"] == ask.signer.key and known.kind(ask) == "operator":
        yield "administrator_needed"


# -------------------------------------------------------------------------------------------------------- mandates


def _give(known: Register, ask: Ask) -> Iterator[str]:
    said, kind, to = ask.said, known.kind(ask), known.firms.get(ask.said["to"])
    if said["giver"] != ask.signer.party:
        yield "right_missing"
    yield from known.unmanaged(ask)
    if said["from_date"] >= said["to_date"]:
        yield "period_empty"
    if said["giver"] == said["to"]:
        yield "mandate_to_self"
    if said["to_date"] <= day(ask.now):
        yield "mandate_past"
    for act in said["acts"]:
        if act not in OF_EVERYBODY and kind not in ({"insurer", "assessor"} if act == ASSESSING else NOTIFYING):
            yield "act_not_givers"
    if to is None:
        yield "party_unknown"
    elif to.suspended:
        yield "party_suspended"


def _end(known: Register, ask: Ask) -> Iterator[str]:
    power = known.powers.get(f"{ask.path['party']}/{ask.path['mandate']}")
    if power is None:
        yield "mandate_unknown"
        return
    if ask.signer.party not in {power.giver, power.to}:
        yield "right_missing"
    yield from known.unmanaged(ask)
    if power.ended:
        yield "mandate_ended"


_JUDGES: Final[Mapping[str, Callable[[Register, Ask], Iterator[str]]]] = {
    "party.register": _register_party, "party.suspend": _suspend, "party.reinstate": _reinstate,
    "agent.enrol": _enrol, "agent.leave": _leave,
    "key.register": _add_key, "key.rotate": _rotate, "key.revoke": _revoke, "mandate.give": _give, "mandate.end": _end,
}  # fmt: skip
