"""Who appears in the story: parties and their natural persons, each with a key; and how they come and go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from api.client import Credentials
from application.actions import Actions
from application.catalogue import ACTIONS
from application.genesis import actions_digest
from application.timers import Due
from domain.aggregate import Event
from domain.persons import RETENTION_RULE, Person
from tests.support.rehearsal import Rehearsal, name, private_key

AREA: Final = "370102"
TOWN_AREA: Final = "370102001"
KINDS: Final = {
    "market": "market_regulator", "money": "financial_regulator", "housing": "housing_bureau",
    "treasury": "finance_bureau", "town": "town", "insurer": "insurer", "rival": "insurer", "manager": "use_unit",
    "committee": "owners_committee", "owner": "owner", "maintainer": "maintainer", "other maintainer": "maintainer",
    "bank": "bank", "rescue": "rescue_centre", "broker": "broker", "closed shop": "maintainer",
}  # fmt: skip
WORKERS: Final = ("worker one", "worker two", "worker three")


@dataclass
class Story:
    """The ledger and everybody who acts in it, by a short name."""

    ledger: Rehearsal = field(default_factory=Rehearsal)
    who: dict[str, Credentials] = field(default_factory=dict)

    def act(self, short: str, action: str, said: dict[str, Any], **path: str) -> list[Event]:
        """Let somebody write one request."""
        return self.ledger.act(self.who[short], action, said, **path)

    def lines(self, short: str, action: str, *lines: dict[str, Any], **path: str) -> list[Event]:
        """Let somebody write lines."""
        return self.ledger.lines(self.who[short], action, lines, **path)

    def party(self, short: str) -> str:
        """Give a party's name."""
        return self.who[short].party

    def agent(self, short: str) -> str:
        """Give the name of a natural person who acts for a party."""
        return name("agent", short)


def digest(label: str) -> str:
    """Give a digest that stands for a paper."""
    return name("key", label).replace("-", "").partition(":")[2] * 2


def assemble(story: Story) -> None:
    """Open the ledger, publish the table of actions, register everybody."""
    first = Actions()
    first.add(ACTIONS.by_id["ledger.publish_actions"])
    story.who["operator"] = story.ledger.begin(first)
    story.act("operator", "ledger.publish_actions", {"digest": actions_digest(ACTIONS)})
    story.act("operator", "ledger.rotate_key", story.ledger.hand_on("receipt 2"))
    parties = []
    for short, kind in KINDS.items():
        party = name("party", short)
        said = {"id": party, "kind": kind, "key": story.ledger.registration(party, short)}
        said |= {"person_name": "王五"} if kind == "owner" else {"name": f"{short} of the story"}
        if kind.endswith(("regulator", "bureau")) or kind in {"town", "rescue_centre"}:
            said["areas"] = [AREA]
        parties.append(said)
        story.who[short] = Credentials(party, name("key", short), private_key(short))
    parties[0]["sectors"] = ["lifts"]
    parties[5]["source"] = {"system": "story", "id": "insurer"}
    story.act("operator", "party.register", {"parties": parties})
    _enrol(story, "maintainer", "worker", *WORKERS)
    _enrol(story, "manager", "safety_administrator", "officer")
    _enrol(story, "insurer", "adjuster", "adjuster")
    story.lines(
        "broker", "agent.enrol",
        {"id": name("agent", "broker's"), "party": story.party("broker"), "role": "representative", "name": "赵六"},
    )  # fmt: skip


def _enrol(story: Story, party: str, role: str, *shorts: str) -> None:
    people = []
    for short in shorts:
        agent = name("agent", short)
        people.append(
            {
                "id": agent, "party": story.party(party), "role": role, "name": f"张{short}", "phone": "13800000000",
                "certificate": "T370100000000000000", "key": story.ledger.registration(agent, short),
                "source": {"system": "staff", "id": short},
            }
        )  # fmt: skip
        story.who[short] = Credentials(story.party(party), name("key", short), private_key(short), agent)
    story.lines(party, "agent.enrol", *people)


def come_and_go(story: Story) -> None:
    """Keys are added, replaced and revoked; a worker leaves, a party is suspended, a person erased; a mandate."""
    ledger = story.ledger
    insurer = story.party("insurer")
    story.act("insurer", "key.register", {**ledger.registration(insurer, "spare"), "holder": insurer})
    second = {"key": ledger.registration(insurer, "second")}
    story.act("insurer", "key.rotate", second, key=name("key", "spare"))
    revocation = {"reason": "lost", "compromised_since": "2025-10-31T00:00:00.000000Z"}
    story.act("insurer", "key.revoke", revocation, key=name("key", "second"))
    story.act("maintainer", "agent.leave", {"reason": "contract_over"}, agent=story.agent("worker three"))
    story.act("operator", "party.suspend", {"reason": "licence_withdrawn"}, party=story.party("closed shop"))
    gone = story.ledger.events(name("agent", "broker's"))[0]
    person = (gone.said or {})["name"]["of"]
    _dispute(story, person)
    (restricted,) = story.act("operator", "person.erase", {"basis": "request"}, person=person)
    until = restricted.found["until"]
    story.ledger.fire(Due(Person.Erased.TOPIC, person, until, RETENTION_RULE))
    story.act("operator", "party.reinstate", {"reason": "licence_renewed"}, party=story.party("closed shop"))
    mandate = {
        "id": name("mandate", "broker"), "giver": story.party("manager"), "to": story.party("broker"),
        "acts": ["policy.propose", "claim.file"], "from_date": "2025-11-01", "to_date": "2026-11-01",
        "document": digest("power of attorney"),
    }  # fmt: skip
    story.act("manager", "mandate.give", mandate)


def _dispute(story: Story, person: str) -> None:
    """A regulator keeps what a broker's person stands in from erasure, until the dispute is settled."""
    dispute = name("dispute", "broker's")
    opening = {
        "id": dispute, "ground": "inquiry", "matters": [name("agent", "broker's")], "parties": [story.party("broker")],
        "source": {"system": "cases", "id": "1"},
    }  # fmt: skip
    story.act("broker", "dispute.open", opening)
    held = story.act("market", "dispute.set_hold", {"reason": "inquiry"}, dispute=dispute)
    assert [event.originator_id for event in held] == [dispute, person]
    story.act("market", "dispute.lift_hold", {"reason": "closed"}, dispute=dispute)
    story.act("broker", "dispute.settle", {"outcome": "closed", "document": digest("closing")}, dispute=dispute)


def end_mandate(story: Story) -> None:
    """The mandate is ended."""
    story.act(
        "broker", "mandate.end", {"reason": "done"}, party=story.party("manager"), mandate=name("mandate", "broker")
    )


def be_given_evidence(story: Story) -> None:
    """The insurer asks for a bundle of its own subject; the operator makes one for the housing bureau."""
    story.ledger.facts = {"manifest": digest("manifest"), "size": 7}
    insurer = story.party("insurer")
    story.act("insurer", "evidence.export", {"party": insurer, "streams": [insurer], "purpose": "audit"})
    times = {"recorded_from": "2025-11-01T00:00:00.000000Z", "recorded_until": "2026-01-01T00:00:00.000000Z"}
    said = {"party": story.party("housing"), "streams": [name("key", "insurer")], **times}
    story.act("operator", "evidence.export", said)
    story.ledger.facts = {}
