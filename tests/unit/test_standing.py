"""Who may act for whom, as verifiers of a log and of a bundle see it, where the ledger itself let others act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from api.client import Credentials
from application import identity
from application.errors import Unauthenticated
from audit.bundlefiles import unpack
from audit.events import read_header
from audit.standing import Standing
from domain.parties import Agent, Party
from tests.support.bundles import faults, verdicts, verified
from tests.support.bundling import Log, rooted
from tests.support.rehearsal import Rehearsal, name, private_key
from tests.support.stored import Stored

MAINTAINER, INSURER = name("party", "maintainer"), name("party", "insurer")
WORKER, COLLEAGUE = name("agent", "worker"), name("agent", "colleague")


class House:
    """A ledger with two parties, and a worker of the first with a key of his own."""

    def __init__(self) -> None:
        self.ledger = Rehearsal()
        self.operator = self.ledger.begin()
        members = [
            {"id": party, "kind": kind, "name": kind, "key": self.ledger.registration(party, kind)}
            for party, kind in ((MAINTAINER, "maintainer"), (INSURER, "insurer"))
        ]
        self.ledger.act(self.operator, "party.register", {"parties": members})
        self.maintainer, self.insurer = self.signer(MAINTAINER, "maintainer"), self.signer(INSURER, "insurer")
        self.enrol(self.maintainer, WORKER, "administrator", key=self.ledger.registration(WORKER, "worker"))
        self.worker = self.signer(MAINTAINER, "worker", WORKER)

    def signer(self, party: str, label: str, agent: str | None = None) -> Credentials:
        """Give what signs with the key of a label."""
        return Credentials(party, name("key", label), private_key(label), agent)

    def enrol(self, who: Credentials, agent: str, role: str = "worker", **more: Any) -> None:  # noqa: ANN401 - members of an enrolment
        """Enrol an agent of the author's party."""
        self.ledger.act(who, "agent.enrol", {"id": agent, "party": who.party, "role": role, **more})

    def log(self) -> tuple[Stored, Log]:
        """Give all rows, and the ledger as bundles are made of it."""
        stored = rooted(self.ledger.stored(), self.operator.party, self.ledger.now)
        return stored, Log(stored, checkpoint_key=private_key("checkpoint"), receipt_key=private_key("receipt"))


@pytest.fixture
def house() -> House:
    """Make a fresh one."""
    return House()


@contextmanager
def in_league() -> Iterator[None]:
    """Let the ledger admit whoever holds a key: agents for any party, those who left, parties that are suspended."""
    honest = identity.load

    def load(kind: Any, stream: str, *more: Any) -> Any:  # noqa: ANN401 - any aggregate
        held = honest(kind, stream, *more)
        if isinstance(held, Agent):
            held = copy(held)
            held.left, held.party = False, _Any()
        elif isinstance(held, Party):
            held = copy(held)
            held.suspended = False
        return held

    with patch("application.identity.load", load):
        yield


class _Any(str):
    """Equal to every party."""

    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True


def test_an_agent_signs_for_the_party_that_enrolled_him_alone(house: House) -> None:
    """A ledger that took his signature for another party's is found out, by its log and by a bundle of the event."""
    with in_league():
        house.enrol(replace(house.worker, party=INSURER), COLLEAGUE)
    stored, log = house.log()
    at = len(stored.events) - 1
    report = stored.verify()
    assert not report.integrity
    assert [(each.code, each.position, each.detail) for each in report.verdicts if each.kind == "integrity"] == [
        ("author", at, "the agent is another party's"), ("author", at, "another party registered the key"),
    ]  # fmt: skip
    bundle = verified(unpack(log.bundle(COLLEAGUE).data), log)
    assert faults(bundle) == {"author"}
    assert verdicts(bundle)[at] == ("broken",)


@pytest.mark.parametrize("signatures", [True, False])
def test_nobody_signs_who_was_not_enrolled(house: House, signatures: bool) -> None:
    """A party's key speaks on behalf of enrolled agents only; headers alone tell it, and a resumed verification too."""
    house.enrol(replace(house.maintainer, agent=WORKER), COLLEAGUE)
    stored, _ = house.log()
    assert stored.verify(signatures=signatures).integrity
    with in_league(), patch("application.identity.load", _inventing(identity.load)):
        house.enrol(replace(house.maintainer, agent=name("agent", "nobody")), name("agent", "b"))
    stored, log = house.log()
    for report in (
        stored.verify(signatures=signatures), stored.verify(page=1, signatures=signatures),
        stored.verify_resumed(stored.ends()[-3], signatures=signatures),
    ):  # fmt: skip
        wrong = [(each.code, each.detail) for each in report.verdicts if each.kind == "integrity"]
        assert wrong == [("author", "the agent was not enrolled before")]
    assert faults(verified(unpack(log.bundle(name("agent", "b")).data), log)) == {"author"}


def _inventing(load: Any) -> Any:  # noqa: ANN401 - a function over any aggregate
    def invented(kind: Any, stream: str, *more: Any) -> Any:  # noqa: ANN401 - any aggregate
        held = load(kind, stream, *more)
        return Agent(id=stream, party=MAINTAINER) if held is None and kind is Agent else held

    return invented


def test_keys_that_a_stolen_one_registered_end_with_their_agent(house: House) -> None:
    """They outlive its revocation, so that whoever finds the theft looks for them or lets the agent leave."""
    thiefs = house.ledger.registration(WORKER, "thief")
    house.ledger.act(house.worker, "key.register", {"holder": WORKER, **thiefs})
    stolen = {"reason": "compromised", "compromised_since": house.ledger.now}
    house.ledger.act(house.maintainer, "key.revoke", stolen, key=house.worker.key)
    thief = house.signer(MAINTAINER, "thief", WORKER)
    house.enrol(thief, COLLEAGUE)
    registered = [row for row in house.log()[0].events if row.stream == thief.key]
    assert [read_header(row.header).key for row in registered] == [house.worker.key], "its header tells by which key"
    house.ledger.act(house.maintainer, "agent.leave", {}, agent=WORKER)
    with pytest.raises(Unauthenticated, match="left"):
        house.enrol(thief, name("agent", "b"))


def test_who_was_reinstated_signs_again(house: House) -> None:
    """What he wrote between is named, and nothing before or after; also where he was suspended once more."""
    wrong: list[int] = []
    for number in range(2):
        house.ledger.act(house.operator, "party.suspend", {"reason": "x"}, party=INSURER)
        with in_league():
            house.enrol(house.insurer, name("agent", f"between {number}"))
        wrong.append(len(house.log()[0].events) - 1)
        house.ledger.act(house.operator, "party.reinstate", {"reason": "y"}, party=INSURER)
        house.enrol(house.insurer, name("agent", f"after {number}"))
    stored, log = house.log()
    resumed = (stored.verify_resumed(end) for end in stored.ends() if end > wrong[0])
    for report in (stored.verify(), stored.verify(page=1), stored.verify(signatures=False), *resumed):
        told = [(each.code, each.position) for each in report.verdicts if each.kind == "integrity"]
        assert told == [("author_ended", at) for at in wrong]
    agents = [name("agent", f"{when} {number}") for number in range(2) for when in ("between", "after")]
    bundle = verified(unpack(log.bundle(INSURER, *agents).data), log)
    assert {at for at, found in verdicts(bundle).items() if found == ("broken",)} == set(wrong)


def test_who_left_does_not_come_back() -> None:
    """A party's agent ends by its own word: no other brings him back by reinstating him as if he were a party."""
    standing = Standing()
    standing.take({("agent.Enrolled", MAINTAINER): {WORKER: [2]}, ("agent.Left", MAINTAINER): {WORKER: [5]}})
    standing.take({("party.Reinstated", INSURER): {WORKER: [7]}})
    found = standing.faults({(MAINTAINER, WORKER): [4, 6, 8]})
    assert [*found] == [("author_ended", at, "the agent had left") for at in (6, 8)]


def test_neither_who_left_nor_who_was_suspended_signs(house: House) -> None:
    """The save that tells it is the last; each later one is named, whatever page or part it is verified in."""
    house.ledger.act(house.worker, "agent.leave", {}, agent=WORKER)
    house.ledger.act(house.operator, "party.suspend", {"reason": "x"}, party=INSURER)
    stored, _ = house.log()
    assert stored.verify().integrity
    with in_league():
        house.enrol(house.worker, COLLEAGUE)
        house.enrol(house.insurer, name("agent", "b"))
    stored, log = house.log()
    first = len(stored.events) - 2
    wanted = [("author_ended", first, "the agent had left"), ("author_ended", first + 1, "the party was suspended")]
    for report in (stored.verify(), stored.verify(page=1), stored.verify_resumed(stored.ends()[-4])):
        assert not report.integrity
        assert [(each.code, each.position, each.detail) for each in report.verdicts if each.kind == "integrity"] == (
            wanted
        )
    bundle = verified(unpack(log.bundle(INSURER, name("agent", "b")).data), log)
    assert faults(bundle) == {"author_ended"}
    assert verdicts(bundle)[first + 1] == ("broken",)
