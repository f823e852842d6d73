"""Policies that several funds, holders and the treasury pay by stages, through the use cases, beside a clerk's till."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

from application import lift_changes
from domain.buildings import Estate
from domain.funds import Fund
from domain.lifts import Lift
from tests.support.borough_money import Exchequer, codes
from tests.support.funding import ESTATE, LIFT
from tests.support.insuring import AREA, BUREAU, INSURER, OPERATOR, RIVAL, proposed
from tests.support.naive_certificates import anniversary
from tests.support.naive_funds import PRINCIPAL
from tests.support.naive_till import FEE, GRANTED, TOPUP, Bond, Till, certified
from tests.support.naive_votes import dealt
from tests.support.seeding import seed
from tests.support.voting import written

INJURY, REPAIR = "third_party_injury", "parts_repair"
TOLD = {"reason": "r"}
SHARES_BP = {INSURER.party: 6_667, RIVAL.party: 3_333}


class Counting(Exchequer):
    """The borough whose policies are paid from every pocket, and whose lifts may prove to be one."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        known = self.town
        self.town = Till(known.chests, known.slips, known.cheques, known.deals)
        self.book.actions = dict(self.book.actions) | {action.id: action for action in lift_changes.ACTIONS}
        self.records = self._doubled()
        """Of each lift the record that its fund names, then of each the other one."""
        self.terms = 0
        for _ in self.funds:
            self.next_fund()
            for act in ("publish", "open", "cast", "close", "announce"):
                getattr(self, act)()
        self.wait(11)

    @property
    def till(self) -> Till:
        """What the clerk knows."""
        assert isinstance(self.town, Till)
        return self.town

    def name(self, kind: str) -> str:
        """Give a name that tells nothing of the order in which things came."""
        version = super().name(kind)[len(kind) + 15]
        return f"{kind}:{self.rng.getrandbits(32):08x}-0000-{version}000-8000-{self.count:012x}"

    def next_fund(self) -> None:
        """Go on with another fund."""
        self.fund = self.funds[(self.funds.index(self.fund) + 1) % len(self.funds)]

    def edge(self) -> None:
        """Let days pass until a quotation ends or an instalment is due, or until the day after; or some months."""
        bonds = [bond for name in self.till.deals if (bond := self.till.bond(name)).state in {"proposed", "issued"}]
        days = [day for bond in bonds for day, _ in bond.instalments]
        days += [bond.valid for bond in bonds if bond.state == "proposed"]
        ahead = [on for day in days for on in (day, day + 1) if self.today < on < self.today + 200]
        self.wait(self.rng.choice(ahead) - self.today if ahead and self.rng.random() < 0.8 else 90)

    # ------------------------------------------------------------------------------------------------------- lifts

    def _doubled(self) -> list[str]:
        """Give each fund's lift a second record, of the same estate, of another, or of none that is known."""
        estates = {fund: self.book.state(Fund, fund).estate for fund in self.funds}
        places = self.till.estates
        places |= estates | {self.lifts[fund]: estates[fund] for fund in self.funds} | {LIFT: ESTATE}
        for estate in {*estates.values()}:
            place = {"id": estate, "area": AREA, "type": "residential", "name": "n"}
            seed(self.book, Estate, estate, BUREAU.party, Estate.Described, place, {})
        own = [*dict.fromkeys(self.lifts.values())]
        return own + [self._twin(places[lift], [*estates.values()]) for lift in own]

    def _twin(self, estate: str | None, others: list[str]) -> str:
        name, estate = self.name("lift"), self.rng.choice((estate, estate, estate, estate, *others, None))
        until = self.rng.choice(("2020-01-01",) * 5 + ("2099-01-01",))
        said = {
            "id": name, "variety": "3110", "area": f"{AREA}001", "status": "in_use", "identifiers": [],
            "premises_class": "residential", "warranty_until": until, **({} if estate is None else {"estate": estate}),
        }  # fmt: skip
        seed(self.book, Lift, name, OPERATOR.party, Lift.Registered, said, {"on": "2018-01-01"})
        self.till.estates[name] = estate
        self.till.guaranteed |= {name} if until > "2090" else set()
        return name

    def publish(self) -> None:
        """Put a plan on the notice board, by whichever record its lift is known."""
        known, own, till = {*self.minutes.schemes}, self.lifts[self.fund], self.till
        self.lifts[self.fund] = self.rng.choice([each for each in self.records if till.last(each) == till.last(own)])
        super().publish()
        self.lifts[self.fund] = own
        for plan in {*self.minutes.schemes} - known:
            (event,) = self.book.events(f"{self.fund}/{plan}")
            self.till.plan(self.fund, plan, (event.said or {})["lifts"])

    def merge(self) -> None:
        """Find that two records are one lift's, mostly the two of one lift."""
        half = len(self.records) // 2
        number = self.rng.randrange(half)
        of_one = [self.records[number], self.records[number + half]]
        lift, into = self.rng.sample(of_one if self.rng.random() < 0.7 else self.records, 2)
        trial = deepcopy(self.till)
        whys = {"lift_merged"} if trial.into.keys() & {lift, into} else set[str]()
        trial.into[lift] = into
        self.tried(BUREAU, "lift.merge", {"into": into}, trial, whys, lift=lift)

    # ---------------------------------------------------------------------------------------------------- policies

    def quote(self) -> None:
        """Have a policy of a term of its own proposed, for the lifts of a fund or more, and say who is to pay it."""
        rng, begins = self.rng, self.today + self.rng.choice((1, 20, 60)) + 900 * self.terms
        self.terms += 1
        ends = anniversary(begins, 1) + rng.choice((0,) * 9 + (400,))
        term: dict[str, Any] = {"from_date": written(begins), "to_date": written(ends)}
        funds = rng.sample(self.funds, rng.choice((1, 1, 2, 2, 3)))
        lines = [self._line(lift, term) for lift in dict.fromkeys(self.till.last(self.lifts[fund]) for fund in funds)]
        whole = sum(part["premium_fen"] for line in lines for part in line["parts"])
        shares = self._pockets(whole, funds)
        borne: dict[str, int] = {}
        for (_, source), fen in shares.items():
            borne[source] = borne.get(source, 0) + fen
        valid = self.today + (rng.choice((5, 170)) if self.odd(0.3) else 170)
        stages = self._stages(whole) if rng.random() < 0.8 else []
        said: dict[str, Any] = {
            "sources": [{"kind": kind, "amount_fen": fen} for kind, fen in borne.items()],
            **({"instalments": [{"due_on": written(on), "amount_fen": fen} for on, fen in stages]} if stages else {}),
        }  # fmt: skip
        if rng.random() < 0.3:
            said["insurers"] = [{"party": party, "share_bp": share} for party, share in SHARES_BP.items()]
        name = proposed(self.book, *lines, valid_until=written(valid), **said, **term)
        self.town.deals[name] = Bond(
            borne, valid, begins=begins, ends=ends, instalments=stages, certificates=[*map(certified, lines)],
            drafted=dict(borne), least=dict(borne),
        )  # fmt: skip
        self.parts[name] = {pocket: fen for pocket, fen in shares.items() if pocket[0]}

    def _pockets(self, whole: int, funds: list[str]) -> dict[tuple[str, str], int]:
        """Draw how much of a premium each fund and source pays; sources of no fund have no fund's name."""
        rng = self.rng
        pockets = [(fund, PRINCIPAL) for fund in funds]
        pockets += [(rng.choice(funds), rng.choice(("fund_income", "emergency_fund")))] * (rng.random() < 0.3)
        others = ((FEE, 0.7), (TOPUP, 0.2), (GRANTED, 0.6))
        pockets += [("", source) for source, often in others if rng.random() < often]
        dealt_out = dealt(whole, {str(number): rng.choice((1, 1, 2, 3, 7)) for number in range(len(pockets))})
        return {pockets[int(number)]: fen for number, fen in dealt_out.items()}

    def _line(self, lift: str, term: dict[str, Any]) -> dict[str, Any]:
        parts = [(INJURY, self.rng.choice((2_000, 3_001, 5_000))), (REPAIR, self.rng.choice((1, 3_000, 4_999)))]
        return {
            "policy": "", "lift": lift, "certificate": self.name("certificate"), **term,
            "parts": [{"part": part, "premium_fen": fen} for part, fen in parts],
        }  # fmt: skip

    def _stages(self, whole: int) -> list[tuple[int, int]]:
        """Draw instalments, equal or falling, by day."""
        rng, day, found = self.rng, self.today + self.rng.choice((0, 3, 20)), list[tuple[int, int]]()
        amounts = dealt(whole, {str(number): rng.choice((1, 1, 2)) for number in range(rng.choice((2, 2, 3, 4)))})
        for fen in sorted(amounts.values(), reverse=True):
            found.append((day, fen))
            day += rng.choice((7, 30, 91))
        return found

    def issue(self) -> None:
        """Issue what enough was paid of, on grants that are shown or not."""
        deals, rng = self.town.deals, self.rng
        ready = [name for name in deals if deals[name].state == "proposed" and deals[name].whole()]
        if (name := self.late(ready, list(deals))) is None:
            return
        trial = deepcopy(self.till)
        bond = trial.bond(name)
        whys = set[str]() if bond.whole() else {"issued_before_premium"}
        whys |= set() if bond.state == "proposed" else {"policy_state"}
        whys |= set() if bond.paid or self.today <= bond.valid else {"quote_expired"}
        own = [aid for aid, known in trial.aids.items() if known.policy == name]
        shown = own if rng.random() < 0.7 else list(trial.aids)[:1]
        whys |= set() if {*shown} <= {*own} else {"subsidy_of_other_policy"}
        bond.state = "issued"
        said = {"number": name, **({"subsidies": shown} if shown else {})}
        events = self.tried(INSURER, "policy.issue", said, trial, whys, policy=name)
        if events is not None:
            assert ("subsidy_not_granted" in codes(events[0])) is not trial.behind(name, shown)

    # ------------------------------------------------------------------------------------------------------ the end

    def draw_day(self, bond: Bond) -> int:
        """Draw a day of a policy's term, often at an edge, or today."""
        days = (bond.begins, bond.begins, bond.ends - 1, self.today, self.rng.randrange(bond.begins, bond.ends))
        day = self.rng.choice((*days, bond.stopped or days[-1]))
        return day + (self.rng.choice((-1, 1)) if self.odd(0.1) else 0)

    def end(self) -> None:
        """Cancel an issued policy, or again; void a proposal; or let either lapse."""
        name = self.deal(*self.rng.choice((("issued",), ("proposed",), ("issued", "cancelled"))))
        if name is None:
            return
        trial = deepcopy(self.till)
        bond = trial.bond(name)
        if bond.state == "proposed":
            stands = bond.paid or self.today <= bond.valid
            if stands and self.rng.random() < 0.8:
                return
            act, bond.state = self.rng.choice((("void", "voided"), ("lapse", "lapsed")))
            bond.release(bond.held())
            whys = {"quote_valid"} if act == "lapse" and stands else set[str]()
            self.tried(INSURER, f"policy.{act}", dict(TOLD), trial, whys, policy=name)
        elif bond.state == "issued" and self.rng.random() < 0.4:
            self._lapse(trial, name)
        else:
            self._cancel(trial, name)

    def call_in(self) -> None:
        """Let a policy lapse, mostly one of which something is overdue."""
        deals = [name for name in self.till.deals if self.till.bond(name).state == "issued"]
        if deals:
            overdue = [name for name in deals if self.till.bond(name).overdue(self.today)]
            self._lapse(deepcopy(self.till), self.rng.choice(overdue or deals))

    def _lapse(self, trial: Till, name: str) -> None:
        """Let an issued policy lapse for want of premium: it insures to the end of the day."""
        bond, on = trial.bond(name), self.today + 1
        overdue = bond.overdue(self.today)
        if overdue is None:
            return
        unearned = bond.unearned(on)
        bond.stop(on, bond.spare(on), "lapsed")
        whys = set[str]() if overdue else {"premium_not_overdue"}
        events = self.tried(INSURER, "policy.lapse", dict(TOLD), trial, whys, policy=name)
        if events is not None:
            assert (events[0].found["on"], events[0].found["unearned_fen"]) == (written(on), unearned)

    def _cancel(self, trial: Till, name: str) -> None:
        """Cancel a policy with the right refund, or another; or again, so that more goes back."""
        bond, rng = trial.bond(name), self.rng
        day = bond.stopped if bond.stopped is not None and rng.random() < 0.8 else self.draw_day(bond)
        held, unearned, right = bond.held(), bond.unearned(day), bond.spare(day)
        fen = rng.choice((right, right, right, right // 2, rng.randrange(held + 2)))
        whys = set[str]() if bond.begins <= day < bond.ends else {"outside_policy"}
        whys |= {"refund_over_received"} if fen > held else set()
        if bond.stopped is not None and (day != bond.stopped or not fen):
            whys.add("policy_state")
        if not whys:
            bond.stop(day, fen, "cancelled")
        said = {"effective_on": written(day), "refund_fen": fen, **TOLD}
        events = self.tried(INSURER, "policy.cancel", said, trial, whys, policy=name)
        if events is not None:
            assert events[0].found["unearned_fen"] == unearned
            assert ("refund_differs" in codes(events[0])) is (fen != right)

    # ------------------------------------------------------------------------------------------------ endorsements

    def endorse(self) -> None:
        """Change what certificates cost, end one or add one; it is said who bears it, or nobody says."""
        rng = self.rng
        if (name := self.deal("issued")) is None:
            return
        trial = deepcopy(self.till)
        bond = trial.bond(name)
        day = self.draw_day(bond)
        said: dict[str, Any] = {"number": self.name("policy")[-12:], "effective_on": written(day), **TOLD}
        whys = set[str]() if bond.begins <= day < bond.ends else {"outside_policy", "outside_certificate"}
        draw = rng.choice((self._change, self._change, self._change, self._remove, self._add))
        delta, refused = draw(trial, name, day, said)
        if not delta:
            return
        whys, said["delta_fen"], named = whys | refused, delta, None
        if rng.random() < 0.6:
            kinds = rng.sample(sorted({*bond.borne, FEE, PRINCIPAL}), 2)
            named = dealt(abs(delta), {kind: rng.choice((1, 1, 3)) for kind in kinds})
            said["sources"] = [{"kind": kind, "amount_fen": fen} for kind, fen in named.items()]
        if delta < 0 and any(fen > bond.borne.get(kind, 0) for kind, fen in (named or {}).items()):
            whys |= {"above_due", "premium_negative"}
        if not whys:
            bond.bear(delta, named)
        self.tried(INSURER, "policy.endorse", said, trial, whys, policy=name)

    def _change(self, trial: Till, name: str, day: int, said: dict[str, Any]) -> tuple[int, set[str]]:
        """Draw a change of a certificate; gives what it costs more, and why it cannot be."""
        certificate = self.rng.choice(trial.bond(name).certificates)
        most = certificate.cost(certificate.ends, REPAIR)
        delta = self.rng.choice((1, 7, 500, 2_000, -1, -300, -1_000, -(most // 2), -most, -most))
        change = {"lift": certificate.lift, "certificate": certificate.name, "effective_on": written(day)}
        said["changes"] = [{**change, "parts": [{"part": REPAIR, "delta_fen": delta}]}]
        whys = set[str]() if certificate.begins <= day else {"outside_certificate"}
        whys |= {"cover_ended_already"} if certificate.ended is not None and day > certificate.ended else set()
        certificate.charges.append((day, REPAIR, delta))
        return delta, whys | certificate.below_nothing()

    def _remove(self, trial: Till, name: str, day: int, said: dict[str, Any]) -> tuple[int, set[str]]:
        """Draw the end of a certificate; gives what it costs more, and why it cannot be."""
        certificate = self.rng.choice(trial.bond(name).certificates)
        fen = self.rng.choice((certificate.cost(certificate.ends, REPAIR), 1, 400)) or 1
        removal = {"lift": certificate.lift, "certificate": certificate.name, "effective_on": written(day)}
        said["removes"] = [{**removal, "refunds": [{"part": REPAIR, "premium_fen": fen}], "reason": "scrapped"}]
        whys = set[str]() if certificate.ended is None else {"cover_ended_already"}
        whys |= set() if certificate.begins <= day else {"outside_certificate"}
        certificate.charges.append((day, REPAIR, -fen))
        certificate.ended, certificate.charged_by_then = day, len(certificate.charges)
        return -fen, whys | certificate.below_nothing()

    def _add(self, trial: Till, name: str, day: int, said: dict[str, Any]) -> tuple[int, set[str]]:
        """Draw a further certificate of any record; gives what it costs, and why it cannot be."""
        bond, lift, fen = trial.bond(name), self.rng.choice(self.records), self.rng.choice((1, 600, 3_000))
        line = {
            "policy": name, "lift": lift, "certificate": self.name("certificate"), "from_date": written(day),
            "to_date": written(bond.ends), "parts": [{"part": REPAIR, "premium_fen": fen}],
        }  # fmt: skip
        said["adds"] = [line]
        if day >= bond.ends:
            return 0, set()
        whys = {"lift_merged"} if lift in trial.into else set[str]()
        if any(trial.last(c.lift) == trial.last(lift) and max(c.begins, day) < c.last for c in bond.certificates):
            whys.add("lift_covered_already")
        bond.certificates.append(certified(line))
        return fen, whys | ({"certificate_outside_policy"} if day < bond.begins else set())
