"""Random lives of parties: registrations, keys, people, mandates and lifts, each act through the real door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple

from api import credentials
from api.client import Credentials
from audit.errors import AuditError
from domain.errors import DomainError
from domain.time import format_instant
from tests.support.complicity import in_league, without_rights
from tests.support.naivelifts import Yard
from tests.support.naiveparties import NOTIFYING, Ask, Firm, Hand, Person, Register, Signer, day
from tests.support.rehearsal import ORIGIN, Rehearsal, name, private_key

KINDS: Final = {
    "user": "use_unit", "neighbour": "use_unit", "shop": "maintainer", "rival": "maintainer", "insurer": "insurer",
    "bureau": "market_regulator", "elsewhere": "market_regulator", "town": "town", "broker": "broker",
}  # fmt: skip
AREAS: Final = {"bureau": ["370102"], "elsewhere": ["370103"], "town": ["370102001"]}
PLACES: Final = ("370102001", "370102002", "370103001")
ROLES: Final = ("administrator", "worker", "safety_administrator")
MANDATED: Final = ("claim.withdraw", "claim.file", "claim.assess", "policy.propose")
ACTIONS: Final[Mapping[str, int]] = {
    "party.register": 1, "party.suspend": 2, "party.reinstate": 3, "agent.enrol": 4, "agent.leave": 2,
    "key.register": 3, "key.rotate": 3, "key.revoke": 3, "mandate.give": 5, "mandate.end": 2, "lift.register": 2,
    "lift.name_use_unit": 6, "lift.move": 4, "lift.identify": 4, "contract.begin": 4, "contract.confirm": 3,
    "contract.end": 3, "claim.notify": 3, "claim.withdraw": 3, "claim.file": 4,
}  # fmt: skip
"""What is asked for, and how often beside the others."""
OPERATOR: Final = name("party", "operator")
EARLY: Final = name("key", "early")
"""A key that may have been used before anybody registers it."""


class Save(NamedTuple):
    """A save: its first position, its time, the key it names, and what is found in it by what was so then."""

    first: int
    at: str
    key: str
    found: set[str]


@dataclass
class Play:
    """A ledger and what is naively known of it; `ask` draws a request, `perform` sends it and compares."""

    rnd: Random
    ledger: Rehearsal = field(default_factory=Rehearsal)
    yard: Yard = field(default_factory=lambda: Yard(Register(OPERATOR)))
    labels: dict[str, str] = field(default_factory=dict)
    """Which private key stands behind each name of a key."""
    saves: list[Save] = field(default_factory=list)
    headers: dict[int, set[str]] = field(default_factory=dict)
    """What headers alone tell of forged saves, by their first position."""
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.ledger.begin()
        key, agent = name("key", "operator"), name("agent", "operator")
        self.known.firms[OPERATOR] = Firm("operator")
        self.known.people[agent] = Person(OPERATOR, "administrator")
        self.known.hands[key] = Hand(agent, OPERATOR)
        self.labels[key] = "operator"
        self.admin = Signer(OPERATOR, key, agent)
        for label, kind in KINDS.items():
            self.perform(self._registering(self.admin, name("party", label), kind, AREAS.get(label, [])))
        for action in (*["agent.enrol"] * 6, *["lift.register"] * 4, *["claim.notify"] * 3):
            self.perform(self.ask(action))

    def step(self) -> None:
        """Ask for something, mostly some time after what was asked before."""
        self.wait()
        (action,) = self.rnd.choices(list(ACTIONS), list(ACTIONS.values()))
        self.perform(self.ask(action))

    @property
    def known(self) -> Register:
        """The parties' side of what is naively known."""
        return self.yard.known

    # ------------------------------------------------------------------------------------------------ sending

    def perform(self, ask: Ask) -> None:
        """Send a request and hold what is decided against what it naively must be."""
        wanted, before = self.yard.refusals(ask), len(self.ledger.performed)
        refused, first = self._tried(ask)
        if refused is not None:
            assert refused in wanted, f"{ask} was refused with {refused}, not {wanted or 'taken'}"
            assert len(self.ledger.performed) == before, "nothing of it is written"
            return
        assert not wanted, f"{ask} was taken, not refused with {wanted}"
        self.saves.append(Save(first, ask.now, ask.signer.key, self.known.found_of(ask.signer)))
        self.yard.take(ask)

    def _tried(self, ask: Ask) -> tuple[str | None, int]:
        """Send a request; give the code of its refusal, or the position of what it wrote."""
        try:
            return None, self.send(ask)
        except (DomainError, AuditError) as refused:
            return refused.code, 0

    def send(self, ask: Ask) -> int:
        """Send a request as it is; give the position of the first event that it wrote."""
        signer = ask.signer
        private = private_key(self.labels.get(signer.key, signer.key) if signer.true else "thief")
        who = Credentials(signer.party, signer.key, private, signer.agent)
        return self.ledger.act(who, ask.action, ask.said, **ask.path)[0].position or 0

    def wait(self) -> None:
        """Let time pass: seldom none, seldom weeks."""
        seconds = self.rnd.choice([0, 60, 7_000, 90_000, 90_000, 700_000, 2_000_000])
        self.ledger.now = format_instant(datetime.fromisoformat(self.ledger.now) + timedelta(seconds=seconds))

    def forge(self, signer: Signer) -> None:
        """Write what nobody would take, in a ledger in league with its author."""
        ask = self._forgery(signer)
        with in_league():
            first = self.send(ask)
        self.ledger.door.cache.forget(*self.ledger.streams())
        self.saves.append(Save(first, ask.now, signer.key, self.known.found_of(signer)))
        self.headers[first] = self.known.found_by_headers(signer)

    def _forgery(self, signer: Signer) -> Ask:
        """Give a request for one event, or for several, that a party of the signer's kind may make."""
        if self.known.firms[signer.party].kind in NOTIFYING and self.rnd.random() < 0.7:
            said: dict[str, Any] = {"id": self._new("occurrence"), "at": self.ledger.now, "kind": "injury"}
            return self._request(signer, "occurrence.open", said)
        said = {
            "id": self._new("lift"), "identifiers": self._identifier(), "variety": "3110", "area": PLACES[0],
            "status": "in_use",
        }  # fmt: skip
        return self._request(signer, "lift.register", said)

    def smuggle(self) -> None:
        """Let the ledger, in league with somebody, take a key from him for whomever it is."""
        known = self.known
        holder, signer = self.rnd.choice([*known.firms, *known.people]), self.signer()
        if signer.true and not known.nobody(signer):
            key = self._new("key")
            self.labels[key] = key
            made = credentials.registration(ORIGIN, holder, key, private_key(key), self.ledger.seconds)
            with without_rights():
                first = self.send(self._request(signer, "key.register", {**made, "holder": holder}))
            self.saves.append(Save(first, self.ledger.now, signer.key, known.found_of(signer)))
            known.hands[key] = Hand(holder, signer.party)

    def register_early(self) -> None:
        """Let the operator register the key that may have been used before."""
        holder = self.rnd.choice(list(self.known.firms))
        made = credentials.registration(ORIGIN, holder, EARLY, private_key(EARLY), self.ledger.seconds)
        signer = next(s for s in (self.admin, *map(self.signer, [[OPERATOR]] * 99)) if not self.known.nobody(s))
        self.perform(self._request(signer, "key.register", {**made, "holder": holder}, {EARLY: holder}))

    # ------------------------------------------------------------------------------------------------ who signs

    def signer(self, wanted: Sequence[str] = ()) -> Signer:
        """Draw who signs: mostly somebody of the parties wanted who may, else anybody with any key for anyone."""
        rnd, known = self.rnd, self.known
        if rnd.random() < 0.2:
            agents = [None, None, *known.people]
            return Signer(
                rnd.choice([*known.firms, name("party", "none")]),
                rnd.choice([*known.hands, name("key", "none")]), rnd.choice(agents), rnd.random() < 0.8,
            )  # fmt: skip
        party = rnd.choice(list(wanted) or list(known.firms))
        keys = [key for key, hand in known.hands.items() if known.party_of(hand.holder) == party]
        live = [key for key in keys if not known.hands[key].ended] or keys
        key = rnd.choice(keys if rnd.random() < 0.1 else live)
        holder = known.hands[key].holder
        people = [agent for agent, person in known.people.items() if person.party == party]
        if holder.startswith("agent:"):
            return Signer(party, key, rnd.choice([None, holder]))
        return Signer(party, key, rnd.choice([None, *people]))

    # ------------------------------------------------------------------------------------------------ what is asked

    def ask(self, action: str) -> Ask:
        """Draw a request for an action."""
        return getattr(self, "_ask_" + action.replace(".", "_"))()  # type: ignore[no-any-return] # one for each

    def _request(
        self, signer: Signer, action: str, said: Mapping[str, Any], proofs: Mapping[str, str] | None = None, **path: str
    ) -> Ask:
        return Ask(signer, action, said, path, self.ledger.now, proofs or {})

    def _new(self, kind: str) -> str:
        return name(kind, f"{next(self._numbers)}")

    def _some(self, names: Mapping[str, Any], kind: str) -> str:
        return self.rnd.choice([*names] * 6 + [name(kind, "none")])

    def _day(self, least: int = -60, most: int = 20) -> str:
        today = date.fromisoformat(day(self.ledger.now))
        return (today + timedelta(days=self.rnd.choice([0, 0, self.rnd.randint(least, most)]))).isoformat()

    def _dated(self) -> dict[str, str]:
        return {} if self.rnd.random() < 0.3 else {"effective_on": self._day()}

    def _key(self, holder: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Make a new key's registration for a holder, sometimes of a name that is taken, or not proven for him."""
        rnd = self.rnd
        key = rnd.choice([*self.known.hands, EARLY]) if rnd.random() < 0.15 else self._new("key")
        label = self.labels.setdefault(key, key)
        proven = rnd.choice([*self.known.firms, *self.known.people]) if rnd.random() < 0.15 else holder
        made = credentials.registration(ORIGIN, proven, key, private_key(label), self.ledger.seconds)
        if rnd.random() < 0.1:  # of another key than the one that proves it
            forged = credentials.registration(ORIGIN, proven, key, private_key("thief"), self.ledger.seconds)
            return made | {"proof": forged["proof"]}, {key: ""}
        return made, {key: proven}

    def _registering(self, signer: Signer, party: str, kind: str, areas: list[str]) -> Ask:
        key = self._new("key")
        self.labels[key] = key
        made = credentials.registration(ORIGIN, party, key, private_key(key), self.ledger.seconds)
        member = {"id": party, "kind": kind, "name": kind, "areas": areas, "key": made}
        return self._request(signer, "party.register", {"parties": [member]}, {key: party})

    def _ask_party_register(self) -> Ask:
        party = self.rnd.choice([*self.known.firms, *[self._new("party")] * 9])
        kind = self.rnd.choice([*KINDS.values(), "operator"])
        return self._registering(self.signer([OPERATOR]), party, kind, [self.rnd.choice(PLACES)])

    def _ask_party_suspend(self) -> Ask:
        party = self._some(self.known.firms, "party")
        return self._request(self.signer([OPERATOR]), "party.suspend", {"reason": "r"}, party=party)

    def _ask_party_reinstate(self) -> Ask:
        suspended = [name for name, firm in self.known.firms.items() if firm.suspended]
        party = self.rnd.choice(suspended or sorted(self.known.firms))
        return self._request(self.signer([OPERATOR]), "party.reinstate", {"reason": "r"}, party=party)

    def _ask_agent_enrol(self) -> Ask:
        signer, agent = self.signer(), self.rnd.choice([*self.known.people, *[self._new("agent")] * 9])
        party = signer.party if self.rnd.random() < 0.9 else self._some(self.known.firms, "party")
        said = {"id": agent, "party": party, "role": self.rnd.choice(ROLES)}
        if self.rnd.random() < 0.3:
            return self._request(signer, "agent.enrol", said)
        key, proofs = self._key(agent)
        return self._request(signer, "agent.enrol", said | {"key": key}, proofs)

    def _ask_agent_leave(self) -> Ask:
        agent = self._some(self.known.people, "agent")
        return self._request(self.signer(self._side(agent)), "agent.leave", {}, agent=agent)

    def _side(self, holder: str) -> list[str]:
        party = self.known.party_of(holder)
        return [] if party not in self.known.firms else [party or ""]

    def _ask_key_register(self) -> Ask:
        holder = self.rnd.choice([self._some(self.known.firms, "party"), self._some(self.known.people, "agent")])
        key, proofs = self._key(holder)
        signer = self.signer([*self._side(holder), OPERATOR])
        return self._request(signer, "key.register", {**key, "holder": holder}, proofs)

    def _ask_key_rotate(self) -> Ask:
        old = self._some(self.known.hands, "key")
        holder = self.known.hands[old].holder if old in self.known.hands else OPERATOR
        key, proofs = self._key(holder)
        return self._request(self.signer(self._side(holder)), "key.rotate", {"key": key}, proofs, key=old)

    def _ask_key_revoke(self) -> Ask:
        key, said = self._some(self.known.hands, "key"), {"reason": "lost"}
        holder = self.known.hands[key].holder if key in self.known.hands else OPERATOR
        if self.rnd.random() < 0.6:
            hours = self.rnd.choice([1, -1, -30, -300, -1500])
            since = datetime.fromisoformat(self.ledger.now) + timedelta(hours=hours)
            said = {"reason": "compromised", "compromised_since": format_instant(since)}
        signer = self.signer([*self._side(holder), OPERATOR])
        return self._request(signer, "key.revoke", said, key=key)

    def _ask_mandate_give(self) -> Ask:
        signer = self.signer([loss.notifier for loss in self.yard.losses.values()])
        giver = signer.party if self.rnd.random() < 0.9 else self._some(self.known.firms, "party")
        acts = self.rnd.sample(MANDATED, self.rnd.randint(1, 3))
        said = {
            "id": self._new("mandate"), "giver": giver, "to": self._some(self.known.firms, "party"), "acts": acts,
            "from_date": self._day(-10, 3), "to_date": self._day(-1, 60),
        }  # fmt: skip
        return self._request(signer, "mandate.give", said)

    def _ask_mandate_end(self) -> Ask:
        stream = self.rnd.choice([*self.known.powers, f"{OPERATOR}/{name('mandate', 'none')}"])
        power = self.known.powers.get(stream)
        party, _, mandate = stream.partition("/")
        signer = self.signer([] if power is None else [power.giver, power.to])
        return self._request(signer, "mandate.end", {"reason": "r"}, party=party, mandate=mandate)

    # ------------------------------------------------------------------------------------------------ lifts and claims

    def _identifier(self) -> list[dict[str, str]]:
        return [{"scheme": "registration_code", "value": f"{next(self._numbers):020}"}]

    def _ask_lift_register(self) -> Ask:
        said: dict[str, Any] = {
            "id": self.rnd.choice([*self.yard.lifts, *[self._new("lift")] * 9]), "identifiers": self._identifier(),
            "variety": "3110", "area": self.rnd.choice(PLACES), "status": "in_use", **self._dated(),
        }  # fmt: skip
        for member, labels in (("use_unit", ("user", "neighbour")), ("maintainer", ("shop", "rival"))):
            if self.rnd.random() < 0.7:
                said[member] = name("party", self.rnd.choice([*labels] * 6 + ["none"]))
        return self._request(self.signer(), "lift.register", said)

    def _near(self, lift: str) -> list[str]:
        """Give who has or had to do with a lift."""
        hoist = self.yard.lifts.get(lift)
        if hoist is None:
            return []
        bureaus = [name("party", label) for label in AREAS]
        users = [unit for _, unit in hoist.users if unit in self.known.firms]
        return [hoist.holder, *bureaus, *filter(None, users), *(care.holder for care in hoist.care)]

    def _ask_lift_name_use_unit(self) -> Ask:
        lift = self._some(self.yard.lifts, "lift")
        units = [None, *(name("party", label) for label in ("user", "neighbour", "none"))]
        signer = self.signer([*self._near(lift), name("party", "user"), name("party", "neighbour")])
        unit = signer.party if self.rnd.random() < 0.3 else self.rnd.choice(units)
        return self._request(signer, "lift.name_use_unit", {"use_unit": unit, **self._dated()}, lift=lift)

    def _ask_lift_move(self) -> Ask:
        lift = self._some(self.yard.lifts, "lift")
        said = {"area": self.rnd.choice(PLACES), **self._dated()}
        return self._request(self.signer(self._near(lift)), "lift.move", said, lift=lift)

    def _ask_lift_identify(self) -> Ask:
        lift = self._some(self.yard.lifts, "lift")
        said = {"identifiers": self._identifier(), **self._dated()}
        return self._request(self.signer(self._near(lift)), "lift.identify", said, lift=lift)

    def _ask_contract_begin(self) -> Ask:
        lift = self._some(self.yard.lifts, "lift")
        signer = self.signer([*self._near(lift), name("party", "shop"), name("party", "rival")])
        shops = [name("party", label) for label in ("shop", "rival", "none")]
        said: dict[str, Any] = {
            "id": self._new("contract"), "lifts": [lift], "from_date": self._day(), "level": "full",
            "maintainer": signer.party if self.rnd.random() < 0.4 else self.rnd.choice(shops),
        }  # fmt: skip
        if self.rnd.random() < 0.5:
            said["to_date"] = self._day(-20, 60)
        return self._request(signer, "contract.begin", said)

    def _ask_contract_confirm(self) -> Ask:
        contract = self._some(self.yard.bargains, "contract")
        bargain = self.yard.bargains.get(contract)
        lift = self._some(self.yard.lifts, "lift") if bargain is None or self.rnd.random() < 0.1 else bargain.lift
        said = {"lifts": [lift], "effective_on": self._day()}
        return self._request(self.signer(self._near(lift)), "contract.confirm", said, contract=contract)

    def _ask_contract_end(self) -> Ask:
        contract = self._some(self.yard.bargains, "contract")
        bargain = self.yard.bargains.get(contract)
        near = [] if bargain is None else [*filter(None, bargain.parties), *self._near(bargain.lift)]
        said = {"ended_on": self._day()}
        return self._request(self.signer(near), "contract.end", said, contract=contract)

    def _ask_claim_notify(self) -> Ask:
        said: dict[str, Any] = {
            "id": self._new("claim"), "lift": self._some(self.yard.lifts, "lift"), "interest": "owner",
            "loss_at": self.ledger.now, "part": "third_party_injury", "kind": "injury",
        }  # fmt: skip
        if self.rnd.random() < 0.5:
            said["insurer"] = name("party", "insurer")
        return self._request(self.signer(), "claim.notify", said)

    def _ask_claim_withdraw(self) -> Ask:
        return self._dealing("claim.withdraw", {"reason": "r"})

    def _ask_claim_file(self) -> Ask:
        papers = [{"kind": "report", "digest": "a" * 64}]
        return self._dealing("claim.file", {"papers": papers, "received_on": day(self.ledger.now)})

    def _dealing(self, action: str, said: Mapping[str, Any]) -> Ask:
        stream = self.rnd.choice([*self.yard.losses] * 6 + [f"{name('lift', 'none')}/{name('claim', 'none')}"])
        loss = self.yard.losses.get(stream)
        lets = (
            [] if loss is None else [power.to for power in self.known.powers.values() if power.giver == loss.notifier]
        )
        wanted = [] if loss is None else [loss.notifier, name("party", "insurer"), *lets, *lets]
        lift, _, claim = stream.partition("/")
        return self._request(self.signer(wanted), action, said, lift=lift, claim=claim)
